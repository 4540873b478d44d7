"""The daily report to the desk: when it is queued, what it says, and when it raises an alarm."""

import re
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db.models import QuerySet
from django.utils.translation import override
from post_office.models import STATUS, Email

from contact.desk.actions import answer
from contact.desk.daily_report import queue_daily_report, warning
from contact.desk.statistics import Reconciliation
from contact.mail.delivery import settle_arrivals, settle_failures
from contact.models import DailyReport, Enquiry, State
from portal.models import Department, User
from tests.contact.rows import erased, stored

pytestmark = pytest.mark.django_db

BEIJING = ZoneInfo("Asia/Shanghai")
EIGHT = datetime(2026, 11, 24, 8, tzinfo=BEIJING)
YESTERDAY = EIGHT - timedelta(hours=20)


@pytest.fixture(autouse=True)
def desk(settings, time_machine):
    """The desk has two recipients and reads English. It is 8 o'clock in Beijing."""
    settings.PORTAL_ENQUIRIES_TO = ["one@desk.example", "two@desk.example"]
    department = Department.current()
    department.staff_language = "en"
    department.save()
    time_machine.move_to(EIGHT, tick=False)


def test_at_zero_it_is_sent_all_the_same():
    one, two = queue_daily_report()
    assert [one.to, two.to] == [["one@desk.example"], ["two@desk.example"]]
    assert {one.status, two.status} == {STATUS.queued}
    assert one.subject == "Enquiries on 23 November 2026"
    assert one.message == (
        "Enquiries on 23 November 2026\n"
        "\n"
        "Received: 0\n"
        "– all mails sent: 0\n"
        "– a mail is still waiting: 0\n"
        "– a mail has failed for good: 0\n"
        "– all mails sent, acknowledgement withheld: 0\n"
        "Answered: 0\n"
        "Closed: 0\n"
        "\n"
        "At present\n"
        "Open: 0\n"
        "Unassigned, open: 0\n"
        "Overdue: 0\n"
        "The visitor wrote again: 0\n"
        "A mail has failed: 0\n"
        "Answered, not closed: 0\n"
        "\n"
        "All enquiries ever received\n"
        "0 received: 0 sent, 0 waiting, 0 failed, 0 sent without acknowledgement\n"
        "\n"
        "Nobody reads replies to this mail.\n"
        "\n"
        "Open the desk:\n"
        "\n"
        "https://portal.example/admin/contact/enquiry/\n"
    )
    assert '<a href="https://portal.example/admin/contact/enquiry/"' in one.html_message
    assert "Received: 0<br>" in one.html_message
    assert '<html lang="en">' in one.html_message
    assert two.message == one.message
    assert one.headers == two.headers == {"Auto-Submitted": "auto-generated"}
    assert list(DailyReport.objects.values_list("day", flat=True)) == [date(2026, 11, 24)]


def test_it_goes_out_once_a_day_from_eight_in_beijing():
    assert queue_daily_report(EIGHT - timedelta(minutes=1)) == []
    assert len(queue_daily_report(EIGHT.astimezone(ZoneInfo("UTC")))) == 2
    assert queue_daily_report(EIGHT + timedelta(minutes=1)) == []
    assert queue_daily_report(EIGHT + timedelta(hours=15, minutes=59)) == []
    assert queue_daily_report(EIGHT + timedelta(hours=16)) == []
    assert len(queue_daily_report(EIGHT + timedelta(days=1))) == 2
    assert Email.objects.count() == 4


