"""What a mail host replied, in words for staff."""

import errno

import pytest
from django.utils.translation import override

from contact.mail.refusals import FULL, LATER, MISSING, NO_SIGN_IN, REFUSED, UNREACHED, UNSENT, meaning

pytestmark = pytest.mark.no_database


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        ("550 5.1.1 <li@college.example>: Recipient address rejected", MISSING),
        ("550 Mailbox not found. http://service.mail.example/", MISSING),
        ("550 User not exist", MISSING),
        ("550 No such user here", MISSING),
        ("552 5.2.2 Over quota", FULL),
        ("452 The mailbox of this user is full", FULL),
        ("552 Requested mail action aborted: exceeded mailbox quota", FULL),
        ("554 DT:SPM", REFUSED),
        ("550 5.7.1 Mail content denied", REFUSED),
        ("451 4.7.1 Try again later", LATER),
        ("452 4.3.1 Disk full", LATER),
        ("450 4.1.8 <portal@desk.example>: Sender address rejected: Domain not found", LATER),
        ("553 5.1.8 Domain of sender address portal@desk.example does not exist", REFUSED),
        ("550 Domain of sender address portal@desk.example does not exist", REFUSED),
        ("554 5.7.1 Client host rejected: address 1.2.3.4 not found in DNS", REFUSED),
        ("554 Client host rejected: address 5.1.1.4 not found in DNS", REFUSED),
        ("550 5.4.5 Daily user sending quota exceeded", REFUSED),
        ("550 Daily user sending quota exceeded", REFUSED),
        ("552 5.3.4 Message size exceeds limit; your quota is 10 MB", REFUSED),
        ("550 sorry, no such name here (#5.1.1)", MISSING),
        ("550 5.0.0 User unknown", MISSING),
    ],
)
def test_a_reply_has_a_meaning_in_each_language(reply, words):
    with override("en"):
        assert meaning(reply) == words
    with override("zh-hans"):
        assert meaning(reply).isascii() is False


@pytest.mark.parametrize(
    ("exception_type", "text", "words"),
    [
        ("ConnectionRefusedError", "[Errno 111] Connection refused", UNREACHED),
        ("TimeoutError", "", UNREACHED),
        ("OSError", f"[Errno {errno.EHOSTUNREACH}] No route to host", UNREACHED),
        ("FileNotFoundError", "[Errno 2] No such file or directory: 'attachment'", UNSENT),
        ("UnicodeEncodeError", "'ascii' codec can't encode character", UNSENT),
        ("SMTPNotSupportedError", "SMTP AUTH extension not supported by server.", UNSENT),
        ("PermanentRefusal", "This mail cannot be written: it has a line break", UNSENT),
        ("SMTPConnectError", "(421, b'4.3.2 Service not available')", LATER),
    ],
)
def test_only_faults_of_the_network_say_that_the_host_was_not_reached(exception_type, text, words):
    with override("en"):
        assert meaning(text, exception_type) == words


def test_a_refused_sign_in_is_no_fault_of_the_mailbox():
    with override("en"):
        assert meaning("(535, b'5.7.8 Wrong')", "SMTPAuthenticationError") == NO_SIGN_IN
