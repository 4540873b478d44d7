"""The translator's round trip: a file goes out, comes back filled in, and becomes part of drafts."""

import os
import zipfile
from datetime import date
from io import BytesIO
from uuid import uuid4
from xml.etree import ElementTree

import pytest
from bs4 import BeautifulSoup
from django.contrib.auth.models import Group
from django.core.files.storage import storages
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django.utils.translation import override
from openpyxl import Workbook, load_workbook

from contact.models import AnswerTemplate
from portal.bilingual import parity
from portal.bilingual.drafts.models import Draft
from portal.bilingual.drafts.values import fingerprint
from portal.models import Term, User
from portal.translations import kept_files, xlsx
from programs.models import Program, Step
from tests.admin_forms import AdminForm

pytestmark = pytest.mark.django_db

ADDRESS = "/admin/translations/"
SIDES = {"zh-hans": "_zh_hans", "en": "_en"}
OTHER = {"zh-hans": "en", "en": "zh-hans"}
ROLES = {"zh-hans": "translator_zh_hans", "en": "translator_en"}
# What the source says by now, and its translation.
WORDS = [
    {"zh-hans": "教师交流新办法", "en": "New rules for Teacher Exchange"},
    {"zh-hans": "报名须知 A & B 与", "en": "Before you apply, A & B and "},
    {"zh-hans": "重要期限", "en": "important deadlines"},
    {"zh-hans": "请先来电", "en": "Call us first"},
]
TITLE, BODY, BOLD, STEP = WORDS
XLIFF = "{urn:oasis:names:tc:xliff:document:1.2}"


def rich(language):
    text = f"<p>{BODY[language]}<strong>{BOLD[language]}</strong></p>"
    return text.replace("&", "&amp;")


@pytest.fixture
def program():
    """A program that is confirmed in both languages, and an official term."""
    names = {"name_zh_hans": "教师交流", "name_en": "Teacher Exchange"}
    published = {"published_at_zh_hans": timezone.now(), "published_at_en": timezone.now()}
    Term.objects.filter(name_zh_hans="教师交流").delete()
    Term.objects.create(**names, **published)
    program = Program.objects.get(slug="teacher-exchange")
    titles = {"title_zh_hans": "教师交流旧办法", "title_en": "Old rules"}
    bodies = {"body_zh_hans": "<p>旧办法</p>", "body_en": "<p>Old</p>"}
    Program.objects.filter(pk=program.pk).update(**titles, **bodies)
    program.refresh_from_db()
    assert parity.confirm(program)
    return program


def rewrite(program, language):
    """Lets a colleague change a program in `language`. Returns the new step."""
    column = SIDES[language]
    Program.objects.filter(pk=program.pk).update(**{f"title{column}": TITLE[language], f"body{column}": rich(language)})
    return program.steps.create(**{f"text{column}": STEP[language]})


def member(role, language="en"):
    user = User.objects.create_user(f"{role}-{User.objects.count()}", is_staff=True, language=language)
    user.groups.set(Group.objects.filter(name=role))
    client = Client()
    client.force_login(user)
    client.user = user
    return client


def exported(client, language, format, kind="programs.program"):
    response = client.post(f"{ADDRESS}export/", {"language": language, "kind": kind, "format": format})
    assert response.status_code == 200
    assert response["Content-Disposition"].startswith("attachment")
    return response.content


def rows_of(content):
    """Returns the rows of a spreadsheet, each as a dictionary of cells by heading."""
    headings, *rows = load_workbook(BytesIO(content)).worksheets[0].iter_rows()
    return [{head.value: cell for head, cell in zip(headings, row, strict=True)} for row in rows]


def filled_xlsx(content, answer):
    """Returns a spreadsheet with what `answer` returns for the id and the source of each row."""
    book = load_workbook(BytesIO(content))
    sheet = book.worksheets[0]
    for row in sheet.iter_rows(min_row=2):
        row[xlsx.TO_FILL].value = answer(row[0].value, row[3].value)
    file = BytesIO()
    book.save(file)
    return file.getvalue()


