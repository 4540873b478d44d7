"""What each role may do and what not, tried by requests as no form of the admin would send them."""

import json
from copy import copy
from importlib import import_module
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import Group, Permission
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from django.test import Client
from django.utils.translation import override

import portal.migrations
from contact.models import AnswerTemplate, Enquiry
from partners.models import Country, Institution
from portal import roles
from portal.admin import AdministratorsOnly
from portal.bilingual.drafts.models import Draft
from portal.bilingual.drafts.paths import language_of
from portal.bilingual.drafts.rights import NOT_A_PUBLISHER
from portal.bilingual.editing import BilingualAdmin
from portal.bilingual.history.models import Action, Change
from portal.bilingual.history.versions import note, record
from portal.bilingual.languages import LANGUAGES
from portal.draft_chores import publish_due, request_of
from portal.models import Department, User
from portal.sign_in.rights import WORDS
from programs.models import Area, Certificate, Industry, Program
from tests.admin_forms import AdminForm
from tests.contact.files import PDF
from tests.contact.rows import stored
from tests.programs.resources import published, with_file

pytestmark = pytest.mark.django_db

# The letters of the roles in the tables below. Nobody is staff without a role.
WHO = {
    "W": "writer",
    "Z": "translator_zh_hans",
    "E": "translator_en",
    "P": "publisher",
    "D": "enquiry_desk",
    "H": "head_of_desk",
    "A": "administrator",
    "S": "superuser",
    "N": "nobody",
}
# All other tests of pages are those of a superuser.
ON_PAGES = "WZEPDHAN"
ADDRESS = "/admin/programs/program/{}/change/"
SIDES = ["_zh_hans", "_en"]


@pytest.fixture
def editor(admin_client, admin_user):
    """A client of a superuser, whose forms have all fields."""
    admin_user.language = "en"
    admin_user.save()
    admin_client.opened = {}
    return admin_client


@pytest.fixture
def program(editor):
    """A program with two steps, of which a colleague has changed one in both languages, and added a third."""
    program = Program.objects.get(slug="teacher-exchange")
    program.steps.all().delete()
    for number in (1, 2):
        program.steps.create(text_zh_hans=f"步骤{number}", text_en=f"Step {number}")
    colleague = AdminForm(editor, ADDRESS.format(program.pk))
    colleague.data |= {"title_zh_hans": ["同事"], "title_en": ["Colleague"], "sort_order": ["7"]}
    colleague.data |= {"steps-0-text_zh_hans": ["同事"], "steps-0-text_en": ["Colleague"]}
    colleague.add_row("steps", text_zh_hans="同事新增", text_en="Added by a colleague")
    colleague.submit()
    return program


def member(role):
    """Returns a client of a member of staff who has `role`, and nothing else."""
    user = User.objects.create_user(role, f"{role}@example.com", is_staff=True, language="en")
    user.is_superuser = role == "superuser"
    user.save()
    if role in roles.ROLES:
        user.groups.add(Group.objects.get(name=role))
    client = Client()
    client.force_login(user)
    return client


class Forged(AdminForm):
    """A form as a superuser gets it, which somebody else submits."""

    def submit(self, button="_save_draft"):
        """Returns the response itself: nobody looks at the page that follows."""
        return self.client.post(self.address, self.data | {button: "1"})


def forged(client, editor, address):
    """Returns a Forged form. The superuser opens each only once in a test: what is done to a page is taken back."""
    if address not in editor.opened:
        editor.opened[address] = Forged(editor, address)
    form = copy(editor.opened[address])
    form.client, form.data, form.added = client, dict(form.data), {}
    return form


def entries(row=None):
    """Returns the values in the draft of `row`, or of a new one, by their paths."""
    draft = Draft.objects.filter(object_id=row and row.pk).exclude(entries={}).last()
    return {path: entry["value"] for path, entry in draft.entries.items()} if draft else {}


# What is done to a program. Each function tries it and returns whether it had an effect.


def opens_the_list(client, editor, program):
    return client.get("/admin/programs/program/").status_code == 200


def opens_the_form(client, editor, program):
    return client.get(ADDRESS.format(program.pk)).status_code == 200


def types(path, value="Typed"):
    def act(client, editor, program):
        form = forged(client, editor, ADDRESS.format(program.pk))
        form.data[path] = [value]
        form.submit()
        return entries(program).get(path) == [value]

    return act


