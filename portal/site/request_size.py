from django.conf import settings
from django.shortcuts import render

# How many bytes of a refused request are read at most, and how many at once.
DISCARDED = 256 * 1024 * 1024
AT_ONCE = 64 * 1024


class RequestSizeMiddleware:
    """
    Answers a request with status 413 and a page if its body is larger than PORTAL_LARGEST_REQUEST.

    It reads and discards up to DISCARDED bytes of the body: if it closed the connection while the browser was still
    sending, the browser would show a connection error, or a proxy its own error page.
    """

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        if content_length(request) <= settings.PORTAL_LARGEST_REQUEST:
            return self.get_response(request)
        for _part in range(DISCARDED // AT_ONCE):
            if not request.read(AT_ONCE):
                break
        megabytes = settings.PORTAL_LARGEST_REQUEST // (1024 * 1024)
        return render(request, "413.html", {"megabytes": megabytes}, status=413)


def content_length(request) -> int:
    """Returns the Content-Length in bytes; 0 if it is missing or invalid. Django reads no more of the body."""
    try:
        return int(request.META.get("CONTENT_LENGTH") or 0)
    except ValueError:
        return 0
