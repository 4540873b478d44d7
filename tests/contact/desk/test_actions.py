"""The actions of staff on enquiries, in the admin and in contact.desk."""

from datetime import date, timedelta

import pytest
from bs4 import BeautifulSoup
from django.contrib.auth.models import Permission
from django.core.exceptions import ValidationError
from django.core.files.base import ContentFile
from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import override
from post_office.models import STATUS, Email

from contact import retention
from contact.desk import actions
from contact.mail import delivery
from contact.models import TRANSITIONS, Answer, AnswerTemplate, Attachment, Enquiry, Event, State
from portal.models import Department, User
from tests.admin_forms import AdminForm
from tests.contact.rows import stored
from tests.contact.steps import send

pytestmark = pytest.mark.django_db

LIST = "/admin/contact/enquiry/"


@pytest.fixture
def enquiry(client, answers):
    send(client, answers, "en")
    return Enquiry.objects.get()


@pytest.fixture
def another(client, answers, enquiry):
    send(client, answers, "en", message="Another matter")
    return Enquiry.objects.exclude(pk=enquiry.pk).get()


@pytest.fixture
def officer(db):
    """A member of staff who may read and change enquiries, but neither export nor erase them."""
    user = User.objects.create_user("officer", password="x", is_staff=True)
    user.user_permissions.add(*Permission.objects.filter(codename__in=["view_enquiry", "change_enquiry"]))
    return user


@pytest.fixture
def at_desk(client, officer):
    client.force_login(officer)
    client.cookies["django_language"] = "en"
    return client


def page_of(enquiry):
    return reverse("admin:contact_enquiry_change", args=[enquiry.pk])


def kinds(enquiry):
    return [event.kind for event in enquiry.events.all()]


def in_state(enquiry, state):
    """Puts `enquiry` into `state` without the checks of move_to()."""
    ended = state in (State.CLOSED, State.SPAM, State.WITHDRAWN)
    moment, day = (timezone.now(), timezone.localdate()) if ended else (None, None)
    Enquiry.objects.filter(pk=enquiry.pk).update(state=state, closed_at=moment, erase_on=day)
    enquiry.refresh_from_db()
    return enquiry


@pytest.mark.parametrize("before", State)
@pytest.mark.parametrize("after", State)
def test_only_lawful_ways_lead_from_state_to_state(enquiry, officer, before, after):
    in_state(enquiry, before)
    if after in TRANSITIONS[before]:
        actions.move(enquiry, after, officer)
        enquiry.refresh_from_db()
        assert enquiry.state == after
        assert enquiry.is_finished == (enquiry.closed_at is not None) == (enquiry.erase_on is not None)
        assert enquiry.events.last().shown_detail == after.label
    else:
        with pytest.raises(ValidationError):
            actions.move(enquiry, after, officer)
        enquiry.refresh_from_db()
        assert enquiry.state == before


@pytest.mark.parametrize(
    ("state", "kept"),
    [(State.CLOSED, "2028-11-30"), (State.SPAM, "2026-12-30"), (State.WITHDRAWN, "2026-11-30")],
)
def test_how_long_it_is_kept_follows_from_how_it_ended(enquiry, state, kept):
    enquiry.state = state
    # 00:30 on 30 November 2026 in Beijing is still 29 November in UTC.
    received = timezone.datetime.fromisoformat("2026-11-30T00:30:00+08:00")
    assert enquiry.retention_ends_on(received).isoformat() == kept


