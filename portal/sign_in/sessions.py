"""The sessions of staff."""

from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.utils import timezone


def delete_expired():
    """Deletes expired sessions, and the addresses and browsers of sessions that have ended. The worker calls it."""
    Session.objects.filter(expire_date__lt=timezone.now()).delete()
    UserSession.objects.exclude(session_key__in=Session.objects.values("session_key")).delete()
