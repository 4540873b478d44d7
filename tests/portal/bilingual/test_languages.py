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


@pytest.mark.parametrize(
    "path",
    [
        "/about/",
        "/privacy/",
        "/programs/",
        "/programs/?country=japan&q=%E7%95%99%E5%AD%A6",
        "/programs/teacher-exchange/",
        "/programs/overview/",
        "/centres/curriculum-reform/?view=pair",
        "/partners/germany/",
        "/contact/?program=teacher-exchange",
        "/contact/status/",
        "/pages/any-page/",
    ],
)
@pytest.mark.parametrize(("accepted", "language"), [("zh-CN,en;q=0.5", "zh-hans"), ("de", "en")])
def test_an_address_without_a_language_goes_where_the_root_would(client, path, accepted, language):
    client.cookies["django_language"] = "en" if language == "zh-hans" else "zh-hans"
    for ask in (client.get, client.head):
        response = ask(path, headers={"Accept-Language": accepted})
        assert response.status_code == 302
        assert response.headers["Location"] == f"/{language}{path}"
        assert "Accept-Language" in response.headers["Vary"]
        assert not response.cookies


def test_an_address_without_language_and_slash_takes_one_step(client):
    response = client.get("/about?q=1", headers={"Accept-Language": "en"})
    assert (response.status_code, response.headers["Location"]) == (302, "/en/about/?q=1")


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("/zh/", "/zh-hans/"),
        ("/zh", "/zh-hans/"),
        ("/zh/programs/?q=%E5%AD%A6&page=2", "/zh-hans/programs/?q=%E5%AD%A6&page=2"),
        ("/zh-CN/about/", "/zh-hans/about/"),
        ("/zh-Hans/about", "/zh-hans/about/"),
        ("/ZH-HANS/partners/japan/", "/zh-hans/partners/japan/"),
        ("/zh_cn/contact/", "/zh-hans/contact/"),
        ("/EN/about/", "/en/about/"),
        ("/en-GB/", "/en/"),
    ],
)
def test_another_spelling_of_a_language_goes_to_its_address(client, path, target):
    response = client.get(path, headers={"Accept-Language": "de"})
    assert (response.status_code, response.headers["Location"]) == (301, target)


@pytest.mark.parametrize(
    "path",
    [
        "/nothing/",
        "/about/more/",
        "/zh/nothing/",
        "/zh/admin/",
        "/programs/a/b/c/",
        "//evil.example/about/",
        "//evil.example/../about/",
        "//about/",
        "/zh//evil.example/",
        "/zh/\r\nLocation:evil.example/",
        "/about\0/",
        "/\\evil.example/about/",
        "/fr/about/",
    ],
)
def test_what_is_no_page_is_not_redirected(client, path):
    # The path of the client's first argument would be parsed as an address with a host.
    response = client.get("/", PATH_INFO=path)
    assert response.status_code == 404
    assert "Location" not in response.headers


def test_addresses_that_have_no_language_stay_as_they_are(client):
    assert client.get("/robots.txt").status_code == 200
    assert client.get("/healthz").status_code == 200
    assert client.get("/admin").headers["Location"] == "/admin/"


@pytest.mark.parametrize("path", ["/contact/", "/zh/contact/"])
def test_what_is_posted_to_an_address_without_a_language_is_not_redirected(client, path):
    assert client.post(path, {"message": "a"}).status_code == 404


@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_a_forgotten_slash_is_added(client, language):
    response = client.get(f"/{language}", headers={"Accept-Language": "de"})
    assert response.status_code == 301
    assert response.headers["Location"] == f"/{language}/"


def test_the_switcher_leads_to_the_same_page_with_its_query(client):
    text = client.get("/en/programs/?page=1&q=a").content.decode()
    assert '<a href="/zh-hans/programs/?page=1&amp;q=a" lang="zh-Hans" hreflang="zh-Hans">' in text
    assert '<a href="/en/programs/?page=1&amp;q=a" lang="en" hreflang="en" aria-current="true">' in text


def test_a_query_that_the_client_did_not_escape_is_escaped(client):
    """Servers hand on its bytes as Latin-1 (PEP 3333)."""
    response = client.get("/programs/", QUERY_STRING="q=德国".encode().decode("latin-1"), HTTP_ACCEPT_LANGUAGE="en")
    assert response.headers["Location"] == "/en/programs/?q=%E5%BE%B7%E5%9B%BD"
