import os
import secrets
import socket
import subprocess
import sys
import threading
from time import monotonic

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connections
from granian import Granian

# Seconds that the worker has to finish the mail it is sending; longer than a mail host that is down costs.
PATIENCE = 25


class Command(BaseCommand):
    help = "Prepares the data, then serves the portal and runs its worker until it is stopped."

    worker = None

    def handle(self, **options):
        check_port_is_free(settings.PORT)
        self.step("database", "migrate", verbosity=0)
        self.step("cache", "createcachetable", verbosity=0)
        self.step("interface in both languages", "compilemessages")
        self.step("first content", "load_content", verbosity=0)
        self.step("static files", "collectstatic", interactive=False, verbosity=0)
        self.staff_account()
        server = Granian(
            "portal.wsgi:application",
            address="127.0.0.1",
            port=settings.PORT,
            interface="wsgi",
            workers=min(4, os.cpu_count() or 1),
            blocking_threads=4,
            respawn_failed_workers=True,
            log_level="warning",
        )
        close_connections()
        stopping = threading.Event()
        server.on_startup(self.say_address)
        # Not in the thread: what granian forks meanwhile would hold open the pipe on which Popen waits.
        server.on_startup(self.start_worker)
        server.on_startup(lambda: threading.Thread(target=self.keep_worker, args=[stopping], daemon=True).start())
        try:
            server.serve()
        finally:
            stopping.set()
            self.stop_worker()
        self.stdout.write("Stopped.")

    def step(self, what, command, **options):
        """Runs `command`, saying what is being prepared and how long it took."""
        began = monotonic()
        self.stdout.write(f"Preparing {what} … ", ending="")
        self.stdout.flush()
        call_command(command, **options)
        self.stdout.write(f"{monotonic() - began:.1f} s")

    def say_address(self):
        self.stdout.write(f"\nThe portal: {settings.PORTAL_SITE_URL}/   its staff: {settings.PORTAL_SITE_URL}/admin/")
        self.stdout.flush()

    def start_worker(self):
        self.worker = subprocess.Popen(  # noqa: S603
            [sys.executable, settings.BASE_DIR / "manage.py", "run_worker", "--parent", str(os.getpid())]
        )

    def keep_worker(self, stopping):
        """Starts another worker whenever one has ended, until `stopping` is set."""
        while True:
            self.worker.wait()
            if stopping.wait(1):
                return
            self.start_worker()

    def stop_worker(self):
        """Lets the worker finish its mail; a mail that it does not finish stays queued."""
        if self.worker is None:
            return
        self.worker.terminate()
        try:
            self.worker.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.worker.kill()
            self.worker.wait()

    def staff_account(self):
        """Sees that somebody can sign in: the account that the environment names, else one made here."""
        User = get_user_model()
        if User.objects.filter(is_superuser=True).exists():
            return
        if os.environ.get("DJANGO_SUPERUSER_PASSWORD"):
            call_command("createsuperuser", interactive=False, verbosity=0)
            return
        if not settings.EMBEDDED:
            self.stdout.write("Nobody can sign in yet: run manage.py createsuperuser.")
            return
        password = secrets.token_urlsafe(12)
        User.objects.create_superuser("staff", password=password)
        self.stdout.write(f"\nStaff account, shown this once: user name staff, password {password}")


def check_port_is_free(port):
    """Raises CommandError if somebody listens there: granian would share the port without a word."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise CommandError(f"Port {port} cannot be used ({error.strerror}). Set PORT to another.") from error


def close_connections():
    """Closes what the preparation opened: granian forks, and two processes must not speak on one connection."""
    for connection in connections.all(initialized_only=True):
        connection.close()
        if connection.vendor == "postgresql":
            connection.close_pool()
