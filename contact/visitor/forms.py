import hashlib
import json
import re
import secrets

from django import forms
from django.core import signing
from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import get_language, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from contact.attachments import AttachmentField, AttachmentsField, reattach_errors, removed_on_failure, store
from contact.mail.messages import queue_acknowledgement, queue_notifications
from contact.models import Attachment, Enquiry, Event
from contact.references import new_code, normalize_code
from contact.text_fields import DeliverableEmailField, MultiLineField, OneLineField, TextField
from contact.visitor.rate_limits import may_acknowledge
from contact.working_days import promised_date
from partners.models import Country
from portal.bilingual.territories import territory_choices
from portal.models import Page
from programs.models import Program

# In seconds. A form that is submitted sooner was probably filled in by a program.
MIN_FILL_SECONDS = 3
# In seconds. A form that was open longer is shown again with every answer.
MAX_FORM_AGE = 24 * 60 * 60

FORM_SALT = "contact.form_token"

# An unknown reference is checked against this code, so that the check takes the same time as for a known one.
DUMMY_CODE = new_code()


class AlreadySent(Exception):
    """The form was sent before, with other answers. `reference` is that of the enquiry that was stored then."""

    def __init__(self, reference):
        self.reference = reference


def new_form_token(is_blank=True) -> str:
    """Returns a signed and dated token for a form: blank, or given back with the visitor's answers."""
    return signing.dumps([secrets.token_urlsafe(16), is_blank], salt=FORM_SALT)


