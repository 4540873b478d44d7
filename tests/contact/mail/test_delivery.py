"""Delivery of mails to a host that works, fails or is down."""

import asyncio
import socket
import threading
from contextlib import contextmanager
from datetime import timedelta

import pytest
from aiosmtpd.controller import Controller
from django.core.mail import EmailMessage
from django.db import transaction
from django.utils import timezone
from django.utils.translation import override
from post_office import mail
from post_office.models import STATUS, Email, Log

from contact import retention
from contact.desk import actions
from contact.mail import delivery
from contact.models import Enquiry, Event, State
from portal.held_lease import HeldLease, LeaseLost
from portal.models import Department, User
from tests.conftest import free_port
from tests.contact.steps import send

pytestmark = pytest.mark.django_db


class Mailbox:
    """A mail host that keeps the recipients of the mails it accepts. It gives the replies `recipient` and `data`."""

    def __init__(self, recipient="250 OK", data="250 OK"):
        self.kept, self.recipient, self.data = [], recipient, data

    async def handle_RCPT(self, server, session, envelope, address, options):
        reply = self.recipient if address.startswith("refused") else "250 OK"
        if reply.startswith("2"):
            envelope.rcpt_tos.append(address)
        return reply

    async def handle_DATA(self, server, session, envelope):
        if self.data.startswith("2"):
            self.kept.extend(envelope.rcpt_tos)
        return self.data


@pytest.fixture
def point_at(settings):
    """Makes a local port the mail host of the portal."""
    settings.POST_OFFICE = settings.POST_OFFICE | {"BACKENDS": {"default": "contact.mail.delivery.EmailBackend"}}
    settings.EMAIL_HOST = "127.0.0.1"

    def point_at(port):
        settings.EMAIL_PORT = port

    return point_at


@contextmanager
def running(mailbox, port=0):
    host = Controller(mailbox, hostname="127.0.0.1", port=port or free_port())
    host.start()
    try:
        yield host.port
    finally:
        host.stop()


@contextmanager
def saying(*replies):
    """A host that greets with the first of `replies`, answers each line with the next, and then disconnects."""
    listener = socket.create_server(("127.0.0.1", 0))

    def converse():
        try:
            while True:
                conversation, _address = listener.accept()
                with conversation, conversation.makefile("rb") as lines:
                    for reply in replies:
                        conversation.sendall(reply + b"\r\n")
                        lines.readline()
        except OSError:
            return

    threading.Thread(target=converse, daemon=True).start()
    yield listener.getsockname()[1]
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()


@contextmanager
def silent():
    """A host that accepts connections but never sends anything."""
    with socket.create_server(("127.0.0.1", 0)) as host:
        yield host.getsockname()[1]


def queue(*addresses):
    return [mail.send(address, subject="Good day", message="Good day") for address in addresses]


def deliver_all():
    while delivery.deliver():
        pass


def states():
    """Returns the status of every mail, by the local part of its address."""
    return {queued.to[0].partition("@")[0]: queued.status for queued in Email.objects.all()}


@pytest.fixture
def enquiry(client, answers, settings):
    """An enquiry whose acknowledgement goes to an address that a Mailbox may refuse."""
    settings.PORTAL_ENQUIRIES_TO = ["desk@example.com"]
    send(client, answers, "en", email="refused@example.com")
    return Enquiry.objects.get()


def events(enquiry, kind=Event.Kind.MAIL_FAILED):
    return list(enquiry.events.filter(kind=kind).values_list("detail", flat=True))


def test_a_recipient_refused_for_good_fails_at_once_and_is_marked_once(enquiry, point_at):
    mailbox = Mailbox(recipient="550 5.1.1 No such user")
    with running(mailbox) as port:
        point_at(port)
        deliver_all()
    assert mailbox.kept == ["desk@example.com"]
    assert states() == {"refused": STATUS.failed, "desk": STATUS.sent}
    delivery.settle_failures()
    refused = enquiry.mails.get(to="refused@example.com")
    assert events(enquiry) == [f"{refused.pk}: We have received your enquiry {enquiry.reference}"]
    assert refused.logs.get().message == "550 5.1.1 No such user"
    assert list(Enquiry.objects.with_failed_mail()) == [enquiry]


