"""The values of a form by path, as they are read from a form or a post, and put into a post again."""

import hashlib
import json
import secrets

from django.contrib.admin.widgets import RelatedFieldWidgetWrapper
from django.core.files.storage import storages
from django.core.files.uploadedfile import UploadedFile
from django.forms import CheckboxInput, FileInput, MultiWidget
from django.forms.models import ModelChoiceIterator
from django.http import QueryDict
from django.utils.datastructures import MultiValueDict

from portal.bilingual.drafts.paths import DELETE, NEW, ORDER, is_new, name_of, new_row, row_of, rows_of

# The folder of the files of drafts.
FILES = "drafts"
# The value that says that a page is to have no file.
CLEAR = {"file": ""}


def fingerprint(value: list | None) -> str:
    """Returns eight characters that tell values apart."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:8]


def as_typed(value: str) -> str:
    """
    Returns a posted string in the form in which values are compared: browsers change the ends of lines.

    PostgreSQL stores no zero bytes.
    """
    return value.replace("\r\n", "\n").replace("\0", "").strip()


def is_number(text) -> bool:
    """Whether a posted string is a number of at most nine digits. Python refuses to read very long ones."""
    return text.isdecimal() and len(text) < 10


def inputs(widget, name: str, value):
    """
    Yields the inputs of a `widget` that shows `value`: each with its own widget, its name, and what a browser posts if
    nobody changes it.
    """
    if isinstance(widget, RelatedFieldWidgetWrapper):
        widget = widget.widget
    if isinstance(widget, MultiWidget):
        for part, end, each in zip(widget.widgets, widget.widgets_names, widget.decompress(value), strict=True):
            yield from inputs(part, name + end, each)
    elif isinstance(widget, CheckboxInput):
        yield widget, name, ["on"] if value else []
    elif isinstance(widget, FileInput):
        yield widget, name, []
    else:
        shown = widget.format_value(value)
        shown = shown if isinstance(shown, list | tuple) else [shown]
        yield widget, name, sorted(as_typed("" if each is None else str(each)) for each in shown)


def inputs_of(form, without=()):
    """Yields the inputs() of an unbound `form`, with their names without a prefix, but those of fields `without`."""
    for field in form:
        if field.name not in without:
            yield from inputs(field.field.widget, field.name, field.value())


def fields_of(form, without=()) -> dict:
    """Returns what a browser posts, by name without a prefix, for an unbound `form` that nobody has changed."""
    return {name: value for _widget, name, value in inputs_of(form, without)}


def own_fields(formset) -> set[str]:
    """Returns the names of the fields that a formset adds to each row: its key, its parent and DELETE."""
    return {formset.model._meta.pk.name, formset.fk.name, DELETE}


def values_of(form, formsets) -> dict:
    """Returns the values by path of an unbound `form` and its `formsets`: those of the stored row."""
    found = fields_of(form)
    for formset in formsets:
        for row in formset.initial_forms:
            key = f"{formset.prefix}/{row.instance.pk}"
            found |= {f"{key}/{name}": value for name, value in fields_of(row, own_fields(formset)).items()}
            if formset.can_delete:
                found[f"{key}/{DELETE}"] = []
    return found


def typed_values(post, files, form, formsets, known=()) -> dict:
    """
    Returns the values by path that `post` and `files` have for an unbound `form` and its `formsets`.

    New rows in which nothing was typed are left out, unless they are `known`.
    """
    found = typed_in(post, files, "", inputs_of(form))
    for formset in formsets:
        blank = fields_of(formset.empty_form, own_fields(formset))
        for number in range(number_of_rows(post, formset)):
            place = f"{formset.prefix}-{number}-"
            values = typed_in(post, files, place, inputs_of(formset.empty_form, own_fields(formset)))
            key = as_typed(post.get(place + formset.model._meta.pk.name, ""))
            row = f"{formset.prefix}/{key}" if key else new_row(formset.prefix)
            is_blank = all(values[name] == blank[name] or name == ORDER for name in values)
            if is_blank and is_new(row) and row not in known:
                continue
            found |= {f"{row}/{name}": value for name, value in values.items()}
            if formset.can_delete:
                found[f"{row}/{DELETE}"] = ["on"] if post.get(place + DELETE) else []
    return found


def typed_in(post, files, place, inputs) -> dict:
    """Returns what `post` and `files` have for `inputs`, whose names begin with `place`, by name. Files are stored."""
    found = {}
    for widget, name, _value in inputs:
        if isinstance(widget, FileInput):
            if file := files.get(place + name):
                found[name] = stored_file(file)
            elif post.get(f"{place}{name}-clear"):
                found[name] = CLEAR
        elif not widget.value_omitted_from_data(post, files, place + name):
            values = map(as_typed, post.getlist(place + name))
            if isinstance(getattr(widget, "choices", None), ModelChoiceIterator):
                # No form can show another key: SQLite raises OverflowError for a very long one.
                values = (value for value in values if not value or is_number(value))
            found[name] = sorted(values)
    return found


def stored_file(file) -> dict:
    """Stores an uploaded file until it is published. Returns its value in a draft: where it is, and its own name."""
    return {"file": storages["private"].save(f"{FILES}/{secrets.token_hex(16)}", file), "name": file.name}


def opened_file(value: dict) -> UploadedFile:
    """Returns the file that stored_file() has stored, with its own name, as it was uploaded."""
    file = storages["private"].open(value["file"])
    return UploadedFile(file, value["name"], size=file.size)


def is_file(value) -> bool:
    """Whether a value is that of a file, or of the wish to have none."""
    return isinstance(value, dict)


def number_of_rows(post, formset) -> int:
    """Returns how many rows `post` has for a formset: as many as it says, up to Django's limit."""
    number = post.get(f"{formset.prefix}-TOTAL_FORMS", "")
    return min(int(number), formset.absolute_max) if is_number(number) else 0


