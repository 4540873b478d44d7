"""Hands out finished pages to WSGI requests."""

import logging
import threading
from functools import lru_cache
from urllib.parse import parse_qsl

from django.conf import settings
from django.http.request import split_domain_port, validate_host
from django.utils.http import parse_etags

from portal.site.finished_pages.pages import ADDRESS, may_be_finished
from portal.site.finished_pages.store import INTERVAL, Store

# The parameters that views of finished pages read. With others in its query, such as those that WeChat appends, a page
# is what it is without a query.
PARAMETERS = frozenset(
    [
        *["area", "centre", "country", "have", "industry", "institution", "kind", "language", "page", "program", "q"],
        *["term", "view"],
    ]
)
# In characters. Django answers requests with longer queries, because it refuses some.
LONGEST_QUERY = 1000
# Headers that a response with status 304 lacks (RFC 9110, section 15.4.5).
OF_THE_BODY = {"Content-Type", "Content-Length", "Content-Encoding", "Content-Language"}

logger = logging.getLogger(__name__)


class PageServer:
    """
    A WSGI application that answers requests for finished pages, and leaves all others to `application`.

    Until watch() is called it leaves all requests to it.
    """

    def __init__(self, application):
        self.application = application
        self.store = Store()
        self.session_cookie = f"{settings.SESSION_COOKIE_NAME}="

    def watch(self):
        """Begins to hand out pages. From now on a thread watches the content version. Call it in each process."""
        self.store.begin()
        threading.Thread(target=self.repeat_watching, daemon=True).start()

    def repeat_watching(self):
        waiting, reported = threading.Event(), None
        while not waiting.wait(INTERVAL):
            try:
                self.store.catch_up()
                reported = None
            except Exception as error:
                if type(error) is not reported:
                    logger.exception("The content version could not be watched, will be tried again.")
                reported = type(error)

    def __call__(self, environ, start_response):
        if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
            return self.answer_change(environ, start_response)
        edition, query = self.store.edition, environ.get("QUERY_STRING")
        if (
            edition
            and self.session_cookie not in environ.get("HTTP_COOKIE", "")
            and not (query and is_read(query))
            and is_own(environ.get("HTTP_HOST", ""), environ.get("HTTP_X_FORWARDED_PROTO"))
        ):
            path = environ["PATH_INFO"]
            # Those in memory first: their addresses were checked before.
            page = edition.pages.get(path)
            if not page and ADDRESS.fullmatch(path):
                page, response = self.find_or_make(edition, path)
                if response:
                    return forward(response, environ, start_response)
            if page:
                return send(page, environ, start_response)
        return self.application(environ, start_response)

    def find_or_make(self, edition, path):
        """Returns a page and a response, as Store.make() does. Both are None if Django should answer the request."""
        page, response = edition.find(path), None
        # Of what is missing, nobody has to wait for the answer to another.
        if not page and path not in edition.missing and may_be_finished(path):
            page, response = self.store.make(path)
        if page:
            # Not the addresses that somebody made up: there are as many as one likes.
            self.store.note(path)
        return page, response

    def answer_change(self, environ, start_response):
        """Answers a request that may change content: before the answer, this machine has the new edition in force."""
        response = self.application(environ, start_response)
        if environ["PATH_INFO"].startswith("/admin/") and self.store.edition:
            self.store.catch_up()
        return response


def forward(response, environ, start_response):
    """Answers with a response of Django, such as a page with status 404."""
    start_response(f"{response.status_code} {response.reason_phrase}", list(response.items()))
    return [response.content] if environ["REQUEST_METHOD"] == "GET" else []


def send(page, environ, start_response):
    """Answers with `page`, in an encoding that the client accepts, or with status 304 if the client has it."""
    encoding = best_encoding(environ.get("HTTP_ACCEPT_ENCODING", ""))
    headers = page.headers[encoding]
    if (known := environ.get("HTTP_IF_NONE_MATCH")) and is_known(page.etags[encoding], known):
        start_response("304 Not Modified", [header for header in headers if header[0] not in OF_THE_BODY])
        return []
    start_response("200 OK", headers)
    return [page.bodies[encoding]] if environ["REQUEST_METHOD"] == "GET" else []


@lru_cache(maxsize=256)
def best_encoding(accepted: str) -> str:
    """Returns the encoding for a client with this Accept-Encoding: "br", "gzip", or "" for none."""
    acceptable = {}
    for part in accepted.lower().replace(" ", "").split(","):
        name, *parameters = part.split(";")
        # A weight of 0 means "not acceptable" (RFC 9110, section 12.4.2).
        acceptable[name] = not any(text.startswith("q=") and not text[2:].strip("0.") for text in parameters)
    return next((encoding for encoding in ("br", "gzip") if acceptable.get(encoding)), "")


def is_known(etag: str, known: str) -> bool:
    """Returns whether If-None-Match names the ETag, weak or strong (RFC 9110, section 13.1.2)."""
    if known == etag:
        return True
    etags = parse_etags(known)
    return etags == ["*"] or etag in {found.removeprefix("W/") for found in etags}


@lru_cache(maxsize=256)
def is_own(host: str, scheme: str | None) -> bool:
    """Returns whether Django would answer a request to `host`, with `scheme` in X-Forwarded-Proto, with a page."""
    domain, _port = split_domain_port(host)
    return validate_host(domain, settings.ALLOWED_HOSTS) and not (settings.SECURE_SSL_REDIRECT and scheme != "https")


@lru_cache(maxsize=256)
def is_read(query: str) -> bool:
    """Returns whether a view may read a parameter of `query`."""
    if len(query) > LONGEST_QUERY:
        return True
    return any(name in PARAMETERS for name, _value in parse_qsl(query, keep_blank_values=True))
