"""
Visitors post while the portal is killed, over and over: what was acknowledged must be there, once, with its mails.

A visitor who gets no answer submits the same form again until a receipt comes, as a person would.
"""

import sqlite3
import sys
import tempfile
from collections import Counter
from contextlib import closing
from http.client import HTTPException
from pathlib import Path
from threading import Event, Thread
from time import monotonic, sleep

from bench.visitors import Visitor, kill, mail_host
from tests.conftest import start_site, stop_site

VISITORS, KILLS = 16, 10
# Acknowledged enquiries between one kill and the next.
PACE = 40


class Crowd:
    """The visitors, each in a thread of its own, and the receipts that they were given."""

    def __init__(self):
        self.url, self.receipts, self.refused, self.stopped = "", {}, Counter(), Event()
        self.threads = [Thread(target=self.visit, args=[Visitor(number)]) for number in range(1, VISITORS + 1)]

    def visit(self, visitor):
        number = 0
        while not self.stopped.is_set():
            try:
                if not visitor.hidden:
                    visitor.open_form(self.url)
                organisation = f"College {visitor.number}-{number}"
                status, receipt = visitor.post(self.url, organisation)
            except (OSError, HTTPException):
                sleep(0.05)
                continue
            if status == 303:
                self.receipts[organisation] = receipt
                number += 1
            else:
                self.refused[status] += 1
                visitor.hidden = {}


def main():
    with tempfile.TemporaryDirectory() as folder, mail_host() as (host, email_url):
        data = Path(folder)
        options = {"EMAIL_URL": email_url, "PORTAL_TRUSTED_PROXIES": "1", "PORTAL_ENQUIRIES_TO": "desk@example.com"}
        crowd = Crowd()
        site = start_site(data, **options)
        crowd.url = site.url
        for thread in crowd.threads:
            thread.start()
        for round_number in range(1, KILLS + 1):
            wait_for(lambda: len(crowd.receipts) >= round_number * PACE, 120)  # noqa: B023
            kill(site)
            site = start_site(data, **options)
            crowd.url = site.url
            print(f"killed {round_number} times, {len(crowd.receipts)} enquiries acknowledged", flush=True)
        crowd.stopped.set()
        for thread in crowd.threads:
            thread.join()
        # The lease of a worker that was killed runs out within two minutes.
        delivered = wait_for(lambda: not rows(data, "SELECT 1 FROM post_office_email WHERE status != 0"), 900)
        stop_site(site)
        faults = faults_of(data, crowd, host)
        print(f"answers other than a receipt: {dict(crowd.refused)}; all mails delivered: {delivered}")
        print("\n".join(faults) or "every acknowledged enquiry is there, once, with its mails")
        return 1 if faults or not delivered else 0


def faults_of(data, crowd, host):
    """What is wrong with what the portal has stored and mailed, in sentences."""
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
    # The same mail twice has the same Message-ID: a worker may be killed after sending and before writing so down.
    arrived = Counter(mail["Message-ID"] for mail in host.mails)
    told = Counter(reference for mail in unique(host.mails) for reference in queued if reference in mail["Subject"])
    faults = [
        f"{organisation}: acknowledged, but its receipt leads nowhere"
        for organisation, receipt in crowd.receipts.items()
        if f"/{tokens.get(organisation)}/" not in receipt
    ]
    faults += [f"{organisation}: stored {number} times" for organisation, number in times.items() if number > 1]
    for _organisation, _token, reference in stored:
        if queued[reference] != 2 or told[reference] != 2:
            faults.append(f"{reference}: {queued[reference]} mails queued, {told[reference]} arrived, not 2 and 2")
    twice = sum(number - 1 for number in arrived.values())
    if twice > KILLS:
        faults.append(f"{twice} mails arrived again, more than one a kill")
    print(f"{len(crowd.receipts)} acknowledged, {len(stored)} stored, {len(host.mails)} mails, {twice} of them again")
    return faults


def unique(mails):
    """The mails, each Message-ID once."""
    return {mail["Message-ID"]: mail for mail in mails}.values()


def rows(data, query):
    with closing(sqlite3.connect(data / "portal.sqlite3", timeout=20)) as database:
        return database.execute(query).fetchall()


def wait_for(met, seconds):
    """Whether `met()` has become true within `seconds`."""
    deadline = monotonic() + seconds
    while not met() and monotonic() < deadline:
        sleep(0.1)
    return met()


if __name__ == "__main__":
    sys.exit(main())
