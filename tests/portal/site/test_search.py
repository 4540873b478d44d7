"""The page of search results, and the field on every page that leads to it."""

from urllib.parse import parse_qs, urlsplit

import pytest
from bs4 import BeautifulSoup
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django.utils.translation import override

from partners.models import Country
from portal.models import Centre, Page, Term
from portal.site.search_query import HITS_A_PAGE, MAX_QUERY, Query
from programs.models import Program

pytestmark = pytest.mark.django_db

LANGUAGES = ["zh-hans", "en"]


def result_page(client, query, language="en", **parameters):
    response = client.get(f"/{language}/search/", {"q": query, **parameters})
    assert response.status_code == 200
    return BeautifulSoup(response.content, "html.parser").main


def said(main):
    return " ".join(main.text.split())


def addresses(main):
    return [link["href"] for link in main.select("h3 > a:first-of-type")]


def make_program(number, **fields):
    now = timezone.now()
    texts = {
        "title_en": f"Quokka {number}",
        "title_zh_hans": f"项目{number}",
        "summary_en": "A",
        "summary_zh_hans": "一",
    }
    dates = {"published_at_en": now, "published_at_zh_hans": now}
    return Program.objects.create(slug=f"quokka-{number}", **texts | dates | fields)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("query", ["课程标准", "curriculum standard", "Curriculum Standards", "課程標準", "課程　标准"])
def test_words_of_either_language_find_the_program_in_the_readers_language(client, language, query):
    found = addresses(result_page(client, query, language))
    assert f"/{language}/programs/curriculum-standards/" in found
    assert len(found) == len(set(found))


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_page_has_one_field_that_leads_to_the_results(client, language):
    for path in ("", "programs/", "contact/", "terms/", "nothing/", "search/", "search/?q=x"):
        page = BeautifulSoup(client.get(f"/{language}/{path}").content, "html.parser")
        [form] = page.select(".search-form")
        assert (form["action"], form["method"], form["role"]) == (f"/{language}/search/", "get", "search")
        assert form.input["aria-label"] and form.button.text
        names = [landmark["aria-label"] for landmark in page.select("[role=search]")]
        assert len(names) == len(set(names)), path


def test_the_field_keeps_the_query_and_so_does_the_other_language(client):
    query = "credit “recognition” & <b>"
    response = client.get("/en/search/", {"q": query, "kind": "program"})
    page = BeautifulSoup(response.content, "html.parser")
    assert page.select_one(".search-form input")["value"] == query
    other = urlsplit(page.select_one('.languages a[lang="zh-Hans"]')["href"])
    assert other.path == "/zh-hans/search/"
    assert parse_qs(other.query) == {"q": [query], "kind": ["program"]}


def test_the_page_is_not_for_search_engines_sets_no_cookie_and_names_the_query(client):
    response = client.get("/en/search/", {"q": "credit"})
    text = response.content.decode()
    assert '<meta name="robots" content="noindex">' in text
    assert "canonical" not in text
    assert "<title>Search: credit – " in text
    assert not response.cookies
    assert "/search/" not in client.get("/sitemap-1.xml").content.decode()
    assert client.post("/en/search/").status_code == 405


def test_the_match_is_marked_in_title_and_text_and_everything_is_escaped(client):
    Program.objects.filter(slug="teacher-exchange").update(summary_en="x")
    program = Program.objects.get(slug="teacher-exchange")
    program.title_en, program.summary_en = "<i>Quokka</i> exchange", "The <script>quokka</script> & others"
    program.save()
    text = client.get("/en/search/", {"q": "quokka"}).content.decode()
    assert "&lt;i&gt;<mark>Quokka</mark>&lt;/i&gt; exchange" in text
    assert "The &lt;script&gt;<mark>quokka</mark>&lt;/script&gt; &amp; others" in text


