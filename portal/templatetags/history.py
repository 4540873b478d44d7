"""What the history of a row says, in the reader's language."""

import json
import re

from django import template
from django.contrib.admin.models import LogEntry
from django.utils.translation import gettext

register = template.Library()

# The label of one language's side of a field, as localized_label() writes it in English.
SIDE = re.compile(r"(?P<label>.+) \((?P<language>Chinese|English)\)")


@register.filter
def change_message(entry):
    """
    Returns the message of a LogEntry. It stores the labels of fields in English.

    Django translates a label as a whole. But that of a side names its language, and others begin with a capital.
    """
    if not entry.change_message.startswith("["):
        return entry.change_message
    parts = json.loads(entry.change_message)
    for part in parts:
        for change in part.values():
            if "fields" in change:
                change["fields"] = [translated(label) for label in change["fields"]]
    return LogEntry(change_message=json.dumps(parts)).get_change_message()


def translated(label: str) -> str:
    if side := SIDE.fullmatch(label):
        words = {"label": translated(side["label"]), "language": gettext(side["language"])}
        return gettext("{label} ({language})").format(**words)
    name = label[:1].lower() + label[1:]
    found = gettext(name)
    return gettext(label) if found == name else found
