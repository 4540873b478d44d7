import re

from playwright.sync_api import expect

from tests.browser.steps import ANSWERS, rows, secrets_of, tab_to, write_enquiry
from tests.contact.files import PDF

OVER = re.compile("You withdrew your consent on|were erased on")


def submitted(site, page):
    """Submits an enquiry and returns its reference, code and token."""
    page.goto(f"{site.url}/en/contact/?program=teacher-exchange")
    write_enquiry(page)
    reference = page.locator(".reference").inner_text()
    return reference, *secrets_of(site, reference)


def messages(site, token):
    found = rows(
        site,
        "SELECT text FROM contact_message message JOIN contact_enquiry enquiry ON enquiry.id = enquiry_id"
        " WHERE token = ? ORDER BY message.id",
        token,
    )
    return [text for [text] in found]


def test_without_javascript_a_keyboard_leads_to_the_status_a_message_and_the_withdrawal(site, chrome):
    context = chrome.new_context(java_script_enabled=False, locale="en-GB")
    page = context.new_page()
    reference, code, token = submitted(site, page)

    page.goto(f"{site.url}/en/contact/")
    page.get_by_role("link", name="See its status").click()
    tab_to(page, page.locator("#id_reference"))
    page.keyboard.type(f"{reference[:4]} {reference[4:]}".lower())
    page.keyboard.press("Tab")
    page.keyboard.type("-".join([code[:4], code[4:8], code[8:]]).lower())
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{site.url}/en/contact/status/{token}/")
    expect(page.locator("[aria-current=step]")).to_have_text("Received (now)")

    tab_to(page, page.locator("#id_text"))
    page.keyboard.type("One more question")
    page.set_input_files("#id_attachment", {"name": "Plan.pdf", "mimeType": "application/pdf", "buffer": PDF})
    tab_to(page, page.get_by_role("button", name="Send the message"))
    page.keyboard.press("Enter")
    expect(page.locator(".stored")).to_be_focused()
    written = page.locator("section", has=page.locator("#written"))
    for words in (ANSWERS["message"], "One more question", "Plan.pdf"):
        expect(written).to_contain_text(words)
    page.reload()
    assert messages(site, token) == ["One more question"]

    page.get_by_role("link", name="Withdraw consent").click()
    page.get_by_role("link", name="No, back").click()
    expect(page.locator("#id_text")).to_be_visible()
    page.get_by_role("link", name="Withdraw consent").click()
    tab_to(page, page.get_by_role("button", name="Withdraw consent"))
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_contain_text(OVER)
    expect(page.locator("main form")).to_have_count(0)
    context.close()


def test_a_wrong_pair_takes_the_focus_to_the_summary_and_keeps_what_was_typed(site, page):
    page.goto(f"{site.url}/zh-hans/contact/status/?reference=34679ACD")
    expect(page.locator("#id_reference")).to_have_value("34679ACD")
    page.locator("#id_code").fill("wrong")
    page.locator("form.enquiry button").click()
    expect(page).to_have_title(re.compile("^错误："))
    expect(page.locator(".error-summary")).to_be_focused()
    expect(page.locator(".error-summary .telephone").first).to_have_text("010-53656705")
    expect(page.locator("#id_reference")).to_have_value("34679ACD")
    expect(page.locator("#id_code")).to_have_value("wrong")
    page.locator(".error-summary a").first.click()
    expect(page.locator("#id_reference")).to_be_focused()


def test_lost_cookies_cost_one_more_click_and_no_message(site, page):
    _reference, _code, token = submitted(site, page)
    page.goto(f"{site.url}/en/contact/status/{token}/")
    page.locator("#id_text").fill("Written for an hour")
    page.set_input_files("#id_attachment", {"name": "Plan.pdf", "mimeType": "application/pdf", "buffer": PDF})
    page.context.clear_cookies()
    page.locator("form.enquiry button").click()
    expect(page.locator(".error-summary")).to_be_focused()
    expect(page.locator(".error-summary")).to_contain_text("Nothing has been sent yet")
    expect(page.locator(".error-summary")).to_contain_text("Attach again: Plan.pdf.")
    expect(page.locator("#id_text")).to_have_value("Written for an hour")
    assert messages(site, token) == []
    page.locator("form.enquiry button").click()
    expect(page.locator(".stored")).to_be_visible()
    assert messages(site, token) == ["Written for an hour"]


def test_back_from_the_status_leads_to_the_form_that_came_back(site, page):
    reference, code, token = submitted(site, page)
    page.goto(f"{site.url}/en/contact/status/")
    page.locator("#id_reference").fill(reference)
    page.locator("#id_code").fill("wrong")
    page.get_by_role("button", name="See the status").click()
    expect(page.locator(".error-summary")).to_be_visible()
    page.locator("#id_code").fill(code)
    page.get_by_role("button", name="See the status").click()
    expect(page).to_have_url(f"{site.url}/en/contact/status/{token}/")
    page.go_back()
    expect(page.locator("#id_reference")).to_have_value(reference)
