"""Mails as files: one for each mail, until the mail is emptied."""

from email import message_from_bytes, policy

import pytest
from django.core.mail import EmailMessage
from django.utils import timezone
from post_office import mail
from post_office.models import STATUS, Email

from contact import erased_list, retention
from contact.mail import delivery, files
from contact.models import Enquiry
from tests.contact.steps import send

pytestmark = pytest.mark.django_db


def queue(address="one@example.com"):
    return mail.send(address, subject="Good day", message="Good day")


def written(settings):
    return sorted(path.name for path in settings.EMAIL_FILE_PATH.glob("*"))


def message(message_id):
    return EmailMessage("Good day", "Good day", "a@example.com", ["b@example.com"], headers={"Message-ID": message_id})


def test_each_mail_is_a_file_that_nobody_else_reads(settings):
    queued = [queue("one@example.com"), queue("two@example.com")]
    while delivery.deliver():
        pass
    assert written(settings) == sorted(f"{email.message_id.strip('<>')}.eml" for email in queued)
    for email in queued:
        path = files.path_of(email.message_id)
        assert path.stat().st_mode & 0o777 == 0o600
        assert message_from_bytes(path.read_bytes(), policy=policy.default)["To"] == email.to[0]
        email.refresh_from_db()
        assert email.status == STATUS.sent
    assert settings.EMAIL_FILE_PATH.stat().st_mode & 0o777 == 0o700


def test_a_mail_sent_again_replaces_its_file(settings):
    queued = queue()
    for subject in ("First", "Second"):
        Email.objects.filter(pk=queued.pk).update(status=STATUS.queued, subject=subject)
        assert delivery.deliver() == 1
    assert len(written(settings)) == 1
    assert b"Subject: Second" in files.path_of(queued.message_id).read_bytes()


@pytest.mark.parametrize("message_id", ["<../../x@example.com>", "</etc/passwd>", "<a\x00b>", f"<{'x' * 900}>", "<.>"])
def test_no_message_id_leads_out_of_the_folder(settings, message_id):
    path = files.path_of(message_id)
    assert path.parent == settings.EMAIL_FILE_PATH
    assert len(path.name) < 255
    files.EmailBackend().send_messages([message(message_id.replace("\x00", ""))])
    assert len(written(settings)) == 1


def test_erasing_deletes_the_files_of_that_enquiry_alone(client, answers, settings):
    send(client, answers, "en")
    other = queue()
    while delivery.deliver():
        pass
    assert len(written(settings)) == 3
    retention.erase(Enquiry.objects.get())
    assert written(settings) == [files.path_of(other.message_id).name]


def test_a_mail_that_is_being_sent_while_its_enquiry_is_erased_leaves_no_file(client, answers, settings, monkeypatch):
    send(client, answers, "en")
    enquiry, other = Enquiry.objects.get(), queue()
    while delivery.deliver():
        pass
    on_its_way = [email.email_message() for email in enquiry.mails.all()]

    def send_late(**options):
        retention.erase(enquiry)
        erased_list.add([(enquiry.reference, timezone.now())])
        return files.EmailBackend().send_messages(on_its_way), 0, 0

    monkeypatch.setattr(delivery, "send_queued", send_late)
    assert delivery.deliver() == 2
    assert written(settings) == [files.path_of(other.message_id).name]


def test_where_no_mail_was_written_there_are_no_orphans():
    files.delete_orphans()


def test_files_of_the_version_before_go_with_the_first_erasure(client, answers, settings):
    settings.EMAIL_FILE_PATH.mkdir(exist_ok=True)
    (settings.EMAIL_FILE_PATH / "20261128-093000-140001.log").write_text("To: zhang@example.com")
    files.delete_orphans()
    assert written(settings) == []
