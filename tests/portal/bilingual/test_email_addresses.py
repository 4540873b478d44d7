"""What staff may enter in a field for e-mail addresses."""

import pytest
from django.core.exceptions import ValidationError

from portal.bilingual.email_addresses import parse_email_addresses, validate_email_addresses


def test_one_a_line_each_once_and_in_order():
    assert parse_email_addresses(" b@example.com \r\n\na@example.com\nb@example.com") == [
        "b@example.com",
        "a@example.com",
    ]


@pytest.mark.parametrize("text", ["", "a@example.com", "a@example.com\r\nb@mail.xn--fiqs8s\n", "a@例子.中国"])
def test_addresses_are_taken(text):
    validate_email_addresses(text)


@pytest.mark.parametrize(
    "text",
    [
        "abc",
        "a@example.com, b@example.com",
        '"<x>"@example.com',
        "Desk <a@example.com>",
        "ſtaff@example.com",
        "a@exam\u202eple.com",
    ],
)
def test_what_no_mail_can_be_written_to_is_refused(text):
    with pytest.raises(ValidationError):
        validate_email_addresses(f"good@example.com\n{text}")
