"""No list grows beyond a screenful: it comes in pages, or ends in a link to all of its rows."""

import re
from itertools import product
from string import ascii_uppercase

import pytest
from bs4 import BeautifulSoup
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.translation import override

from partners.models import INSTITUTIONS_LISTED, Country, Institution
from partners.views import PROGRAMS_OF_INSTITUTION
from portal.bilingual import publishing
from portal.bilingual.publishing import ENTRIES_LISTED, Beginning
from portal.models import Centre, Page, Term
from portal.site import home
from portal.views import CENTRES_A_PAGE, PAGES_IN_FOOTER, PROGRAMS_OF_CENTRE
from programs.forms import CHOICES_OFFERED
from programs.models import Area, Program, Resource
from programs.views import AREAS_IN_OVERVIEW, PROGRAMS_IN_OVERVIEW, PROGRAMS_OF_RESOURCE, RELATED_PROGRAMS
from tests.programs.resources import published

pytestmark = pytest.mark.django_db

FEW, MANY = 110, 220


def add_programs(first, last):
    """Stores programs of all types, centres, and of Japan. Of seven, one is published in Chinese alone."""
    now = timezone.now()
    areas = [None, *Area.objects.all()]
    rows = Program.objects.bulk_create(
        Program(
            slug=f"many-{number}",
            area=areas[number % len(areas)],
            title_zh_hans=f"示例{number}",
            title_en=f"Example {number}",
            summary_zh_hans="摘要。",
            summary_en="A summary.",
            published_at_zh_hans=now,
            published_at_en=now if number % 7 else None,
        )
        for number in range(first, last)
    )
    for centre in Centre.objects.all():
        centre.programs.add(*rows)
    Country.objects.get(slug="japan").programs.add(*rows)


def page(client, path):
    response = client.get(path)
    assert response.status_code == 200
    return BeautifulSoup(response.content, "html.parser")


def programs_in(element):
    """How many links to different programs `element` has."""
    links = {link["href"] for link in element.find_all("a", href=re.compile(r"/programs/[\w-]+/$"))}
    return len({href for href in links if not href.endswith("/overview/")})


# The page, where its lists stand, how many programs each shows, and the filter of the finder that shows all of them.
LISTS = [
    ("", "li.area", home.PROGRAMS_OF_AREA, "area"),
    ("centres/", "section.section", PROGRAMS_OF_CENTRE, "centre"),
    ("centres/curriculum-reform/", "section[aria-labelledby=programs]", ENTRIES_LISTED, "centre"),
    ("programs/areas/financing/", "section[aria-labelledby=programs]", ENTRIES_LISTED, "area"),
    ("programs/overview/", "section:has(.all-of-list)", PROGRAMS_IN_OVERVIEW, "area"),
    ("partners/japan/", "section[aria-labelledby=programs]", ENTRIES_LISTED, "country"),
]


@pytest.mark.parametrize(("path", "selector", "number", "name"), LISTS)
def test_a_list_ends_in_a_link_to_all_of_its_programs(client, path, selector, number, name):
    add_programs(0, MANY)
    numbers, labels = {}, []
    for language, words in (("en", r"All (\d+) programs"), ("zh-hans", r"全部项目（共(\d+)个）")):
        found = page(client, f"/{language}/{path}").select(selector)
        assert found
        for each in found:
            [way_on] = each.select(".all-of-list a")
            assert programs_in(each) == number
            assert way_on["href"].startswith(f"/{language}/programs/?{name}=")
            [total] = re.fullmatch(words, way_on.text).groups()
            labels.append(way_on.get("aria-label", way_on.text))
            assert labels[-1].startswith(way_on.text)
            finder = page(client, way_on["href"])
            assert re.search(r"\d+", finder.select_one(".result-count").text)[0] == total
            numbers.setdefault(way_on["href"].partition("=")[2], []).append(int(total))
    assert numbers and len(set(labels)) == len(labels)
    assert all(english < chinese for english, chinese in numbers.values())


