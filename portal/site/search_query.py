"""What a visitor searches for: the words of a query, the other names of the term that it names, and what they find."""

import re
from difflib import get_close_matches
from functools import cached_property
from itertools import chain, pairwise
from typing import NamedTuple

from django.utils.translation import get_language, override
from modeltranslation.utils import build_localized_fieldname

from portal import content_version
from portal.bilingual.languages import html_code
from portal.models import Term
from portal.search_index import Results, count, folded, is_phrase, search, split_query

HITS_A_PAGE = 20
# In characters. What is longer is cut.
MAX_QUERY = 200
# Of the parts of a query that are searched for at once.
MAX_SEARCHES = 16
# Of the terms whose other names are searched for, and of the names that are suggested.
MAX_TERMS = 3
# Of the parts of a query that are suggested.
MAX_SUGGESTED = 6
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

    def __init__(self, typed: str, version: str | None):
        """`version` is the name of the content version, see content_version.once()."""
        text = " ".join(re.sub(r"[\x00-\x1f\x7f]", " ", typed).split())
        self.text, self.is_cut = text[:MAX_QUERY], len(text) > MAX_QUERY
        self.words = split_query(self.text)
        self.version = version

    @cached_property
    def terms(self) -> list[tuple[list[Name], set[str]]]:
        """The names of each term, and the spellings of its names and synonyms."""
        return content_version.once(self.version, "names_of_terms", names_of_terms) if self.words else []

    def other_names(self, text: str) -> list[Name]:
        """Returns the names of the terms that `text` is a name or synonym of, except `text` itself."""
        typed = spelling(text)
        named = [names for names, spellings in self.terms if typed in spellings][:MAX_TERMS]
        return [name for names in named for name in names if spelling(name.text) != typed]

    @cached_property
    def synonyms(self) -> list[Name]:
        """The other names of the terms that the whole query names."""
        return self.other_names(self.text)

    def alternatives_to(self, text: str) -> list[list[str]]:
        """Returns the words of `text`, then those of each other name of the terms that it names."""
        wordings = [text, *(name.text for name in self.other_names(text))]
        return [words for wording in wordings if (words := split_query(wording))]

    @property
    def alike(self) -> list[Name]:
        """The names of terms that are spelt like the query, as without its typing error."""
        names = {spelling(name.text): name for names, _spellings in self.terms for name in names}
        return [names[found] for found in get_close_matches(spelling(self.text), names, MAX_TERMS, LIKENESS)]

    @cached_property
    def alternatives(self) -> list[list[str]]:
        """The words of the query, then those of each synonym. They are marked where they are found."""
        return self.alternatives_to(self.text)

    def results(self, model=None) -> Results:
        """Returns what it and its synonyms find, of one `model` or of all."""
        return search(self.words, get_language(), model, synonyms=self.alternatives[1:])

    def parts(self) -> list[tuple[str, int, bool]]:
        """
        Returns the parts of the query that find something by themselves, with the number of rows that they find, and
        whether there may be more.
        """
        ways = [ways_to_part(word) for word in self.words]
        parts = list(dict.fromkeys(part for way in chain.from_iterable(ways) for part in way))[:MAX_SEARCHES]
        numbers = count({part: self.alternatives_to(part) for part in parts})
        found = {part: number for part, number in numbers.items() if number[0]}
        best = [max(some, key=lambda way: sum(part in found for part in way)) for some in ways]
        shown = [part for part in dict.fromkeys(chain.from_iterable(best)) if part in found]
        return [(part, *found[part]) for part in shown[:MAX_SUGGESTED]]


def names_of_terms() -> list[tuple[list[Name], set[str]]]:
    return [names_of(term) for term in Term.objects.all()]


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
        spellings.update(map(spelling, [name, *chain.from_iterable(map(Term.lines, more))]))
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
