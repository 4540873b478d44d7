"""Texts to be translated as a spreadsheet, a row for each, and the answers in one."""

from collections import Counter
from datetime import date, time, timedelta
from xml.parsers import expat
from zipfile import ZipFile

from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, override

from portal import spreadsheets
from portal.bilingual.languages import LANGUAGE_NAMES, LANGUAGES, other_language
from portal.filetypes import OPEN_XML, content_type
from portal.translations.texts import MOST_ANSWERS, Answer, Unreadable, terms_in_words

# The headings, each with the width of its column in characters.
ID, ANSWER = gettext_lazy("id: do not change"), gettext_lazy("translation: fill in here")
COLUMNS = [
    *[(ID, 12), (gettext_lazy("page"), 24), (gettext_lazy("field"), 16), (gettext_lazy("source"), 50)],
    (gettext_lazy("what has changed in the source: [-taken out-] {+added+}"), 40),
    *[(gettext_lazy("official terms"), 28), (gettext_lazy("present text"), 40), (ANSWER, 50)],
    *[(gettext_lazy("state"), 16), (gettext_lazy("address"), 40)],
]
TO_FILL = [heading for heading, _width in COLUMNS].index(ANSWER)
# In characters. A longer text would be cut.
LARGEST_CELL = 32_767
# Of what a file unpacks to, in bytes, and of its sheet. Rows have all these columns.
LARGEST, MOST_COLUMNS = 64 * 1024 * 1024, 100
# How many of each element of cells a file may have, and of all others together: those of styles, names, formatting.
# Each takes openpyxl tens of microseconds, and packs to almost nothing.
OF_CELLS = {"row", "c", "f", "v", "is", "si", "t"}
MOST_OF_CELLS, MOST_OTHERS = 20 * MOST_ANSWERS, 10_000


def write(texts, language: str) -> bytes:
    """Returns a file of a list of Text, in the active language, for a translator into `language`."""
    names = {"source": LANGUAGE_NAMES[other_language(language)], "target": LANGUAGE_NAMES[language]}
    title = _("%(source)s to %(target)s") % names
    return spreadsheets.as_xlsx(
        table(texts), title, [width for _heading, width in COLUMNS], to_fill=TO_FILL, wraps=True
    )


def table(texts):
    yield [capfirst(str(heading)) for heading, _width in COLUMNS]
    for text in texts:
        shown = [text.source, text.change_in_words, terms_in_words(text), text.target]
        shown = [each if len(each) <= LARGEST_CELL else _("Too long for a spreadsheet: see XLIFF.") for each in shown]
        cells = [str(text.name), text.page, text.label, *shown, "", text.state, text.address]
        yield list(map(spreadsheets.plain, cells))


def read(file) -> list[Answer]:
    """Returns the answers in an open XLSX file. Raises Unreadable."""
    if content_type(file) != f"{OPEN_XML}spreadsheetml.sheet":
        raise Unreadable(_("This is no spreadsheet that can be read. Please save it as XLSX, without macros."))
    try:
        refuse_too_much(ZipFile(file))
        return list(answers_in(file))
    except Unreadable:
        raise
    # A library parses untrusted input here. Whichever exception it raises, the file is faulty.
    except Exception as error:
        raise Unreadable(_("This spreadsheet is damaged.")) from error


def refuse_too_much(archive):
    """Raises Unreadable if a file unpacks to so much that reading it would take long. It need not be well-formed."""
    too_much, found = Unreadable(_("This spreadsheet unpacks to too much. Please send it in parts.")), Counter()
    # No part can unpack to more than it says.
    if sum(part.file_size for part in archive.infolist()) > LARGEST:
        raise too_much

    def count(name, _attributes):
        name = name.rpartition(":")[2]
        kind = name if name in OF_CELLS else "other"
        found[kind] += 1
        if found[kind] > (MOST_OTHERS if kind == "other" else MOST_OF_CELLS):
            raise too_much

    for part in archive.infolist():
        parser = expat.ParserCreate()
        parser.StartElementHandler = count
        try:
            parser.Parse(archive.read(part), True)
        except expat.ExpatError:
            # It is a picture, or openpyxl reads it no further either.
            continue


def answers_in(file):
    # Loading it takes a fifth of a second.
    from openpyxl import load_workbook

    sheet = load_workbook(file, read_only=True).worksheets[0]
    # Not every program writes the right ones.
    sheet.reset_dimensions()
    rows = sheet.iter_rows(max_col=MOST_COLUMNS)
    headings = [cell.value for cell in next(rows, ())]
    places = [next((headings.index(each) for each in spelt(it) if each in headings), None) for it in (ID, ANSWER)]
    if None in places:
        text = _("This spreadsheet lacks the columns “%(id)s” and “%(answer)s”.")
        raise Unreadable(text % {"id": capfirst(str(ID)), "answer": capfirst(str(ANSWER))})
    for number, row in enumerate(rows, start=2):
        if number > MOST_ANSWERS + 1:
            raise Unreadable(_("This spreadsheet has too many rows. Please send it in parts."))
        key, answer = (row[place] for place in places)
        if key.value is not None or answer.value is not None:
            place = _("Row %(number)d") % {"number": number}
            yield Answer(place, str(key.value or ""), *content_of(answer))


def spelt(heading) -> list[str]:
    """Returns a heading as the files of each language have it."""
    found = []
    for language in LANGUAGES:
        with override(language):
            found.append(capfirst(str(heading)))
    return found


def content_of(cell) -> tuple[list, str]:
    """Returns the pieces of the text in a cell, and why it has none."""
    value = cell.value
    if value is None:
        return [], ""
    if cell.data_type == "f":
        return [], _("This is a formula. Please type a text.")
    if isinstance(value, date | time | timedelta | bool) or cell.data_type == "e":
        return [], _("The spreadsheet made something else of this text. Please format the cell as text, and type anew.")
    text = spreadsheets.as_typed(str(value).replace("_x000D_", ""))
    return [(True, text)], ""
