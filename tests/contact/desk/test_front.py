"""The front of the admin: what it shows to each role, that each number is that of its list, and how little it asks."""

from datetime import date, timedelta

import pytest
from bs4 import BeautifulSoup
from django.contrib import admin
from django.contrib.auth.models import Group
from django.contrib.contenttypes.models import ContentType
from django.test import Client
from django.utils import timezone
from post_office.models import STATUS

from contact.desk.daily_report import queue_daily_report
from contact.desk.front import CHANGES_NAMED, PURPOSES
from contact.models import AnswerTemplate, Event, State
from partners.models import Country
from portal import roles
from portal.bilingual.drafts.models import Draft, new_key
from portal.bilingual.freshness import Review
from portal.bilingual.history.models import Action, Change
from portal.bilingual.history.versions import note
from portal.models import Centre, Department, Page, Term, User
from programs.models import Area, Program
from tests.admin_forms import AdminForm
from tests.contact.rows import stored

pytestmark = pytest.mark.django_db

NOTHING = "Nothing waits for you at present."
ENQUIRIES = {"Enquiries"}
TEXTS = {f"{language} texts {state}" for language in ("Chinese", "English") for state in ("out of step", "missing")}
OF_BOTH_LANGUAGES = {"/admin/parity/", "/admin/translations/"}
CHINESE = {name for name in TEXTS if name.startswith("Chinese")}
DRAFTS = {"Could not be published", "Scheduled to be published", "Drafts that are not public yet"}
YOURS, DUE = {"Due for review, yours"}, {"Due for review"}
# The headings that a member of each role finds when something of everything waits. The desk writes templates.
SHOWN = {
    "writer": TEXTS | DRAFTS | YOURS,
    "translator_zh_hans": CHINESE | YOURS | {"Drafts that are not public yet"},
    "translator_en": (TEXTS - CHINESE) | YOURS | {"Drafts that are not public yet"},
    "publisher": TEXTS | DRAFTS | YOURS | DUE,
    "enquiry_desk": ENQUIRIES | {"English texts missing", "Drafts that are not public yet"},
    "head_of_desk": ENQUIRIES | {"English texts missing", "Drafts that are not public yet"},
    "administrator": ENQUIRIES | TEXTS | DRAFTS | YOURS | DUE,
    "superuser": ENQUIRIES | TEXTS | DRAFTS | YOURS | DUE,
    "nobody": set(),
}


def member(role):
    user = User.objects.create_user(role, is_staff=True, language="en", first_name="Ming", last_name="Li")
    user.is_superuser = role == "superuser"
    user.save()
    if role in roles.ROLES:
        user.groups.add(Group.objects.get(name=role))
    client = Client()
    client.force_login(user)
    client.user = user
    return client


def add_draft(row, model=None, scheduled_by=None, refusals=None):
    """Stores a draft of `row`, or of a new row of `model`, which perhaps is scheduled."""
    kind = ContentType.objects.get_for_model(model or row)
    entry = {"value": ["Typed"], "base": None, "by": None, "at": timezone.now().isoformat(), "form": ""}
    draft = Draft.objects.create(
        content_type=kind, object_id=row and row.pk, key="" if row else new_key(), entries={"title_en": entry}
    )
    if scheduled_by:
        draft.schedule(["en"], timezone.now() + timedelta(days=1), scheduled_by)
        draft.scheduled.update(refusals=refusals or {})


def let_everything_wait(user, times=1):
    """Stores `times` rows of everything that may wait for `user` and colleagues."""
    colleague = User.objects.get_or_create(username="colleague", first_name="Wang")[0]
    yesterday, programs = timezone.localdate() - timedelta(days=1), list(Program.objects.order_by("pk"))
    for number in range(times):
        late = {"due_on": yesterday}
        stored(STATUS.failed, owner=user, state=State.IN_PROGRESS)
        stored(**late).log(Event.Kind.WRITTEN)
        answered_since = stored(owner=colleague, state=State.IN_PROGRESS)
        for kind in (Event.Kind.WRITTEN, Event.Kind.ANSWERED):
            answered_since.log(kind)
        for state in (State.ANSWERED, State.SPAM, State.CLOSED):
            stored(STATUS.failed if state == State.SPAM else STATUS.sent, state=state, **late)
        texts = {"title_zh_hans": "示例", "summary_zh_hans": "示例", "body_zh_hans": "<p>示例</p>"}
        Page.objects.create(slug=f"chinese-{number}", **texts)
        Page.objects.create(
            slug=f"english-{number}", title_en="Example", summary_en="Example", body_en="<p>Example</p>"
        )
        template = AnswerTemplate.objects.create(title_zh_hans=f"示例{number}", text_zh_hans="您好")
        add_draft(template)
        add_draft(None, Program)
        add_draft(None, Page, user, {"": ["Refused"]})
        kind = ContentType.objects.get_for_model(Program)
        for place, responsible in enumerate((user, colleague, None)):
            own = programs[(number * 3 + place) % (len(programs) - 2) + 2]
            review = {"responsible": responsible, "due_on": yesterday, "interval_months": 1}
            Review.objects.update_or_create(content_type=kind, object_id=own.pk, defaults=review)
    kind = ContentType.objects.get_for_model(Centre)
    Review.objects.create(content_type=kind, object_id=1, responsible=user, due_on=date(2100, 1, 1))
    for model in (Area, Centre, Country, Program, Term):
        row = model.objects.order_by("pk").first()
        add_draft(row, scheduled_by=user, refusals={"": ["Refused"]} if model is Centre else None)
    note(programs[0], Action.CHECKED, colleague)
    programs[0].title_zh_hans = "新题"
    programs[0].save()
    programs[1].title_en = "New title"
    programs[1].save()


