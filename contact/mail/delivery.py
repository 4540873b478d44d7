"""What becomes of the queued mails: delivered, refused for good, or tried again; the worker runs it."""

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

from contact.mail.messages import WAITING, stop_mails
from contact.models import Enquiry, Event
from portal.bilingual.email_addresses import is_deliverable

logger = logging.getLogger(__name__)

# Seconds that a mail host may be silent once it has let us in. Whoever hangs up while the host still looks at a mail
# sends it twice: this is longer than EMAIL_TIMEOUT, which a host that is down costs.
PATIENCE = 60
# Replies of 5xx that are about our password (RFC 4954, section 6), not about the mail: the next one may be let in.
AUTHENTICATION = {530, 534, 535, 538}


class PermanentRefusal(Exception):
    """The mail host will never take this mail."""


class EmailBackend(smtp.EmailBackend):
    """
    Django's own, which also tells what is refused for good from what may be taken another time.

    post_office makes one for each mail, after the worker has taken the lease.
    """

    is_talking = False

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.given_up_at = monotonic() + get_batch_delivery_timeout()

    def open(self):
        opened = super().open()
        if opened:
            self.connection.sock.settimeout(PATIENCE)
        return opened

    def send_messages(self, messages):
        """The number of `messages` that the host took. Raises PermanentRefusal, else what smtplib raises."""
        for message in messages:
            check(message)
        if monotonic() > self.given_up_at:
            # Held up by the host, or the process was asleep: the mail is queued again by now, or another worker's.
            raise TimeoutError("The mail host took too long to let us in.")
        self.is_talking = True
        try:
            return super().send_messages(messages)
        except smtplib.SMTPRecipientsRefused as error:
            raise permanent(error.recipients.values()) or error from None
        except (smtplib.SMTPSenderRefused, smtplib.SMTPDataError) as error:
            raise permanent([(error.smtp_code, error.smtp_error)]) or error from None
        finally:
            self.is_talking = False

    def close(self):
        if self.connection and self.connection.sock:
            # The goodbye is worth less waiting than the mail was.
            self.connection.sock.settimeout(self.timeout)
            if self.is_talking:
                # The thread that talks was given up: a goodbye would wait for its turn to speak.
                with suppress(OSError):
                    self.connection.sock.shutdown(socket.SHUT_RDWR)
        super().close()


def permanent(replies):
    """The PermanentRefusal that `replies` (codes and the host's words, as bytes) mean, or None."""
    if all(code >= 500 and code not in AUTHENTICATION for code, _words in replies):
        return PermanentRefusal("; ".join(f"{code} {words.decode(errors='replace')}" for code, words in replies))
    return None


def check(message):
    """Raises PermanentRefusal for an EmailMessage that SMTP cannot carry: no later try would change that."""
    for address in (message.from_email, *message.recipients()):
        if not is_deliverable(parseaddr(address)[1]):
            raise PermanentRefusal("No mail can be written to this address.")
    try:
        message.message()
    except ValueError as error:
        raise PermanentRefusal(f"This mail cannot be written: {error}") from error


def deliver():
    """Tries the mail whose turn it is, and settles what failed; how many were tried, none or one."""
    tried = sum(send_queued(log_level=1))
    if tried:
        settle_failures()
    return tried


@transaction.atomic
def settle_failures():
    """
    Ends every mail that failed for good, refused or tried too often, and writes it on the timeline of its enquiries.

    A mail that waits for another try, or has had its last, has a `scheduled_time`; one that is settled has none:
    so each is settled once, and also when whoever should have done so died before. What was withdrawn or erased
    while its mail was on its way is seen to again: post_office has put that mail back, and noted the host's words.
    """
    for enquiry in Enquiry.objects.locked().filter(mails__status__in=WAITING).distinct():
        stop_mails(enquiry)
    Log.objects.filter(email__enquiries__erased_at__isnull=False).delete()
    refused = Exists(Log.objects.filter(email=OuterRef("pk"), exception_type=PermanentRefusal.__name__))
    ended = Q(status=STATUS.failed, scheduled_time__isnull=False) | Q(refused, status=STATUS.requeued)
    for mail in Email.objects.select_for_update().filter(ended):
        Email.objects.filter(pk=mail.pk).update(status=STATUS.failed, scheduled_time=None)
        for enquiry in mail.enquiries.all():
            enquiry.log(Event.Kind.MAIL_FAILED, detail=detail(mail))
        logger.warning("Mail %s failed for good.", mail.pk)


@transaction.atomic
def send_again(mail, actor):
    """
    Puts `mail` (an Email that failed for good) back into the queue, at once and for as many tries as a new one.

    `actor` is the user who does it. It keeps its Message-ID. Whether it was put back: not where it had not failed,
    and not where its enquiry was withdrawn or erased.
    """
    if any(enquiry.is_locked for enquiry in Enquiry.objects.select_for_update().filter(mails=mail)):
        return False
    now = timezone.now()
    failed = Email.objects.filter(pk=mail.pk, status=STATUS.failed)
    if not failed.update(status=STATUS.queued, number_of_retries=0, scheduled_time=None, last_updated=now):
        return False
    mail.logs.filter(exception_type=PermanentRefusal.__name__).delete()
    for enquiry in mail.enquiries.all():
        enquiry.log(Event.Kind.MAIL_AGAIN, actor, detail(mail))
    return True


def detail(mail):
    """How the timeline names an Email: its number and its subject, in which nobody's words or address stand."""
    return f"{mail.pk}: {mail.subject}"[:200]
