"""Visitors who post enquiries to a real portal over HTTP, and the mail host that its mails go to."""

import re
from contextlib import contextmanager
from email import message_from_bytes, policy
from http.client import HTTPConnection
from time import monotonic, sleep
from urllib.parse import urlencode, urlsplit

import psutil
from aiosmtpd.controller import Controller

from tests.conftest import free_port

FORM = "/en/contact/"
# Seconds that a person needs for the form: longer than its time trap.
WRITING = 4


class Unexpected(Exception):
    """An answer that no visitor should be given."""


class Visitor:
    """Somebody with a browser of his own, behind an address of his own."""

    def __init__(self, number):
        self.number = number
        self.headers = {"X-Forwarded-For": f"10.{number}.0.1"}
        self.hidden = {}
        self.opened = 0

    def open_form(self, url):
        """
        Reads the form, and with it the cookie and the hidden fields that a browser would send back.

        Raises Unexpected if that is not what comes.
        """
        connection = HTTPConnection(urlsplit(url).netloc, timeout=30)
        connection.request("GET", FORM, headers={"X-Forwarded-For": self.headers["X-Forwarded-For"]})
        response = connection.getresponse()
        page, cookie = response.read().decode(), response.headers["Set-Cookie"]
        hidden = dict(re.findall(r'name="(csrfmiddlewaretoken|issued)" value="([^"]+)"', page))
        if response.status != 200 or not cookie or len(hidden) != 2:
            raise Unexpected(f"{response.status} and not the form")
        self.headers["Cookie"] = cookie.partition(";")[0]
        self.hidden, self.opened = hidden, monotonic()

    def post(self, url, organisation):
        """Submits an enquiry of `organisation`: the status of the answer, and the address of the receipt, if any."""
        sleep(max(0, self.opened + WRITING - monotonic()))
        answers = {
            "organisation": organisation,
            "territory": "CN",
            "person": "Alex Example",
            "email": f"visitor{self.number}@college.example",
            "about": "program:teacher-exchange",
            "message": "What should two visiting teachers prepare?",
            "consent": "on",
        }
        connection = HTTPConnection(urlsplit(url).netloc, timeout=30)
        headers = self.headers | {"Content-Type": "application/x-www-form-urlencoded", "Origin": url}
        connection.request("POST", FORM, urlencode(answers | self.hidden), headers)
        response = connection.getresponse()
        response.read()
        return response.status, response.headers.get("Location")


class MailHost:
    """A mail host that keeps what it is given."""

    def __init__(self):
        self.mails = []

    async def handle_DATA(self, server, session, envelope):
        self.mails.append(message_from_bytes(envelope.content, policy=policy.default))
        return "250 OK"


@contextmanager
def mail_host():
    """A MailHost that listens, and the EMAIL_URL that leads to it."""
    host, port = MailHost(), free_port()
    controller = Controller(host, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield host, f"smtp://127.0.0.1:{port}"
    finally:
        controller.stop()


def kill(site):
    """Ends the portal of `site` with everything it has started, as a power cut would."""
    processes = psutil.Process(site.process.pid).children(recursive=True)
    for process in [site.process, *processes]:
        process.kill()
    site.process.wait()
    psutil.wait_procs(processes)
