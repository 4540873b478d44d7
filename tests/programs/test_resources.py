"""The list of resources, the page of a resource, and the lists of resources on other pages."""

import json
import re
from datetime import date
from itertools import pairwise

import html5lib
import pytest
from bs4 import BeautifulSoup
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django.utils.translation import override

from partners.models import RESOURCES_LISTED, Country
from portal.site.sitemaps import public_pages
from programs.models import Industry, Program, Resource, ResourceFile
from tests.contact.files import HONEST, PDF
from tests.programs.resources import published, with_file

pytestmark = pytest.mark.django_db

LIST = "/en/resources/"
PAGE = "/en/resources/sample-standard/"


def page(client, path=PAGE, status=200):
    response = client.get(path)
    assert response.status_code == status, path
    return BeautifulSoup(response.content, "html.parser")


def words(element):
    return " ".join(element.get_text(" ").split())


def listed(client, query="", path=LIST):
    """The names of the resources that a list shows."""
    return [name.get_text() for name in page(client, f"{path}{query}").select(".resource-name")]


@pytest.fixture
def resource():
    """A published resource with two versions in Chinese and one in English."""
    resource = published()
    with_file(resource, version="1.0", dated=date(2025, 3, 1))
    with_file(resource, version="2.0", dated=date(2026, 3, 1))
    with_file(resource, "en", version="2.0-en", dated=date(2026, 4, 1), content=HONEST["Word"][0], name="a.docx")
    return resource


@pytest.fixture
def several():
    """Four resources of different kinds, programs, industries and languages; two are called Standard and Template."""
    industry = Industry.objects.create(slug="sample", name_zh_hans="示例行业", name_en="Sample industry")
    standard = published("standard", title_en="Standard", industry=industry)
    with_file(standard, "zh-hans")
    standard.programs.set(Program.objects.filter(slug="curriculum-standards"))
    template = published("template", title_en="Template", kind=Resource.Kind.TEMPLATE)
    with_file(template, "en")
    template.programs.set(Program.objects.filter(slug="approval-support"))
    template.countries.set(Country.objects.filter(slug="japan"))
    published("form", title_en="Form", kind=Resource.Kind.FORM)
    published("draft", languages=("zh_hans",), title_en="Draft")


# The list


def test_the_empty_platform_says_what_will_be_there_and_leads_to_the_enquiry(client):
    for language, said in (
        ("en", "No document is published in this language"),
        ("zh-hans", "目前没有以中文发布的资源"),
    ):
        found = page(client, f"/{language}/resources/").main
        assert said in words(found)
        assert found.find("a", href=f"/{language}/contact/", class_="button")
        assert not found.find("form"), "there is nothing to filter"


def test_a_row_shows_each_language_with_version_date_type_and_size(client, resource):
    rows = page(client, LIST).select(".resource-table tbody tr")
    assert [words(row) for row in rows] == [
        "Sample curriculum standard 示例课程标准 Curriculum standard Chinese Version 2.0 1 March 2026 PDF 84 bytes",
        f"English Version 2.0-en 1 April 2026 Word {len(HONEST['Word'][0])} bytes",
    ]
    assert rows[0].th["rowspan"] == "2"
    links = [row.select_one(".resource-type a")["href"] for row in rows]
    assert links == [f"{PAGE}file/zh-hans/", f"{PAGE}file/en/"]


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("", ["Standard", "Template", "Form"]),
        ("?kind=template", ["Template"]),
        ("?program=curriculum-standards", ["Standard"]),
        ("?country=japan", ["Template"]),
        ("?industry=sample", ["Standard"]),
        ("?language=en", ["Template"]),
        ("?language=zh-hans&kind=curriculum-standard", ["Standard"]),
    ],
)
def test_a_filter_shows_what_fits_and_nothing_else(client, several, query, names):
    assert listed(client, query) == names
    chosen = [option["value"] for option in page(client, LIST + query).select("option[selected]") if option["value"]]
    assert len(chosen) == query.count("="), "the form shows what was chosen"


def offered(client, path=LIST):
    """What each filter of a list offers, without the choice of everything."""
    fields = page(client, path).select("form.finder select")
    return {field["name"]: [choice["value"] for choice in field.select("option")[1:]] for field in fields}


def test_a_filter_offers_what_published_resources_have(client, several):
    Industry.objects.create(slug="of-none", name_zh_hans="无", name_en="Of none")
    draft = Resource.objects.get(slug="draft")
    draft.programs.set(Program.objects.filter(slug="teacher-exchange"))
    draft.countries.set(Country.objects.filter(slug="france"))
    Resource.objects.filter(slug="draft").update(kind="guide")
    assert offered(client) == {
        "kind": ["curriculum-standard", "template", "form"],
        "program": ["curriculum-standards", "approval-support"],
        "country": ["japan"],
        "industry": ["sample"],
        "language": ["zh-hans", "en"],
    }
    Program.objects.filter(slug="approval-support").update(published_at_en=None)
    assert offered(client)["program"] == ["curriculum-standards"]


