"""What one process knows of the editions on its machine."""

import fcntl
import logging
import time
import zlib
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from django.conf import settings
from django.db import DatabaseError, close_old_connections, connection

from portal import content_version
from portal.bilingual.languages import language_of_path
from portal.site.finished_pages.editions import (
    LARGEST_MEMORY,
    Edition,
    may_stand,
    name_in_force,
    name_of,
    put_in_force,
    remove_link,
)
from portal.site.finished_pages.pages import FinishedPage, answer, is_finished

# How often a process asks for the content version, in seconds.
INTERVAL = 0.5
# Pages share so many locks.
LOCKS = 256

logger = logging.getLogger(__name__)


class Store:
    """Finds and makes finished pages. All threads of a process may use it."""

    def __init__(self, memory=LARGEST_MEMORY):
        """`memory` is the number of bytes of pages that it may keep in memory."""
        self.memory = memory
        #: The edition in force, or None while it is unknown.
        self.edition = None
        self.is_failing = False

    def begin(self):
        """Puts the edition in force. While the database is away the one that is in force stands, if it may."""
        # Alone, so that a process does not remove the link that another one has just made.
        with self.alone("edition"):
            if (name := name_in_force()) and may_stand(name):
                self.edition = Edition(name, self.memory)
            else:
                self.end()
        self.catch_up()

    def catch_up(self) -> Edition | None:
        """
        Asks for the content version, and returns its edition, which is in force now.

        Returns None if the database is away, and the edition stands. Also returns None if the database answers and has
        no version, as before the first migration; then nothing is in force.
        """
        # A kept connection may be to a file that a backup has replaced.
        close_old_connections()
        try:
            version = content_version.read()
            # Nothing is in force after the disk failed or somebody deleted PAGES_ROOT.
            if not self.edition or self.edition.name != name_of(version) or name_in_force() is None:
                version = self.move()
        except DatabaseError:
            if content_version.is_missing():
                with self.alone("edition"):
                    self.end()
            return None
        finally:
            close_old_connections()
        return self.edition

    def move(self) -> content_version.Version:
        """Puts the edition of the content version in force, for this machine and process, and returns the version."""
        # Otherwise the other threads could not make its pages for a while.
        connection.end_pause()
        with self.alone("edition"):
            # Nobody else can move meanwhile, so `current` never moves to a version that was read earlier.
            version = content_version.read()
            if version.number == 0:
                self.end()
                return version
            edition = self.edition
            if not edition or edition.name != name_of(version):
                edition = Edition(name_of(version), self.memory)
            if name_in_force() != edition.name:
                with self.disk():
                    put_in_force(edition)
            # Last, because other threads write into the folder from now on.
            self.edition = edition
        return version

    def end(self):
        """Leaves no edition in force."""
        self.edition = None
        with self.disk():
            remove_link()

    def make(self, path):
        """
        Makes the page at `path`, an address for which may_be_finished().

        Returns the FinishedPage and None, or None and the response of Django that is no finished page. Both are None
        while the database is away. Of all threads and processes on this machine that want a page, one makes it, and the
        others wait.
        """
        with self.alone(f"page-{zlib.crc32(path.encode()) % LOCKS}"):
            edition = self.catch_up()
            if not edition:
                return None, None
            if page := edition.find(path):
                return page, None
            response = answer(path)
            language = language_of_path(path)
            if not is_finished(response, language):
                edition.note_missing(path, response.status_code)
                return None, response
            page = FinishedPage.compressed(language, response.content)
            edition.remember(path, page)
            with self.disk():
                edition.write(path, page)
                self.is_failing = False
            return page, None

    def note(self, path):
        """Notes that a visitor asked for `path`, so that it is among the first to be made again."""
        with suppress(OSError):
            (work_folder("asked") / path.replace("/", ",")).touch()

    @contextmanager
    def alone(self, name):
        """A context in which one thread of one process on this machine is at a time. It ends if the process dies."""
        with ExitStack() as stack:
            with self.disk():
                file = stack.enter_context((work_folder("locks") / name).open("w"))
                fcntl.flock(file, fcntl.LOCK_EX)
            yield

    @contextmanager
    def disk(self):
        """A context in which the disk may fail: pages come without it. That is logged once, until one is written."""
        try:
            yield
        except OSError:
            if not self.is_failing:
                logger.exception("Finished pages cannot be kept on the disk. They are made for each process again.")
            self.is_failing = True


def work_folder(name) -> Path:
    """Returns a folder in which the processes that make pages tell each other something. Raises OSError."""
    folder = settings.DATA / "page-work" / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def asked_for() -> dict[str, float]:
    """Returns when, in seconds, a visitor last asked for each noted address. Forgets notes that are a day old."""
    found, before = {}, time.time() - 24 * 60 * 60
    for note in work_folder("asked").glob(",*"):
        with suppress(FileNotFoundError):
            at = note.stat().st_mtime
            if at < before:
                note.unlink()
            else:
                found[note.name.replace(",", "/")] = at
    return found
