"""The number of queries of each page: at most ten, and the same with three programs as with three hundred."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from partners.models import Country
from portal.models import Centre
from programs.models import Area, Program

pytestmark = pytest.mark.django_db

QUERIES = {
    "": 7,
    "about/": 3,
    "institutions-abroad/": 3,
    "privacy/": 3,
    "accessibility/": 3,
    "centres/": 4,
    "centres/international-exchange/": 4,
    "programs/": 8,
    "programs/?area=evaluation&centre=international-exchange": 8,
    "programs/?q=exchange": 9,
    "programs/?country=japan&q=exchange": 10,
    "programs/?country=japan&q=英国留学": 10,
    "programs/overview/": 4,
    "programs/areas/evaluation/": 5,
    "programs/teacher-exchange/": 9,
    "programs/teacher-exchange/?view=pair": 8,
    "programs/approval-support/?have=1": 9,
    "resources/": 5,
    "resources/?kind=form&program=approval-support": 5,
    "partners/": 3,
    "partners/japan/": 7,
    "partners/japan/?view=pair": 6,
    "contact/": 5,
    "contact/status/": 2,
    "nothing/": 2,
}


def counted(client, path):
    with CaptureQueriesContext(
        connection,
    ) as queries:
        client.get(path)
    return len(queries)


@pytest.fixture
def three_hundred_programs():
    now = timezone.now()
    programs = Program.objects.bulk_create(
        Program(
            slug=f"program-{number}",
            area=Area.objects.get(slug="evaluation"),
            title_zh_hans=f"项目{number}",
            title_en=f"Credit program {number}",
            summary_zh_hans="摘要",
            summary_en="Summary",
            published_at_zh_hans=now,
            published_at_en=now,
        )
        for number in range(300)
    )
    for program in programs:
        program.centres.set(Centre.objects.all())
        program.countries.set(Country.objects.all())


@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_queries_page_by_page(client, language):
    found = {path: counted(client, f"/{language}/{path}") for path in QUERIES}
    assert found == QUERIES
    assert max(found.values()) <= 10


def test_as_many_with_three_hundred(client, three_hundred_programs):
    found = {path: counted(client, f"/en/{path}") for path in QUERIES}
    assert found == QUERIES
    assert "Page 1 of" in client.get("/en/programs/").content.decode()


def test_as_many_with_three(client):
    Program.objects.exclude(slug__in=["teacher-exchange", "credit-recognition", "approval-support"]).delete()
    assert {path: counted(client, f"/en/{path}") for path in QUERIES} == QUERIES
