"""Retention: personal data, files and mails are erased when due, and the remaining rows can be counted."""

import random
import sqlite3
from contextlib import closing
from datetime import timedelta
from time import monotonic

import pytest
from django.apps import apps
from django.core.files.base import ContentFile
from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import override
from post_office.models import STATUS, Email, Log

from contact import erased_list, retention
from contact.desk import actions
from contact.mail import delivery
from contact.models import Answer, Attachment, Enquiry, Event, Message, State
from portal.models import Department, User
from tests.contact.databases import on_file
from tests.contact.rows import stored
from tests.contact.steps import send

pytestmark = pytest.mark.django_db

SECRETS = {
    "organisation": "秘密职业学院",
    "person": "Secret Person",
    "position": "Secret Position",
    "email": "secret@college.example",
    "telephone": "010-99988877",
    "message": "Secret words of an enquiry",
}


@pytest.fixture
def staff():
    return User.objects.create_superuser("staff", password="x")


@pytest.fixture
def enquiry(client, answers, staff):
    """An enquiry with every kind of data: sent mails, a failure log, a note, an answer, a further message, a file."""
    send(client, answers, "en", **SECRETS)
    found = Enquiry.objects.get()
    Message.objects.create(enquiry=found, text="Secret words, once more")
    actions.write_note(found, "Secret words of staff", staff)
    actions.answer(found, "Secret words of an answer", True, staff)
    file = Attachment(enquiry=found, name="Secret name.pdf", content_type="application/pdf", size=6)
    file.file.save("secret", ContentFile(b"Secret"))
    found.refresh_from_db()
    first = found.mails.order_by("pk").first()
    Log.objects.create(email=first, status=STATUS.failed, message="secret@college.example: no such user")
    found.mails.update(status=STATUS.sent)
    return found


def everything_stored():
    """Yields the text of every row of every model."""
    for model in apps.get_models():
        for row in model._base_manager.values_list():
            yield f"{model.__name__}: {row}"


def traces():
    return [
        text
        for text in everything_stored()
        if "secret" in text.lower() or "秘密" in text or "99988877" in text
        if not text.startswith("Session")
    ]


def files(settings):
    folder = settings.STORAGES["private"]["OPTIONS"]["location"]
    return [path for path in folder.rglob("*") if path.is_file()]


def end(enquiry, state, days_ago, erase_in):
    since = timezone.now() - timedelta(days=days_ago)
    day = timezone.localdate() + timedelta(days=erase_in)
    Enquiry.objects.filter(pk=enquiry.pk).update(state=state, closed_at=since, erase_on=day)


def test_the_test_sees_what_is_stored(enquiry, settings):
    assert len(traces()) >= 6
    assert len(files(settings)) == 1


@pytest.mark.parametrize("state", [State.CLOSED, State.SPAM, State.WITHDRAWN])
def test_nothing_personal_is_left_when_the_time_has_come(enquiry, settings, state, django_capture_on_commit_callbacks):
    end(enquiry, state, 800, 1)
    with django_capture_on_commit_callbacks(execute=True):
        retention.erase_due()
    assert len(traces()) >= 6
    end(enquiry, state, 800, 0)
    with django_capture_on_commit_callbacks(execute=True):
        retention.erase_due()
    assert traces() == []
    assert files(settings) == []
    enquiry.refresh_from_db()
    assert enquiry.erased_at is not None
    assert enquiry.state == state
    assert enquiry.events.last().kind == Event.Kind.ERASED
    assert enquiry.program is not None


def test_what_was_sent_still_counts_as_sent(enquiry):
    count = enquiry.mails.count()
    retention.erase(enquiry)
    assert {mail.status for mail in enquiry.mails.all()} == {STATUS.sent}
    assert enquiry.mails.count() == count == Email.objects.count()


@pytest.mark.parametrize("waiting", retention.WAITING)
def test_what_still_waits_is_not_erased_as_if_it_had_been_delivered(enquiry, waiting):
    end(enquiry, State.CLOSED, 800, -1)
    mail = enquiry.mails.last()
    Email.objects.filter(pk=mail.pk).update(status=waiting)
    retention.erase_due()
    enquiry.refresh_from_db()
    assert enquiry.erased_at is None
    Email.objects.filter(pk=mail.pk).update(status=STATUS.failed)
    retention.erase_due()
    enquiry.refresh_from_db()
    assert enquiry.erased_at is not None
    assert enquiry.mails.filter(status=STATUS.failed).count() == 1


def test_who_has_withdrawn_does_not_wait_for_mails(enquiry):
    enquiry.mails.update(status=STATUS.requeued)
    actions.move(enquiry, State.WITHDRAWN, None)
    retention.erase_due()
    assert traces() == []
    assert {mail.status for mail in enquiry.mails.all()} == {STATUS.failed}


