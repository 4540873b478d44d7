"""Enquiries that are written straight to the database, in any state."""

from datetime import timedelta
from itertools import count

from django.utils import timezone
from post_office.models import Email

from contact.models import FINISHED, PERSONAL_FIELDS, Enquiry, Event

NUMBERS = count()


def stored(*mails, created_at=None, withheld=False, **fields):
    """Creates an Enquiry with one mail for each status in `mails`, perhaps with a withheld acknowledgement."""
    number = next(NUMBERS)
    if fields.get("state") in FINISHED:
        closing = {"closed_at": timezone.now(), "erase_on": timezone.localdate() + timedelta(days=700)}
        fields = closing | fields
    enquiry = Enquiry.objects.create(
        **{
            "fingerprint": f"fingerprint-{number}",
            "language": "en",
            "privacy_version": "1",
            "organisation": "Example College",
            "territory": "GB",
            "person": "Alex Example",
            "email": "alex@college.example",
            "message": "What should we prepare?",
        }
        | fields
    )
    if created_at:
        Enquiry.objects.filter(pk=enquiry.pk).update(created_at=created_at)
        enquiry.refresh_from_db()
    enquiry.mails.set([_mail(enquiry, status) for status in mails])
    if withheld:
        enquiry.log(Event.Kind.WITHHELD)
    return enquiry


def erased(*mails, **fields):
    """Creates an erased Enquiry."""
    nothing = dict.fromkeys(PERSONAL_FIELDS, "")
    return stored(*mails, state="closed", erased_at=timezone.now(), **nothing, **fields)


def _mail(enquiry, status):
    recipients = [enquiry.email or "erased@example.invalid"]
    return Email.objects.create(from_email="portal@example.com", to=recipients, subject="Subject", status=status)
