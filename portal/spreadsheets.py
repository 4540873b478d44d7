"""Tables as files for spreadsheets. No text in them is a formula."""

import csv
import re
from datetime import date, datetime
from io import BytesIO, TextIOWrapper

from django.http import HttpResponse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.http import content_disposition_header
from django.utils.translation import pgettext

FORMATS = {
    "XLSX": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "CSV": "text/csv; charset=utf-8",
    "ZIP": "application/zip",
    "XLF": "application/x-xliff+xml",
}

# Characters that XML, and so an XLSX file, cannot contain.
UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")

# A spreadsheet may take text that begins with one of these as a formula. East Asian input methods type the full-width
# ones.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def plain(value):
    """Returns a value for a cell: a time is naive, in Beijing, and a text has no unprintable characters."""
    if isinstance(value, datetime):
        return timezone.make_naive(value, timezone.get_default_timezone()).replace(microsecond=0)
    if isinstance(value, str):
        return UNPRINTABLE.sub("", value.replace("\r\n", "\n").replace("\r", "\n"))
    return value


def as_csv(rows) -> bytes:
    """
    Returns `rows` of plain() values as a CSV file (RFC 4180).

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


def as_typed(text: str) -> str:
    """Returns a text from a file without the apostrophe that keeps it from being a formula."""
    return text[1:] if text.startswith("'") and text[1:].startswith(FORMULA) else text


def as_xlsx(rows, title: str, widths: list[int], to_fill: int | None = None, wraps=False) -> bytes:
    """
    Returns `rows` of plain() values as an XLSX file, with its sheet's `title` and the widths in characters.

    If people fill the column with the number `to_fill`, from 0, what they type there is text. If `wraps`, long texts
    wrap but in the first column.
    """
    # Loading them takes a fifth of a second, and only a process that exports needs them.
    from openpyxl import Workbook
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.styles import Alignment
    from openpyxl.utils import get_column_letter

    book = Workbook(write_only=True)
    sheet = book.create_sheet(title)
    sheet.freeze_panes = "B2"
    for number, width in enumerate(widths, start=1):
        sheet.column_dimensions[get_column_letter(number)].width = width
    date_formats = {
        date: pgettext("number format of a spreadsheet", "[$-809]d mmmm yyyy"),
        datetime: pgettext("number format of a spreadsheet", "[$-809]d mmmm yyyy, hh:mm"),
    }
    wrapped = Alignment(vertical="top", wrap_text=True)
    for row in rows:
        cells = [WriteOnlyCell(sheet, None if value == "" else value) for value in row]
        for cell in cells:
            _format(cell, date_formats)
        if to_fill is not None:
            cells[to_fill].number_format = "@"
        if wraps:
            for cell in cells[1:]:
                cell.alignment = wrapped
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


def download(content: bytes, name: str, kind: str) -> HttpResponse:
    """Returns `content` as a file of a `kind`, a key of FORMATS, that no cache keeps. It has `name` and the date."""
    filename = f"{name}-{timezone.localdate()}.{kind.lower()}"
    headers = {
        "Content-Disposition": content_disposition_header(True, filename),
        "Cache-Control": "private, no-store",
    }
    return HttpResponse(content, content_type=FORMATS[kind], headers=headers)
