"""The page of a country lists its published programs and institutions."""

import pytest
from django.utils import timezone

from partners.models import Country, Institution

pytestmark = pytest.mark.django_db


@pytest.fixture
def institution():
    now = timezone.now()
    return Institution.objects.create(
        country=Country.objects.get(slug="japan"),
        name_zh_hans="某大学",
        name_en="A university",
        website="https://university.example/",
        published_at_zh_hans=now,
        published_at_en=now,
    )


def test_sections_stand_in_their_order(client, institution):
    text = client.get("/en/partners/japan/").content.decode()
    places = [text.index(f'id="{section}"') for section in ("programs", "institutions", "enquire")]
    assert places == sorted(places)
    assert '<a href="https://university.example/" rel="external">A university</a>' in text
    assert '<span class="pair" lang="zh-Hans">某大学</span>' in text
    assert 'href="/en/contact/?country=japan"' in text


def test_an_institution_is_shown_where_it_is_published(client, institution):
    Institution.objects.update(published_at_en=None)
    assert "A university" not in client.get("/en/partners/japan/").content.decode()
    chinese = client.get("/zh-hans/partners/japan/").content.decode()
    assert "某大学" in chinese
    assert "A university" not in chinese


def test_a_country_without_programs_says_so(client):
    Country.objects.get(slug="japan").programs.clear()
    assert "No program is listed for this country" in client.get("/en/partners/japan/").content.decode()
