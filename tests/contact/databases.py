"""The test database as a file, which can be locked, full, damaged or missing as on a real site."""

import copy
from contextlib import contextmanager

from django.db import connection, connections


@contextmanager
def on_file(path, timeout=0.2):
    """
    Copies the SQLite test database to `path`, and makes all threads use that file inside the `with` block.

    `timeout` is the time to wait for a lock, in seconds.
    """
    before, settings = connections["default"], connections.settings["default"]
    path.write_bytes(connection.connection.serialize())
    changed = copy.deepcopy(settings)
    changed["NAME"] = path
    changed["OPTIONS"]["timeout"] = timeout
    connections.settings["default"] = changed
    connections["default"] = connections.create_connection("default")
    connections["default"].ensure_connection()
    try:
        yield path
    finally:
        connections["default"].close()
        connections["default"], connections.settings["default"] = before, settings
        # Otherwise the next database would be refused for a moment.
        type(before).away_until = None


@contextmanager
def away(path):
    """Moves the database at `path` away inside the `with` block, and ends the pause after it."""
    connection.close()
    hidden = path.rename(path.with_name("hidden"))
    try:
        yield
    finally:
        hidden.rename(path)
        type(connections["default"]).away_until = 0.0
