"""What staff do with enquiries. Whatever is done stands in the timeline, stored together with it."""

import re
from datetime import timedelta
from operator import itemgetter

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import override

from contact.mail.messages import queue_answer, queue_assignment
from contact.models import Answer, AnswerTemplate, Enquiry, Event, Note, State

# Within this time somebody who looks at an enquiry again is still reading it.
READING = timedelta(minutes=10)

# Within this time the same answer of the same user is a second click.
SECOND_CLICK = timedelta(minutes=10)


def for_update(*enquiries):
    """
    `enquiries` as they are now, kept from everybody else's changes until the transaction in force ends.

    Raises ValidationError if one has been erased: nothing is written about it any more.
    """
    enquiries = Enquiry.objects.for_update(*enquiries)
    for enquiry in enquiries:
        if enquiry.erased_at:
            raise ValidationError(_("All personal data of this enquiry have been erased."))
    return enquiries


@transaction.atomic
def record_view(enquiry, actor):
    """Records that the user `actor` reads the personal data."""
    if not enquiry.events.filter(kind=Event.Kind.VIEWED, actor=actor, at__gt=timezone.now() - READING).exists():
        enquiry.log(Event.Kind.VIEWED, actor)


@transaction.atomic
def assign(enquiry, owner, actor):
    """Gives `enquiry` to the user `owner`, or, with None, to nobody; what has just arrived is then in progress."""
    [enquiry] = for_update(enquiry)
    if enquiry.owner == owner:
        return
    if enquiry.is_finished:
        raise ValidationError(_("This enquiry has ended. Open it again to give it to somebody."))
    enquiry.owner = owner
    enquiry.save(update_fields=["owner"])
    enquiry.log(Event.Kind.ASSIGNED, actor, owner.get_username() if owner else "–")
    if owner and enquiry.state == State.RECEIVED:
        enquiry.move_to(State.IN_PROGRESS, actor)
    if owner and owner != actor:
        queue_assignment(enquiry)


@transaction.atomic
def move(enquiry, state, actor):
    """Moves `enquiry` to a State. Raises ValidationError where there is no lawful way."""
    [enquiry] = for_update(enquiry)
    enquiry.move_to(state, actor)


@transaction.atomic
def write_note(enquiry, text, actor):
    """Keeps `text` with `enquiry`, for staff alone."""
    [enquiry] = for_update(enquiry)
    Note.objects.create(enquiry=enquiry, author=actor, text=text)
    enquiry.log(Event.Kind.NOTED, actor)


@transaction.atomic
def answer(enquiry, text, is_on_status_page, actor, seen=None):
    """
    Sends `text` to the visitor by mail and keeps it; the Answer. A second click on the same text is one answer.

    `seen` is what `latest_entry` said when the user began to write: who has not seen what was written since is told
    so by a ValidationError. Another is raised when `enquiry` has ended: it is to be opened again first.
    """
    [enquiry] = for_update(enquiry)
    last = enquiry.answers.last()
    if last and (last.text, last.author) == (text, actor) and last.created_at > timezone.now() - SECOND_CLICK:
        return last
    if not enquiry.can_be_answered:
        raise ValidationError(_("This enquiry has ended. Open it again to answer it."))
    if seen not in (None, latest_entry(enquiry)):
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


def latest_entry(enquiry):
    """What tells whether anybody, the visitor or staff, has written about `enquiry` since: two numbers as text."""
    answer, message = enquiry.answers.last(), enquiry.all_messages().last()
    return f"{answer.pk if answer else 0}-{message.pk if message else 0}"


@transaction.atomic
def merge(duplicate, main, actor):
    """
    Closes `duplicate` as the same matter as `main`, which goes on.

    Raises ValidationError unless both come from one e-mail address, because an answer goes to one, and unless
    both are still worked on: what has ended is kept no longer than was said then.
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


def fill_template(template, enquiry):
    """The text of an AnswerTemplate in the visitor's language, with what it leaves open filled in from `enquiry`."""
    with override(enquiry.language):
        values = {
            "person": enquiry.person,
            "organisation": enquiry.organisation,
            "reference": enquiry.reference,
            "subject": enquiry.subject.display_title if enquiry.subject else "",
        }
        # In one pass: what a visitor wrote is not looked through for more to fill in.
        return re.sub(r"\{(\w+)\}", lambda found: values.get(found[1], found[0]) or "", template.text or "")


def templates_for(enquiry):
    """The AnswerTemplates that have a text in the visitor's language."""
    with override(enquiry.language):
        return [template for template in AnswerTemplate.objects.all() if template.text]


def timeline(enquiry):
    """Everything that happened to `enquiry`, oldest first, as (time, who, what)."""
    events = [(event.at, event.shown_actor, str(event)) for event in enquiry.events.all()]
    queued = _("Mail queued: %(subject)s")
    mails = [(mail.created, _("the portal"), queued % {"subject": mail.subject or "–"}) for mail in enquiry.mails.all()]
    return sorted(events + mails, key=itemgetter(0))
