import os
import resource
import signal
import socket
import subprocess
import sys
import threading
from contextlib import suppress

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, connections
from django.utils.module_loading import import_string
from granian import Granian
from granian.http import HTTP1Settings

from portal.data_folder import set_rights
from portal.database import DatabaseAway
from portal.log_format import log_uncaught
from portal.management.preparation import check_demo_mark, collect_static_files, prepare_database, step
from portal.site.finished_pages.editions import release

# Seconds that a stopping worker has to finish its mail, longer than a mail host that is down takes, and that a process
# of the server has to finish its answers.
PATIENCE = 25


# What each process of the server bears, measured with bench/slow_senders.py on two processors, with two processes.
# A client that sends a body slowly holds a thread for as long as it likes, because granian has no timeout for bodies.
# THREADS such clients stop a process. Threads start when they are needed; 200 take 30 MB. A client that sends nothing
# holds a connection until HEADER_TIMEOUT (in seconds), but no thread; 3,000 take 10 MB.
THREADS = 256
CONNECTIONS = 4096
HEADER_TIMEOUT = 10


class Command(BaseCommand):
    help = "Prepares the data, then serves the portal and runs its worker until stopped; with PORTAL_DEBUG, reloads."

    worker = None

    def handle(self, **options):
        log_uncaught()
        # As Ctrl-C does. Later, granian has handlers of its own.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        try:
            self.prepare()
        except KeyboardInterrupt:
            # What is being prepared stands in a line without an end.
            self.stdout.write("\nStopped.")
            return
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        if settings.DEBUG:
            self.serve_development()
        else:
            self.serve()

    def prepare(self):
        """
        Prepares everything if the portal runs embedded.

        In production it leaves the database to the worker, which tries until the database answers, and the portal
        serves static files and says that it is unavailable meanwhile.
        """
        check_port_is_free(settings.PORT)
        # First, because mails of the demonstration are written in both languages.
        step(self.stdout, "interface in both languages", call_command, "compilemessages")
        if settings.EMBEDDED:
            try:
                prepare_database(self.stdout)
            except DatabaseAway as error:
                raise CommandError(str(error)) from error
        else:
            # If the database is away, the worker says so.
            with suppress(DatabaseError):
                check_demo_mark()
        if not settings.DEBUG:
            step(self.stdout, "static files", collect_static_files)
        try:
            set_rights(settings.DATA)
        except PermissionError as error:
            raise CommandError(f"{error.filename} belongs to another user, so its rights cannot be set.") from error

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
        raise_file_limit()
        server = Granian(
            settings.WSGI_APPLICATION,
            address="127.0.0.1",
            port=settings.PORT,
            interface="wsgi",
            workers=min(4, os.cpu_count() or 1),
            blocking_threads=THREADS,
            backlog=CONNECTIONS,
            backpressure=CONNECTIONS,
            http1_settings=HTTP1Settings(header_read_timeout=HEADER_TIMEOUT * 1000),
            respawn_failed_workers=True,
            # A process that is stopped in its first moment may miss the signal.
            workers_kill_timeout=PATIENCE,
            # It would warn of THREADS.
            log_level="error",
            log_dictconfig=settings.LOGGING,
        )
        close_connections()
        # Processes that granian starts later run the code of this one, also if the files are those of a new release.
        release()
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
            [
                *[sys.executable, settings.BASE_DIR / "manage.py", "run_worker"],
                *["--parent", str(os.getpid()), "--release", release()],
            ],
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


def raise_file_limit():
    """Lets each process open as many files as the system permits: every connection is one, and 1,024 is common."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def load_application(path):
    """
    Returns the WSGI application at the dotted `path`, for a process of the server, after it has begun to watch().

    A terminal sends Ctrl-C to every process. Granian's would hang: they get SIGTERM from their parent at the same time.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    application = import_string(path)
    application.watch()
    return application


def close_connections():
    """Closes the connections of the preparation: granian forks, and processes must not share a connection."""
    for connection in connections.all(initialized_only=True):
        connection.close()
        if connection.vendor == "postgresql":
            connection.close_pool()
