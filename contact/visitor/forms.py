import hashlib
import json
import re
import secrets
from functools import cache, partial

from django import forms
from django.core import signing
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import get_language, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from contact.attachments import (
    ATTACH_AGAIN,
    ATTACH_AGAIN_WITH_CONSENT,
    FILE_HELP,
    FILES_HELP,
    AttachmentField,
    AttachmentsField,
    Upload,
    reattach_error,
    removed_on_failure,
    store,
)
from contact.mail.messages import queue_acknowledgement, queue_notifications
from contact.models import Attachment, Enquiry, Event
from contact.references import new_code, normalize_code
from contact.text_fields import (
    DeliverableEmailField,
    MultiLineField,
    OneLineField,
    TelephoneField,
    TextField,
    with_numbers,
)
from contact.visitor import kept_files
from contact.visitor.rate_limits import may_acknowledge
from contact.working_days import promised_date
from partners.models import Country
from portal import content_version
from portal.bilingual.territories import territory_choices
from portal.models import Page
from programs.models import Program

# In seconds. A form that is submitted sooner was probably filled in by a program.
MIN_FILL_SECONDS = 3
# In seconds. A form that was open longer is shown again with every answer.
MAX_FORM_AGE = 24 * 60 * 60
# In characters.
MAX_MESSAGE = Enquiry._meta.get_field("message").max_length

# The form offers so many programs. Where there are more, one is chosen on its own page.
PROGRAMS_OFFERED = 50

FORM_SALT = "contact.form_token"

# An unknown reference is checked against this code, so that the check takes the same time as for a known one.
DUMMY_CODE = new_code()


class AlreadySent(Exception):
    """The form was sent before, with other answers. `reference` is that of the enquiry that was stored then."""

    def __init__(self, reference):
        self.reference = reference


def new_nonce() -> str:
    """Returns what identifies a form: 128 random bits."""
    return secrets.token_urlsafe(16)


def new_form_token(nonce=None, is_blank=True) -> str:
    """Returns a signed and dated token for a form: blank, or given back with the visitor's answers."""
    return signing.dumps([nonce or new_nonce(), is_blank], salt=FORM_SALT)


