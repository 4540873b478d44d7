"""The list of all public pages, and the sitemap. Tests that visit every page use the same list."""

from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from itertools import chain
from math import ceil
from operator import or_

from django.conf import settings
from django.db.models import Max
from django.http import Http404
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import override
from django.views.decorators.http import require_safe

from partners.models import Country
from portal import content_version
from portal.bilingual.languages import LANGUAGES
from portal.bilingual.links import absolute_url, alternates, in_language
from portal.bilingual.publishing import followed_paths, in_both_languages
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
    "page_list": (Page,),
    "contact": (Program, Country),
    "status": (),
}
DETAIL_MODELS = (Page, Area, Program, Resource, Centre, Country)
# A file of the sitemap lists 1,000 addresses: so many pages in two languages.
ENTRIES_A_FILE = 500


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


def list_pages() -> list[PublicPage]:
    """Returns the pages that are not about one row, in both languages."""
    department = Department.current().updated_at
    found = []
    for language in LANGUAGES:
        with override(language):
            shown = {model for models in LIST_PAGES.values() for model in models}
            changed = {model: model.objects.published().aggregate(at=Max("updated_at"))["at"] for model in shown}
            for name, models in LIST_PAGES.items():
                dates = filter(None, [department, *(changed[model] for model in models)])
                changed_at = max(dates) if department else None
                found.append(PublicPage(reverse(name), language, tuple(LANGUAGES), changed_at))
    return found


def rows_with_pages(model):
    """Returns the rows of `model` that are published in any language, with what pages_of() needs of them."""
    moments = in_both_languages("published_at")
    columns = ["slug", "updated_at", *moments]
    columns += [f"{path}__{moment}" for path, _may_be_null in followed_paths(model) for moment in moments]
    in_each = []
    for language in LANGUAGES:
        with override(language):
            in_each.append(model.objects.published())
    return reduce(or_, in_each).only(*columns)


def pages_of(row) -> list[PublicPage]:
    """Returns the page of `row`, once for each language in which it is published."""
    languages, path = tuple(row.published_languages()), row.get_absolute_url()
    return [PublicPage(in_language(path, language), language, languages, row.updated_at) for language in languages]


def public_pages() -> list[PublicPage]:
    """Returns every public page, once for each language in which it is published."""
    rows = chain.from_iterable(map(rows_with_pages, DETAIL_MODELS))
    return [*list_pages(), *chain.from_iterable(map(pages_of, rows))]


def rows_by_model() -> dict:
    """Returns how many rows of each model have a page."""
    return {model: rows_with_pages(model).count() for model in DETAIL_MODELS}


def number_of_files(counts) -> int:
    """Returns how many files list all public pages. `counts` are rows_by_model()."""
    return ceil((len(LIST_PAGES) + sum(counts.values())) / ENTRIES_A_FILE)


def pages_in_file(number: int, counts) -> list[PublicPage]:
    """Returns those of public_pages() that file `number` lists, from 1 on. It reads only their rows."""
    first = (number - 1) * ENTRIES_A_FILE
    found, passed = list_pages() if first == 0 else [], len(LIST_PAGES)
    for model, count in counts.items():
        start, stop = (min(max(place - passed, 0), count) for place in (first, first + ENTRIES_A_FILE))
        if stop > start:
            found += chain.from_iterable(map(pages_of, rows_with_pages(model)[start:stop]))
        passed += count
    return found


@require_safe
def sitemap(request, number=None):
    """
    Lists the files that list all public pages or, with `number`, the pages in one of them (https://www.sitemaps.org).

    The demonstration has no sitemap, because no search engine should read it.
    """
    if settings.PORTAL_DEMO:
        raise Http404
    counts = content_version.once(str(content_version.read()), "pages_by_model", rows_by_model)
    numbers = range(1, number_of_files(counts) + 1)
    if number is None:
        files = [absolute_url(reverse("sitemap_file", args=[number])) for number in numbers]
        template, context = "portal/sitemap_index.xml", {"files": files}
    elif number in numbers:
        template, context = "portal/sitemap.xml", {"pages": pages_in_file(number, counts)}
    else:
        raise Http404
    return render(request, template, context, content_type="application/xml; charset=utf-8")
