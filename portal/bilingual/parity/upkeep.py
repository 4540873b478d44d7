"""Keeps the states in step with the texts, in the transaction of each change, and keeps what is confirmed."""

from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.db.models import QuerySet
from django.db.models.signals import post_delete, post_save
from django.utils import timezone

from portal.bilingual.changes import notes_change, owners_of, rows_changed
from portal.bilingual.drafts.models import Draft
from portal.bilingual.drafts.paths import language_of
from portal.bilingual.languages import other_language
from portal.bilingual.parity.models import TO_TRANSLATE, Confirmation, Parity, State
from portal.bilingual.parity.pairs import Pair, pair_of, pairs
from portal.bilingual.parity.texts import counterpart, in_language, kinds, parts

# How many rows are compared at once.
CHUNK = 200
OF_ONE = ["content_type", "object_id", "language"]
DERIVED = ["state", "amount", "is_out_of_step"]


def connect():
    """Keeps the states in step from now on whenever a row of kinds() changes, or a part or a draft of one."""
    for signal in (post_save, post_delete):
        signal.connect(refresh_row_of, sender=Draft)
    for model in kinds():
        rows_changed.connect(refresh_rows, sender=model)
        post_delete.connect(forget_row, sender=model)
        for part in parts(model).values():
            rows_changed.connect(refresh_owners, sender=part)
            post_delete.connect(refresh_owner, sender=part)


def refresh_rows(sender, pks, **kwargs):
    refresh(sender, pks)


def refresh_owners(sender, pks, owners, **kwargs):
    """Refreshes the rows that the parts with `pks` belong to, and those that they belonged to before, the `owners`."""
    for chunk in chunks(pks):
        owners = owners | owners_of(sender._base_manager.filter(pk__in=chunk))
    refresh(sender._meta.get_field(sender.part_of).related_model, sorted(owners))


def refresh_owner(sender, instance, origin, **kwargs):
    """Refreshes the row of which the deleted `instance` was a part, unless that is being deleted with it."""
    owner = sender._meta.get_field(sender.part_of)
    deleted = origin.model if isinstance(origin, QuerySet) else type(origin)
    if deleted is not owner.related_model:
        refresh(owner.related_model, [getattr(instance, owner.attname)])


def refresh_row_of(sender, instance, **kwargs):
    """Refreshes the row of a draft that is confirmed, or was."""
    model = ContentType.objects.get_for_id(instance.content_type_id).model_class()
    if model not in kinds() or not instance.object_id:
        return
    if instance.confirmed or states_of(model, [instance.object_id]).filter(state=State.IN_DRAFT).exists():
        refresh(model, [instance.object_id])


def forget_row(sender, instance, **kwargs):
    forget(sender, [instance.pk])


def forget(model, pks):
    """Deletes the states of the rows of `model` with `pks`. What was confirmed stays: the bin may give them back."""
    states_of(model, pks).delete()


def states_of(model, pks):
    """Returns the states of the rows of `model` with `pks`."""
    return Parity.objects.filter(content_type=ContentType.objects.get_for_model(model), object_id__in=pks)


def chunks(pks):
    return (pks[start : start + CHUNK] for start in range(0, len(pks), CHUNK))


def locked(model, pks):
    """
    Returns the rows with `pks`, locked until the end of the transaction.

    Of two transactions that change parts of one row, the second one waits here, and sees what the first has done.
    """
    return model._base_manager.filter(pk__in=pks).order_by("pk").select_for_update(no_key=True)


def refresh(model, pks) -> int:
    """Brings the states of the rows of `model` with `pks` into step. Returns how many of them differed."""
    return sum(refresh_chunk(model, chunk) for chunk in chunks(pks))


@transaction.atomic
def refresh_chunk(model, pks) -> int:
    gone, changed, found = differences(model, locked(model, pks), pks)
    if gone:
        forget(model, gone)
    for pair in found:
        if pair.returned:
            know_returned(pair)
    Parity.objects.bulk_create(changed, update_conflicts=True, unique_fields=OF_ONE, update_fields=DERIVED)
    return len({each.object_id for each in changed} | gone)


def know_returned(pair):
    """Keeps the texts of inline rows that have come back as confirmed with the keys that they have now."""
    for language, confirmation in pair.confirmations.items():
        confirmation.texts = pair.agreed(language)
        confirmation.save(update_fields=["texts"])


