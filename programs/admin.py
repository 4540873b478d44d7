from datetime import timedelta

from django.contrib import admin, messages
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied
from django.db.models import IntegerField, OuterRef, Q, Subquery, Sum
from django.db.models.functions import Coalesce
from django.forms import BaseInlineFormSet
from django.http import Http404
from django.shortcuts import get_object_or_404
from django.template.defaultfilters import filesizeformat
from django.urls import path
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext

from portal.bilingual.editing import PLACE, BilingualAdmin, BilingualInline
from portal.bilingual.publishing import in_both_languages
from programs.forms import ResourceFileForm, ResourceFileFormSet
from programs.models import (
    Area,
    Certificate,
    DownloadCount,
    Industry,
    Material,
    Program,
    Question,
    Resource,
    ResourceFile,
    Step,
)
from programs.resource_files import sent


@admin.register(Area)
class AreaAdmin(BilingualAdmin):
    fieldsets = [
        (None, {"fields": ["title", "summary", "body"]}),
        (_("Enquiries"), {"fields": ["enquiry_recipients"]}),
        (PLACE, {"fields": ["slug", "sort_order"]}),
    ]
    enquiry_fields = ["enquiry_recipients"]
    list_display = ["__str__", "sort_order"]


class StepInline(BilingualInline):
    model = Step
    fields = ["text", "sort_order"]


class QuestionInline(BilingualInline):
    model = Question
    fields = ["question", "answer", "sort_order"]


class MaterialFormSet(BaseInlineFormSet):
    default_error_messages = {"too_many_forms": _("A program has at most %(num)d documents to prepare.")}


class MaterialInline(BilingualInline):
    """The documents of a program. Their number has a limit, because its page shows them all."""

    model = Material
    formset = MaterialFormSet
    fields = ["name", ("prepared_by", "language", "template"), "note", "sort_order"]
    autocomplete_fields = ["template"]
    max_num = 50

    def get_formset(self, request, obj=None, **kwargs):
        # Without it, Django only hides the button that adds one. For users who may not add any, the number is 0.
        is_limited = self.get_max_num(request, obj) > 0
        return super().get_formset(request, obj, validate_max=is_limited, **kwargs)


@admin.register(Program)
class ProgramAdmin(BilingualAdmin):
    fieldsets = [
        (None, {"fields": ["title", "summary", "body", "audience", "materials_introduction"]}),
        (_("What it belongs to"), {"fields": ["area", "centres", "countries"]}),
        (PLACE, {"fields": ["slug", "search_words", "sort_order"]}),
    ]
    list_display = ["__str__", "area", "sort_order"]
    list_filter = ["area", "centres"]
    inlines = [StepInline, MaterialInline, QuestionInline]


@admin.register(Certificate)
class CertificateAdmin(BilingualAdmin):
    fields = ["name", "awarding_body", "level", "validity", "program", "country", "sort_order"]
    autocomplete_fields = ["program"]
    list_display = ["__str__", "program", "sort_order"]
    list_filter = ["country"]

    @property
    def search_fields(self):
        return [*super().search_fields, *in_both_languages("program__title")]


# The downloads of this many days are shown beside those in all.
RECENT_DAYS = 30
MISSING = _("The file is missing: ask the technicians to restore it, or delete this version and add it again.")


@admin.register(Industry)
class IndustryAdmin(BilingualAdmin):
    fields = ["name", "slug", "sort_order"]
    list_display = ["__str__", "slug", "sort_order"]

    def get_prepopulated_fields(self, request, obj=None):
        return {} if obj else {"slug": ["name_en"]}


