"""The list of all public pages, and the sitemap. Tests that visit every page use the same list."""

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.http import Http404
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import override
from django.views.decorators.http import require_safe

from partners.models import Country
from portal.bilingual.languages import LANGUAGES
from portal.bilingual.links import absolute_url, alternates
from portal.models import Centre, Department, Page, Term
from programs.models import Area, Program, Resource

# The pages that are not about one row, by URL name, each with the models whose rows it shows.
LIST_PAGES = {
    "home": (Area, Program, Centre, Country),
    "centre_list": (Centre, Program),
    "program_list": (Area, Program, Centre),
    "program_overview": (Area, Program, Centre),
    "resource_list": (Resource,),
    "country_list": (Country,),
    "term_list": (Term,),
    "contact": (Program, Country),
    "status": (),
}
DETAIL_MODELS = (Page, Area, Program, Resource, Centre, Country)


@dataclass(frozen=True)
class PublicPage:
    """A page in `language`: its path, all languages in which it is published, and when its content last changed."""

    path: str
    language: str
    languages: tuple[str, ...]
    changed_at: datetime | None

    @property
    def url(self):
        """The absolute URL of the page."""
        return absolute_url(self.path)

    @property
    def alternates(self):
        """The absolute URLs of all its versions by hreflang, see links.alternates()."""
        return alternates(self.path, self.languages)


def public_pages() -> list[PublicPage]:
    """Returns every public page, once for each language in which it is published."""
    department = Department.current().updated_at
    found = []
    for language in LANGUAGES:
        with override(language):
            rows = {model: list(model.objects.published()) for model in (*DETAIL_MODELS, Term)}
            for name, models in LIST_PAGES.items():
                dates = [row.updated_at for model in models for row in rows[model]]
                changed_at = max([*dates, department], default=None) if department else None
                found.append(PublicPage(reverse(name), language, tuple(LANGUAGES), changed_at))
            found += [
                PublicPage(row.get_absolute_url(), language, tuple(row.published_languages()), row.updated_at)
                for model in DETAIL_MODELS
                for row in rows[model]
            ]
    return found


@require_safe
def sitemap(request):
    """Lists public_pages(). The demonstration has no sitemap, because no search engine should read it."""
    if settings.PORTAL_DEMO:
        raise Http404
    return render(
        request,
        "portal/sitemap.xml",
        {"pages": public_pages()},
        content_type="application/xml; charset=utf-8",
    )
