"""What a visitor is given for an enquiry."""

import secrets
import unicodedata

from django.utils.translation import override

from portal.models import Page

# No two of these are mistaken for each other, on paper or on the telephone: no 0 O, 1 I L, 5 S, 2 Z, 8 B, U V.
ALPHABET = "34679ACDEFGHJKMNPQRTWXY"


def new_reference():
    """Eight characters that name an enquiry; random, so they tell nothing of how many there are."""
    return "".join(secrets.choice(ALPHABET) for _ in range(8))


def new_code():
    """The twelve characters that, with the reference, open an enquiry's status; 54 random bits."""
    return "".join(secrets.choice(ALPHABET) for _ in range(12))


def new_token():
    """The secret part of a receipt's address: 256 random bits, URL-safe."""
    return secrets.token_urlsafe(32)


def format_code(code):
    """A code as it is shown, in groups of four; `normalize_code` takes it so too."""
    return " ".join(code[start : start + 4] for start in range(0, len(code), 4))


def normalize_code(text):
    """A reference or code as it was given out, however a person types it: in small letters, in groups, full width."""
    return "".join(character for character in unicodedata.normalize("NFKC", text).upper() if character.isalnum())


def notice_has_changed(enquiry):
    """Whether the privacy notice, in the language of `enquiry`, is worded otherwise than when it was accepted."""
    with override(enquiry.language):
        return enquiry.privacy_version != Page.privacy_version()
