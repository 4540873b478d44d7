"""Asks the search index: search() for visitors, and saying() and named() for the querysets of models."""

from dataclasses import dataclass
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
from portal.search_index.entries import ENTRY, PLACE_BITS, PLACES, ROW_BITS, ROWS
from portal.search_index.kinds import KINDS
from portal.search_index.words import MIN_PREFIX, beginnings, is_phrase, pairs_of

# More rows than there are, for a page without an end: PostgreSQL and SQLite write that in different ways.
ALL = 1 << 40
# A search finds so many parts of texts, the best ones. If more have its words, it looks at no others.
MAX_PARTS = 500
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
    """
    The number of rows found, by model in order of rank, and the Hits of a page. A model without hits is missing.

    `is_cut` says whether the words are so common that there are more than were looked at. `has_all_counts` says whether
    `counts` has all models; otherwise it has the chosen one alone.
    """

    counts: dict
    hits: list
    is_cut: bool = False
    has_all_counts: bool = True


def search(words: list[str], language: str, model=None, *, synonyms=(), start=0, stop=ALL) -> Results:
    """
    Finds the rows that have all `words`, as split_query() returns them, on sides that are published now.

    The words may be spread over both languages of a row. `language` is the reader's. The hits are those from `start`
    to `stop`, of one `model` or of all. Rows that have all words in their titles come first; then the kinds follow each
    other by rank, and the rows of a kind in their order. After them come the rows that have all words of one of the
    `synonyms`, each a list of words too.

    If more than MAX_PARTS parts of texts have all words, only the first of them are looked at, by titles, kind, and age
    of the row.
    """
    if not words:
        return Results({}, [])
    models = {kind.name: kind.model for kind in sorted(KINDS.values(), key=lambda kind: kind.rank)}
    alternatives = [words, *synonyms]
    ends, of_kind = ends_of(alternatives), None
    has_all_counts = not any(ends)
    if model and not has_all_counts:
        of_kind = KINDS[model]
        ends = ends_of(alternatives, of_kind)
    rows, params = rows_with_any(alternatives, language, ends, of_kind)
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
    return Results(counts, [Hit(models[kind], *hit[:7]) for kind, *hit in page], any(ends), has_all_counts)


def ends_of(alternatives, kind=None) -> list:
    """
    Returns, for each of `alternatives`, the rowid of the first part not to look at, or None if they are all looked at.

    It follows on MAX_PARTS parts that have all its words, of one `kind` or of all, on a published side.
    """
    selects, params = [], []
    for words in alternatives:
        has_words, wanted = parts_with(words)
        orders = []
        for side, language in enumerate(LANGUAGES):
            order, moments = sort_order_in(language)
            orders.append(f"WHEN {side} THEN {order}")
            wanted += now(moments)
        # The order within makes PostgreSQL sort the parts first. So it asks of the first ones alone what is published.
        selects.append(f"""
            (SELECT part FROM (
                SELECT rowid AS part, {ENTRY} AS entry, rowid >> {PLACE_BITS} & 1 AS side
                FROM portal_searchpart WHERE {has_words}{of_rank(kind)} ORDER BY rowid
            ) AS parts
            WHERE (
                SELECT CASE side {" ".join(orders)} END FROM portal_searchentry WHERE id = parts.entry
            ) IS NOT NULL ORDER BY part LIMIT 1 OFFSET {MAX_PARTS})
        """)  # noqa: S608
        params += wanted
    [found] = fetched(f"SELECT {', '.join(selects)}", params)
    return list(found)


def of_rank(kind) -> str:
    """Returns the condition in SQL that a part is of a row of `kind`, to follow others, or nothing for all kinds."""
    return f" AND {ENTRY} >> {ROW_BITS} = {kind.rank}" if kind else ""


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


def rows_with_any(alternatives, language, ends=None, kind=None) -> tuple[str, list]:
    """
    Returns the SQL of the rows that have all words of one of `alternatives` on published sides, and its parameters.

    `ends` are those of ends_of(), or None.

    Its columns are kind, row, entry, the side to show to readers of `language`, the grade (0 if all words of the first
    alternative are in the titles, 1 if they are not, 2 and 3 those of the second, and so on), the place of the kind,
    and the sort order of the row.
    """
    reader = LANGUAGES.index(language)
    selects, params = [], []
    for number, (words, end) in enumerate(zip(alternatives, ends or [None] * len(alternatives), strict=True)):
        sql, values = rows_with(words, reader, end, kind)
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


def rows_with(words, reader, end=None, kind=None) -> tuple[str, list]:
    """
    Returns the SQL of the rows that have all `words` on published sides, and its parameters.

    Its columns are kind, row, entry, whether all words are in the titles, the side to show to readers of the language
    in place `reader` of LANGUAGES, the place of the kind, and the sort order of the row.
    """
    everything = (1 << len(words)) - 1
    rows, params = rows_with_some(words, f"(said_0 | said_1) = {everything}", end, kind)

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


def rows_with_some(words, condition, end=None, kind=None) -> tuple[str, list]:
    """
    Returns the SQL of the rows, of one `kind` or of all, that have some of `words` and meet `condition`, and its
    parameters. The part with rowid `end` and those after it are not looked at.

    Its columns are kind, row, entry, and for each language by its place in LANGUAGES: said_0, the words that its side
    has, each a bit; titled_0, those in its title; order_0, the sort order of the row, NULL if its side is not published
    or has no word.
    """
    parts, values = [], []
    chosen = of_rank(kind) + (f" AND rowid < {end}" if end else "")
    for number, word in enumerate(words):
        has_word, found = parts_with([word])
        parts.append(f"SELECT rowid, {1 << number} AS word FROM portal_searchpart WHERE {has_word}{chosen}")  # noqa: S608
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
            SELECT {ENTRY} AS entry, {bits} FROM ({" UNION ALL ".join(parts)}) AS parts
            GROUP BY {ENTRY}
        ) AS found JOIN portal_searchentry ON portal_searchentry.id = found.entry
        WHERE {condition} LIMIT {ALL}
    """  # noqa: S608
    return sql, [*params, *values]


def saying(word: str, model) -> Q:
    """
    Returns the condition that a row of `model` has `word` on a side that is published.

    Of many rows it is asked one by one, so that their queryset finds the first ones without looking at all.
    """
    has_word, wanted = parts_with([word])
    rows = {}
    for side, language in enumerate(LANGUAGES):
        chosen = f"{of_rank(KINDS[model])} AND rowid >> {PLACE_BITS} & 1 = {side}"
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
        has_word, wanted = parts_with([word])
        selects.append(
            f"SELECT {number}, {ENTRY} >> {ROW_BITS}, {ENTRY} & {ROWS}, rowid >> {PLACE_BITS} & 1"  # noqa: S608
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


def parts_with(words) -> tuple[str, list]:
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
