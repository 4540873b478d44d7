"""Files that people upload: their name, their digest, how they are written, and how leftovers are removed."""

import hashlib
import os
import re
import unicodedata
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.core.files.storage import FileSystemStorage
from django.utils import timezone
from django.utils.translation import gettext

# A file is written before the row that names it is committed. After this time the transaction must have ended.
ORPHANS_AFTER = timedelta(hours=1)


class PrivateStorage(FileSystemStorage):
    """A storage without public addresses: `url` raises ValueError."""

    base_url = None


def digest(file) -> str:
    """Returns the SHA-256 of the content of a Django File in hexadecimal, and leaves the file at its beginning."""
    found = hashlib.sha256()
    for chunk in file.chunks():
        found.update(chunk)
    file.seek(0)
    return found.hexdigest()


def clean_name(name: str) -> str:
    """Returns `name` without path, line breaks and unprintable or direction-changing characters, at most 200 long."""
    name = unicodedata.normalize("NFC", " ".join(re.split(r"[/\\]", name)[-1].split()))
    name = "".join(character for character in name if character.isprintable()).lstrip(".").strip()
    if len(name) > 200:
        stem, dot, ending = name.rpartition(".")
        name = f"{stem[:190]}…{dot}{ending[:8]}" if stem else f"{name[:199]}…"
    return name or gettext("file")


def fsync(file):
    """
    Flushes a file, and its folders in PORTAL_DATA, to the disk, to survive a power cut.

    Does nothing if the storage is not local.
    """
    try:
        path = Path(file.path)
    except NotImplementedError:
        return
    # The folder itself may be new, so the one that contains it is flushed too.
    for place in (path, *(folder for folder in path.parents if folder.is_relative_to(settings.DATA))):
        descriptor = os.open(place, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def remove_orphans(storage, folder, rows) -> int:
    """
    Deletes the files in a `folder` of `storage` that are older than ORPHANS_AFTER and have no row.

    `rows` is a queryset of the names that rows have. It is asked after the files were listed. Returns how many files
    were deleted.
    """
    try:
        names = [str(Path(folder, name)) for name in storage.listdir(folder)[1]]
    except FileNotFoundError:
        return 0
    before = timezone.now() - ORPHANS_AFTER
    old = {name for name in names if storage.exists(name) and storage.get_modified_time(name) < before}
    orphans = old.difference(rows)
    for name in orphans:
        storage.delete(name)
    return len(orphans)
