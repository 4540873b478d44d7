"""What the database and the static files need before the portal works with them."""

import hashlib
import os
import secrets
from pathlib import Path
from time import monotonic

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils.translation import override

from portal import search_index
from portal.bilingual import parity
from portal.models import Department, User


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
    or those of the demonstration, and a search index and a parity in step with the content.

    In production it does not migrate, and raises CommandError if a migration is missing. Raises CommandError if the
    database is the wrong one, see check_demo_mark(), and DatabaseError if it does not answer.
    """
    if settings.EMBEDDED:
        step(stdout, "database", call_command, "migrate", verbosity=0)
    else:
        if missing := missing_migrations():
            raise CommandError(f"The database lacks {len(missing)} migrations: run manage.py migrate.")
        check_demo_mark()
    step(stdout, "cache", call_command, "createcachetable", verbosity=0)
    if settings.PORTAL_DEMO:
        call_command("load_demo")
    else:
        step(stdout, "first content", call_command, "load_content", verbosity=0)
        create_staff_account(stdout)
    # It is empty after the update that brings it, and in an old form after one that changes its form.
    step(stdout, "search index", search_index.mend)
    step(stdout, "parity of both languages", parity.mend)


def collect_static_files():
    """
    Collects and compresses the static files, which takes seconds, unless these have been collected before and are all
    there, by name and size.
    """
    # The lock names the libraries that compress them.
    sources = {name: settings.BASE_DIR / name for name in ("requirements.txt", "portal/settings.py")}
    for finder in get_finders():
        for name, storage in finder.list([]):
            # The first finder wins, as for collectstatic.
            sources.setdefault(name, Path(storage.path(name)))
    found = hashlib.sha256()
    for name, path in sorted(sources.items()):
        found.update(name.encode() + path.read_bytes())
    record = settings.STATIC_ROOT / "collected-from"
    collected_from, _end, files = (record.read_text() if record.exists() else "").partition("\n")
    is_whole = files == static_files()
    if collected_from != found.hexdigest() or not is_whole:
        # It is not there if this is cut off.
        record.unlink(missing_ok=True)
        # It would leave a damaged file as it is.
        call_command("collectstatic", interactive=False, verbosity=0, clear=not is_whole)
        record.write_text(f"{found.hexdigest()}\n{static_files()}")


def static_files() -> str:
    """Returns the names and sizes of the collected static files, one a line."""
    paths = (path for path in settings.STATIC_ROOT.rglob("*") if path.is_file() and path.name != "collected-from")
    return "\n".join(sorted(f"{path.relative_to(settings.STATIC_ROOT)} {path.stat().st_size}" for path in paths))


def check_demo_mark():
    """
    Raises CommandError if the database is that of a demonstration and the portal is not, or the other way round.

    A new database is neither. The database need not be migrated. Raises DatabaseError if it does not answer.
    """
    table = Department._meta.db_table
    with connection.cursor() as cursor:
        if table not in connection.introspection.table_names(cursor):
            return
        columns = {column.name for column in connection.introspection.get_table_description(cursor, table)}
    is_demo = "is_demo" in columns and Department.objects.filter(is_demo=True).exists()
    if is_demo and not settings.PORTAL_DEMO:
        raise CommandError(
            "This database holds the invented content of the demonstration, so it is served by make demo alone: "
            "set PORTAL_DATA or DATABASE_URL to the data of the portal, or restore a backup of the portal itself."
        )
    is_in_use = Department.objects.exists() or User.objects.exists()
    if settings.PORTAL_DEMO and is_in_use and not is_demo:
        raise CommandError(
            "This database holds a real portal, so it gets no sample content: "
            "unset PORTAL_DATA, or set it to an empty folder for the demonstration."
        )


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