def filled_xliff(content, answer):
    """Does as a translator's tool does: it keeps the codes, and marks the segments of the target."""
    ElementTree.register_namespace("", XLIFF.strip("{}"))
    root = ElementTree.fromstring(content)
    for unit in root.iter(f"{XLIFF}trans-unit"):
        source, target = unit.find(f"{XLIFF}source"), unit.find(f"{XLIFF}target")
        target.clear()
        segment = ElementTree.SubElement(target, f"{XLIFF}mrk", {"mtype": "seg", "mid": "1"})
        segment.text = source.text and answer(unit.get("id"), source.text)
        for code in source:
            copy = ElementTree.SubElement(segment, code.tag, code.attrib)
            copy.text, copy.tail = code.text, code.tail and answer(unit.get("id"), code.tail)
    return ElementTree.tostring(root, "utf-8")


FORMATS = {"XLSX": filled_xlsx, "XLF": filled_xliff}


def translated(language):
    """Returns a function that translates WORDS into `language`."""

    def answer(_id, text):
        for words in WORDS:
            for is_escaped in (False, True):
                pair = words[OTHER[language]], words[language]
                pair = [each.replace("&", "&amp;") for each in pair] if is_escaped else pair
                text = text.replace(*pair)
        return text

    return answer


def upload(client, content, name="answers"):
    """Uploads a file. Returns the page that follows, and its address: that of the check, if the file can be read."""
    response = client.post(ADDRESS, {"file": SimpleUploadedFile(name, content)}, follow=True)
    assert response.status_code == 200
    return BeautifulSoup(response.content, "html.parser"), response.request["PATH_INFO"]


def entries(row):
    draft = Draft.objects.filter(object_id=row.pk).first()
    return {path: entry["value"][0] for path, entry in draft.entries.items()} if draft else {}


def book(rows, headings=None):
    """Returns a spreadsheet with an id and an answer in each row."""
    book = Workbook()
    book.active.append(headings or [str(xlsx.ID).capitalize(), str(xlsx.ANSWER).capitalize()])
    for row in rows:
        book.active.append(row)
    file = BytesIO()
    book.save(file)
    return file.getvalue()


def id_of(row, path, source, target, model="programs.program"):
    return f"{model}:{getattr(row, 'pk', row)}:{path}:{fingerprint([source])}:{fingerprint([target])}"


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("language", SIDES)
def test_what_goes_out_comes_back_into_a_draft(format, language, program):
    step, column = rewrite(program, OTHER[language]), SIDES[language]
    before = Program.objects.filter(pk=program.pk).values().get()
    client = member(ROLES[language], language)
    assert f"kind-{language}" in client.get(ADDRESS).content.decode()
    content = exported(client, language, format)
    text = content.decode() if format == "XLF" else str([it.value for row in rows_of(content) for it in row.values()])
    for expected in ["教师交流 = Teacher Exchange", "[-旧-]"] if language == "en" else ["[-Old-]", "= 教师交流"]:
        assert expected in text

    page, address = upload(client, FORMATS[format](content, translated(language)))
    assert len(page.select(".difference")) == 3
    assert not page.select_one("#faulty, #outdated")
    assert {each.text for each in page.select(".difference ins")}
    assert Draft.objects.count() == 0
    assert address.startswith(ADDRESS)

    client.post(address)
    assert entries(program) == {
        f"title{column}": TITLE[language],
        f"body{column}": rich(language),
        f"steps/{step.pk}/text{column}": STEP[language],
    }
    assert Program.objects.filter(pk=program.pk).values().get() == before
    # The file is there until tomorrow, and there is nothing left to do with it.
    page = BeautifulSoup(client.get(address).content, "html.parser")
    assert not page.select("#content-main form, .difference, #faulty, #outdated")
    [link] = page.select("section[aria-labelledby=drafts] li a")
    with override(language):
        assert link.text == str(Program.objects.get(pk=program.pk))
    assert link["href"] == f"/admin/programs/program/{program.pk}/change/"
    assert entries(program)


