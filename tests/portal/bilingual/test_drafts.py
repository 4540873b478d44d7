"""What several people type in the form of one page, and what becomes of it when it is published."""

import json
import os
from datetime import date, timedelta
from io import BytesIO
from itertools import count
from urllib.parse import parse_qs, urlsplit

import pytest
from bs4 import BeautifulSoup
from django.contrib import admin
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.core.files.storage import storages
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import IntegrityError, transaction
from django.forms import DateField
from django.test import Client
from django.utils import timezone
from django.utils.translation import override
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test
from PIL import Image

from partners.models import Country
from portal.bilingual.drafts.admin import DraftAdmin
from portal.bilingual.drafts.models import Draft, ScheduledPublication, files_in_drafts
from portal.bilingual.editing import BilingualAdmin
from portal.bilingual.history.models import Change
from portal.draft_chores import publish_due
from portal.models import Page, Term, User
from programs.models import Area, Certificate, Program
from tests.admin_forms import AdminForm

pytestmark = pytest.mark.django_db

EXAMPLES = int(os.environ.get("EXAMPLES", "10"))
FIELDS = ["title_zh_hans", "title_en", "summary_zh_hans", "summary_en", "sort_order"]
TEXTS = ["text_zh_hans", "text_en"]
SIDES = {"zh-hans": "_zh_hans", "en": "_en"}
WORDS = st.sampled_from(["甲", "乙", "丙", "A", "B", "C"])
WHO = st.integers(0, 1)
NUMBER = st.integers(0, 5)
CLOCK = count(1)


class Row:
    """The page or a step in the plain model: what visitors see, or None, what was typed over it, and rivals of that."""

    def __init__(self, public=None, typed=(), begun=0):
        self.public, self.typed, self.rivals = public, dict(typed), {}
        # Who typed the values, and those of the rivals.
        self.by, self.rivals_by = {}, {}
        # New ones are in the order in which they were begun: the empty row of a form with it, others when it is sent.
        self.begun = begun

    def value(self, name):
        return self.typed.get(name, (self.public or {}).get(name, ""))

    def values(self, names):
        return {name: self.value(name) for name in names}

    def type(self, name, value, who):
        self.typed[name], self.by[name] = value, who
        self.settle()

    def rival(self, name, value, who):
        if value not in (rivals := self.rivals.setdefault(name, [])):
            rivals.append(value)
            self.rivals_by.setdefault(name, []).append(who)

    def settle(self):
        """Forgets what is public anyway."""
        if self.public is not None:
            kept = {
                name: it for name, it in self.typed.items() if it != self.public.get(name, "") or name in self.rivals
            }
            self.typed = kept


class Opened:
    """A form that somebody has opened: the rows, what it showed of them, and what was typed since."""

    def __init__(self, page, rows):
        self.shown = {row: row.values([*TEXTS, "DELETE"]) for row in rows} | {page: page.values(FIELDS)}
        self.typed = {row: dict(values) for row, values in self.shown.items()}
        self.rows = list(rows)
        # The empty row that a form has.
        self.blank = Row(begun=next(CLOCK))

    def changed(self, row):
        return {name: it for name, it in self.typed[row].items() if it != self.shown.get(row, {}).get(name)}


class TwoPeople(RuleBasedStateMachine):
    """Two people open, type, save, publish, schedule and discard at random. A plain model says what must come of it."""

    @initialize()
    def begin(self):
        self.transaction = transaction.atomic()
        self.transaction.__enter__()
        self.program = Program.objects.get(slug="teacher-exchange")
        self.program.steps.all().delete()
        for number in range(2):
            self.program.steps.create(text_zh_hans=f"步{number}", text_en=f"Step {number}")
        self.address = f"/admin/programs/program/{self.program.pk}/change/"
        self.clients = [Client(), Client()]
        for number, client in enumerate(self.clients):
            client.force_login(User.objects.create_superuser(f"staff-{number}", language="en"))
        # By language, the values by row that are scheduled.
        self.scheduled = {}
        self.page = Row({name: str(getattr(self.program, name)) for name in FIELDS})
        self.rows = [Row(texts_of(step)) for step in self.program.steps.all()]
        self.forms, self.models = [None, None], [None, None]
        self.open(0)
        self.open(1)

    def teardown(self):
        if hasattr(self, "transaction"):
            transaction.set_rollback(True)
            self.transaction.__exit__(None, None, None)

    @rule(who=WHO)
    def open(self, who):
        self.forms[who] = AdminForm(self.clients[who], self.address)
        self.models[who] = Opened(self.page, self.rows)
        self.compare(self.forms[who])

    @rule(who=WHO, name=st.sampled_from(FIELDS), word=WORDS)
    def type(self, who, name, word):
        word = str(ord(word) % 5) if name == "sort_order" else word
        self.forms[who].data[name] = [word]
        self.models[who].typed[self.page][name] = word

    @rule(who=WHO, number=NUMBER, name=st.sampled_from(TEXTS), word=WORDS)
    def type_in_a_row(self, who, number, name, word):
        if rows := self.models[who].rows:
            number %= len(rows)
            self.forms[who].data[f"steps-{number}-{name}"] = [word]
            self.models[who].typed[rows[number]][name] = word

    @rule(who=WHO, chinese=WORDS | st.just(""), english=WORDS | st.just(""))
    def add_a_row(self, who, chinese, english):
        if chinese or english:
            self.forms[who].add_row("steps", text_zh_hans=chinese, text_en=english)
            opened = self.models[who]
            row, opened.blank = opened.blank or Row(begun=None), None
            opened.typed[row] = {"text_zh_hans": chinese, "text_en": english, "DELETE": ""}
            opened.rows.append(row)

    @rule(who=WHO, number=NUMBER, ticked=st.booleans())
    def tick_to_remove(self, who, number, ticked):
        if rows := self.models[who].rows:
            number %= len(rows)
            self.forms[who].data[f"steps-{number}-DELETE"] = ["on"] if ticked else []
            self.models[who].typed[rows[number]]["DELETE"] = "on" if ticked else ""

    @rule(who=WHO, button=st.sampled_from(["_save_draft", "_publish", "_publish_zh-hans", "_publish_en", "_discard"]))
    def submit(self, who, button):
        self.forms[who].submit(button)
        rivals = self.merge(self.models[who], who)
        if button == "_discard" and not rivals:
            self.scheduled = {}
            self.page.typed, self.page.rivals, self.page.by, self.page.rivals_by = {}, {}, {}, {}
            self.rows = [row for row in self.rows if row.public is not None]
            for row in self.rows:
                row.typed, row.rivals, row.by, row.rivals_by = {}, {}, {}, {}
        elif button.startswith("_publish") and not rivals:
            languages = [language for language in SIDES if button in ("_publish", f"_publish_{language}")]
            ready = self.ready(languages)
            if not self.is_blocked(ready) and not self.is_unseen(ready, self.models[who]):
                self.publish(
                    {row: {name: row.typed[name] for name in names} for row, names in ready.items()}, languages
                )
        self.open(who)

    @rule(who=WHO, languages=st.sampled_from([["zh-hans"], ["en"], ["zh-hans", "en"]]))
    def schedule(self, who, languages):
        self.forms[who].data |= {"_publish_at": ["2099-01-01T08:00"], "_publish_languages": languages}
        self.forms[who].submit("_schedule")
        rivals = self.merge(self.models[who], who)
        ready = self.ready(languages)
        if not rivals and not self.is_blocked(ready) and not self.is_unseen(ready, self.models[who]):
            for language in languages:
                self.scheduled[language] = {row: row.values(names) for row, names in self.ready([language]).items()}
        self.open(who)

    @rule()
    def let_time_pass(self):
        ScheduledPublication.objects.update(at="2020-01-01T00:00Z")
        publish_due()
        for language in list(self.scheduled):
            # What was scheduled first is published first. Of what is public already nothing is left to do.
            found = {
                row: {
                    name: it
                    for name, it in values.items()
                    if (row.public or {}).get(name) != it
                    and not (name == "DELETE" and it and (row.value(name) != it or name in row.rivals))
                }
                for row, values in self.scheduled[language].items()
            }
            self.publish(found, [language], is_scheduled=True)

    def all_rows(self):
        return [self.page, *self.rows]

    @rule(who=WHO, take=st.booleans())
    def choose(self, who, take):
        """Decides all rivalries in one way."""
        form = AdminForm(self.clients[who], self.address)
        for path, entry in (
            Draft.objects.values_list("entries", flat=True).first().items() if Draft.objects.exists() else ()
        ):
            if "rivals" in entry:
                form.data[f"_choose:{path}"] = [choices(form, path)[-1 if take else 0]]
        form.submit()
        for row in self.all_rows():
            if take:
                row.typed |= {name: values[-1] for name, values in row.rivals.items()}
                row.by |= {name: by[-1] for name, by in row.rivals_by.items()}
            row.rivals, row.rivals_by = {}, {}
            row.settle()
        self.open(who)

    def merge(self, opened, who) -> bool:
        """Does in the plain model what saving does. Returns whether there are rivals."""
        found = False
        rows = [self.page, *opened.rows]
        for row in rows:
            mine = opened.changed(row)
            shown, typed = opened.shown.get(row), opened.typed[row]
            is_there = row is self.page or row in self.rows
            if shown is None:
                if typed["DELETE"] != "on":
                    row.typed, row.by = {name: typed[name] for name in TEXTS}, dict.fromkeys(TEXTS, who)
                    if row.begun is None:
                        row.begun = next(CLOCK)
                    self.rows.append(row)
                continue
            if not is_there:
                if mine and typed["DELETE"] != "on":
                    self.rows.append(Row(typed={name: typed[name] for name in TEXTS}, begun=next(CLOCK)))
                    self.rows[-1].by = dict.fromkeys(TEXTS, who)
                    found = True
                continue
            others = {name for name, value in shown.items() if row.value(name) != value}
            if row.public is None and typed["DELETE"] == "on":
                if not others:
                    self.rows.remove(row)
                continue
            mine = {name: value for name, value in mine.items() if row.value(name) != value}
            is_removed = "DELETE" in others and row.value("DELETE") == "on"
            for name, value in mine.items():
                is_contested = name in row.rivals and row.by.get(name) != who
                if name in others or is_contested or (name == "DELETE" and value == "on" and others):
                    row.rival(name, value, who)
                    found = True
                else:
                    row.type(name, value, who)
                if is_removed and name != "DELETE":
                    row.rival("DELETE", "", who)
                    found = True
        self.rows.sort(key=lambda row: row.begun if row.public is None else 0)
        return found

    def ready(self, languages):
        """Returns the names of what is to be published, by row."""
        sides = [SIDES[language] for language in languages]

        def is_of(name):
            return not name.endswith(tuple(SIDES.values())) or name.endswith(tuple(sides))

        ready = {}
        for row in self.all_rows():
            names = [name for name in row.typed if is_of(name)]
            if row.public is None and not any(row.typed[name] for name in names):
                continue
            ready[row] = names
        return ready

    def is_blocked(self, ready):
        return any(name in row.rivals for row, names in ready.items() for name in names)

    def is_unseen(self, ready, opened):
        """Whether something of it is not what the form shows."""
        shown = (
            (opened.typed.get(row, {}).get(name), row.typed[name]) for row, names in ready.items() for name in names
        )
        return any(mine != typed for mine, typed in shown)

    def publish(self, ready, languages, is_scheduled=False):
        """Publishes values by row. What is typed over them by now stays typed."""
        for language in languages:
            self.scheduled.pop(language, None)
        stored = [row for row in self.rows if row.public is not None]
        for row, values in ready.items():
            shown = row.values(values) if row in self.all_rows() else {"DELETE": "on"}
            if row.public is None:
                row.public = dict.fromkeys(TEXTS, "")
                stored.append(row)
            row.public |= values
            row.by = {name: by for name, by in row.by.items() if name in row.typed and name in row.rivals}
            row.typed |= shown
            row.settle()
        gone = [row for row in stored if row.public.get("DELETE") == "on"]
        self.rows = [row for row in stored if row not in gone] + [row for row in self.rows if row.public is None]
        for language, scheduled in self.scheduled.items():
            self.scheduled[language] = {
                row: {
                    name: it
                    for name, it in values.items()
                    if name not in ready.get(row, {}) or (is_scheduled and ready[row][name] != it)
                }
                for row, values in scheduled.items()
                if row not in gone
            }

    def compare(self, form):
        """Compares what visitors see, and what an opened form shows, with the plain model."""
        program = Program.objects.get(pk=self.program.pk)
        assert {name: str(getattr(program, name)) for name in FIELDS} == self.page.public
        public = [{name: row.public[name] for name in TEXTS} for row in self.rows if row.public is not None]
        assert [texts_of(step) for step in program.steps.all()] == public
        assert {name: form.data[name][0] for name in FIELDS} == self.page.values(FIELDS)
        shown = [{name: form.data[f"steps-{n}-{name}"][0] for name in TEXTS} for n in form.rows("steps").values()]
        assert shown == [row.values(TEXTS) for row in self.rows]
        draft = Draft.objects.first()
        entries = draft.entries.values() if draft else []
        rivals = [[rival["value"] for rival in entry["rivals"]] for entry in entries if "rivals" in entry]
        found = [values for row in self.all_rows() for values in row.rivals.values()]
        assert sorted(rivals) == sorted([[[it] if it else [] for it in values] for values in found])
        languages = ScheduledPublication.objects.values_list("language", flat=True)
        assert sorted(languages) == sorted(self.scheduled)


