"""Whether both languages of a page say the same: what staff confirm, and what follows from it."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from importlib import import_module
from threading import Barrier, BrokenBarrierError, Event

import pytest
from bs4 import BeautifulSoup
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import Group, Permission
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.utils.translation import override
from modeltranslation.translator import translator

from contact.models import AnswerTemplate
from portal import content_version
from portal.bilingual import parity
from portal.bilingual.changes import TrackedModel, wait_for_turn
from portal.bilingual.drafts import admin_publishing
from portal.bilingual.drafts.models import Draft
from portal.bilingual.drafts.values import values_of
from portal.bilingual.editing import BilingualAdmin
from portal.bilingual.history.models import Action, Change
from portal.bilingual.parity import admin as parity_admin
from portal.bilingual.parity.models import Confirmation, Parity, State
from portal.bilingual.parity.texts import parts, texts_in
from portal.history_chores import delete_expired
from portal.models import Department, Page, Term, User
from programs.models import Area, Program, Question, Step
from tests.admin_forms import AdminForm
from tests.contact.databases import copied

pytestmark = pytest.mark.django_db

ADDRESS = "/admin/programs/program/{}/change/"


@pytest.fixture
def program():
    return Program.objects.get(slug="teacher-exchange")


@pytest.fixture
def staff(admin_client):
    admin_client.cookies["django_language"] = "en"
    User.objects.filter(username="admin").update(first_name="Li", last_name="Ming")
    return admin_client


def said(response):
    return [str(message) for message in response.context["messages"]]


def states(row):
    found = Parity.objects.filter(object_id=row.pk, content_type__model=row._meta.model_name)
    return {each.language: each.state for each in found}


def bar(form):
    """Returns what the bar of a form says of each language."""
    return [each.text for each in form.page.select(".publication-parity")]


def tick(form):
    form.data["_same"] = [form.page.select_one("[name=_same]")["value"]]


def confirm(form):
    form.data["_confirm"] = [form.page.select_one("[name=_confirm]")["value"]]
    return form.submit()


def test_the_first_content_was_loaded_as_pairs():
    assert Parity.objects.count() >= 2 * (Program.objects.count() + Page.objects.count() + Term.objects.count())
    assert set(Parity.objects.values_list("state", flat=True)) == {State.CONFIRMED}
    assert set(Confirmation.objects.values_list("by", flat=True)) == {None}


def test_every_translated_model_is_a_kind_with_a_form_or_a_part_of_one():
    models = parity.kinds()
    of_kinds = [part for model in models for part in parts(model).values()]
    assert {*models, *of_kinds} == set(translator.get_registered_models(abstract=False))
    assert all(issubclass(model, TrackedModel) for model in [*models, *of_kinds])
    assert all(isinstance(admin.site.get_model_admin(model), BilingualAdmin) for model in models)
    # The paths of parts are those of their formsets.
    inlines = admin.site.get_model_admin(Program).inlines
    assert parts(Program) == {f"{inline.model._meta.model_name}s": inline.model for inline in inlines}


def test_a_change_of_chinese_puts_english_out_of_step_until_somebody_confirms(staff, program):
    form = AdminForm(staff, ADDRESS.format(program.pk))
    assert bar(form)[0].startswith("Loaded in both languages, ")
    assert not form.page.select("[name=_confirm], .parity-note")
    form.data["title_zh_hans"] = ["教师长期交流"]
    form.submit("_publish")
    assert states(program) == {"zh-hans": State.CONFIRMED, "en": State.OUT_OF_STEP}
    form = AdminForm(staff, form.address)
    assert bar(form)[1] == "Out of step: Chinese has changed since both were confirmed (Title)."
    [note] = form.page.select(".parity-note")
    assert "Chinese has changed since both were confirmed:" in note.text
    assert (note.ins.text, note.find("del"), note.select_one("[lang]")["lang"]) == ("长期", None, "zh-Hans")
    assert note.find_parent("div", {"class": "help"})["id"] == "id_title_en_helptext"
    form.data["title_en"] = ["Long-term teacher exchange"]
    form.submit("_publish_en")
    assert states(program) == {"zh-hans": State.OUT_OF_STEP, "en": State.OUT_OF_STEP}
    form = AdminForm(staff, form.address)
    assert said(confirm(form)) == ["Confirmed: what is stored says the same in both languages."]
    assert states(program) == {"zh-hans": State.CONFIRMED, "en": State.CONFIRMED}
    form = AdminForm(staff, form.address)
    assert bar(form)[0].startswith("Confirmed by Li Ming, ")
    assert not form.page.select(".parity-note")
    assert (
        "Confirmed: both languages say the same."
        in staff.get(form.address.replace("change", "history")).content.decode()
    )


def test_what_is_changed_back_is_in_step_again(program):
    before = program.title_zh_hans
    for title, state in (("另一标题", State.OUT_OF_STEP), (before, State.CONFIRMED)):
        Program.objects.filter(pk=program.pk).update(title_zh_hans=title)
        assert states(program)["en"] == state


def test_a_step_that_is_put_back_is_in_step_again(program):
    step = program.steps.create(text_zh_hans="一步", text_en="A step")
    parity.confirm(program)
    step.delete()
    back = program.steps.create(text_zh_hans="一步", text_en="A step")
    assert set(states(program).values()) == {State.CONFIRMED}
    # From then on it is the one that was confirmed.
    program.steps.filter(pk=back.pk).update(text_zh_hans="另一步")
    assert states(program) == {"zh-hans": State.CONFIRMED, "en": State.OUT_OF_STEP}
    program.steps.create(text_zh_hans="一步", text_en="Another step")
    assert states(program)["zh-hans"] == State.OUT_OF_STEP


def move_by_save(step, program):
    step.program = program
    step.save()


def move_by_update(step, program):
    Step.objects.filter(pk=step.pk).update(program=program)


@pytest.mark.parametrize("move", [move_by_save, move_by_update])
def test_a_part_that_moves_changes_the_states_of_both_pages(program, move):
    other = Program.objects.exclude(pk=program.pk).first()
    step = program.steps.create(text_zh_hans="一步")
    assert (states(program)["en"], states(other)["en"]) == (State.MISSING, State.CONFIRMED)
    move(step, other)
    assert (states(program)["en"], states(other)["en"]) == (State.CONFIRMED, State.MISSING)


def test_a_small_correction_keeps_the_state(staff, program):
    form = AdminForm(staff, ADDRESS.format(program.pk))
    form.data["summary_zh_hans"] = ["更正了一处。"]
    tick(form)
    form.submit("_publish_zh-hans")
    assert set(states(program).values()) == {State.CONFIRMED}
    # It does not confirm what was out of step otherwise, in the same field or in another one.
    Program.objects.filter(pk=program.pk).update(title_zh_hans="新题", summary_zh_hans="全新的简介。")
    form = AdminForm(staff, form.address)
    form.data |= {"summary_zh_hans": ["全新的简介，更正。"], "audience_zh_hans": ["教师"]}
    tick(form)
    assert said(form.submit("_publish_zh-hans"))[0].startswith("This did not confirm the whole page.")
    pair = parity.pair_of(Program.objects.get(pk=program.pk))
    assert pair.sides["en"].changed == {"title_en": "教师交流", "summary_en": "更正了一处。"}


def test_who_has_confirmed_and_who_has_ticked_stays_named(staff, program):
    user = User.objects.create_user("zhang", first_name="Zhang", last_name="San")
    parity.confirm(program, user)
    user.delete()
    form = AdminForm(staff, ADDRESS.format(program.pk))
    assert bar(form)[1].startswith("Confirmed by Zhang San, ")
    form.data["title_zh_hans"] = ["全然不同"]
    tick(form)
    form.submit("_publish_zh-hans")
    form = AdminForm(staff, form.address)
    # What English says has not changed.
    chinese, english = bar(form)
    assert "ticked" not in chinese
    assert "Changed since, and ticked as still the same by Li Ming, " in english
    history = staff.get(form.address.replace("change", "history")).content.decode()
    assert "Ticked when publishing (Chinese): both languages still say the same." in history
    parity.confirm(program, User.objects.get(username="admin"))
    assert not [each for each in bar(AdminForm(staff, form.address)) if "ticked" in each or "Zhang" in each]


def test_the_names_of_an_older_portal_are_kept(program):
    people = [User.objects.create_user("zhang", last_name="Zhang"), User.objects.create_user("wang")]
    for person, row in zip(people, Program.objects.all(), strict=False):
        parity.confirm(row, person)
    Confirmation.objects.update(by_name="")
    import_module("portal.migrations.0022_confirmation_by_name").keep_names(apps, None)
    User.objects.all().delete()
    assert sorted({each.person for each in Confirmation.objects.all()}) == ["", "Zhang", "wang"]


def test_who_has_confirmed_a_draft_stays_named_when_the_account_is_gone(staff, program):
    user = User.objects.create_superuser("zhang", first_name="Zhang", last_name="San", language="en")
    client = Client()
    client.force_login(user)
    form = AdminForm(client, ADDRESS.format(program.pk))
    form.data |= {"title_zh_hans": ["新题"], "_confirm": ["1"]}
    form.submit()
    user.delete()
    form = AdminForm(staff, form.address)
    assert "Zhang San has confirmed" in form.page.select_one(".publication").text
    form.submit("_publish")
    assert bar(AdminForm(staff, form.address))[1].startswith("Confirmed by Zhang San, ")


def test_publishing_both_languages_confirms_what_is_ticked_to_be_the_same(staff):
    form = AdminForm(staff, "/admin/portal/term/add/")
    form.data |= {"name_en": ["A term"], "name_zh_hans": ["词"], "note_zh_hans": ["解释"]}
    tick(form)
    page = form.submit("_publish")
    assert said(page)[0] == "Not confirmed: a text is missing in one of the languages."
    term = Term.objects.get(name_en="A term")
    assert states(term) == {"zh-hans": State.UNCONFIRMED, "en": State.MISSING}
    form = AdminForm(staff, page.redirect_chain[-1][0])
    assert bar(form)[1] == "Missing: Explanation."
    assert [note.text for note in form.page.select(".parity-note")] == ["Missing here: it is filled in Chinese."]
    form.data["note_en"] = ["Explained"]
    tick(form)
    form.submit("_publish")
    assert set(states(term).values()) == {State.CONFIRMED}


def test_a_tick_does_not_count_for_a_schedule(staff, program):
    form = AdminForm(staff, ADDRESS.format(program.pk))
    form.data |= {"title_zh_hans": ["新题"], "_publish_at": ["2099-01-01 10:00"]}
    tick(form)
    form.data["_publish_languages"] = ["zh-hans"]
    ticked, scheduled = said(form.submit("_schedule"))
    assert ticked.startswith("The tick that both languages say the same counts only")
    assert scheduled.startswith("Will be published at")
    del form.data["_same"]
    assert len(said(form.submit("_schedule"))) == 1


def test_what_a_colleague_has_published_meanwhile_is_not_confirmed_unseen(staff, program):
    Program.objects.filter(pk=program.pk).update(title_zh_hans="新题")
    forms = [AdminForm(staff, ADDRESS.format(program.pk)) for _form in range(2)]
    Program.objects.filter(pk=program.pk).update(summary_zh_hans="另一简介")
    assert said(confirm(forms[0]))[-1].startswith("Not confirmed: a colleague has changed this page")
    tick(forms[1])
    assert said(forms[1].submit("_publish"))[0].startswith("Not confirmed: a colleague has changed this page")
    assert states(program)["en"] == State.OUT_OF_STEP


def test_the_notes_of_a_form_are_about_what_it_shows(staff, program):
    """A draft that translates what is missing misses nothing, also before it is public."""
    step = program.steps.create(text_zh_hans="一步")
    form = AdminForm(staff, ADDRESS.format(program.pk))
    number = form.rows("steps")[str(step.pk)]
    [note] = form.page.select(f"#id_steps-{number}-text_en_helptext .parity-note")
    assert note.text == "Missing here: it is filled in Chinese."
    form.data |= {f"steps-{number}-text_en": ["A step"], "title_zh_hans": ["新题"]}
    form.submit()
    form = AdminForm(staff, form.address)
    assert {mark.text for mark in form.page.select(".parity-note ins")} == {"新题", "一步", "A step"}
    assert bar(form)[1] == "Missing: Step: what happens."


def test_only_links_that_change_are_said_to(staff, program):
    for column, text in (("body_zh_hans", '<p><a href="https://a.example/">这里</a></p>'), ("body_en", "<p>Here</p>")):
        Program.objects.filter(pk=program.pk).update(**{column: text})
    parity.confirm(program)
    Program.objects.filter(pk=program.pk).update(body_zh_hans='<p><a href="https://b.example/">这里</a></p>')
    [note] = AdminForm(staff, ADDRESS.format(program.pk)).page.select(".parity-note")
    assert note.text == "In Chinese, links or formatting have changed since both were confirmed."


def test_words_for_the_search_are_no_pair(program):
    Program.objects.filter(pk=program.pk).update(search_words_zh_hans="别的", search_words_en=None)
    assert set(states(program).values()) == {State.CONFIRMED}


def test_a_row_that_is_deleted_has_no_state(program):
    kept = Parity.objects.count()
    program.steps.create(text_zh_hans="一步", text_en="A step")
    program.delete()
    assert Parity.objects.count() == kept - 2
    Area.objects.exclude(programs__isnull=False).delete()
    assert parity.mend() == 0


def test_what_comes_back_from_the_bin_is_as_far_in_step_as_it_was(staff, program):
    program.steps.create(text_zh_hans="一步", text_en="A step")
    parity.confirm(program)
    Program.objects.filter(pk=program.pk).update(title_zh_hans="新题")
    staff.post(f"/admin/programs/program/{program.pk}/delete/", {"post": "yes"})
    assert states(program) == {}
    deletion = Change.objects.get(action=Action.DELETED)
    staff.post(f"/admin/programs/program/bin/{deletion.pk}/")
    AdminForm(staff, ADDRESS.format(program.pk)).submit("_publish")
    assert states(program) == {"zh-hans": State.CONFIRMED, "en": State.OUT_OF_STEP}
    [work] = parity.work("en")
    assert [(text.path, text.source_before) for text in work.waiting] == [("title_en", "教师交流")]


def test_an_old_database_gets_its_states_and_confirms_nothing(staff, program):
    Parity.objects.all().delete()
    Confirmation.objects.all().delete()
    assert parity.mend() == Parity.objects.count() / 2 > 50
    assert set(Parity.objects.values_list("state", flat=True)) == {State.UNCONFIRMED}
    form = AdminForm(staff, ADDRESS.format(program.pk))
    assert bar(form)[0] == "Nobody has confirmed yet that both languages say the same."
    confirm(form)
    assert set(states(program).values()) == {State.CONFIRMED}
    # Loading again confirms nothing more.
    call_command("load_content", verbosity=0)
    assert Confirmation.objects.count() == 2


def test_a_list_which_shows_no_text_confirms_nothing(staff):
    actions = BeautifulSoup(staff.get("/admin/programs/program/").content, "html.parser").select("[name=action] option")
    assert len(actions) >= 5
    assert not {option["value"] for option in actions} & {"confirm", "still_right"}


def test_lists_show_and_filter_by_the_state_of_a_language(staff, program):
    Program.objects.filter(pk=program.pk).update(title_zh_hans="新题")
    address = "/admin/programs/program/"
    page = BeautifulSoup(staff.get(address).content, "html.parser")
    shown = {row.th.text: row.select_one(".field-parity").text for row in page.select("#result_list tbody tr")}
    assert shown.pop("Teacher exchange") == "Chinese: confirmed English: out of step"
    assert set(shown.values()) == {"confirmed"}
    for query, number in [
        ("parity_en=out-of-step", 1),
        ("parity_en=confirmed", len(shown)),
        ("parity_zh_hans=confirmed", len(shown) + 1),
        ("parity_zh_hans=missing", 0),
        ("parity_zh_hans=x", len(shown) + 1),
    ]:
        rows = staff.get(f"{address}?{query}").context["cl"].result_list
        assert len(rows) == number, query


def test_the_table_leads_to_the_lists_whose_rows_it_counts(staff, program):
    Program.objects.filter(pk=program.pk).update(title_zh_hans="教师长期交流", summary_en=None, published_at_en=None)
    program.steps.create(text_en="Bring teachers' letters")
    page = BeautifulSoup(staff.get("/admin/parity/").content, "html.parser")
    links = page.select(".parity-tables tbody a")
    assert len(links) >= 2 * (len({model for model in parity.kinds() if model.objects.exists()}))
    for link in links:
        assert len(staff.get(link["href"]).context["cl"].queryset) == int(link.text), link["href"]
    chinese, english = page.select(".parity-tables table")
    waiting = [each.text for table in (chinese, english) for each in table.select("tbody .parity-amount")]
    assert waiting == ["3 words", f"{2 + len(chinese_characters(program.summary_zh_hans))} characters"]


def test_the_draft_of_a_new_page_counts_like_a_page(staff, client):
    translator = Client()
    for other, rights in ((translator, ["view_program", "view_step", "translate_en"]), (client, ["view_program"])):
        user = User.objects.create_user(f"with-{len(rights)}", is_staff=True, language="en")
        user.user_permissions.set(Permission.objects.filter(codename__in=rights))
        other.force_login(user)

    def counted(client, state):
        """Returns the words of a cell of the table of English, and what its link leads to."""
        page = BeautifulSoup(client.get("/admin/parity/").content, "html.parser")
        [row] = [row for row in page.select(".parity-tables table")[1].select("tbody tr") if row.th.text == "Programs"]
        cell = row.select("td")[list(State).index(state)]
        if cell.a is None:
            return cell.text, None
        response = client.get(cell.a["href"])
        return " ".join(cell.get_text(" ").split()), response.context["new_drafts"], response.context["cl"].result_count

    form = AdminForm(staff, "/admin/programs/program/add/")
    form.data |= {"title_zh_hans": ["新项目"], "summary_zh_hans": ["两年。"]}
    form.add_row("steps", text_zh_hans="请先来电")
    form.submit()
    draft = Draft.objects.get()
    for each in (staff, translator):
        assert counted(each, State.MISSING) == ("1 9 characters", [(draft, "新项目")], 0)
        assert counted(each, State.DRAFT) == ("0", None)
    # Who does not see the draft does not count it.
    assert counted(client, State.MISSING) == ("0", None)
    front = BeautifulSoup(translator.get("/admin/").content, "html.parser")
    [link] = [each for each in front.select(".front-groups a") if "parity_en=missing" in each["href"]]
    assert link.text.split() == ["Programs", "1"]
    # A list with the filter of Chinese too.
    for query, number in (("missing", 0), ("draft", 1), ("x", 1)):
        response = staff.get(f"/admin/programs/program/?parity_en=missing&parity_zh_hans={query}")
        assert len(response.context["new_drafts"]) == number, query
    form = AdminForm(translator, draft.address)
    form.data |= {"title_en": ["New program"], "summary_en": ["Two years."], "steps-0-text_en": ["Call us first"]}
    form.submit()
    assert counted(translator, State.MISSING) == ("0", None)
    assert counted(translator, State.DRAFT) == ("1", [(draft, "New program")], 0)


def chinese_characters(text):
    return [each for each in text if "\u4e00" <= each <= "\u9fff"]


def test_the_table_counts_what_the_user_may_see(client, rf):
    user = User.objects.create_user("editor", is_staff=True, language="en")
    user.user_permissions.add(Permission.objects.get(codename="view_term"))
    client.force_login(user)
    request = rf.get("/")
    request.user = user
    found = parity.counts(request)
    assert {model for model, _language, _state in found} == {Term}
    assert found[Term, "en", State.CONFIRMED] == (Term.objects.count(), 0)
    page = BeautifulSoup(client.get("/admin/parity/").content, "html.parser")
    assert {each.text for each in page.select("tbody th")} == {"Terms"}
    user.user_permissions.clear()
    assert "There is no content here that you may see." in client.get("/admin/parity/").content.decode()


def test_who_may_only_view_confirms_nothing(client, program):
    Program.objects.filter(pk=program.pk).update(title_zh_hans="新题")
    viewer = User.objects.create_user("viewer", is_staff=True)
    viewer.user_permissions.add(Permission.objects.get(codename="view_program"))
    client.force_login(viewer)
    value = parity.pair_of(Program.objects.get(pk=program.pk)).fingerprint
    assert client.post(ADDRESS.format(program.pk), {"_confirm": value, "_shown": "{}"}).status_code == 403
    assert states(program)["en"] == State.OUT_OF_STEP


def test_who_may_not_see_all_texts_confirms_nothing(client, program):
    program.steps.create(text_zh_hans="一步", text_en="A step")
    Program.objects.filter(pk=program.pk).update(title_zh_hans="新题")
    user = User.objects.create_user("editor", is_staff=True, language="en")
    rights = Permission.objects.filter(codename__in=["change_program", "publish_content"])
    user.user_permissions.set(rights)
    client.force_login(user)
    form = AdminForm(client, ADDRESS.format(program.pk))
    assert not form.page.select("[name=_confirm], [name=_same]")
    hidden = "Not confirmed: there are texts of this page that you may not see."
    assert said(client.post(form.address, form.data | {"_confirm": "1"}, follow=True)) == [hidden]
    form.data["_same"] = [parity.pair_of(Program.objects.get(pk=program.pk)).fingerprint]
    assert said(form.submit("_publish"))[0] == hidden
    assert states(program)["en"] == State.OUT_OF_STEP
    # With the right to see the steps, the same form confirms.
    user.user_permissions.add(*Permission.objects.filter(codename__in=["view_step", "view_question"]))
    assert said(confirm(AdminForm(client, form.address)))[-1].startswith("Confirmed")


def test_the_form_of_each_kind_shows_all_its_texts_to_whoever_may_do_all(rf, admin_user):
    request, compared = rf.get("/"), 0
    request.user, request.resolver_match = admin_user, None
    for model in parity.kinds():
        if row := model.objects.first():
            form = admin.site.get_model_admin(model).unbound(request, row)
            texts = parity.pair_of(row).texts
            assert texts.keys() <= values_of(*form).keys(), model
            compared += len(texts)
    assert compared >= 60


def test_what_waits_for_a_translator_comes_with_its_source_and_what_changed(program):
    parity.confirm(program)
    Program.objects.filter(pk=program.pk).update(title_zh_hans="教师长期交流")
    question = Question.objects.create(program=program, question_zh_hans="要多久？", answer_zh_hans="<p>一年。</p>")
    with override("en"):
        [work] = parity.work("en")
    title, asked, answer = work.waiting
    assert (title.path, title.label, title.target) == ("title_en", "Title", "Teacher exchange")
    assert (title.source, title.source_before) == ("教师长期交流", "教师交流")
    path = f"questions/{question.pk}"
    assert (asked.path, asked.label) == (f"{path}/question_en", "Question: question")
    assert (answer.source, answer.source_before, answer.target) == ("<p>一年。</p>", "", "")
    # An answer to another source no longer fits.
    Program.objects.filter(pk=program.pk).update(title_zh_hans="教师短期交流")
    [later] = parity.work("en")
    assert [a.fingerprint == b.fingerprint for a, b in zip(work.waiting, later.waiting, strict=True)] == [
        False,
        True,
        True,
    ]
    assert list(parity.work("zh-hans")) == []


def test_a_public_page_says_that_it_is_out_of_step_if_the_department_wishes(client, program):
    line = "The Chinese version of this page has changed since; this translation is being checked."
    address = "/en/programs/teacher-exchange/"
    Program.objects.filter(pk=program.pk).update(title_zh_hans="新题")
    assert line not in client.get(address).content.decode()
    Department.objects.update(says_out_of_step=True)
    assert line in client.get(address).content.decode()
    assert "中文内容正在核对" not in client.get("/zh-hans/programs/teacher-exchange/").content.decode()
    # What visitors do not see is not said to have changed.
    Program.objects.filter(pk=program.pk).update(published_at_zh_hans=None)
    assert line not in client.get(address).content.decode()
    Program.objects.filter(pk=program.pk).update(published_at_zh_hans=program.published_at_zh_hans)
    assert line in client.get(address).content.decode()
    before = content_version.read()
    parity.confirm(program)
    assert content_version.read() != before
    assert line not in client.get(address).content.decode()


def test_finished_pages_stay_when_somebody_confirms_what_they_do_not_show(staff, program):
    forms = []
    for title in ("新题", "另一新题"):
        Program.objects.filter(pk=program.pk).update(title_zh_hans=title)
        forms.append(AdminForm(staff, ADDRESS.format(program.pk)))
    before = content_version.read()
    assert said(confirm(forms[0]))[-1].startswith("Not confirmed")
    assert said(confirm(forms[1])) == ["Confirmed: what is stored says the same in both languages."]
    Parity.objects.filter(object_id=program.pk).delete()
    assert parity.mend() >= 1
    assert set(states(program).values()) == {State.CONFIRMED}
    assert content_version.read() == before
    Department.objects.update(says_out_of_step=True)
    before = content_version.read()
    Parity.objects.filter(object_id=program.pk).delete()
    assert parity.mend() >= 1
    mended = content_version.read()
    parity.confirm(program)
    assert len({before, mended, content_version.read()}) == 3


def test_a_template_of_the_desk_is_a_pair_too():
    template = AnswerTemplate.objects.create(title_zh_hans="题", title_en="Title", text_zh_hans="您好")
    assert states(template) == {"zh-hans": State.UNCONFIRMED, "en": State.MISSING}
    AnswerTemplate.objects.filter(pk=template.pk).update(text_en="Hello")
    assert parity.confirm(template)
    assert set(states(template).values()) == {State.CONFIRMED}


def test_what_a_translator_confirms_of_a_draft_counts_once_exactly_that_is_published(staff, program):
    user = User.objects.create_user("translator", is_staff=True, language="en", first_name="Wang", last_name="Fang")
    user.groups.add(Group.objects.get(name="translator_en"))
    translator = Client()
    translator.force_login(user)
    # Chinese is a draft too. A new row gets its key only when it is published.
    form = AdminForm(staff, ADDRESS.format(program.pk))
    form.data["title_zh_hans"] = ["教师长期交流"]
    form.add_row("steps", text_zh_hans="新的一步")
    form.submit("_save_draft")
    forms = [AdminForm(translator, form.address) for _form in range(2)]
    assert not forms[0].page.select("[name=_confirm]")
    for form in forms:
        form.data |= {"title_en": ["Long-term teacher exchange"], "steps-0-text_en": ["A new step"]}
        form.data["_confirm"] = ["1"]
    # What has changed since the form was opened is not confirmed unseen.
    later = AdminForm(staff, form.address)
    later.data["summary_zh_hans"] = ["又改了一处。"]
    later.submit("_save_draft")
    assert said(forms[0].submit())[-1].startswith("Not confirmed: a colleague has changed this page")
    form = AdminForm(translator, form.address)
    assert "Confirm" in form.page.select_one("[name=_confirm]").text
    assert said(confirm(form))[0].startswith("Confirmed: with the draft")
    form = AdminForm(translator, form.address)
    assert "Wang Fang has confirmed" in form.page.select_one(".publication").text
    assert not form.page.select("[name=_confirm], .parity-note")
    assert states(program) == {"zh-hans": State.CONFIRMED, "en": State.CONFIRMED}
    # First one language, and then the other one.
    AdminForm(staff, form.address).submit("_publish_zh-hans")
    assert states(program)["en"] == State.IN_DRAFT
    form = AdminForm(staff, form.address)
    assert "Wang Fang has confirmed" in form.page.select_one(".publication").text
    form.submit("_publish_en")
    assert set(states(program).values()) == {State.CONFIRMED}
    assert bar(AdminForm(staff, form.address))[1].startswith("Confirmed by Wang Fang, ")
    assert [each.person for each in Change.objects.of(program).filter(action=Action.CONFIRMED)] == ["Wang Fang"]
    # Something else is not what was confirmed.
    form = AdminForm(translator, form.address)
    form.data |= {"summary_en": ["Changed once more."], "_confirm": ["1"]}
    assert said(form.submit())[0].startswith("Confirmed: with the draft")
    form = AdminForm(staff, form.address)
    form.data["summary_en"] = ["Changed otherwise."]
    form.submit("_publish")
    assert states(program) == {"zh-hans": State.OUT_OF_STEP, "en": State.CONFIRMED}
    assert not Draft.objects.filter(confirmed__has_key="pair").exists()


def test_what_is_confirmed_in_a_draft_waits_for_the_publisher_and_not_for_the_translator(staff, program):
    def waits():
        return states(program)["en"] == State.OUT_OF_STEP and len(list(parity.work("en"))) == 1

    def change(**texts):
        form = AdminForm(staff, ADDRESS.format(program.pk))
        form.data |= {name: [text] for name, text in texts.items()}
        form.submit("_save_draft")

    Program.objects.filter(pk=program.pk).update(title_zh_hans="新题")
    change(title_en="New title")
    assert waits()
    for undo in (
        lambda: change(summary_zh_hans="又改了一处。"),
        lambda: AdminForm(staff, ADDRESS.format(program.pk)).submit("_discard"),
        lambda: Program.objects.filter(pk=program.pk).update(summary_en="Changed by another way."),
    ):
        change(title_en="New title")
        assert said(confirm(AdminForm(staff, ADDRESS.format(program.pk))))[0].startswith("Confirmed: with the draft")
        program.refresh_from_db()
        assert states(program) == {"zh-hans": State.CONFIRMED, "en": State.IN_DRAFT}
        assert list(parity.work("en")) == []
        assert Parity.objects.get(state=State.IN_DRAFT).amount == 0
        # For visitors nothing has changed.
        assert parity.is_out_of_step(program, "en")
        list_page = staff.get("/admin/programs/program/?parity_en=in-draft").content.decode()
        assert "Chinese: confirmed" in list_page
        assert "English: confirmed, to be published" in list_page
        undo()
        assert waits()
    assert said(confirm(AdminForm(staff, ADDRESS.format(program.pk))))[0].startswith("Confirmed: with the draft")
    assert parity.mend() == 0
    Parity.objects.update(is_out_of_step=False)
    assert not parity.is_out_of_step(program, "en")
    assert parity.mend() == 1
    assert parity.is_out_of_step(program, "en")
    AdminForm(staff, ADDRESS.format(program.pk)).submit("_publish")
    assert set(states(program).values()) == {State.CONFIRMED}


@pytest.fixture
def copy_of_database():
    with copied():
        yield


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite lets one write at a time")
def test_who_confirms_and_who_publishes_at_once_do_not_block_each_other(copy_of_database, program, monkeypatch):
    user, forms = User.objects.create_superuser("both"), {}
    for button in ("_publish", "_confirm"):
        client = Client(raise_request_exception=False)
        client.force_login(user)
        form = AdminForm(client, ADDRESS.format(program.pk))
        form.data["title_en"] = ["Long-term teacher exchange"]
        form.submit()
        forms[button] = AdminForm(client, form.address)
    both, reached, is_confirming = Barrier(2), [], Event()

    def meet(name):
        reached.append(name)
        # Who publishes only comes here after the other has ended.
        with suppress(BrokenBarrierError):
            both.wait(2)

    def turn(*args):
        meet("_publish")
        wait_for_turn(*args)

    def texts(*args):
        is_confirming.set()
        meet("_confirm")
        return texts_in(*args)

    def press(button):
        try:
            assert button == "_confirm" or is_confirming.wait(30)
            return forms[button].client.post(forms[button].address, forms[button].data | {button: "1"}).status_code
        finally:
            connection.close()

    monkeypatch.setattr(admin_publishing, "wait_for_turn", turn)
    monkeypatch.setattr(parity_admin, "texts_in", texts)
    with ThreadPoolExecutor(2) as threads:
        assert list(threads.map(press, forms)) == [302, 302]
    assert reached == ["_confirm", "_publish"]
    program.refresh_from_db()
    assert program.title_en == "Long-term teacher exchange"


def test_a_draft_that_says_the_same_as_what_is_stored_confirms_that(staff, program):
    Program.objects.filter(pk=program.pk).update(title_zh_hans="新题")
    form = AdminForm(staff, ADDRESS.format(program.pk))
    form.data["sort_order"] = ["77"]
    assert said(confirm(form)) == ["Confirmed: what is stored says the same in both languages."]
    assert set(states(program).values()) == {State.CONFIRMED}
    assert not Draft.objects.filter(confirmed__has_key="pair").exists()


def test_the_name_of_who_is_gone_is_forgotten_in_time(program, time_machine):
    user = User.objects.create_user("gone", first_name="Wang", last_name="Fang")
    time_machine.move_to("2031-03-01T04:00:00Z", tick=False)
    assert parity.confirm(program, user)
    user.delete()
    for moment, name in (("2031-05-29T04:00:00Z", "Wang Fang"), ("2031-06-01T04:00:00Z", "—")):
        time_machine.move_to(moment, tick=False)
        delete_expired()
        assert {each.by_name for each in Confirmation.objects.filter(object_id=program.pk, by_name__gt="")} == {name}
