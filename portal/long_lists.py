"""
Lists of the admin that may have a hundred thousand rows. What they read depends on what they show, not on all rows.

Each order and filter that a list offers needs an index that ends with the columns of its default order and the key.
"""

from datetime import datetime
from itertools import islice

from django.contrib import admin, messages
from django.contrib.admin.views.main import ORDER_VAR, ChangeList
from django.core.paginator import Paginator
from django.db import connection
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

# The number of rows that a list counts, through whose pages it leads, and on which an action that only reads acts.
COUNTED = 10_000
# The number of rows that an action changes. Each is changed in a transaction of its own, all within one request.
CHANGED = 500
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


class LongList(ChangeList):
    def get_results(self, request):
        """
        Finds the keys of the page, which takes an index alone, and then its rows.

        The rows are found by their keys alone. With the filters beside them, SQLite would take the index of a filter.
        """
        super().get_results(request)
        keys = list(self.result_list.values_list("pk", flat=True))
        rows = self.apply_select_related(self.root_queryset.filter(pk__in=keys))
        self.result_list = rows.order_by(*self.queryset.query.order_by)

    def get_ordering_field_columns(self):
        """Keeps the first column that staff have chosen: no index serves two, so the headings do not offer a second."""
        return dict(islice(super().get_ordering_field_columns().items(), 1))

    def get_ordering_field(self, field_name):
        """Returns None for a column that is not in `sortable_by`, so that no address sorts by it either."""
        return super().get_ordering_field(field_name) if field_name in self.sortable_by else None

    def get_ordering(self, request, queryset):
        """
        Rows that are equal in the chosen column follow in the default order, so that an index serves all.

        Rows for which the column is empty come last in both directions, if `empty_last` has it.
        """
        ordering = super().get_ordering(request, queryset)
        # Alone, a unique column is enough.
        if ORDER_VAR not in self.params or len(ordering) == 1:
            return ordering
        sign = "-" if ordering[0].startswith("-") else ""
        names = [ordering[0], *self._get_default_ordering(), "pk"]
        is_empty = self.model_admin.empty_last.get(ordering[0].lstrip("-"))
        return [*filter(None, [is_empty]), *(f"{sign}{name}" for name in dict.fromkeys(n.lstrip("-") for n in names))]


class PeriodFilter(admin.DateFieldListFilter):
    """
    A filter by time, with each year since the earliest row, and the months of the year that is chosen.

    So a list leads to all rows, piece by piece. One look into the index of the column finds the earliest row.
    """

    def __init__(self, field, request, params, model, model_admin, field_path):
        super().__init__(field, request, params, model, model_admin, field_path)
        # Those of Django, without "this year".
        links = list(self.links[:-1])
        latest = timezone.localtime()
        earliest = model._base_manager.order_by(field_path).values_list(field_path, flat=True).first() or latest
        for year in range(latest.year, timezone.localtime(earliest).year - 1, -1):
            links.append((str(year), self.period((year, 1), (year + 1, 1))))
            months = [
                (date_format(datetime(year, month, 1), "YEAR_MONTH_FORMAT"), self.period((year, month), after))
                for month, after in zip(range(1, 13), [*((year, n) for n in range(2, 13)), (year + 1, 1)], strict=True)
            ]
            if self.date_params.get(self.lookup_kwarg_since) in [
                str(period[self.lookup_kwarg_since]) for _name, period in months
            ]:
                links += months
        self.links = links

    def period(self, first, after) -> dict:
        """Returns the parameters for the time from one (year, month) to the beginning of another."""
        begin, end = (timezone.make_aware(datetime(*month, 1)) for month in (first, after))
        return {self.lookup_kwarg_since: begin, self.lookup_kwarg_until: end}


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
    #: By the column that a list is sorted by: the field that says whether the list shows nothing in it.
    empty_last = {}
    #: What the search finds, shown below it. As Django's search_help_text, it would take the place of the label.
    search_note = ""
    #: The actions that change nothing.
    reading_actions = ()

    def get_changelist(self, request, **kwargs):
        return LongList

    def response_action(self, request, queryset):
        """
        An action on all rows of a list is one on its first: COUNTED if it only reads, and CHANGED if it changes them.

        If there are more, a message says so. A page that asks back sends in "confirmed" the keys that it asked about.
        """
        if request.POST.get("select_across") == "1":
            # There are two selects, above and below the list.
            limit = COUNTED if {*request.POST.getlist("action")} - {""} <= {*self.reading_actions} else CHANGED
            if "confirmed" in request.POST:
                keys = request.POST["confirmed"].split()
            else:
                keys = list(queryset.values_list("pk", flat=True)[: limit + 1])
            if len(keys) > limit:
                text = _("This list is longer. The action applies to its first %(number)d only, and to no others.")
                self.message_user(request, text % {"number": limit}, messages.WARNING)
            queryset = queryset.filter(pk__in=keys[:limit])
        return super().response_action(request, queryset)

    def get_search_results(self, request, queryset, search_term):
        """Finds words in the latest SEARCHED rows only, unless SearchedRows says "all". The page then says so."""
        if search_term and request.GET.get(SearchedRows.parameter_name) != "all":
            times = self.model._base_manager.order_by(f"-{self.time_field}").values_list(self.time_field, flat=True)
            earliest, *before = times[SEARCHED - 1 : SEARCHED + 1] or [None]
            if before:
                queryset = queryset.filter(**{f"{self.time_field}__gte": earliest})
                request.searched_latest = SEARCHED
        return super().get_search_results(request, queryset, search_term)


def values_in_use(model, name: str, without: str = "") -> list:
    """
    Returns the values of a column that is the first of an index, in order, without NULL.

    Only rows count whose column `without` is NULL, if it is named. The index then has that condition.

    It looks for one value after the other, while DISTINCT would read the whole index (a “loose index scan”).
    """
    quote = connection.ops.quote_name
    column, table = quote(model._meta.get_field(name).column), quote(model._meta.db_table)
    condition = f" AND {quote(model._meta.get_field(without).column)} IS NULL" if without else ""
    with connection.cursor() as cursor:
        cursor.execute(
            f"WITH RECURSIVE found(value) AS (SELECT MIN({column}) FROM {table} WHERE {column} IS NOT NULL{condition}"  # noqa: S608
            f" UNION ALL SELECT (SELECT MIN({column}) FROM {table} WHERE {column} > found.value{condition})"
            " FROM found WHERE found.value IS NOT NULL)"
            " SELECT value FROM found WHERE value IS NOT NULL"
        )
        return [value for (value,) in cursor.fetchall()]
