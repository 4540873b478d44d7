"""What others ask: how many rows are in which state, which rows wait to be translated, and what in them."""

from typing import NamedTuple

from django.contrib import admin
from django.contrib.contenttypes.models import ContentType
from django.db.models import Count, Sum

from portal.bilingual.drafts.models import Draft
from portal.bilingual.drafts.values import fingerprint
from portal.bilingual.languages import other_language
from portal.bilingual.parity.models import TO_TRANSLATE, Parity, State
from portal.bilingual.parity.pairs import Side, pair_of_new, pairs
from portal.bilingual.parity.texts import counterpart, kinds, label_of
from portal.bilingual.parity.upkeep import chunks
from portal.bilingual.publishing import Published


class Number(NamedTuple):
    """How many rows there are, and how much of the other language waits: Chinese characters, or English words."""

    rows: int
    amount: int


NONE = Number(0, 0)


class Waiting(NamedTuple):
    """A text of a row that waits to be translated."""

    # That of the field to fill, as drafts name it, and its name for people in the active language.
    path: str
    label: str
    # What the other language says, what it said when this one was confirmed, and what stands in the field. Rich text
    # is HTML. Empty texts are empty strings.
    source: str
    source_before: str
    target: str

    @property
    def fingerprint(self) -> str:
        """A fingerprint of the source. An answer to a source with another one is out of date."""
        return fingerprint([self.source])


class Work(NamedTuple):
    """A row of `model`, or the Draft of a new one, of which a language misses texts or is out of step, with these."""

    model: type
    row: object
    side: Side
    waiting: list[Waiting]


def counts(request) -> dict[tuple, Number]:
    """
    Returns how many rows are in each state, by (model, language, State), with two queries.

    Only for the models whose rows the user may view or change. The drafts of new rows count too, if the user sees them.
    States that no row is in are left out.
    """
    models = {ContentType.objects.get_for_model(model).pk: model for model in kinds() if may_see(request.user, model)}
    rows = Parity.objects.filter(content_type__in=models).order_by().values("content_type", "language", "state")
    found = {
        (models[each["content_type"]], each["language"], State(each["state"])): Number(each["rows"], each["waiting"])
        for each in rows.annotate(rows=Count("pk"), waiting=Sum("amount"))
    }
    for _draft, pair in new_pairs(with_new(request, models.values())):
        for language, side in pair.sides.items():
            number = found.get((pair.model, language, side.state), NONE)
            found[pair.model, language, side.state] = Number(number.rows + 1, number.amount + side.amount)
    return found


def with_new(request, models) -> list:
    """Returns those of `models` of whose new rows the user sees the drafts."""
    return [model for model in models if admin.site.get_model_admin(model).shows_new_drafts(request)]


def new_pairs(models):
    """Yields the drafts of new rows of `models`, each with its Pair."""
    by_type = {ContentType.objects.get_for_model(model).pk: model for model in models}
    drafts = Draft.objects.filter(content_type__in=by_type, object_id=None).exclude(entries={}).order_by("pk")
    for draft in drafts.select_related("content_type"):
        yield draft, pair_of_new(by_type[draft.content_type_id], draft)


def may_see(user, model) -> bool:
    return any(
        user.has_perm(f"{model._meta.app_label}.{right}_{model._meta.model_name}") for right in ("view", "change")
    )


def work(language: str, models=None, pks=None):
    """
    Yields the Work of one language, row by row, in the order of their keys: all that is to be translated into it.

    `models` are some of kinds(), by default all of them, and `pks` the keys of the rows that count, by default all.
    Texts that the other language lacks too are left out, and rows that are confirmed in a draft.
    """
    for model in kinds() if models is None else models:
        kind = ContentType.objects.get_for_model(model)
        states = Parity.objects.filter(content_type=kind, language=language, state__in=TO_TRANSLATE)
        found = list(states.order_by("object_id").values_list("object_id", flat=True))
        for chunk in chunks(found if pks is None else sorted({*found} & {*pks})):
            for pair in pairs(model, model._base_manager.filter(pk__in=chunk).order_by("pk")):
                if waiting := waiting_in(pair, language):
                    yield Work(model, pair.row, pair.sides[language], waiting)


def new_work(language: str, models):
    """Yields the Work of one language on the drafts of new rows of `models`, as work() does that on rows."""
    for draft, pair in new_pairs(models):
        if waiting := waiting_in(pair, language):
            yield Work(pair.model, draft, pair.sides[language], waiting)


def waiting_in(pair, language) -> list[Waiting]:
    side = pair.sides[language]
    before = dict.fromkeys(side.missing, "") | side.changed
    return [
        Waiting(path, label_of(pair.model, path), source, before[path], text)
        for path, text in pair.texts.items()
        if path in before and ((source := pair.texts[counterpart(path)]) or text)
    ]


def is_out_of_step(row, language: str) -> bool:
    """
    Whether the other language of `row`, which visitors see, says something else than when `language` was confirmed.

    Makes one query. What is confirmed in a draft changes nothing for visitors.
    """
    if isinstance(row, Published) and not row.is_published_in(other_language(language)):
        return False
    kind = ContentType.objects.get_for_model(row)
    states = Parity.objects.filter(content_type=kind, object_id=row.pk, language=language)
    return states.filter(is_out_of_step=True).exists()
