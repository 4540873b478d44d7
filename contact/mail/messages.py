"""The mails about an enquiry. Each is queued in the transaction that it reports on; the worker delivers it."""

import re

from django.conf import settings
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import get_language, override, pgettext
from django.utils.translation import gettext_lazy as _
from post_office import mail
from post_office.models import STATUS

from portal.bilingual.email_addresses import is_deliverable, parse_email_addresses
from portal.bilingual.languages import html_code
from portal.bilingual.links import absolute_url
from portal.models import Department

# The labels of mail states on the desk's pages, and the states of mails that are not sent yet.
MAIL_STATES = {
    STATUS.queued: _("waiting"),
    STATUS.sent: _("sent"),
    STATUS.requeued: _("failed, will be tried again"),
    STATUS.failed: _("failed"),
}
WAITING = (STATUS.queued, STATUS.requeued)


def queue_acknowledgement(enquiry):
    """
    Queues the acknowledgement to the visitor.

    It contains neither an answer of the form nor the code, because the visitor may have entered another person's
    address. It links to the receipt, which holds the code, because visitors lose receipts; the mail says what the link
    opens.
    """
    subject = _("We have received your enquiry %(reference)s")
    queue_to_visitor(enquiry, "acknowledgement", subject, enquiry.get_absolute_url, auto_submitted="auto-replied")


def queue_notifications(enquiry):
    """Queues the notifications to the desk, without message and code: mail is read by more people than the desk."""
    queue_to_desk(enquiry, "notification", _("New enquiry %(reference)s"), reply_to=enquiry.email)


def queue_answer(answer):
    """Queues an Answer to the visitor, in the language of the enquiry, with a link to its status page; saves `mail`."""
    enquiry = answer.enquiry
    with override(enquiry.language):
        context = {"answer": answer, "has_salutation": has_salutation(answer.text, enquiry.person)}
    # A person wrote it, so it carries no Auto-Submitted.
    subject = _("Answer to your enquiry %(reference)s")
    answer.mail = queue_to_visitor(enquiry, "answer", subject, enquiry.get_status_url, auto_submitted="", **context)
    answer.save(update_fields=["mail"])


def has_salutation(text, person) -> bool:
    """Whether a letter in the active language begins with a salutation, or with the name of the `person` as one."""
    beginnings = pgettext(
        "how a letter begins, as a regular expression",
        r"(?:Dear|Hello|Hi|Good (?:morning|afternoon|evening|day)|To whom it may concern)\b(?!-)|.{1,40},\s*$"
        r"|(?:Mr|Mrs|Ms|Dr|Prof)\b.{0,40}:\s*$",
    )
    name = rf"{re.escape(person)}\s*[,:!，：！]"
    return re.match(f"(?:{beginnings}|{name})", text.strip(), re.IGNORECASE | re.MULTILINE) is not None


def queue_further_message(message):
    """Notifies the desk and the owner of a further Message, without repeating it; each address gets one mail."""
    enquiry = message.enquiry.merged_into or message.enquiry
    subject = _("Further message on enquiry %(reference)s")
    context = {"has_file": message.attachments.exists()}
    owner = reachable_owner(enquiry)
    queue_to_desk(enquiry, "further_message", subject, except_to=owner, reply_to=enquiry.email, **context)
    if owner:
        queue_to_owner(enquiry, "further_message", subject, reply_to=enquiry.email, **context)


def queue_refused_answer(answer):
    """
    Notifies the owner, or else the desk, of an Answer that was refused for good.

    The mail has no Reply-To: the visitor's address is personal data, and probably wrong.
    """
    enquiry = answer.enquiry.merged_into or answer.enquiry
    subject = _("The answer to enquiry %(reference)s did not arrive")
    queue_to = queue_to_owner if reachable_owner(enquiry) else queue_to_desk
    queue_to(enquiry, "refused_answer", subject)


def queue_assignment(enquiry):
    """Notifies the owner of an enquiry of the assignment, if the owner's address is deliverable."""
    queue_to_owner(enquiry, "assignment", _("Enquiry %(reference)s has been given to you"))


def reachable_owner(enquiry):
    """Returns the owner of an enquiry, if it has an active one whose address is deliverable."""
    owner = enquiry.owner
    return owner if owner and owner.is_active and is_deliverable(owner.email) else None


def stop_mails(enquiry):
    """Marks the waiting mails of an enquiry as failed and settled, so that they are neither sent nor reported."""
    enquiry.mails.filter(status__in=WAITING).update(status=STATUS.failed, scheduled_time=None)


