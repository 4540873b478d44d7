"""Exports of enquiries as files. Each export is logged in the timelines."""

from operator import attrgetter

from django.db.models import Count, OuterRef, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpResponse
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy

from contact.desk.personal_data import enquiries_of, personal_data
from contact.models import Attachment, Enquiry, Event, State
from partners.models import Country
from portal import spreadsheets
from portal.bilingual.languages import LANGUAGE_NAMES
from portal.bilingual.territories import territory_names
from portal.spreadsheets import as_csv, plain

# So many enquiries are in memory at once.
CHUNK = 500


def _column(name, width, value=None):
    return Enquiry._meta.get_field(name).verbose_name, value or attrgetter(name), width


# Tuples of the heading, a function that returns the value for an Enquiry, and the column width in characters.
COLUMNS = [
    _column("reference", 12),
    _column("created_at", 22),
    _column("state", 14, lambda enquiry: str(State(enquiry.state).label)),
    _column("owner", 16, lambda enquiry: enquiry.owner and str(enquiry.owner)),
    _column("due_on", 18),
    _column("answered_at", 22),
    _column("closed_at", 22),
    _column("language", 12, lambda enquiry: str(LANGUAGE_NAMES[enquiry.language])),
    _column("organisation", 36),
    _column("territory", 18, attrgetter("named_territory")),
    _column("person", 18),
    _column("position", 18),
    _column("email", 30),
    _column("telephone", 20),
    (gettext_lazy("about"), attrgetter("subject"), 40),
    _column("message", 80),
    _column("privacy_date", 18),
    (gettext_lazy("number of attachments"), attrgetter("number_of_attachments"), 12),
]


def table(enquiries, keys=None):
    """
    Yields a row of headings and then a row of values for each of a queryset of Enquiry, in the active language.

    Values are str, int, date, datetime (naive, in Beijing time) or None. Any number of rows takes two queries, and the
    memory of CHUNK enquiries. The key of each enquiry is appended to the list `keys`.
    """
    names = territory_names(Country.objects.published_names())
    files = Attachment.objects.filter(enquiry=OuterRef("pk")).order_by().values("enquiry")
    number = Coalesce(Subquery(files.annotate(number=Count("pk")).values("number")), 0)
    rows = enquiries.select_related("owner", "program", "country").annotate(number_of_attachments=number)
    yield [capfirst(str(heading)) for heading, _value, _width in COLUMNS]
    for enquiry in rows.iterator(CHUNK):
        enquiry.named_territory = names.get(enquiry.territory, enquiry.territory)
        if keys is not None:
            keys.append(enquiry.pk)
        yield [plain(value(enquiry)) for _heading, value, _width in COLUMNS]


def as_xlsx(rows) -> bytes:
    """Returns the rows of table() as an XLSX file."""
    title = capfirst(str(Enquiry._meta.verbose_name_plural))
    return spreadsheets.as_xlsx(rows, title, [width for _heading, _value, width in COLUMNS])


def log(keys, actor, detail):
    """
    Logs in the timeline of each enquiry that the user `actor` exported it.

    `keys` are those of the enquiries, and `detail` is the kind of the file.
    """
    event = {"kind": Event.Kind.EXPORTED, "actor": actor, "actor_name": actor.name_to_keep, "detail": detail}
    Event.objects.bulk_create([Event(enquiry_id=key, **event) for key in keys], CHUNK)


def download(enquiries, actor, detail: str) -> HttpResponse:
    """Returns a queryset of Enquiry as a file and logs the export. `detail` is "XLSX" or "CSV"."""
    # Those in the file, so that the log matches it.
    keys = []
    # Without a transaction. An export takes seconds, and a transaction would keep all others from writing to SQLite.
    content = {"XLSX": as_xlsx, "CSV": as_csv}[detail](table(enquiries, keys))
    log(keys, actor, detail)
    return spreadsheets.download(content, "enquiries", detail)


def download_personal_data(email: str, actor) -> HttpResponse:
    """Returns the archive of personal_data() as a file and logs the export."""
    # Read first: an enquiry that is erased meanwhile may be in the archive still.
    keys = list(enquiries_of(email).values_list("pk", flat=True))
    content = personal_data(email)
    log(keys, actor, "ZIP")
    return spreadsheets.download(content, "personal-data", "ZIP")
