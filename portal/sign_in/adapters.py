"""How the portal signs its staff in with django-allauth. Settings name these classes."""

from datetime import timedelta
from urllib.parse import urlsplit

from allauth.account import app_settings
from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.internal.flows.login import get_authentication_records
from allauth.core import context
from allauth.core.internal import ratelimit
from allauth.mfa.adapter import DefaultMFAAdapter
from django.contrib import messages
from django.contrib.auth.backends import ModelBackend
from django.urls import Resolver404, resolve
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import override

from portal.bilingual.links import absolute_url
from portal.client_address import client_address
from portal.models import AccountEvent, Department, User
from portal.sign_in import device_cookie, sessions
from portal.sign_in.account_log import record

# One answer for every failure: it does not say whether the account exists.
REFUSAL = _(
    "This is not right, or there have been too many attempts within an hour. "
    "Check what you typed, or try again in an hour."
)
# By the template from which allauth would take its own words. It shows no message for the others.
MESSAGES = {
    "account/messages/password_changed.txt": _("Your password is changed."),
    "mfa/messages/totp_activated.txt": _("Two-step sign-in is on."),
    "mfa/messages/totp_deactivated.txt": _("Two-step sign-in by authenticator app is off."),
    "mfa/messages/recovery_codes_generated.txt": _("You have new recovery codes."),
    "mfa/messages/webauthn_added.txt": _("The passkey is added."),
    "mfa/messages/webauthn_removed.txt": _("The passkey is removed."),
}


class StaffBackend(ModelBackend):
    """Lets only active staff sign in. A session ends when its user is no longer active staff."""

    def user_can_authenticate(self, user):
        return super().user_can_authenticate(user) and user.is_staff


class AccountAdapter(DefaultAccountAdapter):
    error_messages = DefaultAccountAdapter.error_messages | {
        "username_password_mismatch": REFUSAL,
        "too_many_login_attempts": REFUSAL,
        "incorrect_password": REFUSAL,
        "rate_limited": REFUSAL,
    }

    def get_client_ip(self, request):
        return str(client_address(request))

    def pre_authenticate(self, request, **credentials):
        """
        Counts an attempt. Raises ValidationError, and logs it, if there were too many.

        Attempts from a browser in which the user has signed in before have a limit of their own. Otherwise anybody
        could keep the owner of an account out by guessing at it (OWASP, "Slow Down Online Guessing Attacks with Device
        Cookies").
        """
        username = credentials["username"]
        device = device_cookie.read(request, username)
        on_device = [("login_failed_on_device", device)]
        elsewhere = [("login_failed_from_address", None), ("login_failed", username)]
        self.counted = []
        for action, key in on_device if device else elsewhere:
            usage = ratelimit.consume(request, app="allauth.account", action=action, key=key)
            if usage is None:
                record(AccountEvent.Kind.REFUSED, existing_name(username))
                raise self.validation_error("too_many_login_attempts")
            self.counted.append(usage)

    def authenticate(self, request, **credentials):
        user = super().authenticate(request, **credentials)
        if user:
            for usage in self.counted:
                usage.rollback()
        return user

    def authentication_failed(self, request, **credentials):
        record(AccountEvent.Kind.FAILED, existing_name(credentials["username"]))

    def set_password(self, user, password):
        """Sets a forgotten password anew. The owner has proved to read the account's mail, and may sign in at once."""
        super().set_password(user, password)
        ratelimit.clear(context.request, app="allauth.account", action="login_failed", key=user.get_username())

    def post_login(self, request, user, **options):
        response = super().post_login(request, user, **options)
        device_cookie.write(request, response, user)
        sessions.describe(request)
        record(AccountEvent.Kind.SIGNED_IN, user.get_username())
        return response

    def is_reauthentication_required(self, *, app, **options):
        """A user who has signed in within the last five minutes need not enter the password again."""
        records = get_authentication_records(context.request, context.request.user)
        since = timezone.now() - timedelta(seconds=app_settings.REAUTHENTICATION_TIMEOUT)
        return not any(step["at"] > since.timestamp() for step in records)

    def is_safe_url(self, url):
        """Whether a page may lead on to `url`: only to a page of the admin that exists."""
        try:
            path = urlsplit(url).path
            # The admin's catch-all view, which has no name, takes every other path below /admin/.
            is_page = path.startswith("/admin/") and bool(resolve(path).url_name)
        except (ValueError, Resolver404):
            return False
        return is_page and super().is_safe_url(url)

    def add_message(self, request, level, message_template=None, *args, message=None, **options):
        if message := message or MESSAGES.get(message_template):
            messages.add_message(request, level, message)

    def get_reset_password_from_key_url(self, key):
        return absolute_url(urlsplit(super().get_reset_password_from_key_url(key)).path)

    def render_mail(self, template_prefix, email, context, headers=None):
        # RFC 3834, section 5: no absence notice is sent in return.
        headers = {**(headers or {}), "Auto-Submitted": "auto-generated"}
        return super().render_mail(template_prefix, email, context, headers)

    def send_password_reset_mail(self, user, email, context):
        record(AccountEvent.Kind.PASSWORD_ASKED, user.get_username())
        with override(user.language or Department.current().staff_language):
            super().send_password_reset_mail(user, user.email, context)


class MFAAdapter(DefaultMFAAdapter):
    error_messages = DefaultMFAAdapter.error_messages | {"incorrect_code": REFUSAL}

    def get_totp_label(self, user):
        return user.get_username()


def existing_name(username) -> str:
    """Returns the username if there is such an account, or "": people type passwords into the wrong field."""
    return username if User.objects.filter(username=username).exists() else ""
