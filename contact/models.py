import re
from datetime import timedelta
from uuid import uuid4

from dateutil.relativedelta import relativedelta
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.files.storage import storages
from django.db import models
from django.db.models import Case, Exists, Min, OuterRef, Q, Subquery, Value, When
from django.db.models.functions import Lower
from django.db.models.lookups import Exact
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext, pgettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _
from django_cleanup import cleanup
from post_office.models import STATUS, Email

from contact.mail.messages import MAIL_STATES, WAITING, stop_mails
from contact.references import new_code, new_reference, new_token
from contact.working_days import promised_date
from partners.models import Country
from portal.bilingual.changes import TrackedModel
from portal.bilingual.publishing import in_both_languages
from portal.bilingual.territories import territory_names
from portal.filetypes import TYPE_NAMES
from portal.models import Department
from programs.models import Program


class State(models.TextChoices):
    """The states of an enquiry, in the order of the work."""

    RECEIVED = "received", pgettext_lazy("state of an enquiry", "Received")
    IN_PROGRESS = "in_progress", pgettext_lazy("state of an enquiry", "In progress")
    ANSWERED = "answered", pgettext_lazy("state of an enquiry", "Answered")
    CLOSED = "closed", pgettext_lazy("state of an enquiry", "Closed")
    SPAM = "spam", pgettext_lazy("state of an enquiry", "Spam")
    WITHDRAWN = "withdrawn", pgettext_lazy("state of an enquiry", "Consent withdrawn")


OPEN = (State.RECEIVED, State.IN_PROGRESS)
FINISHED = (State.CLOSED, State.SPAM, State.WITHDRAWN)

# The next states that are allowed after each state. A withdrawal of consent is final.
TRANSITIONS = {
    State.RECEIVED: {State.IN_PROGRESS, State.ANSWERED, State.CLOSED, State.SPAM, State.WITHDRAWN},
    State.IN_PROGRESS: {State.ANSWERED, State.CLOSED, State.SPAM, State.WITHDRAWN},
    State.ANSWERED: {State.IN_PROGRESS, State.CLOSED, State.SPAM, State.WITHDRAWN},
    State.CLOSED: {State.IN_PROGRESS, State.WITHDRAWN},
    State.SPAM: {State.RECEIVED, State.WITHDRAWN},
    State.WITHDRAWN: set(),
}

# The fields with personal data. They are empty in an erased enquiry.
PERSONAL_FIELDS = ("organisation", "person", "position", "email", "telephone", "message")


def can_view_enquiries(user) -> bool:
    """Whether the user may read enquiries. As everywhere in the admin, the change permission includes it."""
    return user.has_perm("contact.view_enquiry") or user.has_perm("contact.change_enquiry")


