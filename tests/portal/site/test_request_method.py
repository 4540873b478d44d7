"""A page that is only read refuses what a browser sends with status 405 and a page; a form still asks for its token."""

import pytest
from bs4 import BeautifulSoup
from django.test import Client

from portal.site.sitemaps import public_pages

pytestmark = pytest.mark.django_db

HEADINGS = {"en": "This cannot be done here", "zh-Hans": "此处不能进行这项操作"}
FORMS = ["contact/", "contact/status/", "contact/status/token/", "contact/status/token/withdraw/"]
OTHERS = ["/", "/robots.txt", "/sitemap.xml", "/healthz", "/media/a.png", "/favicon.ico", "/.well-known/security.txt"]


def test_every_page_without_a_form_refuses_what_is_sent_and_says_so_in_its_language():
    client = Client(enforce_csrf_checks=True)
    read = {page.path for page in public_pages()}
    read |= {f"/{language}/{path}" for language in ("en", "zh-hans") for path in ("search/", "contact/received/token/")}
    read -= {f"/{language}/{path}" for language in ("en", "zh-hans") for path in FORMS}
    assert len(read) > 60
    for path in [*read, *OTHERS]:
        response = client.post(path, {"a": "b"}, headers={"Accept-Language": "en"})
        assert (response.status_code, response["Allow"]) == (405, "GET, HEAD"), path
        page = BeautifulSoup(response.content, "html.parser")
        assert page.h1.text == HEADINGS[page.html["lang"]], path
        assert page.html["lang"] == ("zh-Hans" if path.startswith("/zh-hans/") else "en")


@pytest.mark.parametrize("language", ["en", "zh-hans"])
@pytest.mark.parametrize("path", FORMS)
def test_a_form_without_its_token_is_refused_and_one_with_another_method_too(language, path):
    client = Client(enforce_csrf_checks=True)
    refused = client.post(f"/{language}/{path}", {"a": "b"})
    assert refused.status_code == (404 if "token" in path else 403)
    response = client.put(f"/{language}/{path}")
    assert (response.status_code, response["Allow"]) == (405, "GET, HEAD, POST")
    assert BeautifulSoup(response.content, "html.parser").h1.text in HEADINGS.values()