@pytest.fixture
def new_draft(admin_client):
    """The draft of a new program, which is Chinese alone."""
    form = AdminForm(admin_client, "/admin/programs/program/add/")
    texts = {"title": TITLE["zh-hans"], "summary": STEP["zh-hans"], "body": rich("zh-hans")}
    form.data |= {"slug": ["new"]} | {f"{name}_zh_hans": [text] for name, text in texts.items()}
    form.add_row("steps", text_zh_hans=STEP["zh-hans"])
    form.submit()
    return Draft.objects.get()


@pytest.mark.parametrize("format", FORMATS)
def test_what_a_new_page_lacks_comes_back_into_its_draft(format, new_draft):
    client = member("translator_en")
    assert "kind-en" in client.get(ADDRESS).content.decode()
    content = exported(client, "en", format)
    page, address = upload(client, FORMATS[format](content, translated("en")))
    assert len(page.select(".difference")) == 4
    assert not page.select_one("#faulty, #outdated")
    assert {link["href"] for link in page.select("h3 a")} == {new_draft.address}
    client.post(address)
    draft = Draft.objects.get()
    values = {path: entry["value"][0] for path, entry in draft.entries.items() if path.endswith("_en")}
    [step] = [path for path in values if path.startswith("steps/new-")]
    assert values == {"title_en": TITLE["en"], "summary_en": STEP["en"], "body_en": rich("en"), step: STEP["en"]}
    page = BeautifulSoup(client.get(address).content, "html.parser")
    assert [link["href"] for link in page.select("section[aria-labelledby=drafts] li a")] == [new_draft.address]
    assert "kind-en" not in client.get(ADDRESS).content.decode()
    # Who may not write it may not do so with a file.
    other = member("translator_zh_hans")
    page, _address = upload(other, FORMATS[format](content, lambda id, text: "Other"))
    assert len(page.select("section[aria-labelledby=faulty] tbody tr")) == 4


@pytest.mark.parametrize("is_published", [False, True])
def test_what_was_exported_of_a_new_page_is_compared_with_what_became_of_it(is_published, new_draft, admin_client):
    client = member("translator_en")
    content = filled_xlsx(exported(client, "en", "XLSX"), translated("en"))
    colleague = AdminForm(admin_client, new_draft.address)
    colleague.data |= {"title_zh_hans": ["又改了"], "summary_en": ["A colleague's"]}
    colleague.submit("_publish_zh-hans" if is_published else "_save_draft")
    page, address = upload(client, content)
    [row] = page.select("section[aria-labelledby=outdated] tbody tr")
    assert "Title (English)" in row.text
    assert len(page.select(".difference strong")) == 1
    client.post(address)
    draft = Draft.objects.get()
    program = Program.objects.filter(slug="new").first()
    assert draft.object_id == (program and program.pk)
    step = f"steps/{program.steps.get().pk}" if program else "steps/new-"
    entries = {path: entry for path, entry in draft.entries.items() if path.endswith("_en") and any(entry["value"])}
    assert [path for path in entries if path.startswith(step)]
    assert entries.keys() - {path for path in entries if path.startswith(step)} == {"summary_en", "body_en"}
    summary = entries["summary_en"]
    assert [summary["value"], *(each["value"] for each in summary["rivals"])] == [["A colleague's"], [STEP["en"]]]
    # A draft that is gone takes nothing.
    Draft.objects.all().delete()
    Program.objects.filter(slug="new").delete()
    page, _address = upload(client, content)
    assert len(page.select("section[aria-labelledby=faulty] tbody tr")) == 4


