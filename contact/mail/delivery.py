"""Delivery of queued mails by the worker. A mail is sent, retried later, or fails for good."""

import logging
import smtplib
import socket
from contextlib import suppress
from email.utils import parseaddr
from time import monotonic

from django.core.mail.backends import smtp
from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone
from post_office.mail import send_queued
from post_office.models import STATUS, Email, Log
from post_office.settings import get_batch_delivery_timeout

from contact import erased_list
from contact.mail.files import delete_orphans
from contact.mail.messages import WAITING, stop_mails
from contact.models import Enquiry, Event
from portal.bilingual.email_addresses import is_deliverable

logger = logging.getLogger(__name__)

# Socket timeout after the connection is open, in seconds. It is longer than EMAIL_TIMEOUT, which limits the wait for
# a host that is down: a mail is delivered twice if the portal disconnects while the host is still processing it.
RESPONSE_TIMEOUT = 60
# 5xx replies about the portal's login (RFC 4954, section 6), not about the mail: a retry may succeed.
AUTHENTICATION_CODES = {530, 534, 535, 538}


class PermanentRefusal(Exception):
    """The mail host will never accept this mail, so there is no retry. `smtp_code` is its reply code, if it replied."""

    def __init__(self, text, smtp_code=None):
        super().__init__(text)
        self.smtp_code = smtp_code


class EmailBackend(smtp.EmailBackend):
    """Detects permanent refusals. post_office creates a backend for each mail, after the worker has the lease."""

    is_sending = False

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.deadline = monotonic() + get_batch_delivery_timeout()

    def open(self):
        opened = super().open()
        if opened:
            self.connection.sock.settimeout(RESPONSE_TIMEOUT)
        return opened

    def send_messages(self, messages):
        """Raises PermanentRefusal, TimeoutError if post_office has given up on the mail, or an error of smtplib."""
        for message in messages:
            check_message(message)
        if monotonic() > self.deadline:
            # The host was slow, or the process was suspended. The mail is requeued by now, or another worker has it.
            raise TimeoutError("The mail host took too long to let us in.")
        self.is_sending = True
        try:
            return super().send_messages(messages)
        except smtplib.SMTPRecipientsRefused as error:
            raise permanent_refusal(error.recipients.values()) or error from None
        except (smtplib.SMTPSenderRefused, smtplib.SMTPDataError) as error:
            raise permanent_refusal([(error.smtp_code, error.smtp_error)]) or error from None
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


def permanent_refusal(replies) -> PermanentRefusal | None:
    """Returns a PermanentRefusal if all `replies`, pairs of an SMTP code (int) and a text (bytes), are permanent."""
    if all(code >= 500 and code not in AUTHENTICATION_CODES for code, _words in replies):
        text = "; ".join(f"{code} {words.decode(errors='replace')}" for code, words in replies)
        return PermanentRefusal(text, max(code for code, _words in replies))
    return None


def check_message(message):
    """Raises PermanentRefusal for an EmailMessage that SMTP cannot transport, because no retry can succeed."""
    for address in (message.from_email, *message.recipients()):
        if not is_deliverable(parseaddr(address)[1]):
            raise PermanentRefusal("No mail can be written to this address.")
    try:
        message.message()
    except ValueError as error:
        raise PermanentRefusal(f"This mail cannot be written: {error}") from error


def deliver() -> int:
    """Tries to send the next mail and settles failures. Returns how many mails it tried: 0 or 1."""
    erased = erased_list.size()
    tried = sum(send_queued(log_level=1))
    if tried:
        settle_failures()
        if erased_list.size() != erased:
            # Perhaps the enquiry of this mail, which then left a file behind.
            delete_orphans()
    return tried


@transaction.atomic
def settle_failures():
    """
    Marks every mail that failed for good as failed, and logs it in the timeline of its enquiries.

    A mail fails for good if the host refuses it permanently, or after the last retry. post_office leaves
    `scheduled_time` set then; clearing it settles each mail exactly once, even if a worker dies in between.

    An enquiry may be withdrawn or erased while post_office sends its mail, requeues it and logs the host's reply. Such
    mails are stopped, and the logs of erased enquiries are deleted.
    """
    for enquiry in Enquiry.objects.locked().filter(mails__status__in=WAITING).distinct():
        stop_mails(enquiry)
    Log.objects.filter(email__enquiries__erased_at__isnull=False).delete()
    refused = Exists(Log.objects.filter(email=OuterRef("pk"), exception_type=PermanentRefusal.__name__))
    ended = Q(status=STATUS.failed, scheduled_time__isnull=False) | Q(refused, status=STATUS.requeued)
    for mail in Email.objects.select_for_update().filter(ended):
        Email.objects.filter(pk=mail.pk).update(status=STATUS.failed, scheduled_time=None)
        for enquiry in mail.enquiries.all():
            enquiry.log(Event.Kind.MAIL_FAILED, detail=mail_label(mail))
        logger.warning("Mail %s failed for good.", mail.pk)


@transaction.atomic
def send_again(mail: Email, actor) -> bool:
    """
    Requeues a mail that failed for good, with as many retries as a new one. It keeps its message ID.

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
        enquiry.log(Event.Kind.MAIL_AGAIN, actor, mail_label(mail))
    return True


def mail_label(mail: Email) -> str:
    """Returns the primary key and subject of a mail, for the timeline. A subject holds no personal data."""
    return f"{mail.pk}: {mail.subject}"[:200]
