"""What is to be translated, and what comes back: texts and answers, as every kind of file has them."""

import re
from dataclasses import dataclass, field
from html import escape
from typing import NamedTuple

from django.contrib import admin
from django.contrib.contenttypes.models import ContentType
from django.db.models import prefetch_related_objects
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import override

from portal.bilingual import parity
from portal.bilingual.drafts.models import Draft
from portal.bilingual.drafts.values import fingerprint, is_number
from portal.bilingual.languages import other_language
from portal.bilingual.links import absolute_url
from portal.bilingual.parity.notes import changed_passages
from portal.bilingual.parity.texts import field_of, plain
from portal.bilingual.publishing import Published, followed_paths
from portal.bilingual.richtext import RichTextField
from portal.terms import names_in, official_names

# The key of a row is a number, and that of the draft of a new one is longer. Rows of a part are named alike.
ID = re.compile(
    r"([a-z]+\.[a-z]+):([0-9]{1,9}|[0-9a-f]{32}):"
    r"((?:[a-z_]+/(?:[0-9]{1,9}|new-[0-9a-f]{20})/)?[a-z_]+):([0-9a-f]{8}):([0-9a-f]{8})"
)

# In one file. Reading a spreadsheet with as many takes two seconds.
MOST_ANSWERS = 5000


class Unreadable(Exception):
    """A file has no texts that can be read. str() says why, for people."""


class Name(NamedTuple):
    """
    What the id of a text says: its row, its field as drafts name it, and the fingerprints of source and target.

    Of a new row, `pk` is the key of its draft, a string.
    """

    model: type
    pk: int | str
    path: str
    source: str
    target: str

    def __str__(self):
        return ":".join([self.model._meta.label_lower, *map(str, self[1:])])

    @classmethod
    def read(cls, text: str):
        """Returns the Name that `text` says, or None if it names no text that is translated."""
        match = ID.fullmatch(text.strip())
        model = match and {model._meta.label_lower: model for model in parity.kinds()}.get(match[1])
        if not model or not field_of(model, match[3]):
            return None
        return cls(model, int(match[2]) if is_number(match[2]) else match[2], *match.groups()[2:])


@dataclass
class Text:
    """A text that waits to be translated, with what a translator wants to know."""

    name: Name
    # The title of its page, and an address at which that can be read.
    page: str
    address: str
    label: str
    state: str
    source: str
    target: str
    # What has changed in the source, as parity's notes show it: passages, or a sentence alone.
    change: list[tuple[str, str]]
    # The official terms in the source, each with its translation.
    terms: list[tuple[str, str]]
    is_rich: bool
    # How long it may be, in characters, if that is limited.
    max_length: int | None

    @property
    def change_in_words(self) -> str:
        """Returns what has changed as plain text: [-taken out-] and {+added+}."""
        marks = {"same": "{}", "del": "[-{}-]", "ins": "{{+{}+}}"}
        return "".join(marks[kind].format(text) for kind, text in self.change)


@dataclass
class Answer:
    """A text that has come back. `place` says in words where in the file it stands."""

    place: str
    id: str
    # Pairs of whether it is code, such as a tag of HTML, and a text.
    pieces: list[tuple[bool, str]] = field(default_factory=list)
    # Why the file has no text there.
    fault: str = ""

    def text(self, is_rich: bool) -> str:
        """Returns what was answered, as HTML if it is rich."""
        return "".join(text if is_code or not is_rich else escape(text, quote=False) for is_code, text in self.pieces)


def models_for(request, language: str) -> list:
    """Returns the models with texts that the user may write in `language`."""
    return [model for model in parity.kinds() if language in admin.site.get_model_admin(model).languages_typed(request)]


def waiting(language: str, models, pks=None, with_new=()):
    """
    Yields the Text of all that is missing or out of step in `language`; see parity.work().

    Of the models `with_new`, the drafts of new rows are among them.
    """
    source = other_language(language)
    names = official_names(source, language)
    for model in models:
        kind = ContentType.objects.get_for_model(model)
        drafts = Draft.objects.filter(content_type=kind, object_id__isnull=False).exclude(entries={})
        typed = dict(drafts.values_list("object_id", "entries"))
        work = list(parity.work(language, [model], pks))
        if issubclass(model, Published):
            # For the addresses of their pages.
            prefetch_related_objects([each.row for each in work], *(path for path, _null in followed_paths(model)))
        for each in work:
            yield from texts_of(each, language, typed.get(each.row.pk, {}), names)
    for each in parity.new_work(language, with_new):
        yield from texts_of(each, language, {}, names)


def texts_of(work, language: str, entries: dict, names):
    """Yields the Text of all that `work` has to be translated. `entries` are those of the draft of its stored row."""
    (model, row, side, texts), source = work, other_language(language)
    is_new = isinstance(row, Draft)
    with override(source):
        page = str(row)
    address = address_of(row, source)
    for each in texts:
        entry = entries.get(each.path)
        target = "".join(entry["value"]) if entry else each.target
        is_missing = each.path in side.missing
        state = parity.State.MISSING.label if is_missing else parity.State.OUT_OF_STEP.label
        if is_new:
            state = _("%(state)s, on a new page") % {"state": state}
        column = field_of(model, each.path)
        yield Text(
            name=Name(model, row.key if is_new else row.pk, each.path, each.fingerprint, fingerprint([target])),
            page=page,
            address=address,
            label=each.label,
            state=_("%(state)s, in a draft") % {"state": state} if entry else str(state),
            source=each.source,
            target=target,
            change=[] if is_missing else change_of(model, each),
            terms=names_in(plain(model, each.path, each.source), names),
            is_rich=isinstance(column, RichTextField),
            max_length=column.max_length,
        )


def change_of(model, waiting) -> list[tuple[str, str]]:
    before, after = (plain(model, waiting.path, text) for text in (waiting.source_before, waiting.source))
    return [("same", _("Only links or formatting differ."))] if before == after else changed_passages(before, after)


def address_of(row, language: str) -> str:
    """Returns the address of the public page of `row`, or a Draft, in `language`, or else that of its form."""
    if isinstance(row, Published) and hasattr(row, "get_absolute_url") and row.is_published_in(language):
        with override(language):
            return absolute_url(row.get_absolute_url())
    return absolute_url(form_of(row))


def form_of(row) -> str:
    """Returns the address of the form of `row`, or of a Draft."""
    if isinstance(row, Draft):
        return row.address
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])


def terms_in_words(text: Text) -> str:
    """Returns the official terms of a text with their translations, one a line."""
    return "\n".join(f"{name} = {translation}" for name, translation in text.terms)
