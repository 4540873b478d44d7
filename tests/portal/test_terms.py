"""The glossary, sorted for either reader, and the warning about texts that word a term otherwise."""

import tomllib

import pytest
from bs4 import BeautifulSoup
from django.conf import settings
from django.contrib.messages import get_messages
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import override

from partners.models import Country
from portal.models import Centre, Department, Page, Term
from portal.terms import initial, other_renderings, sorted_terms, wording
from portal.views import TERMS_A_PAGE
from programs.models import Area, Program, Question, Step
from tests.admin_forms import AdminForm
from tests.portal.bilingual.test_editing import form_data

pytestmark = pytest.mark.django_db

# The table of names that the department gave, in its order. Some rows of it hold two terms.
NAMES = """
Chinese Society of Technical and Vocational Education | 中国职业技术教育学会
International Cooperation and Exchange Department | 国际合作与交流部
Ministry of Education | 教育部
Ministry of Civil Affairs | 民政部
National Plan for Medium and Long-term Education Reform and Development (2010–2020) | 《国家中长期教育改革和发展规划纲要（2010—2020年）》
International Applied Science Curriculum Reform | 国际应用科学课程改革
Evaluation of international educational programs | 国际教育项目评估
Financing of vocational education | 职业教育投融资
Service centre | 服务中心
Resource Platform | 资源平台
Co-operative courses | 合作课程
Credit recognition | 学分互认
Approval support | 项目报批支持
Teacher exchange | 教师交流
Student exchange | 学生交流
Qualification certificates | 资格证书
Investment services | 投资服务
Enquiry | 咨询
Partner countries and regions | 合作国家和地区
Curriculum standard | 课程标准
Quality-control standard | 质量控制标准
Internal body | 内设机构
National academic institution | 全国性学术团体
Under the leadership and administration of | 在……的领导和管理下
Strong majors | 优势专业
Talent pool | 人才库
Co-operation agreement | 合作协议
Curriculum materials | 课程材料
Vocational college | 职业院校
International investment fund | 国际投资基金
"""  # noqa: E501


def glossary(client, language, query=""):
    return BeautifulSoup(client.get(f"/{language}/terms/{query}").content, "html.parser").select_one("main")


def make_term(chinese="", english="", **fields):
    now = timezone.now()
    fields |= {"published_at_zh_hans": now} if chinese else {}
    fields |= {"published_at_en": now} if english else {}
    return Term.objects.create(name_zh_hans=chinese, name_en=english, **fields)


def test_the_first_content_is_the_table_of_names():
    loaded = {(term.name_en, term.name_zh_hans) for term in Term.objects.all()}
    assert loaded == {tuple(line.split(" | ")) for line in NAMES.strip().splitlines()}
    with (settings.BASE_DIR / "portal/content/terms.toml").open("rb") as file:
        assert len(tomllib.load(file)["term"]) == len(loaded) == 30


def test_the_first_content_words_every_term_as_the_glossary_does():
    models = (Department, Area, Program, Step, Question, Centre, Country, Page, Term)
    rows = [row for model in models for row in model.objects.all()]
    assert len(rows) >= 60
    assert other_renderings(rows) == []


@pytest.mark.parametrize(
    ("language", "own", "other", "code"),
    [("en", "Curriculum standard", "课程标准", "zh-Hans"), ("zh-hans", "课程标准", "Curriculum standard", "en")],
)
def test_both_languages_stand_beside_each_other_and_a_term_has_an_address(client, language, own, other, code):
    term = Term.objects.get(name_en="Curriculum standard")
    row = glossary(client, language).select_one(f"tr#term-{term.pk}")
    assert row.th.a.text == own
    assert (row.td.span["lang"], row.td.span.text) == (code, other)
    with override(language):
        assert row.th.a["href"] == term.get_absolute_url() == f"/{language}/terms/?term={term.pk}#term-{term.pk}"


