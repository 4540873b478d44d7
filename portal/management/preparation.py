"""What a database needs before the portal works with it."""

import os
import secrets
from time import monotonic

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils.translation import override

from portal import search_index
from portal.models import User


def step(stdout, what, work, *arguments, **options):
    """Calls `work`, and prints what is being prepared and how long it took."""
    began = monotonic()
    stdout.write(f"Preparing {what} … ", ending="")
    stdout.flush()
    work(*arguments, **options)
    stdout.write(f"{monotonic() - began:.1f} s")


def prepare_database(stdout):
    """
    Migrates the database if the portal runs embedded, and gives it the first content and account if they are missing,
    and a search index in step with the content.

    In production it does not migrate, and raises CommandError if a migration is missing. Raises DatabaseError if the
    database does not answer.
    """
    if settings.EMBEDDED:
        step(stdout, "database", call_command, "migrate", verbosity=0)
    elif missing := missing_migrations():
        raise CommandError(f"The database lacks {len(missing)} migrations: run manage.py migrate.")
    step(stdout, "cache", call_command, "createcachetable", verbosity=0)
    step(stdout, "first content", call_command, "load_content", verbosity=0)
    # It is empty after the update that brings it, and in an old form after one that changes its form.
    step(stdout, "search index", search_index.mend)
    create_staff_account(stdout)


def missing_migrations() -> list:
    executor = MigrationExecutor(connection)
    return [migration for migration, _backwards in executor.migration_plan(executor.loader.graph.leaf_nodes())]


def create_staff_account(stdout):
    """Creates the first account: with the name and password of the environment, or with a random password."""
    if User.objects.filter(is_superuser=True).exists():
        return
    given = os.environ.get("DJANGO_SUPERUSER_PASSWORD")
    if not given and not settings.EMBEDDED:
        stdout.write("There is no staff account yet: run manage.py createsuperuser.")
        return
    name = os.environ.get("DJANGO_SUPERUSER_USERNAME") or "staff"
    email = os.environ.get("DJANGO_SUPERUSER_EMAIL", "")
    password = given or secrets.token_urlsafe(12)
    user = User(username=name, email=email, is_staff=True, is_superuser=True)
    user.set_password(password)
    try:
        user.full_clean()
    except ValidationError as error:
        with override("en"):
            faults = error.message_dict
        sentences = [f"DJANGO_SUPERUSER_{name.upper()}: {' '.join(said)}" for name, said in faults.items()]
        raise CommandError(" ".join(sentences)) from error
    user.save()
    if not given:
        stdout.write(f"\nStaff account, shown this once: user name {name}, password {password}")