def test_of_many_types_the_first_are_shown_and_the_finder_leads_to_all_programs(client):
    for number in range(home.AREAS):
        now = timezone.now()
        area = Area.objects.create(slug=f"type-{number}", title_en="Type", summary_en="x", published_at_en=now)
        area.programs.create(slug=f"of-{number}", title_en="Program", summary_en="x", published_at_en=now)
    for path, selector in (("", ".areas > .all-of-list a"), ("programs/overview/", ".overview > p.section a")):
        found = page(client, f"/en/{path}")
        assert len(found.select("li.area h3 a, .overview h2 a")) == home.AREAS == AREAS_IN_OVERVIEW
        assert found.select_one(selector)["href"] == "/en/programs/"
        Area.objects.filter(slug__startswith="type").exclude(slug="type-0").update(published_at_en=None)
        assert not page(client, f"/en/{path}").select(selector)
        Area.objects.filter(slug__startswith="type").update(published_at_en=now)


def test_a_list_that_is_whole_has_no_such_link(client):
    for path, *_rest in LISTS:
        assert not page(client, f"/en/{path}").select(".all-of-list"), path


@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_no_page_grows_with_the_programs(client, language):
    paths = [path for path, *_rest in LISTS]
    paths += [
        "programs/",
        "programs/?country=japan",
        "programs/many-5/",
        "contact/",
        "resources/",
        "partners/",
        "terms/",
    ]
    sizes = []
    for first, last in ((0, FEW), (FEW, MANY)):
        add_programs(first, last)
        sizes.append({path: len(client.get(f"/{language}/{path}").content) for path in paths})
    few, many = sizes
    assert {path: size for path, size in many.items() if size > 1.05 * few[path]} == {}


@pytest.mark.parametrize(
    ("language", "counted", "uncounted"),
    [
        ("en", "All 1,000 programs", "All programs (more than 1,000)"),
        ("zh-hans", "全部项目（共1000个）", "全部项目（1000余个）"),
    ],
)
def test_the_number_of_a_list_is_one_that_was_counted(language, counted, uncounted):
    for number, words in ((1000, counted), (1001, uncounted)):
        with override(language):
            shown = render_to_string(
                "includes/all_of_list.html", {"rows": Beginning([], number, Program), "address": "/"}
            )
        assert BeautifulSoup(shown, "html.parser").a.text == words


# What else there may be many of: the model, its fields, the relations that they have, and the pages that show them.
TEXTS = {"title_zh_hans": "示例", "title_en": "Example", "summary_zh_hans": "摘要。", "summary_en": "A summary."}
NAMES = {"name_zh_hans": "示例", "name_en": "Example"}
WITH_TEXT = {"body_zh_hans": "<p>文字</p>", "body_en": "<p>Text</p>"}
GROWING = [
    (Area, TEXTS, ["", "programs/", "programs/overview/", "programs/areas/financing/"]),
    (
        Centre,
        TEXTS,
        ["", "centres/", "programs/", "programs/overview/", "programs/approval-support/", "partners/japan/"],
    ),
    (Page, TEXTS | WITH_TEXT, ["", "pages/", "search/?q=example", "programs/approval-support/"]),
    (Term, NAMES, ["", "terms/", "terms/?page=2", "search/?q=example"]),
    (Country, NAMES | {"capital_zh_hans": "首都", "capital_en": "Capital"}, ["", "centres/", "programs/overview/"]),
    (Institution, NAMES, ["partners/japan/", "partners/japan/?view=pair", "programs/approval-support/"]),
    (Resource, TEXTS | {"kind": "guide"}, ["resources/", "partners/japan/", "programs/approval-support/"]),
]


@pytest.mark.parametrize(("model", "fields", "paths"), GROWING)
def test_no_page_grows_with_other_rows(client, model, fields, paths, monkeypatch):
    monkeypatch.setattr("portal.search_index.results.MAX_PARTS", FEW - 10)
    japan, program = Country.objects.get(slug="japan"), Program.objects.get(slug="approval-support")
    program.countries.add(japan)
    since = {"published_at_zh_hans": timezone.now(), "published_at_en": timezone.now()}
    used = set(Country.objects.values_list("iso_code", flat=True))
    codes = [code for code in map("".join, product(ascii_uppercase, repeat=2)) if code not in used]
    sizes = []
    for first, last in ((0, FEW), (FEW, MANY)):
        rows = []
        for number in range(first, last):
            own = {"slug": f"many-{number}"}
            if model is Institution:
                own = {"country": japan}
            elif model is Country:
                own |= {"iso_code": codes[number], "latitude": 0, "longitude": 0}
            elif model is Term:
                own = {}
            rows.append(model(**fields, **since, **own))
        rows = model.objects.bulk_create(rows)
        if relation := {Institution: "institutions", Resource: "resources", Centre: "centres"}.get(model):
            getattr(program, relation).add(*rows)
        if model is Resource:
            japan.resources.add(*rows)
        sizes.append({path: len(client.get(f"/en/{path}").content) for path in paths})
    few, many = sizes
    assert min(few.values()) > 5000
    assert {path: size for path, size in many.items() if size > 1.05 * few[path]} == {}


