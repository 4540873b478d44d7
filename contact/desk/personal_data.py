"""A copy of a person's data for that person (Personal Information Protection Law, article 45)."""

import shutil
import unicodedata
import zipfile
from io import BytesIO
from operator import attrgetter
from pathlib import PurePath

from django.template.defaultfilters import filesizeformat
from django.utils import timezone
from django.utils.text import capfirst, get_valid_filename
from django.utils.translation import get_language, override
from django.utils.translation import gettext as _

from contact.mail.delivery import last_failure
from contact.mail.messages import MAIL_STATES, is_to_visitor
from contact.models import Enquiry, Event, name_territories
from portal import spreadsheets
from portal.filetypes import TYPE_NAMES

# Events whose detail is about somebody else: a member of staff, or perhaps another visitor.
OTHERS = (Event.Kind.ASSIGNED, Event.Kind.MERGED)

NAME = "personal-data.xlsx"
# Of the columns, in characters: the reference, what it is, its time, and the text.
WIDTHS = [14, 28, 26, 90]


def enquiries_of(email: str):
    """Returns the enquiries from an address in any case, oldest first. Raises ValueError for an empty address."""
    if not email.strip():
        # An empty address would match all erased enquiries.
        raise ValueError("An e-mail address is needed.")
    return Enquiry.objects.from_address(email).order_by("created_at")


def personal_data(email: str) -> bytes:
    """
    Returns a ZIP archive of the data of the person with an e-mail address: a table to read, and the uploaded files.

    The table is in the language of the person's last enquiry, with times in Beijing time. Names of staff and internal
    notes are left out: staff must tell the person separately what the notes say. Raises ValueError for an empty
    address.
    """
    enquiries = list(
        enquiries_of(email)
        .select_related("program", "country")
        .prefetch_related("messages", "answers", "mails__logs", "events", "attachments__message")
    )
    archive = BytesIO()
    with (
        override(enquiries[-1].language if enquiries else get_language()),
        zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as folder,
    ):
        name_territories(enquiries)
        rows = [
            [_("Reference"), _("What"), _("Time (Beijing time, UTC+8)"), _("Content")],
            ["", _("E-mail address"), None, email.strip()],
            ["", _("Compiled"), timezone.now(), ""],
            *([enquiry.reference, *row] for enquiry in enquiries for row in _about(enquiry, folder) if any(row[1:])),
        ]
        plain = [list(map(spreadsheets.plain, row)) for row in rows]
        folder.writestr(NAME, spreadsheets.as_xlsx(plain, str(_("Personal data")), WIDTHS, wraps=True))
    return archive.getvalue()


def _about(enquiry, folder):
    """Yields what is stored about an enquiry, in the active language: what it is, its time or date, and its text."""

    def name(field):
        return capfirst(str(Enquiry._meta.get_field(field).verbose_name))

    yield name("created_at"), enquiry.created_at, ""
    for field in ("organisation", "person", "position", "email", "telephone"):
        yield name(field), None, getattr(enquiry, field)
    yield name("territory"), None, enquiry.named_territory
    yield name("language"), None, enquiry.get_language_display()
    yield capfirst(_("about")), None, enquiry.subject
    yield name("message"), None, enquiry.message
    yield name("privacy_date"), enquiry.privacy_date, ""
    yield name("state"), None, enquiry.get_state_display()
    for field in ("due_on", "answered_at", "closed_at", "erase_on"):
        yield name(field), getattr(enquiry, field), ""
    for message in enquiry.messages.all():
        yield _("Further message"), message.created_at, message.text
    for answer in enquiry.answers.all():
        yield _("Our answer"), answer.created_at, answer.text
    for mail in sorted(enquiry.mails.all(), key=attrgetter("pk")):
        yield _mail(mail, enquiry)
    for event in enquiry.events.all():
        if event.kind != Event.Kind.NOTED:
            words = event.get_kind_display() if event.kind in OTHERS else str(event)
            yield _("What happened"), event.at, words
    for number, attachment in enumerate(enquiry.attachments.all(), start=1):
        path = f"attachments/{enquiry.reference}/{_file_name(number, attachment.name)}"
        place = path if _add(folder, path, attachment) else _("The file is missing.")
        kind = TYPE_NAMES.get(attachment.content_type, attachment.content_type)
        said = [attachment.name, kind, filesizeformat(attachment.size), place]
        yield _("Attached file"), (attachment.message or enquiry).created_at, "\n".join(said)


def _mail(mail, enquiry):
    is_to_you = is_to_visitor(mail, enquiry)
    # What a mail host says of an address of the desk is about its staff.
    failure = last_failure(mail) if is_to_you else None
    said = [mail.subject, MAIL_STATES[mail.status], failure.words_for_person if failure else ""]
    name = _("Mail to you") if is_to_you else _("Mail to the department")
    return name, mail.created, "\n".join(filter(None, map(str, said)))


def _add(folder, name, attachment) -> bool:
    """Adds the file to the archive as `name`. Returns False if the file is missing from the storage."""
    try:
        with attachment.file.open("rb") as source, folder.open(name, "w") as target:
            shutil.copyfileobj(source, target)
    except FileNotFoundError:
        return False
    return True


def _file_name(number, name):
    """Returns a safe file name for any system: at most 72 characters, only letters, digits, "-", "_" and "."."""
    path = PurePath(get_valid_filename(unicodedata.normalize("NFC", f"{number}-{name}")).rstrip("."))
    return f"{path.stem[:60]}{path.suffix[:12]}"