def test_rows_are_chosen_in_a_list(program):
    rewrite(program, "zh-hans")
    client = member("translator_en")
    action = {"action": "export_chosen", "_selected_action": [program.pk, Program.objects.exclude(pk=program.pk)[0].pk]}
    page = BeautifulSoup(client.post("/admin/programs/program/", action).content, "html.parser")
    [form] = page.select("form[action$='/export/']")
    data = {field["name"]: field["value"] for field in form.select("input")}
    found = rows_of(client.post(form["action"], data | {"format": "XLSX"}).content)
    assert {row["Page"].value for row in found} == {TITLE["zh-hans"]}
    data["rows"] = action["_selected_action"][1]
    assert "Nothing of this" in client.post(form["action"], data | {"format": "XLSX"}, follow=True).content.decode()


def test_an_export_asks_the_same_for_many_pages(django_assert_num_queries):
    in_an_area = Program.objects.exclude(area=None)
    client = member("translator_en")
    for program in in_an_area[:2]:
        rewrite(program, "zh-hans")
    exported(client, "en", "XLSX")
    with CaptureQueriesContext(connection) as few:
        exported(client, "en", "XLSX")
    for program in in_an_area[2:]:
        rewrite(program, "zh-hans")
    with django_assert_num_queries(len(few)):
        found = rows_of(exported(client, "en", "XLSX"))
    assert len({row["Address"].value for row in found}) > 4


def test_many_pages_are_changed_in_parts(program, monkeypatch):
    monkeypatch.setattr("portal.translations.answers.AT_ONCE", 1)
    other = Program.objects.exclude(pk=program.pk).first()
    rewrite(program, "zh-hans")
    rewrite(other, "zh-hans")
    client = member("translator_en")
    _page, address = upload(client, filled_xlsx(exported(client, "en", "XLSX"), translated("en")))
    for number in (1, 2, 2):
        client.post(address)
        assert Draft.objects.count() == number
    assert entries(program).keys() >= {"title_en", "body_en"} <= entries(other).keys()


@pytest.mark.parametrize("format", FORMATS)
def test_an_answer_to_a_source_that_has_changed_is_flagged_and_not_applied(format, program):
    rewrite(program, "zh-hans")
    client = member("translator_en")
    content = exported(client, "en", format)
    Program.objects.filter(pk=program.pk).update(title_zh_hans="又改了")
    page, address = upload(client, FORMATS[format](content, translated("en")))
    [row] = page.select("section[aria-labelledby=outdated] tbody tr")
    assert "Title (English)" in row.text
    assert TITLE["en"] in row.text
    client.post(address)
    assert "title_en" not in entries(program)
    assert entries(program)["body_en"] == rich("en")


def test_what_a_colleague_types_meanwhile_stays_beside_the_answer(program, admin_client):
    rewrite(program, "zh-hans")
    client = member("translator_en")
    content = exported(client, "en", "XLSX")
    colleague = AdminForm(admin_client, f"/admin/programs/program/{program.pk}/change/")
    colleague.data["title_en"] = ["A colleague's"]
    colleague.submit()
    page, address = upload(client, filled_xlsx(content, translated("en")))
    assert len(page.select(".difference strong")) == 1
    client.post(address)
    entry = Draft.objects.get().entries["title_en"]
    assert [entry["value"], *(each["value"] for each in entry["rivals"])] == [["A colleague's"], [TITLE["en"]]]
    # What is exported now is the draft. Who answers anew corrects what came before, and is no rival of it.
    again = {row["Field"].value: row["Present text"].value for row in rows_of(exported(client, "en", "XLSX"))}
    assert again["Text"] == rich("en")

    def better(id, text):
        return translated("en")(id, text).replace("New", "Newer").replace("Before", "Well before")

    _page, address = upload(client, filled_xlsx(content, better))
    client.post(address)
    entry = Draft.objects.get().entries
    assert entry["body_en"]["value"] == [rich("en").replace("Before", "Well before")]
    assert "rivals" not in entry["body_en"]
    assert [each["value"] for each in entry["title_en"]["rivals"]] == [[TITLE["en"].replace("New", "Newer")]]


