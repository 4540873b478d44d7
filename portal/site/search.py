"""The page of search results."""

from collections import Counter
from functools import reduce
from itertools import chain
from operator import or_
from typing import NamedTuple

from django.core.paginator import Paginator
from django.db.models import Q
from django.shortcuts import render
from django.utils.text import capfirst
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from portal.bilingual.languages import html_code, other_language
from portal.search_index import KINDS, SearchText, with_sort_order
from portal.site.excerpts import Segment, excerpt, segments
from portal.site.search_query import Query, Row

HITS_A_PAGE = 20
# In characters, of a parameter that is shown again because it is unknown.
MAX_SHOWN = 50


class Hit(NamedTuple):
    """What the page shows of a row in `language`. `other` is the same row in the other one, if published there."""

    kind: str
    language: str
    title: list[Segment]
    excerpt: list[Segment]
    address: str
    other: SearchText | None

    @property
    def code(self):
        return html_code(self.language)

    @property
    def other_code(self):
        return html_code(other_language(self.language))

    @property
    def is_foreign(self):
        return self.language != get_language()


def hits_of(rows: list[Row], words: list[str]) -> list[Hit]:
    """Returns the Hits of `rows`, with `words` marked in them."""
    if not rows:
        return []
    kinds = {kind.name: kind for kind in KINDS.values()}
    those = reduce(or_, (Q(kind=row.kind, row=row.pk) for row in rows))
    published = with_sort_order().filter(those, sort_order__isnull=False)
    entries = {(entry["kind"], entry["row"], entry["language"]): entry["id"] for entry in published}
    texts = SearchText.objects.in_bulk(entries.values())
    hits = []
    for row in rows:
        language, other = row.language, other_language(row.language)
        shown, beside = (texts.get(entries.get((row.kind, row.pk, side))) for side in (language, other))
        # Somebody may have withdrawn it just now.
        if shown:
            label = capfirst(kinds[row.kind].model._meta.verbose_name)
            title, text = segments(shown.title, words), excerpt(shown.text, words, language)
            hits.append(Hit(label, language, title, text, shown.address, beside))
    return hits


def kinds_of(rows: list[Row]) -> list[dict]:
    """Returns the kinds of `rows` by rank, each with its key in the address, its label and its number of rows."""
    numbers = Counter(row.kind for row in rows)
    found = [kind for kind in sorted(KINDS.values(), key=lambda kind: kind.rank) if numbers[kind.name]]
    return [
        {"name": kind.name, "key": meta.model_name, "label": capfirst(meta.verbose_name_plural), "number": number}
        for kind in found
        for meta, number in [(kind.model._meta, numbers[kind.name])]
    ]


@require_safe
def search(request):
    query = Query(request.GET.get("q", ""))
    rows = query.rows(get_language())
    kinds = kinds_of(rows)
    asked_kind, asked_page = request.GET.get("kind", ""), request.GET.get("page", "1")
    chosen = next((kind for kind in kinds if kind["key"] == asked_kind), None)
    shown = [row for row in rows if not chosen or row.kind == chosen["name"]]
    page = Paginator(shown, HITS_A_PAGE).get_page(asked_page)
    context = {
        "has_own_search": True,
        "query": query,
        "number": len(rows),
        "kinds": kinds,
        "chosen": chosen,
        "unknown_kind": "" if chosen else asked_kind[:MAX_SHOWN],
        "unknown_page": "" if asked_page == str(page.number) else asked_page[:MAX_SHOWN],
        "page": page,
        "hits": hits_of(page.object_list, list(chain.from_iterable(query.alternatives))),
    }
    if query.words and not rows:
        message = _("I searched this site for “%(query)s” and found nothing. I would like to know:")
        context |= {"parts": query.parts(), "alike": query.alike, "message": message % {"query": query.text}}
    return render(request, "portal/search.html", context)