def test_a_filter_that_has_nothing_to_offer_is_left_out_unless_it_is_in_the_address(client, resource):
    assert offered(client) == {"kind": ["curriculum-standard"], "language": ["zh-hans", "en"]}
    found = page(client, f"{LIST}?industry=nothing").main
    assert "this choice is not offered here" in words(found.select_one(".field-error"))


@pytest.mark.parametrize(("language", "said"), [("en", "Any language"), ("zh-hans", "不限")])
def test_the_filter_of_languages_does_not_promise_both(client, several, language, said):
    assert page(client, f"/{language}/resources/").select_one("[name=language] option").get_text() == said


@pytest.mark.parametrize("name", ["kind", "program", "country", "industry", "language"])
@pytest.mark.parametrize(("language", "said"), [("en", "this choice is not offered here"), ("zh-hans", "没有")])
def test_an_unknown_filter_says_so_in_the_visitors_language(client, several, name, language, said):
    for value in ("nothing", "'; DROP TABLE", "%00", "x" * 3000):
        found = page(client, f"/{language}/resources/?{name}={value}").main
        assert said in words(found.select_one(".field-error")), value
        assert not found.select(".resource-name")
        assert found.find("a", href=f"/{language}/resources/")


def test_nothing_found_says_what_to_do_and_keeps_the_program(client, several):
    found = page(client, f"{LIST}?program=approval-support&kind=form").main
    assert "No resource fits all of this. Use fewer filters" in words(found)
    assert found.find("a", href="/en/contact/?program=approval-support")
    assert found.find("a", href=LIST, class_="button")


def test_a_list_has_fifty_resources_a_page(client):
    for number in range(51):
        published(f"resource-{number}", title_en=f"Resource {number}")
    assert len(listed(client, "?kind=curriculum-standard")) == 50
    assert listed(client, "?kind=curriculum-standard&page=2") == ["Resource 50"]
    assert "page=2" in page(client, f"{LIST}?kind=curriculum-standard").select_one("[rel=next]")["href"]


@pytest.mark.parametrize("asked", ["2", "999", "nothing", "-1", "x" * 3000])
@pytest.mark.parametrize(("language", "said"), [("en", "There is no page “{}”"), ("zh-hans", "这个列表没有第“{}”页")])
def test_a_page_that_is_not_there_says_so_and_shows_the_nearest(client, several, asked, language, said):
    path = f"/{language}/resources/?page="
    found = page(client, f"{path}{asked}").main
    shown = asked[:50]
    assert said.format(shown) in words(found)
    assert found.select(".resource-name")
    assert said.split("“")[0] not in words(page(client, f"{path}1").main)


def test_a_resource_without_a_file_is_listed_and_says_so(client):
    published()
    assert "No file" in words(page(client, LIST).select_one(".resource-table"))
    assert "There is no file to download" in words(page(client).main)
    assert "没有文件" in words(page(client, "/zh-hans/resources/").main)


def test_a_draft_is_on_no_page(client, several):
    assert "Draft" not in listed(client)
    assert "Draft" not in [name.get_text() for name in page(client, "/zh-hans/resources/").select("th .pair")]
    assert client.get("/en/resources/draft/").status_code == 404
    assert "/en/resources/draft/" not in {found.path for found in public_pages()}
    assert "/zh-hans/resources/draft/" in {found.path for found in public_pages()}


# The page of a resource


def test_the_page_shows_each_current_file_with_its_version_date_type_and_checksum(client, resource):
    files = page(client).select(".resource-files > li")
    newest = ResourceFile.objects.get(version="2.0")
    assert words(files[0]).startswith(
        "Chinese Download: Chinese Format PDF Size 84 bytes Version 2.0 Date 1 March 2026 SHA-256 "
    )
    assert files[0].code.get_text() == newest.sha256
    assert len(newest.sha256) == 64
    assert words(files[1]).startswith("English Download: English Format Word Size ")
    assert [file.a["href"] for file in files] == [f"{PAGE}file/zh-hans/", f"{PAGE}file/en/"]


def test_older_versions_stay_listed_with_a_link_of_their_own(client, resource):
    [row] = page(client).select("[aria-labelledby=older] tbody tr")
    old = ResourceFile.objects.get(version="1.0")
    assert words(row) == "Chinese Version 1.0 1 March 2025 PDF 84 bytes"
    assert row.a["href"] == f"{PAGE}file/{old.pk}/"


