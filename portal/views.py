import logging
import sys
from datetime import timedelta

from allauth.account.adapter import get_adapter
from django.conf import settings
from django.contrib import admin
from django.core.files.storage import default_storage
from django.core.paginator import Paginator
from django.db import DatabaseError, connection
from django.db.models import Case, Q, When
from django.http import FileResponse, Http404, HttpResponse, HttpResponsePermanentRedirect, HttpResponseRedirect
from django.shortcuts import render
from django.templatetags.static import static
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import patch_vary_headers
from django.utils.encoding import iri_to_uri
from django.utils.functional import SimpleLazyObject
from django.utils.translation import get_language, get_language_from_request, override
from django.views import defaults
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from portal import content_version
from portal.bilingual.former_slugs import Moved
from portal.bilingual.languages import choose_language, html_code, negotiated_language, other_language
from portal.bilingual.links import absolute_url
from portal.bilingual.publishing import ENTRIES_LISTED, OnlyInOtherLanguage
from portal.bilingual.side_by_side import render_detail
from portal.database import RETRY_AFTER, is_away
from portal.department_copy import context_without_database
from portal.filetypes import IMAGE_TYPES
from portal.models import Centre, Department, Page, Term
from portal.terms import initial, sorted_terms

logger = logging.getLogger(__name__)

# Of the images that staff upload. An image that is opened as a page runs nothing.
IMAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cache-Control": "public, max-age=86400",
}
CENTRES_A_PAGE = 50
# The pages of text that the footer names, at most, and those on a page of the list of all.
PAGES_IN_FOOTER, PAGES_A_PAGE = 12, 50
# The programs that the list of centres names of each, at most.
PROGRAMS_OF_CENTRE = 12
TERMS_A_PAGE = 50
# A glossary of fewer terms has no index of letters.
TERMS_FOR_INDEX = 20


def site_context(request):
    """Context processor: adds what the header and footer of every public page show."""
    version = getattr(request, "content_version", None)

    def once(name, make):
        return SimpleLazyObject(lambda: content_version.once(version, name, make))

    return {
        # Parts of pages are kept as long as they are used. Without a version they are not kept at all.
        "content_version": version or "",
        "kept_for": None if version else 0,
        "department": once("department", Department.current),
        "is_demo": settings.PORTAL_DEMO,
        "preview": getattr(request, "preview", None),
        "site_pages": once("site_pages", site_pages),
    }


def site_pages() -> dict:
    """Returns what header and footer say of the pages of text: the fixed and the first others; if there are more."""
    pages = Page.objects.published().defer("body").annotate(is_other=~Q(slug__in=Page.FIXED))
    named = When(Q(in_footer=True) | Q(slug__in=Page.FIXED), then=0)
    order = [Case(named, default=1), "is_other", *Page._meta.ordering]
    found = list(pages.order_by(*order)[: PAGES_IN_FOOTER + 1])
    listed = [page for page in found[:PAGES_IN_FOOTER] if page.in_footer or page.is_fixed]
    listed.sort(key=lambda page: (page.sort_order, page.pk))
    has_about = any(page.slug == "about" for page in listed)
    return {"listed": listed, "are_more": len(found) > len(listed), "has_about": has_about}


def admin_context(request):
    """Context processor: adds to the pages about accounts what Django adds to the other pages of the admin."""
    is_about_accounts = request.path_info.startswith(("/admin/account/", "/admin/password_change/"))
    return admin.site.each_context(request) if is_about_accounts else {}


@require_POST
def set_language(request):
    """Sets the language of the admin and leads back to the page of the admin that `next` names."""
    address = request.POST.get("next", "")
    if not get_adapter(request).is_safe_url(address):
        address = reverse("admin:index")
    return choose_language(request, HttpResponseRedirect(address), request.POST.get("language"))


@require_safe
def root(request):
    response = HttpResponseRedirect(f"/{negotiated_language(request)}/")
    patch_vary_headers(response, ["Accept-Language"])
    return response


@require_safe
def page_detail(request, slug):
    page = Page.objects.get_published(slug)
    if request.path != page.get_absolute_url():
        return HttpResponsePermanentRedirect(page.get_absolute_url())
    return render_detail(request, "portal/page_detail.html", page, {"page": page})


@require_safe
def page_list(request):
    page = Paginator(Page.objects.published().defer("body"), PAGES_A_PAGE).get_page(request.GET.get("page"))
    return render(request, "portal/page_list.html", {"page": page})


@require_safe
def centre_list(request):
    page = Paginator(Centre.objects.published(), CENTRES_A_PAGE).get_page(request.GET.get("page"))
    # The template makes this part of each page once for each content version, and reads no rows otherwise.
    centres = SimpleLazyObject(lambda: page.object_list.with_beginnings("programs", PROGRAMS_OF_CENTRE))
    return render(request, "portal/centre_list.html", {"centres": centres, "page": page})


