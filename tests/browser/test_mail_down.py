import socket
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy

import psutil
import pytest
from aiosmtpd.controller import Controller
from playwright.sync_api import expect

from tests.browser.steps import ANSWERS, Watch, rows, secrets_of, sign_in, until, write_enquiry
from tests.conftest import free_port, stop_site

REFUSAL = "550 5.1.1 No such user"

# The states of a mail in post_office.
SENT, REQUEUED = 0, 3


class Mailbox:
    """A mail host that keeps the recipients and the text of each mail, and refuses the address `refused` for good."""

    def __init__(self, refused=None):
        self.kept, self.refused = [], refused

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address == self.refused:
            return REFUSAL
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        self.kept.append((envelope.rcpt_tos, message_from_bytes(envelope.content, policy=policy.default)))
        return "250 OK"


def test_a_refusing_mail_host_costs_the_visitor_nothing_and_loses_nothing(start, page):
    port = free_port()
    site = start(EMAIL_URL=f"smtp://127.0.0.1:{port}", PORTAL_ENQUIRIES_TO="desk@example.com")
    page.goto(f"{site.url}/en/contact/")
    write_enquiry(page)
    expect(page.locator("h1")).to_have_text("We have received your enquiry")
    reference = page.locator(".reference").inner_text()

    about_it = "WHERE id IN (SELECT email_id FROM contact_enquiry_mails)"
    query = f"SELECT status, number_of_retries FROM post_office_email {about_it}"
    assert until(page, lambda: rows(site, query) == [(REQUEUED, 1)] * 2), rows(site, query)
    for (again,) in rows(site, f"SELECT scheduled_time FROM post_office_email {about_it}"):
        ahead = datetime.fromisoformat(again).replace(tzinfo=UTC) - datetime.now(UTC)
        assert timedelta(minutes=13) < ahead < timedelta(minutes=15)

    mailbox = Mailbox()
    host = Controller(mailbox, hostname="127.0.0.1", port=port)
    host.start()
    try:
        rows(site, f"UPDATE post_office_email SET scheduled_time = '2020-01-01 00:00:00' {about_it}")
        assert until(page, lambda: rows(site, query) == [(SENT, 1)] * 2), rows(site, query)
    finally:
        host.stop()
    assert sorted(to for to, _mail in mailbox.kept) == [[ANSWERS["email"]], ["desk@example.com"]]
    mails = {to: mail for [to], mail in mailbox.kept}
    visitor, desk = mails[ANSWERS["email"]], mails["desk@example.com"]
    texts = {mail: mail.get_body(["plain"]).get_content() for mail in (visitor, desk)}
    assert visitor["Subject"] == f"We have received your enquiry {reference}"
    assert "Its reference is" in texts[visitor]
    assert desk["Subject"] == f"新咨询 {reference}"
    assert "收到新的咨询" in texts[desk]
    for text in texts.values():
        assert reference in text
        assert ANSWERS["message"] not in text


@pytest.fixture
def refusing_host():
    """A mail host that refuses ANSWERS["email"] for good."""
    mailbox = Mailbox(refused=ANSWERS["email"])
    host = Controller(mailbox, hostname="127.0.0.1", port=free_port())
    host.start()
    mailbox.port = host.port
    yield mailbox
    host.stop()


