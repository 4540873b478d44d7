import hashlib
import re
from datetime import date
from typing import NamedTuple

from django.conf import settings
from django.contrib.auth.models import AbstractUser
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Now
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _
from modeltranslation.utils import build_localized_fieldname

from portal import content_version, search_index
from portal.bilingual.changes import TrackedModel
from portal.bilingual.drafts.models import Draft as Draft
from portal.bilingual.drafts.models import ScheduledPublication as ScheduledPublication
from portal.bilingual.email_addresses import RECIPIENTS_HELP, validate_email_addresses
from portal.bilingual.freshness.models import Review as Review
from portal.bilingual.history.models import Change as Change
from portal.bilingual.languages import LANGUAGES
from portal.bilingual.parity.models import Parity as Parity
from portal.bilingual.publishing import (
    ContentPage,
    Published,
    PublishedQuerySet,
    RequiredColumns,
    in_both_languages,
    required_when_published,
)
from portal.bilingual.richtext import RichTextField
from portal.bilingual.telephones import parse_telephones, validate_telephones
from portal.pictures import PictureField
from portal.sign_in.rights import name_changes

DOOR_HELP = _("A short list of what such a visitor wants to do, each a link to the page that helps.")
NAME_AND_USER_NAME = _("%(name)s (%(user_name)s)")
FIXED_PAGE_STAYS = _("This page cannot be deleted: other pages link to it.")


class User(AbstractUser):
    """A member of staff. See portal.roles for what they may do."""

    language = models.CharField(
        _("language"),
        max_length=10,
        choices=settings.LANGUAGES,
        blank=True,
        help_text=_(
            "Of the admin, and of mails about this person’s enquiries. The choice in the admin’s header sets it."
        ),
    )

    class Meta(AbstractUser.Meta):
        permissions = [("administer_accounts", "Can administer accounts")]

    def __str__(self):
        """The name, by which colleagues know the person, or the user name if no name is stored."""
        return self.get_full_name() or self.get_username()

    def get_full_name(self):
        """Returns the name as its own language writes it: a Chinese one begins with the family name."""
        name = self.last_name + self.first_name
        return name if re.search("[\u3400-\u9fff]", name) else super().get_full_name()

    def get_short_name(self):
        return self.get_full_name()

    @property
    def name_to_keep(self) -> str:
        """The name for the time after the account is deleted, in at most 150 characters."""
        return str(self)[:150]

    @property
    def distinct_name(self) -> str:
        """The name, with the user name if somebody else has the same one. It needs the annotation has_namesake()."""
        return NAME_AND_USER_NAME % {"name": self, "user_name": self.username} if self.has_namesake else str(self)


def has_namesake(key: str = "pk") -> Exists:
    """
    Returns an annotation `has_namesake`: whether another user has the same name as a user.

    `key` is the column with the key of the user in the rows that are annotated.
    """
    others = User.objects.exclude(first_name="", last_name="").exclude(pk=OuterRef("pk"))
    same = others.filter(first_name=OuterRef("first_name"), last_name=OuterRef("last_name"))
    # Without a join, for which long lists would read their rows to count them.
    return Exists(User.objects.filter(Exists(same), pk=OuterRef(key)))