def test_the_database_refuses_what_contradicts_itself(enquiry, another):
    for wrong in (
        {"state": State.CLOSED},
        {"closed_at": timezone.now()},
        {"erased_at": timezone.now()},
        {"merged_into": another},
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            Enquiry.objects.filter(pk=enquiry.pk).update(**wrong)


def test_assigning_takes_it_up(enquiry, officer):
    actions.assign(enquiry, officer, officer)
    actions.assign(enquiry, officer, officer)
    enquiry.refresh_from_db()
    assert (enquiry.owner, enquiry.state) == (officer, State.IN_PROGRESS)
    assert kinds(enquiry) == [Event.Kind.RECEIVED, Event.Kind.ASSIGNED, Event.Kind.MOVED]
    actions.assign(enquiry, None, officer)
    enquiry.refresh_from_db()
    assert (enquiry.owner, enquiry.state) == (None, State.IN_PROGRESS)


def test_an_answer_is_stored_mailed_and_ends_the_waiting(enquiry, officer):
    mails = enquiry.mails.count()
    given = actions.answer(enquiry, "Prepare two forms. {{ 7|add:7 }}", True, officer)
    assert actions.answer(enquiry, "Prepare two forms. {{ 7|add:7 }}", True, officer) == given
    enquiry.refresh_from_db()
    assert (enquiry.state, enquiry.owner) == (State.ANSWERED, officer)
    assert timezone.now() - enquiry.answered_at < timedelta(minutes=1)
    mail = enquiry.mails.order_by("pk").last()
    assert enquiry.mails.count() == mails + 1
    assert mail.to == [enquiry.email]
    assert mail.status == STATUS.queued
    assert "Prepare two forms. {{ 7|add:7 }}" in mail.message
    assert enquiry.reference in mail.subject
    first = enquiry.answered_at
    actions.answer(enquiry, "And a third.", False, officer)
    enquiry.refresh_from_db()
    assert enquiry.answered_at == first
    assert [answer.is_on_status_page for answer in enquiry.answers.all()] == [True, False]


def test_the_same_words_again_are_an_answer_to_what_was_written_since(enquiry, officer, time_machine):
    actions.answer(enquiry, "Please telephone us.", True, officer)
    time_machine.move_to(timedelta(hours=1))
    enquiry.refresh_from_db()
    enquiry.move_to(State.IN_PROGRESS)
    actions.answer(enquiry, "Please telephone us.", True, officer)
    enquiry.refresh_from_db()
    assert enquiry.answers.count() == 2
    assert enquiry.state == State.ANSWERED


@pytest.mark.parametrize("new", ["a message", "an answer", "a duplicate"])
def test_who_has_not_seen_the_latest_entry_is_told_and_keeps_the_text(at_desk, enquiry, another, admin_user, new):
    address = reverse("admin:contact_answer", args=[enquiry.pk])
    actions.answer(enquiry, "The first answer", True, admin_user)
    first = at_desk.get(address)
    assert "The first answer" in first.content.decode()
    assert first.context["new"] == []
    if new == "a message":
        enquiry.messages.create(text="One thing more")
    elif new == "an answer":
        actions.answer(enquiry, "One thing more", True, admin_user)
    else:
        Enquiry.objects.filter(pk=another.pk).update(message="One thing more")
        actions.merge(another, enquiry, admin_user)
    response = at_desk.post(address, {"text": "Mine", "seen": first.context["seen"]})
    text = " ".join(response.content.decode().split())
    assert "since you began" in text
    assert "Mine</textarea>" in text
    assert "One thing more" in text
    assert len(response.context["new"]) == 1
    heading = text.split("One thing more")[0].rpartition("<h")[2]
    assert "New</" in heading
    assert text.count("New</") == 1
    assert not enquiry.answers.filter(text="Mine").exists()
    assert at_desk.post(address, {"text": "Mine", "seen": response.context["seen"]}).status_code == 302
    assert enquiry.answers.filter(text="Mine").exists()


def test_what_is_answered_at_the_same_moment_is_shown_too(at_desk, enquiry, admin_user, monkeypatch):
    address = reverse("admin:contact_answer", args=[enquiry.pk])
    seen = at_desk.get(address).context["seen"]
    answer = actions.answer

    def too_late(*args, **kwargs):
        """Lets another person answer after the page was read and before the answer is stored."""
        answer(enquiry, "The first answer", True, admin_user)
        return answer(*args, **kwargs)

    monkeypatch.setattr(actions, "answer", too_late)
    response = at_desk.post(address, {"text": "Mine", "seen": seen})
    assert "The first answer" in response.content.decode()
    [new] = response.context["new"]
    assert new.text == "The first answer"
    assert not enquiry.answers.filter(text="Mine").exists()


def test_what_is_new_is_marked_when_a_template_is_chosen(at_desk, enquiry):
    template = AnswerTemplate.objects.create(title_en="General", text_en="Dear {person},")
    address = reverse("admin:contact_answer", args=[enquiry.pk])
    seen = at_desk.get(address).context["seen"]
    message = enquiry.messages.create(text="One thing more")
    response = at_desk.post(address, {"text": "Mine", "template": template.pk, "seen": seen})
    assert response.context["new"] == [message]
    assert "since you began" not in response.content.decode()


def test_an_owner_is_told_unless_it_was_their_own_doing(enquiry, officer):
    owner = User.objects.create_superuser("owner", "owner@example.com", "x")
    mails = enquiry.mails.count()
    actions.assign(enquiry, owner, officer)
    assert enquiry.mails.count() == mails + 1
    assert enquiry.mails.order_by("pk").last().to == ["owner@example.com"]
    actions.assign(enquiry, officer, officer)
    assert enquiry.mails.count() == mails + 1


def test_nothing_is_written_about_what_was_erased(enquiry, officer):
    retention.erase(enquiry)
    for do in (
        lambda: actions.write_note(enquiry, "Secret", officer),
        lambda: actions.assign(enquiry, officer, officer),
        lambda: actions.answer(enquiry, "Secret", True, officer),
    ):
        with pytest.raises(ValidationError):
            do()
    assert not enquiry.notes.exists()
    assert not enquiry.answers.exists()


@pytest.mark.parametrize("over", [State.WITHDRAWN, "erased"])
def test_no_mail_is_sent_again_about_what_is_locked(at_desk, enquiry, over):
    enquiry.mails.update(status=STATUS.failed)
    retention.erase(enquiry) if over == "erased" else enquiry.move_to(over)
    response = at_desk.post(page_of(enquiry), {"task": "mail", "mail": enquiry.mails.first().pk})
    assert response.status_code == 200
    assert {mail.status for mail in enquiry.mails.all()} == {STATUS.failed}


def test_what_is_opened_again_is_promised_anew(enquiry, officer):
    Department.objects.update(promised_days=5)
    Enquiry.objects.update(due_on=timezone.localdate() - timedelta(days=30))
    actions.answer(enquiry, "Yes.", True, officer)
    actions.move(enquiry, State.IN_PROGRESS, officer)
    enquiry.refresh_from_db()
    assert enquiry.due_on > timezone.localdate()
    assert not enquiry.is_overdue
    Department.objects.update(promised_days=None)
    actions.move(enquiry, State.CLOSED, officer)
    actions.move(enquiry, State.IN_PROGRESS, officer)
    enquiry.refresh_from_db()
    assert enquiry.due_on is None


def test_a_form_may_be_sent_anew_after_its_enquiry_has_ended(client, answers, enquiry, officer):
    first = send(client, answers, "en").headers["Location"]
    assert first == enquiry.get_absolute_url().replace("zh-hans", "en")
    actions.move(enquiry, State.SPAM, officer)
    assert send(client, answers, "en").headers["Location"] != first
    assert Enquiry.objects.count() == 2


def test_the_number_of_queries_of_a_page_does_not_grow(admin_client, enquiry, django_assert_max_num_queries):
    for number in range(10):
        author = User.objects.create_user(f"author {number}", is_staff=True)
        actions.write_note(enquiry, "A note", author)
        Answer.objects.create(enquiry=enquiry, author=author, text="An answer")
        enquiry.messages.create(text="A message")
    for _number in range(5):
        duplicate = stored(STATUS.failed, state=State.CLOSED, merged_into=enquiry)
        Answer.objects.create(enquiry=duplicate, author=author, text="An answer", mail=duplicate.mails.get())
        duplicate.messages.create(text="A message")
    admin_client.get(page_of(enquiry))
    with django_assert_max_num_queries(27):
        admin_client.get(page_of(enquiry))
    with django_assert_max_num_queries(22):
        admin_client.get(reverse("admin:contact_answer", args=[enquiry.pk]))
    with django_assert_max_num_queries(17):
        admin_client.get(LIST)


@pytest.mark.parametrize("state", [State.CLOSED, State.SPAM, State.WITHDRAWN])
def test_what_has_ended_is_not_answered(enquiry, officer, state):
    in_state(enquiry, state)
    with pytest.raises(ValidationError):
        actions.answer(enquiry, "Too late", True, officer)
    assert not enquiry.answers.exists()


def test_a_template_is_filled_in_once_in_the_visitors_language(enquiry):
    enquiry.person, enquiry.language = "{reference} {x}", "zh-hans"
    template = AnswerTemplate(text_zh_hans="{person}：{subject}，{reference}，{unknown}", text_en="In English")
    with override("en"):
        text = actions.fill_template(template, enquiry)
    assert text == f"{{reference}} {{x}}：学分互认，{enquiry.reference}，{{unknown}}"


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("Dear {person}, {refernce}", "{refernce}"),
        ("{reference and {subject}", "{reference"),
        ("关于{subject}，编号 reference}", "reference}"),
        ("{ person }和｛reference｝", "{ person }, ｛reference｝"),
        ("{Person}\r\n{}", "{Person}, {}"),
    ],
)
def test_a_template_with_a_wrong_placeholder_is_not_published(admin_client, enquiry, text, wrong):
    admin_client.cookies["django_language"] = "en"
    template = AnswerTemplate.objects.create(title_en="General", text_en="Dear {person},")
    said = f"Not a placeholder: {wrong}. Please correct it: it cannot be published."
    known = "The placeholders are {person}, {organisation}, {reference}, {subject}."
    form = AdminForm(admin_client, reverse("admin:contact_answertemplate_change", args=[template.pk]))
    form.data["text_en"] = [text]
    # A draft keeps it, and warns.
    shown = [str(message) for message in form.submit("_save_draft").context["messages"]]
    assert f"Text (English): {said} {known}" in shown
    response = AdminForm(admin_client, form.address).submit("_publish")
    faults = BeautifulSoup(response.content, "html.parser").select_one(".faults").text
    assert (said in faults, known in faults) == (True, True)
    template.refresh_from_db()
    assert template.text_en == "Dear {person},"
    form = AdminForm(admin_client, form.address)
    form.data["text_en"] = ["{person}, {organisation}, {reference}, {subject}"]
    form.submit("_publish")
    template.refresh_from_db()
    assert "{" not in actions.fill_template(template, enquiry)