class EnquiryQuerySet(models.QuerySet):
    def open(self):
        return self.filter(state__in=OPEN)

    def overdue(self):
        return self.open().filter(due_on__lt=timezone.localdate())

    def from_address(self, email: str):
        """Enquiries from an e-mail address, in any case."""
        return self.filter(Exact(Lower("email"), Lower(Value(email.strip()))))

    def answered_long_ago(self):
        """
        Answered enquiries without a new answer or message in the last `Department.close_answered_days` days.

        An answer is as new as the last try to send its mail.
        """
        before = timezone.now() - timedelta(days=Department.current().close_answered_days)
        answered = self.filter(state=State.ANSWERED, answered_at__lt=before)
        answered = answered.exclude(answers__created_at__gte=before).exclude(messages__created_at__gte=before)
        return answered.exclude(answers__mail__last_updated__gte=before)

    def answered_after_all(self):
        """
        Enquiries in progress for no other reason than an answer that did not arrive, with all answers sent by now.

        If anybody has changed the state since, the visitor has written or a duplicate was added, there is more to do.
        """
        reasons = [Event.Kind.MOVED, Event.Kind.NOT_ARRIVED, Event.Kind.WRITTEN, Event.Kind.MERGED]
        last_reason = Event.objects.filter(enquiry=OuterRef("pk"), kind__in=reasons).order_by("-pk").values("kind")[:1]
        not_sent = Answer.objects.filter(mail__status__in=[*WAITING, STATUS.failed])
        # Conditions one within the other, so that each database looks for few rows by an index, and first for the
        # rarest ones.
        own = Exists(not_sent.filter(enquiry=OuterRef("pk")))
        of_duplicates = Exists(Enquiry.objects.filter(own, merged_into=OuterRef("pk")))
        not_arrived = Event.objects.filter(kind=Event.Kind.NOT_ARRIVED)
        in_progress = self.filter(~own, ~of_duplicates, pk__in=not_arrived.values("enquiry"), state=State.IN_PROGRESS)
        return in_progress.alias(last_reason=Subquery(last_reason)).filter(last_reason=Event.Kind.NOT_ARRIVED)

    def with_new_words(self):
        """Open enquiries to which the visitor has written again, and which nobody has answered since."""
        kinds = [Event.Kind.WRITTEN, Event.Kind.ANSWERED]
        last = Event.objects.filter(enquiry=OuterRef("pk"), kind__in=kinds).order_by("-pk").values("kind")[:1]
        written = Event.objects.filter(kind=Event.Kind.WRITTEN)
        found = self.open().filter(pk__in=written.values("enquiry")).alias(last=Subquery(last))
        return found.filter(last=Event.Kind.WRITTEN)

    def due_for_erasing(self):
        """Enquiries whose retention period is over. Duplicates are erased with the enquiry they were merged into."""
        return self.filter(erase_on__lte=timezone.localdate(), erased_at__isnull=True, merged_into__isnull=True)

    def with_failed_mail(self):
        """Enquiries with one of failed_mails()."""
        return self.filter(pk__in=failed_mails().values("enquiry"))

    def locked(self):
        """Enquiries about which nothing may be sent or done, because consent was withdrawn or they were erased."""
        return self.filter(Q(state=State.WITHDRAWN) | Q(erased_at__isnull=False))

    def for_update(self, *enquiries):
        """Returns the current rows, locked with their duplicates in the order of the key, to avoid deadlocks."""
        keys = [enquiry.pk for enquiry in enquiries]
        with_duplicates = self.filter(Q(pk__in=keys) | Q(merged_into__in=keys))
        rows = {row.pk: row for row in with_duplicates.select_for_update().order_by("pk")}
        return [rows[key] for key in keys]


def failed_mails():
    """
    Returns a queryset of the links from an enquiry to a mail that failed for good and was not sent again.

    Spam is left out: its addresses are often invalid. So are locked enquiries: nothing may be sent about them.
    """
    failed = Enquiry.mails.through.objects.filter(email__status=STATUS.failed, enquiry__erased_at__isnull=True)
    return failed.exclude(enquiry__state__in=[State.SPAM, State.WITHDRAWN])


def name_territories(enquiries):
    """Sets `named_territory` of each enquiry to its `territory_name`, in the active language, with a single query."""
    names = territory_names(Country.objects.published_names())
    for enquiry in enquiries:
        enquiry.named_territory = names.get(enquiry.territory, enquiry.territory)


