"""
Kills the portal repeatedly while visitors post: each acknowledged enquiry must be stored once, with its mails.

A visitor who gets no response submits the same form again until a receipt comes, as a person would.
"""

import sqlite3
import sys
import tempfile
from bisect import bisect_right
from collections import Counter
from contextlib import closing
from functools import partial
from http.client import HTTPException
from pathlib import Path
from threading import Event, Thread
from time import monotonic, sleep

from bench.visitors import Unexpected, Visitor, kill, mail_host
from tests.conftest import start_site, stop_site

VISITORS, KILLS = 16, 10
# Before each kill, PACE more enquiries must be acknowledged and PACE more mails must arrive, within ROUND seconds.
PACE, ROUND = 40, 120
# The time for which a killed worker may hold up mail, in seconds, while another is started.
HELD_UP = 30
# The time within which the remaining mails must be delivered at the end, in seconds.
LAST_MAILS = 300


class Crowd:
    """The visitors, each in its own thread, and the receipts that they were given."""

    def __init__(self):
        # The URL of the portal; empty while it is down.
        self.url = ""
        self.receipts, self.unexpected, self.stopped = {}, [], Event()
        visitors = [Visitor(number) for number in range(1, VISITORS + 1)]
        self.threads = [Thread(target=self.visit, args=[visitor], daemon=True) for visitor in visitors]

    def visit(self, visitor):
        """Submits one enquiry after another, despite errors, until the crowd is stopped."""
        number = 0
        while not self.stopped.is_set():
            url = self.url
            organisation = f"College {visitor.number}-{number}"
            try:
                receipt = self.receipt(visitor, url, organisation) if url else None
            except Exception as error:
                # A connection error is expected if the portal was killed; any other error is reported.
                if self.url == url or not isinstance(error, OSError | HTTPException):
                    self.unexpected.append(f"{type(error).__name__}: {error}")
                if isinstance(error, Unexpected):
                    visitor.hidden = {}
                receipt = None
            if receipt:
                self.receipts[organisation] = receipt
                number += 1
                visitor.hidden = {}
            else:
                sleep(0.05)

    def receipt(self, visitor, url, organisation):
        """Submits an enquiry and returns the path of its receipt. Raises Unexpected for any other response."""
        if not visitor.hidden:
            visitor.open_form(url)
        status, receipt = visitor.post(url, organisation)
        if status != 303:
            raise Unexpected(f"{status} and not a receipt")
        return receipt

    def go_home(self):
        """Stops the crowd and waits until every visitor has finished."""
        self.stopped.set()
        for thread in self.threads:
            thread.join()


def have_come(crowd, host, enquiries, mails):
    """Returns whether at least `enquiries` have been acknowledged and at least `mails` have arrived, in total."""
    return len(crowd.receipts) >= enquiries and len(host.mails) >= mails


def main():
    with tempfile.TemporaryDirectory() as folder, mail_host() as (host, email_url):
        data = Path(folder)
        options = {"EMAIL_URL": email_url, "PORTAL_TRUSTED_PROXIES": "1", "PORTAL_ENQUIRIES_TO": "desk@example.com"}
        crowd, kills, held_up, site = Crowd(), [], [], start_site(data, **options)
        try:
            crowd.url = site.url
            for thread in crowd.threads:
                thread.start()
            while len(kills) < KILLS:
                enquiries, mails = len(crowd.receipts) + PACE, len(host.mails) + PACE
                if not wait_for(partial(have_come, crowd, host, enquiries, mails), ROUND):
                    break
                crowd.url = ""
                began = monotonic()
                kill(site)
                kills.append(len(host.mails))
                site = start_site(data, **options)
                crowd.url = site.url
                if not wait_for(lambda: len(host.mails) > kills[-1], ROUND):
                    break
                held_up.append(monotonic() - began)
                print(
                    f"killed {len(kills)} times: {len(crowd.receipts)} acknowledged, {kills[-1]} mails; "
                    f"the next mail after {held_up[-1]:.0f} s",
                    flush=True,
                )
            crowd.go_home()
            delivered = wait_for(
                lambda: not rows(data, "SELECT 1 FROM post_office_email WHERE status != 0"), LAST_MAILS
            )
        finally:
            stop_site(site)
        faults = faults_of(data, crowd, host.mails, kills)
        if len(kills) < KILLS:
            faults.append(f"after kill {len(kills)} not {PACE} enquiries and mails within {ROUND} seconds")
        if max(held_up, default=0) > HELD_UP:
            faults.append(f"a dead worker held up mail for {max(held_up):.0f} seconds, not {HELD_UP} at most")
        if not delivered:
            faults.append(f"not all mails were delivered within {LAST_MAILS} seconds")
    for what, number in Counter(crowd.unexpected).items():
        print(f"unexpected, {number} times: {what}")
    print("\n".join(faults) or "every acknowledged enquiry is there, once, with its mails")
    return 1 if faults else 0


