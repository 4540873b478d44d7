"""
Changes content once a second while visitors read: how long do they see the old page, and is a page made twice?

It fails if a request that began more than LIMIT seconds after a change was committed is answered with what was before
it, or if the pages of one version are made more than once.
"""

import os
import re
import sqlite3
import sys
import tempfile
from collections import Counter
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from statistics import median
from threading import Event, Thread
from time import monotonic
from typing import NamedTuple
from urllib.parse import urlsplit

from tests.conftest import start_site, stop_site

READERS, CHANGES = 16, 30
# In seconds: how long the old page may still be seen after a change, and the time between two changes.
LIMIT, PACE = 1, 1
PATHS = [
    "/en/",
    "/en/programs/",
    "/zh-hans/",
    "/en/partners/japan/",
    "/zh-hans/programs/teacher-exchange/",
    "/en/terms/",
]
# The postcode stands on each page.
CHANGE = "UPDATE portal_department SET postcode = ?"
MARK = re.compile(r"V(\d{5})")


class Seen(NamedTuple):
    """When a request began, how many seconds it took, and the number of the change that its answer shows."""

    began: float
    took: float
    number: int


class CountPages:
    """Middleware that notes each page which is kept; see settings_that_count.py."""

    def __init__(self, get_response):
        from portal.site.finished_pages.editions import Edition

        self.get_response, write, file = get_response, Edition.write, os.environ["PAGES_MADE"]
        if write.__name__ == "write":

            def counted(edition, path, page):
                with Path(file).open("a") as opened:
                    opened.write(f"{edition.name} {path}\n")
                write(edition, path, page)

            Edition.write = counted

    def __call__(self, request):
        return self.get_response(request)


def read(url, number, seen, faults, stopped):
    """Reads pages on one connection until the Event `stopped` is set."""
    connection = HTTPConnection(urlsplit(url).netloc, timeout=30)
    while not stopped.is_set():
        began = monotonic()
        connection.request("GET", PATHS[number % len(PATHS)])
        response = connection.getresponse()
        page = response.read().decode()
        took = monotonic() - began
        if response.status == 200 and (found := MARK.search(page)):
            seen.append(Seen(began, took, int(found[1])))
        else:
            faults.append(f"{response.status} for {PATHS[number % len(PATHS)]}")
        number += 1
    connection.close()


def main():
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder)
        made = data / "made"
        site = start_site(data, DJANGO_SETTINGS_MODULE="bench.settings_that_count", PAGES_MADE=str(made))
        seen, faults, stopped, changed = [], [], Event(), {}
        try:
            with closing(sqlite3.connect(data / "portal.sqlite3", timeout=20, isolation_level=None)) as database:
                database.execute(CHANGE, ["V00000"])
                changed[0] = monotonic()
                Event().wait(2 * PACE)
                readers = [Thread(target=read, args=[site.url, n, seen, faults, stopped]) for n in range(READERS)]
                for reader in readers:
                    reader.start()
                for number in range(1, CHANGES + 1):
                    Event().wait(PACE)
                    database.execute(CHANGE, [f"V{number:05}"])
                    changed[number] = monotonic()
                Event().wait(2 * PACE)
            stopped.set()
            for reader in readers:
                reader.join()
        finally:
            stop_site(site)
        times = Counter(made.read_text().splitlines())
    return report(seen, changed, times, faults)


def report(seen, changed, times, faults):
    """Prints the figures, and returns the exit code. `times` says how often each page of each version was made."""
    old = dict.fromkeys(changed, 0.0)
    for request in seen:
        for number, at in changed.items():
            if request.number < number and request.began > at:
                old[number] = max(old[number], request.began - at)
    late = {number: seconds for number, seconds in old.items() if seconds > LIMIT}
    twice = {page: number for page, number in times.items() if number > 1}
    took = [request.took * 1000 for request in seen]
    print(f"{READERS} readers, {len(seen)} pages read, {len(changed)} changes, {len(times)} pages made for them")
    print(f"after a change the old page was seen for {median(old.values()):.2f} s, at most {max(old.values()):.2f} s")
    print(f"a page took {median(took):.1f} ms (median), at most {max(took):.0f} ms")
    faults += [f"change {number} was not seen for {seconds:.2f} s" for number, seconds in late.items()]
    faults += [f"made {number} times: {page}" for page, number in twice.items()]
    print("\n".join(faults) or f"nobody saw an old page {LIMIT} s after a change, and no page was made twice")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
