"""The page of search results."""

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
from portal.templatetags.portal_tags import MAX_SHOWN


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

    If there may be more results, it offers every model, without numbers.
    """
    models = sorted(KINDS, key=lambda model: KINDS[model].rank)
    counts = dict.fromkeys(models) if results.is_cut else results.counts
    return [
        {"key": model._meta.model_name, "label": capfirst(model._meta.verbose_name_plural), "number": number}
        for model, number in counts.items()
    ]


@require_safe
def search(request):
    query = Query(request.GET.get("q", ""), request.content_version)
    asked_kind = request.GET.get("kind", "")
    everything = query.results()
    model = {model._meta.model_name: model for model in KINDS}.get(asked_kind)
    of_kind = model and (query.results(model) if everything.is_cut else everything.of(model))
    results = of_kind or everything
    # The words are so common that there may be results of the kind all the same.
    may_be_of_kind = bool(model) and of_kind.is_cut
    page = Paginator(results, HITS_A_PAGE).get_page(request.GET.get("page"))
    kinds = kinds_of(everything)
    context = {
        "has_own_search": True,
        "query": query,
        "number": None if everything.is_cut else len(everything),
        "is_cut": results.is_cut,
        "kinds": kinds,
        "chosen": next((kind for kind in kinds if of_kind and kind["key"] == asked_kind), None),
        "unknown_kind": "" if of_kind else asked_kind[:MAX_SHOWN],
        "may_be_of_kind": may_be_of_kind,
        "page": page,
        "results": marked(page.object_list, query),
    }
    if query.words and not everything:
        message = _("I searched this site for “%(query)s” and found nothing. I would like to know:")
        context |= {"parts": query.parts(), "alike": query.alike, "message": message % {"query": query.text}}
    return render(request, "portal/search.html", context)
