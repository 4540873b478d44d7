"""The history of content: versions, their restoring as a draft, the bin, and the log."""

import csv
import os
from collections import Counter
from datetime import timedelta
from importlib import import_module
from io import BytesIO, StringIO

import pytest
from bs4 import BeautifulSoup
from django.apps import apps
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.core.files.storage import storages
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django.utils.translation import override
from openpyxl import load_workbook
from PIL import Image
from reversion.models import Revision, Version

from partners.models import Country, Institution
from portal import history_chores
from portal.bilingual.drafts.models import PUBLISH, TRANSLATE, Draft, ScheduledPublication, files_in_drafts
from portal.bilingual.editing import BilingualAdmin
from portal.bilingual.former_slugs import FormerSlug
from portal.bilingual.freshness.models import Review
from portal.bilingual.history.models import Action, Change
from portal.bilingual.history.versions import PARTS, fields_at, versions_of
from portal.bilingual.parity.models import Confirmation
from portal.draft_chores import publish_due, remove_files
from portal.models import Centre, Department, Page, Term, User
from programs import resource_files
from programs.models import Area, Certificate, Industry, Program, Resource
from tests.admin_forms import AdminForm
from tests.contact.files import PDF
from tests.programs.resources import published, with_file

pytestmark = pytest.mark.django_db


@pytest.fixture
def program():
    program = Program.objects.get(slug="teacher-exchange")
    program.steps.all().delete()
    for number in range(2):
        program.steps.create(text_zh_hans=f"步{number}", text_en=f"Step {number}")
    return program


@pytest.fixture
def staff(admin_client):
    admin_client.cookies["django_language"] = "en"
    return admin_client


def editor(*rights, name="colleague"):
    """Returns a client of a member of staff with these rights, such as "programs.change_program"."""
    user = User.objects.create_user(name, first_name="Li", last_name="Ming", is_staff=True, language="en")
    for right in rights:
        app, codename = right.split(".")
        user.user_permissions.add(Permission.objects.get(content_type__app_label=app, codename=codename))
    client = Client()
    client.force_login(user)
    return client


def address_of(row, end=""):
    return f"/admin/{row._meta.app_label}/{row._meta.model_name}/{end}"


def change(client, row, **values):
    """Types `values` in the form of `row` and publishes both languages."""
    form = AdminForm(client, address_of(row, f"{row.pk}/change/"))
    form.data |= {name: [value] for name, value in values.items()}
    return form.submit("_publish")


def said(response):
    return [str(message) for message in response.context["messages"]]


class VersionPage:
    """The page of the version after a Change."""

    def __init__(self, client, change):
        self.client = client
        self.address = address_of(change.content_type.model_class(), f"{change.object_id}/history/{change.pk}/")
        self.page = BeautifulSoup(client.get(self.address).content, "html.parser")

    def differences(self, section):
        """Returns what a section says: for each field its name and the texts before and after."""
        fields = self.page.select(f"section[aria-labelledby={section}] .difference > h3")
        return [(field.text, *(text.text for text in field.find_next("dl").select("dd"))) for field in fields]

    def restore(self, place=None):
        data = {"_shown": self.page.select_one("[name=_shown]")["value"]}
        data |= {"_restore_one": place} if place else {"_restore": "1"}
        return self.client.post(self.address, data, follow=True)


def delete(client, row):
    return client.post(address_of(row, f"{row.pk}/delete/"), {"post": "yes"}, follow=True)


def bring_back(client, model):
    """Brings back what was deleted last."""
    page = BeautifulSoup(client.get(address_of(model, "bin/")).content, "html.parser")
    return client.post(page.select_one(".bin form")["action"], follow=True)


