"""The overview lists every published program once, type by type."""

import re

import pytest
from django.utils import timezone

from portal.models import Centre
from programs.models import Area, Program

pytestmark = pytest.mark.django_db


def overview(client, language="en"):
    text = client.get(f"/{language}/programs/overview/").content.decode()
    return text[text.index("<main") : text.index("</main")]


def by_type(text):
    """The slugs of the programs under each heading."""
    parts = [part.partition("</h2>") for part in text.split("<h2")[1:]]
    name = re.compile(r'<a [^>]*>([^<]*)</a>|>([^<]*)<span class="pair"')
    slug = re.compile(r'<h3><a href="/[\w-]+/programs/([\w-]+)/')
    return {"".join(name.search(head).groups("")): slug.findall(rest) for head, _end, rest in parts}


def test_every_program_stands_under_its_type_and_those_of_no_type_lead(client):
    found = by_type(overview(client))
    assert list(found) == ["Exchange and cooperation", *(area.title_en for area in Area.objects.all())]
    assert found["Exchange and cooperation"] == ["teacher-exchange", "student-exchange"]
    assert found["Financing of vocational education"] == ["investment-services", "investment-fund"]
    assert sum(len(slugs) for slugs in found.values()) == Program.objects.count()


@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_each_program_has_both_names_its_summary_and_its_centres(client, language):
    text = overview(client, language)
    side = language.replace("-", "_")
    for program in Program.objects.all():
        entry = text[text.index(f"/programs/{program.slug}/") :].partition("</li>")[0]
        assert program.title_zh_hans in entry
        assert program.title_en in entry
        assert getattr(program, f"summary_{side}") in entry
        assert [centre for centre in program.centres.all() if getattr(centre, f"title_{side}") not in entry] == []


def test_areas_with_the_same_order_are_not_mixed(client):
    Area.objects.update(sort_order=1)
    found = by_type(overview(client))
    assert sum(len(slugs) for slugs in found.values()) == Program.objects.count()
    assert len(found) == 4


def test_what_is_not_published_is_left_out(client):
    Area.objects.filter(slug="financing").update(published_at_en=None)
    Program.objects.filter(slug="teacher-exchange").update(published_at_en=None)
    text = overview(client)
    assert not [name for name in ("investment-fund", "teacher-exchange", "投融资") if name in text]
    assert "investment-fund" in overview(client, "zh-hans")
    Program.objects.update(published_at_en=None)
    assert "No program is published in this language" in overview(client)


@pytest.mark.parametrize(
    ("model", "slug"), [(Program, "investment-fund"), (Area, "financing"), (Centre, "curriculum-reform")]
)
def test_it_bears_the_date_of_the_last_change(client, model, slug):
    for shown in (Program, Area, Centre):
        shown.objects.update(updated_at=timezone.datetime(2026, 10, 1, tzinfo=timezone.get_default_timezone()))
    last = timezone.datetime(2026, 11, 23, 7, tzinfo=timezone.get_default_timezone())
    model.objects.filter(slug=slug).update(updated_at=last)
    assert 'As of <time datetime="2026-11-23">23 November 2026</time>' in overview(client)
    assert '截至<time datetime="2026-11-23">2026年11月23日</time>' in overview(client, "zh-hans")


@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_the_list_of_programs_links_to_it(client, language):
    assert f'<a href="/{language}/programs/overview/">' in client.get(f"/{language}/programs/").content.decode()
