"""A copy of a person's data for that person (Personal Information Protection Law, article 45)."""

import json
import shutil
import unicodedata
import zipfile
from io import BytesIO
from operator import attrgetter
from pathlib import PurePath

from django.core.serializers.json import DjangoJSONEncoder
from django.utils import timezone
from django.utils.text import get_valid_filename
from post_office.models import STATUS

from contact.mail.delivery import last_failure
from contact.mail.messages import WAITING, is_to_visitor
from contact.models import Enquiry, Event

# Events whose detail is about somebody else: a member of staff, or perhaps another visitor.
OTHERS = (Event.Kind.ASSIGNED, Event.Kind.MERGED)


def enquiries_of(email: str):
    """Returns the enquiries from an address in any case, oldest first. Raises ValueError for an empty address."""
    if not email.strip():
        # An empty address would match all erased enquiries.
        raise ValueError("An e-mail address is needed.")
    return Enquiry.objects.from_address(email).order_by("created_at")


def personal_data(email: str) -> bytes:
    """
    Returns a ZIP archive of the data of the person with an e-mail address: data.json and the uploaded files.

    Keys are in English, times in Beijing time (ISO 8601). Names of staff and internal notes are left out: staff must
    tell the person separately what the notes say. Raises ValueError for an empty address.
    """
    enquiries = enquiries_of(email).select_related("program", "country")
    archive = BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as folder:
        data = {
            "email": email.strip(),
            "compiled_at": _beijing(timezone.now()),
            "enquiries": [
                _enquiry(enquiry, folder)
                for enquiry in enquiries.prefetch_related(
                    "messages", "answers", "mails__logs", "events", "attachments__message"
                )
            ],
        }
        folder.writestr("data.json", json.dumps(data, cls=DjangoJSONEncoder, ensure_ascii=False, indent=2))
    return archive.getvalue()


def _enquiry(enquiry, folder):
    return {
        "reference": enquiry.reference,
        "received_at": _beijing(enquiry.created_at),
        "language": enquiry.language,
        "privacy_notice_version": enquiry.privacy_date,
        "organisation": enquiry.organisation,
        "country_or_region": enquiry.territory,
        "person": enquiry.person,
        "position": enquiry.position,
        "email": enquiry.email,
        "telephone": enquiry.telephone,
        "about": enquiry.subject,
        "message": enquiry.message,
        "state": enquiry.state,
        "due_on": enquiry.due_on,
        "answered_at": _beijing(enquiry.answered_at),
        "closed_at": _beijing(enquiry.closed_at),
        "to_be_erased_on": enquiry.erase_on,
        "further_messages": [
            {"received_at": _beijing(message.created_at), "text": message.text} for message in enquiry.messages.all()
        ],
        "answers": [
            {"written_at": _beijing(answer.created_at), "text": answer.text} for answer in enquiry.answers.all()
        ],
        "mails": [_mail(mail, enquiry) for mail in sorted(enquiry.mails.all(), key=attrgetter("pk"))],
        "timeline": [
            {
                "at": _beijing(event.at),
                "what": event.kind,
                "detail": "" if event.kind in OTHERS else event.detail,
            }
            for event in enquiry.events.all()
            if event.kind != Event.Kind.NOTED
        ],
        "attachments": [
            {
                "name": attachment.name,
                "received_at": _beijing((attachment.message or enquiry).created_at),
                "type": attachment.content_type,
                "size_in_bytes": attachment.size,
                "file": _add(
                    folder, f"attachments/{enquiry.reference}/{_file_name(number, attachment.name)}", attachment
                ),
            }
            for number, attachment in enumerate(enquiry.attachments.all(), start=1)
        ],
    }


def _mail(mail, enquiry):
    is_to_you = is_to_visitor(mail, enquiry)
    # What a mail host says of an address of the desk is about its staff.
    failure = last_failure(mail) if is_to_you else None
    return {
        "to": "you" if is_to_you else "the department",
        "subject": mail.subject,
        "queued_at": _beijing(mail.created),
        "state": "waiting" if mail.status in WAITING else STATUS._fields[mail.status],
        "not_sent_because": failure.words if failure else "",
    }


def _add(folder, name, attachment):
    """Adds the file to the archive as `name`. Returns `name`, or None if the file is missing from the storage."""
    try:
        with attachment.file.open("rb") as source, folder.open(name, "w") as target:
            shutil.copyfileobj(source, target)
    except FileNotFoundError:
        return None
    return name


def _file_name(number, name):
    """Returns a safe file name for any system: at most 72 characters, only letters, digits, "-", "_" and "."."""
    path = PurePath(get_valid_filename(unicodedata.normalize("NFC", f"{number}-{name}")).rstrip("."))
    return f"{path.stem[:60]}{path.suffix[:12]}"


def _beijing(moment):
    return moment and timezone.localtime(moment, timezone.get_default_timezone()).isoformat(timespec="seconds")