def test_a_recipient_refused_for_now_is_tried_again(enquiry, point_at):
    mailbox = Mailbox(recipient="451 4.7.1 Try again later")
    with running(mailbox) as port:
        point_at(port)
        deliver_all()
        assert states() == {"refused": STATUS.requeued, "desk": STATUS.sent}
        assert events(enquiry) == []
        assert not Enquiry.objects.with_failed_mail().exists()
        mailbox.recipient = "250 OK"
        Email.objects.update(scheduled_time=timezone.now())
        deliver_all()
    assert mailbox.kept == ["desk@example.com", "refused@example.com"]
    assert states() == {"refused": STATUS.sent, "desk": STATUS.sent}


@pytest.mark.parametrize(
    ("reply", "state"), [("554 5.6.0 Not this", STATUS.failed), ("452 4.3.1 Disk full", STATUS.requeued)]
)
def test_refused_data(point_at, reply, state):
    queue("one@example.com", "two@example.com")
    with running(Mailbox(data=reply)) as port:
        point_at(port)
        deliver_all()
    assert states() == {"one": state, "two": state}


GREETED = [b"220 here", b"250 hello"]


@pytest.mark.parametrize(
    ("replies", "state"),
    [
        ([*GREETED, b"550 5.7.1 not from you"], STATUS.failed),
        ([*GREETED, b"451 later"], STATUS.requeued),
        # The password is missing, so the mail itself is not refused.
        ([*GREETED, b"530 5.7.0 Authentication required"], STATUS.requeued),
        ([b"554 no service here"], STATUS.requeued),
        ([b"220 here", b"550 who are you?", b"550 who are you?"], STATUS.requeued),
        # The host disconnects before, during and after the mail.
        ([*GREETED, b"250 OK", b"250 OK"], STATUS.requeued),
        ([*GREETED, b"250 OK", b"250 OK", b"354 go on"], STATUS.requeued),
        ([], STATUS.requeued),
    ],
)
def test_what_a_host_says_before_the_mail(point_at, replies, state):
    queue("one@example.com")
    with saying(*replies) as port:
        point_at(port)
        deliver_all()
    assert states() == {"one": state}


def test_a_wrong_password_is_tried_again(point_at, settings):
    settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = "portal", "wrong"
    queue("one@example.com")
    with saying(b"220 here", b"250-hello\r\n250 AUTH PLAIN", b"535 5.7.8 Wrong", b"535 5.7.8 Wrong") as port:
        point_at(port)
        deliver_all()
    assert states() == {"one": STATUS.requeued}
    assert Email.objects.get().logs.get().exception_type == "SMTPAuthenticationError"


def test_a_host_that_is_gone_loses_nothing(point_at):
    queue("one@example.com", "two@example.com")
    port = free_port()
    point_at(port)
    deliver_all()
    assert states() == {"one": STATUS.requeued, "two": STATUS.requeued}
    for queued in Email.objects.all():
        assert timedelta(minutes=14) < queued.scheduled_time - timezone.now() < timedelta(minutes=15)
    Email.objects.update(scheduled_time=timezone.now())
    mailbox = Mailbox()
    with running(mailbox, port):
        deliver_all()
    assert sorted(mailbox.kept) == ["one@example.com", "two@example.com"]


def test_a_hanging_host_costs_each_mail_its_turn_and_no_more(point_at, settings):
    settings.EMAIL_TIMEOUT = 0.2
    queue("one@example.com", "two@example.com")
    with silent() as port:
        point_at(port)
        assert delivery.deliver() == 1
        assert sorted(states().values()) == [STATUS.queued, STATUS.requeued]
        assert delivery.deliver() == 1
        assert delivery.deliver() == 0
    assert states() == {"one": STATUS.requeued, "two": STATUS.requeued}


def test_a_host_that_comes_to_no_end_costs_each_mail_its_turn_and_no_more(point_at, settings):
    settings.POST_OFFICE = settings.POST_OFFICE | {"BATCH_DELIVERY_TIMEOUT": 0.3}
    queue("one@example.com", "two@example.com")
    tested = threading.Event()

    class Dawdling(Mailbox):
        async def handle_EHLO(self, server, session, envelope, hostname, responses):
            await asyncio.to_thread(tested.wait, 20)
            return responses

    mailbox = Dawdling()
    settings.EMAIL_TIMEOUT = 0.2
    with running(mailbox) as port:
        point_at(port)
        deliver_all()
        tested.set()
    assert states() == {"one": STATUS.requeued, "two": STATUS.requeued}
    assert mailbox.kept == []


