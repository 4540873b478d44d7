"""The bin: what was deleted comes back, with its parts, and with its links with other rows in both directions."""

from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.db.models import ForeignKey
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from portal.bilingual.former_slugs import FormerSlug, free_slug
from portal.bilingual.history.models import Change
from portal.bilingual.history.versions import PARTS, field_at, fields_at
from portal.bilingual.publishing import Published, in_both_languages


class CannotComeBack(Exception):
    """What was deleted cannot come back as things are. `reasons` are sentences that say why."""

    def __init__(self, reasons):
        super().__init__()
        self.reasons = reasons


@transaction.atomic
def bring_back(deletion: Change) -> tuple[models.Model, list[str]]:
    """
    Stores what was deleted again, with its parts, and its links with other rows. It has the key that it had.

    No language of it is public: that is for somebody to decide. A kind without publication is public at once.

    Returns the row, and sentences that say what is not as it was. Raises CannotComeBack.
    """
    model = deletion.content_type.model_class()
    if model._base_manager.filter(pk=deletion.object_id).exists():
        raise CannotComeBack([_("It is there already.")])
    states, notes = fields_at(deletion), []
    fields = states.pop("")
    row = built(model, deletion.object_id, fields, notes)
    if isinstance(row, Published):
        for column in in_both_languages("published_at"):
            setattr(row, column, None)
    settle_address(row, notes)
    try:
        row.validate_unique()
        row.validate_constraints()
    except ValidationError as error:
        raise CannotComeBack(error.messages) from error
    store(row, fields, notes)
    for path, part_fields in states.items():
        name, _separator, key = path.partition("/")
        part_model = PARTS[model][name]
        if part_model is FormerSlug:
            taken = FormerSlug.objects.filter(content_type=part_fields["content_type"], slug=part_fields["slug"])
            if taken.exists():
                notes.append(_("The old address “%(slug)s” leads to another page now.") % part_fields)
                continue
        part = built(part_model, int(key), part_fields, notes, parent=row)
        store(part, part_fields, notes)
    for path, keys in deletion.incoming.items():
        refer_again(row, field_at(path), keys)
    return row, list(dict.fromkeys(notes))


def built(model, key, fields, notes, parent=None):
    """
    Returns an unsaved row of `model` with `fields`. What it refers to and is gone is left out, and `notes` say so.

    The row that it is a part of is `parent`. Raises CannotComeBack if it cannot be without what is gone.
    """
    row = model(pk=key)
    for name, value in fields.items():
        field = model._meta.get_field(name)
        if field.many_to_many or field.primary_key:
            continue
        is_gone = isinstance(field, ForeignKey) and value is not None and not isinstance(parent, field.related_model)
        if is_gone and not field.related_model._base_manager.filter(pk=value).exists():
            text = {"kind": capfirst(field.verbose_name), "title": name_of(field.related_model, value)}
            if not field.null:
                reason = _("It belongs to “%(title)s” (%(kind)s), which was deleted too. Bring that back first.")
                raise CannotComeBack([reason % text])
            notes.append(_("“%(title)s” (%(kind)s) has been deleted since, so this page came back without it.") % text)
            value = None
        setattr(row, field.attname, value)
    return row


def settle_address(row, notes):
    """Gives `row` another address if its own is taken by now."""
    slug = getattr(row, "slug", None)
    if slug is None or not (other := type(row)._base_manager.filter(slug=slug).first()):
        return
    row.slug = free = free_slug(type(row), slug)
    text = _("The address “%(slug)s” belongs to “%(other)s” now, so this page came back with “%(free)s”.")
    notes.append(text % {"slug": slug, "other": other, "free": free})


def store(row, fields, notes):
    """Inserts `row` as it was, and links it with those rows of its many-to-many `fields` that are still there."""
    # Not as a new one: what is written with a new row, such as the name and the size of its file, it has already.
    row._state.adding = False
    row.save(force_insert=True)
    for field in row._meta.local_many_to_many:
        keys = fields.get(field.name) or []
        there = set(field.related_model._base_manager.filter(pk__in=keys).values_list("pk", flat=True))
        getattr(row, field.name).set(there)
        if gone := [name_of(field.related_model, key) for key in keys if key not in there]:
            text = _("These have been deleted since, so this page came back without them: %(titles)s (%(kind)s).")
            names = pgettext("between names", ", ").join(gone)
            notes.append(text % {"titles": names, "kind": capfirst(field.verbose_name)})
    for field in row._meta.local_fields:
        file = getattr(row, field.name) if isinstance(field, models.FileField) else None
        if file and not file.storage.exists(file.name):
            notes.append(_("A file is no longer stored: %(title)s.") % {"title": row})


def refer_again(row, field, keys):
    """Lets those rows with `keys` that are still there refer to `row` again, unless they refer to another one now."""
    rows = field.model._base_manager.filter(pk__in=keys)
    if field.many_to_many:
        for other in rows:
            getattr(other, field.name).add(row)
    else:
        field.model._default_manager.filter(pk__in=keys, **{f"{field.name}__isnull": True}).update(**{field.name: row})


def name_of(model, key) -> str:
    """Returns the title that a row of `model` had that is gone."""
    kind = ContentType.objects.get_for_model(model)
    latest = Change.objects.filter(content_type=kind, object_id=key).first()
    return latest.title if latest else f"({key})"
