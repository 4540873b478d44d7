"""No line of the log holds anything but text of the source code, numbers and codes."""

import ast
import logging
import re
import smtplib
import socket
import ssl
import subprocess
import sys
from io import StringIO
from types import SimpleNamespace
from urllib.parse import urlsplit

import psycopg
import pytest
from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from contact.mail.delivery import refusal
from portal import log_format
from tests.contact.rows import stored
from tests.sitewide.test_structure import MODULES

# They stand outside the functions, whose constants are text of the source code.
PERSON = "欧阳秘密"
ADDRESS = "secret@college.example"
LEVELS = {"debug", "info", "warning", "error", "exception", "critical"}
TOKEN = "secretsecretsecretsecretsecretsecretsecrets"


class Log:
    def __init__(self):
        self.stream, self.logger = StringIO(), logging.getLogger("tests.log")
        handler = logging.StreamHandler(self.stream)
        handler.setFormatter(log_format.StrictFormatter())
        self.logger.handlers, self.logger.propagate = [handler], False

    @property
    def text(self):
        """What was logged, after asserting that nothing of the above is in it."""
        text = self.stream.getvalue()
        assert text
        for secret in (PERSON, ADDRESS, TOKEN, "secret", "college"):
            assert secret not in text
            assert secret.encode("unicode_escape").decode() not in text
        return text

    def of(self, error):
        """Logs an exception and returns the text."""
        try:
            raise error
        except type(error):
            self.logger.exception("Something failed.")
        return self.text


@pytest.fixture
def log():
    return Log()


# Messages


def test_a_line_says_when_where_and_what(log):
    log.logger.warning("Mail %d failed, in %.1f of %s cases: %d%%.", 12, 0.5, None, 7)
    assert log.text.endswith(f" ({place()})\n")
    assert "WARNING tests.log: Mail 12 failed, in 0.5 of None cases: 7%. (" in log.text
    assert log.text.startswith(f"{timezone.localdate()} ")


def place():
    """Returns the place of the last line but one of the test that calls it, as the log shows it."""
    frame = sys._getframe(1)
    return f"tests/portal/test_log_format.py:{frame.f_lineno - 1}"


@pytest.mark.parametrize(
    "value", [PERSON, ADDRESS, TOKEN, [PERSON], {"a": ADDRESS}, PERSON.encode(), SimpleNamespace(a=TOKEN)]
)
def test_what_is_filled_in_is_hidden(log, value):
    log.logger.error("Not found: %s, %r, %s", value, value, "Not Found")
    assert "Not found: …, …, Not Found" in log.text


def test_names_and_numbers_of_arguments(log):
    log.logger.error("%(count)d of %(kind)s: %(who)s, %(missing)s", {"count": 3, "kind": ValueError, "who": PERSON})
    assert "3 of builtins.ValueError: …, …" in log.text


def test_a_message_that_is_put_together_is_hidden_from_the_first_word_that_is_not_in_the_source(log):
    log.logger.error(f"Failed to send to {ADDRESS} for {PERSON}")
    log.logger.error(PERSON)
    log.logger.error(ValueError(PERSON))
    log.logger.error("%s" % ADDRESS)  # noqa: UP031
    first, second, third, fourth = [line.partition(" tests.log: ")[2] for line in log.text.splitlines()]
    assert first.startswith("Failed to send to … (")
    assert second.startswith("… (")
    assert third.startswith("builtins.ValueError (")
    assert fourth.startswith("… (")


def test_a_message_with_too_few_arguments_is_still_logged(log):
    log.logger.error("%s and %s", 1)
    assert "1 and …" in log.text


def test_of_a_request_the_pattern_of_the_address_is_shown(log):
    match = SimpleNamespace(route="en/contact/status/<slug:token>/")
    request = SimpleNamespace(method="GET", resolver_match=match, path=f"/en/contact/status/{TOKEN}/")
    log.logger.warning("%s: %s", "Not Found", request.path, extra={"request": request, "status_code": 404})
    assert "Not Found: … [404 GET /en/contact/status/<slug:token>/] (" in log.text


def test_of_a_request_without_an_address_of_the_portal(log):
    request = SimpleNamespace(method=PERSON, resolver_match=None, path=f"/{TOKEN}/")
    log.logger.warning("%s: %s", "Not Found", request.path, extra={"request": request, "status_code": 404})
    assert "[404 … no known address]" in log.text


# Exceptions


def refused(code):
    return smtplib.SMTPRecipientsRefused({ADDRESS: (code, f"<{ADDRESS}> {PERSON}".encode())})


def untrusted():
    error = ssl.SSLCertVerificationError(1, f"certificate verify failed: {ADDRESS}")
    error.reason = "CERTIFICATE_VERIFY_FAILED"
    return error


def error_of(function, *arguments):
    try:
        function(*arguments)
    except Exception as error:
        return error
    raise AssertionError(f"{function} did not fail")


