"""The states of a page: its fields, those of its parts, and their storing as the versions of django-reversion."""

import json
from functools import cache

import reversion
from django.apps import apps
from django.contrib.contenttypes.models import ContentType
from django.core import serializers
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models, transaction
from django.utils import timezone
from modeltranslation.fields import TranslationField
from reversion.models import Version

from portal.bilingual.history.models import IN_BIN_FOR, Action, Change, Writer, titles_of

# By model of pages: the models of their parts, by the name of the relation.
PARTS = {}
# By model of pages: the paths of the fields of other rows that its form shows; see incoming().
SHOWN = {}


def keep_history(model, parts: dict, shown=()):
    """
    Lets the states of rows of `model` be stored, with those of their `parts`: models by the name of the relation.

    They have the keys of incoming() at the paths `shown` too.
    """
    PARTS[model], SHOWN[model] = parts, tuple(shown)
    for each, follow in ((model, parts), *((part, ()) for part in parts.values())):
        if not reversion.is_registered(each):
            reversion.register(each, fields=kept_fields(each), follow=tuple(follow))


@cache
def kept_fields(model) -> list[str]:
    """
    Returns the names of the fields of `model` that its versions have.

    A translated field without a language is left out, because it shows the value of the active language. So is the time
    of the last change, because it is no content.
    """
    fields = [*model._meta.local_fields, *model._meta.local_many_to_many]
    translated = {field.translated_field.name for field in fields if isinstance(field, TranslationField)}
    return [field.name for field in fields if field.name not in translated and not getattr(field, "auto_now", False)]


@transaction.atomic
def record(row, action: Action, by=None, at=None, message=(), writers=()) -> Change:
    """
    Notes that `by`, a user or None, did something to `row`, and stores its state if that is not stored already.

    Returns the Change. `at` is when it was done, by default now. `writers` are the users who wrote what is public now.
    """
    related = [*PARTS[type(row)], *(field.name for field in row._meta.local_many_to_many)]
    row = type(row)._base_manager.prefetch_related(*related).get(pk=row.pk)
    about = noted(row, action, by, at, message) | {"incoming": incoming(row, SHOWN[type(row)])}
    if (latest := latest_state(row)) and is_current(latest, row):
        change = Change.objects.create(**about, revision=latest.revision)
    else:
        with reversion.create_revision(manage_manually=True):
            reversion.add_to_revision(row)
            reversion.add_meta(Change, **about)
        change = latest_state(row)
    Writer.objects.bulk_create(Writer(change=change, user=user, name=user.name_to_keep) for user in writers)
    return change


def note(row, action: Action, by, message=()) -> Change:
    """Notes that `by`, a user, did something to `row` that leaves its state as it is. Returns the Change."""
    return Change.objects.create(**noted(row, action, by, None, message))


def noted(row, action, by, at, message) -> dict:
    return {
        "at": at or timezone.now(),
        "by": by,
        "by_name": by.name_to_keep if by else "",
        "content_type": ContentType.objects.get_for_model(row),
        "object_id": row.pk,
        "titles": titles_of(row),
        "action": action,
        "message": list(message),
    }


@transaction.atomic
def remember(row) -> Change:
    """
    Stores the state of `row`, which is just read, before it is changed, unless it is the latest that is stored.

    Returns the Change with that state.
    """
    latest = latest_state(row)
    if latest is None:
        return record(row, Action.FIRST, at=getattr(row, "updated_at", None))
    if is_current(latest, row):
        return latest
    changed_at = getattr(row, "updated_at", latest.at)
    return record(row, Action.FOUND, at=changed_at if changed_at > latest.at else None)


@transaction.atomic
def put_into_bin(row, by):
    """Keeps `row`, which is just read and about to be deleted by a user, so that it can come back."""
    revision = remember(row).revision
    about = noted(row, Action.DELETED, by, None, ())
    Change.objects.create(**about, revision=revision, incoming=incoming(row))
    # Their files stay, because an empty field has none that could be deleted with its row.
    for name, part in PARTS[type(row)].items():
        if files := [field.name for field in part._meta.local_fields if isinstance(field, models.FileField)]:
            getattr(row, name).update(**dict.fromkeys(files, ""))


