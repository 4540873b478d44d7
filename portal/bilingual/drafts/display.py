"""How the change form shows a draft: its values, who typed them, what was refused, and what visitors see now."""

from datetime import datetime

from django.contrib.auth import get_user_model
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.forms import BooleanField, CharField, DateField, ModelChoiceField, Widget
from django.forms.utils import ErrorDict
from django.template.defaultfilters import yesno
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import escape
from django.utils.text import Truncator, capfirst
from django.utils.translation import gettext as _
from django.utils.translation import pgettext
from django_prose_editor.widgets import ProseEditorWidget
from modeltranslation.utils import build_localized_fieldname

from portal.bilingual.differences import marked
from portal.bilingual.drafts.models import sides_of
from portal.bilingual.drafts.paths import DELETE, ORDER, SLUG, is_new, language_of, name_of, row_of
from portal.bilingual.drafts.values import is_file, is_number
from portal.bilingual.languages import LANGUAGE_NAMES, LANGUAGES, html_code, names_of
from portal.bilingual.publishing import Published
from portal.bilingual.richtext import RichTextField, plain_text

# In characters, of the text that names an inline row.
ROW_TITLE = 30


class ReadText(Widget):
    """Shows a text, in its `language` or without one, that the user may read only."""

    template_name = "admin/read_text.html"

    def __init__(self, language, is_rich):
        super().__init__({"lang": html_code(language)} if language else None)
        self.is_rich = is_rich

    def get_context(self, name, value, attrs):
        text = RichTextField().cleaned(value) if self.is_rich else value
        return super().get_context(name, value, attrs) | {"text": text, "is_rich": self.is_rich}

    def id_for_label(self, id_):
        return ""


def showing_form(form_class, post, files, refusals, locked):
    """
    Returns the class of a form that shows what `post` and the names `files` say, and why that was refused. The fields
    at the paths `locked` are there to read.

    It is not validated.
    """

    class ShowingForm(form_class):
        def __init__(self, *args, **kwargs):
            super().__init__(post, *args, **kwargs)
            show_kept(self, files, refusals)
            lock(self, locked)

    return ShowingForm


def showing_formset(formset_class, post, files, refusals, locked, rows):
    """Returns the class of a formset as showing_form() does that of a form. `rows` are those that a draft added."""

    class ShowingFormSet(formset_class):
        def __init__(self, *args, **kwargs):
            super().__init__(post, *args, **kwargs)
            for form in self.forms:
                row = f"{self.prefix}/{form['id'].value()}"
                show_kept(form, files, refusals, row)
                lock(form, locked, row)
                form.is_in_draft = row in rows and self.can_delete
            self._errors = [form._errors for form in self.forms]
            self._non_form_errors = self.error_class()

    return ShowingFormSet


def show_kept(form, files, refusals, row=""):
    """Lets a bound `form`, of an inline `row` or the main one, show the files of its draft, and why it was refused."""
    form._errors, form.cleaned_data = ErrorDict(), {}
    for path, texts in refusals.items():
        if row_of(path) == row:
            name = name_of(path)
            place = {"field_id": form[name].auto_id} if name in form.fields else {"error_class": "nonfield"}
            form._errors[name or NON_FIELD_ERRORS] = form.error_class(texts, renderer=form.renderer, **place)
    for name, field in form.fields.items():
        if kept := files.get(form.add_prefix(name)):
            # Django's templates do not escape a help text.
            field.help_text = _("In the draft: %(name)s") % {"name": escape(kept)}


def lock(form, locked, row=""):
    """Lets a `form`, of an inline `row` or the main one, show the texts at the paths `locked` only to read."""
    for name, field in form.fields.items():
        if isinstance(field, CharField) and (f"{row}/{name}" if row else name) in locked:
            field.widget, field.help_text = ReadText(language_of(name), is_rich(field)), ""


def publication_of(row, draft) -> list:
    """Returns a dictionary for each language: what visitors see of `row` now, and whether `draft` has other words."""
    changed = {language_of(path) for path, entry in draft.entries.items() if not is_blank(path, entry)}
    scheduled = {each.language: each for each in scheduled_of(draft)}
    return [
        {
            "language": language,
            "name": LANGUAGE_NAMES[language],
            "state": state_of(row, language),
            "is_withdrawable": isinstance(row, Published) and since(row, language) is not None,
            "is_changed": bool(changed & {None, language}),
            "scheduled": scheduled.get(language),
        }
        for language in LANGUAGES
    ]