def types_in_a_row(number, name, value="Typed"):
    """Of the rows, 0 and 1 are stored, and 2 is in the draft only."""

    def act(client, editor, program):
        form = forged(client, editor, ADDRESS.format(program.pk))
        row = list(form.rows("steps"))[number]
        form.data[f"steps-{number}-{name}"] = [value]
        form.submit()
        return entries(program).get(f"steps/{row}/{name}") == [value]

    return act


def adds_a_row(client, editor, program):
    form = forged(client, editor, ADDRESS.format(program.pk))
    form.add_row("steps", text_zh_hans="新", text_en="New")
    form.submit()
    return ["新"] in entries(program).values() or ["New"] in entries(program).values()


def brings_a_row_back(client, editor, program):
    """The form says that it has shown a row that is gone by now."""
    form = forged(client, editor, ADDRESS.format(program.pk))
    form.data |= {"steps-1-id": ["999999"], "steps-1-text_en": ["Back"], "steps-1-text_zh_hans": ["回来"]}
    shown = json.loads(form.data["_shown"][0]) | {"steps/999999/text_en": "12345678"}
    form.data["_shown"] = [json.dumps(shown)]
    form.submit()
    return ["回来"] in entries(program).values() or ["Back"] in entries(program).values()


def forgets_a_row(client, editor, program):
    """What the form has shown is missing from what is sent: that is how a script removes a row."""
    form = forged(client, editor, ADDRESS.format(program.pk))
    form.data["steps-TOTAL_FORMS"] = ["2"]
    form.submit()
    return ["Added by a colleague"] not in entries(program).values()


def chooses(client, editor, program):
    """Two colleagues have typed for one field, which is not for everybody to decide."""
    draft = Draft.objects.get(object_id=program.pk)
    rival = draft.entries["title_en"] | {"value": ["Rival"]}
    draft.entries["title_en"] |= {"rivals": [rival]}
    draft.save()
    form = forged(client, editor, ADDRESS.format(program.pk))
    form.data |= {"_choose:title_en": [list(draft.choices("title_en"))[1]]}
    form.submit()
    return entries(program)["title_en"] == ["Rival"]


def presses(button, **data):
    """Something is typed too: whoever may type it loses nothing by a button that is not for him."""

    def act(client, editor, program):
        form = forged(client, editor, ADDRESS.format(program.pk))
        form.data |= {"summary_zh_hans": ["打字"], "summary_en": ["Typed"]} | data
        before = state(program)
        form.submit(button)
        after = state(program)
        return {name for name in after if after[name] != before[name]}

    return act


def state(program):
    row = Program.objects.get(pk=program.pk)
    draft = Draft.objects.filter(object_id=program.pk).first()
    return {
        **{side: (getattr(row, f"title{side}"), getattr(row, f"published_at{side}")) for side in SIDES},
        "plan": draft and list(draft.scheduled.values_list("language", "at")),
        "preview": draft and draft.preview_key,
        "copies": Draft.objects.filter(object_id=None).count(),
    }


def publishes(button, **data):
    def act(client, editor, program):
        changed = presses(button, **data)(client, editor, program)
        return " ".join(language for language, side in zip(LANGUAGES, SIDES, strict=True) if side in changed)

    return act


def schedules(client, editor, program):
    data = {"_publish_at": ["2099-01-01T08:00"], "_publish_languages": ["en"]}
    return "plan" in presses("_schedule", **data)(client, editor, program)


def schedule(program, at="2099-01-01T08:00Z", by=None):
    Draft.objects.get(object_id=program.pk).schedule(["en"], at, by)


def unschedules(client, editor, program):
    schedule(program)
    return "plan" in presses("_unschedule")(client, editor, program)


def publishes_at_the_time(client, editor, program):
    """Somebody has scheduled it who had more rights then."""
    schedule(program, "2020-01-01T08:00Z", User.objects.get(pk=client.session["_auth_user_id"]))
    publish_due()
    return Program.objects.get(pk=program.pk).title_en == "Colleague"


def discards(client, editor, program):
    """Returns which languages of what others have typed are gone, "-" for fields without one."""
    before = set(entries(program))
    forged(client, editor, ADDRESS.format(program.pk)).submit("_discard")
    gone = {language_of(path) or "-" for path in before - set(entries(program))}
    return " ".join(sorted(gone))


def discards_what_is_scheduled(client, editor, program):
    schedule(program)
    return bool(discards(client, editor, program))


def copies(client, editor, program):
    return "copies" in presses("_copy")(client, editor, program)


def previews(client, editor, program):
    return "preview" in presses("_preview_en")(client, editor, program)


def deletes(client, editor, program):
    client.post(ADDRESS.format(program.pk).replace("change", "delete"), {"post": "yes"})
    return not Program.objects.filter(pk=program.pk).exists()