def test_a_change_is_compared_restored_deleted_and_brought_back(staff, client, program):
    old = program.title_en, program.summary_en
    centres = set(program.centres.values_list("pk", flat=True))
    form = AdminForm(staff, address_of(program, f"{program.pk}/change/"))
    form.data |= {"title_en": ["Exchange of teachers"], "summary_en": ["Another one."], "centres": []}
    form.data |= {"steps-0-DELETE": ["on"], "steps-1-text_zh_hans": ["第一步"]}
    form.add_row("steps", text_zh_hans="新", text_en="New")
    form.submit("_publish")
    last, first = versions_of(program)
    assert (first.action, first.by, last.action, last.by.username) == ("first", None, "published", "admin")
    # What was changed, in both languages, rows and choices of many included.
    page = VersionPage(staff, last)
    assert [each for each in page.differences("changed") if "English" not in each[0]] == [
        ("Service centres", "International Exchange and Cooperation Service Centre", ""),
        ("1. Step: What happens (Chinese)", "步0", ""),
        ("1. Step: What happens (Chinese)", "步1", "第一步"),
        ("2. Step: What happens (Chinese)", "", "新"),
    ]
    assert ("Summary (English)", old[1], "Another one.") in page.differences("changed")
    assert {mark.text for mark in page.page.select("[aria-labelledby=changed] ins")} >= {"Another", "第一", "新"}
    assert not page.differences("since")
    # One field.
    page = VersionPage(staff, first)
    assert ("Title (English)", "Exchange of teachers", old[0]) in page.differences("since")
    assert said(page.restore("title_en")) == ["The earlier version is in the draft now. Visitors do not see it yet."]
    assert list(Draft.objects.get().entries) == ["title_en"]
    assert b"Exchange of teachers" in client.get("/en/programs/teacher-exchange/").content
    # All of it, twice: that is the same draft.
    page = VersionPage(staff, first)
    page.restore()
    assert said(page.restore()) == ["The draft says that already."]
    assert not VersionPage(staff, first).differences("since")
    form = AdminForm(staff, address_of(program, f"{program.pk}/change/"))
    assert (form.data["title_en"], form.data["summary_en"]) == ([old[0]], [old[1]])
    assert {int(key) for key in form.data["centres"]} == centres
    texts = [form.data[f"steps-{number}-text_zh_hans"][0] for number in range(3)]
    removed = [form.data.get(f"steps-{number}-DELETE") for number in range(3)]
    assert (texts, removed) == (["步1", "新", "步0"], [[], ["on"], []])
    form.submit("_publish")
    program.refresh_from_db()
    assert [step.text_en for step in program.steps.all()] == ["Step 1", "Step 0"]
    assert (program.title_en, set(program.centres.values_list("pk", flat=True))) == (old[0], centres)
    assert not VersionPage(staff, first).differences("since")
    # The bin.
    change(staff, program, slug="exchange-of-teachers")
    resource = published("a-guide")
    resource.programs.add(program)
    countries = set(program.countries.values_list("pk", flat=True))
    delete(staff, program)
    assert client.get("/en/programs/exchange-of-teachers/").status_code == 404
    assert said(bring_back(staff, Program)) == [
        "“Teacher exchange” is back. Visitors do not see it until you publish it."
    ]
    again = Program.objects.get(pk=program.pk)
    assert (again.published_at_en, again.published_at_zh_hans) == (None, None)
    assert [step.text_zh_hans for step in again.steps.all()] == ["步1", "步0"]
    assert again.questions.count() == program_questions(first)
    assert set(again.centres.values_list("pk", flat=True)) == centres
    assert (set(again.countries.values_list("pk", flat=True)), list(again.resources.all())) == (countries, [resource])
    change(staff, again)
    response = client.get("/en/programs/teacher-exchange/")
    assert response["Location"] == "/en/programs/exchange-of-teachers/"
    actions = list(Change.objects.of(again).values_list("action", flat=True))
    assert actions[:4] == ["published", "brought_back", "deleted", "published"]


def program_questions(first):
    return sum(path.startswith("questions/") for path in fields_at(first))


def test_versions_hold_each_language_and_no_more(staff):
    term = Term.objects.create(name_zh_hans="甲", name_en="A")
    change(staff, term, name_en="B")
    last, first = versions_of(term)
    assert [fields_at(each)[""]["name_en"] for each in (first, last)] == ["A", "B"]
    assert {"name_zh_hans", "name_en"} <= fields_at(first)[""].keys()
    assert not {"name", "published_at", "updated_at"} & fields_at(first)[""].keys()


def test_each_kind_of_content_has_a_history(staff):
    models = {model for model, own in admin.site._registry.items() if isinstance(own, BilingualAdmin)}
    assert models == PARTS.keys()
    tried = 0
    for model in models:
        if row := model.objects.first():
            change(staff, row)
            for each in versions_of(row):
                page = VersionPage(staff, each)
                assert not page.differences("since"), model
                assert not page.differences("changed"), model
                tried += 1
    assert tried >= 16


def test_nothing_is_stored_twice(staff, program):
    for _time in range(3):
        change(staff, program)
    revisions = Change.objects.of(program).values_list("revision", flat=True)
    assert (len(revisions), len(set(revisions))) == (4, 1)


def test_what_was_changed_outside_the_form_is_not_said_of_the_next_author(staff, program):
    change(staff, program, title_en="One")
    Program.objects.filter(pk=program.pk).update(summary_en="By a command")
    change(staff, program, title_en="Two")
    last, found, *_rest = versions_of(program)
    assert (found.action, found.by, last.by.username) == ("found", None, "admin")
    assert VersionPage(staff, last).differences("changed") == [("Title (English)", "One", "Two")]
    assert [each[2] for each in VersionPage(staff, found).differences("changed")] == ["By a command"]


