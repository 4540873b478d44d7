"""Addresses that have changed: the former address of a page leads to the page."""

from itertools import chain, count

from django.contrib.contenttypes.fields import GenericForeignKey, GenericRelation
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.db.models import Q
from django.http import Http404
from django.utils.translation import gettext_lazy as _


class FormerSlug(models.Model):
    """
    A slug that a row had before.

    It names the row and not an address, so several changes in turn lead to the present address at once, and never in a
    circle. Another row of the model may take the slug: what has a slug now comes before what had it.
    """

    content_type = models.ForeignKey(ContentType, on_delete=models.CASCADE)
    object_id = models.PositiveBigIntegerField()
    row = GenericForeignKey()
    slug = models.SlugField(_("address in links"))

    class Meta:
        app_label = "portal"
        verbose_name = _("former address")
        verbose_name_plural = _("former addresses")
        indexes = [models.Index(fields=["content_type", "object_id"], name="portal_formerslug_of_row")]
        constraints = [
            models.UniqueConstraint(fields=["content_type", "slug"], name="portal_formerslug_once"),
        ]

    def __str__(self):
        return self.slug


def free_slug(model, slug: str) -> str:
    """
    Returns `slug`, or else it with the first number with which no row of `model` has it, or had it before.

    A slug that the model refuses, because it is kept for another page, gets a number too.
    """
    kind, field = ContentType.objects.get_for_model(model), model._meta.get_field("slug")
    length = field.max_length
    slug = slug[:length]
    # Long ones are cut, to make room for the number.
    is_like = Q(slug=slug) | Q(slug__startswith=f"{slug}-"[: length // 2])
    rows = [model._base_manager.filter(is_like), FormerSlug.objects.filter(is_like, content_type=kind)]
    taken = {each for found in rows for each in found.values_list("slug", flat=True)}
    try:
        field.run_validators(slug)
    except ValidationError:
        taken.add(slug)
    numbered = (f"{slug[: length - len(str(number)) - 1]}-{number}" for number in count(2))
    return next(each for each in chain([slug], numbered) if each not in taken)


class Slugged(models.Model):
    """Abstract base of models with a unique `slug`. The error for a taken one names its owner, and a free one."""

    class Meta:
        abstract = True

    def unique_error_message(self, model_class, unique_check):
        other = unique_check == ("slug",) and model_class._base_manager.filter(slug=self.slug).first()
        if not other:
            return super().unique_error_message(model_class, unique_check)
        text = _("“%(slug)s” is already the address of “%(other)s”. This one is free: %(free)s")
        names = {"slug": self.slug, "other": other, "free": free_slug(model_class, self.slug)}
        return ValidationError(text, code="unique", params=names)


class Addressed(Slugged):
    """Abstract base of models whose rows have a page at an address with their `slug`. It remembers former slugs."""

    former_slugs = GenericRelation(FormerSlug)

    class Meta:
        abstract = True

    def save(self, *args, **kwargs):
        """Saves the row, and remembers the stored slug if it has another one now. QuerySet.update() does not."""
        with transaction.atomic(savepoint=False):
            stored = type(self)._base_manager.filter(pk=self.pk).values_list("slug", flat=True).first()
            super().save(*args, **kwargs)
            if stored not in (None, self.slug):
                kind = ContentType.objects.get_for_model(self)
                FormerSlug.objects.update_or_create(content_type=kind, slug=stored, defaults={"object_id": self.pk})


class Moved(Http404):
    """The requested address is a former one of `row`, which is published in the active language."""

    def __init__(self, row):
        super().__init__()
        self.row = row
