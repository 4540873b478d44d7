"""
Due dates of enquiries, counted in working days of mainland China.

Each autumn the General Office of the State Council announces the holidays of the next year, and the weekends that
are worked in exchange. A release of the holidays package knows the years that were announced before it.
"""

from datetime import date, datetime

import holidays
from babel.lists import format_list
from django.utils import timezone
from django.utils.translation import get_language, ngettext, to_locale

from portal.models import Department


def due_date(since: datetime, days: int) -> date:
    """
    Returns the date of working day number `days` (1 or more) after the day of `since` (aware) in Beijing.

    In a year that the holidays package does not know, only weekends and statutory holidays are days off.
    """
    return holidays.CN().get_nth_working_day(timezone.localdate(since), days)


def promised_date(since: datetime) -> date | None:
    """Returns the date by which an enquiry received at `since` (aware) will be answered; None without a promise."""
    days = Department.current().promised_days
    return due_date(since, days) if days else None


def years_not_known(today: date) -> list[int]:
    """
    Returns the years of current due dates that the holidays package does not know, in order.

    It checks the year of `today`, that in which an enquiry of today falls due, and in December the next year.
    """
    days = Department.current().promised_days
    if not days:
        return []
    years = {today.year, holidays.CN().get_nth_working_day(today, days).year, today.year + (today.month == 12)}
    return sorted(year for year in years if not is_known(year))


def is_known(year: int) -> bool:
    """Whether the package knows weekends that are worked in `year`: every announcement since 2001 has some."""
    return any(day.year == year for day in holidays.CN(years=year).weekend_workdays)


def warning(today: date) -> str:
    """Returns the desk's warning about years that are not known, in the active language, or an empty string."""
    years = years_not_known(today)
    if not years:
        return ""
    return ngettext(
        "The working days of %(years)s are not known to the portal yet: due dates in it count weekends and fixed "
        "holidays only. Ask the technicians to update the portal.",
        "The working days of %(years)s are not known to the portal yet: due dates in them count weekends and fixed "
        "holidays only. Ask the technicians to update the portal.",
        len(years),
    ) % {"years": format_list([str(year) for year in years], locale=to_locale(get_language()))}