def test_restoring_over_what_a_colleague_has_typed_meanwhile_asks(staff, program):
    change(staff, program, title_en="One")
    page = VersionPage(staff, versions_of(program)[-1])
    colleague = editor("programs.change_program")
    form = AdminForm(colleague, address_of(program, f"{program.pk}/change/"))
    form.data["title_en"] = ["Typed by a colleague"]
    form.submit()
    page.restore("title_en")
    [entry] = Draft.objects.get().entries.values()
    assert (entry["value"], [each["value"] for each in entry["rivals"]]) == (
        ["Typed by a colleague"],
        [["Teacher exchange"]],
    )


def test_what_is_gone_is_not_restored(staff, program):
    centre = Centre.objects.create(slug="a-centre", title_zh_hans="中心", title_en="A centre")
    resource = published("a-guide", kind="template")
    program.centres.set([centre])
    program.materials.create(name_zh_hans="表", name_en="A form", template=resource)
    change(staff, program, title_en="One")
    first = versions_of(program)[-1]
    program.materials.all().delete()
    for row in (centre, resource):
        delete(staff, row)
    VersionPage(staff, first).restore()
    assert said(AdminForm(staff, address_of(program, f"{program.pk}/change/")).submit("_publish")) == [
        "Published: Chinese and English. Visitors see it now."
    ]
    assert (program.centres.count(), program.materials.get().template) == (0, None)


def test_the_programs_of_an_institution_are_part_of_its_versions(staff, program):
    institution = Institution.objects.create(country=Country.objects.first(), name_zh_hans="甲", name_en="A")
    change(staff, institution, partner_in=str(program.pk))
    change(staff, institution, name_en="B")
    form = AdminForm(staff, address_of(institution, f"{institution.pk}/change/"))
    form.data["partner_in"] = []
    form.submit("_publish")
    last = versions_of(institution)
    assert VersionPage(staff, last[0]).differences("changed") == [("Partner in", program.title_en, "")]
    VersionPage(staff, last[1]).restore("partner_in")
    assert AdminForm(staff, form.address).data["partner_in"] == [str(program.pk)]


def test_who_may_not_change_a_page_restores_nothing(program, staff):
    change(staff, program, title_en="One")
    version = versions_of(program)[-1]
    viewer = editor("programs.view_program")
    page = BeautifulSoup(viewer.get(address_of(program, f"{program.pk}/history/")).content, "html.parser")
    assert len(page.select("#change-history tbody tr")) == 2
    assert not page.select("#change-history tbody a")
    address = address_of(program, f"{program.pk}/history/{version.pk}/")
    assert viewer.get(address).status_code == viewer.post(address).status_code == 403
    writer = editor("programs.change_program", name="writer")
    assert VersionPage(writer, version).differences("since")
    assert writer.get(address_of(program, "bin/")).status_code == 403
    delete(staff, program)
    deletion = Change.objects.in_bin(Program).get()
    assert writer.post(address_of(program, f"bin/{deletion.pk}/")).status_code == 403
    assert not Program.objects.filter(pk=program.pk).exists()


def test_what_its_author_may_not_change_is_not_restored():
    centre = Centre.objects.first()
    publisher = editor("portal.change_centre", "contact.change_enquiry", PUBLISH)
    change(publisher, centre, enquiry_recipients="a@example.com")
    writer = editor("portal.change_centre", name="writer")
    page = VersionPage(writer, versions_of(centre)[-1])
    assert not page.differences("since")
    page.client.post(page.address, {"_shown": "{}", "_restore": "1"})
    assert not Draft.objects.exclude(entries={}).exists()


def test_many_rows_deleted_from_the_list_come_back_one_by_one(staff):
    terms = [Term.objects.create(name_zh_hans=f"词{number}", name_en=f"Word {number}") for number in range(3)]
    data = {"action": "delete_selected", "_selected_action": [term.pk for term in terms], "post": "yes"}
    staff.post("/admin/portal/term/", data)
    assert not Term.objects.filter(pk__in=[term.pk for term in terms]).exists()
    assert [each.object_id for each in Change.objects.in_bin(Term)] == [term.pk for term in reversed(terms)]
    bring_back(staff, Term)
    assert [term.name_en for term in Term.objects.filter(pk__in=[term.pk for term in terms])] == ["Word 2"]
    assert [each.object_id for each in Change.objects.in_bin(Term)] == [terms[1].pk, terms[0].pk]