def test_a_stored_text_with_a_wrong_placeholder_does_not_keep_the_other_language_from_being_published(admin_client):
    admin_client.cookies["django_language"] = "en"
    texts = {"text_zh_hans": "您好，{姓名}", "text_en": "Dear {person},"}
    template = AnswerTemplate.objects.create(title_zh_hans="一般", title_en="General", **texts)
    form = AdminForm(admin_client, reverse("admin:contact_answertemplate_change", args=[template.pk]))
    form.data |= {"text_zh_hans": ["{姓名}，您好"], "text_en": ["Dear {person}, hello"]}
    shown = [str(message) for message in form.submit("_publish_en").context["messages"]]
    template.refresh_from_db()
    assert (template.text_zh_hans, template.text_en) == (texts["text_zh_hans"], "Dear {person}, hello")
    # It is still said.
    assert any(message.startswith("Text (Chinese): Not a placeholder: {姓名}.") for message in shown)
    page = AdminForm(admin_client, form.address).submit("_publish_zh-hans").content
    assert "Not a placeholder: {姓名}." in BeautifulSoup(page, "html.parser").select_one(".faults").text
    template.refresh_from_db()
    assert template.text_zh_hans == texts["text_zh_hans"]


def test_only_templates_in_the_visitors_language_are_offered(enquiry):
    AnswerTemplate.objects.all().delete()
    AnswerTemplate.objects.create(title_zh_hans="一", title_en="One", text_zh_hans="好", text_en="Good")
    AnswerTemplate.objects.create(title_zh_hans="二", text_zh_hans="好")
    assert [str(template.text_en) for template in actions.templates_for(enquiry)] == ["Good"]


def test_a_duplicate_is_closed_and_goes_with_its_main(enquiry, another, officer):
    actions.merge(another, enquiry, officer)
    another.refresh_from_db()
    assert (another.state, another.merged_into) == (State.CLOSED, enquiry)
    assert enquiry.events.last().detail == another.reference
    assert another.events.last().detail == enquiry.reference
    actions.move(another, State.IN_PROGRESS, officer)
    another.refresh_from_db()
    assert another.merged_into is None


def test_duplicates_of_a_duplicate_follow(client, answers, enquiry, another, officer):
    send(client, answers, "en", message="A third")
    third = Enquiry.objects.get(message="A third")
    actions.merge(third, another, officer)
    actions.merge(another, enquiry, officer)
    assert set(enquiry.duplicates.all()) == {another, third}


def test_what_cannot_be_merged(enquiry, another, officer):
    with pytest.raises(ValidationError):
        actions.merge(enquiry, enquiry, officer)
    Enquiry.objects.filter(pk=another.pk).update(email="someone.else@example.com")
    with pytest.raises(ValidationError):
        actions.merge(another, enquiry, officer)
    Enquiry.objects.filter(pk=another.pk).update(email=enquiry.email.upper())
    for ended in (enquiry, another):
        in_state(ended, State.CLOSED)
        with pytest.raises(ValidationError):
            actions.merge(another, enquiry, officer)
        in_state(ended, State.RECEIVED)
    actions.merge(another, enquiry, officer)


def test_opening_is_recorded_once_a_while(at_desk, enquiry, officer, time_machine):
    for _visit in range(2):
        response = at_desk.get(page_of(enquiry))
        assert "我们希望了解" in response.content.decode()
    assert kinds(enquiry).count(Event.Kind.VIEWED) == 1
    assert enquiry.events.get(kind=Event.Kind.VIEWED).actor == officer
    time_machine.move_to(timedelta(minutes=11))
    at_desk.get(page_of(enquiry))
    assert kinds(enquiry).count(Event.Kind.VIEWED) == 2