class AccountEvent(models.Model):
    """An entry in the log of sign-ins and of changes to accounts, which is kept for 90 days."""

    class Kind(models.TextChoices):
        SIGNED_IN = "signed_in", pgettext_lazy("account", "Signed in")
        FAILED = "failed", pgettext_lazy("account", "Wrong user name or password")
        WRONG_CODE = "wrong_code", pgettext_lazy("account", "Wrong code of the second step")
        REFUSED = "refused", pgettext_lazy("account", "Refused after too many attempts")
        PASSWORD_ASKED = "password_asked", pgettext_lazy("account", "New password asked for by mail")
        PASSWORD_CHANGED = "password_changed", pgettext_lazy("account", "Password set")
        PASSWORD_DISABLED = "password_disabled", pgettext_lazy("account", "Password disabled")
        RECOVERY_CODE_USED = "recovery_used", pgettext_lazy("account", "Recovery code used")
        FACTOR_ADDED = "factor_added", pgettext_lazy("account", "Second step set up")
        FACTOR_REMOVED = "factor_removed", pgettext_lazy("account", "Second step removed")
        FACTOR_RESET = "factor_reset", pgettext_lazy("account", "Second step reset, sessions ended")
        RIGHTS_CHANGED = "rights_changed", pgettext_lazy("account", "Account or rights changed")
        CREATED = "created", pgettext_lazy("account", "Account created")
        DELETED = "deleted", pgettext_lazy("account", "Account or group deleted")

    # The labels of the kinds of second factor that `detail` may name.
    FACTORS = {"totp": _("authenticator app"), "webauthn": _("passkey"), "recovery_codes": _("recovery codes")}

    at = models.DateTimeField(_("when"), auto_now_add=True, db_index=True)
    kind = models.CharField(_("what"), max_length=20, choices=Kind)
    account = models.CharField(_("account"), max_length=150, blank=True)
    actor = models.CharField(_("who"), max_length=150, blank=True)
    address = models.GenericIPAddressField(_("network address"), null=True, blank=True)
    number = models.PositiveIntegerField(_("times"), default=1)
    detail = models.TextField(_("detail"), blank=True)

    class Meta:
        verbose_name = _("account event")
        verbose_name_plural = _("sign-ins and accounts")
        ordering = ["-at", "-pk"]
        indexes = [models.Index(fields=["kind", "at", "id"], name="portal_accountevent_kind")]

    def __str__(self):
        words = self.get_kind_display()
        if self.number > 1:
            words = gettext("%(event)s (%(number)d times)") % {"event": words, "number": self.number}
        if not self.detail:
            return words
        is_change = self.kind == self.Kind.RIGHTS_CHANGED
        detail = name_changes(self.detail) if is_change else self.FACTORS.get(self.detail, self.detail)
        return gettext("%(event)s: %(detail)s") % {"event": words, "detail": detail}


@content_version.register
class Department(TrackedModel):
    """The department itself: a single row, which the header and footer of every page show."""

    name = models.CharField(_("name"), max_length=120)
    short_name = models.CharField(_("short name"), max_length=60)
    society = models.CharField(_("society"), max_length=120)
    headline = models.TextField(
        _("headline of the home page"), max_length=120, help_text=_("Breaks where you break the line.")
    )
    introduction = models.TextField(_("introduction on the home page"), max_length=600)
    college_door = RichTextField(_("home page, for colleges in China"), help_text=DOOR_HELP)
    abroad_door = RichTextField(_("home page, for institutions abroad"), help_text=DOOR_HELP)
    address = models.CharField(_("address"), max_length=200)
    postcode = models.CharField(_("postcode"), max_length=12, blank=True)
    telephones = models.TextField(
        _("telephone numbers"), blank=True, validators=[validate_telephones], help_text=_("One a line.")
    )
    contacts = models.CharField(_("contact persons"), max_length=120, blank=True)
    opening_hours = models.CharField(_("opening hours"), max_length=120, blank=True)
    email = models.EmailField(_("e-mail address"), blank=True)
    website = models.URLField(_("website"), blank=True)
    wechat_account = models.CharField(_("WeChat account"), max_length=60, blank=True)
    wechat_code = PictureField(
        _("QR code of the WeChat account"),
        upload_to="department/",
        blank=True,
        # The size is stored, so that no page has to open the file.
        width_field="wechat_code_width",
        height_field="wechat_code_height",
    )
    wechat_code_width = models.PositiveIntegerField(null=True, editable=False)
    wechat_code_height = models.PositiveIntegerField(null=True, editable=False)
    icp_number = models.CharField(_("ICP filing number"), max_length=60, blank=True)
    public_security_number = models.CharField(_("public security filing number"), max_length=60, blank=True)
    staff_language = models.CharField(
        _("language of mails to staff"),
        max_length=10,
        choices=settings.LANGUAGES,
        default="zh-hans",
    )
    promised_days = models.PositiveSmallIntegerField(
        _("working days until an answer"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(60)],
        help_text=_("Promised to the senders of enquiries. Empty: no promise is shown."),
    )
    close_answered_days = models.PositiveSmallIntegerField(
        _("days until an answered enquiry is closed"),
        default=30,
        validators=[MinValueValidator(1), MaxValueValidator(365)],
        help_text=_("After the last answer, unless the visitor writes again."),
    )
    keep_closed_months = models.PositiveSmallIntegerField(
        _("months until a closed enquiry is erased"),
        default=24,
        validators=[MinValueValidator(1), MaxValueValidator(120)],
        help_text=_("Holds for enquiries that end from now on. The privacy notice names these times: keep it true."),
    )
    keep_spam_days = models.PositiveSmallIntegerField(
        _("days until spam is erased"), default=30, validators=[MaxValueValidator(365)]
    )
    keep_withdrawn_days = models.PositiveSmallIntegerField(
        _("days until an enquiry is erased whose consent was withdrawn"),
        default=0,
        validators=[MaxValueValidator(30)],
    )
    says_out_of_step = models.BooleanField(
        _("say on public pages if they are out of step"),
        default=False,
        help_text=_("One line below a page whose other language has changed since both were confirmed."),
    )
    says_checked = models.BooleanField(
        _("say on public pages when they were last checked"),
        default=False,
        help_text=_("One line below a page, with the date on which somebody last noted that it is still right."),
    )
    # Set by load_demo. Only the demonstration serves such a database.
    is_demo = models.BooleanField(default=False, editable=False)
    updated_at = models.DateTimeField(_("last changed"), auto_now=True)

    class Meta:
        verbose_name = verbose_name_plural = _("department")
        constraints = [
            RequiredColumns(
                columns=in_both_languages("name", "short_name", "society", "headline", "introduction", "address"),
                name="portal_department_complete",
            ),
            models.CheckConstraint(
                condition=Q(pk=1),
                name="portal_department_only_one",
                violation_error_message=_("There is one department: change the row that exists."),
            ),
        ]

    def __str__(self):
        return self.name or ""

    def save(self, *args, **kwargs):
        self.pk = 1
        super().save(*args, **kwargs)

    def get_absolute_url(self):
        return reverse("home")

    @classmethod
    def current(cls):
        """Returns the department, or an empty, unsaved one if the first content has not been loaded."""
        return cls.objects.first() or cls()

    @cached_property
    def telephone_numbers(self):
        return parse_telephones(self.telephones)


