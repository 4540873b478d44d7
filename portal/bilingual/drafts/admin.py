"""The change form of the admin. It saves to a draft, which staff publish."""

import copy
import json
from datetime import timedelta
from functools import wraps

from django.contrib import messages
from django.contrib.admin.options import IS_POPUP_VAR
from django.contrib.admin.utils import unquote
from django.contrib.auth import get_user_model
from django.core import signing
from django.core.cache import cache
from django.core.exceptions import ValidationError
from django.db import transaction
from django.forms import DateTimeField
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import get_language, pgettext
from django.utils.translation import gettext as _

from portal.bilingual.drafts.admin_lists import DraftListAdmin
from portal.bilingual.drafts.admin_publishing import GONE, Refused, refuse_unseen
from portal.bilingual.drafts.display import (
    changed_in_both,
    faults,
    field_at,
    kept_at,
    publication_of,
    published_in_words,
    rivalries,
    scheduled_of,
    showing_form,
    showing_formset,
    typists,
)
from portal.bilingual.drafts.models import Draft, new_key
from portal.bilingual.drafts.paths import (
    DELETE,
    SLUG,
    is_new,
    is_removal,
    language_of,
    name_of,
    new_row,
    replacement_key,
    row_of,
    rows_of,
)
from portal.bilingual.drafts.rights import NOT_A_PUBLISHER, NOT_OF_A_WRITER, is_translator
from portal.bilingual.drafts.values import (
    CLEAR,
    as_post,
    as_typed,
    fingerprint,
    is_file,
    is_number,
    number_of_rows,
    typed_values,
    values_of,
)
from portal.bilingual.languages import LANGUAGES, choose_language, names_of
from portal.bilingual.publishing import Published, validate_moment

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
OF_PUBLISHERS = {*PUBLISH, *WITHDRAW, SCHEDULE, UNSCHEDULE}

# Each form says for whom it was opened: who was signed out while typing may still save a draft, for so long.
OWNER_SALT, OWNER_FOR = "portal.owner", timedelta(hours=12)

# How long somebody who has opened a form counts as working on it.
OPENED_FOR = timedelta(minutes=20)

# The field for the time at which something is to be published, in Beijing.
MOMENT = DateTimeField(validators=[validate_moment])


