"""The change form of the admin, working on a draft: what is typed is kept there until somebody publishes it."""

import json
import re
import secrets
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial, wraps

from django.contrib import admin, messages
from django.contrib.admin.options import IS_POPUP_VAR
from django.contrib.admin.utils import flatten_fieldsets, unquote
from django.contrib.auth import get_user_model
from django.contrib.contenttypes.models import ContentType
from django.core import signing
from django.core.cache import cache
from django.core.exceptions import NON_FIELD_ERRORS, PermissionDenied, ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef
from django.forms import DateTimeField, ModelChoiceField
from django.forms.utils import ErrorDict
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.text import capfirst, get_text_list
from django.utils.translation import get_language, gettext_lazy, ngettext
from django.utils.translation import gettext as _
from django_prose_editor.widgets import ProseEditorWidget
from modeltranslation.utils import build_localized_fieldname

from portal.bilingual.differences import marked
from portal.bilingual.drafts import (
    CLEAR,
    DELETE,
    NEW,
    Draft,
    as_post,
    as_typed,
    fingerprint,
    is_file,
    is_new,
    is_number,
    language_of,
    name_of,
    new_row,
    new_rows,
    number_of_rows,
    row_of,
    rows_of,
    sides_of,
    typed_values,
    values_of,
)
from portal.bilingual.languages import LANGUAGE_NAMES, LANGUAGES, choose_language
from portal.bilingual.publishing import Published, validate_moment
from portal.bilingual.richtext import plain_text

# The languages that each button publishes or withdraws.
PUBLISH = {"_publish": LANGUAGES, **{f"_publish_{language}": [language] for language in LANGUAGES}}
WITHDRAW = {f"_withdraw_{language}": language for language in LANGUAGES}
# The language of each button for a preview, and whether it shows both beside each other.
PREVIEW = {**{f"_preview_{language}": (language, False) for language in LANGUAGES}, "_preview_pair": (None, True)}
DISCARD, SCHEDULE, UNSCHEDULE, COPY = "_discard", "_schedule", "_unschedule", "_copy"
END_PREVIEWS = "_end_previews"
# The button with this name does not count among them: its value is the language in which to go on.
LANGUAGE = "_language"


BUTTONS = {*PUBLISH, *WITHDRAW, *PREVIEW, DISCARD, SCHEDULE, UNSCHEDULE, COPY, END_PREVIEWS}


# Each form says for whom it was opened: who was signed out while typing may still save a draft, for so long.
OWNER_SALT, OWNER_FOR = "portal.owner", timedelta(hours=12)

# How many drafts of new rows a list names.
DRAFTS_LISTED = 20

# How long somebody who has opened a form counts as working on it.
OPENED_FOR = timedelta(minutes=20)

# The field for the time at which something is to be published, in Beijing.
MOMENT = DateTimeField(validators=[validate_moment])


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
    text = _("A colleague has typed here since you opened this page. Please look at it, and publish again.")
    if unseen := draft.unseen(languages, seen):
        raise Refused({path: [text] for path in unseen})


