"""The second factor of a sign-in: who has one, who must have one, and how an administrator takes a lost one away."""

from allauth.mfa.models import Authenticator
from allauth.mfa.utils import is_mfa_enabled
from django.conf import settings
from django.contrib import messages
from django.db import transaction
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from portal.models import AccountEvent, User
from portal.sign_in.account_log import record
from portal.sign_in.sessions import end_sessions

# What a user may do before having a second factor: set one up, choose a language, sign out.
OPEN_PATHS = ("/admin/account/", "/admin/language/", "/admin/logout/", "/admin/jsi18n/")
FACTORS = [Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN]


class RequireSecondFactorMiddleware:
    """With PORTAL_REQUIRE_MFA, leads users of the admin without a second factor to the page that sets one up."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        path = request.path_info
        if (
            settings.PORTAL_REQUIRE_MFA
            and path.startswith("/admin/")
            and not path.startswith(OPEN_PATHS)
            and request.user.is_authenticated
            and not is_mfa_enabled(request.user, FACTORS)
        ):
            messages.info(request, _("Before you can work here, set up two-step sign-in."))
            return redirect("mfa_activate_totp")
        return self.get_response(request)


@transaction.atomic
def reset(user: User):
    """Removes the second factor and the recovery codes of a user, and ends the user's sessions."""
    Authenticator.objects.filter(user=user).delete()
    end_sessions(user)
    record(AccountEvent.Kind.FACTOR_RESET, user.get_username())
