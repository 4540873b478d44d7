"""What people type into one field: telephone numbers in any notation, and errors that name the field."""

import pytest
from django.forms import ValidationError
from django.utils.translation import override

from contact.text_fields import MultiLineField, OneLineField, TelephoneField

NUMBERS = [
    "010-53656705",
    "010 - 1234 5678 转 9",
    "010-12345678 分机 802",
    "０１０－１２３４５６７８",
    "(010) 5365-6705",
    "13800138000",
    "400-810-1234",
    "95588",
    "010-12345678/87654321",
    "010-12345678、13800138000",
    "010-53656705#802",
    "+86 (0)10 5365 6705",
    "0044 20 7946 0018",
    "+44 (0)20 7946 0018 ext. 12",
    "+1 (555) 010-9999 x12",
    "020 7946 0018 extension 7",
    "+33 1.23.45.67.89",
    "030/123456-78",
    "8 (495) 123-45-67 доб. 12",
    "+55 (11) 91234-5678 ramal 12",
    "03-1234-5678 内線 12",
    "+966 ١٢٣٤٥٦٧٨٩",
    "+683 4002",
    "Tel: +49 30 123456-0",
]
NO_NUMBERS = ["abc", "none", "无", "-", "n/a", "12", "+", "later", "张三", "a1", "转 9", "...", "()"]


@pytest.mark.parametrize("number", NUMBERS)
def test_a_telephone_number_of_any_country_is_kept_as_it_was_typed(number):
    assert TelephoneField().clean(number) == number


@pytest.mark.parametrize("text", NO_NUMBERS)
def test_what_is_no_telephone_number_is_refused(text):
    with override("en"), pytest.raises(ValidationError, match="Enter a whole telephone number in digits"):
        TelephoneField().clean(text)


def test_a_telephone_number_may_be_left_out():
    assert TelephoneField(required=False).clean(" ") == ""


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", "Your enquiry: use at most 5,000 characters; there are 12,345"),
        ("zh-hans", "Your enquiry：最多5000字，现有12345字"),
    ],
)
def test_numbers_are_written_as_in_the_language(language, words):
    with override(language), pytest.raises(ValidationError) as refused:
        MultiLineField(label="Your enquiry", max_length=5000).clean("x" * 12_345)
    with override(language):
        assert refused.value.messages == [words]


def test_a_character_that_cannot_be_stored_is_said_with_the_name_of_the_field():
    with override("en"), pytest.raises(ValidationError) as refused:
        OneLineField(label="Position").clean("a\x00b")
    with override("en"):
        assert refused.value.messages == ["Position: there is a character in it that cannot be stored"]
