"""What the replies of mail hosts mean, in words for people who do not know them."""

import errno
import re

from django.utils.translation import gettext, gettext_noop

MISSING = gettext_noop("The mailbox does not exist.")
FULL = gettext_noop("The mailbox is full.")
REFUSED = gettext_noop("The mail host refuses the mail.")
LATER = gettext_noop("The mail host does not take the mail at present.")
NO_SIGN_IN = gettext_noop("The mail host does not let the portal sign in. Ask the technicians.")
UNREACHED = gettext_noop("The mail host could not be reached.")
UNSENT = gettext_noop("The mail could not be sent.")

# Exceptions of the network, by name, and the beginnings of the texts of those that have no name of their own.
OF_NETWORK = {
    *("BrokenPipeError", "ConnectionAbortedError", "ConnectionRefusedError", "ConnectionResetError"),
    *("TimeoutError", "gaierror"),
}
NO_ROUTE = tuple(f"[Errno {number}]" for number in (errno.ENETUNREACH, errno.EHOSTUNREACH))

# In a text as refusal() of contact.mail.delivery writes it, or as smtplib does: "(421, b'…')".
REPLY = re.compile(r"\(?([45])\d\d\b")
# The code of RFC 3463 without its class, which is that of the reply. X.0.X says nothing.
CODE = re.compile(rf"{REPLY.pattern}.*?(?<![\d.])\1\.([1-7]\.\d{{1,3}})(?!\.?\d)", re.DOTALL)
CODES = {"2.2": FULL} | dict.fromkeys(["1.1", "1.2", "1.3", "1.6", "1.10"], MISSING)

# For the many replies without such a code. They may also be about the portal's own address, host or number of mails.
BOX = "(?:user|mailbox|mail box|recipient|address|account|domain)"
NO_BOX = rf"(?:unknown|no such|invalid) {BOX}|{BOX}.{{0,40}}(?:not exist|not found|unknown)"
WORDS = {
    r"mailbox.{0,30}\bfull\b|^(?!.*(?:send|daily|size)).*quota": FULL,
    rf"^(?!.*(?:sender|client host|ip address)).*(?:{NO_BOX})": MISSING,
}


def is_reply(text: str) -> bool:
    """Returns whether a text is a reply of a mail host, which begins with its code."""
    return bool(REPLY.match(text))


def meaning(text: str, exception_type: str = "") -> str:
    """
    Returns a sentence, in the active language, that says why a mail could not be sent.

    `text` is the reply of the mail host or, without one, the text of the exception with the name `exception_type`.
    """
    if exception_type == "SMTPAuthenticationError":
        return gettext(NO_SIGN_IN)
    if not (reply := REPLY.match(text)):
        is_of_network = exception_type in OF_NETWORK or text.startswith(NO_ROUTE)
        return gettext(UNREACHED if is_of_network else UNSENT)
    if code := CODE.match(text):
        found = CODES.get(code[2])
    else:
        found = next((said for words, said in WORDS.items() if re.search(words, text, re.IGNORECASE | re.DOTALL)), None)
    return gettext(found or (LATER if reply[1] == "4" else REFUSED))
