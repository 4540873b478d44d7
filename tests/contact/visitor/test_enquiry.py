"""An enquiry from the form to the receipt: stored data, queued mails, and a form that is sent twice."""

import re

import pytest
from bs4 import BeautifulSoup
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django.utils.translation import override
from post_office.models import STATUS, Email

from contact.models import Enquiry, State
from contact.references import ALPHABET, format_code
from contact.visitor import forms
from portal.models import Department, Page
from programs.models import Program
from tests.contact.steps import form_token, send

pytestmark = pytest.mark.django_db


def test_an_enquiry_is_stored_in_the_visitors_words(client, answers):
    response = send(client, answers)
    enquiry = Enquiry.objects.get()
    assert response.status_code == 303
    assert response.headers["Location"] == f"/zh-hans/contact/received/{enquiry.token}/"
    for name in ("organisation", "territory", "person", "position", "email", "telephone", "message"):
        assert getattr(enquiry, name) == answers[name]
    assert enquiry.program.slug == "credit-recognition"
    assert enquiry.country is None
    assert enquiry.language == "zh-hans"
    with override("zh-hans"):
        assert (enquiry.privacy_version, enquiry.privacy_date) == Page.privacy_notice()
    assert len(enquiry.privacy_version) == 12
    assert len(enquiry.reference) == 8
    assert set(enquiry.reference) <= set(ALPHABET)


def test_an_enquiry_may_be_about_a_country_alone(client, answers):
    send(client, answers, program=None, country="japan")
    enquiry = Enquiry.objects.get()
    assert (enquiry.program, enquiry.country.iso_code) == (None, "JP")


def test_the_receipt_says_what_happens_next_and_is_not_cached(client, answers):
    response = client.get(send(client, answers, "en").headers["Location"])
    enquiry = Enquiry.objects.get()
    text = response.content.decode()
    assert enquiry.reference in text
    assert enquiry.email in text
    assert "Credit recognition" in text
    assert response.headers["Referrer-Policy"] == "no-referrer"
    assert "no-store" in response.headers["Cache-Control"]
    assert 'name="robots" content="noindex"' in text
    assert client.get("/en/contact/received/another/").status_code == 404


def test_two_mails_are_queued_each_in_its_language(client, answers, settings):
    settings.PORTAL_ENQUIRIES_TO = ["desk@example.com"]
    send(client, answers, "en")
    enquiry = Enquiry.objects.get()
    acknowledgement, notification = enquiry.mails.order_by("pk")
    assert {mail.status for mail in enquiry.mails.all()} == {STATUS.queued}
    assert acknowledgement.to == ["zhang@example.com"]
    assert acknowledgement.subject == f"We have received your enquiry {enquiry.reference}"
    assert f"https://portal.example/en/contact/received/{enquiry.token}/" in acknowledgement.message
    assert notification.to == ["desk@example.com"]
    assert notification.subject == f"新咨询 {enquiry.reference}"
    assert "北京某职业学院" in notification.message
    assert "学分互认" in notification.message
    assert f"https://portal.example/admin/contact/enquiry/{enquiry.pk}/change/" in notification.message
    assert notification.headers["Reply-To"] == "zhang@example.com"
    for mail in (acknowledgement, notification):
        assert "我们希望了解" not in mail.message


def test_staff_may_be_told_in_english(client, answers):
    department = Department.current()
    department.staff_language = "en"
    department.save()
    send(client, answers, "zh-hans")
    reference = Enquiry.objects.get().reference
    assert Email.objects.filter(subject=f"New enquiry {reference}").exists()
    assert Email.objects.filter(subject=f"已收到您的咨询 {reference}").exists()


def test_a_visitors_words_are_no_template(client, answers):
    send(client, answers, organisation="{{ 7|add:7 }} {% now 'Y' %} <b>")
    notification = Enquiry.objects.get().mails.order_by("pk").last()
    assert "{{ 7|add:7 }} {% now 'Y' %} <b>" in notification.message


@pytest.mark.parametrize("is_fetched_anew", [False, True])
def test_the_same_answers_twice_are_one_enquiry(client, answers, is_fetched_anew):
    """A second click sends the same form. A browser that went back may have fetched the form anew."""
    tokens = [form_token()] * 2 if not is_fetched_anew else [form_token(), form_token()]
    first, second = (send(client, answers, form_token=token) for token in tokens)
    assert first.headers["Location"] == second.headers["Location"]
    assert Enquiry.objects.count() == 1
    assert Email.objects.count() == 2