def waiting(client):
    """Returns what the front shows: the headings, and by heading and name the number and the address."""
    page = BeautifulSoup(client.get("/admin/").content, "html.parser")
    found = {}
    for group in page.select(".front-groups section"):
        for link in group.select("a"):
            name, number = link.select_one(".front-name").text, int(link.strong.text)
            found[group.h3.text, name] = number, link["href"]
    return page, found


def test_each_role_finds_what_waits_for_it_and_each_number_is_that_of_its_list(record_property):
    followed = 0
    for role, headings in SHOWN.items():
        client = member(role)
        if role == "writer":
            let_everything_wait(client.user)
        stored(owner=client.user, state=State.IN_PROGRESS)
        Review.objects.filter(responsible__isnull=False).exclude(responsible__username="colleague").update(
            responsible=client.user
        )
        page, found = waiting(client)
        assert {heading for heading, _name in found} == headings, role
        assert page.h1.text == "Hello, Ming Li"
        assert (NOTHING in page.text) == (not headings)
        # The desk writes only templates, and finds these in their list.
        writes = headings & (TEXTS - {"English texts missing"})
        links = {link["href"] for link in page.select(".front-link a")}
        assert (links >= OF_BOTH_LANGUAGES) if writes else not (OF_BOTH_LANGUAGES & links), role
        for (heading, name), (number, address) in found.items():
            response = client.get(address)
            assert response.status_code == 200, address
            shown = response.context["cl"].result_count
            if "draft=" in address or "parity_" in address:
                shown += len(response.context["new_drafts"])
            assert shown == number > 0, (role, heading, name)
            followed += 1
        # All other links lead somewhere too.
        links = {link["href"] for link in page.select(".front a")} - {address for _number, address in found.values()}
        assert {client.get(link).status_code for link in links} <= {200}, role
        followed += len(links)
        if "writer" in role:
            assert found["Drafts that are not public yet", "Programs"][0] == 2
    record_property("links of the front", followed)
    assert followed > 150


def test_the_numbers_of_enquiries_are_those_of_the_visitors_that_wait():
    client = member("enquiry_desk")
    let_everything_wait(client.user)
    _page, found = waiting(client)
    assert {name: number for (heading, name), (number, _address) in found.items() if heading == "Enquiries"} == {
        "Open": 3,
        "Mine, open": 1,
        "Unassigned, open": 1,
        "Overdue": 1,
        "The visitor wrote again": 1,
        "A mail has failed": 1,
    }


def test_the_daily_report_has_the_same_numbers(settings, time_machine):
    time_machine.move_to("2031-03-03T04:00:00Z", tick=False)
    settings.PORTAL_ENQUIRIES_TO = ["one@desk.example"]
    Department.objects.update(staff_language="en")
    client = member("superuser")
    let_everything_wait(client.user)
    _page, found = waiting(client)
    of_all = {key: number for key, (number, _address) in found.items() if not {"yours", "Mine"} & {*words(key)}}
    [mail] = queue_daily_report()
    present = mail.message.partition("\nAt present\n")[2].partition("\nAll enquiries ever received\n")[0]
    heading, reported = "Enquiries", {}
    for line in filter(None, present.splitlines()):
        name, _colon, number = line.partition(": ")
        if not number:
            heading = line
        elif number != "0":
            reported[heading, name] = int(number)
    assert reported.pop(("Enquiries", "Answered, not closed")) == 1
    assert reported == of_all
    assert len(reported) > 12


def words(key):
    return " ".join(key).replace(",", "").split()