def test_on_a_persons_request_an_open_enquiry_ends_by_being_erased(enquiry, staff):
    retention.erase(enquiry, staff)
    retention.erase(enquiry, staff)
    enquiry.refresh_from_db()
    assert (enquiry.state, enquiry.owner) == (State.CLOSED, staff)
    assert [event.actor for event in enquiry.events.filter(kind=Event.Kind.ERASED)] == [staff]
    assert traces() == []


def test_what_was_erased_is_not_worked_on_again(enquiry, staff):
    end(enquiry, State.CLOSED, 1, 0)
    retention.erase_due()
    enquiry.refresh_from_db()
    assert enquiry.next_states == set()
    assert not enquiry.can_be_answered


def test_a_duplicate_is_erased_with_what_it_was_merged_into(client, answers, enquiry, staff):
    send(client, answers, "en", **SECRETS | {"message": "Secret words, a second time"})
    duplicate = Enquiry.objects.exclude(pk=enquiry.pk).get()
    actions.merge(duplicate, enquiry, staff)
    Enquiry.objects.filter(pk=duplicate.pk).update(erase_on=timezone.localdate() - timedelta(days=1))
    retention.erase_due()
    assert any("a second time" in trace for trace in traces())
    actions.move(enquiry, State.CLOSED, staff)
    Enquiry.objects.filter(pk=enquiry.pk).update(erase_on=timezone.localdate())
    retention.erase_due()
    assert traces() == []


def test_the_times_are_the_departments(enquiry, staff):
    department = Department.current()
    department.keep_closed_months = 1
    department.save()
    actions.move(enquiry, State.CLOSED, staff)
    enquiry.refresh_from_db()
    assert timedelta(days=28) <= enquiry.erase_on - timezone.localdate() <= timedelta(days=31)


def test_the_desk_erases_after_asking(admin_client, enquiry):
    chosen = {"action": "erase", "_selected_action": [enquiry.pk]}
    asked = admin_client.post("/admin/contact/enquiry/?queue=all", chosen)
    assert enquiry.reference in asked.content.decode()
    assert traces()
    admin_client.post("/admin/contact/enquiry/?queue=all", chosen | {"confirmed": "yes"})
    assert [trace for trace in traces() if "Secret Person" in trace] == []
    assert Enquiry.objects.filter(erased_at__isnull=False).count() == 1


def test_a_mail_that_was_on_its_way_when_the_data_were_erased_leaves_nothing(enquiry):
    mail = enquiry.mails.first()
    retention.erase(enquiry)
    # What post_office writes when the host replies after the erasure.
    Email.objects.filter(pk=mail.pk).update(status=STATUS.requeued, scheduled_time=timezone.now())
    Log.objects.create(email=mail, status=STATUS.failed, message="{'secret@college.example': (450, b'later')}")
    delivery.settle_failures()
    assert traces() == []
    mail.refresh_from_db()
    assert mail.status == STATUS.failed


def test_a_mail_that_was_on_its_way_when_consent_was_withdrawn_is_not_tried_again(enquiry):
    enquiry.move_to(State.WITHDRAWN)
    enquiry.mails.update(status=STATUS.requeued, scheduled_time=timezone.now())
    delivery.settle_failures()
    assert {mail.status for mail in enquiry.mails.all()} == {STATUS.failed}
    assert not enquiry.events.filter(kind=Event.Kind.MAIL_FAILED).exists()


def test_what_was_answered_is_closed_in_time(enquiry, staff):
    month_ago = timezone.now() - timedelta(days=31)
    retention.close_answered()
    enquiry.refresh_from_db()
    assert enquiry.state == State.ANSWERED
    Enquiry.objects.update(answered_at=month_ago)
    Message.objects.update(created_at=month_ago)
    retention.close_answered()
    enquiry.refresh_from_db()
    assert enquiry.state == State.ANSWERED, "its last answer is younger"
    Answer.objects.update(created_at=month_ago)
    retention.close_answered()
    enquiry.refresh_from_db()
    assert enquiry.state == State.ANSWERED, "the mail of its last answer was sent later"
    Email.objects.update(last_updated=month_ago)
    retention.close_answered()
    enquiry.refresh_from_db()
    assert enquiry.state == State.CLOSED
    assert enquiry.erase_on is not None
    with override("en"):
        assert str(enquiry.events.last().shown_actor) == "the portal"


