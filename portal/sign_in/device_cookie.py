"""A signed cookie that says who has signed in with a browser before."""

import secrets
import unicodedata
from datetime import timedelta

from django.conf import settings
from django.core import signing

NAME = "device"
AGE = timedelta(days=180)
SALT = "portal.device"


def write(response, username: str):
    """Sets the cookie for the user who has just signed in. The browser forgets the user before."""
    value = signing.dumps([normalize(username), secrets.token_urlsafe(16)], salt=SALT)
    response.set_cookie(
        NAME,
        value,
        max_age=AGE,
        path="/admin/",
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def read(request, username: str) -> str | None:
    """Returns a name for the browser that only it has, or None if `username` has not signed in with it."""
    try:
        known, device = signing.loads(request.COOKIES.get(NAME, ""), salt=SALT, max_age=AGE)
    except signing.BadSignature:
        return None
    return device if known == normalize(username) else None


def normalize(username: str) -> str:
    """Returns `username` in the form in which attempts are counted: the width and case of letters do not matter."""
    return unicodedata.normalize("NFKC", username).casefold()