class EnquiryForm(forms.ModelForm):
    """
    The form for an enquiry. Its hidden field `form_token` is valid for MAX_FORM_AGE, and for one enquiry.

    The same answers from the same browser lead to the same enquiry. Anything else sent with a used token comes back.
    """

    organisation = OneLineField(
        label=_("College, school or organisation"),
        max_length=200,
        help_text=_("Students: the name of your college or school."),
        error_messages={"required": _("Enter the name of your college, school or organisation")},
        widget=forms.TextInput(attrs={"autocomplete": "organization"}),
    )
    territory = forms.ChoiceField(
        label=_("Country or region"),
        error_messages={
            "required": _("Choose your country or region"),
            "invalid_choice": _("Choose your country or region from the list"),
        },
        widget=forms.Select(attrs={"autocomplete": "country"}),
    )
    person = OneLineField(
        label=_("Contact person"),
        max_length=100,
        error_messages={"required": _("Enter the name of the contact person")},
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )
    position = OneLineField(
        label=_("Position"),
        max_length=100,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "organization-title"}),
    )
    email = DeliverableEmailField(
        label=_("E-mail address"),
        max_length=254,
        help_text=_("We will send our answer to this address."),
        widget=forms.EmailInput(attrs={"autocomplete": "email", "spellcheck": "false"}),
    )
    telephone = TelephoneField(
        label=_("Telephone"),
        max_length=50,
        required=False,
        widget=forms.TextInput(attrs={"type": "tel", "autocomplete": "tel"}),
    )
    program = forms.TypedChoiceField(
        label=_("Program it is about"),
        required=False,
        empty_value=None,
        error_messages={"invalid_choice": _("Choose a program from the list")},
    )
    country = forms.TypedChoiceField(
        label=_("Partner country or region it is about"),
        required=False,
        empty_value=None,
        error_messages={"invalid_choice": _("Choose a partner country or region from the list")},
    )
    message = MultiLineField(
        label=_("Your enquiry"),
        max_length=MAX_MESSAGE,
        help_text=with_numbers(
            _("Say what you have in mind and what you would like to know. At most %(limit)s characters."),
            limit=MAX_MESSAGE,
        ),
        error_messages={"required": _("Write your enquiry")},
        widget=forms.Textarea(attrs={"rows": 8}),
    )
    attachments = AttachmentsField(label=_("Attachments"), required=False, help_text=FILES_HELP)
    consent = forms.BooleanField(
        label=_(
            "I agree that the Department handles my personal data as the privacy notice says, to answer this enquiry."
        ),
        error_messages={"required": _("Agree to the privacy notice, or telephone us instead")},
    )
    field_order = [
        *["organisation", "territory", "person", "position", "email", "telephone"],
        *["program", "country", "message", "attachments", "consent"],
    ]
    use_required_attribute = False

    class Meta:
        model = Enquiry
        fields = ["organisation", "territory", "person", "position", "email", "telephone", "message"]

    def __init__(self, data=None, files=None, *, initial=None, sender="", has_database=True, version=None):
        """
        `initial` may hold the slugs of `program` and `country` and the `message`, from the page that the visitor came
        from.

        `sender` is a value that only this visitor's browser has. The same answers from the same sender are the same
        enquiry, even if the visitor went back and the browser requested the form again.

        Without a database the form can only be shown again: it offers the program and country that were submitted.

        `version` is that of the content, as for content_version.once().
        """
        super().__init__(data, files, initial=initial, label_suffix="")
        self.initial["message"] = self.fields["message"].prefilled(self.initial.get("message") or "")
        self.sender, self.has_database = sender, has_database
        # A token of any age was once the portal's, so the form that comes back with it is not blank.
        self.is_blank = not (token := self.read_token())
        self.is_too_old = not self.read_token(max_age=MAX_FORM_AGE)
        self.nonce, self.was_blank = token if token and not self.is_too_old else (new_nonce(), True)
        self.fields["territory"].choices = cache(self.territory_choices)
        self.leads_to_programs = False
        self.offer_programs(version, _("Something else, or not decided yet"))
        self.offer("country", Country, self.country_choices, _("None, or not decided yet"))
        self.wanted = kept_files.wanted_files(self.data)
        self.files_field = self.fields["attachments"]
        if has_database:
            self.files_field.kept = kept_files.find(self.nonce, sender, self.wanted)
        else:
            self.files_field.kept = [Upload(None, name, "", digest, 0) for digest, name in self.wanted.items()]
        self.fields["consent"].help_text = format_html(
            '<a href="{}" target="_blank">{}</a>',
            reverse("privacy"),
            _("Privacy notice (opens in a new tab)"),
        )

    @property
    def is_untouched(self) -> bool:
        """Whether the form has no answers yet, so that it shows the same to everybody."""
        return not self.is_bound and not any(self.initial.values())

    def territory_choices(self) -> list:
        partners = Country.objects.published_names() if self.has_database else {}
        return [("", _("Choose")), *territory_choices(partners)]

    def country_choices(self) -> list:
        return [(row.slug, row.display_title) for row in Country.objects.published()]

    def offer(self, name, model, choices, nothing):
        """Offers what `choices` returns, or `nothing`, in the field `name`. It cleans to a row of `model` or None."""
        field = self.fields[name]
        if self.has_database:
            field.coerce = lambda slug: model.objects.published().filter(slug=slug).first()
            field.choices = cache(lambda: [("", nothing), *choices()])
        else:
            slug = self.asked(name)
            submitted = [(slug, _("Your choice: %(slug)s") % {"slug": slug})] if slug else []
            field.choices = [("", nothing), *submitted]

    def offer_programs(self, version, nothing):
        """
        Offers the published programs by type, or `nothing`.

        If there are more than PROGRAMS_OFFERED, one is chosen on its own page, which leads here: then the form has the
        field only with that program, or with the one that was submitted.
        """
        programs = Program.objects.published()
        choices = []
        if self.has_database:
            offered = partial(programs.choices_by_area, PROGRAMS_OFFERED)
            choices = content_version.once(version, "program_choices", offered)
        if choices is None:
            self.leads_to_programs = True
            slug = self.asked("program")
            choices = list(programs.filter(slug=slug).values_list("slug", "title")) if slug else []
            if not choices and not self.data.get("program"):
                del self.fields["program"]
                return
            field = self.fields["program"]
            field.help_text = format_html(
                '{} <a href="{}">{}</a>',
                _("To ask about another program, begin on its page."),
                reverse("program_list"),
                _("All programs"),
            )
            field.error_messages["invalid_choice"] = _(
                "This program is not offered any more. Submit without it, or begin on the page of another one"
            )
        self.offer("program", Program, lambda: choices, nothing)

    def asked(self, name) -> str:
        """Returns the slug that was submitted, or that the link to the form named, in the field `name`."""
        value = (self.data if self.is_bound else self.initial).get(name) or ""
        return value if re.fullmatch(r"[-\w]+", value) else ""

    def clean(self):
        cleaned = super().clean()
        if self.data.get("remarks"):
            self.add_error(None, _("A hidden field was filled in, as robots do. Please submit again."))
        if self.is_too_old:
            self.add_error(None, _("This form was open for too long. Please submit it again."))
        elif self.has_database and not self.errors and self.was_quick() and not self.stored():
            self.add_error(None, _("Please look over your answers once more, and then submit them again."))
        return cleaned

    @property
    def lost(self) -> list[str]:
        """The names of kept files that the visitor wants to send, and that are there no longer."""
        there = {upload.digest for upload in self.files_field.accepted}
        return [name for digest, name in self.wanted.items() if digest not in there]

    @property
    def form_token(self) -> str:
        """A token with the nonce of the one that was submitted, or a new one if that is invalid, too old or used."""
        return new_form_token(self.nonce, self.is_blank)

    def read_token(self, max_age=None) -> list | None:
        """Returns the nonce and `is_blank` of the submitted token, if it is valid and at most `max_age` seconds old."""
        try:
            return signing.loads(self.data.get("form_token", ""), salt=FORM_SALT, max_age=max_age)
        except signing.BadSignature:
            return None

    def was_quick(self) -> bool:
        """Whether a blank form was submitted too soon. One that came back is complete, and may be sent at once."""
        return self.was_blank and self.read_token(max_age=MIN_FILL_SECONDS) is not None

    def sent_before(self) -> Enquiry | None:
        """
        Returns the Enquiry of stored(). Raises AlreadySent if another enquiry was stored with this token.

        The form then has a new token.
        """
        fingerprint = self.fingerprint()
        found = list(Enquiry.objects.filter(Q(fingerprint=fingerprint) | Q(form_nonce=self.nonce)))
        for enquiry in found:
            if enquiry.fingerprint == fingerprint:
                return enquiry
        if found:
            self.nonce = new_nonce()
            raise AlreadySent(found[0].reference)
        return None

    def fingerprint(self) -> str:
        """Returns a SHA-256 hash of the sender, the answers and the contents of the files."""
        answers = [self.sender, *map(self.data.get, ("program", "country"))]
        answers += map(self.cleaned_data.get, self.Meta.fields)
        # Those that were kept may belong to the enquiry by now.
        answers += sorted({upload.digest for upload in self.files_field.accepted} | self.wanted.keys())
        return hashlib.sha256(json.dumps(answers).encode()).hexdigest()

    def keep_files(self, request):
        """
        Keeps the accepted files of a form that is shown again, if the visitor consents, and asks for others again.

        Without a `request` nothing more is kept than before.
        """
        self.is_valid()
        field, consents = self.files_field, self.cleaned_data.get("consent")
        if request is None:
            kept = field.kept
        else:
            kept = kept_files.keep(request, self.nonce, field.accepted if consents else [])
        field.widget.kept = kept
        if missing := [*self.lost, *(upload.name for upload in field.accepted if upload not in kept)]:
            text = ATTACH_AGAIN if consents else ATTACH_AGAIN_WITH_CONSENT
            self.add_error("attachments", reattach_error(missing, text))

    def stored(self) -> Enquiry | None:
        """Returns the Enquiry that was already stored from the same sender and answers, if there is one."""
        return Enquiry.objects.filter(fingerprint=self.fingerprint()).first()

    def save(self, count=lambda: None) -> Enquiry:
        """
        Writes the files, then saves the Enquiry and queues its mails; or returns the Enquiry of stored().

        `count` is called at the end of the transaction: one transaction is one flush of the disk. Raises AlreadySent if
        the token was used for another enquiry, and FileLost if a file is no longer kept.
        """
        if known := self.sent_before():
            return known
        if self.lost:
            raise kept_files.FileLost
        enquiry = self.instance
        enquiry.fingerprint = self.fingerprint()
        enquiry.form_nonce = self.nonce
        enquiry.language = get_language()
        enquiry.privacy_version, enquiry.privacy_date = Page.privacy_notice()
        enquiry.due_on = promised_date(timezone.now())
        enquiry.program, enquiry.country = map(self.cleaned_data.get, ("program", "country"))
        uploads = self.cleaned_data["attachments"]
        attachments = store(enquiry, [upload for upload in uploads if not upload.kept])
        try:
            with transaction.atomic(), removed_on_failure(attachments):
                enquiry.save()
                kept = kept_files.take(enquiry, [upload for upload in uploads if upload.kept])
                kept_files.discard(self.nonce, self.sender)
                Attachment.objects.bulk_create([*kept, *attachments])
                enquiry.log(Event.Kind.RECEIVED)
                if may_acknowledge(enquiry.email):
                    queue_acknowledgement(enquiry)
                else:
                    enquiry.log(Event.Kind.WITHHELD)
                queue_notifications(enquiry)
                count()
        except IntegrityError:
            # The same form was sent twice at the same time.
            if known := self.sent_before():
                return known
            raise
        return enquiry


