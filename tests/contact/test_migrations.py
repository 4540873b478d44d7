"""Migrations that change rows."""

from datetime import UTC, date, datetime
from importlib import import_module
from pathlib import Path

import pytest
from django.apps import apps
from django.utils.translation import override
from post_office.models import STATUS, Email

import contact.migrations
from contact.desk import actions
from contact.mail import delivery
from contact.models import Answer, Enquiry, Event, State
from portal.models import Page, User
from tests.contact.rows import stored

pytestmark = pytest.mark.django_db


def migration(name):
    """Returns the module of the migration called `name`. Its number is not fixed."""
    [path] = Path(contact.migrations.__path__[0]).glob(f"*_{name}.py")
    return import_module(f"contact.migrations.{path.stem}")


@pytest.fixture
def connect_answers():
    """A function that runs the migration that connects answers with their mails."""
    return lambda: migration("connect_answers").connect_answers(apps, None)


def test_accepted_privacy_notices_are_dated_by_their_first_enquiry_and_the_present_one_by_its_last_change():
    with override("en"):
        present = Page.privacy_notice().version
    days = [(3, "another"), (5, "another"), (7, present), (9, present)]
    for day, version in days:
        stored(created_at=datetime(2026, 11, day, 20, 0, tzinfo=UTC), privacy_version=version)

    def dates(last_saved):
        Page.objects.filter(slug="privacy").update(body_changed_on_en=last_saved)
        migration("message_attachment_and_privacy_date").date_notices(apps, None)
        enquiries = Enquiry.objects.order_by("created_at").values_list("privacy_date", flat=True)
        with override("en"):
            return [at.day for at in enquiries], Page.privacy_notice().changed_on

    # In Beijing the evening of the third is the fourth.
    assert dates(date(2026, 11, 6)) == ([4, 4, 6, 6], date(2026, 11, 6))
    # The page was saved later, with the same text.
    assert dates(date(2026, 11, 20)) == ([4, 4, 8, 8], date(2026, 11, 8))


def test_earlier_events_get_the_names_of_colleagues():
    named = User.objects.create_user("wang", last_name="王", first_name="小明")
    # Her user name is the name of the other.
    User.objects.create_user("王小明", last_name="王", first_name="小明二")
    unnamed, enquiry = User.objects.create_user("officer"), stored()
    for actor, owner in ((named, "officer"), (unnamed, "wang"), (unnamed, "王小明")):
        enquiry.log(Event.Kind.ASSIGNED, actor, owner)
    Event.objects.filter(actor=named).update(actor_name="wang")
    migration("names_of_actors").name_actors(apps, None)
    assert [(event.actor_name, event.detail) for event in enquiry.events.all()] == [
        ("王小明", "officer"),
        ("officer", "王小明"),
        ("officer", "王小明二"),
    ]


def test_answers_find_their_mails_and_failed_ones_open_their_enquiries(connect_answers):
    officer = User.objects.create_superuser("officer", "officer@example.com")
    enquiries = [stored(STATUS.sent, email=f"{name}@college.example") for name in ("alex", "bao", "chen")]
    given = {actions.answer(enquiry, text, True, officer) for enquiry in enquiries for text in ("One", "Two")}
    unknown = Answer.objects.create(enquiry=enquiries[0], text="Its mail was queued at another time")
    expected = {answer.pk: answer.mail_id for answer in given} | {unknown.pk: None}
    assert len(set(expected.values())) == 7
    Answer.objects.update(mail=None)
    Email.objects.filter(to=["bao@college.example"]).update(status=STATUS.failed)
    Email.objects.filter(to=["chen@college.example"]).update(status=STATUS.failed)
    actions.move(enquiries[2], State.CLOSED, officer)
    connect_answers()
    assert dict(Answer.objects.values_list("pk", "mail")) == expected
    delivery.settle_failures()
    assert list(Enquiry.objects.order_by("pk").values_list("state", flat=True)) == ["answered", "in_progress", "closed"]
    assert Event.objects.filter(kind=Event.Kind.NOT_ARRIVED).count() == 1


def test_a_failed_answer_that_another_followed_opens_nothing(connect_answers):
    officer = User.objects.create_superuser("officer", "officer@example.com")
    enquiry = stored(STATUS.sent)
    first, second = (actions.answer(enquiry, text, True, officer) for text in ("One", "Two"))
    Answer.objects.update(mail=None)
    Email.objects.filter(pk=first.mail.pk).update(status=STATUS.failed)
    Email.objects.filter(pk=second.mail.pk).update(status=STATUS.sent)
    connect_answers()
    delivery.settle_failures()
    enquiry.refresh_from_db()
    assert enquiry.state == State.ANSWERED