def test_it_says_what_happened_and_what_waits():
    day = {"created_at": YESTERDAY}
    desk = User.objects.create_user("desk")
    stored(STATUS.sent, STATUS.sent, owner=desk, due_on=date(2026, 11, 23), **day)
    stored(STATUS.sent, due_on=date(2026, 11, 24), **day)
    stored(STATUS.sent, STATUS.requeued, state=State.ANSWERED, answered_at=YESTERDAY, **day)
    stored(STATUS.failed, STATUS.failed, state=State.CLOSED, closed_at=YESTERDAY, **day)
    stored(STATUS.failed, state=State.SPAM, closed_at=YESTERDAY, **day)
    stored(STATUS.sent, withheld=True, **day)
    # Received before and after the day of the report.
    stored(STATUS.sent, created_at=EIGHT - timedelta(hours=33), answered_at=EIGHT - timedelta(hours=33))
    erased(STATUS.failed, created_at=EIGHT - timedelta(days=900), closed_at=EIGHT - timedelta(days=800))
    stored(STATUS.queued, created_at=EIGHT - timedelta(hours=8))
    text = queue_daily_report()[0].message
    assert text.startswith("Enquiries on 23 November 2026\n")
    for line in [
        "Received: 6",
        "– all mails sent: 2",
        "– a mail is still waiting: 1",
        "– a mail has failed for good: 2",
        "– all mails sent, acknowledgement withheld: 1",
        "Answered: 1",
        "Closed: 1",
        "Open: 5",
        "Overdue: 1",
        "Unassigned, open: 4",
        "Answered, not closed: 1",
        "A mail has failed: 1",
        "9 received: 3 sent, 2 waiting, 3 failed, 1 sent without acknowledgement",
    ]:
        assert f"\n{line}\n" in text


def test_an_answer_that_did_not_arrive_is_counted_when_it_does(time_machine):
    def answered():
        """The numbers of the answered enquiries in the report on the last day, and of those that are open."""
        return re.findall("^(?:Answered|Open): .+", queue_daily_report()[0].message, re.MULTILINE)

    enquiry = stored(created_at=YESTERDAY)
    given = answer(enquiry, "Yes.", True, User.objects.create_superuser("officer"))
    Email.objects.filter(pk=given.mail_id).update(status=STATUS.failed, scheduled_time=EIGHT)
    settle_failures()
    time_machine.move_to(EIGHT + timedelta(days=1), tick=False)
    assert answered() == ["Answered: 0", "Open: 1"]
    time_machine.move_to(EIGHT + timedelta(days=2), tick=False)
    Email.objects.filter(pk=given.mail_id).update(status=STATUS.sent, last_updated=EIGHT + timedelta(days=1))
    settle_arrivals()
    assert answered() == ["Answered: 1", "Open: 0"]


def test_a_day_begins_at_midnight_in_beijing():
    midnight = datetime(2026, 11, 23, tzinfo=BEIJING)
    for moment in (midnight, midnight + timedelta(days=1, microseconds=-1)):
        stored(STATUS.sent, created_at=moment)
    for moment in (midnight - timedelta(microseconds=1), midnight + timedelta(days=1)):
        stored(STATUS.sent, created_at=moment)
    assert "\nReceived: 2\n" in queue_daily_report()[0].message


def test_after_a_standstill_one_mail_covers_the_days_that_were_missed():
    DailyReport.objects.create(day=date(2026, 11, 20))
    stored(STATUS.sent, created_at=datetime(2026, 11, 19, 23, 59, tzinfo=BEIJING))
    stored(STATUS.sent, created_at=datetime(2026, 11, 20, 0, 1, tzinfo=BEIJING))
    stored(STATUS.sent, created_at=YESTERDAY)
    one, _two = queue_daily_report()
    assert one.subject == "Enquiries from 20 November 2026 to 23 November 2026"
    assert "\nReceived: 2\n" in one.message
    assert "\n3 received: 3 sent, 0 waiting, 0 failed, 0 sent without acknowledgement\n" in one.message
    [tomorrow, _two] = queue_daily_report(EIGHT + timedelta(days=1))
    assert tomorrow.subject == "Enquiries on 24 November 2026"


def test_a_clock_that_was_ahead_sends_nothing_twice():
    DailyReport.objects.create(day=date(2026, 11, 25))
    assert queue_daily_report() == []


