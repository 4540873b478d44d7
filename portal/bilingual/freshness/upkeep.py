"""Keeps what is due in step with the pages, in the transaction of each change, and keeps who has looked at a page."""

from datetime import date
from functools import cache

from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.db.models.signals import post_delete
from django.utils import timezone

from portal.bilingual import parity
from portal.bilingual.changes import notes_change, rows_changed
from portal.bilingual.freshness.models import Review
from portal.bilingual.parity.upkeep import chunks
from portal.bilingual.publishing import Published


@cache
def kinds() -> list:
    """Returns the models of pages that are looked at again: those that are published, and those with an address."""
    return [model for model in parity.kinds() if issubclass(model, Published) or hasattr(model, "get_absolute_url")]


def connect():
    """Keeps what is due in step from now on whenever a row of kinds() changes."""
    for model in kinds():
        rows_changed.connect(refresh, sender=model)
        post_delete.connect(forget_due, sender=model)


def refresh(sender, pks, **kwargs):
    """Brings what is due of the rows with `pks` into step with when they were published."""
    for chunk in chunks(pks):
        reviews = list(Review.objects.of_rows(sender, chunk).filter(interval_months__isnull=False))
        rows = sender._base_manager.in_bulk([review.object_id for review in reviews]) if reviews else {}
        for review in reviews:
            before = review.due_on
            review.set_due(rows.get(review.object_id))
            if review.due_on != before:
                review.save(update_fields=["due_on"])


def forget_due(sender, instance, **kwargs):
    Review.objects.of_rows(sender, [instance.pk]).filter(due_on__isnull=False).update(due_on=None)


def review_of(row) -> Review:
    """Returns the Review of a stored `row`, or a new one that is not stored."""
    found = Review.objects.of_rows(type(row), [row.pk]).first()
    return found or Review(content_type=ContentType.objects.get_for_model(row), object_id=row.pk)


def change_of_checks():
    """Lets finished pages know, before a row is locked, that the date changes on which pages were checked."""
    notes_change.send(Review)


@transaction.atomic
def check(row, user):
    """Keeps that `row`, as it is stored, is still right, in the opinion of `user`."""
    change_of_checks()
    review = review_of(row)
    review.checked_at, review.checked_by = timezone.now(), user
    store(review)


def store(review):
    """Stores `review`, with the day on which its page is due as it is stored now."""
    rows = review.content_type.model_class()._base_manager
    review.set_due(rows.filter(pk=review.object_id).first())
    review.save()


def checked_on(row) -> date | None:
    """Returns the date on which somebody last said that `row` is still right, or None. Makes one query."""
    review = Review.objects.of_rows(type(row), [row.pk]).exclude(checked_at=None).first()
    return review and review.checked_on
