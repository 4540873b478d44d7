"""The status of an enquiry for its visitor, further messages and the withdrawal of consent."""

from datetime import timedelta
from functools import cached_property

from django.core import signing
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from post_office.models import STATUS

from contact.attachments import Upload, remove, removed_on_failure, store
from contact.mail.messages import queue_further_message
from contact.models import OPEN, Attachment, Enquiry, Event, Message, State
from contact.retention import try_to_erase
from portal.bilingual.languages import html_code
from portal.uploads import digest

# The maximum number of further messages on an enquiry, and so of their files. Who has more to say should telephone.
MAX_MESSAGES = 20
# The same text and file twice in a row within this time is a second click, not a second message.
DUPLICATE_WINDOW = timedelta(hours=1)
# How long after a message the status page says that it is stored: a page that is opened later must not claim it.
CONFIRMATION_AGE = timedelta(minutes=1)
CONFIRMATION_SALT = "contact.confirmation"

# States that the visitor sees as another state.
VISIBLE_STATES = {State.SPAM: State.CLOSED, State.WITHDRAWN: State.CLOSED}
STATE_DESCRIPTIONS = {
    State.RECEIVED: _("We have your enquiry; no one has taken it up yet."),
    State.IN_PROGRESS: _("A member of staff is working on your enquiry."),
    State.ANSWERED: _("We have sent our answer to your e-mail address."),
    State.CLOSED: _("Our work on your enquiry has ended."),
}
# Instead of these, for an enquiry whose last answer is not sent yet, or was refused.
ANSWER_WAITS = _("Our answer is written. We are sending it to your e-mail address.")
ANSWER_FAILED = _(
    "Our answer could not be delivered to your e-mail address, and a member of staff is working on it. If you have "
    "another address, please write it to us below."
)
# The new state when the visitor adds a message to an enquiry in one of these states.
REOPENED = {State.ANSWERED: State.IN_PROGRESS, State.CLOSED: State.IN_PROGRESS, State.SPAM: State.RECEIVED}


class Progress:
    """
    What the visitor may know about an enquiry.

    It includes what the visitor wrote, but not the name, position, e-mail address and telephone: the acknowledgement,
    which leads here, may have gone to a mistyped address, and its reader need not learn who the visitor is.

    A duplicate has the state and the dates of the enquiry that it was merged into (`main_enquiry`), but only its own
    answers and messages: the same e-mail address does not prove that the same person sent both enquiries.
    """

    def __init__(self, enquiry):
        self.enquiry = enquiry
        self.main_enquiry = enquiry.merged_into or enquiry

    @property
    def html_language(self):
        """The language of the enquiry, and probably of its messages and answers, as a value of the lang attribute."""
        return html_code(self.enquiry.language)

    @property
    def state(self):
        """The state as the visitor sees it: received, in progress, answered or closed."""
        state = State(self.main_enquiry.state)
        return VISIBLE_STATES.get(state, state)

    @property
    def meaning(self):
        """What the state means, in words. It says that an answer was sent only if its mail was."""
        last = self.main_enquiry.all_answers().last()
        mail_status = last.mail.status if last and last.mail else STATUS.sent
        if self.state == State.ANSWERED and mail_status != STATUS.sent:
            return ANSWER_WAITS
        if self.state == State.IN_PROGRESS and mail_status == STATUS.failed:
            return ANSWER_FAILED
        return STATE_DESCRIPTIONS[self.state]

    @property
    def steps(self):
        """The states from first to last without those that were skipped, as pairs of a state and "is it current"."""
        steps = [State.RECEIVED, State.IN_PROGRESS, State.ANSWERED, State.CLOSED]
        if self.state == State.CLOSED and not self.main_enquiry.answered_at:
            steps = [State.RECEIVED, State.CLOSED]
        return [(step, step == self.state) for step in steps]

    @property
    def is_merged(self):
        return self.main_enquiry != self.enquiry

    @property
    def promised_on(self):
        """The due date while the enquiry is open; None without a promise."""
        return self.main_enquiry.due_on if self.main_enquiry.state in OPEN else None

    @property
    def is_late(self):
        return self.promised_on is not None and self.promised_on < timezone.localdate()

    @property
    def withdrawn_at(self):
        return self.main_enquiry.closed_at if self.main_enquiry.state == State.WITHDRAWN else None

    @property
    def erased_at(self):
        return self.enquiry.erased_at or self.main_enquiry.erased_at

    @property
    def is_being_erased(self):
        """Whether the retention period is over, so that the worker will erase the data soon."""
        return self.main_enquiry.erase_on is not None and self.main_enquiry.erase_on <= timezone.localdate()

    @cached_property
    def has_files(self):
        """Whether attachments are stored. In an erased enquiry they are files that could not be deleted yet."""
        return self.enquiry.attachments.exists()

    @property
    def is_locked(self):
        """Whether consent was withdrawn or the data were erased, so that no message can be added."""
        return bool(self.withdrawn_at or self.erased_at)

    @cached_property
    def answers(self):
        """The Answers that staff chose to show on the status page."""
        return [] if self.is_locked else list(self.enquiry.answers.filter(is_on_status_page=True))

    @cached_property
    def messages(self):
        return [] if self.is_locked else list(self.enquiry.messages.prefetch_related("attachments"))

    @cached_property
    def accepts_messages(self):
        return not self.is_locked and len(self.messages) < MAX_MESSAGES

    @property
    def reopens(self):
        """Whether a message opens the enquiry again."""
        return self.main_enquiry.state in REOPENED