class DraftAdmin(DraftListAdmin):
    """Base of the admins of what visitors see. Its form shows and keeps a Draft."""

    change_form_template = "admin/draft_form.html"
    #: Functions of a list of rows, saved or as a draft has them, that return sentences to warn their author with. See
    #: portal.apps.
    checks_of_texts = []

    @property
    def has_page(self) -> bool:
        """Whether visitors see a row on a page that a preview can show."""
        return hasattr(self.model, "get_absolute_url")

    def changeform_view(self, request, object_id=None, form_url="", extra_context=None):
        obj = self.get_object(request, unquote(object_id)) if object_id else None
        # A window that another form opens to add a row saves it at once, so that the other one can choose it.
        is_popup = not object_id and (IS_POPUP_VAR in request.GET or IS_POPUP_VAR in request.POST)
        is_popup = is_popup and self.may_publish(request)
        is_gone = object_id and obj is None
        if is_gone and "_form" in request.POST and self.has_add_permission(request):
            draft = self.keep_as_new(request)
            if "_keep" in request.POST:
                return answer_to_script(draft)
            text = _("Somebody has deleted this page. What you typed is kept here, as the draft of a new page.")
            self.message_user(request, text, messages.WARNING)
            return HttpResponseRedirect(draft.address)
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

    def show(self, request, obj) -> dict:
        """Lets the form show the draft of `obj`, if there is one. Returns what the template needs for that."""
        draft = self.find_draft(request, obj)
        form, formsets = self.unbound(request, obj)
        values = live = values_of(form, formsets)
        if draft.pk:
            draft.meet(live)
            values = draft.values(live)
        permitted = self.permitted(request, obj, values)
        mine = {path: entry for path, entry in draft.entries.items() if path in permitted}
        locked = values.keys() - permitted.keys()
        request.shown = post, _files, refusals, _locked = (*as_post(values, form, formsets), draft.refusals, locked)
        may_publish = self.may_publish(request, obj)
        request.rows_in_draft = {row for row in rows_of(values) if is_new(row)}
        return {
            "draft": draft,
            "values": values,
            "live": live,
            "typists": typists(mine, form, formsets),
            "faults": faults(refusals, post, form, formsets),
            "rivalries": rivalries(draft, mine, form, formsets),
            "shown": json.dumps({path: fingerprint(value) for path, value in values.items()}),
            "rivals_shown": json.dumps(draft.rivals()),
            "scheduled": scheduled_of(draft),
            "form_token": new_key(),
            "owner": signing.dumps(request.user.pk, salt=OWNER_SALT),
            "publication": publication_of(obj, draft),
            "kept_at": kept_at(draft),
            "has_page": self.has_page,
            "new_slug": isinstance(obj, Published) and obj.published_languages() and draft.entries.get("slug"),
            "changed_in_both": self.changed_in_both(request, obj, draft),
            "may_publish": may_publish,
            "may_discard": may_publish or not scheduled_of(draft),
            "translated": self.translated(request, obj),
            "others": self.others(request, obj) if obj else [],
        }

    def changed_in_both(self, request, obj, draft) -> str:
        """Returns in words what the draft of `obj` changes in both languages, whichever one is published."""
        if not obj or not draft.entries:
            return ""
        form, formsets = self.unbound(request, obj)
        live = values_of(form, formsets)
        return changed_in_both(self.changeable(request, obj, draft.ready([]), live), live, form, formsets)

    def translated(self, request, obj) -> str:
        """Returns in words the languages into which the user translates `obj`, or "" if the user is no translator."""
        own = self.languages_typed(request, obj)
        return names_of([language for language in LANGUAGES if language in own]) if is_translator(own) else ""

    def others(self, request, obj) -> list:
        """Notes that the user has opened the form of `obj`. Returns who else did within OPENED_FOR, and when."""
        key, now = f"opened.{self.opts.label_lower}.{obj.pk}", timezone.now()
        opened = {user: at for user, at in cache.get(key, {}).items() if at > now - OPENED_FOR}
        cache.set(key, opened | {request.user.pk: now}, OPENED_FOR.total_seconds())
        users = get_user_model().objects.in_bulk(opened.keys() - {request.user.pk})
        return [(user, opened[user.pk]) for user in users.values()]

    def get_form(self, request, obj=None, change=False, **kwargs):
        form = super().get_form(request, obj, change=change, **kwargs)
        return showing_form(form, *request.shown) if hasattr(request, "shown") else form

    def get_formsets_with_inlines(self, request, obj=None):
        for formset, inline in super().get_formsets_with_inlines(request, obj):
            if hasattr(request, "shown"):
                formset = showing_formset(formset, *request.shown, request.rows_in_draft)
            yield formset, inline

    # When the session has ended meanwhile

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
                    return answer_to_script(draft)
                if draft:
                    text = _("Your session has ended. What you typed is kept, but nothing else is done.")
                    self.message_user(request, text, messages.WARNING)
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
            if not self.may_write(request, obj):
                return None
            if object_id and obj is None:
                return self.keep_as_new(request)
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
            return answer_to_script(draft)
        text = _(
            "You have signed in again since you opened this page. What you typed is kept, but nothing else is done."
        )
        self.message_user(request, text, messages.WARNING)
        return HttpResponseRedirect(draft.address)

    # What becomes of what was typed

    def take_over(self, request, obj):
        """Merges what was typed into the draft of `obj`, or of a new row, and does what the button says."""
        draft, rivals, seen = self.keep_typed(request, obj)
        # Of a script, which asks for no page.
        kept, response = request.POST.get("_keep"), None
        if kept == "typing":
            return answer_to_script(draft)
        if rivals:
            self.message_user(request, about_rivals(draft, rivals), messages.WARNING)
        else:
            response = self.press(request, draft.row, draft, seen)
        if kept:
            return answer_to_script(draft)
        return response or choose_language(request, HttpResponseRedirect(draft.address), request.POST.get(LANGUAGE))

    def press(self, request, obj, draft, seen) -> HttpResponse | None:
        """
        Does what the button says, after what was typed is kept. `seen` is as keep_typed() returns it.

        Returns a response if the button leads elsewhere than back to the form.
        """
        button = next((name for name in request.POST if name in BUTTONS), "")
        if button in OF_PUBLISHERS and not self.may_publish(request, obj):
            self.message_user(request, NOT_A_PUBLISHER, messages.ERROR)
        elif button == DISCARD and scheduled_of(draft) and not self.may_publish(request, obj):
            self.message_user(request, NOT_OF_A_WRITER, messages.ERROR)
        elif button in PUBLISH:
            self.publish_and_say(request, draft, PUBLISH[button], seen)
        elif button in WITHDRAW and isinstance(obj, Published):
            self.withdraw(request, obj, WITHDRAW[button])
        elif button in PREVIEW and self.has_page:
            return self.preview(request, draft, *PREVIEW[button])
        elif button == COPY and self.may_add(request):
            text = _("This is a copy, which visitors do not see. It needs an address of its own.")
            self.message_user(request, text, messages.SUCCESS)
            return HttpResponseRedirect(self.copy(request, obj, draft).address)
        elif button == SCHEDULE:
            self.schedule(request, obj, draft, seen)
            self.warn_of_texts(request, self.rows_typed(request, obj, draft))
        elif button in (END_PREVIEWS, UNSCHEDULE, DISCARD) and draft.pk:
            self.end(request, obj, draft, button, seen)
        elif draft.entries:
            self.message_user(request, _("The draft is saved. Visitors do not see it yet."), messages.SUCCESS)
            # After a script the user reads another page, where nobody knows which text is meant.
            if "_keep" not in request.POST:
                self.warn_of_texts(request, self.rows_typed(request, obj, draft))
        elif "_save_draft" in request.POST and "_keep" not in request.POST:
            self.message_user(request, _("The form says what is stored, so there is no draft."), messages.INFO)
        return None

    def warn_of_texts(self, request, rows):
        """Tells the user what `checks_of_texts` say of `rows`."""
        for check in self.checks_of_texts:
            for warning in check(rows):
                self.message_user(request, warning, messages.WARNING)

    def rows_typed(self, request, obj, draft) -> list:
        """Returns unsaved rows with the texts in languages that `draft` has: of `obj`, and of its inline rows."""
        _form, formsets = self.unbound(request, obj)
        models, rows = {"": self.model} | {formset.prefix: formset.model for formset in formsets}, {}
        values = {path: entry["value"] for path, entry in draft.entries.items()}
        removed = {row_of(path) for path, value in values.items() if is_removal(path, value)}
        for path, value in values.items():
            row = row_of(path)
            model = models.get(row.partition("/")[0])
            if model and row not in removed and language_of(path) and not is_file(value):
                setattr(rows.setdefault(row, model()), name_of(path), "".join(value))
        return list(rows.values())

    def keep_as_new(self, request) -> Draft:
        """Keeps what was typed for a row that somebody has deleted as the draft of a new one, one for each form."""
        request.POST = as_new(request.POST, self.unbound(request, None)[1])
        return self.keep_typed(request, None)[0]

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
        live = values_of(form, formsets)
        draft.meet(live)
        known = rows_of(draft.entries) | draft.rows_renamed.keys()
        typed = typed_values(request.POST, request.FILES, form, formsets, known)
        # Only a button chooses: a script keeps what was typed also while somebody is still comparing.
        chosen = {} if "_keep" in request.POST else request.POST
        chosen = {name.removeprefix("_choose:"): it for name, it in chosen.items() if name.startswith("_choose:")}
        chosen = self.changeable(request, obj, chosen, live)
        stale = [path for path, choice in chosen.items() if not draft.choose(path, choice)]
        shown, token = marks_in(request.POST.get("_shown")), as_typed(request.POST.get("_form", ""))
        if shown is None:
            shown = {path: fingerprint(value) for path, value in live.items()}
        # No post says that the tick to have no file was taken away.
        for path, value in draft.values(live).items():
            if value == CLEAR and path in live and path not in typed and shown.get(path) == fingerprint(CLEAR):
                typed[path] = live[path]
        # Who chooses a text and types another one has to choose again.
        for path in chosen:
            if path in typed and fingerprint(typed[path]) != shown.get(path):
                shown[path] = "chosen"
        # A translator adds and removes no row.
        rows = rows_of(typed) & (rows_of(draft.values(live)) | draft.rows_renamed.keys())
        typed, shown = self.permitted(request, obj, typed, rows), self.permitted(request, obj, shown, rows)
        before = draft.texts()
        rivals = stale + draft.merge(typed, shown, live, request.user, token)
        if chosen or draft.texts() != before:
            draft.refusals = {}
        draft.keep()
        # What the user may not change is not published either.
        changeable = self.changeable(request, obj, draft.entries, live)
        passed = {path: it["value"] for path, it in draft.entries.items() if path in chosen or path not in changeable}
        return draft, rivals, shown | {path: fingerprint(value) for path, value in (typed | passed).items()}

    def end(self, request, obj, draft, button, seen):
        """Ends the links to previews, the schedule or the whole draft, and tells the user so, or why not."""
        try:
            with transaction.atomic():
                draft.lock()
                said = {END_PREVIEWS: self.end_previews, UNSCHEDULE: self.unschedule, DISCARD: self.discard}[button](
                    request, obj, draft, seen
                )
                draft.keep()
        except Draft.DoesNotExist:
            self.message_user(request, GONE, messages.ERROR)
        except Refused as refused:
            self.message_user(request, " ".join(refused.reasons[""]), messages.ERROR)
        else:
            self.message_user(request, said, messages.SUCCESS)

    def end_previews(self, request, obj, draft, seen) -> str:
        draft.preview_key = ""
        return _("All links to previews of this page have ended.")

    def unschedule(self, request, obj, draft, seen) -> str:
        """Cancels the schedule of the language that the button names, or of both."""
        languages = [language for language in LANGUAGES if request.POST[UNSCHEDULE] in (language, "1")]
        if not draft.scheduled.filter(language__in=languages).exists():
            text = _("Nothing is scheduled any more: it was published or cancelled meanwhile.")
            raise Refused({"": [text]})
        draft.unschedule(languages)
        self.record(request, obj, "unscheduled", languages)
        return _("The schedule is cancelled. What was typed stays in the draft.")

    def discard(self, request, obj, draft, seen) -> str:
        """Deletes of the draft what the user may change. Raises Refused if the form does not show all of it."""
        form, formsets = self.unbound(request, obj)
        mine = self.changeable(request, obj, draft.entries, values_of(form, formsets))
        seen = draft.renamed(seen)
        rivals_shown = marks_in(request.POST.get("_rivals_shown")) or {}
        unseen = {path for path, entry in mine.items() if seen.get(path) != fingerprint(entry["value"])}
        unseen |= {path for path, mark in draft.rivals().items() if path in mine and rivals_shown.get(path) != mark}
        if unseen:
            names = [str(field_at(path, form, formsets)[1]) for path in mine if path in unseen]
            text = _("Not discarded: a colleague has typed here, and you have not seen it yet: %(fields)s.")
            raise Refused({"": [text % {"fields": pgettext("between names", ", ").join(names)}]})
        draft.forget([*mine, *self.orphaned(request, obj, draft)])
        draft.refusals = {}
        self.record(request, obj, "discarded")
        if draft.entries:
            return _("The draft is discarded, but for what you may not change.")
        draft.preview_key = ""
        if draft.scheduled.exists():
            draft.unschedule()
            self.record(request, obj, "unscheduled", LANGUAGES)
            return _("The draft is discarded, and its schedule is cancelled. What is public stays as it is.")
        return _("The draft is discarded. What is public stays as it is.")

    def orphaned(self, request, obj, draft) -> set:
        """Returns the paths of entries that nobody's form shows any more: a field or an inline was removed."""
        anybodys = copy.copy(request)
        anybodys.user = get_user_model()(is_superuser=True, is_active=True)
        shown = self.changeable(anybodys, obj, draft.entries, values_of(*self.unbound(anybodys, obj)))
        return draft.entries.keys() - shown.keys()

    def publish_and_say(self, request, draft, languages, seen):
        """Publishes, and tells the user so, or why not. `seen` is as keep_typed() returns it."""
        draft.ensure()
        in_both = self.changed_in_both(request, draft.row, draft)
        try:
            self.publish(request, draft, languages, seen=seen)
        except Refused as refused:
            self.refuse(request, draft, refused, _("Not published: please see the marked fields."))
        else:
            row = self.get_object(request, str(draft.object_id))
            said = published_in_words(row, languages)
            self.message_user(request, and_in_both(said, languages, in_both), messages.SUCCESS)

    def schedule(self, request, obj, draft, seen):
        """Lets the draft be published by itself at the time that was typed, and tells the user so, or why not."""
        languages = [language for language in LANGUAGES if language in request.POST.getlist("_publish_languages")]
        draft.ensure()
        in_both = self.changed_in_both(request, obj, draft)
        try:
            if not request.POST.get("_publish_at"):
                raise ValidationError(_("Choose a date and a time."))
            moment = MOMENT.clean(request.POST["_publish_at"])
            if moment <= timezone.now():
                raise ValidationError(_("This time is past."))
            if not languages:
                raise ValidationError(_("Choose a language."))
            with transaction.atomic():
                draft.lock()
                refuse_unseen(draft, languages, seen)
                self.validated(request, obj, draft, languages)
                draft.schedule(languages, moment, request.user)
        except ValidationError as error:
            text = _("Not scheduled: %(reason)s") % {"reason": " ".join(error.messages)}
            self.message_user(request, text, messages.ERROR)
        except Draft.DoesNotExist:
            self.message_user(request, GONE, messages.ERROR)
        except Refused as refused:
            self.refuse(request, draft, refused, _("Not scheduled: please see the marked fields."))
        else:
            self.record(request, obj, "scheduled", languages, at=moment.isoformat())
            date = date_format(timezone.localtime(moment), "SHORT_DATETIME_FORMAT")
            said = _("Will be published at %(date)s: %(languages)s.")
            said = and_in_both(said % {"date": date, "languages": names_of(languages)}, languages, in_both)
            self.message_user(request, said, messages.SUCCESS)

    def copy(self, request, obj, draft) -> Draft:
        """Returns a new draft with all that the form of `obj` shows, but its address and its files."""
        stamp = {"base": None, "by": request.user.pk, "at": timezone.now().isoformat(), "form": ""}
        rows, entries = {}, {}
        for path, value in draft.values(values_of(*self.unbound(request, obj))).items():
            row, name = row_of(path), name_of(path)
            if name not in (SLUG, DELETE) and not is_file(value):
                if row and row not in rows:
                    rows[row] = new_row(row.partition("/")[0])
                entries[f"{rows[row]}/{name}" if row else name] = {"value": value, **stamp}
        return Draft.objects.create(content_type=draft.content_type, key=new_key(), entries=entries)

    def refuse(self, request, draft, refused, text):
        """Keeps the reasons with the draft, so that the form shows them, and tells the user `text`."""
        is_kept = draft.store(refusals=refused.reasons)
        self.message_user(request, text if is_kept else GONE, messages.ERROR)

    def preview(self, request, draft, language, is_pair):
        """Redirects to the preview of what was typed. It can be sent to others; see Draft.preview_token()."""
        if not draft.preview_key and not draft.store(preview_key=new_key()):
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
            level = messages.SUCCESS if said else messages.INFO
            self.message_user(request, said or _("Visitors did not see this page in that language."), level)


