"""The life of an enquiry, as the visitor and the desk see it, from its arrival to its erasure."""

from email import message_from_bytes, policy

import psutil
import pytest
from playwright.sync_api import expect

from tests.browser.steps import ANSWERS, Watch, rows, sign_in, until, write_enquiry


@pytest.fixture
def site(start):
    """A separate portal, because the test sets the number of promised days for the whole site."""
    return start()


@pytest.fixture
def desk(chrome, site):
    """A page that is signed in with the staff account."""
    context = chrome.new_context(viewport={"width": 1280, "height": 800}, locale="en-GB")
    page = context.new_page()
    page.set_default_timeout(15_000)
    sign_in(page, site)
    expect(page.locator("#user-tools")).to_be_visible()
    yield page
    context.close()


def arrived(site, subject):
    """The mails in the embedded portal's folder whose subject contains `subject`."""
    found = []
    for path in sorted((site.data / "mail").glob("*.eml")):
        mail = message_from_bytes(path.read_bytes(), policy=policy.default)
        if subject in (mail["Subject"] or ""):
            found.append(mail)
    return found


def test_an_enquiry_from_its_arrival_to_its_erasing(site, page, desk):
    watch, watch_desk = Watch(page, site), Watch(desk, site)
    rows(site, "UPDATE portal_department SET promised_days = 5")
    page.goto(f"{site.url}/en/contact/?program=student-exchange")
    expect(page.locator("form.enquiry")).to_contain_text("We answer within 5 working days.")
    write_enquiry(page, organisation="College with a long story")
    reference = page.locator(".reference").inner_text()
    code = page.locator(".code").inner_text()
    expect(page.locator(".due time")).to_be_visible()

    # A member of staff finds it in the list and assigns it to themselves.
    desk.goto(f"{site.url}/admin/contact/enquiry/?queue=nobody")
    row = desk.locator("#result_list tbody tr", has_text=reference)
    row.locator(".action-select").check()
    desk.locator("[name=action]").select_option("assign")
    desk.locator("[name=owner]").first.select_option(label="staff")
    desk.get_by_role("button", name="Go").click()
    expect(desk.locator(".messagelist")).to_contain_text("Assigned to staff: 1 enquiry")
    desk.goto(f"{site.url}/admin/contact/enquiry/?queue=mine")
    row.get_by_role("link", name=reference).click()
    expect(desk.locator("#words + .desk-words")).to_have_text(ANSWERS["message"])
    desk.locator("#noteform_text").fill("Ask the centre about visas.")
    desk.get_by_role("button", name="Save the note").click()
    expect(desk.locator("article", has_text="Ask the centre about visas.")).to_be_visible()

    # They answer it in the visitor's language, starting from a template.
    desk.get_by_role("link", name="Write an answer").click()
    desk.get_by_role("button", name="Ask for more information").click()
    text = desk.locator("#answerform_text")
    assert text.input_value().startswith(f"Dear {ANSWERS['person']},")
    text.fill(f"Dear {ANSWERS['person']},\n\nplease prepare two forms.")
    desk.get_by_role("button", name="Send the answer").click()
    expect(desk.locator(".messagelist")).to_contain_text("on its way by mail")
    subject = f"Answer to your enquiry {reference}"
    assert until(desk, lambda: arrived(site, subject))
    [mail] = arrived(site, subject)
    assert mail["To"] == ANSWERS["email"]
    assert "please prepare two forms." in mail.get_body(["plain"]).get_content()
    assert "please prepare two forms." in mail.get_body(["html"]).get_content()

    # The visitor reads the answer with reference and code, and writes again.
    page.goto(f"{site.url}/en/contact/status/")
    page.locator("#id_reference").fill(reference.lower())
    page.locator("#id_code").fill(code)
    page.get_by_role("button", name="See the status").click()
    expect(page.locator("[aria-current=step]")).to_have_text("Answered (now)")
    expect(page.locator("main")).to_contain_text("please prepare two forms.")
    expect(page.locator("main")).not_to_contain_text("Ask the centre")
    page.locator("#id_text").fill("Thank you. Where do we get them?")
    page.get_by_role("button", name="Send the message").click()
    expect(page.locator(".stored")).to_be_visible()
    expect(page.locator("[aria-current=step]")).to_have_text("In progress (now)")

    # The desk reads the message, answers it and closes the enquiry.
    desk.goto(f"{site.url}/admin/contact/enquiry/?queue=mine")
    row.get_by_role("link", name=reference).click()
    expect(desk.locator("#content")).to_contain_text("Where do we get them?")
    desk.get_by_role("link", name="Write an answer").click()
    text.fill("We send them to you.")
    desk.get_by_role("button", name="Send the answer").click()
    desk.get_by_role("button", name="Closed").click()
    expect(desk.locator("#state + p")).to_have_text("Closed")
    page.reload()
    expect(page.locator("[aria-current=step]")).to_have_text("Closed (now)")
    expect(page.locator("main")).to_contain_text("Your data will be erased on")

    # The date of its erasure comes.
    assert until(desk, lambda: len(arrived(site, subject)) == 2)
    rows(site, "UPDATE contact_enquiry SET erase_on = date('now', '-1 day') WHERE reference = ?", reference)
    query = "SELECT organisation, person, email, message FROM contact_enquiry WHERE reference = ?"
    # A worker does its chores as soon as it starts, and `serve` starts a new worker when one has ended.
    [worker] = [process for process in psutil.Process(site.process.pid).children() if "run_worker" in process.cmdline()]
    worker.terminate()
    assert until(desk, lambda: rows(site, query, reference) == [("", "", "", "")], seconds=60)
    page.reload()
    expect(page.locator("main")).to_contain_text("All personal data of this enquiry were erased on")
    expect(page.locator("main")).not_to_contain_text("two forms")
    desk.reload()
    expect(desk.locator("#content")).to_contain_text("All personal data of this enquiry have been erased.")
    expect(desk.locator("#content")).not_to_contain_text(ANSWERS["email"])
    expect(desk.locator("#timeline + table")).to_contain_text("Personal data erased")
    assert watch.faults() == []
    assert watch_desk.faults() == []
