"""The admin of rows in two languages: their parity in lists and forms, and the buttons that confirm it."""

from django.contrib import admin, messages
from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.utils.html import format_html_join
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal.bilingual.changes import wait_for_turn
from portal.bilingual.drafts.admin import DraftAdmin
from portal.bilingual.drafts.admin_publishing import Refused
from portal.bilingual.languages import LANGUAGE_NAMES, LANGUAGES
from portal.bilingual.parity.models import Parity, State
from portal.bilingual.parity.notes import in_words, notes_of, noting_form, noting_formset
from portal.bilingual.parity.pairs import Pair, pair_of
from portal.bilingual.parity.texts import texts_in
from portal.bilingual.parity.upkeep import carry_over, confirm, locked, states_of

# The button that confirms what is stored, and the tick beside those that publish. The value of each is the fingerprint
# of the pair that the form was opened with.
CONFIRM, SAME = "_confirm", "_same"
INCOMPLETE = gettext_lazy("Not confirmed: a text is missing in one of the languages.")
CHANGED = gettext_lazy(
    "Not confirmed: somebody has published something else since you opened this page. Please compare both languages."
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

    def get_actions(self, request):
        actions = super().get_actions(request)
        if self.has_change_permission(request):
            label = _("Confirm that both languages say the same")

            def act(_admin, request, rows):
                self.act_on(request, rows, self.confirm_row)

            actions["confirm"] = (act, "confirm", label)
        return actions

    def confirm_row(self, request, row):
        """Keeps that both languages of `row` say the same. Raises Refused if that cannot be."""
        if not (self.may_confirm(request, row) and confirm(row, request.user)):
            raise Refused({"": [str(INCOMPLETE)]})
        self.record(request, row, "confirmed")

    # In the form

    def show(self, request, obj) -> dict:
        shown = super().show(request, obj)
        stored = pair_of(obj) if obj else Pair(self.model, {}, {})
        texts = stored.texts | texts_in(self.model, shown.pop("values"))
        request.parity_notes = notes_of(Pair(self.model, texts, stored.confirmations))
        for side in shown["publication"] if obj else []:
            side["parity"] = in_words(stored, side["language"])
        may_confirm = self.may_confirm(request, obj)
        is_to_be_confirmed = bool(obj) and may_confirm and stored.is_complete and not stored.is_confirmed
        return shown | {
            "pair": stored.fingerprint if may_confirm else "",
            "is_to_be_confirmed": is_to_be_confirmed,
        }

    def get_form(self, request, obj=None, change=False, **kwargs):
        form = super().get_form(request, obj, change=change, **kwargs)
        return noting_form(form, request.parity_notes) if hasattr(request, "parity_notes") else form

    def get_formsets_with_inlines(self, request, obj=None):
        for formset, inline in super().get_formsets_with_inlines(request, obj):
            if hasattr(request, "parity_notes"):
                formset = noting_formset(formset, request.parity_notes)
            yield formset, inline

    def take_over(self, request, obj):
        response = super().take_over(request, obj)
        if CONFIRM in request.POST and obj and self.may_confirm(request, obj):
            self.confirm_stored(request, obj)
        return response

    @transaction.atomic
    def confirm_stored(self, request, obj):
        """Confirms what visitors see of `obj`, unless it is something else than what the form was opened with."""
        wait_for_turn(self.model, obj.pk)
        row = locked(self.model, [obj.pk]).first()
        if row is None or pair_of(row).fingerprint != request.POST[CONFIRM]:
            self.message_user(request, CHANGED, messages.WARNING)
        elif not confirm(row, request.user):
            self.message_user(request, INCOMPLETE, messages.WARNING)
        else:
            self.record(request, row, "confirmed")
            text = _("Confirmed: what is stored says the same in both languages.")
            self.message_user(request, text, messages.SUCCESS)

    def saved(self, request, obj, draft, languages, *args, **kwargs) -> tuple:
        """Keeps also what the tick beside the button says."""
        ticked = request.POST.get(SAME)
        # The form changes `obj`.
        before = ticked is not None and (pair_of(obj) if obj else Pair(self.model, {}, {}))
        found = super().saved(request, obj, draft, languages, *args, **kwargs)
        row = found[0]
        if before and self.may_confirm(request, row):
            if before.fingerprint != ticked:
                self.message_user(request, CHANGED, messages.WARNING)
            elif languages != LANGUAGES:
                if not carry_over(before, row):
                    text = _("This did not confirm the whole page. Please compare both languages, and confirm them.")
                    self.message_user(request, text, messages.WARNING)
            elif confirm(row, request.user):
                self.record(request, row, "confirmed")
            else:
                self.message_user(request, INCOMPLETE, messages.WARNING)
        return found
