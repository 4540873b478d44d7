"""Who looks at a page again, and when: what is due, the button “Still right”, and what visitors see of it."""

from datetime import date

import pytest
from bs4 import BeautifulSoup
from django.contrib.auth.models import Group
from django.test import Client
from django.utils.translation import override

from contact.models import AnswerTemplate
from portal import content_version
from portal.bilingual import freshness
from portal.bilingual.freshness import Review
from portal.bilingual.history.models import Action, Change
from portal.models import Department, Page, User
from programs.models import Industry, Program
from tests.admin_forms import AdminForm

pytestmark = pytest.mark.django_db

FORM = "/admin/programs/program/{}/change/"
REVIEW = "/admin/programs/program/{}/review/"
LIST = "/admin/programs/program/?review={}"


@pytest.fixture(autouse=True)
def today(time_machine):
    time_machine.move_to("2031-03-31T04:00:00Z", tick=False)


@pytest.fixture
def program():
    """It was first published on 31 January, in English."""
    program = Program.objects.get(slug="teacher-exchange")
    times = {"published_at_zh_hans": "2031-02-10T00:00:00Z", "published_at_en": "2031-01-31T00:00:00Z"}
    Program.objects.filter(pk=program.pk).update(**times)
    return program


def member(role):
    user = User.objects.create_user(role, is_staff=True, language="en", first_name=role.title())
    user.groups.add(Group.objects.get(name=role))
    client = Client()
    client.force_login(user)
    client.user = user
    return client


@pytest.fixture
def publisher():
    return member("publisher")


@pytest.fixture
def writer():
    return member("writer")


def said(response):
    page = BeautifulSoup(response.content, "html.parser")
    return [message.text for message in page.select(".messagelist li")]


def listed(client, value):
    return [row.slug for row in client.get(LIST.format(value)).context["cl"].result_list]


def due_on(row):
    return Review.objects.of_rows(type(row), [row.pk]).get().due_on


def bar(client, row):
    """Returns what the bar above the form says of the review, and the names of its buttons."""
    page = AdminForm(client, FORM.format(row.pk)).page
    about = page.select(".publication .review-bar")
    words = " ".join(about[0].text.split()) if about else ""
    return words, [button["name"] for button in page.select("[name=_still_right], [name=_review]")]


def test_a_page_is_due_after_its_interval_until_somebody_says_that_it_is_still_right(
    publisher, writer, client, program, time_machine
):
    # The button keeps what was typed, and leads to the form.
    form = AdminForm(publisher, FORM.format(program.pk))
    form.data["title_en"] = ["Typed"]
    response = form.submit("_review")
    assert response.redirect_chain == [(REVIEW.format(program.pk), 302)]
    response = publisher.post(REVIEW.format(program.pk), {}, follow=True)
    assert said(response) == ["Stored: who reviews this page, and when."]
    settings = {"responsible": writer.user.pk, "interval_months": 1}
    response = publisher.post(REVIEW.format(program.pk), settings, follow=True)
    assert said(response)[0].startswith("Stored: who reviews this page, and when. The next review is due on ")
    assert AdminForm(publisher, form.address).data["title_en"] == ["Typed"]
    # A month after the last day of January.
    assert due_on(program) == date(2031, 2, 28)
    assert (listed(writer, "mine"), listed(writer, "due")) == (["teacher-exchange"], ["teacher-exchange"])
    assert (listed(publisher, "mine"), listed(publisher, "due")) == ([], ["teacher-exchange"])
    assert bar(writer, program) == ("Due for review since 28 February 2031 (Writer) Still right", ["_still_right"])

    form = AdminForm(writer, form.address)
    form.data["_still_right"] = [form.page.select_one("[name=_still_right]")["value"]]
    text = "Noted: this page is still right. The next review is due on "
    assert said(form.submit())[-1].startswith(text)
    assert listed(publisher, "due") == []
    words, buttons = bar(publisher, program)
    assert words.startswith("Next review on 30 April 2031 (Writer) Checked on 31 March 2031 by Writer")
    assert buttons == ["_still_right", "_review"]
    change = Change.objects.of(program).order_by("-pk").first()
    with override("en"):
        assert (change.action, change.by, change.words) == (
            "checked",
            writer.user,
            "Checked: this page is still right.",
        )
    # What was typed is still a draft.
    program.refresh_from_db()
    assert program.title_en == "Teacher exchange"

    # A minute before and after midnight in Beijing.
    for moment, found in (("2031-04-29T15:59:00Z", []), ("2031-04-29T16:01:00Z", ["teacher-exchange"])):
        time_machine.move_to(moment, tick=False)
        writer.force_login(writer.user)
        assert listed(writer, "mine") == found


def test_visitors_see_when_a_page_was_checked_if_the_department_wishes(client, program, admin_user):
    freshness.check(program, admin_user)
    path, said_to_visitors = "/en/programs/teacher-exchange/", '<time datetime="2031-03-31">31 March 2031</time>'
    assert "Checked on" not in client.get(path).content.decode()
    Department.objects.update(says_checked=True)
    assert f"Checked on {said_to_visitors}" in client.get(path).content.decode()
    assert "最近核实：" in client.get(path.replace("en", "zh-hans", 1)).content.decode()
    assert "Checked on" not in client.get("/en/programs/student-exchange/").content.decode()


