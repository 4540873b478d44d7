"""How far an enquiry has come, as its visitor may know it; what the visitor adds to it, and withdraws."""

from datetime import timedelta
from functools import cached_property

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from contact.mail.messages import queue_further_message
from contact.models import OPEN, Enquiry, Event, State
from portal.bilingual.languages import html_code

# How many messages may be added to an enquiry; who has more to say is better heard on the telephone.
MOST_MESSAGES = 20
# Within this time the same text twice in a row is a second click, not a second message.
SECOND_CLICK = timedelta(hours=1)

# What a visitor is told of an enquiry that has ended otherwise.
SHOWN = {State.SPAM: State.CLOSED, State.WITHDRAWN: State.CLOSED}
MEANINGS = {
    State.RECEIVED: _("Your enquiry is stored, and waits for a member of staff to take it up."),
    State.IN_PROGRESS: _("A member of staff is working on your enquiry."),
    State.ANSWERED: _("We have sent our answer to your e-mail address."),
    State.CLOSED: _("Our work on your enquiry has ended."),
}
# What a further message makes of an enquiry that nobody works on.
REOPENED = {State.ANSWERED: State.IN_PROGRESS, State.CLOSED: State.IN_PROGRESS, State.SPAM: State.RECEIVED}


class Progress:
    """
    What the visitor may know of an enquiry.

    One that was merged into another has the state and the dates of that one. The answers and messages are those
    of the enquiry alone: that two give one e-mail address does not prove that one person wrote both.
    """

    def __init__(self, enquiry):
        self.enquiry = enquiry
        self.handled = enquiry.merged_into or enquiry

    @property
    def html_language(self):
        """The language of the enquiry, most likely that of its messages and answers too, as a lang attribute."""
        return html_code(self.enquiry.language)

    @property
    def state(self):
        """Received, in progress, answered or closed."""
        state = State(self.handled.state)
        return SHOWN.get(state, state)

    @property
    def meaning(self):
        """What its state means, in a sentence."""
        return MEANINGS[self.state]

    @property
    def steps(self):
        """The States from the first to the last, each with whether it is there now; none that was left out."""
        steps = [State.RECEIVED, State.IN_PROGRESS, State.ANSWERED, State.CLOSED]
        if self.state == State.CLOSED and not self.handled.answered_at:
            steps = [State.RECEIVED, State.CLOSED]
        return [(step, step == self.state) for step in steps]

    @property
    def is_merged(self):
        """Whether it is handled together with another enquiry."""
        return self.handled != self.enquiry

    @property
    def promised_on(self):
        """The date by which an answer is promised, while one is waited for; None without a promise."""
        return self.handled.due_on if self.handled.state in OPEN else None

    @property
    def is_late(self):
        """Whether that date has passed."""
        return self.promised_on is not None and self.promised_on < timezone.localdate()

    @property
    def withdrawn_at(self):
        """When the visitor withdrew consent, or None."""
        return self.handled.closed_at if self.handled.state == State.WITHDRAWN else None

    @property
    def erased_at(self):
        """When the personal data were erased, or None."""
        return self.enquiry.erased_at or self.handled.erased_at

    @property
    def is_being_erased(self):
        """Whether the time has come for its data to be erased."""
        return self.handled.erase_on is not None and self.handled.erase_on <= timezone.localdate()

    @property
    def is_locked(self):
        """Whether nothing can be added to it or withdrawn any more."""
        return bool(self.withdrawn_at or self.erased_at)

    @cached_property
    def answers(self):
        """The Answers that the desk chose to show here."""
        return [] if self.is_locked else list(self.enquiry.answers.filter(is_on_status_page=True))

    @cached_property
    def messages(self):
        """The Messages that were added to it."""
        return [] if self.is_locked else list(self.enquiry.messages.all())

    @cached_property
    def takes_messages(self):
        """Whether a message may be added."""
        return not self.is_locked and self.enquiry.messages.count() < MOST_MESSAGES

    @property
    def reopens(self):
        """Whether a message opens it again."""
        return self.handled.state in REOPENED


def store_message(enquiry, text):
    """
    Adds what the visitor wrote, opens the enquiry that staff work on again and tells the desk of it, all in one
    transaction. The same text twice in a row is stored once. Returns whether it is stored.
    """
    with transaction.atomic():
        # A duplicate is locked with what it was merged into.
        enquiry, worked_on = Enquiry.objects.for_update(enquiry, enquiry.merged_into or enquiry)
        if worked_on.state in OPEN and is_second_click(enquiry.messages.last(), text):
            return True
        if not Progress(enquiry).takes_messages:
            return False
        message = enquiry.messages.create(text=text)
        worked_on.log(Event.Kind.WRITTEN)
        if worked_on.state in REOPENED:
            worked_on.move_to(REOPENED[worked_on.state])
        queue_further_message(message)
    return True


def is_second_click(last, text):
    """Whether `text` is what the last Message, or None, has just said."""
    return bool(last) and last.text == text and last.created_at > timezone.now() - SECOND_CLICK


def withdraw_consent(enquiry):
    """Ends the enquiry for good, and stops the mails about it that still wait. Twice is no more than once."""
    with transaction.atomic():
        [enquiry] = Enquiry.objects.for_update(enquiry)
        if State.WITHDRAWN in enquiry.next_states:
            enquiry.move_to(State.WITHDRAWN)
