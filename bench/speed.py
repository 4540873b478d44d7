"""
Prints a table: how fast the portal answers, how much dearer that becomes as it grows, and what it takes.

Speed is told as two ratios, because machines differ: to nginx, which hands out the same bytes as a bare file, and to
/robots.txt of the same server. Five rounds alternate between the three; the table has the median of their ratios, with
the smallest and the largest. Growth is the ratio of two medians, of answers that portals of different sizes gave in
turn. What cannot be measured, because a program is missing, is said and left out.
"""

import platform
import re
import signal
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import date
from http.client import HTTPConnection
from pathlib import Path
from statistics import median
from threading import Event, Thread
from time import monotonic, sleep
from urllib.parse import urlsplit

import psutil

from bench import enquiry_post
from bench.load import bare_files, fetch, in_front_of, missing, served, wrk
from bench.visitors import Staff
from tests.conftest import PROJECT, start_site, stop_site

# The number of enquiries of each portal, by its number of programs.
SIZES = {50: 100, 200: 1_000, 10_000: 100_000}
SMALL, MIDDLE, LARGE = SIZES
ROUNDS = 5
# How many connections ask at once: few for a page that Django renders, because those that wait at the end do not count.
CONNECTIONS, CONNECTIONS_TO_DJANGO = 16, 4
# How long a load lasts. The rate of a finished page needs longer, because it varies more within a second.
SECONDS, SECONDS_OF_FINISHED = 1, 2
# How often a portal is asked for a page: so many times, or more within ENOUGH seconds, and no longer than LONGEST.
TIMES, ENOUGH, LONGEST = 15, 0.3, 4
# The number of requests after which memory is measured.
REQUESTS = 100_000
SAVES = 10
# How long the portal may take until it shows a change, how long its worker is watched, and after which pause it has
# filled all pages, in seconds.
PATIENCE, FILLING, STILL = 60, 30, 8

FINISHED = {"home": "/zh-hans/", "program": "/zh-hans/programs/program-11/"}
# Some view reads this parameter, so no page with it is a finished one.
UNFINISHED = "?page=1"
PUBLIC = {
    "home": "/zh-hans/",
    "page of text": "/zh-hans/about/",
    "service centres": "/zh-hans/centres/",
    "service centre": "/zh-hans/centres/international-exchange/",
    "finder": "/zh-hans/programs/",
    "type of program": "/zh-hans/programs/areas/evaluation/",
    "program": "/zh-hans/programs/program-11/",
    "all programs": "/zh-hans/programs/overview/",
    "resources": "/zh-hans/resources/",
    "resource": "/zh-hans/resources/resource-11/",
    "partner countries": "/zh-hans/partners/",
    "country": "/zh-hans/partners/germany/",
    "terms": "/zh-hans/terms/",
    "sitemap": "/sitemap.xml",
}
FORMS = {"form of an enquiry": "/zh-hans/contact/", "form for the status": "/zh-hans/contact/status/"}
SEARCH = {
    "search in Chinese": "/zh-hans/search/?q=%E8%AF%BE%E7%A8%8B%E6%A0%87%E5%87%86",
    "search in English": "/en/search/?q=exchange",
    "finder with a word": "/zh-hans/programs/?q=%E5%AD%A6%E7%94%9F",
}
ADMIN = {
    "open enquiries": "/admin/contact/enquiry/",
    "all enquiries": "/admin/contact/enquiry/?queue=all",
    "enquiries with a word": "/admin/contact/enquiry/?q=person77",
    "one enquiry": "/admin/contact/enquiry/1/change/",
    "statistics": "/admin/contact/enquiry/statistics/",
    "events": "/admin/contact/event/",
    "sign-ins and accounts": "/admin/portal/accountevent/",
    "programs": "/admin/programs/program/",
    "resources": "/admin/programs/resource/",
}


@dataclass
class Row:
    """A kind of answer, and what was measured."""

    name: str
    path: str
    is_finished: bool = False
    is_known: bool = False
    is_for_staff: bool = False
    is_behind_nginx: bool = False
    encoding: str = "identity"
    # Of each round the requests a second: for the answer, for the bare file and for /robots.txt, which may be None.
    rates: list = field(default_factory=list)
    # By size of the portal: the seconds of each answer, and the bytes of its page.
    seconds: dict = field(default_factory=dict)
    bytes: dict = field(default_factory=dict)

    def ratios(self, place) -> str:
        """The median of the ratios to the rates at `place`, the smallest and the largest."""
        found = sorted(rates[0] / rates[place] for rates in self.rates if rates[place])
        return f"{median(found):.2g} ({found[0]:.2g}–{found[-1]:.2g})" if found else ""

    def growth(self, small) -> str:
        """How many times longer the answer of the LARGE portal takes than that of the `small` one."""
        return f"{median(self.seconds[LARGE]) / median(self.seconds[small]):.2f}" if self.seconds else ""

    def cells(self) -> list[str]:
        rate = f"{median(rates[0] for rates in self.rates):,.0f} a second" if self.rates else ""
        size = f"{self.bytes[LARGE] / self.bytes[MIDDLE]:.2f}" if all(self.bytes.values()) and self.seconds else ""
        return [self.name, rate, self.ratios(1), self.ratios(2), self.growth(SMALL), self.growth(MIDDLE), size]


