"""The language of a request: in the address for the public, chosen in its header for the admin."""

from django.conf import settings
from django.utils import translation
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _
from django.utils.translation.trans_real import parse_accept_lang_header

LANGUAGE_NAMES = {"zh-hans": _("Chinese"), "en": _("English")}
HTML_CODES = {"zh-hans": "zh-Hans", "en": "en"}


def localized_label(label, language):
    """The label of a translated field's column: the field's own `label` and the language of the column."""
    return format_lazy(_("{label} ({language})"), label=label, language=LANGUAGE_NAMES[language])


def html_code(language):
    """The code of `language` (a settings code, "zh-hans" or "en") as HTML and hreflang write it."""
    return HTML_CODES[language]


def other_language(language):
    """The one of the two languages that `language` is not."""
    return "en" if language == "zh-hans" else "zh-hans"


def negotiated_language(request):
    """
    The language that a visitor's browser asks for, for addresses that carry none.

    Chinese of any form gives "zh-hans", and so does a header that is missing, empty or "*":
    the portal's home is China. All else gives "en". No cookie is looked at.
    """
    accepted = parse_accept_lang_header(request.headers.get("Accept-Language", ""))
    if not accepted or accepted[0][0] == "*" or accepted[0][0].split("-")[0] == "zh":
        return "zh-hans"
    return "en"


def language_of_path(path):
    """The language that a public address ("/en/programs/") names in its first segment, or None."""
    segment = path.removeprefix("/").partition("/")[0]
    return segment if segment in HTML_CODES else None


class LanguageMiddleware:
    """
    Activates the language of each request and sets Content-Language.

    The address decides on public pages, in the admin the user's choice; before anybody signs in, the language cookie
    of the admin. Django's LocaleMiddleware would use that cookie on public pages too.
    """

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        if request.path_info.startswith("/admin/"):
            chosen = request.user.language if request.user.is_authenticated else ""
            language = chosen or translation.get_language_from_request(request)
        else:
            language = language_of_path(request.path_info) or negotiated_language(request)
        translation.activate(language)
        request.LANGUAGE_CODE = language
        response = self.get_response(request)
        response.headers.setdefault("Content-Language", html_code(language))
        translation.activate(settings.LANGUAGE_CODE)
        return response
