"""What a search result shows of a text: the part around the first match, cut into segments, some of them matches."""

import re
from typing import NamedTuple

from portal.search_index import spans

# In characters. A Chinese one is about as wide as two letters.
CHINESE_LENGTH = 80
ENGLISH_LENGTH = 160
# In characters. So much of a text is searched at once, with the end of the part before, until there is a match.
SEARCHED = 4000
OVERLAP = 100
# In characters. A text is searched up to here.
MAX_TEXT = 60_000
# In matches: so many are compared to find the best part.
COMPARED = 100
# Where the part may begin: with a word after a space, or with a Chinese character. And where it may end.
BEGINNING = re.compile(r"(?<=\s)[^\s·]|(?=[\u2e80-\uffef])\w")
# Where a line ends that is no sentence, such as a name or a heading. A sentence may end with one or two closing marks.
STOPS, CLOSING_MARKS = "[.!?:;,。！？：；，、…]", "[\"'’”)\\]）】》」』]"
LINE_END = re.compile(
    rf"(?<!\s)(?<!{STOPS})(?<!{STOPS}{CLOSING_MARKS})(?<!{STOPS}{CLOSING_MARKS}{CLOSING_MARKS})\s*\n\s*"
)
# The dot between two lines keeps its spaces. English has the same quotation marks, with spaces.
SPACE_AFTER_CHINESE = re.compile(r"(?<=[。，；：！？）》]) (?!·)|(?<=”) (?=[\u2e80-\uffef])")
CLOSING = " ,.;:·，。、；："
ENDING = re.compile(r"\s|(?<=[\u2e80-\uffef])|(?=[\u2e80-\uffef])")


class Segment(NamedTuple):
    """A piece of plain text, and whether it matches the query."""

    text: str
    is_match: bool = False


def segments(text: str, words: list[str]) -> list[Segment]:
    """Returns the whole `text` in segments. `words` are those of search_index.split_query()."""
    return segments_between(text, spans(text, words), 0, len(text))


def excerpt(text: str, words: list[str], language: str) -> list[Segment]:
    """
    Returns about CHINESE_LENGTH or ENGLISH_LENGTH characters of `text`: where most of `words` are, or its beginning.

    English is cut between words. An ellipsis stands where text was left out, and a dot between lines that are no
    sentences.
    """
    text = LINE_END.sub(" · ", text[:MAX_TEXT].strip())
    text = SPACE_AFTER_CHINESE.sub("", " ".join(text.split()))
    length = CHINESE_LENGTH if language == "zh-hans" else ENGLISH_LENGTH
    found = first_spans(text, words)
    compared = found[:COMPARED]
    first, first_end = max(compared, key=lambda span: variety(text, compared, span[0], length), default=(0, 0))
    # A quarter of it comes before the match. What would be left over at the end of the text comes before it too.
    start = max(0, min(first - length // 4, len(text) - length))
    end = min(len(text), max(start + length, first_end))
    if start:
        start = beginning.start() if (beginning := BEGINNING.search(text, start, first)) else first
    if end < len(text):
        endings = (ending.start() for ending in ENDING.finditer(text, first_end, end + 1))
        end = max((place for place in endings if place <= end), default=end)
        # An ellipsis takes the place of a comma or full stop.
        end = max(first_end, len(text[:end].rstrip(CLOSING)))
    return [
        *([Segment("…")] if start else []),
        *segments_between(text, found, start, end),
        *([Segment("…")] if end < len(text) else []),
    ]


def first_spans(text, words) -> list[tuple[int, int]]:
    """Returns the spans() of the first SEARCHED characters of `text` that have any, or of the next ones, and so on."""
    for begin in range(0, len(text), SEARCHED):
        start = max(0, begin - OVERLAP)
        found = [(start + left, start + right) for left, right in spans(text[start : begin + SEARCHED], words)]
        # There a word may lack its beginning.
        found = [span for span in found if not start or span[0] > start]
        if found:
            return found
    return []


def variety(text, found, start, length) -> int:
    """Returns how many different words of `found`, in lower case, stand in the `length` characters from `start`."""
    return len({text[left:right].lower() for left, right in found if start <= left < start + length})


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