@pytest.mark.parametrize(
    ("language", "names"),
    [
        ("en", ["Talent pool", "Teacher exchange", "Under the leadership and administration of", "Vocational college"]),
        ("zh-hans", ["服务中心", "国际合作与交流部", "合作课程", "教育部", "课程材料", "民政部", "资源平台"]),
    ],
)
def test_each_reader_finds_terms_in_their_own_alphabet(client, language, names):
    shown = [link.text for link in glossary(client, language).select("th a")]
    assert len(shown) == 30
    assert [name for name in shown if name in names] == names


def test_chinese_is_sorted_by_pinyin_and_english_without_regard_to_case_and_accents():
    names = ["座", "《职业》", "啊", "职员", "亍", "匝", "把", "CSTVE"]
    with override("zh-hans"):
        found = [term.name for term in sorted_terms(Term(name_zh_hans=name) for name in names)]
    assert found == ["啊", "把", "CSTVE", "匝", "《职业》", "职员", "座", "亍"]
    names = ["zebra", "Émile", "eta", "“Alpha”", "2010 plan"]
    with override("en"):
        found = [term.name for term in sorted_terms(Term(name_en=name) for name in names)]
    assert found == ["2010 plan", "“Alpha”", "Émile", "eta", "zebra"]


@pytest.mark.parametrize(
    ("name", "letter"),
    [
        *zip("啊芭擦搭蛾发噶哈击喀垃妈拿哦啪期然撒塌挖昔压匝座", "ABCDEFGHJKLMNOPQRSTWXYZZ", strict=True),
        ("澳大利亚", "A"),
        ("《国家》", "G"),
        ("“émile”", "E"),
        ("2010", ""),
        ("", ""),
        ("𠮷", ""),
        ("亍", ""),
        ("盄", ""),
        ("かな", ""),
    ],
)
def test_the_letter_of_a_term_is_that_of_its_pinyin(name, letter):
    assert initial(name) == letter


@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_the_letters_lead_to_the_first_term_of_each(client, language):
    main = glossary(client, language)
    letters = main.select(".letters a")
    names = [link.text for link in main.select("th a")]
    assert [link.text for link in letters] == sorted({initial(name) for name in names})
    for link in letters:
        name = main.select_one(f"{link['href']} th a").text
        assert initial(name) == link.text
        assert name == next(each for each in names if initial(each) == link.text)


def test_a_short_glossary_has_no_letters_and_an_empty_one_says_so(client):
    for term in Term.objects.all()[5:]:
        term.delete()
    assert len(glossary(client, "en").select("th a")) == 5
    assert not glossary(client, "en").select(".letters")
    Term.objects.all().delete()
    assert "No term is published in this language" in glossary(client, "en").text
    assert not glossary(client, "en").select("table")


def test_a_term_of_one_language_appears_in_that_language_alone(client):
    term = make_term("双元制", "Dual system", note_zh_hans="德国的做法", note_en="As in Germany")
    Term.objects.filter(pk=term.pk).update(published_at_en=None)
    assert "双元制" not in glossary(client, "en").text
    row = glossary(client, "zh-hans").select_one(f"#term-{term.pk}")
    assert row.th.text == "双元制德国的做法"
    assert row.td.text.strip() == ""


@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_many_terms_come_in_pages_and_every_letter_and_term_leads_to_its_place(client, language):
    for number in range(90):
        make_term(f"术语{number}", f"Term number {number}")
    first = glossary(client, language)
    names = [term.text for number in (1, 2, 3) for term in glossary(client, language, f"?page={number}").select("th a")]
    with override(language):
        everything = sorted_terms(Term.objects.all())
        assert names == [term.name for term in everything]
    assert len(names) == 120
    assert [len(first.select("tr[id]")), "Page 1 of 3" in first.text or "第1页，共3页" in first.text] == [
        TERMS_A_PAGE,
        True,
    ]
    letters = first.select(".letters a")
    assert [link.text for link in letters] == sorted({initial(name) for name in names})
    for link in letters:
        query, _sign, anchor = link["href"].rpartition("#")
        place = glossary(client, language, f"?{query.partition('?')[2]}").find(id=anchor)
        assert place.th.a.text == next(name for name in names if initial(name) == link.text)
    for term in (everything[0], everything[TERMS_A_PAGE], everything[-1]):
        page = glossary(client, language, f"?term={term.pk}")
        assert page.find(id=term.anchor)
        assert not [link for link in page.select(".pagination a") if "term=" in link["href"]]
    for odd in ("x", "", "0", "9" * 30):
        assert glossary(client, language, f"?term={odd}").find(id=everything[0].anchor)