class EnquiryForm(forms.ModelForm):
    """
    The form for an enquiry. Its hidden field `form_token` is valid for MAX_FORM_AGE, and for one enquiry.

    The same answers from the same browser lead to the same enquiry. Anything else sent with a used token comes back.
    """

    organisation = OneLineField(
        label=_("College or organisation"),
        max_length=200,
        error_messages={"required": _("Enter the name of your college or organisation")},
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
    telephone = OneLineField(
        label=_("Telephone"),
        max_length=50,
        required=False,
        widget=forms.TextInput(attrs={"type": "tel", "autocomplete": "tel"}),
    )
    about = forms.TypedChoiceField(
        label=_("What it is about"),
        required=False,
        empty_value=None,
        error_messages={"invalid_choice": _("Choose a program, country or region from the list")},
    )
    message = MultiLineField(
        label=_("Your enquiry"),
        max_length=5000,
        help_text=_("Say what you have in mind and what you would like to know. At most 5,000 characters."),
        error_messages={"required": _("Write your enquiry")},
        widget=forms.Textarea(attrs={"rows": 8}),
    )
    attachments = AttachmentsField(
        label=_("Attachments"),
        required=False,
        help_text=_("At most three files of up to 10 MB each: PDF, Word, Excel, PowerPoint, PNG or JPEG."),
    )
    consent = forms.BooleanField(
        label=_(
            "I agree that the Department handles my personal data as the privacy notice says, to answer this enquiry."
        ),
        error_messages={"required": _("Agree to the privacy notice, or telephone us instead")},
    )
    field_order = ["organisation", "territory", "person", "position", "email", "telephone", "about", "message"]
    use_required_attribute = False

    class Meta:
        model = Enquiry
        fields = ["organisation", "territory", "person", "position", "email", "telephone", "message"]

    def __init__(self, data=None, files=None, *, about=None, sender="", has_database=True):
        """
        `about` is the initial choice ("program:slug"), from the page that the visitor came from.

        `sender` is a value that only this visitor's browser has. The same answers from the same sender are the same
        enquiry, even if the visitor went back and the browser requested the form again.

        Without a database the form can only be shown again: its subjects are the one that was submitted.
        """
        super().__init__(data, files, initial={"about": about}, label_suffix="")
        self.sender, self.has_database = sender, has_database
        self.nonce, self.was_blank = self.read_token(max_age=MAX_FORM_AGE) or (None, True)
        partners = Country.objects.published_names() if has_database else {}
        self.fields["territory"].choices = [("", _("Choose")), *territory_choices(partners)]
        if has_database:
            programs = {subject_key(program): program for program in Program.objects.published()}
            countries = {subject_key(country): country for country in Country.objects.published()}
            self.fields["about"].coerce = (programs | countries).__getitem__
            subjects = [
                (_("Programs"), [(key, program.display_title) for key, program in programs.items()]),
                (_("Partner countries and regions"), [(key, row.display_title) for key, row in countries.items()]),
            ]
        else:
            submitted = re.fullmatch(r"(?:program|country):([-\w]+)", self.data.get("about", ""))
            subjects = [(submitted[0], _("Your choice: %(slug)s") % {"slug": submitted[1]})] if submitted else []
        self.fields["about"].choices = [("", _("Something else, or not decided yet")), *subjects]
        self.fields["consent"].help_text = format_html(
            '<a href="{}" target="_blank">{}</a>',
            reverse("privacy"),
            _("Privacy notice (opens in a new tab)"),
        )

    def clean(self):
        cleaned = super().clean()
        if self.data.get("remarks"):
            self.add_error(None, _("A hidden field was filled in, as robots do. Please submit again."))
        if self.nonce is None:
            self.add_error(None, _("This form was open for too long. Please submit it again."))
        elif self.has_database and not self.errors and self.was_quick() and not self.stored():
            self.add_error(None, _("That was very quick. Please look over your answers and submit again."))
        return cleaned

    @property
    def form_token(self) -> str:
        """The submitted token, or a new one if that is missing, invalid, too old or used."""
        if self.nonce:
            return self.data["form_token"]
        # Only a token that a visitor once had for MIN_FILL_SECONDS leads to one without the time trap.
        return new_form_token(is_blank=self.read_token() is None)

    def read_token(self, max_age=None) -> list | None:
        """Returns the nonce and `is_blank` of the submitted token, if it is valid and at most `max_age` seconds old."""
        try:
            return signing.loads(self.data.get("form_token", ""), salt=FORM_SALT, max_age=max_age)
        except signing.BadSignature:
            return None

    def was_quick(self) -> bool:
        """Whether a blank form was submitted too soon. One that came back is complete, and may be sent at once."""
        return self.was_blank and self.read_token(max_age=MIN_FILL_SECONDS) is not None

    def refuse_if_sent(self):
        """Raises AlreadySent if an enquiry was stored with this token. The form then has a new token."""
        if first := Enquiry.objects.filter(form_nonce=self.nonce).first():
            self.nonce = None
            raise AlreadySent(first.reference)

    def fingerprint(self) -> str:
        """Returns a SHA-256 hash of the sender, the answers and the contents of the files."""
        answers = [self.sender, self.data.get("about"), *map(self.cleaned_data.get, self.Meta.fields)]
        answers += sorted(upload.digest for upload in self.cleaned_data["attachments"])
        return hashlib.sha256(json.dumps(answers).encode()).hexdigest()

    def ask_for_files_again(self):
        """Adds an error that names the accepted files. Call it for a form that is shown again."""
        self.is_valid()
        for error in reattach_errors(self.cleaned_data.get("attachments")):
            self.add_error("attachments", error)

    def stored(self) -> Enquiry | None:
        """Returns the Enquiry that was already stored from the same sender and answers, if there is one."""
        return Enquiry.objects.filter(fingerprint=self.fingerprint()).first()

    def save(self) -> Enquiry:
        """
        Writes the files, then saves the Enquiry and queues its mails; or returns the Enquiry of stored().

        Raises AlreadySent if the token was used for another enquiry.
        """
        if known := self.stored():
            return known
        self.refuse_if_sent()
        enquiry = self.instance
        enquiry.fingerprint = self.fingerprint()
        enquiry.form_nonce = self.nonce
        enquiry.language = get_language()
        enquiry.privacy_version, enquiry.privacy_date = Page.privacy_notice()
        enquiry.due_on = promised_date(timezone.now())
        match self.cleaned_data["about"]:
            case Program() as program:
                enquiry.program = program
            case Country() as country:
                enquiry.country = country
        attachments = store(enquiry, self.cleaned_data["attachments"])
        try:
            with transaction.atomic(), removed_on_failure(attachments):
                enquiry.save()
                Attachment.objects.bulk_create(attachments)
                enquiry.log(Event.Kind.RECEIVED)
                if may_acknowledge(enquiry.email):
                    queue_acknowledgement(enquiry)
                else:
                    enquiry.log(Event.Kind.WITHHELD)
                queue_notifications(enquiry)
        except IntegrityError:
            # The same form was sent twice at the same time.
            if known := self.stored():
                return known
            self.refuse_if_sent()
            raise
        return enquiry


def subject_key(subject: Program | Country) -> str:
    """Returns the value of a subject in the form's choices, such as "program:teacher-exchange"."""
    return f"{subject._meta.model_name}:{subject.slug}"


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
        max_length=5000,
        help_text=_("At most 5,000 characters."),
        error_messages={"required": _("Write your message")},
        widget=forms.Textarea(attrs={"rows": 6}),
    )
    attachment = AttachmentField(
        label=_("Attachment"),
        required=False,
        help_text=_("One file of up to 10 MB: PDF, Word, Excel, PowerPoint, PNG or JPEG."),
    )
    use_required_attribute = False

    def ask_for_file_again(self):
        """Adds an error that names the accepted file. Call it for a submitted form that is shown again."""
        self.is_valid()
        upload = self.cleaned_data.get("attachment")
        for error in reattach_errors([upload] if upload else []):
            self.add_error("attachment", error)
