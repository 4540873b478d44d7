"""Load by wrk, and nginx: in front of a portal, and with nothing but a file."""

import re
import shutil
import subprocess
from contextlib import contextmanager
from email.message import Message
from http.client import HTTPConnection
from pathlib import Path
from typing import NamedTuple

from tests import nginx
from tests.conftest import PROJECT, free_port


class Load(NamedTuple):
    """How many requests were answered in a second, how many in all, and how many failed."""

    rate: float
    number: int
    failed: int


def missing() -> list[str]:
    """Returns the names of the packages of Debian that the table needs and this machine lacks."""
    return [*([] if nginx.is_usable() else nginx.PACKAGES), *([] if shutil.which("wrk") else ["wrk"])]


def wrk(url, headers, connections, *, seconds) -> Load:
    """Requests `url` for some seconds, on so many `connections` at once."""
    command = [shutil.which("wrk"), "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "60s"]
    command += [text for name, value in headers.items() for text in ("-H", f"{name}: {value}")]
    printed = subprocess.run([*command, url], capture_output=True, text=True, check=True).stdout  # noqa: S603
    errors = re.findall(r"^  (?:Socket errors|Non-2xx).*$", printed, re.MULTILINE)
    failed = sum(map(int, re.findall(r"(?<!-)\b\d+\b(?!xx)", " ".join(errors))))
    number = int(re.search(r"(\d+) requests in", printed)[1])
    return Load(float(re.search(r"Requests/sec:\s*([\d.]+)", printed)[1]), number, failed)


def fetch(url, headers=()) -> tuple[int, Message, bytes]:
    """Returns the status, the headers and the body of an answer."""
    netloc, _slash, path = url.removeprefix("http://").partition("/")
    connection = HTTPConnection(netloc, timeout=120)
    connection.request("GET", f"/{path}", headers=dict(headers))
    response = connection.getresponse()
    body = response.read()
    connection.close()
    return response.status, response.headers, body


@contextmanager
def served(folder: Path, server):
    """Runs nginx with its own files in the new `folder`, and a `server` block with {port}. Yields its URL."""
    folder.mkdir()
    port = free_port()
    with nginx.started(folder, server.format(port=port), port):
        yield f"http://127.0.0.1:{port}"


def bare_files(folder: Path) -> str:
    """Returns a server block for served() that hands out the files in `folder`."""
    return f"server {{{{ listen 127.0.0.1:{{port}}; root {folder}; access_log off; }}}}"


def in_front_of(site, folder: Path) -> str:
    """
    Returns deploy/nginx.conf for served() in front of `site`, without TLS. Its headers are written into `folder`.

    The bare file has no TLS either, so the two can be compared.
    """
    headers = folder / "portal-headers"
    headers.mkdir(parents=True)
    site.manage("nginx_headers", str(headers))
    text = (PROJECT / "deploy/nginx.conf").read_text()
    # The first server block leads to the second, which has TLS.
    before, _first, second = re.split(r"^server \{$", text, flags=re.MULTILINE)
    text = f"{before}server {{{second}".replace("{", "{{").replace("}", "}}")
    text = re.sub(r"^ *ssl_.*\n", "", text, flags=re.MULTILINE)
    replacements = {
        "listen 443 ssl http2;": "listen 127.0.0.1:{port};",
        "127.0.0.1:8000": site.url.removeprefix("http://").replace("localhost", "127.0.0.1"),
        "/srv/portal": str(site.data),
        "/opt/portal": str(PROJECT),
        "/var/log/nginx": str(folder),
        "include portal-headers": f"include {headers}",
    }
    for old, new in replacements.items():
        if old not in text:
            raise RuntimeError(f"deploy/nginx.conf does not say {old}")
        text = text.replace(old, new)
    return text