class DraftAdmin(admin.ModelAdmin):
    """Base of the admins of what visitors see. Its form shows and keeps a Draft."""

    change_form_template = "admin/draft_form.html"

    def changeform_view(self, request, object_id=None, form_url="", extra_context=None):
        obj = self.get_object(request, unquote(object_id)) if object_id else None
        # A window that another form opens to add a row saves it at once, so that the other one can choose it.
        is_popup = not object_id and (IS_POPUP_VAR in request.GET or IS_POPUP_VAR in request.POST)
        is_gone = object_id and obj is None
        if is_gone and "_form" in request.POST and self.has_add_permission(request):
            return self.keep_as_new(request)
        if is_popup or is_gone or not self.may_write(request, obj):
            return super().changeform_view(request, object_id, form_url, extra_context)
        if request.method == "POST":
            return self.take_over(request, obj)
        if not obj and (draft := self.find_draft(request, obj)).object_id:
            # Somebody has published it since this address was shown.
            return HttpResponseRedirect(draft.address)
        shown = self.show(request, obj)
        if not obj:
            # Who comes back to this address, after signing in again too, finds the draft.
            query = request.GET.copy()
            query["draft"] = shown["draft"].key
            form_url = f"{request.path}?{query.urlencode()}"
        return super().changeform_view(request, object_id, form_url, (extra_context or {}) | shown)

    def may_write(self, request, obj) -> bool:
        """Whether the user may change `obj`, or add a row if it is None."""
        return self.has_change_permission(request, obj) if obj else self.has_add_permission(request)

    # Lists

    def changelist_view(self, request, extra_context=None):
        """Names the drafts of rows that do not exist yet above the list."""
        kind = ContentType.objects.get_for_model(self.model)
        drafts = Draft.objects.filter(content_type=kind, object_id=None).order_by("-changed_at")[:DRAFTS_LISTED]
        found = [(draft, draft.title_of(self.model)) for draft in drafts if self.has_add_permission(request)]
        return super().changelist_view(request, (extra_context or {}) | {"new_drafts": found})

    def get_queryset(self, request):
        kind = ContentType.objects.get_for_model(self.model)
        drafts = Draft.objects.filter(content_type=kind, object_id=OuterRef("pk")).exclude(entries={})
        return super().get_queryset(request).annotate(has_draft=Exists(drafts))

    @admin.display(description=gettext_lazy("draft"), ordering="has_draft")
    def draft(self, row):
        return _("Not public yet") if row.has_draft else ""

    def get_actions(self, request):
        """Adds the publishing and the withdrawing of many rows at once."""
        actions = super().get_actions(request)
        if issubclass(self.model, Published) and self.has_change_permission(request):
            for name, label, act in self.publication_actions():
                actions[name] = (lambda _admin, request, rows, act=act: self.act_on(request, rows, act), name, label)
        return actions

    def publication_actions(self):
        """Yields the name, the label and the method of each such action. The method takes a request and a row."""
        yield "publish_both", _("Publish both languages"), partial(self.publish_row, languages=LANGUAGES)
        for language, name in LANGUAGE_NAMES.items():
            label = _("Publish %(language)s") % {"language": name}
            act = partial(self.publish_row, languages=[language])
            yield f"publish_{language}", label, act
        for language, name in LANGUAGE_NAMES.items():
            label = _("Withdraw %(language)s") % {"language": name}
            yield f"withdraw_{language}", label, partial(self.withdraw_row, language=language)

    def act_on(self, request, rows, act):
        """Does what `act` does to each of `rows`, and says for how many it was done, and for which not, and why."""
        done = 0
        for row in rows:
            try:
                act(request, row)
            except Refused as refused:
                reasons = " ".join(dict.fromkeys(reason for found in refused.reasons.values() for reason in found))
                text = _("{label}: {value}").format(label=row, value=reasons)
                self.message_user(request, text, messages.ERROR)
            else:
                done += 1
        if done:
            text = ngettext("Done for %(number)d page.", "Done for %(number)d pages.", done) % {"number": done}
            self.message_user(request, text, messages.SUCCESS)

    @transaction.atomic
    def publish_row(self, request, row, languages):
        self.publish(request, row, self.find_draft(request, row), languages)

    def get_urls(self):
        """Keeps what was typed also if the session has ended meanwhile. Signing in again leads back to it."""
        urls = super().get_urls()
        for url in urls:
            if url.name and url.name.endswith(("_add", "_change")):
                url.callback = self.keeping(url.callback)
        return urls

    def keeping(self, view):
        @wraps(view)
        def keep_and_view(request, *args, **kwargs):
            if request.method == "POST" and not request.user.is_authenticated:
                draft = self.keep_for_owner(request, **kwargs)
                if draft and request.POST.get("_keep"):
                    return HttpResponse(status=204)
            return view(request, *args, **kwargs)

        keep_and_view.csrf_failed = self.csrf_failed
        return keep_and_view

    def keep_for_owner(self, request, object_id=None) -> Draft | None:
        """Keeps what was typed on behalf of the one for whom the form was opened. Returns the draft, or None."""
        visitor, owner = request.user, owner_of(request.POST)
        if not (owner and owner.is_staff):
            return None
        request.user = owner
        try:
            obj = self.get_object(request, unquote(object_id)) if object_id else None
            if (object_id and obj is None) or not self.may_write(request, obj):
                return None
            return self.keep_typed(request, obj)[0]
        finally:
            request.user = visitor

    def csrf_failed(self, request, object_id=None) -> HttpResponse | None:
        """
        Keeps what was typed in a form whose token is old, as after signing in again in another tab.

        Returns the response, or None if nothing is kept. Another site cannot know for whom a form was opened.
        """
        draft = self.keep_for_owner(request, object_id)
        if draft is None:
            return None
        if request.POST.get("_keep"):
            return HttpResponse(status=204)
        text = _(
            "You have signed in again since you opened this page. What you typed is kept, but nothing else is done."
        )
        self.message_user(request, text, messages.WARNING)
        return HttpResponseRedirect(draft.address)

    # What the form shows

    def show(self, request, obj) -> dict:
        """Lets the form show the draft of `obj`, if there is one. Returns what the template needs for that."""
        draft = self.find_draft(request, obj)
        form, formsets = self.unbound(request, obj)
        values = values_of(form, formsets)
        if draft.pk:
            draft.meet(values)
            values = draft.values(values)
        request.shown = post, _files, refusals = (*as_post(values, form, formsets), draft.refusals)
        request.rows_in_draft = {row for row in rows_of(values) if is_new(row)}
        return {
            "draft": draft,
            "typists": typists(self.permitted(request, obj, draft.entries), form, formsets),
            "faults": faults(refusals, post, form, formsets),
            "rivalries": rivalries(draft, form, formsets),
            "shown": json.dumps({path: fingerprint(value) for path, value in values.items()}),
            "form_token": new_key(),
            "owner": signing.dumps(request.user.pk, salt=OWNER_SALT),
            "publication": publication_of(obj, draft),
            "others": self.others(request, obj) if obj else [],
        }

    def others(self, request, obj) -> list:
        """Notes that the user has opened the form of `obj`. Returns who else did within OPENED_FOR, and when."""
        key, now = f"opened.{self.opts.label_lower}.{obj.pk}", timezone.now()
        opened = {user: at for user, at in cache.get(key, {}).items() if at > now - OPENED_FOR}
        cache.set(key, opened | {request.user.pk: now}, OPENED_FOR.total_seconds())
        users = get_user_model().objects.in_bulk(opened.keys() - {request.user.pk})
        return [(user, opened[user.pk]) for user in users.values()]

    def find_draft(self, request, obj) -> Draft:
        """
        Returns the draft of `obj`, or the one of a new row that the address or the form names, or a new one. A row that
        was new when the form was opened may have been published since.
        """
        own = {"content_type": ContentType.objects.get_for_model(self.model)}
        if obj:
            own["object_id"] = obj.pk
        else:
            key = request.GET.get("draft") or request.POST.get("_draft", "")
            own["key"] = key if re.fullmatch("[0-9a-f]{32}", key) else new_key()
        if request.method == "POST":
            # Two people may begin at the same moment.
            Draft.objects.get_or_create(**own)
            return Draft.objects.select_for_update().filter(**own).first() or Draft(**own)
        return Draft.objects.filter(**own).first() or Draft(**own)

    def stored_row(self, request, draft):
        """
        Returns the row of `draft`, or None if it has none yet. It is locked until the transaction ends, and read only
        now: somebody may have published meanwhile, and saving an older row would take that back.
        """
        row = self.model._base_manager.select_for_update().filter(pk=draft.object_id).first()
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

    def permitted(self, request, obj, paths: dict) -> dict:
        """Returns `paths` without those of inline rows that the user may not add, change or delete."""
        formsets = super().get_formsets_with_inlines(request, obj)
        inlines = {formset.get_default_prefix(): inline for formset, inline in formsets}

        def is_permitted(path):
            row, inline = row_of(path), inlines.get(row_of(path).partition("/")[0])
            if not (row and inline):
                return not row
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

    def get_form(self, request, obj=None, change=False, **kwargs):
        form = super().get_form(request, obj, change=change, **kwargs)
        return showing_form(form, *request.shown) if hasattr(request, "shown") else form

    def get_formsets_with_inlines(self, request, obj=None):
        for formset, inline in super().get_formsets_with_inlines(request, obj):
            if hasattr(request, "shown"):
                formset = showing_formset(formset, *request.shown, request.rows_in_draft)
            yield formset, inline

    # What becomes of what was typed

    def take_over(self, request, obj):
        """Merges what was typed into the draft of `obj`, or of a new row, and does what the button says."""
        button = next((name for name in request.POST if name in BUTTONS), "")
        draft, rivals, seen = self.keep_typed(request, obj)
        obj = draft.row
        # Of a script, which asks for no page.
        kept = request.POST.get("_keep")
        if kept == "typing":
            return HttpResponse(status=204)
        if rivals:
            text = _("Somebody else has changed the same fields. Both versions are kept: choose one below.")
            self.message_user(request, text, messages.WARNING)
        elif button in PUBLISH:
            self.publish_and_say(request, obj, draft, PUBLISH[button], seen)
        elif button in WITHDRAW and obj:
            self.withdraw(request, obj, WITHDRAW[button])
        elif button in PREVIEW:
            return self.preview(request, draft, *PREVIEW[button])
        elif button == COPY and self.has_add_permission(request):
            draft = self.copy(request, obj, draft)
            self.message_user(request, _("This is a copy. It needs an address of its own."), messages.SUCCESS)
        elif button == END_PREVIEWS and draft.pk:
            draft.preview_key = ""
            keep(draft)
            self.message_user(request, _("All links to previews of this page have ended."), messages.SUCCESS)
        elif button == SCHEDULE:
            self.schedule(request, obj, draft, seen)
        elif button == UNSCHEDULE:
            draft.unschedule()
            keep(draft)
            self.message_user(request, _("The schedule is cancelled."), messages.SUCCESS)
        elif button == DISCARD and draft.pk:
            self.discard(request, obj, draft)
        elif draft.entries:
            self.message_user(request, _("The draft is saved. Visitors do not see it yet."), messages.SUCCESS)
        if kept:
            return HttpResponse(status=204)
        return choose_language(request, HttpResponseRedirect(draft.address), request.POST.get(LANGUAGE))

    def keep_as_new(self, request):
        """Keeps what was typed for a row that somebody has deleted as the draft of a new one, one for each form."""
        request.POST = as_new(request.POST, self.unbound(request, None)[1])
        draft = self.keep_typed(request, None)[0]
        if "_keep" in request.POST:
            return HttpResponse(status=204)
        text = _("Somebody has deleted this page. What you typed is kept here, as the draft of a new page.")
        self.message_user(request, text, messages.WARNING)
        return HttpResponseRedirect(draft.address)

    @transaction.atomic
    def keep_typed(self, request, obj) -> tuple:
        """
        Merges what was typed into the draft of `obj`, or of a new row.

        Returns it, the paths about which somebody still has to choose (those that Draft.merge() returns, and those of
        choices between texts that have changed), and the fingerprints by path of what the form shows.
        """
        draft = self.find_draft(request, obj)
        obj = self.stored_row(request, draft)
        form, formsets = self.unbound(request, obj)
        live, known = values_of(form, formsets), rows_of(draft.entries) | draft.rows_published.keys()
        typed = typed_values(request.POST, request.FILES, form, formsets, known)
        draft.meet(live)
        # Only a button chooses: a script keeps what was typed also while somebody is still comparing.
        chosen = {} if "_keep" in request.POST else request.POST
        chosen = {name.removeprefix("_choose:"): it for name, it in chosen.items() if name.startswith("_choose:")}
        chosen = self.changeable(request, obj, chosen, live)
        stale = [path for path, choice in chosen.items() if not draft.choose(path, choice)]
        shown, token = fingerprints_in(request.POST, live), as_typed(request.POST.get("_form", ""))
        # No post says that the tick to have no file was taken away.
        for path, value in draft.values(live).items():
            if value == CLEAR and path not in typed and shown.get(path) == fingerprint(CLEAR):
                typed[path] = live[path]
        typed, shown = self.permitted(request, obj, typed), self.permitted(request, obj, shown)
        rivals = stale + draft.merge(typed, shown, live, request.user, token)
        if draft.is_plan_refused:
            # Saving does not publish what was refused.
            draft.unschedule()
        draft.refusals = {}
        keep(draft)
        # What the user may not change is not published either.
        changeable = self.changeable(request, obj, draft.entries, live)
        passed = {path: it["value"] for path, it in draft.entries.items() if path in chosen or path not in changeable}
        return draft, rivals, shown | {path: fingerprint(value) for path, value in (typed | passed).items()}

    @transaction.atomic
    def discard(self, request, obj, draft):
        """Deletes of the draft what the user may change, and tells the user so."""
        draft.refresh_from_db(from_queryset=Draft.objects.select_for_update())
        draft.forget(self.changeable(request, obj, draft.entries, values_of(*self.unbound(request, obj))))
        if draft.entries:
            text = _("The draft is discarded, but for what you may not change.")
        else:
            draft.unschedule()
            draft.preview_key = ""
            text = _("The draft is discarded.")
        keep(draft)
        self.message_user(request, text, messages.SUCCESS)

    def publish_and_say(self, request, obj, draft, languages, seen):
        """Publishes, and tells the user so, or why not. `seen` is as keep_typed() returns it."""
        try:
            self.publish(request, obj, draft, languages, seen=seen)
        except Refused as refused:
            self.refuse(request, draft, refused)
        else:
            said = _("Published: %(languages)s.") % {"languages": names_of(languages)}
            self.message_user(request, said, messages.SUCCESS)

    @transaction.atomic
    def publish(self, request, obj, draft, languages, as_planned=False, seen=None):
        """
        Makes public what `draft` has for `languages`. Returns the row. Raises Refused if a field is not right, or if
        `seen` is given and refuse_unseen() finds a field.

        If `as_planned`, what has changed since it was planned stays in the draft.
        """
        if draft.pk:
            # Somebody else may have saved meanwhile.
            try:
                draft.refresh_from_db(from_queryset=Draft.objects.select_for_update())
            except Draft.DoesNotExist as error:
                raise Refused({"": [str(GONE)]}) from error
        if seen is not None:
            refuse_unseen(draft, languages, seen)
        obj = self.stored_row(request, draft)
        row, message, keys, paths = self.saved(request, obj, draft, languages, as_planned=as_planned)
        if obj:
            self.log_change(request, row, message)
        else:
            self.log_addition(request, row, message)
        draft.object_id, draft.refusals = row.pk, {}
        draft.unschedule(languages)
        draft.published(paths, keys, values_of(*self.unbound(request, self.get_object(request, str(row.pk)))))
        keep(draft)
        return row

    @refusing()
    def saved(self, request, obj, draft, languages, with_files=True, as_planned=False) -> tuple:
        """
        Saves `obj`, or a new row, with what validated() returns, and raises Refused as it does.

        Returns the row, the message for its history, the paths of the new inline rows by those that they had, and the
        paths of what was saved.
        """
        form, formsets, values, ready = self.validated(request, obj, draft, languages, with_files, as_planned)
        row = self.save_form(request, form, change=bool(obj))
        self.save_model(request, row, form, bool(obj))
        self.save_related(request, form, formsets, bool(obj))
        keys = {
            new: f"{formset.prefix}/{extra.instance.pk}"
            for formset in formsets
            for new, extra in zip(new_rows(values, formset), formset.extra_forms, strict=True)
        }
        return row, self.construct_change_message(request, form, formsets, add=not obj), keys, ready

    def validated(self, request, obj, draft, languages, with_files=True, as_planned=False) -> tuple:
        """
        Validates what `draft` has for `languages` of `obj`, or of a new row. Raises Refused if a field is not right.

        Without files, those of the draft are left out, and the new inline rows that have one.

        Returns the valid form and its formsets, the values that they were given by path, and which paths come from the
        draft.
        """
        form, formsets = self.unbound(request, obj)
        live = values_of(form, formsets)
        draft.meet(live)
        ready = draft.ready(languages)
        if as_planned:
            ready = draft.as_planned(ready)
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

    def schedule(self, request, obj, draft, seen):
        """Lets the draft be published by itself at the time that was typed, and tells the user so, or why not."""
        languages = [language for language in LANGUAGES if language in request.POST.getlist("_publish_languages")]
        try:
            moment = MOMENT.clean(request.POST.get("_publish_at"))
            if moment <= timezone.now():
                raise ValidationError(_("This time is past."))
            if not languages:
                raise ValidationError(_("Choose a language."))
            refuse_unseen(draft, languages, seen)
            self.validated(request, obj, draft, languages)
        except ValidationError as error:
            self.message_user(request, " ".join(error.messages), messages.ERROR)
        except Refused as refused:
            self.refuse(request, draft, refused)
        else:
            planned = {path: fingerprint(entry["value"]) for path, entry in draft.ready(languages).items()}
            plan = {"publish_at": moment, "publish_by": request.user, "publish_languages": languages}
            if not store(draft, **plan, planned=planned, is_plan_refused=False):
                self.message_user(request, GONE, messages.ERROR)
                return
            date = date_format(timezone.localtime(moment), "SHORT_DATETIME_FORMAT")
            text = _("Will be published at %(date)s: %(languages)s.")
            self.message_user(request, text % {"date": date, "languages": names_of(languages)}, messages.SUCCESS)

    def copy(self, request, obj, draft) -> Draft:
        """Returns a new draft with all that the form of `obj` shows, but its address and its files."""
        stamp = {"base": None, "by": request.user.pk, "at": timezone.now().isoformat(), "form": ""}
        rows, entries = {}, {}
        for path, value in draft.values(values_of(*self.unbound(request, obj))).items():
            row, name = row_of(path), name_of(path)
            if name not in ("slug", DELETE) and not is_file(value):
                if row and row not in rows:
                    rows[row] = new_row(row.partition("/")[0])
                entries[f"{rows[row]}/{name}" if row else name] = {"value": value, **stamp}
        return Draft.objects.create(content_type=draft.content_type, key=new_key(), entries=entries)

    def refuse(self, request, draft, refused):
        """Keeps the reasons with the draft, so that the form shows them."""
        is_kept = store(draft, refusals=refused.reasons)
        text = _("Not published: please see the marked fields.") if is_kept else GONE
        self.message_user(request, text, messages.ERROR)

    def preview(self, request, draft, language, is_pair):
        """Redirects to the preview of what was typed. It can be sent to others; see Draft.preview_token()."""
        if not draft.preview_key and not store(draft, preview_key=new_key()):
            self.message_user(request, GONE, messages.ERROR)
            return HttpResponseRedirect(draft.address)
        return HttpResponseRedirect(reverse("preview", args=[draft.preview_token(language or get_language(), is_pair)]))

    def withdraw(self, request, obj, language):
        """Withdraws `obj` in `language`, and tells the user so, or why not."""
        try:
            said = self.withdraw_row(request, obj, language)
        except Refused as refused:
            self.message_user(request, " ".join(refused.reasons[""]), messages.ERROR)
        else:
            self.message_user(request, said, messages.SUCCESS)

    @transaction.atomic
    def withdraw_row(self, request, row, language) -> str:
        """Lets visitors no longer see `row` in `language`. Returns that in words. Raises Refused if it must stay."""
        column = build_localized_fieldname("published_at", language)
        # Somebody may have published meanwhile.
        row = self.model._base_manager.select_for_update().get(pk=row.pk)
        setattr(row, column, None)
        try:
            row.validate_constraints()
        except ValidationError as error:
            raise Refused({"": error.messages}) from error
        row.save(update_fields=[column, "updated_at"])
        text = _("Withdrawn: %(language)s. Visitors no longer see this page in that language.")
        said = text % {"language": LANGUAGE_NAMES[language]}
        self.log_change(request, row, said)
        return said