def test_the_page_carries_out_each_task(at_desk, enquiry, another, officer):
    for task in (
        {"task": "assign", "owner": officer.pk},
        {"task": "note", "text": "Telephone on Monday"},
        {"task": "move", "state": State.CLOSED},
        {"task": "move", "state": State.IN_PROGRESS},
        {"task": "merge", "reference": f" {another.reference[:4].lower()}-{another.reference[4:]}"},
    ):
        assert at_desk.post(page_of(enquiry), task).status_code == 302, task
    enquiry.refresh_from_db()
    assert (enquiry.owner, enquiry.merged_into) == (officer, another)
    text = at_desk.get(page_of(enquiry)).content.decode()
    assert "Telephone on Monday" in text
    assert "State: In progress" in text


@pytest.mark.parametrize(
    ("task", "words"),
    [
        ({"task": "move", "state": "received"}, "cannot become"),
        ({"task": "move", "state": "nonsense"}, "nonsense"),
        ({"task": "move", "state": "answered"}, "No answer has been sent yet."),
        ({"task": "move", "state": "withdrawn"}, "withdrawn"),
        ({"task": "note", "text": " "}, "This field is required"),
        ({"task": "merge", "reference": "nothing"}, "There is no enquiry with this reference."),
        ({"task": "assign", "owner": "99999"}, "Select a valid choice"),
    ],
)
def test_the_page_says_what_is_wrong(at_desk, enquiry, task, words):
    response = at_desk.post(page_of(enquiry), task)
    assert response.status_code == 200
    assert words in response.content.decode()


def test_an_answer_is_written_from_a_template(at_desk, enquiry):
    template = AnswerTemplate.objects.create(title_en="General", text_en="Dear {person},")
    address = reverse("admin:contact_answer", args=[enquiry.pk])
    chosen = at_desk.post(address, {"text": "What was written before", "template": template.pk})
    assert "What was written before\n\nDear 张三," in chosen.content.decode()
    assert at_desk.post(address, {"text": "", "template": "nonsense"}).status_code == 200
    assert not enquiry.answers.exists()
    response = at_desk.post(address, {"text": "Dear 张三,\r\n\r\nyes.", "is_on_status_page": "on"})
    assert response.headers["Location"] == page_of(enquiry)
    [given] = enquiry.answers.all()
    assert given.is_on_status_page
    assert at_desk.post(address, {"text": ""}).status_code == 200


def test_a_template_replaces_one_that_nobody_changed_and_loses_nothing_that_was_typed(at_desk, enquiry):
    # The shorter one comes before the one that ends with it.
    more, thanks, sorry = (
        AnswerTemplate.objects.create(title_en=title, title_zh_hans=title, text_en=text)
        for title, text in [("More", "Yours"), ("Thanks", "Thank you.\r\n\r\nYours"), ("Sorry", "We regret, {person}.")]
    )
    replaced, added = "“{}” has replaced the one before", "“{}” is added below your text, which is unchanged."
    for text, template, expected, said in [
        ("", thanks, "Thank you.\n\nYours", ""),
        ("Thank you.\r\n\r\nYours\r\n", sorry, "We regret, 张三.", replaced),
        ("We regret, 张三.", sorry, "We regret, 张三.", replaced),
        ("Mine\r\n\r\nWe regret, 张三.", more, "Mine\n\nYours", replaced),
        ("Mine: yours\r\n\r\n Yours, too", more, "Mine: yours\n\n Yours, too\n\nYours", added),
        ("Mine\r\nYours", more, "Mine\nYours\n\nYours", added),
    ]:
        data = {"text": text, "template": template.pk}
        response = at_desk.post(reverse("admin:contact_answer", args=[enquiry.pk]), data)
        assert response.context["form"].initial["text"] == expected
        shown = [str(message) for message in response.context["messages"]]
        assert len(shown) == bool(said)
        assert all(said.format(template) in message for message in shown)
        assert all(message in response.content.decode() for message in shown)


@pytest.mark.parametrize(
    ("language", "salutation", "mine", "more", "other"),
    [
        ("en", "Dear 张三,", "Dear 张三, as agreed:", "Thank you.", "We regret."),
        ("zh-hans", "张三：", "尊敬的张三老师：", "感谢您的咨询。", "很抱歉。"),
    ],
)
def test_a_text_that_has_a_salutation_gets_no_second_one(at_desk, enquiry, language, salutation, mine, more, other):
    Enquiry.objects.filter(pk=enquiry.pk).update(language=language)
    person = salutation.replace("张三", "{person}")
    texts = [f"{person}\r\n\r\n{text}" for text in (more, other)]
    thanks, sorry = (AnswerTemplate.objects.create(text_en=text, text_zh_hans=text) for text in texts)
    for text, template, expected in [
        ("", thanks, f"{salutation}\n\n{more}"),
        (f"{salutation}\r\n\r\n{more} 1", thanks, f"{salutation}\n\n{more} 1\n\n{more}"),
        (f"{salutation}\r\n\r\n{more} 1\r\n\r\n{more}", sorry, f"{salutation}\n\n{more} 1\n\n{other}"),
        (f"{mine}\r\n\r\n{more}", sorry, f"{mine}\n\n{other}"),
        (f"{salutation}\r\n\r\n{more}", sorry, f"{salutation}\n\n{other}"),
        (f"1\r\n\r\n{more} 1", sorry, f"1\n\n{more} 1\n\n{salutation}\n\n{other}"),
    ]:
        response = at_desk.post(
            reverse("admin:contact_answer", args=[enquiry.pk]), {"text": text, "template": template.pk}
        )
        assert response.context["form"].initial["text"] == expected


def test_who_may_only_read_sees_no_task(client, enquiry):
    reader = User.objects.create_user("reader", password="x", is_staff=True)
    reader.user_permissions.add(Permission.objects.get(codename="view_enquiry"))
    client.force_login(reader)
    assert b'name="task"' not in client.get(page_of(enquiry)).content
    assert client.post(page_of(enquiry), {"task": "note", "text": "x"}).status_code == 403
    assert client.get(reverse("admin:contact_answer", args=[enquiry.pk])).status_code == 403
    assert not enquiry.notes.exists()


