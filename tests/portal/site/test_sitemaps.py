"""The sitemap: an index of files that together list every public page once."""

from itertools import chain
from xml.etree import ElementTree

import pytest
from django.utils import timezone

from portal.bilingual.languages import LANGUAGES
from portal.site import sitemaps
from portal.site.sitemaps import DETAIL_MODELS, LIST_PAGES, public_pages
from programs.models import Area, Program

pytestmark = pytest.mark.django_db

NAMESPACE = "{http://www.sitemaps.org/schemas/sitemap/0.9}"
XHTML = "{http://www.w3.org/1999/xhtml}"


def parsed(client, path):
    response = client.get(path)
    assert response.status_code == 200
    assert response.headers["Content-Type"] == "application/xml; charset=utf-8"
    return ElementTree.fromstring(response.content)


def files(client):
    """The paths of the files that the index names."""
    index = parsed(client, "/sitemap.xml")
    assert index.tag == f"{NAMESPACE}sitemapindex"
    assert {child.tag for child in index} == {f"{NAMESPACE}sitemap"}
    return [loc.text.removeprefix("https://portal.example") for loc in index.iter(f"{NAMESPACE}loc")]


def entries(client, path):
    """The address of each page in a file, with the addresses of its versions by hreflang."""
    root = parsed(client, path)
    assert root.tag == f"{NAMESPACE}urlset"
    return [
        (
            url.find(f"{NAMESPACE}loc").text,
            {link.get("hreflang"): link.get("href") for link in url.iter(f"{XHTML}link")},
        )
        for url in root
    ]


@pytest.mark.parametrize("entries_a_file", [10, 500])
def test_the_files_list_every_public_page_once(client, monkeypatch, entries_a_file):
    monkeypatch.setattr(sitemaps, "ENTRIES_A_FILE", entries_a_file)
    Program.objects.filter(slug="teacher-exchange").update(published_at_en=None)
    Program.objects.filter(slug="student-exchange").update(published_at_zh_hans=None)
    Program.objects.filter(slug="resource-platform").update(published_at_zh_hans=None, published_at_en=None)
    Area.objects.filter(slug="financing").update(published_at_en=None)
    found = [entries(client, path) for path in files(client)]
    addresses = [address for address, _versions in chain(*found)]
    rows = sum(model.objects.count() for model in DETAIL_MODELS)
    assert len(addresses) == len(set(addresses)) == 2 * (len(LIST_PAGES) + rows) - 1 - 1 - 2 - 3
    assert set(addresses) == {page.url for page in public_pages()}
    assert all(client.get(address.removeprefix("https://portal.example")).status_code == 200 for address in addresses)
    assert max(map(len, found)) <= 2 * entries_a_file
    assert (len(found) > 2) == (entries_a_file == 10)
    versions = dict(chain(*found))
    one = "https://portal.example/zh-hans/programs/teacher-exchange/"
    assert versions[one] == {"zh-hans": one, "x-default": one}
    for address, by_language in versions.items():
        assert by_language["x-default"] == next(iter(by_language.values()))
        assert address in by_language.values()


@pytest.mark.parametrize("path", ["/sitemap-0.xml", "/sitemap-2.xml", "/sitemap-99999999999999999999.xml"])
def test_a_file_that_is_not_there_is_not_found(client, path):
    assert client.get(path).status_code == 404


def test_a_list_page_changes_with_what_it_shows_in_its_language():
    later = timezone.now() + timezone.timedelta(hours=1)
    Program.objects.filter(slug="teacher-exchange").update(updated_at=later, published_at_en=None)
    changed = {page.path: page.changed_at for page in public_pages()}
    assert len(changed) > 60
    assert changed["/zh-hans/programs/"] == changed["/zh-hans/"] == later
    assert changed["/en/programs/"] < later and changed["/zh-hans/terms/"] < later


def test_one_file_takes_as_many_queries_however_many_there_are(client, monkeypatch, django_assert_max_num_queries):
    monkeypatch.setattr(sitemaps, "ENTRIES_A_FILE", 10)
    last = len(files(client))
    assert last > 2
    with django_assert_max_num_queries(2 * len(DETAIL_MODELS) + 3):
        client.get(f"/sitemap-{last}.xml")
    assert len(LANGUAGES) == 2
