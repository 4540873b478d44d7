import os
import signal
import socket
import threading
from datetime import timedelta

from django.core.management.base import BaseCommand
from django.db import DatabaseError, close_old_connections
from post_office.mail import send_queued

from portal.models import Lease

# How often an empty queue is looked at, in seconds.
PAUSE = 2
# Longer than the delivery of one mail may take (BATCH_DELIVERY_TIMEOUT).
LEASE = timedelta(minutes=2)


class Command(BaseCommand):
    help = "Delivers queued mails, one worker at a time however many are started, until it is stopped."

    def add_arguments(self, parser):
        parser.add_argument("--parent", type=int, help="stop when the process of this number is gone")

    def handle(self, *, parent, **options):
        stopped = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stopped.set())
        me = f"{socket.gethostname()}:{os.getpid()}"
        self.stdout.write("Worker: delivering mails.")
        while not stopped.is_set() and (parent is None or os.getppid() == parent):
            tried = 0
            try:
                if Lease.take("mail", me, LEASE):
                    tried = sum(send_queued(log_level=1))
            except DatabaseError as error:
                self.stderr.write(f"Worker: the database does not answer, will try again: {error}")
            close_old_connections()
            if not tried:
                stopped.wait(PAUSE)
        Lease.give_back("mail", me)
        self.stdout.write("Worker: stopped.")
