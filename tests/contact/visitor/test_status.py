"""The status page: access with reference and code, content, further messages and withdrawal of consent."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from django.contrib.auth import get_user_model
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import DatabaseError, connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django.utils.translation import override
from post_office.models import STATUS, Email

from contact import attachments, models, retention
from contact.mail.messages import queue_answer
from contact.models import PERSONAL_FIELDS, Answer, Attachment, Enquiry, Event, Message, State, private_storage
from contact.references import format_code
from contact.visitor import rate_limits
from contact.visitor import status as progress
from contact.visitor.status import Progress
from portal.database import DatabaseAway
from portal.models import Department
from tests.contact.files import PDF, picture
from tests.contact.steps import send

pytestmark = pytest.mark.django_db

LOOKUP = "/en/contact/status/"


@pytest.fixture
def enquiry(client, answers):
    send(client, answers, "en")
    return Enquiry.objects.get()


@pytest.fixture
def told(monkeypatch):
    """The list of messages that the desk was notified of."""
    messages = []
    monkeypatch.setattr(progress, "queue_further_message", messages.append)
    return messages


def upload(name="plan.pdf", content=PDF):
    return SimpleUploadedFile(name, content)


def kept():
    """Returns the number of files in the private storage."""
    folder = Path(private_storage().path("attachments"))
    return len(list(folder.iterdir())) if folder.exists() else 0


@pytest.fixture
def counted(monkeypatch):
    """The list of limits that were counted against."""
    names = []
    monkeypatch.setattr(rate_limits, "count", lambda request, limit: names.append(limit))
    return names


def reach(monkeypatch, limit):
    monkeypatch.setattr(rate_limits, "is_reached", lambda request, asked: asked == limit)


def address(enquiry, rest="", language="en"):
    return f"/{language}/contact/status/{enquiry.token}/{rest}"


def shown(client, enquiry, language="en"):
    """Returns the HTML of the <main> element of the status page."""
    response = client.get(address(enquiry, language=language))
    assert response.status_code == 200
    return " ".join(response.content.decode().split("<main")[1].split("</main>")[0].split())


def summary(text):
    """Returns the error summary of a page."""
    return text.split('class="error-summary"')[1].split('<header class="page-head">')[0]


def another(enquiry, **changes):
    """Creates a second enquiry of the same visitor."""
    fields = {name: getattr(enquiry, name) for name in (*PERSONAL_FIELDS, "language", "privacy_version")}
    return Enquiry.objects.create(**fields | {"fingerprint": f"another {Enquiry.objects.count()}"} | changes)


def merge(duplicate, into):
    duplicate.move_to(State.CLOSED)
    duplicate.merged_into = into
    duplicate.save()


def erase(enquiry):
    Enquiry.objects.filter(pk=enquiry.pk).update(erased_at=timezone.now(), **dict.fromkeys(PERSONAL_FIELDS, ""))


# Reference and code


@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_the_right_pair_leads_to_the_status(client, enquiry, counted, language):
    response = client.post(f"/{language}/contact/status/", {"reference": enquiry.reference, "code": enquiry.code})
    assert response.status_code == 303
    assert response.headers["Location"] == address(enquiry, language=language)
    assert not counted


def test_a_pair_is_read_however_it_is_typed(client, enquiry):
    full_width = "".join(chr(ord(character) + 0xFEE0) for character in enquiry.code.lower())
    typed = {"reference": f" {enquiry.reference[:4].lower()}-{enquiry.reference[4:]} ", "code": full_width}
    assert client.post(LOOKUP, typed).status_code == 303


def wrong_pairs(enquiry):
    right = {"reference": enquiry.reference, "code": enquiry.code}
    other = another(enquiry)
    return {
        "an unknown reference": right | {"reference": "34679ACD"},
        "a wrong code": right | {"code": "34679ACDEFGH"},
        "another's code": right | {"code": other.code},
        "a code too short": right | {"code": "3"},
        "a part of the code": right | {"code": enquiry.code[:-1]},
        "malformed": {"reference": "' OR 1=1 --", "code": "%00"},
        "Chinese": {"reference": "咨询编号", "code": "查询码"},
        "very long": {"reference": "3" * 1_000_000, "code": enquiry.code * 100_000},
        "NUL": right | {"code": "a\x00b"},
    }


def test_all_wrong_pairs_are_answered_alike(client, enquiry, counted):
    client.get(LOOKUP)
    answers, queries = set(), set()
    pairs = wrong_pairs(enquiry)
    for name, typed in pairs.items():
        with CaptureQueriesContext(
            connection,
        ) as captured:
            response = client.post(LOOKUP, typed)
        queries.add(len(captured))
        with override("en"):
            answers.add((response.status_code, str(dict(response.context["form"].errors))))
        assert typed["reference"] in response.context["form"]["reference"].value(), name
        assert typed["code"] in response.context["form"]["code"].value(), name
    assert len(answers) == 1, answers
    assert len(queries) == 1, queries
    [(status, errors)] = answers
    assert status == 200
    assert "No enquiry has this reference and this code" in errors
    assert counted == [rate_limits.WRONG_CODES] * len(pairs)


def test_an_erased_enquiry_with_a_wrong_code_is_answered_like_an_unknown_one(client, enquiry, counted):
    erase(enquiry)
    response = client.post(LOOKUP, {"reference": enquiry.reference, "code": "34679ACDEFGH"})
    assert response.context["form"].has_error("reference", "wrong_pair")
    assert counted == [rate_limits.WRONG_CODES]


def test_an_unknown_reference_has_its_code_compared_all_the_same(client, enquiry, monkeypatch):
    compared = []
    monkeypatch.setattr("contact.visitor.forms.secrets.compare_digest", lambda *pair: compared.append(pair) or True)
    response = client.post(LOOKUP, {"reference": "34679ACD", "code": enquiry.code})
    assert response.status_code == 200
    [(typed, against)] = compared
    assert typed == enquiry.code.encode()
    assert len(against) == 12


def test_a_wrong_pair_is_said_as_any_error_is(client, enquiry):
    text = client.post(LOOKUP, {"reference": enquiry.reference, "code": "wrong"}).content.decode()
    assert "<title>Error: Enquiry status" in text
    assert 'class="error-summary" role="alert" tabindex="-1" autofocus' in text
    assert '<a href="#id_reference">' in text
    assert f'value="{enquiry.reference}"' in text
    assert 'value="wrong"' in text
    assert summary(text).count("+86 10 5365 6705") == 1


@pytest.mark.parametrize("missing", ["reference", "code"])
def test_what_is_missing_is_asked_for_and_is_no_guess(client, enquiry, counted, missing):
    typed = {"reference": enquiry.reference, "code": enquiry.code} | {missing: " - "}
    response = client.post(LOOKUP, typed)
    assert list(response.context["form"].errors) == [missing]
    assert not counted


@pytest.mark.parametrize("is_right", [True, False])
def test_after_too_many_wrong_pairs_a_right_one_is_refused_too(client, enquiry, counted, monkeypatch, is_right):
    reach(monkeypatch, rate_limits.WRONG_CODES)
    typed = {"reference": enquiry.reference, "code": enquiry.code if is_right else "wrong"}
    with CaptureQueriesContext(connection) as captured:
        response = client.post(LOOKUP, typed)
    assert not [query for query in captured if "contact_enquiry" in query["sql"]]
    text = response.content.decode()
    assert response.status_code == 429
    assert 0 < int(response.headers["Retry-After"]) <= 3600
    assert "try again in an hour" in text
    assert "No enquiry has this reference" not in text
    assert f'value="{typed["code"]}"' in text
    assert summary(text).count("+86 10 5365 6705") == 1
    assert not counted


def test_the_reference_may_come_with_the_address_the_code_may_not(client, enquiry):
    text = client.get(f"{LOOKUP}?reference={enquiry.reference}&code=SECRET").content.decode()
    assert f'value="{enquiry.reference}"' in text
    assert 'value="SECRET"' not in text
    for odd in ("%00", "%3Cscript%3E", "x" * 5000, "%ff"):
        assert client.get(f"{LOOKUP}?reference={odd}").status_code == 200


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", "Enter the reference and code from your receipt to see how far your enquiry has come"),
        ("zh-hans", "请填写回执上的咨询编号和查询码，查看办理进度和答复"),
    ],
)
def test_it_says_what_to_enter(client, language, words):
    assert words in client.get(f"/{language}/contact/status/").content.decode()


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_every_page_links_to_the_status_in_its_footer(client, language):
    name = {"en": "Enquiry status", "zh-hans": "咨询办理进度"}[language]
    for page in ("", "programs/", "partners/japan/", "contact/", "privacy/", "nothing/"):
        footer = client.get(f"/{language}/{page}").content.decode().split("<footer")[1]
        assert footer.count(f'<a href="/{language}/contact/status/">{name}</a>') == 1, page


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", "Keep the reference and the code that the form gives you: with both you can "),
        ("zh-hans", "请保留咨询编号和查询码，凭此"),
    ],
)
def test_the_third_step_on_home_names_reference_and_code_and_links_to_the_status(client, language, words):
    third = client.get(f"/{language}/").content.decode().split('aria-labelledby="start"')[1].split("<li>")[3]
    assert f'{words}<a href="/{language}/contact/status/">' in third


def test_the_form_stands_below_contact_and_contact_leads_to_it(client):
    response = client.get("/zh-hans/contact/status/")
    text = response.content.decode()
    assert "no-store" in response.headers["Cache-Control"]
    assert '<a href="/zh-hans/contact/">联系我们</a>' in text.split('aria-label="您所在的位置"')[-1]
    contact = client.get("/zh-hans/contact/").content.decode()
    assert '已经提交过咨询？ <a href="/zh-hans/contact/status/">查询办理进度</a>' in contact


# Content


def test_the_status_page_is_private(client, enquiry):
    response = client.get(address(enquiry))
    text = response.content.decode()
    for path in (address(enquiry), address(enquiry, "withdraw/")):
        headers = client.get(path).headers
        assert "no-store" in headers["Cache-Control"]
        assert (headers["Referrer-Policy"], headers["X-Robots-Tag"]) == ("strict-origin", "noindex")
    assert 'name="robots" content="noindex"' in text
    assert "page-code" not in text
    assert "og:url" not in text
    for private in (enquiry.person, enquiry.position, enquiry.email, enquiry.telephone, enquiry.code):
        assert private
        assert private not in text
    assert enquiry.reference in text
    assert "Credit recognition" in text


@pytest.mark.parametrize(
    ("ways", "state", "meaning", "steps"),
    [
        ([], "Received", "We have your enquiry; no one has taken it up yet.", 4),
        ([State.IN_PROGRESS], "In progress", "working on your enquiry", 4),
        ([State.ANSWERED], "Answered", "sent our answer", 4),
        ([State.ANSWERED, State.CLOSED], "Closed", "has ended", 4),
        ([State.CLOSED], "Closed", "has ended", 2),
        ([State.SPAM], "Closed", "has ended", 2),
        ([State.WITHDRAWN], "Closed", "You withdrew your consent on", 2),
    ],
)
def test_each_state_is_said_in_words(client, enquiry, ways, state, meaning, steps):
    for way in ways:
        enquiry.move_to(way)
    text = shown(client, enquiry)
    assert text.count('aria-current="step"') == 1
    assert f'<li aria-current="step">{state} (now)</li>' in text
    assert meaning in text
    assert text.split('<ol class="steps progress">')[1].split("</ol>")[0].count("<li") == steps
    assert not re.search(r"\bspam\b", text, re.IGNORECASE)
    assert ("Answered</dt>" in text) == (State.ANSWERED in ways)
    assert ("Closed</dt>" in text) == (state == "Closed")


def test_the_state_in_chinese(client, enquiry):
    text = shown(client, enquiry, "zh-hans")
    assert "我们已收到您的咨询，尚未开始处理。" in text
    for state in ("已收到（当前）", "处理中", "已答复", "已办结"):
        assert f">{state}</li>" in text


def test_a_promise_is_shown_while_it_waits_and_said_honestly_when_it_is_broken(client, enquiry):
    assert "answer by" not in shown(client, enquiry)
    today = timezone.localdate()
    for due_on, words in [(today, "We will answer by"), (today - timedelta(days=1), "We promised an answer by")]:
        Enquiry.objects.update(due_on=due_on)
        text = shown(client, enquiry)
        assert f"{words} {due_on.day} {due_on:%B %Y}" in text
        assert ("and are late" in text) == (due_on < today)
        assert (text.count("+86 10 5365 6705") == 1) == (due_on < today)
    enquiry.move_to(State.ANSWERED)
    assert "answer by" not in shown(client, enquiry)
    Enquiry.objects.get().move_to(State.IN_PROGRESS)
    assert "answer by" not in shown(client, enquiry)


def test_answers_are_shown_where_the_desk_chose_so(client, enquiry):
    author = get_user_model().objects.create_user("desk officer")
    for is_shown in (True, False):
        Answer.objects.create(
            enquiry=enquiry, author=author, text=f"<b>Shown</b>: {is_shown}", is_on_status_page=is_shown
        )
    text = shown(client, enquiry)
    assert "&lt;b&gt;Shown&lt;/b&gt;: True" in text
    assert "Shown&lt;/b&gt;: False" not in text
    assert "desk officer" not in text


@pytest.mark.parametrize(
    ("state", "mail_status", "meaning"),
    [
        (State.ANSWERED, STATUS.queued, "Our answer is written. We are sending it to your e-mail address."),
        (State.ANSWERED, STATUS.requeued, "Our answer is written. We are sending it to your e-mail address."),
        (State.ANSWERED, STATUS.sent, "We have sent our answer to your e-mail address."),
        (State.IN_PROGRESS, STATUS.failed, "Our answer could not be delivered to your e-mail address"),
        # It is being sent again, or the visitor has written since.
        (State.IN_PROGRESS, STATUS.queued, "A member of staff is working on your enquiry."),
        (State.IN_PROGRESS, STATUS.sent, "A member of staff is working on your enquiry."),
        (State.CLOSED, STATUS.failed, "Our work on your enquiry has ended."),
    ],
)
def test_an_answer_was_sent_only_if_its_mail_was(client, enquiry, state, mail_status, meaning):
    queue_answer(Answer.objects.create(enquiry=enquiry, text="Please prepare two forms."))
    enquiry.move_to(state)
    Email.objects.filter(answer__enquiry=enquiry).update(status=mail_status)
    text = shown(client, enquiry)
    assert meaning in text
    assert text.count("your e-mail address") == meaning.count("your e-mail address")
    assert "Please prepare two forms." in text
    assert ("Answered</dt>" in text) == (state == State.ANSWERED)


def test_visitors_see_what_they_wrote_and_the_names_of_their_files(client, answers):
    message = "First <b>line</b>\nsecond line"
    send(client, answers, "en", message=message, attachments=[upload("first <1>.pdf"), upload("b.png", picture("PNG"))])
    enquiry = Enquiry.objects.get()
    client.post(address(enquiry), {"text": "One more question", "attachment": upload("later.pdf")})
    for language, heading in (("en", "What you wrote"), ("zh-hans", "您提交的内容")):
        page = BeautifulSoup(shown(client, enquiry, language), "html.parser")
        section = page.find(id="written").find_parent("section")
        assert heading in section.h2.text
        first, later = section.select("ol > li")
        assert first.find(lang="en").get_text(" ", strip=True) == "First <b>line</b> second line"
        assert [file.text for file in first.select(".files li")] == ["first <1>.pdf", "b.png"]
        assert later.find(lang="en").get_text(strip=True) == "One more question"
        assert [file.text for file in later.select(".files li")] == ["later.pdf"]
        facts = [fact.text for fact in page.select("dd")]
        assert facts[:2] == ["北京某职业学院", {"en": "Credit recognition", "zh-hans": "学分互认"}[language]]


def test_what_the_visitor_wrote_is_not_shown_once_it_is_withdrawn(client, enquiry):
    Department.objects.update(keep_withdrawn_days=7)
    assert "学分互认" in shown(client, enquiry)
    client.post(address(enquiry, "withdraw/"))
    text = shown(client, enquiry)
    assert "What you wrote" not in text
    assert "学分互认" not in text
    assert enquiry.organisation not in text


def test_it_says_when_the_data_are_erased(client, enquiry):
    Department.objects.update(keep_closed_months=1)
    assert "will be erased 1 month after your enquiry is closed" in shown(client, enquiry)
    Department.objects.update(keep_closed_months=18)
    assert "will be erased 18 months after your enquiry is closed" in shown(client, enquiry)
    enquiry.move_to(State.CLOSED)
    erase_on = enquiry.erase_on
    assert f"will be erased on {erase_on.day} {erase_on:%B %Y}" in shown(client, enquiry)


def test_a_duplicate_shows_what_it_was_merged_into(client, enquiry):
    duplicate = another(enquiry)
    merge(duplicate, enquiry)
    enquiry.move_to(State.ANSWERED)
    Answer.objects.create(enquiry=enquiry, text="Both are answered")
    Message.objects.create(enquiry=enquiry, text="Said by whoever has the other code")
    text = shown(client, duplicate)
    assert duplicate.reference in text
    assert enquiry.reference not in text
    assert "handled together with another enquiry from the same e-mail address" in text
    assert '<li aria-current="step">Answered (now)</li>' in text
    assert "Both are answered" not in text
    assert "Said by whoever has the other code" not in text
    assert "Closed</dt>" not in text
    assert "handled together" not in shown(client, enquiry)


def test_an_erased_enquiry_says_only_that(client, enquiry):
    enquiry.move_to(State.CLOSED)
    erase(enquiry)
    text = shown(client, enquiry)
    today = timezone.localdate()
    assert f"All personal data of this enquiry were erased on {today.day} {today:%B %Y}." in text
    assert "For statistics we keep such things as the reference, dates, subject, country and language" in text
    assert "<form" not in text
    assert "withdraw" not in text
    assert "Credit recognition" not in text


def test_the_pages_take_few_queries(client, enquiry):
    duplicate = another(enquiry)
    merge(duplicate, enquiry)
    for path in (address(duplicate), address(enquiry), address(enquiry, "withdraw/")):
        for number in range(20):
            Answer.objects.create(enquiry=enquiry, text=f"Answer {number}")
            Message.objects.create(enquiry=enquiry, text=f"Message {number}")
        with CaptureQueriesContext(connection) as captured:
            client.get(path)
        assert len(captured) <= 8, path


# Further messages


def test_a_message_is_stored_and_the_desk_told(client, enquiry, told, counted):
    response = client.post(address(enquiry), {"text": " <b>More</b>\r\nwords "})
    assert response.status_code == 303
    message = Message.objects.get()
    assert message.text == "<b>More</b>\nwords"
    assert told == [message]
    assert counted == [rate_limits.MESSAGES]
    [event] = enquiry.events.filter(kind=Event.Kind.WRITTEN)
    assert (event.actor, event.detail) == (None, "")
    assert not enquiry.events.filter(kind=Event.Kind.MOVED).exists()
    text = client.get(response.headers["Location"]).content.decode()
    assert "Your message is stored" in text
    assert "&lt;b&gt;More&lt;/b&gt;<br>words" in text
    assert "Your message is stored" not in shown(client, enquiry)


def test_an_address_says_that_a_message_is_stored_only_just_after_it_was(client, answers, enquiry, told, time_machine):
    def claims(path):
        page = client.get(path)
        assert page.status_code == 200
        return "Your message is stored" in page.content.decode()

    time_machine.move_to(timezone.now(), tick=False)
    stored = client.post(address(enquiry), {"text": "More"}).headers["Location"]
    assert claims(stored)
    time_machine.shift(progress.CONFIRMATION_AGE - timedelta(seconds=5))
    assert claims(stored), "a reload"
    time_machine.shift(timedelta(seconds=10))
    assert not claims(stored), "a late reload, or somebody with whom the address was shared"
    assert not claims(f"{address(enquiry)}?stored=1"), "typed by hand"
    assert not claims(f"{address(enquiry)}?stored=%00%FF")
    again = client.post(address(enquiry), {"text": "More"}).headers["Location"]
    assert Message.objects.count() == 1
    assert claims(again), "a second click, of which nothing had to be stored"
    send(client, answers, "en", message="Another matter")
    other = Enquiry.objects.exclude(pk=enquiry.pk).get()
    assert not claims(again.replace(enquiry.token, other.token))


@pytest.mark.parametrize(
    ("state", "then"),
    [
        (State.IN_PROGRESS, State.IN_PROGRESS),
        (State.ANSWERED, State.IN_PROGRESS),
        (State.CLOSED, State.IN_PROGRESS),
        (State.SPAM, State.RECEIVED),
    ],
)
def test_a_message_opens_an_enquiry_again(client, enquiry, told, state, then):
    due_on = timezone.localdate()
    Enquiry.objects.update(due_on=due_on)
    Enquiry.objects.get().move_to(state)
    reopens = "opens the enquiry again" in shown(client, enquiry)
    assert reopens == (state != State.IN_PROGRESS)
    assert client.post(address(enquiry), {"text": "More"}).status_code == 303
    enquiry.refresh_from_db()
    # An enquiry that is opened again gets a new due date, here none. One that was still open or spam keeps its date.
    assert (enquiry.state, enquiry.due_on) == (then, None if state in (State.ANSWERED, State.CLOSED) else due_on)
    assert (enquiry.closed_at, enquiry.erase_on) == (None, None)
    moved = [event.detail for event in enquiry.events.filter(kind=Event.Kind.MOVED)]
    assert moved == ([state, then] if reopens else [state])
    assert enquiry.events.last().actor is None


def test_a_message_to_a_duplicate_goes_to_what_it_was_merged_into(client, enquiry, told):
    duplicate = another(enquiry)
    merge(duplicate, enquiry)
    enquiry.move_to(State.CLOSED)
    assert client.post(address(duplicate), {"text": "More"}).status_code == 303
    assert Message.objects.get().enquiry == duplicate
    assert "More" in shown(client, duplicate)
    assert "More" not in shown(client, enquiry)
    enquiry.refresh_from_db()
    duplicate.refresh_from_db()
    assert (enquiry.state, duplicate.state, duplicate.merged_into) == (State.IN_PROGRESS, State.CLOSED, enquiry)


def test_a_second_click_is_no_second_message(client, enquiry, told):
    for text in ("More", "More", "Something else", "More"):
        assert client.post(address(enquiry), {"text": text}).status_code == 303
    assert [message.text for message in Message.objects.all()] == ["More", "Something else", "More"]
    assert len(told) == 3


def test_the_same_words_on_another_day_or_after_an_answer_are_another_message(client, enquiry, told, time_machine):
    client.post(address(enquiry), {"text": "Any news?"})
    time_machine.move_to(timedelta(days=1))
    client.post(address(enquiry), {"text": "Any news?"})
    enquiry.refresh_from_db()
    enquiry.move_to(State.ANSWERED)
    client.post(address(enquiry), {"text": "Any news?"})
    assert Message.objects.count() == 3
    enquiry.refresh_from_db()
    assert enquiry.state == State.IN_PROGRESS


@pytest.mark.parametrize("end", [lambda enquiry: enquiry.move_to(State.WITHDRAWN), erase], ids=["withdrawn", "erased"])
def test_nothing_is_added_to_what_is_locked(client, enquiry, told, end):
    assert "<form" in shown(client, enquiry)
    end(enquiry)
    assert "<form" not in shown(client, enquiry)
    response = client.post(address(enquiry), {"text": "More"})
    assert response.status_code == 409
    assert "Nothing can be added" in response.content.decode()
    assert not Message.objects.exists()
    assert not told


def test_after_twenty_messages_it_is_the_telephone(client, enquiry, told):
    for number in range(20):
        assert client.post(address(enquiry), {"text": f"More {number}"}).status_code == 303
    assert client.post(address(enquiry), {"text": "More 19"}).status_code == 303
    text = shown(client, enquiry)
    assert "<form" not in text
    assert "You have added many messages" in text
    assert "+86 10 5365 6705" in text
    assert client.post(address(enquiry), {"text": "One more"}).status_code == 409
    assert Message.objects.count() == len(told) == 20


def test_too_many_messages_within_an_hour(client, enquiry, told, counted, monkeypatch):
    reach(monkeypatch, rate_limits.MESSAGES)
    response = client.post(address(enquiry), {"text": "What was typed"})
    text = response.content.decode()
    assert response.status_code == 429
    assert 0 < int(response.headers["Retry-After"]) <= 3600
    assert "try again in an hour" in text
    assert "What was typed</textarea>" in text
    assert not Message.objects.exists()
    assert not counted


def test_a_message_that_cannot_be_stored_is_given_back_honestly(client, enquiry, monkeypatch):
    def fail(message):
        raise DatabaseError

    monkeypatch.setattr(progress, "queue_further_message", fail)
    Enquiry.objects.get().move_to(State.ANSWERED)
    response = client.post(address(enquiry), {"text": "What was typed"})
    text = response.content.decode()
    assert response.status_code == 503
    assert "could not be stored" in text
    assert summary(text).count("+86 10 5365 6705") == 1
    assert "What was typed</textarea>" in text
    assert not Message.objects.exists()
    enquiry.refresh_from_db()
    assert enquiry.state == State.ANSWERED
    assert not enquiry.events.filter(kind=Event.Kind.WRITTEN).exists()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "Write your message"),
        ("  \n ", "Write your message"),
        ("x" * 5001, "Your message: use at most 5,000 characters; there are 5,001"),
        ("a\x00b", "Your message: there is a character in it that cannot be stored"),
        ("国" * 3_400_000, "Your message: use at most 5,000 characters"),
    ],
    ids=["nothing", "spaces", "too long", "NUL", "ten megabytes"],
)
def test_a_faulty_message_is_given_back(client, enquiry, text, words):
    response = client.post(address(enquiry), {"text": text})
    page = response.content.decode()
    assert response.status_code == 200
    assert "<title>Error: " in page
    assert page.count(words) == 2
    assert '<a href="#id_text">' in page
    assert not Message.objects.exists()


# A further message with a file


def test_a_further_message_takes_a_file(client, enquiry, told):
    page = shown(client, enquiry)
    assert 'enctype="multipart/form-data"' in page
    assert page.count('type="file"') == 1
    response = client.post(address(enquiry), {"text": "More", "attachment": upload("计划.exe")})
    assert response.status_code == 303
    attachment = Attachment.objects.get()
    assert (attachment.enquiry, attachment.message) == (enquiry, told[0])
    assert (attachment.name, attachment.size, attachment.file.read()) == ("计划.pdf", len(PDF), PDF)
    assert kept() == 1


def test_the_text_of_a_further_message_is_required_and_its_file_is_not(client, enquiry):
    response = client.post(address(enquiry), {"text": " ", "attachment": upload()})
    text = response.content.decode()
    assert response.status_code == 200
    assert text.count("Write your message") == 2
    assert text.count("Attach again: plan.pdf.") == 2
    assert '<a href="#id_attachment">' in text
    assert (Message.objects.count(), Attachment.objects.count(), kept()) == (0, 0, 0)
    assert client.post(address(enquiry), {"text": "More"}).status_code == 303


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"MZ", "macros or a password"),
        (PDF + bytes(attachments.MAX_FILE_SIZE), "is larger than 10 MB"),
    ],
)
def test_a_refused_file_of_a_further_message_is_named_and_the_text_is_kept(client, enquiry, content, words):
    response = client.post(address(enquiry), {"text": "What was typed", "attachment": upload("report.exe", content)})
    text = response.content.decode()
    assert text.count(words) == text.count("report.exe") == 2
    assert "What was typed</textarea>" in text
    assert "Attach again" not in text
    assert not Message.objects.exists()
    assert kept() == 0


def test_a_message_that_comes_back_keeps_its_text_and_asks_for_its_file_again(client, enquiry, monkeypatch):
    typed = {"text": "What was typed", "attachment": upload()}

    def comes_back(status):
        response = client.post(address(enquiry), typed | {"attachment": upload()})
        text = response.content.decode()
        assert response.status_code == status
        assert "What was typed</textarea>" in text
        assert text.count("Attach again: plan.pdf.") == 2
        assert (Message.objects.count(), kept()) == (0, 0)

    with monkeypatch.context() as limited:
        reach(limited, rate_limits.MESSAGES)
        comes_back(429)
    with monkeypatch.context() as broken:
        broken.setattr(progress, "queue_further_message", lambda message: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            client.post(address(enquiry), typed)
        assert kept() == 0
    with monkeypatch.context() as full:
        full.setattr(attachments, "fsync", no_room)
        comes_back(503)
    with monkeypatch.context() as without_cookie:
        without_cookie.setattr(client.handler, "enforce_csrf_checks", True)
        comes_back(403)


def no_room(file):
    raise OSError(28, "No space left on device")


def test_while_the_database_is_away_a_message_keeps_its_text_and_asks_for_its_file_again(client, enquiry, monkeypatch):
    def away(*args, **kwargs):
        raise DatabaseAway

    monkeypatch.setattr("contact.visitor.views.get_object_or_404", away)
    response = client.post(address(enquiry), {"text": "What was typed", "attachment": upload()})
    text = response.content.decode()
    assert response.status_code == 503
    assert "Nothing has been sent yet" in text
    assert "What was typed</textarea>" in text
    assert text.count("Attach again: plan.pdf.") == 2
    assert 'enctype="multipart/form-data"' in text
    assert kept() == 0


def test_a_second_click_is_known_by_its_file_too(client, enquiry, told):
    files = [None, upload("a.pdf"), upload("a.pdf"), upload("a.pdf", PDF + b"\n"), upload("b.pdf", PDF + b"\n"), None]
    for file in files:
        typed = {"text": "See the file"} | ({"attachment": file} if file else {})
        assert client.post(address(enquiry), typed).status_code == 303
    sent = [[file.size for file in message.attachments.all()] for message in Message.objects.all()]
    assert sent == [[], [len(PDF)], [len(PDF) + 1], []]
    assert kept() == 2
    assert len(told) == 4


def test_the_same_message_is_stored_again_if_its_first_file_is_gone(client, enquiry, told):
    client.post(address(enquiry), {"text": "See the file", "attachment": upload()})
    Path(Attachment.objects.get().file.path).unlink()
    assert client.post(address(enquiry), {"text": "See the file", "attachment": upload()}).status_code == 303
    assert Message.objects.count() == 2
    assert kept() == 1


def test_a_message_too_many_leaves_no_file(client, enquiry, told):
    for number in range(progress.MAX_MESSAGES):
        enquiry.messages.create(text=f"More {number}")
    response = client.post(address(enquiry), {"text": "One more", "attachment": upload()})
    assert response.status_code == 409
    assert "Attach again" not in response.content.decode(), "there is no form to attach it to"
    assert kept() == 0


def test_withdrawing_erases_the_file_of_a_further_message(client, enquiry, django_capture_on_commit_callbacks):
    client.post(address(enquiry), {"text": "More", "attachment": upload("secret.pdf")})
    assert kept() == 1
    with django_capture_on_commit_callbacks(execute=True):
        client.post(address(enquiry, "withdraw/"))
    assert (kept(), Attachment.objects.count(), Message.objects.count()) == (0, 0, 0)


def test_the_file_of_an_erased_message_is_not_lost_sight_of(client, enquiry):
    """The message goes first. If the row of the file went with it, nobody would delete the file."""
    client.post(address(enquiry), {"text": "More", "attachment": upload("secret.pdf")})
    client.post(address(enquiry, "withdraw/"))
    left = Attachment.objects.get()
    assert (left.message, left.name, kept()) == (None, "", 1)
    attachments.remove_erased()
    assert kept() == 0


@pytest.mark.parametrize(
    "text", ["𠮷😀", "\u202eabc مرحبا", "<script>alert(1)</script>\"'&", "\ufffe\uffff", "{{ 7|add:7 }}"]
)
def test_any_script_in_a_message(client, enquiry, told, text):
    assert client.post(address(enquiry), {"text": text}).status_code == 303
    assert Message.objects.get().text == text
    assert client.get(address(enquiry)).status_code == 200


# Withdrawal of consent


def test_before_withdrawing_it_says_what_follows(client, enquiry):
    text = client.get(address(enquiry, "withdraw/")).content.decode()
    assert "are erased at once" in text
    assert "For statistics we keep such things as the reference, dates, subject, country and language" in text
    chinese = client.get(address(enquiry, "withdraw/", "zh-hans")).content.decode()
    assert "为便于统计，我们保留编号、日期、事项、国家或地区和语言等，不含个人信息。" in chinese
    assert "cannot be undone" in text
    assert f'href="{address(enquiry)}"' in text
    assert "page-code" not in text
    assert "Other enquiries" not in text
    assert address(enquiry, "withdraw/") in shown(client, enquiry)
    Department.objects.update(keep_withdrawn_days=7)
    assert "are erased after 7 days" in client.get(address(enquiry, "withdraw/")).content.decode()
    enquiry.refresh_from_db()
    assert enquiry.state == State.RECEIVED


def today():
    return f"{timezone.localdate().day} {timezone.localdate():%B %Y}"


def test_withdrawing_erases_at_once(client, enquiry):
    code = enquiry.code
    for _click in range(2):
        response = client.post(address(enquiry, "withdraw/"))
        assert response.status_code == 303
        assert response.headers["Location"] == address(enquiry)
    enquiry.refresh_from_db()
    assert enquiry.state == State.WITHDRAWN
    assert enquiry.erased_at is not None
    assert {getattr(enquiry, name) for name in PERSONAL_FIELDS} == {""}
    assert {tuple(mail.to) for mail in enquiry.mails.all()} == {()}
    assert [event.kind for event in enquiry.events.all()] == [
        Event.Kind.RECEIVED,
        Event.Kind.MOVED,
        Event.Kind.ERASED,
    ]
    text = shown(client, enquiry)
    assert f">{today()}</time>" in text.partition("<dt>Consent withdrawn</dt>")[2]
    assert f"All personal data of this enquiry were erased on {today()}." in text
    assert "<form" not in text
    assert "<dt>已撤回同意</dt>" in shown(client, enquiry, "zh-hans")
    receipt = client.get(f"/en/contact/received/{enquiry.token}/").content.decode()
    assert "All personal data of this enquiry were erased on" in receipt
    assert format_code(code) not in receipt
    assert "Credit recognition" not in receipt
    assert client.get(address(enquiry, "withdraw/")).status_code == 303


@pytest.mark.parametrize("error", [DatabaseError, OSError])
def test_what_cannot_be_erased_at_once_is_withdrawn_and_erased_by_the_worker(client, enquiry, monkeypatch, error):
    def fail(mails):
        raise error

    person = enquiry.person
    with monkeypatch.context() as broken:
        broken.setattr(retention, "empty_mails", fail)
        assert client.post(address(enquiry, "withdraw/")).status_code == 303
    enquiry.refresh_from_db()
    assert (enquiry.state, enquiry.erased_at, enquiry.person) == (State.WITHDRAWN, None, person)
    text = shown(client, enquiry)
    assert "and your data are being erased" in text
    assert "were erased" not in text
    retention.erase_due()
    assert f"were erased on {today()}" in shown(client, enquiry)


def test_a_file_that_cannot_be_deleted_is_said(client, enquiry):
    Attachment.objects.create(enquiry=enquiry, file="x", name="secret.pdf", content_type="x", size=1)
    client.post(address(enquiry, "withdraw/"))
    receipt = client.get(f"/en/contact/received/{enquiry.token}/").content.decode()
    for page in (shown(client, enquiry), receipt):
        assert "The attached files are still being deleted." in page
        assert "All personal data" not in page
        assert "secret.pdf" not in page
    attachments.remove_erased()
    assert "All personal data of this enquiry were erased" in shown(client, enquiry)


def test_withdrawing_ends_the_enquiry_and_stops_its_mails(client, enquiry):
    Department.objects.update(keep_withdrawn_days=7)
    acknowledgement, notification = enquiry.mails.order_by("pk")
    Email.objects.filter(pk=acknowledgement.pk).update(status=STATUS.sent)
    Email.objects.filter(pk=notification.pk).update(status=STATUS.requeued)
    enquiry.mails.add(Email.objects.create(from_email="a@example.com", to="b@example.com", status=STATUS.queued))
    unrelated = Email.objects.create(from_email="a@example.com", to="b@example.com", status=STATUS.queued)
    for _click in range(2):
        response = client.post(address(enquiry, "withdraw/"))
        assert response.status_code == 303
        assert response.headers["Location"] == address(enquiry)
    enquiry.refresh_from_db()
    assert (enquiry.state, enquiry.erase_on) == (State.WITHDRAWN, timezone.localdate() + timedelta(days=7))
    assert (enquiry.erased_at, enquiry.organisation) == (None, "北京某职业学院")
    assert [event.kind for event in enquiry.events.all()] == [Event.Kind.RECEIVED, Event.Kind.MOVED]
    assert [mail.status for mail in enquiry.mails.order_by("pk")] == [STATUS.sent, STATUS.failed, STATUS.failed]
    unrelated.refresh_from_db()
    assert unrelated.status == STATUS.queued
    text = shown(client, enquiry)
    assert "You withdrew your consent on" in text
    assert "<form" not in text
    assert client.get(address(enquiry, "withdraw/")).status_code == 303


def test_withdrawing_a_duplicate_leaves_the_other(client, enquiry):
    duplicate = another(enquiry)
    merge(duplicate, enquiry)
    assert "for this enquiry alone" in client.get(address(duplicate, "withdraw/")).content.decode()
    assert "for this enquiry alone" in client.get(address(enquiry, "withdraw/")).content.decode()
    client.post(address(duplicate, "withdraw/"))
    duplicate.refresh_from_db()
    enquiry.refresh_from_db()
    assert (duplicate.state, duplicate.merged_into) == (State.WITHDRAWN, None)
    assert duplicate.erased_at is not None
    assert (enquiry.state, enquiry.erased_at) == (State.RECEIVED, None)
    assert Progress(enquiry).withdrawn_at is None


def test_what_was_merged_into_a_withdrawn_enquiry_goes_on(client, enquiry):
    duplicate = another(enquiry)
    merge(duplicate, enquiry)
    client.post(address(enquiry, "withdraw/"))
    enquiry.refresh_from_db()
    duplicate.refresh_from_db()
    assert enquiry.state == State.WITHDRAWN
    assert enquiry.erased_at is not None
    assert (duplicate.state, duplicate.merged_into, duplicate.erased_at) == (State.IN_PROGRESS, None, None)
    assert duplicate.person


def test_nothing_is_withdrawn_of_what_is_erased(client, enquiry):
    erase(enquiry)
    for method in (client.get, client.post):
        assert method(address(enquiry, "withdraw/")).status_code == 303
    enquiry.refresh_from_db()
    assert enquiry.state == State.RECEIVED


def test_a_withdrawal_that_cannot_be_stored_is_said(client, enquiry, monkeypatch):
    def fail(enquiry):
        raise DatabaseError

    monkeypatch.setattr(models, "stop_mails", fail)
    response = client.post(address(enquiry, "withdraw/"))
    assert response.status_code == 503
    assert "could not be stored" in response.content.decode()
    enquiry.refresh_from_db()
    assert enquiry.state == State.RECEIVED


# Requests


def test_without_a_valid_token_everything_typed_is_given_again(client, enquiry):
    client.handler.enforce_csrf_checks = True
    typed = {
        LOOKUP: {"reference": enquiry.reference, "code": "what was typed"},
        address(enquiry): {"text": "what was typed"},
        address(enquiry, "withdraw/"): {},
    }
    for path, fields in typed.items():
        response = client.post(path, fields)
        text = response.content.decode()
        assert response.status_code == 403, path
        assert "Nothing has been sent yet" in text, path
        # The browser may keep the form for the code, so that Back leads to it, but not what an enquiry says.
        assert ("no-store" in response.headers["Cache-Control"]) == (path != LOOKUP), path
        assert ("what was typed" in text) == bool(fields), path
        again = client.post(path, fields | {"csrfmiddlewaretoken": str(response.context["csrf_token"])})
        assert again.status_code == (200 if path == LOOKUP else 303), path
    assert client.post("/en/contact/status/nothing/", {"text": "x"}).status_code == 404


@pytest.mark.parametrize("method", ["put", "delete", "patch"])
def test_other_methods_are_not_allowed(client, enquiry, method):
    for path in (LOOKUP, address(enquiry), address(enquiry, "withdraw/")):
        assert getattr(client, method)(path).status_code == 405


@pytest.mark.parametrize("token", ["x", "-" * 43, "x" * 1000, "%00", "%E5%9B%BD", "..%2f.."])
def test_a_token_of_nothing_is_a_page_that_says_so(client, enquiry, token):
    for path in (f"/en/contact/status/{token}/", f"/en/contact/status/{token}/withdraw/"):
        for response in (client.get(path, follow=True), client.post(path, {"text": "x"})):
            assert response.status_code == 404, path
            assert b"<h1>" in response.content


def test_a_line_break_counts_once(client, enquiry):
    lines = "x\r\n" * 2500
    response = client.post(address(enquiry), {"text": f"{lines}x"})
    assert "Your message: use at most 5,000 characters; there are 5,001" in response.content.decode()
    assert client.post(address(enquiry), {"text": lines}).status_code == 303
