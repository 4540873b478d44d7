import logging

from django.db import DatabaseError
from django.http import HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import Resolver404, resolve, reverse
from django.utils.cache import add_never_cache_headers
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from contact import limits
from contact.forms import EnquiryForm
from contact.models import OPEN, Enquiry
from contact.receipts import in_groups, notice_has_changed
from contact.status import FORM_VIEWS
from portal.addresses import absolute_url

logger = logging.getLogger(__name__)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def contact(request):
    if request.method != "POST":
        return enquiry_form(request, EnquiryForm(about=asked_about(request)))
    form = EnquiryForm(request.POST, request.FILES, sender=request.META.get("CSRF_COOKIE", ""))
    if not form.is_valid():
        return enquiry_form(request, form)
    try:
        enquiry = form.stored()
        if enquiry is None and limits.is_reached(request, limits.ENQUIRIES):
            return too_many(request, form)
        enquiry = enquiry or form.save()
    except (DatabaseError, OSError):
        return not_stored(request, form)
    if enquiry is form.instance:
        limits.count(request, limits.ENQUIRIES)
    response = HttpResponseRedirect(enquiry.get_absolute_url())
    response.status_code = 303
    return response


def enquiry_form(request, form, status=200, **context):
    if form.is_bound:
        form.ask_for_files_again()
    return render(request, "contact/enquiry_form.html", {"form": form, **context}, status=status)


def too_many(request, form):
    """The form again, for whoever has met the limit."""
    form.add_error(
        None,
        _(
            "Your enquiry has not been stored yet: many enquiries have come from your network within this hour. "
            "Everything you typed is still here. Please submit it again in an hour."
        ),
    )
    response = enquiry_form(request, form, status=429)
    response["Retry-After"] = limits.seconds_left()
    return response


def not_stored(request, form):
    """The form again, where the database or the disk has failed; called while that error is handled."""
    logger.exception("An enquiry could not be stored.")
    form.add_error(
        None,
        _(
            "Your enquiry has not been stored: our system cannot take it at the moment. "
            "Everything you typed is still here. Please submit it again in a few minutes."
        ),
    )
    return enquiry_form(request, form, status=503)


def asked_about(request):
    """The choice of the form that the address names, as in ?program=teacher-exchange; None without one."""
    for model in ("program", "country"):
        if slug := request.GET.get(model):
            return f"{model}:{slug}"
    return None


@never_cache
@require_safe
def received(request, token):
    known = Enquiry.objects.select_related("program", "country", "merged_into").prefetch_related("attachments")
    enquiry = get_object_or_404(known, token=token)
    context = {
        "enquiry": enquiry,
        "code": in_groups(enquiry.code),
        "status": absolute_url(reverse("status")),
        "is_open": enquiry.state in OPEN,
        # A duplicate is kept as long as the enquiry that it was merged into.
        "kept": enquiry.merged_into or enquiry,
        "notice_has_changed": notice_has_changed(enquiry),
    }
    response = render(request, "contact/enquiry_received.html", context)
    response["Referrer-Policy"] = "no-referrer"
    response["X-Robots-Tag"] = "noindex"
    return response


def csrf_failure(request, reason=""):
    """
    What a POST without a valid token gets: the form again with every answer and a fresh token, and, of an
    enquiry from the second time on, the telephone numbers too. Elsewhere, a page that says so.
    """
    try:
        match = resolve(request.path_info)
    except Resolver404:
        match = None
    if match and match.func in FORM_VIEWS:
        return match.func(request, **match.kwargs, expired=True)
    if not match or match.func is not contact:
        return render(request, "403.html", {"expired": True}, status=403)
    form = EnquiryForm(request.POST, request.FILES)
    response = enquiry_form(request, form, token_failed=True, failed_before="token_failed" in request.POST)
    response.status_code = 403
    add_never_cache_headers(response)
    return response