def answer_to_script(draft) -> HttpResponse:
    """Returns the answer to a script that sent what was typed into `draft`. Its header has the mark of the draft."""
    return HttpResponse(status=204, headers={"Draft-Mark": draft.mark})


def about_rivals(draft, rivals) -> str:
    """Returns in words why somebody still has to choose at the paths `rivals` of `draft`."""
    if draft.rivals():
        return _("Somebody else has changed the same fields. Both versions are kept: choose one below.")
    if any(is_new(row_of(path)) for path in rivals):
        return _("Somebody else has removed what you have changed. It is kept: remove it if it is not needed.")
    return _("Somebody else has chosen a version meanwhile. Please look at the field.")


def and_in_both(said, languages, in_both) -> str:
    """Returns what is `said` of publishing `languages` with what changes in the other one too."""
    if not in_both or languages == LANGUAGES:
        return said
    text = _("This changes in both languages: %(names)s.")
    return f"{said} {text % {'names': in_both}}"


def owner_of(post):
    """Returns the active user for whom the form of `post` was opened within OWNER_FOR, or None."""
    try:
        key = signing.loads(post.get("_owner", ""), salt=OWNER_SALT, max_age=OWNER_FOR)
    except signing.BadSignature:
        return None
    return get_user_model().objects.filter(pk=key, is_active=True).first()


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
                post[place] = replacement_key(post[place])
    return post


def marks_in(text) -> dict | None:
    """Returns the fingerprints by path that a field of a form has, or None if it has none."""
    try:
        return {str(path): str(mark) for path, mark in json.loads(text).items()}
    except (TypeError, ValueError, AttributeError, RecursionError):
        return None
