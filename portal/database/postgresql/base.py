import logging
from time import monotonic

from django.db.backends.postgresql import base
from psycopg_pool import PoolClosed, PoolTimeout

from portal.database import CircuitBreaker, DatabaseAway

# How long a request waits for a connection while the server is there and others use the whole pool, in seconds.
PATIENCE = 10

logger = logging.getLogger(__name__)


class DatabaseWrapper(CircuitBreaker, base.DatabaseWrapper):
    """PostgreSQL. The timeout of the pool says after what time a request finds out whether the server is there."""

    # When any thread of the process last got a connection; of monotonic().
    seen_at = 0.0

    def open_connection(self, conn_params):
        if self.away_until is not None:
            self.probe(conn_params)
        began = monotonic()
        try:
            while (opened := self.wait_for_pool(conn_params)) is None:
                if monotonic() > began + PATIENCE:
                    logger.error("No connection of the pool came free within %s seconds.", PATIENCE)
                    raise DatabaseAway("Others use all connections of the pool.")
        except PoolClosed as error:
            raise DatabaseAway("Another thread found the database away.") from error
        except self.Database.OperationalError as error:
            raise self.away(error) from error
        type(self).seen_at = monotonic()
        return opened

    def wait_for_pool(self, conn_params):
        """Returns a connection, or None if the server is there but others use all connections of the pool."""
        began = monotonic()
        try:
            return base.DatabaseWrapper.get_new_connection(self, conn_params)
        except PoolTimeout:
            with self.trying:
                # If another thread got a connection meanwhile, the server is there.
                if self.seen_at < began:
                    self.probe(conn_params)
        # A server that was restarted leaves the pool with dead connections.
        self.pool.check()
        return None

    def probe(self, conn_params):
        """Opens a connection outside the pool and closes it. Raises away() if the server cannot be reached."""
        if self.is_pausing():
            raise DatabaseAway("Another thread found the database away.")
        try:
            self.Database.connect(**conn_params).close()
        except self.Database.OperationalError as error:
            raise self.away(error) from error
        type(self).seen_at = monotonic()

    def away(self, error):
        refusal = super().away(error)
        # The pool would try to reconnect ever more rarely. Threads that wait for its connections get an error now.
        if pool := self._connection_pools.pop(self.alias, None):
            pool.close(timeout=0)
        return refusal