def rows(has_front) -> list[Row]:
    found = []
    for place in ["", ", behind nginx"] if has_front else [""]:
        finished = {"is_finished": True, "is_behind_nginx": bool(place)}
        found += [Row(f"finished{place}: {name}", path, **finished) for name, path in FINISHED.items()]
        found.append(Row(f"finished{place}: home, compressed", FINISHED["home"], **finished, encoding="br"))
        found.append(Row(f"finished{place}: home, 304", FINISHED["home"], **finished, is_known=True))
    found += [Row(f"unfinished: {name}", path + UNFINISHED) for name, path in PUBLIC.items()]
    found += [Row(name, path) for name, path in (FORMS | SEARCH).items()]
    return found + [Row(f"admin: {name}", path, is_for_staff=True) for name, path in ADMIN.items()]


class Portal:
    """A running `site` with `programs`, and a member of staff who has signed in."""

    def __init__(self, site, programs):
        self.site, self.programs = site, programs
        self.url = self.site.url.replace("localhost", "127.0.0.1")
        self.staff = Staff(self.site)

    def processes(self, command) -> list[psutil.Process]:
        """Returns its processes of a `command` of manage.py but the first: those of the server, or the worker."""
        children = psutil.Process(self.site.process.pid).children(recursive=True)
        return [process for process in children if command in process.cmdline()]

    def slow_worker_down(self):
        """Lets all other processes go before the worker, which fills the pages of a large portal for minutes."""
        for process in self.processes("run_worker"):
            process.nice(19)

    def headers(self, row) -> dict:
        return {"Accept-Encoding": row.encoding, **(self.staff.headers if row.is_for_staff else {})}

    def finished_pages(self) -> int:
        """Returns the number of pages in the edition in force."""
        edition = (self.site.data / "pages/current").resolve()
        return sum(1 for _page in edition.rglob("index.html"))


@contextmanager
def portal(data, programs):
    """Runs a Portal on the folder `data`."""
    site = start_site(data, PORTAL_TRUSTED_PROXIES="1")
    try:
        yield Portal(site, programs)
    finally:
        stop_site(site)


def prepare(folder):
    """Makes a data folder for each of SIZES in `folder`."""
    # nginx passes through it, as another user.
    folder.chmod(0o711)
    for programs, enquiries in SIZES.items():
        began = monotonic()
        environment = {"PORTAL_DATA": str(folder / str(programs)), "DJANGO_SETTINGS_MODULE": "portal.settings"}
        command = [sys.executable, "-m", "bench.rows", str(programs), str(enquiries)]
        subprocess.run(command, cwd=PROJECT, env=environment, check=True)  # noqa: S603
        say(f"{programs:,} programs and {enquiries:,} enquiries: made in {monotonic() - began:.0f} s")


def opened(url, row, headers) -> tuple[dict, bytes]:
    """Fetches the answer of a `row` at `url`. Returns the headers to ask with, and the page."""
    deadline = monotonic() + PATIENCE
    while True:
        status, given, page = fetch(url + row.path, headers)
        is_finished = re.fullmatch('(W/)?"[0-9a-f]+-[0-9a-f]+"', given.get("ETag", "")) is not None
        if status == 200 and is_finished == row.is_finished:
            return headers | ({"If-None-Match": given["ETag"]} if row.is_known else {}), page
        if monotonic() > deadline:
            raise RuntimeError(f"{row.name}: {row.path} was answered with {status} and ETag {given.get('ETag')}")
        sleep(0.1)