def test_who_may_work_may_read(client, enquiry):
    worker = User.objects.create_user("worker", password="x", is_staff=True)
    worker.user_permissions.add(Permission.objects.get(codename="change_enquiry"))
    client.force_login(worker)
    for address in (page_of(enquiry), LIST, f"{LIST}statistics/"):
        assert client.get(address).status_code == 200
    assert client.get(f"{LIST}attachments/1/").status_code == 404


def test_who_may_not_read_sees_nothing(client, enquiry):
    client.force_login(User.objects.create_user("writer", password="x", is_staff=True))
    assert client.get(page_of(enquiry)).status_code == 403
    assert client.get(LIST).status_code == 403
    assert not enquiry.events.filter(kind=Event.Kind.VIEWED).exists()


def test_the_queues(at_desk, enquiry, another, officer):
    actions.assign(enquiry, officer, officer)
    Enquiry.objects.filter(pk=enquiry.pk).update(due_on=timezone.localdate() - timedelta(days=1))
    another.mails.update(status=STATUS.failed)
    for queue, expected in [
        ("open", {enquiry, another}),
        ("mine", {enquiry}),
        ("nobody", {another}),
        ("overdue", {enquiry}),
        ("mail", {another}),
        ("answered", set()),
        ("all", {enquiry, another}),
    ]:
        assert set(listed(at_desk, queue=queue)) == expected, queue
    actions.move(enquiry, State.CLOSED, officer)
    assert listed(at_desk) == [another]
    assert listed(at_desk, q=enquiry.reference) == [enquiry]
    assert listed(at_desk, state__exact="closed") == [enquiry]


def listed(client, **query):
    return list(client.get(LIST, query).context["cl"].result_list)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"language": "en"}, 2),
        ({"language": "zh-hans"}, 0),
        ({"territory": "CN"}, 2),
        ({"territory": "DE"}, 0),
        ({"state__exact": "received"}, 2),
        ({"program__area__slug": "evaluation"}, 2),
        ({"program__area__slug": "financing"}, 0),
    ],
)
def test_the_filters(at_desk, enquiry, another, query, found):
    from programs.models import Area

    if slug := query.pop("program__area__slug", None):
        query["program__area__id__exact"] = Area.objects.get(slug=slug).pk
    assert len(listed(at_desk, **query)) == found


def test_several_at_once(at_desk, enquiry, another, officer):
    chosen = {"_selected_action": [enquiry.pk, another.pk]}
    at_desk.post(LIST, chosen | {"action": "assign", "owner": officer.pk})
    assert set(Enquiry.objects.values_list("owner", "state")) == {(officer.pk, State.IN_PROGRESS)}
    at_desk.post(LIST, chosen | {"action": "mark_as_spam"})
    assert set(Enquiry.objects.values_list("state", flat=True)) == {State.SPAM}
    at_desk.post(f"{LIST}?queue=all", chosen | {"action": "mark_as_not_spam"})
    assert set(Enquiry.objects.values_list("state", flat=True)) == {State.RECEIVED}
    at_desk.post(LIST, chosen | {"action": "merge"})
    another.refresh_from_db()
    assert another.merged_into == enquiry
    assert (
        b"Choose the new owner" in at_desk.post(f"{LIST}?queue=all", chosen | {"action": "assign"}, follow=True).content
    )
    Enquiry.objects.update(merged_into=None, state=State.ANSWERED, closed_at=None, erase_on=None)
    response = at_desk.post(LIST, chosen | {"action": "merge"}, follow=True)
    assert b"Nothing was done" in response.content
    response = at_desk.post(f"{LIST}?queue=all", chosen | {"action": "mark_as_not_spam"}, follow=True)
    assert "cannot become" in response.content.decode()


def test_erasing_and_exporting_are_rights_of_their_own(at_desk, enquiry):
    for action in ("as_xlsx", "as_csv", "as_zip", "erase"):
        at_desk.post(LIST, {"action": action, "_selected_action": [enquiry.pk], "confirmed": "yes"})
    enquiry.refresh_from_db()
    assert enquiry.erased_at is None
    assert Event.Kind.EXPORTED not in kinds(enquiry)


def test_nobody_deletes(admin_client, enquiry):
    assert admin_client.get(f"{LIST}{enquiry.pk}/delete/").status_code == 403
    assert "delete_selected" not in admin_client.get(LIST).content.decode()


def test_the_log_shows_who_did_what(admin_client, at_desk, enquiry, officer):
    at_desk.get(page_of(enquiry))
    admin_client.cookies["django_language"] = "en"
    text = admin_client.get("/admin/contact/event/").content.decode()
    assert enquiry.reference in text
    assert "officer" in text
    assert "Viewed" in text


def test_mails_to_an_owner_are_in_the_owners_language(client, enquiry, officer, admin_user):
    officer.email, officer.language = "officer@example.com", "en"
    officer.save()
    actions.assign(enquiry, officer, admin_user)
    assert enquiry.mails.latest("pk").subject == f"Enquiry {enquiry.reference} has been given to you"
    client.post(enquiry.get_status_url(), {"text": "One more question"})
    to_desk, to_owner = enquiry.mails.order_by("-pk")[:2][::-1]
    assert to_desk.subject == f"咨询 {enquiry.reference} 有补充内容"
    assert (to_owner.to, to_owner.subject) == (
        ["officer@example.com"],
        f"Further message on enquiry {enquiry.reference}",
    )
    assert {mail.headers["Reply-To"] for mail in (to_desk, to_owner)} == {enquiry.email}


def test_an_owner_among_the_recipients_gets_one_mail_in_the_owners_language(client, enquiry, officer, settings):
    settings.PORTAL_ENQUIRIES_TO = ["Officer@example.com"]
    officer.email, officer.language = "officer@example.com", "en"
    officer.save()
    actions.assign(enquiry, officer, officer)
    known = enquiry.mails.count()
    client.post(enquiry.get_status_url(), {"text": "One more question"})
    assert enquiry.mails.count() == known + 1
    assert enquiry.mails.latest("pk").subject == f"Further message on enquiry {enquiry.reference}"


