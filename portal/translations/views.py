"""The pages of the translator's round trip in the admin, and the action of its lists that leads there."""

from itertools import groupby

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import BadRequest, PermissionDenied
from django.shortcuts import redirect, render
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_http_methods, require_POST

from portal import spreadsheets
from portal.bilingual import parity
from portal.bilingual.drafts.values import is_number
from portal.bilingual.languages import LANGUAGE_NAMES, LANGUAGES, other_language
from portal.bilingual.parity.models import TO_TRANSLATE
from portal.translations import kept_files, xliff, xlsx
from portal.translations.answers import AT_ONCE, check, keep, read, warn_of_terms
from portal.translations.texts import Unreadable, models_for, waiting

WRITERS = {"XLSX": xlsx.write, "XLF": xliff.write}
# In bytes.
LARGEST_FILE = 10 * 1024 * 1024
# How many texts are shown of each kind: with what would change, faulty, and outdated.
MOST_SHOWN = 200


class AnswersForm(forms.Form):
    """The upload of a file of answers. Once it is valid, it has read them."""

    file = forms.FileField(
        label=gettext_lazy("File with translations"), help_text=gettext_lazy("XLSX or XLIFF 1.2, at most 10 MB.")
    )

    def clean_file(self):
        file = self.cleaned_data["file"]
        if file.size > LARGEST_FILE:
            raise forms.ValidationError(_("This file is larger than 10 MB. Please send it in parts."))
        try:
            answers = read(file)
        except Unreadable as error:
            raise forms.ValidationError(str(error)) from error
        if not answers:
            raise forms.ValidationError(_("There is no text in this file."))
        file.seek(0)
        return file


def refuse_others(request):
    """Raises PermissionDenied if the user writes no text in any language."""
    if not any(models_for(request, language) for language in LANGUAGES):
        raise PermissionDenied


@require_http_methods(["GET", "HEAD", "POST"])
def translations(request):
    """Offers what may be exported, and takes a file of answers."""
    refuse_others(request)
    form = AnswersForm(request.POST, request.FILES) if request.method == "POST" else AnswersForm()
    if form.is_valid():
        try:
            return redirect("answers", key=kept_files.keep(request.user, form.cleaned_data["file"]))
        except OSError:
            form.add_error("file", _("The file could not be stored. Please try again later."))
    return page(request, form)


def page(request, form, model=None, pks=()):
    """Returns the page, for all that waits, or for the rows of `model` with `pks`."""
    numbers = parity.counts(request)
    sides = []
    for language in LANGUAGES:
        models = models_for(request, language)
        if model in models or (model is None and models):
            sides.append(side_of(language, [model] if model else models, numbers))
    context = {
        **admin.site.each_context(request),
        "title": _("Translations"),
        "form": form,
        "sides": sides,
        "model": model and model._meta.label_lower,
        "kind": model and model._meta.verbose_name_plural,
        "pks": ",".join(map(str, pks)),
        "number": len(pks),
    }
    return render(request, "admin/translations.html", context)


def side_of(language, models, numbers) -> dict:
    """Returns for the template what waits in one language, by kind of content."""
    kinds = []
    for model in models:
        found = [numbers.get((model, language, state), parity.NONE) for state in TO_TRANSLATE]
        name, rows, amount = capfirst(model._meta.verbose_name_plural), *map(sum, zip(*found, strict=True))
        kinds.append({"model": model._meta.label_lower, "name": name, "rows": rows, "amount": amount})
    return {
        "language": language,
        "name": LANGUAGE_NAMES[language],
        "is_from_chinese": other_language(language) == "zh-hans",
        "kinds": [kind for kind in kinds if kind["rows"]],
        "rows": sum(kind["rows"] for kind in kinds),
        "amount": sum(kind["amount"] for kind in kinds),
    }


@admin.action(description=gettext_lazy("Export for translation"), permissions=["change"])
def export_chosen(model_admin, request, rows):
    """Leads from the rows chosen in a list to the page where their texts are exported."""
    return page(request, AnswersForm(), model_admin.model, list(rows.values_list("pk", flat=True)))


@require_POST
def export(request):
    """Hands out the texts that wait, of one language and one or all kinds of content, as a file."""
    language, kind = request.POST.get("language"), request.POST.get("kind", "")
    if language not in LANGUAGES or request.POST.get("format") not in WRITERS:
        raise BadRequest
    models = [model for model in models_for(request, language) if kind in ("", model._meta.label_lower)]
    if not models:
        raise PermissionDenied
    chosen = request.POST.get("rows", "")
    pks = [int(key) for key in chosen.split(",") if is_number(key)] if chosen else None
    # Drafts of new pages are not chosen in lists.
    texts = list(waiting(language, models, pks, parity.with_new(request, models) if pks is None else ()))
    if not texts:
        text = _("Nothing of this is missing or out of step in %(language)s.")
        messages.info(request, text % {"language": LANGUAGE_NAMES[language]})
        return redirect("translations")
    format = request.POST["format"]
    return spreadsheets.download(WRITERS[format](texts, language), f"translations-{language}", format)


@require_http_methods(["GET", "HEAD", "POST"])
def answers(request, key):
    """Shows what a file of answers would do. The button does that with what is right."""
    refuse_others(request)
    try:
        with kept_files.opened(request.user, key) as file:
            found = read(file)
    except (FileNotFoundError, Unreadable):
        messages.warning(request, _("This file is no longer kept. Please choose it again."))
        return redirect("translations")
    if request.method == "POST":
        say_kept(request, keep(request, found))
        return redirect("answers", key=key)
    findings = check(request, found)
    ready = [each for each in findings if each.is_ready]
    faulty = [each for each in findings if each.faults]
    outdated = [each for each in findings if each.is_outdated and not each.faults]
    kept = [each for each in findings if each.is_kept and not (each.faults or each.is_outdated)]
    drafts = list(dict.fromkeys((each.page, each.address) for each in kept if each.is_in_draft))
    warn_of_terms(ready[:MOST_SHOWN])
    by_page = groupby(ready[:MOST_SHOWN], key=lambda each: (each.page, each.address))
    context = {
        **admin.site.each_context(request),
        "title": _("Translations: what the file would do"),
        "faulty": faulty[:MOST_SHOWN],
        "more_faulty": len(faulty[MOST_SHOWN:]),
        "outdated": outdated[:MOST_SHOWN],
        "more_outdated": len(outdated[MOST_SHOWN:]),
        "kept": len(kept),
        "drafts": drafts[:MOST_SHOWN],
        "more_drafts": len(drafts[MOST_SHOWN:]),
        "ready": len(ready),
        "pages": [{"title": title, "address": address, "texts": list(texts)} for (title, address), texts in by_page],
        "more": len(ready[MOST_SHOWN:]),
        "at_once": AT_ONCE,
        "is_in_parts": len({each.name[:2] for each in ready}) > AT_ONCE,
    }
    return render(request, "admin/translation_answers.html", context)


def say_kept(request, kept):
    number = len(kept)
    text = ngettext("%(number)d text is in a draft now.", "%(number)d texts are in drafts now.", number)
    messages.success(request, text % {"number": number})
    if rivals := sum(each.is_rival for each in kept):
        text = ngettext(
            "A colleague has typed another text for %(number)d field since the export. Both are kept: choose one.",
            "Colleagues have typed other texts for %(number)d fields since the export. Both are kept: choose one each.",
            rivals,
        )
        messages.warning(request, text % {"number": rivals})