def test_the_same_answers_of_another_visitor_are_another_enquiry(answers):
    for _visitor in range(2):
        visitor = Client()
        visitor.get("/zh-hans/contact/")
        send(visitor, answers)
        send(visitor, answers)
    assert Enquiry.objects.count() == 2


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", "It was stored as enquiry {}; to add something to that one, use its status page."),
        ("zh-hans", "编号为{}；如要补充该咨询，请使用其进度页面。这次提交的内容尚未保存"),
    ],
)
def test_a_form_that_was_sent_comes_back_with_other_answers(client, answers, time_machine, language, words):
    time_machine.move_to(timezone.now(), tick=False)
    token = form_token()
    send(client, answers, form_token=token)
    first = Enquiry.objects.get()
    changed = answers | {"message": "另一个问题", "person": "李四"}
    response = send(client, changed, language, form_token=token)
    text = response.content.decode()
    assert response.status_code == 409
    assert words.format(first.reference) in text
    assert first.token not in text
    assert first.code not in text
    for name in changed.keys() - {"consent"}:
        assert changed[name].replace("'", "&#x27;") in text
    assert response.context["form"]["consent"].value()
    assert Enquiry.objects.count() == 1

    # The visitor may send it at once: there is nothing left to fill in.
    [fresh] = re.findall('name="form_token" value="([^"]+)"', text)
    assert send(client, changed, language, form_token=fresh).status_code == 303
    assert [enquiry.message for enquiry in Enquiry.objects.order_by("pk")] == [first.message, "另一个问题"]
    assert send(client, answers, language, form_token=fresh, message="第三个问题").status_code == 409


def test_another_browser_does_not_get_the_receipt_of_a_form(answers):
    token = form_token()
    for status in (303, 409):
        browser = Client()
        browser.get("/zh-hans/contact/")
        response = send(browser, answers, form_token=token)
        assert response.status_code == status
    enquiry = Enquiry.objects.get()
    for secret in (enquiry.token, enquiry.code, format_code(enquiry.code)):
        assert secret not in response.content.decode()


def test_one_form_is_stored_once_however_often_it_is_sent(client, answers):
    token = form_token()
    for number in range(20):
        send(client, answers, form_token=token, email=f"person{number}@example.com")
    assert Enquiry.objects.get().email == "person0@example.com"
    assert Email.objects.count() == 2


def test_two_simultaneous_posts_of_one_form_with_other_answers(client, answers, monkeypatch):
    """The other post commits after this one has found no enquiry and before this one stores its own."""
    token = form_token()
    store = forms.store

    def store_later(*args):
        monkeypatch.setattr(forms, "store", store)
        assert send(Client(), answers, form_token=token, message="The other post").status_code == 303
        return store(*args)

    monkeypatch.setattr(forms, "store", store_later)
    assert send(client, answers, form_token=token).status_code == 409
    assert Enquiry.objects.get().message == "The other post"


def test_a_finished_enquiry_does_not_hold_its_form(client, answers):
    token = form_token()
    send(client, answers, form_token=token)
    assert Enquiry.objects.get().form_nonce
    Enquiry.objects.get().move_to(State.CLOSED)
    assert Enquiry.objects.get().form_nonce is None
    assert send(client, answers, form_token=token, message="另一个问题").status_code == 303


def test_no_mail_without_its_enquiry(client, answers, monkeypatch):
    def fail(*args, **kwargs):
        raise RuntimeError

    monkeypatch.setattr("contact.mail.messages.mail.send", fail)
    client.raise_request_exception = False
    assert send(client, answers).status_code == 500
    assert not Enquiry.objects.exists()


@pytest.mark.parametrize("name", ["organisation", "territory", "person", "email", "message", "consent"])
def test_what_is_missing_is_asked_for_and_the_rest_is_kept(client, answers, name):
    response = send(client, answers, "en", **{name: None})
    text = response.content.decode()
    assert response.status_code == 200
    assert "<title>Error: " in text
    assert f'href="#id_{name}"' in text
    with override("en"):
        assert text.count(str(response.context["form"].errors[name][0])) == 2
    for kept in answers.keys() - {name, "consent", "message"}:
        assert answers[kept] in text
    assert not Enquiry.objects.exists()


def test_position_telephone_and_subject_are_optional(client, answers):
    send(client, answers, position=None, telephone=None, program=None)
    assert Enquiry.objects.get().subject == ""


@pytest.mark.parametrize(
    ("name", "slug"), [("program", "nothing"), ("program", "japan"), ("country", "approval-support"), ("country", "x")]
)
def test_an_unknown_subject_is_refused(client, answers, name, slug):
    response = send(client, answers, **{name: slug})
    assert list(response.context["form"].errors) == [name]


