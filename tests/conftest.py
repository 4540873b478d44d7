import fcntl
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
from django.core.cache import caches
from django.core.management import call_command
from django.db import connection
from django.test import client
from django.test.client import store_rendered_templates

from tests import chromium

PROJECT = Path(__file__).resolve().parent.parent
# Django's name for the test database in memory.
IN_MEMORY = "file:memorydb_default?mode=memory&cache=shared"


def pytest_configure(config):
    """Makes a folder that all processes of a run share: for first_start() and the test database."""
    if not hasattr(config, "workerinput"):
        folder = tempfile.TemporaryDirectory()
        config.add_cleanup(folder.cleanup)
        os.environ["SHARED_BY_TESTS"] = folder.name


def shared() -> Path:
    """Returns the folder that all processes of this run share."""
    return Path(os.environ["SHARED_BY_TESTS"])


@contextmanager
def alone(name):
    """A context in which one process of this run is at a time. Yields whether none was in it before."""
    with (shared() / name).open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield file.seek(0, os.SEEK_END) == 0
        file.write("done")


def pytest_collection_modifyitems(items):
    """Marks the tests under tests/browser/. Those in one pytest process share one site and one Chromium."""
    for item in items:
        if "browser" in Path(item.path).parts:
            item.add_marker(pytest.mark.browser)


def pytest_terminal_summary(terminalreporter):
    """Prints what each passed test recorded with record_property, such as the number of pages checked."""
    for report in terminalreporter.stats.get("passed", []):
        for name, value in report.user_properties:
            terminalreporter.write_line(f"{report.nodeid.split('/')[-1]}: {name} {value}")


@pytest.fixture(scope="session")
def django_db_setup(request, django_db_modify_db_settings, django_db_blocker):
    """Loads the first content into the test database, as on a new site. The other processes of a run copy it."""
    with alone("database") as is_first, django_db_blocker.unblock(), ExitStack() as stack:
        if not is_first:
            copy_test_database(stack)
        # Django's own, which migrates.
        request.getfixturevalue("django_db_setup")
        call_command("createcachetable", verbosity=0)
        call_command("load_content", verbosity=0)
        if is_first:
            keep_test_database()


def keep_test_database():
    """Keeps the test database for copy_test_database() in other processes."""
    if connection.vendor == "sqlite":
        with closing(sqlite3.connect(shared() / "content.sqlite3")) as kept:
            connection.connection.backup(kept)
    else:
        name = connection.settings_dict["NAME"]
        connection.close()
        with connection._nodb_cursor() as cursor:
            cursor.execute("DROP DATABASE IF EXISTS test_content")
            cursor.execute(f"CREATE DATABASE test_content TEMPLATE {name}")


def copy_test_database(stack):
    """Lets Django find the kept test database, or make a copy of it, while the ExitStack `stack` is open."""
    if connection.vendor == "sqlite":
        kept = stack.enter_context(closing(sqlite3.connect(shared() / "content.sqlite3")))
        kept.backup(stack.enter_context(closing(sqlite3.connect(IN_MEMORY, uri=True))))
    else:
        connection.settings_dict["TEST"]["TEMPLATE"] = "test_content"


@pytest.fixture(autouse=True)
def no_template_fragments():
    """Parts of pages of one test do not appear in another, which may have other settings or another time."""
    caches["template_fragments"].clear()


@pytest.fixture(autouse=True)
def no_contexts_of_widgets(monkeypatch):
    """
    The test client keeps the context of pages, but not of widgets.

    An admin form has hundreds of widgets. Copying their contexts took a third of the time of its test.
    """

    def store(*args, template, **kwargs):
        if not (template.name or "").startswith("django/forms/"):
            store_rendered_templates(*args, template=template, **kwargs)

    monkeypatch.setattr(client, "store_rendered_templates", store)


@pytest.fixture(autouse=True)
def test_settings(settings, tmp_path, monkeypatch):
    settings.STORAGES = {
        "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
        "private": {
            "BACKEND": "portal.uploads.PrivateStorage",
            "OPTIONS": {"location": tmp_path / "private"},
        },
        "resources": {
            "BACKEND": "portal.uploads.PrivateStorage",
            "OPTIONS": {"location": tmp_path / "resources"},
        },
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }
    # A FileField resolves its storage when models are loaded, so set that of the settings above again.
    from programs.models import ResourceFile, resource_storage

    monkeypatch.setattr(ResourceFile._meta.get_field("file"), "storage", resource_storage())
    settings.MEDIA_ROOT = tmp_path / "media"
    settings.PAGES_ROOT = tmp_path / "pages"
    settings.DATA = tmp_path
    settings.EMAIL_FILE_PATH = tmp_path / "mail"
    settings.DEPARTMENT_COPY = tmp_path / "department.json"
    settings.PORTAL_SITE_URL = "https://portal.example"
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@dataclass
class Site:
    """A portal that runs in a process of its own, started with `manage.py serve`."""

    url: str
    data: Path
    password: str
    process: subprocess.Popen
    environment: dict

    def manage(self, *arguments):
        """Runs a management command on the site's data and returns its output."""
        command = [sys.executable, "manage.py", *arguments]
        run = subprocess.run(command, cwd=PROJECT, env=self.environment, capture_output=True, text=True, check=True)
        return run.stdout


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


