"""The language of a page. The choice of language in the admin does not affect public pages."""

import pytest

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        (None, "zh-hans"),
        ("", "zh-hans"),
        ("*", "zh-hans"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh-hans"),
        ("zh-TW", "zh-hans"),
        ("zh-Hant-HK", "zh-hans"),
        ("en-GB,en;q=0.9", "en"),
        ("de-DE,de;q=0.9", "en"),
        ("en;q=0.5,zh;q=0.9", "zh-hans"),
        ("x" * 5000, "zh-hans"),
        (";;q=,,", "zh-hans"),
    ],
)
def test_the_root_asks_the_browser(client, accepted, language):
    headers = {} if accepted is None else {"Accept-Language": accepted}
    client.cookies["django_language"] = "en" if language == "zh-hans" else "zh-hans"
    response = client.get("/", headers=headers)
    assert response.status_code == 302
    assert response.headers["Location"] == f"/{language}/"
    assert "Accept-Language" in response.headers["Vary"]
    assert not response.cookies


def test_the_address_decides_on_public_pages(client):
    client.cookies["django_language"] = "en"
    response = client.get("/zh-hans/programs/", headers={"Accept-Language": "en"})
    assert response.headers["Content-Language"] == "zh-Hans"
    assert '<html lang="zh-Hans">' in response.content.decode()


def test_the_admin_has_a_choice_of_its_own(admin_client):
    response = admin_client.post("/admin/language/", {"language": "en", "next": "/admin/"})
    assert response.headers["Location"] == "/admin/"
    assert response.cookies["django_language"]["path"] == "/admin/"
    assert "In English" in admin_client.get("/admin/programs/program/").content.decode()
    admin_client.post("/admin/language/", {"language": "zh-hans", "next": "/admin/"})
    assert "英文版" in admin_client.get("/admin/programs/program/").content.decode()


@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_a_forgotten_slash_is_added(client, language):
    response = client.get(f"/{language}", headers={"Accept-Language": "de"})
    assert response.status_code == 301
    assert response.headers["Location"] == f"/{language}/"


def test_the_switcher_leads_to_the_same_page_with_its_query(client):
    text = client.get("/en/programs/?page=1&q=a").content.decode()
    assert '<a href="/zh-hans/programs/?page=1&amp;q=a" lang="zh-Hans" hreflang="zh-Hans">' in text
    assert '<a href="/en/programs/?page=1&amp;q=a" lang="en" hreflang="en" aria-current="true">' in text
