"""The actions of staff on enquiries. Each action logs an event in the timeline, in the same transaction."""

import re
from datetime import timedelta
from operator import itemgetter

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import override

from contact.mail.messages import has_salutation, queue_answer, queue_assignment, readdress_mails
from contact.models import Answer, AnswerTemplate, Enquiry, Event, Note, State
from portal.bilingual.email_addresses import is_deliverable

# A further view by the same user within this time is not logged.
VIEW_LOG_INTERVAL = timedelta(minutes=10)

# The same answer by the same user within this time is a second click.
DUPLICATE_WINDOW = timedelta(minutes=10)


def for_update(*enquiries):
    """Works like EnquiryQuerySet.for_update(), but raises ValidationError if one of `enquiries` was erased."""
    enquiries = Enquiry.objects.for_update(*enquiries)
    for enquiry in enquiries:
        if enquiry.erased_at:
            raise ValidationError(_("All personal data of this enquiry have been erased."))
    return enquiries


@transaction.atomic
def record_view(enquiry: Enquiry, actor):
    """
    Logs that the user `actor` viewed the personal data of an enquiry and its duplicates, which its page shows too.

    It does not log again what was logged within VIEW_LOG_INTERVAL.
    """
    since = timezone.now() - VIEW_LOG_INTERVAL
    viewed = Event.objects.filter(kind=Event.Kind.VIEWED, actor=actor, at__gt=since)
    shown = Enquiry.objects.filter(Q(pk=enquiry.pk) | Q(merged_into=enquiry)).exclude(events__in=viewed)
    Event.objects.bulk_create(Event.of(row, Event.Kind.VIEWED, actor) for row in shown)


def possible_owners():
    """Returns a queryset of the users who may own an enquiry: staff who may work on enquiries."""
    # Named, because Django asks which one if there are several. This one knows the permissions in the database.
    backend = "django.contrib.auth.backends.ModelBackend"
    allowed = get_user_model().objects.with_perm("contact.change_enquiry", backend=backend)
    return allowed.filter(is_staff=True).order_by("username")


def missing_address_warning(owner) -> str:
    """Returns a warning, in the active language, if no mail can be sent to the user `owner`, or an empty text."""
    if owner is None or is_deliverable(owner.email):
        return ""
    return _("The owner %(owner)s has no e-mail address, so no mail tells them about enquiries.") % {"owner": owner}


@transaction.atomic
def assign(enquiry: Enquiry, owner, actor) -> bool:
    """
    Makes the user `owner` the owner of an enquiry; None removes the owner. Notifies an owner other than `actor`.

    Returns False, and changes nothing, if that is the owner already. A received enquiry with an owner is in progress.
    Raises ValidationError if the enquiry is finished or erased, or if `owner` is not one of possible_owners().
    """
    [enquiry] = for_update(enquiry)
    if enquiry.owner == owner:
        return False
    if enquiry.is_finished:
        raise ValidationError(_("This enquiry has ended. Open it again to give it to somebody."))
    if owner and not possible_owners().filter(pk=owner.pk).exists():
        raise ValidationError(_("%(owner)s may not work on enquiries."), params={"owner": owner})
    enquiry.owner = owner
    enquiry.save(update_fields=["owner"])
    enquiry.log(Event.Kind.ASSIGNED, actor, str(owner)[:200] if owner else "–")
    if owner and enquiry.state == State.RECEIVED:
        enquiry.move_to(State.IN_PROGRESS, actor)
    if owner and owner != actor:
        queue_assignment(enquiry)
    return True


@transaction.atomic
def move(enquiry: Enquiry, state: State, actor):
    """Changes the state of an enquiry; see Enquiry.move_to(). Raises ValidationError if that is not allowed."""
    [enquiry] = for_update(enquiry)
    enquiry.move_to(state, actor)


@transaction.atomic
def write_note(enquiry: Enquiry, text: str, actor):
    """Adds an internal note. Raises ValidationError if the enquiry was erased."""
    [enquiry] = for_update(enquiry)
    Note.objects.create(enquiry=enquiry, author=actor, text=text)
    enquiry.log(Event.Kind.NOTED, actor)


@transaction.atomic
def answer(enquiry: Enquiry, text: str, is_on_status_page: bool, actor, seen: str | None = None) -> Answer:
    """
    Stores an answer and queues it as a mail to the visitor. A second click returns the stored Answer.

    An enquiry without an owner is assigned to the user `actor`. Raises ValidationError if it is finished or erased, or
    if there are entries that are not in `seen`: the text of entry_keys() when the user began to write (None for no
    check).
    """
    [enquiry] = for_update(enquiry)
    last = enquiry.answers.last()
    is_same = last and (last.text, last.author) == (text, actor) and enquiry.state == State.ANSWERED
    if is_same and last.created_at > timezone.now() - DUPLICATE_WINDOW:
        return last
    if not enquiry.can_be_answered:
        raise ValidationError(_("This enquiry has ended. Open it again to answer it."))
    if new_entries(enquiry, seen):
        raise ValidationError(
            _("Somebody has answered, or the visitor has written, since you began. Look at it, then send again.")
        )
    given = Answer.objects.create(enquiry=enquiry, author=actor, text=text, is_on_status_page=is_on_status_page)
    queue_answer(given)
    enquiry.log(Event.Kind.ANSWERED, actor)
    if enquiry.owner is None:
        assign(enquiry, actor, actor)
        enquiry.refresh_from_db()
    if enquiry.state != State.ANSWERED:
        enquiry.move_to(State.ANSWERED, actor)
    return given


