"""What a finished page is, and how it is made."""

import gzip
import re
import sys
import zlib
from functools import cache, cached_property
from io import BytesIO
from urllib.parse import urlsplit

import brotli
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.urls import Resolver404, resolve
from django.utils.translation import override

from portal.bilingual.languages import LANGUAGES, language_of_path
from portal.models import Page as PageOfText
from portal.site.headers import headers_of_pages
from portal.site.sitemaps import DETAIL_MODELS, LIST_PAGES

# The form of an address that may have a finished page.
ADDRESS = re.compile(rf"/({'|'.join(LANGUAGES)})/([a-z0-9_-]{{1,80}}/){{0,4}}")
# The URL names of the pages that may be finished. The two that are left out set cookies.
NAMES = {
    *LIST_PAGES.keys() - {"contact", "status"},
    *(f"{model._meta.model_name}_detail" for model in DETAIL_MODELS),
    *PageOfText.FIXED,
    "search",
}
# The encodings of a page, the smallest first, and the endings of their files.
ENDINGS = {"br": ".br", "gzip": ".gz", "": ""}
# Brotli's. Higher ones save up to a seventh and take twenty times as long.
QUALITY = 5


class FinishedPage:
    """A page in `language`. `bodies` are bytes by encoding; see ENDINGS."""

    def __init__(self, language, bodies):
        self.bodies = bodies
        # 31 bits, because some file systems hold no later time.
        self.changed_at = zlib.crc32(bodies[""]) & 0x7FFFFFFF
        self.etags = {encoding: f'"{self.changed_at:x}-{len(body):x}"' for encoding, body in bodies.items()}
        self.headers = {encoding: self.headers_in(encoding, language) for encoding in bodies}

    @classmethod
    def compressed(cls, language, body):
        """Returns the page with this `body`, compressed in each encoding: the same bytes on every machine."""
        brotlied = brotli.compress(body, mode=brotli.MODE_TEXT, quality=QUALITY)
        return cls(language, {"br": brotlied, "gzip": gzip.compress(body, mtime=0), "": body})

    def headers_in(self, encoding, language) -> list[tuple[str, str]]:
        headers = headers_of_pages(language) | {"ETag": self.etags[encoding]}
        if encoding:
            headers["Content-Encoding"] = encoding
        return list((headers | {"Content-Length": str(len(self.bodies[encoding]))}).items())

    @cached_property
    def size(self) -> int:
        """The bytes of all its files."""
        return sum(map(len, self.bodies.values()))


def may_be_finished(path) -> bool:
    """Returns whether the address `path` belongs to a view of NAMES. There may be no such row."""
    if not ADDRESS.fullmatch(path):
        return False
    with override(language_of_path(path)):
        try:
            return resolve(path).url_name in NAMES
        except Resolver404:
            return False


def answer(path):
    """Returns Django's response to a GET of `path` from nobody in particular: without cookies and conditions."""
    site = urlsplit(settings.PORTAL_SITE_URL)
    environ = {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": "",
        "SERVER_NAME": site.hostname,
        "SERVER_PORT": str(site.port or {"http": 80, "https": 443}[site.scheme]),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": site.netloc,
        "HTTP_X_FORWARDED_PROTO": site.scheme,
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": site.scheme,
        "wsgi.input": BytesIO(),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    response = django()(environ, lambda *_arguments: None)
    # As a server does after it has sent a response: this gives back the connection to the database.
    response.close()
    return response


@cache
def django() -> WSGIHandler:
    return WSGIHandler()


def is_finished(response, language) -> bool:
    """Returns whether `response` is a page in `language` that everybody may get."""
    if response.status_code != 200 or response.cookies or response.streaming:
        return False
    headers, expected = dict(response.headers), headers_of_pages(language)
    # Django names the directives in any order.
    policies = [headers.pop("Content-Security-Policy", ""), expected.pop("Content-Security-Policy")]
    for name in ("Content-Length", "ETag"):
        headers.pop(name, None)
    return headers == expected and len({frozenset(policy.split("; ")) for policy in policies}) == 1
