from django.http import HttpResponseNotAllowed
from django.shortcuts import render

from contact.visitor.views import FORM_VIEWS


class RequestMethodMiddleware:
    """
    Answers a method that a view does not take with status 405 and a page in the language of the request.

    Outside the admin, only FORM_VIEWS take what a browser sends. The others refuse it before the CSRF protection would
    say that a form had expired.
    """

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        response = self.get_response(request)
        if not isinstance(response, HttpResponseNotAllowed):
            return response
        page = render(request, "405.html", status=405)
        page["Allow"] = response["Allow"]
        return page

    def process_view(self, request, view, args, kwargs):
        is_form = view in FORM_VIEWS or request.path_info.startswith("/admin/")
        return None if is_form or request.method in ("GET", "HEAD") else HttpResponseNotAllowed(["GET", "HEAD"])