def test_nothing_is_sent_when_the_mail_was_given_up_meanwhile(point_at, settings):
    mailbox = Mailbox()
    with running(mailbox) as port:
        point_at(port)
        backend = delivery.EmailBackend()
        backend.open()
        backend.deadline -= settings.POST_OFFICE["BATCH_DELIVERY_TIMEOUT"] + 1
        with pytest.raises(TimeoutError):
            backend.send_messages([EmailMessage("a", "b", "a@example.com", ["b@example.com"])])
        backend.close()
    assert mailbox.kept == []


def test_a_host_that_thinks_long_over_a_mail_gets_it_once(point_at, settings):
    settings.EMAIL_TIMEOUT = 0.2
    queue("one@example.com")

    class Slow(Mailbox):
        async def handle_DATA(self, server, session, envelope):
            await asyncio.sleep(0.6)
            return await super().handle_DATA(server, session, envelope)

    mailbox = Slow()
    with running(mailbox) as port:
        point_at(port)
        deliver_all()
    assert mailbox.kept == ["one@example.com"]
    assert states() == {"one": STATUS.sent}


def test_who_has_waited_longest_is_next(point_at):
    old, _new = queue("old@example.com", "new@example.com")
    Email.objects.filter(pk=old.pk).update(status=STATUS.requeued, scheduled_time=timezone.now())
    mailbox = Mailbox()
    with running(mailbox) as port:
        point_at(port)
        Email.objects.filter(pk=old.pk).update(last_updated=timezone.now())
        deliver_all()
    assert mailbox.kept == ["new@example.com", "old@example.com"]


@pytest.mark.parametrize("address", ["ſtaff@example.com", "one@exam\u202eple.com"])
def test_an_address_that_cannot_be_written_to_fails_at_once_and_others_go_out(point_at, address):
    queue("one@example.com", "two@example.com")
    Email.objects.filter(to="one@example.com").update(to=address)
    mailbox = Mailbox()
    with running(mailbox) as port:
        point_at(port)
        deliver_all()
    assert mailbox.kept == ["two@example.com"]
    assert Email.objects.get(to=address).status == STATUS.failed


@pytest.mark.parametrize("header", ["one@exam\u202eple.com", "one@example.com\nBcc: two@example.com"])
def test_a_header_that_cannot_be_written_fails_at_once(point_at, header):
    queue("one@example.com")
    Email.objects.update(headers={"Reply-To": header})
    mailbox = Mailbox()
    with running(mailbox) as port:
        point_at(port)
        deliver_all()
    assert mailbox.kept == []
    assert states() == {"one": STATUS.failed}


def test_after_five_days_a_mail_has_failed_and_is_marked(enquiry, point_at, settings):
    point_at(free_port())
    tries = settings.POST_OFFICE["MAX_RETRIES"]
    assert tries * settings.POST_OFFICE["RETRY_INTERVAL"] == timedelta(days=5)
    Email.objects.update(
        status=STATUS.requeued, number_of_retries=tries - 1, scheduled_time=timezone.now() - timedelta(minutes=1)
    )
    deliver_all()
    assert set(states().values()) == {STATUS.requeued}
    Email.objects.update(scheduled_time=timezone.now() - timedelta(minutes=1))
    deliver_all()
    assert set(states().values()) == {STATUS.failed}
    delivery.settle_failures()
    assert len(events(enquiry)) == 2


def test_failures_of_a_dead_worker_are_settled_by_the_next(enquiry, point_at, monkeypatch):
    with monkeypatch.context() as dying:
        dying.setattr(delivery, "settle_failures", lambda: None)
        with running(Mailbox(recipient="550 No such user")) as port:
            point_at(port)
            deliver_all()
    assert states()["refused"] == STATUS.requeued
    assert events(enquiry) == []
    delivery.settle_failures()
    assert states()["refused"] == STATUS.failed
    assert len(events(enquiry)) == 1


