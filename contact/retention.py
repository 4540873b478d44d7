"""Retention: closes answered enquiries and erases personal data when their retention period is over."""

import logging

from django.db import DatabaseError, transaction
from django.utils import timezone
from post_office.models import STATUS, Email, Log

from contact.attachments import remove
from contact.mail.messages import WAITING, stop_mails
from contact.models import PERSONAL_FIELDS, Enquiry, Event, State

logger = logging.getLogger(__name__)


def close_answered():
    """Closes enquiries that were answered long ago, so that their retention period begins."""
    for enquiry in Enquiry.objects.answered_long_ago():
        with transaction.atomic():
            [enquiry] = Enquiry.objects.for_update(enquiry)
            if enquiry.state == State.ANSWERED:
                enquiry.move_to(State.CLOSED)


def erase_due():
    """
    Erases every enquiry whose retention period is over.

    Except after a withdrawal of consent, an enquiry is erased only when its mails are sent or have failed, so that the
    statistics keep the result. If one cannot be erased, the error is logged and the others are still erased.
    """
    due = Enquiry.objects.due_for_erasing()
    waiting = due.exclude(state=State.WITHDRAWN).filter(mails__status__in=WAITING)
    for enquiry in due.exclude(pk__in=waiting.values("pk")):
        try:
            erase(enquiry)
        except (DatabaseError, OSError):
            logger.exception("Enquiry %s could not be erased, will be tried again.", enquiry)


@transaction.atomic
def erase(enquiry: Enquiry, actor=None):
    """
    Erases the personal data of an enquiry and its duplicates: fields, messages, answers, notes, files and mails.

    The rows of the enquiry, its events and its emptied mails stay for the statistics. `actor` is the user who erases
    on request of the person, or None for the worker. An enquiry that is not finished is closed first.
    """
    [enquiry] = Enquiry.objects.for_update(enquiry)
    if enquiry.erased_at:
        return
    for duplicate in enquiry.duplicates.all():
        erase(duplicate, actor)
    if not enquiry.is_finished:
        enquiry.move_to(State.CLOSED, actor)
    remove(enquiry.attachments.all())
    for written in (enquiry.messages, enquiry.notes, enquiry.answers):
        written.all().delete()
    stop_mails(enquiry)
    empty_mails(enquiry.mails.all())
    for name in PERSONAL_FIELDS:
        setattr(enquiry, name, "")
    enquiry.erased_at = timezone.now()
    enquiry.save()
    enquiry.log(Event.Kind.ERASED, actor)


def empty_account_mails():
    """Empties the mails about accounts that are sent or have failed for good: their links let a password be set."""
    ended = Email.objects.filter(status__in=[STATUS.sent, STATUS.failed]).exclude(message="")
    empty_mails(ended.filter(enquiries=None, daily_reports=None))


def empty_mails(mails):
    """Empties `mails` (a queryset of Email) and deletes their logs. Their status stays, for the statistics."""
    Log.objects.filter(email__in=mails).delete()
    mails.update(to="", cc="", bcc="", subject="", message="", html_message="", headers=None, message_id=None)