@pytest.mark.parametrize("change", [{"summary_en": "Published meanwhile."}, {"sort_order": 77}])
def test_what_a_colleague_has_published_meanwhile_is_not_called_right_unseen(writer, program, change):
    form = AdminForm(writer, FORM.format(program.pk))
    form.data["_still_right"] = [form.page.select_one("[name=_still_right]")["value"]]
    Program.objects.filter(pk=program.pk).update(**change)
    assert said(form.submit())[-1].startswith("Not noted: somebody has published something else")
    assert not Review.objects.exists()


@pytest.mark.parametrize("is_shown", [False, True])
def test_finished_pages_stay_when_a_page_is_checked_unless_they_show_that(writer, program, is_shown):
    Department.objects.update(says_checked=is_shown)
    form, before = AdminForm(writer, FORM.format(program.pk)), content_version.read()
    form.data["_still_right"] = ["another"]
    assert said(form.submit())[-1].startswith("Not noted")
    assert content_version.read() == before
    form.data["_still_right"] = [form.page.select_one("[name=_still_right]")["value"]]
    assert said(form.submit())[-1] == "Noted: this page is still right."
    assert (content_version.read() != before) == is_shown


def test_only_what_visitors_see_is_due(publisher, program):
    publisher.post(REVIEW.format(program.pk), {"interval_months": 1})
    for chinese, english, due in (
        ("2031-02-10T00:00:00Z", None, date(2031, 3, 10)),
        (None, None, None),
        (None, "2030-12-15T00:00:00Z", date(2031, 1, 15)),
    ):
        Program.objects.filter(pk=program.pk).update(published_at_zh_hans=chinese, published_at_en=english)
        assert due_on(program) == due
    publisher.post(f"/admin/programs/program/{program.pk}/delete/", {"post": "yes"})
    assert due_on(program) is None
    # It comes back with its review, and is due when it is public again.
    deletion = Change.objects.get(action=Action.DELETED)
    publisher.post(f"/admin/programs/program/bin/{deletion.pk}/")
    assert due_on(program) is None
    Program.objects.filter(pk=program.pk).update(published_at_zh_hans="2031-03-01T00:00:00Z")
    assert due_on(program) == date(2031, 4, 1)


def test_what_has_no_time_of_publication_counts_from_its_first_review(publisher, time_machine):
    publisher.post("/admin/portal/department/1/review/", {"interval_months": 6})
    assert due_on(Department.current()) == date(2031, 9, 30)


def test_publishers_alone_say_who_reviews_and_whoever_may_write_says_that_it_is_right(program):
    may_set = {"writer": False, "translator_en": False, "publisher": True, "enquiry_desk": False}
    may_check = {"writer": True, "translator_en": True, "publisher": True, "enquiry_desk": False}
    for role, expected in may_set.items():
        client = member(role)
        response = client.post(REVIEW.format(program.pk), {"interval_months": 3})
        assert (response.status_code == 302) == expected, role
        assert Review.objects.filter(interval_months=3).exists() == expected, role
        Review.objects.all().delete()
        form = AdminForm(client, FORM.format(program.pk))
        offered = [button["value"] for button in form.page.select("[name=_still_right]")]
        client.post(form.address, {"_still_right": [*offered, "1"][0], "_form": "0" * 32})
        assert Review.objects.filter(checked_by=client.user).exists() == may_check[role], role
        Review.objects.all().delete()


def test_what_no_visitor_sees_is_not_called_right(writer, program):
    form = AdminForm(writer, FORM.format(program.pk))
    form.data["_still_right"] = [form.page.select_one("[name=_still_right]")["value"]]
    Program.objects.filter(pk=program.pk).update(published_at_zh_hans=None, published_at_en=None)
    assert said(form.submit())[-1] == "Not noted: visitors do not see this page."
    assert bar(writer, program) == ("", [])
    assert not Review.objects.exists()


def test_pages_are_reviewed_and_what_belongs_to_them_or_to_the_desk_is_not(publisher):
    assert len(freshness.kinds()) >= 9
    assert {Program, Page, Department} <= {*freshness.kinds()}
    assert not {AnswerTemplate, Industry} & {*freshness.kinds()}
    assert publisher.get("/admin/programs/industry/1/review/").status_code in (302, 404)


def test_only_who_can_open_a_page_is_offered_for_it(publisher, program):
    for name, role in (("desk", "enquiry_desk"), ("reader", "translator_en")):
        User.objects.create_user(name, is_staff=True).groups.add(Group.objects.get(name=role))
    page = publisher.get(f"/admin/programs/program/{program.pk}/review/")
    offered = {option.text for option in BeautifulSoup(page.content, "html.parser").select("#id_responsible option")}
    assert "reader" in offered and "desk" not in offered