@pytest.mark.parametrize(
    ("query", "chosen"),
    [
        ("program=credit-recognition", {"credit-recognition"}),
        ("country=japan", {"japan"}),
        ("program=credit-recognition&country=japan", {"credit-recognition", "japan"}),
        ("program=nothing&country=japan", {"japan"}),
        ("program=unpublished", set()),
        ("program=japan&country=%00&organisation=x", set()),
    ],
)
def test_the_form_is_prefilled_with_the_program_and_the_country_of_a_link(client, query, chosen):
    Program.objects.create(slug="unpublished", title_en="Unpublished")
    page = BeautifulSoup(client.get(f"/en/contact/?{query}").content, "html.parser")
    assert {option["value"] for option in page.select("select option[selected]")} - {""} == chosen
    assert "value" not in page.select_one("#id_organisation").attrs


def test_the_form_is_prefilled_with_the_message_of_a_link(client):
    response = client.get("/en/contact/", {"message": "Which agreement?\r\nAbout <b>item 3</b>", "country": "japan"})
    page = BeautifulSoup(response.content, "html.parser")
    assert page.select_one("#id_message").text.strip() == "Which agreement?\nAbout <b>item 3</b>"
    assert page.select_one("#id_country option[selected]")["value"] == "japan"
    assert "no-store" in response.headers["Cache-Control"]


@pytest.mark.parametrize(
    ("given", "shown"),
    [("", ""), ("a\0b\x0b\x1bc", "abc"), (" 国\t际 ", "国\t际"), ("国" * 20_000, "国" * forms.MAX_MESSAGE)],
)
def test_a_link_with_an_odd_message_prefills_what_the_field_can_hold(client, given, shown):
    response = client.get("/zh-hans/contact/", {"message": given})
    assert response.status_code == 200
    assert response.context["form"]["message"].value() == shown
    assert not response.context["has_errors"]


def test_a_prefilled_message_can_be_submitted(client, answers):
    prefilled = client.get("/en/contact/", {"message": "国" * 20_000}).context["form"]["message"].value()
    assert send(client, answers, message=prefilled).status_code == 303
    assert Enquiry.objects.get().message == prefilled


def test_a_program_and_a_country_are_both_kept_in_a_form_that_comes_back(client, answers):
    response = send(client, answers, "en", person=None, country="japan")
    chosen = BeautifulSoup(response.content, "html.parser").select("select option[selected]")
    assert [option["value"] for option in chosen] == ["CN", "credit-recognition", "japan"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"remarks": "https://spam.example"}, "hidden field"),
        ({"form_token": None}, "open for too long"),
        ({"form_token": "made-up"}, "open for too long"),
    ],
)
def test_what_robots_do_is_not_stored_and_said(client, answers, changes, words):
    response = send(client, answers, "en", **changes)
    assert words in response.content.decode()
    assert answers["message"].split()[0] in response.content.decode()
    assert not Enquiry.objects.exists()


@pytest.mark.parametrize(("age", "words"), [(0, "look over"), (2, "look over"), (90_000, "open for too long")])
def test_a_form_that_is_too_young_or_too_old_comes_back(client, answers, time_machine, age, words):
    time_machine.move_to(timezone.now(), tick=False)
    response = send(client, answers, "en", form_token=form_token(age))
    assert words in response.content.decode()
    assert not Enquiry.objects.exists()
    # It comes back with every answer, so the visitor may send it at once.
    again = response.context["form"].form_token
    assert send(client, answers, "en", form_token=again).status_code == 303


def test_a_quick_correction_of_a_form_that_came_back_is_stored(client, answers, time_machine):
    time_machine.move_to(timezone.now(), tick=False)
    response = send(client, answers, person=None, form_token=form_token(1))
    assert list(response.context["form"].errors) == ["person"]
    assert send(client, answers, form_token=response.context["form"].form_token).status_code == 303


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_what_is_said_to_a_quick_visitor_blames_nobody(client, answers, time_machine, language):
    time_machine.move_to(timezone.now(), tick=False)
    [[_id, said]] = send(client, answers, language, form_token=form_token(0)).context["errors"]
    assert (
        said
        == {
            "en": "Please look over your answers once more, and then submit them again.",
            "zh-hans": "请再核对一遍填写的内容，然后重新提交。",
        }[language]
    )


@pytest.mark.parametrize("age", [5, 80_000])
def test_a_form_that_took_a_while_is_stored(client, answers, time_machine, age):
    time_machine.move_to(timezone.now(), tick=False)
    assert send(client, answers, form_token=form_token(age)).status_code == 303