def test_what_comes_back_says_what_is_gone_and_whose_address_is_taken(staff, program):
    area = Area.objects.create(slug="an-area", title_zh_hans="类", title_en="An area")
    centre = Centre.objects.create(slug="a-centre", title_zh_hans="中心", title_en="A centre")
    program.area = area
    program.save()
    program.centres.set([centre])
    certificate = Certificate.objects.create(program=program, name_zh_hans="证", name_en="A certificate")
    change(staff, program, slug="new-address")
    for row in (certificate, program, area, centre):
        delete(staff, row)
    [text] = said(bring_back(staff, Certificate))
    assert "belongs to “Teacher exchange” (Program), which was deleted too" in text
    assert not Certificate.objects.filter(pk=certificate.pk).exists()
    Program.objects.create(slug="new-address", title_en="Another")
    kind = ContentType.objects.get_for_model(Program)
    FormerSlug.objects.create(content_type=kind, slug="teacher-exchange", object_id=1)
    _back, *notes = said(bring_back(staff, Program))
    assert notes == [
        "“An area” (Type of program) has been deleted since, so this page came back without it.",
        "The address “new-address” belongs to “Another” now, so this page came back with “new-address-2”.",
        "These have been deleted since, so this page came back without them: A centre (Service centres).",
        "The old address “teacher-exchange” leads to another page now.",
    ]
    again = Program.objects.get(pk=program.pk)
    assert (again.area, again.slug, again.centres.count()) == (None, "new-address-2", 0)
    bring_back(staff, Certificate)
    assert again.certificates.get() == certificate


def test_what_another_row_has_taken_cannot_come_back(staff):
    country = Country.objects.create(
        slug="x", name_zh_hans="甲", name_en="A", iso_code="ZZ", capital_zh_hans="都", latitude=0, longitude=0
    )
    delete(staff, country)
    Country.objects.create(
        slug="y", name_zh_hans="乙", name_en="B", iso_code="ZZ", capital_zh_hans="都", latitude=0, longitude=0
    )
    [text] = said(bring_back(staff, Country))
    assert text.startswith("“A” cannot come back: ")
    assert not Country.objects.filter(pk=country.pk).exists()


def test_a_deleted_resource_has_its_files_for_ninety_days(staff, django_capture_on_commit_callbacks):
    resource = published("a-guide")
    kept, removed = with_file(resource), with_file(resource, version="2")
    for file in (kept, removed):
        os.utime(file.file.path, (0, 0))
    other = with_file(published("another"))
    removed.delete()
    with django_capture_on_commit_callbacks(execute=True):
        delete(staff, resource)
    resource_files.remove_orphans()
    storage = resource_files.resource_storage()
    assert (storage.exists(kept.file.name), storage.exists(removed.file.name)) == (True, False)
    bring_back(staff, Resource)
    [again] = Resource.objects.get(pk=resource.pk).files.all()
    assert (again.sha256, again.name, again.is_on_disk) == (kept.sha256, kept.name, True)
    with django_capture_on_commit_callbacks(execute=True):
        delete(staff, resource)
    Change.objects.update(at=timezone.now() - timedelta(days=91))
    resource_files.remove_orphans()
    assert not storage.exists(kept.file.name)
    assert other.is_on_disk
    # It is lost by other means while it could come back.
    Change.objects.update(at=timezone.now())
    notes = said(bring_back(staff, Resource))
    assert any(note.startswith("A file is no longer stored") for note in notes)


def test_a_row_without_a_language_of_its_own_comes_back_as_it_was(staff):
    industry = Industry.objects.create(slug="an-industry", name_zh_hans="业", name_en="Industry")
    delete(staff, industry)
    assert said(bring_back(staff, Industry)) == ["“Industry” is back."]
    assert Industry.objects.get(pk=industry.pk).slug == "an-industry"


def test_a_draft_waits_in_the_bin_with_its_page(staff, client):
    resource = published("a-guide")
    address, waits = address_of(resource, f"{resource.pk}/change/"), address_of(resource, "?draft=any")
    form = AdminForm(staff, address)
    form.data |= {"title_en": ["Typed"], "_publish_at": ["2099-01-01T08:00"], "_publish_languages": ["en"]}
    form.add_row("files", language="en", version="2", dated="2026-04-01", file=SimpleUploadedFile("new.pdf", PDF))
    form.submit("_schedule")
    [(preview, _status)] = AdminForm(staff, address).submit("_preview_en").redirect_chain
    assert waits in staff.get("/admin/").text
    for way in ("form", "list"):
        if way == "form":
            delete(staff, resource)
        else:
            chosen = {"action": "delete_selected", "_selected_action": [resource.pk], "post": "yes"}
            staff.post(address_of(resource), chosen)
        assert not ScheduledPublication.objects.exists()
        # Somebody has scheduled it at the same moment.
        Draft.objects.get().schedule(["en"], timezone.now(), User.objects.get())
        [file] = set(files_in_drafts())
        os.utime(storages["private"].path(file), (0, 0))
        publish_due()
        remove_files()
        assert not Resource.objects.filter(title_en="Typed").exists()
        assert not ScheduledPublication.objects.exists()
        assert waits not in staff.get("/admin/").text
        assert not staff.get(address_of(resource)).context["new_drafts"]
        assert said(bring_back(staff, Resource)) == [
            f"“{resource.title_en}” is back. Visitors do not see it until you publish it."
        ]
        assert waits in staff.get("/admin/").text
        assert client.get(preview).status_code == 404
    form = AdminForm(staff, address)
    assert form.data["title_en"] == ["Typed"]
    form.submit("_publish")
    assert (Resource.objects.get().title_en, Resource.objects.get().files.get().version) == ("Typed", "2")


