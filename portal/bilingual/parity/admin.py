"""The admin of rows in two languages: their parity in lists and forms, and the buttons that confirm it."""

from datetime import datetime

from django.contrib import admin, messages
from django.contrib.auth import get_user_model
from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal.bilingual.drafts.admin import SCHEDULE, DraftAdmin, marks_in
from portal.bilingual.drafts.admin_publishing import GONE, message_of
from portal.bilingual.drafts.models import Draft
from portal.bilingual.drafts.values import fingerprint, values_of
from portal.bilingual.history.models import Action
from portal.bilingual.history.versions import note
from portal.bilingual.languages import LANGUAGE_NAMES, LANGUAGES
from portal.bilingual.parity.models import Parity, State
from portal.bilingual.parity.notes import in_words, notes_of, noting_form, noting_formset
from portal.bilingual.parity.pairs import Pair, pair_of, pair_of_new
from portal.bilingual.parity.texts import texts_in
from portal.bilingual.parity.upkeep import carry_over, change_of_states, confirm, locked, refresh, states_of

# The button that confirms what the form shows, and the tick beside those that publish. The value of the tick is the
# fingerprint of the stored pair that the form was opened with.
CONFIRM, SAME = "_confirm", "_same"
INCOMPLETE = gettext_lazy("Not confirmed: a text is missing in one of the languages.")
NOT_YET = gettext_lazy(
    "The tick that both languages say the same counts only if you publish at once. For a schedule, confirm the draft."
)
HIDDEN = gettext_lazy("Not confirmed: there are texts of this page that you may not see.")
CHANGED = gettext_lazy(
    "Not confirmed: a colleague has changed this page since you opened it. Please compare both languages."
)


class ParityFilter(admin.SimpleListFilter):
    """Filters a list by the state of one language."""

    language = None

    def lookups(self, request, model_admin):
        return State.choices

    def queryset(self, request, rows):
        if self.value() not in State:
            return rows
        kind = ContentType.objects.get_for_model(rows.model)
        states = Parity.objects.filter(content_type=kind, language=self.language, state=self.value())
        return rows.filter(pk__in=states.values("object_id"))


class ChineseFilter(ParityFilter):
    title, parameter_name, language = gettext_lazy("Chinese texts"), "parity_zh_hans", "zh-hans"


class EnglishFilter(ParityFilter):
    title, parameter_name, language = gettext_lazy("English texts"), "parity_en", "en"