def texts_of(step):
    return {name: getattr(step, name) or "" for name in TEXTS}


def test_after_random_work_of_two_people_everything_is_where_a_plain_model_says():
    run_state_machine_as_test(
        TwoPeople, settings=settings(max_examples=EXAMPLES, stateful_step_count=15, deadline=None)
    )


DISCARDED = "The draft is discarded. What is public stays as it is."
ADDRESS = "/admin/programs/program/{}/change/"


@pytest.fixture
def program():
    return Program.objects.get(slug="teacher-exchange")


@pytest.fixture
def staff(admin_client):
    admin_client.cookies["django_language"] = "en"
    return admin_client


def colleague(name="colleague"):
    client = Client()
    client.cookies["django_language"] = "en"
    client.force_login(User.objects.create_superuser(name, first_name="Li", last_name="Ming"))
    return client


def choices(form, path):
    """Returns what each radio button for the field at `path` posts."""
    return [radio["value"] for radio in form.page.find_all("input", {"name": f"_choose:{path}"})]


def said(response):
    return [str(message) for message in response.context["messages"]]


def test_a_draft_is_seen_by_staff_and_not_by_visitors(staff, client, program):
    form = AdminForm(staff, ADDRESS.format(program.pk))
    form.data["title_en"] = ["Typed"]
    assert said(form.submit()) == ["The draft is saved. Visitors do not see it yet."]
    assert AdminForm(staff, form.address).data["title_en"] == ["Typed"]
    assert b"Typed" not in client.get("/en/programs/teacher-exchange/").content
    bar = AdminForm(staff, form.address).page.select_one(".publication-bar")
    assert [state.strong is not None for state in bar.select("dd")] == [False, True]


def test_a_form_that_is_saved_as_it_was_opened_leaves_no_draft(staff):
    models = [model for model, own in admin.site._registry.items() if isinstance(own, BilingualAdmin)]
    addresses = [
        f"/admin/{row._meta.app_label}/{row._meta.model_name}/{row.pk}/change/"
        for row in (model.objects.first() for model in models)
        if row
    ]
    for address in addresses:
        AdminForm(staff, address).submit()
        assert not Draft.objects.exists(), address
    assert len(addresses) >= 8


def test_one_language_is_published_alone(staff, client, program):
    form = AdminForm(staff, ADDRESS.format(program.pk))
    form.data |= {"title_en": ["Typed"], "title_zh_hans": ["新题"], "sort_order": ["7"]}
    text = "Published: English. Visitors see it now. This changes in both languages: Order."
    assert said(form.submit("_publish_en")) == [text]
    program.refresh_from_db()
    assert (program.title_en, program.title_zh_hans, program.sort_order) == ("Typed", "教师交流", 7)
    assert list(Draft.objects.get().entries) == ["title_zh_hans"]
    AdminForm(staff, form.address).submit("_publish_zh-hans")
    program.refresh_from_db()
    assert program.title_zh_hans == "新题"
    assert not Draft.objects.filter(entries__has_key="title_zh_hans").exists()


def test_what_is_not_right_is_not_published_and_stays_typed(staff, program):
    form = AdminForm(staff, ADDRESS.format(program.pk))
    form.add_row("steps", text_en="A step", sort_order="many")
    form.data |= {"title_en": [""], "summary_en": ["Typed"]}
    page = form.submit("_publish")
    assert said(page) == ["Not published: please see the marked fields."]
    again = AdminForm(staff, form.address)
    assert len(again.page.select(".errorlist")) == 2
    assert (again.data["summary_en"], again.data["title_en"]) == (["Typed"], [""])
    program.refresh_from_db()
    assert program.summary_en != "Typed"
    # It is so until something else is typed.
    again.submit()
    again = AdminForm(staff, form.address)
    assert len(again.page.select(".errorlist")) == 2
    again.data["summary_en"] = ["Typed again"]
    again.submit()
    assert not AdminForm(staff, form.address).page.select(".errorlist")


def test_the_form_says_when_its_draft_was_kept(staff, program, time_machine):
    def status(form):
        return form.page.select_one(".publication-bar [role=status]").text

    time_machine.move_to("2031-05-04T06:05:00Z", tick=False)
    staff.force_login(User.objects.get())
    form = AdminForm(staff, ADDRESS.format(program.pk))
    assert status(form) == ""
    form.data["title_en"] = ["Typed"]
    staff.post(form.address, form.data | {"_keep": "typing"})
    assert status(AdminForm(staff, form.address)) == "Draft kept at 14:05"
    time_machine.move_to("2031-05-04T16:00:00Z", tick=False)
    form = AdminForm(staff, form.address)
    assert status(form) == "Draft kept at 4 May 2031, 14:05"
    form.submit("_publish")
    assert status(AdminForm(staff, form.address)) == ""


def test_two_people_who_change_different_fields_are_both_kept(staff, program):
    one, other = (AdminForm(client, ADDRESS.format(program.pk)) for client in (staff, colleague()))
    one.data["summary_zh_hans"] = ["中文由一人写"]
    other.data["summary_en"] = ["English by another"]
    one.submit()
    assert said(other.submit()) == ["The draft is saved. Visitors do not see it yet."]
    data = AdminForm(staff, one.address).data
    assert (data["summary_zh_hans"], data["summary_en"]) == (["中文由一人写"], ["English by another"])


@pytest.mark.parametrize("button", ["_publish", "_schedule"])
def test_what_a_colleague_has_typed_meanwhile_is_looked_at_before_it_is_published(staff, client, program, button):
    one, other = (AdminForm(sender, ADDRESS.format(program.pk)) for sender in (staff, colleague()))
    other.data["summary_en"] = ["Half a sen"]
    other.submit()
    one.data |= {"title_en": ["Typed"], "_publish_at": ["2099-01-01T08:00"], "_publish_languages": ["zh-hans", "en"]}
    page = one.submit(button)
    assert said(page)[0].endswith("please see the marked fields.")
    assert [place for _label, place, _texts in page.context["faults"]] == ["id_summary_en"]
    assert "Half a sen" not in client.get("/en/programs/teacher-exchange/").content.decode()
    # The other language does not wait for it.
    page = AdminForm(staff, one.address).submit("_publish_zh-hans")
    assert said(page) == ["Published: Chinese. Visitors see it now."]
    AdminForm(staff, one.address).submit("_publish")
    assert "Half a sen" in client.get("/en/programs/teacher-exchange/").content.decode()


def test_two_people_who_change_one_field_choose(staff, program):
    one, other = (AdminForm(client, ADDRESS.format(program.pk)) for client in (staff, colleague()))
    one.data["summary_zh_hans"] = ["派出教师一年"]
    other.data["summary_zh_hans"] = ["派出教师两年"]
    one.submit()
    page = other.submit("_publish")
    assert said(page) == ["Somebody else has changed the same fields. Both versions are kept: choose one below."]
    [rivalry] = AdminForm(staff, one.address).page.select(".rivalries fieldset")
    assert rivalry.legend.text == "Summary (Chinese)"
    assert "Li Ming" in rivalry.text
    assert [mark.text for mark in rivalry.select("del, ins")] == ["一", "两"]
    refused = AdminForm(staff, one.address).submit("_publish")
    assert said(refused) == ["Not published: please see the marked fields."]
    form = AdminForm(staff, one.address)
    form.data["_choose:summary_zh_hans"] = choices(form, "summary_zh_hans")[1:]
    assert said(form.submit("_publish")) == ["Published: Chinese and English. Visitors see it now."]
    program.refresh_from_db()
    assert program.summary_zh_hans == "派出教师两年"


