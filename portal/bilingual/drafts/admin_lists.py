"""The lists of the admin: which rows have a draft, and what is done to many rows at once."""

from functools import partial

from django.contrib import admin, messages
from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.db.models import Exists, OuterRef, Subquery
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from modeltranslation.utils import build_localized_fieldname

from portal.bilingual.drafts.admin_publishing import PublishingAdmin, Refused
from portal.bilingual.drafts.models import Draft, ScheduledPublication, waiting
from portal.bilingual.drafts.rights import is_translator
from portal.bilingual.drafts.values import fingerprint
from portal.bilingual.languages import LANGUAGE_NAMES, LANGUAGES, names_of
from portal.bilingual.publishing import Published


class DraftFilter(admin.SimpleListFilter):
    """Filters a list, and the drafts of new rows above it, by what is not public yet; see waiting()."""

    title = gettext_lazy("draft")
    parameter_name = "draft"

    WAITING = {
        "any": gettext_lazy("Not public yet"),
        "scheduled": gettext_lazy("Scheduled"),
        "refused": gettext_lazy("Could not be published"),
    }

    def lookups(self, request, model_admin):
        return self.WAITING.items()

    def queryset(self, request, rows):
        if self.value() not in self.WAITING:
            return rows
        kind = ContentType.objects.get_for_model(rows.model)
        drafts = Draft.objects.filter(waiting(self.value()), content_type=kind, object_id__isnull=False)
        return rows.filter(pk__in=drafts.values("object_id"))


class DraftListAdmin(PublishingAdmin):
    """Shows drafts in its list, and publishes and withdraws many rows at once."""

    def get_list_filter(self, request):
        return [*super().get_list_filter(request), DraftFilter]

    def changelist_view(self, request, extra_context=None):
        """Names the drafts of rows that do not exist yet above the list."""
        drafts = self.new_drafts(request) if self.shows_new_drafts(request) else []
        found = [(draft, draft.title_of(self.model)) for draft in drafts]
        return super().changelist_view(request, (extra_context or {}) | {"new_drafts": found})

    def shows_new_drafts(self, request) -> bool:
        """Whether the user sees the drafts of rows that do not exist yet."""
        return self.has_add_permission(request) or is_translator(self.languages_typed(request))

    def new_drafts(self, request):
        """Returns the drafts of rows that do not exist yet, as far as the filters let them through."""
        kind = ContentType.objects.get_for_model(self.model)
        drafts = Draft.objects.filter(content_type=kind, object_id=None).order_by("-changed_at")
        what = request.GET.get(DraftFilter.parameter_name)
        return drafts.filter(waiting(what)) if what in DraftFilter.WAITING else drafts

    def get_queryset(self, request):
        kind = ContentType.objects.get_for_model(self.model)
        drafts = Draft.objects.filter(content_type=kind, object_id=OuterRef("pk")).exclude(entries={})
        own = {"draft__content_type": kind, "draft__object_id": OuterRef("pk")}
        first = ScheduledPublication.objects.filter(**own, refusals={})
        scheduled_at = Subquery(first.values("at")[:1])
        return super().get_queryset(request).annotate(has_draft=Exists(drafts), scheduled_at=scheduled_at)

    @admin.display(description=gettext_lazy("draft"), ordering="has_draft")
    def draft(self, row):
        if row.scheduled_at:
            date = date_format(timezone.localtime(row.scheduled_at), "SHORT_DATETIME_FORMAT")
            return _("Scheduled for %(date)s") % {"date": date}
        return _("Not public yet") if row.has_draft else ""

    def get_actions(self, request):
        """Adds the publishing and the withdrawing of many rows at once."""
        actions = super().get_actions(request)
        if issubclass(self.model, Published) and self.may_publish(request):
            for name, label, act, outcome in self.publication_actions():
                doing = partial(self.act_on, act=act, outcome=outcome)
                actions[name] = (lambda _admin, request, rows, doing=doing: doing(request, rows), name, label)
        return actions

    def publication_actions(self):
        """
        Yields of each such action its name, its label, its method, and a sentence for afterwards.

        The method takes a request and a row, and returns whether there was something to do.
        """
        published = _("Published: %(languages)s. Visitors see it now")
        if self.model.publication_follows:
            published = _("Published in %(languages)s")
        both = partial(self.publish_row, languages=LANGUAGES)
        yield "publish_both", _("Publish both languages"), both, published % {"languages": names_of(LANGUAGES)}
        for language, name in LANGUAGE_NAMES.items():
            label = _("Publish %(language)s") % {"language": name}
            act = partial(self.publish_row, languages=[language])
            yield f"publish_{language}", label, act, published % {"languages": name}
        for language, name in LANGUAGE_NAMES.items():
            label = _("Withdraw %(language)s") % {"language": name}
            outcome = _("Withdrawn: %(language)s. Visitors do not see it any more") % {"language": name}
            yield f"withdraw_{language}", label, partial(self.withdraw_row, language=language), outcome

    def act_on(self, request, rows, act, outcome):
        """
        Calls `act` for each of `rows`. Tells the user the `outcome`, a sentence, with the number of rows for which it
        had something to do, the number of the others, and the reasons for each refusal.
        """
        done = idle = 0
        for row in rows:
            try:
                is_done = bool(act(request, row))
            except Refused as refused:
                reasons = " ".join(self.reasons_in_words(request, row, refused.reasons))
                text = _("{label}: {value}").format(label=row, value=reasons)
                self.message_user(request, text, messages.ERROR)
            else:
                done, idle = done + is_done, idle + (not is_done)
        if idle:
            text = ngettext("Nothing to do for %(number)d page.", "Nothing to do for %(number)d pages.", idle)
            self.message_user(request, text % {"number": idle}, messages.INFO)
        if done:
            number = ngettext("%(number)d page", "%(number)d pages", done) % {"number": done}
            text = _("{label}: {value}").format(label=outcome, value=number)
            self.message_user(request, text, messages.SUCCESS)

    @transaction.atomic
    def publish_row(self, request, row, languages):
        """
        Publishes a row, unless somebody else has typed for it: the list does not show what. Returns whether there was
        anything to publish.
        """
        draft = self.find_draft(request, row)
        columns = (build_localized_fieldname("published_at", language) for language in languages)
        if not draft.ready(languages) and all(getattr(row, column) for column in columns):
            draft.keep()
            return False
        mine = {
            path: fingerprint(each["value"]) for path, each in draft.entries.items() if each["by"] == request.user.pk
        }
        if unseen := draft.unseen(languages, mine):
            text = _("Somebody else has typed here. Please open the page to look at it, and publish it there.")
            raise Refused({path: [text] for path in unseen})
        self.publish(request, draft, languages, seen=mine)
        return True