class Enquiry(models.Model):
    """An enquiry from a college, with its state and its dates."""

    reference = models.CharField(_("reference"), max_length=8, unique=True, default=new_reference)
    code = models.CharField(max_length=12, default=new_code)
    token = models.CharField(max_length=43, unique=True, default=new_token)
    fingerprint = models.CharField(max_length=64, unique=True, null=True, blank=True)
    form_nonce = models.CharField(max_length=22, unique=True, null=True, blank=True)
    created_at = models.DateTimeField(_("received"), auto_now_add=True)
    language = models.CharField(_("language"), max_length=10, choices=settings.LANGUAGES)
    # The privacy notice that the visitor accepted, as in portal.models.PrivacyNotice. The version proves its text.
    privacy_version = models.CharField(max_length=12)
    privacy_date = models.DateField(_("version of the privacy notice"), default=timezone.localdate)

    organisation = models.CharField(_("college, school or organisation"), max_length=200)
    territory = models.CharField(_("country or region"), max_length=2)
    person = models.CharField(_("contact person"), max_length=100)
    position = models.CharField(_("position"), max_length=100, blank=True)
    email = models.EmailField(_("e-mail address"))
    telephone = models.CharField(_("telephone"), max_length=50, blank=True)
    # For each of these relations without an index of its own, one below begins with it.
    program = models.ForeignKey(
        Program,
        verbose_name=_("program"),
        related_name="enquiries",
        on_delete=models.PROTECT,
        db_index=False,
        null=True,
        blank=True,
    )
    country = models.ForeignKey(
        Country,
        verbose_name=_("partner country or region"),
        related_name="enquiries",
        on_delete=models.PROTECT,
        db_index=False,
        null=True,
        blank=True,
    )
    message = models.TextField(pgettext_lazy("of an enquiry", "message"), max_length=5000)

    state = models.CharField(_("state"), max_length=12, choices=State, default=State.RECEIVED)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("owner"),
        related_name="enquiries",
        on_delete=models.SET_NULL,
        db_index=False,
        null=True,
        blank=True,
    )
    due_on = models.DateField(_("due"), null=True, blank=True)
    # What the desk sorts by, computed by the database, so that an index serves it. See State; and enquiries for which
    # the desk shows no due date.
    state_order = models.GeneratedField(
        expression=Case(*(When(state=state.value, then=place) for place, state in enumerate(State))),
        output_field=models.PositiveSmallIntegerField(null=True),
        db_persist=True,
    )
    shown_due = models.GeneratedField(
        expression=Case(When(~Q(state__in=FINISHED), then="due_on")),
        output_field=models.DateField(null=True),
        db_persist=True,
    )
    is_not_due = models.GeneratedField(
        expression=Case(When(Q(state__in=FINISHED) | Q(due_on=None), then=True), default=False),
        output_field=models.BooleanField(),
        db_persist=True,
    )
    answered_at = models.DateTimeField(_("answered"), null=True, blank=True)
    closed_at = models.DateTimeField(_("closed"), null=True, blank=True)
    erase_on = models.DateField(_("to be erased"), null=True, blank=True)
    erased_at = models.DateTimeField(_("erased"), null=True, blank=True)
    merged_into = models.ForeignKey(
        "self",
        verbose_name=_("merged into"),
        related_name="duplicates",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
    )
    mails = models.ManyToManyField(Email, verbose_name=_("mails"), related_name="enquiries", blank=True)

    objects = EnquiryQuerySet.as_manager()

    class Meta:
        verbose_name = _("enquiry")
        verbose_name_plural = _("enquiries")
        ordering = ["-created_at"]
        permissions = [("export_enquiry", _("Can export enquiries"))]
        indexes = [
            # What the desk filters and sorts by. The key is last, because lists are in a total order.
            *(
                models.Index(fields=[*fields, "created_at", "id"], name=f"contact_enquiry_{name}")
                for name, fields in {
                    "received": [],
                    "owner": ["owner"],
                    "program": ["program"],
                    "country": ["country"],
                    "territory": ["territory"],
                    "language": ["language"],
                    "due": ["is_not_due", "shown_due"],
                    "organisation": ["organisation"],
                    "state_order": ["state_order"],
                }.items()
            ),
            models.Index(fields=["is_not_due", "-shown_due", "-created_at", "-id"], name="contact_enquiry_due_last"),
            # Most lists are of one state, and then filtered or sorted by something else. This index has all of it, so
            # that no row is read to be counted or sorted.
            models.Index(
                fields=[
                    *["state", "created_at", "id", "due_on", "answered_at"],
                    *["owner", "program", "country", "territory", "language", "organisation"],
                    *["state_order", "is_not_due", "shown_due"],
                ],
                name="contact_enquiry_of_state",
            ),
            models.Index(Lower("email"), name="contact_enquiry_email"),
            # What the worker looks for every minute.
            models.Index(
                fields=["merged_into", "erase_on"], name="contact_enquiry_to_erase", condition=Q(erased_at__isnull=True)
            ),
            models.Index(
                fields=["reference", "erased_at"], name="contact_enquiry_erased", condition=Q(erased_at__isnull=False)
            ),
            models.Index(
                fields=["answered_at"], name="contact_enquiry_unanswered", condition=Q(answered_at__isnull=True)
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=FINISHED, closed_at__isnull=False, erase_on__isnull=False)
                | (~Q(state__in=FINISHED) & Q(closed_at__isnull=True, erase_on__isnull=True)),
                name="contact_enquiry_finished",
                violation_error_message=_("An enquiry that has ended says since when, and when it is erased."),
            ),
            models.CheckConstraint(
                condition=Q(merged_into__isnull=True) | Q(state=State.CLOSED),
                name="contact_enquiry_merged_is_closed",
                violation_error_message=_("An enquiry that was merged into another is closed."),
            ),
            models.CheckConstraint(
                condition=Q(erased_at__isnull=True) | Q(**dict.fromkeys(PERSONAL_FIELDS, "")),
                name="contact_enquiry_erased_is_empty",
                violation_error_message=_("An erased enquiry holds no personal data."),
            ),
        ]

    def __str__(self):
        return self.reference

    def get_absolute_url(self):
        """The path of the receipt. Anybody who has this secret path can read it."""
        return reverse("received", args=[self.token])

    def get_status_url(self) -> str:
        """The path of the status page. Anybody who has this secret path can read it."""
        return reverse("status_detail", args=[self.token])

    @property
    def subject(self) -> str:
        """The names of the program and of the country or region that it is about, for staff; it may be empty."""
        return pgettext("between names", ", ").join(map(str, filter(None, (self.program, self.country))))

    @property
    def display_subject(self) -> str:
        """The same for the visitor, with names in the active language alone."""
        titles = (row.display_title for row in (self.program, self.country) if row)
        return pgettext("between names", ", ").join(filter(None, titles))

    @property
    def first_attachments(self):
        """The Attachments that came with the enquiry itself, not with a further message."""
        return [attachment for attachment in self.attachments.all() if attachment.message_id is None]

    @property
    def territory_name(self) -> str:
        """The name of the sender's country or region in the active language. It takes a query; see name_territories."""
        return territory_names(Country.objects.published_names()).get(self.territory, self.territory)

    def all_answers(self):
        """The Answers to the visitor, including those to its duplicates."""
        with_duplicates = Enquiry.objects.filter(Q(pk=self.pk) | Q(merged_into=self))
        return Answer.objects.filter(enquiry__in=with_duplicates).select_related("enquiry", "mail")

    @property
    def is_finished(self):
        """Whether work on the enquiry has ended. It can be opened again unless it is locked."""
        return self.state in FINISHED

    @property
    def is_locked(self):
        """Whether nothing may be sent or done any more; see EnquiryQuerySet.locked()."""
        return self.state == State.WITHDRAWN or self.erased_at is not None

    @property
    def is_overdue(self):
        return self.state in OPEN and self.due_on is not None and self.due_on < timezone.localdate()

    @property
    def can_be_answered(self):
        """Whether an answer may be sent. An answered enquiry may get further answers."""
        return self.state == State.ANSWERED or State.ANSWERED in self.next_states

    @property
    def next_states(self) -> set[State]:
        """The states that are allowed next. An erased enquiry has none."""
        return set() if self.erased_at else TRANSITIONS[self.state]

    def move_to(self, state, actor=None, kind=None):
        """
        Saves a new state. Call it in a transaction. Raises ValidationError if `state` is not one of `next_states`.

        `actor` is the user, or None for the visitor or the worker. `kind` is that of the logged Event, MOVED by
        default. A finished enquiry gets the date on which it is erased, and the same form may be sent again as a new
        enquiry. One that is opened again gets a new due date. A withdrawal stops waiting mails and opens duplicates
        again, because each has a consent of its own.
        """
        if state not in self.next_states:
            raise ValidationError(
                _("“%(state)s” cannot become “%(wanted)s”."),
                params={"state": self.get_state_display(), "wanted": State(state).label},
            )
        now = timezone.now()
        if state == State.IN_PROGRESS and self.state != State.RECEIVED:
            self.due_on = promised_date(now)
        self.state = State(state)
        self.merged_into = self.closed_at = self.erase_on = None
        if self.is_finished:
            self.closed_at, self.erase_on = now, self.retention_ends_on(now)
            self.fingerprint = self.form_nonce = None
        elif self.state == State.ANSWERED:
            self.answered_at = self.answered_at or now
        dates = ["due_on", "closed_at", "erase_on", "answered_at"]
        self.save(update_fields=["state", *dates, "merged_into", "fingerprint", "form_nonce"])
        self.log(kind or Event.Kind.MOVED, actor, state)
        if self.state == State.WITHDRAWN:
            stop_mails(self)
            self.discount_failed_answers()
            for duplicate in self.duplicates.filter(erased_at__isnull=True):
                duplicate.move_to(State.IN_PROGRESS, actor)

    def discount_failed_answers(self):
        """
        Saves `answered_at` anew, after mails have failed: an answer that did not arrive is no answer.

        It becomes the time of the first answer whose mail has not failed, or None. It never becomes earlier: an answer
        that failed first, and was sent again, counts from then on.
        """
        answers = self.answers.exclude(mail__status=STATUS.failed)
        first = answers.aggregate(first=Min("created_at"))["first"]
        self.answered_at = max(first, self.answered_at) if first and self.answered_at else None
        self.save(update_fields=["answered_at"])

    def retention_ends_on(self, since):
        """Returns the date on which an enquiry that entered its finished state at `since` (aware) is erased."""
        department = Department.current()
        keeping = {
            State.CLOSED: relativedelta(months=department.keep_closed_months),
            State.SPAM: timedelta(days=department.keep_spam_days),
            State.WITHDRAWN: timedelta(days=department.keep_withdrawn_days),
        }
        return timezone.localdate(since) + keeping[self.state]

    def log(self, kind, actor=None, detail=""):
        """Saves an Event. `detail` outlives the personal data, so it must not contain any of the visitor."""
        Event.of(self, kind, actor, detail).save()