def test_who_types_over_a_contested_text_adds_one_more(staff, program):
    one, other = (AdminForm(client, ADDRESS.format(program.pk)) for client in (staff, colleague()))
    for form, text in ((one, "By one"), (other, "By another")):
        form.data["summary_en"] = [text]
        form.submit()
    other = AdminForm(other.client, other.address)
    other.data |= {"summary_en": ["By another, later"], "_choose:summary_en": choices(other, "summary_en")[1:]}
    # Who chooses one and types another has to choose again.
    assert said(other.submit("_publish"))[0].startswith("Somebody else has changed the same fields.")
    form = AdminForm(staff, one.address)
    assert [text.text for text in form.page.select(".rival-text")] == ["By another", "By another, later"]
    form.data["summary_en"] = ["By one, again"]
    form.submit()
    shown = [text.text for text in AdminForm(staff, one.address).page.select(".rival-text")]
    assert shown == ["By another", "By another, later", "By one, again"]


def test_what_a_colleague_has_set_back_is_not_set_again_unseen(staff, program):
    """The form in which it was typed may be open still, and sends it again."""
    before, form = program.title_en, AdminForm(staff, ADDRESS.format(program.pk))
    form.data["title_en"] = ["Typed"]
    form.submit()
    other = AdminForm(colleague(), form.address)
    other.data["title_en"] = [before]
    other.submit()
    assert not Draft.objects.get().entries
    form.data["summary_en"] = ["Typed too"]
    assert said(form.submit("_publish"))[0].startswith("Somebody else has changed the same fields.")
    again = AdminForm(staff, form.address)
    assert (again.data["title_en"], again.data["summary_en"]) == ([before], ["Typed too"])
    assert len(choices(again, "title_en")) == 2
    again.data["_choose:title_en"] = [choices(again, "title_en")[0]]
    assert said(again.submit("_publish"))[0].startswith("Published")
    program.refresh_from_db()
    assert (program.title_en, program.summary_en) == (before, "Typed too")


def test_texts_that_differ_only_in_a_link_are_said_to(staff, program):
    forms = [AdminForm(client, ADDRESS.format(program.pk)) for client in (staff, colleague())]
    for form, link, title in zip(forms, "ab", "AB", strict=True):
        form.data |= {"body_en": [f'<p><a href="https://{link}.example/">Here</a></p>'], "title_en": [title]}
        form.submit()
    rivalries = AdminForm(staff, forms[0].address).page.select(".rivalries fieldset")
    said_to_be_alike = {each.legend.text: "Only links or formatting differ." in each.text for each in rivalries}
    assert said_to_be_alike == {"Title (English)": False, "Text (English)": True}


def test_three_people_who_change_one_field_choose_among_what_they_have_seen(staff, program):
    forms = [AdminForm(client, ADDRESS.format(program.pk)) for client in (staff, colleague(), colleague("third"))]
    for form, text in zip(forms[:2], ["One", "Two"], strict=True):
        form.data["summary_en"] = [text]
        form.submit()
    form = AdminForm(staff, forms[0].address)
    assert len(choices(form, "summary_en")) == 2
    form.data["_choose:summary_en"] = choices(form, "summary_en")[:1]
    # A script keeps every stroke of the third one. That is one text.
    for text in ("Th", "Three"):
        forms[2].data["summary_en"] = [text]
        forms[2].submit("_keep")
    for button in ("_keep", "_publish"):
        form.submit(button)
        opened = AdminForm(staff, form.address)
        assert [text.text for text in opened.page.select(".rival-text")] == ["One", "Two", "Three"]
    opened.data["_choose:summary_en"] = choices(opened, "summary_en")[2:]
    assert said(opened.submit("_publish")) == ["Published: Chinese and English. Visitors see it now."]
    program.refresh_from_db()
    assert program.summary_en == "Three"


def test_the_files_of_rivals_are_kept(staff):
    one, other = (AdminForm(client, "/admin/portal/department/1/change/") for client in (staff, colleague()))
    for form, name in ((one, "one.png"), (other, "other.png")):
        image = BytesIO()
        Image.new("RGB", (200, 200)).save(image, "PNG")
        form.data["wechat_code"] = SimpleUploadedFile(name, image.getvalue())
        form.submit()
    [entry] = Draft.objects.get().entries.values()
    files = {side["value"]["file"] for side in [entry, *entry["rivals"]]}
    assert ({*files_in_drafts()}, len(files)) == (files, 2)
    form = AdminForm(staff, one.address)
    form.data["_choose:wechat_code"] = choices(form, "wechat_code")[1:]
    assert said(form.submit("_publish")) == ["Published: Chinese and English. Visitors see it now."]


@pytest.mark.parametrize("way", ["button", "list", "schedule"])
def test_what_was_changed_by_another_way_than_the_draft_is_not_overwritten_without_a_question(staff, program, way):
    form = AdminForm(staff, ADDRESS.format(program.pk))
    form.data["title_en"] = ["In the draft"]
    form.submit()
    form = AdminForm(staff, form.address)
    Program.objects.filter(pk=program.pk).update(title_en="By another way")
    if way == "button":
        assert said(form.submit("_publish")) == ["Not published: please see the marked fields."]
    elif way == "list":
        staff.post("/admin/programs/program/", {"_selected_action": [program.pk], "action": "publish_en"})
    else:
        user = User.objects.get()
        Draft.objects.get().schedule(["en"], timezone.now(), user)
        publish_due()
    program.refresh_from_db()
    assert program.title_en == "By another way"
    form = AdminForm(staff, form.address)
    assert [text.text for text in form.page.select(".rival-text")] == ["In the draft", "By another way"]
    form.data["_choose:title_en"] = choices(form, "title_en")[way == "list" :][:1]
    assert said(form.submit("_publish")) == ["Published: Chinese and English. Visitors see it now."]
    program.refresh_from_db()
    assert program.title_en == ("By another way" if way == "list" else "In the draft")


def submit_before(monkeypatch, method, form, button):
    """Lets `form` be submitted once, right before a `method` of DraftAdmin is called for another request."""
    real = getattr(DraftAdmin, method)

    def submit_and_call(*args, **kwargs):
        monkeypatch.setattr(DraftAdmin, method, real)
        form.submit(button)
        return real(*args, **kwargs)

    monkeypatch.setattr(DraftAdmin, method, submit_and_call)


@pytest.mark.parametrize("moment", ["before", "find_draft", "publish"])
def test_two_people_who_publish_a_new_page_publish_one(staff, monkeypatch, moment):
    first = AdminForm(staff, "/admin/portal/term/add/")
    first.data |= {"name_en": ["A term"], "name_zh_hans": ["词"]}
    address = first.submit().redirect_chain[-1][0]
    one, other = (AdminForm(client, address) for client in (staff, colleague()))
    one.data["name_en"], other.data["note_en"] = ["Term by one"], ["Note by another"]
    if moment == "before":
        one.submit("_publish")
    else:
        submit_before(monkeypatch, moment, one, "_publish")
    other.submit("_publish")
    if moment == "publish":
        # Neither had seen what the other one typed.
        AdminForm(staff, address).submit("_publish")
    [term] = Term.objects.filter(name_zh_hans="词")
    assert (term.name_en, term.note_en) == ("Term by one", "Note by another")
    [draft] = Draft.objects.all()
    assert (draft.entries, draft.object_id) == ({}, term.pk)
    assert staff.get(address)["Location"] == draft.address
    published = AdminForm(staff, draft.address)
    assert said(published.submit()) == ["The form says what is stored, so there is no draft."]
    assert published.page.select("[name=_discard]") == []
    # The page is deleted before a form that was opened long ago is sent.
    term.delete()
    first.data["note_en"] = ["Typed"]
    first.submit()
    assert [draft.object_id for draft in Draft.objects.all()] == [None]


@pytest.mark.parametrize("moment", ["find_draft", "publish", "withdraw_row", "publish_row"])
def test_what_is_published_while_somebody_else_publishes_or_withdraws_stays(staff, program, monkeypatch, moment):
    one, other = (AdminForm(client, ADDRESS.format(program.pk)) for client in (staff, colleague()))
    one.data["title_zh_hans"], other.data["summary_en"] = ["一人的标题"], ["Summary by another"]
    submit_before(monkeypatch, moment, one, "_publish_zh-hans")
    if moment == "publish_row":
        # One publishes from a list, the rows of which are as old as the request.
        chosen = {"_selected_action": [program.pk], "action": "publish_en"}
        other.client.post("/admin/programs/program/", chosen)
    else:
        other.submit("_withdraw_en" if moment == "withdraw_row" else "_publish")
    program.refresh_from_db()
    assert program.title_zh_hans == "一人的标题"
    assert (program.summary_en == "Summary by another") == (moment in ("find_draft", "publish"))
    assert (program.published_at_en is None) == (moment == "withdraw_row")


def test_two_tabs_of_one_person_are_two_forms(staff, program):
    one, other = (AdminForm(staff, ADDRESS.format(program.pk)) for _tab in range(2))
    one.data["title_en"] = ["In the first tab"]
    other.data["title_en"] = ["In the second tab"]
    one.submit()
    other.submit()
    assert AdminForm(staff, one.address).page.select(".rivalries fieldset")
    # What a form has kept itself, while somebody was typing, is no rival.
    form = AdminForm(staff, ADDRESS.format(program.pk))
    for text in ("Typed", "Typed more"):
        form.data["summary_en"] = [text]
        form.submit("_keep")
    assert Draft.objects.get().entries["summary_en"]["value"] == ["Typed more"]
    assert "rivals" not in Draft.objects.get().entries["summary_en"]