def test_a_hit_shows_its_kind_and_its_other_name_where_that_is_published(client):
    main = result_page(client, "Credit recognition", kind="program")
    row = main.select_one(".row")
    assert row.select_one(".pair").text == "学分互认"
    assert row.select_one(".pair")["lang"] == "zh-Hans"
    assert row.select_one(".row-facts").text.strip() == "Program"
    Program.objects.filter(slug="credit-recognition").update(published_at_zh_hans=None)
    row = result_page(client, "Credit recognition", kind="program").select_one(".row")
    assert row.select_one("h3 a")["href"] == "/en/programs/credit-recognition/"
    assert not row.select(".pair")


@pytest.mark.parametrize(
    ("language", "query", "title", "code", "mark", "own"),
    [
        ("en", "德国", "德国", "zh-Hans", "Page in Chinese", "Germany"),
        ("zh-hans", "Germany", "Germany", "en", "英文页面", "德国"),
    ],
)
def test_a_hit_of_the_other_language_is_marked_and_leads_there(client, language, query, title, code, mark, own):
    row = result_page(client, query, language, kind="country").select_one(".row")
    link, pair = row.select("h3 a")
    other = "zh-hans" if language == "en" else "en"
    assert (link["href"], link["lang"], link["hreflang"]) == (f"/{other}/partners/germany/", code, code)
    assert link.text.strip() == title
    assert mark in row.text
    assert (pair["href"], pair.text) == (f"/{language}/partners/germany/", own)


def test_what_only_one_language_publishes_is_found_in_the_other_and_a_draft_by_nobody(client):
    make_program(1, title_zh_hans="袋鼠项目", published_at_en=None)
    row = result_page(client, "袋鼠").select_one(".row")
    assert row.select_one("h3 a")["href"] == "/zh-hans/programs/quokka-1/"
    assert "Quokka" not in row.text
    assert "Nothing was found" in said(result_page(client, "quokka"))
    make_program(2, published_at_en=None, published_at_zh_hans=None)
    assert "没有找到" in said(result_page(client, "quokka", "zh-hans"))


def test_the_readers_language_is_shown_if_it_says_all_words(client):
    make_program(1, summary_zh_hans="Quokka")
    assert addresses(result_page(client, "quokka", "zh-hans")) == ["/zh-hans/programs/quokka-1/"]
    assert addresses(result_page(client, "quokka", "en")) == ["/en/programs/quokka-1/"]


def test_kinds_have_their_counts_and_filter(client):
    main = result_page(client, "exchange")
    kinds = {link.text.rpartition(" ")[0]: int(link.text.rpartition(" ")[2]) for link in main.select(".search-kinds a")}
    number = kinds.pop("Everything")
    assert number == sum(kinds.values()) == len(addresses(main))
    assert kinds["Programs"] >= 2
    for link in main.select(".search-kinds a"):
        page = BeautifulSoup(client.get("/en/search/" + link["href"]).content, "html.parser").main
        assert page.select_one(".search-kinds [aria-current]").text == link.text
        assert len(addresses(page)) == int(link.text.rpartition(" ")[2])


def test_an_unknown_kind_and_a_kind_without_results_say_so_and_show_everything(client):
    everything = addresses(result_page(client, "student exchange"))
    for kind in ("nothing", "country", "<b>", "x" * 5000):
        main = result_page(client, "student exchange", kind=kind)
        assert f"There are no results of the kind “{kind[:50]}”" in said(main)
        assert addresses(main) == everything


def test_results_come_in_pages_and_a_page_that_is_not_there_says_so(client):
    for number in range(45):
        make_program(number)
    first = result_page(client, "quokka")
    assert len(addresses(first)) == HITS_A_PAGE <= 50
    assert "45 results" in said(first)
    assert "Page 1 of 3" in said(first)
    last = result_page(client, "quokka", page="3")
    assert len(addresses(last)) == 5
    assert not set(addresses(first)) & set(addresses(last))
    for page in ("99", "0", "-1", "x", "9" * 400):
        main = result_page(client, "quokka", page=page)
        assert f"There is no page “{page[:50]}” of this list." in said(main)
        assert addresses(main)


