"""Checks of every public page in the sitemap, in both languages."""

import re
from collections import Counter
from itertools import pairwise
from urllib.parse import urldefrag, urljoin

import pytest
from django.utils.translation import override

from portal.bilingual.languages import html_code
from portal.models import Page
from portal.site.finished_pages.server import PARAMETERS
from portal.site.sitemaps import public_pages
from programs.models import Program

pytestmark = pytest.mark.django_db

HAN = re.compile("[㐀-鿿]")
# Finds English interface strings on a Chinese page. English names and addresses are marked up or listed in the test.
LATIN_WORDS = re.compile(r"[A-Za-z]{3,}")


def test_every_page_is_whole(served, record_property):
    record_property("pages swept", len(served))
    assert len(served) >= 60
    for page in served:
        assert page.response.status_code == 200, page.path
        assert not page.parser_errors, (page.path, page.parser_errors)
        assert len(page.all("h1")) == 1, page.path
        assert page.one("html").get("lang") == html_code(page.page.language), page.path
        assert page.response.headers["Content-Language"] == html_code(page.page.language), page.path
        assert max(page.ids.values()) == 1, page.path


def test_headings_skip_no_level(served):
    for page in served:
        levels = [int(e.tag[-1]) for e in page.document.iter() if re.fullmatch(r".*\}h[1-6]", str(e.tag))]
        assert levels[0] == 1, page.path
        for level, following in pairwise(levels):
            assert following <= level + 1, (page.path, levels)


def test_titles_and_descriptions_are_each_pages_own(served):
    titles = Counter(page.one("title").text for page in served)
    descriptions = Counter(
        meta.get("content") for page in served for meta in page.all("meta") if meta.get("name") == "description"
    )
    assert titles.most_common(1)[0][1] == 1
    assert descriptions.most_common(1)[0][1] == 1
    assert len(titles) == len(descriptions) == len(served)
    assert all(titles) and all(descriptions)


def test_versions_name_each_other(served):
    versions = {}
    for page in served:
        links = [link for link in page.all("link") if link.get("rel") in ("canonical", "alternate")]
        canonical = [link.get("href") for link in links if link.get("rel") == "canonical"]
        assert canonical == [f"https://portal.example{page.path}"], page.path
        versions[canonical[0]] = {link.get("hreflang"): link.get("href") for link in links if link.get("hreflang")}
    for address, alternates in versions.items():
        assert set(alternates) == {"zh-Hans", "en", "x-default"}, address
        assert alternates["x-default"] == alternates["zh-Hans"], address
        assert address in alternates.values(), address
        for other in alternates.values():
            assert versions[other] == alternates, (address, other)


def test_no_link_is_dead_and_none_asks_a_foreign_host(served, client, record_property):
    inside, fragments = set(), 0
    for page in served:
        for element, address in page.links:
            if address.startswith(("tel:", "mailto:", "https://portal.example/")):
                continue
            assert address.startswith(("/", "#", "?")), (page.path, element.tag, address)
            target, fragment = urldefrag(address)
            if fragment and not target:
                fragments += 1
                assert fragment in page.ids, (page.path, address)
            elif not target.startswith("/static/"):
                inside.add(urljoin(page.path, target))
    statuses = {page.path: page.response.status_code for page in served}
    for address in inside:
        status = statuses.get(address) or client.get(address).status_code
        assert status == 200, address
    record_property("links followed", len(inside))
    assert len(inside) >= 70
    assert fragments >= len(served)


def test_each_language_is_marked(served):
    """English pages have Chinese characters only where marked as Chinese. Chinese pages have no English strings."""
    swept = 0
    for page in served:
        for element, text in texts(page.one("html"), page.one("html").get("lang")):
            swept += 1
            if page.page.language == "en":
                assert not HAN.search(text), (page.path, element, text)
            else:
                foreign = set(LATIN_WORDS.findall(text)) - {"CSTVE", "WCAG", "Web", "JavaScript", "axe", "Cookie"}
                foreign -= {"UTC", "PDF", "Word", "Excel", "PowerPoint", "PNG", "JPEG"}
                assert not foreign - {"Gu", "Dai"}, (page.path, element, text)
    assert swept > 5000


