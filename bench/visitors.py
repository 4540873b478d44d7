"""Visitors who post enquiries to a running portal over HTTP, staff who change it, and a mail host for its mails."""

import re
from contextlib import contextmanager
from email import message_from_bytes, policy
from http.client import HTTPConnection
from time import monotonic, sleep
from urllib.parse import urlencode, urlsplit

import psutil
from aiosmtpd.controller import Controller
from bs4 import BeautifulSoup

from tests.conftest import free_port

FORM = "/en/contact/"
# The hidden fields of the form.
HIDDEN = re.compile(r'name="(csrfmiddlewaretoken|form_token)" value="([^"]+)"')
# The time that a visitor takes to fill in the form, in seconds. It must be longer than the form's time trap.
WRITING = 4
# What all visitors answer.
ANSWERS = {
    "territory": "CN",
    "person": "Alex Example",
    "program": "teacher-exchange",
    "message": "What should two visiting teachers prepare?",
    "consent": "on",
}


class Unexpected(Exception):
    """A response that no visitor should get."""


class Visitor:
    """A visitor with their own IP address and cookies."""

    def __init__(self, number):
        self.number = number
        self.headers = {}
        self.hidden = {}
        self.forms = self.opened = 0
        # The last response to a POST, as text.
        self.page = ""

    def open_form(self, url):
        """Requests the form and keeps its cookie and hidden fields. Raises Unexpected if it is not the form."""
        # Another network after fifty forms, because an address may submit only sixty an hour.
        address = {"X-Forwarded-For": f"10.{self.number}.{self.forms // 50}.1"}
        connection = HTTPConnection(urlsplit(url).netloc, timeout=30)
        connection.request("GET", FORM, headers=address)
        response = connection.getresponse()
        page, cookie = response.read().decode(), response.headers["Set-Cookie"]
        hidden = dict(HIDDEN.findall(page))
        if response.status != 200 or not cookie or len(hidden) != 2:
            raise Unexpected(f"{response.status} and not the form")
        self.headers = address | {"Cookie": cookie.partition(";")[0]}
        self.hidden, self.opened = hidden, monotonic()
        self.forms += 1

    def post(self, url, organisation) -> tuple[int, str | None]:
        """Submits an enquiry of `organisation`. Returns the status, and the path of the receipt or None."""
        sleep(max(0, self.opened + WRITING - monotonic()))
        # An address of its own for each form, because one address gets only some acknowledgements an hour.
        email = f"visitor{self.number}-{self.forms}@college.example"
        answers = ANSWERS | {"organisation": organisation, "email": email}
        connection = HTTPConnection(urlsplit(url).netloc, timeout=30)
        headers = self.headers | {"Content-Type": "application/x-www-form-urlencoded", "Origin": url}
        connection.request("POST", FORM, urlencode(answers | self.hidden), headers)
        response = connection.getresponse()
        self.page = response.read().decode()
        return response.status, response.headers.get("Location")


class Staff:
    """A member of staff who works in the admin of a running `site`."""

    def __init__(self, site):
        self.netloc, self.cookies = urlsplit(site.url).netloc, {}
        self.change("/admin/account/sign-in/", login="staff", password=site.password)

    @property
    def headers(self):
        return {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}

    def change(self, path, **answers):
        """Submits the form on the page at `path` with `answers` in some of its fields. Raises Unexpected."""
        _status, page = self.request("GET", path)
        form = BeautifulSoup(page, "html.parser").find("form", method="post", action=lambda value: not value)
        status, _page = self.request("POST", path, urlencode(filled(form) | answers))
        if status != 302:
            raise Unexpected(f"{status} after a change of {path}")

    def request(self, method, path, body=None) -> tuple[int, str]:
        """Returns the status and the page."""
        kind = {"Content-Type": "application/x-www-form-urlencoded"} if body else {}
        connection = HTTPConnection(self.netloc, timeout=60)
        connection.request(method, path, body, self.headers | kind)
        response = connection.getresponse()
        page = response.read().decode()
        for cookie in response.headers.get_all("Set-Cookie", []):
            name, _equals, value = cookie.partition(";")[0].partition("=")
            self.cookies[name] = value
        return response.status, page


def filled(form) -> dict:
    """Returns what a browser would submit of a `form` that nobody has touched."""
    answers = {}
    for field in form.find_all(["input", "select", "textarea"], attrs={"name": True}):
        if field.name == "textarea":
            answers[field["name"]] = field.text.removeprefix("\n")
        elif field.name == "select":
            chosen = field.find("option", selected=True) or field.find("option")
            answers[field["name"]] = chosen["value"] if chosen else ""
        elif field.get("type") in ("checkbox", "radio"):
            if field.has_attr("checked"):
                answers[field["name"]] = field.get("value", "on")
        elif field.get("type") not in ("submit", "file"):
            answers[field["name"]] = field.get("value", "")
    return answers


class MailHost:
    """A mail host that keeps the mails it receives."""

    def __init__(self):
        self.mails = []

    async def handle_DATA(self, server, session, envelope):
        self.mails.append(message_from_bytes(envelope.content, policy=policy.default))
        return "250 OK"


@contextmanager
def mail_host():
    """Runs a MailHost; yields it and its EMAIL_URL."""
    host, port = MailHost(), free_port()
    controller = Controller(host, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield host, f"smtp://127.0.0.1:{port}"
    finally:
        controller.stop()


def kill(site):
    """Kills the portal of `site` and all its child processes, without a clean shutdown."""
    processes = psutil.Process(site.process.pid).children(recursive=True)
    for process in [site.process, *processes]:
        process.kill()
    site.process.wait()
    psutil.wait_procs(processes)