def test_two_workers_queue_one_report(monkeypatch):
    """The other worker queues its report after this one has found none and before this one writes its own."""
    get, others = QuerySet.get, []

    def too_early(rows, *args, **kwargs):
        monkeypatch.setattr(QuerySet, "get", get)
        others.extend(queue_daily_report())
        raise DailyReport.DoesNotExist

    monkeypatch.setattr(QuerySet, "get", too_early)
    assert queue_daily_report() == []
    assert len(others) == 2
    assert Email.objects.count() == 2
    assert DailyReport.objects.count() == 1


def test_no_row_without_its_mails(monkeypatch):
    def fail(*args, **kwargs):
        raise RuntimeError

    monkeypatch.setattr("contact.mail.messages.mail.send", fail)
    with pytest.raises(RuntimeError):
        queue_daily_report()
    assert not DailyReport.objects.exists()


def test_it_is_loud_where_the_numbers_do_not_add_up():
    stored(STATUS.sent, created_at=YESTERDAY)
    lost = stored(created_at=YESTERDAY)
    older = stored(created_at=EIGHT - timedelta(days=40))
    one, _two = queue_daily_report()
    assert one.subject == "ATTENTION: the numbers do not add up – Enquiries on 23 November 2026"
    lines = one.message.splitlines()
    assert lines[:3] == [
        "ATTENTION: the numbers do not add up",
        "Of these days: 2 received, 1 accounted for, difference 1",
        "Of all ever: 3 received, 1 accounted for, difference 2",
    ]
    assert lines[3] in {
        f"Not accounted for: {lost.reference} {older.reference}",
        f"Not accounted for: {older.reference} {lost.reference}",
    }
    assert lines[4:6] == ["", "Enquiries on 23 November 2026"]


def test_an_old_gap_is_told_every_day():
    stored(created_at=EIGHT - timedelta(days=40))
    one, _two = queue_daily_report()
    assert one.subject.startswith("ATTENTION")
    assert "Of these days" not in one.message
    assert queue_daily_report(EIGHT + timedelta(days=1))[0].subject.startswith("ATTENTION")


def test_it_names_twenty_references_at_most():
    for _number in range(23):
        stored(created_at=YESTERDAY)
    [line] = [line for line in queue_daily_report()[0].message.splitlines() if line.startswith("Not accounted for")]
    assert len(line.removeprefix("Not accounted for: ").split()) == 20
    assert "\n… and 3 more\n" in Email.objects.first().message


def test_a_difference_that_no_enquiry_explains_is_told_too(monkeypatch):
    stored(STATUS.sent, created_at=YESTERDAY)
    monkeypatch.setattr("contact.desk.daily_report.reconcile", lambda enquiries: Reconciliation(1, 0, 0, 0, 0))
    one, _two = queue_daily_report()
    assert "\nNo single enquiry explains the difference.\n" in one.message


def test_it_speaks_the_language_of_the_staff():
    Department.objects.update(staff_language="zh-hans")
    stored(created_at=YESTERDAY)
    one, _two = queue_daily_report()
    assert one.subject == "注意：数字对不上——2026年11月23日咨询情况"
    assert one.message.startswith("注意：数字对不上\n统计期内：收到1条，有去向0条，相差1条\n")


def test_it_holds_no_personal_data():
    enquiry = stored(created_at=YESTERDAY)
    for mail in queue_daily_report():
        words = mail.subject + mail.message + mail.html_message
        for name in ("organisation", "person", "email", "message", "code", "token"):
            assert getattr(enquiry, name) not in words


def test_its_own_mails_are_no_enquirys_mails():
    queue_daily_report()
    Email.objects.update(status=STATUS.failed)
    assert not Enquiry.mails.through.objects.exists()
    text = queue_daily_report(EIGHT + timedelta(days=1))[0].message
    assert "A mail has failed: 0\n" in text
    with override("en"):
        assert warning() == "Daily reports could not be delivered to: one@desk.example, two@desk.example"


def test_a_failed_mail_of_another_kind_is_no_lost_report():
    Email.objects.create(from_email="portal@example.com", to=["staff@example.com"], status=STATUS.failed)
    assert warning() == ""
