import logging
import os
import signal
import socket
import threading
from datetime import timedelta

from django.core.management.base import BaseCommand
from django.db import DatabaseError, close_old_connections, connection, connections

from contact import delivery
from contact.attachments import remove_orphans
from contact.digest import queue_digest
from contact.keeping import close_answered, erase_due
from contact.limits import forget
from portal.models import Lease

# How often an empty queue is looked at, in seconds.
PAUSE = 2
# Longer than one mail may hold the worker: BATCH_DELIVERY_TIMEOUT, and then EMAIL_TIMEOUT for the goodbye.
LEASE = timedelta(minutes=3)
# What is done beside the mails, each by a call without arguments, and how long after the last time, in seconds.
# A chore may be ended at any moment by the end of the process: it leaves nothing half done.
CHORES = (delivery.settle, close_answered, erase_due, remove_orphans, forget, queue_digest)
INTERVAL = 60

logger = logging.getLogger(__name__)


class Command(BaseCommand):
    help = "Delivers queued mails and does the chores, one worker at a time however many are started, until stopped."

    def add_arguments(self, parser):
        parser.add_argument("--parent", type=int, help="stop when the process of this number is gone")

    def handle(self, *, parent, **options):
        stopped = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stopped.set())
        kept_open = keep_open()
        me = f"{socket.gethostname()}:{os.getpid()}"
        # A thread of their own: no mail waits for a chore, and no chore for a mail host.
        chores = threading.Thread(target=keep_house, args=[me, stopped], daemon=True)
        chores.start()
        self.stdout.write("Worker: delivering mails.")
        self.stdout.flush()
        while not stopped.is_set() and (parent is None or os.getppid() == parent):
            tried = 0
            try:
                if Lease.take("mail", me, LEASE):
                    tried = delivery.deliver()
            except DatabaseError as error:
                # Not self.stderr: a log on a full disk would end the worker.
                logger.error("Worker: the database does not answer, will try again: %s", error)
            close_old_connections()
            if not tried:
                stopped.wait(PAUSE)
        stopped.set()
        chores.join(PAUSE)
        Lease.give_back("mail", me)
        kept_open.close()
        self.stdout.write("Worker: stopped.")


def keep_open():
    """
    A connection that nobody uses. While one is open SQLite keeps the files beside its database; where it must make
    them anew, as on a full disk it cannot, not even a page could be read.
    """
    connection = connections.create_connection("default")
    if connection.vendor == "sqlite":
        connection.cursor().execute("SELECT 1 FROM django_migrations")
    return connection


def keep_house(me, stopped):
    """Does the chores about once in INTERVAL until the Event `stopped` is set, while `me` has the lease."""
    while not stopped.is_set():
        has_lease = do_chores(me, stopped)
        connection.close()
        stopped.wait(INTERVAL if has_lease else PAUSE)


def do_chores(me, stopped):
    """Does each chore once; one that fails is logged and keeps no other from its turn. Whether `me` has the lease."""
    for chore in CHORES:
        try:
            if stopped.is_set() or not Lease.take("mail", me, LEASE):
                return False
            chore()
        except Exception:
            logger.exception("Chore %s failed, will be tried again.", getattr(chore, "__name__", chore))
    return True
