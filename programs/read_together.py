"""Reads rows of several models with one query, because a page may make ten, and that of a program has more lists."""

from datetime import UTC, datetime
from functools import cache

from django.db.models import F, Value
from django.db.models.functions import JSONObject


def read_together(*querysets) -> list[list]:
    """
    Returns the rows of each of `querysets`, in the order of its model's `sort_order` and key.

    A foreign key that a queryset follows, as in select_related("country"), is filled in each row. The original column
    of a translated field is not read: nothing should read it.
    """
    queries = [
        queryset.order_by().values_list(Value(number), as_json(queryset.model, followed(queryset)))
        for number, queryset in enumerate(querysets)
    ]
    found = [[] for _queryset in querysets]
    for number, values in queries[0].union(*queries[1:], all=True):
        found[number].append(from_json(querysets[number].model, values, querysets[0].db))
    return [sorted(rows, key=lambda row: (row.sort_order, row.pk)) for rows in found]


def followed(queryset) -> tuple[str, ...]:
    """Returns the names of the foreign keys that `queryset` follows."""
    return tuple(queryset.query.select_related or ())


@cache
def fields_of(model) -> dict:
    """Returns the fields of `model` by the names of their columns, without the originals of translated fields."""
    originals = {field.translated_field.name for field in model._meta.fields if hasattr(field, "translated_field")}
    return {field.attname: field for field in model._meta.concrete_fields if field.name not in originals}


@cache
def as_json(model, relations=(), path=""):
    """Returns the expression for a row of `model`, at `path` from the model of the query, as a JSON object."""
    columns = {name: F(f"{path}{name}") for name in fields_of(model)}
    related = {name: as_json(model._meta.get_field(name).related_model, path=f"{name}__") for name in relations}
    return JSONObject(**columns, **related)


def from_json(model, values, database):
    """Returns the row of `model` with `values`, as as_json() has written them, read from `database`."""
    fields = fields_of(model)
    row = model.from_db(database, list(fields), [in_python(field, values[name]) for name, field in fields.items()])
    for name in values.keys() - fields.keys():
        related = values[name]
        to = model._meta.get_field(name).related_model
        setattr(row, name, from_json(to, related, database) if related["id"] else None)
    return row


def in_python(field, value):
    """Returns the `value` of `field` from JSON as the field gives it. SQLite writes times in UTC, without an offset."""
    value = field.to_python(value)
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) and not value.tzinfo else value
