"""How both languages of a row compare."""

from dataclasses import dataclass

from django.contrib.contenttypes.models import ContentType
from modeltranslation.utils import build_localized_fieldname

from portal.bilingual.drafts.paths import language_of, name_of, row_of, rows_of
from portal.bilingual.drafts.values import fingerprint
from portal.bilingual.languages import LANGUAGES, other_language
from portal.bilingual.parity.models import Confirmation, State
from portal.bilingual.parity.texts import (
    amount,
    columns,
    counterpart,
    in_language,
    new_amount,
    parts,
    plain,
    required_columns,
    texts_in,
    texts_of,
)
from portal.bilingual.publishing import Published


@dataclass
class Side:
    """One language of a row, and what became of the other one since it was confirmed, if it ever was."""

    language: str
    confirmation: Confirmation | None
    # Whether visitors see it, unless it waits for a time or for another row.
    is_public: bool
    # The paths of what is filled in the other language and empty here, or empty and required.
    missing: list[str]
    # By path in this language: what the other one said when this one was confirmed, where it says something else now.
    changed: dict[str, str]
    # How much of the other language waits to be translated.
    amount: int

    @property
    def is_confirmed(self) -> bool:
        """Whether it is complete and says the same as when it was confirmed, public or not."""
        return bool(self.confirmation) and not (self.missing or self.changed)

    @property
    def state(self) -> State:
        """The state of the stored texts. A draft does not change it."""
        if self.missing:
            return State.MISSING
        if self.changed:
            return State.OUT_OF_STEP
        if not self.is_public:
            return State.DRAFT
        return State.CONFIRMED if self.confirmation else State.UNCONFIRMED


class Pair:
    """
    What a row of `model` says in both languages: its `texts` by path, and the Side of each language.

    `row` is None if it is not stored. `confirmations` are by language.
    """

    def __init__(self, model, texts, confirmations, row=None):
        self.model, self.texts, self.confirmations, self.row = model, texts, confirmations, row
        self.returned = self.find_returned()
        self.sides = {language: self.side(language) for language in LANGUAGES}

    def find_returned(self) -> dict[str, str]:
        """
        Returns by path the texts of inline rows that have come back with another key.

        An inline row has come back if its key was unknown when both languages were confirmed, and if another row said
        exactly the same in both languages at that time.
        """
        if len(self.confirmations) < len(LANGUAGES):
            return {}
        confirmed = rows_in({path: text for each in self.confirmations.values() for path, text in each.texts.items()})
        known = [(row.partition("/")[0], texts) for row, texts in confirmed.items()]
        return {
            f"{row}/{name}": text
            for row, texts in rows_in(self.texts).items()
            if row and row not in confirmed and (row.partition("/")[0], texts) in known
            for name, text in texts.items()
        }

    def agreed(self, language) -> dict[str, str]:
        """Returns by path what the other language said when `language` was confirmed, which it was."""
        return self.confirmations[language].texts | in_language(self.returned, other_language(language))

    def side(self, language) -> Side:
        confirmation, missing, changed, waiting = self.confirmations.get(language), [], {}, 0
        agreed = self.agreed(language) if confirmation else {}
        for path, text in self.texts.items():
            if language_of(path) != language:
                continue
            source = self.texts.get(counterpart(path), "")
            if not text:
                if source or path in required_columns(self.model):
                    missing.append(path)
                    waiting += amount(plain(self.model, path, source))
            elif confirmation and (before := agreed.get(counterpart(path), "")) != source:
                changed[path] = before
                waiting += new_amount(*(plain(self.model, path, each) for each in (before, source)))
        return Side(language, confirmation, is_public(self.row, language), missing, changed, waiting)

    @property
    def fingerprint(self) -> str:
        """
        A fingerprint of all texts: it differs if any text differs.

        The keys of inline rows do not count, so a draft has the same one before and after its new rows are stored.
        """
        rows = rows_in(self.texts).items()
        return fingerprint(sorted([row.partition("/")[0], sorted(texts.items())] for row, texts in rows))

    def is_confirmed_in(self, draft) -> bool:
        """Whether `draft` changes the texts, and a user has confirmed the changed pair."""
        drafted = Pair(self.model, texts_in(self.model, draft.values({}), self.texts), self.confirmations)
        return drafted.fingerprint != self.fingerprint and drafted.is_as_confirmed(draft)

    def is_as_confirmed(self, draft) -> bool:
        """Whether it says exactly what somebody has confirmed of `draft`."""
        return draft.confirmed.get("pair") == self.fingerprint

    @property
    def is_complete(self) -> bool:
        """Whether it says something, and neither language misses a text."""
        return any(self.texts.values()) and not any(side.missing for side in self.sides.values())

    @property
    def is_confirmed(self) -> bool:
        """Whether both languages say the same as when they were confirmed."""
        return all(side.is_confirmed for side in self.sides.values())


def rows_in(texts: dict) -> dict[str, dict]:
    """Returns by row, "" for the row itself, those of its `texts` that are not empty, by name."""
    rows = {}
    for path, text in texts.items():
        if text:
            rows.setdefault(row_of(path), {})[name_of(path)] = text
    return rows


def is_public(row, language) -> bool:
    if not isinstance(row, Published):
        return row is not None
    return getattr(row, build_localized_fieldname("published_at", language)) is not None


def pairs(model, rows) -> list[Pair]:
    """Returns the Pairs of `rows`, a queryset of `model`."""
    rows = list(rows.prefetch_related(*parts(model)))
    confirmations = {}
    for each in confirmations_of(model, [row.pk for row in rows]):
        confirmations.setdefault(each.object_id, {})[each.language] = each
    return [Pair(model, texts_of(row), confirmations.get(row.pk, {}), row) for row in rows]


def pair_of(row) -> Pair:
    """Returns the Pair of one stored row. It reads its texts as they are in `row`, and its parts anew."""
    model = type(row)
    confirmations = {each.language: each for each in confirmations_of(model, [row.pk])}
    return Pair(model, texts_of(row), confirmations, row)


def pair_of_new(model, draft) -> Pair:
    """Returns the Pair of what `draft` has of a row of `model` that does not exist yet. Nothing of it is public."""
    values = draft.values({})
    texts = dict.fromkeys(columns(model), "")
    for row in sorted(rows_of(values)):
        if part := parts(model).get(row.partition("/")[0]):
            texts |= dict.fromkeys([f"{row}/{column}" for column in columns(part)], "")
    return Pair(model, texts_in(model, values, texts), {})


def confirmations_of(model, pks):
    """Returns the Confirmations of the rows of `model` with `pks`."""
    return Confirmation.objects.filter(content_type=ContentType.objects.get_for_model(model), object_id__in=pks)
