"""What the replies of mail hosts mean, in words for people who do not know them."""

import re

from django.utils.translation import gettext, gettext_noop

MISSING = gettext_noop("The mailbox does not exist.")
FULL = gettext_noop("The mailbox is full.")
REFUSED = gettext_noop("The mail host refuses the mail.")
LATER = gettext_noop("The mail host does not take the mail at present.")
NO_SIGN_IN = gettext_noop("The mail host does not let the portal sign in. Ask the technicians.")
UNREACHED = gettext_noop("The mail host could not be reached.")

BOX = "(?:user|mailbox|mail box|recipient|address|account|domain)"
NO_BOX = rf"(?:unknown|no such|invalid) {BOX}|{BOX}.{{0,40}}(?:not exist|not found|unknown)"
# The first that is found in a reply. The numbers are those of RFC 3463; many hosts give only words.
MEANINGS = {
    r"\b[45]\.2\.2\b|mailbox.{0,30}\bfull\b|quota": FULL,
    rf"\b[45]\.1\.(?:1|2|3|6|10)\b|{NO_BOX}": MISSING,
    r"^4": LATER,
    r"^5": REFUSED,
}


def meaning(reply: str, exception_type: str = "") -> str:
    """
    Returns a sentence, in the active language, that says what the `reply` of a mail host means.

    Without a reply, which begins with a number of three digits, the name of the exception says what went wrong.
    """
    if exception_type == "SMTPAuthenticationError":
        return gettext(NO_SIGN_IN)
    if not re.match(r"\d{3}\b", reply):
        return gettext(UNREACHED)
    found = (words for pattern, words in MEANINGS.items() if re.search(pattern, reply, re.IGNORECASE))
    return gettext(next(found, REFUSED))
