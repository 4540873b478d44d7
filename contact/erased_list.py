"""
The list of erased enquiries in PORTAL_DATA/erased.txt, a line for each: its reference and the time (UTC, ISO 8601).

It lies outside the database, so that a restored backup does not bring erased data back.
"""

import os
from datetime import UTC
from fcntl import LOCK_EX, flock

from django.conf import settings


def path():
    return settings.DATA / "erased.txt"


def references() -> set[str]:
    """Returns the references of all erased enquiries."""
    return _parse(path().read_text()) if path().exists() else set()


def add(erasures):
    """Adds `erasures`, pairs of a reference and an aware time, unless listed so. Call it after they are committed."""
    path().touch(mode=0o600)
    with path().open("a+") as file:
        flock(file, LOCK_EX)
        file.seek(0)
        text = file.read()
        listed = set(text.splitlines())
        # What was erased again, after a backup was restored, has another time. So the list grows with each erasure.
        lines = [f"{reference} {at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}" for reference, at in erasures]
        lines = [f"{line}\n" for line in lines if line not in listed]
        if text and not text.endswith("\n"):
            # A crash cut the last line short.
            lines.insert(0, "\n")
        file.writelines(lines)
        file.flush()
        os.fsync(file.fileno())


def size() -> int:
    """Returns the size of the list in bytes. It grows with each erasure."""
    return path().stat().st_size if path().exists() else 0


def state() -> tuple[int, int]:
    """Returns what differs after each change of the list."""
    found = path().stat() if path().exists() else None
    return (found.st_size, found.st_mtime_ns) if found else (0, 0)


def _parse(text):
    lines = (line.split() for line in text.splitlines())
    return {line[0] for line in lines if len(line) == 2}
