"""Attachments: detection of the type, private storage, errors of the form, and download by the desk."""

import os
import re
import time
from io import BytesIO
from pathlib import Path

import pytest
from django.contrib.auth.models import Permission
from django.core.files.storage import FileSystemStorage, Storage
from django.core.files.uploadedfile import SimpleUploadedFile, TemporaryUploadedFile
from django.urls import reverse
from django.utils.translation import override

from contact import attachments, retention
from contact.models import Attachment, Enquiry, Event, private_storage
from contact.visitor import forms
from portal import filetypes
from portal.models import User
from tests.contact.files import DISHONEST, HONEST, LARGE, PDF, picture
from tests.contact.steps import send

pytestmark = pytest.mark.django_db

PNG = picture("PNG")


def upload(name="plan.pdf", content=PDF, content_type="text/html"):
    return SimpleUploadedFile(name, content, content_type)


def kept():
    """Returns the names of the attachments in the private storage."""
    folder = Path(private_storage().path("attachments"))
    return sorted(f"attachments/{path.name}" for path in folder.iterdir()) if folder.exists() else []


def errors(response, language="en"):
    with override(language):
        return [str(error) for error in response.context["form"].errors["attachments"]]


@pytest.fixture
def sent(client, answers):
    """An Attachment that a visitor uploaded."""
    send(client, answers, attachments=[upload("合作 计划.exe")])
    return Attachment.objects.get()


