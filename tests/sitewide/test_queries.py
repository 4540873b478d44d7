"""
The number of queries of each page: at most ten, and the same with three programs as with three hundred.

They come after the one that reads the version of the content.
"""

import pytest
from django.conf import settings
from django.core.cache import caches
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from partners.models import Country, Institution
from portal.bilingual.parity.models import Parity, State
from portal.models import Centre, Department
from programs.models import Area, Program
from tests.admin_forms import AdminForm
from tests.programs.resources import published, with_file

pytestmark = pytest.mark.django_db

QUERIES = {
    "": 7,
    "about/": 3,
    "institutions-abroad/": 3,
    "privacy/": 3,
    "accessibility/": 3,
    "centres/": 5,
    "centres/international-exchange/": 4,
    "programs/": 8,
    "programs/?area=evaluation&centre=international-exchange": 8,
    "programs/?q=exchange": 9,
    "programs/?country=japan&q=exchange": 9,
    "programs/?country=japan&q=英国留学": 10,
    "programs/overview/": 7,
    "programs/areas/evaluation/": 5,
    "programs/teacher-exchange/": 9,
    "programs/teacher-exchange/?view=pair": 6,
    "programs/approval-support/?have=1": 9,
    "resources/": 7,
    "resources/?kind=form&program=approval-support": 6,
    "partners/": 3,
    "partners/japan/": 7,
    "partners/japan/?view=pair": 6,
    "pages/": 4,
    "terms/": 4,
    "search/": 2,
    "search/?q=exchange": 5,
    "search/?q=课程标准": 6,
    "search/?q=exchange&kind=program&page=2": 5,
    "search/?q=nothing+fits+this": 5,
    "contact/": 5,
    "contact/status/": 2,
    "nothing/": 2,
}


def counted(client, path):
    """Returns the number of queries of a page of which no part was made before."""
    caches["template_fragments"].clear()
    return counted_again(client, path)


def counted_again(client, path):
    """
    Returns the number of queries of a page after that for the version of the content.

    That one must come first: otherwise parts of the page could be kept under a version that is newer than they are.
    """
    with CaptureQueriesContext(connection) as queries:
        client.get(path)
    [version, *others] = ["portal_contentversion" in query["sql"] for query in queries]
    assert version and not any(others)
    return len(others)


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


@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_what_was_made_before_makes_no_query(client, language):
    made = ["", "partners/", "programs/overview/", "search/", "contact/", "contact/status/", "nothing/"]
    paths = [f"/{language}/{path}" for path in made]
    assert all(counted(client, path) for path in paths)
    for path in paths:
        client.get(path)
    # All pages of which the whole content is kept are among them.
    templates = (settings.BASE_DIR / "templates").rglob("*.html")
    kept = [template.name for template in templates if "{% block content %}{% cache" in template.read_text()]
    assert sorted(kept) == ["country_list.html", "home.html", "program_overview.html"]
    assert {path: counted_again(client, path) for path in paths} == dict.fromkeys(paths, 0)


@pytest.fixture
def everything():
    """Three rows of all that the pages of a program and a country can show, published in both languages."""
    now = timezone.now()
    since = {"published_at_zh_hans": now, "published_at_en": now}
    program = Program.objects.get(slug="teacher-exchange")
    japan = Country.objects.get(slug="japan")
    for number in range(3):
        resource = published(slug=f"resource-{number}", kind="form")
        resource.programs.add(program)
        resource.countries.add(japan)
        for language in ("zh-hans", "en"):
            with_file(resource, language=language)
        names = {"name_zh_hans": "名称", "name_en": "Name"}
        program.institutions.add(Institution.objects.create(country=japan, city_en="Tokyo", **names, **since))
        program.certificates.create(country=japan, **names, **since)
        program.materials.create(template=resource, prepared_by="college", **names)
        program.steps.create(text_zh_hans="步骤", text_en="Step")
        answers = {"answer_zh_hans": "<p>答</p>", "answer_en": "<p>Answer</p>"}
        program.questions.create(question_zh_hans="问", question_en="Question", **answers)


@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_a_page_on_which_nothing_is_empty_makes_ten_queries(client, everything, language):
    paths = ["programs/teacher-exchange/", "programs/teacher-exchange/?view=pair", "partners/japan/"]
    assert [counted(client, f"/{language}/{path}") for path in paths] == [10, 6, 10]
    page = client.get(f"/{language}/programs/teacher-exchange/").content.decode()
    for section in ("steps", "materials", "certificates", "resources", "countries", "questions"):
        assert f'id="{section}"' in page


@pytest.mark.parametrize("address", ["programs/teacher-exchange/", "partners/japan/"])
def test_a_page_that_may_say_that_it_is_out_of_step_makes_one_query_more(client, admin_client, address):
    line = "this translation is being checked"
    slug = address.split("/")[1]
    model, name = (Program, "title") if address.startswith("programs/") else (Country, "name")
    row = model.objects.get(slug=slug)
    Department.objects.update(says_out_of_step=True)
    assert line not in client.get(f"/en/{address}").content.decode()
    assert counted(client, f"/en/{address}") == QUERIES[address] + 1
    model.objects.filter(pk=row.pk).update(**{f"{name}_zh_hans": "新题"})
    form = AdminForm(admin_client, reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk]))
    form.data[f"{name}_en"] = ["New title"]
    for button in ("_save_draft", "_confirm"):
        form.submit(button)
        assert line in client.get(f"/en/{address}").content.decode()
        assert counted(client, f"/en/{address}") == QUERIES[address] + 1
        form = AdminForm(admin_client, form.address)
    assert Parity.objects.get(state=State.IN_DRAFT).object_id == row.pk


def test_as_many_with_three_hundred(client, three_hundred_programs):
    found = {path: counted(client, f"/en/{path}") for path in QUERIES}
    assert found == QUERIES
    assert "Page 1 of" in client.get("/en/programs/").content.decode()


def test_as_many_with_three(client):
    Program.objects.exclude(slug__in=["teacher-exchange", "credit-recognition", "approval-support"]).delete()
    assert {path: counted(client, f"/en/{path}") for path in QUERIES} == QUERIES