def owner_of(post):
    """Returns the active user for whom the form of `post` was opened within OWNER_FOR, or None."""
    try:
        key = signing.loads(post.get("_owner", ""), salt=OWNER_SALT, max_age=OWNER_FOR)
    except signing.BadSignature:
        return None
    return get_user_model().objects.filter(pk=key, is_active=True).first()


def names_of(languages) -> str:
    return get_text_list([str(LANGUAGE_NAMES[language]) for language in languages], _("and"))


def new_key():
    return secrets.token_hex(16)


def store(draft, **values) -> bool:
    """
    Stores these values of `draft` and, if it is stored already, no others, which somebody else may have changed.

    Returns False if it was stored and is gone.
    """
    for name, value in values.items():
        setattr(draft, name, value)
    if draft.pk:
        return Draft.objects.filter(pk=draft.pk).update(**values) == 1
    draft.save()
    return True


def keep(draft):
    """Stores `draft`, or deletes it if nothing would be lost."""
    if not draft.is_empty:
        draft.save()
    elif draft.pk:
        draft.delete()


def as_new(post, formsets):
    """Returns a copy of the `post` of a row, and of its inline rows in `formsets`, as that of a new one."""
    post = post.copy()
    # The form had shown what is no longer stored.
    post.pop("_shown", None)
    post["_draft"] = post["_form"]
    for formset in formsets:
        for number in range(number_of_rows(post, formset)):
            place = f"{formset.prefix}-{number}-id"
            if is_number(post.get(place, "")):
                post[place] = f"{NEW}{int(post[place]):020x}"
    return post


