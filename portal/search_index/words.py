"""Words: how texts and queries are folded, what a word is, and which keys of a text are indexed."""

import re
import unicodedata
from bisect import bisect
from itertools import accumulate, chain, pairwise

import opencc

# Of a query. More words are ignored, and a longer one is cut.
MAX_WORDS = 8
MAX_PHRASE = 100
MAX_LETTERS = 50
# From so many letters on, a word of a query finds the words that begin with it.
MIN_PREFIX = 3
# They are in every text, so they say nothing beside other words.
COMMON_WORDS = {"a", "an", "and", "at", "for", "from", "in", "into", "is", "of", "on", "or", "the", "to", "with"}
# A text is indexed in parts of so many characters, because PostgreSQL takes at most 1 MB of keys a row. The next
# MAX_PHRASE characters are in a part too, so that some part holds each phrase whole.
PART = 20_000
# Raise the number if the keys or parts of a text change. At its next start each site then writes its index anew, as it
# does if the keys of entries change.
FORMAT = f"1 {unicodedata.unidata_version} {opencc.__version__}"

# Chinese characters, kana and hangul, for a set in a regular expression.
CJK = "\u2e80-\u9fff\uac00-\ud7ff\U00020000-\U0003ffff"
# Of a word of five or more letters, but not in "class", "campus", "analysis" and "studies".
PLURAL_S = re.compile(r"(?<=\w{3}[^sui])(?<!ie)s$")
# Neighbouring characters, or a whole word of letters and digits.
WORD = re.compile(rf"(?:(?=[{CJK}])\w)+|(?<![^\W_{CJK}])[^\W_{CJK}]+")


class FoldedCharacters(dict):
    """What each character becomes, by its code, for str.translate()."""

    simplified = opencc.OpenCC("t2s")

    def __missing__(self, code):
        if unicodedata.category(chr(code)) in ("Cn", "Co", "Cs"):
            # Not kept: no text has them, but odd queries may hold a million of them.
            return chr(code)
        text = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", chr(code)).casefold())
        # Accents, variation selectors, and characters of no width.
        text = "".join(part for part in text if unicodedata.category(part) not in ("Mn", "Mc", "Me", "Cf"))
        self[code] = self.simplified.convert(unicodedata.normalize("NFC", text))
        return self[code]


FOLDED_CHARACTERS = FoldedCharacters()


def folded(text: str) -> str:
    """Returns `text` in lower case and simplified characters, of compatible width and form, without accents."""
    return text.translate(FOLDED_CHARACTERS)


def is_phrase(word: str) -> bool:
    """Returns whether a folded `word` consists of Chinese characters, not of letters."""
    return bool(re.match(f"[{CJK}]", word))


def split_query(text: str) -> list[str]:
    """
    Returns the different words of `text`, folded, at most MAX_WORDS: more are ignored, and so are COMMON_WORDS.

    If there is nothing else, it returns the COMMON_WORDS. Neighbouring Chinese characters are one word, a phrase.
    Punctuation separates words. Words lose a PLURAL_S: "exchanges" finds "exchange".
    """
    words, common = {}, {}
    for match in WORD.finditer(folded(text)):
        if is_phrase(match[0]):
            words[match[0][:MAX_PHRASE]] = None
        elif match[0] in COMMON_WORDS:
            common[match[0]] = None
        else:
            words[PLURAL_S.sub("", match[0])[:MAX_LETTERS]] = None
        if len(words) == MAX_WORDS:
            break
    return list(words or common)[:MAX_WORDS]


def spans(text: str, words: list[str]) -> list[tuple[int, int]]:
    """Returns the places in `text` of any of `words`, as split_query() returns them: (start, end), in order, apart."""
    searched = folded(text)
    phrases = list(filter(is_phrase, words))
    whole = {word for word in words if len(word) < MIN_PREFIX}.difference(phrases)
    begun = tuple(chain.from_iterable(beginnings(word) for word in words if word not in whole and word not in phrases))
    if not any(word in searched for word in (*phrases, *whole, *begun)):
        return []
    found = []
    for phrase in phrases:
        found += [(match.start(), match.start() + len(phrase)) for match in re.finditer(f"(?={phrase})", searched)]
    for match in WORD.finditer(searched):
        if match[0].startswith(begun) or match[0] in whole:
            found.append(match.span())
    # A character may become several or none: where each ends in the folded text.
    ends = list(accumulate(len(FOLDED_CHARACTERS[ord(character)]) for character in text))
    joined = []
    for start, end in sorted(found):
        # With what follows and became nothing, such as an accent.
        start, end = bisect(ends, start), max(bisect(ends, end), bisect(ends, end - 1) + 1)
        if joined and start < joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined


def beginnings(word: str) -> list[str]:
    """Returns what a word of letters in a text may begin with if `word` of a query looks for it."""
    # "studies" and "study" find both, and "series" finds "series".
    if len(word) >= 5 and (stem := re.fullmatch("(.+)(?:y|ies)", word)):
        return [f"{stem[1]}y", f"{stem[1]}ie"]
    return [word]


def pairs_of(phrase: str) -> list[str]:
    """Returns the keys that a part of a text has if it has `phrase`: all of them."""
    return sorted(set(map("".join, pairwise(phrase)))) or [phrase]


def parts_of(text) -> list:
    """Returns the parts of a folded `text`, each as its text and keys."""
    return [part_of(text, start, start + PART) for start in range(0, len(text), PART)]


def part_of(text, start=0, end=PART):
    """Returns the text and the keys of the part of a folded `text` between `start` and `end`."""
    keys = set()
    reach = end + MAX_PHRASE
    for match in WORD.finditer(text, start, reach):
        if is_phrase(match[0]):
            keys.update(match[0], map("".join, pairwise(match[0])))
        elif match.start() < end:
            keys.add(match[0][:MAX_LETTERS])
    return text[start:reach].replace("\0", " "), sorted(keys)
