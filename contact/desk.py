"""What staff do with enquiries. Whatever is done stands in the timeline, stored together with it."""

import re
from datetime import timedelta
from operator import itemgetter

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import override

from contact.mails import queue_answer, stop_mails
from contact.models import Answer, AnswerTemplate, Enquiry, Event, Note, State

# Within this time somebody who looks at an enquiry again is still reading it.
READING = timedelta(minutes=10)


def locked(enquiry):
    """`enquiry` as it is now, kept from everybody else's changes until the transaction in force ends."""
    return Enquiry.objects.select_for_update().get(pk=enquiry.pk)


@transaction.atomic
def open_enquiry(enquiry, actor):
    """Records that the user `actor` reads the personal data."""
    if not enquiry.events.filter(actor=actor, at__gt=timezone.now() - READING).exists():
        enquiry.log(Event.Kind.OPENED, actor)


@transaction.atomic
def assign(enquiry, owner, actor):
    """Gives `enquiry` to the user `owner`, or, with None, to nobody; what has just arrived is then in progress."""
    enquiry = locked(enquiry)
    if enquiry.owner == owner:
        return
    enquiry.owner = owner
    enquiry.save(update_fields=["owner"])
    enquiry.log(Event.Kind.ASSIGNED, actor, owner.get_username() if owner else "–")
    if owner and enquiry.state == State.RECEIVED:
        enquiry.move_to(State.IN_PROGRESS, actor)


@transaction.atomic
def move(enquiry, state, actor):
    """Moves `enquiry` to a State. Raises ValidationError where there is no lawful way."""
    enquiry = locked(enquiry)
    enquiry.move_to(state, actor)
    if state == State.WITHDRAWN:
        stop_mails(enquiry)


@transaction.atomic
def write_note(enquiry, text, actor):
    """Keeps `text` with `enquiry`, for staff alone."""
    Note.objects.create(enquiry=enquiry, author=actor, text=text)
    enquiry.log(Event.Kind.NOTED, actor)


@transaction.atomic
def answer(enquiry, text, is_on_status_page, actor):
    """
    Sends `text` to the visitor by mail and keeps it; the Answer. The same text twice in a row is one answer.

    Raises ValidationError when `enquiry` has ended: it is to be opened again first.
    """
    enquiry = locked(enquiry)
    last = enquiry.answers.last()
    if last and last.text == text:
        return last
    if not enquiry.can_be_answered:
        raise ValidationError(_("This enquiry has ended. Open it again to answer it."))
    given = Answer.objects.create(enquiry=enquiry, author=actor, text=text, is_on_status_page=is_on_status_page)
    queue_answer(given)
    enquiry.log(Event.Kind.ANSWERED, actor)
    if enquiry.owner is None:
        assign(enquiry, actor, actor)
        enquiry.refresh_from_db()
    if enquiry.state != State.ANSWERED:
        enquiry.move_to(State.ANSWERED, actor)
    return given


@transaction.atomic
def merge(duplicate, main, actor):
    """
    Closes `duplicate` as the same matter as `main`, which goes on.

    Raises ValidationError unless both come from one e-mail address, because an answer goes to one, and
    unless `main` is still worked on.
    """
    duplicate, main = locked(duplicate), locked(main)
    if duplicate == main:
        raise ValidationError(_("An enquiry cannot be merged into itself."))
    if duplicate.email.casefold() != main.email.casefold():
        raise ValidationError(_("Only enquiries from one e-mail address can be merged: an answer goes to one."))
    if main.is_ended:
        raise ValidationError(
            _("%(reference)s has ended. Open it again to merge into it."), params={"reference": main.reference}
        )
    if duplicate.state != State.CLOSED:
        duplicate.move_to(State.CLOSED, actor)
    duplicate.merged_into = main
    duplicate.save(update_fields=["merged_into"])
    duplicate.duplicates.update(merged_into=main)
    duplicate.log(Event.Kind.MERGED, actor, main.reference)
    main.log(Event.Kind.MERGED, actor, duplicate.reference)


def filled_in(template, enquiry):
    """The text of an AnswerTemplate in the visitor's language, with what it leaves open filled in from `enquiry`."""
    with override(enquiry.language):
        values = {
            "person": enquiry.person,
            "organisation": enquiry.organisation,
            "reference": enquiry.reference,
            "subject": enquiry.subject.heading if enquiry.subject else "",
        }
        # In one pass: what a visitor wrote is not looked through for more to fill in.
        return re.sub(r"\{(\w+)\}", lambda found: values.get(found[1], found[0]) or "", template.text or "")


def templates_for(enquiry):
    """The AnswerTemplates that have a text in the visitor's language."""
    with override(enquiry.language):
        return [template for template in AnswerTemplate.objects.all() if template.text]


def timeline(enquiry):
    """Everything that happened to `enquiry`, oldest first, as (time, who, what)."""
    events = [(event.at, event.shown_actor, str(event)) for event in enquiry.events.select_related("actor")]
    queued = _("Mail queued: %(subject)s")
    mails = [(mail.created, _("the portal"), queued % {"subject": mail.subject or "–"}) for mail in enquiry.mails.all()]
    return sorted(events + mails, key=itemgetter(0))