def test_rows_are_added_put_in_order_and_deleted_without_a_script(staff, program):
    program.steps.all().delete()
    for text in ("First", "Second"):
        program.steps.create(text_en=text, sort_order=107)
    form = AdminForm(staff, ADDRESS.format(program.pk))
    # One empty row is there to be filled. It comes after the others.
    assert form.data["steps-TOTAL_FORMS"] == ["3"]
    assert form.data["steps-2-sort_order"] == ["107"]
    form.add_row("steps", text_en="Third")
    form.data["steps-1-sort_order"] = ["106"]
    form.submit()
    form = AdminForm(staff, form.address)
    assert len(form.rows("steps")) == 3
    assert form.page.select("[name=steps-2-DELETE]")
    form.add_row("steps", text_en="Fourth")
    form.data |= {"steps-2-DELETE": ["on"], "steps-0-DELETE": ["on"]}
    form.submit()
    form = AdminForm(staff, form.address)
    assert [form.data[f"steps-{number}-text_en"] for number in form.rows("steps").values()] == [
        ["First"],
        ["Second"],
        ["Fourth"],
    ]
    assert form.data["steps-0-DELETE"] == ["on"]
    form.submit("_publish")
    assert list(program.steps.values_list("text_en", "sort_order")) == [("Second", 106), ("Fourth", 107)]
    # An empty row that nobody has filled leaves nothing behind.
    AdminForm(staff, form.address).submit()
    assert not Draft.objects.filter(object_id=program.pk).exclude(entries={}).exists()


def test_what_has_no_language_is_said_to_change_in_both(staff, client, program):
    program.steps.all().delete()
    for number in range(3):
        program.steps.create(text_zh_hans=f"步{number}", text_en=f"Step {number}")
    form = AdminForm(staff, ADDRESS.format(program.pk))
    # Other numbers in the same order, and a new row, are no new order.
    for number in range(3):
        form.data[f"steps-{number}-sort_order"] = [str(20 + number)]
    form.data["title_en"] = ["Of English alone"]
    form.add_row("steps", text_en="Of English alone too", sort_order="0")
    form.submit()
    form = AdminForm(staff, form.address)
    assert "in both languages" not in form.page.select_one(".publication").text
    # Of the new row, only the text that was typed is named.
    changes = form.page.select_one(".draft-changes").text
    assert "What happens (English)" in changes
    assert "What happens (Chinese)" not in changes
    form.data |= {"steps-0-sort_order": ["21"], "steps-1-sort_order": ["20"], "steps-2-DELETE": ["on"]}
    form.data["sort_order"] = ["77"]
    form.submit()
    names = "Order, Step “Step 2”: remove, Order of the steps."
    form = AdminForm(staff, form.address)
    text = f"This changes in both languages, whichever one is published: {names}"
    assert text in form.page.select_one(".publication").text
    form.data |= {"_publish_at": ["2099-01-01T08:00"], "_publish_languages": ["en"]}
    assert f"This changes in both languages: {names}" in said(form.submit("_schedule"))[0]
    published = said(AdminForm(staff, form.address).submit("_publish_en"))
    assert published == [f"Published: English. Visitors see it now. This changes in both languages: {names}"]
    assert list(program.steps.values_list("text_zh_hans", flat=True)) == ["", "步1", "步0"]
    page = client.get("/zh-hans/programs/teacher-exchange/").content.decode()
    assert page.index("步1") < page.index("步0")
    assert "步2" not in page
    form = AdminForm(staff, form.address)
    form.data |= {"sort_order": ["78"]}
    assert said(form.submit("_publish")) == ["Published: Chinese and English. Visitors see it now."]


def test_what_one_adds_and_another_deletes_is_merged(staff, program):
    program.steps.all().delete()
    step = program.steps.create(text_en="Step", text_zh_hans="步骤")
    one, other = (AdminForm(client, ADDRESS.format(program.pk)) for client in (staff, colleague()))
    one.add_row("steps", text_en="From one")
    other.add_row("steps", text_en="From another")
    one.data["steps-0-DELETE"] = ["on"]
    other.data["steps-0-text_zh_hans"] = ["另一步骤"]
    one.submit()
    # The other has changed what one has deleted: somebody chooses.
    assert "choose one below" in said(other.submit())[0]
    form = AdminForm(staff, one.address)
    [rivalry] = form.page.select(".rivalries fieldset")
    assert rivalry.legend.text == f"Step “{step.text_en}”: remove"
    assert [text.text for text in rivalry.select(".rival-text")] == ["Remove", "Keep"]
    form.data[f"_choose:steps/{step.pk}/DELETE"] = choices(form, f"steps/{step.pk}/DELETE")[1:]
    form.submit("_publish")
    texts = {"From one", "From another", "Step"}
    assert set(program.steps.values_list("text_en", flat=True)) == texts
    assert program.steps.get(pk=step.pk).text_zh_hans == "另一步骤"


def test_what_a_script_keeps_while_somebody_types_is_one_row(staff, program):
    program.steps.all().delete()
    form = AdminForm(staff, ADDRESS.format(program.pk))
    form.add_row("steps", text_en="Ty")
    assert staff.post(form.address, form.data | {"_keep": "typing"}).status_code == 204
    key, shown = form.data["steps-0-id"][0], json.loads(form.data["_shown"][0])
    form.data["_shown"] = [json.dumps(shown | {f"steps/{key}/DELETE": ""})]
    form.data["steps-0-text_en"] = ["Typed"]
    assert said(form.submit()) == ["The draft is saved. Visitors do not see it yet."]
    opened = AdminForm(staff, form.address)
    assert [opened.data[f"steps-{number}-text_en"] for number in opened.rows("steps").values()] == [["Typed"]]
    # The row is removed before the form is opened again.
    form.data["steps-TOTAL_FORMS"] = ["0"]
    form.submit()
    assert not AdminForm(staff, form.address).rows("steps")


def test_texts_that_look_like_files_or_cannot_be_stored_are_texts(staff, program):
    for text, kept in [("drafts/x/y", "drafts/x/y"), ("clear", "clear"), ("a\0b", "ab")]:
        form = AdminForm(staff, ADDRESS.format(program.pk))
        form.data["search_words_en"] = [text]
        form.submit("_publish")
        program.refresh_from_db()
        assert program.search_words_en == kept


def test_what_is_copied_from_elsewhere_is_taken_and_what_is_said_is_checked(staff, program):
    form = AdminForm(staff, "/admin/partners/country/1/change/")
    form.data |= {"latitude": ["51.50735"], "longitude": ["-0.127758"], "iso_code": ["gb"]}
    form.submit("_publish")
    country = Country.objects.get(pk=1)
    assert (str(country.latitude), str(country.longitude), country.iso_code) == ("51.51", "-0.13", "GB")
    for number in ("NaN", "1e40", "Infinity", "x"):
        form = AdminForm(staff, form.address)
        form.data["latitude"] = [number]
        assert [link.text for link in BeautifulSoup(form.submit("_publish").content, "html.parser").select(".faults a")]
    for model, name, wrong, right in [
        ("programs/program", "slug", ["Capital", "under_score", "two words"], "small-2"),
        ("portal/department", "icp_number", ["12345678", "京ICP备0号x", "ICP备0号"], "京ICP备0号-1"),
    ]:
        pk = program.pk if name == "slug" else 1
        for value in [*wrong, right]:
            form = AdminForm(staff, f"/admin/{model}/{pk}/change/")
            form.data[name] = [value]
            page = BeautifulSoup(form.submit("_publish").content, "html.parser")
            assert bool(page.select(".faults")) == (value != right), value
            if value != right:
                fault, help_text = (page.select_one(f"#id_{name}_{kind}").text for kind in ("error", "helptext"))
                assert fault in help_text or help_text.partition(".")[0].strip() in fault


def test_the_faults_above_the_form_lead_to_their_places(staff, program):
    form = AdminForm(staff, ADDRESS.format(program.pk))
    form.data |= {"title_en": [""], "sort_order": ["many"]}
    form.add_row("steps", text_en="A step" * 100)
    page = BeautifulSoup(form.submit("_publish").content, "html.parser")
    links = page.select(".faults a")
    assert [link.text for link in links] == ["Title (English)", "Order", "Step: What happens (English)"]
    for link in links:
        assert page.select_one(link["href"]).name in ("input", "textarea")


@pytest.mark.parametrize("kept", ["typing", "leaving"])
def test_a_choice_counts_when_a_button_sends_it(staff, program, kept):
    form, path = rivals(staff, program), "_choose:summary_en"
    choice = choices(form, "summary_en")[1]
    staff.post(form.address, form.data | {path: choice, "_keep": kept})
    assert "rivals" in Draft.objects.get().entries["summary_en"]
    form.data[path] = [choice]
    form.submit()
    entry = Draft.objects.get().entries["summary_en"]
    assert (entry["value"], "rivals" in entry) == (["By the other"], False)


def rivals(client, program):
    """Returns the form of a program for whose summary two people have typed a text."""
    other = Client()
    other.force_login(User.objects.create_superuser("other", language="en", first_name="Li Ming"))
    forms = [AdminForm(client, ADDRESS.format(program.pk)), AdminForm(other, ADDRESS.format(program.pk))]
    for form, text in zip(forms, ("By one", "By the other"), strict=True):
        form.data["summary_en"] = [text]
        form.submit()
    return AdminForm(client, ADDRESS.format(program.pk))


def test_a_draft_is_discarded(staff, program):
    form = AdminForm(staff, ADDRESS.format(program.pk))
    form.data["title_en"] = ["Typed"]
    form.submit()
    assert said(AdminForm(staff, form.address).submit("_discard")) == [DISCARDED]
    assert AdminForm(staff, form.address).data["title_en"] == ["Teacher exchange"]
    assert not Draft.objects.exists()
    # Nothing is left of a refusal, also if the draft remembers what was published.
    form = AdminForm(staff, form.address)
    form.data["title_en"] = ["Published"]
    form.submit("_publish")
    form = AdminForm(staff, form.address)
    form.data["title_en"] = [""]
    assert AdminForm(staff, form.submit("_publish").redirect_chain[-1][0]).page.select(".faults")
    AdminForm(staff, form.address).submit("_discard")
    assert not AdminForm(staff, form.address).page.select(".faults, .errorlist")


def test_discarding_names_first_whose_fields_go(staff, program):
    form = rivals(staff, program)
    form.data["title_en"] = ["Typed"]
    form.submit()
    page = AdminForm(staff, form.address).page
    question = page.select_one("[name=_discard]").find_parent("details")
    assert question.summary.text == "Discard the draft"
    assert [each.text for each in question.select("li")] == [
        "admin: Title (English), Summary (English)",
        "Li Ming: Summary (English)",
    ]