@require_safe
def centre_detail(request, slug):
    centre = Centre.objects.get_published(slug)
    programs = centre.published_rows("programs").beginning(ENTRIES_LISTED)
    return render_detail(request, "portal/centre_detail.html", centre, {"centre": centre, "programs": programs})


@require_safe
def term_list(request):
    """Shows the page of the terms with the one that `?term=` names, or else page `?page=`."""
    listed = content_version.once(request.content_version, "terms", letters_of_terms)
    number = request.GET.get("page")
    if asked := request.GET.get("term"):
        number = next((place // TERMS_A_PAGE + 1 for place, key in enumerate(listed) if str(key) == asked), number)
    page = Term.objects.published().page_of(list(listed), TERMS_A_PAGE, number)
    here = {term.pk: f"#{term.anchor}" for term in page}
    firsts = {letter: key for key, letter in reversed(listed.items()) if letter}
    index = [(letter, here.get(key) or Term.address_of(key)) for letter, key in sorted(firsts.items())]
    context = {"terms": page, "index": index if len(listed) >= TERMS_FOR_INDEX else []}
    return render(request, "portal/term_list.html", context)


def letters_of_terms() -> dict:
    """Returns the letter of each published term, by its key, in the order of the glossary."""
    return {term.pk: initial(term.name) for term in sorted_terms(Term.objects.published())}


@require_safe
def media(request, name):
    """Serves an uploaded image, if no web server in front of the portal does. Other files are not found."""
    content_type = IMAGE_TYPES.get(name.rpartition(".")[2].lower())
    if content_type is None:
        raise Http404
    try:
        file = default_storage.open(name)
    except (OSError, ValueError):
        raise Http404 from None
    return FileResponse(file, content_type=content_type, headers=IMAGE_HEADERS)


@require_safe
def favicon(request):
    """Redirects clients that request /favicon.ico without having read a page."""
    response = HttpResponseRedirect(static("img/icon.ico"))
    response["Cache-Control"] = "public, max-age=86400"
    return response


@require_safe
def robots(request):
    lines = ["User-agent: *", "Disallow: /admin/", f"Sitemap: {absolute_url(reverse('sitemap'))}"]
    if settings.PORTAL_DEMO:
        lines = ["User-agent: *", "Disallow: /"]
    return HttpResponse("\n".join(lines) + "\n", content_type="text/plain; charset=utf-8")


@require_safe
def security_txt(request):
    """Says where to report a vulnerability (RFC 9116). The department's e-mail address may be empty."""
    department = Department.current()
    contacts = [f"mailto:{department.email}"] if department.email else []
    contacts += [telephone.uri for telephone in department.telephone_numbers]
    contacts += [absolute_url("/en/contact/")]
    expires = timezone.now().replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=90)
    lines = [f"Contact: {contact}" for contact in contacts]
    lines += [f"Expires: {expires:%Y-%m-%dT%H:%M:%SZ}", "Preferred-Languages: zh, en"]
    lines += [f"Canonical: {absolute_url(reverse('security_txt'))}"]
    return HttpResponse("\n".join(lines) + "\n", content_type="text/plain; charset=utf-8")


@require_safe
@never_cache
def health(request):
    """Health check for monitors: responds with 200 if the database answers, otherwise with 503."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        response = HttpResponse("database unavailable\n", status=503, content_type="text/plain; charset=utf-8")
        response["Retry-After"] = RETRY_AFTER
        return response
    return HttpResponse("ok\n", content_type="text/plain; charset=utf-8")


def bad_request(request, exception):
    return render(request, "400.html", status=400)


def page_not_found(request, exception):
    """The page for an address without one, or the redirect (301) to the present address of a page that has moved."""
    if isinstance(exception, Moved):
        match = request.resolver_match
        address = reverse(match.view_name, kwargs=match.kwargs | {"slug": exception.row.slug})
        query = iri_to_uri(request.META.get("QUERY_STRING", ""))
        return HttpResponsePermanentRedirect(f"{address}?{query}" if query else address)
    page = exception.page if isinstance(exception, OnlyInOtherLanguage) else None
    context = {"elsewhere": page, "other_language": other_language(get_language())}
    return render(request, "404.html", context, status=404)


def too_many_requests(request):
    """The answer to a client that has reached a limit of django-allauth."""
    response = render(request, "429.html", status=429)
    response["Retry-After"] = 3600
    return response


def server_error(request):
    """The page for a fault: the static 500.html, or a page with status 503 if the database is away."""
    static_page = defaults.server_error(request)
    if not is_away(sys.exception()):
        return static_page
    # LanguageMiddleware does not get as far as to choose a language of the admin: the user is in the database.
    language = getattr(request, "LANGUAGE_CODE", None) or get_language_from_request(request)
    try:
        with override(language):
            response = render(request, "503.html", context_without_database(), status=503)
    except Exception:
        logger.exception("The page for an outage cannot be rendered.")
        response = static_page
        response.status_code = 503
    response["Content-Language"] = html_code(language)
    response["Cache-Control"] = "no-store"
    response["Retry-After"] = RETRY_AFTER
    return response
