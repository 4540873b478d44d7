"""Asks the search index: search() for visitors, and rows_saying() for the querysets of models."""

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache

from django.db import connection
from django.db.models.expressions import RawSQL
from django.utils.translation import override

from portal.bilingual import publishing
from portal.bilingual.languages import LANGUAGES
from portal.search_index.entries import PLACE_BITS, PLACES
from portal.search_index.kinds import KINDS
from portal.search_index.words import MIN_PREFIX, beginnings, is_phrase, pairs_of

# More rows than there are, for a page without an end: PostgreSQL and SQLite write that in different ways.
ALL = 1 << 40
ANY_MOMENT = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Hit:
    """
    A row that was found, in the language in which it is shown: the reader's, if that side has any of the words.

    If it is published in the other language too, `paired_title` and `paired_address` are those of that side, else None.
    """

    model: type
    pk: int
    language: str
    title: str
    text: str
    address: str
    paired_title: str | None
    paired_address: str | None


@dataclass(frozen=True)
class Results:
    """The number of rows found, by model in order of rank, and the Hits of a page. A model without hits is missing."""

    counts: dict
    hits: list


def search(words: list[str], language: str, model=None, *, synonyms=(), start=0, stop=ALL) -> Results:
    """
    Finds the rows that have all `words`, as split_query() returns them, on sides that are published now.

    The words may be spread over both languages of a row. `language` is the reader's. The hits are those from `start`
    to `stop`, of one `model` or of all. Rows that have all words in their titles come first; then the kinds follow each
    other by rank, and the rows of a kind in their order. After them come the rows that have all words of one of the
    `synonyms`, each a list of words too.
    """
    if not words:
        return Results({}, [])
    models = {kind.name: kind.model for kind in sorted(KINDS.values(), key=lambda kind: kind.rank)}
    rows, params = rows_with_any([words, *synonyms], language)
    published, moments = published_sides()
    chosen = "" if model is None else f"WHERE kind = '{KINDS[model].name}'"
    sql = f"""
        WITH rows AS ({rows}), page AS (
            SELECT * FROM rows {chosen} ORDER BY grade, place, sort_order, row LIMIT %s OFFSET %s
        )
        SELECT page.kind, page.row, page.side, shown.title, shown.text, shown.address, paired.title, paired.address,
            page.grade, page.place, page.sort_order
        FROM page JOIN portal_searchtext AS shown ON shown.entry_id = page.entry AND shown.language = page.side
        JOIN portal_searchentry ON portal_searchentry.id = page.entry
        LEFT JOIN portal_searchtext AS paired
            ON paired.entry_id = page.entry AND paired.language != page.side AND {published} IS NOT NULL
        UNION ALL
        SELECT kind, COUNT(*), NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL FROM rows GROUP BY kind
    """  # noqa: S608
    found = fetched(sql, [*params, stop - start, start, *moments])
    page = sorted((row for row in found if row[2]), key=lambda row: (*row[8:], row[1]))
    numbers = {kind: number for kind, number, side, *_ in found if not side}
    counts = {model: numbers[name] for name, model in models.items() if name in numbers}
    return Results(counts, [Hit(models[kind], *hit[:7]) for kind, *hit in page])


def count(searches: dict, language: str) -> dict:
    """Returns how many rows search() finds for each value of `searches`, words and then synonyms, by the same keys."""
    counts, params = [], []
    for number, alternatives in enumerate(searches.values()):
        rows, values = rows_with_any(alternatives, language)
        counts.append(f"SELECT {number}, COUNT(*) FROM ({rows}) AS rows_{number}")  # noqa: S608
        params += values
    numbers = dict(fetched(" UNION ALL ".join(counts), params)) if counts else {}
    return {key: numbers[number] for number, key in enumerate(searches)}


def fetched(sql, params) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.fetchall()