@pytest.fixture
def desk(client):
    """A client that is logged in as staff with the permission to read enquiries only."""
    user = User.objects.create_user("desk", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_enquiry"))
    client.force_login(user)
    return client


# Types


@pytest.mark.parametrize("kind", HONEST)
def test_the_content_says_what_a_file_is(kind):
    content, content_type, ending = HONEST[kind]
    assert filetypes.content_type(BytesIO(content)) == content_type
    assert filetypes.TYPES[content_type] == ending


@pytest.mark.parametrize("kind", DISHONEST)
def test_what_is_of_no_such_type_is_refused_and_never_an_error(kind, monkeypatch):
    readings = []
    read = filetypes.Bounded.read

    def counted(self, size=-1):
        data = read(self, size)
        readings.append(len(data))
        return data

    monkeypatch.setattr(filetypes.Bounded, "read", counted)
    assert filetypes.content_type(BytesIO(DISHONEST[kind])) is None
    most = filetypes.PICTURE[0]
    assert len(readings) <= most / filetypes.Bounded.READING
    assert sum(readings) <= most


@pytest.mark.parametrize("kind", LARGE)
def test_an_honest_file_of_many_megabytes_is_what_it_is(kind):
    content = LARGE[kind]()
    assert len(content) > 18 * 1024 * 1024
    assert filetypes.content_type(BytesIO(content)) == HONEST[kind][1]


@pytest.mark.parametrize("size", [1, 10, 50])
def test_the_budget_of_a_file_follows_its_size(size, monkeypatch):
    spent = []
    read = filetypes.Bounded.read
    monkeypatch.setattr(filetypes.Bounded, "read", lambda self, size=-1: spent.append(1) or read(self, size))
    assert filetypes.content_type(BytesIO(b"\xff\xd8\xff" + bytes(size * 1024 * 1024))) is None
    assert 0 < len(spent) * filetypes.Bounded.READING <= max(16, 2 * size) * 1024 * 1024


@pytest.mark.parametrize("kind", ["Word", "Excel of 1997", "PNG", "JPEG", "PDF"])
def test_a_file_cut_or_spoilt_anywhere_is_no_error(kind):
    content = HONEST[kind][0]
    for place in range(0, len(content), max(1, len(content) // 60)):
        for faulty in (content[:place], content[:place] + b"\xff\xff\xff\xff" + content[place + 4 :]):
            assert filetypes.content_type(BytesIO(faulty)) in {None, HONEST[kind][1]}


# Storage


@pytest.mark.parametrize("kind", HONEST)
def test_each_type_is_stored_byte_for_byte_under_its_own_ending(client, answers, kind):
    content, content_type, ending = HONEST[kind]
    assert send(client, answers, attachments=[upload("plan.exe", content)]).status_code == 303
    attachment = Attachment.objects.get()
    assert (attachment.name, attachment.content_type) == (f"plan{ending}", content_type)
    assert attachment.size == len(content)
    assert attachment.file.read() == content
    assert attachment.enquiry == Enquiry.objects.get()
    assert kept() == [attachment.file.name]
    assert "plan" not in attachment.file.name


def test_three_files_are_taken(client, answers):
    send(client, answers, attachments=[upload("a.pdf", PDF + b"a"), upload("b.pdf", PDF + b"b"), upload("c.png", PNG)])
    assert [attachment.name for attachment in Attachment.objects.all()] == ["a.pdf", "b.pdf", "c.png"]


def test_a_large_file_is_moved_from_where_it_was_spooled(client, answers, settings, tmp_path):
    settings.FILE_UPLOAD_TEMP_DIR = tmp_path
    content = PDF + os.urandom(attachments.MAX_FILE_SIZE - len(PDF))
    assert send(client, answers, attachments=[upload("large.pdf", content)]).status_code == 303
    assert Attachment.objects.get().file.read() == content
    assert not list(tmp_path.glob("*.upload*"))


def test_no_file_is_read_whole(answers, monkeypatch):
    content = PDF + bytes(attachments.MAX_FILE_SIZE - len(PDF))
    file = TemporaryUploadedFile("large.pdf", "application/pdf", len(content), None)
    file.write(content)
    file.seek(0)
    largest = []
    read = file.file.read
    monkeypatch.setattr(file.file, "read", lambda size=-1: largest.append(size) or read(size))
    assert attachments.accept(file).content_type == "application/pdf"
    assert largest
    assert 0 < min(largest) <= max(largest) <= 64 * 1024


@pytest.mark.parametrize(
    ("name", "shown", "stored"),
    [
        ("plan.pdf", "plan.pdf", "plan.pdf"),
        ("PLAN.PDF", "PLAN.PDF", "PLAN.pdf"),
        ("plan.v2.docx", "plan.v2.docx", "plan.v2.pdf"),
        ("1.合作方案", "1.合作方案", "1.合作方案.pdf"),
        ("../../etc/passwd", "passwd", "passwd.pdf"),
        ("C:\\Users\\x\\计划.pdf", "计划.pdf", "计划.pdf"),
        ("a\u202efdp.exe", "afdp.exe", "afdp.pdf"),
        ("a\r\nSet-Cookie: x\x00\x7f.pdf", "a Set-Cookie: x.pdf", "a Set-Cookie: x.pdf"),
        ("<script>alert(1)<\u200bscript>.pdf", "<script>alert(1)<script>.pdf", "<script>alert(1)<script>.pdf"),
        ("合作\u3000计划.pdf", "合作 计划.pdf", "合作 计划.pdf"),
        ("…", "…", "….pdf"),
        (".pdf", "pdf", "pdf.pdf"),
        ("\u202e", "file", "file.pdf"),
        ("长" * 300 + ".pdf", "长" * 190 + "….pdf", "长" * 190 + "….pdf"),
        ("x" * 300, "x" * 199 + "…", "x" * 196 + ".pdf"),
    ],
)
def test_a_name_is_cleaned(name, shown, stored):
    file = upload()
    file._name = name
    with override("en"):
        taken = attachments.accept(file)
    assert (taken.name, taken.stored_name) == (shown, stored)
    assert len(taken.stored_name) <= 200


# The form


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "The file report.exe is empty"),
        (b"MZ", "The file report.exe is not a PDF, Word, Excel"),
        (PDF + bytes(attachments.MAX_FILE_SIZE), "The file report.exe is larger than 10 MB"),
    ],
)
def test_a_refused_file_is_named(client, answers, content, words):
    response = send(client, answers, "en", attachments=[upload("report.exe", content)])
    [error] = errors(response)
    assert error.startswith(words)
    assert response.content.decode().count(error) == 2
    assert 'href="#id_attachments"' in response.content.decode()
    assert not Enquiry.objects.exists()
    assert not kept()


