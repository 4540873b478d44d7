from django.conf import settings
from django.shortcuts import render

# What is read of a request that is refused, in bytes.
DISCARDED = 256 * 1024 * 1024
AT_ONCE = 64 * 1024


class RequestSizeMiddleware:
    """
    Answers a request with a body over PORTAL_LARGEST_REQUEST by a page that says so; nothing of it is kept.

    The body is read all the same, up to a bound: a browser that is cut off while it sends shows a broken
    connection, and a proxy a page of its own.
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


def content_length(request):
    """The bytes that `request` says its body has; Django reads no more than these."""
    try:
        return int(request.META.get("CONTENT_LENGTH") or 0)
    except ValueError:
        return 0
