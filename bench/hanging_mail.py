"""
Measures how much slower the portal is while its mail host hangs than while its mail host answers.

It prints the medians in milliseconds and their ratio, for a POST of the enquiry form and for a page. It fails if a POST
takes LIMIT or longer while the host hangs, or if the ratio for a page exceeds RATIO.
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
# The time within which an enquiry must be acknowledged, in seconds.
LIMIT = 1
# The highest allowed ratio of the medians for a page.
RATIO = 1.5


def main():
    with mail_host() as (_host, email_url):
        answering = measure(email_url)
    # This server accepts connections but never answers.
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


def measure(email_url) -> dict[str, list[float]]:
    """Returns the seconds that TIMES POSTs ("POST") and page requests ("page") took, at a portal with `email_url`."""
    with tempfile.TemporaryDirectory() as folder:
        site = start_site(Path(folder), EMAIL_URL=email_url)
        try:
            visitors, took = [Visitor(number) for number in range(TIMES + 1)], {"POST": [], "page": []}
            for visitor in visitors:
                visitor.open_form(site.url)
            last = visitors.pop()
            last.post(site.url, "The first, after which the worker has something to send")
            for visitor in visitors:
                began = monotonic()
                status, _receipt = visitor.post(site.url, f"College {visitor.number}")
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