def test_a_list_that_no_filter_shows_names_the_number_of_its_programs(client):
    add_programs(0, FEW)
    resource = published()
    [institution] = add_institutions(1)
    Program.objects.exclude(slug="many-0").update(published_at_en=timezone.now())
    for row in (resource, institution):
        row.programs.set(Program.objects.filter(slug__startswith="many"))
    found = page(client, "/en/resources/sample-standard/").select_one("[aria-labelledby=programs]")
    assert programs_in(found) == PROGRAMS_OF_RESOURCE
    assert found.select("li")[-1].text.strip() == f"{FEW - 1} programs in all"
    found = page(client, "/zh-hans/partners/japan/").find(id=institution.anchor)
    assert programs_in(found) == PROGRAMS_OF_INSTITUTION
    assert found.select("dd")[-1].text.strip() == f"共{FEW}个项目"


def test_the_other_lists_of_a_program_are_short(client, monkeypatch):
    add_programs(0, FEW)
    program = Program.objects.get(slug="many-5")
    add_institutions(INSTITUTIONS_LISTED + 3)
    program.institutions.set(Institution.objects.all())
    found = page(client, "/en/programs/many-5/")
    assert programs_in(found.select_one("section[aria-labelledby=related]")) == RELATED_PROGRAMS
    countries = found.select_one("section[aria-labelledby=countries]")
    assert len(countries.select(".partners-by-country ul a")) == INSTITUTIONS_LISTED
    assert "name 3 more partner institutions" in countries.text
    assert countries.find("a", href="/en/partners/")
    monkeypatch.setattr(publishing, "MAX_COUNTED", INSTITUTIONS_LISTED + 1)
    Country.objects.update(sort_order=1)
    assert "name many more partner institutions" in page(client, "/en/programs/many-5/").text


def add_institutions(number):
    now = timezone.now()
    japan = Country.objects.get(slug="japan")
    names = [{"name_zh_hans": f"学院{number}", "name_en": f"College {number}"} for number in range(number)]
    since = {"published_at_zh_hans": now, "published_at_en": now}
    return Institution.objects.bulk_create(Institution(country=japan, **each, **since) for each in names)


def test_a_later_page_is_one_of_its_own_for_search_engines(client):
    add_institutions(INSTITUTIONS_LISTED + 1)
    since = {"published_at_zh_hans": timezone.now(), "published_at_en": timezone.now()}
    texts = {"title_zh_hans": "中心", "title_en": "Centre", "summary_zh_hans": "x", "summary_en": "x"}
    Centre.objects.bulk_create(Centre(slug=f"many-{number}", **texts, **since) for number in range(CENTRES_A_PAGE))
    last = Institution.objects.last()
    shown = {}
    for path, own in (("partners/japan/", ".institutions > li"), ("centres/", "section.section")):
        first, second = (page(client, f"/en/{path}{query}") for query in ("", "?page=2"))
        for number, found in (("", first), ("?page=2", second)):
            assert found.select_one("[rel=canonical]")["href"] == f"https://portal.example/en/{path}{number}"
        assert first.select("[rel=alternate]") and not second.select("[rel=alternate]")
        assert ", page 2 – " in second.title.text and ", page" not in first.title.text
        shown[path] = [len(found.select(own)) for found in (first, second)]
        assert sum(shown[path]) == (Institution if "partners" in path else Centre).objects.count()
        assert min(shown[path]) > 0
    found = page(client, f"/zh-hans/partners/japan/?institution={last.pk}")
    assert found.select_one("[rel=canonical]")["href"].endswith("/zh-hans/partners/japan/?page=2")
    assert "（第2页）" in found.title.text