def test_nobody_chooses_or_discards_what_only_others_may_change(staff, client, program):
    program.steps.all().delete()
    step = program.steps.create(text_en="Step")
    other = Client()
    other.force_login(User.objects.create_superuser("other"))
    forms = [AdminForm(each, ADDRESS.format(program.pk)) for each in (staff, other)]
    for form, text in zip(forms, ("By one", "By the other"), strict=True):
        form.data |= {"steps-0-text_en": [text], "title_en": [text]}
        form.submit()
    paths = ["title_en", f"steps/{step.pk}/text_en"]
    shown = AdminForm(staff, ADDRESS.format(program.pk))
    editor = User.objects.create_user("editor", is_staff=True, language="en")
    editor.user_permissions.set(
        Permission.objects.filter(codename__in=["change_program", "view_step", "publish_content"])
    )
    client.force_login(editor)
    form = AdminForm(client, ADDRESS.format(program.pk))
    form.data |= {f"_choose:{path}": choices(shown, path)[1:] for path in paths}
    form.submit()
    entries = Draft.objects.get().entries
    assert ["rivals" in entries[path] for path in paths] == [False, True]
    form = AdminForm(client, ADDRESS.format(program.pk))
    assert "Step" not in form.page.select_one("[name=_discard]").find_parent("details").text
    assert said(form.submit("_discard")) == ["The draft is discarded, but for what you may not change."]
    assert list(Draft.objects.get().entries) == [f"steps/{step.pk}/text_en"]


def test_a_new_page_is_a_draft_until_it_is_published(staff, client):
    form = AdminForm(staff, "/admin/portal/page/add/")
    form.data |= {"title_en": ["A page"], "summary_en": ["A summary"]}
    response = form.submit()
    draft = Draft.objects.get()
    assert (draft.object_id, response.redirect_chain[-1][0]) == (None, f"/admin/portal/page/add/?draft={draft.key}")
    again = AdminForm(staff, response.redirect_chain[-1][0])
    assert again.data["title_en"] == ["A page"]
    again.data |= {"slug": ["a-page"], "body_en": ["<p>Text</p>"]}
    assert said(again.submit("_publish_en")) == ["Published: English. Visitors see it now."]
    assert client.get("/en/pages/a-page/").status_code == 200
    assert client.get("/zh-hans/pages/a-page/").status_code == 404
    assert not Draft.objects.filter(object_id=None).exists()


@pytest.mark.parametrize("ends", ["session", "language"])
def test_the_address_of_a_new_page_leads_back_to_its_draft(staff, ends):
    form = AdminForm(staff, "/admin/portal/page/add/?sort_order=7")
    form.data["title_en"] = ["Typed"]
    if ends == "session":
        staff.logout()
    response = staff.post(form.page.select_one("#page_form")["action"], form.data | {"_language": "zh-hans"})
    address = parse_qs(urlsplit(response["Location"]).query)["next"][0] if ends == "session" else response["Location"]
    staff.force_login(User.objects.get(username="admin"))
    assert AdminForm(staff, address).data["title_en"] == ["Typed"]
    # So does the address while nothing is kept.
    empty = "/admin/portal/page/add/?draft=" + "a" * 32
    assert AdminForm(staff, empty).page.select_one("#page_form")["action"] == empty


def test_what_is_kept_of_a_new_page_is_one_draft(staff):
    form = AdminForm(staff, "/admin/portal/page/add/")
    for title in ("Ty", "Typed"):
        form.data["title_en"] = [title]
        staff.post(form.address, form.data | {"_keep": "typing"})
    assert Draft.objects.get().entries["title_en"]["value"] == ["Typed"]


def test_who_may_not_change_rows_neither_types_nor_publishes_nor_removes_them(staff, client, program):
    program.steps.all().delete()
    step = program.steps.create(text_en="Step")
    form = AdminForm(staff, ADDRESS.format(program.pk))
    form.data["steps-0-text_en"] = ["Typed by who may"]
    form.add_row("steps", text_en="Added by who may")
    form.submit()
    editor = User.objects.create_user("editor", is_staff=True, language="en")
    editor.user_permissions.set(
        Permission.objects.filter(codename__in=["change_program", "view_step", "publish_content"])
    )
    client.force_login(editor)
    other = AdminForm(client, form.address)
    other.data |= {"title_en": ["By the editor"], "steps-TOTAL_FORMS": ["2"], "steps-0-id": [str(step.pk)]}
    other.data |= {"steps-0-text_en": ["Not allowed"], "steps-1-text_en": ["Not allowed"]}
    assert said(other.submit("_publish")) == ["Published: Chinese and English. Visitors see it now."]
    program.refresh_from_db()
    assert program.title_en == "By the editor"
    assert [row.text_en for row in program.steps.all()] == ["Step"]
    typed = [entry["value"] for path, entry in Draft.objects.get().entries.items() if path.endswith("text_en")]
    assert typed == [["Typed by who may"], ["Added by who may"]]


def test_a_form_with_an_unknown_key_finds_nobody_elses_draft(staff):
    form = AdminForm(staff, "/admin/portal/page/add/")
    form.data["title_en"] = ["A page"]
    form.submit()
    assert AdminForm(staff, "/admin/portal/page/add/?draft=x").data["title_en"] == [""]
    assert AdminForm(staff, "/admin/portal/centre/add/?draft=" + Draft.objects.get().key).data["title_en"] == [""]


def test_a_window_adds_rows_but_changes_none(staff, client):
    area = Area.objects.first()
    page = AdminForm(staff, ADDRESS.format(Program.objects.first().pk)).page
    assert page.select(".add-related")
    assert not page.select(".change-related, .view-related, .delete-related")
    form = AdminForm(staff, f"/admin/programs/area/{area.pk}/change/?_popup=1")
    form.data |= {"title_en": ["Typed"], "_popup": ["1"]}
    form.submit("_save")
    assert Draft.objects.get().row == area
    area.refresh_from_db()
    assert area.title_en != "Typed"
    form = AdminForm(staff, "/admin/programs/area/add/?_popup=1")
    form.data |= {"slug": ["new"], "title_en": ["New"], "title_zh_hans": ["新"], "_popup": ["1"]}
    form.submit("_save")
    assert Area.objects.filter(slug="new").exists()


def test_what_was_typed_for_a_page_that_somebody_has_deleted_is_the_draft_of_a_new_one(staff, program):
    program.steps.all().delete()
    program.steps.create(text_en="Step", text_zh_hans="步骤")
    form = AdminForm(staff, ADDRESS.format(program.pk))
    program.delete()
    form.data |= {"title_en": ["Typed"]}
    for kept in ("typing", "leaving"):
        assert staff.post(form.address, form.data | {"_keep": kept}).status_code == 204
    assert "Somebody has deleted this page." in said(form.submit())[0]
    [draft] = Draft.objects.filter(object_id=None)
    new = AdminForm(staff, draft.address)
    assert [new.data[name] for name in ("title_en", "steps-0-text_en")] == [["Typed"], ["Step"]]
    # The same after the session has ended.
    staff.logout()
    staff.post(form.address, form.data | {"title_en": ["Typed later"]})
    staff.force_login(User.objects.get())
    new = AdminForm(staff, draft.address)
    assert new.data["title_en"] == ["Typed later"]
    new.submit("_publish")
    assert Program.objects.get(title_en="Typed later").steps.get().text_zh_hans == "步骤"


def test_who_deletes_a_page_is_told_of_its_draft(staff, program):
    form = AdminForm(staff, ADDRESS.format(program.pk))
    asked = form.address.replace("change", "delete")
    assert "A draft that is not public yet" not in staff.get(asked).content.decode()
    form.data |= {"title_en": ["Typed"]}
    form.submit()
    assert "A draft that is not public yet: Teacher exchange" in staff.get(asked).content.decode()


def test_scheduling_says_and_writes_nothing_that_has_not_happened(staff, program):
    form = AdminForm(staff, ADDRESS.format(program.pk))
    form.data |= {"slug": ["moved"], "_publish_at": ["2099-05-05T08:00"], "_publish_languages": ["en"]}
    assert said(form.submit("_schedule")) == ["Will be published at 5 May 2099, 08:00: English."]
    assert not Program.objects.filter(slug="moved").exists()
    bar = AdminForm(staff, form.address).page.select_one(".publication").text
    assert "When this is published, the address becomes “moved”. The old one leads to it." in bar


@pytest.mark.parametrize(
    "typed", ["3 Apr 2025", "3 April 2025", "03/04/2025", "2025/4/3", "2025年4月3日", "2025-04-03"]
)
@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_a_date_is_read_as_either_language_prints_it(typed, language):
    with override(language):
        assert DateField().clean(typed) == date(2025, 4, 3)


def test_who_may_only_view_sees_no_new_drafts(staff, client):
    form = AdminForm(staff, "/admin/portal/term/add/")
    form.data["name_en"] = ["A new term"]
    form.submit()
    assert b"A new term" in staff.get("/admin/portal/term/").content
    viewer = User.objects.create_user("viewer", is_staff=True)
    viewer.user_permissions.add(Permission.objects.get(codename="view_term"))
    client.force_login(viewer)
    response = client.get("/admin/portal/term/")
    assert (response.status_code, b"A new term" in response.content) == (200, False)


def test_who_may_only_view_leaves_no_draft(client, program):
    viewer = User.objects.create_user("viewer", is_staff=True)
    viewer.user_permissions.add(Permission.objects.get(codename="view_program"))
    client.force_login(viewer)
    assert client.post(ADDRESS.format(program.pk), {"title_en": "Typed", "_shown": "{}"}).status_code == 403
    assert not Draft.objects.exists()


def test_typing_survives_the_end_of_the_session(staff, program):
    form = AdminForm(staff, ADDRESS.format(program.pk))
    form.data["title_en"] = ["Typed"]
    staff.logout()
    response = staff.post(form.address, form.data | {"_publish": "1"})
    assert response["Location"] == f"/admin/login/?next={form.address}"
    program.refresh_from_db()
    assert program.title_en == "Teacher exchange"
    staff.force_login(User.objects.get(username="admin"))
    assert AdminForm(staff, form.address).data["title_en"] == ["Typed"]


@pytest.mark.parametrize(
    "posted",
    [
        {"_shown": ["[" * 100_000]},
        {"_form": ["a\0b"]},
        {"steps-TOTAL_FORMS": ["1"], "steps-0-id": ["new-\0"], "steps-0-text_en": ["New"]},
        {"centres": ["9" * 23]},
        {"centres": ["9" * 5000, "x"]},
        {"_withdraw_en": ["1"]},
    ],
)
def test_what_no_browser_posts_is_answered_and_spoils_nothing(staff, program, posted):
    """PostgreSQL stores no zero bytes, and SQLite compares no long numbers."""
    for address in (ADDRESS.format(program.pk), "/admin/programs/program/add/"):
        form = AdminForm(staff, address)
        form.data |= {"title_en": ["Typed"], **posted}
        response = form.submit(*posted.keys() & {"_withdraw_en"})
        address, _status = response.redirect_chain[-1]
        assert AdminForm(staff, address).data["title_en"] == ["Typed"]
        assert form.submit("_preview_en").status_code == 200


