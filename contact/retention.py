"""How long personal data are kept, and how they are erased."""

import logging

from django.db import DatabaseError, transaction
from django.utils import timezone
from post_office.models import Log

from contact.attachments import remove
from contact.mail.messages import WAITING, stop_mails
from contact.models import PERSONAL, Enquiry, Event, State

logger = logging.getLogger(__name__)


def close_answered():
    """Closes what was answered long ago, so that the time runs until it is erased."""
    for enquiry in Enquiry.objects.answered_long_ago():
        with transaction.atomic():
            [enquiry] = Enquiry.objects.for_update(enquiry)
            if enquiry.state == State.ANSWERED:
                enquiry.move_to(State.CLOSED)


def erase_due():
    """
    Erases every enquiry whose time has come.

    One whose mails still wait is left until they are sent or have failed: it counts as what it became. A
    visitor who has withdrawn consent is not made to wait. One that cannot be erased keeps no other from it.
    """
    due = Enquiry.objects.due_for_erasing()
    waiting = due.exclude(state=State.WITHDRAWN).filter(mails__status__in=WAITING)
    for enquiry in due.exclude(pk__in=waiting.values("pk")):
        try:
            erase(enquiry)
        except (DatabaseError, OSError):
            logger.exception("Enquiry %s could not be erased, will be tried again.", enquiry)


@transaction.atomic
def erase(enquiry, actor=None):
    """
    Takes everything personal out of `enquiry`, its files, mails, notes and duplicates; what stays is a row to count.

    `actor` is the user who does it on the person's request; None is the worker, when the time has come.
    What is still worked on is closed by it.
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
    for name in PERSONAL:
        setattr(enquiry, name, "")
    enquiry.erased_at = timezone.now()
    enquiry.save()
    enquiry.log(Event.Kind.ERASED, actor)


def empty_mails(mails):
    """Empties `mails` (a queryset of Email); of each stays whether it was sent, so that it counts as before."""
    Log.objects.filter(email__in=mails).delete()
    mails.update(to="", cc="", bcc="", subject="", message="", html_message="", headers=None, message_id=None)