def test_a_draft_leaves_the_bin_with_its_page(staff, program):
    form = AdminForm(staff, address_of(program, f"{program.pk}/change/"))
    form.data["title_en"] = ["Typed"]
    form.submit()
    delete(staff, program)
    for days, stays in ((89, True), (91, False)):
        Change.objects.update(at=timezone.now() - timedelta(days=days))
        publish_due()
        assert Draft.objects.exists() == stays


def test_a_form_of_a_page_in_the_bin_begins_a_new_draft(staff):
    """It was that of a new page when somebody opened it."""
    form = AdminForm(staff, "/admin/portal/term/add/")
    form.data |= {"name_zh_hans": ["甲"], "name_en": ["A"]}
    form.submit("_publish")
    term = Term.objects.get(name_en="A")
    later = AdminForm(staff, address_of(term, f"{term.pk}/change/"))
    later.data["note_en"] = ["Typed before"]
    later.submit()
    delete(staff, term)
    form.data["name_en"] = ["B"]
    form.submit()
    typed = {draft.object_id: draft.texts().keys() for draft in Draft.objects.all()}
    assert typed == {term.pk: {"note_en"}, None: {"name_zh_hans", "name_en"}}


def test_only_a_publisher_brings_back_what_is_public_at_once(staff):
    """The list and the message after deleting lead to the bin only who may use it. The bin says what will be seen."""
    industry = Industry.objects.create(slug="an-industry", name_zh_hans="业", name_en="Industry")
    delete(staff, industry)
    rights = ["programs.add_industry", "programs.change_industry", "programs.delete_industry"]
    for client, may in ((editor(*rights, name="writer"), False), (editor(*rights, PUBLISH), True)):
        other = Industry.objects.create(slug="another", name_zh_hans="乙", name_en="Another")
        assert (address_of(industry, "bin/") in delete(client, other).text) == may
        assert (client.get(address_of(industry, "bin/")).status_code == 200) == may
        deletion = Change.objects.in_bin(Industry).get(object_id=industry.pk)
        client.post(address_of(industry, f"bin/{deletion.pk}/"))
        assert Industry.objects.filter(pk=industry.pk).exists() == may
    assert "It is in force at once" in staff.get(address_of(industry, "bin/")).text
    assert "Visitors do not see it until" not in staff.get(address_of(industry, "bin/")).text
    delete(staff, Program.objects.get(slug="teacher-exchange"))
    assert "Visitors do not see it until" in staff.get("/admin/programs/program/bin/").text


def test_what_the_worker_publishes_is_its_authors(staff, program):
    form = AdminForm(staff, address_of(program, f"{program.pk}/change/"))
    form.data |= {"title_en": ["At a set time"], "_publish_at": ["2099-01-01T08:00"], "_publish_languages": ["en"]}
    form.submit("_schedule")
    ScheduledPublication.objects.update(at=timezone.now())
    publish_due()
    last = versions_of(program)[0]
    assert (last.action, last.by.username) == ("published", "admin")
    assert fields_at(last)[""]["title_en"] == "At a set time"


def test_the_history_outlives_the_account_of_its_author(staff, program):
    colleague = editor("programs.change_program", PUBLISH)
    change(colleague, program, title_en="One")
    User.objects.get(username="colleague").delete()
    page = BeautifulSoup(staff.get(address_of(program, f"{program.pk}/history/")).content, "html.parser")
    rows = [[cell.text for cell in row.select("td")][:2] for row in page.select("#change-history tbody tr")]
    assert rows[0][0] == "Li Ming"
    assert rows[0][1].startswith("Published: Chinese and English.")
    assert rows[1] == ["", "As it was when its history began"]


def test_the_name_of_who_is_gone_is_kept_for_ninety_days(staff, program):
    change(editor("programs.change_program", PUBLISH), program, title_en="One")
    change(editor("programs.change_program", PUBLISH, name="other"), program, title_en="Two")
    User.objects.get(username="colleague").delete()
    for days, names in ((89, {"Li Ming": 2}), (91, {"Li Ming": 1, "": 1})):
        Change.objects.update(at=timezone.now() - timedelta(days=days))
        history_chores.delete_expired()
        found = Change.objects.filter(action="published").values_list("by_name", flat=True)
        assert Counter(found) == names
    # That of who is still there stays.
    assert Change.objects.get(by_name="Li Ming").by.username == "other"