def test_a_mail_sent_again_is_the_same_mail_and_may_fail_again(enquiry, point_at, admin_user):
    mailbox = Mailbox(recipient="550 No such user")
    with running(mailbox) as port:
        point_at(port)
        deliver_all()
        refused = enquiry.mails.get(to="refused@example.com")
        identity = refused.message_id
        assert delivery.send_again(refused, admin_user)
        assert not delivery.send_again(refused, admin_user)
        delivery.settle_failures()
        refused.refresh_from_db()
        assert (refused.status, refused.number_of_retries) == (STATUS.queued, 0)
        assert not Enquiry.objects.with_failed_mail().exists()
        again = enquiry.events.get(kind=Event.Kind.MAIL_AGAIN)
        assert again.actor == admin_user
        assert again.detail.startswith(f"{refused.pk}: ")
        deliver_all()
        assert len(events(enquiry)) == 2
        delivery.send_again(refused, admin_user)
        mailbox.recipient = "250 OK"
        deliver_all()
    refused.refresh_from_db()
    assert (refused.status, refused.message_id) == (STATUS.sent, identity)
    assert mailbox.kept == ["desk@example.com", "refused@example.com"]
    assert "example.com" not in "".join(enquiry.events.values_list("detail", flat=True))


def test_a_mail_that_did_not_fail_is_not_sent_again(enquiry, admin_user):
    assert not delivery.send_again(enquiry.mails.first(), admin_user)
    assert not enquiry.events.filter(kind=Event.Kind.MAIL_AGAIN).exists()


# Answers that do not arrive

NO_SUCH_USER = "550 5.1.1 No such user"


@pytest.fixture
def host(point_at):
    """A mail host that refuses the visitor's address for good."""
    mailbox = Mailbox(recipient=NO_SUCH_USER)
    with running(mailbox) as port:
        point_at(port)
        yield mailbox


@pytest.fixture
def officer():
    return User.objects.create_superuser("officer", "officer@example.com")


def answered(enquiry, officer, text="Prepare two forms."):
    """Stores an answer to `enquiry`, tries to send its mail, and returns the answer."""
    answer = actions.answer(enquiry, text, True, officer)
    deliver_all()
    enquiry.refresh_from_db()
    answer.refresh_from_db()
    return answer


def sent_again(enquiry, answer, officer):
    assert delivery.send_again(answer.mail, officer)
    deliver_all()
    enquiry.refresh_from_db()


def turns(enquiry):
    """Returns the kind and the state of the events that changed the state of `enquiry`, and who caused them."""
    kinds = [Event.Kind.MOVED, Event.Kind.NOT_ARRIVED, Event.Kind.ARRIVED]
    with override("en"):
        return [(event.kind, event.detail, str(event.shown_actor)) for event in enquiry.events.filter(kind__in=kinds)]


def test_an_answer_that_is_refused_opens_its_enquiry_again(enquiry, officer, host):
    Department.objects.update(promised_days=5)
    Enquiry.objects.update(due_on=timezone.localdate() - timedelta(days=30))
    answer = answered(enquiry, officer)
    assert answer.mail.status == STATUS.failed
    assert (enquiry.state, enquiry.answered_at) == (State.IN_PROGRESS, None)
    assert enquiry.due_on > timezone.localdate()
    assert turns(enquiry) == [
        ("moved", "in_progress", "officer"),
        ("moved", "answered", "officer"),
        ("not_arrived", "in_progress", "the portal"),
    ]
    assert list(Enquiry.objects.open()) == list(Enquiry.objects.with_failed_mail()) == [enquiry]
    delivery.settle_failures()
    delivery.settle_arrivals()
    enquiry.refresh_from_db()
    assert enquiry.state == State.IN_PROGRESS
    assert len(turns(enquiry)) == 3


def mails_about_refusals():
    """Returns the mails to staff about refused answers, in English, oldest first."""
    return Email.objects.filter(message__contains="could not be delivered, and").order_by("pk")


@pytest.mark.parametrize(("language", "words"), [("en", "did not arrive"), ("zh-hans", "的答复未能送达")])
def test_the_owner_gets_one_mail_about_an_answer_that_was_refused(enquiry, officer, host, language, words):
    User.objects.update(language=language)
    before = enquiry.mails.count()
    answered(enquiry, officer)
    delivery.settle_failures()
    _answer, notice = enquiry.mails.order_by("pk")[before:]
    assert (notice.to, notice.status) == (["officer@example.com"], STATUS.sent)
    assert enquiry.reference in notice.subject
    assert words in notice.subject
    assert f"https://portal.example/admin/contact/enquiry/{enquiry.pk}/change/" in notice.message
    assert notice.headers == {"Auto-Submitted": "auto-generated"}
    for personal in ("refused@example.com", "张三", "北京某职业学院", "Prepare two forms."):
        assert personal not in notice.subject + notice.message + notice.html_message + str(notice.headers)


