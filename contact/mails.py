"""The mails that tell of an enquiry, queued in the transaction of what they tell of; the worker delivers them."""

import re

from django.conf import settings
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import get_language, override
from django.utils.translation import gettext as _
from post_office import mail
from post_office.models import STATUS

from portal.addresses import absolute_url
from portal.languages import html_code
from portal.models import Department
from portal.recipients import is_writable, parse_recipients

# The states of a mail that is still to be sent.
WAITING = (STATUS.queued, STATUS.requeued)


def queue_acknowledgement_and_notifications(enquiry):
    """
    Queues the acknowledgement to the visitor and the notifications to the desk, each in its own language.

    None repeats the message, and none holds the code: mail is read by more people than the desk. Nor does
    the acknowledgement repeat any other word of the form, which may have been filled in with another's address.
    """
    with override(enquiry.language):
        queue_to_visitor(
            enquiry,
            "contact/mails/acknowledgement.txt",
            _("We have received your enquiry %(reference)s") % {"reference": enquiry.reference},
            absolute_url(enquiry.get_absolute_url()),
        )
    with override(Department.current().staff_language):
        queue_to_desk(
            enquiry,
            "contact/mails/notification.txt",
            _("New enquiry %(reference)s") % {"reference": enquiry.reference},
        )


def queue_answer(answer):
    """Queues an Answer to the visitor, in the language of the enquiry, with the address of its status page."""
    enquiry = answer.enquiry
    with override(enquiry.language):
        queue_to_visitor(
            enquiry,
            "contact/mails/answer.txt",
            _("Answer to your enquiry %(reference)s") % {"reference": enquiry.reference},
            absolute_url(reverse("status_detail", args=[enquiry.token])),
            answer=answer,
        )


def stop_mails(enquiry):
    """The mails about an enquiry that still wait are not sent any more: they have failed, and nobody need see to it."""
    enquiry.mails.filter(status__in=WAITING).update(status=STATUS.failed, scheduled_time=None)


def queue_further_message(message):
    """Tells the desk, and whoever has the enquiry, of a further Message of the visitor, without its words."""
    enquiry = message.enquiry.merged_into or message.enquiry
    owner = enquiry.owner.email if enquiry.owner and enquiry.owner.is_active else ""
    with override(Department.current().staff_language):
        queue_to_desk(
            enquiry,
            "contact/mails/further_message.txt",
            _("Further message on enquiry %(reference)s") % {"reference": enquiry.reference},
            owner,
        )


def queue_assignment(enquiry):
    """Tells the user who owns an enquiry that it is theirs now, if they have an e-mail address."""
    if not is_writable(enquiry.owner.email):
        return
    with override(Department.current().staff_language):
        queue(
            enquiry,
            [enquiry.owner.email],
            "contact/mails/assignment.txt",
            _("Enquiry %(reference)s has been given to you") % {"reference": enquiry.reference},
            absolute_url(reverse("admin:contact_enquiry_change", args=[enquiry.pk])),
            reply_to="",
        )


def queue_to_visitor(enquiry, template, subject, link, **context):
    """Queues a mail to the visitor in the language in force; whoever replies writes to the department."""
    queue(enquiry, [enquiry.email], template, subject, link, reply_to=Department.current().email, **context)


def queue_to_desk(enquiry, template, subject, *others):
    """
    Queues a mail to each of the desk, and of the `others` that are not empty, in the language in force; whoever
    replies writes to the visitor.
    """
    link = absolute_url(reverse("admin:contact_enquiry_change", args=[enquiry.pk]))
    addresses = once([*desk_of(enquiry), *filter(is_writable, others)])
    queue(enquiry, addresses, template, subject, link, reply_to=enquiry.email)


def once(addresses):
    """The `addresses`, each once however it is written."""
    return list({address.casefold(): address for address in addresses}.values())


def desk_of(enquiry):
    """
    Who is told of an enquiry: the addresses that the type and the centres of its program name, each once.

    Where these name none, or it is about no program, PORTAL_ENQUIRIES_TO.
    """
    program = enquiry.program
    concerned = [*filter(None, [program.area]), *program.centres.all()] if program else []
    named = parse_recipients("\n".join(row.notified for row in concerned))
    return once(named or settings.PORTAL_ENQUIRIES_TO)


def queue(enquiry, addresses, template, subject, link, *, reply_to, **context):
    """
    Queues one mail to each of `addresses` and keeps it with the enquiry.

    One mail, one recipient: of several, smtplib keeps quiet about a single one that the host refuses.
    """
    context |= {"enquiry": enquiry, "department": Department.current(), "link": link}
    text = render_to_string(template, context)
    for address in addresses:
        enquiry.mails.add(queue_text(address, subject, text, link, reply_to))


def queue_text(address, subject, text, link, reply_to=""):
    """
    Queues `text` as plain text and as HTML, in the language in force; the Email.

    Paragraphs are set off by empty lines; the one that is `link` alone becomes a link.
    """
    paragraphs = [paragraph.strip("\n") for paragraph in re.split(r"\n\s*\n", text.replace("\r\n", "\n").strip())]
    html = {"language": html_code(get_language()), "subject": subject, "paragraphs": paragraphs, "link": link}
    return mail.send(
        address,
        # post_office renders these as templates: a visitor's words go in as values, never as source.
        subject="{{ subject|safe }}",
        message="{{ text|safe }}",
        html_message="{{ html|safe }}",
        context={
            "subject": subject,
            "text": "\n\n".join(paragraphs) + "\n",
            "html": render_to_string("contact/mails/mail.html", html),
        },
        headers={"Reply-To": reply_to} if reply_to else None,
    )
