from itertools import count

from django.db import migrations
from django.db.models import Value
from django.db.models.functions import Concat

from portal import roles


def make_roles(apps, schema_editor):
    """
    Makes the groups of the roles with their rights.

    Nobody gains or loses by it: who could change pages could make them public until now and has the right to that from
    now on, and a group that has the name of a role already stays what it is under another name.
    """
    Group, Permission = apps.get_model("auth", "Group"), apps.get_model("auth", "Permission")
    User = apps.get_model("portal", "User")
    known = roles.models_of_rights()
    permissions = {right: roles.permission(apps, right) for right in roles.RIGHTS if right in known}
    publish = permissions[roles.PUBLISH]

    right = Concat("content_type__app_label", Value("."), "codename")
    to_write = roles.rights([*roles.PAGES, *roles.TEMPLATES], "add", "change")
    writing = list(Permission.objects.annotate(right=right).filter(right__in=to_write).values_list("pk", flat=True))
    for group in Group.objects.filter(permissions__in=writing).distinct():
        group.permissions.add(publish)
    for user in User.objects.filter(user_permissions__in=writing).distinct():
        user.user_permissions.add(publish)

    for name, role in roles.ROLES.items():
        for group in Group.objects.filter(name=name):
            names = (f"{name} {number}" for number in count(2))
            group.name = next(free for free in names if not Group.objects.filter(name=free).exists())
            group.save()
        group = Group.objects.create(name=name)
        group.permissions.set([permissions[right] for right in role.rights if right in known])


class Migration(migrations.Migration):
    dependencies = [
        ("portal", "0016_earlier_changes"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="draft",
            options={
                "permissions": [
                    ("publish_content", "Can publish content"),
                    ("translate_zh_hans", "Can translate into Chinese"),
                    ("translate_en", "Can translate into English"),
                ],
                "verbose_name": "draft",
                "verbose_name_plural": "drafts",
            },
        ),
        migrations.AlterModelOptions(
            name="user",
            options={
                "permissions": [("administer_accounts", "Can administer accounts")],
                "verbose_name": "user",
                "verbose_name_plural": "users",
            },
        ),
        migrations.RunPython(make_roles, migrations.RunPython.noop),
    ]
