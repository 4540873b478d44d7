"""What somebody has confirmed, and the state of each language that follows from it."""

from django.conf import settings
from django.contrib.contenttypes.models import ContentType
from django.db import models
from django.utils import timezone
from django.utils.translation import pgettext_lazy


class State(models.TextChoices):
    """The state of one language of a row. The first one that fits counts."""

    MISSING = "missing", pgettext_lazy("parity", "missing")
    OUT_OF_STEP = "out-of-step", pgettext_lazy("parity", "out of step")
    # The published text is missing or out of step. A user has confirmed the draft, which a publisher must publish.
    IN_DRAFT = "in-draft", pgettext_lazy("parity", "confirmed, to be published")
    DRAFT = "draft", pgettext_lazy("parity", "not public")
    UNCONFIRMED = "unconfirmed", pgettext_lazy("parity", "not confirmed")
    CONFIRMED = "confirmed", pgettext_lazy("parity", "confirmed")


# What waits for a translator.
TO_TRANSLATE = (State.MISSING, State.OUT_OF_STEP)


class OfOneLanguage(models.Model):
    """Abstract base of what is kept for one language of a row."""

    content_type = models.ForeignKey(ContentType, on_delete=models.CASCADE)
    object_id = models.PositiveBigIntegerField()
    language = models.CharField(max_length=10, choices=settings.LANGUAGES)

    class Meta:
        abstract = True
        app_label = "portal"

    def __str__(self):
        return f"{self.content_type} {self.object_id} {self.language}"


class Confirmation(OfOneLanguage):
    """
    That a language of a row said the same as the other one.

    It stays if the row is deleted, which may come back from the bin.
    """

    # What the other language said, by path. Empty ones are left out.
    texts = models.JSONField(default=dict)
    # Empty if it was loaded as a pair, without a person.
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    # It stays when the account is deleted.
    by_name = models.CharField(max_length=150, blank=True)
    at = models.DateTimeField(default=timezone.now)
    # The person who ticked later that a change of one language left it so, and when.
    ticked_by_name = models.CharField(max_length=150, blank=True)
    ticked_at = models.DateTimeField(null=True)

    class Meta(OfOneLanguage.Meta):
        constraints = [
            models.UniqueConstraint(fields=["content_type", "object_id", "language"], name="portal_confirmation_once")
        ]

    @property
    def person(self) -> str:
        """The name of the person who confirmed it, or an empty string if it was loaded as a pair."""
        return (self.by and self.by.get_full_name()) or self.by_name


class Parity(OfOneLanguage):
    """The state of a language of a row. It is derived; see upkeep."""

    state = models.CharField(max_length=12, choices=State)
    # How much of the other language waits to be translated: Chinese characters, or English words.
    amount = models.PositiveIntegerField(default=0)
    # Whether what is stored is out of step, which visitors see, confirmed in a draft or not.
    is_out_of_step = models.BooleanField(default=False)

    class Meta(OfOneLanguage.Meta):
        constraints = [
            models.UniqueConstraint(fields=["content_type", "object_id", "language"], name="portal_parity_once")
        ]
        # Filters and counts are read from it alone.
        indexes = [
            models.Index(
                fields=["content_type", "language", "state", "object_id", "amount"], name="portal_parity_counted"
            )
        ]