class ResourceFileInline(admin.StackedInline):
    """
    The versions of the files of a resource. A version and its date can be corrected; its content never changes.

    Whoever may delete can delete a wrong upload.
    """

    model = ResourceFile
    form = ResourceFileForm
    formset = ResourceFileFormSet
    fields = [("language", "version"), ("dated", "file"), ("about", "downloads")]
    readonly_fields = ["about", "downloads"]
    extra = 1

    def get_queryset(self, request):
        is_recent = Q(downloads__day__gt=timezone.localdate() - timedelta(days=RECENT_DAYS))
        files = super().get_queryset(request).select_related("resource").order_by("-language", "-dated", "-pk")
        return files.annotate(
            downloads_in_all=Coalesce(Sum("downloads__number"), 0),
            recent_downloads=Coalesce(Sum("downloads__number", filter=is_recent), 0),
        )

    @admin.display(description=_("type and size"))
    def about(self, file):
        if not file.pk:
            return "-"
        lines = [file.type_name, filesizeformat(file.size)] + ([] if file.is_on_disk else [MISSING])
        return "\n".join(map(str, lines))

    @admin.display(description=_("downloads"))
    def downloads(self, file):
        if not file.pk:
            return "-"
        counts = {"recent": file.recent_downloads, "all": file.downloads_in_all, "days": RECENT_DAYS}
        return _("%(recent)d in the last %(days)d days, %(all)d in all") % counts


class ResourceList(ChangeList):
    """The list of resources, with the files of those that are shown."""

    def get_queryset(self, request, *args, **options):
        return super().get_queryset(request, *args, **options).prefetch_related("files")


@admin.register(Resource)
class ResourceAdmin(BilingualAdmin):
    fieldsets = [
        (None, {"fields": ["title", "summary", "body"]}),
        (_("What it belongs to"), {"fields": ["kind", "industry", "programs", "countries"]}),
        (PLACE, {"fields": ["slug", "sort_order"]}),
    ]
    list_display = ["__str__", "kind", "industry", "versions", "recent_downloads"]
    autocomplete_fields = ["programs"]
    list_filter = ["kind", "industry"]
    inlines = [ResourceFileInline]

    @property
    def search_fields(self):
        return [*super().search_fields, *in_both_languages("programs__title")]

    def get_queryset(self, request):
        recent = DownloadCount.objects.filter(
            file__resource=OuterRef("pk"), day__gt=timezone.localdate() - timedelta(days=RECENT_DAYS)
        )
        number = recent.order_by().values("file__resource").annotate(number=Sum("number")).values("number")
        counted = Coalesce(Subquery(number, output_field=IntegerField()), 0)
        return super().get_queryset(request).annotate(recent_downloads=counted)

    def get_changelist(self, request, **options):
        return ResourceList

    @admin.display(description=_("versions of the files"))
    def versions(self, resource):
        files = resource.files.all()
        missing = [f"{file.get_language_display()} {file.version}" for file in files if not file.is_on_disk]
        if not missing:
            return len(files)
        names = pgettext("between names", ", ").join(missing)
        return _("%(number)d, files missing: %(missing)s") % {"number": len(files), "missing": names}

    @admin.display(description=_("downloads in 30 days"), ordering="recent_downloads")
    def recent_downloads(self, resource):
        return resource.recent_downloads

    def get_list_select_related(self, request):
        return ["industry"]

    def get_urls(self):
        download = self.admin_site.admin_view(self.download)
        return [path("file/<int:number>/", download, name="programs_resourcefile_download"), *super().get_urls()]

    def download(self, request, number):
        """Sends a file to staff, also that of a draft. It is not counted."""
        file = get_object_or_404(ResourceFile.objects.select_related("resource"), pk=number)
        if not self.has_view_permission(request, file.resource):
            raise PermissionDenied
        try:
            return sent(file)
        except OSError as error:
            raise Http404 from error

    def save_related(self, request, form, formsets, change):
        super().save_related(request, form, formsets, change)
        resource = form.instance
        if resource.published_languages() and not resource.files.exists():
            messages.warning(request, _("This resource is published, but has no file. Its page says so."))
        for file in added(formsets):
            twin = resource.files.filter(language=file.language, sha256=file.sha256).exclude(pk=file.pk).first()
            if twin:
                text = _("The new file of version %(new)s has the same content as that of version %(old)s.")
                messages.warning(request, text % {"new": file.version, "old": twin.version})


def added(formsets):
    """Returns the ResourceFiles that were added with the formsets of a saved form."""
    return [row for formset in formsets for row in formset.new_objects if isinstance(row, ResourceFile)]
