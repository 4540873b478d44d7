from django.db import migrations, models


def keep_names(apps, schema_editor):
    """The names of those who have confirmed a pair stay when their accounts are deleted."""
    confirmations = apps.get_model("portal", "Confirmation").objects
    users = apps.get_model("portal", "User").objects.filter(pk__in=confirmations.values("by"))
    for user in users:
        name = f"{user.first_name} {user.last_name}".strip() or user.username
        confirmations.filter(by=user).update(by_name=name[:150])


class Migration(migrations.Migration):

    dependencies = [
        ('portal', '0021_draft_confirmed'),
    ]

    operations = [
        migrations.AddField(
            model_name='confirmation',
            name='by_name',
            field=models.CharField(blank=True, max_length=150),
        ),
        migrations.AddField(
            model_name='confirmation',
            name='ticked_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='confirmation',
            name='ticked_by_name',
            field=models.CharField(blank=True, max_length=150),
        ),
        migrations.RunPython(keep_names, migrations.RunPython.noop),
        migrations.AlterField(
            model_name='change',
            name='action',
            field=models.CharField(choices=[('published', 'Published'), ('withdrawn', 'Withdrawn'), ('scheduled', 'Scheduled'), ('unscheduled', 'Schedule cancelled'), ('discarded', 'Draft discarded'), ('restored', 'Earlier version put into the draft'), ('confirmed', 'Languages confirmed'), ('ticked', 'Languages ticked as still the same'), ('checked', 'Checked'), ('deleted', 'Deleted'), ('brought_back', 'Brought back from the bin'), ('added', 'Added'), ('changed', 'Changed'), ('first', 'As it was when its history began'), ('found', 'Changed outside its form')], max_length=20, verbose_name='what'),
        ),
    ]
