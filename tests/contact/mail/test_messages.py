"""The mails: their recipients, their languages, and that text of visitors is never markup or template source."""

from datetime import date
from email import message_from_bytes, policy

import html5lib
import pytest
from django.db import transaction
from django.utils.translation import override
from post_office.models import STATUS, Email

from contact.desk import actions
from contact.mail import messages
from contact.models import Answer, Enquiry
from portal.models import Department, User
from programs.models import Program
from tests.contact.steps import send

pytestmark = pytest.mark.django_db

WORDS = "<a href='https://evil.example/'>https://evil.example/</a> {{ 7|add:7 }} {% now 'Y' %} \u202e𠮷😀"


@pytest.fixture
def enquiry(client, answers, settings):
    settings.PORTAL_ENQUIRIES_TO = ["desk@example.com"]
    send(client, answers, "en")
    return Enquiry.objects.get()


@pytest.fixture
def in_chinese(client, answers, settings):
    settings.PORTAL_ENQUIRIES_TO = ["desk@example.com"]
    send(client, answers)
    return Enquiry.objects.get()


def as_received(mail):
    """Returns a queued mail as it is received: the parsed message, its text and its HTML document."""
    message = message_from_bytes(mail.email_message().message().as_bytes(linesep="\r\n"), policy=policy.default)
    text, html = (message.get_body([kind]).get_content().replace("\r\n", "\n") for kind in ("plain", "html"))
    return message, text, html5lib.parse(html, namespaceHTMLElements=False)


def test_a_mail_is_text_and_the_same_in_html(enquiry):
    for mail, language in zip(enquiry.mails.order_by("pk"), ("en", "zh-Hans"), strict=True):
        message, text, html = as_received(mail)
        assert message.get_content_type() == "multipart/alternative"
        assert html.get("lang") == language
        assert "".join("".join(html.find("body").itertext()).split()) == "".join(text.split())
        links = html.findall(".//a")
        assert len(links) == (2 if language == "en" else 1)
        for link in links:
            assert link.get("href") == link.text
            assert link.text in text.splitlines()
        assert not [e for e in html.iter() if e.tag in ("img", "link", "script", "style") or e.get("src")]


def test_the_acknowledgement_repeats_nothing_of_the_form_and_not_the_code(enquiry, answers):
    acknowledgement = enquiry.mails.get(to="zhang@example.com")
    for text in (acknowledgement.subject, acknowledgement.message, acknowledgement.html_message):
        for secret in (enquiry.code, *(answers[name] for name in ("organisation", "person", "position", "message"))):
            assert secret not in text
    assert enquiry.reference in acknowledgement.message
    assert f"https://portal.example/en/contact/received/{enquiry.token}/" in acknowledgement.message


def test_the_acknowledgement_says_by_when_where_that_is_promised(enquiry):
    assert "We will answer by 2" not in enquiry.mails.get(to="zhang@example.com").message
    enquiry.due_on = date(2026, 12, 8)
    for language, words in [("en", "We will answer by 8 December 2026."), ("zh-hans", "最迟将于2026年12月8日答复")]:
        enquiry.language = language
        messages.queue_acknowledgement(enquiry)
        acknowledgement = enquiry.mails.filter(to="zhang@example.com").latest("pk")
        assert words in acknowledgement.message
        assert words in acknowledgement.html_message


def test_a_visitors_words_are_neither_template_nor_markup_nor_link(client, answers):
    send(client, answers, organisation=WORDS)
    _message, text, html = as_received(Enquiry.objects.get().mails.latest("pk"))
    assert WORDS in text
    assert WORDS in "".join(html.itertext())
    assert [link.get("href").split("/")[2] for link in html.findall(".//a")] == ["portal.example"]


def test_every_recipient_has_a_mail_of_his_own(client, answers, settings):
    settings.PORTAL_ENQUIRIES_TO = ["desk@example.com", "other@example.com"]
    send(client, answers)
    assert [mail.to for mail in Enquiry.objects.get().mails.order_by("pk")] == [
        ["zhang@example.com"],
        ["desk@example.com"],
        ["other@example.com"],
    ]


def test_recipients_are_those_of_the_area_and_the_centres_of_the_program(enquiry, settings):
    program = Program.objects.get(slug="credit-recognition")
    centre = program.centres.first()
    assert messages.enquiry_recipients(enquiry) == ["desk@example.com"]
    centre.enquiry_recipients = "centre@example.com\r\nboth@example.com"
    centre.save()
    assert messages.enquiry_recipients(Enquiry.objects.get()) == ["centre@example.com", "both@example.com"]
    program.area.enquiry_recipients = "area@example.com\nBoth@example.com"
    program.area.save()
    assert sorted(map(str.casefold, messages.enquiry_recipients(Enquiry.objects.get()))) == [
        "area@example.com",
        "both@example.com",
        "centre@example.com",
    ]
    Enquiry.objects.update(program=None)
    assert messages.enquiry_recipients(Enquiry.objects.get()) == ["desk@example.com"]


