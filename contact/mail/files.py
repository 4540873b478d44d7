"""Mails as files in EMAIL_FILE_PATH, where the portal has no mail host. A file is deleted when its Email is emptied."""

import re
from pathlib import Path

from django.conf import settings
from django.core.mail.backends.base import BaseEmailBackend
from post_office.models import Email


class EmailBackend(BaseEmailBackend):
    """Writes each mail to a file of its own. A mail that is sent again replaces its file."""

    def send_messages(self, messages):
        for message in messages:
            mime = message.message()
            path = path_of(mime["Message-ID"])
            path.parent.mkdir(mode=0o700, exist_ok=True)
            path.touch(mode=0o600)
            path.write_bytes(mime.as_bytes())
        return len(messages)


def path_of(message_id: str) -> Path:
    """Returns the path of the file of a mail. It is in EMAIL_FILE_PATH, whatever `message_id` contains."""
    name = re.sub(r"[^\w.@-]", "_", message_id.strip("<>"), flags=re.ASCII)
    return settings.EMAIL_FILE_PATH / f"{name[:200]}.eml"


def delete_files(mails):
    """Deletes the files of `mails` (a queryset of Email). Raises OSError if one cannot be deleted."""
    for message_id in mails.exclude(message_id=None).values_list("message_id", flat=True):
        path_of(message_id).unlink(missing_ok=True)


def delete_orphans():
    """
    Deletes the files of mails that were emptied while the worker was sending them. Raises OSError.

    It also deletes the files of Django's own backend, which an earlier version used: they hold several mails each.
    """
    for old in settings.EMAIL_FILE_PATH.glob("*.log"):
        old.unlink(missing_ok=True)
    # First the files: a mail is in the database before it has a file.
    files = set(settings.EMAIL_FILE_PATH.glob("*.eml"))
    known = Email.objects.exclude(message_id=None).values_list("message_id", flat=True) if files else ()
    for orphan in files.difference(map(path_of, known)):
        orphan.unlink(missing_ok=True)
