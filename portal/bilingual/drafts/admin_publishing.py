"""The base of the admins whose rows have drafts: how a draft is found, validated, published, and a page withdrawn."""

import re
from contextlib import contextmanager

from django.contrib.admin.utils import flatten_fieldsets
from django.contrib.auth import get_user_model
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import NON_FIELD_ERRORS, PermissionDenied, ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from modeltranslation.utils import build_localized_fieldname

from portal.bilingual.changes import wait_for_turn
from portal.bilingual.drafts.display import field_at
from portal.bilingual.drafts.models import Draft, new_key
from portal.bilingual.drafts.paths import DELETE, SLUG, is_new, language_of, name_of, row_of, rows_of
from portal.bilingual.drafts.rights import NOT_A_PUBLISHER, RightsByLanguage, is_translator, may_publish
from portal.bilingual.drafts.values import as_post, is_file, new_rows, values_of
from portal.bilingual.history.recording import RecordingAdmin
from portal.bilingual.history.versions import remember
from portal.bilingual.languages import LANGUAGE_NAMES, LANGUAGES
from portal.bilingual.publishing import Published

GONE = gettext_lazy("This draft is gone: somebody else has published or discarded it meanwhile.")


class Refused(Exception):
    """What was typed cannot be published. `reasons` are messages by the path of the field, "" for the whole."""

    def __init__(self, reasons):
        super().__init__()
        self.reasons = reasons


@contextmanager
def refusing():
    """Takes back what was saved if a file or the database does not allow it, and raises Refused."""
    try:
        with transaction.atomic():
            yield
    except OSError as error:
        raise Refused({"": [_("A file could not be read or stored. Please choose it again.")]}) from error
    except IntegrityError as error:
        text = _("This does not agree with what else is stored. Please check all fields and try again.")
        raise Refused({"": [text]}) from error


def refuse_unseen(draft, languages, seen):
    """Raises Refused if a colleague has typed what the publisher's form does not show, perhaps half a sentence."""
    text = _("A colleague has typed here, and you have not seen it yet. Please look at it, and publish again.")
    if unseen := draft.unseen(languages, seen):
        raise Refused({path: [text] for path in unseen})


