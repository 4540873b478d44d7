"""Announces changes of rows in their own transaction, for what is derived from them."""

from django.db import models, transaction
from django.db.models import F
from django.dispatch import Signal

# Sent after rows were created or changed, before the commit. The sender is their model; `pks` lists their keys, and
# `owners` those of the rows that they were parts of before. Deleting has Django's own post_delete.
rows_changed = Signal()
# Sent in the transaction of a change of what pages may show beside the content, before any row is locked. The sender is
# the model of what changes.
notes_change = Signal()


class TrackedQuerySet(models.QuerySet):
    """Sends rows_changed for update(), bulk_create() and bulk_update() too."""

    def update(self, **values):
        with transaction.atomic():
            # Before the change: afterwards the rows may no longer match.
            pks = list(self.order_by().values_list("pk", flat=True))
            owners = owners_of(self)
            number = super().update(**values)
            rows_changed.send(self.model, pks=pks, owners=owners)
        return number

    def bulk_create(self, *args, **kwargs):
        with transaction.atomic():
            created = super().bulk_create(*args, **kwargs)
            rows_changed.send(self.model, pks=[row.pk for row in created], owners=set())
        return created


class TrackedModel(models.Model):
    """Abstract base of models whose changes are announced by rows_changed."""

    objects = TrackedQuerySet.as_manager()

    class Meta:
        abstract = True

    def save(self, *args, **kwargs):
        # post_save would come after the commit if no transaction is open.
        with transaction.atomic(savepoint=False):
            owners = owners_of(type(self)._base_manager.filter(pk=self.pk))
            super().save(*args, **kwargs)
            rows_changed.send(type(self), pks=[self.pk], owners=owners)


def owners_of(rows) -> set:
    """Returns the keys of what `rows`, a queryset, are parts of, if their model names that in `part_of`."""
    if not hasattr(rows.model, "part_of"):
        return set()
    owner = rows.model._meta.get_field(rows.model.part_of)
    return {*rows.order_by().values_list(owner.attname, flat=True).distinct()}


def wait_for_turn(model, pk):
    """
    Locks a row until the transaction ends, in the order in which all changes of content lock.

    Each of them first changes the version of the content. Who locked a row before that would wait for a change that
    waits for the row. So this is a change too, of nothing.
    """
    model._base_manager.filter(pk=pk).update(**{model._meta.pk.name: F(model._meta.pk.name)})