def texts(element, own):
    """Yields (tag, text) for everything below `element` in the language `own`, attributes included."""
    if not isinstance(element.tag, str) or element.get("lang", own) != own or element.get("translate") == "no":
        return
    tag = element.tag.rpartition("}")[2]
    if tag in ("script", "style"):
        return
    yield from ((tag, element.get(name)) for name in ("alt", "title", "aria-label") if element.get(name))
    if tag == "meta" and element.get("name") == "description":
        yield tag, element.get("content")
    if element.text:
        yield tag, element.text
    for child in element:
        yield from texts(child, own)
        if child.tail:
            yield tag, child.tail


def test_the_list_of_pages_and_the_site_map_are_one(client, served):
    assert client.get("/sitemap.xml").content.decode().count("<loc>") == 1
    xml = client.get("/sitemap-1.xml").content.decode()
    assert xml.count("<loc>") == len(served)
    assert xml.count("<lastmod>") == len(served)
    assert xml.count('hreflang="x-default"') == len(served)
    for page in served:
        assert f"<loc>https://portal.example{page.path}</loc>" in xml


def test_a_page_in_one_language_is_listed_in_that_language_alone(client):
    Program.objects.filter(slug="teacher-exchange").update(published_at_en=None)
    Page.objects.filter(slug="about").update(published_at_zh_hans=None)
    paths = {page.path for page in public_pages()}
    assert "/zh-hans/programs/teacher-exchange/" in paths
    assert "/en/programs/teacher-exchange/" not in paths
    assert "/zh-hans/about/" not in paths
    chinese = client.get("/zh-hans/programs/teacher-exchange/").content.decode()
    assert 'hreflang="en" href="https' not in chinese
    assert 'hreflang="x-default" href="https://portal.example/zh-hans/programs/teacher-exchange/"' in chinese
    english = client.get("/en/about/").content.decode()
    assert 'hreflang="x-default" href="https://portal.example/en/about/"' in english
    assert "teacher-exchange" not in client.get("/en/").content.decode()
    assert "teacher-exchange" not in client.get("/en/programs/").content.decode()
    assert 'href="/zh-hans/about/"' not in client.get("/zh-hans/").content.decode()


@pytest.mark.parametrize(
    ("language", "words", "link"),
    [
        ("en", "not published in English", '<a href="/zh-hans/programs/teacher-exchange/'),
        ("zh-hans", "本页没有中文版", '<a href="/en/programs/teacher-exchange/'),
    ],
)
def test_a_page_of_the_other_language_says_so(client, language, words, link):
    Program.objects.filter(slug="teacher-exchange").update(**{f"published_at_{language.replace('-', '_')}": None})
    response = client.get(f"/{language}/programs/teacher-exchange/")
    assert response.status_code == 404
    assert words in response.content.decode()
    assert link in response.content.decode()
    assert "hreflang" not in response.content.decode().split("</head>")[0]
    with override(language):
        assert response.headers["Content-Language"] == html_code(language)


def test_a_site_without_content_says_so(client):
    for model in (Program,):
        model.objects.all().delete()
    for path in ("/en/", "/en/programs/", "/en/centres/international-exchange/", "/en/partners/japan/"):
        assert client.get(path).status_code == 200, path
    assert "No program is published in this language" in client.get("/en/programs/").content.decode()


def test_a_nul_in_an_address_gets_a_page(client):
    client.raise_request_exception = False
    details = ["partners/japan/", "programs/teacher-exchange/", "centres/international-exchange/", "privacy/"]
    paths = [*details, "programs/areas/evaluation/", "resources/", "programs/", "partners/", "centres/", "pages/"]
    paths = [f"/en/{path}" for path in [*paths, "terms/", "search/", "contact/", "contact/status/", ""]]
    names = [*PARAMETERS, "reference", "code", "message", "organisation", "stored"]
    asked = [f"{path}?{name}=%00x" for path in paths for name in names]
    asked += [f"{path}?q=exchange&{name}=x%00" for path in ("/en/search/", "/en/programs/") for name in names]
    for path in paths:
        parts = path.split("/")[:-1]
        asked += [
            "/".join([*parts[:number], f"{part}%00", *parts[number + 1 :], ""]) for number, part in enumerate(parts)
        ]
    asked += [f"/en/{path}%00/" for path in ("resources/x/file/", "contact/received/", "contact/status/x/", "media/")]
    asked += ["/%00", "/sitemap.xml?x=%00", "/sitemap-%00.xml", "/media/%00.png", "/robots.txt%00", "/healthz?%00=%00"]
    statuses = {address: client.get(address).status_code for address in asked}
    assert len(statuses) > 300
    assert {address: status for address, status in statuses.items() if status not in (200, 302, 400, 404)} == {}