@pytest.mark.parametrize("owner", ["nobody", "without an address", "gone"])
def test_without_a_reachable_owner_the_desk_gets_the_mail_about_a_refused_answer(enquiry, officer, host, owner):
    Department.objects.update(staff_language="en")
    actions.answer(enquiry, "Prepare two forms.", True, officer)
    if owner == "nobody":
        Enquiry.objects.update(owner=None)
    elif owner == "gone":
        User.objects.update(is_active=False)
    else:
        User.objects.update(email="")
    deliver_all()
    assert [mail.to for mail in mails_about_refusals()] == [["desk@example.com"]]


def test_each_refusal_is_reported_once_and_an_arrival_is_not(enquiry, officer, host):
    User.objects.update(language="en")
    answer = answered(enquiry, officer)
    sent_again(enquiry, answer, officer)
    assert mails_about_refusals().count() == 2
    host.recipient = "250 OK"
    sent_again(enquiry, answer, officer)
    assert mails_about_refusals().count() == 2


def test_an_answer_that_is_refused_for_now_still_is_one(enquiry, officer, host):
    host.recipient = "451 4.7.1 Try again later"
    answer = answered(enquiry, officer)
    assert answer.mail.status == STATUS.requeued
    assert enquiry.state == State.ANSWERED
    assert enquiry.answered_at is not None
    assert delivery.last_failure(answer.mail).words.endswith("：451 4.7.1 Try again later")


def test_another_mail_that_fails_leaves_the_enquiry_answered(enquiry, officer, host):
    host.recipient = "250 OK"
    answered(enquiry, officer)
    acknowledgement = enquiry.mails.earliest("pk")
    Email.objects.filter(pk=acknowledgement.pk).update(status=STATUS.failed, scheduled_time=timezone.now())
    delivery.settle_failures()
    enquiry.refresh_from_db()
    assert len(events(enquiry)) == 1
    assert enquiry.state == State.ANSWERED


def test_a_closed_enquiry_is_opened_again_because_nobody_was_answered(enquiry, officer, host):
    actions.answer(enquiry, "Prepare two forms.", True, officer)
    actions.move(enquiry, State.CLOSED, officer)
    deliver_all()
    enquiry.refresh_from_db()
    assert (enquiry.state, enquiry.closed_at, enquiry.erase_on) == (State.IN_PROGRESS, None, None)
    assert enquiry.answered_at is None


def test_what_was_closed_after_the_failure_stays_closed(enquiry, officer, host):
    answered(enquiry, officer)
    actions.move(enquiry, State.CLOSED, officer)
    delivery.settle_failures()
    delivery.settle_arrivals()
    enquiry.refresh_from_db()
    assert enquiry.state == State.CLOSED


@pytest.mark.parametrize("end", ["spam", "withdrawn", "erased"])
def test_what_has_ended_for_good_is_not_opened_again(enquiry, officer, host, end):
    answer = actions.answer(enquiry, "Prepare two forms.", True, officer)
    if end == "erased":
        retention.erase(enquiry)
    else:
        enquiry.refresh_from_db()
        enquiry.move_to(State(end))
    # What post_office writes when the host refuses a mail that was on its way.
    Email.objects.filter(pk=answer.mail_id).update(status=STATUS.requeued, scheduled_time=timezone.now())
    answer.mail.logs.create(status=STATUS.failed, message=NO_SUCH_USER, exception_type="PermanentRefusal")
    mails = Email.objects.count()
    delivery.settle_failures()
    assert Email.objects.count() == mails
    enquiry.refresh_from_db()
    assert enquiry.is_finished
    assert enquiry.answered_at is None
    assert enquiry.events.filter(kind=Event.Kind.NOT_ARRIVED).count() == 0


def test_the_first_answer_that_arrives_counts(enquiry, officer, host, time_machine):
    answered(enquiry, officer)
    time_machine.move_to(timedelta(days=3))
    host.recipient = "250 OK"
    second = answered(enquiry, officer, "Here it is again.")
    assert enquiry.state == State.ANSWERED
    assert enquiry.answered_at - second.created_at < timedelta(minutes=1)
    arrived_at = enquiry.answered_at
    time_machine.move_to(timedelta(days=3))
    host.recipient = NO_SUCH_USER
    answered(enquiry, officer, "And a third.")
    assert (enquiry.state, enquiry.answered_at) == (State.IN_PROGRESS, arrived_at)


