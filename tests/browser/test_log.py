"""The log of a day's mishaps: each can be diagnosed from it, and it names no person, address, token or code."""

import re
import resource
from threading import Event
from time import monotonic

import pytest
from aiosmtpd.controller import Controller
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile

from tests.browser.steps import ROOM, limit_files, rows
from tests.browser.visitor import Visitor
from tests.conftest import free_port
from tests.contact.files import PDF

PERSON = {
    "organisation": "秘密职业学院",
    "person": "欧阳秘密",
    "position": "秘密处长",
    "email": "secret@college.example",
    "telephone": "010-99988877",
    "message": "秘密的正文",
}
FILE = "秘密计划.pdf"
PASSWORD = "secret-of-the-mail-host"


class Refusing:
    """A mail host that refuses every recipient, and repeats the address."""

    async def handle_RCPT(self, server, session, envelope, address, options):
        return f"550 5.1.1 <{address}>: no such user"


@pytest.fixture
def running(start):
    port = free_port()
    host = Controller(Refusing(), hostname="127.0.0.1", port=port)
    host.start()
    yield start(
        EMAIL_URL=f"smtp://127.0.0.1:{port}",
        PORTAL_SECRET_KEY=settings.SECRET_KEY,
        PORTAL_TRUSTED_PROXIES="1",
        PORTAL_ENQUIRIES_TO="desk@example.com",
    )
    host.stop()


def log(site):
    return (site.data / "serve.log").read_text()


def wait_for(site, text, seconds=20):
    """Waits until the log contains `text`, and asserts that it does."""
    deadline, pause = monotonic() + seconds, Event()
    while text not in log(site) and monotonic() < deadline:
        pause.wait(0.1)
    assert text in log(site), log(site)


def test_the_log_of_a_days_mishaps(running, record_property):
    wait_for(running, "Worker: delivering mails.")
    visitor = Visitor(running)
    attached = SimpleUploadedFile(FILE, PDF, "application/pdf")

    # A full disk
    limit_files(running, ROOM)
    status, _location, page = visitor.submit(**PERSON, attachments=attached)
    assert status == 503, page
    limit_files(running, resource.RLIM_INFINITY)
    wait_for(running, "contact.visitor.views: An enquiry could not be stored. (")
    wait_for(running, "sqlite3.OperationalError (SQLITE_")

    # A mail host that refuses the recipients
    attached.seek(0)
    status, _receipt, page = visitor.submit(**PERSON, attachments=attached)
    assert status == 303, page
    [(number, code, token, reference)] = rows(running, "SELECT id, code, token, reference FROM contact_enquiry")
    wait_for(running, "contact.mail.delivery.PermanentRefusal (reply 550)")
    for (mail,) in rows(running, "SELECT email_id FROM contact_enquiry_mails"):
        wait_for(running, f"contact.mail.delivery: Mail {mail} failed for good.")

    # Addresses with a token: unknown, of no page, without CSRF token, and with too much to read
    unknown = token[::-1]
    known = f"/en/contact/status/{token}/"
    assert visitor.request("GET", f"/en/contact/status/{unknown}/?code={code}")[0] == 404
    wait_for(running, "django.request: Not Found: … [404 GET /en/contact/status/<slug:token>/]")
    assert visitor.request("GET", f"{known}secret@college.example/")[0] == 404
    wait_for(running, "[404 GET no known address]")
    assert Visitor(running).request("POST", known, "text=secret")[0] == 403
    wait_for(
        running,
        "django.security.csrf: Forbidden (CSRF cookie not set.): … [403 POST /en/contact/status/<slug:token>/]",
    )
    referer = {"Referer": f"{running.url}{known}", "Origin": f"https://{token}.example"}
    assert visitor.request("POST", f"{known}withdraw/", "", **referer)[0] == 403
    wait_for(running, "Forbidden (…): … [403 POST /en/contact/status/<slug:token>/withdraw/]")
    large = b"x" * (settings.PORTAL_LARGEST_REQUEST + 1)
    assert visitor.request("POST", known, large)[0] == 413
    wait_for(running, "[413 POST ")
    assert visitor.request("PUT", known)[0] == 405
    wait_for(running, "[405 PUT /en/contact/status/<slug:token>/]")

    # A Host that is not the portal's
    assert visitor.request("GET", known, Host="secret@college.example")[0] == 400
    wait_for(running, "django.security.DisallowedHost")

    # A damaged attachment
    desk = Visitor(running, 2)
    assert desk.post("/admin/account/sign-in/", {"login": "staff", "password": running.password})[0] == 302
    [(attachment, name)] = rows(running, "SELECT id, file FROM contact_attachment")
    path = running.data / "private" / name
    path.unlink()
    [(address,)] = [re.findall(r'href="(/[^"]*)"[^>]*>[^<]*' + FILE, desk.request("GET", page_of(number))[2])]
    assert desk.request("GET", address)[0] == 404
    wait_for(running, f"contact.attachments: Attachment {attachment} of enquiry {number} has lost its file.")
    path.mkdir()
    assert desk.request("GET", address)[0] == 500
    wait_for(running, "builtins.IsADirectoryError (Is a directory)")

    # Exceptions whose texts repeat what the visitor wrote
    trigger = "CREATE TRIGGER unwanted BEFORE INSERT ON contact_message BEGIN SELECT RAISE(ABORT, '{}'); END"
    rows(running, trigger.format(PERSON["person"]))
    assert visitor.post(known, {"text": PERSON["message"]})[0] == 503
    wait_for(running, "contact.visitor.views: A message could not be stored.")
    wait_for(running, "sqlite3.IntegrityError (SQLITE_CONSTRAINT_TRIGGER)")
    rows(running, "UPDATE contact_enquiry SET state = ?", PERSON["person"])
    assert visitor.request("GET", known)[0] == 500
    wait_for(running, "django.request: Internal Server Error: … [500 GET /en/contact/status/<slug:token>/]")
    wait_for(running, "builtins.ValueError\n")
    assert re.search(r"contact/visitor/status\.py:\d+ in state\n", log(running))

    secrets = [*PERSON.values(), "secret", FILE, path.name, code, token, unknown, reference, "desk@", running.password]
    text = log(running)
    assert [secret for secret in secrets if secret in text or secret.encode("unicode_escape").decode() in text] == []
    assert not re.search(r"\w@\w", text)
    assert not re.search(r"[^\x00-\x7f…]", text), "nothing in Chinese is in the log"
    record_property("lines of the log", len(text.splitlines()))


def page_of(number):
    return f"/admin/contact/enquiry/{number}/change/"