def test_a_program_without_a_type_has_a_desk(client, answers, settings):
    send(client, answers, program="teacher-exchange")
    assert messages.enquiry_recipients(Enquiry.objects.get()) == settings.PORTAL_ENQUIRIES_TO


def test_a_reply_goes_to_the_other_side(client, answers, enquiry):
    def reply_to(mail):
        return as_received(mail)[0]["Reply-To"]

    assert reply_to(enquiry.mails.get(to="zhang@example.com")) is None
    assert reply_to(enquiry.mails.get(to="desk@example.com")) == "zhang@example.com"
    Department.objects.update(email="office@example.com")
    messages.queue_acknowledgement(enquiry)
    assert reply_to(enquiry.mails.filter(to="zhang@example.com").latest("pk")) == "office@example.com"


REPLY_READ = {"en": "A reply to this mail reaches the Department.", "zh-hans": "直接回复本邮件即可联系国际部。"}
REPLY_UNREAD = {
    "en": "Nobody reads replies to this mail. Write to us on",
    "zh-hans": "请勿直接回复本邮件，回复无人查收。",
}


@pytest.mark.parametrize("language", ["en", "zh-hans"])
@pytest.mark.parametrize("office", ["", "office@example.com"])
def test_a_mail_to_the_visitor_says_what_a_reply_does(client, answers, language, office):
    Department.objects.update(email=office)
    send(client, answers, language)
    enquiry = Enquiry.objects.get()
    messages.queue_answer(Answer.objects.create(enquiry=enquiry, text="Yes."))
    mails = enquiry.mails.filter(to="zhang@example.com")
    assert mails.count() == 2
    for mail in mails:
        message, text, _html = as_received(mail)
        assert (message["Reply-To"] or "") == office
        assert ((REPLY_READ if office else REPLY_UNREAD)[language] in text, text.count("5365")) == (True, 3)
        assert (REPLY_UNREAD if office else REPLY_READ)[language] not in text


def test_a_mail_to_staff_says_what_a_reply_does(enquiry):
    Department.objects.update(staff_language="en")
    enquiry.owner = User.objects.create_superuser("owner", "owner@example.com")
    enquiry.save()
    messages.queue_notifications(enquiry)
    messages.queue_further_message(enquiry.messages.create(text="More"))
    messages.queue_assignment(enquiry)
    *to_visitor, assignment = enquiry.mails.order_by("pk")[2:]
    assert len(to_visitor) == 3
    for mail in to_visitor:
        assert mail.headers["Reply-To"] == enquiry.email
        assert "A reply to this mail goes to the visitor, and the portal keeps no record of it." in mail.message
    assert "Reply-To" not in assignment.headers
    assert "Nobody reads replies to this mail." in assignment.message


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", "enter the reference and the code from your receipt here:"),
        ("zh-hans", "请在以下页面填写回执上的咨询编号和查询码："),
    ],
)
def test_the_acknowledgement_leads_to_the_status_and_says_what_is_needed(client, answers, language, words):
    send(client, answers, language)
    enquiry = Enquiry.objects.get()
    _message, text, html = as_received(enquiry.mails.get(to="zhang@example.com"))
    receipt, status = (link.text for link in html.findall(".//a"))
    assert receipt == f"https://portal.example/{language}/contact/received/{enquiry.token}/"
    assert status == f"https://portal.example/{language}/contact/status/?reference={enquiry.reference}"
    assert f"{words}\n\n{status}\n" in text
    assert f'value="{enquiry.reference}"' in client.get(status.removeprefix("https://portal.example")).content.decode()


def test_all_mails_but_answers_are_marked_as_automatic(enquiry):
    enquiry.owner = User.objects.create_superuser("owner", "owner@example.com")
    enquiry.save()
    answer = Answer.objects.create(enquiry=enquiry, text="Yes.")
    messages.queue_answer(answer)
    messages.queue_further_message(enquiry.messages.create(text="More"))
    messages.queue_assignment(enquiry)
    messages.queue_refused_answer(answer)
    found = [(mail.to, as_received(mail)[0]["Auto-Submitted"]) for mail in enquiry.mails.order_by("pk")]
    assert found == [
        (["zhang@example.com"], "auto-replied"),
        (["desk@example.com"], "auto-generated"),
        (["zhang@example.com"], None),
        (["desk@example.com"], "auto-generated"),
        (["owner@example.com"], "auto-generated"),
        (["owner@example.com"], "auto-generated"),
        (["owner@example.com"], "auto-generated"),
    ]