def fingerprints_in(post, live) -> dict:
    """Returns the fingerprints by path that a form was opened with, by default those of `live`."""
    try:
        found = json.loads(post["_shown"])
        return {str(path): str(value) for path, value in found.items()}
    except (KeyError, ValueError, AttributeError, RecursionError):
        return {path: fingerprint(value) for path, value in live.items()}


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
            field.help_text = _("In the draft: %(name)s") % {"name": kept}


def showing_form(form_class, post, files, refusals):
    """
    Returns the class of a form that shows what `post` and the names `files` say, and why that was refused.

    It is not validated.
    """

    class ShowingForm(form_class):
        def __init__(self, *args, **kwargs):
            super().__init__(post, *args, **kwargs)
            show_kept(self, files, refusals)

    return ShowingForm


def showing_formset(formset_class, post, files, refusals, rows):
    """Returns the class of a formset as showing_form() does that of a form. `rows` are those that a draft added."""

    class ShowingFormSet(formset_class):
        def __init__(self, *args, **kwargs):
            super().__init__(post, *args, **kwargs)
            for form in self.forms:
                row = f"{self.prefix}/{form['id'].value()}"
                show_kept(form, files, refusals, row)
                form.is_in_draft = row in rows and self.can_delete
            self._errors = [form._errors for form in self.forms]
            self._non_form_errors = self.error_class()

    return ShowingFormSet


