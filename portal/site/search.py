"""The page of search results."""

import re
from typing import NamedTuple

from django.core.paginator import Paginator
from django.shortcuts import render
from django.utils.text import capfirst
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from portal.bilingual.languages import html_code, other_language
from portal.search_index.kinds import KINDS
from portal.site.excerpts import Segment, excerpt, segments
from portal.site.search_query import HITS_A_PAGE, Query

# In characters, of a parameter that is shown again because it is unknown.
MAX_SHOWN = 50


class Result(NamedTuple):
    """What the page shows of a Hit of the search index, with the words of the query marked."""

    hit: object
    title: list[Segment]
    excerpt: list[Segment]

    @property
    def kind(self):
        return capfirst(self.hit.model._meta.verbose_name)

    @property
    def code(self):
        return html_code(self.hit.language)

    @property
    def paired_code(self):
        return html_code(other_language(self.hit.language))

    @property
    def is_foreign(self):
        return self.hit.language != get_language()


def marked(hits, query: Query) -> list[Result]:
    words = [word for words in query.alternatives for word in words]
    return [Result(hit, segments(hit.title, words), excerpt(hit.text, words, hit.language)) for hit in hits]


def kinds_of(results) -> list[dict]:
    """
    Returns what the filter shows of the models that were found: the key in the address, the label and the number.

    If they were not all counted, it offers every model, without numbers.
    """
    if not results.has_all_counts:
        counts = dict.fromkeys(kind.model for kind in sorted(KINDS.values(), key=lambda kind: kind.rank))
    else:
        counts = results.counts
    return [
        {"key": model._meta.model_name, "label": capfirst(model._meta.verbose_name_plural), "number": number}
        for model, number in counts.items()
    ]


def results_of(query: Query, kind: str, page: str):
    """
    Returns the Results of `query`, the model that they are of, or None, and their page in a Paginator.

    `kind` and `page` are what the address says. What is not there becomes all kinds, and the nearest page.
    """
    model = {model._meta.model_name: model for model in KINDS}.get(kind)
    number = max(int(page), 1) if re.fullmatch("[0-9]{1,6}", page) else 1
    results = query.results(model, number)
    found = model if model in results.counts else None
    if model and not found and not results.has_all_counts:
        results = query.results(None, number)
    total = results.counts[found] if found else sum(results.counts.values())
    nearest = Paginator(range(total), HITS_A_PAGE).get_page(page)
    if (found, nearest.number) != (model, number):
        results = query.results(found, nearest.number)
    return results, found, nearest


@require_safe
def search(request):
    query = Query(request.GET.get("q", ""))
    asked_kind, asked_page = request.GET.get("kind", ""), request.GET.get("page", "1")
    results, model, page = results_of(query, asked_kind, asked_page)
    kinds = kinds_of(results)
    context = {
        "has_own_search": True,
        "query": query,
        "number": sum(results.counts.values()) if results.has_all_counts else None,
        "is_cut": results.is_cut,
        "kinds": kinds,
        "chosen": next((kind for kind in kinds if model and kind["key"] == asked_kind), None),
        "unknown_kind": "" if model else asked_kind[:MAX_SHOWN],
        "unknown_page": "" if asked_page == str(page.number) else asked_page[:MAX_SHOWN],
        "page": page,
        "results": marked(results.hits, query),
    }
    if query.words and not results.counts:
        message = _("I searched this site for “%(query)s” and found nothing. I would like to know:")
        context |= {"parts": query.parts(), "alike": query.alike, "message": message % {"query": query.text}}
    return render(request, "portal/search.html", context)
