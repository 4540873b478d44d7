"""The Resource Platform: resources, and the versions of their files."""

import logging
import re
from uuid import uuid4

from django.conf import settings
from django.core.files.storage import storages
from django.db import DatabaseError, models, transaction
from django.db.models import Exists, F, OuterRef, Prefetch, Subquery
from django.utils import timezone
from django.utils.translation import get_language, gettext
from django.utils.translation import gettext_lazy as _
from modeltranslation.utils import build_localized_fieldname

from partners.models import Country
from portal import content_version, search_index
from portal.bilingual.changes import TrackedModel
from portal.bilingual.former_slugs import Slugged
from portal.bilingual.publishing import (
    SLUG_HELP,
    ContentPage,
    PublishedQuerySet,
    RequiredColumns,
    in_both_languages,
    validate_moment,
)
from portal.filetypes import TYPE_NAMES, TYPES, content_type
from portal.uploads import clean_name, digest, fsync
from programs.models.programs import Program

log = logging.getLogger(__name__)


@content_version.register
class Industry(Slugged, TrackedModel):
    """An industry for which there are standards."""

    slug = models.SlugField(_("address in links"), unique=True, help_text=SLUG_HELP)
    sort_order = models.PositiveSmallIntegerField(_("order"), default=100)
    name = models.CharField(_("name"), max_length=80)

    class Meta:
        verbose_name = _("industry")
        verbose_name_plural = _("industries")
        ordering = ["sort_order", "pk"]
        constraints = [RequiredColumns(columns=in_both_languages("name"), name="programs_industry_named")]

    def __str__(self):
        return self.name or ""


class ResourceQuerySet(PublishedQuerySet):
    def for_entries(self):
        """Prefetches what a list of resources shows: the industry, and the current files as `current_files`."""
        current = Prefetch("files", ResourceFile.objects.current(), to_attr="current_files")
        return self.select_related("industry").prefetch_related(current)

    def for_detail(self):
        """Prefetches everything that the page of a resource shows."""
        return self.for_entries().with_published("countries").prefetch_related("files")

    def matching(self, kind="", program=None, country=None, industry=None, language=""):
        """Returns the resources of a kind, program, country and industry that have a file in `language`, if given."""
        chosen = {"kind": kind, "programs": program, "countries": country, "industry": industry}
        found = self.filter(**{name: value for name, value in chosen.items() if value})
        if language:
            found = found.filter(Exists(ResourceFile.objects.filter(resource=OuterRef("pk"), language=language)))
        return found


@content_version.register
@search_index.register(rank=30, relations=["industry"])
class Resource(ContentPage):
    """A document of the Resource Platform, with a file in each language and their versions."""

    class Kind(models.TextChoices):
        CURRICULUM_STANDARD = "curriculum-standard", _("Curriculum standard")
        QUALITY_STANDARD = "quality-standard", _("Quality-control standard")
        TEMPLATE = "template", _("Template")
        GUIDE = "guide", _("Guide")
        FORM = "form", _("Form")

    kind = models.CharField(_("kind"), max_length=30, choices=Kind)
    industry = models.ForeignKey(
        Industry,
        verbose_name=_("industry"),
        related_name="resources",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        help_text=_("For a standard: the industry that it is for."),
    )
    programs = models.ManyToManyField(Program, verbose_name=_("programs"), related_name="resources", blank=True)
    countries = models.ManyToManyField(
        Country, verbose_name=_("countries and regions"), related_name="resources", blank=True
    )

    objects = ResourceQuerySet.as_manager()

    class Meta(ContentPage.Meta):
        verbose_name = _("resource")
        verbose_name_plural = _("resources")
        indexes = [
            models.Index(
                fields=["sort_order", "id", *in_both_languages("published_at"), "updated_at"],
                name="programs_resource_listed",
            )
        ]

    def search_texts(self):
        yield self.get_kind_display()
        yield self.industry and self.industry.name
        yield from super().search_texts()

    def text_blocks(self):
        yield "p", self.get_kind_display()
        yield "p", self.industry and self.industry.name
        yield from super().text_blocks()

    @property
    def current_file(self):
        """The current file in the active language, or else in the other one, or None. It needs for_entries()."""
        return min(self.current_files, key=lambda file: file.language != get_language(), default=None)

    @property
    def older_files(self):
        """The files that newer ones have replaced, the newest first, the Chinese before the English ones."""
        older = [file for file in self.files.all() if file not in self.current_files]
        return sorted(older, key=lambda file: file.language, reverse=True)