@pytest.fixture
def program():
    return Program.objects.get(slug="credit-recognition")


def warnings_of(program, **texts):
    for name, text in texts.items():
        setattr(program, name, text)
    return "\n".join(other_renderings([program]))


@pytest.mark.parametrize(
    ("texts", "warned"),
    [
        ({"summary_en": "It adopts a course standard."}, True),
        ({"summary_en": "Course  Standard"}, True),
        ({"summary_en": "Ofcourse standard"}, False),
        ({"summary_en": "course standardisation"}, False),
        ({"summary_en": "Curriculum standard"}, False),
        ({"body_en": "<p>a <strong>course</strong> standard</p>"}, True),
        ({"body_en": "<p>of course</p><p>standard</p>"}, True),
        ({"body_en": '<p><a href="/en/course standard/">it</a></p>'}, False),
        ({"summary_zh_hans": "course standard"}, False),
        ({"search_words_en": "course standard"}, False),
        ({"summary_en": "Course standards."}, True),
        ({"summary_en": "A course-standard committee"}, True),
    ],
)
def test_english_renderings_are_found_as_whole_words(program, texts, warned):
    assert ("course standard" in warnings_of(program, **texts)) == warned


def test_the_patterns_of_many_wordings_are_kept():
    wordings = [f"wording {number}" for number in range(1000)]
    patterns = list(map(wording, wordings))
    assert all(wording(each) is pattern for each, pattern in zip(wordings, patterns, strict=True))


@pytest.mark.parametrize("text", ["Send inquiries here", "An inquiry", "INQUIRY-based"])
def test_the_plural_of_a_rendering_is_found_too(program, text):
    assert "“inquiry”" in warnings_of(program, summary_en=text)


@pytest.mark.parametrize("text", ["inquir", "inquiring", "enquiries"])
def test_what_only_looks_like_a_rendering_does_not_warn(program, text):
    assert "“inquiry”" not in warnings_of(program, summary_en=text)


@pytest.mark.parametrize(
    ("texts", "column"),
    [
        ({"name_zh_hans": "课程标准", "name_en": "Course standard"}, "name_zh_hans"),
        ({"name_zh_hans": "教学标准", "name_en": "curriculum standard"}, "name_en"),
        ({"name_zh_hans": "微专业", "other_renderings_zh_hans": "小专业\n学生交流"}, "other_renderings_zh_hans"),
    ],
)
def test_a_term_that_contradicts_another_is_refused(texts, column):
    with pytest.raises(ValidationError) as refused:
        Term(**texts).clean()
    assert list(refused.value.message_dict) == [column]


def test_no_term_of_the_first_content_contradicts_another():
    terms = list(Term.objects.all())
    for term in terms:
        term.clean()
    assert len(terms) == 30


@pytest.mark.parametrize(
    ("text", "warned"),
    [("与课程大纲标准衔接", True), ("课程标准", False), ("新课程大纲标准", True), ("课程大纲", False)],
)
def test_chinese_renderings_are_found_within_a_text(program, text, warned):
    Term.objects.filter(name_en="Curriculum standard").update(other_renderings_zh_hans="课程大纲标准\n\n教学标准")
    assert bool(warnings_of(program, summary_zh_hans=text)) == warned


def test_a_rendering_within_the_name_of_the_term_itself_is_right(program):
    Term.objects.filter(name_en="International investment fund").update(
        other_renderings_en="investment fund", other_renderings_zh_hans="投资基金"
    )
    right = {"summary_en": "An international investment fund.", "summary_zh_hans": "国际投资基金"}
    assert warnings_of(program, **right) == ""
    assert warnings_of(program, summary_en="An international investment fund is an investment fund.")
    assert warnings_of(program, summary_zh_hans="国际投资基金是投资基金")


