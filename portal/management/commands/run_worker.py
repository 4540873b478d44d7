import logging
import os
import signal
import socket
import threading
from contextlib import suppress
from time import monotonic

from django.conf import settings
from django.contrib.contenttypes.models import ContentType
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, close_old_connections, connection, connections
from django.utils.module_loading import import_string

from contact import erased_list
from contact.mail.delivery import deliver
from contact.retention import delete_remaining_files, scrub_database
from portal.department_copy import update_copy
from portal.held_lease import HeldLease, LeaseLost
from portal.log_format import log_uncaught
from portal.management.preparation import prepare_database
from portal.models import Lease
from portal.site.finished_pages.editions import release
from portal.site.finished_pages.filling import repeat_filling, repeat_schedule

# How long to wait before an empty queue is checked again, in seconds.
PAUSE = 2
# How long the chores wait after each round, in seconds.
INTERVAL = 60

logger = logging.getLogger(__name__)


class Command(BaseCommand):
    help = "Delivers queued mails and does the chores of WORKER_CHORES. Of several workers only one works at a time."

    def add_arguments(self, parser):
        parser.add_argument("--parent", type=int, help="stop when the process with this ID has ended")
        parser.add_argument("--release", dest="made_by", help="fill finished pages only if this is the release")

    def handle(self, *, parent, made_by, **options):
        log_uncaught()
        stopped, finished = threading.Event(), threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stopped.set())
        # After an update, until `serve` is started again, its pages and those of this process would differ. In
        # development nobody reads finished pages.
        fills = made_by in (None, release()) and not settings.DEBUG
        lease = HeldLease("mail", f"{socket.gethostname()}:{os.getpid()}")
        # In threads of their own, so that no mail waits for a chore, no chore for a mail host, and no lease for either.
        threads = [
            threading.Thread(target=work, args=arguments, daemon=True)
            for work, arguments in [
                (lease.keep, [finished]),
                (repeat_chores, [lease, stopped]),
                (repeat_scrubbing, [stopped]),
                (repeat_schedule, [stopped]),
                *([(repeat_filling, [stopped])] if fills else []),
            ]
        ]
        for thread in threads:
            thread.start()
        idle_connection = reported = None
        while not stopped.is_set() and (parent is None or os.getppid() == parent):
            tried = 0
            try:
                idle_connection = idle_connection or self.begin()
                if lease.renew():
                    tried = deliver(lease)
                if reported:
                    logger.warning("Worker: works again.")
                reported = None
            except LeaseLost as error:
                logger.warning("Worker: another may have taken the mail: %s", error)
            except (DatabaseError, CommandError) as error:
                # Not self.stderr: if its file is on a full disk, it would raise an error that ends the worker.
                if type(error) is not reported:
                    logger.error("Worker: cannot work, will try again: %s", error)
                    if isinstance(error, CommandError):
                        # What to do stands in the portal's own words, which the log does not show.
                        with suppress(OSError):
                            self.stdout.write(str(error))
                            self.stdout.flush()
                reported = type(error)
                ContentType.objects.clear_cache()
            close_old_connections()
            if not tried:
                stopped.wait(PAUSE)
        stopped.set()
        # Only now: the lease is needed until the last mail is recorded.
        finished.set()
        for thread in threads:
            thread.join(PAUSE)
        with suppress(DatabaseError):
            Lease.give_back(lease.name, lease.holder)
        if idle_connection:
            idle_connection.close()
        self.stdout.write("Worker: stopped.")

    def begin(self):
        """Prepares the database in production, where `serve` does not, and returns open_idle_connection()."""
        if not settings.EMBEDDED:
            prepare_database(self.stdout)
        idle_connection = open_idle_connection()
        self.stdout.write("Worker: delivering mails.")
        self.stdout.flush()
        return idle_connection


def open_idle_connection():
    """
    Opens a connection that nothing uses. While one is open, SQLite keeps the files beside its database.

    On a full disk it could not create them again, and then no page could be read.
    """
    connection = connections.create_connection("default")
    if connection.vendor == "sqlite":
        connection.cursor().execute("SELECT 1 FROM django_migrations")
    return connection


def repeat_chores(lease, stopped):
    """Does the chores about once in INTERVAL while the HeldLease is held, until the Event `stopped` is set."""
    copied_at = -INTERVAL
    while not stopped.is_set():
        if monotonic() >= copied_at + INTERVAL and keep_copy():
            copied_at = monotonic()
        has_lease = do_chores(lease, stopped)
        connection.close()
        stopped.wait(INTERVAL if has_lease else PAUSE)


def keep_copy() -> bool:
    """Updates the copy of the department, which each machine has for itself, so also without the lease."""
    try:
        return update_copy()
    except DatabaseError:
        # The copy is for the time when the database is away.
        return False
    except Exception:
        logger.exception("The copy of the department could not be written and will be tried again.")
        return True


def do_chores(lease, stopped):
    """Does each chore once, whether or not another fails, and returns whether the HeldLease is still held."""
    for path in settings.WORKER_CHORES:
        if stopped.is_set() or not lease.is_held():
            return False
        chore = import_string(path)
        try:
            chore()
        except Exception:
            logger.exception("Chore %s failed and will be tried again.", chore)
            # What it made was taken back. Django would remember the key of a content type for ever.
            ContentType.objects.clear_cache()
    return True


def repeat_scrubbing(stopped):
    """
    Removes what is left of erased enquiries, within about PAUSE seconds, until the Event `stopped` is set.

    In a thread of its own, so that it waits for no mail host. It needs no lease: two workers do no harm.
    """
    scrubbed, pause = 0, PAUSE
    while not stopped.wait(pause):
        pause = PAUSE
        try:
            size = erased_list.size()
            if size != scrubbed and scrub_database():
                delete_remaining_files()
                scrubbed = size
        except Exception:
            logger.exception("What is left of erased enquiries could not be removed, will be tried again.")
            pause = INTERVAL
        connection.close()