def test_what_was_deleted_leaves_the_bin_after_ninety_days(staff, program):
    term, again = (Term.objects.create(name_zh_hans="词", name_en=name) for name in ("Zhang San", "Again"))
    for title in ("One", "Two", "Two"):
        change(staff, program, title_en=title)
        change(staff, term, note_en=title)
    for row in (program, term, again):
        delete(staff, row)
    bring_back(staff, Term)
    for row in (program, term):
        about = {"content_type": ContentType.objects.get_for_model(row), "object_id": row.pk}
        Confirmation.objects.update_or_create(**about, language="en")
        Review.objects.update_or_create(**about)
    kept = versions_of(again)
    assert len(kept) == 3
    before = set(Change.objects.values_list("pk", flat=True))
    Change.objects.update(at=timezone.now() - timedelta(days=89))
    history_chores.delete_expired()
    bins = [address_of(model, "bin/") for model in (Program, Term)]
    assert ["Bring back" in staff.get(each).text for each in bins] == [True, True]
    assert "is here for 90 days" in staff.get(bins[0]).text
    assert Version.objects.filter(serialized_data__contains="Zhang San").exists()
    # What was deleted again since is in the bin anew.
    Change.objects.exclude(content_type__model="program", action="deleted").update(
        at=timezone.now() - timedelta(days=91)
    )
    deletion = Change.objects.in_bin(Program).get()
    # Before the worker comes, too.
    assert "The bin is empty." in staff.get(bins[1]).text
    history_chores.delete_expired()
    assert not Version.objects.filter(serialized_data__contains="Zhang San").exists()
    assert Change.objects.of(term).filter(action="deleted").get().titles["en"] == "Zhang San"
    assert not Change.objects.of(term).with_state().exists()
    for row, stays in ((program, True), (term, False)):
        about = {"content_type": ContentType.objects.get_for_model(row), "object_id": row.pk}
        assert [model.objects.filter(**about).exists() for model in (Confirmation, Review)] == [stays, stays]
    assert versions_of(again) == kept
    assert set(Change.objects.values_list("pk", flat=True)) == before
    assert Change.objects.in_bin(Program).get() == deletion
    bring_back(staff, Program)
    assert Program.objects.get(pk=program.pk).steps.count() == 2
    assert not Revision.objects.filter(change=None).exists()


def test_who_wrote_what_was_published_is_named_beside_who_published_it(staff, program):
    writers = {}
    for name, first_name in (("one", "Fang"), ("two", "Na")):
        writers[name] = editor("programs.change_program", name=name)
        User.objects.filter(username=name).update(first_name=first_name)
    address = address_of(program, f"{program.pk}/change/")

    def type_in(client, **values):
        form = AdminForm(client, address)
        form.data |= {name: [value] for name, value in values.items()}
        form.submit()

    def told():
        page = BeautifulSoup(staff.get(address_of(program, f"{program.pk}/history/")).content, "html.parser")
        return [[cell.text for cell in row.select("td")][:2] for row in page.select("#change-history tbody tr")]

    # By hand, and by itself.
    type_in(writers["one"], title_zh_hans="新题")
    type_in(writers["two"], title_en="New title")
    AdminForm(staff, address).submit("_publish")
    type_in(writers["two"], title_en="Newer title")
    form = AdminForm(staff, address)
    form.data |= {"_publish_at": ["2099-01-01T08:00"], "_publish_languages": ["en"]}
    form.submit("_schedule")
    ScheduledPublication.objects.update(at=timezone.now())
    publish_due()
    # Who publishes only her own words is named once.
    change(staff, program, title_en="Mine")
    mine, scheduled, by_hand = (row for row in told() if row[1].startswith("Published"))
    assert "Written by" not in mine[1]
    assert (scheduled[0], scheduled[1].partition("Written")[2]) == ("admin", " by Na Ming.")
    assert (by_hand[0], by_hand[1].partition("Written")[2]) == ("admin", " by Fang Ming, Na Ming.")
    response = staff.get("/admin/portal/change/")
    assert response.content.decode().count("Written by") == 2
    data = {"_selected_action": [str(each.pk) for each in Change.objects.all()], "action": "as_csv"}
    assert staff.post("/admin/portal/change/", data).content.decode().count("Written by Na Ming.") == 1
    # The name of an account that is gone is kept as long as that of a publisher.
    User.objects.get(username="two").delete()
    for days, number in ((89, 2), (91, 0)):
        Change.objects.update(at=timezone.now() - timedelta(days=days))
        history_chores.delete_expired()
        assert sum("Na Ming" in row[1] for row in told()) == number
    assert sum("Written by Fang Ming." in row[1] for row in told()) == 1


