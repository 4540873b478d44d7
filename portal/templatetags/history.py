"""What the history of a row says, in the reader's language."""

import json
import re
from datetime import datetime

from django import template
from django.contrib.admin.models import LogEntry
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext, gettext_lazy

from portal.bilingual.languages import names_of

register = template.Library()

# What staff have done to a page, besides changing its fields.
DEEDS = {
    "published": gettext_lazy("Published: %(languages)s."),
    "withdrawn": gettext_lazy("Withdrawn: %(languages)s."),
    "scheduled": gettext_lazy("Will be published at %(date)s: %(languages)s."),
    "unscheduled": gettext_lazy("The schedule is cancelled."),
    "discarded": gettext_lazy("The draft is discarded."),
}

# The label of one language's side of a field, as localized_label() writes it in English.
SIDE = re.compile(r"(?P<label>.+) \((?P<language>Chinese|English)\)")


@register.filter
def change_message(entry):
    """
    Returns the message of a LogEntry: DEEDS, and what Django notes. It stores the labels of fields in English.

    Django translates a label as a whole. But that of a side names its language, and others begin with a capital.
    """
    try:
        parts = json.loads(entry.change_message)
    except ValueError:
        parts = None
    if not isinstance(parts, list):
        return entry.change_message
    deeds = [deed_in_words(kind, about) for part in parts for kind, about in part.items() if kind in DEEDS]
    parts = [part for part in parts if not part.keys() & DEEDS.keys()]
    for part in parts:
        for change in part.values():
            if "fields" in change:
                change["fields"] = [translated(label) for label in change["fields"]]
    noted = LogEntry(change_message=json.dumps(parts)).get_change_message() if parts or not deeds else ""
    return " ".join(filter(None, [*deeds, noted]))


def deed_in_words(kind: str, about: dict) -> str:
    words = {"languages": names_of(about["languages"])}
    if "at" in about:
        words["date"] = date_format(timezone.localtime(datetime.fromisoformat(about["at"])), "SHORT_DATETIME_FORMAT")
    return DEEDS[kind] % words


def translated(label: str) -> str:
    if side := SIDE.fullmatch(label):
        words = {"label": translated(side["label"]), "language": gettext(side["language"])}
        return gettext("{label} ({language})").format(**words)
    name = label[:1].lower() + label[1:]
    found = gettext(name)
    return gettext(label) if found == name else found
