"""The sender's country or region has one name everywhere, and staff who change the partners do not break the list."""

import pytest
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import override

from contact.admin import TerritoryFilter
from contact.desk import exports, statistics
from contact.models import Enquiry
from contact.visitor.forms import EnquiryForm
from partners.models import Country
from tests.contact.rows import stored

pytestmark = pytest.mark.django_db


def listed(language="en"):
    """The codes and names in the form's list, in order, after "Choose"."""
    with override(language):
        choices = list(EnquiryForm().fields["territory"].choices)
    options = []
    for value, label in choices:
        options += label if isinstance(label, list) else [(value, label)]
    return options[1:]


def names_of(code, language="en"):
    """The names that a country or region has in the form, the desk, the exports, the statistics and the filter."""
    enquiry = stored(territory=code, language=language)
    with override(language):
        _headings, row = exports.table(Enquiry.objects.filter(pk=enquiry.pk))
        table = statistics.territory_table(statistics.count())
        lookups = TerritoryFilter.lookups(None, HttpRequest(), None)
        return {
            dict(listed(language)).get(code),
            enquiry.territory_name,
            row[9],
            *(name for name, _number in table.rows),
            *(name for _code, name in lookups),
        }


def test_korea_is_korea_everywhere():
    assert names_of("KR") == {"Korea"}


@pytest.mark.parametrize(("language", "name"), [("zh-hans", "大韩民国"), ("en", "Republic of Korea")])
def test_the_name_that_staff_give_a_partner_is_its_name_everywhere(language, name):
    Country.objects.filter(iso_code="KR").update(name_zh_hans="大韩民国", name_en="Republic of Korea")
    assert names_of("KR", language) == {name}


def test_an_enquiry_is_named_in_each_language_in_turn():
    """The mails about one enquiry are written in several languages."""
    Country.objects.filter(iso_code="KR").update(name_zh_hans="大韩民国")
    enquiry = stored(territory="KR")
    with override("en"):
        assert enquiry.territory_name == "Korea"
    with override("zh-hans"):
        assert enquiry.territory_name == "大韩民国"


def test_a_withdrawn_partner_goes_back_among_the_others_with_its_usual_name():
    Country.objects.filter(iso_code="KR").update(name_en="A name not to be seen", published_at_en=None)
    options = listed()
    assert ("KR", "Korea") in options
    assert options.index(("KR", "Korea")) > options.index(("AF", "Afghanistan"))
    assert names_of("KR") == {"Korea"}
    assert dict(listed("zh-hans"))["KR"] == "韩国"


def test_deleting_or_adding_a_partner_leaves_every_country_in_the_list_once():
    whole = {code for code, _name in listed()}
    Country.objects.filter(iso_code="NL").delete()
    now = timezone.now()
    added = {"capital_en": "Paris", "latitude": 48.86, "longitude": 2.35, "published_at_en": now}
    Country.objects.create(iso_code="FR", slug="france", sort_order=1, name_en="France", **added)
    options = listed()
    assert options[4] == ("FR", "France")
    assert options.index(("NL", "Netherlands")) > options.index(("AF", "Afghanistan"))
    assert len(options) == len(whole) == 242
    assert {code for code, _name in options} == whole


def test_without_partners_the_list_is_whole():
    Country.objects.all().delete()
    assert len(listed()) == len(listed("zh-hans")) == 242
    assert names_of("KR") == {"Korea"}


def test_an_enquiry_from_where_nobody_lives_keeps_its_name_at_the_desk():
    enquiry = stored(territory="AQ")
    with override("en"):
        assert enquiry.territory_name == "Antarctica"
    assert "AQ" not in dict(listed())
