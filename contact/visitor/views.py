import logging
from functools import partial, wraps
from typing import NamedTuple

from django.db import DatabaseError
from django.http import HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.cache import add_never_cache_headers
from django.utils.http import urlencode
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe
from post_office.models import STATUS

from contact.mail.messages import acknowledgement_of
from contact.models import OPEN, Enquiry, Message, State
from contact.references import format_code, notice_has_changed
from contact.visitor import rate_limits
from contact.visitor.forms import AlreadySent, EnquiryForm, MessageForm, StatusForm
from contact.visitor.kept_files import FileLost
from contact.visitor.status import Progress, confirmation, store_message, was_just_stored, withdraw_consent
from portal.bilingual.links import absolute_url
from portal.database import RETRY_AFTER, is_away
from portal.department_copy import context_without_database

logger = logging.getLogger(__name__)


TELEPHONE_US = _("You can also telephone us:")


class Problem(NamedTuple):
    """Why a request failed. `help` introduces the telephone numbers; if it is empty, the page does not show them."""

    text: str
    status: int
    title: str = _("This did not work")
    help: str = TELEPHONE_US


ENQUIRY_EXPIRED = Problem(
    _(
        "Your enquiry has not been stored yet: the form had expired, or your browser did not send its cookie back. "
        "Everything you typed is still here. Please submit it again."
    ),
    403,
    title=_("Please submit once more"),
    help="",
)
ENQUIRY_EXPIRED_AGAIN = ENQUIRY_EXPIRED._replace(
    help=_("If it fails again, your browser may be blocking cookies for this site. Please telephone us:")
)
ALREADY_SENT = Problem(
    _(
        "It was stored as enquiry %(reference)s; to add something to that one, use its status page. "
        "What you have sent now has not been stored. Everything you typed is still here. "
        "If it is another enquiry, please submit it again."
    ),
    409,
    title=_("This form was already sent"),
    help="",
)
TOO_MANY_ENQUIRIES = Problem(
    _(
        "Your enquiry has not been stored yet: many enquiries have come from your network within this hour. "
        "Everything you typed is still here. Please submit it again in an hour."
    ),
    429,
)
ENQUIRY_NOT_STORED = Problem(
    _(
        "Your enquiry has not been stored: our system cannot take it at the moment. "
        "Everything you typed is still here. Please submit it again in a few minutes."
    ),
    503,
)
EXPIRED = Problem(
    _(
        "Nothing has been sent yet: the page had expired, or your browser did not send its cookie back. "
        "What you typed is still here. Please press the button once more."
    ),
    403,
)
ACCEPTS_NO_MESSAGES = Problem(_("Nothing can be added to this enquiry any more."), 409)
TOO_MANY_WRONG_CODES = Problem(
    _("References and codes that do not match were entered too often. Please try again in an hour."),
    429,
)
TOO_MANY_MESSAGES = Problem(
    _(
        "Your message has not been stored: too many were sent within an hour. "
        "What you typed is still here. Please try again in an hour."
    ),
    429,
)
NOT_STORED = Problem(
    _("This could not be stored just now, through a fault of ours. Please try again in a few minutes."),
    503,
)
UNAVAILABLE = Problem(
    _(
        "Nothing has been sent yet: our system cannot answer at the moment. "
        "What you typed is still here. Please press the button once more in a few minutes."
    ),
    503,
)


def form_page(request, template, form=None, problem=None, help="", **context):
    """Renders a page with a form. `help` introduces the telephone numbers, unless a Problem brings its own."""
    errors = [] if problem or not form else [(None, error) for error in form.non_field_errors()]
    errors += [(field.id_for_label, error) for field in form or () for error in field.errors]
    context |= {"form": form, "problem": problem, "errors": errors, "has_errors": bool(problem or errors)}
    context["help"] = problem.help if problem else help
    response = render(request, template, context, status=problem and problem.status)
    if request.method == "POST":
        # The browser may keep a form that came back, so that Back leads to it.
        response["Cache-Control"] = "private, no-cache"
    if response.status_code == 429:
        response["Retry-After"] = rate_limits.seconds_left()
    elif response.status_code == 503:
        response["Retry-After"] = RETRY_AFTER
    return response


