"""Change, the model: who did what to a page of content, and when."""

from datetime import timedelta

from django.conf import settings
from django.contrib.contenttypes.models import ContentType
from django.db import models
from django.db.models import Exists, OuterRef, Prefetch
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language, gettext, override, pgettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from portal.bilingual.history.words import in_words
from portal.bilingual.languages import LANGUAGES

# How long what was deleted can come back from the bin, with its files and its draft.
IN_BIN_FOR = timedelta(days=90)


class Action(models.TextChoices):
    """What is done to a page. The values are also the keys of what portal.bilingual.history.words puts into words."""

    PUBLISHED = "published", pgettext_lazy("action", "Published")
    WITHDRAWN = "withdrawn", pgettext_lazy("action", "Withdrawn")
    SCHEDULED = "scheduled", pgettext_lazy("action", "Scheduled")
    UNSCHEDULED = "unscheduled", pgettext_lazy("action", "Schedule cancelled")
    DISCARDED = "discarded", pgettext_lazy("action", "Draft discarded")
    RESTORED = "restored", pgettext_lazy("action", "Earlier version put into the draft")
    CONFIRMED = "confirmed", pgettext_lazy("action", "Languages confirmed")
    TICKED = "ticked", pgettext_lazy("action", "Languages ticked as still the same")
    CHECKED = "checked", pgettext_lazy("action", "Checked")
    DELETED = "deleted", pgettext_lazy("action", "Deleted")
    BROUGHT_BACK = "brought_back", pgettext_lazy("action", "Brought back from the bin")
    ADDED = "added", pgettext_lazy("action", "Added")
    CHANGED = "changed", pgettext_lazy("action", "Changed")
    FIRST = "first", pgettext_lazy("action", "As it was when its history began")
    FOUND = "found", pgettext_lazy("action", "Changed outside its form")


class ChangeQuerySet(models.QuerySet):
    def of(self, row):
        """Returns the changes of `row`, a page of content."""
        return self.filter(content_type=ContentType.objects.get_for_model(row), object_id=row.pk)

    def with_state(self):
        """Returns the changes whose state of the page is stored: its versions."""
        return self.filter(revision__isnull=False).select_related("revision")

    def with_people(self):
        """Returns the changes with who made them and who wrote what they made public, in one more query."""
        writers = Prefetch("writers", Writer.objects.select_related("user"))
        return self.select_related("by").prefetch_related(writers)

    def by_colleagues(self, user, since):
        """
        Returns what people other than `user` have done since a moment, the latest first, with these people.

        Changes without a known person are left out.
        """
        return self.filter(at__gte=since, by__isnull=False).exclude(by=user).select_related("by")

    def not_undone(self):
        """Returns the deletions of rows that nobody has brought back since."""
        back = self.model.objects.filter(
            content_type=OuterRef("content_type"),
            object_id=OuterRef("object_id"),
            action=Action.BROUGHT_BACK,
            pk__gt=OuterRef("pk"),
        )
        return self.filter(~Exists(back), action=Action.DELETED)

    def in_bin(self, model):
        """Returns the latest deletion of each row of `model` that can come back, the latest first; see IN_BIN_FOR."""
        kind = ContentType.objects.get_for_model(model)
        later = self.model.objects.filter(
            content_type=kind, object_id=OuterRef("object_id"), action=Action.DELETED, pk__gt=OuterRef("pk")
        )
        stored = model._base_manager.filter(pk=OuterRef("object_id"))
        since = timezone.now() - IN_BIN_FOR
        deleted = self.with_state().filter(content_type=kind, action=Action.DELETED, at__gt=since)
        return deleted.filter(~Exists(stored), ~Exists(later))