def test_of_several_files_the_refused_and_the_others_are_named(client, answers):
    files = [upload("a.pdf"), upload("b.exe", b"MZ"), upload("c.png", PNG)]
    refused, again = errors(send(client, answers, "zh-hans", attachments=files, consent=None), "zh-hans")
    assert refused.startswith("附件“b.exe”不是PDF")
    assert again.startswith("请重新添加附件：a.pdf、c.png。")


@pytest.mark.parametrize("number", [4, 90])
def test_more_than_three_files_are_too_many(client, answers, number):
    files = [upload("a.pdf", PDF + bytes([each])) for each in range(number)]
    assert errors(send(client, answers, "en", attachments=files)) == ["Attach at most 3 files"]
    assert not Enquiry.objects.exists()


def test_more_files_than_are_read_are_a_page_that_says_so(client, answers):
    client.handler.enforce_csrf_checks = True
    response = send(client, answers, "en", attachments=[upload()] * 101)
    assert response.status_code == 400
    assert b"<h1>" in response.content


def test_each_file_has_an_input_that_offers_the_endings_of_all_types(client):
    text = client.get("/en/contact/").content.decode()
    assert text.count('type="file"') == attachments.MAX_FILES
    endings = set(re.findall('accept="([^"]*)"', text).pop().split(","))
    assert endings == {*filetypes.TYPES.values(), ".jpeg"}


@pytest.mark.parametrize("changes", [{"person": None}, {"form_token": None}, {"remarks": "x"}])
def test_without_consent_a_form_that_comes_back_asks_for_its_files_again(client, answers, changes):
    files = [upload("a.pdf"), upload("b.png", PNG)]
    response = send(client, answers, "en", attachments=files, consent=None, **changes)
    [again] = errors(response)
    assert again.startswith("Attach again: a.pdf, b.png. Without your consent")
    assert response.content.decode().count(again) == 2
    assert not kept()


def test_a_form_without_its_token_asks_for_its_files_again(client, answers):
    client.handler.enforce_csrf_checks = True
    files = [upload("a.pdf"), upload("b.exe", b"MZ")]
    response = send(client, answers, "en", attachments=files, consent=None)
    assert response.status_code == 403
    refused, again = errors(response)
    assert refused.startswith("The file b.exe is not a PDF")
    assert again.startswith("Attach again: a.pdf.")
    assert "has not been stored yet" in response.content.decode()


def test_a_form_that_comes_back_without_files_does_not_speak_of_them(client, answers):
    response = send(client, answers, "en", person=None)
    assert list(response.context["form"].errors) == ["person"]


def test_a_hostile_name_is_shown_as_text(client, answers):
    response = send(client, answers, "en", attachments=[upload("<script>alert(1)<\u202escript>.exe", b"MZ")])
    text = response.content.decode()
    assert "The file &lt;script&gt;alert(1)&lt;script&gt;.exe is not a PDF" in text
    assert "<script>alert" not in text
    assert "\u202e" not in text


def test_a_text_instead_of_a_file_is_no_file(client, answers):
    assert send(client, answers, attachments="plan.pdf").status_code == 303
    assert not Attachment.objects.exists()


# Each file is stored once, or none is


def test_the_same_form_with_the_same_files_is_one_enquiry(client, answers):
    first = send(client, answers, attachments=[upload("a.pdf"), upload("b.png", PNG)])
    second = send(client, answers, attachments=[upload("b.png", PNG), upload("a.pdf")])
    assert first.headers["Location"] == second.headers["Location"]
    assert Attachment.objects.count() == len(kept()) == 2