def test_each_row_is_headed_by_its_version(client, resource):
    rows = page(client).select("[aria-labelledby=older] tbody tr") + page(client, LIST).select("tbody tr")
    heads = [[words(head) for head in row.select("th[scope=row]")] for row in rows]
    assert heads == [["Version 1.0"], ["Version 2.0"], ["Version 2.0-en"]]


@pytest.mark.parametrize(
    ("language", "names"),
    [
        (
            "en",
            [
                "PDF: Sample curriculum standard, Chinese, version 2.0",
                "Word: Sample curriculum standard, English, version 2.0-en",
                "PDF: Sample curriculum standard, Chinese, version 1.0",
            ],
        ),
        (
            "zh-hans",
            [
                "PDF：《示例课程标准》，中文，版本2.0",
                "Word：《示例课程标准》，英文，版本2.0-en",
                "PDF：《示例课程标准》，中文，版本1.0",
            ],
        ),
    ],
)
def test_each_link_to_a_file_is_named_by_title_language_and_version(client, resource, language, names):
    pages = [f"/{language}/resources/", f"/{language}/resources/sample-standard/"]
    found = [link for path in pages for link in page(client, path).select(".resource-type a")]
    assert [link["aria-label"] for link in found] == names
    assert all(link["aria-label"].startswith(link.get_text()) for link in found), "WCAG 2.5.3"


@pytest.mark.parametrize(("language", "head"), [("en", "Format"), ("zh-hans", "格式")])
def test_the_column_of_the_types_is_called_format(client, resource, language, head):
    for path in ("", "sample-standard/"):
        heads = [words(cell) for cell in page(client, f"/{language}/resources/{path}").select("thead th")]
        assert heads[-2] == head


def test_no_comma_of_english_stands_between_chinese_words(client, resource):
    facts = page(client, "/zh-hans/resources/sample-standard/").select(".resource-files dd")
    assert len(facts) == 10
    assert not any("," in words(fact) for fact in facts)


def test_an_officer_can_cite_it(client, resource):
    assert words(page(client).select_one(".citation")) == (
        "Chinese Society of Technical and Vocational Education, International Cooperation and Exchange Department: "
        "“Sample curriculum standard”, version 2.0-en, 1 April 2026. https://portal.example/en/resources/sample-standard/"
    )
    assert words(page(client, "/zh-hans/resources/sample-standard/").select_one(".citation")) == (
        "中国职业技术教育学会国际合作与交流部：《示例课程标准》，版本2.0，2026年3月1日。 "
        "https://portal.example/zh-hans/resources/sample-standard/"
    )
    assert (
        page(client).find("a", href=f"{PAGE}file/").get_text()
        == "https://portal.example/en/resources/sample-standard/file/"
    )


def test_a_citation_names_the_only_file_and_without_one_no_version(client):
    resource = published()
    assert "version" not in words(page(client).select_one(".citation"))
    with_file(resource, "zh-hans", version="7")
    assert "version 7" in words(page(client).select_one(".citation"))


def test_the_page_asks_about_this_document_with_its_name_and_program(client, resource):
    resource.programs.set(Program.objects.filter(slug="approval-support"))
    [link] = page(client).select(".who-answers a.button")
    assert link["href"].startswith("/en/contact/?message=About+the+document+")
    assert link["href"].endswith("&program=approval-support")
    assert "Program Evaluation and Financing Service Centre" in words(page(client).select_one(".who-answers"))


def test_the_page_names_its_programs_and_countries_where_they_are_published(client, resource):
    resource.programs.set(Program.objects.filter(slug__in=["approval-support", "teacher-exchange"]))
    resource.countries.set(Country.objects.filter(slug="japan"))
    Program.objects.filter(slug="teacher-exchange").update(published_at_en=None)
    assert [a["href"] for a in page(client).select("[aria-labelledby=programs] a")] == [
        "/en/programs/approval-support/"
    ]
    assert [a["href"] for a in page(client).select("[aria-labelledby=countries] a")] == ["/en/partners/japan/"]


def test_the_page_is_valid_and_marks_both_languages(client, resource):
    Resource.objects.update(body_zh_hans="<p>正文。</p>", body_en="<p>Text.</p>")
    for language in ("zh-hans", "en"):
        for query in ("", "?view=pair"):
            response = client.get(f"/{language}/resources/sample-standard/{query}")
            parser = html5lib.HTMLParser()
            parser.parse(response.content)
            assert not parser.errors, query
            found = BeautifulSoup(response.content, "html.parser")
            levels = [int(heading.name[1]) for heading in found.find_all(re.compile("^h[1-6]$"))]
            assert levels[0] == 1
            assert all(after <= before + 1 for before, after in pairwise(levels))
    english = page(client).main
    for marked in english.select("[lang=zh-Hans], time"):
        marked.extract()
    assert not re.search("[㐀-鿿]", words(english))


