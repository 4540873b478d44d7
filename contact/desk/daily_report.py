"""The daily report to the desk: whether all mails were sent, what waits for staff, which files are missing."""

from datetime import datetime, time, timedelta

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import transaction
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import override
from post_office.models import STATUS, Email

from contact import working_days
from contact.desk.front import waiting
from contact.desk.statistics import reconcile, unaccounted
from contact.mail.messages import queue_text
from contact.models import DailyReport, Enquiry, State
from portal.bilingual.links import absolute_url
from portal.draft_chores import request_of
from portal.models import Department
from programs.models import ResourceFile

# The hour of the day, in Beijing, from which the report is queued.
HOUR = 8

# The maximum number of unaccounted references, and of missing files, that a report lists.
MAX_REFERENCES = 20


def queue_daily_report(now: datetime | None = None) -> list[Email]:
    """
    Queues the report as one mail to each of PORTAL_ENQUIRIES_TO, and returns the mails.

    It covers the days since the last report (the first one: yesterday), without today. It is queued once a day, at or
    after HOUR in Beijing, by one of several workers; other calls return an empty list. `now` is aware.
    """
    now = timezone.localtime(now, timezone.get_default_timezone())
    today = now.date()
    if now.hour < HOUR or DailyReport.objects.filter(day__gte=today).exists():
        return []
    with transaction.atomic():
        daily_report, is_new = DailyReport.objects.get_or_create(day=today)
        if not is_new:
            return []
        last = DailyReport.objects.filter(day__lt=today).order_by("-day").first()
        with override(Department.current().staff_language):
            subject, body = report(last.day if last else today - timedelta(days=1), today)
            link = absolute_url(reverse("admin:contact_enquiry_changelist"))
            text = f"{body}\n\n{link}"
            mails = [queue_text(recipient, subject, text, [link]) for recipient in settings.PORTAL_ENQUIRIES_TO]
        daily_report.mails.set(mails)
        return mails


def report(first, today):
    """
    Returns the subject and the text of a report, in the active language.

    It covers the dates from `first` to the day before `today`, and contains no personal data.
    """
    since, until = (timezone.make_aware(datetime.combine(day, time.min)) for day in (first, today))
    received = Enquiry.objects.filter(created_at__gte=since, created_at__lt=until)
    period, ever = reconcile(received), reconcile(Enquiry.objects.all())
    heading = _heading(first, today - timedelta(days=1))
    adds_up = period.difference == ever.difference == 0
    missing = ResourceFile.objects.missing_on_disk()
    references = [] if adds_up else list(unaccounted(Enquiry.objects.all()).values_list("reference", flat=True))
    # All that waits for anybody.
    enquiries, *groups = waiting(request_of(get_user_model()(is_superuser=True)))
    context = {
        "heading": heading,
        "warning": working_days.warning(today),
        "adds_up": adds_up,
        "period": period,
        "ever": ever,
        "missing_files": missing[:MAX_REFERENCES],
        "unnamed_files": len(missing[MAX_REFERENCES:]),
        "references": references[:MAX_REFERENCES],
        "unnamed": len(references[MAX_REFERENCES:]),
        "answered": Enquiry.objects.filter(answered_at__gte=since, answered_at__lt=until).count(),
        "closed": Enquiry.objects.filter(state=State.CLOSED, closed_at__gte=since, closed_at__lt=until).count(),
        "not_closed": Enquiry.objects.filter(state=State.ANSWERED).count(),
        "enquiries": enquiries,
        "groups": groups,
    }
    subject = heading
    if missing:
        subject = _("ATTENTION: files of resources are missing – %(report)s") % {"report": heading}
    if not adds_up:
        subject = _("ATTENTION: the numbers do not add up – %(report)s") % {"report": heading}
    return subject, render_to_string("contact/mail/daily_report.txt", context)


def warning() -> str:
    """Returns a warning, in the active language, if a report of the last seven days failed, or an empty string."""
    week_ago = timezone.localdate() - timedelta(days=7)
    queued = DailyReport.mails.through.objects.filter(dailyreport__day__gt=week_ago).select_related("email")
    addresses = sorted({address for link in queued if link.email.status == STATUS.failed for address in link.email.to})
    if not addresses:
        return ""
    return _("Daily reports could not be delivered to: %(addresses)s") % {"addresses": ", ".join(addresses)}


def _heading(first, last):
    if first == last:
        return _("Enquiries on %(day)s") % {"day": date_format(last)}
    return _("Enquiries from %(first)s to %(last)s") % {"first": date_format(first), "last": date_format(last)}
