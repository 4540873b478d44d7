"""Due dates, checked against the holidays that the State Council announced for 2026."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest
from django.utils.translation import override

from contact.working_days import due_date, is_known, warning, years_not_known
from portal.models import Department

BEIJING = ZoneInfo("Asia/Shanghai")


def received(text):
    return datetime.fromisoformat(text).replace(tzinfo=BEIJING)


@pytest.fixture
def promise(db):
    def promise(days):
        Department.objects.update(promised_days=days)

    return promise


@pytest.mark.parametrize(
    ("since", "days", "due"),
    [
        ("2026-11-24 10:00", 5, date(2026, 12, 1)),
        ("2026-11-24 10:00", 1, date(2026, 11, 25)),
        # 15 to 23 February, the Spring Festival, are free. Saturdays 14 and 28 February are worked.
        ("2026-02-13 10:00", 1, date(2026, 2, 14)),
        ("2026-02-13 10:00", 2, date(2026, 2, 24)),
        ("2026-02-13 10:00", 6, date(2026, 2, 28)),
        ("2026-02-13 10:00", 7, date(2026, 3, 2)),
        # 1 to 5 May are free. Saturday 9 May is worked.
        ("2026-04-30 10:00", 1, date(2026, 5, 6)),
        ("2026-04-30 10:00", 4, date(2026, 5, 9)),
        ("2026-04-30 10:00", 5, date(2026, 5, 11)),
        # 25 to 27 September and 1 to 7 October are free. Sunday 20 September and Saturday 10 October are worked.
        ("2026-09-18 10:00", 1, date(2026, 9, 20)),
        ("2026-09-24 10:00", 4, date(2026, 10, 8)),
        ("2026-09-30 10:00", 3, date(2026, 10, 10)),
        ("2026-09-30 10:00", 4, date(2026, 10, 12)),
        # Received on a free day.
        ("2026-10-03 10:00", 1, date(2026, 10, 8)),
        # 1 to 3 January are free. Sunday 4 January is worked.
        ("2025-12-31 10:00", 1, date(2026, 1, 4)),
        ("2025-12-29 10:00", 4, date(2026, 1, 5)),
        # 2027 is not known, so only weekends and statutory holidays are free.
        ("2026-12-31 10:00", 1, date(2027, 1, 4)),
    ],
)
def test_due_date(since, days, due):
    assert due_date(received(since), days) == due


def test_day_of_receipt_is_that_of_beijing():
    assert due_date(received("2026-11-24 23:59"), 1) == date(2026, 11, 25)
    assert due_date(received("2026-11-25 00:01"), 1) == date(2026, 11, 26)
    assert due_date(datetime(2026, 11, 24, 15, 59, tzinfo=ZoneInfo("UTC")), 1) == date(2026, 11, 25)
    assert due_date(datetime(2026, 11, 24, 16, 1, tzinfo=ZoneInfo("UTC")), 1) == date(2026, 11, 26)


@pytest.mark.parametrize("year", [1000, 1949, 1950, 2099, 2100, 2101, 9000])
def test_years_outside_the_library_count_weekends(year):
    due = due_date(received(f"{year}-12-29 10:00"), 5)
    assert 7 <= (due - date(year, 12, 29)).days <= 10
    assert not is_known(year)


def test_known_years_have_weekends_that_are_worked():
    assert all(is_known(year) for year in range(2001, 2027))
    assert not is_known(2000)
    assert not is_known(2090)


@pytest.mark.parametrize(
    ("today", "days", "years"),
    [
        (date(2026, 11, 24), 5, []),
        (date(2026, 11, 24), 60, [2027]),
        (date(2026, 12, 1), 5, [2027]),
        (date(2026, 12, 31), 5, [2027]),
        (date(2027, 6, 1), 5, [2027]),
        (date(2027, 12, 1), 5, [2027, 2028]),
        (date(2026, 12, 31), None, []),
    ],
)
def test_years_not_known(promise, monkeypatch, today, days, years):
    # Any installed release of the holidays package behaves as one that knows no year after 2026.
    monkeypatch.setattr("contact.working_days.is_known", lambda year: year <= 2026)
    promise(days)
    assert years_not_known(today) == years


def test_desk_is_warned_in_its_language(promise, monkeypatch):
    monkeypatch.setattr("contact.working_days.is_known", lambda year: year <= 2026)
    promise(5)
    with override("en"):
        assert warning(date(2026, 11, 24)) == ""
        assert warning(date(2026, 12, 1)) == (
            "The working days of 2027 are not known to the portal yet: due dates in it count weekends and fixed "
            "holidays only. Ask the technicians to update the portal."
        )
        assert "working days of 2027 and 2028 are not known" in warning(date(2027, 12, 1))
    with override("zh-hans"):
        assert "2027和2028年" in warning(date(2027, 12, 1))
    promise(None)
    assert warning(date(2027, 12, 1)) == ""
