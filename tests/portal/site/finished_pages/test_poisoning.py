"""Nothing of one request reaches another visitor: what is kept is what Django makes for nobody in particular."""

import socket
from io import BytesIO
from urllib.parse import urlsplit

import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.test import Client

from portal.models import Centre, User
from portal.site.finished_pages.pages import answer
from portal.site.finished_pages.server import PageServer
from tests.portal.test_database_away import wait_for

pytestmark = pytest.mark.django_db

PATHS = ["/en/", "/zh-hans/programs/", "/en/search/", "/en/programs/teacher-exchange/"]
EVIL = "evil.example"
# As a WSGI server hands on bytes (PEP 3333).
CHINESE = "中文".encode().decode("latin-1")
REQUESTS = [
    {"HTTP_HOST": EVIL},
    {"HTTP_X_FORWARDED_HOST": EVIL, "HTTP_X_FORWARDED_PROTO": "https", "HTTP_X_FORWARDED_PORT": "1"},
    {"HTTP_X_FORWARDED_PROTO": "http", "HTTP_FORWARDED": f"host={EVIL};proto=http"},
    {"HTTP_X_FORWARDED_PREFIX": f"/{EVIL}", "HTTP_X_SCRIPT_NAME": f"/{EVIL}", "HTTP_X_ORIGINAL_URL": "/admin/"},
    {"HTTP_X_FORWARDED_FOR": f"{EVIL}, 1.2.3.4", "REMOTE_ADDR": "1.2.3.4"},
    {"HTTP_X_HTTP_METHOD_OVERRIDE": "POST", "HTTP_X_METHOD_OVERRIDE": "DELETE"},
    {"HTTP_ACCEPT_LANGUAGE": "de", "HTTP_COOKIE": f"django_language=zh-hans; csrftoken={EVIL}"},
    {"HTTP_COOKIE": f"{CHINESE}={EVIL}; =; ;;; messages={EVIL}; a={CHINESE}"},
    {"HTTP_ACCEPT_ENCODING": CHINESE, "HTTP_USER_AGENT": CHINESE, "HTTP_REFERER": f"https://{EVIL}/{CHINESE}"},
    {"HTTP_ACCEPT_ENCODING": "identity;q=0, *;q=0", "HTTP_ACCEPT": "application/json"},
    {"HTTP_ACCEPT_ENCODING": "br" + ", x" * 20_000},
    {"HTTP_RANGE": "bytes=0-9", "HTTP_IF_RANGE": '"x"'},
    {"HTTP_IF_NONE_MATCH": f'"{EVIL}", W/"{CHINESE}"', "HTTP_IF_MATCH": '"x"'},
    {"HTTP_IF_MODIFIED_SINCE": "Fri, 01 Jan 2100 00:00:00 GMT", "HTTP_IF_UNMODIFIED_SINCE": "0"},
    {"QUERY_STRING": f"from={EVIL}&utm_source={CHINESE}&next=//{EVIL}"},
    {"QUERY_STRING": f"q={EVIL}"},
    {"QUERY_STRING": "%71=" + EVIL},
    {"QUERY_STRING": f"view=pair&q={EVIL}&page=2&have=1&kind={EVIL}"},
    {"QUERY_STRING": f"{CHINESE}&%ff=%00&q[]={EVIL}"},
    {"QUERY_STRING": "&" * 1200},
    {"REQUEST_METHOD": "HEAD"},
    {"REQUEST_METHOD": "POST"},
    {"REQUEST_METHOD": "PUT"},
    {"REQUEST_METHOD": "OPTIONS"},
    {"REQUEST_METHOD": "get"},
    {
        "CONTENT_LENGTH": "9",
        "CONTENT_TYPE": "application/x-www-form-urlencoded",
        "wsgi.input": BytesIO(b"q=" + EVIL.encode()),
    },
    {"HTTP_COOKIE": f"sessionid={EVIL}"},
    {"HTTP_COOKIE": f'a="; sessionid={EVIL}"'},
    {"HTTP_SCRIPT_NAME": f"/{EVIL}", "HTTP_PATH_INFO": "/admin/"},
]
ODD_PATHS = [
    "//en/",
    "/en//",
    "/en/./",
    "/en/../en/",
    "/en/programs/../",
    "/en/programs/%2e%2e/",
    "/en/..%2f",
    "/EN/",
    "/en/PROGRAMS/",
    "/en/programs",
    "/en",
    "/en/\0/",
    "/en/programs/\r\nX-Evil: 1/",
    f"/en/{CHINESE}/",
    "/en/index.html/",
    "/en/programs/index.html",
    "/current/en/",
    "/en\\programs\\",
    "/en/programs;x=1/",
    f"/en/{'a' * 80}/",
    f"/en/{'a' * 81}/",
    f"/en/{'a/' * 5}",
    f"/en/{'a' * 9000}/",
    f"http://{EVIL}/en/",
    "*",
    "",
]


