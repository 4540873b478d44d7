"""The documents that a program needs: a list to tick by plain GET, to print and to ask about."""

import re
from urllib.parse import parse_qs, urlsplit

import pytest
from bs4 import BeautifulSoup
from django.contrib.auth.models import Permission
from django.utils import timezone

from portal.models import User
from programs.models import Material, Program, Resource
from tests.portal.bilingual.test_editing import form_data

pytestmark = pytest.mark.django_db

PATH = "programs/approval-support/"
NAMES = {
    "zh-hans": ["课程材料", "合作协议", "政府审批所需的其他文件"],
    "en": ["Curriculum materials", "Co-operation agreements", "Other documents needed for government approval"],
}


@pytest.fixture
def program():
    return Program.objects.get(slug="approval-support")


@pytest.fixture
def keys(program):
    return list(program.materials.values_list("pk", flat=True))


def page(client, query="", language="en"):
    response = client.get(f"/{language}/{PATH}{query}")
    assert response.status_code == 200
    return BeautifulSoup(response.content, "html.parser")


def lines(soup):
    """The names in the list, each with whether it is ticked and marked as missing."""
    return [
        (
            line.span.find(string=True, recursive=False).strip(),
            line.input.has_attr("checked"),
            line.select_one(".still-missing") is not None,
        )
        for line in soup.select(".checklist-line")
    ]


def answer(soup):
    return " ".join(soup.select_one(".checklist-answer > p").text.split())


@pytest.mark.parametrize("language", NAMES)
def test_a_new_site_lists_the_three_kinds_of_document_that_are_known(client, language):
    assert [name for name, _ticked, _missing in lines(page(client, language=language))] == NAMES[language]
    assert not Material.objects.exclude(prepared_by="", language="", template=None).exists()
    assert not Program.objects.exclude(materials_introduction_en=None).exists()


def test_the_list_shows_in_order_who_prepares_what_in_which_language(client, program, keys):
    Material.objects.filter(pk=keys[0]).update(
        sort_order=500, prepared_by="partner", language="both", note_en="In four copies."
    )
    soup = page(client)
    assert [name for name, *_marks in lines(soup)] == [*NAMES["en"][1:], NAMES["en"][0]]
    assert [cell.text for cell in soup.select(".checklist thead th")] == [
        "Document",
        "Prepared by",
        "Language",
        "Enquiry",
    ]
    row = soup.select(".checklist tbody tr")[-1]
    assert "In four copies." in row.th.text
    cells = {cell.get("data-label"): cell.text for cell in row.select("td")}
    assert (cells["Prepared by"], cells["Language"]) == ("The partner abroad", "Chinese and English")


def test_a_column_that_no_document_fills_is_left_out(client):
    assert [cell.text for cell in page(client).select(".checklist thead th")] == ["Document", "Enquiry"]


def test_a_document_without_a_name_in_a_language_is_not_listed_in_it(client, keys):
    Material.objects.filter(pk=keys[1]).update(name_en=None)
    assert [name for name, *_marks in lines(page(client))] == [NAMES["en"][0], NAMES["en"][2]]
    assert len(lines(page(client, language="zh-hans"))) == 3


def test_a_program_without_documents_has_no_list(client, program):
    program.materials.all().delete()
    for query in ("", "?have=&have=1"):
        assert not page(client, query).select(".checklist, #materials, .brochure-checklist")
    Program.objects.update(materials_introduction_en="<p>Ask us first.</p>")
    soup = page(client)
    assert not soup.select(".checklist")
    assert "Ask us first." in soup.select_one("[aria-labelledby=materials]").text


def test_the_introduction_stands_above_the_list(client):
    Program.objects.update(materials_introduction_en="<p>Ask us first.</p>")
    section = page(client).select_one("[aria-labelledby=materials]")
    assert section.text.index("Ask us first.") < section.text.index("Curriculum materials")


def test_the_name_in_the_other_language_shows_only_where_the_program_is_published(client, program):
    assert "课程材料" in page(client).select_one(".checklist").text
    Program.objects.update(published_at_zh_hans=None)
    assert "课程材料" not in page(client).select_one(".checklist").text


