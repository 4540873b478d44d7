"""Keeps the search index in step with the content, in the transaction of each change."""

import hashlib
import logging
from typing import NamedTuple

from django.db import connection, transaction
from django.db.models.signals import post_delete
from django.utils.translation import override

from portal.bilingual.changes import rows_changed
from portal.bilingual.languages import LANGUAGES
from portal.search_index.entries import PLACE_BITS, SearchEntry, SearchText
from portal.search_index.kinds import KINDS
from portal.search_index.words import FORMAT, folded, part_of, parts_of

# How many rows are written, or compared, at once.
CHUNK = 200

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


def differences(kind, rows, pks) -> tuple[list, dict]:
    """
    Compares the index with `rows`, a queryset of those with `pks`, which may be gone.

    Returns the keys of entries that are wrong, and the Sides that are missing, by the key of their row.
    """
    missing = sides_of(kind, rows.prefetch_related(*kind.relations))
    wrong = []
    for entry in SearchEntry.objects.filter(kind=kind.name, row__in=pks):
        if entry.row in missing and fingerprint(missing[entry.row]) == entry.fingerprint:
            del missing[entry.row]
        else:
            wrong.append(entry.pk)
    return wrong, missing


def refresh(model, pks):
    """Brings the index of the rows of `model` with `pks` into step."""
    kind = KINDS[model]
    with transaction.atomic():
        for start in range(0, len(pks), CHUNK):
            chunk = pks[start : start + CHUNK]
            rows = model._default_manager.filter(pk__in=chunk).order_by("pk")
            # Of two transactions that change parts of one row, the second one waits, and sees what the first has done.
            wrong, missing = differences(kind, rows.select_for_update(no_key=True), chunk)
            remove(wrong)
            add(kind, missing)


def remove(entries):
    """Removes the SearchEntries with these keys."""
    if not entries:
        return
    with connection.cursor() as cursor:
        for entry in entries:
            span = [entry << PLACE_BITS + 1, entry + 1 << PLACE_BITS + 1]
            cursor.execute("DELETE FROM portal_searchpart WHERE rowid >= %s AND rowid < %s", span)
    SearchEntry.objects.filter(pk__in=entries).delete()


def add(kind, sides_by_row):
    """Adds the Sides of rows, by the key of the row."""
    if not sides_by_row:
        return
    entries = SearchEntry.objects.bulk_create(
        SearchEntry(kind=kind.name, row=row, fingerprint=fingerprint(sides)) for row, sides in sides_by_row.items()
    )
    texts, parts = [], []
    for entry, sides in zip(entries, sides_by_row.values(), strict=True):
        for language, title, text, words, address in sides:
            texts.append(SearchText(entry=entry, language=language, title=title, text=text, address=address))
            first = entry.pk << PLACE_BITS + 1 | LANGUAGES.index(language) << PLACE_BITS
            found = [part_of(folded(title)), *parts_of(folded(f"{text}\n{words}"))][: 1 << PLACE_BITS]
            parts += [(first + place, part, keys) for place, (part, keys) in enumerate(found)]
    SearchText.objects.bulk_create(texts)
    if connection.vendor == "postgresql":
        value = "array_to_tsvector(%s::text[])"
    else:
        value = "%s"
        parts = [(number, part, " ".join(keys)) for number, part, keys in parts]
    sql = f"INSERT INTO portal_searchpart (rowid, folded, keys) VALUES (%s, %s, {value})"  # noqa: S608
    with connection.cursor() as cursor:
        cursor.executemany(sql, parts)


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
        for start in range(0, len(pks), CHUNK):
            rows = model._default_manager.filter(**{f"{relation}__in": pks[start : start + CHUNK]})
            refresh(model, list(rows.order_by().values_list("pk", flat=True).distinct()))


def refresh_owner(sender, instance, **kwargs):
    """Refreshes the row of which the deleted `instance` was a part."""
    for model, relation in relations_to(sender):
        owner = model._meta.get_field(relation).remote_field
        if owner.concrete:
            refresh(model, [getattr(instance, owner.attname)])


def relations_to(model) -> list:
    """Returns the registered models that depend on `model`, each with the name of its relation to it."""
    return [
        (kind.model, relation)
        for kind in KINDS.values()
        for relation in kind.relations
        if kind.model._meta.get_field(relation).related_model is model
    ]


def mend() -> int:
    """Compares the whole index with the content and brings it into step. Returns the number of rows that differed."""
    number = 0
    for kind in KINDS.values():
        indexed = SearchEntry.objects.filter(kind=kind.name).values_list("row", flat=True)
        pks = sorted({*kind.model._default_manager.values_list("pk", flat=True), *indexed})
        for start in range(0, len(pks), CHUNK):
            chunk = pks[start : start + CHUNK]
            wrong, missing = differences(kind, kind.model._default_manager.filter(pk__in=chunk), chunk)
            different = {*missing, *SearchEntry.objects.filter(pk__in=wrong).values_list("row", flat=True)}
            if different:
                refresh(kind.model, sorted(different))
            number += len(different)
    return number


def check():
    """Chore: mends the index where it differs from the content, and logs how often it did."""
    if number := mend():
        logger.warning("The search index of %d rows differed from the content. It was mended.", number)


@transaction.atomic
def rebuild() -> int:
    """Writes the whole index anew. Returns the number of rows in it."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM portal_searchpart")
    SearchEntry.objects.all().delete()
    return mend()
