"""The list of erased references: complete, without repetitions, and whole after a crash."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from contact import erased_list

pytestmark = pytest.mark.no_database

AT = datetime(2026, 11, 29, 8, 30, tzinfo=timezone(timedelta(hours=8)))


def test_a_line_holds_the_reference_and_the_time_in_utc():
    assert erased_list.references() == set()
    erased_list.add([("34679ACD", AT), ("EFGHJKMN", AT.astimezone(UTC))])
    assert erased_list.path().read_text() == "34679ACD 2026-11-29T00:30:00Z\nEFGHJKMN 2026-11-29T00:30:00Z\n"
    assert erased_list.path().stat().st_mode & 0o777 == 0o600
    assert erased_list.references() == {"34679ACD", "EFGHJKMN"}


def test_each_erasure_is_listed_once():
    for _time in range(2):
        erased_list.add([("34679ACD", AT)])
    size = erased_list.size()
    erased_list.add([("EFGHJKMN", AT)])
    assert erased_list.size() == 2 * size
    # Again, after a backup was restored.
    erased_list.add([("34679ACD", AT + timedelta(days=1))])
    assert erased_list.size() == 3 * size
    assert erased_list.references() == {"34679ACD", "EFGHJKMN"}


@pytest.mark.parametrize("left", ["EFG", "EFGHJKMN", "EFGHJKMN "])
def test_a_line_that_a_crash_cut_short_spoils_no_other(left):
    erased_list.path().write_text(f"34679ACD 2026-11-29T00:30:00Z\n{left}")
    assert erased_list.references() == {"34679ACD"}
    erased_list.add([("EFGHJKMN", AT)])
    assert erased_list.references() == {"34679ACD", "EFGHJKMN"}
