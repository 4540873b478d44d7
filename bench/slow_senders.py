"""
Measures what slow and idle clients cost the other visitors of `make run`.

It opens connections that send the body of a POST one byte a second, or send nothing at all. Meanwhile visitors open
pages. It prints how many of them failed, their median and longest time, and the memory of all processes. It fails if
a visitor got no page, or if the median exceeds LIMIT.
"""

import resource
import selectors
import socket
import sys
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from statistics import median
from time import monotonic
from urllib.parse import urlsplit

import psutil

from tests.conftest import start_site, stop_site

# The clients that are in the way: how many, and whether they send a body slowly or nothing.
CROWDS = [(0, "slow senders"), (8, "slow senders"), (200, "slow senders"), (1000, "idle connections")]
# The visitors: how many at once, how many pages in all, and the seconds after which one gives up.
VISITORS, PAGES, PATIENCE = 4, 80, 10
PATHS = ["/en/", "/zh-hans/programs/", "/en/contact/", "/zh-hans/partners/"]
# The highest allowed median in seconds.
LIMIT = 0.5
SLOW_POST = b"POST /en/contact/ HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n"
SLOW_POST += b"Content-Length: 100000\r\n\r\n"


def main():
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    faults = []
    with tempfile.TemporaryDirectory() as folder:
        site = start_site(Path(folder))
        try:
            for number, kind in CROWDS:
                # Leaves out what the first pages load, and the work for requests that the crowd before broke off.
                visit(site.url)
                with crowd(site.url, number, kind):
                    took, failed = visit(site.url)
                    used = memory(site.process.pid)
                middle = f"median {median(took) * 1000:.0f} ms, longest {max(took) * 1000:.0f} ms" if took else "none"
                print(f"{number} {kind}: {failed} of {PAGES} pages failed, {middle}; memory {used:.0f} MB", flush=True)
                if failed or median(took) > LIMIT:
                    faults.append(f"{number} {kind} kept other visitors from their pages")
        finally:
            stop_site(site)
    print("\n".join(faults) or "nobody is kept out by slow senders or idle connections")
    return 1 if faults else 0


@contextmanager
def crowd(url, number, kind):
    """Keeps `number` connections to the site at `url` open. Slow senders go on to send one byte a second each."""
    address = urlsplit(url)
    sockets, finished = [], threading.Event()
    for _connection in range(number):
        sockets.append(socket.create_connection(("127.0.0.1", address.port), timeout=PATIENCE))
        if kind == "slow senders":
            sockets[-1].sendall(SLOW_POST)
    sender = threading.Thread(target=send_slowly, args=[sockets if kind == "slow senders" else [], finished])
    sender.start()
    try:
        yield
    finally:
        finished.set()
        sender.join()
        for connection in sockets:
            connection.close()


def send_slowly(sockets, finished):
    """Sends one byte a second on each of `sockets` until the Event `finished` is set."""
    with selectors.DefaultSelector() as selector:
        for connection in sockets:
            connection.setblocking(False)
            selector.register(connection, selectors.EVENT_WRITE)
        while not finished.wait(1):
            for key, _events in selector.select(0) if sockets else ():
                try:
                    key.fileobj.send(b"x")
                except OSError:
                    selector.unregister(key.fileobj)


def visit(url) -> tuple[list[float], int]:
    """Opens PAGES pages, VISITORS at once, each on a connection of its own. Returns the seconds, and the failures."""
    with ThreadPoolExecutor(VISITORS) as visitors:
        took = list(visitors.map(lambda number: open_page(url, PATHS[number % len(PATHS)]), range(PAGES)))
    return [seconds for seconds in took if seconds is not None], took.count(None)


def open_page(url, path) -> float | None:
    """Returns the seconds until the whole page had come, or None if it did not."""
    began = monotonic()
    with closing(HTTPConnection("127.0.0.1", urlsplit(url).port, timeout=PATIENCE)) as connection:
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            response.read()
        except (OSError, HTTPException):
            return None
    return monotonic() - began if response.status == 200 else None


def memory(pid) -> float:
    """Returns the resident memory of a process and all its children, in MB. Shared pages count once for each."""
    server = psutil.Process(pid)
    return sum(process.memory_info().rss for process in [server, *server.children(recursive=True)]) / 1e6


if __name__ == "__main__":
    sys.exit(main())
