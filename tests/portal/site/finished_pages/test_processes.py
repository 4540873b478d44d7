"""Threads and processes of one machine share the pages: one makes a page, and its death holds up nobody."""

import multiprocessing
import os
import signal
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from functools import partial
from pathlib import Path

import pytest
from django.db import connection, connections

from portal.models import Centre
from portal.site.finished_pages import store
from portal.site.finished_pages.editions import Edition, name_in_force
from portal.site.finished_pages.pages import answer
from portal.site.finished_pages.server import PageServer
from portal.site.finished_pages.store import Store
from tests.contact.databases import on_file
from tests.portal.test_database_away import wait_for

pytestmark = pytest.mark.django_db

FORK = multiprocessing.get_context("fork")
PATHS = ["/en/", "/zh-hans/", "/en/programs/", "/en/terms/"]
HOST = "portal.example"
PROCESSES, THREADS, CHANGES = 2, 5, 4


@pytest.fixture
def in_thread(tmp_path):
    """Returns a function that calls another one in a thread, whose changes are committed at once."""
    database = on_file(tmp_path / "portal.sqlite3", timeout=20) if connection.vendor == "sqlite" else nullcontext()
    with database, ThreadPoolExecutor(1) as thread:
        yield lambda work, *arguments: thread.submit(work, *arguments).result()
        thread.submit(connections.close_all).result()


@pytest.fixture
def fork():
    """A function that calls another one in a thread of a new process, so that it opens connections of its own."""
    processes = []

    def fork(work, *arguments):
        process = FORK.Process(target=lambda: ThreadPoolExecutor(1).submit(work, *arguments).result(), daemon=True)
        process.start()
        processes.append(process)
        return process

    yield fork
    for process in processes:
        process.kill()
        process.join()


def change():
    """Changes the content version, and no content, because this is committed in the database of all tests."""
    Centre.objects.filter(pk=Centre.objects.values("pk")[:1]).update(sort_order=Centre.objects.first().sort_order)


def note(file, text):
    """Appends a line, whole."""
    with file.open("a") as opened:
        opened.write(f"{text}\n")


def serve(log, stopped):
    """Is a process of the server: hands out pages to THREADS visitors until the Event `stopped` is set."""
    write = Edition.write

    def counted(edition, path, page):
        note(log, f"{edition.name} {path}")
        write(edition, path, page)

    Edition.write = counted
    server = PageServer(None)
    server.watch()

    def visit():
        while not stopped.is_set():
            for path in PATHS:
                server({"REQUEST_METHOD": "GET", "PATH_INFO": path, "HTTP_HOST": HOST}, lambda *_arguments: None)
            stopped.wait(0.001)
        connections.close_all()

    with ThreadPoolExecutor(THREADS) as visitors:
        for visitor in [visitors.submit(visit) for _number in range(THREADS)]:
            visitor.result()


def test_however_many_wait_a_page_is_made_once_for_each_version(in_thread, fork, tmp_path, record_property):
    log, stopped = tmp_path / "made", FORK.Event()
    for _number in range(PROCESSES):
        fork(serve, log, stopped)
    seen = set()
    for _number in range(CHANGES):
        in_thread(change)
        wait_for(lambda: (name := name_in_force()) and name not in seen and all(map(Edition(name).has, PATHS)))
        seen.add(name_in_force())
    stopped.set()
    made = Counter(log.read_text().splitlines())
    assert set(made.values()) == {1}
    assert len(made) >= CHANGES * len(PATHS)
    record_property("pages made once", len(made))


def die_while_making(path, log):
    """Begins to make a page, and does not get on with it."""

    def hang(path):
        note(log, os.getpid())
        threading.Event().wait()

    store.answer = hang
    begun().make(path)


def begun():
    found = Store()
    found.begin()
    return found


def test_a_process_that_dies_while_it_makes_a_page_holds_up_nobody(in_thread, fork, tmp_path):
    log = tmp_path / "making"
    dying = fork(die_while_making, PATHS[0], log)
    wait_for(log.exists)
    with ThreadPoolExecutor(8) as visitors:
        visitors.submit(connections.close_all).result()
        others = in_thread(begun)
        waiting = [visitors.submit(others.make, PATHS[0]) for _number in range(8)]
        # Another page waits for nobody.
        assert in_thread(partial(others.make, PATHS[2]))[0]
        assert not any(visitor.done() for visitor in waiting)
        os.kill(dying.pid, signal.SIGKILL)
        pages = {visitor.result(60)[0] for visitor in waiting}
        assert [page.bodies[""] for page in pages] == [in_thread(answer, PATHS[0]).content]
        for _thread in range(8):
            visitors.submit(connections.close_all)
    assert not list(Path(others.edition.folder).rglob(".*"))
