"""The mails that tell of an enquiry, queued in its own transaction; the worker delivers them."""

from django.conf import settings
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import override
from post_office import mail

from portal.addresses import absolute_url
from portal.models import Department


def queue_mails(enquiry):
    """
    Queues the acknowledgement to the visitor and the notification to the staff, each in its own language.

    Neither repeats the message: mail is read by more people than the desk.
    """
    department = Department.current()
    with override(enquiry.language):
        acknowledgement = _queue(
            enquiry,
            department,
            to=[enquiry.email],
            subject=_("We have received your enquiry %(reference)s") % {"reference": enquiry.reference},
            template="contact/mails/acknowledgement.txt",
            link=absolute_url(enquiry.get_absolute_url()),
        )
    with override(department.staff_language):
        notification = _queue(
            enquiry,
            department,
            to=settings.PORTAL_ENQUIRIES_TO,
            subject=_("New enquiry %(reference)s") % {"reference": enquiry.reference},
            template="contact/mails/notification.txt",
            link=absolute_url(reverse("admin:contact_enquiry_change", args=[enquiry.pk])),
            headers={"Reply-To": enquiry.email},
        )
    enquiry.mails.set([acknowledgement, notification])


def _queue(enquiry, department, *, to, subject, template, link, headers=None):
    body = render_to_string(template, {"enquiry": enquiry, "department": department, "link": link})
    # post_office renders subject and message as templates: a visitor's words go in as values, never as source.
    return mail.send(
        to,
        subject="{{ subject|safe }}",
        message="{{ body|safe }}",
        context={"subject": subject, "body": body},
        headers=headers,
    )