def kept_at(draft) -> str:
    """Returns when `draft` was kept last, today's times without the date, or "" if it has nothing."""
    if not draft.entries:
        return ""
    moment = timezone.localtime(draft.changed_at)
    is_of_today = moment.date() == timezone.localdate()
    return date_format(moment, "H:i" if is_of_today else "SHORT_DATETIME_FORMAT")


def scheduled_of(draft):
    """Returns what of `draft` is scheduled."""
    return draft.scheduled.all() if draft.pk else []


def since(row, language) -> datetime | None:
    """Returns from when on `row` is published in `language`, unless it waits for another row; None if it is not."""
    return getattr(row, build_localized_fieldname("published_at", language))


def state_of(row, language) -> str:
    """Returns in words whether visitors see `row`, or None, in `language`."""
    if row is None:
        return _("Not public")
    if not isinstance(row, Published):
        return _("Public") if hasattr(row, "get_absolute_url") else _("In use")
    moment = since(row, language)
    if moment is None:
        return _("Not public")
    date = {"date": date_format(timezone.localtime(moment), "SHORT_DATETIME_FORMAT")}
    if moment > timezone.now():
        return _("Public from %(date)s") % date
    if not row.is_published_in(language):
        followed = row._meta.get_field(row.publication_follows).verbose_name
        return _("Waits for: %(followed)s") % {"followed": followed}
    return _("Public since %(date)s") % date


def published_in_words(row, languages) -> str:
    """Returns the message after `row` was published in `languages`. It says whether visitors see the page now."""
    said = {"languages": names_of(languages)}
    if not isinstance(row, Published) and not hasattr(row, "get_absolute_url"):
        return _("Published: %(languages)s. It is in force now.") % said
    waiting = [each for each in languages if isinstance(row, Published) and not row.is_published_in(each)]
    if not waiting:
        return _("Published: %(languages)s. Visitors see it now.") % said
    said["followed"] = row._meta.get_field(row.publication_follows).verbose_name
    if waiting == languages:
        return _("Published: %(languages)s. Visitors see it as soon as this is public too: %(followed)s.") % said
    said |= {"waiting": names_of(waiting), "public": names_of([each for each in languages if each not in waiting])}
    text = _(
        "Published: %(languages)s. Visitors see the %(public)s now, and the %(waiting)s as soon as this is public in "
        "that language too: %(followed)s."
    )
    return text % said


def faults(refusals, post, form, formsets) -> list:
    """
    Returns for the template what is not right in a form that shows `post`: the names of the places, or an empty one for
    the whole, the ids of their elements, and the messages.
    """
    places = {
        f"{formset.prefix}/{post[f'{formset.prefix}-{number}-id']}": f"{formset.prefix}-{number}"
        for formset in formsets
        for number in range(int(post[f"{formset.prefix}-TOTAL_FORMS"]))
    }
    found, order = [], ["", *form.fields, *places]
    shown = [(path, texts) for path, texts in refusals.items() if (row_of(path) or path) in order]
    for path, texts in sorted(shown, key=lambda each: order.index(row_of(each[0]) or each[0])):
        row, name = row_of(path), name_of(path)
        _field, label = field_at(path, form, formsets) if path else (None, "")
        if label is not None:
            target = places.get(row, "")
            found.append((label, f"id_{target}-{name}".replace("_-", "_") if name else target, texts))
    return found


def rivalries(draft, paths, form, formsets) -> list:
    """
    Returns what several people have typed for one field of `draft`, of those at `paths`: for each field a dictionary
    for the template.
    """
    found = []
    users = get_user_model().objects.in_bulk(
        {each["by"] for entry in draft.entries.values() for each in sides_of(entry) if each["by"]}
    )
    for path in paths:
        field, name = field_at(path, form, formsets)
        if name and (choices := draft.choices(path)):
            texts = [text_of(field, each["value"]) for each in choices.values()]
            found.append(
                {
                    "path": path,
                    "name": name,
                    "is_alike": is_rich(field) and len(set(texts)) == 1,
                    "sides": [
                        (
                            {
                                "by": users.get(each["by"]),
                                "at": datetime.fromisoformat(each["at"]),
                                "text": text,
                                "is_public": each["value"] == draft.entries[path]["base"],
                            },
                            choice,
                        )
                        for (choice, each), text in zip(choices.items(), marked(*texts), strict=True)
                    ],
                }
            )
    return found