def orders_in(values: dict, formset) -> list[int]:
    """Returns the numbers that put the rows of a formset in order."""
    typed = ("".join(value) for path, value in values.items() if is_order(path, formset))
    return [int(number) for number in typed if is_number(number)]


def is_order(path, formset) -> bool:
    """Whether a row of a formset has its place among the others at `path`."""
    return row_of(path).startswith(f"{formset.prefix}/") and name_of(path) == ORDER


def new_rows(values: dict, formset) -> list[str]:
    """Returns the rows of a formset that are not stored, in order."""
    return sorted(row for row in rows_of(values) if row.startswith(f"{formset.prefix}/{NEW}"))


def as_post(values: dict, form, formsets, for_saving=False) -> tuple:
    """
    Returns what a browser posts for an unbound `form` and its `formsets` that show `values`: the data and the files.

    For showing, there are the names of the files instead, and after the rows those that a formset has for new ones.
    New rows have their key where stored ones have it; Django saves only rows without a key as new ones.
    """
    post, files = QueryDict(mutable=True), MultiValueDict()

    def add(name, value):
        if value == CLEAR:
            post[f"{name}-clear"] = "on"
        elif is_file(value):
            files[name] = opened_file(value) if for_saving else value["name"]
        elif value:
            post.setlist(name, value)

    for name in fields_of(form):
        add(name, values.get(name, []))
    for formset in formsets:
        stored = [f"{formset.prefix}/{row.instance.pk}" for row in formset.initial_forms]
        new = new_rows(values, formset)
        blank = fields_of(formset.empty_form, own_fields(formset))
        for number, row in enumerate(stored + new):
            place = f"{formset.prefix}-{number}-"
            # Of a row that became new because the stored one is gone, only what was typed is known.
            for name, value in blank.items():
                if row in new and f"{row}/{name}" not in values:
                    add(place + name, value)
            for path, value in values.items():
                if row_of(path) == row:
                    add(place + name_of(path), value)
            key = row.partition("/")[2]
            post[place + formset.model._meta.pk.name] = "" if for_saving and row in new else key
        number = len(stored) + len(new)
        blanks = 0 if for_saving else max(min(formset.extra, formset.max_num - number), 0)
        for place in (f"{formset.prefix}-{number + blank}-" for blank in range(blanks)):
            for name, value in blank.items():
                add(place + name, value)
            # It has its key from the beginning, so that it is the same row each time it is sent.
            post[place + formset.model._meta.pk.name] = new_row(formset.prefix).partition("/")[2]
            if place + ORDER in post:
                post[place + ORDER] = str(max([int(post[place + ORDER]), *orders_in(values, formset)]))
        post[f"{formset.prefix}-INITIAL_FORMS"] = str(len(stored))
        post[f"{formset.prefix}-TOTAL_FORMS"] = str(number + blanks)
    return post, files