class PublishingAdmin(RightsByLanguage, RecordingAdmin):
    """Publishes drafts, and withdraws rows."""

    def may_publish(self, request, obj=None) -> bool:
        """Whether the user makes the draft of `obj` public, or that of a new row, schedules it and withdraws `obj`."""
        may_write = None in self.languages_typed(request, obj) or (obj is None and self.may_add(request))
        return may_write and may_publish(request.user)

    def may_add(self, request) -> bool:
        """Whether the user may begin a new row."""
        return self.has_add_permission(request) and not self.translates_new(request)

    def has_add_permission(self, request):
        return super().has_add_permission(request) or self.translates_new(request)

    def get_model_perms(self, request):
        """Offers to add a row only to users who may begin one, in the navigation too."""
        return super().get_model_perms(request) | {"add": self.may_add(request)}

    def translates_new(self, request) -> bool:
        """Whether the request is for the draft of a new row that others have begun, and the user translates it."""
        match = request.resolver_match
        is_form = match and match.url_name == f"{self.opts.app_label}_{self.opts.model_name}_add"
        if not is_form or super().has_add_permission(request) or not is_translator(self.languages_typed(request)):
            return False
        kind = ContentType.objects.get_for_model(self.model)
        return Draft.objects.filter(content_type=kind, key=key_in(request)).exclude(key="").exists()

    def refuse_others(self, request, obj):
        """Raises Refused if the user is no publisher of `obj`, or of a new row."""
        if not self.may_publish(request, obj):
            raise Refused({"": [str(NOT_A_PUBLISHER)]})

    def may_write(self, request, obj) -> bool:
        """Whether the user may change `obj`, or add a row if it is None."""
        return self.has_change_permission(request, obj) if obj else self.has_add_permission(request)

    def find_draft(self, request, obj) -> Draft:
        """
        Returns the draft of `obj`, or the one of a new row that the address or the form names, or a new one. A row that
        was new when the form was opened may have been published since.
        """
        own = {"content_type": ContentType.objects.get_for_model(self.model)}
        if obj:
            own["object_id"] = obj.pk
        else:
            own["key"] = key_in(request) or new_key()
        if request.method == "POST":
            # Two people may begin at the same moment.
            Draft.objects.get_or_create(**own)
            return Draft.objects.select_for_update().filter(**own).first() or Draft(**own)
        return Draft.objects.filter(**own).first() or Draft(**own)

    def stored_row(self, request, draft):
        """
        Returns the row of `draft`, or None if it has none yet. It is read only now: somebody may have published
        meanwhile. The lock of the draft keeps others from publishing.
        """
        row = self.model._base_manager.filter(pk=draft.object_id).first()
        if row is None and draft.object_id:
            # Somebody has deleted it. What is typed for it is the draft of a new one.
            draft.object_id, draft.key = None, draft.key or new_key()
        if not self.may_write(request, row):
            raise PermissionDenied
        return row

    def unbound(self, request, obj):
        """Returns the form for `obj`, or for a new row, and its formsets, as they show what is stored."""
        form = self.form_class(request, obj)
        form = form(instance=obj) if obj else form(initial=self.get_changeform_initial_data(request))
        return form, [formset(**kwargs) for formset, kwargs in self.formset_classes(request, obj)]

    def form_class(self, request, obj):
        return super().get_form(
            request, obj, change=bool(obj), fields=flatten_fieldsets(self.get_fieldsets(request, obj))
        )

    def formset_classes(self, request, obj):
        for formset, inline in super().get_formsets_with_inlines(request, obj):
            prefix = formset.get_default_prefix()
            yield formset, {"instance": obj, "prefix": prefix, "queryset": inline.get_queryset(request)}

    def permitted(self, request, obj, paths: dict, rows=None) -> dict:
        """
        Returns `paths` without those that the user may not change: of another language than that of a translator, of
        inline rows that the user may not add, change or delete, and the address of a stored row.

        `rows` are the inline rows in which a translator may type, by default all of `paths`.
        """
        formsets = super().get_formsets_with_inlines(request, obj) if rows_of(paths) else ()
        inlines = {formset.get_default_prefix(): inline for formset, inline in formsets}
        of_inlines = {
            prefix: inline.languages_typed(request, obj)
            for prefix, inline in inlines.items()
            if isinstance(inline, RightsByLanguage)
        }
        languages = {None, *LANGUAGES} if obj is None and self.may_add(request) else self.languages_typed(request, obj)
        may_move = obj is None or self.may_publish(request, obj)

        def is_permitted(path):
            row, prefix = row_of(path), row_of(path).partition("/")[0]
            if not row:
                return language_of(path) in languages and (may_move or path != SLUG)
            if (inline := inlines.get(prefix)) is None:
                return False
            if is_translator(own := of_inlines.get(prefix)):
                return language_of(path) in own and (rows is None or row in rows)
            if is_new(row):
                return inline.has_add_permission(request, obj)
            if name_of(path) == DELETE:
                return inline.has_delete_permission(request, obj)
            return inline.has_change_permission(request, obj)

        return {path: value for path, value in paths.items() if is_permitted(path)}

    def changeable(self, request, obj, paths: dict, live: dict) -> dict:
        """Returns `paths` without those of fields that the user may not change. `live` are the values of the form."""
        return {
            path: value for path, value in self.permitted(request, obj, paths).items() if row_of(path) or path in live
        }

    @transaction.atomic
    def publish(self, request, draft, languages, scheduled=None, seen=None):
        """
        Makes public what `draft` has for `languages`, or what a ScheduledPublication of it has.

        Raises Refused if the user is no publisher, if a field is not right, or if `seen` is given and refuse_unseen()
        finds a field.
        """
        try:
            draft.lock()
        except Draft.DoesNotExist as error:
            raise Refused({"": [str(GONE)]}) from error
        if seen is not None:
            refuse_unseen(draft, languages, seen)
        wait_for_turn(self.model, draft.object_id)
        obj = self.stored_row(request, draft)
        self.refuse_others(request, obj)
        if obj:
            remember(obj)
        shown = draft.values(values_of(*self.unbound(request, obj)))
        row, message, keys, ready = self.saved(request, obj, draft, languages, scheduled=scheduled)
        log = self.log_change if obj else self.log_addition
        log(request, row, [*message_of("published", languages), *message], writers_of(ready, request.user))
        draft.object_id, draft.refusals = row.pk, {}
        draft.unschedule(languages)
        live = values_of(*self.unbound(request, self.get_object(request, str(row.pk))))
        draft.published(ready, keys, shown, live, is_scheduled=bool(scheduled))
        draft.keep()

    @refusing()
    def saved(self, request, obj, draft, languages, with_files=True, scheduled=None) -> tuple:
        """
        Saves `obj`, or a new row, with what validated() returns, and raises Refused as it does.

        Returns the row, the message for its history, the paths of the new inline rows by those that they had, and the
        entries that were saved, by path.
        """
        form, formsets, values, ready = self.validated(request, obj, draft, languages, with_files, scheduled)
        row = self.save_form(request, form, change=bool(obj))
        self.save_model(request, row, form, bool(obj))
        self.save_related(request, form, formsets, bool(obj))
        keys = {
            new: f"{formset.prefix}/{extra.instance.pk}"
            for formset in formsets
            for new, extra in zip(new_rows(values, formset), formset.extra_forms, strict=True)
        }
        return row, self.construct_change_message(request, form, formsets, add=not obj), keys, ready

    def validated(self, request, obj, draft, languages, with_files=True, scheduled=None) -> tuple:
        """
        Validates what `draft`, or a ScheduledPublication of it, has for `languages` of `obj`, or of a new row. Raises
        Refused if a field is not right.

        Without files, those of the draft are left out, and the new inline rows that have one.

        Returns the valid form and its formsets, the values that they were given by path, and those of the entries of
        the draft that are among them.
        """
        form, formsets = self.unbound(request, obj)
        live = values_of(form, formsets)
        draft.meet(live)
        ready = scheduled.ready(live, draft) if scheduled else draft.ready(languages)
        # Who may not change a field does not publish it either.
        ready = self.changeable(request, obj, ready, live)
        if not with_files:
            of_files = {path for path, entry in ready.items() if is_file(entry["value"])}
            new = {row for row in rows_of(of_files) if is_new(row)}
            ready = {path: each for path, each in ready.items() if path not in of_files and row_of(path) not in new}
        if rivals := [path for path, entry in ready.items() if "rivals" in entry]:
            raise Refused({path: [_("This was changed more than once. Choose a version first.")] for path in rivals})
        values = live | {path: entry["value"] for path, entry in ready.items()}
        post = as_post(values, form, formsets, for_saving=True)
        form = self.form_class(request, obj)(*post, instance=obj)
        formsets = [
            formset(*post, **kwargs | {"instance": form.instance})
            for formset, kwargs in self.formset_classes(request, obj)
        ]
        set_published(form.instance, languages)
        # All of them, so that all errors are found.
        if not all([form.is_valid(), *(formset.is_valid() for formset in formsets)]):
            raise Refused(reasons_of(form, formsets, values))
        return form, formsets, values, ready

    def record(self, request, row, kind, languages=(), **about):
        """Notes in the history of `row` what message_of() says. A page that is not stored yet has no history."""
        if row:
            self.log_change(request, row, message_of(kind, languages, **about))

    def reasons_in_words(self, request, row, reasons) -> list[str]:
        """Returns the `reasons` of Refused for `row`, or a new one, each with the name of its field."""
        form, formsets = self.unbound(request, row)
        found = []
        for path, texts in reasons.items():
            _field, name = field_at(path, form, formsets) if path else (None, None)
            text = " ".join(texts)
            found.append(_("{label}: {value}").format(label=name, value=text) if name else text)
        return found

    @transaction.atomic
    def withdraw_row(self, request, row, language) -> str:
        """
        Lets visitors no longer see `row` in `language`. Returns that in words, or "" if it was not public.

        Raises Refused if it must stay, or if the user is no publisher.
        """
        self.refuse_others(request, row)
        column = build_localized_fieldname("published_at", language)
        # Another user may have published in the meantime.
        wait_for_turn(self.model, row.pk)
        row = self.model._base_manager.get(pk=row.pk)
        if getattr(row, column) is None:
            return ""
        remember(row)
        setattr(row, column, None)
        try:
            row.validate_constraints()
        except ValidationError as error:
            raise Refused({"": error.messages}) from error
        row.save(update_fields=[column, "updated_at"])
        text = _("Withdrawn: %(language)s. Visitors no longer see this page in that language.")
        said = text % {"language": LANGUAGE_NAMES[language]}
        self.record(request, row, "withdrawn", [language])
        return said