def test_an_answer_sent_again_answers_when_it_arrives(enquiry, officer, host, time_machine):
    answer = answered(enquiry, officer)
    time_machine.move_to(timedelta(days=3))
    assert delivery.send_again(answer.mail, officer)
    delivery.settle_arrivals()
    enquiry.refresh_from_db()
    assert (enquiry.state, enquiry.answered_at) == (State.IN_PROGRESS, None), "it only waits"
    host.recipient = "250 OK"
    deliver_all()
    enquiry.refresh_from_db()
    assert enquiry.state == State.ANSWERED
    assert enquiry.answered_at - answer.created_at > timedelta(days=2)
    assert turns(enquiry)[-1] == ("arrived", "answered", "the portal")
    delivery.settle_arrivals()
    assert len(turns(enquiry)) == 4


def test_an_answer_sent_again_may_fail_again(enquiry, officer, host):
    answer = answered(enquiry, officer)
    host.recipient = "554 5.7.1 Mailbox closed"
    sent_again(enquiry, answer, officer)
    assert (enquiry.state, enquiry.answered_at) == (State.IN_PROGRESS, None)
    answer.mail.refresh_from_db()
    assert delivery.last_failure(answer.mail).words.endswith("：554 5.7.1 Mailbox closed")
    assert len(events(enquiry)) == 3


@pytest.mark.parametrize("since", ["a message", "a state", "a duplicate"])
def test_what_somebody_did_since_keeps_the_enquiry_open(client, answers, enquiry, officer, host, since):
    answer = answered(enquiry, officer)
    if since == "a message":
        client.post(enquiry.get_status_url(), {"text": "My address is another one."})
    elif since == "a state":
        actions.move(enquiry, State.CLOSED, officer)
        actions.move(enquiry, State.IN_PROGRESS, officer)
    else:
        send(client, answers, "en", email="refused@example.com", message="Another matter")
        actions.merge(Enquiry.objects.exclude(pk=enquiry.pk).get(), enquiry, officer)
    host.recipient = "250 OK"
    sent_again(enquiry, answer, officer)
    assert enquiry.state == State.IN_PROGRESS
    assert enquiry.answered_at is not None, "an answer has arrived all the same"


def test_an_enquiry_is_answered_again_when_all_its_answers_have_arrived(enquiry, officer, host):
    one = actions.answer(enquiry, "One", True, officer)
    two = actions.answer(enquiry, "Two", True, officer)
    deliver_all()
    host.recipient = "250 OK"
    sent_again(enquiry, one, officer)
    assert enquiry.state == State.IN_PROGRESS
    sent_again(enquiry, two, officer)
    assert enquiry.state == State.ANSWERED


def test_an_answer_to_a_duplicate_opens_its_main_enquiry(client, answers, enquiry, officer, host):
    send(client, answers, "en", email="refused@example.com", message="Another matter")
    duplicate = Enquiry.objects.exclude(pk=enquiry.pk).get()
    host.recipient = "250 OK"
    answered(enquiry, officer)
    answer = actions.answer(duplicate, "To the other", True, officer)
    actions.merge(duplicate, enquiry, officer)
    host.recipient = NO_SUCH_USER
    deliver_all()
    for row in (enquiry, duplicate):
        row.refresh_from_db()
    assert (enquiry.state, duplicate.state, duplicate.merged_into) == (State.IN_PROGRESS, State.CLOSED, enquiry)
    assert enquiry.answered_at is not None
    assert duplicate.answered_at is None
    host.recipient = "250 OK"
    sent_again(enquiry, answer, officer)
    duplicate.refresh_from_db()
    assert (enquiry.state, duplicate.state) == (State.ANSWERED, State.CLOSED)
    assert duplicate.answered_at is not None


def test_failures_and_arrivals_of_a_dead_worker_are_settled_by_the_next(enquiry, officer, host, monkeypatch):
    def without_settling(do):
        with monkeypatch.context() as dying:
            dying.setattr(delivery, "settle_failures", lambda: None)
            dying.setattr(delivery, "settle_arrivals", lambda: None)
            return do()

    answer = without_settling(lambda: answered(enquiry, officer))
    assert enquiry.state == State.ANSWERED
    delivery.settle_failures()
    enquiry.refresh_from_db()
    assert enquiry.state == State.IN_PROGRESS
    host.recipient = "250 OK"
    without_settling(lambda: sent_again(enquiry, answer, officer))
    assert enquiry.state == State.IN_PROGRESS
    delivery.settle_arrivals()
    enquiry.refresh_from_db()
    assert enquiry.state == State.ANSWERED


