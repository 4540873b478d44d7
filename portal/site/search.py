"""The page of search results."""

from collections import Counter, defaultdict
from itertools import chain
from typing import NamedTuple

from django.core.paginator import Paginator
from django.db.models import Q
from django.shortcuts import render
from django.utils.text import capfirst
from django.utils.translation import get_language, override
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from portal.bilingual.languages import LANGUAGES, html_code, other_language
from portal.search_index.entries import SearchText
from portal.search_index.kinds import KINDS
from portal.site.excerpts import Segment, excerpt, segments
from portal.site.search_query import Query, Row

HITS_A_PAGE = 20
# In characters, of a parameter that is shown again because it is unknown.
MAX_SHOWN = 50
# The models whose rows are found, by the name of their kind, in order of rank.
MODELS = {kind.name: kind.model for kind in sorted(KINDS.values(), key=lambda kind: kind.rank)}


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
    texts = texts_of(rows) if rows else {}
    hits = []
    for row in rows:
        shown, other = (texts.get((row.kind, row.pk, side)) for side in (row.language, other_language(row.language)))
        # Somebody may have withdrawn it just now.
        if shown:
            label = capfirst(MODELS[row.kind]._meta.verbose_name)
            title, text = segments(shown.title, words), excerpt(shown.text, words, row.language)
            hits.append(Hit(label, row.language, title, text, shown.address, other))
    return hits


def texts_of(rows: list[Row]) -> dict[tuple, SearchText]:
    """Returns the texts of `rows` in each language in which they are published, by kind, key and language."""
    pks = defaultdict(list)
    for row in rows:
        pks[row.kind].append(row.pk)
    published = Q()
    for language in LANGUAGES:
        with override(language):
            for kind, some in pks.items():
                those = MODELS[kind]._default_manager.published().filter(pk__in=some).order_by().values("pk")
                published |= Q(language=language, entry__kind=kind, entry__row__in=those)
    texts = SearchText.objects.filter(published).select_related("entry")
    return {(text.entry.kind, text.entry.row, text.language): text for text in texts}


def kinds_of(rows: list[Row]) -> list[dict]:
    """Returns the kinds of `rows` by rank, each with its key in the address, its label and its number of rows."""
    numbers = Counter(row.kind for row in rows)
    return [
        {
            "name": kind,
            "key": model._meta.model_name,
            "label": capfirst(model._meta.verbose_name_plural),
            "number": numbers[kind],
        }
        for kind, model in MODELS.items()
        if numbers[kind]
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
        context |= {
            "parts": query.parts(get_language()),
            "alike": query.alike,
            "message": message % {"query": query.text},
        }
    return render(request, "portal/search.html", context)
