"""
Files of a form that came back, kept for an hour, so that the visitor need not choose them again.

Only the browser with the form's nonce and with the cookie that protects the visitor's forms finds them: of both, the
database has one hash. The form itself carries digests and names, so the database holds nothing that was typed.
"""

import hashlib
import logging
import re
from datetime import timedelta
from functools import partial

from django.db import DatabaseError, transaction
from django.db.models import Sum
from django.middleware.csrf import get_token
from django.utils import timezone

from contact.attachments import MAX_FILES, Upload
from contact.models import Attachment, KeptFile, RateSalt
from contact.visitor import rate_limits
from portal.uploads import clean_name, fsync

logger = logging.getLogger(__name__)

KEPT_FOR = timedelta(hours=1)
# In bytes: the files of all forms together.
MAX_TOTAL = 500 * 1024 * 1024


class FileLost(Exception):
    """A file that was kept is no longer there."""


def form_key(nonce: str, cookie: str) -> str:
    """Returns the hash under which the files of a form are kept."""
    return hashlib.sha256(f"{nonce} {cookie}".encode()).hexdigest()


def listed_files(data) -> dict[str, str]:
    """Returns the names of the files that a submitted form lists as kept, by their digests, in order."""
    lines = (re.fullmatch(r"([0-9a-f]{64}) (.+)", line) for line in data.getlist("kept")[:MAX_FILES])
    return {line[1]: clean_name(line[2]) for line in lines if line}


def wanted_files(data) -> dict[str, str]:
    """Returns those of listed_files() that the visitor wants to send."""
    return {digest: name for digest, name in listed_files(data).items() if digest not in data.getlist("leave_out")}


def find(nonce: str, cookie: str, wanted: dict[str, str]) -> list[Upload]:
    """Returns the files of a form that are kept, of those in `wanted`; see wanted_files()."""
    if not (wanted and cookie):
        return []
    kept = KeptFile.objects.filter(form_key=form_key(nonce, cookie), kept_until__gt=timezone.now())
    rows = {row.digest: row for row in kept.filter(digest__in=wanted)}
    return [
        Upload(row.file, name, row.content_type, digest, row.size, kept=row)
        for digest, name in wanted.items()
        if (row := rows.get(digest)) and row.file.storage.exists(row.file.name)
    ]


def keep(request, nonce: str, uploads: list[Upload]) -> list[Upload]:
    """
    Keeps `uploads` of the form with `nonce` for KEPT_FOR from now on. Returns those that are kept.

    Removes what else the submitted form lists as kept. What another tab with the same form keeps, it leaves alone.

    A file is not kept if the store is full or fails, or if many have come from the same network address within the
    hour. That raises no exception.
    """
    # It makes a cookie if the browser sent none.
    get_token(request)
    cookie = request.META["CSRF_COOKIE"]
    key, kept = form_key(nonce, cookie), []
    try:
        for upload in uploads:
            if prolong(key, upload) or keep_new(request, key, upload):
                kept.append(upload)
        unwanted = listed_files(request.POST).keys() - {upload.digest for upload in kept}
        if unwanted:
            remove(KeptFile.objects.filter(form_key=key, digest__in=unwanted))
    except (DatabaseError, OSError):
        logger.exception("The files of a form that came back could not be kept.")
    return kept


def prolong(key: str, upload: Upload) -> bool:
    """Keeps a file for KEPT_FOR from now on, under `key`, if it is kept already. Returns whether it is."""
    known = {"pk": upload.kept.pk} if upload.kept else {"form_key": key, "digest": upload.digest}
    return bool(KeptFile.objects.filter(**known).update(form_key=key, kept_until=timezone.now() + KEPT_FOR))


def keep_new(request, key: str, upload: Upload) -> bool:
    """Writes a file that was just sent. Returns False if it may not be kept. Raises DatabaseError or OSError."""
    if upload.kept or rate_limits.is_reached(request, rate_limits.KEPT_FILES):
        return False
    row = reserve(key, upload)
    if row is None:
        return False
    rate_limits.count(request, rate_limits.KEPT_FILES)
    try:
        row.file.storage.save(row.file.name, upload.file)
        fsync(row.file)
    except OSError:
        remove(KeptFile.objects.filter(pk=row.pk))
        raise
    return True


def reserve(key: str, upload: Upload) -> KeptFile | None:
    """Saves a KeptFile without its file, or returns None if the store is full."""
    with transaction.atomic():
        # A row that always exists: requests that reserve at the same time wait here for each other.
        RateSalt.objects.select_for_update().get_or_create(day=timezone.localdate())
        total = KeptFile.objects.aggregate(total=Sum("size", default=0))["total"]
        if total + upload.size > MAX_TOTAL:
            return None
        row = KeptFile(form_key=key, digest=upload.digest, content_type=upload.content_type, size=upload.size)
        row.file = row.file.field.generate_filename(row, "")
        row.kept_until = timezone.now() + KEPT_FOR
        row.save()
    return row


def take(enquiry, uploads: list[Upload]) -> list[Attachment]:
    """
    Returns unsaved Attachments with the files of `uploads`, which are no longer kept.

    Call it in the transaction that saves the Attachments. Raises FileLost if one is not there any more.
    """
    keys = [upload.kept.pk for upload in uploads]
    rows = KeptFile.objects.select_for_update().filter(pk__in=keys)
    if len(rows) != len(keys):
        raise FileLost
    attachments = []
    for upload in uploads:
        attachment = upload.attachment(enquiry)
        attachment.file = upload.kept.file.name
        attachments.append(attachment)
    rows.delete()
    return attachments


def discard(nonce: str, cookie: str):
    """Removes all that is kept for a form."""
    remove(KeptFile.objects.filter(form_key=form_key(nonce, cookie)))


def remove_expired():
    """Removes the files whose time is over. The worker calls it."""
    remove(KeptFile.objects.filter(kept_until__lte=timezone.now()))


def remove(rows):
    """Deletes `rows`, a queryset of KeptFile, and then their files. What fails is an orphan; see remove_orphans()."""
    # A savepoint would help nobody: who calls this in a transaction does not go on after an error.
    with transaction.atomic(savepoint=False):
        # Locked, because a row may be prolonged or taken meanwhile.
        for row in rows.select_for_update().order_by("pk"):
            row.delete()
            transaction.on_commit(partial(row.file.storage.delete, row.file.name), robust=True)
