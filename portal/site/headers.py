"""Response headers that Django does not set by itself."""


class ResponseHeadersMiddleware:
    """
    Keeps other sites from embedding any response, and says how long a public page may be kept:
    not at all without asking again, and a day if the portal cannot be reached (RFC 5861).
    """

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        response = self.get_response(request)
        response.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        if request.path_info.startswith("/admin/"):
            response.headers.setdefault("Cache-Control", "private, no-store")
        else:
            public = response.status_code in (200, 304) and not response.cookies
            response.headers.setdefault(
                "Cache-Control", "public, max-age=0, stale-if-error=86400" if public else "no-store"
            )
        return response
