"""The names and order of countries and regions, and the formats of telephone numbers."""

import pytest
from django.core.exceptions import ValidationError
from django.utils.translation import override

from portal.bilingual.telephones import parse_telephones
from portal.bilingual.territories import is_territory, territory_choices, territory_name


@pytest.mark.parametrize(
    ("code", "chinese", "english"),
    [
        ("TW", "中国台湾", "Taiwan, China"),
        ("HK", "中国香港", "Hong Kong, China"),
        ("MO", "中国澳门", "Macao, China"),
        ("GB", "英国", "United Kingdom"),
    ],
)
def test_names(code, chinese, english):
    with override("zh-hans"):
        assert territory_name(code) == chinese
    with override("en"):
        assert territory_name(code) == english


def test_choices_are_those_of_the_standard_and_china_comes_first():
    with override("zh-hans"):
        codes = [code for code, _name in territory_choices()]
        names = [name for _code, name in territory_choices()]
    assert len(codes) == len(set(codes)) == 249
    assert codes[0] == "CN"
    assert "XK" not in codes
    assert names.index("法国") < names.index("梵蒂冈") < names.index("芬兰")
    assert names.index("阿尔巴尼亚") < names.index("德国") < names.index("英国") < names.index("中国香港")
    with override("en"):
        assert [name for _code, name in territory_choices()][1] == "Afghanistan"
        names = [name for _code, name in territory_choices()]
    assert names.index("Zimbabwe") == len(names) - 1
    assert not is_territory("XK")
    assert not is_territory("gb")


@pytest.mark.parametrize("line", ["+86 10 5365 6705", "010-53656705", "01053656705"])
def test_a_telephone_is_written_as_each_language_does(line):
    [number] = parse_telephones(line + "\n\n")
    assert (number.national, number.international) == ("010-53656705", "+86 10 5365 6705")
    assert number.uri == "tel:+86-10-5365-6705"


def test_a_foreign_telephone_keeps_its_country():
    [number] = parse_telephones("+44 20 7946 0000")
    assert number.national == number.international == "+44 20 7946 0000"


@pytest.mark.parametrize("line", ["call us", "123", "+86"])
def test_what_is_no_telephone_is_refused(line):
    with pytest.raises(ValidationError, match=r"telephone|电话"):
        parse_telephones(f"010-53656705\n{line}")
