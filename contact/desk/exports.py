"""Exports of enquiries as files. Each export is logged in the timelines."""

import csv
import re
from datetime import date, datetime
from io import BytesIO, TextIOWrapper
from operator import attrgetter

from django.db.models import Count, OuterRef, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpResponse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.http import content_disposition_header
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy, pgettext

from contact.desk.personal_data import enquiries_of, personal_data
from contact.models import Attachment, Enquiry, Event, State
from partners.models import Country
from portal.bilingual.languages import LANGUAGE_NAMES
from portal.bilingual.territories import territory_names

FORMATS = {
    "XLSX": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "CSV": "text/csv; charset=utf-8",
    "ZIP": "application/zip",
}

# So many enquiries are in memory at once.
CHUNK = 500

# Characters that XML, and so an XLSX file, cannot contain.
UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")

# A spreadsheet may take text that begins with one of these as a formula. East Asian input methods type the full-width
# ones.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def _column(name, width, value=None):
    return Enquiry._meta.get_field(name).verbose_name, value or attrgetter(name), width


# Tuples of the heading, a function that returns the value for an Enquiry, and the column width in characters.
COLUMNS = [
    _column("reference", 12),
    _column("created_at", 22),
    _column("state", 14, lambda enquiry: str(State(enquiry.state).label)),
    _column("owner", 16, lambda enquiry: enquiry.owner and (enquiry.owner.get_full_name() or str(enquiry.owner))),
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
        yield [_plain(value(enquiry)) for _heading, value, _width in COLUMNS]


def _plain(value):
    if isinstance(value, datetime):
        return timezone.make_naive(value, timezone.get_default_timezone()).replace(microsecond=0)
    if isinstance(value, str):
        return UNPRINTABLE.sub("", value.replace("\r\n", "\n").replace("\r", "\n"))
    return value


def as_csv(rows) -> bytes:
    """
    Returns the rows of table() as a CSV file (RFC 4180).

    It is in UTF-8 with a byte order mark, without which Excel guesses the encoding.
    """
    file = BytesIO()
    with TextIOWrapper(file, "utf-8-sig", newline="") as text:
        csv.writer(text, quoting=csv.QUOTE_ALL).writerows(map(_csv_text, row) for row in rows)
        text.flush()
        return file.getvalue()


def _csv_text(value):
    if isinstance(value, datetime):
        return date_format(value, "DATETIME_FORMAT")
    if isinstance(value, date):
        return date_format(value)
    if isinstance(value, str) and value.startswith(FORMULA):
        return f"'{value}"
    return value


def as_xlsx(rows) -> bytes:
    """Returns the rows of table() as an XLSX file. Text of visitors is never a formula in it."""
    # Loading them takes a fifth of a second, and only a process that exports needs them.
    from openpyxl import Workbook
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.utils import get_column_letter

    book = Workbook(write_only=True)
    sheet = book.create_sheet(capfirst(str(Enquiry._meta.verbose_name_plural)))
    sheet.freeze_panes = "B2"
    for number, (_heading, _value, width) in enumerate(COLUMNS, start=1):
        sheet.column_dimensions[get_column_letter(number)].width = width
    date_formats = {
        date: pgettext("number format of a spreadsheet", "[$-809]d mmmm yyyy"),
        datetime: pgettext("number format of a spreadsheet", "[$-809]d mmmm yyyy, hh:mm"),
    }
    for row in rows:
        cells = [WriteOnlyCell(sheet, None if value == "" else value) for value in row]
        for cell in cells:
            _format(cell, date_formats)
        sheet.append(cells)
    file = BytesIO()
    book.save(file)
    return file.getvalue()


def _format(cell, date_formats):
    if isinstance(cell.value, str):
        # Without a data type, openpyxl writes "=..." as a formula and "#N/A" as an error. The quote prefix keeps a
        # text from becoming a formula when the cell is edited.
        cell.data_type = "s"
        cell.quotePrefix = cell.value.startswith(FORMULA)
    elif type(cell.value) in date_formats:
        cell.number_format = date_formats[type(cell.value)]


def log(keys, actor, detail):
    """
    Logs in the timeline of each enquiry that the user `actor` exported it.

    `keys` are those of the enquiries, and `detail` is a key of FORMATS.
    """
    event = {"kind": Event.Kind.EXPORTED, "actor": actor, "actor_name": actor.get_username(), "detail": detail}
    Event.objects.bulk_create([Event(enquiry_id=key, **event) for key in keys], CHUNK)


def download(enquiries, actor, detail: str) -> HttpResponse:
    """Returns a queryset of Enquiry as a file and logs the export. `detail` is "XLSX" or "CSV"."""
    # Those in the file, so that the log matches it.
    keys = []
    # Without a transaction. An export takes seconds, and a transaction would keep all others from writing to SQLite.
    content = {"XLSX": as_xlsx, "CSV": as_csv}[detail](table(enquiries, keys))
    log(keys, actor, detail)
    return _response(content, "enquiries", detail)


def download_personal_data(email: str, actor) -> HttpResponse:
    """Returns the archive of personal_data() as a file and logs the export."""
    # Read first: an enquiry that is erased meanwhile may be in the archive still.
    keys = list(enquiries_of(email).values_list("pk", flat=True))
    content = personal_data(email)
    log(keys, actor, "ZIP")
    return _response(content, "personal-data", "ZIP")


def _response(content, name, detail):
    filename = f"{name}-{timezone.localdate()}.{detail.lower()}"
    headers = {
        "Content-Disposition": content_disposition_header(True, filename),
        "Cache-Control": "private, no-store",
    }
    return HttpResponse(content, content_type=FORMATS[detail], headers=headers)
