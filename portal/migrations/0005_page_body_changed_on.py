from zoneinfo import ZoneInfo

from django.db import migrations, models
from django.db.models import F
from django.db.models.functions import TruncDate


def date_texts(apps, schema_editor):
    """Dates existing texts by the last save of their page: they have not been changed since."""
    last_saved = TruncDate(F("updated_at"), tzinfo=ZoneInfo("Asia/Shanghai"))
    apps.get_model("portal", "Page").objects.update(
        body_changed_on_zh_hans=last_saved, body_changed_on_en=last_saved
    )


class Migration(migrations.Migration):
    dependencies = [
        ("portal", "0004_department_doors"),
    ]

    operations = [
        migrations.AddField("page", "body_changed_on", models.DateField(editable=False, null=True)),
        migrations.AddField("page", "body_changed_on_en", models.DateField(editable=False, null=True)),
        migrations.AddField("page", "body_changed_on_zh_hans", models.DateField(editable=False, null=True)),
        migrations.RunPython(date_texts, migrations.RunPython.noop),
    ]
