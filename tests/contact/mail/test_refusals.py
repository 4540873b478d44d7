"""What a mail host replied, in words for staff."""

import pytest
from django.utils.translation import override

from contact.mail.refusals import FULL, LATER, MISSING, NO_SIGN_IN, REFUSED, UNREACHED, meaning

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
        ("[Errno 111] Connection refused", UNREACHED),
        ("", UNREACHED),
    ],
)
def test_a_reply_has_a_meaning_in_each_language(reply, words):
    with override("en"):
        assert meaning(reply) == words
    with override("zh-hans"):
        assert meaning(reply).isascii() is False


def test_a_refused_sign_in_is_no_fault_of_the_mailbox():
    with override("en"):
        assert meaning("(535, b'5.7.8 Wrong')", "SMTPAuthenticationError") == NO_SIGN_IN