def test_a_term_that_is_not_published_in_a_language_does_not_warn(program):
    Term.objects.filter(name_en="Curriculum standard").update(published_at_en=None)
    assert warnings_of(program, summary_en="course standard") == ""


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", "Summary (English): “course standard” is not the term that this site uses. Use: "),
        ("zh-hans", "摘要（英文）：“course standard”不是本网站采用的译法，请改用： "),
    ],
)
def test_saving_a_text_with_another_rendering_warns_and_saves(admin_client, program, language, words):
    admin_client.cookies["django_language"] = language
    address = f"/admin/programs/program/{program.pk}/change/"
    data = form_data(admin_client.get(address)) | {"summary_en": "It adopts a course standard."}
    response = admin_client.post(address, data | {"_publish": "1"})
    assert response.status_code == 302
    assert Program.objects.get(pk=program.pk).summary_en == "It adopts a course standard."
    warnings = [message for message in get_messages(response.wsgi_request) if message.level_tag == "warning"]
    assert len(warnings) == 1
    term = Term.objects.get(name_en="Curriculum standard")
    assert str(warnings[0]) == f'{words}<a href="/en/terms/?term={term.pk}#term-{term.pk}">Curriculum standard</a>'
    text = admin_client.get(address).content.decode()
    assert f'href="/en/terms/?term={term.pk}#term-{term.pk}"' in text


def test_a_draft_is_checked_when_a_button_saves_it(admin_client, program):
    admin_client.cookies["django_language"] = "en"
    step = program.steps.create(text_en="Adopt a curriculum standard.")
    form = AdminForm(admin_client, f"/admin/programs/program/{program.pk}/change/")
    number = form.rows("steps")[str(step.pk)]
    form.data |= {"summary_en": ["A course standard"], f"steps-{number}-text_en": ["Adopt a course standard."]}

    def said(response):
        return [str(message) for message in response.context["messages"] if "course standard" in str(message)]

    # A script keeps what is typed every few seconds, and when the user leaves.
    for how in ("typing", "leaving"):
        assert admin_client.post(form.address, form.data | {"_keep": how}).status_code == 204
    assert said(admin_client.get(form.address)) == []
    assert [text.partition(" (")[0] for text in said(form.submit())] == ["Summary", "What happens"]
    form = AdminForm(admin_client, form.address)
    form.data[f"steps-{number}-DELETE"] = ["on"]
    assert [text.partition(" (")[0] for text in said(form.submit())] == ["Summary"]
    assert Program.objects.get(pk=program.pk).summary_en != "A course standard"


def test_the_steps_of_a_program_are_checked_with_it(admin_client):
    program = Program.objects.get(slug="approval-support")
    Step.objects.create(program=program, text_en="Adopt a curriculum standard.")
    address = f"/admin/programs/program/{program.pk}/change/"
    data = form_data(admin_client.get(address)) | {"steps-0-text_en": "Adopt a course standard."}
    response = admin_client.post(address, data | {"_publish": "1"})
    assert [str(message) for message in get_messages(response.wsgi_request) if "course standard" in str(message)]
    unchanged = form_data(admin_client.get(address)) | {"steps-0-DELETE": "on"}
    response = admin_client.post(address, unchanged | {"_publish": "1"})
    assert response.status_code == 302
    assert not [message for message in get_messages(response.wsgi_request) if message.level_tag == "warning"]


def test_every_content_admin_warns(admin_client):
    centre = Centre.objects.first()
    address = f"/admin/portal/centre/{centre.pk}/change/"
    data = form_data(admin_client.get(address)) | {"title_en": "<b>inquiry</b> & service center", "_publish": "1"}
    response = admin_client.post(address, data)
    warnings = [str(message) for message in get_messages(response.wsgi_request) if message.level_tag == "warning"]
    assert len(warnings) == 2
    assert "<b>" not in "".join(warnings)


def test_staff_edit_a_term_in_both_languages(admin_client, client):
    data = {"name_zh_hans": "双元制", "name_en": "Dual system", "other_renderings_en": "double system"}
    data["_publish_zh-hans"] = "1"
    assert admin_client.post("/admin/portal/term/add/", data).status_code == 302
    assert "双元制" in glossary(client, "zh-hans").text
    assert "Dual system" not in glossary(client, "en").text