def rows_with_any(alternatives, language) -> tuple[str, list]:
    """
    Returns the SQL of the rows that have all words of one of `alternatives` on published sides, and its parameters.

    Its columns are kind, row, entry, the side to show to readers of `language`, the grade (0 if all words of the first
    alternative are in the titles, 1 if they are not, 2 and 3 those of the second, and so on), the place of the kind,
    and the sort order of the row.
    """
    reader = LANGUAGES.index(language)
    selects, params = [], []
    for number, words in enumerate(alternatives):
        sql, values = rows_with(words, reader)
        selects.append(
            f"SELECT kind, row, entry, side, {2 * number + 1} - titled AS grade, place, sort_order"  # noqa: S608
            f" FROM ({sql}) AS found_{number}"
        )
        params += values
    if len(selects) == 1:
        return selects[0], params
    sql = f"""
        SELECT kind, row, entry, CASE WHEN MAX(CASE side WHEN '{language}' THEN 1 ELSE 0 END) = 1
            THEN '{language}' ELSE '{LANGUAGES[1 - reader]}' END AS side, MIN(grade) AS grade, place, sort_order
        FROM ({" UNION ALL ".join(selects)}) AS found GROUP BY kind, row, entry, place, sort_order
    """  # noqa: S608
    return sql, params


def rows_with(words, reader) -> tuple[str, list]:
    """
    Returns the SQL of the rows that have all `words` on published sides, and its parameters.

    Its columns are kind, row, entry, whether all words are in the titles, the side to show to readers of the language
    in place `reader` of LANGUAGES, the place of the kind, and the sort order of the row.
    """
    everything = (1 << len(words)) - 1
    rows, params = rows_with_some(words, f"(said_0 | said_1) = {everything}")

    def all_of(name):
        sides = (f"CASE WHEN order_{side} IS NULL THEN 0 ELSE {name}_{side} END" for side in range(len(LANGUAGES)))
        return f"({' | '.join(sides)}) = {everything}"

    places = " ".join(f"WHEN '{kind.name}' THEN {kind.rank}" for kind in KINDS.values())
    sql = f"""
        SELECT kind, row, entry, CASE WHEN {all_of("titled")} THEN 1 ELSE 0 END AS titled,
            CASE WHEN order_{reader} IS NULL THEN '{LANGUAGES[1 - reader]}' ELSE '{LANGUAGES[reader]}' END AS side,
            CASE kind {places} END AS place, COALESCE(order_{reader}, order_{1 - reader}) AS sort_order
        FROM ({rows}) AS candidates WHERE {all_of("said")}
    """  # noqa: S608
    return sql, params


def rows_with_some(words, condition, kind=None) -> tuple[str, list]:
    """
    Returns the SQL of the rows, of one `kind` or of all, that have some of `words` and meet `condition`, and its
    parameters.

    Its columns are kind, row, entry, and for each language by its place in LANGUAGES: said_0, the words that its side
    has, each a bit; titled_0, those in its title; order_0, the sort order of the row, NULL if its side is not published
    or has no word.
    """
    parts, values, of_kind = [], [], ""
    if kind:
        # The parts of other kinds may be many: they are left out before they are grouped.
        entries = f"SELECT id FROM portal_searchentry WHERE kind = '{kind.name}'"  # noqa: S608
        of_kind = f" AND rowid >> {PLACE_BITS + 1} IN ({entries})"
    for number, word in enumerate(words):
        has_word, found = parts_with(word)
        parts.append(f"SELECT rowid, {1 << number} AS word FROM portal_searchpart WHERE {has_word}{of_kind}")  # noqa: S608
        values += found
    joined = "MAX({})" if len(words) == 1 else "SUM(DISTINCT {})"
    bits = ", ".join(
        f"{joined.format(f'CASE rowid & {mask} WHEN {side << PLACE_BITS} THEN word ELSE 0 END')} AS {name}_{side}"
        for side in range(len(LANGUAGES))
        for name, mask in [("said", 1 << PLACE_BITS), ("titled", 1 << PLACE_BITS | PLACES)]
    )
    orders, params = [], []
    for side, language in enumerate(LANGUAGES):
        order, moments = sort_order_in(language)
        orders.append(f"CASE WHEN said_{side} > 0 THEN {order} END AS order_{side}")
        params += now(moments)
    # The limit leaves no row out. It makes the databases compute the order of a row once, not at each use of it below.
    sql = f"""
        SELECT kind, row, found.*, {", ".join(orders)} FROM (
            SELECT rowid >> {PLACE_BITS + 1} AS entry, {bits} FROM ({" UNION ALL ".join(parts)}) AS parts
            GROUP BY rowid >> {PLACE_BITS + 1}
        ) AS found JOIN portal_searchentry ON portal_searchentry.id = found.entry
        WHERE {condition} LIMIT {ALL}
    """  # noqa: S608
    return sql, [*params, *values]


