"""A real nginx with deploy/nginx.conf, whose workers run as its own user, in front of a real portal in production."""

import gzip
import json
import re
import shutil
import socket
import ssl
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from threading import Event
from urllib.parse import urlencode

import brotli
import psutil
import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart

from portal.site.headers import headers_of_pages
from tests import nginx
from tests.browser.steps import ANSWERS, rows
from tests.conftest import Site, free_port, start_site, stop_site
from tests.contact.files import PDF
from tests.contact.steps import form_token
from tests.portal.test_database_away import wait_for
from tests.portal.test_settings import PRODUCTION, manage

pytestmark = [
    pytest.mark.no_database,
    pytest.mark.skipif(not nginx.is_usable(), reason="no nginx or no brotli module on this machine"),
]

MEGABYTE = 1024 * 1024
PAGES = ["/en/", "/zh-hans/", "/en/programs/", "/zh-hans/programs/teacher-exchange/"]
SAMPLES = """
from django.core.management import call_command
call_command("migrate", verbosity=0)
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from tests.programs.resources import published, with_file
with_file(published("sample-standard"), "en", content=%(content)r)
default_storage.save("department/picture.PNG", ContentFile(b"a picture"))
default_storage.save("department/page.html", ContentFile(b"<script>"))
"""
STANDARD = PDF + b"the standard" * 100
# Other addresses than a page has. The portal answers them.
NO_PAGES = """
//en/programs/ /en//programs/ /en/programs// /en/programs/index.html /en/programs/index.html/ /EN/programs/
/en/programs;/ /en/programs%5c /en/%E2%80%AE/ /en/programs/%23 /en/%0d%0aX-Header:%20x/ /none /none/ /current/en/
/pages/current/en/programs/ /pages/current/en/programs/index.html /500.html /media/ /media/department/page.html
/portal.sqlite3 /secret-key /serve.log /department.json /static/staticfiles.json/ /static/css/
"""
# nginx resolves these before it looks for a location.
RESOLVED_BY_NGINX = """
/en/../en/programs/ /en/%2e%2e/en/programs/ /en/x/..%2fprograms/ /en%2fprograms%2f /en/programs/. /en/%00/ /en/%
/static/../portal.sqlite3 /static/%2e%2e/secret-key /media/%2e%2e/portal.sqlite3 /media/../portal.sqlite3%00.png
/media/department/../../portal.sqlite3 /en/..%2f..%2fportal.sqlite3 /../secret-key
"""
# What differs between two answers with the same page, or is said by servers about themselves.
OF_THE_SERVER = {"server", "date", "connection", "etag", "last-modified", "accept-ranges"}


@dataclass
class Portal:
    """A portal with nginx in front on the port `port`, and another nginx on `alone` whose portal does not answer."""

    site: Site
    folder: Path
    port: int
    plain: int
    alone: int


@pytest.fixture(scope="module")
def portal():
    # Not in pytest's folder, which nginx's user cannot reach.
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    data = folder / "data"
    data.mkdir()
    environment = PRODUCTION | {"PORTAL_SECRET_KEY": settings.SECRET_KEY, "PORTAL_REQUIRE_MFA": "0"}
    prepared = manage(data, "shell", "-v0", "-c", SAMPLES % {"content": STANDARD}, **environment)
    assert prepared.returncode == 0, prepared.stderr
    site = start_site(data, PORTAL_X_ACCEL="1", **environment)
    try:
        # From now on nothing changes content by itself.
        wait_for(lambda: "Worker: delivering mails." in (data / "serve.log").read_text())
        port, plain, alone = (free_port() for _port in range(3))
        server, nobody = int(site.environment["PORT"]), free_port()
        with (
            nginx.running(folder / "nginx", data, server, port, plain),
            nginx.running(folder / "alone", data, nobody, alone, free_port()),
        ):
            yield Portal(site, folder, port, plain, alone)
    finally:
        stop_site(site)
        shutil.rmtree(folder)


