"""Rich text that staff write: the allowed elements, how it is sanitised, and how it is shown."""

import re
from html import unescape
from itertools import groupby

import nh3
from bs4 import BeautifulSoup
from django.core.exceptions import ValidationError
from django.utils.text import Truncator
from django.utils.translation import gettext
from django_prose_editor.fields import ProseEditorField

# The CSP hash of the style element that the editor adds to the page.
EDITOR_STYLE_HASH = "'sha256-PlumsSlvJ7vvWzjqibGAYKq92O3y/4JTxWWsWJvyUYA='"

EXTENSIONS = {
    "Bold": True,
    "Italic": True,
    "BulletList": True,
    "OrderedList": True,
    "ListItem": True,
    "Heading": {"levels": [2, 3]},
    "Blockquote": True,
    "HardBreak": True,
    "Link": {"enableTarget": False, "protocols": ["http", "https", "mailto", "tel"]},
    "Table": True,
    "TableRow": True,
    "TableHeader": True,
    "TableCell": True,
    "PastedText": True,
}


# The beginning of an address that a link can have: of a site, a person, or a page or a place of the portal.
ADDRESS = re.compile(r"https?://\w|mailto:\S+@|tel:\+?\d|/(?!/)|#", re.IGNORECASE)

# The block elements. A "div" is the scrolling group around a table.
BLOCKS = {"p", "h2", "h3", "ul", "ol", "blockquote", "div"}
ENDS_OF_LINES = re.compile("</(?:p|h2|h3|li|td|th)>|<br")
# In HTML. Others, such as the wide one of Chinese, are characters like any.
WHITE_SPACE = re.compile("[ \t\r\n\f]+")


class RichTextField(ProseEditorField):
    """HTML with the elements of EXTENSIONS, sanitised whenever it is saved. It is None if it holds no text."""

    def __init__(self, *args, **kwargs):
        defaults = {"extensions": EXTENSIONS, "sanitize": True, "null": True, "blank": True}
        super().__init__(*args, **defaults | kwargs)

    def clean(self, value, instance):
        """Raises ValidationError too if a link leads nowhere. The sanitiser would take its address away silently."""
        value = super().clean(value, instance)
        for link in BeautifulSoup(value or "", "html.parser").find_all("a"):
            if not ADDRESS.match(link.get("href", "").strip()):
                text = gettext("The link “%(text)s” leads nowhere: give it an address that begins with https://.")
                raise ValidationError(text % {"text": Truncator(link.get_text(strip=True)).chars(40)})
        return self.cleaned(value)

    def pre_save(self, model_instance, add):
        value = self.cleaned(super().pre_save(model_instance, add))
        setattr(model_instance, self.attname, value)
        return value

    def cleaned(self, value):
        """Returns `value` with only the allowed elements, or None if no text is left."""
        value = self.sanitize(value or "").strip()
        return value if plain_text(value) else None


def plain_text(html: str | None) -> str:
    """
    Returns the text of a RichTextField, with a line for each block and each cell of a table that has words.

    White space between tags, which the editor removes, makes no difference. `html` may be anything that people type:
    what is no HTML, and so would not be stored, is left out.
    """
    html = ENDS_OF_LINES.sub(r"\n\g<0>", WHITE_SPACE.sub(" ", html or ""))
    lines = unescape(nh3.clean(html, tags=set())).split("\n")
    return "\n".join(filter(None, map(str.strip, lines)))


def with_scrolling_tables(html: str) -> str:
    """
    Returns the `html` of a RichTextField with each table in a group that scrolls horizontally.

    The keyboard can focus the group. Its label, in the active language, is the table's number and its first row.
    """
    if "<table" not in html:
        return html
    soup = BeautifulSoup(html, "html.parser")
    tables = [table for table in soup.find_all("table") if not table.find_parent("table")]
    for number, table in enumerate(tables, 1):
        cells = table.tr.find_all(["th", "td"]) if table.tr else []
        first_row = ", ".join(cell.get_text(" ", strip=True) for cell in cells)
        name = gettext("Table %(number)s") % {"number": number}
        label = f"{name} {Truncator(first_row).chars(60)}".strip()
        attributes = {"class": "table-scroll", "tabindex": "0", "role": "group", "aria-label": label}
        table.wrap(soup.new_tag("div", attrs=attributes))
    return str(soup)


def blocks(html: str) -> list:
    """Returns the top-level elements of the `html` of a RichTextField as Tags. Loose text becomes a paragraph."""
    soup = BeautifulSoup(with_scrolling_tables(html), "html.parser")
    found = []
    for is_block, nodes in groupby(list(soup.contents), lambda node: node.name in BLOCKS):
        if is_block:
            found += nodes
            continue
        paragraph = soup.new_tag("p")
        paragraph.extend(list(nodes))
        if paragraph.get_text(strip=True):
            found.append(paragraph)
    return found
