"""Exports: their content, that hostile text does no harm, and that they are logged in each timeline."""

import csv
import gc
import re
import weakref
import zipfile
from datetime import date, datetime, time
from io import BytesIO, StringIO
from zoneinfo import ZoneInfo

import pytest
from django.core.files.base import ContentFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django.utils.translation import override
from openpyxl import load_workbook
from post_office.models import STATUS, Email

from contact.desk import actions, exports
from contact.desk.exports import (
    as_csv,
    as_xlsx,
    download,
    download_personal_data,
    enquiries_of,
    log,
    personal_data,
    table,
)
from contact.desk.personal_data import NAME
from contact.mail.messages import queue_acknowledgement, queue_notifications
from contact.mail.refusals import MISSING, UNSENT
from contact.models import Attachment, Enquiry, Event, State
from partners.models import Country
from portal.models import User
from programs.models import Program
from tests.contact.rows import erased, stored

pytestmark = pytest.mark.django_db

BEIJING = ZoneInfo("Asia/Shanghai")
RECEIVED = datetime(2026, 11, 23, 23, 30, 5, 700, tzinfo=BEIJING)
HEADINGS = [
    "Reference",
    "Received",
    "State",
    "Owner",
    "Due",
    "Answered",
    "Closed",
    "Language",
    "College, school or organisation",
    "Country or region",
    "Contact person",
    "Position",
    "E-mail address",
    "Telephone",
    "About",
    "Message",
    "Version of the privacy notice",
    "Number of attachments",
]


@pytest.fixture(autouse=True)
def english():
    with override("en"):
        yield


@pytest.fixture
def desk():
    return User.objects.create_user("desk", first_name="Ming", last_name="Example")


def with_file(enquiry, name="Plan 计划.pdf", content=b"%PDF"):
    file = ContentFile(content, name="-")
    return Attachment.objects.create(
        enquiry=enquiry, file=file, name=name, content_type="application/pdf", size=len(content)
    )


def sheet_of(content):
    return load_workbook(BytesIO(content)).active


def csv_rows(content):
    return list(csv.reader(StringIO(content.decode("utf-8-sig"), newline="")))


def full(desk):
    enquiry = stored(
        created_at=RECEIVED,
        state=State.ANSWERED,
        owner=desk,
        due_on=date(2026, 11, 30),
        answered_at=RECEIVED,
        language="zh-hans",
        organisation="北京某职业学院",
        territory="CN",
        person="张三",
        position="处长",
        telephone="010-12345678",
        program=Program.objects.get(slug="credit-recognition"),
        message="第一行\r\n第二行",
        privacy_date=date(2026, 11, 20),
    )
    with_file(enquiry)
    with_file(enquiry)
    return enquiry


def test_a_workbook_holds_every_column_with_its_type(desk):
    enquiry = full(desk)
    sheet = sheet_of(as_xlsx(table(Enquiry.objects.all())))
    headings, row = sheet.iter_rows()
    assert [cell.value for cell in headings] == HEADINGS
    assert [cell.value for cell in row] == [
        enquiry.reference,
        datetime(2026, 11, 23, 23, 30, 5),
        "Answered",
        "Ming Example",
        datetime(2026, 11, 30),
        datetime(2026, 11, 23, 23, 30, 5),
        None,
        "Chinese",
        "北京某职业学院",
        "China",
        "张三",
        "处长",
        "alex@college.example",
        "010-12345678",
        "Credit recognition",
        "第一行\n第二行",
        datetime(2026, 11, 20),
        2,
    ]
    assert [cell.data_type for cell in row] == list("sdssdd" + "n" + "sssssssss" + "d" + "n")
    assert row[1].number_format == "[$-809]d mmmm yyyy, hh:mm"
    assert row[4].number_format == "[$-809]d mmmm yyyy"
    assert sheet.title == "Enquiries"


