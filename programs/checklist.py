"""The checklist of a program: the documents it needs, and which of them the reader has, as in `?have=1&have=3`."""

from typing import NamedTuple

from django.utils.functional import cached_property
from django.utils.http import urlencode
from django.utils.text import Truncator
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from programs.models import Material, Program, filled_columns

# In characters. A Chinese one takes nine in an address, and web servers accept addresses of about 8,000.
MAX_NAMES = 400


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
        self.program = program
        ticked = set(have) - {""}
        keys = {str(material.pk): material for material in program.parts.materials}
        self.has_unknown = not ticked <= keys.keys()
        self.unlisted_ticks = [key for key, material in keys.items() if key in ticked and not material.name]
        self.lines = [
            Line(material, key in ticked, self.query_about(material)) for key, material in keys.items() if material.name
        ]
        self.is_used = bool(have and self.lines)

    def __len__(self):
        return len(self.lines)

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
        """Returns the query of the enquiry form with a message that names all that is missing."""
        names = pgettext("between names", ", ").join(material.name for material in self.missing)
        text = _("For the program “%(program)s” we still lack: %(documents)s. How should we proceed?")
        return self.enquiry_query(
            text % {"documents": Truncator(names).chars(MAX_NAMES), "program": self.program.title}
        )

    def enquiry_query(self, message) -> str:
        return urlencode({"program": self.program.slug, "message": message})