def publication_of(row, draft) -> list:
    """Returns a dictionary for each language: what visitors see of `row` now, and whether `draft` has other words."""
    changed = {language_of(path) for path in draft.entries}
    return [
        {
            "language": language,
            "name": LANGUAGE_NAMES[language],
            "state": state_of(row, language),
            "is_withdrawable": isinstance(row, Published) and since(row, language) is not None,
            "is_changed": bool(changed & {None, language}),
        }
        for language in LANGUAGES
    ]


def since(row, language) -> datetime | None:
    """Returns from when on `row` is published in `language`, unless it waits for another row; None if it is not."""
    return getattr(row, build_localized_fieldname("published_at", language))


def state_of(row, language) -> str:
    """Returns in words whether visitors see `row`, or None, in `language`."""
    if row is None:
        return _("Not public")
    if not isinstance(row, Published):
        return _("Public")
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


def rivalries(draft, form, formsets) -> list:
    """Returns what several people have typed for one field of `draft`: for each field a dictionary for the template."""
    found = []
    users = get_user_model().objects.in_bulk(
        {each["by"] for entry in draft.entries.values() for each in sides_of(entry) if each["by"]}
    )
    for path in draft.entries:
        field, name = field_at(path, form, formsets)
        if name and (choices := draft.choices(path)):
            texts = [text_of(field, each["value"]) for each in choices.values()]
            found.append(
                {
                    "path": path,
                    "name": name,
                    "is_alike": is_rich(field) and len(set(texts)) == 1,
                    "sides": [
                        ({"by": users.get(each["by"]), "at": datetime.fromisoformat(each["at"]), "text": text}, choice)
                        for (choice, each), text in zip(choices.items(), marked(*texts), strict=True)
                    ],
                }
            )
    return found