def test_nobody_is_named_as_the_writer_if_the_account_of_one_is_gone(staff, program):
    writer, address = editor("programs.change_program", name="writer"), address_of(program, f"{program.pk}/change/")
    for client, name in ((writer, "title_en"), (staff, "summary_en")):
        form = AdminForm(client, address)
        form.data[name] = ["New"]
        form.submit()
    User.objects.get(username="writer").delete()
    AdminForm(staff, address).submit("_publish")
    published = Change.objects.of(program).first()
    assert (published.action, published.person, list(published.writers.all())) == ("published", "admin", [])


def test_the_log_is_filtered_and_exported_and_holds_no_formula(staff, program):
    term = Term.objects.create(name_zh_hans="甲", name_en="=1+1")
    change(staff, program, title_en="One")
    change(editor("portal.change_term", PUBLISH), term, note_en="Said")
    colleague = User.objects.get(username="colleague")
    kind = ContentType.objects.get_for_model(Term)
    for query in (f"by={colleague.pk}", f"content_type={kind.pk}&action=published"):
        shown = staff.get(f"/admin/portal/change/?{query}").context["cl"].result_list
        assert [(each.object_id, each.action) for each in shown] == [(term.pk, "published")], query
    everything = [str(each.pk) for each in Change.objects.all()]
    data = {"_selected_action": everything}
    response = staff.post("/admin/portal/change/", data | {"action": "as_csv"})
    table = list(csv.reader(StringIO(response.content.decode("utf-8-sig"))))
    assert table[0] == ["When", "Who", "Kind", "Page", "What", "Detail"]
    assert sorted(row[1:5] for row in table[1:]) == sorted(
        [
            ["Li Ming", "Term", "'=1+1", "Published"],
            ["admin", "Program", "One", "Published"],
        ]
    )
    response = staff.post("/admin/portal/change/", data | {"action": "as_xlsx"})
    sheet = load_workbook(BytesIO(response.content)).active
    cells = [cell for row in sheet.iter_rows() for cell in row]
    assert "=1+1" in {cell.value for cell in cells}
    assert {cell.data_type for cell in cells} <= {"s", "d", "n"}


@pytest.mark.parametrize(("rights", "status"), [(["portal.change_page"], 403), (["portal.view_change"], 200)])
def test_only_who_has_the_right_reads_the_log(rights, status):
    assert editor(*rights).get("/admin/portal/change/").status_code == status


def test_what_colleagues_have_done_today_is_found(staff, program):
    change(staff, program, title_en="One")
    change(editor("portal.change_page", PUBLISH), Page.objects.get(slug="about"), sort_order="7")
    me = User.objects.get(username="admin")
    found = Change.objects.by_colleagues(me, timezone.now() - timedelta(hours=1))
    assert [(each.person, each.titles["en"], each.action) for each in found] == [
        ("Li Ming", Page.objects.get(slug="about").title_en, Action.PUBLISHED)
    ]
    assert not Change.objects.by_colleagues(me, timezone.now() + timedelta(hours=1))


def test_the_log_of_django_goes_on_too(staff, program):
    """The front of the admin shows it to its author."""
    change(staff, program, title_en="One")
    delete(staff, program)
    assert list(LogEntry.objects.values_list("action_flag", flat=True)) == [3, 2]


def test_the_history_goes_on_from_the_log_of_django(staff, program):
    change(staff, program, title_en="One")
    delete(staff, Term.objects.first())
    Change.objects.all().delete()
    import_module("portal.migrations.0016_earlier_changes").copy(apps, None)
    with override("en"):
        found = [(each.kind, each.action, each.person, each.revision) for each in Change.objects.order_by("pk")]
        assert found == [("term", "deleted", "admin", None), ("program", "published", "admin", None)]
        assert Change.objects.of(program).get().words.startswith("Published: Chinese and English. Changed Title")


@pytest.mark.parametrize(
    ("stored", "words"),
    [
        ("[Changed by hand", "Changed"),
        ("[1, 2]", "Changed"),
        ('["a", {"published": {"languages": ["en"]}}]', "Published: English."),
        ("[" * 9, "Changed"),
        ("Some words", "Changed"),
    ],
)
def test_the_history_goes_on_from_a_log_with_odd_messages(staff, program, stored, words):
    LogEntry.objects.create(
        user=User.objects.get(),
        content_type=ContentType.objects.get_for_model(program),
        object_id=program.pk,
        object_repr="A program",
        action_flag=2,
        change_message=stored,
    )
    import_module("portal.migrations.0016_earlier_changes").copy(apps, None)
    with override("en"):
        assert Change.objects.get().words == words
    assert words in staff.get("/admin/portal/change/").text


