"""
A signed cookie that says who has signed in with a browser before.

It lasts until the user's password is changed.
"""

import secrets
from datetime import timedelta

from django.conf import settings
from django.core import signing

from portal.models import User

NAME = "device"
AGE = timedelta(days=180)
SALT = "portal.device"


def write(request, response, user: User):
    """Sets the cookie for the user who has just signed in. A browser that is known already keeps its name."""
    device = read(request, user.get_username()) or secrets.token_urlsafe(16)
    response.set_cookie(
        NAME,
        signing.dumps([user.pk, password_mark(user), device], salt=SALT),
        max_age=AGE,
        path="/admin/",
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def read(request, username: str) -> str | None:
    """Returns a name for the browser that only it has, or None if `username` has not signed in with it."""
    try:
        number, mark, device = signing.loads(request.COOKIES.get(NAME, ""), salt=SALT, max_age=AGE)
    except (signing.BadSignature, ValueError, TypeError):
        return None
    user = User.objects.filter(pk=number, username=username).first()
    return device if user and mark == password_mark(user) else None


def password_mark(user) -> str:
    """Returns a text that changes with the user's password."""
    return user.get_session_auth_hash()[:16]
