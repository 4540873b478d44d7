"""Delivery of queued mails by the worker. A mail is sent, retried later, or fails for good."""

import logging
import smtplib
import socket
from contextlib import nullcontext, suppress
from datetime import datetime
from email.utils import parseaddr
from functools import wraps
from operator import attrgetter
from time import monotonic
from typing import NamedTuple

from django.core.mail.backends import smtp
from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone
from django.utils.translation import gettext, gettext_noop
from post_office.mail import send_queued
from post_office.models import STATUS, Email, Log
from post_office.settings import get_batch_delivery_timeout

from contact import erased_list
from contact.mail.files import delete_orphans
from contact.mail.messages import WAITING, queue_refused_answer, readdress_mails, stop_mails
from contact.mail.refusals import UNSENT, is_reply, meaning
from contact.models import Answer, Enquiry, Event, State
from portal.bilingual.email_addresses import is_deliverable

logger = logging.getLogger(__name__)

# Socket timeout after the connection is open, in seconds. It is longer than EMAIL_TIMEOUT, which limits the wait for
# a host that is down: a mail is delivered twice if the portal disconnects while the host is still processing it.
RESPONSE_TIMEOUT = 60
# 5xx replies about the portal's login (RFC 4954, section 6), not about the mail: a retry may succeed.
AUTHENTICATION_CODES = {530, 534, 535, 538}


# Faults that the portal itself finds. They are translated where they are shown; see last_failure().
NO_ADDRESS = gettext_noop("No mail can be written to this address.")
TOO_SLOW = gettext_noop("The mail host took too long to answer.")
UNWRITABLE = gettext_noop("This mail has a character that no mail can carry.")


class Refusal(Exception):
    """The mail host did not accept a mail. The text is its reply, and `smtp_code` the code of the reply, if any."""

    def __init__(self, text, smtp_code=None):
        super().__init__(text)
        self.smtp_code = smtp_code


class TemporaryRefusal(Refusal):
    """The host may accept the mail later."""


class PermanentRefusal(Refusal):
    """The host will never accept the mail, so there is no retry."""


class EmailBackend(smtp.EmailBackend):
    """Detects permanent refusals. post_office creates a backend for each mail, after the worker has the lease."""

    is_sending = False
    # The HeldLease of the worker in this process, if there is one.
    lease = None

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.deadline = monotonic() + get_batch_delivery_timeout()

    def open(self):
        opened = super().open()
        if opened:
            self.connection.sock.settimeout(RESPONSE_TIMEOUT)
            self.connection.data = self.checked(self.connection.data)
        return opened

    def checked(self, data):
        """Wraps the method of an smtplib.SMTP that hands over a mail: another worker may have the mail by now."""

        @wraps(data)
        def hand_over(message):
            if monotonic() > self.deadline:
                # The host was slow, or the process was suspended. post_office has given up on the mail.
                raise TimeoutError(TOO_SLOW)
            if self.lease:
                self.lease.check()
            return data(message)

        return hand_over

    def send_messages(self, messages):
        """Raises a Refusal, an OSError, or TimeoutError or LeaseLost if it is too late to send."""
        for message in messages:
            check_message(message)
        self.is_sending = True
        try:
            return super().send_messages(messages)
        except smtplib.SMTPRecipientsRefused as error:
            raise refusal(error.recipients.values()) from None
        except (smtplib.SMTPSenderRefused, smtplib.SMTPDataError) as error:
            raise refusal([(error.smtp_code, error.smtp_error)]) from None
        finally:
            self.is_sending = False

    def close(self):
        if self.connection and self.connection.sock:
            # A reply to QUIT is not worth as long a wait as a mail.
            self.connection.sock.settimeout(self.timeout)
            if self.is_sending:
                # post_office has given up on the thread that is still sending, and QUIT would wait for that thread.
                with suppress(OSError):
                    self.connection.sock.shutdown(socket.SHUT_RDWR)
        super().close()


def refusal(replies) -> PermanentRefusal | TemporaryRefusal:
    """Returns a refusal, permanent if all `replies` are: pairs of an SMTP code (int) and a text (bytes)."""
    is_permanent = all(code >= 500 and code not in AUTHENTICATION_CODES for code, _words in replies)
    words = "; ".join(f"{code} {words.decode(errors='replace')}" for code, words in replies)
    kind = PermanentRefusal if is_permanent else TemporaryRefusal
    return kind(words, max(code for code, _words in replies))


def check_message(message):
    """Raises PermanentRefusal for an EmailMessage that SMTP cannot transport, because no retry can succeed."""
    for address in (message.from_email, *message.recipients()):
        if not is_deliverable(parseaddr(address)[1]):
            raise PermanentRefusal(NO_ADDRESS)
    try:
        message.message()
    except ValueError as error:
        raise PermanentRefusal(UNWRITABLE) from error


def deliver(lease=None) -> int:
    """
    Tries to send the next mail and settles the result. Returns how many mails it tried: 0 or 1.

    With a HeldLease it raises LeaseLost, and records nothing, if another worker may have taken the mail meanwhile.
    """
    EmailBackend.lease = lease
    erased = erased_list.size()
    with connection.execute_wrapper(lease.guard) if lease else nullcontext():
        tried = sum(send_queued(log_level=1))
        if tried:
            settle_failures()
            settle_arrivals()
            if erased_list.size() != erased:
                # Perhaps the enquiry of this mail, which then left a file behind.
                delete_orphans()
    return tried


