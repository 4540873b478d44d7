"""Exports: their content, that hostile text does no harm, and that they are logged in each timeline."""

import csv
import gc
import json
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
from contact.mail.messages import queue_acknowledgement, queue_notifications
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
    text = archive_of("right@college.example").read("data.json").decode()
    [found] = json.loads(text)["enquiries"]
    assert [(mail["to"], mail["state"], mail["not_sent_because"]) for mail in found["mails"]] == [
        ("you", "sent", ""),
        ("the department", "failed", ""),
        ("you", "failed", "550 5.1.1 <wrong@college.example> unknown"),
    ]
    assert {"what": "new_address", "detail": ""}.items() <= found["timeline"][-1].items()
    assert "desk.example" not in text


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
    text = archive.read("data.json").decode()
    data = json.loads(text)
    [found] = data["enquiries"]
    assert data["email"] == "ALEX@College.example"
    expected = {
        "reference": enquiry.reference,
        "received_at": "2026-11-23T23:30:05+08:00",
        "language": "zh-hans",
        "privacy_notice_version": "2026-11-20",
        "organisation": "北京某职业学院",
        "country_or_region": "CN",
        "person": "张三",
        "position": "处长",
        "email": "alex@college.example",
        "telephone": "010-12345678",
        "about": "Credit recognition",
        "message": "第一行\r\n第二行",
        "state": "answered",
        "due_on": "2026-11-30",
        "answered_at": "2026-11-23T23:30:05+08:00",
        "closed_at": None,
        "to_be_erased_on": None,
    }
    assert {name: found[name] for name in expected} == expected
    assert [message["text"] for message in found["further_messages"]] == ["还有一个问题"]
    assert [answer["text"] for answer in found["answers"]] == ["请准备材料。"]
    assert found["mails"] == [
        {
            "to": "you",
            "subject": "已收到您的咨询",
            "queued_at": "2026-11-23T23:30:05+08:00",
            "state": "sent",
            "not_sent_because": "",
        }
    ]
    assert [(event["what"], event["detail"]) for event in found["timeline"]] == [
        ("moved", "answered"),
        ("assigned", ""),
    ]
    for other in ("a note of the desk", "Ming Example", "Somebody Else", enquiry.code, enquiry.token):
        assert other not in text
    names = [file["file"] for file in found["attachments"]]
    assert names == [f"attachments/{enquiry.reference}/{number}-Plan_计划.pdf" for number in (1, 2)]
    assert sorted(archive.namelist()) == sorted([*names, "data.json"])
    assert archive.read(names[0]) == b"%PDF"


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
    [path] = [path for path in archive_of(enquiry.email).namelist() if path != "data.json"]
    assert path == f"attachments/{enquiry.reference}/{expected}"


def test_a_file_that_is_gone_is_said_to_be_gone():
    enquiry = stored()
    attachment = with_file(enquiry)
    attachment.file.storage.delete(attachment.file.name)
    archive = archive_of(enquiry.email)
    assert archive.namelist() == ["data.json"]
    [found] = json.loads(archive.read("data.json"))["enquiries"][0]["attachments"]
    assert (found["name"], found["file"]) == ("Plan 计划.pdf", None)


def test_the_file_of_a_further_message_is_counted_and_given_to_the_person():
    enquiry = stored(created_at=RECEIVED)
    with_file(enquiry, "First.pdf")
    message = enquiry.messages.create(text="One more question")
    Attachment.objects.filter(pk=with_file(enquiry, "Later.pdf", b"%PDF later").pk).update(message=message)
    assert sheet_of(as_xlsx(table(Enquiry.objects.all())))[2][-1].value == 2
    archive = archive_of(enquiry.email)
    [found] = json.loads(archive.read("data.json"))["enquiries"]
    [sent] = found["further_messages"]
    first, later = found["attachments"]
    assert (first["name"], first["received_at"]) == ("First.pdf", found["received_at"])
    assert (later["name"], later["received_at"]) == ("Later.pdf", sent["received_at"])
    assert archive.read(later["file"]) == b"%PDF later"


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