def test_the_same_answers_with_other_files_are_another_enquiry(client, answers):
    for files in ([], [upload()], [upload(content=PDF + b"\n")], [upload(), upload("b.png", PNG)]):
        assert send(client, answers, attachments=files).status_code == 303
    assert Enquiry.objects.count() == 4
    assert len(kept()) == 4


def test_a_file_chosen_twice_is_stored_once(client, answers):
    send(client, answers, attachments=[upload("a.pdf"), upload("copy.pdf")])
    assert Attachment.objects.get().name == "a.pdf"
    assert len(kept()) == 1


def test_of_two_forms_at_once_one_is_stored(client, answers, monkeypatch):
    first = send(client, answers, attachments=[upload()])
    sent_before = forms.EnquiryForm.sent_before
    looked = []
    monkeypatch.setattr(forms.EnquiryForm, "stored", lambda form: None)
    monkeypatch.setattr(
        forms.EnquiryForm,
        "sent_before",
        lambda form: looked.append(1) or (sent_before(form) if len(looked) > 1 else None),
    )
    second = send(client, answers, attachments=[upload()])
    assert first.headers["Location"] == second.headers["Location"]
    assert len(looked) == 2
    assert Attachment.objects.count() == len(kept()) == 1


def test_a_transaction_that_fails_takes_its_files_with_it(client, answers, monkeypatch):
    seen = []

    def fail(*args, **kwargs):
        seen.extend(kept())
        raise RuntimeError

    monkeypatch.setattr("contact.mail.messages.mail.send", fail)
    client.raise_request_exception = False
    assert send(client, answers, attachments=[upload(), upload("b.png", PNG)]).status_code == 500
    assert len(seen) == 2
    assert not Enquiry.objects.exists()
    assert not kept()


def test_a_disk_that_fills_up_leaves_nothing(client, answers, monkeypatch):
    monkeypatch.setattr(attachments, "fsync", lambda file: 1 / (len(kept()) - 2))
    client.raise_request_exception = False
    files = [upload(), upload("b.png", PNG)]
    assert send(client, answers, attachments=files).status_code == 500
    assert not Enquiry.objects.exists()
    assert not kept()


def test_files_are_on_the_disk_before_the_enquiry_is_stored(client, answers, monkeypatch):
    order = []
    fsync, save = os.fsync, Enquiry.save
    monkeypatch.setattr(os, "fsync", lambda fd: order.append(Path(f"/proc/self/fd/{fd}").readlink()) or fsync(fd))
    monkeypatch.setattr(Enquiry, "save", lambda self, **options: order.append("row") or save(self, **options))
    send(client, answers, attachments=[upload()])
    path = Path(Attachment.objects.get().file.path)
    assert order == [path, *path.parents[:3], "row"]


def test_a_storage_without_paths_is_not_synced(monkeypatch):
    class Remote(Storage):
        def _save(self, name, content):
            stored[name] = content.read()
            return name

        def exists(self, name):
            return name in stored

    stored = {}
    monkeypatch.setattr(Attachment._meta.get_field("file"), "storage", Remote())
    [attachment] = attachments.store(Enquiry(), [attachments.accept(upload())])
    assert stored == {attachment.file.name: PDF}


# Removal


def test_the_files_of_erased_enquiries_alone_are_removed(client, answers, sent):
    send(client, answers, message="Another", attachments=[upload()])
    other = Attachment.objects.exclude(pk=sent.pk).get()
    attachments.remove_erased()
    assert len(kept()) == 2
    retention.erase(sent.enquiry)
    attachments.remove_erased()
    assert Attachment.objects.get() == other
    assert kept() == [other.file.name]


def test_a_file_that_cannot_be_removed_is_tried_again(client, answers, sent, monkeypatch):
    send(client, answers, message="Another", attachments=[upload()])
    for enquiry in Enquiry.objects.all():
        retention.erase(enquiry)
    delete = FileSystemStorage.delete

    def refuse(storage, name):
        if name == sent.file.name:
            raise PermissionError
        delete(storage, name)

    with monkeypatch.context() as broken:
        broken.setattr(FileSystemStorage, "delete", refuse)
        attachments.remove_erased()
    [left] = Attachment.objects.all()
    assert (left.pk, left.name) == (sent.pk, "")
    assert kept() == [sent.file.name]
    attachments.remove_erased()
    assert not Attachment.objects.exists()
    assert not kept()


