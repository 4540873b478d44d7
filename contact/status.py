"""The pages of an enquiry that is submitted: its status, a further message, and the way to withdraw it. No account."""

import logging
import secrets
from functools import wraps
from typing import NamedTuple

from django import forms
from django.db import DatabaseError
from django.http import HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from contact import limits
from contact.forms import TOO_LONG
from contact.models import Enquiry
from contact.progress import Progress, State, store_message, withdraw_consent
from contact.receipts import as_typed, new_code

logger = logging.getLogger(__name__)

# What a code is compared with where no enquiry has the reference, so that it takes no less time.
NO_CODE = new_code()


class Problem(NamedTuple):
    """Why something was not done, and the HTTP status that says so."""

    words: str
    status: int


EXPIRED = Problem(
    _(
        "Nothing has been sent yet: the page had expired, or your browser did not send its cookie back. "
        "What you typed is still here. Please press the button once more, or telephone us:"
    ),
    403,
)
TAKES_NONE = Problem(_("Nothing can be added to this enquiry any more. Please telephone us:"), 409)
WRONG_TOO_OFTEN = Problem(
    _("References and codes that do not match were entered too often. Please try again in an hour, or telephone us:"),
    429,
)
WRITTEN_TOO_OFTEN = Problem(
    _(
        "Your message has not been stored: too many were sent within an hour. "
        "What you typed is still here. Please try again in an hour, or telephone us:"
    ),
    429,
)
NOT_STORED = Problem(
    _(
        "This could not be stored just now, through a fault of ours. "
        "Please try again in a few minutes, or telephone us:"
    ),
    503,
)


class TypedField(forms.CharField):
    """A reference or code, however a person types it."""

    widget = forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "characters", "spellcheck": "false"})

    def to_python(self, value):
        # What is longer is none, and not worth the work of reading it all.
        return as_typed(super().to_python(value)[:100])


class StatusForm(forms.Form):
    """The reference and the code of an enquiry; once they are valid, `enquiry` is what they open."""

    reference = TypedField(
        label=_("Enquiry reference"),
        help_text=_("You will find it on your receipt and in our mails."),
        error_messages={"required": _("Enter the reference of your enquiry")},
    )
    code = TypedField(
        label=pgettext_lazy("of an enquiry", "Code"),
        help_text=_("You will find it on your receipt. You may type it in small letters, with or without spaces."),
        error_messages={"required": _("Enter the code")},
    )
    use_required_attribute = False

    def clean(self):
        """Whatever is wrong with a pair: the words, the queries and the time are the same."""
        if self.errors:
            return
        self.enquiry = Enquiry.objects.filter(reference=self.cleaned_data["reference"]).first()
        code = self.enquiry.code if self.enquiry else NO_CODE
        is_right = secrets.compare_digest(self.cleaned_data["code"].encode(), code.encode())
        if not (self.enquiry and is_right):
            words = _("No enquiry has this reference and this code. Look at both once more on your receipt")
            self.add_error("reference", forms.ValidationError(words, code="wrong_pair"))


class MessageForm(forms.Form):
    """What a visitor adds to an enquiry."""

    text = forms.CharField(
        label=_("Your message"),
        max_length=5000,
        help_text=_("At most 5,000 characters."),
        error_messages={"required": _("Write your message"), "max_length": TOO_LONG},
        widget=forms.Textarea(attrs={"rows": 6}),
    )
    use_required_attribute = False

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        # The server says what is too long; a browser's limit would silently cut off what is pasted.
        self.fields["text"].widget.attrs.pop("maxlength", None)


def private(view):
    """Keeps the pages of `view` out of indexes, and their secret address out of whatever is requested from them."""

    @wraps(view)
    def kept(*args, **kwargs):
        response = view(*args, **kwargs)
        response["X-Robots-Tag"] = "noindex"
        # Under no-referrer a browser posts their forms with the origin "null", which no CSRF check may accept.
        response["Referrer-Policy"] = "strict-origin"
        return response

    return kept


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def status(request, *, expired=False):
    template = "contact/enquiry_status_form.html"
    if request.method != "POST":
        return page(request, template, form=StatusForm(initial={"reference": request.GET.get("reference")}))
    if expired or limits.is_reached(request, limits.WRONG_CODES):
        # Unread: its errors would tell whether the pair is right.
        form = StatusForm(initial=request.POST.dict())
        return page(request, template, EXPIRED if expired else WRONG_TOO_OFTEN, form=form)
    form = StatusForm(request.POST)
    if form.is_valid():
        return see_other(status_address(form.enquiry))
    if form.has_error("reference", "wrong_pair"):
        limits.count(request, limits.WRONG_CODES)
    return page(request, template, form=form)


@never_cache
@private
@require_http_methods(["GET", "HEAD", "POST"])
def status_detail(request, token, *, expired=False):
    enquiry = get_object_or_404(Enquiry.objects.select_related("program", "country"), token=token)
    form, problem = MessageForm(), None
    if request.method == "POST":
        form = MessageForm(request.POST)
        if expired or form.is_valid():
            problem = EXPIRED if expired else add_message(request, enquiry, form.cleaned_data["text"])
            if problem is None:
                return see_other(f"{status_address(enquiry)}?stored=1")
            form = MessageForm(initial=request.POST.dict())
    is_stored = request.method != "POST" and "stored" in request.GET
    context = {"progress": Progress(enquiry), "form": form, "is_stored": is_stored}
    return page(request, "contact/enquiry_status.html", problem, **context)


@never_cache
@private
@require_http_methods(["GET", "HEAD", "POST"])
def withdraw(request, token, *, expired=False):
    enquiry = get_object_or_404(Enquiry, token=token)
    problem = EXPIRED if expired else None
    if request.method == "POST" and not expired:
        try:
            withdraw_consent(enquiry)
            return see_other(status_address(enquiry))
        except DatabaseError:
            logger.exception("Consent could not be withdrawn.")
            problem = NOT_STORED
    if State.WITHDRAWN not in enquiry.ways:
        return see_other(status_address(enquiry))
    context = {
        "enquiry": enquiry,
        "is_handled_with_others": enquiry.merged_into_id is not None or enquiry.duplicates.exists(),
    }
    return page(request, "contact/enquiry_withdraw.html", problem, **context)


# Each takes `expired`, and then gives again what was posted to it without a valid token.
FORM_VIEWS = (status, status_detail, withdraw)


def add_message(request, enquiry, text):
    """Stores what the visitor adds; the Problem that there is with it, or None."""
    if limits.is_reached(request, limits.MESSAGES):
        return WRITTEN_TOO_OFTEN
    try:
        if not store_message(enquiry, text):
            return TAKES_NONE
    except DatabaseError:
        logger.exception("A message could not be stored.")
        return NOT_STORED
    limits.count(request, limits.MESSAGES)
    return None


def status_address(enquiry):
    """Where whoever has the secret address reads how far the enquiry has come."""
    return reverse("status_detail", args=[enquiry.token])


def see_other(address):
    """A redirect from a form to what came of it."""
    response = HttpResponseRedirect(address)
    response.status_code = 303
    return response


def page(request, template, problem=None, **context):
    """One of these pages, with the Problem, or None, of what was tried on it."""
    response = render(request, template, context | {"problem": problem}, status=problem and problem.status)
    if problem and problem.status in (429, 503):
        response["Retry-After"] = 3600 if problem.status == 429 else 300
    return response
