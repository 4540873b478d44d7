"""Telephone numbers as each language writes them."""

from dataclasses import dataclass

import phonenumbers
from django.core.exceptions import ValidationError
from django.utils.translation import get_language
from django.utils.translation import gettext as _


@dataclass(frozen=True)
class Telephone:
    """One number: `uri` for a link (RFC 3966), `national` for a reader in China, `international` for others."""

    uri: str
    national: str
    international: str

    def __str__(self):
        """The number as readers of the language in force write it."""
        return self.national if get_language() == "zh-hans" else self.international


def parse_telephones(lines):
    """
    The numbers in `lines`, one a line, Chinese ones with or without +86.

    Returns a list of Telephone. Raises ValidationError naming the line that is no telephone number.
    """
    return [parse_telephone(line) for line in lines.splitlines() if line.strip()]


def parse_telephone(line):
    """The Telephone that `line` holds; ValidationError if it holds none."""
    try:
        number = phonenumbers.parse(line, "CN")
    except phonenumbers.NumberParseException:
        number = None
    if number is None or not phonenumbers.is_valid_number(number):
        raise ValidationError(_("“%(line)s” is not a telephone number."), params={"line": line.strip()})
    significant = phonenumbers.national_significant_number(number)
    area_code = significant[: phonenumbers.length_of_geographical_area_code(number)]
    if number.country_code != 86:
        national = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL)
    elif area_code:
        national = f"0{area_code}-{significant.removeprefix(area_code)}"
    else:
        national = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.NATIONAL)
    return Telephone(
        uri=phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.RFC3966),
        national=national,
        international=phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL),
    )


def validate_telephones(lines):
    """Field validator: every line is a telephone number."""
    parse_telephones(lines)
