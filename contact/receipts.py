"""What a visitor is given for an enquiry."""

import secrets

# No two of these are mistaken for each other, on paper or on the telephone: no 0 O, 1 I L, 5 S, 2 Z, 8 B, U V.
ALPHABET = "34679ACDEFGHJKMNPQRTWXY"


def new_reference():
    """Eight characters that name an enquiry; random, so they tell nothing of how many there are."""
    return "".join(secrets.choice(ALPHABET) for _ in range(8))


def new_token():
    """The secret part of a receipt's address: 256 random bits, URL-safe."""
    return secrets.token_urlsafe(32)
