"""Real workers on one queue deliver every mail once. If a worker dies or stalls, one mail may be delivered twice."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections import Counter
from email import message_from_bytes
from inspect import signature
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from aiosmtpd.controller import Controller
from django.utils.module_loading import import_string

from portal.held_lease import HeldLease
from portal.management.commands import run_worker
from tests.conftest import PROJECT, free_port

MAILS = 40
# The timeout of each wait, in seconds.
LONGEST = 60


class Mailbox:
    """A mail host that records the recipient and Message-ID of each mail."""

    def __init__(self):
        self.kept, self.arrival = [], threading.Condition()

    def has(self, number):
        """Waits for `number` mails and returns whether they arrived."""
        with self.arrival:
            return self.arrival.wait_for(lambda: len(self.kept) >= number, LONGEST)

    def on_mail(self):
        """A hook that runs before the host accepts a mail."""

    async def handle_DATA(self, server, session, envelope):
        identity = message_from_bytes(envelope.content)["Message-ID"]
        with self.arrival:
            self.kept.extend((address, identity) for address in envelope.rcpt_tos)
            self.on_mail()
            self.arrival.notify_all()
        return "250 OK"


# A shell that runs each line of code that it reads, and prints the value of `found`.
SHELL = """
import json, sys
for line in sys.stdin:
    found = None
    exec(json.loads(line))
    print(json.dumps(found), flush=True)
"""


class Portal:
    """A portal with its own data that sends its mails to a Mailbox."""

    def __init__(self, environment):
        self.environment = environment
        command = [sys.executable, "manage.py", "shell", "-v0", "-c", SHELL]
        self.shell = subprocess.Popen(
            command, cwd=PROJECT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def run(self, code):
        """Runs `code` in the portal's shell and returns what it assigns to `found`."""
        print(json.dumps(code), file=self.shell.stdin, flush=True)
        return json.loads(self.shell.stdout.readline())

    def queue(self, number):
        """Deletes all mails and queues `number` new ones."""
        self.run(
            "from post_office import mail; from post_office.models import Email; Email.objects.all().delete();"
            f"[mail.send(f'to{{n}}@example.com', subject='Good day', message='Good day') for n in range({number})]"
        )

    def expire_lease(self):
        """Expires the lease, as a jump of the database's clock does."""
        self.run("from portal.models import Lease; Lease.objects.update(expires_at='2020-01-01 00:00Z')")

    def is_locked(self):
        """Whether a process holds SQLite's write lock. PostgreSQL has no lock on the whole database."""
        if self.environment.get("DATABASE_URL"):
            return False
        connection = sqlite3.connect(Path(self.environment["PORTAL_DATA"], "portal.sqlite3"), timeout=1)
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return True
        finally:
            connection.close()
        return False

    def states(self):
        """The number of mails in each state."""
        return Counter(
            self.run(
                "from post_office.models import STATUS, Email;"
                "found = [STATUS._fields[mail.status] for mail in Email.objects.all()]"
            )
        )


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    """The URL of a new PostgreSQL database if the tests run on PostgreSQL, or None for SQLite in the portal's data."""
    address = os.environ.get("DATABASE_URL")
    if not address:
        yield None
        return
    name = f"workers_{os.getpid()}"
    address = address.partition("?pool=")[0].partition("&pool=")[0]
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        yield urlunsplit(urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{name}"))
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="module")
def host():
    controller = Controller(Mailbox(), hostname="127.0.0.1", port=free_port())
    controller.start()
    yield controller
    controller.stop()


@pytest.fixture
def mailbox(host):
    host.handler.__init__()
    return host.handler


@pytest.fixture(scope="module")
def portal(tmp_path_factory, database, host):
    keep = {
        name: value for name, value in os.environ.items() if not name.startswith(("PORTAL_", "DATABASE_", "EMAIL_"))
    }
    environment = keep | {
        "PORTAL_DATA": str(tmp_path_factory.mktemp("portal")),
        "EMAIL_URL": f"smtp://127.0.0.1:{host.port}",
        "PYTHONUNBUFFERED": "1",
        **({"DATABASE_URL": database} if database else {}),
    }
    portal = Portal(environment)
    portal.run("from django.core.management import call_command; call_command('migrate', verbosity=0)")
    # Records today's report as queued. Otherwise the worker would send one mail more than a test queues.
    portal.run(
        "from contact.models import DailyReport; from django.utils.timezone import localdate;"
        "DailyReport.objects.create(day=localdate())"
    )
    yield portal
    portal.shell.communicate(timeout=LONGEST)


# Runs a worker after the line that takes the place of SETTING.
WORKER = """
import django
django.setup()
from django.conf import settings
from django.core.management import call_command
from portal import held_lease
SETTING
# Of another release, so that it fills no finished pages.
call_command("run_worker", made_by="another")
"""
# A lease that the tests need not wait for.
SHORT_LEASE = "held_lease.DURATION, held_lease.RENEWAL, held_lease.MARGIN = 2, 0.3, 0.5"


@pytest.fixture
def start(portal):
    """A function that starts a worker and waits until it is ready. Workers that still run at the end are killed."""
    workers = []

    def start(setting=SHORT_LEASE):
        command = [sys.executable, "-c", WORKER.replace("SETTING", setting)]
        worker = subprocess.Popen(command, cwd=PROJECT, env=portal.environment, stdout=subprocess.PIPE, text=True)
        workers.append(worker)
        assert worker.stdout.readline() == "Worker: delivering mails.\n"
        return worker

    yield start
    for worker in workers:
        if worker.poll() is None:
            worker.kill()
        worker.communicate(timeout=LONGEST)