class Event(models.Model):
    """An entry in the timeline of an enquiry. It stays when the personal data are erased."""

    class Kind(models.TextChoices):
        RECEIVED = "received", pgettext_lazy("event", "Received")
        WITHHELD = "withheld", pgettext_lazy("event", "No acknowledgement: many have gone to this address")
        VIEWED = "viewed", pgettext_lazy("event", "Viewed")
        ASSIGNED = "assigned", pgettext_lazy("event", "Assigned")
        MOVED = "moved", pgettext_lazy("event", "State")
        NOTED = "noted", pgettext_lazy("event", "Internal note written")
        ANSWERED = "answered", pgettext_lazy("event", "Answered")
        WRITTEN = "written", pgettext_lazy("event", "The visitor wrote again")
        MERGED = "merged", pgettext_lazy("event", "Merged with")
        FETCHED = "fetched", pgettext_lazy("event", "File fetched")
        MAIL_FAILED = "mail_failed", pgettext_lazy("event", "Mail failed for good")
        MAIL_AGAIN = "mail_again", pgettext_lazy("event", "Mail queued again")
        NOT_ARRIVED = "not_arrived", pgettext_lazy("event", "An answer did not arrive")
        ARRIVED = "arrived", pgettext_lazy("event", "An answer arrived after all")
        NEW_ADDRESS = "new_address", pgettext_lazy("event", "E-mail address corrected")
        EXPORTED = "exported", pgettext_lazy("event", "Exported")
        ERASED = "erased", pgettext_lazy("event", "Personal data erased")

    enquiry = models.ForeignKey(Enquiry, verbose_name=_("enquiry"), related_name="events", on_delete=models.CASCADE)
    at = models.DateTimeField(_("when"), auto_now_add=True)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, related_name="+", on_delete=models.SET_NULL, null=True, db_index=False
    )
    # A copy of the name, which stays when the account is deleted.
    actor_name = models.CharField(_("who"), max_length=150, blank=True)
    kind = models.CharField(_("what"), max_length=12, choices=Kind)
    detail = models.CharField(_("detail"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("event")
        verbose_name_plural = _("events")
        ordering = ["at", "pk"]
        indexes = [
            models.Index(fields=["at", "id"], name="contact_event_at"),
            models.Index(fields=["kind", "at", "id"], name="contact_event_kind"),
            models.Index(fields=["actor_name", "at", "id"], name="contact_event_actor_name"),
            # Of accounts, and of the names of those whose account is deleted. With the events of visitors in the
            # first one, SQLite would take it for the second.
            models.Index(fields=["actor", "at", "id"], name="contact_event_actor", condition=Q(actor__isnull=False)),
            models.Index(
                fields=["actor_name", "at", "id"], name="contact_event_actor_gone", condition=Q(actor__isnull=True)
            ),
        ]

    def __str__(self):
        if not self.detail:
            return self.get_kind_display()
        return gettext("%(event)s: %(detail)s") % {"event": self.get_kind_display(), "detail": self.shown_detail}

    @classmethod
    def of(cls, enquiry, kind, actor=None, detail=""):
        """Returns an unsaved Event; see Enquiry.log()."""
        actor_name = actor.name_to_keep if actor else ""
        return cls(enquiry=enquiry, kind=kind, actor=actor, actor_name=actor_name, detail=detail)

    @property
    def shown_actor(self):
        """The name of the actor, or "the visitor", or "the portal" for the worker, in the active language."""
        if self.actor_name:
            return self.actor_name
        # A visitor cannot close an enquiry, but the worker can.
        visitors = (self.Kind.RECEIVED, self.Kind.WRITTEN, self.Kind.MOVED)
        by_visitor = self.kind in visitors and self.detail != State.CLOSED
        return _("the visitor") if by_visitor else _("the portal")

    @property
    def shown_detail(self):
        """The detail in words: the label of a state, the name of a type of file, or the subject of a mail."""
        match self.kind:
            case self.Kind.MOVED | self.Kind.NOT_ARRIVED | self.Kind.ARRIVED:
                return State(self.detail).label
            case self.Kind.FETCHED:
                return TYPE_NAMES.get(self.detail, self.detail)
            case self.Kind.MAIL_FAILED | self.Kind.MAIL_AGAIN:
                # The key of the mail stands before it; see contact.mail.delivery.mail_label().
                return re.sub(r"^\d+: ", "", self.detail)
        return self.detail


class Entry(models.Model):
    """Base of what somebody writes about an enquiry after it was received."""

    enquiry = models.ForeignKey(Enquiry, related_name="%(class)ss", on_delete=models.CASCADE)
    created_at = models.DateTimeField(_("written"), auto_now_add=True)
    text = models.TextField(_("text"), max_length=5000)

    class Meta:
        abstract = True
        ordering = ["created_at", "pk"]

    def __str__(self):
        return self.text[:60]


class Message(Entry):
    """A further message that the visitor has sent on the status page."""

    class Meta(Entry.Meta):
        verbose_name = _("further message")
        verbose_name_plural = _("further messages")


class Note(Entry):
    """An internal note that only staff can see."""

    author = models.ForeignKey(settings.AUTH_USER_MODEL, related_name="+", on_delete=models.SET_NULL, null=True)

    class Meta(Entry.Meta):
        verbose_name = _("note")
        verbose_name_plural = _("notes")


class Answer(Entry):
    """An answer to the visitor, sent by mail and, if staff choose so, shown on the status page."""

    # Empty until the mail is queued, and in answers that are older than this field if their mail was not recognised.
    mail = models.OneToOneField(Email, on_delete=models.SET_NULL, null=True, editable=False)
    author = models.ForeignKey(settings.AUTH_USER_MODEL, related_name="+", on_delete=models.SET_NULL, null=True)
    text = models.TextField(_("text"), max_length=10_000)
    is_on_status_page = models.BooleanField(_("show it on the visitor's status page"), default=True)

    class Meta(Entry.Meta):
        verbose_name = pgettext_lazy("to an enquiry", "answer")
        verbose_name_plural = pgettext_lazy("to an enquiry", "answers")

    @property
    def mail_state(self):
        """The label of the state of its mail for the desk, or an empty text if the mail is not known."""
        return MAIL_STATES[self.mail.status] if self.mail else ""


# What a template may have in braces. contact.desk.actions fills it in.
PLACEHOLDERS = ("person", "organisation", "reference", "subject")
RIGHT_PLACEHOLDER = re.compile(rf"\{{(?:{'|'.join(PLACEHOLDERS)})\}}")
# What else has a brace, perhaps one of a Chinese keyboard, with some of what stands beside it.
WRONG_PLACEHOLDER = re.compile(r"[{｛][^{}｛｝\n]{0,40}[}｝]|[{｛][^\s{}｛｝]{0,20}|\w{0,20}[}｝]")


class AnswerTemplate(TrackedModel):
    """A text to start an answer from, in both languages."""

    title_field = "title"

    title = models.CharField(_("title"), max_length=120)
    text = models.TextField(
        _("text"),
        max_length=5000,
        help_text=_("{person}, {organisation}, {reference} and {subject} are filled in."),
    )
    sort_order = models.PositiveSmallIntegerField(_("order"), default=100)

    class Meta:
        verbose_name = _("answer template")
        verbose_name_plural = _("answer templates")
        ordering = ["sort_order", "pk"]

    def __str__(self):
        return self.title or f"({self.pk})"

    def clean(self):
        """
        Raises ValidationError about placeholders that nobody would fill in: a letter would show their braces.

        A text that stays as it is stored is left out: it may be in the language that is not published now.
        """
        stored = AnswerTemplate.objects.filter(pk=self.pk).first() or AnswerTemplate()
        faults = self.wrong_placeholders().items()
        if found := {column: fault for column, fault in faults if getattr(self, column) != getattr(stored, column)}:
            raise ValidationError(found)

    def wrong_placeholders(self) -> dict[str, str]:
        """Returns by column a sentence about what has braces and is no placeholder, in the active language."""
        said = gettext(
            "Not a placeholder: %(wrong)s. Please correct it: it cannot be published. The placeholders are %(right)s."
        )
        comma = pgettext("between names", ", ")
        right, faults = comma.join(f"{{{name}}}" for name in PLACEHOLDERS), {}
        for column in in_both_languages("text"):
            wrong = WRONG_PLACEHOLDER.findall(RIGHT_PLACEHOLDER.sub(" ", getattr(self, column) or ""))
            if wrong:
                faults[column] = said % {"wrong": comma.join(dict.fromkeys(wrong)), "right": right}
        return faults


def private_storage():
    """Returns the storage of attachments. None of its files has a public URL."""
    return storages["private"]


def random_name(attachment, filename):
    """Returns a file name that cannot be guessed and reveals nothing about the file."""
    return f"attachments/{uuid4().hex}"


@cleanup.ignore
class Attachment(models.Model):
    """
    A file that the visitor uploaded with an enquiry, or with a further `message` on it.

    contact.attachments removes it, not django-cleanup.
    """

    enquiry = models.ForeignKey(Enquiry, related_name="attachments", on_delete=models.CASCADE)
    # A message is erased before its file: without the row, nothing would know which file to delete.
    message = models.ForeignKey(Message, related_name="attachments", on_delete=models.SET_NULL, null=True)
    file = models.FileField(_("file"), storage=private_storage, upload_to=random_name)
    name = models.CharField(_("name"), max_length=200)
    content_type = models.CharField(_("type"), max_length=100)
    size = models.PositiveIntegerField(_("size in bytes"))

    class Meta:
        verbose_name = _("attachment")
        verbose_name_plural = _("attachments")
        ordering = ["pk"]
        # Erasing empties the name; see contact.attachments.remove_erased().
        indexes = [models.Index(fields=["enquiry"], name="contact_attachment_erased", condition=Q(name=""))]

    def __str__(self):
        return self.name


@cleanup.ignore
class KeptFile(models.Model):
    """
    A file of a form that came back, kept until `kept_until`; see contact.visitor.kept_files.

    Its name is in the form alone, so no row holds anything that the visitor typed.
    """

    form_key = models.CharField(max_length=64)
    digest = models.CharField(max_length=64)
    file = models.FileField(storage=private_storage, upload_to=random_name)
    content_type = models.CharField(max_length=100)
    size = models.PositiveIntegerField()
    kept_until = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["form_key", "digest"], name="contact_keptfile_once_a_form")]

    def __str__(self):
        return f"{self.content_type}, {self.size}"


class DailyReport(models.Model):
    """The record that the daily report of `day` was queued. `day` is unique, so two workers cannot queue it twice."""

    day = models.DateField(_("day"), unique=True)
    mails = models.ManyToManyField(Email, related_name="daily_reports")

    def __str__(self):
        return self.day.isoformat()


class RateSalt(models.Model):
    """The salt for hashing addresses on one day. Without it, a count cannot be traced to an address."""

    day = models.DateField(unique=True)
    value = models.CharField(max_length=43, default=new_token)

    def __str__(self):
        return self.day.isoformat()


class RateCount(models.Model):
    """A count of actions within one hour or day. Its address or network is stored as a salted hash, the bucket."""

    bucket = models.CharField(max_length=64)
    # The end of the hour or day.
    expires_at = models.DateTimeField()
    number = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["bucket", "expires_at"], name="contact_ratecount_one_a_period")]

    def __str__(self):
        return f"{self.expires_at:%H}: {self.number}"
