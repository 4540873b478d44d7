"""
The statistics of the desk: numbers of enquiries, the delivery of their mails, and the time to an answer.

Counting reads all enquiries. So the worker counts, and the page shows what it counted last and when.
"""

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import timedelta
from operator import itemgetter
from statistics import median

from dateutil.relativedelta import relativedelta
from django.contrib import admin
from django.core.cache import cache
from django.core.exceptions import PermissionDenied
from django.db.models import Count, F, Q
from django.shortcuts import render
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe
from post_office.models import STATUS

from contact.mail import messages
from contact.models import Enquiry, Event, State, can_view_enquiries
from partners.models import Country
from portal.bilingual.territories import territory_names
from programs.models import Area

# The number of months on the page, including the current one.
MONTHS = 24
# The worker counts anew after this time. If there is no worker, the page does, after a longer time.
COUNTED_EVERY, KEPT_FOR = timedelta(minutes=10), timedelta(hours=1)
CACHE_KEY = "desk-statistics"

# Conditions for the numbers of mails of with_numbers_of_mails().
FAILED = Q(mails_failed__gt=0)
WAITING = Q(mails_failed=0, mails_waiting__gt=0)
ALL_SENT = Q(mails_sent__gt=0, mails_sent=F("mails_in_all"))
UNACKNOWLEDGED = Q(pk__in=Event.objects.filter(kind=Event.Kind.WITHHELD).values("enquiry"))
DELIVERED = ALL_SENT & ~UNACKNOWLEDGED
WITHHELD = ALL_SENT & UNACKNOWLEDGED


@dataclass(frozen=True)
class Reconciliation:
    """
    Enquiries received, and of these: all mails are sent; a mail waits and none failed; a mail failed for good; all
    mails are sent, but the acknowledgement was withheld.

    So an enquiry counts once, by its most urgent fact: one whose acknowledgement was withheld is failed or waiting
    as long as its notification is.
    """

    received: int
    delivered: int
    waiting: int
    failed: int
    withheld: int

    @property
    def accounted_for(self):
        return self.delivered + self.waiting + self.failed + self.withheld

    @property
    def difference(self):
        """It is 0 if the numbers add up."""
        return self.received - self.accounted_for


def with_numbers_of_mails(enquiries):
    """Returns the keys of a queryset of Enquiry with numbers of mails. One join, not a look for each enquiry."""
    return (
        enquiries.order_by()
        .values("pk")
        .annotate(
            mails_in_all=Count("mails"),
            mails_sent=Count("mails", filter=Q(mails__status=STATUS.sent)),
            mails_waiting=Count("mails", filter=Q(mails__status__in=messages.WAITING)),
            mails_failed=Count("mails", filter=Q(mails__status=STATUS.failed)),
        )
    )


def reconcile(enquiries) -> Reconciliation:
    """
    Counts a queryset of Enquiry, including erased, merged and spam enquiries.

    Each number has its own condition, and none is computed from the others, so an enquiry without its mails shows as
    a difference. One query counts all numbers, so an enquiry that arrives meanwhile causes no difference.
    """
    numbers = with_numbers_of_mails(enquiries).aggregate(
        received=Count("pk"),
        delivered=Count("pk", filter=DELIVERED),
        waiting=Count("pk", filter=WAITING),
        failed=Count("pk", filter=FAILED),
        withheld=Count("pk", filter=WITHHELD),
    )
    return Reconciliation(**numbers)


def unaccounted(enquiries):
    """Filters a queryset of Enquiry to those that reconcile() counts only as received, such as one without mails."""
    left = with_numbers_of_mails(enquiries).exclude(DELIVERED | WAITING | FAILED | WITHHELD)
    return enquiries.filter(pk__in=left.values("pk"))


@dataclass(frozen=True)
class Table:
    """
    A table of the page. `rows` are pairs of a label and a number, which is None if there is no value.

    `rest` are more such rows, shown last and without bars, for enquiries outside the compared categories.
    """

    caption: str
    label: str
    unit: str
    rows: list
    rest: tuple = ()

    @property
    def most(self):
        """The largest number, which gets the longest bar."""
        return max((number or 0 for _label, number in self.rows), default=0)


def counted_enquiries():
    """Returns a queryset of the enquiries that the page counts: all but spam and duplicates."""
    return Enquiry.objects.exclude(state=State.SPAM).filter(merged_into=None).order_by()


def numbers_by(name) -> dict:
    """Returns the numbers of the counted enquiries by the values of a field."""
    return dict(counted_enquiries().values_list(name).annotate(Count("pk")).order_by(name))