def form_view(view):
    """
    A decorator for the views in FORM_VIEWS. It keeps what the visitor typed if the database is away.

    It calls the view again with `away`: the view then shows the submitted form and a Problem, and asks no database.
    Browsers store none of the pages but a form that came back; see form_page().
    """

    @wraps(view)
    def kept(request, **kwargs):
        try:
            response = view(request, **kwargs)
        except DatabaseError as error:
            if request.method != "POST" or not is_away(error):
                raise
            response = view(request, **kwargs | {"away": True})
        if not response.has_header("Cache-Control"):
            add_never_cache_headers(response)
        return response

    return kept


@require_http_methods(["GET", "HEAD", "POST"])
@form_view
def contact(request, *, expired=False, away=False):
    if request.method != "POST":
        given = {name: request.GET.get(name) for name in ("program", "country", "message")}
        return enquiry_page(request, EnquiryForm(initial=given, version=request.content_version))
    if away:
        form = EnquiryForm(request.POST, request.FILES, has_database=False)
        return enquiry_page(request, form, ENQUIRY_NOT_STORED, **context_without_database())
    form = EnquiryForm(request.POST, request.FILES, sender=request.META.get("CSRF_COOKIE", ""))
    if expired:
        return enquiry_page(request, form, ENQUIRY_EXPIRED_AGAIN if "token_failed" in request.POST else ENQUIRY_EXPIRED)
    if not form.is_valid():
        return enquiry_page(request, form)
    try:
        enquiry = form.stored()
        if enquiry is None and rate_limits.is_reached(request, rate_limits.ENQUIRIES):
            return enquiry_page(request, form, TOO_MANY_ENQUIRIES)
        enquiry = enquiry or form.save(count=partial(rate_limits.count, request, rate_limits.ENQUIRIES))
    except AlreadySent as first:
        problem = ALREADY_SENT._replace(text=ALREADY_SENT.text % {"reference": first.reference})
        return enquiry_page(request, form, problem)
    except FileLost:
        return enquiry_page(request, form)
    except (DatabaseError, OSError):
        logger.exception("An enquiry could not be stored.")
        return enquiry_page(request, form, ENQUIRY_NOT_STORED)
    return HttpResponseRedirect(enquiry.get_absolute_url(), status=303)


def enquiry_page(request, form, problem=None, **context):
    """Renders the enquiry form. A submitted form keeps its files, except where nothing could be stored before."""
    if form.is_bound:
        form.keep_files(None if problem is ENQUIRY_NOT_STORED else request)
    token_failed = problem in (ENQUIRY_EXPIRED, ENQUIRY_EXPIRED_AGAIN)
    help = TELEPHONE_US if form.non_field_errors() else ""
    template = "contact/enquiry_form.html"
    return form_page(request, template, form, problem, help, token_failed=token_failed, **context)


@never_cache
@require_safe
def received(request, token):
    known = Enquiry.objects.select_related("program", "country", "merged_into").prefetch_related("attachments")
    enquiry = get_object_or_404(known, token=token)
    acknowledgement = acknowledgement_of(enquiry)
    context = {
        "enquiry": enquiry,
        "code": format_code(enquiry.code),
        "status": absolute_url(reverse("status")),
        "is_open": enquiry.state in OPEN,
        "acknowledgement": acknowledgement,
        "acknowledgement_failed": acknowledgement and acknowledgement.status == STATUS.failed,
        # A duplicate is kept as long as the enquiry that it was merged into.
        "kept": enquiry.merged_into or enquiry,
        "notice_has_changed": notice_has_changed(enquiry),
    }
    response = render(request, "contact/enquiry_received.html", context)
    response["Referrer-Policy"] = "no-referrer"
    response["X-Robots-Tag"] = "noindex"
    return response


def private_page(view):
    """
    A decorator that keeps search engines from indexing a page, its secret URL out of Referer headers, and the page,
    even as a form that came back, out of the browser's cache.
    """

    @wraps(view)
    def kept(*args, **kwargs):
        response = view(*args, **kwargs)
        add_never_cache_headers(response)
        response["X-Robots-Tag"] = "noindex"
        # With no-referrer, browsers send a form with "Origin: null", which the CSRF check rejects.
        response["Referrer-Policy"] = "strict-origin"
        return response

    return kept