def test_colleagues_appear_by_their_names(at_desk, enquiry, officer):
    User.objects.filter(pk=officer.pk).update(last_name="王", first_name="小明")
    officer.user_permissions.add(Permission.objects.get(codename="view_event"))
    officer.refresh_from_db()
    actions.assign(enquiry, officer, officer)
    actions.write_note(enquiry, "A note", officer)
    actions.answer(enquiry, "Come to Beijing.", True, officer)
    events = "/admin/contact/event/"
    for address in (f"{LIST}?queue=all", page_of(enquiry), events):
        text = BeautifulSoup(at_desk.get(address).content, "html.parser").select_one("#main").text
        assert "王小明" in text and "officer" not in text, address
    assert ("王小明", "已分派：王小明") in {(who, what) for _at, who, what in actions.timeline(enquiry)}
    found = at_desk.get(events, {"actor": officer.pk}).context["cl"].result_list
    assert {event.actor for event in found} == {officer}


@pytest.mark.parametrize(
    ("kind", "detail", "words"),
    [
        ("fetched", "application/pdf", "File fetched: PDF"),
        ("mail_failed", "12: Answer to your enquiry", "Mail failed for good: Answer to your enquiry"),
        ("mail_again", "An older one", "Mail queued again: An older one"),
    ],
)
def test_the_timeline_names_no_keys_and_no_types_of_content(kind, detail, words):
    with override("en"):
        assert str(Event(kind=kind, detail=detail)) == words


def test_what_somebody_did_keeps_the_name_when_the_account_is_deleted(enquiry, officer):
    actions.write_note(enquiry, "A note", officer)
    actions.record_view(enquiry, officer)
    officer.delete()
    events = enquiry.events.exclude(kind=Event.Kind.RECEIVED)
    assert [(event.actor, event.shown_actor) for event in events] == [(None, "officer")] * 2
    assert [who for _at, who, _what in actions.timeline(enquiry)].count("officer") == 2


def test_a_finished_enquiry_has_no_fingerprint(enquiry):
    assert enquiry.fingerprint
    enquiry.move_to(State.CLOSED)
    enquiry.refresh_from_db()
    assert enquiry.fingerprint is None