def count() -> dict:
    """Counts everything that the page shows. The result has no language; times to an answer are in days (float)."""
    months, days = Counter(), defaultdict(list)
    # Not the database: SQLite would call a slow function for each row, and has none for a median.
    for created_at, answered_at in counted_enquiries().values_list("created_at", "answered_at").iterator():
        # The month of receipt, in Beijing.
        month = timezone.localdate(created_at, timezone.get_default_timezone()).replace(day=1)
        months[month] += 1
        if answered_at:
            days[month].append((answered_at - created_at) / timedelta(days=1))
    every = [number for numbers in days.values() for number in numbers]
    totals = Enquiry.objects.aggregate(
        spam=Count("pk", filter=Q(state=State.SPAM)),
        merged=Count("pk", filter=Q(merged_into__isnull=False)),
    )
    return totals | {
        "counted_at": timezone.now(),
        "answered": len(every),
        "median": round(median(every), 1) if every else None,
        "medians": {month: round(median(numbers), 1) for month, numbers in days.items()},
        "months": dict(months),
        "areas": numbers_by("program__area"),
        "no_program": counted_enquiries().filter(program=None).count(),
        "countries": numbers_by("country"),
        "territories": numbers_by("territory"),
    }


def count_anew() -> dict:
    """Counts, and keeps the result for the page."""
    numbers = count()
    cache.set(CACHE_KEY, numbers, KEPT_FOR.total_seconds())
    return numbers


def keep_counted():
    """Chore: counts if what is kept is older than COUNTED_EVERY."""
    numbers = cache.get(CACHE_KEY)
    if numbers is None or numbers["counted_at"] < timezone.now() - COUNTED_EVERY:
        count_anew()


def month_tables(numbers) -> list[Table]:
    """Returns the tables by month, newest month first. `numbers` is the result of count(), here and below."""
    this = timezone.localdate().replace(day=1)
    months = {
        date: date_format(date, "YEAR_MONTH_FORMAT") for date in (this - relativedelta(months=n) for n in range(MONTHS))
    }
    return [
        Table(
            caption=_("Enquiries by month"),
            label=_("Month of receipt"),
            unit=_("Enquiries"),
            rows=[(name, numbers["months"].get(month, 0)) for month, name in months.items()],
        ),
        Table(
            caption=_("Time to the first answer by month"),
            label=_("Month of receipt"),
            unit=_("Calendar days (median)"),
            rows=[(name, numbers["medians"].get(month)) for month, name in months.items()],
        ),
    ]


def area_table(numbers) -> Table:
    """Returns the table by area, the type of program."""
    areas, no_program = numbers["areas"], numbers["no_program"]
    return Table(
        caption=_("Enquiries by type of program"),
        label=_("Type of program"),
        unit=_("Enquiries"),
        rows=[(area, areas.get(area.pk, 0)) for area in Area.objects.all()],
        rest=((_("A program of no type"), areas.get(None, 0) - no_program), (_("No program"), no_program)),
    )


def country_table(numbers) -> Table:
    """Returns the table by partner country or region asked about, with the largest number first."""
    countries = numbers["countries"]
    rows = [(country, countries.get(country.pk, 0)) for country in Country.objects.all()]
    return Table(
        caption=_("Enquiries by partner country or region asked about"),
        label=_("Country or region"),
        unit=_("Enquiries"),
        rows=sorted(rows, key=itemgetter(1), reverse=True),
        rest=((_("No country or region"), countries.get(None, 0)),),
    )


def territory_table(numbers) -> Table:
    """Returns the table by the visitor's country or region, with the largest number first."""
    names = territory_names(Country.objects.published_names())
    rows = sorted(numbers["territories"].items(), key=itemgetter(1), reverse=True)
    return Table(
        caption=_("Enquiries by the sender’s country or region"),
        label=_("Country or region"),
        unit=_("Enquiries"),
        rows=[(names.get(code, code), number) for code, number in rows],
    )


@require_safe
def statistics(request):
    if not can_view_enquiries(request.user):
        raise PermissionDenied
    numbers = cache.get(CACHE_KEY)
    # The first enquiries show at once.
    if not (numbers and numbers["months"]):
        numbers = count_anew()
    context = {
        **admin.site.each_context(request),
        **numbers,
        "title": _("Statistics"),
        "opts": Enquiry._meta,
        "total": sum(numbers["months"].values()),
        "tables": [*month_tables(numbers), area_table(numbers), country_table(numbers), territory_table(numbers)],
    }
    return render(request, "admin/contact/enquiry/statistics.html", context)
