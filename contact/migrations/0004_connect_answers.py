from datetime import timedelta

from django.db import migrations
from django.db.models import Exists, F, OuterRef

# post_office's status of a mail that failed for good.
FAILED = 1


def connect_answers(apps, schema_editor):
    """
    Connects each answer with its mail: the first to the visitor that was queued just after it.

    A last answer that did not arrive is settled anew, which opens its enquiry again if that is not closed.
    """
    Answer, Email = (apps.get_model(*name) for name in (("contact", "Answer"), ("post_office", "Email")))
    for answer in Answer.objects.filter(mail=None).order_by("pk").select_related("enquiry"):
        until = answer.created_at + timedelta(seconds=10)
        queued = answer.enquiry.mails.filter(created__range=(answer.created_at, until), to=answer.enquiry.email)
        answer.mail = queued.filter(answer=None).order_by("pk").first()
        answer.save(update_fields=["mail"])
    # contact.mail.delivery.settle_failures looks for failed mails with a scheduled time.
    later = Answer.objects.filter(enquiry=OuterRef("answer__enquiry"), pk__gt=OuterRef("answer__pk"))
    failed = Email.objects.filter(~Exists(later), answer__enquiry__state="answered", status=FAILED)
    Email.objects.filter(pk__in=list(failed.values_list("pk", flat=True))).update(scheduled_time=F("last_updated"))


class Migration(migrations.Migration):
    # Apart from the new column: PostgreSQL refuses to change a table whose rows were changed in one transaction.
    dependencies = [
        ("contact", "0003_answer_mail"),
    ]

    operations = [
        migrations.RunPython(connect_answers, migrations.RunPython.noop),
    ]
