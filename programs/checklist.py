"""The checklist of a program: the documents it needs, and which of them the reader has, as in `?have=1&have=3`."""

from typing import NamedTuple
from urllib.parse import quote

from django.utils.functional import cached_property
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from programs.models import Material, Program, filled_columns

# In characters of an address, where a Chinese one takes nine: web servers accept addresses of about 8,000.
MAX_ENCODED = 6000


class Line(NamedTuple):
    """A document of the list, whether the reader has it, and the query of the enquiry form that asks about it."""

    material: Material
    is_ticked: bool
    enquiry_query: str


class Checklist:
    """
    The documents that `program` needs, as a list to tick.

    `have` holds the values of the page's query: keys of the documents that the reader has. An empty value says only
    that the list was submitted. A document without a name in the active language is not in the list. If it is ticked,
    its key is in `unlisted_ticks`, which the form sends along for the page in the other language.
    """

    def __init__(self, program: Program, have: list[str]):
        self.program, self.have = program, have
        self.ticked = set(have) - {""}

    @cached_property
    def keys(self) -> dict[str, Material]:
        """All documents of the program by their keys, also those without a name in the active language."""
        return {str(material.pk): material for material in self.program.parts.materials}

    @property
    def has_unknown(self) -> bool:
        return not self.ticked <= self.keys.keys()

    @property
    def unlisted_ticks(self) -> list[str]:
        return [key for key, material in self.keys.items() if key in self.ticked and not material.name]

    @cached_property
    def lines(self) -> list[Line]:
        return [
            Line(material, key in self.ticked, self.query_about(material))
            for key, material in self.keys.items()
            if material.name
        ]

    @property
    def is_used(self) -> bool:
        """Whether the reader has submitted the list. If not, this asks no query."""
        return bool(self.have and self.lines)

    def __len__(self):
        return len(self.lines)

    @property
    def address_query(self) -> str:
        """The query of this list with its ticks, for its printed address, or nothing if the list is not used."""
        if not self.is_used:
            return ""
        ticked = [line.material.pk for line in self.lines if line.is_ticked]
        return f"?{urlencode({'have': [*ticked, *self.unlisted_ticks] or ['']}, doseq=True)}"

    @cached_property
    def missing(self) -> list[Material]:
        """The documents that are not ticked."""
        return [line.material for line in self.lines if not line.is_ticked]

    @cached_property
    def columns(self) -> set[str]:
        """The facts that at least one document has. The list has a column for each."""
        materials = [line.material for line in self.lines]
        return filled_columns(materials, "prepared_by", "language", "published_template")

    def query_about(self, material) -> str:
        """Returns the query of the enquiry form with a message that asks about `material`."""
        text = _("We would like to ask about the document “%(document)s” of the program “%(program)s”.")
        return self.enquiry_query(text % {"document": material.name, "program": self.program.title})

    def query_about_missing(self) -> str:
        """Returns the query of the enquiry form with a message that names all that is missing, or as much as fits."""
        names = [material.name for material in self.missing]
        while len(quote("".join(names))) > MAX_ENCODED:
            names.pop()
        text = _("For the program “%(program)s” we still lack: %(documents)s. How should we proceed?")
        if len(names) < len(self.missing):
            text = _("For the program “%(program)s” we lack %(number)d documents, such as: %(documents)s. What next?")
        documents = pgettext("between names", ", ").join(names)
        values = {"documents": documents, "program": self.program.title, "number": len(self.missing)}
        return self.enquiry_query(text % values)

    def enquiry_query(self, message) -> str:
        return urlencode({"program": self.program.slug, "message": message})