@pytest.mark.parametrize("button", ["_publish", "_schedule", "_preview_en"])
def test_a_draft_that_is_gone_meanwhile_is_said(staff, program, monkeypatch, button):
    keep_typed = BilingualAdmin.keep_typed

    def keep_typed_and_lose(self, request, obj):
        draft, rivals, seen = keep_typed(self, request, obj)
        Draft.objects.all().delete()
        return draft, rivals, seen

    monkeypatch.setattr(BilingualAdmin, "keep_typed", keep_typed_and_lose)
    form = AdminForm(staff, ADDRESS.format(program.pk))
    form.data |= {"title_en": ["Typed"], "_publish_at": ["2099-05-05T08:00"], "_publish_languages": ["en"]}
    text = "This draft is gone: somebody else has published or discarded it meanwhile."
    assert said(form.submit(button)) == [text]
    program.refresh_from_db()
    assert (program.title_en, Draft.objects.count()) == ("Teacher exchange", 0)


@pytest.mark.parametrize("is_signed_in", [True, False])
def test_typing_survives_signing_in_again_in_another_tab(program, is_signed_in):
    user, client = User.objects.create_superuser("again", language="en"), Client(enforce_csrf_checks=True)
    client.force_login(user)
    form = AdminForm(client, ADDRESS.format(program.pk))
    client.logout()
    if is_signed_in:
        client.force_login(user)
    client.cookies["csrftoken"] = "a" * 32
    form.data["title_en"] = ["Ty"]
    assert client.post(form.address, form.data | {"_keep": "typing"}).status_code == 204
    assert Draft.objects.get().entries["title_en"]["value"] == ["Ty"]
    form.data["title_en"] = ["Typed"]
    response = client.post(form.address, form.data | {"_publish": "1"})
    assert (response.status_code, response["Location"]) == (302, form.address)
    program.refresh_from_db()
    assert program.title_en == "Teacher exchange"
    assert Draft.objects.get().entries["title_en"]["value"] == ["Typed"]
    # Another site knows no owner.
    for owner in ("", "1:x"):
        post = form.data | {"_owner": owner, "title_en": "Forged", "_publish": "1"}
        assert client.post(form.address, post).status_code == 403
    assert Draft.objects.get().entries["title_en"]["value"] == ["Typed"]


@pytest.mark.parametrize("spoilt", ["nobody", "gone", "without rights", "old"])
def test_without_a_session_only_the_owner_of_a_form_keeps_what_was_typed(staff, program, spoilt, time_machine):
    form = AdminForm(staff, ADDRESS.format(program.pk))
    form.data["title_en"] = ["Typed"]
    staff.logout()
    owner = User.objects.filter(username="admin")
    if spoilt == "nobody":
        form.data["_owner"] = ["1:x"]
    elif spoilt == "old":
        time_machine.move_to(timezone.now() + timedelta(hours=13))
    else:
        owner.update(**({"is_active": False} if spoilt == "gone" else {"is_superuser": False}))
    staff.post(form.address, form.data)
    assert not Draft.objects.exists()


def test_the_language_of_the_admin_changes_and_what_was_typed_is_a_draft(staff, program):
    form = AdminForm(staff, ADDRESS.format(program.pk))
    buttons = form.page.select(".admin-language [name=_language]")
    assert [(button["form"], button.get("formaction")) for button in buttons] == [("program_form", None)] * 2
    form.data["title_en"] = ["Typed"]
    response = staff.post(form.address, form.data | {"_language": buttons[0]["value"]}, follow=True)
    assert response.redirect_chain[-1][0] == form.address
    assert 'lang="zh-hans"' in response.content.decode()
    assert AdminForm(staff, form.address).data["title_en"] == ["Typed"]
    assert User.objects.get(username="admin").language == "zh-hans"
    # The session has ended.
    staff.logout()
    staff.post(form.address, form.data | {"title_en": ["Typed later"], "_language": "en"})
    assert Draft.objects.get().entries["title_en"]["value"] == ["Typed later"]


def test_the_choice_of_a_language_runs_no_form(staff, program, settings):
    form = AdminForm(staff, ADDRESS.format(program.pk))
    settings.PORTAL_REQUIRE_MFA = True
    post = form.data | {"title_en": ["Typed"], "_publish": "1", "language": "en"}
    for address in (form.address, "/admin/language/"):
        assert staff.post("/admin/language/", post | {"next": address}).status_code == 302
    staff.post(form.address, post | {"_language": "en"})
    program.refresh_from_db()
    assert (program.title_en, Draft.objects.exists()) == ("Teacher exchange", False)


def test_a_language_is_withdrawn_at_once_unless_it_must_stay(staff, client, program):
    form = AdminForm(staff, ADDRESS.format(program.pk))
    assert said(form.submit("_withdraw_en")) == [
        "Withdrawn: English. Visitors no longer see this page in that language."
    ]
    assert client.get("/en/programs/teacher-exchange/").status_code == 404
    assert client.get("/zh-hans/programs/teacher-exchange/").status_code == 200
    notice = Page.objects.get(slug="privacy")
    response = AdminForm(staff, f"/admin/portal/page/{notice.pk}/change/").submit("_withdraw_en")
    assert said(response) == ["The privacy notice stays published: enquiries are consented to by it."]
    assert client.get("/en/privacy/").status_code == 200


def test_a_language_that_waits_is_withdrawn_too(staff, program):
    since = {"published_at_zh_hans": timezone.now(), "published_at_en": timezone.now() + timedelta(days=3)}
    certificate = Certificate.objects.create(program=program, name_zh_hans="证书", name_en="Certificate", **since)
    Program.objects.filter(pk=program.pk).update(published_at_zh_hans=None)
    form = AdminForm(staff, f"/admin/programs/certificate/{certificate.pk}/change/")
    states = [state.text.strip().split()[:2] for state in form.page.select(".publication-bar dd")]
    assert states == [["Waits", "for:"], ["Public", "from"]]
    for language, column in [("zh-hans", "published_at_zh_hans"), ("en", "published_at_en")]:
        [button] = form.page.select(f"[name=_withdraw_{language}]")
        AdminForm(staff, form.address).submit(button["name"])
        certificate.refresh_from_db()
        assert getattr(certificate, column) is None


def test_who_publishes_is_told_which_language_waits_for_the_type_of_program(staff, client):
    program = Program.objects.filter(area__isnull=False).first()
    form = AdminForm(staff, ADDRESS.format(program.pk))
    followed = "public in that language too: type of program."
    for column, text in (
        ("published_at_en", f"Visitors see the Chinese now, and the English as soon as this is {followed}"),
        ("published_at_zh_hans", "Visitors see it as soon as this is public too: type of program."),
    ):
        Area.objects.filter(pk=program.area_id).update(**{column: None})
        assert said(form.submit("_publish")) == [f"Published: Chinese and English. {text}"]
        is_shown = client.get(f"/zh-hans/programs/{program.slug}/").status_code == 200
        assert is_shown == ("Visitors see the Chinese now" in text)


def test_many_rows_are_published_and_withdrawn_from_the_list(staff):
    rows = list(Program.objects.all()[:3])
    Program.objects.filter(pk=rows[0].pk).update(published_at_en=None, summary_en="")
    chosen = {"_selected_action": [row.pk for row in rows]}
    response = staff.post("/admin/programs/program/", chosen | {"action": "withdraw_zh-hans"}, follow=True)
    assert said(response) == ["Withdrawn: Chinese. Visitors do not see it any more: 3 pages"]
    before = Change.objects.count()
    again = staff.post("/admin/programs/program/", chosen | {"action": "withdraw_zh-hans"}, follow=True)
    assert (said(again), Change.objects.count()) == (["Nothing to do for 3 pages."], before)
    response = staff.post("/admin/programs/program/", chosen | {"action": "publish_both"}, follow=True)
    refused, done = said(response)
    assert refused.startswith("Teacher exchange: Summary (English): Every published page needs this.")
    assert done == "Published in Chinese and English: 2 pages"
    before = Change.objects.count()
    _refused, idle = said(staff.post("/admin/programs/program/", chosen | {"action": "publish_both"}, follow=True))
    assert idle == "Nothing to do for 2 pages."
    assert (Change.objects.count(), Draft.objects.filter(entries={}).count()) == (before, 0)


def test_a_draft_is_published_by_itself_when_its_time_has_come(staff, program, time_machine):
    time_machine.move_to("2031-05-04T00:00:00Z", tick=False)
    staff.force_login(User.objects.get())
    form = AdminForm(staff, ADDRESS.format(program.pk))
    form.data |= {"title_en": ["Typed"], "title_zh_hans": ["新题"]}
    form.data |= {"_publish_at": ["2031-05-05T08:00"], "_publish_languages": ["en"]}
    assert said(form.submit("_schedule")) == ["Will be published at 5 May 2031, 08:00: English."]
    publish_due()
    program.refresh_from_db()
    assert program.title_en == "Teacher exchange"
    time_machine.move_to("2031-05-05T00:00:01Z", tick=False)
    publish_due()
    program.refresh_from_db()
    assert (program.title_en, program.title_zh_hans) == ("Typed", "教师交流")
    assert (ScheduledPublication.objects.count(), list(Draft.objects.get().entries)) == (0, ["title_zh_hans"])


@pytest.mark.parametrize(
    ("at", "languages", "text"),
    [
        ("2031-05-03T08:00", ["en"], "This time is past."),
        ("soon", ["en"], "Enter a valid date/time."),
        ("", ["en"], "Choose a date and a time."),
        ("2031-05-05T08:00", [], "Choose a language."),
    ],
)
def test_a_time_that_cannot_be_is_said(staff, program, time_machine, at, languages, text):
    time_machine.move_to("2031-05-04T00:00:00Z", tick=False)
    staff.force_login(User.objects.get())
    form = AdminForm(staff, ADDRESS.format(program.pk))
    form.data |= {"_publish_at": [at], "_publish_languages": languages}
    assert said(form.submit("_schedule")) == [f"Not scheduled: {text}"]


