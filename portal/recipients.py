"""E-mail addresses that staff write into a field, one a line."""

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.translation import gettext_lazy as _

NOTIFIED_HELP = _("E-mail addresses, one a line. Empty: those of the desk.")


def parse_recipients(text):
    """The addresses in `text`, one a line, each once and in its order."""
    return list(dict.fromkeys(line.strip() for line in text.splitlines() if line.strip()))


def validate_recipients(text):
    """Field validator: every line is an e-mail address."""
    for address in parse_recipients(text):
        try:
            validate_email(address)
        except ValidationError:
            raise ValidationError(_("%(address)s is no e-mail address."), params={"address": address}) from None
