from operator import itemgetter

from django.contrib import admin, messages
from django.contrib.admin.helpers import ActionForm
from django.contrib.admin.utils import unquote
from django.contrib.admin.widgets import AdminTextareaWidget
from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Exists, OuterRef, Prefetch, TextField, prefetch_related_objects
from django.http import HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.text import capfirst
from django.utils.translation import get_language, ngettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _
from post_office.models import STATUS, Attachment, Email, EmailTemplate, Log

from contact import retention, working_days
from contact.attachments import attachment
from contact.desk import actions, daily_report, exports
from contact.desk.forms import TASKS, AnswerForm, OwnerField
from contact.desk.queues import QUEUES, in_queue
from contact.desk.statistics import statistics
from contact.mail.delivery import last_failure
from contact.mail.messages import MAIL_STATES, acknowledgement_of
from contact.models import Answer, AnswerTemplate, Enquiry, Event, State, failed_mails, name_territories
from contact.references import normalize_code
from contact.text_fields import MultiLineField
from partners.models import Country
from portal.bilingual.editing import BilingualAdmin
from portal.bilingual.territories import territory_names
from portal.long_lists import COUNTED, LongListAdmin, PeriodFilter, SearchedRows, values_in_use
from portal.models import NAME_AND_USER_NAME, has_namesake

# Staff read mails on the page of their enquiry, and cannot change them.
for model in (Attachment, Email, EmailTemplate, Log):
    admin.site.unregister(model)


# The number of errors that an action shows, and of enquiries that the page names before they are erased.
MAX_ERRORS, MAX_NAMED = 20, 100


def shown_date(day):
    return date_format(day, "SHORT_DATE_FORMAT")


class QueueFilter(admin.SimpleListFilter):
    """
    A filter by what waits and for whom. The default is "open".

    It is "all" in a search, in a filter by state, and in a list of the enquiries about one program or country.
    """

    title = _("queue")
    parameter_name = "queue"

    def lookups(self, request, model_admin):
        return [
            *QUEUES.items(),
            ("answered", _("Answered, not closed")),
            ("all", pgettext_lazy("enquiries", "All")),
        ]

    def value(self):
        return super().value() or ("all" if self.is_search else "open")

    def __init__(self, request, *args):
        self.is_search = bool({"q", "state__exact", "program__in", "country__in"} & request.GET.keys())
        super().__init__(request, *args)

    def queryset(self, request, enquiries):
        match self.value():
            case "answered":
                return enquiries.filter(state=State.ANSWERED)
            case "mail":
                # They are looked for once, not by each query of the list.
                keys = failed_mails().order_by("-enquiry").values_list("enquiry", flat=True).distinct()
                return enquiries.filter(pk__in=list(keys[: COUNTED + 1]))
            case "all":
                return enquiries
            case name if name in QUEUES:
                return in_queue(name, enquiries, request.user)
        return enquiries.open()

    def choices(self, changelist):
        for value, title in self.lookup_choices:
            chosen = changelist.get_query_string({self.parameter_name: value})
            yield {"selected": self.value() == value, "query_string": chosen, "display": title}


def all_countries(request):
    """Returns all countries, which are read once for a request."""
    if not hasattr(request, "countries"):
        request.countries = list(Country.objects.all())
    return request.countries


class CountryFilter(admin.RelatedFieldListFilter):
    def field_choices(self, field, request, model_admin):
        return [(country.pk, str(country)) for country in all_countries(request)]


class TerritoryFilter(admin.SimpleListFilter):
    title = _("sender’s country or region")
    parameter_name = "territory"

    def lookups(self, request, model_admin):
        published = [row for row in all_countries(request) if row.is_published_in(get_language())]
        names = territory_names({country.iso_code: country.name for country in published})
        codes = values_in_use(Enquiry, "territory")
        return sorted(((code, names.get(code, code)) for code in codes), key=itemgetter(1))

    def queryset(self, request, enquiries):
        return enquiries.filter(territory=self.value()) if self.value() else enquiries


