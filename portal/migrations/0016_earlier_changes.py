"""The history of content goes on from the entries that Django's log has of it."""

import json

from django.conf import settings
from django.db import migrations

# The models that have a history now.
CONTENT = {
    "contact": ["answertemplate"],
    "partners": ["country", "institution"],
    "portal": ["centre", "department", "page", "term"],
    "programs": ["area", "certificate", "industry", "program", "resource"],
}
ACTIONS = {"published", "withdrawn", "scheduled", "unscheduled", "discarded"}
# By the numbers that Django's log has for them.
OTHERS = {1: "added", 2: "changed", 3: "deleted"}


def copy(apps, schema_editor):
    LogEntry, Change = apps.get_model("admin", "LogEntry"), apps.get_model("portal", "Change")
    for app, models in CONTENT.items():
        entries = LogEntry.objects.filter(content_type__app_label=app, content_type__model__in=models)
        entries = entries.order_by("pk").select_related("user")
        Change.objects.bulk_create(filter(None, (changed(Change, entry) for entry in entries.iterator(500))), 500)


def changed(Change, entry):
    """Returns the Change that an entry of Django's log says, or None if it names no row."""
    if not (entry.object_id or "").isdecimal():
        return None
    message = parts_of(entry.change_message)
    actions = [kind for part in message for kind in part if kind in ACTIONS]
    name = f"{entry.user.first_name} {entry.user.last_name}".strip() or entry.user.username
    return Change(
        at=entry.action_time,
        by_id=entry.user_id,
        by_name=name[:150],
        content_type_id=entry.content_type_id,
        object_id=int(entry.object_id),
        titles=dict.fromkeys(["zh-hans", "en"], entry.object_repr),
        action=actions[0] if actions else OTHERS[entry.action_flag],
        message=message,
    )


def parts_of(text):
    """Returns the parts of a message that Django's log has, without what Django itself would not have written."""
    try:
        found = json.loads(text)
    except ValueError:
        return []
    return [part for part in found if isinstance(part, dict)] if isinstance(found, list) else []


class Migration(migrations.Migration):
    dependencies = [
        ("admin", "0003_logentry_add_action_flag_choices"),
        ("contenttypes", "0002_remove_content_type_name"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ("portal", "0015_change"),
    ]

    operations = [migrations.RunPython(copy, migrations.RunPython.noop, elidable=True)]