def resource_storage():
    """Returns the storage of the files of resources. None of them has a public URL."""
    return storages["resources"]


def random_name(file, filename):
    """Returns a file name that cannot be guessed: a web server in front opens whichever file it can name."""
    return uuid4().hex


VERSION_TAKEN = _("There is already a file of this version in this language.")


class ResourceFileQuerySet(models.QuerySet):
    def current(self):
        """Returns the newest file of each resource in each language, the Chinese before the English."""
        versions = ResourceFile.objects.filter(resource=OuterRef("resource"), language=OuterRef("language"))
        newest_first = versions.order_by("-dated", "-pk")
        return self.filter(pk=Subquery(newest_first.values("pk")[:1])).order_by("-language")

    def missing_on_disk(self) -> list:
        """Returns the rows whose file is not on the disk."""
        return [file for file in self.select_related("resource") if not file.is_on_disk]


@content_version.register
class ResourceFile(models.Model):
    """
    A version of the file of a resource in one language. The newest one is current; older ones stay listed.

    The content of a version never changes: what was cited must stay what it was.
    """

    # The index of the constraint begins with it.
    resource = models.ForeignKey(Resource, related_name="files", on_delete=models.CASCADE, db_index=False)
    language = models.CharField(_("language"), max_length=10, choices=settings.LANGUAGES)
    version = models.CharField(_("version"), max_length=40)
    dated = models.DateField(_("date of the version"), validators=[validate_moment])
    file = models.FileField(_("file"), storage=resource_storage, upload_to=random_name)
    name = models.CharField(_("name"), max_length=200, editable=False)
    content_type = models.CharField(_("type"), max_length=100, editable=False)
    size = models.PositiveBigIntegerField(_("size in bytes"), editable=False)
    sha256 = models.CharField("SHA-256", max_length=64, editable=False)

    objects = ResourceFileQuerySet.as_manager()

    class Meta:
        verbose_name = _("version of a file")
        verbose_name_plural = _("versions of the files")
        ordering = ["-dated", "-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["resource", "language", "version"],
                name="programs_resourcefile_version_once",
                violation_error_message=VERSION_TAKEN,
            )
        ]

    def __str__(self):
        said = {"title": self.resource, "language": self.get_language_display(), "version": self.version}
        return gettext("%(title)s (%(language)s, version %(version)s)") % said

    def save(self, **options):
        """
        Writes the file of a new version to the disk, and its name, type, size and SHA-256 into the row.

        Raises ValueError if its content is of no accepted type.
        """
        if self._state.adding:
            self.name = clean_name(self.file.name)
            self.content_type = content_type(self.file)
            if self.content_type is None:
                raise ValueError("The content of this file is of no accepted type.")
            self.size, self.sha256 = self.file.size, digest(self.file)
            self.file.save("", self.file.file, save=False)
            fsync(self.file)
        super().save(**options)

    @property
    def type_name(self) -> str:
        """The name of the type of its content, such as Word."""
        return TYPE_NAMES[self.content_type]

    @property
    def download_name(self) -> str:
        """The name of its download: the title, in its own language if that is published, and the version."""
        title = str(self.resource)
        if self.resource.is_published_in(self.language):
            title = getattr(self.resource, build_localized_fieldname("title", self.language))
        stem = re.sub(r'[\\/:*?"<>|\s]+', " ", f"{title} {self.version}").strip()
        return clean_name(stem + TYPES[self.content_type])

    @property
    def is_on_disk(self) -> bool:
        return self.file.storage.exists(self.file.name)

    def count_download(self):
        """Counts a download today, in Beijing. A count that fails is logged and costs the visitor nothing."""
        key = {"file": self, "day": timezone.localdate()}
        today = DownloadCount.objects.filter(**key)
        try:
            with transaction.atomic():
                if not today.update(number=F("number") + 1):
                    # Two first downloads of a day may come at once.
                    DownloadCount.objects.get_or_create(**key)
                    today.update(number=F("number") + 1)
        except DatabaseError:
            log.exception("A download of file %d could not be counted.", self.pk)


class DownloadCount(models.Model):
    """How often a file was downloaded on one day. Nothing about who did is kept."""

    # The index of the constraint begins with it.
    file = models.ForeignKey(ResourceFile, related_name="downloads", on_delete=models.CASCADE, db_index=False)
    day = models.DateField()
    number = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["file", "day"], name="programs_downloadcount_one_a_day")]

    def __str__(self):
        return f"{self.day}: {self.number}"