@pytest.fixture
def server(client):
    server = PageServer(WSGIHandler())
    server.store.begin()
    return server


def ask(server, path, **changes):
    """Returns the status, the headers and the body that the server answers."""
    started = []
    environ = {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": "",
        "SERVER_NAME": "portal.example",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": "portal.example",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.url_scheme": "http",
        "wsgi.input": BytesIO(),
        **changes,
    }
    response = server(environ, lambda *arguments: started.append(arguments))
    body = b"".join(response)
    if hasattr(response, "close"):
        response.close()
    [(status, headers)] = started
    return int(status[:3]), dict(headers), body


def assert_clean(server, paths):
    """Asserts that nothing but `paths` is kept, and each as Django makes it for nobody."""
    edition = server.store.catch_up()
    kept = {f"/{file.parent.relative_to(edition.folder)}/" for file in edition.folder.rglob("index.html*")}
    assert kept == set(edition.pages) == set(paths)
    for path in paths:
        assert edition.files(path)[""].read_bytes() == edition.pages[path].bodies[""] == answer(path).content, path


@pytest.mark.parametrize("first", [True, False], ids=["before anybody else", "after others"])
def test_what_a_request_holds_is_not_kept(server, first, record_property):
    stored, number = set(), 0
    if not first:
        for path in PATHS:
            ask(server, path)
        stored = set(PATHS)
    expected = {path: answer(path).content for path in PATHS}
    for changes in REQUESTS:
        for path in PATHS[1:2] if first else PATHS:
            if first:
                # As if the process had just begun with an empty folder.
                Centre.objects.update(sort_order=7)
                server.store.catch_up()
                stored = set()
            status, headers, body = ask(server, path, **changes)
            number += 1
            assert status in (200, 400, 403, 405), changes
            if status == 200 and "no-store" not in headers["Cache-Control"] and path in server.store.edition.pages:
                stored.add(path)
            assert EVIL.encode() not in body or "QUERY_STRING" in changes
            assert EVIL not in str(headers)
            if first:
                assert_clean(server, stored)
    if not first:
        assert_clean(server, PATHS)
    for path in PATHS:
        assert ask(server, path)[2] == expected[path]
    record_property("requests", number)


def test_no_odd_address_is_kept_or_answered_with_a_page(server):
    ask(server, "/en/")
    for path in ODD_PATHS:
        status, headers, _body = ask(server, path)
        assert status in (301, 302, 400, 404), path
        assert EVIL not in headers.get("Location", ""), path
        assert "\n" not in str(headers.get("Location", "")) and not headers.get("Location", "").startswith("//"), path
    assert_clean(server, ["/en/"])


