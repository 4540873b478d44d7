import logging
import re
from io import BytesIO
from tempfile import SpooledTemporaryFile

from django.conf import settings
from django.shortcuts import render

from portal.database import RETRY_AFTER
from portal.department_copy import context_without_database
from programs.resource_files import MAX_FILE_SIZE

logger = logging.getLogger(__name__)

# In the environment of a request: its body could not be written to the disk.
LOST = "portal.body_is_lost"
# What nginx says in the place of a body that it did not pass on because it is too large; see deploy/nginx.conf. It
# drops the header of a client.
REFUSED = "HTTP_X_BODY_REFUSED"
# How many bytes of a refused request are read at most, and how many at once.
DISCARDED = 256 * 1024 * 1024
AT_ONCE = 64 * 1024
MEGABYTE = 1024 * 1024


def read_body(environ):
    """
    Puts a file with the whole body in the place of a WSGI request's `wsgi.input`. Call it before Django handles it.

    A client sends a body as slowly as it likes, and Django may hold one of few connections to the database while it
    reads. If the body is larger than largest_request() says, up to DISCARDED bytes of it are read, but not kept: if the
    portal closed the connection while the browser was still sending, the browser would show a connection error, or a
    proxy its own error page. A body that cannot be kept, because the disk is full, is lost; see RequestSizeMiddleware.
    """
    body = SpooledTemporaryFile(settings.FILE_UPLOAD_MAX_MEMORY_SIZE)  # noqa: SIM115
    is_kept = content_length(environ) <= largest_request(environ)
    left = min(content_length(environ), DISCARDED)
    while left > 0 and (part := environ["wsgi.input"].read(min(left, AT_ONCE))):
        left -= len(part)
        if is_kept:
            try:
                body.write(part)
            except OSError:
                logger.exception("The body of a request could not be written to the disk.")
                environ[LOST], is_kept, body = True, False, BytesIO()
    body.seek(0)
    environ["wsgi.input"] = body


class RequestSizeMiddleware:
    """
    Answers a request whose body was not kept: with status 413 and a page if it is larger than largest_request() says,
    or if nginx refused it; with 503 and a page if the disk is full.
    """

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        if LOST in request.META:
            response = render(request, "503.html", context_without_database(), status=503)
            response["Retry-After"] = RETRY_AFTER
            return response
        is_refused = settings.PORTAL_TRUSTED_PROXIES and REFUSED in request.META
        if not is_refused and content_length(request.META) <= largest_request(request.META):
            return self.get_response(request)
        context = {
            "megabytes": largest_request(request.META) // MEGABYTE,
            "megabytes_a_file": MAX_FILE_SIZE // MEGABYTE if is_upload(request.META) else None,
        }
        return render(request, "413.html", context, status=413)


def largest_request(environ) -> int:
    """Returns how many bytes the body of a request may have: more where staff upload the files of resources."""
    # Django checks the session later. The browser of a visitor has none.
    has_session = f"{settings.SESSION_COOKIE_NAME}=" in environ.get("HTTP_COOKIE", "")
    return settings.PORTAL_LARGEST_UPLOAD if has_session and is_upload(environ) else settings.PORTAL_LARGEST_REQUEST


def is_upload(environ) -> bool:
    """Returns whether the address of a request is that of the form in which staff upload the files of a resource."""
    return re.fullmatch("/admin/programs/resource/(add|[0-9]+/change)/", environ.get("PATH_INFO", "")) is not None


def content_length(environ) -> int:
    """Returns the Content-Length in bytes; 0 if it is missing or invalid. Django reads no more of the body."""
    try:
        return int(environ.get("CONTENT_LENGTH") or 0)
    except ValueError:
        return 0
