"""The log of sign-ins and of changes to accounts; see AccountEvent."""

from datetime import timedelta

from allauth.core import context
from allauth.mfa.models import Authenticator
from django.db.models import F
from django.utils import timezone

from portal.client_address import client_address
from portal.models import AccountEvent, User

# How long an event is kept.
KEPT = timedelta(days=90)


def record(kind: AccountEvent.Kind, account: str, detail: str = ""):
    """
    Saves an AccountEvent of the account with the username `account`, "" for an account that does not exist.

    The actor and the address are those of the current request, if there is one. Refused attempts are only counted:
    one row an hour for each account and address, so that guessing fills no disk.
    """
    request = context.request
    user = getattr(request, "user", None)
    actor = user.get_username() if user and user.is_authenticated else ""
    address = str(client_address(request)) if request else None
    if kind == AccountEvent.Kind.REFUSED:
        this_hour = timezone.now().replace(minute=0, second=0, microsecond=0)
        same = AccountEvent.objects.filter(kind=kind, account=account, address=address, at__gte=this_hour)
        if same.update(number=F("number") + 1):
            return
    AccountEvent.objects.create(kind=kind, account=account, actor=actor, address=address, detail=detail)


def name_in_log(row) -> str:
    """Returns how the log names a user, whose user name nobody shares, or a group."""
    return row.get_username() if isinstance(row, User) else str(row)[:150]


def delete_expired():
    """Deletes the events that are older than KEPT. The worker calls it."""
    AccountEvent.objects.filter(at__lt=timezone.now() - KEPT).delete()


# Receivers of signals; see PortalConfig.


def record_disabled_password(instance, **details):
    """Before a user is saved: whether a password that could be used is taken away."""
    if instance.pk and not instance.has_usable_password():
        before = User.objects.filter(pk=instance.pk).first()
        if before and before.has_usable_password():
            record(AccountEvent.Kind.PASSWORD_DISABLED, instance.get_username())


def record_saved_user(instance, created, **details):
    """After a user was saved. Django keeps a new password in `_password` until then."""
    if created:
        record(AccountEvent.Kind.CREATED, instance.get_username())
    elif instance._password is not None:
        record(AccountEvent.Kind.PASSWORD_CHANGED, instance.get_username())


def record_deleted(instance, **details):
    """After a user or a group was deleted."""
    record(AccountEvent.Kind.DELETED, name_in_log(instance))


def record_wrong_code(user, **details):
    record(AccountEvent.Kind.WRONG_CODE, user.get_username())


def record_recovery_code(user, authenticator, **details):
    if authenticator.type == Authenticator.Type.RECOVERY_CODES:
        record(AccountEvent.Kind.RECOVERY_CODE_USED, user.get_username())


def record_added(user, authenticator, **details):
    record(AccountEvent.Kind.FACTOR_ADDED, user.get_username(), authenticator.type)


def record_removed(user, authenticator, **details):
    record(AccountEvent.Kind.FACTOR_REMOVED, user.get_username(), authenticator.type)