class DeskActionForm(ActionForm):
    owner = OwnerField(label=_("New owner"))


@admin.register(Enquiry)
class EnquiryAdmin(LongListAdmin):
    """The desk. Of what a visitor wrote, staff can change only the e-mail address."""

    action_form = DeskActionForm
    reading_actions = ["as_xlsx", "as_csv", "as_zip"]
    actions = ["assign", "mark_as_spam", "mark_as_not_spam", "merge", *reading_actions, "erase"]
    list_display = ["reference", "received", "organisation", "subject", "shown_state", "due", "owner"]
    list_filter = [
        *[QueueFilter, "state", ("created_at", PeriodFilter), "program__area", ("country", CountryFilter)],
        *[TerritoryFilter, "language"],
        SearchedRows,
    ]
    list_select_related = ["program", "country", "owner"]
    list_per_page = 50
    time_field = "created_at"
    empty_last = {"shown_due": "is_not_due"}
    search_fields = ["reference", "organisation", "person", "email", "telephone", "message"]
    search_note = _("A whole reference or e-mail address is found in all enquiries, words in the latest ones.")
    # A filter by one of these, character by character, would reveal it.
    secret_fields = ("code", "token", "fingerprint", "form_nonce")

    def lookup_allowed(self, lookup, value, request=None):
        return not lookup.startswith(self.secret_fields) and super().lookup_allowed(lookup, value, request)

    def has_add_permission(self, request):
        return False

    def has_delete_permission(self, request, obj=None):
        """Staff cannot delete an enquiry. They erase it instead, which keeps the row for the statistics."""
        return False

    def has_erase_permission(self, request):
        return request.user.has_perm("contact.delete_enquiry")

    def has_export_permission(self, request):
        return request.user.has_perm("contact.export_enquiry")

    def get_queryset(self, request):
        failed = failed_mails().filter(enquiry=OuterRef("pk"))
        return super().get_queryset(request).annotate(has_failed_mail=Exists(failed))

    def get_search_results(self, request, queryset, search_term):
        """Looks for a whole reference or e-mail address in all enquiries, and for other words as long lists do."""
        for known in (
            queryset.filter(reference=normalize_code(search_term)),
            queryset.from_address(search_term),
        ):
            if search_term.strip() and known.exists():
                return known, False
        return super().get_search_results(request, queryset, search_term)

    def get_urls(self):
        page = self.admin_site.admin_view
        return [
            path("statistics/", page(statistics), name="contact_enquiry_statistics"),
            path("attachments/<int:number>/", attachment, name="contact_attachment"),
            path("<path:object_id>/answer/", page(self.answer_view), name="contact_answer"),
            *super().get_urls(),
        ]

    # The list

    @admin.display(description=_("received"), ordering="created_at")
    def received(self, enquiry):
        return date_format(timezone.localtime(enquiry.created_at), "SHORT_DATETIME_FORMAT")

    @admin.display(description=_("about"))
    def subject(self, enquiry):
        return enquiry.subject or "–"

    @admin.display(description=_("state"), ordering="state_order")
    def shown_state(self, enquiry):
        if enquiry.has_failed_mail:
            failed = _("a mail has failed")
            return format_html('{}<br><strong class="overdue">{}</strong>', enquiry.get_state_display(), failed)
        return enquiry.get_state_display()

    @admin.display(description=_("due"), ordering="shown_due")
    def due(self, enquiry):
        if enquiry.is_overdue:
            return format_html('<strong class="overdue">{}: {}</strong>', _("Overdue"), shown_date(enquiry.due_on))
        return shown_date(enquiry.due_on) if enquiry.due_on and not enquiry.is_finished else "–"

    def changelist_view(self, request, extra_context=None):
        warnings = [working_days.warning(timezone.localdate()), daily_report.warning()]
        return super().changelist_view(request, {"title": _("The desk"), "warnings": filter(None, warnings)})

    # One enquiry

    def change_view(self, request, object_id, form_url="", extra_context=None):
        enquiry = self.get_enquiry(request, object_id)
        if enquiry is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
        task, form = request.POST.get("task"), None
        if request.method == "POST":
            if not self.has_change_permission(request, enquiry) or task not in TASKS:
                raise PermissionDenied
            form = TASKS[task](request.POST, enquiry=enquiry, actor=request.user)
            if form.perform():
                self.message_user(request, form.done, messages.SUCCESS)
                if form.warning:
                    self.message_user(request, form.warning, messages.WARNING)
                return HttpResponseRedirect(request.path)
        actions.record_view(enquiry, request.user)
        forms = {name: Form(enquiry=enquiry, actor=request.user) for name, Form in TASKS.items()}
        context = {
            "forms": forms | ({task: form} if form else {}),
            "mails": [
                (mail, MAIL_STATES[mail.status], last_failure(mail))
                for mail in enquiry.mails.order_by("pk").prefetch_related("logs")
            ],
            "timeline": actions.timeline(enquiry),
        }
        if not enquiry.is_locked:
            failed = enquiry.all_answers().filter(mail__status=STATUS.failed).prefetch_related("mail__logs")
            context["failed_answers"] = [(answer, last_failure(answer.mail)) for answer in failed]
        return self.render_page(request, enquiry, "change_form", **context)

    def answer_view(self, request, object_id):
        """
        The page for writing an answer. A chosen template is put into the text as actions.with_template() says.

        Entries since the page was first opened are marked as new.
        """
        enquiry = self.get_enquiry(request, object_id)
        if enquiry is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
        if not self.has_change_permission(request, enquiry):
            raise PermissionDenied
        templates = actions.templates_for(enquiry)
        chosen = next((row for row in templates if str(row.pk) == request.POST.get("template")), None)
        form = AnswerForm(None if chosen else request.POST or None, enquiry=enquiry, actor=request.user)
        if chosen:
            form.initial["text"], said = actions.with_template(request.POST.get("text", ""), chosen, enquiry)
            if said:
                self.message_user(request, said)
            form.initial["is_on_status_page"] = "is_on_status_page" in request.POST
        elif request.method == "POST" and form.perform():
            text = _("The answer is stored and on its way by mail. If it does not arrive, this page says so.")
            self.message_user(request, text, messages.SUCCESS)
            return HttpResponseRedirect(reverse("admin:contact_enquiry_change", args=[enquiry.pk]))
        if request.method == "POST":
            # Somebody may have written while the form was checked. Only what is on the page has been seen.
            enquiry = self.get_enquiry(request, object_id)
        actions.record_view(enquiry, request.user)
        context = {
            "form": form,
            "templates": templates,
            "seen": actions.entry_keys(enquiry),
            "new": actions.new_entries(enquiry, request.POST.get("seen")),
        }
        return self.render_page(request, enquiry, "answer", **context)

    def get_enquiry(self, request, object_id):
        """Returns the Enquiry, or None if it does not exist. Raises PermissionDenied if the user may not read it."""
        enquiry = self.get_object(request, unquote(object_id))
        if enquiry is not None:
            answers = Answer.objects.select_related("author", "mail")
            written = ["messages__attachments", "attachments", Prefetch("answers", answers)]
            duplicates = Enquiry.objects.select_related("program", "country").prefetch_related(*written)
            prefetch_related_objects([enquiry], *written, "notes__author", Prefetch("duplicates", duplicates))
            name_territories([enquiry, *enquiry.duplicates.all()])
        if enquiry is not None and not self.has_view_permission(request, enquiry):
            raise PermissionDenied
        return enquiry

    def render_page(self, request, enquiry, template, **context):
        acknowledgement = acknowledgement_of(enquiry)
        if acknowledgement and acknowledgement.status == STATUS.failed:
            context["failed_acknowledgement"] = acknowledgement
            context["acknowledgement_failure"] = last_failure(acknowledgement)
        context |= {
            "failed": MAIL_STATES[STATUS.failed],
            **self.admin_site.each_context(request),
            "title": _("Enquiry %(reference)s") % {"reference": enquiry.reference},
            "enquiry": enquiry,
            "opts": self.opts,
            "may_change": self.has_change_permission(request, enquiry),
            "may_erase": self.has_erase_permission(request),
        }
        return TemplateResponse(request, f"admin/contact/enquiry/{template}.html", context)

    # Several at once

    def for_each(self, request, outcome, enquiries, do):
        """
        Calls `do` for each enquiry, and returns the number of successes.

        Shows a message with the `outcome`, in words, and this number, and one for each of the first MAX_ERRORS errors.
        """
        if not enquiries:
            self.message_user(
                request, _("Nothing was done: what you chose is not in this list any more."), messages.ERROR
            )
        done, faults = 0, []
        for enquiry in enquiries:
            try:
                do(enquiry)
                done += 1
            except ValidationError as fault:
                faults.append(f"{enquiry.reference}: {' '.join(fault.messages)}")
        for fault in faults[:MAX_ERRORS]:
            self.message_user(request, fault, messages.ERROR)
        if more := len(faults[MAX_ERRORS:]):
            said = ngettext("Not done for %(number)s more enquiry.", "Not done for %(number)s more enquiries.", more)
            self.message_user(request, said % {"number": more}, messages.ERROR)
        if done:
            number = ngettext("%(number)s enquiry", "%(number)s enquiries", done) % {"number": done}
            said = _("{label}: {value}").format(label=outcome, value=number)
            self.message_user(request, said, messages.SUCCESS)
        return done

    @admin.action(description=_("Give to the owner chosen here"), permissions=["change"])
    def assign(self, request, enquiries):
        owner = actions.possible_owners().filter(pk=request.POST.get("owner") or None).first()
        if owner is None:
            self.message_user(request, _("Choose the new owner, beside the action."), messages.ERROR)
            return
        outcome = _("Assigned to %(owner)s") % {"owner": owner}
        done = self.for_each(request, outcome, enquiries, lambda enquiry: actions.assign(enquiry, owner, request.user))
        if done and (warning := actions.missing_address_warning(owner)):
            self.message_user(request, warning, messages.WARNING)

    @admin.action(description=_("Mark as spam"), permissions=["change"])
    def mark_as_spam(self, request, enquiries):
        outcome = _("Marked as spam, to be erased automatically")
        self.for_each(request, outcome, enquiries, lambda enquiry: actions.move(enquiry, State.SPAM, request.user))

    @admin.action(description=_("Mark as not spam"), permissions=["change"])
    def mark_as_not_spam(self, request, enquiries):
        outcome = _("Marked as not spam, and open again")
        self.for_each(request, outcome, enquiries, lambda enquiry: actions.move(enquiry, State.RECEIVED, request.user))

    @admin.action(description=_("Merge into the oldest of them"), permissions=["change"])
    def merge(self, request, enquiries):
        oldest_first = list(enquiries.order_by("created_at", "pk"))
        if len(oldest_first) == 1:
            self.message_user(request, _("Choose at least two enquiries to merge."), messages.ERROR)
            return
        main, others = next(iter(oldest_first), None), oldest_first[1:]
        outcome = _("Merged into %(reference)s, where you answer") % {"reference": main}
        self.for_each(request, outcome, others, lambda enquiry: actions.merge(enquiry, main, request.user))

    @admin.action(description=_("Export as XLSX"), permissions=["export"])
    def as_xlsx(self, request, enquiries):
        return exports.download(enquiries, request.user, "XLSX")

    @admin.action(description=_("Export as CSV"), permissions=["export"])
    def as_csv(self, request, enquiries):
        return exports.download(enquiries, request.user, "CSV")

    @admin.action(description=_("Everything about this person: table and files (ZIP)"), permissions=["export"])
    def as_zip(self, request, enquiries):
        emails = enquiries.order_by().values_list("email", flat=True).distinct()
        addresses = {email.casefold() for email in emails if email}
        if len(addresses) != 1:
            self.message_user(request, _("Choose enquiries of one e-mail address."), messages.ERROR)
            return None
        return exports.download_personal_data(addresses.pop(), request.user)

    @admin.action(description=_("Erase all personal data"), permissions=["erase"])
    def erase(self, request, enquiries):
        if "confirmed" not in request.POST:
            keys = list(enquiries.values_list("pk", flat=True))
            context = {
                **self.admin_site.each_context(request),
                "title": _("Erase all personal data?"),
                "opts": self.opts,
                "keys": keys,
                "named": enquiries[:MAX_NAMED],
                "unnamed": len(keys[MAX_NAMED:]),
            }
            return TemplateResponse(request, "admin/contact/enquiry/erase.html", context)
        outcome = _("All personal data erased for good")
        self.for_each(request, outcome, enquiries, lambda enquiry: retention.erase(enquiry, request.user))
        return None


