"""
The sample enquiries of the demonstration, from portal/demo_content/enquiries.toml.

They are made with the functions that visitors, staff and the worker use, while the clock shows the time of each step.
So they obey every rule, and their dates fit together.
"""

from contextlib import contextmanager
from datetime import timedelta
from unittest.mock import patch

from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management.base import CommandError
from django.http import QueryDict
from django.utils import timezone
from django.utils.datastructures import MultiValueDict
from django.utils.translation import gettext, override
from post_office.models import STATUS, Email

from contact.attachments import accept
from contact.desk import actions
from contact.mail.delivery import PermanentRefusal, deliver, settle_failures
from contact.models import State
from contact.retention import erase
from contact.visitor.forms import EnquiryForm, new_form_token
from contact.visitor.status import store_message, withdraw_consent
from portal.management.demo_files import WRITERS

REFUSAL = "550 5.1.1 Mailbox does not exist"
# The steps of the visitor and of the worker. All others are those of staff, who look at the enquiry first.
STEPS_OF_OTHERS = ("message", "withdraw", "close_by_portal")


@contextmanager
def clock_at(moment):
    """A context manager in which timezone.now() is `moment` (aware), for the whole process."""
    with patch("django.utils.timezone.now", return_value=moment):
        yield


def make_enquiries(entries: list[dict], staff: dict):
    """
    Submits each of `entries` and takes its steps. `staff` are the users that steps name.

    Mails are written to files at once. Raises CommandError, which names the enquiry, if the form refuses an entry.
    """
    now, made = timezone.now(), {}
    for number, entry in enumerate(entries):
        day = timezone.localtime(now) - timedelta(days=entry["days"])
        begin = day.replace(hour=8 + number % 4, minute=number * 17 % 60, second=0, microsecond=0)
        with clock_at(min(begin, now)):
            enquiry = submit(entry, number)
            write_mails()
        if "key" in entry:
            made[entry["key"]] = enquiry
        for place, step in enumerate(entry.get("steps", [])):
            moment = begin + timedelta(days=step["after"], hours=3, minutes=20 * place)
            with clock_at(min(moment, now)):
                enquiry.refresh_from_db()
                take(step, enquiry, staff, made)
                write_mails()


def submit(entry, number):
    """Returns the Enquiry that a visitor submits with the form."""
    with override(entry["language"]):
        answers = QueryDict(mutable=True)
        answers.update({name: entry[name] for name in EnquiryForm.field_order if name in entry})
        answers["organisation"] = gettext("Sample: ") + entry["organisation"]
        answers.update({"consent": "on", "form_token": new_form_token(is_blank=False)})
        files = MultiValueDict({"attachments": [sample_file(format) for format in entry.get("files", [])]})
        form = EnquiryForm(answers, files, sender=str(number))
        if not form.is_valid():
            raise CommandError(f"enquiries.toml, {entry['organisation']}: {form.errors.as_text()}")
        return form.save()


def take(step, enquiry, staff, made):
    """Takes a step of an enquiry, as its visitor, its staff or the worker would."""
    actor, text = staff[step.get("by", "desk")], step.get("text")
    if step["do"] not in STEPS_OF_OTHERS:
        actions.record_view(enquiry, actor)
    match step["do"]:
        case "message":
            with override(enquiry.language):
                upload = accept(sample_file(step["file"])) if "file" in step else None
            store_message(enquiry, text, upload)
        case "withdraw":
            withdraw_consent(enquiry)
        case "close_by_portal":
            enquiry.move_to(State.CLOSED)
        case "assign":
            actions.assign(enquiry, staff[step["to"]], actor)
        case "note":
            actions.write_note(enquiry, text, actor)
        case "answer":
            answer = actions.answer(enquiry, text, True, actor)
            if step.get("refused"):
                refuse(answer.mail)
        case "close":
            actions.move(enquiry, State.CLOSED, actor)
        case "spam":
            actions.move(enquiry, State.SPAM, actor)
        case "merge":
            actions.merge(enquiry, made[step["into"]], actor)
        case "erase":
            erase(enquiry, actor)
        case unknown:
            raise CommandError(f"enquiries.toml, {enquiry.organisation}: there is no step “{unknown}”")


def refuse(mail):
    """Records that the mail host refused a mail for good, as delivery does. Mails to files are never refused."""
    mail.logs.create(status=STATUS.failed, exception_type=PermanentRefusal.__name__, message=REFUSAL)
    Email.objects.filter(pk=mail.pk).update(status=STATUS.requeued)
    # The log need not warn of a failure that is meant.
    with patch("contact.mail.delivery.logger"):
        settle_failures()


def write_mails():
    """Writes every queued mail to its file, as the worker does."""
    while deliver():
        pass


def sample_file(format):
    """Returns an uploaded file. Its text says, in the active language, that it is a sample."""
    lines = [gettext("This file is a sample. Everything in it is invented.")]
    return SimpleUploadedFile(f"sample.{format}", WRITERS[format](lines))