class CentreQuerySet(PublishedQuerySet):
    def of_programs(self, programs):
        """Returns the centres of those of `programs`, a relation of another row, that are published."""
        return self.filter(Exists(programs.published().filter(centres=OuterRef("pk"))))


@content_version.register
@search_index.register(rank=60)
class Centre(ContentPage):
    """A service centre."""

    telephones = models.TextField(
        _("telephone numbers"),
        blank=True,
        validators=[validate_telephones],
        help_text=_("One a line. Empty: those of the department."),
    )
    enquiry_recipients = models.TextField(
        _("notify"), blank=True, validators=[validate_email_addresses], help_text=RECIPIENTS_HELP
    )

    objects = CentreQuerySet.as_manager()

    class Meta(ContentPage.Meta):
        verbose_name = _("service centre")
        verbose_name_plural = _("service centres")

    def text_blocks(self):
        yield "p", self.summary
        yield "h2", self.body and _("What it does")
        yield "richtext", self.body

    @cached_property
    def telephone_numbers(self):
        """The centre's own Telephones; empty if the department's numbers apply."""
        return parse_telephones(self.telephones)


class PrivacyNotice(NamedTuple):
    """A version of the privacy notice: twelve characters that identify its text, and the date of its last change."""

    version: str
    changed_on: date


class PageQuerySet(PublishedQuerySet):
    def delete(self):
        if self.filter(slug__in=Page.FIXED).exists():
            raise ValidationError(FIXED_PAGE_STAYS)
        return super().delete()


@content_version.register
@search_index.register(rank=80)
class Page(ContentPage):
    """A page of text. Those in FIXED cannot be deleted, because other pages link to them."""

    FIXED = ("about", "institutions-abroad", "privacy", "accessibility")

    sort_order = models.PositiveSmallIntegerField(_("order in the footer"), default=100)
    in_footer = models.BooleanField(_("named in the footer"), default=True)
    # Of each language. `updated_at` will not do: it changes when anybody saves the page, in either language.
    body_changed_on = models.DateField(null=True, editable=False)

    objects = PageQuerySet.as_manager()

    class Meta(ContentPage.Meta):
        verbose_name = _("page")
        verbose_name_plural = _("pages")
        constraints = [
            *required_when_published("title", "summary", "body"),
            models.CheckConstraint(
                condition=~Q(slug="privacy") | Q(published_at_zh_hans__isnull=False, published_at_en__isnull=False),
                name="portal_page_privacy_published",
                violation_error_message=_("The privacy notice stays published: enquiries are consented to by it."),
            ),
        ]

    def get_absolute_url(self):
        return reverse(self.slug) if self.is_fixed else super().get_absolute_url()

    @property
    def changed_on(self):
        """For the privacy notice it is the date of its text in the active language, which receipts name."""
        return (self.slug == "privacy" and self.body_changed_on) or super().changed_on

    def save(self, *args, **kwargs):
        """Dates the text of a language if it differs from the stored one."""
        stored = Page.objects.filter(pk=self.pk).first()
        for language in LANGUAGES:
            column = build_localized_fieldname("body", language)
            body = self._meta.get_field(column).cleaned(getattr(self, column))
            if body != (stored and getattr(stored, column)):
                setattr(self, build_localized_fieldname("body_changed_on", language), timezone.localdate())
        super().save(*args, **kwargs)

    def delete(self, *args, **kwargs):
        if self.is_fixed:
            raise ValidationError(FIXED_PAGE_STAYS)
        return super().delete(*args, **kwargs)

    @classmethod
    def privacy_notice(cls) -> PrivacyNotice:
        """Returns the published privacy notice in the active language."""
        page = cls.objects.published().filter(slug="privacy").first() or cls()
        version = hashlib.sha256((page.body or "").encode()).hexdigest()[:12]
        return PrivacyNotice(version, page.body_changed_on or timezone.localdate())

    @property
    def is_fixed(self):
        return self.slug in self.FIXED


