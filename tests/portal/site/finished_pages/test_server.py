"""How finished pages are handed out, and what is left to Django."""

import gzip
from email.utils import formatdate
from io import BytesIO

import brotli
import pytest
from django.urls import reverse
from django.utils.translation import override

from portal.models import Centre
from portal.site.finished_pages import store
from portal.site.finished_pages.editions import Edition, name_in_force
from portal.site.finished_pages.pages import answer
from portal.site.finished_pages.server import PageServer, best_encoding, is_known, is_own, is_read
from portal.site.headers import headers_of_pages

pytestmark = pytest.mark.django_db

HOME = "/en/"


class Answer:
    """What a WSGI application answers."""

    def __init__(self, application, path, method="GET", query="", **headers):
        environ = {"REQUEST_METHOD": method, "PATH_INFO": path, "QUERY_STRING": query, "wsgi.input": BytesIO()}
        environ |= {"HTTP_HOST": "portal.example"} | headers
        self.body = b"".join(application(environ, self.start))

    def start(self, status, headers):
        self.status, self.headers = status, dict(headers)
        assert len(self.headers) == len(headers)


def by_django(environ, start_response):
    """Stands in for the application inside."""
    start_response("200 OK", [("Server", "Django")])
    return [b"by Django"]


@pytest.fixture
def server():
    is_own.cache_clear()
    server = PageServer(by_django)
    server.store.begin()
    return server


def test_a_page_is_handed_out_in_each_encoding(server):
    body = answer(HOME).content
    found = {}
    for accepted, decode in [("", bytes), ("gzip", gzip.decompress), ("gzip, deflate, br, zstd", brotli.decompress)]:
        found[accepted] = given = Answer(server, HOME, HTTP_ACCEPT_ENCODING=accepted)
        assert given.status == "200 OK"
        assert decode(given.body) == body
        assert given.headers["Content-Length"] == str(len(given.body))
        of_the_file = ("ETag", "Content-Length", "Content-Encoding")
        assert {k: v for k, v in given.headers.items() if k not in of_the_file} == headers_of_pages("en")
    assert [given.headers.get("Content-Encoding") for given in found.values()] == [None, "gzip", "br"]
    assert len({given.headers["ETag"] for given in found.values()}) == 3


def test_the_etag_is_that_of_nginx(server):
    Answer(server, HOME)
    for encoding, file in server.store.edition.files(HOME).items():
        stat = file.stat()
        given = Answer(server, HOME, HTTP_ACCEPT_ENCODING=encoding)
        assert given.headers["ETag"] == f'"{int(stat.st_mtime):x}-{stat.st_size:x}"'
        assert stat.st_mode & 0o777 == 0o644
    assert "Last-Modified" not in given.headers


def test_head_and_304_have_no_body(server):
    page, head = Answer(server, HOME), Answer(server, HOME, "HEAD")
    assert (head.status, head.headers, head.body) == (page.status, page.headers, b"")
    for known in (page.headers["ETag"], f"W/{page.headers['ETag']}", f'"other", {page.headers["ETag"]}', "*"):
        given = Answer(server, HOME, HTTP_IF_NONE_MATCH=known)
        assert (given.status, given.body) == ("304 Not Modified", b"")
        assert given.headers["ETag"] == page.headers["ETag"]
        assert given.headers["Cache-Control"] == page.headers["Cache-Control"]
        assert not {"Content-Length", "Content-Type"} & given.headers.keys()
    # The time of a file is no date, so nothing is compared with it.
    for conditions in ({"HTTP_IF_NONE_MATCH": '"other"'}, {"HTTP_IF_MODIFIED_SINCE": formatdate(2**33)}):
        assert Answer(server, HOME, **conditions).status == "200 OK"


@pytest.mark.parametrize(
    ("accepted", "expected"),
    [
        ("gzip", "gzip"),
        ("GZIP , BR", "br"),
        ("br;q=0, gzip;q=0.5", "gzip"),
        ("br; q=0.000", ""),
        ("br;q=0.001", "br"),
        ("identity", ""),
        ("*", ""),
        ("x-gzip, brotli", ""),
        (";,;q=,br;q=x", "br"),
    ],
)
def test_the_encoding_is_one_that_the_client_accepts(accepted, expected):
    assert best_encoding(accepted) == expected


@pytest.mark.parametrize(
    ("known", "expected"), [('"a"', True), ('W/"a"', True), ('"b"', False), ("a", False), ("", False)]
)
def test_an_etag_is_compared_weakly(known, expected):
    assert is_known('"a"', known) == expected


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("from=singlemessage&isappinstalled=0", False),
        ("q=", True),
        ("q", True),
        ("%71=college", True),
        ("from=a&page=2", True),
        ("from=" + "a" * 1000, True),
        ("=", False),
    ],
)
def test_which_queries_a_view_may_read(query, expected):
    assert is_read(query) == expected


