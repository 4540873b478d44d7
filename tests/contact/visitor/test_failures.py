"""If an enquiry cannot be stored, the visitor never reads "received" and always gets a telephone number."""

import sqlite3
from contextlib import closing
from time import monotonic

import pytest
from django.db import DatabaseError, OperationalError, connection, transaction
from django.template.loader import render_to_string
from post_office.models import Email

from contact.models import Enquiry, Event
from portal.models import Department
from tests.contact.databases import on_file
from tests.contact.steps import send

pytestmark = pytest.mark.django_db

on_sqlite = pytest.mark.skipif(
    "connection.vendor != 'sqlite'", reason="only SQLite is a file that can be locked, full, damaged or gone"
)


@pytest.fixture
def file(db, tmp_path):
    """The path of the database file."""
    with on_file(tmp_path / "portal.sqlite3") as path:
        yield path


def assert_told(response, answers, language="en"):
    """Asserts that the form is shown again with every answer, that nothing is stored, and a telephone number."""
    words = {"en": ("has not been stored", "+86 10 5365 6705"), "zh-hans": ("未能保存", "010-53656705")}[language]
    text = response.content.decode()
    summary = text.partition('class="error-summary"')[2].partition("</div>")[0]
    assert response.status_code == 503
    assert "no-store" in response.headers["Cache-Control"]
    for said in words:
        assert said in summary
    for name in answers.keys() - {"consent", "message"}:
        assert answers[name] in text
    assert answers["message"].split()[0] in text
    assert response.context["form"]["consent"].value()


def assert_static_page(response):
    """Asserts that the response is the bilingual error page that needs no database."""
    text = response.content.decode()
    assert response.status_code == 500
    assert text == render_to_string("500.html")
    for said in ("010-53656705", "+86 10 5365 6705", "尚未保存", "has not been stored"):
        assert said in text


def nothing_stored():
    return not (Enquiry.objects.exists() or Event.objects.exists() or Email.objects.exists())


FAILING = {
    "the enquiry": "contact.models.Enquiry.save",
    "its timeline": "contact.models.Enquiry.log",
    "its mails": "contact.mail.messages.mail.send",
}


@pytest.mark.parametrize("language", ["zh-hans", "en"])
@pytest.mark.parametrize("error", [OperationalError, DatabaseError, OSError])
@pytest.mark.parametrize("place", FAILING.values(), ids=FAILING)
def test_where_storing_fails_nothing_is_stored_and_the_visitor_is_told(
    client, answers, monkeypatch, caplog, place, error, language
):
    def fail(*args, **kwargs):
        raise error("no room")

    with monkeypatch.context() as broken:
        broken.setattr(place, fail)
        assert_told(send(client, answers, language), answers, language)
    assert nothing_stored()
    assert "could not be stored" in caplog.text
    assert answers["person"] not in caplog.text
    assert send(client, answers, language).status_code == 303


def test_what_fails_at_the_very_end_is_not_stored_either(client, answers, monkeypatch):
    def commit(self, *args):
        transaction.set_rollback(True)
        original(self, *args)
        raise OperationalError("no room")

    original = transaction.Atomic.__exit__
    with monkeypatch.context() as broken:
        broken.setattr("contact.visitor.forms.transaction.Atomic.__exit__", commit)
        response = send(client, answers, "en")
    assert_told(response, answers)
    assert nothing_stored()


@on_sqlite
def test_a_database_that_is_locked_is_waited_for_and_no_longer(client, answers, file):
    with closing(sqlite3.connect(file)) as another:
        another.execute("BEGIN IMMEDIATE")
        began = monotonic()
        assert_told(send(client, answers, "en"), answers)
        assert 0.2 <= monotonic() - began < 5
        assert client.get("/en/contact/").status_code == 200
    assert nothing_stored()
    assert send(client, answers).status_code == 303


@on_sqlite
def test_a_full_database(client, answers, file):
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA page_count")
        [pages] = cursor.fetchone()
        cursor.execute(f"PRAGMA max_page_count = {pages}")
    long = answers | {"message": "国" * 5000}
    response = send(client, long, "en")
    assert_told(response, long)
    assert nothing_stored()
    assert client.get("/en/programs/").status_code == 200
    with connection.cursor() as cursor:
        cursor.execute(f"PRAGMA max_page_count = {pages + 100}")
    assert send(client, long, "en").status_code == 303


@on_sqlite
def test_a_database_that_may_not_be_written(client, answers, file):
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA query_only = ON")
    assert_told(send(client, answers, "en"), answers)
    assert client.get("/en/programs/").status_code == 200
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA query_only = OFF")
    assert nothing_stored()


@on_sqlite
@pytest.mark.parametrize("left", [None, b"", b"garbage" * 10_000, b"SQLite format 3\x00" + b"\xff" * 4080])
def test_a_database_that_is_gone_or_damaged(client, answers, file, left):
    connection.close()
    for name in ("portal.sqlite3", "portal.sqlite3-wal", "portal.sqlite3-shm"):
        (file.parent / name).unlink(missing_ok=True)
    if left is not None:
        file.write_bytes(left)
    client.raise_request_exception = False
    assert_static_page(send(client, answers))
    assert_static_page(client.get("/en/programs/"))


def test_a_page_that_cannot_be_made_is_the_static_one(client, answers, monkeypatch):
    def fail(*args, **kwargs):
        raise OperationalError("gone")

    monkeypatch.setattr("contact.models.Enquiry.save", fail)
    monkeypatch.setattr(Department.objects, "first", fail)
    client.raise_request_exception = False
    assert_static_page(send(client, answers))
    assert nothing_stored()


def test_a_hidden_field_filled_in_says_whom_to_telephone(client, answers):
    text = send(client, answers, "en", remarks="https://college.example").content.decode()
    summary = text.partition('class="error-summary"')[2].partition("</div>")[0]
    assert "Please submit again" in summary
    assert "+86 10 5365 6705" in summary


def test_a_missing_answer_is_no_reason_to_telephone(client, answers):
    text = send(client, answers, "en", person="").content.decode()
    assert "telephone" not in text.partition('class="error-summary"')[2].partition("</div>")[0]
