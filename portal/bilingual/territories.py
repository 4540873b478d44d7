"""
Countries and regions by their ISO 3166-1 alpha-2 code.

The names come from the Unicode CLDR. Where Chinese institutions use another name, it comes from
portal/content/territories.toml.
"""

import tomllib
import unicodedata
from functools import cache

from babel import Locale
from django.conf import settings
from django.utils.translation import get_language

# Two-letter codes of the CLDR that ISO 3166-1 does not assign: it reserves them or leaves them to users.
NOT_ISO = {"AC", "CP", "CQ", "DG", "EA", "EU", "EZ", "IC", "QO", "TA", "UN", "XA", "XB", "XK", "ZZ"}


@cache
def _own():
    with (settings.BASE_DIR / "portal/content/territories.toml").open("rb") as file:
        return tomllib.load(file)


def _read_alike(name):
    """Returns `name` with a first character outside the first level of GB/T 2312 replaced by one that sounds alike."""
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


def territory_name(code: str) -> str:
    """Returns the name of a country or region in the active language, or `code` itself if it is unknown."""
    return _names(get_language()).get(code, code)


def territory_choices() -> list[tuple[str, str]]:
    """
    Returns (code, name) of every country and region: China first, the others sorted by name in the active language.

    Chinese names are sorted by pinyin, which is the order of the characters in the first level of GB/T 2312.
    """

    def order(item):
        code, name = item
        if get_language() == "zh-hans":
            return code != "CN", _read_alike(name).encode("gb18030")
        return code != "CN", unicodedata.normalize("NFKD", name).encode("ascii", "ignore")

    return sorted(_names(get_language()).items(), key=order)


def is_territory(code: str) -> bool:
    """Returns whether `code` is the ISO 3166-1 alpha-2 code of a country or region."""
    return code in _names("en")
