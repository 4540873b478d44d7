"""Keeps the search index in step with the content, in the transaction of each change."""

import hashlib
import logging
from datetime import timedelta
from itertools import chain
from typing import NamedTuple
from uuid import uuid4

from django.db import connection, transaction
from django.db.models import IntegerField, QuerySet
from django.db.models.expressions import RawSQL
from django.db.models.signals import post_delete
from django.utils.translation import override

from portal.bilingual.changes import rows_changed
from portal.bilingual.languages import LANGUAGES
from portal.search_index.entries import ENTRY, PLACE_BITS, TEXT, SearchEntry, SearchText, entry_key, rowids_of
from portal.search_index.kinds import KINDS
from portal.search_index.words import FORMAT, folded, part_of, parts_of

# How many rows are written, or compared, at once.
CHUNK = 200
# Of an entry, in SQL: what it has in the other two tables.
TEXTS = RawSQL("(SELECT COUNT(*) FROM portal_searchtext WHERE entry_id = portal_searchentry.id)", [])
PARTS = sum(
    RawSQL(
        "(SELECT COUNT(*) FROM portal_searchpart WHERE rowid >= %s + (portal_searchentry.id << %s)"
        " AND rowid < %s + (portal_searchentry.id + 1 << %s))",
        [first, PLACE_BITS + 1] * 2,
        IntegerField(),
    )
    for first in (0, TEXT)
)

logger = logging.getLogger(__name__)


class Side(NamedTuple):
    """What the index holds of a row in one language. Hits do not show `words`."""

    language: str
    title: str
    text: str
    words: str
    address: str


def sides_of(kind, rows) -> dict[int, list[Side]]:
    """Returns the Sides of `rows` by key. A language without a title has none."""
    found = {row.pk: [] for row in rows}
    for language in LANGUAGES:
        with override(language):
            for row in rows:
                if not row.display_title:
                    continue
                text = "\n".join(filter(None, row.search_texts()))
                words = "\n".join(filter(None, (getattr(row, field) for field in kind.words)))
                found[row.pk].append(Side(language, row.display_title, text, words, row.get_absolute_url()))
    return {pk: sides for pk, sides in found.items() if sides}


def fingerprint(sides) -> str:
    return hashlib.blake2b(repr((FORMAT, sides)).encode(), digest_size=16).hexdigest()


def differences(kind, rows, pks) -> tuple[dict, dict]:
    """
    Compares the index with `rows`, a queryset of those with `pks`, which may be gone.

    Returns the keys of entries that are wrong, each with the key of its row, and the Sides that are missing, by the key
    of their row.
    """
    missing = sides_of(kind, rows.prefetch_related(*kind.relations))
    wrong = {}
    for entry in SearchEntry.objects.filter(kind=kind.name, row__in=pks).annotate(texts=TEXTS, found_parts=PARTS):
        sides = missing.get(entry.row)
        is_whole = sides and entry.texts == len(sides) and entry.found_parts == entry.parts
        if is_whole and entry.pk == entry_key(kind, entry.row) and fingerprint(sides) == entry.fingerprint:
            del missing[entry.row]
        else:
            wrong[entry.pk] = entry.row
    return wrong, missing


def refresh(model, pks) -> int:
    """Brings the index of the rows of `model` with `pks` into step. Returns the number of rows that differed."""
    kind, number = KINDS[model], 0
    with transaction.atomic():
        for chunk in chunks(pks):
            wrong, missing = differences(kind, locked(kind, chunk), chunk)
            remove(list(wrong))
            add(kind, missing)
            number += len({*missing, *wrong.values()})
    return number


def chunks(pks):
    return (pks[start : start + CHUNK] for start in range(0, len(pks), CHUNK))


def locked(kind, pks):
    """
    Returns the rows with `pks`, locked until the end of the transaction.

    Of two transactions that change parts of one row, the second one waits here, and sees what the first has done.
    """
    return kind.model._default_manager.filter(pk__in=pks).order_by("pk").select_for_update(no_key=True)


def remove(entries):
    """Removes the SearchEntries with these keys."""
    if not entries:
        return
    with connection.cursor() as cursor:
        cursor.executemany(
            "DELETE FROM portal_searchpart WHERE rowid >= %s AND rowid < %s", list(chain(*map(rowids_of, entries)))
        )
    SearchEntry.objects.filter(pk__in=entries).delete()


def add(kind, sides_by_row):
    """Adds the Sides of rows, by the key of the row."""
    if not sides_by_row:
        return
    # Of an entry that was lost, or whose kind had another name, something may be left.
    remove([entry_key(kind, row) for row in sides_by_row])
    parts = {row: parts_of_row(sides) for row, sides in sides_by_row.items()}
    entries = SearchEntry.objects.bulk_create(
        SearchEntry(
            pk=entry_key(kind, row), kind=kind.name, row=row, fingerprint=fingerprint(sides), parts=len(parts[row])
        )
        for row, sides in sides_by_row.items()
    )
    SearchText.objects.bulk_create(
        SearchText(entry=entry, language=side.language, title=side.title, text=side.text, address=side.address)
        for entry in entries
        for side in sides_by_row[entry.row]
    )
    if connection.vendor == "postgresql":
        value, stored = "array_to_tsvector(%s::text[])", list
    else:
        value, stored = "%s", " ".join
    sql = f"INSERT INTO portal_searchpart (rowid, folded, keys) VALUES (%s, %s, {value})"  # noqa: S608
    rows = [
        (entry.pk << PLACE_BITS + 1 | number, text, stored(keys))
        for entry in entries
        for number, text, keys in parts[entry.row]
    ]
    with connection.cursor() as cursor:
        # FTS5 writes ascending rows at once, and others one by one.
        cursor.executemany(sql, sorted(rows))