def key_in(request) -> str:
    """Returns the key of the draft of a new row that the address or the form names, or an empty string."""
    key = request.GET.get("draft") or request.POST.get("_draft", "")
    return key if re.fullmatch("[0-9a-f]{32}", key) else ""


def message_of(kind, languages=(), **about) -> list:
    """Returns what was done to a page as its history keeps it; see portal.bilingual.history.words."""
    return [{kind: {"languages": list(languages), **about}}]


def writers_of(entries, publisher) -> list:
    """
    Returns the users who wrote `entries` of a draft, or none if that is only its `publisher`.

    It also returns none if an account is deleted by now: the others alone did not write all of it.
    """
    keys = {entry.get("by") for entry in entries.values()} - {None}
    users = list(get_user_model().objects.filter(pk__in=keys).order_by("pk"))
    return users if keys - {publisher.pk} and len(users) == len(keys) else []


def set_published(row, languages):
    """Sets the time from which `row` is published in `languages`, unless it is published already."""
    if isinstance(row, Published):
        for language in languages:
            column = build_localized_fieldname("published_at", language)
            since = getattr(row, column)
            if since is None or since > timezone.now():
                setattr(row, column, timezone.now())


def reasons_of(form, formsets, values) -> dict:
    """Returns the messages of invalid forms by the path of the field, "" for the whole."""
    reasons = {name: list(found) for name, found in form.errors.items() if name != NON_FIELD_ERRORS}
    whole = list(form.non_field_errors())
    for formset in formsets:
        whole += formset.non_form_errors()
        rows = [f"{formset.prefix}/{row.instance.pk}" for row in formset.initial_forms] + new_rows(values, formset)
        for row, errors in zip(rows, formset.errors, strict=True):
            for name, found in errors.items():
                reasons[f"{row}/{'' if name == NON_FIELD_ERRORS else name}"] = list(found)
    return reasons | ({"": whole} if whole else {})
