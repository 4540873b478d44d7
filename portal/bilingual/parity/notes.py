"""What the form says of parity: beside each field, and of a whole language."""

from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from portal.bilingual.differences import differences
from portal.bilingual.languages import LANGUAGE_NAMES, html_code, other_language
from portal.bilingual.parity.texts import counterpart, label_of, plain

# How much of what has not changed is shown before and after a change, in characters.
AROUND = 30


def noting_form(form_class, notes):
    """Returns the class of a form that shows `notes`, HTML by path, below its fields."""

    class NotingForm(form_class):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            show_notes(self, notes)

    return NotingForm


def noting_formset(formset_class, notes):
    """Returns the class of a formset as noting_form() does that of a form."""

    class NotingFormSet(formset_class):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            for form in self.forms:
                show_notes(form, notes, f"{self.prefix}/{form['id'].value()}/")

    return NotingFormSet


def show_notes(form, notes, row=""):
    for name, field in form.fields.items():
        if note := notes.get(row + name):
            field.help_text = format_html("{} {}", field.help_text, note) if field.help_text else note


def notes_of(pair) -> dict[str, str]:
    """Returns what is missing or has changed of each text of `pair`, as HTML by path."""
    found = {}
    for side in pair.sides.values():
        other = LANGUAGE_NAMES[other_language(side.language)]
        for path in side.missing:
            if pair.texts.get(counterpart(path)):
                text = _("Missing here: it is filled in %(language)s.") % {"language": other}
            else:
                text = _("Missing here: a public page needs it.")
            found[path] = format_html('<span class="parity-note">{}</span>', text)
        for path, before in side.changed.items():
            source = pair.texts[counterpart(path)]
            old, new = (plain(pair.model, path, each) for each in (before, source))
            if old == new:
                text = _("In %(language)s, links or formatting have changed since both were confirmed.")
                found[path] = format_html('<span class="parity-note">{}</span>', text % {"language": other})
            else:
                text = _("%(language)s has changed since both were confirmed:") % {"language": other}
                found[path] = format_html(
                    '<span class="parity-note">{} <span class="parity-change" lang="{}">{}</span></span>',
                    *(text, html_code(other_language(side.language)), marked_change(old, new)),
                )
    return found


def marked_change(before: str, after: str) -> str:
    """Returns HTML of changed_passages(), with <del> and <ins>."""
    parts = [
        text if kind == "same" else format_html("<{0}>{1}</{0}>", kind, text)
        for kind, text in changed_passages(before, after)
    ]
    return format_html_join("", "{}", ((part,) for part in parts))


def changed_passages(before: str, after: str) -> list[tuple[str, str]]:
    """Returns the differences() of two texts. Of what is the same, only what stands around a change."""
    passages, found = differences(before, after), []
    for place, (kind, text) in enumerate(passages):
        if kind == "same":
            start = text[:AROUND] if place else ""
            end = text[-AROUND:] if place < len(passages) - 1 else ""
            text = text if len(text) <= len(start) + len(end) + 1 else f"{start}…{end}"
        found.append((kind, text))
    return found


def in_words(pair, language) -> str:
    """Returns in words how one language of a stored `pair` compares with the other."""
    side, other, found = pair.sides[language], LANGUAGE_NAMES[other_language(language)], []
    if side.missing:
        found.append(_("Missing: %(fields)s.") % {"fields": names_of_fields(pair.model, side.missing)})
    if side.changed:
        text = _("Out of step: %(language)s has changed since both were confirmed (%(fields)s).")
        found.append(text % {"language": other, "fields": names_of_fields(pair.model, side.changed)})
    if found:
        return " ".join(found)
    if not side.confirmation:
        return _("Nobody has confirmed yet that both languages say the same.")
    confirmation = side.confirmation
    if confirmation.person:
        found.append(_("Confirmed by %(person)s, %(date)s.") % noted(confirmation.person, confirmation.at))
    else:
        found.append(_("Loaded in both languages, %(date)s.") % noted("", confirmation.at))
    if confirmation.ticked_at:
        text = _("Changed since, and ticked as still the same by %(person)s, %(date)s.")
        found.append(text % noted(confirmation.ticked_by_name, confirmation.ticked_at))
    return " ".join(found)


def noted(person, at) -> dict:
    return {"person": person, "date": date_format(localtime(at), "SHORT_DATE_FORMAT")}


def names_of_fields(model, paths) -> str:
    names = dict.fromkeys(label_of(model, path) for path in paths)
    return pgettext("between names", ", ").join(names)