def parts_of_row(sides) -> list[tuple[int, str, list]]:
    """Returns the parts of a row with these Sides: the last bits of the `rowid`, the text and the keys of each."""
    parts = []
    for language, title, text, words, _address in sides:
        first = LANGUAGES.index(language) << PLACE_BITS
        found = [part_of(folded(title)), *parts_of(folded(f"{text}\n{words}"))][: 1 << PLACE_BITS]
        parts += [(first + place + (TEXT if place else 0), part, keys) for place, (part, keys) in enumerate(found)]
    return parts


def connect():
    """Refreshes the index from now on whenever a registered model changes, or one that it depends on."""
    for kind in KINDS.values():
        rows_changed.connect(refresh_rows, sender=kind.model)
        post_delete.connect(remove_row, sender=kind.model)
        for relation in kind.relations:
            related = kind.model._meta.get_field(relation).related_model
            rows_changed.connect(refresh_related, sender=related)
            post_delete.connect(refresh_owner, sender=related)


def refresh_rows(sender, pks, **kwargs):
    refresh(sender, pks)


def remove_row(sender, instance, **kwargs):
    entries = SearchEntry.objects.filter(kind=KINDS[sender].name, row=instance.pk)
    remove(list(entries.values_list("pk", flat=True)))


def refresh_related(sender, pks, **kwargs):
    """Refreshes the rows that depend on the rows of `sender` with `pks`."""
    for model, relation in relations_to(sender):
        for chunk in chunks(pks):
            rows = model._default_manager.filter(**{f"{relation}__in": chunk})
            refresh(model, list(rows.order_by().values_list("pk", flat=True).distinct()))


def refresh_owner(sender, instance, origin, **kwargs):
    """Refreshes the row of which the deleted `instance` was a part, unless that is being deleted with it."""
    deleted = origin.model if isinstance(origin, QuerySet) else type(origin)
    for model, relation in relations_to(sender):
        owner = model._meta.get_field(relation).remote_field
        if owner.concrete and model is not deleted:
            refresh(model, [getattr(instance, owner.attname)])


def relations_to(model) -> list:
    """Returns the registered models that depend on `model`, each with the name of its relation to it."""
    return [
        (kind.model, relation)
        for kind in KINDS.values()
        for relation in kind.relations
        if kind.model._meta.get_field(relation).related_model is model
    ]


def chunks_of_content():
    """Yields the keys of all rows that are there or in the index, in chunks, each with its Kind."""
    for kind in KINDS.values():
        indexed = SearchEntry.objects.filter(kind=kind.name).values_list("row", flat=True)
        pks = sorted({*kind.model._default_manager.values_list("pk", flat=True), *indexed})
        for chunk in chunks(pks):
            yield kind, chunk


def mend() -> int:
    """Compares the whole index with the content and brings it into step. Returns the number of rows that differed."""
    number = 0
    for kind, chunk in chunks_of_content():
        wrong, missing = differences(kind, kind.model._default_manager.filter(pk__in=chunk), chunk)
        if different := {*missing, *wrong.values()}:
            # refresh() compares again under its lock, and does not count what another process has mended meanwhile.
            number += refresh(kind.model, sorted(different))
    return number


def check():
    """Chore: once an hour, mends the index where it differs from the content, and logs how often it did."""
    # Models import this module.
    from portal.models import Lease

    # Nobody can take it again until it expires.
    if Lease.take("search index", uuid4().hex, timedelta(hours=1)) and (number := mend()):
        logger.warning("The search index of %d rows differed from the content. It was mended.", number)


def rebuild() -> int:
    """Writes the whole index anew, while others read and write. Returns the number of rows in it."""
    for kind, chunk in chunks_of_content():
        # In the order of refresh(), so that neither waits for the other for ever: the content, then its entries.
        with transaction.atomic():
            list(locked(kind, chunk))
            remove(list(SearchEntry.objects.filter(kind=kind.name, row__in=chunk).values_list("pk", flat=True)))
            refresh(kind.model, chunk)
    unknown = SearchEntry.objects.exclude(kind__in=[kind.name for kind in KINDS.values()])
    remove(list(unknown.values_list("pk", flat=True)))
    with connection.cursor() as cursor:
        entries = "SELECT id FROM portal_searchentry"
        cursor.execute(f"DELETE FROM portal_searchpart WHERE {ENTRY} NOT IN ({entries})")  # noqa: S608
    return SearchEntry.objects.count()