def test_a_file_is_removed_once(sent, monkeypatch, django_capture_on_commit_callbacks):
    """Django-cleanup removes the files of other models."""
    removed = []
    monkeypatch.setattr(sent.file.storage, "delete", removed.append)
    with django_capture_on_commit_callbacks(execute=True):
        retention.erase(sent.enquiry)
    assert removed == [sent.file.name]


def test_orphans_go_after_an_hour(sent):
    storage = private_storage()
    folder = Path(storage.path("attachments"))
    for name, hours in [("fresh", 0), ("recent", 0.9), ("orphan", 1.1), (Path(sent.file.name).name, 700)]:
        (folder / name).touch()
        os.utime(folder / name, (time.time() - hours * 3600,) * 2)
    Path(storage.path("elsewhere")).touch()
    os.utime(storage.path("elsewhere"), (0, 0))
    assert attachments.remove_orphans() == 1
    assert kept() == sorted([sent.file.name, "attachments/fresh", "attachments/recent"])
    assert storage.exists("elsewhere")


def test_where_no_file_was_ever_sent_there_are_no_orphans():
    assert attachments.remove_orphans() == 0


# The desk


def test_the_desk_fetches_a_file_and_that_is_logged(desk, sent):
    response = desk.get(f"/admin/contact/enquiry/attachments/{sent.pk}/")
    assert b"".join(response.streaming_content) == PDF
    assert response.headers["Content-Type"] == "application/pdf"
    assert response.headers["Content-Disposition"] == (
        "attachment; filename*=utf-8''%E5%90%88%E4%BD%9C%20%E8%AE%A1%E5%88%92.pdf"
    )
    assert response.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Cache-Control"] == "private, no-store"
    event = sent.enquiry.events.last()
    assert (event.kind, event.actor.username, event.detail) == (Event.Kind.FETCHED, "desk", "application/pdf")


def test_nobody_else_fetches_it(client, sent):
    address = reverse("admin:contact_attachment", args=[sent.pk])
    for user in (None, User.objects.create_user("visitor")):
        if user:
            client.force_login(user)
        response = client.get(address)
        assert response.status_code == 302
        assert response.headers["Location"] == f"/admin/login/?next={address}"
    client.force_login(User.objects.create_user("editor", is_staff=True))
    assert client.get(address).status_code == 403
    assert not sent.enquiry.events.filter(kind=Event.Kind.FETCHED).exists()


@pytest.mark.parametrize("method", ["post", "head", "put", "delete"])
def test_fetching_is_all_that_can_be_done(desk, sent, method):
    assert getattr(desk, method)(f"/admin/contact/enquiry/attachments/{sent.pk}/").status_code == 405


@pytest.mark.parametrize("number", [0, 999_999, 10**30])
def test_a_number_of_no_file_is_a_page_that_says_so(desk, number):
    assert desk.get(f"/admin/contact/enquiry/attachments/{number}/").status_code == 404


def test_a_file_that_is_gone_is_a_page_that_says_so(desk, sent):
    Path(sent.file.path).unlink()
    response = desk.get(f"/admin/contact/enquiry/attachments/{sent.pk}/")
    assert response.status_code == 404
    assert "文件缺失" in response.content.decode()
    assert sent.enquiry.reference in response.content.decode()
    assert not sent.enquiry.events.filter(kind=Event.Kind.FETCHED).exists()


@pytest.mark.parametrize("folder", ["media", "static", "private", "en"])
def test_no_public_address_leads_to_a_file(client, sent, folder):
    for name in (sent.file.name, Path(sent.file.name).name, f"../private/{sent.file.name}", sent.name):
        assert client.get(f"/{folder}/{name}", follow=True).status_code == 404
