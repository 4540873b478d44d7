"""How long personal data are kept, and how they are erased."""

from django.db import transaction
from django.utils import timezone
from post_office.models import STATUS, Log

from contact.attachments import remove
from contact.mails import stop_mails
from contact.models import PERSONAL, Enquiry, Event, State

WAITING = (STATUS.queued, STATUS.requeued)


def erase_due():
    """
    Erases every enquiry whose time has come.

    One whose mails still wait is left until they are sent or have failed: it counts as what it became. A
    visitor who has withdrawn consent is not made to wait.
    """
    due = Enquiry.objects.due_for_erasing()
    waiting = due.exclude(state=State.WITHDRAWN).filter(mails__status__in=WAITING)
    for enquiry in due.exclude(pk__in=waiting.values("pk")):
        erase(enquiry)


@transaction.atomic
def erase(enquiry, actor=None):
    """
    Takes everything personal out of `enquiry`, its files, mails, notes and duplicates; what stays is a row to count.

    `actor` is the user who does it on the person's request; None is the worker, when the time has come.
    What is still worked on ends by it.
    """
    enquiry = Enquiry.objects.select_for_update().get(pk=enquiry.pk)
    if enquiry.erased_at:
        return
    if not enquiry.is_ended:
        enquiry.move_to(State.WITHDRAWN, actor)
    for duplicate in enquiry.duplicates.all():
        erase(duplicate, actor)
    remove(enquiry.attachments.all())
    for written in (enquiry.messages, enquiry.notes, enquiry.answers):
        written.all().delete()
    stop_mails(enquiry)
    scrub(enquiry.mails.all())
    for name in PERSONAL:
        setattr(enquiry, name, "")
    enquiry.fingerprint = f"erased {enquiry.pk}"
    enquiry.erased_at = timezone.now()
    enquiry.save()
    enquiry.log(Event.Kind.ERASED, actor)


def scrub(mails):
    """Empties `mails` (a queryset of Email); of each stays whether it was sent, so that it counts as before."""
    Log.objects.filter(email__in=mails).delete()
    mails.update(to="", cc="", bcc="", subject="", message="", html_message="", headers=None, message_id=None)
