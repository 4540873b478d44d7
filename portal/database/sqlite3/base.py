from pathlib import Path

from django.db.backends.sqlite3 import base

from portal.database import CircuitBreaker


class DatabaseWrapper(CircuitBreaker, base.DatabaseWrapper):
    """SQLite, which never makes a new file where the database is missing. `manage.py migrate` makes it, once."""

    def get_connection_params(self):
        parameters = super().get_connection_params()
        if not self.is_in_memory_db():
            # A new database would destroy the write-ahead log that lies beside a missing one.
            parameters["database"] = f"{Path(parameters['database']).absolute().as_uri()}?mode=rw"
        return parameters

    def open_connection(self, conn_params):
        try:
            return base.DatabaseWrapper.get_new_connection(self, conn_params)
        except self.Database.DatabaseError as error:
            if error.sqlite_errorname.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
                raise
            raise self.away(error) from error
