from pathlib import Path

from django.db.backends.sqlite3 import base

from portal.database import CircuitBreaker


class DatabaseWrapper(CircuitBreaker, base.DatabaseWrapper):
    """SQLite, which never makes a new file where the database is missing. `manage.py migrate` makes it, once."""

    opened_file = None

    def get_connection_params(self):
        parameters = super().get_connection_params()
        if not self.is_in_memory_db():
            # A new database would destroy the write-ahead log that lies beside a missing one.
            parameters["database"] = f"{Path(parameters['database']).absolute().as_uri()}?mode=rw"
        return parameters

    def open_connection(self, conn_params):
        try:
            self.opened_file = self.current_file()
            return base.DatabaseWrapper.get_new_connection(self, conn_params)
        except self.Database.DatabaseError as error:
            if error.sqlite_errorname.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
                raise
            raise self.away(error) from error

    def close_if_unusable_or_obsolete(self):
        """Closes the connection, before and after each request, also if its file is missing or was replaced."""
        if self.connection is not None and self.current_file() != self.opened_file:
            self.close()
        super().close_if_unusable_or_obsolete()

    def current_file(self):
        """Returns what identifies the file of the database, or None if there is none."""
        try:
            file = Path(self.settings_dict["NAME"]).stat()
        except FileNotFoundError:
            return None
        return file.st_dev, file.st_ino
