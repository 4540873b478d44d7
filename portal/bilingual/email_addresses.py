"""Validation of e-mail addresses, and fields that hold one address per line."""

import re
from email.utils import parseaddr

from django.core.exceptions import ValidationError
from django.core.mail.message import sanitize_address
from django.core.validators import validate_email
from django.utils.translation import gettext_lazy as _

RECIPIENTS_HELP = _("E-mail addresses, one a line. Empty: those of the desk.")


def is_deliverable(address: str) -> bool:
    """
    Returns whether every mail host accepts `address`, and it is safe in a list of addresses.

    The local part must be unquoted ASCII (RFC 5321), and IDNA must be able to encode the domain. Django does not use
    SMTPUTF8 (RFC 6531): it would encode another local part, and so write to a mailbox that does not exist.
    """
    if not address or re.search(r"""[\s",;<>]""", address) or not address.isprintable():
        return False
    try:
        sanitize_address(address, "utf-8")
    except ValueError:
        return False
    return parseaddr(address)[1].rpartition("@")[0].isascii()


def parse_email_addresses(text: str) -> list[str]:
    """Returns the addresses in `text`, one per line, in order and without duplicates."""
    return list(dict.fromkeys(line.strip() for line in text.splitlines() if line.strip()))


def validate_email_addresses(text):
    """Field validator: every line must be a deliverable e-mail address."""
    for address in parse_email_addresses(text):
        try:
            validate_email(address)
            is_address = is_deliverable(address)
        except ValidationError:
            is_address = False
        if not is_address:
            raise ValidationError(_("%(address)s is not an e-mail address."), params={"address": address})
