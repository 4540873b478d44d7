"""What a visitor searches for: the words of a query, the other names of the term that it names, and what they find."""

import re
from collections import Counter, defaultdict
from difflib import get_close_matches
from functools import cached_property, reduce
from itertools import chain, pairwise
from operator import or_
from typing import NamedTuple

from django.utils.translation import get_language, override
from modeltranslation.utils import build_localized_fieldname

from portal.bilingual.languages import html_code
from portal.models import Term
from portal.search_index import KINDS, folded, is_phrase, published_entries, split_query
from portal.terms import lines

# In characters. What is longer is cut.
MAX_QUERY = 200
# Of different words that are searched for at once.
MAX_WORDS = 30
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
        """The other names of the term that the whole query names."""
        return self.other_names(self.text)

    @property
    def alike(self) -> list[Name]:
        """The names of terms that are spelt like the query, as without its typing error."""
        names = {spelling(name.text): name for names, _spellings in self.terms for name in names}
        return [names[found] for found in get_close_matches(spelling(self.text), names, MAX_TERMS, LIKENESS)]

    @property
    def alternatives(self) -> list[list[str]]:
        """The words of the query, then those of each synonym. A row is found that has all words of one of them."""
        return [self.words, *(split_query(name.text) for name in self.synonyms)]

    def rows(self, language: str) -> list[Row]:
        """
        Returns the rows that have all words of any of the alternatives, on sides that are published now.

        Those that have the words of the query come first, then those that have them in the title, then the kinds by
        rank. A row is shown in `language`, the reader's, unless only the other one has all words.
        """
        words = list(dict.fromkeys(chain.from_iterable(self.alternatives)))[:MAX_WORDS]
        wanted = bits_of(self.alternatives, words)
        sides, titles, orders = defaultdict(dict), Counter(), {}
        for kind, pk, side, sort_order, _entry, said, in_title in published_entries(words) if words else ():
            sides[kind, pk][side] = said
            titles[kind, pk] |= in_title
            orders[kind, pk] = sort_order
        ranks = {kind.name: kind.rank for kind in KINDS.values()}
        found = []
        for (kind, pk), said in sides.items():
            fits = [bits for bits in wanted if reduce(or_, said.values()) & bits == bits]
            if not fits:
                continue
            whole = [side for side in said if any(said[side] & bits == bits for bits in fits)]
            shown = min(whole or said, key=lambda side: side != language)
            is_title = titles[kind, pk] & fits[0] == fits[0]
            rank = (wanted.index(fits[0]), not is_title, ranks[kind], orders[kind, pk], pk)
            found.append((rank, Row(kind, pk, shown)))
        return [row for _rank, row in sorted(found)]

    def parts(self) -> list[tuple[str, int]]:
        """Returns the parts of the query that find something by themselves, with the number of rows that they find."""
        ways = [ways_to_part(word) for word in self.words]
        parts = list(dict.fromkeys(part for way in chain.from_iterable(ways) for part in way))[:MAX_WORDS]
        alternatives = {part: [[part], *(split_query(name.text) for name in self.other_names(part))] for part in parts}
        words = list(dict.fromkeys([*parts, *chain.from_iterable(chain.from_iterable(alternatives.values()))]))
        wanted = {part: bits_of(some, words[:MAX_WORDS]) for part, some in alternatives.items()}
        rows = Counter()
        for kind, pk, _side, _order, _entry, said, _in_title in published_entries(words[:MAX_WORDS]) if words else ():
            rows[kind, pk] |= said
        numbers = Counter(
            part for said in rows.values() for part, some in wanted.items() if any(said & bits == bits for bits in some)
        )
        best = [max(some, key=lambda way: sum(part in numbers for part in way)) for some in ways]
        found = [part for part in dict.fromkeys(chain.from_iterable(best)) if part in numbers]
        return [(part, numbers[part]) for part in found[:MAX_PARTS]]


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


def bits_of(alternatives: list[list[str]], words: list[str]) -> list[int]:
    """Returns the words of each alternative as published_entries() numbers `words`, which must hold all of them."""
    found = [set(some) for some in alternatives if some and set(some) <= set(words)]
    return [sum(1 << words.index(word) for word in some) for some in found]


def ways_to_part(word: str) -> list[list[str]]:
    """Returns the ways in which a word may consist of parts. Chinese ones mostly have two characters."""
    if not is_phrase(word) or len(word) < 3:
        return [[word]]
    pairs = list(map("".join, pairwise(word[:MAX_PHRASE])))
    return [pairs[::2], pairs[1::2]]
