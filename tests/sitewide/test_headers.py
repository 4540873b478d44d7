"""The headers of every response, on public pages and in the admin."""

import base64
import hashlib
import re
from pathlib import Path

import django_prose_editor
import pytest
from django.core.management import call_command

from portal.bilingual.richtext import EDITOR_STYLE_HASH
from portal.site.headers import headers_of_pages
from portal.site.sitemaps import public_pages

pytestmark = [pytest.mark.django_db, pytest.mark.no_database]

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
ALIKE = {
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
}


def directives(policy):
    return {tuple(directive.split()) for directive in policy.split(";")}


def check(response, path):
    for name, value in ALIKE.items():
        sent = response.headers[name]
        if name == "Content-Security-Policy":
            sent, value = directives(sent), directives(value)
        assert sent == value, (path, name)


def test_public_pages(client):
    pages = public_pages()
    assert len(pages) >= 60
    for page in pages:
        response = client.get(page.path)
        check(response, page.path)
        if page.path.endswith(("/contact/", "/contact/status/")):
            assert "no-store" in response.headers["Cache-Control"]
            assert response.cookies["csrftoken"]["httponly"]
        else:
            assert response.headers["Cache-Control"] == "public, max-age=0, stale-if-error=86400", page.path
            assert not response.cookies, page.path
            assert "Cookie" not in response.headers.get("Vary", ""), page.path
            again = client.get(page.path, headers={"If-None-Match": response.headers["ETag"]})
            assert again.status_code == 304, page.path


@pytest.mark.parametrize("secure", [False, True])
def test_the_headers_of_finished_pages_are_those_of_django(client, settings, secure):
    settings.SECURE_SSL_REDIRECT, settings.SECURE_HSTS_SECONDS = secure, 31_536_000 if secure else 0
    number = 0
    for page in public_pages():
        if "/contact/" in page.path:
            continue
        number += 1
        headers = dict(client.get(page.path, secure=secure, headers={"Accept-Encoding": "gzip"}).headers)
        for name in ("Content-Length", "Content-Encoding", "ETag"):
            del headers[name]
        expected = headers_of_pages(page.language)
        assert directives(headers.pop("Content-Security-Policy")) == directives(expected.pop("Content-Security-Policy"))
        assert headers == expected, page.path
    assert number >= 60


@pytest.mark.parametrize("path", ["/", "/en/nothing/", "/sitemap.xml", "/robots.txt", "/healthz", "/admin/login/"])
def test_the_rest(client, path):
    check(client.get(path), path)


def test_the_admin_adds_a_nonce_and_the_editors_style(admin_client):
    response = admin_client.get("/admin/programs/program/add/")
    policy = {name: set(values) for name, *values in directives(response.headers["Content-Security-Policy"])}
    [nonce] = policy["script-src"] - {"'self'"}
    assert nonce.startswith("'nonce-")
    assert nonce.removeprefix("'nonce-").rstrip("'") in response.content.decode()
    [style] = policy["style-src"] - {"'self'"}
    assert style.startswith("'sha256-")
    check(admin_client.get("/admin/programs/program/"), "list")
    assert "no-store" in response.headers["Cache-Control"]


def test_the_hash_is_that_of_the_editors_style():
    folder = Path(django_prose_editor.__file__).parent
    script = (folder / "static/django_prose_editor/editor.js").read_text()
    [style] = re.findall(r"`(\.ProseMirror \{\n  position: relative;[^`]*)`", script)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"'sha256-{digest}'" == EDITOR_STYLE_HASH


def test_no_migration_is_missing():
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)