class Change(models.Model):
    """Who did what to a page of content, and when. If its state was another one afterwards, that is the `revision`."""

    at = models.DateTimeField(_("when"), default=timezone.now)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("who"),
        null=True,
        on_delete=models.SET_NULL,
        related_name="+",
        # That of the list begins with it.
        db_index=False,
    )
    # It stays when the account is deleted, for as long as sign-ins are kept.
    by_name = models.CharField(_("who"), max_length=150, blank=True)
    content_type = models.ForeignKey(ContentType, verbose_name=_("kind"), on_delete=models.CASCADE, db_index=False)
    object_id = models.PositiveBigIntegerField()
    # The title that the page had, by language of the reader.
    titles = models.JSONField(default=dict)
    action = models.CharField(_("what"), max_length=20, choices=Action)
    # As that of Django's LogEntry; see in_words().
    message = models.JSONField(default=list)
    revision = models.ForeignKey("reversion.Revision", null=True, on_delete=models.SET_NULL)
    # The keys of other rows that referred to the page, by the path of their field: see incoming().
    incoming = models.JSONField(default=dict)

    objects = ChangeQuerySet.as_manager()

    class Meta:
        app_label = "portal"
        verbose_name = _("change of content")
        verbose_name_plural = _("changes of content")
        ordering = ["-at", "-pk"]
        # Nobody adds, changes or deletes one.
        default_permissions = ("view",)
        indexes = [
            models.Index(fields=["at", "id"], name="portal_change_at"),
            models.Index(fields=["by", "at", "id"], name="portal_change_by"),
            models.Index(fields=["action", "at", "id"], name="portal_change_action"),
            models.Index(fields=["content_type", "at", "id"], name="portal_change_kind"),
            models.Index(fields=["content_type", "object_id", "at", "id"], name="portal_change_of_row"),
        ]

    def __str__(self):
        return f"{self.title}: {self.words}"

    @property
    def title(self) -> str:
        """The title that the page had, in the active language or else in the other one."""
        return self.titles.get(get_language()) or next(iter(self.titles.values()), "")

    @property
    def kind(self) -> str:
        """The name of the kind of content, in the active language."""
        model = ContentType.objects.get_for_id(self.content_type_id).model_class()
        return str(model._meta.verbose_name) if model else ""

    @property
    def person(self) -> str:
        """The name of the person who did it, or an empty string if that is unknown."""
        return (self.by and self.by.get_full_name()) or self.by_name

    @property
    def words(self) -> str:
        """What was done, in the active language."""
        return in_words(self.message) or str(self.get_action_display())

    @property
    def words_and_writers(self) -> str:
        """What was done, and who wrote it if that is not only who published it, in the active language."""
        if names := [writer.shown_name for writer in self.writers.all() if writer.shown_name]:
            written = gettext("Written by %(names)s.") % {"names": pgettext("between names", ", ").join(names)}
            return f"{self.words} {written}"
        return self.words

    @property
    def address(self) -> str:
        """The address of the history of the page or, if it was deleted, of the bin."""
        kind = ContentType.objects.get_for_id(self.content_type_id)
        name = f"admin:{kind.app_label}_{kind.model}"
        if self.action == Action.DELETED:
            return reverse(f"{name}_bin")
        return reverse(f"{name}_history", args=[self.object_id])

    def before(self):
        """Returns the Change with the state that the page had before, or None."""
        earlier = Change.objects.filter(content_type=self.content_type_id, object_id=self.object_id, pk__lt=self.pk)
        return earlier.with_state().order_by("-pk").first()


class Writer(models.Model):
    """Who wrote some of what a Change made public."""

    change = models.ForeignKey(Change, on_delete=models.CASCADE, related_name="writers")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    # As `by_name` of the Change.
    name = models.CharField(max_length=150, blank=True)

    class Meta:
        app_label = "portal"
        verbose_name = _("writer of a change")
        verbose_name_plural = _("writers of changes")
        ordering = ["pk"]
        default_permissions = ()

    def __str__(self):
        return self.shown_name

    @property
    def shown_name(self) -> str:
        """The name of the writer, or an empty string if it is forgotten."""
        return (self.user and self.user.get_full_name()) or self.name


def titles_of(row) -> dict:
    """Returns the title of `row` by the language of the reader."""
    found = {}
    for language in LANGUAGES:
        with override(language):
            found[language] = str(row)[:300]
    return found