def entries(enquiry: Enquiry) -> dict:
    """Returns all that a new answer must take into account: the answers, further messages and duplicates, by a key."""
    rows = [*enquiry.answers.all(), *enquiry.messages.all()]
    for duplicate in enquiry.duplicates.all():
        rows += [duplicate, *duplicate.answers.all(), *duplicate.messages.all()]
    return {f"{row._meta.model_name}-{row.pk}": row for row in rows}


def entry_keys(enquiry: Enquiry) -> str:
    """Returns the keys of entries() as one text, for the form of an answer."""
    return " ".join(entries(enquiry))


def new_entries(enquiry: Enquiry, seen: str | None) -> list:
    """Returns the rows of entries() whose key is not in the text `seen`. None means that all have been seen."""
    if seen is None:
        return []
    return [row for key, row in entries(enquiry).items() if key not in seen.split()]


@transaction.atomic
def correct_address(enquiry: Enquiry, email: str, actor):
    """
    Changes the visitor's e-mail address, also in the duplicates and in mails that are not sent yet.

    Sent mails keep theirs. A merged enquiry is changed together with its main one, because an answer goes to one
    address. Raises ValidationError if consent was withdrawn or the personal data are erased.
    """
    [main] = for_update(enquiry.merged_into or enquiry)
    if main.state == State.WITHDRAWN:
        raise ValidationError(_("Consent was withdrawn, so nothing is sent any more."))
    for row in (main, *main.duplicates.filter(erased_at=None)):
        if row.email != email:
            row.email = email
            row.save(update_fields=["email"])
            readdress_mails(row, email)
            # The detail outlives the personal data, so it does not name the address.
            row.log(Event.Kind.NEW_ADDRESS, actor)


@transaction.atomic
def merge(duplicate: Enquiry, main: Enquiry, actor):
    """
    Closes `duplicate` and merges it, with its own duplicates, into `main`.

    Raises ValidationError if the e-mail addresses differ, because an answer is sent to only one address, or if one
    of the enquiries is finished, because a merge must not extend its retention period.
    """
    if duplicate == main:
        raise ValidationError(_("An enquiry cannot be merged into itself."))
    duplicate, main = for_update(duplicate, main)
    if duplicate.email.casefold() != main.email.casefold():
        raise ValidationError(_("Only enquiries from one e-mail address can be merged: an answer goes to one."))
    for enquiry in (duplicate, main):
        if enquiry.is_finished:
            raise ValidationError(
                _("%(reference)s has ended. Open it again to merge it."), params={"reference": enquiry.reference}
            )
    duplicates = list(duplicate.duplicates.all())
    duplicate.move_to(State.CLOSED, actor)
    for row in (duplicate, *duplicates):
        row.merged_into = main
        row.save(update_fields=["merged_into"])
    duplicate.log(Event.Kind.MERGED, actor, main.reference)
    main.log(Event.Kind.MERGED, actor, duplicate.reference)


def fill_template(template: AnswerTemplate, enquiry: Enquiry) -> str:
    """Returns the text of a template in the visitor's language, with its placeholders replaced."""
    with override(enquiry.language):
        values = {
            "person": enquiry.person,
            "organisation": enquiry.organisation,
            "reference": enquiry.reference,
            "subject": enquiry.display_subject,
        }
        # One pass, so that placeholders in the visitor's own text are not replaced.
        text = re.sub(r"\{(\w+)\}", lambda found: values.get(found[1], found[0]) or "", template.text or "")
    return text.replace("\r\n", "\n").rstrip()


def without_salutation(text, person) -> str:
    """Returns a letter in the active language without its first paragraph, if that is a salutation to the `person`."""
    first, _blank, rest = text.partition("\n\n")
    is_short = re.fullmatch(r".{1,80}[,:，：]", first)
    return rest if rest and is_short and has_salutation(first, person) else text


def with_template(text: str, template: AnswerTemplate, enquiry: Enquiry) -> tuple[str, str]:
    """
    Returns `text` with the filled `template` in it, and a sentence for staff about it, or "" if there was no text.

    It replaces a template at the end of the text that nobody has changed. Otherwise a blank line comes before it. If
    the text that stays has a salutation, that of the template is left out.
    """
    # Browsers change the ends of lines.
    before, added = text.replace("\r\n", "\n").rstrip(), fill_template(template, enquiry)
    filled = [fill_template(row, enquiry) for row in templates_for(enquiry)]
    with override(enquiry.language):
        filled += [without_salutation(written, enquiry.person) for written in filled]
        untouched = [written for written in filled if written and f"\n\n{before}".endswith(f"\n\n{written}")]
        replaced = max(untouched, key=len, default="")
        kept = before.removesuffix(replaced).rstrip()
        if has_salutation(kept, enquiry.person):
            added = without_salutation(added, enquiry.person)
    said = ""
    if replaced:
        said = _("The template “%(template)s” has replaced the one before, which you had not changed.")
    elif before:
        said = _("The template “%(template)s” is added below your text, which is unchanged.")
    return "\n\n".join(filter(None, [kept, added])), said and said % {"template": template}


def templates_for(enquiry: Enquiry) -> list[AnswerTemplate]:
    """Returns the templates that have a text in the visitor's language."""
    with override(enquiry.language):
        return [template for template in AnswerTemplate.objects.all() if template.text]


def timeline(enquiry: Enquiry) -> list[tuple]:
    """Returns the events and queued mails of an enquiry, oldest first, as tuples (time, actor, text)."""
    events = [(event.at, event.shown_actor, str(event)) for event in enquiry.events.all()]
    queued = _("Mail queued: %(subject)s")
    mails = [(mail.created, _("the portal"), queued % {"subject": mail.subject or "–"}) for mail in enquiry.mails.all()]
    return sorted(events + mails, key=itemgetter(0))
