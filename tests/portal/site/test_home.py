"""The home page: the doors for both kinds of visitor, and what stands on it."""

import html5lib
import pytest
from django.test import Client

from portal.models import Department, Page
from programs.models import Area, Program

pytestmark = pytest.mark.django_db

LANGUAGES = ["zh-hans", "en"]


def main_of(path):
    """The main element of the page at `path`."""
    response = Client().get(path)
    assert response.status_code == 200, path
    return html5lib.parse(response.content.decode(), namespaceHTMLElements=False).find(".//main")


def doors(language):
    """The links of each door as pairs of address and words."""
    sections = main_of(f"/{language}/").findall(".//section[@class='door']")
    return [[(link.get("href"), link.text) for link in section.iter("a")] for section in sections]


@pytest.mark.parametrize(
    ("language", "needs"),
    [
        ("zh-hans", ["派出或接待教师、学生", "课程与标准", "学分", "报批", "投融资"]),
        ("en", ["Exchange teachers and students", "courses and standards", "credits", "approval", "investment"]),
    ],
)
def test_home_opens_with_the_needs_of_both_sides(language, needs):
    college, abroad = doors(language)
    for need, (_address, words) in zip(needs, college, strict=True):
        assert need in words
    assert abroad[0][0] == f"/{language}/institutions-abroad/"
    for address, _words in college + abroad:
        page, _mark, place = address.partition("#")
        assert page.startswith(f"/{language}/")
        assert not place or main_of(page).find(f".//*[@id='{place}']") is not None, address


def test_a_door_without_needs_is_not_shown():
    Department.objects.update(college_door_en=None)
    assert [links[0][0] for links in doors("en")] == ["/en/institutions-abroad/"]
    assert len(doors("zh-hans")) == 2


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_program_stands_on_home_twice(language):
    main = main_of(f"/{language}/")
    linked = [link.get("href") for link in main.iter("a")]
    for program in Program.objects.all():
        assert linked.count(f"/{language}/programs/{program.slug}/") == 1, program.slug
    assert Program.objects.count() == 11


@pytest.mark.parametrize("language", LANGUAGES)
def test_teacher_and_student_exchange_lead(language):
    linked = [link.get("href").removeprefix(f"/{language}/programs/") for link in main_of(f"/{language}/").iter("a")]
    places = [linked.index(f"{slug}/") for slug in ("teacher-exchange", "student-exchange", "areas/curriculum-reform")]
    # The door names the type of curriculum reform first, so its second link counts.
    places[2] = linked.index("areas/curriculum-reform/", places[1])
    assert places == sorted(places)
    assert not any(f"{program.slug}/" in linked[: places[0]] for program in Program.objects.all())


@pytest.mark.parametrize("language", LANGUAGES)
def test_programs_without_a_type_need_no_types(language):
    Area.objects.update(published_at_zh_hans=None, published_at_en=None)
    linked = [link.get("href") for link in main_of(f"/{language}/").iter("a")]
    assert f"/{language}/programs/teacher-exchange/" in linked
    assert f"/{language}/programs/approval-support/" not in linked


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_for_institutions_abroad_says_what_they_need(language):
    """What the department offers them, its first centre, the partner countries, and how to start."""
    linked = [link.get("href") for link in main_of(f"/{language}/institutions-abroad/").iter("a")]
    for path in (
        "programs/teacher-exchange/",
        "programs/student-exchange/",
        "programs/credit-recognition/",
        "centres/international-exchange/",
        "partners/",
        "contact/",
        "contact/status/",
    ):
        assert f"/{language}/{path}" in linked
    assert "institutions-abroad" in Page.FIXED


@pytest.mark.parametrize(("language", "heading"), [("zh-hans", "咨询流程"), ("en", "How a college starts")])
def test_the_three_steps_are_headed_by_what_they_are(language, heading):
    section = main_of(f"/{language}/").find(".//section[@aria-labelledby='start']")
    assert section.find(".//h2").text == heading
    assert len(section.findall(".//li")) == 3