def measure_rates(rows, portal, front, bare) -> int:
    """Loads the `portal`. `front` is nginx before it, `bare` the folder and URL of nginx with files, or None."""
    number, targets = 0, []
    for place, row in enumerate(rows):
        url = front if row.is_behind_nginx else portal.url
        headers, page = opened(url, row, portal.headers(row))
        connections = CONNECTIONS if row.is_finished else CONNECTIONS_TO_DJANGO
        target = [(url + row.path, headers, connections)]
        if bare:
            folder, bare_url = bare
            (folder / f"{place}.html").write_bytes(page)
            known = {"If-None-Match": fetch(f"{bare_url}/{place}.html")[1]["ETag"]} if row.is_known else {}
            target.append((f"{bare_url}/{place}.html", known, CONNECTIONS))
        targets.append([*target, (f"{url}/robots.txt", {}, CONNECTIONS)])
    for round in range(ROUNDS):
        for row, target in zip(rows, targets, strict=True):
            loads = [wrk(*asked, seconds=SECONDS_OF_FINISHED if row.is_finished else SECONDS) for asked in target]
            if sum(load.failed for load in loads):
                raise RuntimeError(f"{row.name}: {loads} failed")
            rates = [load.rate for load in loads]
            row.rates.append(rates if bare else [rates[0], None, rates[1]])
            number += 0 if row.is_behind_nginx else loads[0].number + loads[-1].number
        say(f"round {round + 1} of {ROUNDS} of speed")
    return number


def measure_growth(rows, portals):
    """Asks all `portals` for each row in turn, on one connection each."""
    for row in rows:
        asked = {portal.programs: opened(portal.url, row, portal.headers(row))[0] for portal in portals}
        connections = {portal.programs: HTTPConnection(urlsplit(portal.url).netloc, timeout=300) for portal in portals}
        row.seconds = {programs: [] for programs in asked}
        while any(not is_enough(seconds) for seconds in row.seconds.values()):
            for programs, headers in asked.items():
                if not is_enough(row.seconds[programs]):
                    began = monotonic()
                    connections[programs].request("GET", row.path, headers=headers)
                    row.bytes[programs] = len(connections[programs].getresponse().read())
                    row.seconds[programs].append(monotonic() - began)
        for connection in connections.values():
            connection.close()


def is_enough(seconds) -> bool:
    return sum(seconds) > LONGEST or (len(seconds) >= TIMES and sum(seconds) > ENOUGH)


def memory(portal) -> int:
    """Returns the memory of the largest process of the server in MB; what processes share is divided among them."""
    return round(max(process.memory_full_info().pss for process in portal.processes("serve")) / 1e6)


def measure_showing(portal, front) -> list[tuple[str, str]]:
    """Saves the headline of the home page, and watches it in each process of the server, and behind nginx."""
    watched = connections_to_processes(portal)
    if front:
        watched["nginx"] = HTTPConnection(urlsplit(front).netloc, timeout=PATIENCE)
    answers, all_processes, behind_nginx = [], [], []
    for number in range(SAVES):
        headline, seen, stopped = f"Headline {number}", {}, Event()
        threads = [Thread(target=watch, args=[*item, headline, seen, stopped]) for item in watched.items()]
        for thread in threads:
            thread.start()
        began = monotonic()
        portal.staff.change("/admin/portal/department/1/change/", headline_en=headline, _publish="1")
        answered = monotonic()
        for thread in threads:
            thread.join(PATIENCE)
        stopped.set()
        if unchanged := watched.keys() - seen.keys():
            raise RuntimeError(f"{unchanged} did not show a change within {PATIENCE} s")
        answers.append(answered - began)
        behind_nginx.append(max(0, seen.pop("nginx", 0) - answered))
        all_processes.append(max(0, *(moment - answered for moment in seen.values())))
    for connection in watched.values():
        connection.close()
    found = [
        ("saving in the admin", seconds_of(answers)),
        (f"then, until {len(watched) - bool(front)} processes show it", seconds_of(all_processes)),
    ]
    return [*found, ("then, until nginx shows it", seconds_of(behind_nginx))] if front else found


def measure_post() -> list[list[str]]:
    """Submits enquiries. Returns the row of the table, and what one fsync of the disk takes."""
    found = enquiry_post.figures()
    ratios = sorted(robots / post for robots, post in zip(found["robots"], found["post"], strict=True))
    rate = f"{median(found['post']):.1f} ms, one at a time"
    return [
        ["an enquiry is submitted (POST)", rate, "", f"{median(ratios):.2g} ({ratios[0]:.2g}–{ratios[-1]:.2g})"],
        ["one fsync of this disk", f"{median(found['fsync']):.1f} ms"],
    ]


def seconds_of(times) -> str:
    return f"{median(times):.2f} s (longest {max(times):.2f})"