def test_each_fault_is_named_with_its_row_and_field_and_nothing_of_it_is_applied(program):
    rewrite(program, "zh-hans")
    program.refresh_from_db()
    template = AnswerTemplate.objects.create(title="T", text_zh_hans="您好")
    title = id_of(program, "title_en", program.title_zh_hans, program.title_en)
    body = id_of(program, "body_en", program.body_zh_hans, program.body_en)
    summary = id_of(program, "summary_en", program.summary_zh_hans, program.summary_en)
    faults = [
        ("programs.program:1", "A text", "No text has this id"),
        (id_of(program, "slug", "", ""), "a-slug", "No text has this id"),
        (id_of(program, "published_at_en", "", ""), "2020-01-01", "No text has this id"),
        (id_of(program, "search_words_en", "", ""), "A word", "No text has this id"),
        (id_of(program, "title_en", "", "", "portal.user"), "A text", "No text has this id"),
        (id_of(999_999, "title_en", "", ""), "A text", "page is gone"),
        (id_of(program, "steps/999999/text_en", "", ""), "A text", "part of the page is gone"),
        (id_of(program, "title_zh_hans", program.title_en, program.title_zh_hans), "题目", "may not write"),
        (id_of(template, "text_en", "您好", "", "contact.answertemplate"), "Hello", "may not write"),
        (title, None, "There is no translation"),
        (title, "T" * 1000, "at most"),
        (title, "教师交流新办法", "does not look like English"),
        (title, "=1+1", "formula"),
        (title, date(2026, 3, 4), "format the cell as text"),
        (body, "Plain", "All formatting is lost"),
        (body, "<p>Before <b>you</b> apply</p>", "Formatting is broken"),
        (body, "<p>Before <strong>you apply</p>", "Formatting is broken"),
        (body, "<p>Before you apply</p><script>alert(1)</script>", "Formatting is broken"),
        (body, "<p>Before you apply</p>", "Formatting is lost: </strong>, <strong>"),
        (body, '<p>Before <strong>you</strong> <a href="now">apply</a></p>', "leads nowhere"),
        (body, "<a" * 3000, "There is no translation"),
        (summary, "Enough", ""),
        (summary, "Enough again", "translated already: Row 23"),
    ]
    client = member("translator_en")
    page, address = upload(client, book([fault[:2] for fault in faults]))
    rows = page.select("section[aria-labelledby=faulty] tbody tr")
    found = {row.th.text: row.select("td") for row in rows}
    for number, (_id, _answer, expected) in enumerate(faults, start=2):
        if expected:
            assert expected in found.pop(f"Row {number}")[2].text, faults[number - 2]
    assert found == {}
    assert [row.select("td")[1].text for row in rows][-2:] == ["Text (English)", "Summary (English)"]
    # Of what one may not see, nothing is shown.
    assert "您好" not in page.text
    client.post(address)
    assert entries(program) == {"summary_en": "Enough"}
    assert Draft.objects.count() == 1


def test_who_may_not_write_exports_and_imports_nothing(program):
    rewrite(program, "zh-hans")
    content = exported(member("translator_en"), "en", "XLSX")
    for role in ("translator_zh_hans", "enquiry_desk"):
        client = member(role)
        data = {"language": "en", "kind": "programs.program", "format": "XLSX"}
        assert client.post(f"{ADDRESS}export/", data).status_code == 403
        page, address = upload(client, filled_xlsx(content, translated("en")))
        assert len(page.select("section[aria-labelledby=faulty] tbody tr")) == 3
        client.post(address)
    assert Client().post(f"{ADDRESS}export/", data).status_code == 302
    assert Draft.objects.count() == 0
    owner = member("translator_en")
    _page, address = upload(owner, content)
    assert member("publisher").get(address)["Location"] == ADDRESS


