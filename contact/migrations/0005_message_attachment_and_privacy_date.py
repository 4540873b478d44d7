import hashlib
from zoneinfo import ZoneInfo

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models
from django.db.models import Min


def date_notices(apps, schema_editor):
    """
    Dates the privacy notices that were accepted before: each was written by the day of its first enquiry.

    The present notice gets the earlier of that day and the one on which it was last saved.
    """
    Enquiry, Page = apps.get_model("contact", "Enquiry"), apps.get_model("portal", "Page")
    firsts = Enquiry.objects.order_by().values_list("privacy_version").annotate(Min("created_at"))
    dates = {version: first.astimezone(ZoneInfo("Asia/Shanghai")).date() for version, first in firsts}
    for page in Page.objects.filter(slug="privacy"):
        for language in ("zh_hans", "en"):
            body, date = (getattr(page, f"{name}_{language}") for name in ("body", "body_changed_on"))
            version = hashlib.sha256((body or "").encode()).hexdigest()[:12]
            if version in dates and date:
                dates[version] = min(dates[version], date)
                Page.objects.filter(pk=page.pk).update(**{f"body_changed_on_{language}": dates[version]})
    for version, date in dates.items():
        Enquiry.objects.filter(privacy_version=version).update(privacy_date=date)


class Migration(migrations.Migration):
    dependencies = [
        ("contact", "0004_connect_answers"),
        ("portal", "0005_page_body_changed_on"),
    ]

    operations = [
        migrations.AddField(
            "attachment",
            "message",
            models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="attachments",
                to="contact.message",
            ),
        ),
        migrations.AddField(
            "enquiry",
            "privacy_date",
            models.DateField(default=django.utils.timezone.localdate, verbose_name="version of the privacy notice"),
        ),
        migrations.AlterField("enquiry", "privacy_version", models.CharField(max_length=12)),
        migrations.RunPython(date_notices, migrations.RunPython.noop),
    ]