def settle_failures():
    """
    Marks every mail that failed for good as failed, and logs it in the timeline of its enquiries. An answer that failed
    opens its enquiry again, and its owner, or else the desk, is notified.

    A mail fails for good if the host refuses it permanently, or after the last retry. post_office leaves
    `scheduled_time` set then; clearing it settles each mail exactly once, even if a worker dies in between.

    An enquiry may be withdrawn or erased while post_office sends its mail, requeues it and logs the host's reply. Such
    mails are stopped, and the logs of erased enquiries are deleted.
    """
    links = Enquiry.mails.through.objects
    with transaction.atomic():
        waiting = links.filter(email__status__in=WAITING)
        for enquiry in Enquiry.objects.locked().filter(pk__in=waiting.values("enquiry")):
            stop_mails(enquiry)
        # Few mails have logs, and many enquiries are erased.
        Log.objects.filter(Exists(links.filter(email=OuterRef("email"), enquiry__erased_at__isnull=False))).delete()
    refused = Exists(Log.objects.filter(email=OuterRef("pk"), exception_type=PermanentRefusal.__name__))
    ended = Email.objects.filter(
        Q(status=STATUS.failed, scheduled_time__isnull=False) | Q(refused, status=STATUS.requeued)
    )
    for mail in ended.all():
        with transaction.atomic():
            # As everywhere, enquiries are locked before their mails, to avoid deadlocks.
            enquiries = [
                Enquiry.objects.for_update(enquiry, enquiry.merged_into or enquiry) for enquiry in mail.enquiries.all()
            ]
            if not ended.filter(pk=mail.pk).update(status=STATUS.failed, scheduled_time=None):
                continue
            for enquiry, worked_on in enquiries:
                enquiry.log(Event.Kind.MAIL_FAILED, detail=mail_label(mail))
                if answer := enquiry.answers.filter(mail=mail).first():
                    enquiry.discount_failed_answers()
                    if worked_on.state in (State.ANSWERED, State.CLOSED) and not worked_on.erased_at:
                        worked_on.move_to(State.IN_PROGRESS, kind=Event.Kind.NOT_ARRIVED)
                    if worked_on.state == State.IN_PROGRESS:
                        queue_refused_answer(answer)
        logger.warning("Mail %s failed for good.", mail.pk)


def settle_arrivals():
    """
    Counts answers that were sent after they had failed, and makes their enquiries answered again.

    It finds them by what is stored, so each is settled once, even if a worker dies before.
    """
    arrived = Answer.objects.filter(mail__status=STATUS.sent).order_by("mail__last_updated")
    late = Enquiry.objects.filter(Exists(arrived.filter(enquiry=OuterRef("pk"))), answered_at=None)
    for enquiry in late.order_by():
        first = arrived.filter(enquiry=enquiry).select_related("mail").first()
        if first:
            Enquiry.objects.filter(pk=enquiry.pk, answered_at=None).update(answered_at=first.mail.last_updated)
    for enquiry in Enquiry.objects.answered_after_all():
        with transaction.atomic():
            [enquiry] = Enquiry.objects.for_update(enquiry)
            if Enquiry.objects.answered_after_all().filter(pk=enquiry.pk).exists():
                enquiry.move_to(State.ANSWERED, kind=Event.Kind.ARRIVED)


@transaction.atomic
def send_again(mail: Email, actor) -> bool:
    """
    Requeues a mail that failed for good, to the visitor's present address, with as many retries as a new one.

    It keeps its message ID.

    Returns False, and changes nothing, if the mail has not failed or if its enquiry was withdrawn or erased.
    """
    if any(enquiry.is_locked for enquiry in Enquiry.objects.select_for_update().filter(mails=mail)):
        return False
    now = timezone.now()
    failed = Email.objects.filter(pk=mail.pk, status=STATUS.failed)
    if not failed.update(status=STATUS.queued, number_of_retries=0, scheduled_time=None, last_updated=now):
        return False
    mail.logs.filter(exception_type=PermanentRefusal.__name__).delete()
    for enquiry in mail.enquiries.all():
        readdress_mails(enquiry, enquiry.email)
        enquiry.log(Event.Kind.MAIL_AGAIN, actor, mail_label(mail))
    return True


class Failure(NamedTuple):
    """
    When a mail could not be sent, and why, in the active language: for staff, and for the person it was sent to.

    The mail host's own words come last. The person does not read of faults of the portal, which are for technicians.
    """

    at: datetime
    words: str
    words_for_person: str


def last_failure(mail: Email) -> Failure | None:
    """Returns why a mail failed or will be tried again; None for other mails, and for those that were stopped."""
    log = max(mail.logs.all(), key=attrgetter("pk"), default=None)
    if log is None or mail.status not in (STATUS.failed, STATUS.requeued):
        return None
    return failure(log)


def failure(log: Log) -> Failure:
    """Returns when and why the try failed that `log` is about."""
    if log.message in (NO_ADDRESS, TOO_SLOW, UNWRITABLE):
        words = gettext(log.message)
        return Failure(log.date, words, words)
    said = {"meaning": meaning(log.message, log.exception_type), "details": log.message or log.exception_type}
    if not is_reply(log.message):
        return Failure(log.date, gettext("%(meaning)s Details: %(details)s") % said, gettext(UNSENT))
    words = gettext("%(meaning)s The mail host’s words: %(details)s") % said
    is_about_mail = log.exception_type != smtplib.SMTPAuthenticationError.__name__
    return Failure(log.date, words, words if is_about_mail else gettext(UNSENT))


def mail_label(mail: Email) -> str:
    """Returns the primary key and subject of a mail, for the timeline. A subject holds no personal data."""
    return f"{mail.pk}: {mail.subject}"[:200]
