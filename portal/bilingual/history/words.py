"""What the history says was done, in the reader's language."""

import json
import re
from datetime import datetime

from django.contrib.admin.models import LogEntry
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext, gettext_lazy

from portal.bilingual.languages import names_of

# What staff have done to a page, besides changing its fields.
ACTIONS = {
    "published": gettext_lazy("Published: %(languages)s."),
    "withdrawn": gettext_lazy("Withdrawn: %(languages)s."),
    "scheduled": gettext_lazy("Will be published at %(date)s: %(languages)s."),
    "unscheduled": gettext_lazy("The schedule is cancelled."),
    "discarded": gettext_lazy("The draft is discarded."),
    "restored": gettext_lazy("Put into the draft: the version of %(date)s."),
    "confirmed": gettext_lazy("Confirmed: both languages say the same."),
    "ticked": gettext_lazy("Ticked when publishing (%(languages)s): both languages still say the same."),
    "checked": gettext_lazy("Checked: this page is still right."),
}

# The name of the version of a file, as ResourceFile writes it in English, or wrote it.
VERSION = re.compile(r"(?P<title>.+) \((?P<language>Chinese|English), (?:version )?(?P<version>.+)\)", re.DOTALL)
# The label of one language's side of a field, as localized_label() writes it in English.
SIDE = re.compile(r"(?P<label>.+) \((?P<language>Chinese|English)\)")


def in_words(message: list) -> str:
    """
    Returns a `message` in the form of Django's LogEntry in words: ACTIONS, and what Django notes.

    The labels of fields are stored in English. Django translates a label as a whole. But that of a side names its
    language, and others begin with a capital. The names of versions of files are stored in English too.
    """
    actions = [action_in_words(kind, about) for part in message for kind, about in part.items() if kind in ACTIONS]
    noted = [{kind: about | shown_in(about)} for part in message for kind, about in part.items() if kind not in ACTIONS]
    said = LogEntry(change_message=json.dumps(noted)).get_change_message() if noted or (message and not actions) else ""
    return " ".join(filter(None, [*actions, said]))


def shown_in(about: dict) -> dict:
    """Returns what the active language says otherwise in a part of a message."""
    found = {}
    if "fields" in about:
        found["fields"] = [translated(label) for label in about["fields"]]
    if version := VERSION.fullmatch(about.get("object", "")):
        words = version.groupdict() | {"language": gettext(version["language"])}
        found["object"] = gettext("%(title)s (%(language)s, version %(version)s)") % words
    return found


def action_in_words(kind: str, about: dict) -> str:
    words = {"languages": names_of(about["languages"])}
    if "at" in about:
        words["date"] = date_format(timezone.localtime(datetime.fromisoformat(about["at"])), "SHORT_DATETIME_FORMAT")
    return ACTIONS[kind] % words


def translated(label: str) -> str:
    if side := SIDE.fullmatch(label):
        words = {"label": translated(side["label"]), "language": gettext(side["language"])}
        return gettext("{label} ({language})").format(**words)
    name = label[:1].lower() + label[1:]
    found = gettext(name)
    return gettext(label) if found == name else found