def test_the_pair_view_sets_the_texts_side_by_side(client, resource):
    Resource.objects.update(body_zh_hans="<p>正文。</p>", body_en="<p>Text.</p>")
    text = words(page(client, f"{PAGE}?view=pair").main)
    for said in ("Curriculum standard", "课程标准", "A sample summary.", "示例摘要。", "Text.", "正文。"):
        assert said in text, said


def test_search_engines_learn_the_document_and_its_files(client, resource):
    graph = json.loads(page(client).find("script", type="application/ld+json").string)["@graph"]
    [node] = [node for node in graph if node["@type"] == "DigitalDocument"]
    current = ResourceFile.objects.get(version="2.0-en")
    assert node["version"] == "2.0-en"
    assert node["dateModified"] == "2026-04-01"
    assert node["inLanguage"] == ["zh-Hans", "en"]
    english = node["encoding"][1]
    assert english["contentUrl"] == "https://portal.example/en/resources/sample-standard/file/en/"
    assert (english["encodingFormat"], english["sha256"]) == (current.content_type, current.sha256)


# Programs


def test_a_program_shows_its_resources_and_no_others(client, several):
    assert listed(client, path="/en/programs/approval-support/") == ["Template"]
    assert not listed(client, path="/en/programs/teacher-exchange/")
    assert not page(client, "/en/programs/teacher-exchange/").find(id="resources"), "an empty section is left out"


@pytest.mark.parametrize("path", ["programs/", "programs/resource-platform/"])
@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_the_list_of_programs_and_the_platforms_own_page_lead_to_the_resources(client, language, path):
    assert page(client, f"/{language}/{path}").main.find("a", href=f"/{language}/resources/")


@pytest.mark.parametrize(
    ("path", "query"), [("programs/approval-support", "program=approval-support"), ("partners/japan", "country=japan")]
)
def test_a_page_lists_the_first_resources_and_leads_to_all_of_them(client, path, query):
    japan = Country.objects.get(slug="japan")
    many(RESOURCES_LISTED)
    japan.resources.set(Resource.objects.all())
    first = [f"Many {number}" for number in range(RESOURCES_LISTED)]
    assert listed(client, path=f"/en/{path}/") == first
    assert not page(client, f"/en/{path}/").find("a", href=f"{LIST}?{query}")
    last = published("last", title_en="Last", sort_order=200)
    last.programs.set(Program.objects.filter(slug="approval-support"))
    last.countries.set([japan])
    assert listed(client, path=f"/en/{path}/") == first
    way_on = page(client, f"/en/{path}/").find("a", href=f"{LIST}?{query}")
    assert way_on.text == f"All {RESOURCES_LISTED + 1} resources"
    assert listed(client, f"?{query}") == [*first, "Last"]


# Queries


def counted(client, path):
    with CaptureQueriesContext(connection) as queries:
        assert client.get(path).status_code == 200
    return len(queries)


def many(number):
    """Stores resources with two versions in each language, all of one program."""
    program = Program.objects.get(slug="approval-support")
    rows = [
        Resource(
            slug=f"many-{number}-{position}",
            kind="form",
            title_en=f"Many {position}",
            title_zh_hans=f"许多{position}",
            summary_en="-",
            summary_zh_hans="-",
            published_at_en=timezone.now(),
            published_at_zh_hans=timezone.now(),
        )
        for position in range(number)
    ]
    rows = Resource.objects.bulk_create(rows)
    program.resources.add(*rows)
    ResourceFile.objects.bulk_create(
        ResourceFile(
            resource=row,
            language=language,
            version=version,
            dated=date(2026, 1, int(version)),
            size=len(PDF),
            file="-",
            name="-",
            content_type="application/pdf",
            sha256="0" * 64,
        )
        for row in rows
        for language in ("zh-hans", "en")
        for version in ("1", "2")
    )
    return rows[0]


def test_pages_make_as_many_queries_for_three_resources_as_for_three_hundred(client):
    first = many(3)
    paths = [LIST, f"{LIST}?kind=form&program=approval-support&language=en", first.get_absolute_url()]
    with override("en"):
        paths[2] = first.get_absolute_url()
    paths += [f"{paths[2]}?view=pair", "/en/programs/approval-support/"]
    few = {path: counted(client, path) for path in paths}
    many(300)
    assert {path: counted(client, path) for path in paths} == few
    assert max(few.values()) <= 10, few