class Client:
    """Sends requests to portal.example, with its own cookies: with TLS if it gets a certificate, else as nginx does."""

    def __init__(self, port, certificate=None):
        self.port, self.cookies = port, {}
        self.context = certificate and ssl.create_default_context(cafile=certificate)

    def connect(self, http="http/1.1"):
        """Returns an HTTPConnection whose socket is connected."""
        connection = HTTPConnection(nginx.NAME, timeout=30)
        connection.sock = socket.create_connection(("127.0.0.1", self.port), timeout=30)
        if self.context:
            self.context.set_alpn_protocols([http])
            connection.sock = self.context.wrap_socket(connection.sock, server_hostname=nginx.NAME)
        return connection

    def send(self, path, method="GET", body=None, headers=()):
        """Returns the response, with the attribute `body`. Without Accept-Encoding, unless `headers` has it."""
        connection = self.connect()
        connection.putrequest(method, path, skip_accept_encoding=True)
        sent = {"Origin": f"https://{nginx.NAME}"} | dict(headers)
        if self.cookies:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        if not self.context:
            sent["X-Forwarded-Proto"] = "https"
        if body is not None:
            sent["Content-Length"] = str(len(body))
        for name, value in sent.items():
            connection.putheader(name, value)
        connection.endheaders(body)
        response = connection.getresponse()
        response.body = response.read()
        for cookie in response.headers.get_all("Set-Cookie", ()):
            name, value = cookie.partition(";")[0].split("=", 1)
            self.cookies[name] = value
        connection.close()
        return response

    def post(self, path, fields):
        """Opens the form at `path` and submits it with `fields`."""
        token = re.search(rb'name="csrfmiddlewaretoken" value="([^"]+)"', self.send(path).body)[1].decode()
        body = encode_multipart(BOUNDARY, fields | {"csrfmiddlewaretoken": token})
        return self.send(path, "POST", body, {"Content-Type": MULTIPART_CONTENT})


@pytest.fixture
def visitor(portal):
    return Client(portal.port, portal.folder / "nginx/certificate.pem")


@pytest.fixture
def direct(portal):
    """A client that asks the portal itself, as nginx does."""
    return Client(int(portal.site.environment["PORT"]))


@pytest.fixture
def alone(portal):
    """A client of the nginx whose portal does not answer."""
    return Client(portal.alone, portal.folder / "alone/certificate.pem")


def file_of(portal, path):
    return portal.site.data / f"pages/current{path}index.html"


def finished(portal, path):
    """Waits until the page at `path` is a file, and returns its content."""
    return wait_for(lambda: (file := file_of(portal, path)).exists() and file.read_bytes())


def headers(response):
    """Returns the headers that a response should have in common with another one, by their name in small letters."""
    found = {name.lower(): value.replace('"utf-8"', "utf-8") for name, value in response.getheaders()}
    # Debian's list of types has the older name, which means the same (RFC 9239).
    if found.get("content-type") == "application/javascript; charset=utf-8":
        found["content-type"] = "text/javascript; charset=utf-8"
    assert len(found) == len(response.getheaders()), "no header comes twice"
    return {name: value for name, value in found.items() if name not in OF_THE_SERVER}


def sample_headers(language):
    """Returns the headers of a finished page in production, by their name in small letters."""
    found = headers_of_pages(language) | {"Strict-Transport-Security": "max-age=31536000"}
    return {name.lower(): value for name, value in found.items()}


