"""A worker's hold on a Lease, for work that takes longer than the lease lasts."""

import time
from datetime import timedelta

from django.db import DatabaseError, connection

from portal.models import Lease

# In seconds. A lease expires DURATION after its last renewal, by the database's clock. If its holder dies, the others
# wait for that time. It is renewed every RENEWAL. Its holder stops relying on it MARGIN early, because clocks jump.
DURATION = 20
RENEWAL = 5
MARGIN = 5

# It goes on while the machine sleeps, as the clock of a database on another machine does; only Linux has it.
CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class LeaseLost(Exception):
    """The lease was not renewed in time, so that another worker may hold it."""


class HeldLease:
    """The Lease `name`, as `holder` holds it. All threads of the holder may use it."""

    def __init__(self, name: str, holder: str):
        self.name, self.holder = name, holder
        self.held_until = 0.0

    def renew(self) -> bool:
        """Takes or renews the lease in the database. Returns whether it is held. Raises DatabaseError."""
        # The time is read first: the database may answer late, and counts from its answer.
        asked_at = time.clock_gettime(CLOCK)
        has_lease = Lease.take(self.name, self.holder, timedelta(seconds=DURATION))
        self.held_until = asked_at + DURATION - MARGIN if has_lease else 0.0
        return self.is_held()

    def is_held(self) -> bool:
        """Whether no other worker can hold the lease now. It does not ask the database."""
        return time.clock_gettime(CLOCK) < self.held_until

    def check(self):
        """Raises LeaseLost if another worker may hold the lease."""
        if not self.is_held():
            raise LeaseLost("The lease was not renewed in time.")

    def guard(self, execute, sql, params, many, context):
        """A wrapper for connection.execute_wrapper(): no query runs unless the lease is held."""
        self.check()
        return execute(sql, params, many, context)

    def keep(self, finished):
        """Renews the lease until the Event `finished` is set. Run it in a thread of its own."""
        while not finished.wait(RENEWAL):
            try:
                self.renew()
            except DatabaseError:
                # What needs the lease stops when it has expired, and reports the error.
                pass
            finally:
                connection.close()
