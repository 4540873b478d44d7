"""What the worker does for finished pages: makes them before anybody asks, and passes moments of scheduled things."""

import logging
import os
import threading
import time
from contextlib import suppress

from django.db import DatabaseError, close_old_connections
from django.urls import reverse
from django.utils.translation import override

from portal import content_version
from portal.bilingual.languages import LANGUAGES
from portal.site.finished_pages.editions import remove_old
from portal.site.finished_pages.pages import may_be_finished
from portal.site.finished_pages.store import INTERVAL, Store, asked_for
from portal.site.sitemaps import LIST_PAGES, public_pages

logger = logging.getLogger(__name__)

# Of the thread that fills editions. It gets about a tenth of a processor that others want too.
NICENESS = 10


class Filler:
    """Fills each edition, page by page, for the machine it works on."""

    def __init__(self):
        # It hands out no pages.
        self.store = Store(memory=0)
        self.edition, self.addresses = None, iter(())

    def step(self) -> float:
        """
        Does the next piece of work: finds out what there is to do, or makes a page. Returns how many seconds to wait.

        It waits as long as a page took, so that visitors have the processor too. Raises DatabaseError.
        """
        edition = self.store.catch_up()
        if edition is None:
            return INTERVAL
        if edition is not self.edition:
            self.addresses = iter(addresses())
            self.edition = edition
        for path in self.addresses:
            if not edition.has(path):
                began = time.monotonic()
                self.store.make(path)
                return time.monotonic() - began
        remove_old(edition.name)
        return INTERVAL


def addresses() -> list[str]:
    """Returns the addresses of all finished pages: the lists first, then what visitors asked for last."""
    lists, asked = set(), asked_for()
    for language in LANGUAGES:
        with override(language):
            lists |= set(map(reverse, LIST_PAGES))
    paths = [page.path for page in public_pages() if may_be_finished(page.path)]
    return sorted(paths, key=lambda path: (path not in lists, -asked.get(path, 0)))


def repeat_filling(stopped):
    """Fills editions until the Event `stopped` is set. Whatever else wants the processor gets more of it."""
    # On Linux a thread has a priority of its own. Not the lowest: a visitor may wait for the page that it makes.
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
    filler = Filler()
    with suppress(DatabaseError):
        filler.store.begin()
    repeat(filler.step, stopped)


def repeat_schedule(stopped):
    """Passes the moments of scheduled things until the Event `stopped` is set."""
    repeat(content_version.Schedule().step, stopped)


def repeat(step, stopped):
    """Calls `step` until the Event `stopped` is set, and waits so many seconds as it returns, or else INTERVAL."""
    pause, reported = 0, None
    while not stopped.wait(pause):
        pause = INTERVAL
        try:
            pause = step() or INTERVAL
            reported = None
        except DatabaseError:
            # The database is away, or a lock of it was held for too long.
            pass
        except Exception as error:
            if type(error) is not reported:
                logger.exception("Finished pages are not made, will be tried again.")
            reported = type(error)
        close_old_connections()