@pytest.mark.parametrize(("task", "longest"), [("note", 5000), ("answer", 10_000)])
def test_a_line_break_counts_once(at_desk, enquiry, task, longest):
    lines = "x\r\n" * (longest // 2)
    page = page_of(enquiry) if task == "note" else reverse("admin:contact_answer", args=[enquiry.pk])
    assert at_desk.post(page, {"task": task, "text": f"{lines}x"}).status_code == 200
    assert at_desk.post(page, {"task": task, "text": lines}).status_code == 302


# Owners


@pytest.fixture
def reader():
    """A member of staff who may read enquiries, but not work on them."""
    user = User.objects.create_user("reader", "reader@example.com", "x", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_enquiry"))
    return user


def test_only_who_may_work_on_enquiries_can_own_one(at_desk, enquiry, officer, reader, admin_user):
    of_group = User.objects.create_user("of a group", is_staff=True)
    of_group.groups.create(name="Desk").permissions.add(Permission.objects.get(codename="change_enquiry"))
    unfit = [reader]
    for name, rights in (("gone", {"is_active": False}), ("no staff", {"is_staff": False})):
        unfit.append(User.objects.create_superuser(name))
        User.objects.filter(username=name).update(**rights)
    assert set(actions.possible_owners()) == {officer, of_group, admin_user}
    page, choices = page_of(enquiry), set(actions.possible_owners().values_list("pk", flat=True))
    for form in (at_desk.get(page).context["forms"]["assign"], at_desk.get(LIST).context["action_form"]):
        assert {value.value for value, _label in form.fields["owner"].choices if value} == choices
    for user in unfit:
        with pytest.raises(ValidationError, match=user.username):
            actions.assign(enquiry, user, officer)
        assert "Select a valid choice" in at_desk.post(page, {"task": "assign", "owner": user.pk}).content.decode()
        at_desk.post(LIST, {"action": "assign", "owner": user.pk, "_selected_action": [enquiry.pk]})
    enquiry.refresh_from_db()
    assert enquiry.owner is None


def test_an_owner_who_may_no_longer_work_stays_until_another_is_chosen(at_desk, enquiry, officer, reader):
    Enquiry.objects.update(owner=reader)
    form = at_desk.get(page_of(enquiry)).context["forms"]["assign"]
    assert form.initial["owner"] == reader.pk
    assert reader.pk in [getattr(value, "value", value) for value, _label in form.fields["owner"].choices]
    assert at_desk.post(page_of(enquiry), {"task": "assign", "owner": reader.pk}).status_code == 302
    assert at_desk.post(page_of(enquiry), {"task": "assign", "owner": officer.pk}).status_code == 302
    enquiry.refresh_from_db()
    assert enquiry.owner == officer


def test_owners_with_one_name_are_told_apart_by_their_user_names(at_desk, enquiry, officer, admin_user):
    User.objects.filter(pk__in=[officer.pk, admin_user.pk]).update(last_name="王", first_name="芳", email="a@x.example")
    for form in (at_desk.get(page_of(enquiry)).context["forms"]["assign"], at_desk.get(LIST).context["action_form"]):
        with override("en"):
            labels = {label for value, label in form.fields["owner"].choices if value}
        assert labels == {"王芳 (admin)", "王芳 (officer)"}


def messages_of(response):
    return [str(message) for message in response.context["messages"]]


def test_who_is_the_owner_already_gets_no_further_mail(at_desk, enquiry, admin_user):
    User.objects.filter(pk=admin_user.pk).update(email="admin@example.com")
    data = {"task": "assign", "owner": admin_user.pk}
    told = [messages_of(at_desk.post(page_of(enquiry), data, follow=True)) for _time in range(2)]
    assert told == [["admin is the owner now, and gets a mail about it."], ["The owner stays the same."]]
    assert enquiry.mails.filter(to=["admin@example.com"]).count() == 1


@pytest.mark.parametrize("address", ["", "officer@example.com"])
def test_an_owner_without_an_address_is_said_to_have_none(at_desk, enquiry, another, officer, address):
    User.objects.filter(pk=officer.pk).update(email=address)
    label = "officer" if address else "officer (no e-mail address)"
    for page in (page_of(enquiry), LIST):
        assert f">{label}</option>" in at_desk.get(page).content.decode()
    said = "The enquiry is yours now."
    warning = "The owner officer has no e-mail address, so no mail tells them about enquiries."
    response = at_desk.post(page_of(enquiry), {"task": "assign", "owner": officer.pk}, follow=True)
    assert messages_of(response) == [said] + ([] if address else [warning])
    chosen = {"action": "assign", "owner": officer.pk, "_selected_action": [another.pk]}
    response = at_desk.post(LIST, chosen, follow=True)
    assert messages_of(response) == ["Assigned to officer: 1 enquiry"] + ([] if address else [warning])


# Mails that did not arrive


@pytest.fixture
def refused(enquiry, officer):
    """An enquiry whose answer was refused by the mail host."""
    given = actions.answer(enquiry, "Prepare two forms.", True, officer)
    refuse(given.mail)
    enquiry.refresh_from_db()
    return enquiry


NO_USER = "The mailbox does not exist. The mail host’s words: 550 5.1.1 No such user"


def refuse(mail, words="550 5.1.1 No such user"):
    """Does what post_office does when the mail host refuses a mail for good."""
    Email.objects.filter(pk=mail.pk).update(status=STATUS.requeued, scheduled_time=timezone.now())
    mail.logs.create(status=STATUS.failed, message=words, exception_type="PermanentRefusal")
    delivery.settle_failures()


def test_the_page_says_on_top_that_an_answer_did_not_arrive(at_desk, refused):
    text = " ".join(at_desk.get(page_of(refused)).content.decode().split())
    with override("en"):
        day = date_format(timezone.localdate())
    banner = f"The answer of {day} to {refused.email} did not arrive: {NO_USER}"
    assert text.index(banner) < text.index('<div class="desk">')
    assert text.count("Last try on ") == 1
    assert "· mail: failed" in text
    [row] = listed(at_desk, queue="open")
    assert row == refused
    assert b"a mail has failed" in at_desk.get(LIST).content
    retention.erase(refused)
    assert "No such user" not in at_desk.get(page_of(refused)).content.decode()


def test_a_reader_of_the_page_sees_the_failure_and_no_task(client, refused, reader):
    client.force_login(reader)
    text = client.get(page_of(refused)).content.decode()
    assert "550 5.1.1 No such user" in text
    assert 'id="address"' not in text


def test_send_again_says_what_became_of_it(at_desk, refused):
    mail = refused.answers.get().mail
    response = at_desk.post(page_of(refused), {"task": "mail", "mail": mail.pk}, follow=True)
    assert messages_of(response) == [f"The mail to {refused.email} waits to be sent."]
    text = response.content.decode()
    assert "errornote" not in text
    assert "· mail: waiting" in text
    refuse(mail, "554 5.7.1 Mailbox closed")
    text = at_desk.get(page_of(refused)).content.decode()
    assert "did not arrive: The mail host refuses the mail. The mail host’s words: 554 5.7.1 Mailbox closed" in text
    assert "No such user" not in text
    at_desk.post(page_of(refused), {"task": "mail", "mail": mail.pk})
    Email.objects.filter(pk=mail.pk).update(status=STATUS.sent)
    delivery.settle_arrivals()
    text = at_desk.get(page_of(refused)).content.decode()
    assert "· mail: sent" in text
    assert "An answer arrived after all: Answered" in text
    response = at_desk.post(page_of(refused), {"task": "mail", "mail": mail.pk})
    assert "This mail cannot be sent again." in response.content.decode()


def test_the_desk_corrects_the_address(at_desk, refused, another, officer):
    actions.merge(another, refused, officer)
    old, new = refused.email, "right@college.example"
    mail = refused.answers.get().mail
    Email.objects.filter(pk=refused.mails.earliest("pk").pk).update(status=STATUS.sent)
    response = at_desk.post(page_of(refused), {"task": "address", "email": f" {new} "}, follow=True)
    assert messages_of(response) == [f"Mails that wait or are sent again now go to {new}."]
    for row in (refused, another):
        row.refresh_from_db()
        assert row.email == new
        event = row.events.get(kind=Event.Kind.NEW_ADDRESS)
        assert (event.actor, event.detail) == (officer, "")
    mail.refresh_from_db()
    # The mail that was refused says to which address, until it is sent again.
    assert (mail.to, mail.status) == ([old], STATUS.failed)
    assert delivery.send_again(mail, officer)
    mail.refresh_from_db()
    assert (mail.to, mail.status) == ([new], STATUS.queued)
    assert refused.mails.earliest("pk").to == [old]
    assert another.mails.earliest("pk").to == [new]
    to_desk = [mail for row in (refused, another) for mail in row.mails.exclude(to__in=[old, new])]
    reply_to = [mail.headers["Reply-To"] for mail in to_desk if "Reply-To" in mail.headers]
    assert reply_to == [new, new], "only the mail about the refused answer has none"
    assert len(to_desk) == 3
    at_desk.post(page_of(refused), {"task": "address", "email": new})
    assert kinds(refused).count(Event.Kind.NEW_ADDRESS) == 1


def test_an_address_is_corrected_from_the_page_of_a_duplicate_too(at_desk, enquiry, another, officer):
    actions.merge(another, enquiry, officer)
    assert at_desk.post(page_of(another), {"task": "address", "email": "right@college.example"}).status_code == 302
    assert set(Enquiry.objects.values_list("email", flat=True)) == {"right@college.example"}


def test_an_erased_duplicate_stays_empty_when_the_address_is_corrected(at_desk, enquiry, another, officer):
    actions.merge(another, enquiry, officer)
    retention.erase(another)
    assert at_desk.post(page_of(enquiry), {"task": "address", "email": "right@college.example"}).status_code == 302
    another.refresh_from_db()
    assert another.email == ""


@pytest.mark.parametrize(
    "address", ["", "nobody", "zhang@exa mple.com", "张三@example.com", f"{'x' * 250}@example.com"]
)
def test_an_address_is_checked_as_a_visitors_is(at_desk, enquiry, address):
    response = at_desk.post(page_of(enquiry), {"task": "address", "email": address})
    assert response.status_code == 200
    assert response.context["forms"]["address"].errors["email"]
    enquiry.refresh_from_db()
    assert enquiry.email == "zhang@example.com"


@pytest.mark.parametrize("end", ["withdrawn", "erased"])
def test_no_address_is_corrected_in_what_is_locked(at_desk, enquiry, end):
    retention.erase(enquiry) if end == "erased" else enquiry.move_to(State.WITHDRAWN)
    assert 'id="address"' not in at_desk.get(page_of(enquiry)).content.decode()
    assert at_desk.post(page_of(enquiry), {"task": "address", "email": "right@college.example"}).status_code == 200
    enquiry.refresh_from_db()
    assert enquiry.email != "right@college.example"


# Duplicates


def test_the_page_of_the_main_enquiry_shows_its_duplicates(at_desk, enquiry, another, officer):
    actions.answer(another, "An answer to the other", True, officer)
    another.messages.create(text="Further words on the other")
    another.attachments.create(file="attachments/x", name="Plan.pdf", content_type="application/pdf", size=6)
    actions.merge(another, enquiry, officer)
    for page in (page_of(enquiry), reverse("admin:contact_answer", args=[enquiry.pk])):
        text = at_desk.get(page).content.decode()
        section = text.split(f'aria-labelledby="duplicate-{another.reference}"')[1].split("</section>")[0]
        for words in ("Another matter", "Further words on the other", "Plan.pdf", "An answer to the other"):
            assert words in section
            assert text.count(words) == 1, words
    assert kinds(another).count(Event.Kind.VIEWED) == 1, "who reads the page has read the duplicate too"


def test_the_file_of_a_further_message_stands_beside_it_and_is_downloaded(at_desk, enquiry):
    message = enquiry.messages.create(text="See the plan")
    _first, later = (
        enquiry.attachments.create(file=ContentFile(b"%PDF", "-"), name=name, content_type="application/pdf", size=4)
        for name in ("First.pdf", "Later.pdf")
    )
    Attachment.objects.filter(pk=later.pk).update(message=message)
    text = at_desk.get(page_of(enquiry)).content.decode()
    words = text.split('aria-labelledby="words"')[1].split("</section>")[0]
    before, beside = words.split("See the plan")
    assert ("First.pdf" in before, "Later.pdf" in before) == (True, False)
    assert ("First.pdf" in beside, "Later.pdf" in beside.split("</article>")[0]) == (False, True)
    link = reverse("admin:contact_attachment", args=[later.pk])
    assert f'href="{link}"' in beside
    response = at_desk.get(link)
    assert b"".join(response.streaming_content) == b"%PDF"
    assert response.headers["Content-Disposition"] == 'attachment; filename="Later.pdf"'
    assert kinds(enquiry).count(Event.Kind.FETCHED) == 1


def test_the_desk_names_the_privacy_notice_by_its_date(at_desk, enquiry):
    Enquiry.objects.update(privacy_date=date(2026, 11, 20))
    text = at_desk.get(page_of(enquiry)).content.decode()
    assert "<dt>Privacy notice accepted</dt><dd>Privacy notice of 20 November 2026</dd>" in text
    assert enquiry.privacy_version not in text


def test_the_answers_of_duplicates_that_did_not_arrive_are_on_the_main_page(at_desk, refused, another, officer):
    actions.merge(refused, another, officer)
    text = at_desk.get(page_of(another)).content.decode()
    assert f"did not arrive: {NO_USER}" in text
    assert text.split("did not arrive:")[1].split("</p>")[0].count(page_of(refused)) == 1


def test_merging_takes_two(at_desk, enquiry, another):
    chosen = {"action": "merge", "_selected_action": [enquiry.pk]}
    response = at_desk.post(LIST, chosen, follow=True)
    assert messages_of(response) == ["Choose at least two enquiries to merge."]
    in_state(enquiry, State.CLOSED)
    response = at_desk.post(LIST, chosen, follow=True)
    assert messages_of(response) == ["Nothing was done: what you chose is not in this list any more."]


def test_the_desk_can_say_that_an_enquiry_is_answered_once_an_answer_has_arrived(at_desk, enquiry, officer):
    given = actions.answer(enquiry, "Prepare two forms.", True, officer)
    Email.objects.filter(pk=given.mail.pk).update(status=STATUS.sent)
    actions.move(enquiry, State.IN_PROGRESS, officer)
    assert ">Answered</button>" in at_desk.get(page_of(enquiry)).content.decode()
    assert at_desk.post(page_of(enquiry), {"task": "move", "state": "answered"}).status_code == 302
    enquiry.refresh_from_db()
    assert enquiry.state == State.ANSWERED


def test_an_acknowledgement_that_did_not_arrive_is_said_to_the_desk_and_to_the_visitor(at_desk, client, enquiry):
    refuse(enquiry.mails.earliest("pk"))
    words = f"The acknowledgement to {enquiry.email} did not arrive: {NO_USER}"
    for address in (page_of(enquiry), reverse("admin:contact_answer", args=[enquiry.pk])):
        text = at_desk.get(address).content.decode()
        assert words in text
        assert "Correct the e-mail address before you answer." in text
    at_desk.post(page_of(enquiry), {"task": "address", "email": "right@college.example"})
    text = at_desk.get(page_of(enquiry)).content.decode()
    assert words in text
    assert "Correct the e-mail address before you answer." not in text
    with override("en"):
        receipt = client.get(f"/en/contact/received/{enquiry.token}/").content.decode()
    assert f"could not be delivered to {enquiry.email}" in receipt
    assert "on its way" not in receipt
