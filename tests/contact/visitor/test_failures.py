"""If an enquiry cannot be stored, the visitor never reads "received" and always gets a telephone number."""

import re
import sqlite3
from contextlib import closing
from time import monotonic

import pytest
from django.db import DatabaseError, OperationalError, connection, transaction
from django.template.loader import render_to_string
from post_office.models import Email

from contact.models import Enquiry, Event, State
from portal.bilingual.languages import html_code
from portal.database import RETRY_AFTER
from portal.department_copy import update_copy
from portal.models import Department
from tests.contact import rows
from tests.contact.databases import away, on_file
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
    assert response.headers["Cache-Control"] == "private, no-cache"
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
    for said in ("010-53656705", "+86 10 5365 6705", "可能尚未保存", "may not have been stored"):
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
        # Its free pages would take the enquiry.
        cursor.execute("VACUUM")
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


def remove_database(file, left=None):
    """Puts the bytes `left`, or nothing, in the place of the database."""
    connection.close()
    for name in ("portal.sqlite3", "portal.sqlite3-wal", "portal.sqlite3-shm"):
        (file.parent / name).unlink(missing_ok=True)
    if left is not None:
        file.write_bytes(left)


def assert_unavailable(response, language):
    """Asserts that the response is the page for an outage, in `language` and in the look of the site."""
    number, heading = {
        "en": ("+86 10 5365 6705", "This page cannot be shown at the moment"),
        "zh-hans": ("010-53656705", "暂时无法显示本页"),
    }[language]
    text = response.content.decode()
    assert response.status_code == 503
    assert response.headers["Retry-After"] == str(RETRY_AFTER)
    assert response.headers["Content-Language"] == html_code(language)
    assert "no-store" in response.headers["Cache-Control"]
    assert "default-src 'none'" in response.headers["Content-Security-Policy"]
    assert f"<h1>{heading}</h1>" in text
    assert number in text
    assert 'class="masthead"' in text


@on_sqlite
@pytest.mark.parametrize("left", [None, b"garbage" * 10_000, b"SQLite format 3\x00" + b"\xff" * 4080])
def test_a_database_that_is_gone_or_damaged(client, answers, file, left):
    remove_database(file, left)
    client.raise_request_exception = False
    for language in ("en", "zh-hans"):
        assert_told(send(client, answers, language), answers, language)
        for path in ("", "programs/", "programs/teacher-exchange/", "contact/", "contact/status/x/", "no-such-page/"):
            assert_unavailable(client.get(f"/{language}/{path}"), language)
    assert client.get("/healthz").status_code == 503
    assert client.get("/healthz").headers["Retry-After"] == str(RETRY_AFTER)
    assert file.exists() == (left is not None)


@on_sqlite
def test_an_empty_file_in_the_place_of_the_database(client, answers, file):
    remove_database(file, b"")
    client.raise_request_exception = False
    assert_static_page(send(client, answers))
    assert_static_page(client.get("/en/programs/"))


@on_sqlite
@pytest.mark.parametrize("path", ["", "contact/enquiry/", "login/"])
@pytest.mark.parametrize(("cookie", "language"), [("en", "en"), ("zh-hans", "zh-hans"), ("", "en")])
def test_the_admin_says_so_too(admin_client, file, path, cookie, language):
    admin_client.cookies["django_language"] = cookie
    remove_database(file)
    admin_client.raise_request_exception = False
    assert_unavailable(admin_client.get(f"/admin/{path}", headers={"accept-language": "en-GB,zh;q=0.5"}), language)


@on_sqlite
def test_where_even_that_page_cannot_be_made_the_static_one_is(client, file, monkeypatch):
    def fail():
        raise OSError("no room")

    remove_database(file)
    monkeypatch.setattr("portal.views.context_without_database", fail)
    client.raise_request_exception = False
    response = client.get("/en/programs/")
    assert response.status_code == 503
    assert response.headers["Retry-After"] == str(RETRY_AFTER)
    assert response.content.decode() == render_to_string("500.html")


@on_sqlite
def test_the_numbers_are_those_of_the_copy(client, file, settings):
    Department.objects.update(telephones="+86 10 1234 5678")
    update_copy()
    before = settings.DEPARTMENT_COPY.stat().st_ino
    update_copy()
    assert settings.DEPARTMENT_COPY.stat().st_ino == before, "it is written only when something has changed"
    remove_database(file)
    client.raise_request_exception = False
    assert "+86 10 1234 5678" in client.get("/en/programs/").content.decode()
    settings.DEPARTMENT_COPY.write_text("[{")
    assert_unavailable(client.get("/en/programs/"), "en")


def kept(response):
    """Returns the hidden fields of a form that came back because the database is away."""
    text = response.content.decode()
    assert response.status_code == 503
    assert response.headers["Retry-After"]
    assert "no-cache" in response.headers["Cache-Control"]
    assert "+86 10 5365 6705" in text.partition('class="error-summary"')[2].partition("</div>")[0]
    return dict(re.findall(r'name="(csrfmiddlewaretoken|issued)" value="([^"]+)"', text))


@on_sqlite
@pytest.mark.parametrize(
    ("program", "country"), [("teacher-exchange", ""), ("", "germany"), ("teacher-exchange", "germany"), ("", "")]
)
def test_an_enquiry_is_taken_when_the_database_is_back(client, answers, file, program, country):
    client.handler.enforce_csrf_checks = True
    answers |= {"program": program, "country": country}
    with away(file):
        # The first attempt has no token, as if the form had expired; the second has the one of the page that came back.
        for hidden in ({}, kept(send(client, answers, "en"))):
            response = send(client, answers | hidden, "en")
            again = kept(response)
            assert_told(response, answers)
            for slug in (program, country):
                assert f'<option value="{slug}" selected>' in response.content.decode()
        assert not response.context["form"].errors
    assert send(client, answers | again, "en").status_code == 303
    enquiry = Enquiry.objects.get()
    assert [row.slug if row else "" for row in (enquiry.program, enquiry.country)] == [program, country]


@on_sqlite
def test_no_foreign_choice_comes_back(client, answers, file):
    with away(file):
        text = send(client, answers, "en", program='"><script>').content.decode()
    assert "script>" not in text.partition('name="program"')[2].partition("</select>")[0]


@on_sqlite
def test_a_faulty_enquiry_comes_back_with_its_faults(client, answers, file):
    with away(file):
        response = send(client, answers, "en", person="")
    kept(response)
    assert "Enter the name of the contact person" in response.content.decode()


@on_sqlite
def test_other_forms_work_when_the_database_is_back(client, file):
    enquiry = rows.stored()
    client.handler.enforce_csrf_checks = True
    page = f"/en/contact/status/{enquiry.token}/"
    for path, typed in [
        ("/en/contact/status/", {"reference": enquiry.reference, "code": enquiry.code}),
        (page, {"text": "One more question"}),
        (f"{page}withdraw/", {}),
    ]:
        with away(file):
            hidden = kept(client.post(path, typed))
            response = client.post(path, typed | hidden)
            hidden = kept(response)
        text = response.content.decode()
        assert f'method="post" action="{path}"' in text
        assert all(value in text for value in typed.values())
        assert client.post(path, typed | hidden).status_code == 303
        if path == page:
            assert enquiry.messages.get().text == "One more question"
    enquiry.refresh_from_db()
    assert enquiry.state == State.WITHDRAWN


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