def test_finished_pages_come_without_the_portal(portal, alone, direct):
    decode = {None: bytes, "gzip": gzip.decompress, "br": brotli.decompress}
    for path in PAGES:
        body, etags = finished(portal, path), set()
        for accepted, expected in {
            None: None,
            "": None,
            "identity": None,
            "gzip": "gzip",
            "gzip, deflate, br, zstd": "br",
            "br;q=1.0, gzip;q=0.8, *;q=0.1": "br",
            "gzip;q=0, br;q=0": None,
            "GZIP": "gzip",
            "xgzip, brx": None,
            ",;q=,;,=\t": None,
        }.items():
            given = {} if accepted is None else {"Accept-Encoding": accepted}
            page = alone.send(path, headers=given)
            assert (page.status, page.headers["Content-Encoding"]) == (200, expected), (path, accepted)
            assert decode[expected](page.body) == body
            length = {"content-length": str(len(page.body))} | ({"content-encoding": expected} if expected else {})
            assert headers(page) == sample_headers(path.split("/")[1]) | length
            assert page.headers["Last-Modified"] is page.headers["Accept-Ranges"] is None
            etags.add(etag := page.headers["ETag"])
            assert direct.send(path, headers=given).headers["ETag"] == etag

            head = alone.send(path, "HEAD", headers=given)
            assert (head.status, headers(head), head.body) == (200, headers(page), b"")
            for known in (etag, f"W/{etag}", f'"other", {etag}'):
                again = alone.send(path, headers=given | {"If-None-Match": known})
                assert (again.status, again.headers["ETag"], again.body) == (304, etag, b"")
                assert again.headers["Cache-Control"] == page.headers["Cache-Control"]
            for condition in (
                {"If-None-Match": '"other"'},
                {"If-Modified-Since": "Fri, 01 Jan 2100 00:00:00 GMT"},
                {"Range": "bytes=0-9"},
            ):
                whole = alone.send(path, headers=given | condition)
                assert (whole.status, whole.body) == (200, page.body), condition
        assert len(etags) == 3
    master = psutil.Process(int((portal.folder / "nginx/nginx.pid").read_text()))
    if master.username() == "root":
        assert {worker.username() for worker in master.children()} == {"www-data"}
    with closing(alone.connect("h2")) as connection:
        assert connection.sock.selected_alpn_protocol() == "h2"


def test_the_portal_answers_what_is_no_finished_page(portal, visitor, direct):
    path = "/en/programs/"
    body = finished(portal, path)
    page = visitor.send(path)
    assert page.body == body
    for address, cookies, same in [
        (f"{path}?from=singlemessage", {}, True),
        (f"{path}?q=teacher", {}, False),
        (path, {"sessionid": "0123456789abcdef0123456789abcdef"}, False),
    ]:
        for client in (visitor, direct):
            client.cookies = dict(cookies)
        answer, expected = visitor.send(address), direct.send(address)
        assert (answer.status, headers(answer)) == (200, headers(expected)), address
        assert answer.body == expected.body
        assert (answer.headers["ETag"] == page.headers["ETag"]) == same, address
        visitor.cookies = direct.cookies = {}
    for address in ("/", "/en/nothing/", "/about/", "/en/programs", "/en/contact/status/", "/admin/", "/robots.txt"):
        answer, expected = visitor.send(address), direct.send(address)
        assert (answer.status, answer.headers["Location"]) == (expected.status, expected.headers["Location"]), address
        assert answer.headers["Content-Security-Policy"], address
    refused = visitor.send(path, "POST", b"")
    assert refused.status == 405
    plain = HTTPConnection("127.0.0.1", portal.plain, timeout=30)
    plain.request("GET", "/en/programs/?q=a%20b", headers={"Host": "evil.example"})
    assert plain.getresponse().headers["Location"] == "https://portal.example/en/programs/?q=a%20b"
    plain.close()


def test_no_address_leads_to_another_file(portal, visitor, alone, record_property):
    pages = {finished(portal, path) for path in PAGES}
    [resource] = (portal.site.data / "resources").iterdir()
    addresses = f"{NO_PAGES} {RESOLVED_BY_NGINX}".split()
    addresses += [f"/{place}/{resource.name}" for place in ("internal/resources", "resources", "media/../resources")]
    for client in (visitor, alone):
        for address in addresses:
            answer = client.send(address)
            assert answer.body in pages or answer.status in (301, 302, 400, 404, 503), address
            assert not re.search(rb"SQLite format|^.{50}$|%PDF", answer.body), address
            assert answer.headers["X-Header"] is None
    record_property("addresses tried", len(addresses))
    # No value of the cookie becomes a part of the address.
    for visitor.cookies["sessionid"] in ("/en", " /en", "%2fen"):
        assert visitor.send("/programs/").status == 302
    visitor.cookies = {}
    for address in NO_PAGES.split():
        assert visitor.send(address).status in (301, 302, 404), address


