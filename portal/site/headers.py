"""Response headers that Django does not set by itself, and which responses are compressed."""

from csp.utils import build_policy
from django.conf import settings
from django.http import FileResponse
from django.middleware.gzip import GZipMiddleware

from portal.bilingual.languages import html_code

# Of a public page that sets no cookie: caches may store it, but must ask before each use. If the portal cannot be
# reached, they may use it for a day (stale-if-error, RFC 5861).
CACHE_CONTROL = "public, max-age=0, stale-if-error=86400"
# Of static files, which do not pass through middleware. WhiteNoise adds Cache-Control and Vary.
STATIC_HEADERS = {"X-Content-Type-Options": "nosniff", "Cross-Origin-Resource-Policy": "same-origin"}


class ResponseHeadersMiddleware:
    """
    Sets Cross-Origin-Resource-Policy, so that other sites cannot embed a response, and Cache-Control.

    A public page that sets no cookie gets CACHE_CONTROL. Caches must not store any other response, unless its view has
    set Cache-Control. Search engines leave out everything that the demonstration serves.
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
            response.headers.setdefault("Cache-Control", CACHE_CONTROL if public else "no-store")
        return response


class CompressPagesMiddleware(GZipMiddleware):
    """
    Compresses pages. Files are sent as they are: their formats are compressed already.

    A compressed file would also lose its Content-Length, with which a browser shows how long a download takes.
    """

    def process_response(self, request, response):
        return response if isinstance(response, FileResponse) else super().process_response(request, response)


def policy_of_pages() -> str:
    """Returns the Content-Security-Policy of public pages, with its directives in alphabetical order."""
    return "; ".join(sorted(build_policy().split("; ")))


def headers_of_pages(language: str) -> dict[str, str]:
    """
    Returns the headers of every finished page in `language`, a code of settings.LANGUAGES.

    Those that depend on its body and encoding are left out: Content-Length, Content-Encoding and ETag. A page that
    Django answers with other headers is not a finished page.
    """
    headers = {
        "Content-Type": "text/html; charset=utf-8",
        "Content-Language": html_code(language),
        "Cache-Control": CACHE_CONTROL,
        "Vary": "Accept-Encoding",
        "Content-Security-Policy": policy_of_pages(),
        "Cross-Origin-Opener-Policy": settings.SECURE_CROSS_ORIGIN_OPENER_POLICY,
        "Cross-Origin-Resource-Policy": "same-origin",
        "Referrer-Policy": settings.SECURE_REFERRER_POLICY,
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": settings.X_FRAME_OPTIONS,
    }
    if settings.SECURE_HSTS_SECONDS:
        headers["Strict-Transport-Security"] = f"max-age={settings.SECURE_HSTS_SECONDS}"
    if settings.PORTAL_DEMO:
        headers["X-Robots-Tag"] = "noindex, nofollow"
    return headers
