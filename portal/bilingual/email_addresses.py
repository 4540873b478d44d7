"""E-mail addresses: which of them mail can be written to, and those that staff write into a field, one a line."""

import re
from email.utils import parseaddr

from django.core.exceptions import ValidationError
from django.core.mail.message import sanitize_address
from django.core.validators import validate_email
from django.utils.translation import gettext_lazy as _

RECIPIENTS_HELP = _("E-mail addresses, one a line. Empty: those of the desk.")


def is_deliverable(address):
    """
    Whether every mail host takes `address`, and it can stand in a list of addresses.

    That is ASCII before its @ (RFC 5321) without quotes, and after it what IDNA can encode. Without the SMTPUTF8
    of RFC 6531 Django would send to an encoded name that is nobody's.
    """
    if not address or re.search(r"""[\s",;<>]""", address) or not address.isprintable():
        return False
    try:
        sanitize_address(address, "utf-8")
    except ValueError:
        return False
    return parseaddr(address)[1].rpartition("@")[0].isascii()


def parse_email_addresses(text):
    """The addresses in `text`, one a line, each once and in its order."""
    return list(dict.fromkeys(line.strip() for line in text.splitlines() if line.strip()))


def validate_email_addresses(text):
    """Field validator: every line is an e-mail address to which mail can be written."""
    for address in parse_email_addresses(text):
        try:
            validate_email(address)
            is_address = is_deliverable(address)
        except ValidationError:
            is_address = False
        if not is_address:
            raise ValidationError(_("%(address)s is not an e-mail address."), params={"address": address})