def typists(entries, form, formsets) -> list:
    """Returns in words who typed the `entries` of a draft, each with the names of the fields."""
    found, order = {}, {name: place for place, name in enumerate(form.fields)}
    for path, entry in sorted(entries.items(), key=lambda each: order.get(each[0], len(order))):
        _field, name = field_at(path, form, formsets)
        for each in sides_of(entry):
            if name and not is_blank(path, each):
                found.setdefault(each["by"], {})[name] = None
    users = get_user_model().objects.in_bulk(found.keys() - {None})
    listed = [(users.get(by), pgettext("between names", ", ").join(map(str, names))) for by, names in found.items()]
    return [_("{label}: {value}").format(label=user, value=names) if user else names for user, names in listed]


def is_blank(path, entry) -> bool:
    """Whether an entry of a new inline row has no typed text. It is an empty field or the order of the row."""
    return is_new(row_of(path)) and (name_of(path) == ORDER or not any(entry["value"]))


def changed_in_both(ready, live, form, formsets) -> str:
    """
    Returns in words what the entries `ready` change in both languages, whichever one is published: fields without a
    language, rows that go, and the order of rows.

    `live` are the values of the published row. A new row, and the address of a page, are left out.
    """
    stored = [path for path in ready if not language_of(path) and not is_new(row_of(path)) and path != SLUG]
    of_fields = (field_at(path, form, formsets)[1] for path in stored if not row_of(path) or name_of(path) != ORDER)
    values = live | {path: ready[path]["value"] for path in stored}
    of_orders = (
        _("Order of the %(rows)s") % {"rows": formset.model._meta.verbose_name_plural}
        for formset in formsets
        if is_reordered(formset, live, values)
    )
    names = (str(name) for name in [*of_fields, *of_orders] if name)
    return pgettext("between names", ", ").join(dict.fromkeys(names))


def is_reordered(formset, live, values) -> bool:
    """Whether the stored rows of a formset that stay have another order with `values` than with the `live` ones."""
    rows = {each.instance.pk: f"{formset.prefix}/{each.instance.pk}" for each in formset.initial_forms}
    rows = {key: row for key, row in rows.items() if f"{row}/{ORDER}" in live and not values.get(f"{row}/{DELETE}")}

    def in_order(values):
        typed = {key: "".join(values[f"{row}/{ORDER}"]) for key, row in rows.items()}
        return sorted(rows, key=lambda key: (int(typed[key]) if is_number(typed[key]) else 0, key))

    return in_order(live) != in_order(values)


def field_at(path, form, formsets) -> tuple:
    """
    Returns the form field at `path`, or None for the removal of a row, and its name for people.

    Returns two times None for what the user's form does not have.
    """
    row, name = row_of(path), name_of(path)
    if not row:
        field = form.fields.get(name)
        return field, field and capfirst(field.label)
    formset = next((each for each in formsets if each.prefix == row.partition("/")[0]), None)
    field = formset and formset.empty_form.fields.get(name)
    if not formset or not (field or name in ("", DELETE)):
        return None, None
    kind, label = capfirst(formset.model._meta.verbose_name), _("remove") if name == DELETE else field and field.label
    stored = (each.instance for each in formset.initial_forms if f"{formset.prefix}/{each.instance.pk}" == row)
    if title := next(map(str, stored), ""):
        kind = _("{kind} “{title}”").format(kind=kind, title=Truncator(title).chars(ROW_TITLE))
    return (None if name == DELETE else field), _("{label}: {value}").format(label=kind, value=label) if label else kind


def text_of(field, value) -> str:
    """Returns in words what was typed or chosen in a form field."""
    if field is None:
        return _("Remove") if value else _("Keep")
    if is_file(value):
        return value.get("name") or _("Remove")
    if isinstance(field, ModelChoiceField):
        return ", ".join(map(str, field.queryset.filter(pk__in=[key for key in value if key.isdecimal()])))
    if isinstance(field, BooleanField):
        return yesno(bool(value))
    if isinstance(field, DateField):
        return shown_date(field, " ".join(value))
    if hasattr(field, "choices"):
        names = {str(key): str(name) for key, name in field.choices}
        return ", ".join(names.get(each, each) for each in value)
    return plain_text(" ".join(value)) if is_rich(field) else " ".join(value)


def shown_date(field, text) -> str:
    """Returns the date that was typed in a form field, or the typed text if it is not a date."""
    try:
        day = field.to_python(text)
    except ValidationError:
        day = None
    return date_format(day) if day else text


def is_rich(field) -> bool:
    """Whether a form field, or None, is for text with links and formatting."""
    return isinstance(field and field.widget, ProseEditorWidget)