def acts_on_many(action, is_done):
    def act(client, editor, program):
        data = {"action": action, "_selected_action": [program.pk], "post": "yes"}
        client.post("/admin/programs/program/", data)
        return is_done(program)

    return act


def publishes_from_the_list(client, editor, program):
    """The list shows nobody's texts, so it publishes only one's own."""
    draft, user = Draft.objects.get(object_id=program.pk), int(client.session["_auth_user_id"])
    draft.store(entries={path: entry | {"by": user} for path, entry in draft.entries.items()})
    return acts_on_many("publish_both", is_published_afresh)(client, editor, program)


def adds_a_page(client, editor, program):
    form = forged(client, editor, "/admin/programs/program/add/")
    form.data |= {"title_en": ["New"], "slug": ["new"]}
    form.submit()
    return entries() == {"title_en": ["New"], "slug": ["new"]}


def begun(program):
    """Returns the draft of a new page that a colleague has begun."""
    fields = {"title_en": {"value": ["Begun"], "base": [""], "by": None, "at": "2026-01-01T08:00Z", "form": ""}}
    kind = Draft.objects.get(object_id=program.pk).content_type
    return Draft.objects.create(content_type=kind, key="a" * 32, entries=fields)


def types_in_a_new_page(name, value="Typed"):
    def act(client, editor, program):
        draft = begun(program)
        form = forged(client, editor, draft.address)
        form.data[name] = [value]
        form.submit()
        return entries().get(name) == [value]

    return act


def copies_a_new_page(client, editor, program):
    forged(client, editor, begun(program).address).submit("_copy")
    return Draft.objects.filter(object_id=None).count() > 1


def publishes_a_new_page(client, editor, program):
    form = forged(client, editor, begun(program).address)
    form.data |= {"slug": ["begun"], "summary_en": ["Summary"]}
    form.submit("_publish_en")
    return Program.objects.filter(title_en="Begun").exists()


def types_for_an_unknown_key(client, editor, program):
    form = forged(client, editor, "/admin/programs/program/add/?draft=" + "b" * 32)
    form.data["title_en"] = ["New"]
    form.submit()
    return Draft.objects.filter(key="b" * 32).exists()


def adds_at_once(client, editor, program):
    """In the window that another form opens."""
    form = forged(client, editor, "/admin/programs/industry/add/?_popup=1")
    form.data |= {"name_zh_hans": ["新"], "name_en": ["New"], "slug": ["new"], "_popup": ["1"]}
    form.submit("_save")
    return Industry.objects.filter(slug="new").exists()


def restores(client, editor, program):
    """Returns which languages of an earlier version come into the draft, "-" for fields without one."""
    area = Area.objects.create(slug="earlier", title_zh_hans="早先", title_en="Earlier")
    earlier = {"summary_zh_hans": "早先", "summary_en": "Earlier", "area": area.pk}
    Program.objects.filter(pk=program.pk).update(**earlier)
    version = record(program, Action.FOUND)
    Program.objects.filter(pk=program.pk).update(
        **earlier | {"summary_zh_hans": "此后", "summary_en": "Since", "area": None}
    )
    client.post(f"/admin/programs/program/{program.pk}/history/{version.pk}/", {"_shown": "{}", "_restore": "1"})
    typed = entries(program)
    came = {language_of(path) or "-" for path, value in earlier.items() if typed.get(path) == [str(value)]}
    return " ".join(sorted(came))


def opens_the_bin(kind):
    return lambda client, editor, program: client.get(f"/admin/{kind}/bin/").status_code == 200


def brings_back(kind, row_of):
    """Returns what became of a row that was in the bin: "public", "not public", or False."""

    def act(client, editor, program):
        row = row_of(program)
        editor.post(f"/admin/{kind}/{row.pk}/delete/", {"post": "yes"})
        deletion = Change.objects.in_bin(type(row)).get(object_id=row.pk)
        client.post(f"/admin/{kind}/bin/{deletion.pk}/")
        back = type(row).objects.filter(pk=row.pk).first()
        # A kind without publication is public at once.
        return back and ("public" if getattr(back, "published_at_en", True) else "not public")

    return act


def an_industry(program):
    return Industry.objects.create(slug="example", name_zh_hans="示例", name_en="Example")


def an_answer(program):
    return AnswerTemplate.objects.create(title="Example", text_zh_hans="您好", text_en="Hello")


def is_published_afresh(program):
    return Program.objects.get(pk=program.pk).title_en == "Colleague"


