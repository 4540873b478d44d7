"""After an erasure, no byte of the person is left in the data folder of a running portal, while enquiries come in."""

import re
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from threading import Event
from time import monotonic

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile

from tests.browser.steps import rows
from tests.browser.visitor import Visitor
from tests.contact.files import picture

# Seconds within which everything must be gone.
AT_ONCE = 20

PERSON = {
    "organisation": "秘密职业学院",
    "person": "欧阳秘密",
    "position": "秘密处长",
    "email": "secret@college.example",
    "telephone": "010-99988877",
    "message": "秘密的正文，" * 800,
}
WRITTEN_LATER = {
    "note": "员工的秘密备注",
    "answer": "给对方的秘密答复",
    "further message": "Another secret question",
    "file name": "秘密计划.png",
    "later file name": "秘密简历.png",
}
BY_STAFF = f"""
from contact.desk import actions
from contact.models import Enquiry
from portal.models import User
staff, enquiry = User.objects.get(), Enquiry.objects.get()
actions.write_note(enquiry, {WRITTEN_LATER["note"]!r}, staff)
actions.answer(enquiry, {WRITTEN_LATER["answer"]!r}, True, staff)
"""


@pytest.fixture
def running(start):
    """A portal that takes the visitor's address from X-Forwarded-For, and whose forms the test can sign."""
    return start(PORTAL_SECRET_KEY=settings.SECRET_KEY, PORTAL_TRUSTED_PROXIES="1")


def traces(site, values):
    """Returns what is found of `values` (texts or bytes) in the files of the data folder, as (file, value)."""
    wanted = {form for value in values for form in forms_of(value)}
    return [
        (path.name, form)
        for path in site.data.rglob("*")
        if path.is_file() and "static" not in path.parts
        for content in [read(path)]
        for form in wanted
        if form in content
    ]


def forms_of(value):
    """Yields the bytes by which `value` may be stored: as UTF-8, and as JSON escapes it."""
    if isinstance(value, bytes):
        yield value
    else:
        yield value.encode()
        yield value.encode("unicode_escape")


def read(path):
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""


def is_delivered(site):
    """Whether every mail that is not erased has become a file."""
    known = "SELECT count(*) FROM post_office_email WHERE message_id IS NOT NULL"
    return rows(site, known) == [(len(list((site.data / "mail").glob("*.eml"))),)]


def until(met, seconds=20):
    """Waits up to `seconds` until `met()` is true. Returns whether it is, and the seconds that it took."""
    began, pause = monotonic(), Event()
    while not (is_met := met()) and monotonic() - began < seconds:
        pause.wait(0.1)
    return is_met, monotonic() - began


def test_what_a_reader_holds_back_is_removed_by_the_worker(running, record_property):
    visitor = Visitor(running)
    status_page = visitor.submit(**PERSON)[1].replace("/received/", "/status/")
    assert until(lambda: is_delivered(running))[0]
    with closing(sqlite3.connect(running.data / "portal.sqlite3", isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM contact_enquiry").fetchone()
        assert visitor.post(f"{status_page}withdraw/", {})[0] == 303
        assert traces(running, [PERSON["person"]])
        reader.execute("COMMIT")
        is_gone, seconds = until(lambda: not traces(running, PERSON.values()), AT_ONCE)
    assert is_gone, traces(running, PERSON.values())
    record_property("seconds until no trace was left", round(seconds, 1))


def test_nothing_of_a_person_is_left_while_enquiries_come_in(running, record_property):
    content = picture("PNG") + b"secret content of a file"
    file = SimpleUploadedFile(WRITTEN_LATER["file name"], content, "image/png")
    visitor = Visitor(running, 1)
    # The form comes back once, so that its file is kept before it belongs to the enquiry.
    page = visitor.submit(**PERSON | {"email": "nowhere"}, attachments=file)[2]
    again = {name: re.search(f'name="{name}" value="([^"]+)"', page)[1] for name in ("form_token", "kept")}
    status_page = visitor.submit(**PERSON | again)[1].replace("/received/", "/status/")
    later = picture("PNG") + b"secret content of a later file"
    later_file = SimpleUploadedFile(WRITTEN_LATER["later file name"], later, "image/png")
    message = {"text": WRITTEN_LATER["further message"], "attachment": later_file}
    assert visitor.post(status_page, message)[0] == 303
    running.manage("shell", "-v0", "-c", BY_STAFF)
    values = [*PERSON.values(), *WRITTEN_LATER.values(), content, later]
    values[values.index(PERSON["message"])] = PERSON["message"][:12]
    assert until(lambda: is_delivered(running))[0]
    found = {form for _name, form in traces(running, values)}
    assert {value if isinstance(value, bytes) else value.encode() for value in values} <= found
    # A kept connection may leave the last rows in the write-ahead log.
    found = {name.rpartition(".")[2].removesuffix("-wal") for name, _form in traces(running, values)}
    assert found >= {"sqlite3", "eml"}

    stop = Event()

    def keep_writing(number):
        other, sent = Visitor(running, number), 0
        while not stop.is_set():
            answers = dict.fromkeys(PERSON, f"nobody{number}-{sent}@college.example")
            assert other.submit(**answers | {"telephone": f"{number}{sent:09}"})[0] == 303
            sent += 1
        return sent

    with ThreadPoolExecutor(2) as others:
        sending = [others.submit(keep_writing, number) for number in (2, 3)]
        try:
            assert visitor.post(f"{status_page}withdraw/", {})[0] == 303
            is_gone, seconds = until(lambda: not traces(running, values), AT_ONCE)
        finally:
            stop.set()
        sent = sum(future.result() for future in sending)
    assert is_gone, traces(running, values)
    assert sent >= 2
    record_property("enquiries that came in meanwhile", sent)
    record_property("seconds until no trace was left", round(seconds, 1))
    page = visitor.request("GET", status_page)[2]
    assert "已撤回同意" in page
    assert "全部个人信息已于" in page
    assert re.fullmatch(r"\w{8} \S+Z\n", (running.data / "erased.txt").read_text())
    assert until(lambda: is_delivered(running))[0], "the mails of others are written, and stay"
