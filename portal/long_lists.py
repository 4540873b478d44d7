"""
Lists of the admin that may have a hundred thousand rows. What they read depends on what they show, not on all rows.

Each order and filter that a list offers needs an index that ends with the columns of its default order and the key.
"""

from django.contrib import admin
from django.contrib.admin.views.main import ORDER_VAR, ChangeList
from django.core.paginator import Paginator
from django.db import connection
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

# The number of rows that a list counts, and through whose pages it leads.
COUNTED = 2000
# The number of rows, the latest, in which a list looks for words: no index finds a word within a text.
SEARCHED = 5000


class LongPaginator(Paginator):
    """A paginator of the first COUNTED rows."""

    @cached_property
    def found(self) -> int:
        """The number of rows, or COUNTED + 1 if there are more."""
        return self.object_list.order_by().values("pk")[: COUNTED + 1].count()

    @property
    def count(self):
        return min(self.found, COUNTED)

    @property
    def is_longer(self) -> bool:
        """Whether there are more rows than it counts."""
        return self.found > COUNTED

    def page(self, number):
        """Finds the keys first, which takes an index alone, and then reads the rows of this page."""
        number = self.validate_number(number)
        bottom = (number - 1) * self.per_page
        top = min(bottom + self.per_page, self.count)
        keys = list(self.object_list.values_list("pk", flat=True)[bottom:top])
        return self._get_page(self.object_list.filter(pk__in=keys), number, self)


class LongList(ChangeList):
    def get_ordering_field(self, field_name):
        """Returns None for a column that is not in `sortable_by`, so that no address sorts by it either."""
        return super().get_ordering_field(field_name) if field_name in self.sortable_by else None

    def get_ordering(self, request, queryset):
        """Rows that are equal in the chosen column follow in the default order, so that an index serves all."""
        ordering = super().get_ordering(request, queryset)
        # Alone, a unique column is enough.
        if ORDER_VAR not in self.params or len(ordering) == 1:
            return ordering
        sign = "-" if ordering[0].startswith("-") else ""
        names = [ordering[0], *self._get_default_ordering(), "pk"]
        return [f"{sign}{name}" for name in dict.fromkeys(name.lstrip("-") for name in names)]


class SearchedRows(admin.SimpleListFilter):
    """The choice of the rows in which words are looked for."""

    title = _("search for words in")
    parameter_name = "searched"

    def lookups(self, request, model_admin):
        return [("all", _("All, which takes longer"))]

    def choices(self, changelist):
        latest, *others = super().choices(changelist)
        yield latest | {"display": _("The latest %(number)d") % {"number": SEARCHED}}
        yield from others

    def queryset(self, request, rows):
        """Filters nothing; see LongListAdmin.get_search_results()."""
        return rows


class LongListAdmin(admin.ModelAdmin):
    """Base of the admins of long lists. `list_filter` contains SearchedRows if they are searched for words."""

    paginator = LongPaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    #: The field with the time by which a row is one of the latest. It has an index.
    time_field = ""

    def get_changelist(self, request, **kwargs):
        return LongList

    def response_action(self, request, queryset):
        """An action on all rows of a list is one on those to which its pages lead."""
        if request.POST.get("select_across") == "1":
            queryset = queryset.filter(pk__in=list(queryset.values_list("pk", flat=True)[:COUNTED]))
        return super().response_action(request, queryset)

    def get_search_results(self, request, queryset, search_term):
        """Finds words in the latest SEARCHED rows only, unless SearchedRows says "all"."""
        if search_term and request.GET.get(SearchedRows.parameter_name) != "all":
            times = self.model._base_manager.order_by(f"-{self.time_field}").values_list(self.time_field, flat=True)
            if earliest := times[SEARCHED - 1 : SEARCHED].first():
                queryset = queryset.filter(**{f"{self.time_field}__gte": earliest})
        return super().get_search_results(request, queryset, search_term)


def values_in_use(model, name: str) -> list:
    """
    Returns the values of a column that is the first of an index, in order, without NULL.

    It looks for one value after the other, while DISTINCT would read the whole index (a “loose index scan”).
    """
    quote = connection.ops.quote_name
    column, table = quote(model._meta.get_field(name).column), quote(model._meta.db_table)
    with connection.cursor() as cursor:
        cursor.execute(
            f"WITH RECURSIVE found(value) AS (SELECT MIN({column}) FROM {table}"  # noqa: S608
            f" UNION ALL SELECT (SELECT MIN({column}) FROM {table} WHERE {column} > found.value)"
            " FROM found WHERE found.value IS NOT NULL)"
            " SELECT value FROM found WHERE value IS NOT NULL"
        )
        return [value for (value,) in cursor.fetchall()]
