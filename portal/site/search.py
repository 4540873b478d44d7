"""
The page of search results.

It searches for what a visitor typed and, if that is a name or synonym of a term, for the other names of the term too. A
row is one hit: in the reader's language, or in the other one if only that says it.
"""

import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from difflib import get_close_matches
from functools import reduce
from itertools import chain, pairwise
from operator import or_
from typing import NamedTuple

from django.core.paginator import Paginator
from django.db.models import Q
from django.shortcuts import render
from django.utils.text import capfirst
from django.utils.translation import get_language, override
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe
from modeltranslation.utils import build_localized_fieldname

from portal.bilingual.languages import html_code, other_language
from portal.models import Term
from portal.search_index import (
    KINDS,
    SearchText,
    folded,
    is_phrase,
    published_entries,
    split_query,
    with_sort_order,
)
from portal.site.excerpts import Segment, excerpt, segments
from portal.terms import lines

HITS_A_PAGE = 20
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


class Query:
    """What a visitor typed: its `text`, of at most MAX_QUERY characters, and the `words` in it."""

    def __init__(self, typed: str):
        text = " ".join(re.sub(r"[\x00-\x1f\x7f]", " ", typed).split())
        self.text, self.is_cut = text[:MAX_QUERY], len(text) > MAX_QUERY
        self.words = split_query(self.text)
        # The names of each published term, and its spellings: those of its names and synonyms.
        self.terms = [names_of(term) for term in Term.objects.all()] if self.words else []

    @property
    def synonyms(self) -> list[Name]:
        """The names of the terms that the whole query is a name or synonym of, except the query itself."""
        typed = spelling(self.text)
        named = [names for names, spellings in self.terms if typed in spellings][:MAX_TERMS]
        return [name for names in named for name in names if spelling(name.text) != typed]

    @property
    def alike(self) -> list[Name]:
        """The names of terms that are spelt like the query, as without its typing error."""
        names = {spelling(name.text): name for names, _spellings in self.terms for name in names}
        return [names[found] for found in get_close_matches(spelling(self.text), names, MAX_TERMS, LIKENESS)]


def names_of(term) -> tuple[list[Name], set[str]]:
    """Returns the published names of `term`, that in the reader's language first, and all spellings it is found by."""
    names, spellings, reader = [], set(), get_language()
    languages = sorted(term.published_languages(), key=lambda language: language != reader)
    for language in languages:
        with override(languages[0]):
            names.append(
                Name(getattr(term, build_localized_fieldname("name", language)), language, term.get_absolute_url())
            )
        wordings = (
            getattr(term, build_localized_fieldname(name, language)) for name in ("search_words", "other_renderings")
        )
        spellings.update(map(spelling, [names[-1].text, *chain.from_iterable(map(lines, wordings))]))
    return names, spellings


def spelling(text: str) -> str:
    """Returns `text` as the index compares it, without spaces and punctuation and the "s" of a plural."""
    return re.sub(r"[\W_]", "", folded(text)).removesuffix("s")


class Row(NamedTuple):
    """A row that was found, by the name of its kind and its key, and the language in which it is shown."""

    kind: str
    pk: int
    language: str


def find(alternatives: list[list[str]], language: str) -> list[Row]:
    """
    Returns the rows that have all words of any of the `alternatives`, lists of words, in either language.

    Those that have the words of an earlier one come first, then those that have them in the title, then the kinds by
    rank. A row is shown in the reader's `language`, unless only the other one has all words.
    """
    words = list(dict.fromkeys(chain.from_iterable(alternatives)))[:MAX_WORDS]
    wanted = [bits_of(some, words) for some in alternatives if set(some) <= set(words)]
    sides, titles, orders = defaultdict(dict), Counter(), {}
    for kind, pk, side, sort_order, _entry, said, in_title in published_entries(words) if words else ():
        sides[kind, pk][side] = said
        titles[kind, pk] |= in_title
        orders[kind, pk] = sort_order
    ranks = {kind.name: kind.rank for kind in KINDS.values()}
    found = []
    for (kind, pk), said in sides.items():
        together = reduce(or_, said.values())
        places = [place for place, bits in enumerate(wanted) if together & bits == bits]
        if places:
            whole = [side for side in said if any(said[side] & wanted[place] == wanted[place] for place in places)]
            shown = min(whole or said, key=lambda side: side != language)
            is_title = titles[kind, pk] & wanted[places[0]] == wanted[places[0]]
            rank = (places[0], not is_title, ranks[kind], orders[kind, pk], pk)
            found.append((rank, Row(kind, pk, shown)))
    return [row for _rank, row in sorted(found)]