def test_a_csv_file_says_the_same_in_words(desk):
    enquiry = full(desk)
    content = as_csv(table(Enquiry.objects.all()))
    assert content.startswith(b"\xef\xbb\xbf")
    headings, row = csv_rows(content)
    assert headings == HEADINGS
    assert row == [
        enquiry.reference,
        "23 November 2026, 23:30",
        "Answered",
        "Ming Example",
        "30 November 2026",
        "23 November 2026, 23:30",
        "",
        "Chinese",
        "北京某职业学院",
        "China",
        "张三",
        "处长",
        "alex@college.example",
        "010-12345678",
        "Credit recognition",
        "第一行\n第二行",
        "20 November 2026",
        "2",
    ]


def test_both_speak_the_language_in_force(desk):
    full(desk)
    with override("zh-hans"):
        headings, row = csv_rows(as_csv(table(Enquiry.objects.all())))
        sheet = sheet_of(as_xlsx(table(Enquiry.objects.all())))
    assert headings[:3] == ["咨询编号", "收到时间", "状态"]
    assert (row[1], row[2], row[4], row[9], row[14]) == (
        "2026年11月23日 23:30",
        "已答复",
        "2026年11月30日",
        "中国",
        "学分互认",
    )
    assert [cell.value for cell in sheet[1]] == headings
    assert sheet["B2"].number_format == '[$-804]yyyy"年"m"月"d"日" hh:mm'
    assert sheet.title == "咨询"


HOSTILE = [
    "=1+1",
    '=HYPERLINK("https://evil.example","click")',
    "+86 10 1234",
    "-2+3",
    "@SUM(A1)",
    "\t=1+1",
    "\n=1+1",
    "＝1+1",
    "＋1",
    "－1",
    "＠SUM(A1)",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_no_formula_gets_in(text):
    stored(message=text, organisation=text)
    [_headings, row] = csv_rows(as_csv(table(Enquiry.objects.all())))
    assert row[8] == row[15] == f"'{text}"
    content = as_xlsx(table(Enquiry.objects.all()))
    cell = sheet_of(content)["P2"]
    assert (cell.value, cell.data_type, cell.quotePrefix) == (text, "s", True)
    xml = zipfile.ZipFile(BytesIO(content)).read("xl/worksheets/sheet1.xml").decode()
    assert re.findall(r"<f[ >/]", xml) == []
    assert re.findall(r't="[^"]+"', xml).count('t="e"') == 0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("𠮷野家 😀", "𠮷野家 😀"),
        ("\u202eexe.fdp שלום", "\u202eexe.fdp שלום"),
        ("a\x00b\x07c\x1fd\x0be\ufffff", "abcdef"),
        ("\x01=1+1", "=1+1"),
        ("a\r\nb\rc\nd", "a\nb\nc\nd"),
        ('"; DROP, <b>&amp;]]>', '"; DROP, <b>&amp;]]>'),
        ("#N/A", "#N/A"),
        ("2026-11-24", "2026-11-24"),
        ("0012", "0012"),
        ("TRUE", "TRUE"),
    ],
)
def test_hostile_text_stays_text(text, expected, monkeypatch):
    # PostgreSQL cannot store NUL, so only the object in memory has the hostile text.
    stored()
    monkeypatch.setattr(Enquiry, "message", property(lambda row: text, lambda row, value: None))
    enquiries = Enquiry.objects.all()
    cell = sheet_of(as_xlsx(table(enquiries)))["P2"]
    assert (cell.value, cell.data_type) == (expected, "s")
    [_headings, row] = csv_rows(as_csv(table(enquiries)))
    assert row[15].removeprefix("'") == expected
    assert row[15].startswith("'") == expected.startswith("=")


def test_an_erased_enquiry_is_a_row_without_a_person():
    enquiry = erased(country=Country.objects.get(iso_code="JP"))
    row = sheet_of(as_xlsx(table(Enquiry.objects.all())))[2]
    accepted = datetime.combine(enquiry.privacy_date, time.min)
    values = [None, "United Kingdom", None, None, None, None, "Japan", None, accepted, 0]
    assert [cell.value for cell in row][8:] == values
    assert row[0].value == enquiry.reference