def test_it_asks_little_whatever_waits(django_assert_max_num_queries, record_property):
    clients = {role: member(role) for role in SHOWN}
    asked = {}
    for times in (1, 6):
        Draft.objects.all().delete()
        Page.objects.filter(slug__regex="^(chinese|english)-").delete()
        Review.objects.all().delete()
        let_everything_wait(clients["superuser"].user, times)
        for role, client in clients.items():
            client.get("/admin/")
            ContentType.objects.clear_cache()
            with django_assert_max_num_queries(20) as captured:
                assert client.get("/admin/").status_code == 200
            asked[role, times] = len(captured)
    record_property("queries of the front", asked)
    assert all(asked[role, 6] <= asked[role, 1] for role in SHOWN)


def test_a_reason_why_something_is_not_published_names_its_field():
    client = member("publisher")
    program = Program.objects.get(slug="student-exchange")
    step = program.steps.create(text_zh_hans="请先来电", text_en="Call us")
    required = ["This field is required."]
    add_draft(program, scheduled_by=client.user, refusals={"title_en": required, f"steps/{step.pk}/text_en": required})
    page, _found = waiting(client)
    said = " ".join(page.select_one(".planned-drafts li").text.split())
    assert said.endswith(
        "Not published: Title (English): This field is required. "
        "Step “Call us”: What happens (English): This field is required."
    )


def test_it_says_what_colleagues_have_done_today_to_pages_that_one_may_see(time_machine):
    time_machine.move_to("2031-03-03T04:00:00Z", tick=False)
    writer, publisher = member("writer"), member("publisher")
    kept, deleted = Program.objects.get(slug="student-exchange"), Program.objects.get(slug="teacher-exchange")
    note(kept, Action.CHECKED, writer.user)
    publisher.post(f"/admin/programs/program/{deleted.pk}/delete/", {"post": "yes"})
    checked, gone = "12:00 Ming Li: Student exchange Checked", "12:00 Ming Li: Teacher exchange Deleted"
    history, bin_ = f"/admin/programs/program/{kept.pk}/history/", "/admin/programs/program/bin/"
    # The bin is for those who may bring something back, and the desk has nothing to do with programs.
    for client, said, links in (
        (writer, [gone], [bin_]),
        (publisher, [checked], [history]),
        (member("translator_en"), [gone, checked], [history]),
        (member("enquiry_desk"), [], []),
    ):
        page, _found = waiting(client)
        assert [" ".join(change.text.split()) for change in page.select(".front-changes li")] == said
        assert [link["href"] for link in page.select(".front-changes li a")] == links
    time_machine.move_to("2031-03-03T16:00:00Z", tick=False)
    assert not waiting(writer)[0].select(".front-changes")


def test_what_colleagues_have_withdrawn_or_restored_today_is_named_however_much_else_they_did():
    writer, publisher = member("writer"), member("publisher")
    withdrawn, restored, *others = Program.objects.order_by("pk")[:4]
    address = "/admin/programs/program/{}/"
    AdminForm(publisher, address.format(withdrawn.pk) + "change/").submit("_withdraw_en")
    form = AdminForm(publisher, address.format(restored.pk) + "change/")
    form.data["title_en"] = ["Another title"]
    form.submit("_publish")
    first = Change.objects.get(object_id=restored.pk, action=Action.FIRST)
    publisher.post(address.format(restored.pk) + f"history/{first.pk}/", {"_restore": "1"})
    assert len(waiting(writer)[0].select(".front-changes li")) == 3
    for _time in range(CHANGES_NAMED):
        note(others[0], Action.CHECKED, publisher.user)
    section = waiting(writer)[0].select_one(".front-changes")
    said = [change.text for change in section.select("li")]
    assert len(said) == CHANGES_NAMED
    for words in ("Withdrawn: English.", "Put into the draft: the version of"):
        assert [words in each for each in said].count(True) == 1
    assert "Colleagues have done more today" in section.text


def test_every_list_stands_in_a_group_that_says_what_it_is_for(admin_client):
    labels = [label for _name, _purpose, models in PURPOSES for label in models]
    assert sorted(labels) == sorted(model._meta.label_lower for model in admin.site._registry)
    page = BeautifulSoup(admin_client.get("/admin/").content, "html.parser")
    assert len(page.select(".front-lists section > p")) == len(PURPOSES)
    assert len(page.select(".front-lists li > a:first-child")) == len(labels)


def test_staff_without_rights_read_what_to_do():
    page, _found = waiting(member("nobody"))
    assert "An administrator gives you a role." in page.select_one(".front-lists").text
    assert not page.select(".front a")