class ParityAdmin(DraftAdmin):
    """Shows the parity of its rows, and keeps what staff confirm."""

    def may_confirm(self, request, obj) -> bool:
        """Whether the user may say that both languages of `obj` say the same."""
        return self.may_write(request, obj)

    # In lists

    def new_drafts(self, request):
        """Leaves out drafts of which a language is in another state than the filters say."""
        wanted = {each.language: request.GET.get(each.parameter_name) for each in (ChineseFilter, EnglishFilter)}
        wanted = {language: state for language, state in wanted.items() if state in State}
        drafts = super().new_drafts(request)
        if not wanted:
            return drafts
        pairs = ((draft, pair_of_new(self.model, draft)) for draft in drafts if draft.entries)
        return [draft for draft, pair in pairs if all(pair.sides[it].state == wanted[it] for it in wanted)]

    def get_list_filter(self, request):
        return [*super().get_list_filter(request), ChineseFilter, EnglishFilter]

    def get_changelist_instance(self, request):
        """Reads the states of the rows that are shown."""
        changelist = super().get_changelist_instance(request)
        states = {}
        for each in states_of(self.model, [row.pk for row in changelist.result_list]):
            states.setdefault(each.object_id, {})[each.language] = each.get_state_display()
        for row in changelist.result_list:
            row.states = states.get(row.pk, {})
        return changelist

    @admin.display(description=gettext_lazy("both languages"))
    def parity(self, row):
        """Returns the state of each language, or of both if it is the same."""
        states = [(LANGUAGE_NAMES[language], row.states[language]) for language in LANGUAGES if language in row.states]
        if len({state for _name, state in states}) == 1:
            return states[0][1]
        words = [_("{label}: {value}").format(label=name, value=state) for name, state in states]
        return format_html_join(" ", '<span class="parity-state">{}</span>', [(each,) for each in words])

    # In the form

    def show(self, request, obj) -> dict:
        shown = super().show(request, obj)
        stored = pair_of(obj) if obj else Pair(self.model, {}, {})
        values = shown.pop("values")
        pair = Pair(self.model, texts_in(self.model, values, stored.texts), stored.confirmations)
        for side in shown["publication"] if obj else []:
            side["parity"] = in_words(stored, side["language"])
        may_confirm = self.may_confirm(request, obj) and shows_all(values, pair)
        is_changed = pair.fingerprint != stored.fingerprint
        confirmed = confirmed_of(shown["draft"]) if is_changed and pair.is_as_confirmed(shown["draft"]) else None
        request.parity_notes = {} if confirmed else notes_of(pair)
        return shown | {
            "pair": stored.fingerprint if may_confirm else "",
            "draft_confirmed": confirmed,
            "is_to_be_confirmed": may_confirm and pair.is_complete and not pair.is_confirmed and not confirmed,
        }

    def get_form(self, request, obj=None, change=False, **kwargs):
        form = super().get_form(request, obj, change=change, **kwargs)
        return noting_form(form, request.parity_notes) if hasattr(request, "parity_notes") else form

    def get_formsets_with_inlines(self, request, obj=None):
        for formset, inline in super().get_formsets_with_inlines(request, obj):
            if hasattr(request, "parity_notes"):
                formset = noting_formset(formset, request.parity_notes)
            yield formset, inline

    def press(self, request, obj, draft, seen):
        if CONFIRM in request.POST and self.may_confirm(request, obj):
            return self.confirm_shown(request, obj, draft, seen)
        if SCHEDULE in request.POST and SAME in request.POST:
            self.message_user(request, NOT_YET, messages.WARNING)
        return super().press(request, obj, draft, seen)

    @transaction.atomic
    def confirm_shown(self, request, obj, draft, seen):
        """Confirms what the form has shown: what is stored, or what will be with the draft."""
        try:
            # In the order in which publishing locks: the draft, the content version, the row.
            if draft.pk:
                draft.lock()
        except Draft.DoesNotExist:
            self.message_user(request, GONE, messages.ERROR)
            return
        if obj:
            change_of_states()
            obj = locked(self.model, [obj.pk]).first()
        form, formsets = self.unbound(request, obj)
        values = draft.values(values_of(form, formsets))
        # What the user may not change is as the form has shown it.
        locked_paths = values.keys() - self.permitted(request, obj, values).keys()
        marks = marks_in(request.POST.get("_shown")) or {}
        seen = draft.renamed(seen | {path: mark for path, mark in marks.items() if path in locked_paths})
        stored = pair_of(obj) if obj else Pair(self.model, {}, {})
        pair = Pair(self.model, texts_in(self.model, values, stored.texts), {})
        if not shows_all(values, pair):
            self.message_user(request, HIDDEN, messages.WARNING)
        elif any(seen.get(path) != fingerprint(values[path]) for path in pair.texts.keys() & values.keys()):
            self.message_user(request, CHANGED, messages.WARNING)
        elif not pair.is_complete:
            self.message_user(request, INCOMPLETE, messages.WARNING)
        elif obj and pair.fingerprint == stored.fingerprint:
            confirm(obj, request.user)
            self.record(request, obj, "confirmed")
            text = _("Confirmed: what is stored says the same in both languages.")
            self.message_user(request, text, messages.SUCCESS)
        else:
            about = {"pair": pair.fingerprint, "by": request.user.pk, "name": request.user.name_to_keep}
            about["at"] = timezone.now().isoformat()
            draft.store(confirmed=about)
            if obj:
                refresh(self.model, [obj.pk])
            text = _("Confirmed: with the draft, both languages say the same. It counts as soon as that is published.")
            self.message_user(request, text, messages.SUCCESS)

    def saved(self, request, obj, draft, languages, *args, **kwargs) -> tuple:
        """Keeps also what somebody has confirmed of the draft, or else what the tick beside the button says."""
        ticked = request.POST.get(SAME)
        # The form changes `obj`.
        before = ticked is not None and (pair_of(obj) if obj else Pair(self.model, {}, {}))
        found = super().saved(request, obj, draft, languages, *args, **kwargs)
        row = found[0]
        if draft.confirmed and pair_of(row).is_as_confirmed(draft):
            about = confirmed_of(draft)
            if confirm(row, **about) and about["user"]:
                note(row, Action.CONFIRMED, about["user"], message_of(Action.CONFIRMED))
        elif before and self.may_confirm(request, row):
            if before.fingerprint != ticked:
                self.message_user(request, CHANGED, messages.WARNING)
            elif languages != LANGUAGES:
                self.record(request, row, "ticked", languages)
                if not carry_over(before, row, request.user):
                    text = _("This did not confirm the whole page. Please compare both languages, and confirm them.")
                    self.message_user(request, text, messages.WARNING)
            elif not shows_all(values_of(*self.unbound(request, row)), pair_of(row)):
                self.message_user(request, HIDDEN, messages.WARNING)
            elif confirm(row, request.user):
                self.record(request, row, "confirmed")
            else:
                self.message_user(request, INCOMPLETE, messages.WARNING)
        return found


def shows_all(values, pair) -> bool:
    """Whether a form with these `values` by path shows all texts of `pair`."""
    return not any(text for path, text in pair.texts.items() if path not in values)


def confirmed_of(draft) -> dict:
    """Returns the user who has confirmed `draft`, or None if the account is gone, the name, and at what time."""
    user = get_user_model().objects.filter(pk=draft.confirmed["by"]).first()
    name = user.name_to_keep if user else draft.confirmed.get("name", "")
    return {"user": user, "name": name, "at": datetime.fromisoformat(draft.confirmed["at"])}
