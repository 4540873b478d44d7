"""
The working days of mainland China, by which an answer is promised.

The General Office of the State Council announces each year's holidays, and the weekends that are worked in
exchange, in the autumn before; the holidays package knows the years that were announced when it was made.
"""

import holidays
from babel.lists import format_list
from django.utils import timezone
from django.utils.translation import get_language, ngettext, to_locale

from portal.models import Department


def due_date(since, days):
    """
    The date, in Beijing, of the working day number `days` (1 or more) after the day of `since`, an aware datetime.

    In a year that is not known, weekends and statutory holidays alone are free.
    """
    return holidays.CN().get_nth_working_day(timezone.localdate(since), days)


def promised_date(since):
    """The date by which an answer to what came at `since` (an aware datetime) is promised; None while nothing is."""
    days = Department.current().promised_days
    return due_date(since, days) if days else None


def years_not_known(today):
    """
    The years, in order, in which the due dates of these weeks fall, but whose arrangement is not known.

    Asked about are the year of `today` (a date), that in which a promise made today falls due, and in December
    the next; none while nothing is promised.
    """
    days = Department.current().promised_days
    if not days:
        return []
    years = {today.year, holidays.CN().get_nth_working_day(today, days).year, today.year + (today.month == 12)}
    return sorted(year for year in years if not is_known(year))


def is_known(year):
    """Whether the arrangement of `year` is known: every one since 2001 has had weekends that are worked."""
    return any(day.year == year for day in holidays.CN(years=year).weekend_workdays)


def warning(today):
    """What to tell the desk about due dates, in the language in force; "" if there is nothing to tell."""
    years = years_not_known(today)
    if not years:
        return ""
    return ngettext(
        "The working days of %(years)s are not known to the portal yet: due dates in it count weekends and fixed "
        "holidays only. Update the holidays package.",
        "The working days of %(years)s are not known to the portal yet: due dates in them count weekends and fixed "
        "holidays only. Update the holidays package.",
        len(years),
    ) % {"years": format_list([str(year) for year in years], locale=to_locale(get_language()))}