@pytest.mark.parametrize(
    ("error", "shown"),
    [
        (refused(550), "smtplib.SMTPRecipientsRefused (reply 550)"),
        (refusal([(550, PERSON.encode())]), "contact.mail.delivery.PermanentRefusal (reply 550)"),
        (smtplib.SMTPDataError(452, ADDRESS.encode()), "smtplib.SMTPDataError (reply 452)"),
        (smtplib.SMTPAuthenticationError(535, TOKEN.encode()), "smtplib.SMTPAuthenticationError (reply 535)"),
        (FileNotFoundError(2, PERSON, f"/data/{PERSON}.pdf"), "builtins.FileNotFoundError (No such file or directory)"),
        (OSError(28, TOKEN), "builtins.OSError (No space left on device)"),
        (OSError(PERSON), "builtins.OSError\n"),
        (untrusted(), "ssl.SSLCertVerificationError (CERTIFICATE_VERIFY_FAILED)"),
        (socket.gaierror(-2, ADDRESS), "socket.gaierror\n"),
        (error_of(int, PERSON), "builtins.ValueError\n"),
        (error_of(PERSON.encode, "ascii"), "builtins.UnicodeEncodeError\n"),
        (error_of({}.__getitem__, ADDRESS), "builtins.KeyError\n"),
        (error_of(lambda: urlsplit("smtp://user:secret/word@host").port), "builtins.ValueError\n"),
        (
            psycopg.OperationalError(f'missing "=" after "postgres://u:{TOKEN}"x@secret" in {ADDRESS}'),
            'missing "…" after …',
        ),
        (psycopg.errors.UniqueViolation(f"DETAIL: Key (email)=({ADDRESS}) exists."), "UniqueViolation (23505)\n"),
    ],
    ids=str,
)
def test_of_an_exception_the_class_and_the_codes_are_shown(log, error, shown):
    error.add_note(f"Noted: {PERSON}")
    text = log.of(error)
    assert f"\n  {shown}" in text or shown in text.partition("\n")[2]
    assert "\n    tests/portal/test_log_format.py:" in text
    assert " in of\n" in text


def test_causes_come_first(log):
    def store():
        try:
            int(PERSON)
        except ValueError as error:
            raise RuntimeError(PERSON) from error

    text = log.of(error_of(store))
    assert text.index("builtins.ValueError") < text.index("builtins.RuntimeError")
    assert " in store\n" in text


def test_a_server_that_cannot_be_reached_is_told_from_one_that_refuses_the_password(log):
    text = log.of(error_of(psycopg.connect, f"host=127.0.0.1 port=1 user=u password={TOKEN} dbname=secret"))
    assert "psycopg.OperationalError (" in text
    assert "Connection refused" in text
    assert "port 1" in text


@pytest.mark.django_db
def test_the_row_that_a_database_refuses_is_hidden(log):
    """PostgreSQL adds "DETAIL: Failing row contains (…)" to the text."""
    with pytest.raises(DatabaseError) as refusal, transaction.atomic():
        stored(person=PERSON, email=ADDRESS, erased_at=timezone.now())
    assert (PERSON in str(refusal.value)) == (connection.vendor == "postgresql")
    text = log.of(refusal.value)
    if connection.vendor == "postgresql":
        assert "psycopg.errors.CheckViolation (23514, contact_enquiry_erased_is_empty)" in text
    else:
        assert "sqlite3.IntegrityError (SQLITE_CONSTRAINT_CHECK)" in text
    assert "  django.db.utils.IntegrityError (" in text


# What bypasses the log


def test_every_handler_of_the_settings_uses_this_format():
    assert settings.LOGGING["handlers"]
    for handler in settings.LOGGING["handlers"].values():
        assert settings.LOGGING["formatters"][handler["formatter"]]["()"] == "portal.log_format.StrictFormatter"


PROGRAM = """
import sys, threading, warnings
import django
django.setup()
from portal.log_format import log_uncaught
log_uncaught()
secret = sys.stdin.read()
warnings.warn(secret, UserWarning)
thread = threading.Thread(target=lambda: int(secret))
thread.start()
thread.join()
class Unraisable:
    def __del__(self):
        int(secret)
Unraisable()
raise RuntimeError(secret)
"""


def test_exceptions_that_nothing_catches_and_warnings_are_logged_alike(tmp_path):
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=settings.BASE_DIR,
        env={"PORTAL_DATA": str(tmp_path), "DJANGO_SETTINGS_MODULE": "portal.settings"},
        input=PERSON,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 1
    assert run.stdout == ""
    assert PERSON not in run.stderr
    for said in (
        "WARNING py.warnings: builtins.UserWarning (<string>:8)",
        "An exception ended a thread.",
        "An exception was ignored.",
        "An exception ended the program.",
        "  builtins.ValueError\n",
        "  builtins.RuntimeError\n    <string>:",
    ):
        assert said in run.stderr


def test_a_line_that_cannot_be_written_is_not_written_elsewhere(log, capsys):
    class Full(StringIO):
        def write(self, text):
            raise OSError(28, PERSON)

    log.logger.handlers[0].setStream(Full())
    log.logger.error("Not found: %s", ADDRESS)
    assert capsys.readouterr() == ("", "")


def test_what_the_portal_logs_stands_in_its_source():
    """Another message would be hidden."""
    calls = [
        node
        for path in MODULES.values()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and re.fullmatch(r"(log|logger)\.[a-z]+", ast.unparse(node.func))
        if node.func.attr in LEVELS
    ]
    assert len(calls) > 10
    assert not [ast.unparse(call) for call in calls if not isinstance(call.args[0], ast.Constant)]
