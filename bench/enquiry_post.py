"""
Says what the POST of an enquiry costs: beside one fsync of the disk in the same folder, and /robots.txt of the server.

Visitors post valid forms, one after the other, through a real `manage.py serve`. The rounds alternate, so that what
else the machine does meets all three alike. A process of its own counts the queries and transactions of one POST.
"""

import json
import os
import tempfile
from http.client import HTTPConnection
from pathlib import Path
from statistics import median
from time import monotonic, perf_counter, sleep
from urllib.parse import urlencode, urlsplit

from bench.visitors import ANSWERS, FORM, WRITING, Unexpected, Visitor
from tests.conftest import start_site, stop_site

ROUNDS, POSTS, FSYNCS, REQUESTS = 5, 30, 30, 200
# What one fsync flushes, in bytes: a page of the database.
PAGE = 4096
# It counts in the process that runs it. The token is that of a form that came back, which may be sent at once.
COUNT = """
import json
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from bench.visitors import ANSWERS
from contact.visitor.forms import new_form_token
client = Client(SERVER_NAME="localhost")
answers = ANSWERS | {"organisation": "Example College", "form_token": new_form_token(is_blank=False)}
client.get("/en/contact/")
with CaptureQueriesContext(connection) as queries:
    response = client.post("/en/contact/", answers | {"email": "counted@college.example"})
assert response.status_code == 303, response.status_code
said = [query["sql"] for query in queries]
print(json.dumps({"statements": len(said), "transactions": sum(sql == "COMMIT" for sql in said)}))
"""


def figures() -> dict:
    """
    Runs everything and returns the figures.

    "post", "fsync" and "robots" are lists of the medians of the rounds in milliseconds, "statements" and "transactions"
    numbers of one POST.
    """
    found = {"post": [], "fsync": [], "robots": []}
    with tempfile.TemporaryDirectory() as folder:
        site = start_site(Path(folder), PORTAL_TRUSTED_PROXIES="1")
        try:
            connection = HTTPConnection(urlsplit(site.url).netloc, timeout=30)
            for number in range(ROUNDS + 1):
                visitors = [opened(site, number * POSTS + place) for place in range(POSTS)]
                sleep(max(0, visitors[-1].opened + WRITING - monotonic()))
                # The server closes it while nothing is sent.
                connection.close()
                measured = {
                    "post": [timed(post, connection, site, visitor) for visitor in visitors],
                    "robots": [timed(robots, connection) for _number in range(REQUESTS)],
                    "fsync": fsyncs(site.data),
                }
                # The first round warms up.
                for name, times in measured.items() if number else ():
                    found[name].append(median(times))
            counted = site.manage("shell", "--no-imports", "--command", COUNT)
        finally:
            stop_site(site)
    return found | json.loads(counted.splitlines()[-1])


def opened(site, number) -> Visitor:
    visitor = Visitor(number % 250)
    # Another network for each, because an address may submit only some an hour.
    visitor.forms = number // 250 * 50
    visitor.open_form(site.url)
    return visitor


def post(connection, site, visitor):
    answers = ANSWERS | {"organisation": "Example College", "email": f"v{visitor.number}-{id(visitor)}@college.example"}
    headers = visitor.headers | {"Content-Type": "application/x-www-form-urlencoded", "Origin": site.url}
    connection.request("POST", FORM, urlencode(answers | visitor.hidden), headers)
    response = connection.getresponse()
    response.read()
    if response.status != 303:
        raise Unexpected(f"{response.status} and not a receipt")


def robots(connection):
    connection.request("GET", "/robots.txt")
    response = connection.getresponse()
    response.read()
    if response.status != 200:
        raise Unexpected(f"{response.status} and not /robots.txt")


def timed(act, *arguments) -> float:
    """Calls `act` and returns how long it took, in milliseconds."""
    began = perf_counter()
    act(*arguments)
    return (perf_counter() - began) * 1000


def fsyncs(folder) -> list[float]:
    """Appends pages to a file in `folder` and returns how long it took to flush each, in milliseconds."""
    with (folder / "fsync").open("wb", buffering=0) as file:
        return [timed(flush, file) for _number in range(FSYNCS)]


def flush(file):
    file.write(os.urandom(PAGE))
    os.fsync(file.fileno())


def main():
    found = figures()
    for name, label in [("post", "POST of an enquiry"), ("fsync", "one fsync here"), ("robots", "/robots.txt")]:
        times = found[name]
        print(f"{label:20} {median(times):8.2f} ms  (rounds {min(times):.2f} to {max(times):.2f})")
    post, flushed, plain = (median(found[name]) for name in ("post", "fsync", "robots"))
    print(f"A POST costs {post / flushed:.1f} fsyncs, and {post / plain:.0f} times /robots.txt.")
    print(f"It makes {found['statements']} statements in {found['transactions']} transaction(s).")


if __name__ == "__main__":
    main()