@pytest.mark.parametrize("invented", [None, "", "made-up", "WyIiLGZhbHNlXQ:1vP0Bq:x"])
def test_an_invented_token_does_not_evade_the_time_trap(client, answers, time_machine, invented):
    time_machine.move_to(timezone.now(), tick=False)
    fresh = send(client, answers, form_token=invented).context["form"].form_token
    response = send(client, answers, "en", form_token=fresh)
    assert "look over your answers" in response.content.decode()
    assert not Enquiry.objects.exists()


# Parts of the names and labels by which Chromium and Firefox recognise a field that they fill in, and those of the
# vocabulary of `autocomplete`.
FILLED_IN = re.compile(
    "name|nickname|user|login|pass|e.?mail|tel|phone|mobile|fax|address|addr|street|line|house|city|town|suburb|state"
    "|county|region|province|country|zip|post|code|company|business|organi[sz]ation|title|url|web|site|home|page|card|cc"
    "|cvc|exp|month|year|day|date|sex|gender|lang|currency|amount|photo|impp|search|query|coupon"
    "|姓|名|公司|单位|地址|市|省|国家|邮|电话|手机|网址|网站|年|月|卡"
)


@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_the_hidden_field_is_none_that_browsers_fill_in(client, language):
    page = BeautifulSoup(client.get(f"/{language}/contact/").content, "html.parser")
    trap = page.select_one(".trap")
    field = trap.input
    assert field["name"] == "remarks"
    words = f"{field['name']} {trap.label.text}".casefold()
    assert words.strip() != field["name"]
    assert not FILLED_IN.search(words)
    assert FILLED_IN.search("website")
    assert field["autocomplete"] == "off"
    assert (trap["aria-hidden"], field["tabindex"]) == ("true", "-1")


def test_a_missing_csrf_token_gives_the_form_again(client, answers):
    client.handler.enforce_csrf_checks = True
    response = send(client, answers, "en")
    text = response.content.decode()
    assert response.status_code == 403
    assert "has not been stored yet" in text
    assert "北京某职业学院" in text
    assert "blocking cookies" not in text
    assert response.headers["Cache-Control"] == "private, no-cache"
    again = send(client, answers, "en", token_failed="1")
    assert "blocking cookies" in again.content.decode()
    token = again.context["csrf_token"]
    assert send(client, answers, "en", csrfmiddlewaretoken=str(token)).status_code == 303


def test_the_browser_may_keep_a_form_that_came_back_and_nothing_else(client, answers):
    """Back from the receipt leads to the form. Another user of the browser does not get to the receipt."""
    token = form_token()
    faulty = send(client, answers, person=None, form_token=token)
    stored = send(client, answers, form_token=token)
    used = send(client, answers, form_token=token, message="另一个问题")
    assert [response.status_code for response in (faulty, stored, used)] == [200, 303, 409]
    status = client.post("/en/contact/status/", {"reference": "x", "code": "x"})
    for response in (faulty, used, status):
        assert response.headers["Cache-Control"] == "private, no-cache"
    for response in (stored, client.get("/en/contact/"), client.get(stored.headers["Location"])):
        assert "no-store" in response.headers["Cache-Control"]


def test_elsewhere_a_missing_csrf_token_is_a_page(client):
    client.handler.enforce_csrf_checks = True
    response = client.post("/admin/login/", {"username": "x"})
    assert response.status_code == 403
    assert b"<h1>" in response.content


def test_a_line_break_of_the_message_counts_once(client, answers):
    lines = "x\r\n" * 2500
    response = send(client, answers, "en", message=f"{lines}x")
    assert "Your enquiry: use at most 5,000 characters; there are 5,001" in response.content.decode()
    assert send(client, answers, "en", message=lines).status_code == 303
    assert Enquiry.objects.get().message == ("x\n" * 2500).strip()


def test_an_enquiry_is_stored_in_one_transaction_with_its_mails_and_counts(client, answers):
    """Each transaction is one flush of the disk on SQLite."""
    send(client, answers)
    depth, outermost, outside, tables = 0, 0, [], set()
    with CaptureQueriesContext(connection) as queries:
        assert send(client, answers | {"message": "Another one"}).status_code == 303
    for sql in (query["sql"] for query in queries):
        if sql.startswith("SAVEPOINT"):
            outermost += depth == 0
            depth += 1
        elif sql.startswith("RELEASE"):
            depth -= 1
        elif sql.startswith(("INSERT", "UPDATE", "DELETE")):
            tables.add(sql.split('"')[1])
            if depth == 0:
                outside.append(sql)
    assert (outermost, outside) == (1, [])
    assert tables >= {"contact_enquiry", "contact_event", "post_office_email", "contact_ratecount"}
    assert len(queries) <= 38
