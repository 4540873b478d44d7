"""The official terms: the order in which readers look for them, and a check of texts that word them otherwise."""

import re
import unicodedata
from bisect import bisect
from functools import lru_cache

from django.utils.html import format_html
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import override
from modeltranslation.translator import translator
from modeltranslation.utils import build_localized_fieldname

from portal.bilingual.languages import LANGUAGES
from portal.bilingual.richtext import RichTextField, plain_text
from portal.models import Term

# The GB 2312 code of the first Chinese character of each letter of pinyin, and the code after the last character.
PINYIN_CODES = {
    **{"A": 0xB0A1, "B": 0xB0C5, "C": 0xB2C1, "D": 0xB4EE, "E": 0xB6EA, "F": 0xB7A2, "G": 0xB8C1, "H": 0xB9FE},
    **{"J": 0xBBF7, "K": 0xBFA6, "L": 0xC0AC, "M": 0xC2E8, "N": 0xC4C3, "O": 0xC5B6, "P": 0xC5BE, "Q": 0xC6DA},
    **{"R": 0xC8BB, "S": 0xC8F6, "T": 0xCBFA, "W": 0xCDDA, "X": 0xCEF4, "Y": 0xD1B9, "Z": 0xD4D1},
}
PINYIN_END = 0xD7FA
# The fields with words that visitors type. They do not see them.
TYPED_BY_VISITORS = {"search_words", "other_renderings", "aliases"}


def letters_of(name: str) -> str:
    """Returns the letters, digits and spaces of `name` in lower case, without accents."""
    decomposed = unicodedata.normalize("NFKD", name).casefold()
    return "".join(character for character in decomposed if character.isalnum() or character == " ").strip()


def code_of(character: str) -> int:
    """
    Returns a number by which Chinese characters sort in the order of pinyin, after Latin letters.

    GB 2312 lists its 3,755 common characters in that order, each under its most common reading. Others come last.
    """
    code = int.from_bytes(character.encode("gb2312", "ignore"))
    is_ordered = 0 < code < 0x80 or PINYIN_CODES["A"] <= code < PINYIN_END
    return code if is_ordered else PINYIN_END + ord(character)


def initial(name: str) -> str:
    """Returns the letter under which readers look for `name`: its first one or, in Chinese, that of its pinyin."""
    first = letters_of(name)[:1]
    if first.isascii():
        return first.upper() if first.isalpha() else ""
    code = code_of(first)
    return list(PINYIN_CODES)[bisect(list(PINYIN_CODES.values()), code) - 1] if code < PINYIN_END else ""


def sorted_terms(terms) -> list[Term]:
    """Returns `terms` in alphabetical order of their names in the active language. Chinese is sorted by pinyin."""

    def place(term):
        letters = letters_of(term.name)
        return initial(term.name) or letters[:1], [code_of(letter) for letter in letters]

    return sorted(terms, key=place)


def other_renderings(rows) -> list:
    """
    Returns a warning, as HTML, for each wording in the texts of `rows` that is another rendering of a published term.

    A wording is found as whole words in English, ignoring case, and as characters in Chinese. Within the name of the
    term itself it is right.
    """
    found = []
    for language in LANGUAGES:
        terms = published_terms(language)
        for label, text in texts_of(rows, language):
            found += warnings_of(label, text, terms)
    return found


def published_terms(language: str) -> list[tuple[str, str, list[str]]]:
    """Returns the address, the name and the other renderings of each term that is published in `language`."""
    with override(language):
        return [
            (term.get_absolute_url(), term.name, Term.lines(term.other_renderings)) for term in Term.objects.published()
        ]


def warnings_of(label: str, text: str, terms) -> list[str]:
    """Returns the warnings of other_renderings() for a plain text with a `label`. `terms` are published_terms()."""
    found = []
    for address, name, renderings in terms:
        for rendering in renderings:
            if has_wording(without_name(text, name, rendering), rendering):
                sentence = _("%(field)s: “%(rendering)s” is not the term that this site uses. Use:")
                sentence %= {"field": capfirst(label), "rendering": rendering}
                found.append(format_html('{} <a href="{}">{}</a>', sentence, address, name))
    return found


def official_names(source: str, target: str) -> list[tuple[str, str]]:
    """Returns the names in both languages, that of `source` first, of the terms that are published in both."""
    terms = Term.objects.all()
    for language in (source, target):
        with override(language):
            terms = terms.published()
    return list(terms.values_list(*(build_localized_fieldname("name", language) for language in (source, target))))


def names_in(text: str, names) -> list[tuple[str, str]]:
    """Returns those of `names`, as official_names() returns them, whose first one occurs in a plain text."""
    return [each for each in names if has_wording(text, each[0])]


def texts_of(rows, language):
    """Yields the label and the plain text of each text in `language` that visitors see of `rows`."""
    translated = translator.get_registered_models()
    for row in (row for row in rows if type(row) in translated):
        for field in translator.get_options_for_model(type(row)).get_field_names():
            column = row._meta.get_field(build_localized_fieldname(field, language))
            text = getattr(row, column.name)
            if isinstance(text, str) and field not in TYPED_BY_VISITORS:
                yield column.verbose_name, plain_text(text) if isinstance(column, RichTextField) else text


# A file for translators looks for each term in each text, and `re` itself keeps 512 patterns.
@lru_cache(maxsize=10_000)
def wording(text: str):
    """Returns the pattern of a wording. It is of whole words if it is in Latin letters: singular, plural, hyphened."""
    words = r"[\s-]+".join(map(re.escape, re.split(r"[\s-]+", text.strip())))
    if not re.search("[a-z]$", text.strip(), re.IGNORECASE):
        return re.compile(words, re.IGNORECASE)
    singular = f"(?:{words[:-1]}ies|{words})" if text.lower().endswith("y") else words
    return re.compile(rf"(?<![a-z]){singular}(?:s|es)?(?![a-z])", re.IGNORECASE)


def has_wording(text: str, rendering: str) -> bool:
    return wording(rendering).search(text) is not None


def without_name(text: str, name: str, rendering: str) -> str:
    """Returns `text` without `name` if that contains `rendering`."""
    return wording(name).sub("\n", text) if has_wording(name, rendering) else text