def test_nothing_chosen_gives_the_headings():
    assert csv_rows(as_csv(table(Enquiry.objects.none()))) == [HEADINGS]
    assert sheet_of(as_xlsx(table(Enquiry.objects.none()))).max_row == 1


@pytest.mark.parametrize("write", [as_csv, as_xlsx])
def test_as_many_queries_for_many_rows(desk, write):
    def counted():
        with CaptureQueriesContext(connection) as queries:
            write(table(Enquiry.objects.all()))
        return len(queries)

    enquiry = full(desk)
    Enquiry.objects.filter(pk=enquiry.pk).update(program=None, country=Country.objects.first())
    full(desk)
    few = counted()
    for country in Country.objects.all():
        with_file(stored(country=country, owner=User.objects.create_user(country.slug)))
        stored(program=Program.objects.order_by("?").first())
    assert counted() == few == 2


@pytest.mark.parametrize("write", [as_csv, as_xlsx])
def test_few_enquiries_are_in_memory_at_once(monkeypatch, write):
    monkeypatch.setattr(exports, "CHUNK", 3)
    for _number in range(10):
        stored()
    gc.collect()
    alive, greatest = weakref.WeakSet(), []

    def counted(rows):
        for row in rows:
            greatest.append(len(alive))
            yield row

    from_db = Enquiry.from_db

    def watched(*values):
        enquiry = from_db(*values)
        alive.add(enquiry)
        return enquiry

    monkeypatch.setattr(Enquiry, "from_db", watched)
    write(counted(table(Enquiry.objects.all())))
    assert len(greatest) == 11
    assert 1 <= max(greatest) <= 3


def test_an_export_is_noted_in_the_timeline_of_each(desk):
    chosen, other = stored(), stored()
    log([chosen.pk], desk, "CSV")
    event = Event.objects.get()
    assert (event.enquiry, event.kind, event.actor, event.detail) == (chosen, Event.Kind.EXPORTED, desk, "CSV")
    assert timezone.now() - event.at < timezone.timedelta(minutes=1)
    assert not other.events.exists()


