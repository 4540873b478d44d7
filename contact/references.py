"""The reference, code and token that identify an enquiry."""

import secrets
import unicodedata

from django.utils.translation import override

from portal.models import Page

# Without characters that are easily confused on paper or on the telephone: 0 O, 1 I L, 5 S, 2 Z, 8 B, U V.
ALPHABET = "34679ACDEFGHJKMNPQRTWXY"


def new_reference() -> str:
    """Returns a new reference: eight characters, random so that they do not reveal the number of enquiries."""
    return "".join(secrets.choice(ALPHABET) for _ in range(8))


def new_code() -> str:
    """Returns a new code: twelve characters, 54 random bits. Reference and code together open the status page."""
    return "".join(secrets.choice(ALPHABET) for _ in range(12))


def new_token() -> str:
    """Returns a new token, the secret part of the URLs of the receipt and the status page: 256 random bits."""
    return secrets.token_urlsafe(32)


def format_code(code: str) -> str:
    """Returns a code in groups of four characters, for display."""
    return " ".join(code[start : start + 4] for start in range(0, len(code), 4))


def normalize_code(text: str) -> str:
    """Returns the reference or code that a person typed, perhaps in small letters, in groups or in full width."""
    return "".join(character for character in unicodedata.normalize("NFKC", text).upper() if character.isalnum())


def notice_has_changed(enquiry) -> bool:
    """Whether the privacy notice, in the language of the enquiry, has changed since the visitor accepted it."""
    with override(enquiry.language):
        return enquiry.privacy_version != Page.privacy_notice().version