@admin.register(AnswerTemplate)
class AnswerTemplateAdmin(BilingualAdmin):
    formfield_overrides = {TextField: {"form_class": MultiLineField, "widget": AdminTextareaWidget(attrs={"rows": 8})}}
    fields = ["title", "text", "sort_order"]
    list_display = ["__str__", "sort_order"]

    def warn_of_texts(self, request, rows):
        """Warns of wrong placeholders too, which a draft may have and publishing refuses."""
        super().warn_of_texts(request, rows)
        for row in rows:
            for column, fault in row.wrong_placeholders().items():
                label = capfirst(self.opts.get_field(column).verbose_name)
                text = _("{label}: {value}").format(label=label, value=fault)
                self.message_user(request, text, messages.WARNING)


class ActorFilter(admin.SimpleListFilter):
    """A filter by the key of the account or, if that is deleted, by the name that was kept."""

    title = _("who")
    parameter_name = "actor"
    #: It stands before a name that was kept.
    GONE = "deleted:"

    def lookups(self, request, model_admin):
        users = get_user_model().objects.filter(pk__in=values_in_use(Event, "actor"))
        users = users.annotate(has_namesake=has_namesake()).order_by("username")
        gone, said = filter(None, values_in_use(Event, "actor_name", without="actor")), _("%(name)s (account deleted)")
        return [
            *((str(user.pk), user.distinct_name) for user in users),
            *((f"{self.GONE}{name}", said % {"name": name}) for name in gone),
        ]

    def queryset(self, request, events):
        value = self.value()
        if value not in {value for value, _name in self.lookup_choices}:
            return events
        if value.startswith(self.GONE):
            return events.filter(actor=None, actor_name=value.removeprefix(self.GONE))
        return events.filter(actor=value)


