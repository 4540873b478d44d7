"""Django's database backends for PostgreSQL and SQLite, with a circuit breaker for a database that is away."""

import logging
from threading import RLock
from time import monotonic

from django.db import DatabaseError, OperationalError, connection

# A process that found the database away refuses connections for this time, in seconds. Then one thread tries again,
# and others wait as long for what it finds.
PAUSE = 1
# What a response says in Retry-After while the database is away, in seconds.
RETRY_AFTER = 60

logger = logging.getLogger(__name__)


class DatabaseAway(OperationalError):
    """No connection to the database can be made."""


class CircuitBreaker:
    """
    Mixin for a DatabaseWrapper. It raises DatabaseAway if `open_connection` does, and for PAUSE afterwards at once.

    So a database that is away keeps no thread waiting. It is logged once, and so is its return.
    """

    # All threads of a process share these.
    trying = RLock()
    away_until = None

    def get_new_connection(self, conn_params):
        if self.away_until is None:
            return self.open_connection(conn_params)
        if self.is_pausing() or not self.trying.acquire(timeout=PAUSE):
            raise DatabaseAway("The database was away a moment ago.")
        try:
            # Perhaps another thread found it away meanwhile.
            if self.is_pausing():
                raise DatabaseAway("The database was away a moment ago.")
            opened = self.open_connection(conn_params)
            self.end_pause()
            return opened
        finally:
            self.trying.release()

    def is_pausing(self) -> bool:
        # Read once, because another thread may end the pause at any time.
        until = self.away_until
        return until is not None and monotonic() < until

    def end_pause(self):
        """Lets all threads open connections: the database has answered, perhaps on a connection of before."""
        if self.away_until is not None:
            logger.warning("The database is back.")
        type(self).away_until = None

    def open_connection(self, conn_params):
        """Returns a new connection of the driver. Raises away() if the database cannot be reached."""
        raise NotImplementedError

    def away(self, error) -> DatabaseAway:
        """Starts a PAUSE because of `error`, and returns the exception to raise."""
        if self.away_until is None:
            logger.error("The database is away: %s", error)
        type(self).away_until = monotonic() + PAUSE
        return DatabaseAway(f"The database is away: {error}")


def is_away(error: Exception) -> bool:
    """
    Returns whether `error` was raised because the database is away: it cut the connection, or none can be made.

    It closes a connection that was cut, so that the next query of this thread opens another.
    """
    if not isinstance(error, DatabaseError):
        return False
    if isinstance(error, DatabaseAway):
        return True
    try:
        connection.ensure_connection()
        if connection.is_usable():
            return False
        connection.close()
    except DatabaseError:
        pass
    return True


def is_worth_logging(record) -> bool:
    """A logging filter for requests: an outage is logged once, not again for each request that is answered with 503."""
    return getattr(record, "status_code", None) != 503
