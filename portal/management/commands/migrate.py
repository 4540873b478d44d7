from pathlib import Path

from django.conf import settings
from django.core.management.base import CommandError
from django.core.management.commands import migrate
from django.db import connections

from portal import search_index
from portal.bilingual import parity
from portal.management.preparation import check_demo_mark, missing_migrations


class Command(migrate.Command):
    help = (
        "Brings the database up to date, in production the search index and the parity of both languages too. For "
        "SQLite it also makes the file, in a data folder that had none."
    )

    # Not handle(): the checks before it ask the database already.
    def execute(self, *args, **options):
        connection = connections[options["database"]]
        if connection.vendor == "sqlite" and not connection.is_in_memory_db():
            make_file(Path(connection.settings_dict["NAME"]))
        check_demo_mark()
        output = super().execute(*args, **options)
        # After an update it may be empty, or in an old form. An embedded start mends it before it serves; in production
        # `serve` answers at once.
        only_looks = options["plan"] or options["check_unapplied"]
        if not (settings.EMBEDDED or only_looks or missing_migrations()):
            search_index.mend()
            parity.mend()
        return output


def make_file(path):
    """
    Makes the file of an SQLite database at `path`, if it is new.

    Raises CommandError if there was a database before: an empty one in its place would hide the loss, and would destroy
    the write-ahead log, which a restored database may need.
    """
    if path.exists() and path.stat().st_size:
        return
    for trace in (settings.DEPARTMENT_COPY, path.with_name(f"{path.name}-wal")):
        if trace.exists():
            raise CommandError(
                f"The database {path} is missing or empty, but {trace.name} shows that there was one. "
                f"Restore it from a backup, after you have moved {path.name}-wal and {path.name}-shm away, which "
                f"belong to the lost file; or set DATABASE_URL if the portal uses another database; "
                f"or delete the folder {settings.DATA} with all its data to begin anew."
            )
    path.touch(mode=0o600)