def stop(*workers):
    """Stops workers with SIGTERM, as a service manager does, and checks that each exits with 0."""
    for worker in workers:
        worker.terminate()
    assert [worker.wait(LONGEST) for worker in workers] == [0] * len(workers)


def pause(worker, portal):
    """Pauses a worker with SIGSTOP. If it holds SQLite's write lock, lets it go on and tries again."""
    while True:
        worker.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, worker.pid, os.WSTOPPED)
        if not portal.is_locked():
            return
        worker.send_signal(signal.SIGCONT)


def test_two_workers_deliver_every_mail_once(portal, mailbox, start):
    workers = [start(), start()]
    portal.queue(MAILS)
    assert mailbox.has(MAILS)
    stop(*workers)
    assert Counter(address for address, _identity in mailbox.kept) == {f"to{n}@example.com": 1 for n in range(MAILS)}
    assert portal.states() == {"sent": MAILS}


def test_when_a_worker_dies_another_goes_on_and_one_mail_at_most_comes_twice(portal, mailbox, start, monkeypatch):
    worker = start()
    # Kills the worker after it has sent its fifth mail, before it learns that the host accepted the mail.
    monkeypatch.setattr(mailbox, "on_mail", lambda: worker.kill() if len(mailbox.kept) == 5 else None)
    portal.queue(MAILS)
    assert worker.wait(LONGEST) == -signal.SIGKILL
    assert portal.states() == {"sent": 4, "queued": MAILS - 4}
    another = start()
    assert mailbox.has(MAILS + 1)
    stop(another)
    counted = Counter(mailbox.kept)
    assert len({address for address, _identity in counted}) == len(counted) == MAILS
    assert sorted(counted.values()) == [1] * (MAILS - 1) + [2]
    assert counted[mailbox.kept[4]] == 2
    assert portal.states() == {"sent": MAILS}


@pytest.mark.parametrize("jump", [False, True], ids=["time passes", "the clock jumps"])
def test_a_worker_that_sleeps_longer_than_its_lease_leaves_the_rest_to_another(
    portal, mailbox, start, monkeypatch, jump
):
    sleeper = start("" if jump else SHORT_LEASE)
    monkeypatch.setattr(mailbox, "on_mail", lambda: pause(sleeper, portal) if len(mailbox.kept) == 5 else None)
    portal.queue(MAILS)
    assert mailbox.has(5)
    if jump:
        portal.expire_lease()
    another = start()
    assert mailbox.has(6)
    sleeper.send_signal(signal.SIGCONT)
    assert mailbox.has(MAILS + 1)
    stop(sleeper, another)
    assert sorted(Counter(mailbox.kept).values()) == [1] * (MAILS - 1) + [2]
    assert portal.states() == {"sent": MAILS}


def test_a_host_that_takes_longer_than_the_lease_gets_the_mail_once(portal, mailbox, start, monkeypatch):
    workers = [start(), start()]
    # Twice as long as the lease lasts. The Event is never set.
    monkeypatch.setattr(mailbox, "on_mail", lambda: threading.Event().wait(4))
    portal.queue(2)
    assert mailbox.has(2)
    stop(*workers)
    assert sorted(Counter(mailbox.kept).values()) == [1, 1]
    assert portal.states() == {"sent": 2}


def test_a_worker_that_is_stopped_keeps_the_lease_until_its_mail_is_recorded(portal, mailbox, start, monkeypatch):
    worker, waiting = start(), threading.Event()

    def on_mail():
        worker.terminate()
        # Twice as long as the lease lasts.
        waiting.wait(4)

    monkeypatch.setattr(mailbox, "on_mail", on_mail)
    portal.queue(1)
    assert mailbox.has(1)
    assert worker.wait(LONGEST) == 0
    assert portal.states() == {"sent": 1}


def test_no_mail_waits_for_a_chore_and_no_end_for_it_either(portal, mailbox, start):
    worker = start("settings.WORKER_CHORES = ['signal.pause']")
    portal.queue(2)
    assert mailbox.has(2)
    stop(worker)
    assert portal.states() == {"sent": 2}


@pytest.mark.django_db
def test_a_chore_that_fails_keeps_no_other_from_its_turn(settings, monkeypatch, caplog):
    done = []
    chores = {"first": lambda: done.append(1), "faulty": lambda: 1 / 0, "last": lambda: done.append(2)}
    settings.WORKER_CHORES = list(chores)
    monkeypatch.setattr(run_worker, "import_string", chores.get)
    lease = HeldLease("mail", "me")
    assert lease.renew()
    assert run_worker.do_chores(lease, threading.Event())
    assert done == [1, 2]
    assert "ZeroDivisionError" in caplog.text


@pytest.mark.django_db
def test_who_has_no_lease_does_no_chore(monkeypatch):
    monkeypatch.setattr(run_worker, "import_string", pytest.fail)
    assert HeldLease("mail", "another").renew()
    lease = HeldLease("mail", "me")
    assert not lease.renew()
    assert not run_worker.do_chores(lease, threading.Event())


def test_every_chore_can_be_called_without_arguments(settings):
    assert len(settings.WORKER_CHORES) >= 6
    for path in settings.WORKER_CHORES:
        signature(import_string(path)).bind()