def test_without_ticks_nothing_is_marked_and_the_page_may_be_indexed(client):
    soup = page(client)
    assert [marks for _name, *marks in lines(soup)] == [[False, False]] * 3
    assert not soup.select(".checklist-answer, meta[name=robots]")


def test_ticks_are_kept_and_what_is_missing_is_marked_and_counted(client, keys):
    soup = page(client, f"?have=&have={keys[1]}")
    assert [marks for _name, *marks in lines(soup)] == [[False, True], [True, False], [False, True]]
    assert answer(soup).startswith("2 of 3 are still missing.")
    assert "Your ticks are kept in the address of this page" in answer(soup)


@pytest.mark.parametrize(
    ("ticked", "english", "chinese"),
    [
        (0, "3 of 3 are still missing.", "共3份，尚缺3份。"),
        (2, "1 of 3 is still missing.", "共3份，尚缺1份。"),
        (3, "Nothing is missing: you have every document of this list.", "清单中的材料您已全部备齐。"),
    ],
)
def test_the_answer_says_how_many_of_how_many(client, keys, ticked, english, chinese):
    query = "?have=" + "".join(f"&have={key}" for key in keys[:ticked])
    assert answer(page(client, query)).startswith(english)
    assert answer(page(client, query, "zh-hans")).startswith(chinese)


def test_ticking_is_a_plain_form_that_leads_back_to_the_list(client, keys):
    form = page(client).select_one("form.checklist")
    assert form["method"] == "get"
    assert form["action"] == f"/en/{PATH}#materials"
    assert page(client).select_one("#materials")
    assert [field["value"] for field in form.select("[name=have]")] == ["", *map(str, keys)]
    assert len(form.select("button[type=submit]")) == 1


def test_a_ticked_list_is_not_indexed_and_names_the_plain_page(client, keys):
    soup = page(client, f"?have={keys[0]}")
    assert soup.select_one("meta[name=robots]")["content"] == "noindex"
    assert soup.select_one("link[rel=canonical]")["href"] == f"https://portal.example/en/{PATH}"


def test_ticks_survive_the_change_of_language(client, keys):
    Material.objects.filter(pk=keys[0]).update(name_en=None)
    query = f"?have=&have={keys[0]}&have={keys[1]}"
    other = page(client, query).select_one('.languages a[hreflang="zh-Hans"]')["href"]
    assert other == f"/zh-hans/{PATH}{query}"
    assert [ticked for _name, ticked, _missing in lines(page(client, query, "zh-hans"))] == [True, True, False]
    # A tick that this language does not show goes along when the form is sent again.
    assert page(client, query).select_one(f'input[type=hidden][value="{keys[0]}"]')


UNKNOWN = "The address also names a document that is not in this list."


@pytest.mark.parametrize(
    "value", ["999999", "x", "-1", "1.0", "%00", "'; DROP TABLE x", "课程材料", "😀", "1" * 10_000]
)
@pytest.mark.parametrize("language", NAMES)
def test_an_unknown_value_is_left_out_and_the_page_says_so(client, keys, value, language):
    soup = page(client, f"?have={keys[0]}&have={value}", language)
    assert [ticked for _name, ticked, _missing in lines(soup)] == [True, False, False]
    sentence = {"en": UNKNOWN, "zh-hans": "网址中另有本清单没有的材料，已略去。"}
    assert sentence[language] in answer(soup)


def test_a_document_of_another_program_is_unknown(client, program):
    other = Program.objects.get(slug="cooperative-courses").materials.create(name_en="Plan", name_zh_hans="计划")
    soup = page(client, f"?have={other.pk}")
    assert answer(soup).startswith("3 of 3") and UNKNOWN in answer(soup)


def test_known_values_are_not_called_unknown(client, keys):
    Material.objects.filter(pk=keys[1]).update(name_en=None)
    assert UNKNOWN not in answer(page(client, "?have=" + "".join(f"&have={key}" for key in keys)))


def test_duplicates_count_once(client, keys):
    assert answer(page(client, "?" + f"have={keys[0]}&" * 900)).startswith("2 of 3")