def test_wordings_that_are_no_official_terms_are_named_and_kept(program):
    Term.objects.filter(name_en="Teacher Exchange").update(other_renderings_en="swap of teachers")
    summary = id_of(program, "summary_en", program.summary_zh_hans, program.summary_en)
    page, _address = upload(member("translator_en"), book([[summary, "A swap of teachers"]]))
    [warning] = [text for text in page.select(".difference > p") if text.a]
    assert "“swap of teachers” is not the term that this site uses" in warning.text
    assert warning.a.text == "Teacher Exchange"


def test_who_writes_no_text_cannot_upload_a_file(program):
    client = member("nobody")
    assert client.get("/admin/").status_code == 200
    for address in (ADDRESS, f"{ADDRESS}{uuid4()}/"):
        assert client.get(address).status_code == 403
        assert client.post(address, {"file": SimpleUploadedFile("answers", BOOK)}).status_code == 403
    assert_nothing_is_kept()


def test_of_many_faulty_and_outdated_texts_the_first_are_shown(program):
    steps = program.steps.bulk_create(Step(program=program, text_zh_hans="新", sort_order=9) for _ in range(202))
    outdated = [[id_of(program, f"steps/{step.pk}/text_en", "旧", ""), "New"] for step in steps]
    page, _address = upload(member("translator_en"), book([["no id", "A text"]] * 201 + outdated))
    for name, more in (("faulty", "And 1 more text."), ("outdated", "And 2 more texts.")):
        section = page.select_one(f"section[aria-labelledby={name}]")
        assert len(section.select("tbody tr")) == 200
        assert more in section.text


def test_no_text_becomes_a_formula_on_either_way(program):
    formulas = ["=1+1", "+1", "-1", "@a", "＝1"]
    for number, formula in enumerate(formulas):
        program.steps.create(text_zh_hans=formula, sort_order=number)
    client = member("translator_en")
    content = exported(client, "en", "XLSX")
    rows = [row for row in rows_of(content) if "steps/" in row["Id: do not change"].value]
    sources = [row["Source"] for row in rows]
    assert [(cell.value, cell.data_type, cell.quotePrefix) for cell in sources] == [(it, "s", True) for it in formulas]
    assert {row["Translation: fill in here"].number_format for row in rows} == {"@"}
    _page, address = upload(client, filled_xlsx(content, lambda id, text: f"'{text}" if "steps/" in id else None))
    client.post(address)
    assert sorted(entries(program).values()) == sorted(formulas)


def with_part(content, name, part):
    """Returns a spreadsheet in which one part is another."""
    file = BytesIO()
    with zipfile.ZipFile(BytesIO(content)) as old, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as new:
        for each in old.namelist():
            if each != name:
                new.writestr(each, old.read(each))
        new.writestr(name, part)
    return file.getvalue()


def with_many(content, name, element, times):
    """Returns a spreadsheet that is as small as ever, with as many empty elements at the end of a part."""
    with zipfile.ZipFile(BytesIO(content)) as archive:
        head, end, tail = archive.read(name).rpartition(b"</")
    found = with_part(content, name, head + element * times + end + tail)
    assert len(found) < 20_000
    return found


def xml(text, head=""):
    return f'<?xml version="1.0"?>{head}<xliff version="1.2" xmlns="{XLIFF.strip("{}")}">{text}</xliff>'.encode()


UNIT = '<file><body><trans-unit id="{}"><source>a</source><target>b</target></trans-unit></body></file>'
EMPTY_ZIP = b"PK\x03\x04" + bytes(100)
ENTITY = '<!DOCTYPE a [<!ENTITY e "eeee"><!ENTITY f SYSTEM "file:///etc/passwd">]>'
SHEET, STYLES, WORKBOOK = "xl/worksheets/sheet1.xml", "xl/styles.xml", "xl/workbook.xml"
BOOK = book([["id", "answer"]])
with zipfile.ZipFile(BytesIO(BOOK)) as archive:
    TALL = archive.read(SHEET).replace(b"</sheetData>", b'<row r="1000000"><c t="n"><v>1</v></c></row></sheetData>')
