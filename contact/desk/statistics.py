"""The statistics of the desk: numbers of enquiries, the delivery of their mails, and the time to an answer."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import timedelta
from operator import itemgetter
from statistics import median

from dateutil.relativedelta import relativedelta
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Exists, OuterRef, Q
from django.db.models.functions import TruncMonth
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

MAILS = Enquiry.mails.through.objects.filter(enquiry=OuterRef("pk"))
FAILED = Exists(MAILS.filter(email__status=STATUS.failed))
WAITING = ~FAILED & Exists(MAILS.filter(email__status__in=messages.WAITING))
ALL_SENT = Exists(MAILS) & ~Exists(MAILS.exclude(email__status=STATUS.sent))
UNACKNOWLEDGED = Exists(Event.objects.filter(enquiry=OuterRef("pk"), kind=Event.Kind.WITHHELD))
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


def reconcile(enquiries) -> Reconciliation:
    """
    Counts a queryset of Enquiry, including erased, merged and spam enquiries.

    Each number has its own condition, and none is computed from the others, so an enquiry without its mails shows as
    a difference. One query counts all numbers, so an enquiry that arrives meanwhile causes no difference.
    """
    numbers = enquiries.order_by().aggregate(
        received=Count("pk"),
        delivered=Count("pk", filter=DELIVERED),
        waiting=Count("pk", filter=WAITING),
        failed=Count("pk", filter=FAILED),
        withheld=Count("pk", filter=WITHHELD),
    )
    return Reconciliation(**numbers)


def unaccounted(enquiries):
    """Filters a queryset of Enquiry to those that reconcile() counts only as received, such as one without mails."""
    return enquiries.exclude(DELIVERED | WAITING | FAILED | WITHHELD)


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


def by_month():
    """Annotates the counted enquiries with `month`: the first midnight of the month of receipt, in Beijing."""
    return counted_enquiries().annotate(month=TruncMonth("created_at", tzinfo=timezone.get_default_timezone()))


def days_to_first_answer():
    """Returns the times to the first answer in days (float): lists by the first date of the month of receipt."""
    days = defaultdict(list)
    answered = by_month().filter(answered_at__isnull=False)
    for month, created_at, answered_at in answered.values_list("month", "created_at", "answered_at"):
        days[month.date()].append((answered_at - created_at) / timedelta(days=1))
    return days


def month_tables(days) -> list[Table]:
    """Returns the tables by month, newest month first. `days` is the result of days_to_first_answer()."""
    this = timezone.localdate().replace(day=1)
    months = {
        date: date_format(date, "YEAR_MONTH_FORMAT") for date in (this - relativedelta(months=n) for n in range(MONTHS))
    }
    numbers = {month.date(): number for month, number in by_month().values_list("month").annotate(Count("pk"))}
    return [
        Table(
            caption=_("Enquiries by month"),
            label=_("Month of receipt"),
            unit=_("Enquiries"),
            rows=[(name, numbers.get(month, 0)) for month, name in months.items()],
        ),
        Table(
            caption=_("Time to the first answer by month"),
            label=_("Month of receipt"),
            unit=_("Calendar days (median)"),
            rows=[(name, round(median(days[month]), 1) if month in days else None) for month, name in months.items()],
        ),
    ]


def area_table() -> Table:
    """Returns the table by area, the type of program."""
    about = counted_enquiries().filter(program__isnull=False)
    numbers = dict(about.values_list("program__area").annotate(Count("pk")))
    return Table(
        caption=_("Enquiries by type of program"),
        label=_("Type of program"),
        unit=_("Enquiries"),
        rows=[(area, numbers.get(area.pk, 0)) for area in Area.objects.all()],
        rest=(
            (_("A program of no type"), numbers.get(None, 0)),
            (_("No program"), counted_enquiries().filter(program=None).count()),
        ),
    )


def country_table() -> Table:
    """Returns the table by partner country or region asked about, with the largest number first."""
    numbers = dict(counted_enquiries().values_list("country").annotate(Count("pk")))
    rows = [(country, numbers.get(country.pk, 0)) for country in Country.objects.all()]
    return Table(
        caption=_("Enquiries by partner country or region asked about"),
        label=_("Country or region"),
        unit=_("Enquiries"),
        rows=sorted(rows, key=itemgetter(1), reverse=True),
        rest=((_("No country or region"), numbers.get(None, 0)),),
    )


def territory_table() -> Table:
    """Returns the table by the visitor's country or region, with the largest number first."""
    numbers = counted_enquiries().values_list("territory").annotate(Count("pk")).order_by("territory")
    names = territory_names(Country.objects.published_names())
    return Table(
        caption=_("Enquiries by the sender’s country or region"),
        label=_("Country or region"),
        unit=_("Enquiries"),
        rows=[(names.get(code, code), number) for code, number in sorted(numbers, key=itemgetter(1), reverse=True)],
    )


@require_safe
def statistics(request):
    if not can_view_enquiries(request.user):
        raise PermissionDenied
    days = days_to_first_answer()
    every = [number for numbers in days.values() for number in numbers]
    totals = Enquiry.objects.aggregate(
        spam=Count("pk", filter=Q(state=State.SPAM)),
        merged=Count("pk", filter=Q(merged_into__isnull=False)),
    )
    context = {
        **admin.site.each_context(request),
        **totals,
        "title": _("Statistics"),
        "opts": Enquiry._meta,
        "total": counted_enquiries().count(),
        "answered": len(every),
        "median": round(median(every), 1) if every else None,
        "tables": [*month_tables(days), area_table(), country_table(), territory_table()],
    }
    return render(request, "admin/contact/enquiry/statistics.html", context)
