"""The form offers the programs by type or, where there are many, leaves the choice to the program's own page."""

import pytest
from bs4 import BeautifulSoup
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from contact.models import Enquiry
from contact.visitor.forms import PROGRAMS_OFFERED
from programs.models import Area, Program
from tests.contact.steps import send

pytestmark = pytest.mark.django_db


@pytest.fixture
def many():
    """Two programs more than the form offers, in both languages; those of the first content are among them."""
    now = timezone.now()
    since = {"published_at_zh_hans": now, "published_at_en": now}
    texts = {"summary_zh_hans": "摘要。", "summary_en": "A summary."}
    Program.objects.bulk_create(
        Program(slug=f"many-{number}", title_zh_hans=f"示例{number}", title_en=f"Example {number}", **texts, **since)
        for number in range(PROGRAMS_OFFERED + 2 - Program.objects.count())
    )


def form(response):
    return BeautifulSoup(response.content, "html.parser").select_one("main")


def options(found):
    """The value of each option of the program, its label, and whether it is chosen."""
    found = found.select("select[name=program] option")
    return [(each["value"], each.text.strip(), each.has_attr("selected")) for each in found]


NOTHING = "Something else, or not decided yet"


@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_few_programs_are_offered_by_type(client, language):
    select = form(client.get(f"/{language}/contact/")).select_one("select[name=program]")
    side = f"title_{language.replace('-', '_')}"
    groups = {group["label"]: [o["value"] for o in group.select("option")] for group in select.select("optgroup")}
    areas = Area.objects.all()
    assert list(groups) == [getattr(area, side) for area in areas]
    for area in areas:
        assert groups[getattr(area, side)] == list(area.programs.values_list("slug", flat=True))
    plain = [option["value"] for option in select.find_all("option", recursive=False)]
    assert plain == ["", "teacher-exchange", "student-exchange"]
    assert "begin on its page" not in form(client.get("/en/contact/")).text


def test_the_number_counts_what_is_published_in_the_language(client, many):
    Program.objects.filter(slug__in=["many-0", "many-1"]).update(published_at_en=None)
    assert form(client.get("/en/contact/")).select("select[name=program]")
    assert not form(client.get("/zh-hans/contact/")).select("[name=program]")


@pytest.mark.parametrize("query", ["", "?program=", "?program=nothing", "?program=%00", "?program=draft"])
def test_of_many_none_is_offered_and_a_sentence_leads_to_them(client, many, query):
    Program.objects.create(slug="draft", title_en="Draft")
    found = form(client.get(f"/en/contact/{query}"))
    assert not found.select("[name=program]")
    assert "To ask about one program, begin on its page." in found.text
    assert found.find("a", href="/en/programs/", string="All programs")


def test_the_program_that_the_visitor_came_from_is_shown_and_can_be_left_out(client, many, answers):
    found = form(client.get("/en/contact/?program=credit-recognition"))
    assert options(found) == [("", NOTHING, False), ("credit-recognition", "Credit recognition", True)]
    send(client, answers, "en")
    send(client, answers, "en", program="")
    send(client, answers, "en", program=None)
    sent = [row.program and row.program.slug for row in Enquiry.objects.order_by("pk")]
    assert sent == ["credit-recognition", None, None]


def test_it_is_kept_in_a_form_that_comes_back(client, many, answers):
    found = form(send(client, answers, "en", person=None))
    assert options(found) == [("", NOTHING, False), ("credit-recognition", "Credit recognition", True)]
    assert options(form(send(client, answers, "en", person=None, program=""))) == []


def test_a_program_that_is_no_longer_offered_is_refused_and_can_be_left_out(client, many, answers):
    Program.objects.filter(slug="credit-recognition").update(published_at_en=None)
    response = send(client, answers, "en")
    found = form(response)
    assert list(response.context["form"].errors) == ["program"]
    assert options(found) == [("", NOTHING, False)]
    [link] = found.select(".error-summary li a")
    assert link.text.startswith("This program is not offered any more")
    assert found.find(id=link["href"].removeprefix("#"))["name"] == "program"
    assert send(client, answers, "en", program="").status_code == 303


def test_no_more_rows_are_read_than_are_offered(client, many, answers):
    with CaptureQueriesContext(connection) as queries:
        client.get("/en/contact/?program=credit-recognition")
    asked = [query["sql"] for query in queries if 'FROM "programs_program"' in query["sql"]]
    assert len(asked) == 2
    assert f"LIMIT {PROGRAMS_OFFERED + 1}" in asked[0] and "'credit-recognition'" in asked[1]