def rows_saying(word: str, model, *, in_title=False) -> RawSQL:
    """
    Returns a subquery, for `pk__in`, of the keys of the rows of `model` that have `word` on a side that is published.

    They have it anywhere, or in the title.
    """
    sql, params = rows_with_some([word], "said_0 + said_1 > 0", KINDS[model])
    has_word = "titled" if in_title else "said"
    sides = " OR ".join(f"({has_word}_{side} > 0 AND order_{side} IS NOT NULL)" for side in range(len(LANGUAGES)))
    return RawSQL(f"SELECT row FROM ({sql}) AS candidates WHERE {sides}", params)  # noqa: S608, S611


def now(times) -> list:
    """Returns the present moment as a parameter of SQL, so many times."""
    return [connection.ops.adapt_datetimefield_value(publishing.now())] * times


def published_sides() -> tuple[str, list]:
    """Returns the SQL of the sort order in the language of `paired`, NULL if not published, and its parameters."""
    cases, params = [], []
    for language in LANGUAGES:
        order, moments = sort_order_in(language)
        cases.append(f"WHEN '{language}' THEN {order}")
        params += now(moments)
    return f"CASE paired.language {' '.join(cases)} END", params


@cache
def sort_order_in(language) -> tuple[str, int]:
    """
    Returns the SQL of the sort order of a row of portal_searchentry, NULL if it is not published in `language`.

    Also returns its number of parameters: each is the present moment. A model without a sort order is in that of its
    keys.
    """
    cases, params = [], []
    for kind in sorted(KINDS.values(), key=lambda kind: kind.rank):
        order = "sort_order" if hasattr(kind.model, "sort_order") else "pk"
        with override(language):
            published = kind.model._default_manager.published(at=ANY_MOMENT).order_by().values_list(order)
        sql, values = published.query.sql_with_params()
        cases.append(f"WHEN '{kind.name}' THEN ({sql} AND {kind.model._meta.db_table}.id = portal_searchentry.row)")
        params += values
    if set(params) != {connection.ops.adapt_datetimefield_value(ANY_MOMENT)}:
        raise NotImplementedError("A condition of published() has a parameter other than the moment.")
    return f"CASE portal_searchentry.kind {' '.join(cases)} END", len(params)


def parts_with(word) -> tuple[str, list]:
    """Returns the condition in SQL that a row of portal_searchpart has `word`, and its parameters."""
    keys = pairs_of(word) if is_phrase(word) else beginnings(word)
    begins = not is_phrase(word) and len(word) >= MIN_PREFIX
    # Keys are letters, digits and Chinese characters, so they need no escape.
    if connection.vendor == "postgresql":
        condition, position = "keys @@ %s::tsquery", "strpos"
        wanted = (" & " if is_phrase(word) else " | ").join(f"'{key}'{':*' * begins}" for key in keys)
    else:
        condition, position = "portal_searchpart MATCH %s", "instr"
        wanted = (" AND " if is_phrase(word) else " OR ").join(f'"{key}"{"*" * begins}' for key in keys)
    params = [wanted]
    if is_phrase(word) and len(word) > 2:
        condition, params = f"{condition} AND {position}(folded, %s) > 0", [*params, word]
    return condition, params
