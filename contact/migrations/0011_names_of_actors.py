import re

from django.conf import settings
from django.db import migrations
from django.db.models import Case, Value, When


def name_actors(apps, schema_editor):
    """Writes the names of colleagues into earlier events, which have their user names."""
    Event = apps.get_model("contact", "Event")
    names = {}
    for user in apps.get_model("portal", "User").objects.all():
        name = user.last_name + user.first_name
        if not re.search("[\u3400-\u9fff]", name):
            name = f"{user.first_name} {user.last_name}".strip()
        if name:
            Event.objects.filter(actor=user).update(actor_name=name[:150])
            names[user.username] = name
    # At once: one person's name may be the user name of another.
    cases = [When(detail=username, then=Value(name[:200])) for username, name in names.items()]
    Event.objects.filter(kind="assigned", detail__in=names).update(detail=Case(*cases, default="detail"))


class Migration(migrations.Migration):
    dependencies = [
        ("contact", "0010_order_of_the_desk"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [migrations.RunPython(name_actors, migrations.RunPython.noop, elidable=True)]