def test_what_cannot_be_published_by_itself_says_why(staff, program, time_machine):
    time_machine.move_to("2031-05-04T00:00:00Z", tick=False)
    staff.force_login(User.objects.get())
    form = AdminForm(staff, ADDRESS.format(program.pk))
    form.data |= {"title_en": ["Typed"], "_publish_at": ["2031-05-05T08:00"], "_publish_languages": ["en"]}
    form.submit("_schedule")
    User.objects.filter(username="admin").update(is_active=False)
    time_machine.move_to("2031-05-05T00:00:01Z", tick=False)
    publish_due()
    program.refresh_from_db()
    assert program.title_en == "Teacher exchange"
    [[reason]] = ScheduledPublication.objects.get().refusals.values()
    assert reason in ("设定定时发布的人已无权发布。", "The person who scheduled this may no longer publish it.")
    User.objects.filter(username="admin").update(is_active=True)
    staff.force_login(User.objects.get())
    assert planned(staff) == [f"Teacher exchange, English, 5 May 2031, 08:00 Not published: {reason}"]
    form = AdminForm(staff, form.address)
    assert "It was to be published at 5 May 2031, 08:00, but could not be." in form.page.select_one(".publication").text
    form.submit()
    assert planned(staff) == [f"Teacher exchange, English, 5 May 2031, 08:00 Not published: {reason}"]
    form.data |= {"title_en": ["Typed again"]}
    assert said(form.submit("_save_draft")) == ["The draft is saved. Visitors do not see it yet."]
    publish_due()
    program.refresh_from_db()
    # The notice stays until somebody publishes, schedules or cancels.
    assert (len(planned(staff)), program.title_en) == (1, "Teacher exchange")
    AdminForm(staff, form.address).submit("_unschedule")
    assert planned(staff) == []
    assert said(AdminForm(staff, form.address).submit("_unschedule"))[0].startswith("Nothing is scheduled any more")


def test_what_somebody_types_after_it_was_planned_stays_a_draft(staff, program, time_machine):
    time_machine.move_to("2031-05-04T00:00:00Z", tick=False)
    staff.force_login(User.objects.get())
    form = AdminForm(staff, ADDRESS.format(program.pk))
    form.data |= {"title_en": ["Planned"], "summary_en": ["Planned"]}
    form.add_row("steps", text_en="Planned", text_zh_hans="新步骤")
    form.add_row("steps", text_en="Unchanged", text_zh_hans="新步骤")
    form.data |= {"_publish_at": ["2031-05-05T08:00"], "_publish_languages": ["en"]}
    form.submit("_schedule")
    form = AdminForm(colleague(), form.address)
    form.data |= {"summary_en": ["Half a sen"], "body_en": ["<p>Half</p>"]}
    [number] = [n for n in form.rows("steps").values() if form.data[f"steps-{n}-text_en"] == ["Planned"]]
    form.data[f"steps-{number}-sort_order"] = ["98"]
    form.client.post(form.address, form.data | {"_keep": "typing"})
    time_machine.move_to("2031-05-05T00:00:01Z", tick=False)
    before = program.body_en
    publish_due()
    program.refresh_from_db()
    assert (program.title_en, program.summary_en, program.body_en) == ("Planned", "Planned", before)
    steps = {step.text_en: step for step in program.steps.filter(text_en__in=["Planned", "Unchanged"])}
    assert len(steps) == 2 and steps["Planned"].sort_order != 98
    entries = {path: entry["value"] for path, entry in Draft.objects.get().entries.items() if "_zh" not in path}
    order = f"steps/{steps['Planned'].pk}/sort_order"
    assert entries == {"summary_en": ["Half a sen"], "body_en": ["<p>Half</p>"], order: ["98"]}


def test_what_is_typed_back_or_removed_after_it_was_scheduled_stays_so_in_the_draft(staff, program, time_machine):
    time_machine.move_to("2031-05-04T00:00:00Z", tick=False)
    staff.force_login(User.objects.get())
    form = AdminForm(staff, ADDRESS.format(program.pk))
    form.data |= {"title_en": ["Scheduled"]}
    form.add_row("steps", text_en="Scheduled", text_zh_hans="新步骤")
    form.data |= {"_publish_at": ["2031-05-05T08:00"], "_publish_languages": ["en"]}
    form.submit("_schedule")
    form = AdminForm(staff, form.address)
    form.data["title_en"] = ["Teacher exchange"]
    [number] = [n for n in form.rows("steps").values() if form.data[f"steps-{n}-text_en"] == ["Scheduled"]]
    form.data[f"steps-{number}-DELETE"] = ["on"]
    form.submit()
    time_machine.move_to("2031-05-05T00:00:01Z", tick=False)
    publish_due()
    program.refresh_from_db()
    step = program.steps.get(text_en="Scheduled")
    assert program.title_en == "Scheduled"
    entries = {path: entry["value"] for path, entry in Draft.objects.get().entries.items()}
    assert entries == {"title_en": ["Teacher exchange"], f"steps/{step.pk}/DELETE": ["on"]}


def test_each_language_has_a_time_of_its_own(staff, program, time_machine):
    time_machine.move_to("2031-05-04T00:00:00Z", tick=False)
    staff.force_login(User.objects.get())
    program.steps.all().delete()
    form = AdminForm(staff, ADDRESS.format(program.pk))
    form.add_row("steps", text_en="A step", text_zh_hans="新步骤")
    for language, day in (("zh-hans", 6), ("en", 5)):
        form.data |= {"_publish_at": [f"2031-05-0{day}T08:00"], "_publish_languages": [language]}
        form.submit("_schedule")
        form = AdminForm(staff, form.address)
    assert planned(staff) == [f"Teacher exchange, {name}, {day} May 2031, 08:00" for name, day in PLANNED]
    for day, found in ((5, ("A step", "")), (6, ("A step", "新步骤"))):
        time_machine.move_to(f"2031-05-0{day}T00:00:01Z", tick=False)
        publish_due()
        step = program.steps.get()
        assert (step.text_en, step.text_zh_hans or "") == found
    assert not Draft.objects.exclude(entries={}).exists()


def test_a_copy_is_scheduled_like_any_other_page(staff, program, time_machine):
    time_machine.move_to("2031-05-04T00:00:00Z", tick=False)
    staff.force_login(User.objects.get())
    copied = AdminForm(staff, ADDRESS.format(program.pk)).submit("_copy").redirect_chain[-1][0]
    form = AdminForm(staff, copied)
    form.data |= {"slug": ["copied"], "_publish_at": ["2031-05-05T08:00"], "_publish_languages": ["zh-hans", "en"]}
    form.submit("_schedule")
    time_machine.move_to("2031-05-05T00:00:01Z", tick=False)
    publish_due()
    assert len(Program.objects.get(slug="copied").published_languages()) == 2


def test_a_scheduled_removal_that_is_taken_back_removes_nothing(staff, program, time_machine):
    time_machine.move_to("2031-05-04T00:00:00Z", tick=False)
    staff.force_login(User.objects.get())
    program.steps.all().delete()
    step = program.steps.create(text_en="Step", text_zh_hans="步骤")
    form, other = AdminForm(staff, ADDRESS.format(program.pk)), AdminForm(colleague(), ADDRESS.format(program.pk))
    form.data |= {"steps-0-DELETE": ["on"], "_publish_at": ["2031-05-05T08:00"], "_publish_languages": ["en"]}
    form.submit("_schedule")
    other.data["steps-0-text_en"] = ["Typed by a colleague"]
    other.submit()
    time_machine.move_to("2031-05-05T00:00:01Z", tick=False)
    publish_due()
    assert program.steps.get() == step
    assert Draft.objects.get().entries[f"steps/{step.pk}/text_en"]["value"] == ["Typed by a colleague"]


def test_of_two_times_each_has_its_own_values(staff, program, time_machine):
    time_machine.move_to("2031-05-04T00:00:00Z", tick=False)
    staff.force_login(User.objects.get())
    for language, day, order in (("en", 5, "77"), ("zh-hans", 6, "88")):
        form = AdminForm(staff, ADDRESS.format(program.pk))
        form.data |= {"sort_order": [order], "_publish_at": [f"2031-05-0{day}T08:00"], "_publish_languages": [language]}
        form.submit("_schedule")
    form = AdminForm(staff, form.address)
    assert (form.data["_publish_at"], form.data["_publish_languages"]) == (["2031-05-05T08:00"], ["en"])
    for day, order in ((5, 77), (6, 88)):
        time_machine.move_to(f"2031-05-0{day}T00:00:01Z", tick=False)
        publish_due()
        program.refresh_from_db()
        assert program.sort_order == order


def test_scheduling_what_is_not_right_names_the_fields(staff):
    program = Program.objects.create(slug="chinese", title_zh_hans="题", summary_zh_hans="摘要")
    form = AdminForm(staff, ADDRESS.format(program.pk))
    form.data |= {"_publish_at": ["2099-05-05T08:00"], "_publish_languages": ["en"]}
    page = form.submit("_schedule")
    assert said(page) == ["Not scheduled: please see the marked fields."]
    assert page.context["faults"]


PLANNED = [("English", 5), ("Chinese", 6)]


def test_discarding_names_what_a_colleague_has_typed_meanwhile(staff, program):
    form = AdminForm(staff, ADDRESS.format(program.pk))
    form.data["title_en"] = ["Mine"]
    form.submit()
    form, other = AdminForm(staff, form.address), AdminForm(colleague(), form.address)
    other.data |= {"summary_zh_hans": ["同事写了一小时"]}
    other.submit()
    assert said(form.submit("_discard")) == [
        "Not discarded: a colleague has typed here, and you have not seen it yet: Summary (Chinese)."
    ]
    assert said(AdminForm(staff, form.address).submit("_discard")) == [DISCARDED]


@pytest.mark.parametrize("button", ["_end_previews", "_unschedule", "_discard"])
def test_what_a_colleague_types_while_something_is_ended_stays(staff, program, monkeypatch, button):
    form = AdminForm(staff, ADDRESS.format(program.pk))
    form.data |= {"title_en": ["Typed"], "_publish_at": ["2099-05-05T08:00"], "_publish_languages": ["en"]}
    form.submit("_schedule")
    form, other = AdminForm(staff, form.address), AdminForm(colleague(), form.address)
    other.data["summary_en"] = ["Typed by a colleague"]
    keep_typed = BilingualAdmin.keep_typed

    def keep_typed_and_wait(self, request, obj):
        found = keep_typed(self, request, obj)
        monkeypatch.setattr(BilingualAdmin, "keep_typed", keep_typed)
        other.client.post(other.address, other.data | {"_keep": "typing"})
        return found

    monkeypatch.setattr(BilingualAdmin, "keep_typed", keep_typed_and_wait)
    form.submit(button)
    assert AdminForm(staff, form.address).data["summary_en"] == ["Typed by a colleague"]


