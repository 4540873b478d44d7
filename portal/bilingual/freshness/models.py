"""Review, the model: who is responsible for a page, and when it was and will be looked at."""

from datetime import date, datetime

from dateutil.relativedelta import relativedelta
from django.conf import settings
from django.contrib.contenttypes.models import ContentType
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from portal.bilingual.publishing import Published, in_both_languages


class ReviewQuerySet(models.QuerySet):
    def of_kind(self, model):
        """Returns the reviews of rows of `model`."""
        return self.filter(content_type=ContentType.objects.get_for_model(model))

    def of_rows(self, model, pks):
        """Returns the reviews of the rows of `model` with `pks`."""
        return self.of_kind(model).filter(object_id__in=pks)

    def due(self):
        """Returns the reviews of pages that are to be looked at again by now."""
        return self.filter(due_on__lte=timezone.localdate())


class Review(models.Model):
    """Who looks at a page again, and when. It stays if the page is deleted, which may come back from the bin."""

    content_type = models.ForeignKey(ContentType, on_delete=models.CASCADE, db_index=False)
    object_id = models.PositiveBigIntegerField()
    responsible = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("responsible person"),
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        help_text=_("Sees on the first page of the admin when the page is due. So do publishers."),
    )
    interval_months = models.PositiveSmallIntegerField(
        _("months until the next review"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(60)],
        help_text=_("Counted from when it was last noted as still right, or else first published. Empty: no review."),
    )
    checked_at = models.DateTimeField(null=True)
    checked_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    # From when the interval counts for a row that is public from the beginning.
    created_at = models.DateTimeField(default=timezone.now)
    # It is derived, for lists and counts; see set_due().
    due_on = models.DateField(null=True)

    objects = ReviewQuerySet.as_manager()

    class Meta:
        app_label = "portal"
        constraints = [models.UniqueConstraint(fields=["content_type", "object_id"], name="portal_review_once")]
        # Filters and counts are read from it alone.
        indexes = [
            models.Index(fields=["content_type", "due_on", "responsible", "object_id"], name="portal_review_due")
        ]

    def __str__(self):
        return f"{self.content_type} {self.object_id}"

    @property
    def checked_on(self) -> date | None:
        """The date, in Beijing, on which somebody last said that the page is still right."""
        return self.checked_at and timezone.localdate(self.checked_at)

    @property
    def is_due(self) -> bool:
        return self.due_on is not None and self.due_on <= timezone.localdate()

    def set_due(self, row):
        """Sets `due_on` for `row`, the page as it is stored. None is a page that was deleted."""
        since = self.public_since(row)
        if since and self.interval_months:
            last = timezone.localdate(self.checked_at or since)
            self.due_on = last + relativedelta(months=self.interval_months)
        else:
            self.due_on = None

    def public_since(self, row) -> datetime | None:
        """Returns when `row` was first published, or None if visitors see it in no language."""
        if isinstance(row, Published):
            times = (getattr(row, column) for column in in_both_languages("published_at"))
            return min(filter(None, times), default=None)
        return self.created_at if row else None