def test_a_name_or_synonym_of_a_term_also_searches_for_its_official_names(client):
    main = result_page(client, "课标")
    assert "Also searched for: Curriculum standard, 课程标准" in said(main)
    assert "/en/programs/curriculum-standards/" in addresses(main)
    term = Term.objects.get(name_en="Curriculum standard")
    links = [(link["href"], link["lang"]) for link in main.select(".section-body > p a")]
    assert links == [
        (f"/en/terms/?term={term.pk}#term-{term.pk}", "en"),
        (f"/en/terms/?term={term.pk}#term-{term.pk}", "zh-Hans"),
    ]
    assert "同时搜索了： 课程标准、Curriculum standard" in said(result_page(client, "course standard", "zh-hans"))
    assert "Also searched for: 课程标准" in said(result_page(client, "CURRICULUM standards"))
    assert "Also searched for" not in said(result_page(client, "curriculum"))


def test_a_term_without_words_does_not_spoil_a_search(client):
    Term.objects.filter(name_en="Curriculum standard").update(name_zh_hans="……")
    assert "/en/programs/curriculum-standards/" in addresses(result_page(client, "curriculum standard"))


def test_a_term_is_a_hit_that_leads_to_its_place_in_the_glossary(client):
    term = Term.objects.get(name_en="Talent pool")
    assert addresses(result_page(client, "Talent pool", kind="term")) == [f"/en/terms/?term={term.pk}#term-{term.pk}"]
    assert addresses(result_page(client, "人才库", "zh-hans", kind="term")) == [
        f"/zh-hans/terms/?term={term.pk}#term-{term.pk}"
    ]


def test_what_says_the_typed_words_comes_before_what_says_a_synonym(client):
    make_program(1, title_en="Nothing else", summary_en="course standard")
    found = addresses(result_page(client, "course standard", kind="program"))
    assert found[0] == "/en/programs/quokka-1/"
    assert "/en/programs/curriculum-standards/" in found


@pytest.mark.parametrize("side", ["zh_hans", "en"])
def test_a_term_gives_no_synonym_in_a_language_in_which_it_is_not_published(client, side):
    Term.objects.filter(name_en="Curriculum standard").update(**{f"published_at_{side}": None})
    main = result_page(client, "课标" if side == "en" else "course standard")
    assert ("Curriculum standard" in said(main)) == (side == "zh_hans")
    assert "课标" not in [name.text for name in Query("course standard", None).synonyms]


def test_common_words_are_not_suggested():
    with override("en"):
        assert [part for part, *_number in Query("the quokka of curriculum", None).parts()] == ["curriculum"]
        assert [part for part, *_number in Query("the", None).parts()] == ["the"]


def test_where_nothing_is_found_parts_of_the_query_lead_on(client):
    main = result_page(client, "去英国留学", "zh-hans")
    assert "没有找到与“去英国留学”相符的内容" in said(main)
    parts = {link.text: link["href"] for link in main.select(".search-parts a")}
    assert [text.split()[0] for text in parts] == ["英国", "留学"]
    for text, address in parts.items():
        page = BeautifulSoup(client.get("/zh-hans/search/" + address).content, "html.parser").main
        assert f"搜索结果：{text.split()[1]}条" in said(page)
    main = result_page(client, "student quokka")
    assert [link.text.split()[0] for link in main.select(".search-parts a")] == ["student"]


@pytest.mark.parametrize("query", ["quokka", ""])
def test_without_results_the_page_leads_to_the_lists_of_the_site(client, query):
    main = result_page(client, query)
    paths = [link["href"] for link in main.select("ul:last-of-type.inline-links a")]
    assert paths == [f"/en/{path}/" for path in ("programs", "resources", "partners", "terms", "contact/status")]


def test_a_typing_error_leads_to_the_term(client):
    main = result_page(client, "curiculum standart")
    [link] = [link for link in main.select("p a") if link.text == "Curriculum standard"]
    assert "/en/programs/curriculum-standards/" in addresses(
        BeautifulSoup(client.get("/en/search/" + link["href"]).content, "html.parser")
    )