def is_withdrawn(program):
    return Program.objects.get(pk=program.pk).published_at_en is None


def is_deleted(program):
    return not Program.objects.filter(pk=program.pk).exists()


# Who may do each of them. Where it has more than one effect, this says which.
ON_A_PROGRAM = [
    (opens_the_list, "WZEPA"),
    (opens_the_form, "WZEPA"),
    (types("title_zh_hans"), "WZPA"),
    (types("title_en"), "WEPA"),
    (types("body_zh_hans", "<p>Typed</p>"), "WZPA"),
    (types("body_en", "<p>Typed</p>"), "WEPA"),
    (types("sort_order", "9"), "WPA"),
    (types("slug", "moved"), "PA"),
    (types_in_a_row(0, "text_zh_hans"), "WZPA"),
    (types_in_a_row(0, "text_en"), "WEPA"),
    (types_in_a_row(0, "sort_order", "9"), "WPA"),
    (types_in_a_row(2, "text_zh_hans"), "WZPA"),
    (types_in_a_row(2, "text_en"), "WEPA"),
    (types_in_a_row(1, "DELETE", "on"), "WPA"),
    (adds_a_row, "WPA"),
    (brings_a_row_back, "WPA"),
    (forgets_a_row, "WPA"),
    (chooses, "WEPA"),
    (publishes("_publish"), {"PA": "zh-hans en"}),
    (publishes("_publish_zh-hans"), {"PA": "zh-hans"}),
    (publishes("_publish_en"), {"PA": "en"}),
    (publishes("_withdraw_en"), {"PA": "en"}),
    (schedules, "PA"),
    (unschedules, "PA"),
    (publishes_at_the_time, "PA"),
    (discards, {"WPA": "- en zh-hans", "Z": "zh-hans", "E": "en"}),
    (discards_what_is_scheduled, "PA"),
    (previews, "WZEPA"),
    (copies, "WPA"),
    (deletes, "PA"),
    (acts_on_many("publish_both", is_published_afresh), ""),
    (publishes_from_the_list, "PA"),
    (acts_on_many("withdraw_en", is_withdrawn), "PA"),
    (acts_on_many("delete_selected", is_deleted), "PA"),
    (adds_a_page, "WPA"),
    (types_in_a_new_page("title_zh_hans"), "WZPA"),
    (types_in_a_new_page("title_en"), "WEPA"),
    (types_in_a_new_page("slug", "new"), "WPA"),
    (types_in_a_new_page("sort_order", "9"), "WPA"),
    (copies_a_new_page, "WPA"),
    (publishes_a_new_page, "PA"),
    (types_for_an_unknown_key, "WPA"),
    (adds_at_once, "PA"),
    (restores, {"WPA": "- en zh-hans", "Z": "zh-hans", "E": "en"}),
    (opens_the_bin("programs/program"), "WPA"),
    (opens_the_bin("programs/industry"), "PA"),
    (opens_the_bin("contact/answertemplate"), "HA"),
    (brings_back("programs/program", lambda program: program), {"WPA": "not public"}),
    (brings_back("programs/industry", an_industry), {"PA": "public"}),
    (brings_back("contact/answertemplate", an_answer), {"HA": "public"}),
]


def expected(answers, letter):
    """Returns what is to come of an action if the role with this letter tries it."""
    answers = answers if isinstance(answers, dict) else {answers: True}
    return next((answer for letters, answer in answers.items() if letter in letters), False)


def compare(table, letter, *things):
    """Tries each action of a table as the role with this letter. Returns how many there were."""
    client, tried = member(WHO[letter]), 0
    for number, (act, answers) in enumerate(table):
        with transaction.atomic():
            found = act(client, *things)
            transaction.set_rollback(True)
        assert (found or False) == expected(answers, letter), f"{WHO[letter]}, line {number} of the table"
        tried += 1
    return tried


@pytest.mark.parametrize("letter", ON_PAGES)
def test_what_a_role_may_do_to_a_page(editor, program, letter, record_property):
    tried = compare(ON_A_PROGRAM, letter, editor, program)
    record_property("actions tried", tried)
    assert tried == 50


# One page of each kind


@pytest.fixture
def pages(editor):
    """A row of each model with texts in both languages that staff edit."""
    program, country = Program.objects.first(), Country.objects.first()
    names = {"name_zh_hans": "示例", "name_en": "Example"}
    Institution.objects.create(country=country, **names)
    Certificate.objects.create(program=program, **names)
    Industry.objects.create(slug="example", **names)
    AnswerTemplate.objects.create(title="Example", text_zh_hans="您好", text_en="Hello")
    with_file(published())
    models = [model for model, found in admin.site._registry.items() if isinstance(found, BilingualAdmin)]
    return {model._meta.model_name: model.objects.first() for model in models}


