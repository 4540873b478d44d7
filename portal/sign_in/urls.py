"""
The addresses for signing in, most of them of django-allauth. Its others, such as those for signing up, do not exist.

The names are allauth's, because it looks them up. Each of its pages gets its title here.
"""

from allauth.account import views as account
from allauth.mfa.base import views as mfa
from allauth.mfa.recovery_codes import views as recovery_codes
from allauth.mfa.totp import views as totp
from allauth.mfa.webauthn import views as webauthn
from django.urls import path, re_path
from django.utils.translation import gettext_lazy as _
from django.views.generic import RedirectView

from portal.sign_in.sessions import session_list


def titled(view, title):
    return view.as_view(extra_context={"title": title})


urlpatterns = [
    path("sign-in/", titled(account.LoginView, _("Sign in")), name="account_login"),
    path("sign-in/code/", titled(mfa.AuthenticateView, _("Second step")), name="mfa_authenticate"),
    path("sign-out/", titled(account.LogoutView, _("Sign out")), name="account_logout"),
    path("confirm/", titled(account.ReauthenticateView, _("Confirm that it is you")), name="account_reauthenticate"),
    path(
        "confirm/passkey/",
        titled(webauthn.ReauthenticateWebAuthnView, _("Confirm that it is you")),
        name="mfa_reauthenticate_webauthn",
    ),
    path("confirm/code/", titled(mfa.ReauthenticateView, _("Confirm that it is you")), name="mfa_reauthenticate"),
    path("password/", titled(account.PasswordResetView, _("Forgotten password")), name="account_reset_password"),
    path(
        "password/sent/",
        titled(account.PasswordResetDoneView, _("Look at your mail")),
        name="account_reset_password_done",
    ),
    re_path(
        r"^password/new/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$",
        titled(account.PasswordResetFromKeyView, _("New password")),
        name="account_reset_password_from_key",
    ),
    path(
        "password/changed/",
        titled(account.PasswordResetFromKeyDoneView, _("Your password is changed")),
        name="account_reset_password_from_key_done",
    ),
    path("security/", titled(mfa.IndexView, _("Sign-in security")), name="mfa_index"),
    path("security/app/", titled(totp.ActivateTOTPView, _("Set up two-step sign-in")), name="mfa_activate_totp"),
    path(
        "security/app/remove/",
        titled(totp.DeactivateTOTPView, _("Remove the authenticator app")),
        name="mfa_deactivate_totp",
    ),
    path("security/passkeys/", RedirectView.as_view(pattern_name="mfa_index"), name="mfa_list_webauthn"),
    path("security/passkeys/add/", titled(webauthn.AddWebAuthnView, _("Add a passkey")), name="mfa_add_webauthn"),
    path(
        "security/passkeys/<int:pk>/remove/",
        titled(webauthn.RemoveWebAuthnView, _("Remove the passkey")),
        name="mfa_remove_webauthn",
    ),
    path(
        "security/recovery-codes/",
        titled(recovery_codes.ViewRecoveryCodesView, _("Recovery codes")),
        name="mfa_view_recovery_codes",
    ),
    path(
        "security/recovery-codes/new/",
        titled(recovery_codes.GenerateRecoveryCodesView, _("New recovery codes")),
        name="mfa_generate_recovery_codes",
    ),
    path(
        "security/recovery-codes/file/",
        recovery_codes.DownloadRecoveryCodesView.as_view(),
        name="mfa_download_recovery_codes",
    ),
    path("security/sessions/", session_list, name="session_list"),
]