def bits_of(some: list[str], words: list[str]) -> int:
    """Returns which of `words` are in `some`, as published_entries() numbers them."""
    return sum(1 << words.index(word) for word in set(some))


def parts_with_hits(words: list[str]) -> list[tuple[str, int]]:
    """Returns the parts of `words` that find something by themselves, at most MAX_PARTS, with the number of rows."""
    ways = [ways_to_part(word) for word in words]
    parts = list(dict.fromkeys(part for way in chain.from_iterable(ways) for part in way))[:MAX_WORDS]
    rows = defaultdict(set)
    for kind, pk, _side, _order, _entry, said, _in_title in published_entries(parts):
        for place, part in enumerate(parts):
            if said & 1 << place:
                rows[part].add((kind, pk))
    numbers = {part: len(found) for part, found in rows.items()}
    best = [max(some, key=lambda way: [(part in numbers) for part in way].count(True)) for some in ways]
    return [(part, numbers[part]) for part in dict.fromkeys(chain.from_iterable(best)) if part in numbers][:MAX_PARTS]


def ways_to_part(word: str) -> list[list[str]]:
    """Returns the ways in which a word may consist of parts. Chinese ones mostly have two characters."""
    if not is_phrase(word) or len(word) < 3:
        return [[word]]
    pairs = list(map("".join, pairwise(word[:MAX_PHRASE])))
    return [pairs[::2], pairs[1::2]]


@dataclass
class Hit:
    """What a result shows. `pair` is the same row in the other language: its title, address and language, or None."""

    kind: str
    title: list[Segment]
    excerpt: list[Segment]
    address: str
    language: str
    pair: tuple | None

    @property
    def code(self):
        return html_code(self.language)

    @property
    def is_foreign(self):
        return self.language != get_language()


def hits_of(rows: list[Row], words: list[str]) -> list[Hit]:
    """Returns the Hits of `rows`. `words` are marked in them."""
    if not rows:
        return []
    kinds = {kind.name: kind for kind in KINDS.values()}
    those = reduce(or_, (Q(kind=row.kind, row=row.pk) for row in rows))
    entries = {
        (entry["kind"], entry["row"], entry["language"]): entry["id"]
        for entry in with_sort_order().filter(those, sort_order__isnull=False)
    }
    texts = SearchText.objects.in_bulk(entries.values())
    hits = []
    for row in rows:
        shown, pair = (
            texts.get(entries.get((row.kind, row.pk, language)))
            for language in (row.language, other_language(row.language))
        )
        if shown:
            hits.append(
                Hit(
                    capfirst(kinds[row.kind].model._meta.verbose_name),
                    segments(shown.title, words),
                    excerpt(shown.text, words, row.language),
                    shown.address,
                    row.language,
                    pair and (pair.title, pair.address, html_code(other_language(row.language))),
                )
            )
    return hits


@require_safe
def search(request):
    query = Query(request.GET.get("q", ""))
    synonyms = query.synonyms
    alternatives = [query.words, *(split_query(name.text) for name in synonyms)]
    rows = find(alternatives, get_language())
    kinds = kinds_of(rows)
    asked_kind, asked_page = request.GET.get("kind", ""), request.GET.get("page", "1")
    chosen = next((kind for kind in kinds if kind["key"] == asked_kind), None)
    page = Paginator([row for row in rows if not chosen or row.kind == chosen["name"]], HITS_A_PAGE).get_page(
        asked_page
    )
    context = {
        "query": query,
        "has_own_search": True,
        "synonyms": synonyms,
        "number": len(rows),
        "kinds": kinds,
        "chosen": chosen,
        "unknown_kind": "" if chosen else asked_kind[:50],
        "unknown_page": "" if asked_page == str(page.number) else asked_page[:50],
        "page": page,
        "hits": hits_of(page.object_list, list(chain.from_iterable(alternatives))),
    }
    if query.words and not rows:
        context |= {
            "parts": parts_with_hits(query.words),
            "alike": query.alike,
            "message": _("I searched this site for “%(query)s” and found nothing. I would like to know:")
            % {"query": query.text},
        }
    return render(request, "portal/search.html", context)


def kinds_of(rows: list[Row]) -> list[dict]:
    """Returns the kinds of `rows` by rank, each with its key in the address, its label and its number of rows."""
    numbers = Counter(row.kind for row in rows)
    return [
        {
            "name": kind.name,
            "key": kind.model._meta.model_name,
            "label": capfirst(kind.model._meta.verbose_name_plural),
            "number": numbers[kind.name],
        }
        for kind in sorted(KINDS.values(), key=lambda kind: kind.rank)
        if numbers[kind.name]
    ]
