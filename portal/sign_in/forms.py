"""django-allauth's forms with the portal's labels. Settings name these classes."""

from datetime import timedelta

from allauth.account import forms as account
from allauth.mfa.base import forms as mfa
from allauth.mfa.totp import forms as totp
from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

LABELS = {
    "login": _("User name"),
    "password": _("Password"),
    "code": _("Verification code"),
    "email": _("E-mail address"),
    "password1": _("New password"),
    "password2": _("New password, once more"),
}


class LabelledForm:
    """Gives the fields the portal's labels. It removes placeholders, which disappear when somebody types."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.label_suffix = ""
        for name, field in self.fields.items():
            field.label = LABELS.get(name, field.label)
            field.widget.attrs.pop("placeholder", None)
            if name == "code":
                field.widget.attrs["inputmode"] = "numeric"


class LoginForm(LabelledForm, account.LoginForm):
    """Lets the session end SESSION_COOKIE_AGE seconds after the password was entered, whatever happens in it."""

    def login(self, request, redirect_url=None):
        response = super().login(request, redirect_url)
        request.session.set_expiry(timezone.now() + timedelta(seconds=settings.SESSION_COOKIE_AGE))
        return response


class ReauthenticateForm(LabelledForm, account.ReauthenticateForm):
    pass


class ResetPasswordForm(LabelledForm, account.ResetPasswordForm):
    pass


class ResetPasswordKeyForm(LabelledForm, account.ResetPasswordKeyForm):
    pass


class CodeForm(LabelledForm, mfa.AuthenticateForm):
    pass


class ConfirmCodeForm(LabelledForm, mfa.ReauthenticateForm):
    pass


class ActivateTOTPForm(LabelledForm, totp.ActivateTOTPForm):
    pass