@admin.register(Event)
class EventAdmin(LongListAdmin):
    """The log of all actions on enquiries and their personal data. It is read-only."""

    list_display = ["at", "who", "enquiry", "__str__"]
    list_display_links = None
    list_filter = ["kind", ActorFilter, ("at", PeriodFilter)]
    ordering = ["-at", "-pk"]
    sortable_by = ["at", "who"]
    list_select_related = ["enquiry", "actor"]
    search_fields = ["enquiry__reference"]
    search_note = _("The whole reference of an enquiry.")

    def get_queryset(self, request):
        return super().get_queryset(request).annotate(has_namesake=has_namesake("actor"))

    def get_search_results(self, request, queryset, search_term):
        if search_term:
            queryset = queryset.filter(enquiry__reference=normalize_code(search_term))
        return queryset, False

    @admin.display(description=_("who"), ordering="actor_name")
    def who(self, event):
        if event.has_namesake:
            return NAME_AND_USER_NAME % {"name": event.shown_actor, "user_name": event.actor.username}
        return event.shown_actor

    def changelist_view(self, request, extra_context=None):
        return super().changelist_view(request, {"title": _("What was done, and by whom")})

    def has_add_permission(self, request):
        return False

    def has_change_permission(self, request, obj=None):
        return False

    def has_delete_permission(self, request, obj=None):
        return False