@pytest.mark.parametrize(
    ("detail", "content_type"),
    [
        ("XLSX", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
        ("CSV", "text/csv; charset=utf-8"),
    ],
)
def test_a_download_has_a_date_in_its_name_and_is_not_cached(desk, detail, content_type):
    enquiry = stored()
    response = download(Enquiry.objects.all(), desk, detail)
    name = f"enquiries-{timezone.localdate():%Y-%m-%d}.{detail.lower()}"
    assert response["Content-Disposition"] == f'attachment; filename="{name}"'
    assert response["Cache-Control"] == "private, no-store"
    assert response["Content-Type"] == content_type
    assert [(event.enquiry, event.detail) for event in Event.objects.all()] == [(enquiry, detail)]
    rows = csv_rows(response.content) if detail == "CSV" else list(sheet_of(response.content).values)
    assert rows[1][0] == enquiry.reference


def archive_of(email):
    return zipfile.ZipFile(BytesIO(personal_data(email)))


def data_in(archive):
    """Returns the rows of a person's table, each without the reference: what it is, its time and its text."""
    return [row[1:] for row in sheet_of(archive.read(NAME)).iter_rows(values_only=True)]


def test_a_persons_mails_are_told_apart_after_the_address_was_corrected(settings):
    settings.PORTAL_ENQUIRIES_TO = ["one@desk.example"]
    officer = User.objects.create_superuser("officer", "officer@desk.example")
    enquiry = stored(email="wrong@college.example")
    queue_acknowledgement(enquiry)
    queue_notifications(enquiry)
    actions.answer(enquiry, "请准备材料。", True, officer)
    acknowledgement, notification, answer = enquiry.mails.order_by("pk")
    Email.objects.filter(pk=acknowledgement.pk).update(status=STATUS.sent)
    for mail in (notification, answer):
        Email.objects.filter(pk=mail.pk).update(status=STATUS.failed)
        mail.logs.create(status=STATUS.failed, message=f"550 5.1.1 <{mail.to[0]}> unknown")
    actions.correct_address(enquiry, "right@college.example", officer)
    rows = data_in(archive_of("right@college.example"))
    mails = [(what, text.split("\n")[1:]) for what, _time, text in rows if what.startswith("Mail to")]
    assert [(what, state, words[0] if words else "") for what, (state, *words) in mails] == [
        ("Mail to you", "sent", ""),
        ("Mail to the department", "failed", ""),
        ("Mail to you", "failed", f"{MISSING} The mail host’s words: 550 5.1.1 <wrong@college.example> unknown"),
    ]
    assert [text for what, _time, text in rows if what == "What happened"][-1] == "E-mail address corrected"
    assert "desk.example" not in str(rows)


def test_a_person_does_not_read_what_is_for_the_technicians():
    enquiry = stored(email="alex@college.example")
    queue_acknowledgement(enquiry)
    mail = enquiry.mails.get()
    Email.objects.filter(pk=mail.pk).update(status=STATUS.failed)
    words = "(535, b'5.7.8 Wrong')"
    mail.logs.create(status=STATUS.failed, message=words, exception_type="SMTPAuthenticationError")
    [text] = [text for what, _time, text in data_in(archive_of("alex@college.example")) if what == "Mail to you"]
    assert text.split("\n")[1:] == ["failed", UNSENT]


def test_a_person_gets_all_that_is_stored_about_them(desk):
    enquiry = full(desk)
    stored(email="another@college.example", person="Somebody Else")
    enquiry.mails.set(stored(STATUS.sent, email="x@college.example").mails.all())
    enquiry.mails.update(to="alex@college.example", subject="已收到您的咨询", created=RECEIVED)
    enquiry.messages.create(text="还有一个问题")
    enquiry.answers.create(text="请准备材料。", author=desk)
    enquiry.notes.create(text="a note of the desk", author=desk)
    enquiry.log(Event.Kind.MOVED, desk, State.ANSWERED)
    enquiry.log(Event.Kind.ASSIGNED, desk, "Ming Example")
    enquiry.log(Event.Kind.NOTED, desk)
    archive = archive_of(" ALEX@College.example ")
    sheet = sheet_of(archive.read(NAME))
    rows = [tuple(cell.value for cell in row) for row in sheet.iter_rows()]
    # In the language in which the person wrote.
    assert rows[0] == ("咨询编号", "事项", "时间（北京时间，UTC+8）", "内容")
    assert rows[1] == (None, "电子邮箱", None, "ALEX@College.example")
    assert {row[0] for row in rows[3:]} == {enquiry.reference}
    paths = [f"attachments/{enquiry.reference}/{number}-Plan_计划.pdf" for number in (1, 2)]
    received = datetime(2026, 11, 23, 23, 30, 5)
    assert [row[1:] for row in rows[3:] if row[2] is None] == [
        ("院校或单位", None, "北京某职业学院"),
        ("联系人", None, "张三"),
        ("职务", None, "处长"),
        ("电子邮箱", None, "alex@college.example"),
        ("电话", None, "010-12345678"),
        ("国家或地区", None, "中国"),
        ("语言", None, "中文"),
        ("咨询事项", None, "学分互认"),
        ("咨询内容", None, "第一行\n第二行"),
        ("状态", None, "已答复"),
    ]
    assert [row[1:3] for row in rows[3:] if row[2] and row[3] is None] == [
        ("收到时间", received),
        ("隐私说明版本", datetime(2026, 11, 20)),
        ("答复期限", datetime(2026, 11, 30)),
        ("答复时间", received),
    ]
    assert [(row[1], row[3]) for row in rows[3:] if row[2] and row[3]] == [
        ("补充内容", "还有一个问题"),
        ("我们的答复", "请准备材料。"),
        ("发给您的邮件", "已收到您的咨询\n已发送"),
        ("处理过程", "状态：已答复"),
        ("处理过程", "已分派"),
        *(("附件", f"Plan 计划.pdf\nPDF\n4\xa0字节\n{path}") for path in paths),
    ]
    for other in ("a note of the desk", "Ming Example", "Somebody Else", enquiry.code, enquiry.token):
        assert other not in str(rows)
    assert sorted(archive.namelist()) == sorted([*paths, NAME])
    assert archive.read(paths[0]) == b"%PDF"


def test_a_persons_table_wraps_and_holds_no_formula():
    stored(message='=HYPERLINK("https://evil.example")')
    [cell] = [row[3] for row in sheet_of(archive_of("alex@college.example").read(NAME)) if row[1].value == "Message"]
    assert (cell.data_type, cell.quotePrefix, cell.alignment.wrap_text) == ("s", True, True)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("../../etc/passwd", "1-....etcpasswd"),
        ("..", "1-"),
        ("", "1-"),
        ("CON", "1-CON"),
        ("a\u202egpj.exe", "1-agpj.exe"),
        ('a<b>:"|?*\\/\x07.pdf', "1-ab.pdf"),
        ("长" * 190 + ".docx", "1-" + "长" * 58 + ".docx"),
    ],
)
def test_files_have_safe_names(name, expected):
    enquiry = stored()
    with_file(enquiry, name)
    [path] = [path for path in archive_of(enquiry.email).namelist() if path != NAME]
    assert path == f"attachments/{enquiry.reference}/{expected}"