@pytest.mark.parametrize(("language", "salutation"), [("en", "Dear Sir or Madam,\n\n"), ("zh-hans", "您好！\n\n")])
def test_the_acknowledgement_addresses_nobody_by_name(client, answers, language, salutation):
    send(client, answers, language)
    [mail] = Enquiry.objects.get().mails.filter(to="zhang@example.com")
    assert mail.message.startswith(salutation)
    assert "张三" not in mail.message


@pytest.mark.parametrize(
    ("language", "text", "begins"),
    [
        ("en", "Please prepare two forms.", "Dear 张三,\n\nPlease prepare"),
        ("en", "Dear Mr Zhang,\n\nPlease prepare", "Dear Mr Zhang,\n\nPlease prepare"),
        ("en", "Dear 张三, please prepare", "Dear 张三, please prepare"),
        ("en", "Thank you. Please telephone us.", "Dear 张三,\n\nThank you."),
        ("en", "Please note the following:\n\nPrepare", "Dear 张三,\n\nPlease note"),
        ("en", "Hello Mr Zhang\n\nPlease prepare", "Hello Mr Zhang\n\nPlease prepare"),
        ("en", "Mr Zhang,\n\nPlease prepare", "Mr Zhang,\n\nPlease prepare"),
        ("en", "Dr Zhang:\n\nPlease prepare", "Dr Zhang:\n\nPlease prepare"),
        ("en", "Hi-tech programs are open.", "Dear 张三,\n\nHi-tech"),
        ("zh-hans", "张老师：\n您好！请准备", "张老师：\n您好！请准备"),
        ("zh-hans", "各位老师：\n请准备", "各位老师：\n请准备"),
        ("zh-hans", "请您好好准备材料。", "张三：您好！\n\n请您好好"),
        ("en", "Good morning,\n\nPlease prepare", "Good morning,\n\nPlease prepare"),
        ("zh-hans", "请准备两份表格。", "张三：您好！\n\n请准备"),
        ("zh-hans", "张三：\n\n您好！请准备", "张三：\n\n您好！请准备"),
        ("zh-hans", "张老师，您好！请准备", "张老师，您好！请准备"),
        ("zh-hans", "尊敬的张处长：\n请准备", "尊敬的张处长：\n请准备"),
    ],
)
def test_an_answer_has_one_salutation(client, answers, language, text, begins):
    send(client, answers, language)
    messages.queue_answer(Answer.objects.create(enquiry=Enquiry.objects.get(), text=text))
    assert Email.objects.latest("pk").message.startswith(begins)


def test_no_answer_template_gets_a_second_salutation(client, answers):
    swept = 0
    for language in ("en", "zh-hans"):
        send(client, answers, language)
        enquiry = Enquiry.objects.latest("pk")
        for template in actions.templates_for(enquiry):
            text = actions.fill_template(template, enquiry)
            messages.queue_answer(Answer.objects.create(enquiry=enquiry, text=text))
            mail = Email.objects.latest("pk").message
            assert mail.startswith(text.strip().partition("\n")[0])
            assert mail.count("张三") == 1
            swept += 1
    assert swept == 6


def test_an_answer_goes_to_the_visitor_in_the_language_of_the_enquiry(in_chinese):
    enquiry = in_chinese
    answer = Answer.objects.create(enquiry=enquiry, text=f"您好！\r\n\r\n  {WORDS}\r\n第二行")
    with override("en"):
        messages.queue_answer(answer)
    mail = enquiry.mails.latest("pk")
    message, text, html = as_received(mail)
    assert mail.to == ["zhang@example.com"]
    assert message["Subject"] == f"对您的咨询 {enquiry.reference} 的答复"
    assert enquiry.reference in text
    assert f"您好！\n\n  {WORDS}\n第二行\n" in text
    assert enquiry.code not in text
    [link] = html.findall(".//a")
    assert enquiry.token in link.text
    assert "/status/" in link.text
    assert WORDS in "".join(html.itertext())


def test_the_desk_is_told_of_a_further_message_without_its_words(enquiry):
    message = enquiry.messages.create(text="Something confidential")
    messages.queue_further_message(message)
    mail = enquiry.mails.latest("pk")
    assert mail.to == ["desk@example.com"]
    assert mail.subject == f"咨询 {enquiry.reference} 有补充内容"
    assert mail.headers["Reply-To"] == "zhang@example.com"
    assert "confidential" not in mail.message + mail.html_message
    assert "附有一个文件" not in mail.message
    assert f"/admin/contact/enquiry/{enquiry.pk}/change/" in mail.message