class CodeField(TextField):
    """A field for a reference or code, which normalises what a person types."""

    widget = forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "characters", "spellcheck": "false"})

    def to_python(self, value):
        # A longer text cannot be right, so the rest is not worth normalising.
        return normalize_code(super().to_python(value)[:100])


class StatusForm(forms.Form):
    """The form for the reference and the code of an enquiry. If it is valid, `enquiry` is that enquiry."""

    reference = CodeField(
        label=_("Enquiry reference"),
        help_text=_("You will find it on your receipt and in our mails."),
        error_messages={"required": _("Enter the reference of your enquiry")},
    )
    code = CodeField(
        label=pgettext_lazy("of an enquiry", "Code"),
        help_text=_("You will find it on your receipt. You may type it in small letters, with or without spaces."),
        error_messages={"required": _("Enter the code")},
    )
    use_required_attribute = False

    def clean(self):
        """Every wrong pair gets the same error after the same queries and time, to hide which references exist."""
        if self.errors:
            return
        self.enquiry = Enquiry.objects.filter(reference=self.cleaned_data["reference"]).first()
        code = self.enquiry.code if self.enquiry else DUMMY_CODE
        is_right = secrets.compare_digest(self.cleaned_data["code"].encode(), code.encode())
        if not (self.enquiry and is_right):
            words = _("No enquiry has this reference and this code. Look at both once more on your receipt")
            self.add_error("reference", forms.ValidationError(words, code="wrong_pair"))


class MessageForm(forms.Form):
    """The form for a further message on an enquiry, with a file."""

    text = MultiLineField(
        label=_("Your message"),
        max_length=MAX_MESSAGE,
        help_text=with_numbers(_("At most %(limit)s characters."), limit=MAX_MESSAGE),
        error_messages={"required": _("Write your message")},
        widget=forms.Textarea(attrs={"rows": 6}),
    )
    attachment = AttachmentField(
        label=_("Attachment"),
        required=False,
        help_text=FILE_HELP,
    )
    use_required_attribute = False

    def ask_for_file_again(self):
        """Adds an error that names the accepted file. Call it for a submitted form that is shown again."""
        self.is_valid()
        if upload := self.cleaned_data.get("attachment"):
            self.add_error("attachment", reattach_error([upload.name]))