def test_a_query_that_no_view_reads_gets_the_page(server):
    page = Answer(server, "/en/programs/")
    assert Answer(server, "/en/programs/", query="from=timeline").body == page.body
    assert Answer(server, "/en/programs/", query="q=college").body == b"by Django"


@pytest.mark.parametrize(
    ("path", "method", "headers"),
    [
        (HOME, "POST", {}),
        (HOME, "OPTIONS", {}),
        (HOME, "GET", {"HTTP_COOKIE": "a=b; sessionid=c"}),
        (HOME, "GET", {"HTTP_HOST": "other.example"}),
        (HOME, "GET", {"HTTP_HOST": ""}),
        ("/", "GET", {}),
        ("/en", "GET", {}),
        ("/en/nothing/", "GET", {}),
        ("/en//programs/", "GET", {}),
        ("/en/programs/../", "GET", {}),
        ("/EN/", "GET", {}),
        ("/en/contact/", "GET", {}),
        ("/en/contact/status/", "GET", {}),
        ("/en/resources/nothing/file/", "GET", {}),
        ("/admin/", "GET", {}),
        ("/healthz", "GET", {}),
        ("/en/" + "a" * 300 + "/", "GET", {}),
        ("/en/programs/\x00/", "GET", {}),
        ("/en/programs/\xe4\xb8\xad/", "GET", {}),
    ],
)
def test_all_else_is_left_to_django(server, path, method, headers):
    # A page at hand must not be handed out either.
    Answer(server, HOME)
    assert Answer(server, path, method, **headers).body == b"by Django"


def test_behind_tls_only_a_request_by_tls_gets_a_page(server, settings):
    settings.SECURE_SSL_REDIRECT = True
    is_own.cache_clear()
    assert Answer(server, HOME).body == b"by Django"
    assert Answer(server, HOME, HTTP_X_FORWARDED_PROTO="http").body == b"by Django"
    settings.SECURE_SSL_REDIRECT = False
    is_own.cache_clear()
    assert Answer(server, HOME).body != b"by Django"


def test_a_row_that_is_not_there_gets_the_page_that_says_so_and_is_not_kept(server):
    missing = Answer(server, "/en/programs/nothing/")
    assert missing.status == "404 Not Found"
    assert b"<h1>" in missing.body
    assert Answer(server, "/en/programs/neither/", "HEAD").body == b""
    # The second time, nobody waits for anybody.
    assert Answer(server, "/en/programs/nothing/").body == b"by Django"
    assert not server.store.edition.has("/en/programs/nothing/")


def test_nothing_is_handed_out_before_watching_begins():
    assert Answer(PageServer(by_django), HOME).body == b"by Django"


def test_a_change_in_the_admin_is_in_force_before_its_answer(server):
    centre = Centre.objects.first()
    with override("en"):
        path = centre.get_absolute_url()
    before = Answer(server, path)
    edition = name_in_force()

    def change(environ, start_response):
        Centre.objects.filter(pk=centre.pk).update(title_en="Renamed")
        return by_django(environ, start_response)

    server.application = change
    Answer(server, "/admin/portal/centre/1/change/", "POST")
    assert name_in_force() != edition
    after = Answer(server, path)
    assert b"Renamed" in after.body
    assert b"Renamed" not in before.body
    assert after.headers["ETag"] != before.headers["ETag"]


def test_a_page_that_is_withdrawn_is_gone(server):
    centre = Centre.objects.first()
    with override("en"):
        path = centre.get_absolute_url()
    assert Answer(server, path).status == "200 OK"
    Centre.objects.filter(pk=centre.pk).update(published_at_en=None)
    server.store.catch_up()
    assert Answer(server, path).status == "404 Not Found"


def test_pages_in_memory_are_read_without_the_disk_and_those_on_disk_without_django(server, monkeypatch):
    page = Answer(server, HOME)

    def fail(*arguments):
        raise AssertionError("not needed")

    monkeypatch.setattr(store, "answer", fail)
    other = PageServer(by_django)
    other.store.begin()
    assert Answer(other, HOME).body == page.body
    monkeypatch.setattr(Edition, "files", fail)
    assert Answer(other, HOME).headers == page.headers


def test_what_visitors_ask_for_is_noted(server):
    with override("zh-hans"):
        path = reverse("term_list")
    Answer(server, path)
    assert path in store.asked_for()
    assert "/en/nothing/" not in store.asked_for()
