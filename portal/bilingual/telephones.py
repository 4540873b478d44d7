"""Telephone numbers, formatted for the readers of each language."""

import re
import unicodedata
from contextlib import suppress
from dataclasses import dataclass

import phonenumbers
from django.core.exceptions import ValidationError
from django.utils.translation import get_language
from django.utils.translation import gettext as _


@dataclass(frozen=True)
class Telephone:
    """A telephone number: `uri` for links (RFC 3966), `national` for readers in China, `international` for others."""

    uri: str
    national: str
    international: str

    def __str__(self):
        """Returns the number as readers of the active language write it."""
        return self.national if get_language() == "zh-hans" else self.international


def parse_telephones(lines: str) -> list[Telephone]:
    """Returns the numbers in `lines`, one per line. Raises ValidationError for the first that is not a number."""
    return [parse_telephone(line) for line in lines.splitlines() if line.strip()]


def parse_telephone(line: str) -> Telephone:
    """Returns the number in `line`, in China with or without +86. Raises ValidationError if it is not a number."""
    try:
        number = phonenumbers.parse(line, "CN")
    except phonenumbers.NumberParseException:
        number = None
    if number is None or not phonenumbers.is_valid_number(number):
        raise ValidationError(_("“%(line)s” is not a telephone number."), params={"line": line.strip()})
    uri = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.RFC3966)
    international = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL)
    significant = phonenumbers.national_significant_number(number)
    area_code = significant[: phonenumbers.length_of_geographical_area_code(number)]
    if number.country_code != 86:
        national = international
    elif area_code:
        national = f"0{area_code}-{significant.removeprefix(area_code)}"
    else:
        national = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.NATIONAL)
    return Telephone(uri, national, international)


def may_be_telephone(text: str) -> bool:
    """
    Returns whether `text` may hold the telephone number of any country, in any notation.

    It may be a number without its country code, two numbers, or one with an extension ("ext. 802"), so each
    part between letters or separators is looked at by itself. One of at least four digits is enough.
    """
    for part in re.split(r"[/,;、]|[^\W\d_]+", unicodedata.normalize("NFKC", text)):
        with suppress(phonenumbers.NumberParseException):
            if phonenumbers.parse(part, "CN").national_number >= 1000:
                return True
    return False


def validate_telephones(lines):
    """Field validator: every line must be a telephone number."""
    parse_telephones(lines)
