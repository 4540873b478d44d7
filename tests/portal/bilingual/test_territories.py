"""The names and order of countries and regions, and the formats of telephone numbers."""

import re

import pytest
from babel import Locale
from django.core.exceptions import ValidationError
from django.utils.translation import override

from portal.bilingual.telephones import parse_telephones
from portal.bilingual.territories import is_territory, territory_choices, territory_names

PARTNERS = {"zh-hans": {"GB": "英国", "KR": "韩国"}, "en": {"GB": "United Kingdom", "KR": "Korea"}}
UNINHABITED = {"AQ", "BV", "GS", "HM", "IO", "TF", "UM"}
# Two-letter codes of the CLDR that ISO 3166-1 does not assign: it reserves them or leaves them to users.
NOT_ISO = {"AC", "CP", "CQ", "DG", "EA", "EU", "EZ", "IC", "QO", "TA", "UN", "XA", "XB", "XK", "ZZ"}
CLDR = {
    language: {code: name for code, name in Locale.parse(locale).territories.items() if re.fullmatch("[A-Z]{2}", code)}
    for language, locale in [("zh-hans", "zh_Hans"), ("en", "en")]
}


def listed(language, partners=None):
    """The list as the form shows it: (code, name) of each option, and the labels of its groups."""
    options, groups = [], []
    with override(language):
        for value, label in territory_choices(PARTNERS[language] if partners is None else partners):
            groups += [value] if isinstance(label, list) else []
            options += label if isinstance(label, list) else [(value, label)]
    return options, groups


@pytest.mark.parametrize(
    ("code", "chinese", "english"),
    [
        ("CI", "科特迪瓦", "Côte d’Ivoire"),
        ("CD", "刚果（金）", "Democratic Republic of the Congo"),
        ("CZ", "捷克", "Czechia"),
        ("FK", "马尔维纳斯群岛", "Falkland Islands (Malvinas)"),
        ("GB", "英国", "United Kingdom"),
        ("HK", "中国香港", "Hong Kong, China"),
        ("KN", "圣基茨和尼维斯", "Saint Kitts and Nevis"),
        ("KP", "朝鲜", "DPR Korea"),
        ("KR", "韩国", "Korea"),
        ("MK", "北马其顿", "North Macedonia"),
        ("MM", "缅甸", "Myanmar"),
        ("MO", "中国澳门", "Macao, China"),
        ("PS", "巴勒斯坦", "Palestine"),
        ("SZ", "斯威士兰", "Eswatini"),
        ("TL", "东帝汶", "Timor-Leste"),
        ("TR", "土耳其", "Türkiye"),
        ("TW", "中国台湾", "Taiwan, China"),
        ("AQ", "南极洲", "Antarctica"),
    ],
)
def test_names(code, chinese, english):
    with override("zh-hans"):
        assert territory_names({})[code] == chinese
    with override("en"):
        assert territory_names({})[code] == english


@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_the_list_holds_the_codes_of_the_standard_but_no_uninhabited_territory(language):
    codes = [code for code, _name in listed(language)[0]]
    assert len(codes) == len(set(codes)) == 242
    assert set(codes) == CLDR["en"].keys() - NOT_ISO - UNINHABITED
    assert all(is_territory(code) for code in [*codes, *UNINHABITED])
    assert not is_territory("XK")
    assert not is_territory("gb")


@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_no_two_names_are_alike(language):
    names = [name for _code, name in listed(language)[0]]
    assert len(set(names)) == len(names) == 242
    assert not [name for name in names if "&" in name or "St." in name or name != name.strip()]


@pytest.mark.parametrize(
    ("language", "own"),
    [("zh-hans", "DO FK GS HK MO PM PS SJ TW"), ("en", "CD CG CV FK HK HM KP KR MM MO PS TW UM VI GS VC")],
)
def test_the_other_names_are_those_of_the_cldr(language, own):
    """So that a slip of the pen in the file is found."""
    with override(language):
        names = territory_names({})
    plain = {code: name.replace(" & ", " and ").replace("St. ", "Saint ") for code, name in CLDR[language].items()}
    assert {code for code, name in names.items() if name != plain[code]} == set(own.split())


@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_hong_kong_macao_and_taiwan_stand_directly_after_china(language):
    for partners in (PARTNERS[language], {}):
        assert [code for code, _name in listed(language, partners)[0]][:4] == ["CN", "HK", "MO", "TW"]


def test_partners_come_before_the_others_in_their_own_order():
    options, groups = listed("zh-hans")
    names = [name for _code, name in options]
    assert groups == ["合作国家和地区", "其他国家和地区"]
    assert names[4:7] == ["英国", "韩国", "阿尔巴尼亚"]
    options, groups = listed("en")
    names = [name for _code, name in options]
    assert groups == ["Partner countries and regions", "Other countries and regions"]
    assert names[4:7] == ["United Kingdom", "Korea", "Afghanistan"]
    assert listed("en", {})[1] == ["Other countries and regions"]


def test_the_others_are_in_the_order_of_pinyin_or_of_the_alphabet():
    names = [name for _code, name in listed("zh-hans")[0]][6:]
    for left, right in [
        ("法国", "梵蒂冈"),
        ("梵蒂冈", "芬兰"),
        ("阿尔巴尼亚", "德国"),
        ("比利时", "秘鲁"),
        ("秘鲁", "冰岛"),
    ]:
        assert names.index(left) < names.index(right)
    assert names[-1] == "中非共和国"
    names = [name for _code, name in listed("en")[0]][6:]
    assert names[-1] == "Zimbabwe"
    assert names.index("Afghanistan") < names.index("Åland Islands") < names.index("Albania")


def test_a_partner_keeps_the_name_and_the_place_that_staff_gave_it():
    renamed = {"HK": "Hong Kong SAR, China", "NL": "The Netherlands"}
    options, _groups = listed("en", renamed)
    assert options[1] == ("HK", "Hong Kong SAR, China")
    assert options[4] == ("NL", "The Netherlands")
    assert len(options) == len({code for code, _name in options}) == 242


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
