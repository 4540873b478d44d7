"""The table of parity: kind of content, language and state, with links to the lists."""

from typing import NamedTuple

from django.contrib import admin
from django.shortcuts import render
from django.urls import reverse
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from portal.bilingual.languages import LANGUAGE_NAMES, LANGUAGES, other_language
from portal.bilingual.parity.admin import ChineseFilter, EnglishFilter
from portal.bilingual.parity.models import State
from portal.bilingual.parity.questions import NONE, Number, counts

PARAMETERS = {each.language: each.parameter_name for each in (ChineseFilter, EnglishFilter)}


class Row(NamedTuple):
    """A row of the table: the name of a kind of content, and a pair of a Number and an address for each state."""

    name: str
    cells: list


@require_safe
def parity_table(request):
    """Shows for each language how many rows of each kind are in each state, as far as the user may see them."""
    found = counts(request)
    models = {model for model, _language, _state in found}
    models = sorted(models, key=lambda model: (model._meta.app_label, str(model._meta.verbose_name_plural)))
    context = {
        **admin.site.each_context(request),
        "title": _("Both languages in step"),
        "states": [capfirst(state.label) for state in State],
        "tables": [table_of(language, models, found) for language in LANGUAGES],
    }
    return render(request, "admin/parity.html", context)


def table_of(language, models, found) -> dict:
    """Returns for the template the rows of one language, and the sums below them."""
    rows = [
        Row(
            capfirst(model._meta.verbose_name_plural),
            [(found.get((model, language, state), NONE), address_of(model, language, state)) for state in State],
        )
        for model in models
    ]
    sums = [Number(*map(sum, zip(*(row.cells[n][0] for row in rows), strict=True))) for n in range(len(State)) if rows]
    return {
        "language": language,
        "name": LANGUAGE_NAMES[language],
        "is_from_chinese": other_language(language) == "zh-hans",
        "rows": rows,
        "sums": sums,
    }


def address_of(model, language, state) -> str:
    """Returns the address of the list of the rows of `model` of which `language` is in `state`."""
    name = f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist"
    return f"{reverse(name)}?{PARAMETERS[language]}={state}"
