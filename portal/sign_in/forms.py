"""The forms for signing in: django-allauth's with the portal's labels. Settings name most of these classes."""

from datetime import timedelta

from allauth.account import forms as account
from allauth.account.adapter import get_adapter
from allauth.core import context
from allauth.mfa.base import forms as mfa
from allauth.mfa.totp import forms as totp
from allauth.mfa.totp.internal.auth import SECRET_SESSION_KEY
from django.conf import settings
from django.contrib.admin.forms import AdminPasswordChangeForm
from django.contrib.auth import forms as auth
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.functional import lazy
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from portal.models import AccountEvent, User
from portal.sign_in.account_log import record

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

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["login"].widget.attrs["autofocus"] = True

    def login(self, request, redirect_url=None):
        response = super().login(request, redirect_url)
        request.session.set_expiry(timezone.now() + timedelta(seconds=settings.SESSION_COOKIE_AGE))
        return response


class ReauthenticateForm(LabelledForm, account.ReauthenticateForm):
    pass


class ResetPasswordForm(LabelledForm, account.ResetPasswordForm):
    """Finds the active staff with an address, in any case. allauth finds only addresses in small letters."""

    def clean_email(self):
        email = self.cleaned_data["email"]
        staff = User.objects.filter(email__iexact=email, is_active=True, is_staff=True)
        # A database may take letters for equal that are not.
        self.users = [user for user in staff if user.email.lower() == email.lower()]
        return email


class ResetPasswordKeyForm(LabelledForm, account.ResetPasswordKeyForm):
    pass


class CodeForm(LabelledForm, mfa.AuthenticateForm):
    def clean_code(self):
        try:
            return super().clean_code()
        except ValidationError as error:
            if error.code == "too_many_login_attempts":
                record(AccountEvent.Kind.REFUSED, self.user.get_username())
            raise


class ConfirmCodeForm(LabelledForm, mfa.ReauthenticateForm):
    pass


class ActivateTOTPForm(LabelledForm, totp.ActivateTOTPForm):
    """Keeps the key until it is used: a user who has scanned it may look at another page first."""

    def __init__(self, *args, **kwargs):
        shown_before = context.request.session.get(SECRET_SESSION_KEY)
        super().__init__(*args, **kwargs)
        if shown_before:
            self.secret = context.request.session[SECRET_SESSION_KEY] = shown_before


class StaffPasswordForm(auth.AdminPasswordChangeForm):
    """The form in which an administrator sets somebody's password. Django's warns in English in every language."""

    usable_password_help_text = lazy(format_html, str)(
        '{}<ul id="id_unusable_warning" class="messagelist"><li class="warning">{}</li></ul>',
        _("Without a password, the person cannot sign in."),
        _("If disabled, the current password for this user will be lost."),
    )


class OwnPasswordForm(AdminPasswordChangeForm):
    """The form in which staff change their own password. Guesses at the old one are limited and logged."""

    def clean_old_password(self):
        old_password = self.cleaned_data["old_password"]
        if not get_adapter().reauthenticate(self.user, old_password):
            raise ValidationError(self.error_messages["password_incorrect"], code="password_incorrect")
        return old_password
