"""The language of a request. Public pages have it in their address; users of the admin choose it there."""

import re

from django.conf import settings
from django.http import HttpResponsePermanentRedirect, HttpResponseRedirect
from django.urls import is_valid_path
from django.utils import translation
from django.utils.cache import patch_vary_headers
from django.utils.encoding import escape_uri_path, iri_to_uri
from django.utils.text import format_lazy
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.utils.translation.trans_real import parse_accept_lang_header

LANGUAGE_NAMES = {"zh-hans": _("Chinese"), "en": _("English")}
LANGUAGES = list(LANGUAGE_NAMES)
HTML_CODES = {"zh-hans": "zh-Hans", "en": "en"}


def localized_label(label, language: str):
    """Returns the label of a translated field's column: the `label` of the field and the name of `language`."""
    return format_lazy(_("{label} ({language})"), label=label, language=LANGUAGE_NAMES[language])


def html_code(language: str) -> str:
    """Returns the code that HTML and hreflang use for `language`, a code of settings.LANGUAGES."""
    return HTML_CODES[language]


def other_language(language: str) -> str:
    """Returns the other one of the two languages."""
    return "en" if language == "zh-hans" else "zh-hans"


def negotiated_language(request) -> str:
    """
    Returns the language that Accept-Language asks for. It is used for addresses without a language.

    Only the first preference counts: any form of Chinese gives "zh-hans", every other language gives "en". A header
    that is missing, empty or "*" gives "zh-hans", because the portal is based in China. Cookies are ignored.
    """
    accepted = parse_accept_lang_header(request.headers.get("Accept-Language", ""))
    if not accepted or accepted[0][0] == "*" or accepted[0][0].split("-")[0] == "zh":
        return "zh-hans"
    return "en"


def language_of_path(path: str) -> str | None:
    """Returns the language in the first segment of a public path ("/en/programs/"), or None."""
    segment = path.removeprefix("/").partition("/")[0]
    return segment if segment in HTML_CODES else None


def language_named(segment: str) -> str | None:
    """Returns the language that the first segment of a path means ("zh", "ZH-cn", "en_GB"), or None."""
    return {"zh": "zh-hans", "en": "en"}.get(re.split("[-_]", segment.lower())[0])


def redirect_to_language(request):
    """
    Returns the redirect for the address of a public page whose language is missing or spelt in another way, or None.

    "/about/" goes to the negotiated language (302), "/zh/about/" and "/EN/about/" go to the language that they name
    (301). The query is kept, and a forgotten slash is added.
    """
    path = request.path_info
    if request.method not in ("GET", "HEAD") or language_of_path(path) or is_valid_path(path):
        return None
    segment, _slash, rest = path.removeprefix("/").partition("/")
    named = language_named(segment)
    language = named or negotiated_language(request)
    target = f"/{language}/{rest}" if named else f"/{language}{path}"
    with translation.override(language):
        found = [address for address in (target, f"{target}/") if is_valid_path(address)]
    if not found:
        return None
    # A server hands on bytes as Latin-1 (PEP 3333). Not every client escapes them.
    query = iri_to_uri(request.META.get("QUERY_STRING", "").encode("latin-1").decode(errors="replace"))
    address = escape_uri_path(found[0]) + (f"?{query}" if query else "")
    if named:
        return HttpResponsePermanentRedirect(address)
    response = HttpResponseRedirect(address)
    patch_vary_headers(response, ["Accept-Language"])
    return response


def choose_language(request, response, language):
    """
    Makes `language` the one in which the user reads the admin, if it is one of LANGUAGES. Returns `response`.

    The browser remembers it, and the account of a user who is signed in.
    """
    if language in LANGUAGES:
        if request.user.is_authenticated:
            request.user.language = language
            request.user.save(update_fields=["language"])
        response.set_cookie(
            settings.LANGUAGE_COOKIE_NAME,
            language,
            max_age=settings.LANGUAGE_COOKIE_AGE,
            path=settings.LANGUAGE_COOKIE_PATH,
            domain=settings.LANGUAGE_COOKIE_DOMAIN,
            secure=settings.LANGUAGE_COOKIE_SECURE,
            httponly=settings.LANGUAGE_COOKIE_HTTPONLY,
            samesite=settings.LANGUAGE_COOKIE_SAMESITE,
        )
    return response


class LanguageMiddleware:
    """
    Activates the language of each request and sets Content-Language.

    On public pages it comes from the address, or else from Accept-Language; see redirect_to_language(). In the admin it
    is the user's choice, or else that of the language cookie. Django's LocaleMiddleware does not know the user's
    choice, and it falls back to Chinese for a language that the portal does not have.
    """

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        if request.path_info.startswith("/admin/"):
            chosen = request.user.language if request.user.is_authenticated else ""
            language = chosen or translation.get_language_from_request(request)
        else:
            if response := redirect_to_language(request):
                return response
            language = language_of_path(request.path_info) or negotiated_language(request)
        translation.activate(language)
        request.LANGUAGE_CODE = language
        response = self.get_response(request)
        response.headers.setdefault("Content-Language", html_code(language))
        translation.activate(settings.LANGUAGE_CODE)
        return response


def names_of(languages) -> str:
    """Returns the names of none, one or both `languages` in words, in the active language."""
    names = [str(LANGUAGE_NAMES[language]) for language in languages]
    if len(names) == 2:
        return gettext("%(one)s and %(other)s") % {"one": names[0], "other": names[1]}
    return "".join(names)