def faults_of(data, crowd, mails, kills):
    """
    Returns the faults in what the portal has stored and sent, as sentences.

    `mails` are in the order of their arrival. `kills` holds the number of mails that had arrived at each kill.
    """
    stored = rows(data, "SELECT organisation, token, reference FROM contact_enquiry")
    tokens = {organisation: token for organisation, token, _reference in stored}
    times = Counter(organisation for organisation, _token, _reference in stored)
    queued = Counter(
        reference
        for [reference] in rows(
            data,
            "SELECT reference FROM contact_enquiry_mails JOIN contact_enquiry ON contact_enquiry.id = enquiry_id",
        )
    )
    told = Counter(reference for mail in unique(mails) for reference in queued if reference in mail["Subject"])
    faults = [
        f"{organisation}: acknowledged, but its receipt leads nowhere"
        for organisation, receipt in crowd.receipts.items()
        if f"/{tokens.get(organisation)}/" not in receipt
    ]
    faults += [f"{organisation}: stored {number} times" for organisation, number in times.items() if number > 1]
    for _organisation, _token, reference in stored:
        if queued[reference] != 2 or told[reference] != 2:
            faults.append(f"{reference}: {queued[reference]} mails queued, {told[reference]} arrived, not 2 and 2")
    arrived, again = repeats(mails, kills)
    faults += [f"{identity} arrived {number} times" for identity, number in arrived.items() if number > 2]
    # A worker may be killed between sending a mail and storing that it was sent. So each kill may repeat one mail.
    faults += [
        f"after kill {number}, {count} mails came again" for number, count in again.items() if count > bool(number)
    ]
    print(
        f"{VISITORS} visitors, {len(kills)} kills, {len(crowd.receipts)} acknowledged, {len(stored)} stored, "
        f"{len(mails)} mails, {again.total()} of them again, {len(crowd.unexpected)} answers unexpected"
    )
    return faults


def repeats(mails, kills):
    """Returns how often each Message-ID arrived, and how many came again after each kill (0: before the first)."""
    arrived, again = Counter(), Counter()
    for place, mail in enumerate(mails):
        arrived[mail["Message-ID"]] += 1
        if arrived[mail["Message-ID"]] > 1:
            again[bisect_right(kills, place)] += 1
    return arrived, again


def unique(mails):
    """Returns one mail for each Message-ID."""
    return {mail["Message-ID"]: mail for mail in mails}.values()


def rows(data, query):
    """Runs `query` in the portal's database, commits, and returns the rows."""
    with closing(sqlite3.connect(data / "portal.sqlite3", timeout=20)) as database, database:
        return database.execute(query).fetchall()


def wait_for(met, seconds) -> bool:
    """Waits until `met()` is true, for at most `seconds`, and returns whether it is."""
    deadline = monotonic() + seconds
    while not met() and monotonic() < deadline:
        sleep(0.1)
    return met()


if __name__ == "__main__":
    sys.exit(main())