def test_staff_get_no_kept_page_and_leave_none(server):
    browser = Client()
    browser.force_login(User.objects.create_superuser("staff", password="x", language="en"))
    cookie = {"HTTP_COOKIE": f"other=1; sessionid={browser.cookies['sessionid'].value}"}
    for path in PATHS:
        assert ask(server, path, **cookie)[0] == 200
    assert_clean(server, [])
    for path in PATHS:
        ask(server, path)
    marked = server.store.edition.pages["/en/"]
    marked.bodies = dict.fromkeys(marked.bodies, b"kept")
    assert ask(server, "/en/")[2] == b"kept"
    assert ask(server, "/en/", **cookie)[2] == answer("/en/").content


TARGETS = [
    b"GET http://evil.example/en/ HTTP/1.1\r\nHost: %(host)s",
    b"GET /en/programs/ HTTP/1.1\r\nHost: evil.example",
    b"GET /en/programs/ HTTP/1.1\r\nHost: %(host)s\r\nHost: evil.example",
    b"GET /en/programs/ HTTP/1.1\r\nHost: %(host)s\r\nX-Evil: \xe4\xb8\xad\xff",
    b"GET /en/programs/ HTTP/1.1\r\nHost: %(host)s\r\nCookie: a=1\r\nCookie: sessionid=x",
    b"GET /en/programs/ HTTP/1.1\r\nHost: %(host)s\r\nContent-Length: 30\r\n\r\nGET /evil.example HTTP/1.1\r\n\r\n",
    b"GET /en/programs/ HTTP/1.1\r\nHost: %(host)s\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nevil.\r\n0\r\n\r\n",
    b"GET /en/programs/%%00/ HTTP/1.1\r\nHost: %(host)s",
    b"GET /en%%2fprograms%%2f HTTP/1.1\r\nHost: %(host)s",
    b"GET /en/%%2e%%2e/zh-hans/ HTTP/1.1\r\nHost: %(host)s",
    b"GET //en/programs/ HTTP/1.1\r\nHost: %(host)s",
    b"GET /en/programs/?from=evil.example#x HTTP/1.1\r\nHost: %(host)s",
    b"GET /en/programs/ HTTP/1.0\r\nX-Forwarded-Host: evil.example",
    b"HEAD /en/programs/ HTTP/1.1\r\nHost: %(host)s",
    b"PUT /en/programs/ HTTP/1.1\r\nHost: %(host)s\r\nContent-Length: 0",
    b"GET /en/" + b"a" * 60_000 + b"/ HTTP/1.1\r\nHost: %(host)s",
]


@pytest.mark.no_database
def test_bytes_on_the_wire_change_no_page(site):
    host, port = "127.0.0.1", urlsplit(site.url).port

    def send(head):
        with socket.create_connection((host, port), timeout=30) as connection:
            connection.sendall(head % {b"host": f"localhost:{port}".encode()} + b"\r\nConnection: close\r\n\r\n")
            found = b""
            while part := connection.recv(65_536):
                found += part
        return found

    def clean(path):
        return send(b"GET " + path + b" HTTP/1.1\r\nHost: %(host)s").partition(b"\r\n\r\n")[2]

    def kept():
        return {str(file.parent.relative_to(folder)) for file in folder.rglob("index.html*")}

    paths, folder = [b"/en/programs/", b"/zh-hans/", b"/en/"], site.data / "pages/current"
    # Another test may have changed the content a moment ago.
    wait_for(lambda: {"en/programs", "zh-hans", "en"} <= kept())
    before = {path: clean(path) for path in paths}
    assert all(page.lower().startswith(b"<!doctype html>") for page in before.values())
    for target in TARGETS:
        head, _end, body = send(target).partition(b"\r\n\r\n")
        assert b"evil.example" not in head + body, target[:60]
        assert b" 500 " not in head, target[:60]
    assert {path: clean(path) for path in paths} == before
    sitemap = send(b"GET /sitemap-1.xml HTTP/1.1\r\nHost: %(host)s").decode()
    assert {"en/programs", "zh-hans", "en"} <= kept()
    assert all(f"/{path}/" in sitemap or path.endswith("/search") for path in kept())
