"""The log of everybody's changes of content, for administrators: a list with filters, and its export."""

from django.contrib import admin
from django.contrib.auth import get_user_model
from django.contrib.contenttypes.models import ContentType
from django.db.models import Exists, OuterRef
from django.utils.html import format_html
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from portal import spreadsheets
from portal.bilingual.history.models import Action, Change
from portal.bilingual.history.versions import PARTS
from portal.long_lists import LongListAdmin, PeriodFilter
from portal.models import has_namesake

# The headings of an export, each with the width of its column in characters.
COLUMNS = [(_("when"), 22), (_("who"), 18), (_("kind"), 18), (_("page"), 50), (_("what"), 22), (_("detail"), 80)]


class ValueFilter(admin.SimpleListFilter):
    """Base of filters whose parameter is the name of a field, and whose values are those of the field."""

    def queryset(self, request, changes):
        offered = {value for value, _name in self.lookup_choices}
        return changes.filter(**{self.parameter_name: self.value()}) if self.value() in offered else changes


class ActionFilter(ValueFilter):
    title = _("what")
    parameter_name = "action"

    def lookups(self, request, model_admin):
        return [choice for choice in Action.choices if choice[0] != Action.FIRST]


class PersonFilter(ValueFilter):
    title = _("who")
    parameter_name = "by"

    def lookups(self, request, model_admin):
        users = get_user_model().objects.filter(Exists(Change.objects.filter(by=OuterRef("pk"))))
        users = users.annotate(has_namesake=has_namesake()).order_by("username")
        return [(str(user.pk), user.distinct_name) for user in users]


class KindFilter(ValueFilter):
    title = _("kind")
    parameter_name = "content_type"

    def lookups(self, request, model_admin):
        kinds = ContentType.objects.get_for_models(*PARTS)
        return [(str(kind.pk), capfirst(model._meta.verbose_name)) for model, kind in kinds.items()]


class ChangeAdmin(LongListAdmin):
    """The log of changes of content. It is read-only."""

    list_display = ["at", "person", "kind", "page", "what"]
    list_display_links = None
    list_filter = [ActionFilter, PersonFilter, KindFilter, ("at", PeriodFilter)]
    list_per_page = 50
    sortable_by = ["at"]
    time_field = "at"
    actions = reading_actions = ["as_xlsx", "as_csv"]

    def has_add_permission(self, request):
        return False

    def has_change_permission(self, request, obj=None):
        return False

    def has_delete_permission(self, request, obj=None):
        return False

    def get_queryset(self, request):
        """Leaves out what nobody did: the states in which histories begin."""
        return super().get_queryset(request).exclude(action=Action.FIRST).with_people()

    @admin.display(description=_("who"))
    def person(self, change):
        return change.person or "-"

    @admin.display(description=_("kind"))
    def kind(self, change):
        return capfirst(change.kind)

    @admin.display(description=_("page"))
    def page(self, change):
        return format_html('<a href="{}">{}</a>', change.address, change.title)

    @admin.display(description=_("what"))
    def what(self, change):
        return change.words_and_writers

    def changelist_view(self, request, extra_context=None):
        return super().changelist_view(request, {"title": capfirst(self.opts.verbose_name_plural)})

    @admin.action(description=_("Export as XLSX"))
    def as_xlsx(self, request, changes):
        title = capfirst(str(self.opts.verbose_name_plural))
        content = spreadsheets.as_xlsx(table(changes), title, [width for _heading, width in COLUMNS])
        return spreadsheets.download(content, "changes", "XLSX")

    @admin.action(description=_("Export as CSV"))
    def as_csv(self, request, changes):
        return spreadsheets.download(spreadsheets.as_csv(table(changes)), "changes", "CSV")


def table(changes):
    """
    Yields a row of headings, and then one of values for each of a queryset of Change with_people(), in the active
    language.
    """
    yield [capfirst(str(heading)) for heading, _width in COLUMNS]
    for each in changes.iterator(500):
        what = [str(each.get_action_display()), each.words_and_writers]
        cells = [each.at, each.person, capfirst(each.kind), each.title, *what]
        yield list(map(spreadsheets.plain, cells))