@pytest.mark.parametrize("way", ["another way", "the draft"])
def test_what_was_typed_for_a_row_that_is_gone(staff, program, way):
    program.steps.all().delete()
    step = program.steps.create(text_en="Step", text_zh_hans="步骤")
    form = AdminForm(colleague(), ADDRESS.format(program.pk))
    form.data["steps-0-text_en"] = ["Long work"]
    form.submit()
    if way == "another way":
        step.delete()
        for _time in range(2):
            form = AdminForm(staff, form.address)
            staff.post(form.address, form.data | {"_keep": "typing"})
        assert said(form.submit("_publish")) == ["Published: Chinese and English. Visitors see it now."]
        assert program.steps.get().text_en == "Long work"
    else:
        # Who sees the text and removes the row removes the text.
        form = AdminForm(staff, form.address)
        form.data["steps-0-DELETE"] = ["on"]
        form.submit("_publish_zh-hans")
        assert (program.steps.exists(), Draft.objects.exclude(entries={}).exists()) == (False, False)


def test_who_types_on_after_a_colleague_has_published_is_no_rival_of_it(staff, program):
    form = AdminForm(staff, ADDRESS.format(program.pk))
    form.data["summary_en"] = ["First half"]
    staff.post(form.address, form.data | {"_keep": "typing"})
    AdminForm(colleague(), form.address).submit("_publish")
    form.data["summary_en"] = ["First half, second half"]
    assert said(form.submit("_publish")) == ["Published: Chinese and English. Visitors see it now."]
    program.refresh_from_db()
    assert program.summary_en == "First half, second half"


def test_a_list_publishes_nothing_that_only_a_colleague_has_seen(staff, program):
    other = AdminForm(colleague(), ADDRESS.format(program.pk))
    other.data["summary_en"] = ["Half a sen"]
    other.client.post(other.address, other.data | {"_keep": "typing"})
    chosen = {"_selected_action": [program.pk], "action": "publish_both"}
    [refused] = said(staff.post("/admin/programs/program/", chosen, follow=True))
    assert refused.startswith("Teacher exchange: Summary (English): Somebody else has typed here.")
    assert said(other.client.post("/admin/programs/program/", chosen, follow=True)) == [
        "Published in Chinese and English: 1 page"
    ]


def test_the_name_of_a_file_is_a_text(staff):
    form = AdminForm(staff, "/admin/portal/department/1/change/")
    Image.new("RGB", (20, 20)).save(picture := BytesIO(), "PNG")
    form.data["wechat_code"] = SimpleUploadedFile("<button name=_publish>.png", picture.getvalue())
    form.submit()
    page = AdminForm(staff, form.address).page
    assert "<button name=_publish>.png" in page.select_one("#content-main").text
    assert len(page.select("button[name=_publish]")) == 1


def test_what_no_form_shows_any_more_is_discarded_and_stops_no_other(staff, program, time_machine):
    kind, stamp = ContentType.objects.get_for_model(Program), {"base": [""], "by": None, "at": "", "form": ""}
    gone = {path: {"value": ["Old"], **stamp} for path in ("gone_en", "gone/new-1/text_en", "steps/no-number/text_en")}
    Draft.objects.create(content_type=kind, object_id=program.pk, entries=gone)
    assert said(AdminForm(staff, ADDRESS.format(program.pk)).submit("_discard")) == [DISCARDED]
    model = ContentType.objects.create(app_label="programs", model="gone")
    draft = Draft.objects.create(content_type=model, object_id=1)
    draft.schedule(["en"], timezone.now(), User.objects.get())
    assert planned(staff) == []
    publish_due()
    assert not Draft.objects.filter(pk=draft.pk).exists()


def test_publishing_by_hand_that_is_refused_stops_no_plan(staff, program, time_machine):
    time_machine.move_to("2031-05-04T00:00:00Z", tick=False)
    staff.force_login(User.objects.get())
    form = AdminForm(staff, ADDRESS.format(program.pk))
    form.data |= {"title_en": ["Typed"], "title_zh_hans": [""]}
    form.data |= {"_publish_at": ["2031-05-05T08:00"], "_publish_languages": ["en"]}
    form.submit("_schedule")
    page = BeautifulSoup(AdminForm(staff, form.address).submit("_publish_zh-hans").content, "html.parser")
    assert page.select(".faults")
    assert "will be published by itself at 5 May 2031, 08:00" in page.select_one(".publication").text
    assert planned(staff) == ["Teacher exchange, English, 5 May 2031, 08:00"]
    time_machine.move_to("2031-05-05T00:00:01Z", tick=False)
    publish_due()
    program.refresh_from_db()
    assert (program.title_en, program.title_zh_hans) == ("Typed", "教师交流")


def test_a_draft_that_cannot_be_published_holds_up_no_other(staff, program, time_machine, monkeypatch):
    time_machine.move_to("2031-05-04T00:00:00Z", tick=False)
    User.objects.update(language="en")
    staff.force_login(User.objects.get())
    code = AdminForm(staff, "/admin/portal/department/1/change/")
    Image.new("RGB", (20, 20)).save(picture := BytesIO(), "PNG")
    code.data |= {"wechat_code": SimpleUploadedFile("code.png", picture.getvalue())}
    code.data |= {"_publish_at": ["2031-05-05T08:00"], "_publish_languages": ["en"]}
    code.submit("_schedule")
    for name in files_in_drafts():
        storages["private"].delete(name)
    page, other = Page.objects.all()[:2]
    forms = [AdminForm(staff, f"/admin/portal/page/{row.pk}/change/") for row in (page, other)]
    forms.append(AdminForm(staff, ADDRESS.format(program.pk)))
    for number, form in enumerate(forms, 1):
        form.data |= {"title_en": ["Typed"], "_publish_at": [f"2031-05-05T08:0{number}"], "_publish_languages": ["en"]}
        form.submit("_schedule")
    save = Page.save

    def failing_save(row, *args, **kwargs):
        if row.pk in (page.pk, other.pk):
            raise {page.pk: IntegrityError, other.pk: ZeroDivisionError}[row.pk]
        save(row, *args, **kwargs)

    monkeypatch.setattr(Page, "save", failing_save)
    time_machine.move_to("2031-05-05T08:00:00Z", tick=False)
    publish_due()
    program.refresh_from_db()
    assert program.title_en == "Typed"
    file, database = (
        "A file could not be read or stored. Please choose it again.",
        "This does not agree with what else is stored. Please check all fields and try again.",
    )
    unexpected = "因意外错误未能发布，请重新设定定时发布。"
    refusals = [scheduled.refusals for scheduled in ScheduledPublication.objects.all()]
    assert refusals == [{"": [file]}, {"": [database]}, {"": [unexpected]}]
    staff.force_login(User.objects.get())
    for address, text in [(code.address, file), (forms[0].address, database)]:
        assert text in AdminForm(staff, address).submit("_publish").content.decode()


def test_the_history_says_what_was_done_in_the_readers_language(staff, program):
    form = AdminForm(staff, ADDRESS.format(program.pk))
    form.data["title_en"] = ["Typed"]
    form.data |= {"_publish_at": ["2099-05-05T08:00"], "_publish_languages": ["en"]}
    for button in ("_schedule", "_unschedule", "_publish_en", "_withdraw_en"):
        form.submit(button)
    form = AdminForm(staff, form.address)
    form.data["title_en"] = ["Typed in vain"]
    form.submit("_discard")
    address = form.address.replace("change", "history")
    assert history(staff, address) == [
        "The draft is discarded.",
        "Withdrawn: English.",
        "Published: English. Changed Title (English).",
        "The schedule is cancelled.",
        "Will be published at 5 May 2099, 08:00: English.",
        "As it was when its history began",
    ]
    staff.cookies["django_language"] = "zh-hans"
    User.objects.update(language="zh-hans")
    assert history(staff, address)[2] == "已发布：英文。 已修改标题（英文）。"


def history(client, address):
    page = BeautifulSoup(client.get(address).content, "html.parser")
    return [row.text for row in page.select("#change-history td:nth-child(3)")]


def planned(client):
    """Returns what the front of the admin says about publishing by itself."""
    page = BeautifulSoup(client.get("/admin/").content, "html.parser")
    return [" ".join(plan.text.split()) for plan in page.select(".planned-drafts li")]


def test_the_draft_of_a_page_that_is_gone_is_deleted_and_not_published(staff, client, program, time_machine):
    time_machine.move_to("2031-05-04T00:00:00Z", tick=False)
    staff.force_login(User.objects.get())
    form = AdminForm(staff, ADDRESS.format(program.pk))
    form.data |= {"title_en": ["Typed"], "_publish_at": ["2031-05-05T08:00"], "_publish_languages": ["en"]}
    form.submit("_schedule")
    assert planned(staff) == ["Teacher exchange, English, 5 May 2031, 08:00"]
    [(preview, _status)] = AdminForm(staff, form.address).submit("_preview_en").redirect_chain
    assert client.get(preview).status_code == 200
    new = AdminForm(staff, "/admin/programs/program/add/")
    new.data |= {"title_en": ["A new program"]}
    new.submit("_save_draft")
    Program.objects.filter(pk=program.pk).delete()
    assert client.get(preview).status_code == 404
    time_machine.move_to("2031-05-05T00:00:01Z", tick=False)
    publish_due()
    assert (planned(staff), [draft.object_id for draft in Draft.objects.all()]) == ([], [None])
    assert not Program.objects.filter(title_en__startswith="Typed").exists()


def test_the_draft_of_every_new_row_has_the_title_that_was_typed():
    found = {}
    for model, page in admin.site._registry.items():
        if isinstance(page, BilingualAdmin):
            typed = [name for name in ("title_en", "name_en") if name in {field.name for field in model._meta.fields}]
            draft = Draft(entries={name: {"value": ["What was typed"]} for name in typed})
            found[model.__name__] = draft.title_of(model)
    assert len(found) >= 12
    assert set(found.values()) == {"What was typed"}, found
