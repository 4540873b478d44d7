import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("portal", "0013_draft_plan")]

    operations = [
        migrations.RenameField("draft", "rows_published", "rows_renamed"),
        migrations.AddField("draft", "forms_published", models.JSONField(default=dict)),
        migrations.RemoveField("draft", "is_plan_refused"),
        migrations.RemoveField("draft", "planned"),
        migrations.RemoveField("draft", "publish_at"),
        migrations.RemoveField("draft", "publish_by"),
        migrations.RemoveField("draft", "publish_languages"),
        migrations.CreateModel(
            name="ScheduledPublication",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("language", models.CharField(max_length=10)),
                ("at", models.DateTimeField(db_index=True)),
                ("entries", models.JSONField(default=dict)),
                ("refusals", models.JSONField(default=dict)),
                (
                    "by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "draft",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="scheduled", to="portal.draft"
                    ),
                ),
            ],
            options={
                "verbose_name": "scheduled publication",
                "verbose_name_plural": "scheduled publications",
                "ordering": ["at", "pk"],
                "constraints": [
                    models.UniqueConstraint(fields=("draft", "language"), name="portal_scheduled_once"),
                ],
            },
        ),
    ]
