"""
The search index: what a visitor finds by a word of either language, in everything that is public.

A model declares itself with `register`. Its texts are folded: case, accents, width and traditional characters make no
difference. The index holds their keys: each Chinese character, each pair of neighbouring ones, and each word of
letters. A phrase of Chinese characters is found by its pairs, and a longer one is then looked for in the folded text.

SQLite keeps the keys in an FTS5 table, PostgreSQL in a tsvector column with a GIN index. Both hold the same parts of
the texts and answer the same question: which parts have all of these keys? What is published is asked of the content
itself, at each search.
"""

from portal.search_index.conditions import named, saying
from portal.search_index.kinds import register
from portal.search_index.results import Hit, Results, count, search
from portal.search_index.upkeep import check, connect, mend, rebuild
from portal.search_index.words import folded, is_phrase, spans, split_query

__all__ = [
    "Hit",
    "Results",
    "check",
    "connect",
    "count",
    "folded",
    "is_phrase",
    "mend",
    "named",
    "rebuild",
    "register",
    "saying",
    "search",
    "spans",
    "split_query",
]