@content_version.register
@search_index.register(rank=70, words=["search_words", "other_renderings"])
class Term(Published):
    """An official term, in both languages. The glossary lists it, and search knows its synonyms."""

    title_field = "name"

    name = models.CharField(_("term"), max_length=120)
    note = models.TextField(_("explanation"), max_length=300, blank=True)
    search_words = models.TextField(
        _("search words"),
        max_length=300,
        blank=True,
        help_text=_("Synonyms that visitors type, one a line. Visitors do not see them."),
    )
    other_renderings = models.TextField(
        _("other renderings"),
        max_length=300,
        blank=True,
        help_text=_("Wordings that texts should not use, one a line. Search finds them too."),
    )

    class Meta(Published.Meta):
        verbose_name = _("term")
        verbose_name_plural = _("terms")
        ordering = ["name_zh_hans", "name_en", "pk"]
        constraints = required_when_published("name")

    @staticmethod
    def lines(text) -> list[str]:
        """Returns the lines of a text that holds one wording a line."""
        return [line.strip() for line in (text or "").splitlines() if line.strip()]

    def clean(self):
        """Raises ValidationError if the name is another term's, or an other rendering is the name of a term."""
        errors = {}
        for language in LANGUAGES:
            name, renderings = (build_localized_fieldname(field, language) for field in ("name", "other_renderings"))
            others = Term.objects.exclude(pk=self.pk).exclude(**{f"{name}__isnull": True})
            names = {spelt.casefold() for spelt in others.values_list(name, flat=True)}
            if (getattr(self, name) or "").casefold() in names:
                errors[name] = _("There is already a term with this name. Change that one.")
            used = [line for line in self.lines(getattr(self, renderings)) if line.casefold() in names]
            if used:
                errors[renderings] = ValidationError(
                    _("This is the name of a term itself: %(names)s."), params={"names": ", ".join(used)}
                )
        if errors:
            raise ValidationError(errors)

    @staticmethod
    def address_of(key: int) -> str:
        """Returns the address of the term with this key. It opens the page of the glossary that has the term."""
        return f"{reverse('term_list')}?term={key}#term-{key}"

    def get_absolute_url(self):
        return self.address_of(self.pk)

    @property
    def anchor(self):
        """The id of the term on its page of the glossary."""
        return f"term-{self.pk}"

    def search_texts(self):
        yield self.note


class LoadedEntry(models.Model):
    """An entry of portal/content/ that has been loaded. It is not loaded again after staff delete its row."""

    name = models.CharField(max_length=120, unique=True)
    row = models.PositiveBigIntegerField()

    def __str__(self):
        return self.name


class Lease(models.Model):
    """The exclusive right of one worker to do the work called `name`. It expires if its holder does not renew it."""

    name = models.CharField(max_length=40, unique=True)
    holder = models.CharField(max_length=80, blank=True)
    expires_at = models.DateTimeField(null=True)

    def __str__(self):
        return self.name

    @classmethod
    def take(cls, name: str, holder: str, duration) -> bool:
        """Takes or renews the lease for `duration`, by the database's clock. Returns whether `holder` has it."""
        lease, _created = cls.objects.get_or_create(name=name)
        free = Q(holder=holder) | Q(expires_at__isnull=True) | Q(expires_at__lt=Now())
        mine = cls.objects.filter(free, pk=lease.pk)
        return mine.update(holder=holder, expires_at=Now() + duration) == 1

    @classmethod
    def give_back(cls, name: str, holder: str):
        """Ends the lease if `holder` has it."""
        cls.objects.filter(name=name, holder=holder).update(expires_at=None)