@require_http_methods(["GET", "HEAD", "POST"])
@form_view
def status(request, *, expired=False, away=False):
    template = "contact/enquiry_status_form.html"
    if request.method != "POST":
        return form_page(request, template, StatusForm(initial={"reference": request.GET.get("reference")}))
    if away:
        form = StatusForm(initial=request.POST.dict())
        return form_page(request, template, form, UNAVAILABLE, **context_without_database())
    if expired or rate_limits.is_reached(request, rate_limits.WRONG_CODES):
        # The form is not validated, because its errors would reveal whether the pair is right.
        form = StatusForm(initial=request.POST.dict())
        return form_page(request, template, form, EXPIRED if expired else TOO_MANY_WRONG_CODES)
    form = StatusForm(request.POST)
    if form.is_valid():
        return HttpResponseRedirect(form.enquiry.get_status_url(), status=303)
    if form.has_error("reference", "wrong_pair"):
        rate_limits.count(request, rate_limits.WRONG_CODES)
    help = _("If you no longer have the code, telephone us and quote the reference:")
    return form_page(request, template, form, help=help)


@private_page
@require_http_methods(["GET", "HEAD", "POST"])
@form_view
def status_detail(request, token, *, expired=False, away=False):
    is_submitted = request.method == "POST"
    form = MessageForm(request.POST, request.FILES) if is_submitted else MessageForm()
    if away:
        form.ask_for_file_again()
        context = {"title": _("Add a message"), "button": _("Send the message")} | context_without_database()
        return form_page(request, "contact/enquiry_form_kept.html", form, UNAVAILABLE, **context)
    known = Enquiry.objects.select_related("program", "country", "merged_into").prefetch_related("attachments")
    enquiry = get_object_or_404(known, token=token)
    problem = EXPIRED if expired else None
    if is_submitted and form.is_valid() and not expired:
        message, problem = add_message(request, enquiry, form.cleaned_data)
        if message:
            query = urlencode({"stored": confirmation(message)})
            return HttpResponseRedirect(f"{enquiry.get_status_url()}?{query}", status=303)
    progress = Progress(enquiry)
    if is_submitted and progress.accepts_messages:
        form.ask_for_file_again()
    is_stored = not is_submitted and was_just_stored(request.GET.get("stored", ""), progress.messages)
    context = {"progress": progress, "is_stored": is_stored}
    return form_page(request, "contact/enquiry_status.html", form, problem, **context)


@private_page
@require_http_methods(["GET", "HEAD", "POST"])
@form_view
def withdraw(request, token, *, expired=False, away=False):
    if away:
        title = _("Withdraw consent and erase my data")
        context = {"title": title, "button": title} | context_without_database()
        return form_page(request, "contact/enquiry_form_kept.html", problem=UNAVAILABLE, **context)
    enquiry = get_object_or_404(Enquiry, token=token)
    problem = EXPIRED if expired else None
    if request.method == "POST" and not expired:
        try:
            withdraw_consent(enquiry)
            return HttpResponseRedirect(enquiry.get_status_url(), status=303)
        except DatabaseError:
            logger.exception("Consent could not be withdrawn.")
            problem = NOT_STORED
    if State.WITHDRAWN not in enquiry.next_states:
        return HttpResponseRedirect(enquiry.get_status_url(), status=303)
    with_others = enquiry.merged_into_id is not None or enquiry.duplicates.exists()
    context = {"enquiry": enquiry, "is_handled_with_others": with_others}
    return form_page(request, "contact/enquiry_withdraw.html", problem=problem, **context)


def add_message(request, enquiry: Enquiry, answers) -> tuple[Message | None, Problem | None]:
    """Stores a message of the visitor: the cleaned data of a MessageForm. Returns the Message, or else a Problem."""
    if rate_limits.is_reached(request, rate_limits.MESSAGES):
        return None, TOO_MANY_MESSAGES
    try:
        message = store_message(enquiry, answers["text"], answers["attachment"])
    except (DatabaseError, OSError):
        logger.exception("A message could not be stored.")
        return None, NOT_STORED
    if message is None:
        return None, ACCEPTS_NO_MESSAGES
    rate_limits.count(request, rate_limits.MESSAGES)
    return message, None


# The views with a parameter `expired`. If it is true, they show a form that was posted without a valid CSRF token.
# With `away` they show it without a database.
FORM_VIEWS = (contact, status, status_detail, withdraw)


def csrf_failure(request, reason=""):
    """
    Shows the form of a view in FORM_VIEWS again, with every answer and a new token.

    A form of the admin keeps what was typed, if the view has `csrf_failed`. Others get an error page.
    """
    match = request.resolver_match
    if match.func in FORM_VIEWS:
        return match.func(request, **match.kwargs, expired=True)
    keep = getattr(match.func, "csrf_failed", None)
    if response := keep and keep(request, **match.kwargs):
        return response
    return render(request, "403.html", {"expired": True}, status=403)