def test_a_file_that_is_gone_is_said_to_be_gone():
    enquiry = stored()
    attachment = with_file(enquiry)
    attachment.file.storage.delete(attachment.file.name)
    archive = archive_of(enquiry.email)
    assert archive.namelist() == [NAME]
    [found] = [text for what, _time, text in data_in(archive) if what == "Attached file"]
    assert found.split("\n")[::3] == ["Plan 计划.pdf", "The file is missing."]


def test_the_file_of_a_further_message_is_counted_and_given_to_the_person():
    enquiry = stored(created_at=RECEIVED)
    with_file(enquiry, "First.pdf")
    message = enquiry.messages.create(text="One more question")
    Attachment.objects.filter(pk=with_file(enquiry, "Later.pdf", b"%PDF later").pk).update(message=message)
    assert sheet_of(as_xlsx(table(Enquiry.objects.all())))[2][-1].value == 2
    archive = archive_of(enquiry.email)
    rows = data_in(archive)
    times = {what: time for what, time, _text in rows}
    first, later = [(text.split("\n"), time) for what, time, text in rows if what == "Attached file"]
    assert (first[0][0], first[1]) == ("First.pdf", times["Received"])
    assert (later[0][0], later[1]) == ("Later.pdf", times["Further message"])
    assert archive.read(later[0][-1]) == b"%PDF later"


def test_the_data_of_one_address_hold_no_other():
    stored(email="axb@college.example")
    for email in ("a_b@college.example", "%@college.example", "b@college.example"):
        assert not enquiries_of(email).exists()
    erased()
    for nothing in ("", "  "):
        with pytest.raises(ValueError, match="address"):
            personal_data(nothing)


def test_a_persons_archive_is_noted_too(desk):
    enquiry, _other = stored(), stored(email="another@college.example")
    response = download_personal_data("Alex@college.example", desk)
    assert response["Content-Disposition"].startswith('attachment; filename="personal-data-')
    assert response["Content-Type"] == "application/zip"
    assert response["Cache-Control"] == "private, no-store"
    event = Event.objects.get()
    assert (event.enquiry, event.kind, event.actor, event.detail) == (enquiry, Event.Kind.EXPORTED, desk, "ZIP")
    assert zipfile.ZipFile(BytesIO(response.content)).testzip() is None
