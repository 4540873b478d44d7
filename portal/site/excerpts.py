"""What a search result shows of a text: the part around the first match, cut into segments, some of them matches."""

import re
from typing import NamedTuple

from portal.search_index import spans

# In characters. A Chinese one is about as wide as two letters.
CHINESE_LENGTH = 80
ENGLISH_LENGTH = 160


class Segment(NamedTuple):
    """A piece of plain text, and whether it matches the query."""

    text: str
    is_match: bool = False


def segments(text: str, words: list[str]) -> list[Segment]:
    """Returns the whole `text` in segments. `words` are those of search_index.split_query()."""
    return segments_between(text, spans(text, words), 0, len(text))


def excerpt(text: str, words: list[str], language: str) -> list[Segment]:
    """
    Returns about CHINESE_LENGTH or ENGLISH_LENGTH characters of `text` around its first match, or its beginning.

    English is cut between words. An ellipsis stands where text was left out.
    """
    text = " ".join(text.split())
    found = spans(text, words)
    length = CHINESE_LENGTH if language == "zh-hans" else ENGLISH_LENGTH
    first, first_end = found[0] if found else (0, 0)
    # A quarter of it comes before the match. What would be left over at the end of the text comes before it too.
    start = max(0, min(first - length // 4, len(text) - length))
    end = max(start + length, first_end)
    if start and (border := re.compile(r"(?<=[\s\u2e80-\uffef])").search(text, start, first)):
        start = border.start()
    if end < len(text):
        # The start of the last word, which is cut, if there is a border between words after the match.
        borders = re.compile(r"\s|(?<=[\u2e80-\uffef])").finditer(text, first_end, end + 1)
        end = max((border.start() for border in borders), default=end)
    cut = segments_between(text, found, start, end)
    before = [Segment("…")] if start else []
    return before + cut + ([Segment("…")] if end < len(text) else [])


def segments_between(text, found, start, end) -> list[Segment]:
    """Returns `text` from `start` to `end` in segments; those in `found`, pairs of start and end, are matches."""
    pieces, place = [], start
    for left, right in found:
        left, right = max(left, start), min(right, end)
        if left < right:
            pieces += [Segment(text[place:left]), Segment(text[left:right], is_match=True)]
            place = right
    pieces.append(Segment(text[place:end]))
    return [piece for piece in pieces if piece.text]
