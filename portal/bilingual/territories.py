"""
Countries and regions by their ISO 3166-1 alpha-2 code. Their names and their Chinese order are in
portal/content/territories.toml.

The names are those of the Unicode CLDR, except that the Chinese ones follow the usage of Chinese institutions, and the
English ones the short names of the United Nations where CLDR abbreviates ("St. Lucia"), adds a second name ("Myanmar
(Burma)") or is not accepted in China. The name that a partner country or region has on this site wins over both.

Territories that have no permanent inhabitants, according to the CIA World Factbook, have a name but are in no list of
choices: nobody writes from there.
"""

import tomllib
import unicodedata
from functools import cache

from django.conf import settings
from django.utils.translation import get_language
from django.utils.translation import gettext as _

# They come first, in this order.
CHINA = ("CN", "HK", "MO", "TW")


@cache
def _territories() -> dict:
    """Returns the tables "inhabited" and "uninhabited" of the file."""
    with (settings.BASE_DIR / "portal/content/territories.toml").open("rb") as file:
        return tomllib.load(file)


def _names(table) -> dict[str, str]:
    key = get_language().replace("-", "_")
    return {code: names[key] for code, names in _territories()[table].items()}


def territory_names(partners: dict[str, str]) -> dict[str, str]:
    """
    Returns the names of all countries and regions by code, in the active language.

    `partners` holds the names of the published partners by code, in the active language.
    """
    return _names("inhabited") | _names("uninhabited") | partners


def territory_choices(partners: dict[str, str]) -> list:
    """
    Returns the choices of a list of countries and regions, each once: first China, then two groups, the `partners` in
    their order and the others by pinyin or alphabet. `partners` are as for territory_names().
    """
    names = _names("inhabited") | partners
    others = [(code, name) for code, name in names.items() if code not in {*CHINA, *partners}]
    if get_language() == "en":
        others.sort(key=lambda choice: unicodedata.normalize("NFKD", choice[1].casefold()).encode("ascii", "ignore"))
    groups = [
        (_("Partner countries and regions"), [choice for choice in partners.items() if choice[0] not in CHINA]),
        (_("Other countries and regions"), others),
    ]
    return [*((code, names[code]) for code in CHINA), *(group for group in groups if group[1])]


def is_territory(code: str) -> bool:
    """Returns whether `code` is the ISO 3166-1 alpha-2 code of a country or region."""
    return any(code in table for table in _territories().values())
