"""The content of the receipt from the enquiry to its erasure, and that the privacy notice agrees with it."""

import re
import tomllib
from datetime import UTC, date, datetime

import pytest
from django.conf import settings
from django.utils import timezone

from contact.models import PERSONAL_FIELDS, Attachment, Enquiry, State
from contact.references import format_code, normalize_code
from contact.working_days import due_date
from portal.models import Department, Page
from tests.contact.steps import send

pytestmark = pytest.mark.django_db


def words(response):
    """Returns the text of the <main> element, without tags and with single spaces."""
    main = re.search("<main.*</main>", response.content.decode(), re.DOTALL)[0]
    return " ".join(re.sub("<[^>]+>", "", main).split())


@pytest.fixture
def receipt(client, answers):
    """Sends an enquiry in English. The fixture is a function that returns the text of its receipt."""
    send(client, answers, "en")
    enquiry = Enquiry.objects.get()

    def receipt(language="en", **changes):
        Enquiry.objects.filter(pk=enquiry.pk).update(**changes)
        return words(client.get(f"/{language}/contact/received/{enquiry.token}/"))

    return receipt


@pytest.mark.parametrize(
    ("days", "on", "english", "chinese"),
    [
        (5, date(2026, 12, 1), "within 5 working days.", "5个工作日内"),
        (1, date(2026, 11, 25), "within 1 working day.", "1个工作日内"),
    ],
)
def test_a_promise_is_on_the_form_and_its_date_on_the_receipt(client, answers, monkeypatch, days, on, english, chinese):
    tuesday = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
    monkeypatch.setattr("contact.working_days.due_date", lambda since, days: due_date(tuesday, days))
    Department.objects.update(promised_days=days)
    assert f"We answer {english}" in words(client.get("/en/contact/"))
    assert chinese in words(client.get("/zh-hans/contact/"))
    location = send(client, answers, "en").headers["Location"]
    assert Enquiry.objects.get().due_on == on
    assert f"We will answer by {on.day} {on:%B} 2026" in words(client.get(location))
    assert f"最迟答复日期 2026年{on.month}月{on.day}日" in words(client.get(location.replace("/en/", "/zh-hans/")))


def test_days_are_counted_from_the_day_of_the_enquiry(client, answers):
    Department.objects.update(promised_days=3)
    send(client, answers, "en")
    enquiry = Enquiry.objects.get()
    assert enquiry.due_on == due_date(enquiry.created_at, 3) > timezone.localdate(enquiry.created_at)


def test_without_a_promise_nothing_is_said(client, receipt):
    assert Enquiry.objects.get().due_on is None
    assert "We will answer by" not in receipt()
    assert "working day" not in words(client.get("/en/contact/"))
    assert "工作日" not in words(client.get("/zh-hans/contact/"))


@pytest.mark.parametrize("state", [State.ANSWERED, State.CLOSED, State.SPAM])
def test_an_enquiry_that_waits_no_longer_is_promised_nothing(receipt, state):
    Enquiry.objects.update(due_on=date(2026, 12, 1))
    assert "We will answer by" in receipt()
    Enquiry.objects.get().move_to(state)
    assert "We will answer by" not in receipt()
    assert "What happens next" not in receipt()


def test_code_is_shown_in_groups_that_are_taken_as_typed(receipt):
    enquiry = Enquiry.objects.get()
    shown = re.search(r"Code ((\w{4} ){2}\w{4}) ", receipt())[1]
    assert normalize_code(shown) == enquiry.code
    assert normalize_code(shown.lower()) == enquiry.code


def test_it_leads_to_the_status(client, answers):
    text = client.get(send(client, answers, "en").headers["Location"]).content.decode()
    assert f'href="/en/contact/status/{Enquiry.objects.get().token}/"' in text
    assert ">https://portal.example/en/contact/status/</a>" in text


def test_it_is_neither_cached_nor_indexed(client, answers):
    response = client.get(send(client, answers, "en").headers["Location"])
    assert "no-store" in response.headers["Cache-Control"]
    assert response.headers["Referrer-Policy"] == "no-referrer"
    assert response.headers["X-Robots-Tag"] == "noindex"


def test_it_names_the_privacy_notice_that_was_accepted(client, answers, receipt):
    changes = {"privacy_date": date(2026, 11, 24)}
    assert "Privacy notice of 24 November 2026 (in English)" in receipt(**changes)
    assert "2026年11月24日版隐私说明（英文）" in receipt("zh-hans", **changes)
    assert "has been changed since" not in receipt() + receipt("zh-hans")
    page = client.get(Enquiry.objects.get().get_absolute_url().replace("/en/", "/zh-hans/")).content.decode()
    assert '<a href="/en/privacy/">2026年11月24日版隐私说明</a>' in page