PAGES = [
    *["department", "centre", "page", "term", "country", "institution", "area", "program", "certificate", "industry"],
    "resource",
]


def texts_of(row):
    """Returns the names of the Chinese and the English column of a text that each page needs."""
    model_admin = admin.site.get_model_admin(type(row))
    names = dict.fromkeys(model_admin.search_fields)
    chinese = next(name for name in names if name.endswith(SIDES[0]))
    return chinese, chinese.replace(*SIDES)


def allowed(kind, letter):
    """Returns whether the role reads this kind of page, in which languages it writes, and whether it publishes."""
    if kind == "answertemplate":
        readers, writers, publishers = "DHA", "DHA", "HA"
    else:
        readers, writers, publishers = "WZEPA", "WPA", "PA"
    languages = {"Z": {"zh-hans"}, "E": {"en"}}.get(letter, set()) if letter in readers else set()
    return letter in readers, {"zh-hans", "en", None} if letter in writers else languages, letter in publishers


def test_each_kind_of_page_knows_the_roles(editor, pages, record_property):
    """Everything at once: both languages, the address, the order, and the button that publishes."""
    clients, tried = {letter: member(WHO[letter]) for letter in ON_PAGES}, 0
    assert set(pages) == {*PAGES, "answertemplate"}
    for kind, row in pages.items():
        address = f"/admin/{row._meta.app_label}/{kind}/"
        chinese, english = texts_of(row)
        for letter, client in clients.items():
            form = forged(client, editor, f"{address}{row.pk}/change/")
            typed = {chinese: ["甲"], english: ["B"]}
            typed |= {name: ["9"] for name in ("sort_order", "postcode") if name in form.data}
            typed |= {"slug": ["moved"]} if "slug" in form.data else {}
            form.data |= typed
            with transaction.atomic():
                opened = client.get(address).status_code == 200
                form.submit("_publish")
                now = type(row).objects.get(pk=row.pk)
                public = {name: [str(getattr(now, name))] for name in typed}
                kept = entries(row)
                transaction.set_rollback(True)
            reads, languages, publishes = allowed(kind, letter)
            assert opened == reads, (kind, letter)
            if publishes:
                assert (public, kept) == (typed, {}), (kind, letter)
            else:
                mine = {path: it for path, it in typed.items() if language_of(path) in languages and path != "slug"}
                before = {name: [str(getattr(row, name))] for name in typed}
                assert (public, kept) == (before, mine), (kind, letter)
            tried += 1
    record_property("kinds of pages and roles tried", tried)
    assert tried == 12 * 8


def test_a_translator_finds_and_translates_a_page_that_a_writer_has_begun(editor):
    begun = AdminForm(member("writer"), "/admin/programs/program/add/")
    begun.data |= {"title_zh_hans": ["新项目"], "slug": ["new-one"]}
    begun.add_row("steps", text_zh_hans="第一步")
    begun.submit()
    client = member("translator_en")
    page = BeautifulSoup(client.get("/admin/programs/program/").content, "html.parser")
    [link] = page.select(".new-drafts a")
    assert link.text == "新项目"
    assert not page.select(".addlink[href='/admin/programs/program/add/']")
    form = AdminForm(client, f"/admin/programs/program/{link['href']}")
    assert texts(form.page, ".field-title_zh_hans .read-text, #steps-0 .read-text") == ["新项目", "第一步"]
    form.data |= {"title_en": ["New"], "steps-0-text_en": ["First step"], "summary_en": ["Summary"]}
    form.submit()
    publisher = AdminForm(member("publisher"), form.address)
    publisher.data["summary_zh_hans"] = ["摘要"]
    publisher.submit("_publish")
    program = Program.objects.get(slug="new-one")
    assert (program.title_en, program.steps.get().text_en) == ("New", "First step")


def test_who_does_not_publish_is_refused_and_loses_nothing(editor, program):
    client = member("writer")
    for button in ("_publish", "_withdraw_en", "_schedule"):
        form = forged(client, editor, ADDRESS.format(program.pk))
        form.data |= {"summary_en": [button], "_publish_at": ["2099-01-01T08:00"], "_publish_languages": ["en"]}
        form.submit(button)
        page = client.get(form.address)
        with override("en"):
            assert [str(message) for message in page.context["messages"]] == [str(NOT_A_PUBLISHER)]
        assert entries(program)["summary_en"] == [button]
    assert not Draft.objects.get(object_id=program.pk).refusals