def latest_state(row) -> Change | None:
    """Returns the latest Change of `row` whose state is stored, or None."""
    return Change.objects.of(row).with_state().order_by("-pk").first()


def is_current(change: Change, row) -> bool:
    """Whether the state after `change` is that of `row`, which is just read, and of its parts."""
    shown = SHOWN[type(row)]
    then = {path: keys for path, keys in change.incoming.items() if path in shown}
    stored = {
        (version.content_type_id, version.object_id): comparable(*json.loads(version.serialized_data))
        for version in change.revision.version_set.all()
    }
    return state_of(row) == stored and incoming(row, shown) == then


def state_of(row) -> dict[tuple, dict]:
    """Returns the fields of `row` and of its parts as their versions would have them, by kind and key."""
    found = {}
    parts = [(part, getattr(row, name).all()) for name, part in PARTS[type(row)].items()]
    for model, rows in [(type(row), [row]), *parts]:
        kind = ContentType.objects.get_for_model(model).pk
        serialized = serializers.serialize("python", rows, fields=kept_fields(model))
        for each in json.loads(json.dumps(serialized, cls=DjangoJSONEncoder)):
            found[kind, str(each["pk"])] = comparable(each)
    return found


def comparable(serialized: dict) -> dict:
    """Returns the fields of a serialized row. Those with many rows have no order."""
    return {name: sorted(value) if isinstance(value, list) else value for name, value in serialized["fields"].items()}


def fields_at(change: Change) -> dict[str, dict]:
    """
    Returns the fields by name of a page after `change`, whose state is stored, and of its parts.

    They are by the path of the row: "" is the page, "steps/12" the step with the key 12. The value of a foreign key is
    a key, and that of a many-to-many field a list of keys. What has been removed from the models since is left out.
    """
    model, found = change.content_type.model_class(), {}
    names = {part: name for name, part in PARTS[model].items()}
    for version in change.revision.version_set.order_by("pk"):
        kind = ContentType.objects.get_for_id(version.content_type_id).model_class()
        if kind is model or kind in names:
            path = "" if kind is model else f"{names[kind]}/{version.object_id}"
            fields = map(kind._meta.get_field, kept_fields(kind))
            found[path] = {field.name: version.field_dict.get(field.attname) for field in fields}
    return found


def versions_of(row) -> list[Change]:
    """
    Returns the changes of `row`, a page of content, whose state is stored, the latest first.

    fields_at() returns the state after each of them. `by` is the user who made it, or None.
    """
    return list(Change.objects.of(row).with_state().select_related("by"))


def incoming(row, paths=None) -> dict[str, list[int]]:
    """
    Returns the keys of the rows that refer to `row` and will not any more when it is deleted.

    They are by the path of their field, such as "programs.resource.programs"; if `paths` is given, of those alone. Only
    content counts.
    """
    found = {}
    if paths == ():
        return found
    kept = {*PARTS, *(part for parts in PARTS.values() for part in parts.values())}
    for relation in row._meta.get_fields(include_hidden=True):
        is_reverse = relation.auto_created and not relation.concrete and relation.related_model in kept
        if is_reverse and (relation.many_to_many or relation.on_delete is models.SET_NULL):
            path = f"{relation.related_model._meta.label_lower}.{relation.field.name}"
            rows = relation.related_model._base_manager.filter(**{relation.field.name: row})
            if (paths is None or path in paths) and (keys := list(rows.order_by("pk").values_list("pk", flat=True))):
                found[path] = keys
    return found


def field_at(path: str):
    """Returns the field that incoming() has at `path`."""
    model, _separator, name = path.rpartition(".")
    return apps.get_model(model)._meta.get_field(name)


def files_in_bin(model, name: str):
    """Yields the names of the files, in the field `name` of `model`, of what was deleted within IN_BIN_FOR."""
    deleted = Change.objects.filter(action=Action.DELETED, at__gt=timezone.now() - IN_BIN_FOR)
    versions = Version.objects.filter(
        content_type=ContentType.objects.get_for_model(model), revision__in=deleted.values("revision")
    )
    for version in versions.iterator():
        yield version.field_dict[name].name