def typists(entries, form, formsets) -> list:
    """Returns in words who typed the `entries` of a draft, each with the names of the fields."""
    found = {}
    for path, entry in entries.items():
        _field, name = field_at(path, form, formsets)
        for each in sides_of(entry):
            if name:
                found.setdefault(each["by"], {})[name] = None
    users = get_user_model().objects.in_bulk(found.keys() - {None})
    listed = [(users.get(by), ", ".join(map(str, names))) for by, names in found.items()]
    return [
        _("{label}: {value}").format(label=user.get_full_name() or user, value=names) if user else names
        for user, names in listed
    ]


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
    return (None if name == DELETE else field), _("{label}: {value}").format(label=kind, value=label) if label else kind


def text_of(field, value) -> str:
    """Returns in words what was typed or chosen in a form field."""
    if field is None:
        return _("Remove") if value else _("Keep")
    if is_file(value):
        return value.get("name") or _("Remove")
    if isinstance(field, ModelChoiceField):
        return ", ".join(map(str, field.queryset.filter(pk__in=[key for key in value if key.isdecimal()])))
    if hasattr(field, "choices"):
        names = {str(key): str(name) for key, name in field.choices}
        return ", ".join(names.get(each, each) for each in value)
    return plain_text(" ".join(value)) if is_rich(field) else " ".join(value)


def is_rich(field) -> bool:
    """Whether a form field, or None, is for text with links and formatting."""
    return isinstance(field and field.widget, ProseEditorWidget)
