"""Addresses that have changed: the former address of a page leads to the page."""

from django.contrib.contenttypes.fields import GenericForeignKey, GenericRelation
from django.contrib.contenttypes.models import ContentType
from django.db import models, transaction
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


class Addressed(models.Model):
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
