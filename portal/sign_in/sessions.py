"""The sessions of staff: their owner sees and ends them."""

from django.contrib import messages
from django.contrib.auth import SESSION_KEY
from django.contrib.auth.decorators import login_required
from django.contrib.sessions.models import Session
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from portal.client_address import client_address

# What a browser says of itself, and what people call it. Most also say that they are Chrome or Safari, so these come
# last.
BROWSERS = {
    "MicroMessenger": gettext_lazy("WeChat"),
    "DingTalk": gettext_lazy("DingTalk"),
    "QQBrowser": gettext_lazy("QQ Browser"),
    "Edg": "Edge",
    "Firefox": "Firefox",
    "OPR": "Opera",
    "Chrome": "Chrome",
    "Safari": "Safari",
}
SYSTEMS = {
    "OpenHarmony": "HarmonyOS",
    "Android": "Android",
    "iPhone": "iPhone",
    "iPad": "iPad",
    "Windows": "Windows",
    "Macintosh": "macOS",
    "Linux": "Linux",
}


def name_of_browser(user_agent: str) -> str:
    """Returns the browser and the system that a User-Agent names, in the active language."""
    browser, system = (
        next((str(name) for sign, name in names.items() if sign in user_agent), "") for names in (BROWSERS, SYSTEMS)
    )
    if not browser:
        return _("another browser")
    return _("%(browser)s on %(system)s") % {"browser": browser, "system": system} if system else browser


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
            "browser": name_of_browser(content["beginning"]["browser"]),
            "is_here": session.session_key == here,
        }
        for session, content in sessions_of(request.user)
        if "beginning" in content
    ]
    rows.sort(key=lambda row: row["at"], reverse=True)
    return render(request, "account/session_list.html", {"sessions": rows, "title": _("Where you are signed in")})