def test_one_that_cannot_be_erased_keeps_no_other_from_it(client, answers, enquiry, monkeypatch):
    send(client, answers, "en", **SECRETS | {"message": "Secret words, a second time"})
    Enquiry.objects.update(state=State.SPAM, closed_at=timezone.now(), erase_on=timezone.localdate())
    Email.objects.update(status=STATUS.sent)
    erase, broken = retention.erase, Enquiry.objects.order_by("pk").first()

    def fail_once(found):
        if found == broken:
            raise OSError
        erase(found)

    monkeypatch.setattr(retention, "erase", fail_once)
    retention.erase_due()
    assert list(Enquiry.objects.filter(erased_at=None)) == [broken]


# The list of erased references


def test_an_erasure_is_listed_once_it_is_committed(enquiry, staff, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        with pytest.raises(RuntimeError), transaction.atomic():
            retention.erase(enquiry)
            raise RuntimeError
        assert erased_list.references() == set()
        retention.erase(enquiry)
        assert erased_list.references() == set()
    assert erased_list.references() == {enquiry.reference}


def test_the_list_is_completed_after_a_crash(client, answers, enquiry):
    retention.erase(enquiry)
    send(client, answers, "en", message="Not erased")
    retention.complete_erased_list()
    enquiry.refresh_from_db()
    assert erased_list.path().read_text() == f"{enquiry.reference} {enquiry.erased_at:%Y-%m-%dT%H:%M:%SZ}\n"
    retention.complete_erased_list()
    assert erased_list.path().read_text().count(enquiry.reference) == 1


def test_what_a_restored_backup_brings_back_is_erased_again(client, answers, enquiry):
    send(client, answers, "en", message="Not erased")
    other = Enquiry.objects.exclude(pk=enquiry.pk).get()
    erased_list.add([(enquiry.reference, timezone.now())])
    assert traces()
    retention.complete_erased_list()
    assert traces() == []
    assert enquiry.events.last().kind == Event.Kind.ERASED
    assert enquiry.events.last().actor is None
    other.refresh_from_db()
    assert other.message == "Not erased"


# SQLite's files

on_sqlite = pytest.mark.skipif("connection.vendor != 'sqlite'", reason="PostgreSQL keeps its files elsewhere")


@pytest.fixture
def file(db, tmp_path):
    with on_file(tmp_path / "portal.sqlite3") as path:
        yield path


def bytes_of(path):
    """Returns the bytes of a database file and of its write-ahead log."""
    return b"".join(part.read_bytes() for part in path.parent.glob(f"{path.name}*"))


def found_in(path, texts):
    content = bytes_of(path)
    return [text for text in texts if text.encode() in content]


@on_sqlite
def test_the_files_of_the_database_hold_nothing_of_an_erased_enquiry(file):
    names = [f"秘密人{number:02}" for number in range(40)]
    enquiries = [stored(person=name, message=name * (number % 7) ** 3) for number, name in enumerate(names)]
    for enquiry in enquiries[::2]:
        retention.erase(enquiry)
    assert erased_list.references() == {enquiry.reference for enquiry in enquiries[::2]}
    assert found_in(file, names) == names[1::2]


@on_sqlite
def test_copies_in_unused_parts_of_the_database_are_removed(file):
    """SQLite leaves copies of rows and keys that it moves to another page, and secure_delete does not see them."""
    numbers = random.Random(5)
    texts = [f"{numbers.random()}secret@x.example" for _number in range(2400)]
    with connection.cursor() as cursor:
        for table in range(12):
            cursor.execute(f"CREATE TABLE scratch{table} (text text)")
            cursor.execute(f"CREATE INDEX scratch{table}_text ON scratch{table} (text)")
            with transaction.atomic():
                rows = [[text] for text in texts[table * 200 : (table + 1) * 200]]
                cursor.executemany(f"INSERT INTO scratch{table} VALUES (%s)", rows)
                odd = [[number] for number in range(1, 200, 2)]
                cursor.executemany(f"UPDATE scratch{table} SET text = '' WHERE rowid = %s", odd)
        assert retention.empty_write_ahead_log()
        assert found_in(file, texts[::2]), "this SQLite leaves no copies, so scrub_database() need not VACUUM"
        assert retention.scrub_database()
        assert found_in(file, texts) == texts[1::2]
        assert cursor.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


@on_sqlite
def test_a_reader_in_the_way_costs_the_visitor_little_and_is_waited_for_by_the_worker(file):
    enquiry = stored(person="秘密人")
    with closing(sqlite3.connect(file, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM contact_enquiry").fetchone()
        began = monotonic()
        retention.erase(enquiry)
        assert monotonic() - began < 2
        assert found_in(file, ["秘密人"])
        assert not retention.scrub_database()
        reader.execute("COMMIT")
        # A connection without a transaction is in nobody's way.
        assert retention.scrub_database()
    assert not found_in(file, ["秘密人"])
    with connection.cursor() as cursor:
        assert cursor.execute("PRAGMA busy_timeout").fetchone() == (200,)
