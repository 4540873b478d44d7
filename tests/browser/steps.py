"""Steps that several browser tests take."""

import re
import resource
import sqlite3
from contextlib import closing
from time import monotonic
from urllib.parse import urlsplit

import psutil
from playwright.sync_api import expect

LANGUAGES = ("zh-hans", "en")

ANSWERS = {
    "organisation": "Northern Example College",
    "person": "Alex Example",
    "position": "Head of the international office",
    "email": "alex@college.example",
    "telephone": "+44 20 7946 0018",
    "message": "What should two visiting teachers prepare?",
}

# Bytes. The portal's messages fit into its log, but an enquiry with its mails does not fit into the database.
ROOM = 20_480

# Milliseconds spent typing a message. In under three seconds, the form would take the visitor for a program.
WRITING = 3_200


def rows(site, query, *values):
    """Runs `query` on the site's SQLite database, commits it, and returns the rows."""
    with closing(sqlite3.connect(site.data / "portal.sqlite3", timeout=20)) as database, database:
        return database.execute(query, values).fetchall()


def until(page, met, seconds=20):
    """Waits up to `seconds` until `met()` is true and returns its result. Use it for events outside the browser."""
    deadline = monotonic() + seconds
    while not (found := met()) and monotonic() < deadline:
        page.wait_for_timeout(100)
    return found


def limit_files(site, size):
    """Simulates a full disk: no process of `site` can make a file longer than `size` bytes from now on."""
    server = psutil.Process(site.process.pid)
    for process in [server, *server.children(recursive=True)]:
        _soft, hard = resource.prlimit(process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (size, hard))


def tab_to(page, target):
    """Presses Tab until `target` has the focus."""
    for _press in range(80):
        if target.evaluate("element => element === document.activeElement"):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"the keyboard does not reach {target}")


def write_enquiry(page, **changes):
    """Fills in the enquiry form by keyboard, with ANSWERS, `changes` to them and any territory, and submits it."""
    answers = ANSWERS | changes
    for name in ("organisation", "territory", "person", "position", "email", "telephone", "message", "consent"):
        tab_to(page, page.locator(f"#id_{name}"))
        if name == "territory":
            page.keyboard.press("ArrowDown")
            page.keyboard.press("ArrowDown")
        elif name == "consent":
            page.keyboard.press("Space")
        elif name == "message":
            page.keyboard.type(answers[name], delay=WRITING / len(answers[name]))
        else:
            page.keyboard.type(answers[name])
    tab_to(page, page.locator("form.enquiry button"))
    page.keyboard.press("Enter")


def secrets_of(site, reference):
    """The code and the token of the enquiry with `reference`."""
    [secrets] = rows(site, "SELECT code, token FROM contact_enquiry WHERE reference = ?", reference)
    return secrets


def sign_in(page, site, password=None, username="staff"):
    """Signs in to the admin."""
    page.goto(f"{site.url}/admin/")
    page.locator("#id_login").fill(username)
    page.locator("#id_password").fill(password or site.password)
    page.locator("#login-form [type=submit]").click()


def form_of(site, slug):
    """The address of the form of a program."""
    [[number]] = rows(site, "SELECT id FROM programs_program WHERE slug = ?", slug)
    return f"{site.url}/admin/programs/program/{number}/change/"


def press(page, name):
    """Presses a button of the form, and waits for the page that follows."""
    button = page.locator(f"[name={name}]")
    if not button.is_visible():
        page.locator(".publication > details > summary").click()
    with page.expect_navigation():
        button.click()


def publish(page, name="_publish"):
    """Publishes what a form shows."""
    press(page, name)
    expect(page.locator(".messagelist .success").first).to_have_text(re.compile("^Published"))


def shown(page, address):
    """The text of the main content at `address`."""
    page.goto(address)
    return page.locator("main").inner_text()


class Watch:
    """Records faults on the pages that `page` opens. Create it before the first page is opened."""

    def __init__(self, page, site):
        self.page = page
        self.host = urlsplit(site.url).netloc
        self.seen = []
        page.add_init_script(
            "window.violations = [];"
            "document.addEventListener('securitypolicyviolation', event =>"
            " window.violations.push(`${event.effectiveDirective} blocks ${event.blockedURI} ${event.sample}`));"
        )
        page.on("console", self.on_console)
        page.on("pageerror", lambda error: self.seen.append(f"error: {error}"))
        page.on("request", self.on_request)

    def on_console(self, message):
        if message.type == "error":
            self.seen.append(f"console: {message.text}")

    def on_request(self, request):
        address = urlsplit(request.url)
        if address.scheme not in ("data", "blob") and address.netloc != self.host:
            self.seen.append(f"foreign request: {request.url}")

    def faults(self):
        """CSP violations, script and console errors, and requests to other hosts since the last call."""
        seen = [*self.seen, *self.page.evaluate("window.violations.splice(0)")]
        self.seen.clear()
        return [f"{urlsplit(self.page.url).path}: {fault}" for fault in seen]