def connections_to_processes(portal) -> dict:
    """Returns a connection to each process of the server."""
    found, others, processes = {}, [], portal.processes("serve")
    deadline = monotonic() + PATIENCE
    while len(found) < len(processes) and monotonic() < deadline:
        connection = HTTPConnection(urlsplit(portal.url).netloc, timeout=PATIENCE)
        connection.request("GET", "/healthz")
        connection.getresponse().read()
        port = connection.sock.getsockname()[1]
        [holder] = [
            process.pid
            for process in processes
            if any(opened.raddr and opened.raddr.port == port for opened in process.net_connections("tcp"))
        ]
        if found.setdefault(holder, connection) is not connection:
            others.append(connection)
    for connection in others:
        connection.close()
    if len(found) < len(processes):
        raise RuntimeError(f"only {len(found)} of {len(processes)} processes answer")
    return found


def watch(name, connection, text, seen, stopped):
    """Keeps in `seen` when the home page on `connection` shows `text`."""
    while not stopped.wait(0.002):
        connection.request("GET", "/en/")
        if text in connection.getresponse().read().decode():
            seen[name] = monotonic()
            return


def measure_filling(portal) -> str:
    """Returns how many pages the worker fills in a second, after a change."""
    portal.staff.change("/admin/portal/department/1/change/", headline_en="The next headline", _publish="1")
    numbers = watch_filling(portal)
    (first, before), (last, after) = numbers[0], numbers[-1]
    rate = (after - before) / (last - first) if last > first else 0
    return f"{rate:,.0f} ({after:,} pages in {last - first:.0f} s)"


def watch_filling(portal) -> list[tuple[float, int]]:
    """Waits until the worker adds no more pages, for FILLING at most. Returns when there were how many."""
    numbers, began = [(monotonic(), portal.finished_pages())], monotonic()
    while (now := monotonic()) < min(began + FILLING, numbers[-1][0] + STILL):
        if (found := portal.finished_pages()) != numbers[-1][1]:
            numbers.append((now, found))
        sleep(0.1)
    # The first one is of the edition before.
    return numbers[1:] or numbers


def table(rows) -> str:
    """Returns Markdown, with columns of one width."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in rows
    ]
    return "\n".join([lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *lines[1:]])


def say(text):
    print(text, file=sys.stderr, flush=True)


def machine() -> str:
    """Says when and on what this was measured."""
    model = re.search(r"^model name\s*: (.*)", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    processor = f"{psutil.cpu_count()} × {model[1] if model else platform.machine()}"
    system = f"{platform.system()}, Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}"
    return f"{date.today():%-d %B %Y}, {processor}, {psutil.virtual_memory().total / 1e9:.0f} GB, {system}"


def main():
    # So that everything is stopped and removed then, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    began = monotonic()
    lacking = missing()
    if lacking:
        say(f"What needs these packages of Debian is not measured: {', '.join(lacking)}.")
    has_wrk, has_nginx = "wrk" not in lacking, not set(lacking) - {"wrk"}
    found, facts = rows(has_wrk and has_nginx), []
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        prepare(folder)
        small = stack.enter_context(portal(folder / str(SMALL), SMALL))
        at_first = memory(small)
        front = bare = None
        with ExitStack() as servers:
            if has_nginx:
                block = in_front_of(small.site, folder / "front-files")
                front = servers.enter_context(served(folder / "front", block))
                files = folder / "files"
                files.mkdir(mode=0o755)
                bare = files, servers.enter_context(served(folder / "bare", bare_files(files)))
            watch_filling(small)
            small.slow_worker_down()
            if has_wrk:
                number = measure_rates(found, small, front, bare)
                while number < REQUESTS:
                    number += wrk(small.url + FINISHED["home"], {}, CONNECTIONS, seconds=SECONDS).number
                says = f"{memory(small)} MB ({at_first} at the start)"
                facts.append((f"memory of a process of the server after {number:,} requests", says))
            facts += measure_showing(small, front)
        middle = stack.enter_context(portal(folder / str(MIDDLE), MIDDLE))
        facts.append(("pages that the worker fills in a second", measure_filling(middle)))
        large = stack.enter_context(portal(folder / str(LARGE), LARGE))
        large.slow_worker_down()
        facts += measure_post()
        measure_growth([row for row in found if not row.is_behind_nginx], [small, middle, large])
    head = ["", "result", "of a bare file", "of /robots.txt"]
    head += [f"time, {SMALL} → {LARGE:,}", f"time, {MIDDLE} → {LARGE:,}", f"size, {MIDDLE} → {LARGE:,}"]
    print(f"{machine()}; in {(monotonic() - began) / 60:.0f} minutes:\n")
    print(table([head, *(row.cells() for row in found), *([*fact, *[""] * (7 - len(fact))] for fact in facts)]))


if __name__ == "__main__":
    main()
