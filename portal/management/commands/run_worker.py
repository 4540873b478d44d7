import logging
import os
import signal
import socket
import threading
from datetime import timedelta

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import DatabaseError, close_old_connections, connection, connections
from django.utils.module_loading import import_string

from contact import erased_list
from contact.mail.delivery import deliver
from contact.retention import delete_remaining_files, scrub_database
from portal.log_format import log_uncaught
from portal.models import Lease

# How long to wait before an empty queue is checked again, in seconds.
PAUSE = 2
# Longer than one mail can take: BATCH_DELIVERY_TIMEOUT, and then EMAIL_TIMEOUT to close the connection.
LEASE = timedelta(minutes=3)
# How long the chores wait after each round, in seconds.
INTERVAL = 60

logger = logging.getLogger(__name__)


class Command(BaseCommand):
    help = "Delivers queued mails and does the chores of WORKER_CHORES. Of several workers only one works at a time."

    def add_arguments(self, parser):
        parser.add_argument("--parent", type=int, help="stop when the process with this ID has ended")

    def handle(self, *, parent, **options):
        log_uncaught()
        stopped = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stopped.set())
        idle_connection = open_idle_connection()
        me = f"{socket.gethostname()}:{os.getpid()}"
        # In a thread of its own, so that no mail waits for a chore and no chore for a mail host.
        chores = threading.Thread(target=repeat_chores, args=[me, stopped], daemon=True)
        chores.start()
        threading.Thread(target=repeat_scrubbing, args=[stopped], daemon=True).start()
        self.stdout.write("Worker: delivering mails.")
        self.stdout.flush()
        while not stopped.is_set() and (parent is None or os.getppid() == parent):
            tried = 0
            try:
                if Lease.take("mail", me, LEASE):
                    tried = deliver()
            except DatabaseError as error:
                # Not self.stderr: if its file is on a full disk, it would raise an error that ends the worker.
                logger.error("Worker: the database does not answer, will try again: %s", error)
            close_old_connections()
            if not tried:
                stopped.wait(PAUSE)
        stopped.set()
        chores.join(PAUSE)
        Lease.give_back("mail", me)
        idle_connection.close()
        self.stdout.write("Worker: stopped.")


def open_idle_connection():
    """
    Opens a connection that nothing uses. While one is open, SQLite keeps the files beside its database.

    On a full disk it could not create them again, and then no page could be read.
    """
    connection = connections.create_connection("default")
    if connection.vendor == "sqlite":
        connection.cursor().execute("SELECT 1 FROM django_migrations")
    return connection


def repeat_chores(me, stopped):
    """Does the chores about once in INTERVAL while `me` has the lease, until the Event `stopped` is set."""
    while not stopped.is_set():
        has_lease = do_chores(me, stopped)
        connection.close()
        stopped.wait(INTERVAL if has_lease else PAUSE)


def do_chores(me, stopped):
    """Does each chore once, whether or not another fails, and returns whether `me` still has the lease."""
    for path in settings.WORKER_CHORES:
        try:
            if stopped.is_set() or not Lease.take("mail", me, LEASE):
                return False
            import_string(path)()
        except Exception:
            logger.exception("Chore %s failed and will be tried again.", path)
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