@pytest.mark.parametrize("language", NAMES)
def test_ten_thousand_values_get_a_plain_answer(client, keys, language):
    response = client.get(f"/{language}/{PATH}?" + "&".join(["have=1"] * 10_000))
    assert response.status_code == 400
    words = {"en": "This request cannot be answered", "zh-hans": "无法"}
    assert words[language] in response.content.decode()


def asked(link):
    """The path, the program and the message of a link to the enquiry form."""
    address = urlsplit(link["href"])
    query = parse_qs(address.query)
    return address.path, query["program"], query["message"]


@pytest.mark.parametrize(
    ("language", "message"),
    [
        ("en", "We would like to ask about the document “Co-operation agreements” of the program “Approval support”."),
        ("zh-hans", "我们想咨询“项目报批支持”所需的材料“合作协议”。"),
    ],
)
def test_each_line_can_be_asked_about(client, language, message):
    links = page(client, language=language).select(".checklist tbody td:last-child a")
    assert len(links) == 3
    assert asked(links[1]) == (f"/{language}/contact/", ["approval-support"], [message])
    names = [link["aria-label"] for link in links]
    assert all(name in label for name, label in zip(NAMES[language], names, strict=True))
    form = BeautifulSoup(client.get(links[1]["href"]).content, "html.parser")
    assert form.select_one("#id_message").text.strip() == message
    assert form.select_one("#id_program option[selected]")["value"] == "approval-support"


@pytest.mark.parametrize(
    ("language", "names"),
    [
        ("en", "Curriculum materials, Other documents needed for government approval"),
        ("zh-hans", "课程材料、政府审批所需的其他文件"),
    ],
)
def test_all_that_is_missing_can_be_asked_about_at_once(client, keys, language, names):
    link = page(client, f"?have={keys[1]}", language).select_one(".checklist-answer a")
    path, program, [message] = asked(link)
    assert (path, program) == (f"/{language}/contact/", ["approval-support"])
    assert names in message


def test_nothing_missing_leaves_nothing_to_ask(client, keys):
    soup = page(client, "?" + "&".join(f"have={key}" for key in keys))
    assert not soup.select('.checklist-answer a[href*="/contact/"]')


def test_the_question_about_a_long_list_fits_into_an_address(client, program):
    for number in range(47):
        program.materials.create(name_zh_hans=f"第{number}份" + "材料" * 50, name_en="Document of an ordinary length")
    link = page(client, "?have=", "zh-hans").select_one('.checklist-answer a[href*="/contact/"]')
    assert len(link["href"]) < 8000
    assert client.get(link["href"]).status_code == 200
    _path, _program, [message] = asked(link)
    assert message.startswith("“项目报批支持”所需的材料，我们尚缺50份，包括：")
    names = re.findall("第[0-9]+份((?:材料)+)", message)
    assert len(names) > 3
    assert {len(name) for name in names} == {100}
    english = page(client, "?have=").select_one('.checklist-answer a[href*="/contact/"]')
    assert asked(english)[2][0].count("Document of an ordinary length") == 47


@pytest.mark.parametrize(("ticked", "printed"), [([], "?have="), ([0, 2], "?have={0}&have={2}")])
def test_a_used_list_is_printed_with_the_address_of_its_ticks(client, keys, ticked, printed):
    address = page(client, "?have=" + "".join(f"&have={keys[place]}" for place in ticked))
    code = address.select_one(".page-code-address").text
    assert code == "https://portal.example/en/programs/approval-support/" + printed.format(*keys)
    assert page(client).select_one(".page-code-address").text.endswith("/approval-support/")


@pytest.fixture
def template(keys):
    now = timezone.now()
    row = Resource.objects.create(
        slug="agreement",
        kind="template",
        title_zh_hans="协议模板",
        title_en="Template of an agreement",
        summary_zh_hans="模板",
        summary_en="A template",
        published_at_zh_hans=now,
        published_at_en=now,
    )
    Material.objects.filter(pk=keys[1]).update(template=row)
    return row