def differences(model, rows, pks) -> tuple[set, list, list]:
    """
    Compares the states with `rows`, a queryset of those with `pks`, which may be gone.

    Returns the keys of rows that are gone, the states that are missing or wrong, as they should be, and the Pairs.
    """
    kind, found = ContentType.objects.get_for_model(model), pairs(model, rows)
    stored = {(each.object_id, each.language): derived_of(each) for each in states_of(model, pks)}
    in_drafts = confirmed_in_drafts(model, found)
    right = [
        Parity(content_type=kind, object_id=pair.row.pk, language=language, **derive(side, pair.row.pk in in_drafts))
        for pair in found
        for language, side in pair.sides.items()
    ]
    changed = [each for each in right if stored.get((each.object_id, each.language)) != derived_of(each)]
    return set(pks) - {pair.row.pk for pair in found}, changed, found


def derived_of(parity) -> list:
    return [getattr(parity, name) for name in DERIVED]


def derive(side, is_in_draft) -> dict:
    """Returns what Parity keeps of a Side of a row, and whether somebody has confirmed that row in its draft."""
    is_translated = is_in_draft and side.state in TO_TRANSLATE
    return {
        "state": State.IN_DRAFT if is_translated else side.state,
        "amount": 0 if is_translated else side.amount,
        "is_out_of_step": side.state == State.OUT_OF_STEP,
    }


def confirmed_in_drafts(model, found) -> set[int]:
    """Returns the keys of those of the Pairs `found` that wait for a translator, and are confirmed in a draft."""
    waiting = {pair.row.pk: pair for pair in found if any(side.state in TO_TRANSLATE for side in pair.sides.values())}
    drafts = Draft.objects.of(model, waiting).exclude(confirmed={})
    return {draft.object_id for draft in drafts if waiting[draft.object_id].is_confirmed_in(draft)}


def mend() -> int:
    """
    Brings all states into step, those of rows that have none too, as after an update. Returns how many rows differed.
    """
    number = 0
    for model in kinds():
        known = Parity.objects.filter(content_type=ContentType.objects.get_for_model(model))
        pks = {*model._base_manager.values_list("pk", flat=True), *known.values_list("object_id", flat=True)}
        for chunk in chunks(sorted(pks)):
            gone, changed, _pairs = differences(model, model._base_manager.filter(pk__in=chunk), chunk)
            if pks := sorted({each.object_id for each in changed} | gone):
                with transaction.atomic():
                    change_of_states()
                    # It compares again, under its lock.
                    number += refresh(model, pks)
    return number


def change_of_states():
    """
    Lets finished pages know that states change that they may show.

    A change of the texts does that by itself. This comes before a row is locked, as all changes of content do.
    """
    notes_change.send(Parity)


@transaction.atomic
def confirm(row, user=None, at=None, name="") -> bool:
    """
    Keeps that both languages of `row`, as it is stored, say the same, in the opinion of `user` at a time `at`.

    `name` is that of a user whose account is gone. Without both nobody has looked: it was loaded as a pair. Returns
    False if a language misses a text, or if the row is gone. Then nothing is kept.
    """
    change_of_states()
    found = pairs(type(row), locked(type(row), [row.pk]))
    if not found or not found[0].is_complete:
        return False
    [pair] = found
    texts = {language: in_language(pair.texts, other_language(language)) for language in pair.sides}
    person = {"by": user, "by_name": user.name_to_keep if user else name, "at": at or timezone.now()}
    keep(pair, texts, **person, ticked_by_name="", ticked_at=None)
    return True


def keep(pair: Pair, texts_by_language: dict, **about):
    """Keeps what the other language says, by language, and `about` who confirmed it. Brings the states into step."""
    own = {"content_type": ContentType.objects.get_for_model(pair.model), "object_id": pair.row.pk}
    rows = [
        Confirmation(language=language, texts=texts, **own, **about) for language, texts in texts_by_language.items()
    ]
    Confirmation.objects.bulk_create(rows, update_conflicts=True, unique_fields=OF_ONE, update_fields=["texts", *about])
    refresh(pair.model, [pair.row.pk])


@transaction.atomic
def carry_over(before: Pair, row, user) -> bool:
    """
    Lets a change from `before` to `row`, as it is stored, keep the state of the other language, as `user` has ticked.

    That holds field by field, for those that were confirmed and in step before. Returns whether both languages are
    confirmed now.
    """
    after, kept = pair_of(row), {}
    for language, side in before.sides.items():
        if side.confirmation:
            changed = {
                path: text
                for path, text in after.texts.items()
                if language_of(path) != language
                and text != before.texts.get(path, "")
                and counterpart(path) not in side.changed
                and after.texts[counterpart(path)]
            }
            if changed:
                kept[language] = after.agreed(language) | changed
    keep(after, kept, ticked_by_name=user.name_to_keep, ticked_at=timezone.now())
    return pair_of(row).is_confirmed