PASSWORD = "a-password-for-the-tests"
# The PORTAL_SITE_URL of portals that copy first_start(). Finished pages show it, so it has no port.
SITE_URL = "http://localhost"
PREPARE = """
from portal.content_version import Schedule
from portal.management.commands.serve import Command
from portal.site.finished_pages.filling import addresses
from portal.site.finished_pages.store import Store
Command().prepare()
# The content was published a moment ago.
Schedule().step()
store = Store()
store.begin()
for path in addresses():
    store.make(path)
"""


def environment_of(data, port, variables):
    """Returns the environment of a portal on `port` with the folder `data`, and nothing else of the portal's."""
    ours = ("PORTAL_", "DATABASE_", "EMAIL_")
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith(ours)},
        "PORT": str(port),
        "PORTAL_DATA": str(data),
        "DJANGO_SUPERUSER_USERNAME": "staff",
        "DJANGO_SUPERUSER_PASSWORD": PASSWORD,
        "DJANGO_SUPERUSER_EMAIL": "staff@example.com",
        **variables,
    }


@cache
def first_start():
    """Returns a data folder as a first start leaves it, with all finished pages. It takes 20 seconds, once in a run."""
    folder = shared() / "data"
    with alone("first_start") as is_first:
        if is_first:
            command = [sys.executable, "manage.py", "shell", "-v0", "-c", PREPARE]
            environment = environment_of(folder, free_port(), {"PORTAL_SITE_URL": SITE_URL})
            subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, check=True)
    return folder


def start_site(data, project=PROJECT, **variables):
    """
    Starts the portal in `project` on a free port with its own `data` folder and waits until it answers.

    In a test, a new folder gets what first_start() made, unless something about this start is different.
    """
    port = free_port()
    in_test = "SHARED_BY_TESTS" in os.environ
    different = {"DATABASE_URL", "PORTAL_SITE_URL", "PORTAL_DEMO", "DJANGO_SUPERUSER_USERNAME"}
    is_copy = in_test and not variables.keys() & different
    if is_copy:
        variables["PORTAL_SITE_URL"] = SITE_URL
    environment = environment_of(data, port, variables)
    if in_test and not (data / "static").exists():
        shutil.copytree(first_start() / "static", data / "static")
        if is_copy and not (data / "portal.sqlite3").exists():
            shutil.copy(first_start() / "portal.sqlite3", data)
            if project == PROJECT:
                shutil.copytree(first_start() / "pages", data / "pages", symlinks=True)
    log = (data / "serve.log").open("w")
    process = subprocess.Popen(
        [sys.executable, "manage.py", "serve"],
        cwd=project,
        env=environment,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    site = Site(f"http://localhost:{port}", data, PASSWORD, process, environment)
    for _attempt in range(600):
        try:
            urllib.request.urlopen(f"{site.url}/healthz", timeout=5).close()
            return site
        except urllib.error.HTTPError:
            # It answers, though without its database.
            return site
        except (urllib.error.URLError, ConnectionError):
            if process.poll() is not None:
                break
            try:
                process.wait(0.1)
            except subprocess.TimeoutExpired:
                continue
    process.kill()
    raise RuntimeError(f"the portal did not start:\n{(data / 'serve.log').read_text()}")


def stop_site(site):
    """Stops the portal with SIGTERM, as a service manager does, and returns its exit code."""
    site.process.terminate()
    return site.process.wait(40)


@pytest.fixture
def start(tmp_path):
    """A function that starts a portal on the test's own data folder. Those still running at the end are stopped."""
    started = []

    def start(**variables):
        started.append(start_site(tmp_path, **variables))
        return started[-1]

    yield start
    for site in started:
        if site.process.poll() is None:
            stop_site(site)


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    running = start_site(tmp_path_factory.mktemp("site"))
    yield running
    stop_site(running)


@pytest.fixture(scope="session")
def chrome():
    """Chromium, driven by Playwright and shared by the whole session."""
    if not chromium.is_usable():
        pytest.skip("no Chromium or no Han font on this machine")
    from playwright.sync_api import sync_playwright

    # Playwright leaves an event loop in this thread. Without this, Django's ORM would refuse to run in later tests.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_playwright() as playwright:
        flags = [
            "--no-sandbox",
            "--disable-gpu",
            "--disable-background-networking",
            "--disable-component-update",
        ]
        browser = playwright.chromium.launch(executable_path=chromium.executable(), args=flags)
        yield browser
        browser.close()


@pytest.fixture
def page(chrome):
    """A new page in a new context, 1280 pixels wide."""
    context = chrome.new_context(viewport={"width": 1280, "height": 800}, locale="en-GB")
    opened = context.new_page()
    opened.set_default_timeout(15_000)
    yield opened
    context.close()
