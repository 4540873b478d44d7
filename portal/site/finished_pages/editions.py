"""The editions on the disk of this machine, and the link to the one in force."""

import hashlib
import logging
import os
import secrets
import shutil
import tempfile
import threading
import time
from contextlib import suppress
from functools import cache
from pathlib import Path

from django.conf import settings

from portal.bilingual.languages import language_of_path
from portal.site.finished_pages.pages import ENDINGS, FinishedPage

# In bytes: what a process keeps in memory of an edition, and what all of them write into one. Each measures an edition
# anew for every MEASURED pages, so that together they may write a little more.
LARGEST_MEMORY = 64 * 1024 * 1024
LARGEST_EDITION = 1024 * 1024 * 1024
MEASURED = 500
# How many addresses without a page a process remembers.
LARGEST_MISSING = 10_000
# For so many seconds a process may read and write an edition that is in force no longer: it does not know yet, or the
# database is away for it while another process has one again.
GRACE = 10
# It differs after each start of the machine.
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
# What pages are made of, beside static files and settings. The lock names the libraries.
SOURCES = ("portal", "partners", "programs", "contact", "templates", "locale", "requirements.txt")


logger = logging.getLogger(__name__)


class Edition:
    """The pages of one content version."""

    def __init__(self, name, memory=LARGEST_MEMORY):
        """`memory` is the number of bytes that this process may keep of it."""
        self.name, self.memory = name, memory
        self.folder = settings.PAGES_ROOT / name
        #: The pages in memory by address, the oldest first.
        self.pages = {}
        self.in_memory, self.lock = 0, threading.Lock()
        #: Addresses that answered with no page, such as those of withdrawn rows; at most LARGEST_MISSING.
        self.missing = set()
        self.tried, self.room = 0, 0

    def files(self, path) -> dict[str, Path]:
        """Returns the files of the page at `path`, which matches ADDRESS, by encoding."""
        folder = self.folder / path.strip("/")
        return {encoding: folder / f"index.html{ending}" for encoding, ending in ENDINGS.items()}

    def has(self, path) -> bool:
        return path in self.pages or self.files(path)[""].exists()

    def find(self, path) -> FinishedPage | None:
        """Returns the page at `path`, which matches ADDRESS, or None."""
        if page := self.pages.get(path):
            return page
        try:
            bodies = {encoding: file.read_bytes() for encoding, file in self.files(path).items()}
        except OSError:
            return None
        page = FinishedPage(language_of_path(path), bodies)
        self.remember(path, page)
        return page

    def remember(self, path, page):
        """Keeps `page` in memory, in place of the oldest ones if there are too many."""
        with self.lock:
            if path in self.pages:
                return
            self.pages[path] = page
            self.in_memory += page.size
            while self.in_memory > self.memory:
                self.in_memory -= self.pages.pop(next(iter(self.pages))).size

    def note_missing(self, path, status):
        """Notes that `path` answered with the HTTP `status` and no page, if that stays so for this content."""
        if status < 500 and len(self.missing) < LARGEST_MISSING:
            self.missing.add(path)

    def write(self, path, page):
        """Writes the files of `page`, if the edition has room for it. Raises OSError."""
        if self.tried % MEASURED == 0:
            self.room = LARGEST_EDITION - self.bytes_on_disk()
        self.tried += 1
        if page.size > self.room:
            return
        files = self.files(path)
        make_public(files[""].parent)
        # With the last one, the page is there.
        for encoding, file in files.items():
            write_whole(file, page.bodies[encoding], page.changed_at)
        self.room -= page.size

    def bytes_on_disk(self) -> int:
        return sum(file.stat().st_size for file in self.folder.rglob("index.html*"))

    def pages_on_disk(self) -> int:
        return sum(1 for _file in self.folder.rglob("index.html"))


def make_public(folder):
    """Makes `folder`, and those above it in PAGES_ROOT, which the web server may read. Raises OSError."""
    inside = folder.relative_to(settings.PAGES_ROOT)
    for part in [*reversed(inside.parents), inside]:
        (settings.PAGES_ROOT / part).mkdir(exist_ok=True)
        (settings.PAGES_ROOT / part).chmod(0o755)


def write_whole(path, body, changed_at):
    """
    Writes a file that the web server may read, with `changed_at` as its time, in seconds. Nobody sees a part of it.

    Raises OSError.
    """
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(body)
            os.fchmod(descriptor, 0o644)
        os.utime(name, (changed_at, changed_at))
        Path(name).replace(path)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise


def link() -> Path:
    """Returns the path of the link to the edition in force."""
    return settings.PAGES_ROOT / "current"


def name_in_force() -> str | None:
    """Returns the name of the edition that `current` points to, or None."""
    try:
        return link().readlink().name
    except OSError:
        return None


def put_in_force(edition):
    """
    Makes an empty folder for `edition`, and lets `current` point to it. Raises OSError; then nothing is in force.

    There may be a folder of this name already: from before a power cut, which leaves files incomplete, or from before a
    backup was restored. Its pages may show what was changed while they were made.
    """
    try:
        with suppress(FileNotFoundError):
            # remove_old() deletes it.
            edition.folder.rename(f"{edition.folder}-{secrets.token_hex(4)}")
        make_public(edition.folder)
        if replaced := name_in_force():
            with suppress(FileNotFoundError):
                # Its GRACE begins.
                os.utime(settings.PAGES_ROOT / replaced)
        new = settings.PAGES_ROOT / ".current"
        new.unlink(missing_ok=True)
        new.symlink_to(edition.name)
        new.replace(link())
    except OSError:
        # A web server in front must not hand out old pages because the disk is full.
        remove_link()
        raise


def remove_link():
    """Puts no edition in force. Raises OSError, as on a disk that is read-only."""
    try:
        link().unlink(missing_ok=True)
    except OSError:
        logger.critical("The link to the finished pages cannot be removed: a web server in front hands out old pages.")
        raise


def may_stand(name) -> bool:
    """
    Returns whether the edition `name` may be handed out before the database was asked.

    This release must have made it since the machine was started: a power cut may leave its files incomplete.
    """
    return name.startswith(f"{release()}-") and (settings.PAGES_ROOT / name).is_dir()


def remove_old(*kept):
    """Removes the editions that are not in force, and not named in `kept`, and that no process writes into."""
    before = time.time() - GRACE
    for folder in settings.PAGES_ROOT.glob("*-*-*"):
        with suppress(FileNotFoundError):
            if folder.name not in {*kept, name_in_force()} and folder.stat().st_ctime < before:
                shutil.rmtree(folder, ignore_errors=True)


@cache
def release() -> str:
    """
    Returns what identifies the code, templates, libraries and settings that pages are made with, and the start of the
    machine.
    """
    found = hashlib.sha256(f"{settings.PORTAL_SITE_URL} {settings.PORTAL_DEMO}".encode())
    # Linux has it.
    found.update(BOOT_ID.read_bytes() if BOOT_ID.exists() else b"")
    static_files = settings.STATIC_ROOT / "staticfiles.json"
    found.update(static_files.read_bytes() if static_files.exists() else b"")
    for source in SOURCES:
        path = settings.BASE_DIR / source
        for file in [path] if path.is_file() else sorted(path.rglob("*")):
            if file.suffix not in {".pyc", ".mo"} and file.is_file():
                found.update(str(file.relative_to(settings.BASE_DIR)).encode() + file.read_bytes())
    return found.hexdigest()[:12]


def name_of(version) -> str:
    """Returns the name of the edition of a content_version.Version."""
    return f"{release()}-{version}"
