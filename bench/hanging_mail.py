"""
How fast the portal is while its mail host hangs, against how fast it is with one that answers.

Printed are medians in milliseconds and their ratio, for a POST of the enquiry form and for a page; where they are
worse than what is allowed here, a sentence says so and the bench fails.
"""

import socket
import sys
import tempfile
from http.client import HTTPConnection
from pathlib import Path
from statistics import median
from time import monotonic
from urllib.parse import urlsplit

from bench.visitors import Visitor, mail_host
from tests.conftest import start_site, stop_site

TIMES = 20
# Seconds within which an enquiry must be acknowledged.
LIMIT = 1
# How many times as long as with a host that answers a page may take, in the median.
RATIO = 1.5


def main():
    with mail_host() as (_host, email_url):
        answering = measure(email_url)
    # It takes connections and never says a word.
    with socket.create_server(("127.0.0.1", 0)) as silent:
        hanging = measure(f"smtp://127.0.0.1:{silent.getsockname()[1]}")
    for what in ("POST", "page"):
        ratio = median(hanging[what]) / median(answering[what])
        print(
            f"{what}: {median(answering[what]) * 1000:.0f} ms with a host that answers, "
            f"{median(hanging[what]) * 1000:.0f} ms with one that hangs (ratio {ratio:.2f}, "
            f"longest {max(hanging[what]) * 1000:.0f} ms)"
        )
    faults = []
    if max(hanging["POST"]) >= LIMIT:
        faults.append(f"an enquiry was acknowledged after {max(hanging['POST']):.2f} s, not within {LIMIT} s")
    if median(hanging["page"]) > RATIO * median(answering["page"]):
        faults.append(f"pages took more than {RATIO} times as long")
    print("\n".join(faults) or "nobody is held up by a mail host that hangs")
    return 1 if faults else 0


def measure(email_url):
    """Seconds that each of TIMES posts and pages took, in turn, at a portal with that EMAIL_URL."""
    with tempfile.TemporaryDirectory() as folder:
        site = start_site(Path(folder), EMAIL_URL=email_url)
        try:
            visitor, took = Visitor(1), {"POST": [], "page": []}
            visitor.open_form(site.url)
            visitor.post(site.url, "The first, after which the worker has something to send")
            for number in range(TIMES):
                began = monotonic()
                status, _receipt = visitor.post(site.url, f"College {number}")
                took["POST"].append(monotonic() - began)
                if status != 303:
                    raise RuntimeError(f"the enquiry was answered with {status}")
                began = monotonic()
                connection = HTTPConnection(urlsplit(site.url).netloc, timeout=30)
                connection.request("GET", "/en/programs/")
                connection.getresponse().read()
                took["page"].append(monotonic() - began)
            return took
        finally:
            stop_site(site)


if __name__ == "__main__":
    sys.exit(main())
