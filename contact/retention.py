"""Retention: closes answered enquiries, and erases personal data so that no trace is left in the data folder."""

import logging
from contextlib import contextmanager
from datetime import timedelta
from uuid import uuid4

from django.db import DatabaseError, connection, transaction
from django.utils import timezone
from post_office.models import Email, Log

from contact import erased_list
from contact.attachments import remove_erased
from contact.mail.files import delete_files, delete_orphans
from contact.mail.messages import WAITING, stop_mails
from contact.models import PERSONAL_FIELDS, Enquiry, Event, State
from portal.models import Lease

logger = logging.getLogger(__name__)

# How long emptying SQLite's log waits for other connections, in milliseconds. Meanwhile nobody else can write.
PATIENCE = 300

# What complete_erased_list() compared last.
_compared = {}


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
    statistics keep the result.
    """
    due = Enquiry.objects.due_for_erasing()
    waiting = due.exclude(state=State.WITHDRAWN).filter(mails__status__in=WAITING)
    for enquiry in due.exclude(pk__in=waiting.values("pk")):
        try_to_erase(enquiry)


def try_to_erase(enquiry: Enquiry) -> bool:
    """Erases an enquiry; see erase(). If that fails, it logs the error, returns False, and the worker tries again."""
    try:
        erase(enquiry)
    except (DatabaseError, OSError):
        logger.exception("Enquiry %d could not be erased, will be tried again.", enquiry.pk)
        return False
    return True


@transaction.atomic
def erase(enquiry: Enquiry, actor=None):
    """
    Erases the personal data of an enquiry and its duplicates: fields, messages, answers, notes, files and mails.

    The rows of the enquiry, its events and its emptied mails stay for the statistics. `actor` is the user who erases
    on request of the person, or None for the visitor or the worker. An enquiry that is not finished is closed first.

    Raises DatabaseError, or OSError if the file of a mail cannot be deleted; nothing is erased then. Attachments are
    deleted after the commit, because they could not be restored. The worker does what fails after the commit.
    """
    [enquiry] = Enquiry.objects.for_update(enquiry)
    if enquiry.erased_at:
        return
    for duplicate in enquiry.duplicates.all():
        erase(duplicate, actor)
    if not enquiry.is_finished:
        enquiry.move_to(State.CLOSED, actor)
    enquiry.attachments.update(name="")
    stop_mails(enquiry)
    enquiry.discount_failed_answers()
    for written in (enquiry.messages, enquiry.notes, enquiry.answers):
        written.all().delete()
    empty_mails(enquiry.mails.all())
    for name in PERSONAL_FIELDS:
        setattr(enquiry, name, "")
    enquiry.erased_at = timezone.now()
    enquiry.save()
    enquiry.log(Event.Kind.ERASED, actor)
    erasure = (enquiry.reference, enquiry.erased_at)
    for step in (lambda: erased_list.add([erasure]), empty_write_ahead_log, delete_remaining_files):
        transaction.on_commit(step, robust=True)


def empty_account_mails():
    """
    Empties the mails about accounts that are sent or have failed for good: their links let a password be set.

    It looks at those of the last day, and once a day at all.
    """
    ended = Email.objects.exclude(status__in=WAITING).filter(enquiries=None, daily_reports=None).exclude(message="")
    # In one transaction: if the work fails, the lease is given back. Otherwise the next try would come a day later.
    with transaction.atomic():
        if not Lease.take("all account mails", uuid4().hex, timedelta(days=1)):
            ended = ended.filter(last_updated__gt=timezone.now() - timedelta(days=1))
        ended.update(subject="", message="", html_message="")


def empty_mails(mails):
    """Empties `mails` (a queryset of Email), deletes their files and logs. Their status stays, for the statistics."""
    delete_files(mails)
    Log.objects.filter(email__in=mails).delete()
    mails.update(to="", cc="", bcc="", subject="", message="", html_message="", headers=None, message_id=None)


def delete_remaining_files():
    """Deletes the files of erased enquiries: attachments, and mails that were being sent when they were erased."""
    remove_erased()
    delete_orphans()


def complete_erased_list():
    """
    Adds erased enquiries that the list of references lacks, and erases listed ones that the database still has.

    The list lacks one after a crash. The database still has one after a backup was restored. If neither the list nor
    the number of erased enquiries has changed since the last call in this process, there is nothing to compare.
    """
    erased = Enquiry.objects.filter(erased_at__isnull=False).order_by()
    state = (erased_list.state(), erased.count())
    if state == _compared.get("state"):
        return
    erased_list.add(erased.values_list("reference", "erased_at"))
    listed = erased_list.references().difference(erased.values_list("reference", flat=True))
    complete = True
    for enquiry in Enquiry.objects.filter(reference__in=listed):
        logger.warning("Enquiry %d was erased before a backup was restored, and is erased again.", enquiry.pk)
        complete = try_to_erase(enquiry) and complete
    if complete:
        _compared["state"] = (erased_list.state(), erased.count())


def scrub_database() -> bool:
    """
    Removes what SQLite keeps of erased rows. Returns False if a reader or writer is in the way: try again.

    Erasing overwrites a row with zeros (secure_delete), but older copies of it remain in the write-ahead log, and in
    unused parts of the database file if the row was moved to another page. VACUUM writes the file anew.
    """
    if not empty_write_ahead_log():
        return False
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("VACUUM")
    return empty_write_ahead_log()


def empty_write_ahead_log() -> bool:
    """Empties the write-ahead log of SQLite. Returns False if a reader or writer is in the way."""
    if connection.vendor != "sqlite":
        return True
    with connection.cursor() as cursor, waiting_at_most(cursor, PATIENCE):
        is_busy, _frames, _moved = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    return not is_busy


@contextmanager
def waiting_at_most(cursor, milliseconds):
    """A context manager in which SQLite waits for a lock at most `milliseconds`."""
    [before] = cursor.execute("PRAGMA busy_timeout").fetchone()
    cursor.execute(f"PRAGMA busy_timeout = {milliseconds}")
    try:
        yield
    finally:
        cursor.execute(f"PRAGMA busy_timeout = {before}")
