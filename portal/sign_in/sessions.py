"""The sessions of staff: their owner sees and ends them."""

from django.contrib import messages
from django.contrib.auth import SESSION_KEY
from django.contrib.auth.decorators import login_required
from django.contrib.sessions.models import Session
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from portal.client_address import client_address


def describe(request):
    """Keeps in the session that begins when, from which address and with which browser it began."""
    request.session["beginning"] = {
        "at": timezone.now().isoformat(),
        "address": str(client_address(request)),
        "browser": request.headers.get("User-Agent", "")[:200],
    }


def sessions_of(user):
    """Yields the unexpired Sessions of a user, each with its decoded content."""
    for session in Session.objects.filter(expire_date__gt=timezone.now()).order_by("-expire_date"):
        content = session.get_decoded()
        if content.get(SESSION_KEY) == str(user.pk):
            yield session, content


def end_sessions(user, except_for: str | None = None):
    """Ends all sessions of a user except for the one with the key `except_for`."""
    for session, _content in sessions_of(user):
        if session.session_key != except_for:
            session.delete()


def delete_expired():
    """Deletes expired sessions. The worker calls it."""
    Session.objects.filter(expire_date__lt=timezone.now()).delete()


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def session_list(request):
    """The page of the user's own sessions. POST ends all but this one."""
    here = request.session.session_key
    if request.method == "POST":
        end_sessions(request.user, except_for=here)
        messages.success(request, _("You are signed out everywhere else."))
        return redirect("session_list")
    rows = [
        {
            **content["beginning"],
            "at": parse_datetime(content["beginning"]["at"]),
            "is_here": session.session_key == here,
        }
        for session, content in sessions_of(request.user)
        if "beginning" in content
    ]
    rows.sort(key=lambda row: row["at"], reverse=True)
    return render(request, "account/session_list.html", {"sessions": rows, "title": _("Where you are signed in")})