def store_message(enquiry: Enquiry, text: str, upload: Upload | None = None) -> Message | None:
    """
    Writes the file. Then it adds the message, opens the enquiry or the one it was merged into again, and notifies the
    desk, in one transaction.

    Returns the Message: for a second click the first one, and None if the enquiry takes no more messages. Raises
    OSError if the file cannot be written.
    """
    message = Message(enquiry=enquiry, text=text)
    attachments = store(enquiry, [upload] if upload else [], message)
    with transaction.atomic(), removed_on_failure(attachments):
        # Lock a duplicate together with the enquiry that it was merged into.
        enquiry, worked_on = Enquiry.objects.for_update(enquiry, enquiry.merged_into or enquiry)
        last = enquiry.messages.last()
        if worked_on.state in OPEN and is_second_click(last, text, upload):
            remove(attachments)
            return last
        if not Progress(enquiry).accepts_messages:
            remove(attachments)
            return None
        message.save()
        Attachment.objects.bulk_create(attachments)
        worked_on.log(Event.Kind.WRITTEN)
        if worked_on.state in REOPENED:
            worked_on.move_to(REOPENED[worked_on.state])
        queue_further_message(message)
    return message


def is_second_click(last: Message | None, text: str, upload: Upload | None) -> bool:
    """Whether `text` and `upload` repeat the `last` message within DUPLICATE_WINDOW."""
    if last is None or last.text != text or last.created_at <= timezone.now() - DUPLICATE_WINDOW:
        return False
    attachment = last.attachments.first()
    if attachment is None or upload is None:
        return attachment is upload
    try:
        with attachment.file.open() as file:
            return digest(file) == upload.digest
    except FileNotFoundError:
        return False


def confirmation(message: Message) -> str:
    """Returns a signed and dated value for a URL: was_just_stored() then says that `message` is stored."""
    return signing.dumps(message.pk, salt=CONFIRMATION_SALT)


def was_just_stored(value: str, messages: list[Message]) -> bool:
    """Whether `value` is the confirmation() of one of `messages`, made within CONFIRMATION_AGE."""
    try:
        key = signing.loads(value, salt=CONFIRMATION_SALT, max_age=CONFIRMATION_AGE)
    except signing.BadSignature:
        return False
    return key in [message.pk for message in messages]


def withdraw_consent(enquiry: Enquiry):
    """
    Ends the enquiry for good, and erases it unless the Department keeps such enquiries for some days.

    Does nothing if consent is already withdrawn. Raises DatabaseError if the withdrawal cannot be stored. If only the
    erasing fails, the worker tries it again.
    """
    with transaction.atomic():
        [enquiry] = Enquiry.objects.for_update(enquiry)
        if State.WITHDRAWN not in enquiry.next_states:
            return
        enquiry.move_to(State.WITHDRAWN)
        if enquiry.erase_on <= timezone.localdate():
            try_to_erase(enquiry)
