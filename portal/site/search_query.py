"""What a visitor searches for: the words of a query, the other names of the term that it names, and what they find."""

import re
from collections import defaultdict
from difflib import get_close_matches
from functools import cached_property
from itertools import chain, pairwise
from typing import NamedTuple

from django.db import connection
from django.utils.translation import get_language, override
from modeltranslation.utils import build_localized_fieldname

from portal.bilingual.languages import LANGUAGES, html_code, other_language
from portal.models import Term
from portal.search_index import folded, is_phrase, split_query
from portal.search_index.queries import rows_with
from portal.terms import lines

# In characters. What is longer is cut.
MAX_QUERY = 200
# Of the parts of a query, and their synonyms, that are searched for at once.
MAX_SEARCHES = 16
# Of the terms whose other names are searched for, and of the names that are suggested.
MAX_TERMS = 3
# Of the parts of a query that are suggested.
MAX_PARTS = 6
# In characters. A phrase is taken apart up to here.
MAX_PHRASE = 20
# How like the query a name must be to be suggested, from 0 to 1.
LIKENESS = 0.7


class Name(NamedTuple):
    """A name of a published term in `language`, and the address of the term."""

    text: str
    language: str
    address: str

    @property
    def code(self):
        return html_code(self.language)


class Row(NamedTuple):
    """A row that was found, by the name of its kind and its key, and the language in which it is shown."""

    kind: str
    pk: int
    language: str


class Query:
    """What a visitor typed: its `text`, of at most MAX_QUERY characters, and the `words` in it."""

    def __init__(self, typed: str):
        text = " ".join(re.sub(r"[\x00-\x1f\x7f]", " ", typed).split())
        self.text, self.is_cut = text[:MAX_QUERY], len(text) > MAX_QUERY
        self.words = split_query(self.text)

    @cached_property
    def terms(self) -> list[tuple[list[Name], set[str]]]:
        """The names of each term, and the spellings of its names and synonyms."""
        return [names_of(term) for term in Term.objects.all()] if self.words else []

    def other_names(self, text: str) -> list[Name]:
        """Returns the names of the terms that `text` is a name or synonym of, except `text` itself."""
        typed = spelling(text)
        named = [names for names, spellings in self.terms if typed in spellings][:MAX_TERMS]
        return [name for names in named for name in names if spelling(name.text) != typed]

    @cached_property
    def synonyms(self) -> list[Name]:
        """The other names of the terms that the whole query names."""
        return self.other_names(self.text)

    @cached_property
    def alternatives(self) -> list[list[str]]:
        """The words of the query, then those of each synonym. A row is found that has all words of one of them."""
        return self.alternatives_to(self.text)

    def alternatives_to(self, text: str) -> list[list[str]]:
        """Returns the words of `text`, then those of each other name of the terms that it names."""
        wordings = [text, *(name.text for name in self.other_names(text))]
        return [words for wording in wordings if (words := split_query(wording))]

    @property
    def alike(self) -> list[Name]:
        """The names of terms that are spelt like the query, as without its typing error."""
        names = {spelling(name.text): name for names, _spellings in self.terms for name in names}
        return [names[found] for found in get_close_matches(spelling(self.text), names, MAX_TERMS, LIKENESS)]

    def rows(self, language: str) -> list[Row]:
        """
        Returns the rows that have all words of any of the alternatives, on sides that are published now.

        Those that have the words of the query come first, then those that have them in the title, then the kinds by
        rank. A row is shown in `language`, the reader's, if that side has any of the words.
        """
        columns = "kind, row, side, titled, place, sort_order"
        selects, params = selects_of(enumerate(self.alternatives), columns, language)
        ranks, sides = {}, defaultdict(set)
        for alternative, kind, pk, side, titled, place, sort_order in fetched(" UNION ALL ".join(selects), params):
            sides[kind, pk].add(side)
            rank = (alternative, -titled, place, sort_order, pk)
            ranks[kind, pk] = min(ranks.get((kind, pk), rank), rank)
        return [
            Row(*row, language if language in sides[row] else other_language(language))
            for row in sorted(ranks, key=ranks.__getitem__)
        ]

    def parts(self, language: str) -> list[tuple[str, int]]:
        """Returns the parts of the query that find something by themselves, with the number of rows that they find."""
        ways = [ways_to_part(word) for word in self.words]
        parts = list(dict.fromkeys(part for way in chain.from_iterable(ways) for part in way))[:MAX_SEARCHES]
        searches = [(number, [part]) for number, part in enumerate(parts)]
        searches += [(number, words) for number, part in enumerate(parts) for words in self.alternatives_to(part)[1:]]
        selects, params = selects_of(searches[:MAX_SEARCHES], "kind, row", language)
        # A UNION holds each row once.
        counts = f"SELECT number, COUNT(*) FROM ({' UNION '.join(selects)}) AS found GROUP BY number"  # noqa: S608
        numbers = {parts[number]: count for number, count in fetched(selects and counts, params)}
        best = [max(some, key=lambda way: sum(part in numbers for part in way)) for some in ways]
        found = [part for part in dict.fromkeys(chain.from_iterable(best)) if part in numbers]
        return [(part, numbers[part]) for part in found[:MAX_PARTS]]


def selects_of(searches, columns: str, language: str) -> tuple[list[str], list]:
    """
    Returns a SELECT for each of `searches`, pairs of a number and words, and the parameters of all of them.

    Each gives the number and the `columns`, of rows_with(), of the rows found for readers of `language`.
    """
    selects, params = [], []
    for place, (number, words) in enumerate(searches):
        sql, values = rows_with(words, LANGUAGES.index(language))
        selects.append(f"SELECT {number} AS number, {columns} FROM ({sql}) AS found_{place}")  # noqa: S608
        params += values
    return selects, params


def fetched(sql: str, params) -> list[tuple]:
    """Returns the result of `sql`, or nothing if it is empty."""
    if not sql:
        return []
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.fetchall()


def names_of(term) -> tuple[list[Name], set[str]]:
    """Returns the published names of `term`, that in the reader's language first, and all spellings it is found by."""
    names, spellings, reader = [], set(), get_language()
    languages = sorted(term.published_languages(), key=lambda language: language != reader)
    for language in languages:
        name, *more = (
            getattr(term, build_localized_fieldname(field, language))
            for field in ("name", "search_words", "other_renderings")
        )
        with override(languages[0]):
            names.append(Name(name, language, term.get_absolute_url()))
        spellings.update(map(spelling, [name, *chain.from_iterable(map(lines, more))]))
    return names, spellings


def spelling(text: str) -> str:
    """Returns `text` as the index compares it, without spaces and punctuation and the "s" of a plural."""
    return re.sub(r"[\W_]", "", folded(text)).removesuffix("s")


def ways_to_part(word: str) -> list[list[str]]:
    """Returns the ways in which a word may consist of parts. Chinese ones mostly have two characters."""
    if not is_phrase(word) or len(word) < 3:
        return [[word]]
    pairs = list(map("".join, pairwise(word[:MAX_PHRASE])))
    return [pairs[::2], pairs[1::2]]