@pytest.mark.parametrize(
    ("language", "start"),
    [("en", "I searched this site for “100% <quokka>”"), ("zh-hans", "我在本网站搜索“100% <quokka>”")],
)
def test_where_nothing_is_found_the_enquiry_form_gets_the_words(client, language, start):
    main = result_page(client, "100% <quokka>", language)
    link = main.select_one("a.button")
    assert urlsplit(link["href"]).path == f"/{language}/contact/"
    form = client.get(link["href"]).context["form"]
    assert form["message"].value().startswith(start)
    assert [each["href"] for each in main.select(f'a[href="/{language}/programs/"]')]


ODD = {
    "nothing": "",
    "spaces": " \t ",
    "punctuation": "、？!（）。…—",
    "ten thousand characters": "课程" * 5000,
    "ten thousand letters": "a" * 10_000,
    "five thousand words": "ab " * 5000,
    "different characters": "".join(map(chr, range(0x4E00, 0x4E00 + 10_000))),
    "NUL": "\0cre\0dit\0",
    "emoji": "😀👩‍👩‍👧",
    "operators of FTS5": 'NEAR("a" b) AND OR NOT * ^ {x}: -credit +"',
    "operators of tsquery": "credit & | ! <-> :* 'a' \\",
    "SQL": "'; DROP TABLE portal_term; -- %s %(a)s %",
    "quotes": "\"credit 'x “",
    "backslashes": "\\\\ \\' \\",
    "markup": "</title><script>alert(1)</script>",
    "right to left": "\u202eabc مرحبا",
    "not characters": "\ufffe\uffff\ud7ff",
    "combining": "e\u0301" * 500,
    "supplementary": "𠮷" * 300,
    "many scripts": "Ελλάδα Київ ไทย हिन्दी עברית ᠮᠣᠩᠭᠣᠯ བོད་ 日本語かな 한국",
}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("query", ODD.values(), ids=ODD)
def test_any_query_is_a_plain_page_with_few_queries(client, language, query):
    with CaptureQueriesContext(connection) as queries:
        response = client.get(f"/{language}/search/", {"q": query})
    assert response.status_code == 200
    assert len(queries) <= 10
    main = BeautifulSoup(response.content, "html.parser").main
    assert (main.h1 and main.h2) or query.strip() == ""
    assert not main.select("script")
    assert len(main.select_one(".search-form input")["value"]) <= MAX_QUERY
    assert Term.objects.exists()


def test_an_undecodable_query_is_a_plain_page(client):
    for query in ("q=%ff%fe", "q=%00", "q", "q=a&q=b", "q[]=a", "q=%ed%a0%80", "kind=%ff&page=%00&q=credit"):
        assert client.get(f"/en/search/?{query}").status_code == 200, query


def test_a_query_that_is_too_long_is_cut_and_says_so(client):
    main = result_page(client, "credit " * 100)
    assert f"Only the first {MAX_QUERY} characters were searched for." in said(main)
    assert main.select_one(".search-form input")["value"] == ("credit " * 100)[:MAX_QUERY]
    assert "/en/programs/credit-recognition/" in addresses(main)
    assert "Only the first" not in said(result_page(client, "c" * MAX_QUERY))


@pytest.mark.parametrize("query", ["", "、？!", "😀"])
def test_without_a_word_the_page_says_what_can_be_searched(client, query):
    main = result_page(client, query)
    assert "Search programs, service centres" in said(main)
    assert ("There is no word in" in said(main)) == bool(query)
    assert not addresses(main)


def test_every_kind_of_public_row_is_found_by_its_title(client):
    swept = 0
    for model in (Program, Centre, Country, Page, Term):
        for row in model.objects.all():
            title = row.name_en if model in (Country, Term) else row.title_en
            found = addresses(result_page(client, title))
            assert any(address.endswith(row.get_absolute_url().split("/", 2)[2]) for address in found), title
            swept += 1
    assert swept >= 56