def test_an_answer_that_is_refused_is_corrected_and_sent_again(start, chrome, refusing_host, page):
    site = start(EMAIL_URL=f"smtp://127.0.0.1:{refusing_host.port}", PORTAL_ENQUIRIES_TO="desk@example.com")
    page.goto(f"{site.url}/en/contact/")
    write_enquiry(page)
    reference = page.locator(".reference").inner_text()
    _code, token = secrets_of(site, reference)
    status = f"{site.url}/en/contact/status/{token}/"

    # The desk answers, and the mail host refuses the mail.
    desk = chrome.new_context(viewport={"width": 1280, "height": 800}, locale="en-GB").new_page()
    watch = Watch(desk, site)
    sign_in(desk, site)
    desk.goto(f"{site.url}/admin/contact/enquiry/")
    desk.get_by_role("link", name=reference).click()
    enquiry = desk.url
    desk.get_by_role("link", name="Write an answer").click()
    desk.locator("#answerform_text").fill("Please prepare two forms.")
    desk.get_by_role("button", name="Send the answer").click()
    expect(desk.locator(".messagelist")).to_contain_text("on its way by mail")
    banner = desk.locator(".errornote").filter(has_text="The answer")
    state = desk.locator("#state + p")

    def shows(text, locator):
        """Whether `locator` has `text` on the enquiry's page, which is loaded again."""
        desk.goto(enquiry)
        return text in locator.inner_text()

    assert until(desk, lambda: shows("In progress", state))
    expect(banner).to_contain_text(f"to {ANSWERS['email']} did not arrive: The mailbox does not exist.")
    expect(banner).to_contain_text(REFUSAL)
    page.goto(status)
    expect(page.locator("[aria-current=step]")).to_have_text("In progress (now)")
    expect(page.locator("main")).to_contain_text("could not be delivered to your e-mail address")
    expect(page.locator("main")).to_contain_text("Please prepare two forms.")

    # Sent again to the same address, it fails again.
    answer = desk.locator("#mails ~ form").last
    answer.get_by_role("button", name="Send again").click()
    expect(desk.locator(".messagelist")).to_have_text(f"The mail to {ANSWERS['email']} waits to be sent.")
    failures = "SELECT count(*) FROM contact_event WHERE kind = 'mail_failed' AND detail LIKE '%Answer%'"
    assert until(desk, lambda: rows(site, failures) == [(2,)])
    desk.goto(enquiry)
    expect(banner).to_contain_text(REFUSAL)

    # Sent to the right address, it arrives.
    desk.locator("#addressform_email").fill("right@college.example")
    desk.get_by_role("button", name="Correct the address").click()
    expect(desk.locator(".messagelist")).to_contain_text("now go to right@college.example")
    answer.get_by_role("button", name="Send again").click()
    expect(desk.locator(".messagelist")).to_have_text("The mail to right@college.example waits to be sent.")
    assert until(desk, lambda: shows("Answered", state))
    expect(banner).to_have_count(0)
    expect(desk.locator("#timeline + table")).to_contain_text("An answer arrived after all: Answered")
    [text] = [mail for to, mail in refusing_host.kept if to == ["right@college.example"]]
    assert "Please prepare two forms." in text.get_body(["plain"]).get_content()
    page.reload()
    expect(page.locator("[aria-current=step]")).to_have_text("Answered (now)")
    expect(page.locator("main")).to_contain_text("We have sent our answer to your e-mail address.")
    assert watch.faults() == []
    desk.context.close()


@pytest.fixture
def silent_host():
    """A mail host that accepts connections and never answers."""
    host = socket.create_server(("127.0.0.1", 0))
    host.settimeout(20)
    yield host
    host.close()


@pytest.fixture
def hanging(start, silent_host):
    """A site whose worker waits for a silent mail host, with two mails queued, as many as for one enquiry."""
    site = start(EMAIL_URL=f"smtp://127.0.0.1:{silent_host.getsockname()[1]}")
    send = "mail.send(['alex@college.example'], subject='Good day', message='Good day')"
    site.manage("shell", "-c", f"from post_office import mail; {send}; {send}")
    conversation, _address = silent_host.accept()
    with conversation:
        yield site


def test_a_hanging_mail_host_holds_up_neither_the_visitor_nor_the_end(hanging, page):
    page.goto(f"{hanging.url}/en/contact/")
    write_enquiry(page)
    expect(page.locator(".reference")).to_be_visible()
    assert rows(hanging, "SELECT count(*) FROM contact_enquiry_mails") == [(2,)]
    assert rows(hanging, "SELECT count(*) FROM post_office_email WHERE status = ?", SENT) == [(0,)]

    processes = psutil.Process(hanging.process.pid).children(recursive=True)
    assert stop_site(hanging) == 0
    assert psutil.wait_procs(processes, timeout=5)[1] == []