def test_the_institutions_of_a_country_come_in_pages_and_each_link_leads_to_its_entry(client):
    rows = add_institutions(2 * INSTITUTIONS_LISTED + 1)
    shown = {}
    for number in (1, 2, 3):
        found = page(client, f"/en/partners/japan/?page={number}").select(".institutions > li")
        shown |= {entry["id"]: number for entry in found}
        assert len(found) == (1 if number == 3 else INSTITUTIONS_LISTED)
    assert len(shown) == len(rows)
    for row, number in ((rows[0], 1), (rows[INSTITUTIONS_LISTED], 2), (rows[-1], 3)):
        address, _sign, anchor = f"/en/partners/japan/?institution={row.pk}#{row.anchor}".partition("#")
        found = page(client, address)
        assert found.find(id=anchor) and shown[anchor] == number
        assert f"Page {number} of 3" in found.select_one(".pagination").text
        assert not [link for link in found.select(".pagination a") if "institution=" in link["href"]]
    for odd in ("x", "", "0", "9" * 30):
        assert page(client, f"/en/partners/japan/?institution={odd}").find(id=rows[0].anchor)


def test_the_finder_offers_a_few_types_and_centres_or_the_chosen_one(client):
    now = timezone.now()
    texts = {"title_en": "Many", "summary_en": "x", "published_at_en": now}
    for model, name in ((Area, "area"), (Centre, "centre")):
        there = model.objects.count()
        model.objects.bulk_create(model(slug=f"many-{number}", **texts) for number in range(CHOICES_OFFERED - there))
        finder = page(client, "/en/programs/")
        assert len(finder.select(f"[name={name}] option")) == 1 + CHOICES_OFFERED
        model.objects.create(slug="one-more", **texts)
        finder = page(client, "/en/programs/")
        assert not finder.select(f"[name={name}]") and finder.select(".result-count")
        chosen = page(client, f"/en/programs/?{name}=one-more")
        assert [option["value"] for option in chosen.select(f"[name={name}] option")] == ["", "one-more"]
        assert "this choice is not offered here" in page(client, f"/en/programs/?{name}=nothing").text


def test_the_filters_of_the_resources_offer_a_few_programs_or_the_chosen_one(client):
    resource = published()
    add_programs(1, 7)
    resource.programs.set(Program.objects.all())
    assert len(page(client, "/en/resources/").select("[name=program] option")) == 1 + 11 + 6
    add_programs(11, FEW)
    resource.programs.set(Program.objects.all())
    assert not page(client, "/en/resources/").select("[name=program]")
    chosen = page(client, "/en/resources/?program=many-11")
    assert [option["value"] for option in chosen.select("[name=program] option")] == ["", "many-11"]
    assert len(chosen.select(".resource-name")) == 1
    assert "this choice is not offered here" in page(client, "/en/resources/?program=%00x").text


def test_the_footer_names_some_pages_and_leads_to_all_of_them(client):
    since = {"published_at_zh_hans": timezone.now(), "published_at_en": timezone.now()}
    Page.objects.bulk_create(
        Page(slug=f"many-{number}", sort_order=1, **TEXTS, **WITH_TEXT, **since) for number in range(PAGES_IN_FOOTER)
    )
    for language in ("zh-hans", "en"):
        found = page(client, f"/{language}/")
        names = found.select(".colophon-pages a")
        [way_on] = [link for link in names if link["href"] == f"/{language}/pages/"]
        assert names.index(way_on) == PAGES_IN_FOOTER
        # The fixed pages come after these, and are named all the same.
        assert {link["href"] for link in names} > {f"/{language}/{slug}/" for slug in Page.FIXED}
        assert found.select(f'.sections a[href="/{language}/about/"]')
        rows = page(client, way_on["href"]).select(".rows a")
        assert len(rows) == Page.objects.count() > PAGES_IN_FOOTER
    Page.objects.filter(slug__startswith="many").update(published_at_en=None)
    assert not page(client, "/en/").find("a", href="/en/pages/")
    Page.objects.filter(slug="about").update(published_at_en=None)
    assert not page(client, "/en/").select('.sections a[href="/en/about/"]')


def test_a_page_of_a_list_that_is_not_there_says_so_and_shows_the_last(client):
    add_institutions(1)
    published()
    lists = ["centres/", "programs/", "resources/", "partners/japan/", "pages/", "terms/", "search/?q=exchange"]
    for path in lists:
        asked = f"/en/{path}{'&' if '?' in path else '?'}page="
        for number in ("99", "0", "x" * 60, "\0"):
            assert (
                f"There is no page “{number[:50]}” of this list. This is page 1." in page(client, asked + number).text
            )
        assert "There is no page" not in page(client, f"{asked}1").text + page(client, f"{asked}").text


