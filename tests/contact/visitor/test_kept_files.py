"""Files of a form that comes back are kept for an hour, for the visitor's own browser alone."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import DatabaseError, connection
from django.test import Client
from django.utils import timezone
from django.utils.module_loading import import_string
from django.utils.translation import override

from contact import attachments, retention
from contact.models import Attachment, Enquiry, KeptFile, private_storage
from contact.visitor import forms, kept_files, rate_limits
from portal.models import Page
from portal.uploads import ORPHANS_AFTER
from tests.contact.databases import away, on_file
from tests.contact.files import PDF
from tests.contact.steps import form_token, send

pytestmark = pytest.mark.django_db

on_sqlite = pytest.mark.skipif(connection.vendor != "sqlite", reason="only SQLite is a file that can be gone")


def upload(name="plan.pdf", content=PDF):
    return SimpleUploadedFile(name, content)


def come_back(client, answers, *files, **changes):
    """Submits the form without a contact person, unless `changes` hold another fault. Returns the response."""
    return send(client, answers, "en", attachments=files, **(changes or {"person": None}))


def hidden(response):
    """Returns the fields that the form holds for the next attempt: its token and its kept files."""
    page = BeautifulSoup(response.content, "html.parser")
    return {
        "form_token": page.select_one("[name=form_token]")["value"],
        "kept": [field["value"] for field in page.select("[name=kept]")],
    }


def listed(response):
    """Returns the kept files as the page lists them."""
    page = BeautifulSoup(response.content, "html.parser")
    return [item.span.text.replace("\xa0", " ") for item in page.select(".kept-file")]


def errors(response):
    with override("en"):
        return [str(error) for error in response.context["form"].errors.get("attachments", [])]


def stored_files():
    """Returns the contents of all files in the private storage."""
    folder = Path(private_storage().location)
    return sorted(path.read_bytes() for path in folder.rglob("*") if path.is_file())


def names():
    return [attachment.name for attachment in Attachment.objects.all()]


LOST = "The form does not have what you chose before."
NO_CONSENT = "Without your consent, the form keeps no files."


def assert_asked_again(response, *file_names, why=LOST):
    assert errors(response) == [f"Attach again: {', '.join(file_names)}. {why}"]
    assert listed(response) == []
    assert not KeptFile.objects.exists()
    assert not stored_files()


def test_files_that_were_in_order_need_not_be_chosen_again(client, answers):
    response = come_back(client, answers, upload("计划.pdf"), upload("other.exe", b"MZ"), upload("b.pdf", PDF + b"b"))
    assert listed(response) == [f"计划.pdf ({len(PDF)} bytes)", f"b.pdf ({len(PDF) + 1} bytes)"]
    assert [error.partition(",")[0] for error in errors(response)] == ["The file other.exe is not a PDF"]
    taken = {row.file.name for row in KeptFile.objects.all()}
    response = send(client, answers, "en", **hidden(response))
    assert response.status_code == 303
    assert names() == ["计划.pdf", "b.pdf"]
    assert stored_files() == [PDF, PDF + b"b"]
    assert {attachment.file.name for attachment in Attachment.objects.all()} == taken
    assert not KeptFile.objects.exists()


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"email": "no address"}, 200),
        ({"form_token": None}, 200),
        ({"form_token": "made-up"}, 200),
        ({"remarks": "x"}, 200),
    ],
)
def test_they_are_kept_whatever_the_fault_was(client, answers, changes, status):
    response = come_back(client, answers, upload(), **changes)
    assert response.status_code == status
    assert listed(response) == [f"plan.pdf ({len(PDF)} bytes)"]
    again = hidden(response)
    if "form_token" in changes:
        # The time trap holds for a token that was not the portal's.
        again |= hidden(send(client, answers, "en", **again))
    assert send(client, answers, "en", **again).status_code == 303
    assert names() == ["plan.pdf"]


@pytest.mark.parametrize("age", [0, 2, forms.MAX_FORM_AGE + 60])
def test_they_are_kept_in_a_form_that_was_too_quick_or_too_old(client, answers, time_machine, age):
    time_machine.move_to(timezone.now(), tick=False)
    response = come_back(client, answers, upload(), form_token=form_token(age))
    assert response.status_code == 200
    assert send(client, answers, "en", **hidden(response)).status_code == 303
    assert names() == ["plan.pdf"]


def test_they_are_kept_in_a_form_whose_cookie_was_lost(client, answers):
    client.handler.enforce_csrf_checks = True
    response = come_back(client, answers, upload(), person="张三")
    assert response.status_code == 403
    token = str(response.context["csrf_token"])
    assert send(client, answers, "en", csrfmiddlewaretoken=token, **hidden(response)).status_code == 303
    assert names() == ["plan.pdf"]


def test_they_are_kept_in_a_form_that_was_refused_by_a_rate_limit(client, answers, monkeypatch):
    with monkeypatch.context() as limited:
        limited.setattr(rate_limits, "ENQUIRIES", rate_limits.Limit("enquiry", 0, 0))
        rate_limits.RateSalt.objects.create(day=timezone.localdate())
        limited.setattr("contact.visitor.views.rate_limits.is_reached", lambda request, limit: limit.name == "enquiry")
        response = come_back(client, answers, upload(), person="张三")
    assert response.status_code == 429
    assert send(client, answers, "en", **hidden(response)).status_code == 303
    assert names() == ["plan.pdf"]


def test_they_go_with_the_fresh_token_of_a_form_that_was_already_sent(client, answers):
    token = form_token()
    client.get("/en/contact/")
    assert send(client, answers, "en", form_token=token).status_code == 303
    # The faulty form keeps its file under the nonce that was used; its correction gets another one.
    faulty = come_back(client, answers, upload(), form_token=token, person=None)
    response = send(client, answers, "en", message="Another", **hidden(faulty))
    assert response.status_code == 409
    assert listed(response) == [f"plan.pdf ({len(PDF)} bytes)"]
    assert send(client, answers, "en", message="Another", **hidden(response)).status_code == 303
    assert names() == ["plan.pdf"]
    assert not KeptFile.objects.exists()


# Nobody else finds them


def test_another_browser_with_the_same_form_finds_nothing(client, answers):
    again = hidden(come_back(client, answers, upload()))
    other = Client()
    other.get("/en/contact/")
    for browser in (other, Client()):
        response = send(browser, answers, "en", **again)
        assert response.status_code == 200
        assert errors(response) == [
            f"Attach again: plan.pdf. {LOST}",
        ]
        assert listed(response) == []
    assert not Enquiry.objects.exists()
    assert send(client, answers, "en", **again).status_code == 303


@pytest.mark.parametrize("token", [None, "", "made-up", "fresh"])
def test_the_same_browser_with_another_form_finds_nothing(client, answers, token):
    again = hidden(come_back(client, answers, upload()))
    again["form_token"] = form_token() if token == "fresh" else token
    response = send(client, answers, "en", **again)
    assert listed(response) == []
    assert not Enquiry.objects.exists()
    assert KeptFile.objects.count() == 1


@pytest.mark.parametrize("line", ["", "x", "plan.pdf", f"{'0' * 64}", f"{'0' * 64} ", f"{'G' * 64} plan.pdf", "\x00"])
def test_what_is_no_list_of_kept_files_lists_none(client, answers, line):
    assert send(client, answers, kept=[line]).status_code == 303
    assert not Attachment.objects.exists()


def test_no_row_holds_what_the_visitor_typed_or_the_cookie(client, answers):
    response = come_back(client, answers, upload("秘密计划.pdf"), person=None, organisation="秘密学院")
    row = str(KeptFile.objects.values_list().get())
    token = forms.signing.loads(hidden(response)["form_token"], salt=forms.FORM_SALT)[0]
    for secret in ("秘密", "plan", token, client.cookies["csrftoken"].value):
        assert secret not in row


def test_no_address_leads_to_a_kept_file(client, answers):
    come_back(client, answers, upload())
    row = KeptFile.objects.get()
    for folder in ("media", "static", "private", "en"):
        for name in (row.file.name, Path(row.file.name).name, f"../private/{row.file.name}"):
            assert client.get(f"/{folder}/{name}", follow=True).status_code == 404


# Consent, limits and choice


def test_without_consent_nothing_is_kept(client, answers):
    response = come_back(client, answers, upload(), upload("b.pdf", PDF + b"b"), consent=None)
    assert_asked_again(response, "plan.pdf", "b.pdf", why=NO_CONSENT)


def test_consent_that_is_taken_back_removes_what_was_kept(client, answers, django_capture_on_commit_callbacks):
    again = hidden(come_back(client, answers, upload()))
    with django_capture_on_commit_callbacks(execute=True):
        response = send(client, answers, "en", consent=None, **again)
    assert_asked_again(response, "plan.pdf", why=NO_CONSENT)


def test_a_kept_file_that_is_left_out_is_not_sent_and_removed(client, answers, django_capture_on_commit_callbacks):
    again = hidden(come_back(client, answers, upload(), upload("b.pdf", PDF + b"b")))
    unwanted = again["kept"][0].partition(" ")[0]
    with django_capture_on_commit_callbacks(execute=True):
        response = send(client, answers, "en", person=None, leave_out=unwanted, **again)
    assert listed(response) == [f"b.pdf ({len(PDF) + 1} bytes)"]
    assert stored_files() == [PDF + b"b"]
    with django_capture_on_commit_callbacks(execute=True):
        unwanted = again["kept"][1].partition(" ")[0]
        assert send(client, answers, "en", leave_out=unwanted, **hidden(response)).status_code == 303
    assert not Attachment.objects.exists()
    assert not stored_files()


def test_a_file_chosen_again_is_sent_once(client, answers):
    again = hidden(come_back(client, answers, upload()))
    assert send(client, answers, "en", attachments=[upload("copy.pdf")], **again).status_code == 303
    assert names() == ["plan.pdf"]
    assert stored_files() == [PDF]


def test_kept_and_new_files_are_counted_together(client, answers):
    again = hidden(come_back(client, answers, upload(), upload("b.pdf", PDF + b"b")))
    more = [upload("c.pdf", PDF + b"c"), upload("d.pdf", PDF + b"d")]
    response = send(client, answers, "en", attachments=more, **again)
    assert errors(response) == ["Attach at most 3 files. Left out: d.pdf"]
    assert [name.partition(" ")[0] for name in listed(response)] == ["plan.pdf", "b.pdf", "c.pdf"]
    assert send(client, answers, "en", **hidden(response)).status_code == 303
    assert names() == ["plan.pdf", "b.pdf", "c.pdf"]


def test_what_does_not_fit_into_the_store_is_asked_for_again(client, answers, monkeypatch):
    monkeypatch.setattr(kept_files, "MAX_TOTAL", 2 * len(PDF) + 1)
    come_back(Client(), answers, upload())
    response = come_back(client, answers, upload(), upload("b.pdf", PDF + b"b"))
    assert errors(response) == [f"Attach again: b.pdf. {LOST}"]
    assert listed(response) == [f"plan.pdf ({len(PDF)} bytes)"]
    assert stored_files() == [PDF, PDF]


def test_the_store_holds_500_megabytes_and_no_network_fills_it():
    assert kept_files.MAX_TOTAL == 500 * 1024 * 1024
    assert rate_limits.KEPT_FILES.per_network * attachments.MAX_FILE_SIZE < kept_files.MAX_TOTAL


def test_simultaneous_forms_do_not_exceed_the_total(committed, monkeypatch):
    monkeypatch.setattr(kept_files, "MAX_TOTAL", 100)

    def reserve(number):
        row = kept_files.reserve("key", attachments.Upload(None, "plan.pdf", "application/pdf", str(number), 9))
        connection.close()
        return row is not None

    with ThreadPoolExecutor(4) as visitors:
        assert sum(visitors.map(reserve, range(40))) == 11
    assert KeptFile.objects.count() == 11


def test_one_address_keeps_only_so_many_files_an_hour(client, answers, monkeypatch):
    monkeypatch.setattr(rate_limits, "KEPT_FILES", rate_limits.Limit("kept file", 2, 2))
    response = come_back(client, answers, *(upload(f"{name}.pdf", PDF + name.encode()) for name in "abc"))
    assert errors(response) == [f"Attach again: c.pdf. {LOST}"]
    # What is kept already costs nothing more.
    assert len(listed(send(client, answers, "en", person=None, **hidden(response)))) == 2
    assert listed(come_back(Client(), answers, upload("d.pdf", PDF + b"d"))) == []


# Failures


@pytest.mark.parametrize(
    ("place", "error"),
    [
        ("contact.visitor.kept_files.fsync", OSError),
        ("django.core.files.storage.FileSystemStorage.save", OSError),
        ("contact.models.KeptFile.save", DatabaseError),
        ("contact.visitor.kept_files.prolong", DatabaseError),
    ],
)
def test_a_store_that_fails_asks_for_the_files_again(
    client, answers, monkeypatch, caplog, django_capture_on_commit_callbacks, place, error
):
    def fail(*args, **kwargs):
        raise error("no room")

    monkeypatch.setattr(place, fail)
    with django_capture_on_commit_callbacks(execute=True):
        response = come_back(client, answers, upload("秘密.pdf"))
    assert response.status_code == 200
    assert_asked_again(response, "秘密.pdf")
    assert "could not be kept" in caplog.text
    assert "秘密" not in caplog.text


@pytest.mark.parametrize("error", [DatabaseError, OSError])
def test_an_enquiry_that_cannot_be_stored_comes_back_with_the_files_that_were_kept(client, answers, monkeypatch, error):
    def fail(*args, **kwargs):
        raise error("no room")

    again = hidden(come_back(client, answers, upload()))
    with monkeypatch.context() as broken:
        broken.setattr("contact.models.Enquiry.save", fail)
        response = send(client, answers, "en", attachments=[upload("b.pdf", PDF + b"b")], **again)
    assert response.status_code == 503
    assert listed(response) == [f"plan.pdf ({len(PDF)} bytes)"]
    assert errors(response) == [f"Attach again: b.pdf. {LOST}"]
    assert send(client, answers, "en", **hidden(response)).status_code == 303
    assert names() == ["plan.pdf"]


@on_sqlite
def test_kept_files_outlive_an_outage_of_the_database(client, answers, tmp_path):
    with on_file(tmp_path / "portal.sqlite3") as file:
        again = hidden(come_back(client, answers, upload()))
        with away(file):
            response = send(client, answers, "en", attachments=[upload("b.pdf", PDF + b"b")], **again)
            assert response.status_code == 503
            assert listed(response) == ["plan.pdf"]
            assert errors(response) == [f"Attach again: b.pdf. {LOST}"]
        assert send(client, answers, "en", **hidden(response)).status_code == 303
        assert names() == ["plan.pdf"]


# Their time


def test_after_an_hour_they_are_asked_for_again_and_the_worker_removes_them(
    client, answers, time_machine, settings, django_capture_on_commit_callbacks
):
    time_machine.move_to(timezone.now(), tick=False)
    again = hidden(come_back(client, answers, upload()))
    time_machine.shift(timedelta(minutes=59))
    kept_files.remove_expired()
    # The form comes back once more, and an hour begins anew.
    again = hidden(send(client, answers, "en", person=None, **again))
    assert len(again["kept"]) == 1
    time_machine.shift(timedelta(minutes=61))
    chore = "contact.visitor.kept_files.remove_expired"
    assert chore in settings.WORKER_CHORES
    with django_capture_on_commit_callbacks(execute=True):
        import_string(chore)()
    assert not KeptFile.objects.exists()
    assert not stored_files()
    response = send(client, answers, "en", **again)
    assert errors(response) == [f"Attach again: plan.pdf. {LOST}"]
    assert not Enquiry.objects.exists(), "an enquiry without the file that the visitor was told of"


def test_a_file_whose_hour_is_over_is_not_sent_before_the_worker_removes_it(client, answers, time_machine):
    time_machine.move_to(timezone.now(), tick=False)
    again = hidden(come_back(client, answers, upload()))
    time_machine.shift(timedelta(minutes=61))
    assert errors(send(client, answers, "en", **again))
    assert not Enquiry.objects.exists()


def test_a_file_that_was_prolonged_meanwhile_is_not_removed(client, answers):
    come_back(client, answers, upload())
    KeptFile.objects.update(kept_until=timezone.now() - timedelta(minutes=1))
    expired = KeptFile.objects.filter(kept_until__lte=timezone.now())
    KeptFile.objects.update(kept_until=timezone.now() + timedelta(hours=1))
    kept_files.remove(expired)
    assert KeptFile.objects.count() == 1


def test_a_file_without_its_row_is_an_orphan_and_one_with_its_row_is_none(client, answers, time_machine):
    come_back(client, answers, upload(), upload("b.pdf", PDF + b"b"))
    KeptFile.objects.filter(size=len(PDF)).delete()
    time_machine.move_to(timezone.now() + ORPHANS_AFTER + timedelta(minutes=1), tick=False)
    assert attachments.remove_orphans() == 1
    assert stored_files() == [PDF + b"b"]


def test_a_file_that_vanished_from_the_disk_is_asked_for_again(client, answers):
    again = hidden(come_back(client, answers, upload()))
    Path(KeptFile.objects.get().file.path).unlink()
    response = send(client, answers, "en", **again)
    assert errors(response) == [f"Attach again: plan.pdf. {LOST}"]
    assert not Enquiry.objects.exists()


# Several attempts at once


def test_a_second_click_on_a_form_with_kept_files_leads_to_the_same_receipt(client, answers):
    again = hidden(come_back(client, answers, upload()))
    first, second = (send(client, answers, "en", **again) for _click in range(2))
    assert first.headers["Location"] == second.headers["Location"]
    assert (Enquiry.objects.count(), names(), stored_files()) == (1, ["plan.pdf"], [PDF])


def test_a_form_with_kept_files_that_was_sent_comes_back_with_other_answers(client, answers):
    again = hidden(come_back(client, answers, upload()))
    send(client, answers, "en", **again)
    response = send(client, answers, "en", message="Another", **again)
    assert response.status_code == 409
    assert errors(response) == [f"Attach again: plan.pdf. {LOST}"]
    assert stored_files() == [PDF]


def test_two_tabs_with_the_same_form_keep_their_own_files(client, answers):
    token = form_token()
    one, two = (
        hidden(come_back(client, answers, upload(f"{name}.pdf", PDF + name.encode()), person=None, form_token=token))
        for name in "ab"
    )
    assert send(client, answers, "en", **one).status_code == 303
    assert names() == ["a.pdf"]
    assert errors(send(client, answers, "en", message="Another", **two)), "the form is good for one enquiry"


def test_of_two_simultaneous_posts_one_gets_the_file_and_neither_loses_it(client, answers, monkeypatch):
    """The other post commits after this one has found its kept file and before this one takes it."""
    again = hidden(come_back(client, answers, upload()))
    store = forms.store

    def store_later(*args):
        KeptFile.objects.all().delete()
        return store(*args)

    monkeypatch.setattr(forms, "store", store_later)
    response = send(client, answers, "en", attachments=[upload("b.pdf", PDF + b"b")], **again)
    assert response.status_code == 200
    [error] = errors(response)
    assert error.startswith("Attach again: plan.pdf")
    assert not Enquiry.objects.exists()
    assert PDF in stored_files(), "it belongs to the other post"


def test_a_transaction_that_fails_leaves_the_kept_file_kept(client, answers, monkeypatch):
    def fail(*args, **kwargs):
        raise RuntimeError

    again = hidden(come_back(client, answers, upload()))
    client.raise_request_exception = False
    with monkeypatch.context() as broken:
        broken.setattr("contact.mail.messages.mail.send", fail)
        assert send(client, answers, "en", attachments=[upload("b.pdf", PDF + b"b")], **again).status_code == 500
    assert stored_files() == [PDF]
    assert send(client, answers, "en", **again).status_code == 303
    assert names() == ["plan.pdf"]


# What is said of them


def test_nothing_of_a_kept_file_is_left_when_its_enquiry_is_erased(client, answers, django_capture_on_commit_callbacks):
    again = hidden(come_back(client, answers, upload()))
    send(client, answers, "en", **again)
    with django_capture_on_commit_callbacks(execute=True):
        retention.erase(Enquiry.objects.get())
    assert not stored_files()
    assert not KeptFile.objects.exists()


@pytest.mark.parametrize(("language", "words"), [("en", "kept for an hour"), ("zh-hans", "暂存一小时")])
def test_the_form_and_the_privacy_notice_say_how_long_they_are_kept(client, answers, language, words):
    response = send(client, answers, language, person=None, attachments=[upload()])
    assert words in response.content.decode()
    assert words in client.get(f"/{language}/privacy/").content.decode()
    assert timedelta(hours=1) == kept_files.KEPT_FOR
    assert Page.objects.filter(slug="privacy").exists()


def test_a_choice_to_leave_a_file_out_is_described_by_its_name(client, answers):
    page = BeautifulSoup(come_back(client, answers, upload("<b>计划.pdf")).content, "html.parser")
    [choice] = page.select("[name=leave_out]")
    assert page.select_one(f"label[for={choice['id']}]").text == "Do not send this file"
    assert page.select_one(f"#{choice['aria-describedby']}").text.startswith("<b>计划.pdf (")
