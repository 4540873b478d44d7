"""The forms on the admin pages of an enquiry. Each form carries out one action of staff."""

from django import forms
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.utils.formats import date_format
from django.utils.translation import gettext_lazy as _

from contact.desk import actions
from contact.mail import delivery
from contact.models import Answer, Enquiry, Note, State
from contact.references import normalize_code
from contact.text_fields import DeliverableEmailField, MultiLineField
from portal.bilingual.email_addresses import is_deliverable
from portal.models import has_namesake


class OwnerField(forms.ModelChoiceField):
    """A choice of the users who may own an enquiry. It says who cannot be reached by mail."""

    def __init__(self, **options):
        owners = actions.possible_owners().annotate(has_namesake=has_namesake())
        super().__init__(queryset=owners, required=False, **options)

    def label_from_instance(self, user):
        if is_deliverable(user.email):
            return user.distinct_name
        return _("%(user)s (no e-mail address)") % {"user": user.distinct_name}


class DeskForm(forms.Form):
    """
    A form about `enquiry`, submitted by the user `actor`. Its carry_out() may raise ValidationError.

    carry_out() sets `done` and perhaps `warning`, which tell the user what was done, and what to mind.
    """

    use_required_attribute = False
    done = warning = ""

    def __init__(self, data=None, *, enquiry, actor):
        super().__init__(data, label_suffix="", auto_id=f"{type(self).__name__.lower()}_%s")
        self.enquiry, self.actor = enquiry, actor

    def perform(self) -> bool:
        """Calls carry_out() if the form is valid. Returns False if there are errors; the form then contains them."""
        if not self.is_valid():
            return False
        try:
            self.carry_out()
        except ValidationError as fault:
            self.add_error(None, fault)
        return self.is_valid()


class OwnerForm(DeskForm):
    owner = OwnerField(label=_("Owner"), empty_label=_("Nobody"))

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.initial["owner"] = self.enquiry.owner_id
        # One who may no longer work on enquiries stays the owner until somebody else is chosen.
        self.fields["owner"].queryset |= get_user_model().objects.filter(pk=self.enquiry.owner_id)

    def carry_out(self):
        owner = self.cleaned_data["owner"]
        is_new = actions.assign(self.enquiry, owner, self.actor)
        self.warning = actions.missing_address_warning(owner)
        if not is_new:
            self.done = _("The owner stays the same.")
        elif owner is None:
            self.done = _("Nobody is the owner now. The enquiry is among the unassigned ones.")
        elif owner == self.actor:
            self.done = _("The enquiry is yours now.")
        elif self.warning:
            self.done = _("%(owner)s is the owner now.") % {"owner": owner}
        else:
            self.done = _("%(owner)s is the owner now, and gets a mail about it.") % {"owner": owner}


class StateForm(DeskForm):
    # Visitors withdraw consent on the status page. If one asks for it by telephone, staff erase the enquiry.
    BY_HAND = [state for state in State if state != State.WITHDRAWN]

    state = forms.ChoiceField(label=_("State"), choices=[(state.value, state.label) for state in BY_HAND])

    def clean_state(self):
        """The status page says of an answered enquiry that an answer was sent, so one must have arrived."""
        state = State(self.cleaned_data["state"])
        if state == State.ANSWERED and not self.enquiry.answered_at:
            raise ValidationError(_("No answer has been sent yet."))
        return state

    def carry_out(self):
        actions.move(self.enquiry, self.cleaned_data["state"], self.actor)
        self.enquiry.refresh_from_db()
        said = {"state": self.enquiry.get_state_display()}
        self.done = _("The state is now “%(state)s”.") % said
        if self.enquiry.erase_on:
            said["date"] = date_format(self.enquiry.erase_on)
            text = _("The state is now “%(state)s”. Its personal data are erased on %(date)s, if it stays so.")
            self.done = text % said

    def choices(self):
        """Returns the states that staff can choose now, as pairs of a state and the label of its button."""
        names = {}
        if self.enquiry.state != State.RECEIVED:
            names = {State.IN_PROGRESS: _("Open again"), State.RECEIVED: _("Not spam")}
        allowed = self.enquiry.next_states - (set() if self.enquiry.answered_at else {State.ANSWERED})
        return [(state, names.get(state, state.label)) for state in self.BY_HAND if state in allowed]


class NoteForm(DeskForm):
    text = MultiLineField(
        label=_("Internal note"),
        max_length=Note._meta.get_field("text").max_length,
        widget=forms.Textarea(attrs={"rows": 3, "class": "vLargeTextField"}),
    )

    def carry_out(self):
        actions.write_note(self.enquiry, self.cleaned_data["text"], self.actor)
        self.done = _("The note is stored. The visitor does not see it.")


class MergeForm(DeskForm):
    reference = forms.CharField(
        label=_("Merge into the enquiry"), max_length=40, help_text=_("Its reference. This enquiry is then closed.")
    )

    def clean_reference(self):
        main = Enquiry.objects.filter(reference=normalize_code(self.cleaned_data["reference"])).first()
        if main is None:
            raise ValidationError(_("There is no enquiry with this reference."))
        return main

    def carry_out(self):
        main = self.cleaned_data["reference"]
        actions.merge(self.enquiry, main, self.actor)
        text = _("This enquiry is closed. Enquiry %(reference)s shows what it says: answer there.")
        self.done = text % {"reference": main.reference}


class MailForm(DeskForm):
    mail = forms.ModelChoiceField(queryset=None)

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["mail"].queryset = self.enquiry.mails.all()

    def carry_out(self):
        mail = self.cleaned_data["mail"]
        if not delivery.send_again(mail, self.actor):
            raise ValidationError(_("This mail cannot be sent again."))
        # Its address may have been corrected.
        mail.refresh_from_db()
        self.done = _("The mail to %(address)s waits to be sent.") % {"address": ", ".join(mail.to)}


class AddressForm(DeskForm):
    email = DeliverableEmailField(label=_("The visitor’s e-mail address"), max_length=254)

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.initial["email"] = self.enquiry.email

    def carry_out(self):
        email = self.cleaned_data["email"]
        actions.correct_address(self.enquiry, email, self.actor)
        self.done = _("Mails that wait or are sent again now go to %(address)s.") % {"address": email}


class AnswerForm(DeskForm):
    text = MultiLineField(
        label=_("Answer"),
        max_length=Answer._meta.get_field("text").max_length,
        help_text=_(
            "A salutation if it has none, the Department’s name, the reference and the status page’s address are added."
        ),
        widget=forms.Textarea(attrs={"rows": 14, "class": "vLargeTextField"}),
    )
    is_on_status_page = forms.BooleanField(
        label=_("Show it on the visitor’s status page too"), required=False, initial=True
    )

    def carry_out(self):
        text, is_shown = self.cleaned_data["text"], self.cleaned_data["is_on_status_page"]
        actions.answer(self.enquiry, text, is_shown, self.actor, seen=self.data.get("seen"))


#: The forms on the page of one enquiry, by the value of the `task` field that each form submits.
TASKS = {
    "assign": OwnerForm,
    "move": StateForm,
    "note": NoteForm,
    "merge": MergeForm,
    "mail": MailForm,
    "address": AddressForm,
}