def readdress_mails(enquiry, email):
    """
    Changes the visitor's address to `email` in the waiting mails of an enquiry.

    It is the recipient of mails to the visitor, and the Reply-To of mails to the desk.
    """
    for unsent in enquiry.mails.filter(status__in=WAITING):
        if is_to_visitor(unsent, enquiry):
            enquiry.mails.filter(pk=unsent.pk).update(to=[email])
        elif unsent.headers and "Reply-To" in unsent.headers:
            enquiry.mails.filter(pk=unsent.pk).update(headers=unsent.headers | {"Reply-To": email})


def acknowledgement_of(enquiry):
    """Returns the Email that acknowledges an enquiry, or None if it was withheld; see visitor.rate_limits."""
    mails = enquiry.mails.filter(answer=None).order_by("pk")
    return next((mail for mail in mails if is_to_visitor(mail, enquiry)), None)


def is_to_visitor(mail, enquiry) -> bool:
    """Whether a mail of an enquiry is to its visitor. Those to the desk contain its path in the admin."""
    return desk_path(enquiry) not in mail.message


def queue_to_visitor(enquiry, template, subject, get_url, **context):
    """
    Queues a mail with Reply-To the Department, if that has an e-mail address, and returns the Email.

    `get_url` returns a path; it is called in the visitor's language.
    """
    with override(enquiry.language):
        department, link = Department.current(), absolute_url(get_url())
        context |= {
            "reply_to": department.email,
            "status": absolute_url(f"{reverse('status')}?reference={enquiry.reference}"),
        }
        [mail] = queue(enquiry, department, [enquiry.email], template, subject, link, **context)
    return mail


def queue_to_desk(enquiry, template, subject, except_to=None, **context):
    """Queues a mail to each recipient but the user `except_to`, in the staff's language; see queue()."""
    skipped = except_to.email.casefold() if except_to else None
    addresses = [address for address in enquiry_recipients(enquiry) if address.casefold() != skipped]
    department = Department.current()
    with override(department.staff_language):
        queue(enquiry, department, addresses, template, subject, absolute_url(desk_path(enquiry)), **context)


def queue_to_owner(enquiry, template, subject, **context):
    """Queues a mail in the owner's language, unless the owner's address is not deliverable; see queue()."""
    owner = enquiry.owner
    if not is_deliverable(owner.email):
        return
    department = Department.current()
    with override(owner.language or department.staff_language):
        queue(enquiry, department, [owner.email], template, subject, absolute_url(desk_path(enquiry)), **context)


def desk_path(enquiry) -> str:
    """Returns the path of an enquiry in the admin."""
    return reverse("admin:contact_enquiry_change", args=[enquiry.pk])


def enquiry_recipients(enquiry) -> list[str]:
    """Returns the addresses of the program's area and centres, or PORTAL_ENQUIRIES_TO, without duplicates."""
    program = enquiry.program
    concerned = [*filter(None, [program.area]), *program.centres.all()] if program else []
    addresses = parse_email_addresses("\n".join(row.enquiry_recipients for row in concerned))
    return list({address.casefold(): address for address in addresses or settings.PORTAL_ENQUIRIES_TO}.values())


def queue(
    enquiry, department, addresses, template, subject, link, *, reply_to="", auto_submitted="auto-generated", **context
):
    """
    Queues one mail per address in the active language, and returns the list of Email.

    `link` is the page that the mail is about. With `status` in `context`, the mail links to that URL too.

    One mail to several addresses would not do: smtplib does not report that some of them were refused.
    """
    context |= {"enquiry": enquiry, "department": department, "link": link, "reply_to": reply_to}
    text = render_to_string(f"contact/mail/{template}.txt", context)
    subject = subject % {"reference": enquiry.reference}
    links = [link, context.get("status")]
    mails = [queue_text(address, subject, text, links, reply_to, auto_submitted) for address in addresses]
    enquiry.mails.add(*mails)
    return mails


def queue_text(address, subject, text, links, reply_to="", auto_submitted="auto-generated"):
    """
    Queues `text` as plain text and as HTML in the active language, and returns the Email.

    Empty lines separate paragraphs. A paragraph that consists of one of `links` alone becomes a link. `auto_submitted`
    is the value of that header (RFC 3834, section 5), which keeps absence notices from being sent in return.
    """
    paragraphs = [paragraph.strip("\n") for paragraph in re.split(r"\n\s*\n", text.replace("\r\n", "\n").strip())]
    html = {"language": html_code(get_language()), "subject": subject, "paragraphs": paragraphs, "links": links}
    headers = {"Auto-Submitted": auto_submitted, "Reply-To": reply_to}
    return mail.send(
        address,
        # post_office renders these as templates, so the visitor's text must be in the context, not in the source.
        subject="{{ subject|safe }}",
        message="{{ text|safe }}",
        html_message="{{ html|safe }}",
        context={
            "subject": subject,
            "text": "\n\n".join(paragraphs) + "\n",
            "html": render_to_string("contact/mail/mail.html", html),
        },
        headers={name: value for name, value in headers.items() if value} or None,
    )