def test_a_visitor_sends_an_enquiry(portal, visitor):
    # Larger than nginx keeps in memory.
    letter = PDF + bytes(100_000)
    fields = ANSWERS | {"territory": "CN", "consent": "on", "form_token": form_token()}
    fields["attachments"] = SimpleUploadedFile("letter.pdf", letter, "application/pdf")
    sent = visitor.post("/en/contact/", fields)
    assert (sent.status, sent.body) == (303, b"")
    receipt = visitor.send(sent.headers["Location"])
    assert receipt.status == 200
    assert "no-store" in receipt.headers["Cache-Control"]
    assert ANSWERS["organisation"] in receipt.body.decode()
    assert rows(portal.site, "SELECT count(*) FROM contact_enquiry") == [(1,)]
    assert rows(portal.site, "SELECT name, size FROM contact_attachment") == [("letter.pdf", len(letter))]


def test_a_body_reaches_the_portal_when_it_is_whole(portal, visitor):
    """Without proxy_request_buffering, each sender would hold a connection to the portal."""
    form = urlencode({"reference": "x", "code": "y"}).encode()
    senders = [visitor.connect() for _number in range(20)]
    for sender in senders:
        sender.putrequest("POST", "/en/contact/status/")
        sender.putheader("Content-Type", "application/x-www-form-urlencoded")
        sender.putheader("Content-Length", str(len(form)))
        sender.endheaders(form[:1])
    # nginx has seen their headers when it has served requests that came later.
    for _number in range(3):
        assert visitor.send("/en/programs/?q=teacher").status == 200
    server = int(portal.site.environment["PORT"])
    opened = [found for found in psutil.net_connections("tcp4") if found.laddr and found.laddr.port == server]
    assert [found.status for found in opened if found.status == psutil.CONN_ESTABLISHED] == []
    for sender in senders:
        sender.sock.sendall(form[1:])
        # They have no CSRF token.
        assert sender.getresponse().status == 403
        sender.close()


def test_a_body_that_is_too_large_gets_the_portals_page(visitor):
    visitor.cookies = {"sessionid": "x", "django_language": "en"}
    for path, megabytes, said in [
        ("/en/contact/", 33, "larger than 32 MB"),
        ("/zh-hans/contact/", 33, "超过32 MB"),
        ("/admin/programs/resource/add/", 105, "larger than 104 MB"),
    ]:
        answer = visitor.send(path, "POST", bytes(megabytes * MEGABYTE), {"Content-Type": MULTIPART_CONTENT})
        assert answer.status == 413
        assert said in answer.body.decode()
        assert "no-store" in answer.headers["Cache-Control"]


def test_static_files_and_images_come_without_the_portal(portal, visitor, direct, alone):
    names = json.loads((portal.site.data / "static/staticfiles.json").read_text())["paths"].values()
    by_ending = {name.rpartition(".")[2]: f"/static/{name}" for name in names}
    addresses = [by_ending[ending] for ending in ("css", "js", "svg", "png", "ico")]
    for address in [*addresses, "/media/department/picture.PNG"]:
        for accepted in ("identity", "gzip", "br"):
            expected = direct.send(address, headers={"Accept-Encoding": accepted})
            for client in (visitor, alone):
                answer = client.send(address, headers={"Accept-Encoding": accepted})
                assert (answer.status, answer.body) == (200, expected.body), address
                needed = headers(expected)
                # Of an image, the portal also says its name, and the language of a page.
                for name in ("content-disposition", "content-language"):
                    needed.pop(name, None)
                assert headers(answer) == needed, address
                known = {"Accept-Encoding": accepted, "If-None-Match": answer.headers["ETag"]}
                assert client.send(address, headers=known).status == 304, address
    for missing in ("/static/css/missing.0123456789ab.css", "/media/missing.png", "/media/department/page.html"):
        answer = visitor.send(missing, headers={"Accept-Language": "en"})
        assert (answer.status, answer.headers["Cache-Control"]) == (404, "no-store"), missing
        assert "Page not found" in answer.body.decode()