def test_the_desk_is_told_that_a_further_message_has_a_file(enquiry):
    message = enquiry.messages.create(text="Something confidential")
    enquiry.attachments.create(message=message, file="x", name="confidential.pdf", content_type="x", size=1)
    messages.queue_further_message(message)
    mail = enquiry.mails.latest("pk")
    assert "附有一个文件。" in mail.message
    assert "confidential" not in mail.message + mail.html_message


def test_an_owner_without_a_deliverable_address_takes_no_mail_from_the_desk(enquiry, settings):
    settings.PORTAL_ENQUIRIES_TO = ['"ab"@example.com']
    enquiry.owner = User.objects.create(username="owner", email='"ab"@example.com')
    before = enquiry.mails.count()
    messages.queue_further_message(enquiry.messages.create(text="x"))
    assert enquiry.mails.count() == before + 1


def test_no_mail_remains_of_a_transaction_that_fails(enquiry):
    before = Email.objects.count()
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        messages.queue_further_message(enquiry.messages.create(text="x"))
        raise ZeroDivisionError
    assert Email.objects.count() == before


@pytest.mark.parametrize(
    "email",
    [
        "a@example.com\r\nBcc: b@example.com",
        "a@example.com\nBcc: b@example.com",
        "a@exam\u2028ple.com",
        "a@exam\u2029ple.com",
        "a@exam\x85ple.com",
        "a@exam\x0bple.com",
        "a@exam\u202eple.com",
        "a@exam\u200fple.com",
        "a@exam\u200bple.com",
        "张三@example.com",
        "𠮷@example.com",
        # Django's pattern ignores case, so it accepts these letters as "s" and "i".
        "ſtaff@example.com",
        "ınfo@example.com",
    ],
)
def test_an_address_that_no_mail_can_be_written_to_is_refused_by_the_form(client, answers, email):
    response = send(client, answers, "en", email=email)
    assert list(response.context["form"].errors) == ["email"]
    assert not Enquiry.objects.exists()


@pytest.mark.parametrize(
    ("email", "written"),
    [
        ("a@例子.中国", "a@xn--fsqu00a.xn--fiqs8s"),
        (
            f"{'a' * 64}@{'b' * 61}.{'c' * 61}.{'d' * 61}.com",
            f"{'a' * 64}@{'b' * 61}.{'c' * 61}.{'d' * 61}.com",
        ),
        ("o'neil+x/y=z@example.com", "o'neil+x/y=z@example.com"),
    ],
)
def test_an_unusual_address_is_written_to_and_answered(client, answers, email, written):
    send(client, answers, email=email)
    acknowledgement, notification = Enquiry.objects.get().mails.order_by("pk")
    for mail, header in ((acknowledgement, "To"), (notification, "Reply-To")):
        raw = mail.email_message().message().as_bytes(linesep="\r\n")
        assert all(len(line) <= 998 for line in raw.split(b"\r\n"))
        assert message_from_bytes(raw, policy=policy.default)[header].addresses[0].addr_spec == written


def test_only_mails_that_are_not_sent_follow_a_corrected_address(client, enquiry, admin_user):
    # Even if the visitor's address is that of the desk, each mail is known by what it contains.
    enquiry.owner = User.objects.create_superuser("owner", enquiry.email)
    enquiry.save()
    messages.queue_assignment(enquiry)
    messages.queue_answer(Answer.objects.create(enquiry=enquiry, text="Yes."))
    acknowledgement, notification, assignment, answer = mails = enquiry.mails.order_by("pk")
    to_visitor = [mail for mail in mails if messages.is_to_visitor(mail, enquiry)]
    assert (to_visitor, assignment.to) == ([acknowledgement, answer], [enquiry.email])
    sent = {STATUS.sent: acknowledgement, STATUS.failed: assignment, STATUS.requeued: notification}
    for status, mail in sent.items():
        Email.objects.filter(pk=mail.pk).update(status=status)
    messages.readdress_mails(enquiry, "right@college.example")
    assert [mail.to for mail in enquiry.mails.order_by("pk")] == [
        ["zhang@example.com"],
        ["desk@example.com"],
        ["zhang@example.com"],
        ["right@college.example"],
    ]
    reply_to = [(mail.headers or {}).get("Reply-To") for mail in enquiry.mails.order_by("pk")]
    assert reply_to == [None, "right@college.example", None, None]
    Email.objects.filter(pk=notification.pk).update(status=STATUS.sent)
    messages.readdress_mails(enquiry, "another@college.example")
    notification.refresh_from_db()
    assert notification.headers["Reply-To"] == "right@college.example"


def test_an_answer_knows_its_mail(enquiry):
    answer = Answer.objects.create(enquiry=enquiry, text="Yes.")
    messages.queue_answer(answer)
    answer.refresh_from_db()
    assert answer.mail == enquiry.mails.latest("pk")
    assert "Yes." in answer.mail.message