def test_a_template_is_linked_where_it_is_published(client, template):
    link = page(client).select_one('td[data-label="Template"] a')
    assert (link["href"], link.text) == ("/en/resources/agreement/", "Template of an agreement")
    Resource.objects.update(published_at_en=None)
    assert not page(client).select('[data-label="Template"]')
    assert page(client, language="zh-hans").select_one('td[data-label="模板"] a').text == "协议模板"


def test_the_pair_view_sets_the_documents_side_by_side(client, keys):
    Material.objects.filter(pk=keys[0]).update(prepared_by="college", note_zh_hans="一式四份。")
    Material.objects.filter(pk=keys[1]).update(name_zh_hans=None)
    soup = page(client, "?view=pair")
    rows = [[cell.get_text("|", strip=True) for cell in row.select(":scope > div")] for row in soup.select(".pair-ol")]
    assert rows == [
        ["Curriculum materials|Prepared by: The college", "课程材料|准备方：院校|说明：一式四份。"],
        ["Co-operation agreements", ""],
        [NAMES["en"][2], NAMES["zh-hans"][2]],
    ]


def test_staff_edit_the_documents_of_a_program_in_its_form(admin_client, program, keys, template):
    admin_client.cookies["django_language"] = "en"
    soup = BeautifulSoup(admin_client.get(f"/admin/programs/program/{program.pk}/change/").content, "html.parser")
    names = [field["value"] for field in soup.select("#materials-group input[name$=name_en]") if field.get("value")]
    assert names == NAMES["en"]
    options = [
        option.text
        for option in soup.select("#materials-group option[selected]")
        if option["value"] == str(template.pk)
    ]
    assert options == ["Template of an agreement"]
    assert "Documents to prepare" in soup.select_one("#materials-group").text


def test_each_document_can_be_linked(client, keys):
    rows = page(client).select(".checklist tbody tr")
    assert [row["id"] for row in rows] == [f"material-{key}" for key in keys]


def test_the_chinese_list_is_in_written_language(client, program):
    program.materials.update(prepared_by="partner", language="both")
    soup = page(client, "?have=", "zh-hans")
    assert [cell.text for cell in soup.select(".checklist thead tr:last-child th")] == [
        "材料",
        "准备方",
        "语言",
        "咨询",
    ]
    assert {mark.text for mark in soup.select(".still-missing")} == {"尚缺"}


def test_who_may_not_add_documents_can_still_save_their_program(client, program):
    editor = User.objects.create_user("editor", is_staff=True)
    rights = ["view_program", "change_program", "view_material", "view_step", "view_question", "publish_content"]
    editor.user_permissions.set(Permission.objects.filter(codename__in=rights))
    client.force_login(editor)
    address = f"/admin/programs/program/{program.pk}/change/"
    data = form_data(client.get(address)) | {"sort_order": 7, "_publish": "1"}
    assert client.post(address, data).status_code == 302
    assert Program.objects.get(pk=program.pk).sort_order == 7


@pytest.mark.parametrize(("number", "is_kept"), [(50, True), (51, False)])
def test_a_program_has_at_most_fifty_documents(admin_client, program, number, is_kept):
    admin_client.cookies["django_language"] = "en"
    address = f"/admin/programs/program/{program.pk}/change/"
    form = BeautifulSoup(admin_client.get(address).content, "html.parser").select_one("#program_form")
    data = {field["name"]: field.get("value", "") for field in form.select("input[name]:not([type=checkbox])")}
    data |= {field["name"]: field.text.strip() for field in form.select("textarea[name]")}
    data |= {"area": program.area.pk, "materials-TOTAL_FORMS": number}
    data |= {f"materials-{row}-name_en": f"Document {row}" for row in range(number)}
    data |= {f"materials-{row}-sort_order": row for row in range(number)}
    response = admin_client.post(address, data | {"_publish": "1"}, follow=True)
    assert program.materials.count() == (50 if is_kept else 3)
    error = "A program has at most 50 documents to prepare."
    assert (error in response.content.decode()) != is_kept
    # What was typed is still there.
    assert ("Document 50" in response.content.decode()) != is_kept
