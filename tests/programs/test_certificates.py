"""The certificates on offer, on the page of their program. Nothing is seen of them until staff fill them in."""

import pytest
from bs4 import BeautifulSoup
from django.core.exceptions import ValidationError
from django.db import IntegrityError
from django.utils import timezone

from partners.models import Country
from programs.models import Certificate, Program

pytestmark = pytest.mark.django_db

PATH = "programs/qualification-certificates/"


def page(client, language="en", query=""):
    response = client.get(f"/{language}/{PATH}{query}")
    assert response.status_code == 200
    return BeautifulSoup(response.content, "html.parser")


def add(**changes):
    now = timezone.now()
    values = {
        "program": Program.objects.get(slug="qualification-certificates"),
        "name_zh_hans": "数控技术证书",
        "name_en": "Certificate in CNC Technology",
        "published_at_zh_hans": now,
        "published_at_en": now,
    }
    return Certificate.objects.create(**values | changes)


def columns(soup):
    return [cell.text for cell in soup.select("[aria-labelledby=certificates] thead th")]


@pytest.fixture
def certificate():
    return add(
        awarding_body_zh_hans="某颁证机构",
        awarding_body_en="An awarding body",
        country=Country.objects.get(slug="germany"),
        level_zh_hans="四级",
        level_en="Level 4",
        validity_zh_hans="五年",
        validity_en="Five years",
    )


@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_a_new_site_shows_nothing_of_certificates(client, language):
    assert not Certificate.objects.exists()
    soup = page(client, language)
    assert not soup.select("#certificates, .record-table")


def test_a_draft_is_not_seen(client):
    add(published_at_en=None)
    assert not page(client).select("#certificates")
    assert "数控技术证书" in page(client, "zh-hans").select_one("[aria-labelledby=certificates]").text
    assert "数控技术证书" not in page(client).select_one("main").text


def test_the_table_has_all_that_is_known_in_the_readers_language(client, certificate):
    soup = page(client)
    assert columns(soup) == ["Certificate", "Awarding body", "Country or region", "Level", "Validity"]
    row = soup.select_one(f"#certificate-{certificate.pk}")
    assert row.th.find(string=True).strip() == "Certificate in CNC Technology"
    assert row.select_one('th .pair[lang="zh-Hans"]').text == "数控技术证书"
    assert [cell.text for cell in row.select("td")] == ["An awarding body", "Germany", "Level 4", "Five years"]
    assert row.a["href"] == "/en/partners/germany/"
    assert certificate.get_absolute_url().endswith(f"/{PATH}#{row['id']}")
    chinese = page(client, "zh-hans").select_one(f"#certificate-{certificate.pk}")
    assert [cell.text for cell in chinese.select("td")] == ["某颁证机构", "德国", "四级", "五年"]


def test_columns_that_no_certificate_fills_are_left_out(client):
    add()
    soup = page(client)
    assert columns(soup) == ["Certificate"]
    assert "None" not in soup.select_one("[aria-labelledby=certificates]").text


def test_a_cell_without_a_value_is_empty(client, certificate):
    add(name_en="Certificate in Logistics", sort_order=200)
    rows = page(client).select("[aria-labelledby=certificates] tbody tr")
    assert [cell.text for cell in rows[1].select("td")] == ["", "", "", ""]


def test_a_country_that_is_not_published_is_not_shown(client, certificate):
    Country.objects.filter(slug="germany").update(published_at_en=None)
    soup = page(client)
    assert "Country or region" not in columns(soup)
    assert "Germany" not in soup.select_one("[aria-labelledby=certificates]").text
    assert page(client, "zh-hans").select_one('#certificates, a[href="/zh-hans/partners/germany/"]')


def test_the_name_in_the_other_language_shows_only_where_it_is_published(client):
    add(published_at_zh_hans=None)
    assert not page(client).select("[aria-labelledby=certificates] th .pair")


def test_certificates_stand_in_the_order_that_staff_give(client, certificate):
    add(name_en="First", sort_order=1)
    names = [cell.find(string=True).strip() for cell in page(client).select("[aria-labelledby=certificates] tbody th")]
    assert names == ["First", "Certificate in CNC Technology"]


def test_a_certificate_shows_on_the_page_of_its_own_program_alone(client, certificate):
    assert "CNC" not in client.get("/en/programs/approval-support/").content.decode()


def test_the_pair_view_sets_certificates_side_by_side(client, certificate):
    add(name_en="Only in English", published_at_zh_hans=None, sort_order=200)
    add(name_en="A draft", published_at_zh_hans=None, published_at_en=None, sort_order=300)
    soup = page(client, query="?view=pair")
    rows = [[cell.get_text("|", strip=True) for cell in row.select(":scope > div")] for row in soup.select(".pair-ol")]
    assert rows == [
        [
            "Certificate in CNC Technology|Awarding body: An awarding body|Country or region: Germany"
            "|Level: Level 4|Validity: Five years",
            "数控技术证书|颁发机构：某颁证机构|国家或地区：德国|等级：四级|有效期：五年",
        ],
        ["Only in English", ""],
    ]


def test_a_published_language_needs_a_name():
    row = add()
    row.name_en = ""
    with pytest.raises(ValidationError) as error:
        row.validate_constraints()
    assert set(error.value.message_dict) == {"name_en"}
    with pytest.raises(IntegrityError):
        Certificate.objects.filter(pk=row.pk).update(name_en="")


@pytest.mark.parametrize("address", ["add/", "{}/change/"])
def test_staff_edit_certificates_in_both_languages(admin_client, certificate, address):
    response = admin_client.get(f"/admin/programs/certificate/{address.format(certificate.pk)}")
    soup = BeautifulSoup(response.content, "html.parser")
    for field in ("name", "awarding_body", "level", "validity"):
        for language in ("zh_hans", "en"):
            assert soup.select(f"[id^=id_{field}_{language}]"), field