def test_it_names_the_notice_by_its_date_and_not_by_a_hash(client, answers, time_machine):
    time_machine.move_to(datetime(2026, 12, 1, 3, 0, tzinfo=UTC))
    notice = Page.objects.get(slug="privacy")
    notice.body_en += "<p>One more sentence.</p>"
    notice.save()
    time_machine.move_to(datetime(2026, 12, 5, 3, 0, tzinfo=UTC))
    notice = Page.objects.get(slug="privacy")
    notice.body_zh_hans += "<p>再加一句。</p>"
    notice.save()
    time_machine.move_to(datetime(2026, 12, 9, 3, 0, tzinfo=UTC))
    Page.objects.get(slug="privacy").save()
    dates = {"en": "Privacy notice of 1 December 2026", "zh-hans": "2026年12月5日版隐私说明"}
    for language, said in dates.items():
        text = words(client.get(send(client, answers, language, message=f"In {language}").headers["Location"]))
        assert said in text
        assert Enquiry.objects.latest("pk").privacy_version not in text


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", ["What happens next", "Take a screenshot, print this page, or write both down."]),
        ("zh-hans", ["后续安排", "请截图、打印或记下编号和查询码。"]),
    ],
)
def test_it_says_how_to_keep_reference_and_code_and_what_happens_next(receipt, language, said):
    text = receipt(language)
    for expected in said:
        assert expected in text


def test_what_happens_next_names_reference_and_code(receipt):
    assert "Keep the reference and the code" in receipt().partition("What happens next")[2]
    assert "请保留咨询编号和查询码" in receipt("zh-hans").partition("后续安排")[2]


def test_it_says_when_that_notice_has_been_changed_since(receipt):
    Page.objects.filter(slug="privacy").update(body_zh_hans="<p>另一说明</p>")
    assert "has been changed since" not in receipt(), "the visitor accepted the English one"
    Page.objects.filter(slug="privacy").update(body_en="<p>Another notice</p>")
    assert "The notice has been changed since." in receipt()
    assert "该说明此后已有修改。" in receipt("zh-hans")


@pytest.mark.parametrize(("months", "said"), [(24, "24 months after"), (1, "1 month after")])
def test_it_says_when_the_data_will_be_erased(receipt, months, said):
    Department.objects.update(keep_closed_months=months)
    assert f"Your data will be erased {said} the enquiry is closed" in receipt()
    assert f"咨询办结满{months}个月时" in receipt("zh-hans")
    Enquiry.objects.get().move_to(State.CLOSED)
    assert "is closed" not in receipt(erase_on=date(2028, 11, 24))
    assert "Your data will be erased 24 November 2028" in receipt()


def test_a_duplicate_is_kept_as_long_as_what_it_was_merged_into(client, answers, receipt):
    send(client, answers, "en", message="Another")
    duplicate, kept = Enquiry.objects.order_by("pk")
    duplicate.move_to(State.CLOSED)
    assert "Your data will be erased 24 months after the enquiry is closed" in receipt(merged_into=kept)
    kept.move_to(State.CLOSED)
    Enquiry.objects.filter(pk=kept.pk).update(erase_on=date(2029, 1, 31))
    assert "Your data will be erased 31 January 2029" in receipt()


def test_the_file_of_a_further_message_is_not_on_the_receipt(receipt):
    enquiry = Enquiry.objects.get()
    message = enquiry.messages.create(text="More")
    enquiry.attachments.create(message=message, file="x", name="later.pdf", content_type="x", size=1)
    assert "later.pdf" not in receipt()
    assert "Attached files" not in receipt()


def test_it_names_the_attached_files(receipt):
    assert "Attached files" not in receipt()
    for name in ("plan <b>.pdf", "合作.docx"):
        Attachment.objects.create(enquiry=Enquiry.objects.get(), file="x", name=name, content_type="x", size=1)
    assert "Attached files plan &lt;b&gt;.pdf合作.docx Privacy" in receipt()


@pytest.mark.parametrize(
    ("language", "gone", "kept"),
    [
        (
            "en",
            "were erased on 1 November 2028",
            "For statistics we keep such things as the reference, dates, subject, country and language, and no",
        ),
        ("zh-hans", "2028年11月1日删除", "为便于统计，我们保留编号、日期、事项、国家或地区和语言等，不含个人信息。"),
    ],
)
def test_after_the_erasing_it_holds_nothing_of_the_visitor_and_no_empty_place(receipt, language, gone, kept):
    enquiry = Enquiry.objects.get()
    enquiry.move_to(State.CLOSED)
    at = datetime(2028, 11, 1, 3, 0, tzinfo=UTC)
    text = receipt(language, **dict.fromkeys(PERSONAL_FIELDS, ""), erase_on=at.date(), erased_at=at)
    assert gone in text
    assert kept in text
    assert enquiry.reference in text
    for value in (*(getattr(enquiry, name) for name in PERSONAL_FIELDS), format_code(enquiry.code), enquiry.code):
        assert value not in text
    for label in ("From", "Code", "About", "acknowledgement", "What happens next", "will be erased"):
        assert label not in text
    for label in ("来自", "查询码", "咨询事项", "学分互认", "确认邮件", "后续安排", "删除时间"):
        assert label not in text


def test_privacy_notice_names_the_times_that_are_set():
    with (settings.BASE_DIR / "portal/content/pages.toml").open("rb") as file:
        [notice] = [page for page in tomllib.load(file)["page"] if page["slug"] == "privacy"]
    department = Department()
    chinese, english = notice["body_zh_hans"], notice["body_en"]
    assert f"办结后保存{department.keep_closed_months}个月" in chinese
    assert f"for {department.keep_closed_months} months after your enquiry is closed" in english
    assert f"垃圾信息的，{department.keep_spam_days}天后删除" in chinese
    assert f"spam is erased after {department.keep_spam_days} days" in english
    assert department.keep_withdrawn_days == 0
    assert "撤回同意的，立即删除" in chinese
    assert "withdraw your consent, your data are erased at once" in english