@pytest.mark.parametrize("stored", ["标准 (Chinese, 2.1)", "标准 (Chinese, version 2.1)"])
def test_the_history_names_a_file_in_the_readers_language(stored):
    added = Change(message=[{"added": {"name": "version of a file", "object": stored}}])
    with override("zh-hans"):
        assert "“标准（中文，版本2.1）”" in added.words
    with override("en"):
        assert "“标准 (Chinese, version 2.1)”" in added.words


def test_the_history_says_places_and_dates_as_people_do(staff, program):
    change(staff, program, **{"steps-0-sort_order": "200"})
    moved = VersionPage(staff, versions_of(program)[0])
    assert moved.differences("changed") == [("2. Step: Order", "1", "2")]
    file = with_file(published("standard"))
    change(staff, file.resource, **{"files-0-dated": "2026-03-02"})
    dated = VersionPage(staff, versions_of(file.resource)[0])
    assert [after for _name, _before, after in dated.differences("changed")] == ["2 March 2026"]


def test_the_button_of_each_difference_has_a_name_of_its_own(staff, program):
    """It says what it shows, and then what it is about."""
    change(staff, program, **{"steps-0-text_en": "One", "steps-1-text_en": "Two", "title_en": "Three"})
    page = VersionPage(staff, versions_of(program)[-1])
    assert [" ".join(button.text.split()) for button in page.page.select("[name=_restore_one]")] == [
        "Put this into the draft Title (English)",
        "Put this into the draft 1. Step: What happens (English)",
        "Put this into the draft 2. Step: What happens (English)",
    ]
    assert not page.page.select("[name=_restore_one][aria-label]")


def test_its_pages_need_few_queries(staff, program, record_property):
    def queries(address):
        staff.get(address)
        with CaptureQueriesContext(connection) as captured:
            assert staff.get(address).status_code == 200
        return len(captured)

    def all_queries():
        return [queries(address_of(program, page)) for page in (f"{program.pk}/history/", "bin/")]

    few = []
    for number in range(6):
        change(staff, program, title_en=f"Title {number}")
        gone = Program.objects.create(slug=f"gone-{number}", title_en="Gone")
        gone.steps.create(text_en="A step")
        delete(staff, gone)
        few = few or all_queries()
    assert all_queries() == few
    record_property("queries of the history and of the bin", few)
    assert max(few) <= 12
    # A version with few parts, and with many.
    found = []
    for _time in range(2):
        change(staff, program, title_en=f"With {program.steps.count()} steps")
        last = versions_of(program)[0]
        found.append(queries(address_of(program, f"{program.pk}/history/{last.pk}/")))
        program.steps.bulk_create([type(program.steps.first())(program=program, text_en=f"{n}") for n in range(30)])
    record_property("queries of a version", found)
    assert found[0] == found[1] <= 30


def test_a_picture_in_the_draft_stays_when_a_version_is_restored(staff):
    department = Department.objects.get()
    change(staff, department, postcode="100001")
    picture = BytesIO()
    Image.new("RGB", (200, 200)).save(picture, "PNG")
    form = AdminForm(staff, address_of(department, "1/change/"))
    form.data["wechat_code"] = SimpleUploadedFile("code.png", picture.getvalue())
    form.submit()
    page = VersionPage(staff, versions_of(department)[-1])
    assert [name for name, *_texts in page.differences("since")] == ["Postcode"]
    page.restore()
    assert Draft.objects.get().entries.keys() == {"wechat_code", "postcode"}


def test_a_row_that_came_back_and_went_again_comes_back_alone(staff, program):
    first, second = program.steps.all()
    change(staff, program)
    whole = versions_of(program)[0]
    for _time in range(2):
        form = AdminForm(staff, address_of(program, f"{program.pk}/change/"))
        form.data[f"steps-{len(form.rows('steps')) - 1}-DELETE"] = ["on"]
        form.submit("_publish")
        assert list(program.steps.all()) == [first]
        page = VersionPage(staff, whole)
        [button] = page.page.select("[name=_restore_one]")
        page.restore(button["value"])
        change(staff, program)
        assert [step.text_en for step in program.steps.all()] == ["Step 0", "Step 1"]
    assert second.pk not in program.steps.values_list("pk", flat=True)


def test_a_translator_is_offered_what_she_may_put_back(staff, program):
    change(staff, program, title_en="One", title_zh_hans="甲", **{"steps-0-DELETE": "on"})
    version = versions_of(program)[-1]
    translator = editor("programs.view_program", "programs.view_step", TRANSLATE["en"], name="translator")
    page = VersionPage(translator, version)
    assert {name for name, *_texts in page.differences("since")} >= {"Title (Chinese)", "Title (English)"}
    assert [button["value"] for button in page.page.select("[name=_restore_one]")] == ["title_en"]
    page.restore()
    assert list(Draft.objects.get().entries) == ["title_en"]
