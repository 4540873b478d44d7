"""
Countries and regions by their ISO 3166-1 alpha-2 code.

Names are those of the Unicode CLDR, except where portal/content/territories.toml gives the name that a
Chinese institution uses.
"""

import tomllib
import unicodedata
from functools import cache

from babel import Locale
from django.conf import settings
from django.utils.translation import get_language

# Two-letter codes in the CLDR that ISO 3166-1 reserves or leaves to its users.
NOT_ISO = {"AC", "CP", "CQ", "DG", "EA", "EU", "EZ", "IC", "QO", "TA", "UN", "XA", "XB", "XK", "ZZ"}


@cache
def _own():
    with (settings.BASE_DIR / "portal/content/territories.toml").open("rb") as file:
        return tomllib.load(file)


def _read_alike(name):
    """`name` with its first character, if outside the first level, put into the place of its sound."""
    return _own()["order"].get(name[0], name[0]) + name[1:]


@cache
def _names(language):
    own = _own()
    key = language.replace("-", "_")
    territories = Locale.parse("zh_Hans" if language == "zh-hans" else language).territories
    return {
        code: own[code][key] if code in own else name
        for code, name in territories.items()
        if len(code) == 2 and code.isalpha() and code not in NOT_ISO
    }


def territory_name(code):
    """The name of the country or region `code` in the language in force; the code itself if unknown."""
    return _names(get_language()).get(code, code)


def territory_choices():
    """
    (code, name) of every country and region, China first, the rest in the reader's alphabet.

    Chinese names are ordered by pinyin, as the first level of GB/T 2312 lays its characters out.
    """

    def order(item):
        code, name = item
        if get_language() == "zh-hans":
            return code != "CN", _read_alike(name).encode("gb18030")
        return code != "CN", unicodedata.normalize("NFKD", name).encode("ascii", "ignore")

    return sorted(_names(get_language()).items(), key=order)


def is_territory(code):
    """Whether `code` is the ISO 3166-1 alpha-2 code of a country or region."""
    return code in _names("en")
