import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
from time import monotonic

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connections
from django.utils.module_loading import import_string
from django.utils.translation import override
from granian import Granian

from portal.data_folder import set_rights
from portal.log_format import log_uncaught
from portal.models import User

# Seconds that a stopping worker has to finish its mail; longer than a mail host that is down takes.
PATIENCE = 25


class Command(BaseCommand):
    help = "Prepares the data, then serves the portal and runs its worker until stopped; with PORTAL_DEBUG, reloads."

    worker = None

    def handle(self, **options):
        log_uncaught()
        self.prepare()
        if settings.DEBUG:
            self.serve_development()
        else:
            self.serve()

    def prepare(self):
        check_port_is_free(settings.PORT)
        self.step("database", "migrate", verbosity=0)
        self.step("cache", "createcachetable", verbosity=0)
        self.step("interface in both languages", "compilemessages")
        self.step("first content", "load_content", verbosity=0)
        if not settings.DEBUG:
            self.step("static files", "collectstatic", interactive=False, verbosity=0)
        self.create_staff_account()
        try:
            set_rights(settings.DATA)
        except PermissionError as error:
            raise CommandError(f"{error.filename} belongs to another user, so its rights cannot be set.") from error

    def step(self, what, command, **options):
        """Runs `command`, and prints what is being prepared and how long it took."""
        began = monotonic()
        self.stdout.write(f"Preparing {what} … ", ending="")
        self.stdout.flush()
        call_command(command, **options)
        self.stdout.write(f"{monotonic() - began:.1f} s")

    def create_staff_account(self):
        """Creates the first account: with the name and password of the environment, or with a random password."""
        if User.objects.filter(is_superuser=True).exists():
            return
        given = os.environ.get("DJANGO_SUPERUSER_PASSWORD")
        if not given and not settings.EMBEDDED:
            self.stdout.write("There is no staff account yet: run manage.py createsuperuser.")
            return
        name = os.environ.get("DJANGO_SUPERUSER_USERNAME") or "staff"
        email = os.environ.get("DJANGO_SUPERUSER_EMAIL", "")
        password = given or secrets.token_urlsafe(12)
        user = User(username=name, email=email, is_staff=True, is_superuser=True)
        user.set_password(password)
        try:
            user.full_clean()
        except ValidationError as error:
            with override("en"):
                faults = error.message_dict
            sentences = [f"DJANGO_SUPERUSER_{name.upper()}: {' '.join(said)}" for name, said in faults.items()]
            raise CommandError(" ".join(sentences)) from error
        user.save()
        if not given:
            self.stdout.write(f"\nStaff account, shown this once: user name {name}, password {password}")

    def serve_development(self):
        """Becomes Django's own server, which reloads changed code and shows debug pages; the worker runs beside it."""
        self.say_address()
        self.start_worker()
        os.environ["DJANGO_RUNSERVER_HIDE_WARNING"] = "true"
        # Only a process that was started as runserver survives a syntax error. urls.py serves the static files.
        command = [sys.executable, "manage.py", "runserver", "--nostatic", f"127.0.0.1:{settings.PORT}"]
        os.chdir(settings.BASE_DIR)
        os.execv(sys.executable, command)  # noqa: S606

    def serve(self):
        server = Granian(
            settings.WSGI_APPLICATION,
            address="127.0.0.1",
            port=settings.PORT,
            interface="wsgi",
            workers=min(4, os.cpu_count() or 1),
            blocking_threads=4,
            respawn_failed_workers=True,
            log_level="warning",
            log_dictconfig=settings.LOGGING,
        )
        close_connections()
        stopping = threading.Event()
        server.on_startup(self.say_address)
        # Not in the thread: processes that granian forks meanwhile would keep open the pipe on which Popen waits.
        server.on_startup(self.start_worker)
        server.on_startup(lambda: threading.Thread(target=self.keep_worker, args=[stopping], daemon=True).start())
        try:
            server.serve(target_loader=load_application)
        finally:
            stopping.set()
            self.stop_worker()
        self.stdout.write("Stopped.")

    def say_address(self):
        self.stdout.write(f"\nThe portal: {settings.PORTAL_SITE_URL}/   its staff: {settings.PORTAL_SITE_URL}/admin/")
        self.stdout.flush()

    def start_worker(self):
        self.worker = subprocess.Popen(  # noqa: S603
            [sys.executable, settings.BASE_DIR / "manage.py", "run_worker", "--parent", str(os.getpid())],
            process_group=0,  # Ctrl-C in a terminal reaches `serve` alone, which then stops the worker.
        )

    def keep_worker(self, stopping):
        """Starts another worker whenever one has ended, until the Event `stopping` is set."""
        while True:
            self.worker.wait()
            if stopping.wait(1):
                return
            self.start_worker()

    def stop_worker(self):
        """Lets the worker finish its mail. A mail that it does not finish stays queued."""
        if self.worker is None:
            return
        self.worker.terminate()
        try:
            self.worker.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.worker.kill()
            self.worker.wait()


def check_port_is_free(port):
    """Raises CommandError if another process listens on `port`; granian would silently share it."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise CommandError(f"Port {port} cannot be used ({error.strerror}). Set PORT to another.") from error


def load_application(path):
    """
    Returns the WSGI application at the dotted `path`, for a process of the server.

    A terminal sends Ctrl-C to every process. Granian's would hang: they get SIGTERM from their parent at the same time.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    return import_string(path)


def close_connections():
    """Closes the connections of the preparation: granian forks, and processes must not share a connection."""
    for connection in connections.all(initialized_only=True):
        connection.close()
        if connection.vendor == "postgresql":
            connection.close_pool()