def test_nginx_sends_the_file_of_a_resource(portal, visitor):
    answer = visitor.send("/en/resources/sample-standard/file/")
    assert (answer.status, answer.body) == (200, STANDARD)
    assert answer.headers["Content-Type"] == "application/pdf"
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert answer.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert answer.headers["Content-Language"] == "en"
    assert answer.headers["X-Accel-Redirect"] is None
    headers(answer)
    part = visitor.send("/en/resources/sample-standard/file/", headers={"Range": "bytes=9-19"})
    assert (part.status, part.body) == (206, STANDARD[9:20])
    etag = {"If-None-Match": answer.headers["ETag"]}
    assert visitor.send("/en/resources/sample-standard/file/", headers=etag).status == 304


def test_while_the_portal_does_not_answer(alone):
    for path, method in [("/en/programs/?q=x", "GET"), ("/en/contact/", "GET"), ("/en/contact/", "POST")]:
        answer = alone.send(path, method, b"x" if method == "POST" else None)
        assert answer.status == 503
        assert answer.body == (settings.BASE_DIR / "templates/500.html").read_bytes()
        assert answer.headers["Retry-After"] == "60"
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
        expected = sample_headers("en") | {"cache-control": "no-store"}
        for name in expected.keys() - {"content-language", "vary"}:
            assert answer.headers[name] == expected[name], name


def test_no_log_names_the_address_of_an_enquiry_or_a_draft(portal, visitor, alone):
    secrets = [f"/en/contact/{place}/secret-address/" for place in ("received", "status")]
    secrets += ["/admin/account/password/new/secret-address/", "/preview/secret-address/"]
    for path in [*secrets, "/en/terms/?q=not-secret"]:
        visitor.send(path)
        alone.send(path)
    visitor.send(secrets[0], "POST", bytes(33 * MEGABYTE), {"Content-Type": MULTIPART_CONTENT})
    for folder in ("nginx", "alone"):
        # When it ends, nginx writes what is still in the buffers of its log.
        logs = list((portal.folder / folder).glob("*.log"))
        assert len(logs) >= 3
        assert not [log for log in logs if "secret-address" in log.read_text()]


def test_a_visitor_cannot_claim_that_a_body_was_refused(visitor):
    assert visitor.send("/en/programs/?q=x", headers={"X-Body-Refused": "1"}).status == 200


def test_after_a_change_nobody_sees_the_page_of_before(portal, visitor, record_property):
    """
    Staff delete one term after the other, while visitors read the list of terms.

    While the file of the new page is there, nginx hands out that one. In between, the portal answers.
    """
    path = "/en/terms/"
    visitor.post("/admin/account/sign-in/", {"login": "staff", "password": portal.site.password})
    assert visitor.cookies["sessionid"]
    terms = [number for (number,) in rows(portal.site, "SELECT id FROM portal_term")]
    number_of_terms = finished(portal, path).count(b"<tr id=")
    assert number_of_terms == len(terms)
    # How many terms the file has, or None.
    state, done, readings = number_of_terms, Event(), []

    def read():
        client, body, etag = Client(portal.port, portal.folder / "nginx/certificate.pem"), None, "none"
        while not done.is_set():
            before = state
            answer = client.send(path, headers={"If-None-Match": etag})
            body, etag = body if answer.status == 304 else answer.body, answer.headers["ETag"]
            readings.append((before if before == state else None, answer.status, body.count(b"<tr id=")))

    with ThreadPoolExecutor(4) as readers:
        reading = [readers.submit(read) for _reader in range(4)]
        try:
            for term in terms[:6]:
                so_far = len(readings)
                wait_for(lambda so_far=so_far: len(readings) > so_far + 30)
                state = None
                deleted = {"action": "delete_selected", "_selected_action": term, "post": "yes"}
                assert visitor.post("/admin/portal/term/", deleted).status == 302
                number_of_terms -= 1
                assert finished(portal, path).count(b"<tr id=") == number_of_terms
                state = number_of_terms
        finally:
            done.set()
        assert [reader.result() for reader in reading] == [None] * 4
    assert {status for _expected, status, _number in readings} == {200, 304}
    certain = [(expected, number) for expected, _status, number in readings if expected]
    assert len({expected for expected, _number in certain}) >= 6
    assert all(expected == number for expected, number in certain)
    record_property("readings", f"{len(readings)}, of them {len(certain)} while the file was there")
