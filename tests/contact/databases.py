"""The test database as a file, which can be locked, full, damaged or missing as on a real site, and as a copy."""

import copy
from contextlib import contextmanager

from django.db import connection, connections


@contextmanager
def on_file(path, timeout=0.2):
    """
    Copies the SQLite test database to `path`, and makes all threads use that file inside the `with` block.

    `timeout` is the time to wait for a lock, in seconds.
    """
    path.write_bytes(connection.connection.serialize())
    with used(path, timeout=timeout):
        yield path


@contextmanager
def copied():
    """
    Makes all threads use a copy of the PostgreSQL test database inside the `with` block. It has the first content.

    What they commit is gone after it. A test that empties the tables instead would leave none for the others.
    """
    before = connections["default"]
    name = f"{before.settings_dict['NAME']}_copy"
    with before._nodb_cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {name} TEMPLATE test_content")
    try:
        with used(name):
            yield
    finally:
        with before._nodb_cursor() as cursor:
            cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def used(name, **options):
    """Makes all threads use the database `name` with more `options` inside the `with` block."""
    before, settings = connections["default"], connections.settings["default"]
    changed = copy.deepcopy(settings)
    changed["NAME"] = name
    changed["OPTIONS"] |= options
    connections.settings["default"] = changed
    connections["default"] = connections.create_connection("default")
    connections["default"].ensure_connection()
    try:
        yield
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