BROKEN = {
    "no file of either kind": (b"a,b,c", "neither an XLSX"),
    "a picture": (b"\x89PNG\r\n\x1a\n" + bytes(100), "neither an XLSX"),
    "an old spreadsheet": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "no spreadsheet that can be read"),
    "another ZIP file": (EMPTY_ZIP, "no spreadsheet that can be read"),
    "a spreadsheet cut off": (BOOK[:-200], "no spreadsheet that can be read"),
    "a sheet that is no XML": (with_part(BOOK, SHEET, "<a"), "damaged"),
    "a sheet with entities": (with_part(BOOK, SHEET, f"{ENTITY}<a>&e;</a>"), "damaged"),
    "a sheet that unpacks to 100 MB": (with_part(BOOK, SHEET, bytes(100_000_000)), "unpacks to too much"),
    "many styles": (with_many(BOOK, STYLES, b"<xf/>", 80_000), "unpacks to too much"),
    "many names": (with_many(BOOK, WORKBOOK, b'<a:definedName xmlns:a="a"/>', 80_000), "unpacks to too much"),
    # The end is missing.
    "many strings": (with_part(BOOK, "xl/sharedStrings.xml", b"<sst>" + b"<si/>" * 400_000), "unpacks to too much"),
    "a spreadsheet with a million rows": (with_part(BOOK, SHEET, TALL), "too many rows"),
    "a spreadsheet without the columns": (book([["a", "b"]], ["a", "b"]), "lacks the columns"),
    "a spreadsheet without answers": (book([]), "no text in this file"),
    "XLIFF with entities": (xml("&e;&f;", ENTITY), "neither an XLSX"),
    "XLIFF cut off": (xml(UNIT)[:-9], "neither an XLSX"),
    "XLIFF 2.0": (xml("").replace(b":1.2", b":2.0"), "no XLIFF 1.2"),
    "XLIFF in no encoding": (xml("").replace(b'"1.0"?', b'"1.0" encoding="none"?'), "neither an XLSX"),
    "XLIFF with 5,001 texts": (xml('<trans-unit id="a"/>' * 5001), "too many texts"),
    "XLIFF with a text in very many pieces": (
        xml(f'<trans-unit id="a"><target>{"<g/>" * 500_001}</target></trans-unit>'),
        "too many texts",
    ),
    "XLIFF without texts": (xml(""), "no text in this file"),
    "XLIFF nested too deep": (
        xml(f'<trans-unit id="a"><target>{"<g>" * 5000}{"</g>" * 5000}</target></trans-unit>'),
        "neither an XLSX",
    ),
    "a file of more than 10 MB": (b"<" + bytes(10 * 1024 * 1024), "larger than 10 MB"),
    "an empty file": (b"", "empty"),
}


def test_broken_files_get_a_clear_answer_and_are_not_kept(program):
    english, chinese = member("translator_en"), member("translator_en", "zh-hans")
    for name, (content, expected) in BROKEN.items():
        page, address = upload(english, content)
        assert address == ADDRESS, name
        assert expected in page.select_one(".errorlist").text, name
        page, _address = upload(chinese, content)
        assert all(each > "\u3000" for each in page.select_one(".errorlist").text.strip()[-1]), name
    assert_nothing_is_kept()


def assert_nothing_is_kept():
    storage = storages["private"]
    assert not storage.exists(kept_files.FOLDER) or storage.listdir(kept_files.FOLDER) == ([], [])


def test_a_file_is_kept_for_a_day(program):
    rewrite(program, "zh-hans")
    client = member("translator_en")
    _page, address = upload(client, exported(client, "en", "XLF"))
    storage = storages["private"]
    [name] = storage.listdir(kept_files.FOLDER)[1]
    assert kept_files.remove_expired() == 0
    os.utime(storage.path(f"{kept_files.FOLDER}/{name}"), (0, 0))
    assert kept_files.remove_expired() == 1
    assert "no longer kept" in client.get(address, follow=True).content.decode()