def test_files_and_pictures_come_and_go_by_writers_only_as_drafts(editor, pages):
    resource = pages["resource"]
    [file] = resource.files.all()
    for role, may in (("writer", True), ("translator_en", False)):
        form = forged(member(role), editor, f"/admin/programs/resource/{resource.pk}/change/")
        form.add_row("files", language="en", version="2.0", dated="2026-04-01")
        form.data |= {"files-0-DELETE": ["on"], "files-1-file": SimpleUploadedFile("new.pdf", PDF + b"new")}
        form.submit("_publish")
        found = entries(resource)
        assert (found.get(f"files/{file.pk}/DELETE") == ["on"]) == may
        assert any(path.endswith("/file") for path in found) == may
        assert list(resource.files.all()) == [file]
        Draft.objects.all().delete()


# What the forms show


def texts(page, selector):
    return [element.get_text(" ", strip=True) for element in page.select(selector)]


def test_a_translator_reads_the_other_language_beside_hers(program):
    program.body_zh_hans = '<p>正文<a href="/zh-hans/">链接</a></p>'
    program.save()
    form = AdminForm(member("translator_en"), ADDRESS.format(program.pk))
    names = {name for name in form.data if not name.startswith("_") and "_FORMS" not in name and name[-3:] != "-id"}
    names -= {name for name in names if name.endswith("-program") or name == "csrfmiddlewaretoken"}
    assert names
    assert all(language_of(name) == "en" for name in names)
    # What a colleague has typed, though it is not public yet.
    assert "同事" in texts(form.page, ".field-title_zh_hans .read-text")[0]
    assert texts(form.page, "#steps-2 .read-text") == ["同事新增"]
    [body] = form.page.select(".field-body_zh_hans .read-text")
    assert (body["lang"], body.a["href"]) == ("zh-Hans", "/zh-hans/")
    assert not form.page.select("[name=slug], [name=area], [name$=DELETE], .add-related")
    assert "You translate into: English." in form.page.text


BUTTONS_OF_PUBLISHERS = {
    *["_publish", "_publish_en", "_publish_zh-hans", "_withdraw_en", "_withdraw_zh-hans", "_schedule"],
}


@pytest.mark.parametrize("role", ["writer", "translator_en", "publisher"])
def test_buttons_that_one_may_not_use_are_not_shown(program, role):
    page = AdminForm(member(role), ADDRESS.format(program.pk)).page
    shown = {button["name"] for button in page.select(".publication button, .publication-bar button")}
    assert shown >= {"_save_draft", "_preview_en", "_discard"}
    assert shown & BUTTONS_OF_PUBLISHERS == (BUTTONS_OF_PUBLISHERS if role == "publisher" else set())
    assert ("You write drafts; a publisher makes them public." in page.text) == (role == "writer")
    assert bool(page.select("[name=slug]")) == (role == "publisher")
    assert bool(page.select(".deletelink")) == (role == "publisher")
    assert bool(page.select("[name=_copy]")) == (role != "translator_en")


# Enquiries


def task(name, is_done, **data):
    def act(client, enquiry):
        client.post(f"/admin/contact/enquiry/{enquiry.pk}/change/", {"task": name, **data})
        enquiry.refresh_from_db()
        return is_done(enquiry)

    return act


def answers(client, enquiry):
    client.post(f"/admin/contact/enquiry/{enquiry.pk}/answer/", {"text": "Hello", "is_on_status_page": "on"})
    return enquiry.answers.exists()


def exports(action):
    def act(client, enquiry):
        data = {"action": action, "_selected_action": [enquiry.pk]}
        response = client.post("/admin/contact/enquiry/?queue=all", data)
        return "attachment" in response.get("Content-Disposition", "")

    return act


def erases(client, enquiry):
    data = {"action": "erase", "_selected_action": [enquiry.pk], "confirmed": str(enquiry.pk), "select_across": "1"}
    client.post("/admin/contact/enquiry/?queue=all", data)
    return Enquiry.objects.get(pk=enquiry.pk).erased_at is not None


def opens(address):
    return lambda client, row: client.get(address.format(row.pk)).status_code == 200