def test_the_same_answer_again_is_no_second_click_after_the_first_failed(enquiry, officer, host):
    answered(enquiry, officer)
    host.recipient = "250 OK"
    answered(enquiry, officer)
    assert enquiry.answers.count() == 2
    assert enquiry.state == State.ANSWERED


def test_a_fault_that_the_portal_found_is_told_in_the_readers_language(enquiry, officer, host):
    answer = actions.answer(enquiry, "Prepare two forms.", True, officer)
    Email.objects.filter(pk=answer.mail_id).update(to="ſtaff@example.com")
    deliver_all()
    answer.mail.refresh_from_db()
    for language, words in (("en", "No mail can be written to this address."), ("zh-hans", "无法向该邮箱发送邮件。")):
        with override(language):
            assert delivery.last_failure(answer.mail).words == words


@pytest.mark.parametrize(
    ("exception_type", "message", "for_staff", "for_person"),
    [
        (
            *("PermanentRefusal", "554 5.7.1 No"),
            *["The mail host refuses the mail. The mail host’s words: 554 5.7.1 No"] * 2,
        ),
        (
            *("ConnectionRefusedError", "[Errno 111] Connection refused"),
            "The mail host could not be reached. Details: [Errno 111] Connection refused",
            "The mail could not be sent.",
        ),
        (
            *("TimeoutError", ""),
            "The mail host could not be reached. Details: TimeoutError",
            "The mail could not be sent.",
        ),
        (
            *("SMTPAuthenticationError", "(535, b'5.7.8 Wrong')"),
            "The mail host does not let the portal sign in. Ask the technicians. "
            "The mail host’s words: (535, b'5.7.8 Wrong')",
            "The mail could not be sent.",
        ),
    ],
)
def test_only_a_reply_is_called_the_words_of_the_host(exception_type, message, for_staff, for_person):
    log = Log(exception_type=exception_type, message=message)
    with override("en"):
        assert delivery.failure(log)[1:] == (for_staff, for_person)


def test_no_refusal_is_taken_for_one_of_another_kind():
    mixed, permanent = delivery.refusal([(550, b"no"), (451, b"later")]), delivery.refusal([(553, "不".encode())])
    assert (type(mixed), str(mixed)) == (delivery.TemporaryRefusal, "550 no; 451 later")
    assert (type(permanent), str(permanent)) == (delivery.PermanentRefusal, "553 不")


def test_a_mail_is_not_handed_over_without_the_lease(point_at):
    """The lease expires after the host has accepted the recipient, as if the worker had been suspended there."""
    lease = HeldLease("mail", "one")

    class Pausing(Mailbox):
        async def handle_RCPT(self, *arguments):
            lease.held_until = 0.0
            return await super().handle_RCPT(*arguments)

    queue("one@example.com")
    mailbox = Pausing()
    with running(mailbox) as port:
        point_at(port)
        assert lease.renew()
        with pytest.raises(LeaseLost), transaction.atomic():
            delivery.deliver(lease)
        assert mailbox.kept == []
        # Nothing is recorded: another worker may have sent the mail, which would be sent again.
        assert states() == {"one": STATUS.queued}
        mailbox.handle_RCPT = Mailbox().handle_RCPT
        assert lease.renew()
        assert delivery.deliver(lease) == 1
    assert mailbox.kept == ["one@example.com"]
    assert states() == {"one": STATUS.sent}


def test_what_became_of_a_mail_is_not_recorded_without_the_lease(point_at):
    """The host fails while the worker has lost its lease, so another worker may have sent the mail meanwhile."""
    lease = HeldLease("mail", "one")

    class Failing(Mailbox):
        async def handle_DATA(self, server, session, envelope):
            lease.held_until = 0.0
            return "451 Later"

    queue("one@example.com")
    with running(Failing()) as port:
        point_at(port)
        assert lease.renew()
        with pytest.raises(LeaseLost), transaction.atomic():
            delivery.deliver(lease)
    assert states() == {"one": STATUS.queued}
