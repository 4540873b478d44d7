"""Response headers that Django does not set by itself, and which responses are compressed."""

from django.conf import settings
from django.http import FileResponse
from django.middleware.gzip import GZipMiddleware


class ResponseHeadersMiddleware:
    """
    Sets Cross-Origin-Resource-Policy, so that other sites cannot embed a response, and Cache-Control.

    Caches may store a public page that sets no cookie, but must revalidate it before each use. If the portal cannot be
    reached, they may use it for a day (stale-if-error, RFC 5861). They must not store any other response, unless its
    view has set Cache-Control. Search engines leave out everything that the demonstration serves.
    """

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        response = self.get_response(request)
        response.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        if settings.PORTAL_DEMO:
            response.headers["X-Robots-Tag"] = "noindex, nofollow"
        if request.path_info.startswith("/admin/"):
            response.headers.setdefault("Cache-Control", "private, no-store")
        else:
            public = response.status_code in (200, 304) and not response.cookies
            response.headers.setdefault(
                "Cache-Control", "public, max-age=0, stale-if-error=86400" if public else "no-store"
            )
        return response


class CompressPagesMiddleware(GZipMiddleware):
    """
    Compresses pages. Files are sent as they are: their formats are compressed already.

    A compressed file would also lose its Content-Length, with which a browser shows how long a download takes.
    """

    def process_response(self, request, response):
        return response if isinstance(response, FileResponse) else super().process_response(request, response)