ON_AN_ENQUIRY = [
    (opens("/admin/contact/enquiry/"), "DHAS"),
    (opens("/admin/contact/enquiry/{}/change/"), "DHAS"),
    (opens("/admin/contact/enquiry/statistics/"), "DHAS"),
    (answers, "DHAS"),
    (task("note", lambda enquiry: enquiry.notes.exists(), text="A note"), "DHAS"),
    (task("move", lambda enquiry: enquiry.state == "closed", state="closed"), "DHAS"),
    (exports("as_xlsx"), "HAS"),
    (exports("as_csv"), "HAS"),
    (exports("as_zip"), "HAS"),
    (erases, "HAS"),
    (opens("/admin/contact/event/"), "HAS"),
]


@pytest.mark.parametrize("letter", WHO)
def test_what_a_role_may_do_to_an_enquiry(letter, record_property):
    tried = compare(ON_AN_ENQUIRY, letter, stored())
    record_property("actions tried", tried)
    assert tried >= 11


# Accounts


def gives(**data):
    """Returns the fields of the account that a post of its form changes."""

    def act(client, user):
        before = User.objects.filter(pk=user.pk).values().get()
        form = {"username": user.username, "is_active": "on", "is_staff": "on"} | data
        form["groups"] = [Group.objects.get(name=name).pk for name in data.get("groups", [])]
        client.post(f"/admin/portal/user/{user.pk}/change/", form)
        after = User.objects.filter(pk=user.pk).values().get()
        groups = list(user.groups.values_list("name", flat=True))
        return " ".join([*groups, *(name for name in after if after[name] != before[name])])

    return act


def makes_itself_superuser(client, user):
    me = User.objects.get(pk=client.session["_auth_user_id"])
    before = me.is_superuser
    data = {"username": me.username, "is_active": "on", "is_staff": "on", "is_superuser": "on"}
    client.post(f"/admin/portal/user/{me.pk}/change/", data)
    return User.objects.get(pk=me.pk).is_superuser != before


def changes_a_superuser(client, user):
    other = User.objects.create_superuser("another")
    gives(first_name="Changed")(client, other)
    client.post("/admin/portal/user/", {"action": "delete_selected", "_selected_action": [other.pk], "post": "yes"})
    return User.objects.filter(pk=other.pk).first() is None or User.objects.get(pk=other.pk).first_name == "Changed"


def changes_a_role(client, user):
    group = Group.objects.get(name="writer")
    client.post(f"/admin/auth/group/{group.pk}/change/", {"permissions": []})
    return not group.permissions.exists()


def sets_the_times_of_enquiries(client, user):
    form = AdminForm(client, "/admin/portal/department/1/change/")
    form.data |= {"keep_closed_months": ["7"]}
    form.submit("_publish")
    return Department.current().keep_closed_months == 7


def exports_the_log_of_changes(client, user):
    note(Program.objects.first(), Action.PUBLISHED, user)
    data = {"action": "as_csv", "_selected_action": [Change.objects.latest("pk").pk]}
    return "attachment" in client.post("/admin/portal/change/", data).get("Content-Disposition", "")


ON_AN_ACCOUNT = [
    (opens("/admin/portal/user/"), "AS"),
    (opens("/admin/portal/user/{}/change/"), "AS"),
    (gives(first_name="Changed"), {"AS": "first_name"}),
    (gives(groups=["publisher"]), {"AS": "publisher"}),
    (gives(is_superuser="on"), {"S": "is_superuser"}),
    (makes_itself_superuser, ""),
    (changes_a_superuser, "S"),
    (opens("/admin/auth/group/"), "AS"),
    (changes_a_role, "AS"),
    (opens("/admin/portal/accountevent/"), "AS"),
    (opens("/admin/portal/change/"), "AS"),
    (exports_the_log_of_changes, "AS"),
    (sets_the_times_of_enquiries, "AS"),
]


@pytest.mark.parametrize("letter", WHO)
def test_what_a_role_may_do_to_an_account(letter, record_property):
    tried = compare(ON_AN_ACCOUNT, letter, User.objects.create_user("owner", is_staff=True))
    record_property("actions tried", tried)
    assert tried >= 13


# The list of rights, and the names


def test_the_list_of_rights_is_what_the_admin_asks_for():
    """So a right that a new model brings is not forgotten, and one that does nothing is not offered."""
    request, found = request_of(User(is_superuser=True)), set()
    for model_admin in admin.site._registry.values():
        if not isinstance(model_admin, AdministratorsOnly):
            for each in (model_admin, *model_admin.get_inline_instances(request)):
                label, name = each.opts.app_label, each.opts.model_name
                of_row = [] if each is model_admin else [None]
                may = {action: getattr(each, f"has_{action}_permission")(request, *of_row) for action in roles.ALL}
                found |= {f"{label}.{action}_{name}" for action in may if may[action]}
    assert len(found) >= 60
    assert found <= set(roles.RIGHTS)
    assert {right.partition(".")[2] for right in set(roles.RIGHTS) - found} <= set(WORDS)