@pytest.mark.parametrize(
    ("language", "sentence"),
    [
        ("en", "The entry that your link leads to is not in this list."),
        ("zh-hans", "您打开的链接所指的条目不在此列表中。"),
    ],
)
def test_a_link_to_an_entry_that_is_not_listed_any_more_says_so_and_shows_the_list(client, language, sentence):
    [institution, _other], term = add_institutions(2), Term.objects.first()
    for path, row in (("partners/japan/?institution=", institution), ("terms/?term=", term)):
        for odd in ("99999", "x", "\0", "9" * 30):
            found = page(client, f"/{language}/{path}{odd}")
            assert sentence in found.text and found.find(id=row.anchor)
        for known in (row.pk, ""):
            assert sentence not in page(client, f"/{language}/{path}{known}").text
        type(row).objects.filter(pk=row.pk).update(**{f"published_at_{language.replace('-', '_')}": None})
        assert sentence in page(client, f"/{language}/{path}{row.pk}").text


def hits(client, query):
    return [link["href"] for link in page(client, f"/en/search/?q=example{query}").select(".rows h3 a")]


def test_of_many_results_a_search_shows_the_first_of_all_or_of_a_kind_and_says_so(client, monkeypatch):
    add_programs(0, 10)
    whole, of_pages, shown = hits(client, ""), hits(client, "&kind=page"), page(client, "/en/search/?q=example")
    assert len(whole) > 6 > len(of_pages) > 0
    assert "There may be more results" not in shown.text
    monkeypatch.setattr("portal.search_index.results.MAX_PARTS", 4)
    cut = page(client, "/en/search/?q=example")
    assert "There may be more results. These are the first 4 that were found." in cut.text
    assert hits(client, "") == hits(client, "&kind=program") == whole[:4]
    assert hits(client, "&kind=page") == of_pages
    # Of this kind there are no more.
    assert "There may be more results" not in page(client, "/en/search/?q=example&kind=page").text
    without = page(client, "/en/search/?q=example&kind=term").text
    assert "There are no results of the kind “term”. These are those of all kinds." in without
    assert "These are the first 4 that were found. Use more words, or choose a kind." in without
    assert hits(client, "&kind=term") == whole[:4]
    numbers = [[link.find("span") for link in found.select(".search-kinds a")] for found in (shown, cut)]
    assert all(numbers[0]) and not any(numbers[1]) and len(numbers[1]) > len(numbers[0])


@pytest.mark.parametrize(
    ("language", "sentence", "of_kind"),
    [
        ("en", "These words are so common", "none is of the kind “page”. There may be others."),
        ("zh-hans", "这些词语过于常见", "没有类别为“page”的结果，但可能还有未查看到的。"),
    ],
)
def test_a_search_that_looks_at_too_little_to_find_anything_says_so(client, monkeypatch, language, sentence, of_kind):
    """Many rows have one of two words, and the rows with both come after them."""
    monkeypatch.setattr("portal.search_index.results.MAX_PARTS", 2)
    monkeypatch.setattr("portal.search_index.results.WINDOW", 4)
    since = {"published_at_zh_hans": timezone.now(), "published_at_en": timezone.now()}
    texts = [{"body_en": "<p>kea</p>"}, {"body_zh_hans": "<p>emu</p>"}]
    both = {"body_en": "<p>kea</p>", "body_zh_hans": "<p>emu</p>"}
    rows = [*texts * 5, both]
    Page.objects.bulk_create(
        Page(slug=f"many-{number}", **TEXTS, **WITH_TEXT | words, **since) for number, words in enumerate(rows)
    )
    for kind in ("", "&kind=page"):
        found = page(client, f"/{language}/search/?q=kea+emu{kind}")
        assert sentence in found.text
        assert len(found.select(".search-kinds a")) > 5
        assert [link["href"] for link in found.select(".search-parts a")] == ["?q=kea", "?q=emu"]
        assert found.select_one("main .button")["href"].startswith(f"/{language}/contact/?message=")
        assert not found.select(".rows") and "0 " not in found.h2.text
    Program.objects.filter(slug="teacher-exchange").update(summary_en="kea", summary_zh_hans="emu")
    found = page(client, f"/{language}/search/?q=kea+emu&kind=page")
    assert of_kind in found.text and sentence not in found.text
    assert len(found.select(".rows h3 a:first-of-type")) == 1
    # Nothing is said of words of which all places were looked at.
    assert sentence not in page(client, f"/{language}/search/?q=kea+quoll").text
