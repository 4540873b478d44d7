"""Finds what a visitor searches: search() and count(), and the Results with their Hits."""

from collections import Counter
from dataclasses import dataclass, replace
from itertools import chain

from django.db import connection

from portal.bilingual.languages import LANGUAGES
from portal.search_index.conditions import condition_by_keys, condition_by_text, fetched, of_rank, sort_order
from portal.search_index.entries import ENTRY, PLACE_BITS, ROW_BITS, ROWS, SIDE, TEXT, entry_of
from portal.search_index.kinds import KINDS, models_by_rank

# More rows than there are: with this limit, the databases compute a column of a subquery once, not at each use of it.
ALL = 1 << 40
# A search looks at so many parts of texts that have all its words, and at so many rows that have them in different
# parts: the first ones. If there are more, it looks at no others.
MAX_PARTS = 200
# Of several words that are all in more than MAX_PARTS parts, it looks for these rows among so many parts with each.
WINDOW = 1000
# SQLite joins at most 500 queries with UNION.
SELECTS_AT_ONCE = 100


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
    The rows that a search finds: the keys of their SearchEntries, in order. A slice of it is a list of Hits.

    `is_cut` says whether there may be more: the words are so common that perhaps not all parts of texts with them were
    looked at. Then there may be more even if none was found.
    """

    entries: list
    is_cut: bool
    words: list
    language: str

    def __len__(self):
        return len(self.entries)

    def __getitem__(self, place: slice) -> list[Hit]:
        """Returns the Hits at `place`, with one query. Hits that have just been withdrawn are missing."""
        entries = self.entries[place]
        sides = sides_of(entries, self.words) if entries else {}
        return [hit_of(entry, sides[entry], self.language) for entry in entries if entry in sides]

    @property
    def hits(self) -> list[Hit]:
        return self[:]

    @property
    def counts(self) -> dict:
        """The number of rows by model, in order of rank. A model without rows is missing."""
        numbers = Counter(entry >> ROW_BITS for entry in self.entries)
        return {model: numbers[rank] for rank, model in models_by_rank().items() if rank in numbers}

    def of(self, model):
        """Returns those of the Results that are rows of `model`."""
        rank = KINDS[model].rank
        return replace(self, entries=[entry for entry in self.entries if entry >> ROW_BITS == rank])


def search(words: list[str], language: str, model=None, *, synonyms=()) -> Results:
    """
    Finds the rows that have all `words`, as split_query() returns them, on sides that are published now.

    The words may be spread over both languages of a row. `language` is the reader's. The rows are of one `model` or of
    all. Those that have all words in their titles come first; then the kinds follow each other by rank, and the rows of
    a kind in their order. After them come the rows that have all words of one of the `synonyms`, each a list of words
    too.

    Only parts on published sides count, and they are in the order of titles, kind, and age of the row. If more than
    MAX_PARTS parts have all words, only the rows of the first of these are found. Rows that have the words in different
    parts are all found if at most MAX_PARTS parts have the rarest word. Otherwise only those are found, at most
    MAX_PARTS, that are among the first WINDOW parts with each word: there may be none, although others have all words.
    """
    alternatives = [words, *synonyms] if words else []
    [(rows, is_cut)] = found_by([alternatives], KINDS[model] if model else None)
    return Results(sorted(rows, key=rows.get), is_cut, list(chain.from_iterable(alternatives)), language)


def count(searches: dict) -> dict:
    """
    Returns how many rows search() finds for each value of `searches`, words and then synonyms, by the same keys, each
    number with whether there may be more.
    """
    found = found_by(list(searches.values()))
    return {key: (len(rows), is_cut) for key, (rows, is_cut) in zip(searches, found, strict=True)}


def found_by(searches, kind=None) -> list[tuple[dict, bool]]:
    """
    Returns, for each of `searches`, lists of alternatives, the rows that have all words of one of these, of one `kind`
    or of all, on published sides, and whether there may be more.

    A row is the key of its SearchEntry, with its place in the order: the grade (0 if all words of the first alternative
    are in the titles, 1 if they are not, 2 and 3 those of the second, and so on), the rank, the sort order and the key.
    """
    by_words = rows_by_words({tuple(words) for search in searches for words in search}, kind)
    found = []
    for search in searches:
        rows = {}
        for number, words in enumerate(search):
            for entry, (is_titled, order) in by_words[tuple(words)][0].items():
                place = (2 * number + 1 - is_titled, entry >> ROW_BITS, order, entry)
                rows[entry] = min(place, rows.get(entry, place))
        found.append((rows, any(by_words[tuple(words)][1] for words in search)))
    return found


def rows_by_words(alternatives, kind) -> dict:
    """
    Returns, for each of `alternatives`, tuples of words, the rows that have all of them, and whether there may be more.

    A row is the key of its SearchEntry, with whether all words are in its titles, and its sort order.
    """
    single = {(word,) for words in alternatives for word in words}
    parts = answers({words: first_parts(words, kind, MAX_PARTS + 1) for words in alternatives | single})
    # Of several words that few parts have, the parts with the rarest one: their rows may have the others elsewhere.
    of_rarest = {
        words: min((parts[(word,)] for word in words), key=len)
        for words in alternatives - single
        if len(parts[words]) <= MAX_PARTS
    }
    elsewhere = answers(
        {words: parts_of_candidates(words, rarest, kind) for words, rarest in of_rarest.items() if rarest}
    )
    found = {}
    for words in alternatives:
        # Each word is a bit.
        all_bits, seen = (1 << len(words)) - 1, {}
        whole = ((part, order, all_bits) for part, order in parts[words][:MAX_PARTS])
        for part, order, bits in chain(whole, elsewhere.get(words, ())):
            in_title, in_row, _order = seen.get(entry_of(part), (0, 0, 0))
            seen[entry_of(part)] = in_title | bits * (part < TEXT), in_row | bits, order
        rows = {
            entry: (in_title == all_bits, order)
            for entry, (in_title, in_row, order) in seen.items()
            if in_row == all_bits
        }
        found[words] = rows, max(len(parts[words]), len(of_rarest.get(words, ()))) > MAX_PARTS
    return found


def answers(selects: dict) -> dict:
    """Returns the rows of each of `selects`, SQL and its parameters, by the same keys. A few make one query."""
    found, keys = {key: [] for key in selects}, list(selects)
    for start in range(0, len(keys), SELECTS_AT_ONCE):
        numbered, params = [], []
        for number, key in enumerate(keys[start : start + SELECTS_AT_ONCE], start):
            sql, values = selects[key]
            numbered.append(f"SELECT {number}, rows_{number}.* FROM ({sql}) AS rows_{number}")  # noqa: S608
            params += values
        for number, *row in fetched(" UNION ALL ".join(numbered), params):
            found[keys[number]].append(row)
    return found


def first_parts(words, kind, limit) -> tuple[str, list]:
    """
    Returns the SQL of the first parts, of one `kind` or of all, that have all `words`, on published sides, at most
    `limit`, and its parameters.

    Its columns are the rowid and the sort order of the row.
    """
    has_words, wanted = condition_by_keys(words)
    order, moments = sort_order()
    # The order within makes PostgreSQL sort the parts first. So it asks of the first ones alone what is published.
    sql = f"""
        SELECT rowid, sort_order FROM (
            SELECT rowid, {order} AS sort_order FROM (
                SELECT rowid, {ENTRY} AS entry, {SIDE} AS side
                FROM portal_searchpart WHERE {has_words}{of_rank(kind)} ORDER BY rowid
            ) AS parts LIMIT {ALL}
        ) AS ordered WHERE sort_order IS NOT NULL LIMIT {limit}
    """  # noqa: S608
    return sql, [*moments, *wanted]


def parts_of_candidates(words, of_rarest, kind) -> tuple[str, list]:
    """
    Returns the SQL of the parts with any of several `words` of rows that may have all of them, on published sides, and
    its parameters. `of_rarest` are the first_parts() with the rarest word.

    The candidates are the rows of these parts, if they are at most MAX_PARTS, or else candidates_in_windows().

    Its columns are the rowid, the sort order of the row, and the words that the part has, each a bit.
    """
    bits, wanted = [], []
    for number, word in enumerate(words):
        has_word, values = condition_by_text(word)
        bits.append(f"CASE WHEN {has_word} THEN {1 << number} ELSE 0 END")
        wanted += values
    order, moments = sort_order()
    if len(of_rarest) <= MAX_PARTS:
        listed = ", ".join(f"({entry})" for entry in sorted({entry_of(part) for part, _order in of_rarest}))
        candidates, chosen = f"SELECT column1 AS entry FROM (VALUES {listed}) AS listed", []  # noqa: S608
    else:
        candidates, chosen = candidates_in_windows(words, kind)
    texts = f"""
        portal_searchpart AS texts WHERE texts.rowid >= column1 + (entry << {PLACE_BITS + 1})
        AND texts.rowid < column1 + (entry + 1 << {PLACE_BITS + 1})
    """
    if connection.vendor == "postgresql":
        # Row by row, with the index of the rowid: it would otherwise compare each part with each of the rows.
        texts = f"LATERAL (SELECT * FROM {texts} LIMIT {ALL}) AS texts"  # noqa: S608
    sql = f"""
        SELECT part, sort_order, bits FROM (
            SELECT part, {order} AS sort_order, bits FROM (
                SELECT texts.rowid AS part, entry, texts.rowid >> {PLACE_BITS} & 1 AS side, {" + ".join(bits)} AS bits
                FROM ({candidates}) AS rows CROSS JOIN (VALUES (0), ({TEXT})) AS sections CROSS JOIN {texts} LIMIT {ALL}
            ) AS parts WHERE bits > 0 LIMIT {ALL}
        ) AS ordered WHERE sort_order IS NOT NULL
    """  # noqa: S608
    return sql, [*moments, *wanted, *chosen]


def candidates_in_windows(words, kind) -> tuple[str, list]:
    """
    Returns the SQL of the keys of the first entries that are in the first WINDOW parts with each of `words`, on
    published sides, at most MAX_PARTS, and its parameters.
    """
    selects, params = [], []
    for word in words:
        parts, values = first_parts([word], kind, WINDOW)
        selects.append(f"SELECT {ENTRY} AS entry FROM ({parts}) AS parts")  # noqa: S608
        params += values
    return f"{' INTERSECT '.join(selects)} ORDER BY entry LIMIT {MAX_PARTS}", params


def sides_of(entries, words) -> dict:
    """
    Returns, for each of `entries`, what it shows on each side that is published, by language: its title, text and
    address, and whether that side has any of `words`.
    """
    order, moments = sort_order()
    conditions, wanted = zip(*map(condition_by_text, words), strict=True)
    part_has_any = " OR ".join(conditions)
    first = f"((parts.entry << 1 | parts.side) << {PLACE_BITS})"
    side_has_any = " OR ".join(
        f"EXISTS (SELECT 1 FROM portal_searchpart"  # noqa: S608
        f" WHERE rowid >= {section} + {first} AND rowid < {section + (1 << PLACE_BITS)} + {first} AND ({part_has_any}))"
        for section in (0, TEXT)
    )
    places = " ".join(f"WHEN '{language}' THEN {place}" for place, language in enumerate(LANGUAGES))
    sql = f"""
        SELECT entry, language, title, text, address, {side_has_any} FROM (
            SELECT entry_id AS entry, language, CASE language {places} END AS side, title, text, address
            FROM portal_searchtext WHERE entry_id IN ({", ".join(map(str, entries))})
        ) AS parts WHERE {order} IS NOT NULL
    """  # noqa: S608
    sides = {}
    for entry, language, *shown in fetched(sql, [*chain(*wanted), *chain(*wanted), *moments]):
        sides.setdefault(entry, {})[language] = shown
    return sides


def hit_of(entry, sides, language) -> Hit:
    """Returns the Hit of `entry` for readers of `language`. `sides` is what sides_of() says of it."""
    own, other = LANGUAGES if language == LANGUAGES[0] else LANGUAGES[::-1]
    has_words = sides.get(own, (None,))[-1]
    shown = own if has_words or other not in sides else other
    title, text, address, _has_words = sides[shown]
    paired_title, _text, paired_address, _has_words = sides.get(other if shown == own else own, [None] * 4)
    model = models_by_rank()[entry >> ROW_BITS]
    return Hit(model, entry & ROWS, shown, title, text, address, paired_title, paired_address)
