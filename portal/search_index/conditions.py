"""Conditions in SQL: saying() and named() for the querysets of models, and those of which a search is made."""

from datetime import UTC, datetime
from functools import cache

from django.db import connection
from django.db.models import F, Q
from django.db.models.expressions import RawSQL
from django.db.models.lookups import In
from django.utils.translation import get_language, override
from modeltranslation.utils import build_localized_fieldname

from portal.bilingual import publishing
from portal.bilingual.languages import LANGUAGES
from portal.search_index.entries import ENTRY, PLACE_BITS, ROW_BITS, ROWS, SIDE
from portal.search_index.kinds import KINDS, models_by_rank
from portal.search_index.words import MIN_PREFIX, beginnings, is_phrase, pairs_of

ANY_MOMENT = datetime(2000, 1, 1, tzinfo=UTC)


def saying(word: str, model) -> Q:
    """
    Returns the condition that a row of `model` has `word` on a side that is published.

    Of many rows it is asked one by one, so that their queryset finds the first ones without looking at all.
    """
    has_word, wanted = condition_by_keys([word])
    rows = {}
    for side, language in enumerate(LANGUAGES):
        chosen = f"{of_rank(KINDS[model])} AND {SIDE} = {side}"
        sql = f"SELECT {ENTRY} & {ROWS} FROM portal_searchpart WHERE {has_word}{chosen}"  # noqa: S608
        rows[language] = RawSQL(sql, wanted)  # noqa: S611
    return on_published_sides(model, rows)


def named(words: list[str], *models) -> dict:
    """
    Returns for each of `words` a dict: for each of `models` that has rows with the word in a published title, the
    condition that a row is one of them. It makes one query.
    """
    selects, params = [], []
    by_rank = {KINDS[model].rank: model for model in models}
    # The titles of a kind follow each other: those of the kinds before and after these are passed over.
    first, stop = (rank << PLACE_BITS + 1 + ROW_BITS for rank in (min(by_rank), max(by_rank) + 1))
    ranks = ", ".join(map(str, by_rank))
    for number, word in enumerate(words):
        has_word, wanted = condition_by_keys([word])
        selects.append(
            f"SELECT {number}, {ENTRY} >> {ROW_BITS}, {ENTRY} & {ROWS}, {SIDE}"  # noqa: S608
            f" FROM portal_searchpart WHERE {has_word}"
            f" AND rowid >= {first} AND rowid < {stop} AND {ENTRY} >> {ROW_BITS} IN ({ranks})"
        )
        params += wanted
    found = {word: {} for word in words}
    for number, rank, row, side in fetched(" UNION ALL ".join(selects), params) if selects else ():
        rows = found[words[number]].setdefault(rank, {language: [] for language in LANGUAGES})
        rows[LANGUAGES[side]].append(row)
    return {
        word: {by_rank[rank]: on_published_sides(by_rank[rank], rows) for rank, rows in of_word.items()}
        for word, of_word in found.items()
    }


def on_published_sides(model, rows: dict) -> Q:
    """Returns the condition that a row is among the `rows` of a language, by their keys, and published in it."""
    condition = Q()
    # Most rows that are asked are published in the active language.
    for language in sorted(LANGUAGES, key=lambda language: language != get_language()):
        published = publishing.is_published(
            model, publishing.now(), build_localized_fieldname("published_at", language)
        )
        # The sum keeps SQLite from looking up all these rows, where the first ones in their order are wanted.
        condition |= Q(In(F("pk") + 0, rows[language])) & published
    return condition


def fetched(sql, params) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.fetchall()


def of_rank(kind) -> str:
    """Returns the condition in SQL that a part is of a row of `kind`, to follow others, or nothing for all kinds."""
    return f" AND {ENTRY} >> {ROW_BITS} = {kind.rank}" if kind else ""


def sort_order() -> tuple[str, list]:
    """
    Returns the SQL of the sort order of the row of `parts.entry`, NULL if it is not published on `parts.side`, and its
    parameters.
    """
    sql, times = sort_order_by_side()
    return sql, [connection.ops.adapt_datetimefield_value(publishing.now())] * times


@cache
def sort_order_by_side() -> tuple[str, int]:
    """
    Returns the SQL of sort_order(), and its number of parameters: each is the present moment.

    A model without a sort order is in that of its keys.
    """
    cases, params = [], []
    for side, language in enumerate(LANGUAGES):
        for rank, model in models_by_rank().items():
            order = "sort_order" if hasattr(model, "sort_order") else "pk"
            with override(language):
                published = model._default_manager.published(at=ANY_MOMENT).order_by().values_list(order)
            sql, values = published.query.sql_with_params()
            key = f"{model._meta.db_table}.id = (parts.entry & {ROWS})"
            cases.append(f"WHEN {rank << 1 | side} THEN ({sql} AND {key})")
            params += values
    if set(params) != {connection.ops.adapt_datetimefield_value(ANY_MOMENT)}:
        raise NotImplementedError("A condition of published() has a parameter other than the moment.")
    return f"CASE parts.entry >> {ROW_BITS} << 1 | parts.side {' '.join(cases)} END", len(params)


def condition_by_keys(words) -> tuple[str, list]:
    """Returns the condition in SQL that a row of portal_searchpart has all `words`, and its parameters."""
    wanted = []
    for word in words:
        keys = pairs_of(word) if is_phrase(word) else beginnings(word)
        begins = not is_phrase(word) and len(word) >= MIN_PREFIX
        # Keys are letters, digits and Chinese characters, so they need no escape.
        if connection.vendor == "postgresql":
            keys = (" & " if is_phrase(word) else " | ").join(f"'{key}'{':*' * begins}" for key in keys)
        else:
            keys = (" AND " if is_phrase(word) else " OR ").join(f'"{key}"{"*" * begins}' for key in keys)
        wanted.append(f"({keys})")
    if connection.vendor == "postgresql":
        condition, conjunction, position = "keys @@ %s::tsquery", " & ", "strpos"
    else:
        condition, conjunction, position = "portal_searchpart MATCH %s", " AND ", "instr"
    phrases = [word for word in words if is_phrase(word) and len(word) > 2]
    conditions = [condition, *[f"{position}(folded, %s) > 0"] * len(phrases)]
    return " AND ".join(conditions), [conjunction.join(wanted), *phrases]


def condition_by_text(word) -> tuple[str, list]:
    """Returns the condition in SQL that a row of portal_searchpart, found by its rowid, has `word`; its parameters."""
    # Not with the index of the keys, which would look at all rows that have them.
    if connection.vendor == "postgresql":
        has_word, wanted = condition_by_keys([word])
        return f"({has_word}) IS TRUE", wanted
    if is_phrase(word):
        return "instr(folded, %s) > 0", [word]
    ends = "" if len(word) >= MIN_PREFIX else " "
    keys = [f" {key}{ends}" for key in beginnings(word)]
    has_key = "instr(' ' || keys || ' ', %s) > 0"
    return f"({' OR '.join([has_key] * len(keys))})", keys