@pytest.mark.parametrize(("language", "name"), [("en", "Translator into English"), ("zh-hans", "英文译员")])
def test_roles_have_names_in_both_languages_wherever_they_are_shown(editor, admin_user, language, name):
    admin_user.language = language
    admin_user.save()
    group = Group.objects.get(name="translator_en")
    admin_user.groups.add(group)
    for address in (
        "/admin/auth/group/",
        f"/admin/auth/group/{group.pk}/change/",
        f"/admin/auth/group/{group.pk}/delete/",
        "/admin/portal/user/",
        f"/admin/portal/user/{admin_user.pk}/change/",
    ):
        page = editor.get(address).content.decode()
        assert name in page, address
        assert "translator_en" not in page, address


def test_the_roles_come_first_and_say_what_their_members_do():
    Group.objects.create(name="a group of our own")
    client = member("administrator")
    user = User.objects.create_user("owner", is_staff=True)
    page = BeautifulSoup(client.get(f"/admin/portal/user/{user.pk}/change/").content, "html.parser")
    shown = texts(page, ".field-groups label:has(input)")
    with override("en"):
        names = [*(str(role.name) for role in roles.ROLES.values()), "a group of our own"]
    assert [label.partition(":")[0] for label in shown] == names
    assert "Writer: writes and corrects pages in both languages, as drafts" in shown
    assert not page.select("[name=is_superuser]")


def test_rights_are_shown_in_words_below_what_they_are_about(editor):
    group = Group.objects.get(name="publisher")
    page = BeautifulSoup(editor.get(f"/admin/auth/group/{group.pk}/change/").content, "html.parser")
    shown = {field.legend.text: field for field in page.select(".grouped-checkboxes fieldset")}
    assert texts(shown["Programs"], "label") == ["view", "add", "change", "delete"]
    assert texts(shown["Enquiries"], "label")[1] == "Work on enquiries"
    assert 60 < len(page.select(".grouped-checkboxes input")) < 80
    assert not page.select("[name=name]")
    # Saving the form as it is changes nothing.
    before = set(group.permissions.values_list("codename", flat=True))
    AdminForm(editor, f"/admin/auth/group/{group.pk}/change/").submit("_save")
    assert set(group.permissions.values_list("codename", flat=True)) == before


# The migration


@pytest.fixture
def make_roles():
    """A function that runs the migration of the roles. Its number is not fixed."""
    [path] = Path(portal.migrations.__path__[0]).glob("*_roles.py")
    return lambda: import_module(f"portal.migrations.{path.stem}").make_roles(apps, None)


def test_on_an_old_site_the_migration_makes_roles_and_nobody_gains_or_loses_by_it(make_roles):
    Group.objects.all().delete()
    Permission.objects.filter(codename__in=["publish_content", "translate_en", "administer_accounts"]).delete()
    own = Group.objects.create(name="administrator")
    own.permissions.add(Permission.objects.get(codename="view_page"))
    Group.objects.create(name="administrator 2")
    editors = Group.objects.create(name="Editors")
    editors.permissions.add(Permission.objects.get(codename="change_page"))
    people = {name: User.objects.create_user(name, is_staff=True) for name in ("own", "editor", "single", "reader")}
    own.user_set.add(people["own"])
    editors.user_set.add(people["editor"])
    people["single"].user_permissions.add(Permission.objects.get(codename="add_program"))
    people["reader"].user_permissions.add(Permission.objects.get(codename="view_program"))
    make_roles()

    def rights_of(name):
        return User.objects.get(username=name).get_all_permissions()

    assert rights_of("own") == {"portal.view_page"}
    assert rights_of("editor") == {"portal.change_page", "portal.publish_content"}
    assert rights_of("single") == {"programs.add_program", "portal.publish_content"}
    assert rights_of("reader") == {"programs.view_program"}
    names = set(Group.objects.values_list("name", flat=True))
    assert names == {*roles.ROLES, "administrator 2", "administrator 3", "Editors"}
    known = roles.models_of_rights()
    for name, role in roles.ROLES.items():
        given = Group.objects.get(name=name).permissions.values_list("content_type__app_label", "codename")
        assert {".".join(right) for right in given} == {right for right in role.rights if right in known}
        assert len(given) >= 5


def test_a_new_site_has_the_roles():
    assert set(Group.objects.values_list("name", flat=True)) == set(roles.ROLES)
    assert member("administrator").get("/admin/").status_code == 200
