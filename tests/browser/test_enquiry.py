import re
from email import message_from_bytes, policy

import pytest
from playwright.sync_api import expect

from tests.browser.steps import ANSWERS, LANGUAGES, WRITING, rows, tab_to, until, write_enquiry

REFERENCE = re.compile(r"^[A-Z0-9]{8}$")
REQUIRED = ["organisation", "territory", "person", "email", "message", "consent"]


def receipt(page):
    """Waits for the receipt and returns the reference on it."""
    expect(page.locator(".reference")).to_have_text(REFERENCE)
    return page.locator(".reference").inner_text()


def answers_on(page):
    """The values of the form's fields, as the browser shows them."""
    return {name: page.locator(f"#id_{name}").input_value() for name in [*ANSWERS, "territory", "program", "country"]}


def count_of(site, organisation):
    [[number]] = rows(site, "SELECT count(*) FROM contact_enquiry WHERE organisation = ?", organisation)
    return number


def delivered(site, reference):
    """The mails in the site's folder whose subject contains `reference`, by recipient."""
    files = (site.data / "mail").glob("*.eml")
    mails = [message_from_bytes(path.read_bytes(), policy=policy.default) for path in files]
    return {mail["To"]: mail for mail in mails if reference in (mail["Subject"] or "")}


def assert_stored_and_told(site, page, *, email, language, program, subjects):
    """
    Checks that the enquiry is stored and that its two mails arrive with `subjects` and without the message.

    `email` must be used in one test only: the tests send more enquiries from ANSWERS["email"] than are acknowledged.
    """
    reference = receipt(page)
    [stored] = rows(
        site,
        "SELECT enquiry.language, program.slug, organisation, person, position, email, telephone, message,"
        " (SELECT count(*) FROM contact_enquiry_mails WHERE enquiry_id = enquiry.id)"
        " FROM contact_enquiry enquiry LEFT JOIN programs_program program ON program.id = program_id"
        " WHERE reference = ?",
        reference,
    )
    assert stored == (language, program, *(ANSWERS | {"email": email}).values(), 2)
    mails = until(page, lambda: len(found := delivered(site, reference)) == 2 and found)
    assert mails, f"the worker did not deliver both mails: {delivered(site, reference)}"
    visitor, staff = mails[email], mails["staff@localhost"]
    assert [visitor["Subject"], staff["Subject"]] == [subject.format(reference) for subject in subjects]
    for mail in (visitor, staff):
        for kind in ("plain", "html"):
            assert ANSWERS["message"] not in mail.get_body([kind]).get_content()


def test_a_keyboard_alone_leads_from_the_chinese_home_page_to_a_receipt(site, page):
    page.goto(f"{site.url}/zh-hans/")
    page.keyboard.press("Tab")
    expect(page.locator(".skip-link")).to_be_focused()
    expect(page.locator(".skip-link")).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    tab_to(page, page.locator("main").get_by_role("link", name="提交咨询").first)
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{site.url}/zh-hans/contact/")

    write_enquiry(page, email="zh@college.example")
    expect(page.locator("h1")).to_have_text("已收到您的咨询")
    subjects = ["已收到您的咨询 {}", "新咨询 {}"]
    email = "zh@college.example"
    assert_stored_and_told(site, page, email=email, language="zh-hans", program=None, subjects=subjects)


def test_without_javascript_a_program_leads_to_an_enquiry_about_it(site, chrome):
    context = chrome.new_context(java_script_enabled=False, locale="en-GB")
    page = context.new_page()
    page.goto(f"{site.url}/en/programs/teacher-exchange/")
    tab_to(page, page.locator("main").get_by_role("link", name="Submit an enquiry").last)
    page.keyboard.press("Enter")
    expect(page.locator("#id_program")).to_have_value("teacher-exchange")

    write_enquiry(page, email="en@college.example")
    expect(page.locator("h1")).to_have_text("We have received your enquiry")
    expect(page.locator(".facts")).to_contain_text("Teacher exchange")
    subjects = ["We have received your enquiry {}", "新咨询 {}"]
    assert_stored_and_told(
        site, page, email="en@college.example", language="en", program="teacher-exchange", subjects=subjects
    )
    context.close()


def test_an_empty_form_says_what_is_missing_and_leads_there(site, page):
    titles = {"en": "Error: ", "zh-hans": "错误："}
    page.emulate_media(reduced_motion="reduce")
    for language in LANGUAGES:
        page.goto(f"{site.url}/{language}/contact/")
        page.locator("form.enquiry button").click()
        expect(page).to_have_title(re.compile(f"^{titles[language]}"))
        expect(page.locator(".error-summary")).to_be_focused()
        links = page.locator(".error-summary a")
        assert [link.get_attribute("href") for link in links.all()] == [f"#id_{name}" for name in REQUIRED]
        for name, link in zip(REQUIRED, links.all(), strict=True):
            field = page.locator(f"#id_{name}")
            expect(field).to_have_attribute("aria-invalid", "true")
            expect(field).to_have_accessible_description(re.compile(re.escape(link.inner_text())))
            link.click()
            expect(field).to_be_focused()
            expect(field).to_be_in_viewport()


def test_a_faulty_form_comes_back_with_everything_that_was_typed(site, page):
    page.goto(f"{site.url}/en/contact/?program=student-exchange&country=japan")
    write_enquiry(page, email="no address")
    expect(page.locator(".error-summary a")).to_have_text(["Enter an e-mail address in the form name@example.com"])
    answers = answers_on(page)
    assert answers["territory"]
    subject = {"program": "student-exchange", "country": "japan"}
    assert answers == ANSWERS | subject | {"email": "no address", "territory": answers["territory"]}
    expect(page.locator("#id_consent")).to_be_checked()
    page.locator("#id_email").fill(ANSWERS["email"])
    page.locator("form.enquiry button").click()
    receipt(page)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("width", [390, 1280])
def test_the_first_field_is_on_the_first_screen(site, page, language, width):
    page.set_viewport_size({"width": width, "height": 844})
    page.goto(f"{site.url}/{language}/contact/")
    field, reach = (page.locator(name).bounding_box() for name in ("#id_organisation", ".reach"))
    assert field["y"] + field["height"] <= 844
    if width == 390:
        assert reach["y"] > page.locator("form.enquiry button").bounding_box()["y"]
    else:
        assert reach["y"] < field["y"]
        assert reach["x"] >= field["x"] + field["width"]


def test_the_error_box_has_one_frame(site, page):
    page.goto(f"{site.url}/en/contact/")
    page.locator("form.enquiry button").click()
    box = page.locator(".error-summary")
    expect(box).to_be_focused()
    expect(box).to_have_css("outline-style", "none")
    expect(box).to_have_css("border-top-width", "4px")
    page.keyboard.press("Tab")
    expect(box.locator("a").first).to_be_focused()
    expect(box.locator("a").first).to_have_css("outline-style", "solid")


def test_back_from_the_receipt_leads_to_the_corrected_form(site, page):
    page.goto(f"{site.url}/en/contact/")
    write_enquiry(page, organisation="College of the corrected form", email="no address")
    expect(page.locator(".error-summary a")).to_have_text(["Enter an e-mail address in the form name@example.com"])
    page.locator("#id_email").fill(ANSWERS["email"])
    with page.expect_response(lambda response: "/received/" in response.url) as received:
        page.locator("form.enquiry button").click()
    reference = receipt(page)
    assert "no-store" in received.value.headers["cache-control"]
    page.go_back()
    expect(page.locator("#id_organisation")).to_have_value("College of the corrected form")
    expect(page.locator("#id_message")).to_have_value(ANSWERS["message"])
    page.locator("#id_email").fill(ANSWERS["email"])
    page.locator("form.enquiry button").click()
    assert receipt(page) == reference
    assert count_of(site, "College of the corrected form") == 1


def test_a_form_is_stored_once(site, page):
    page.goto(f"{site.url}/en/contact/")
    with page.expect_request(lambda request: request.method == "POST") as sent:
        write_enquiry(page, organisation="Twice")
    reference, form = receipt(page), sent.value.post_data
    headers = {"content-type": sent.value.headers["content-type"]}
    again = page.request.post(sent.value.url, data=form, headers=headers)
    assert again.url == page.url
    assert reference in again.text()
    changed = page.request.post(sent.value.url, data=form.replace("Twice", "Once more"), headers=headers)
    assert changed.status == 409
    assert (count_of(site, "Twice"), count_of(site, "Once more")) == (1, 0)


def test_a_form_that_was_sent_comes_back_and_may_be_sent_at_once(site, page):
    page.goto(f"{site.url}/en/contact/")
    token = page.locator("[name=form_token]").input_value()
    write_enquiry(page, organisation="College of the first form")
    reference = receipt(page)
    page.goto(f"{site.url}/en/contact/")
    page.locator("[name=form_token]").evaluate("(field, token) => { field.value = token }", token)
    write_enquiry(page, organisation="College of the second form")
    expect(page.locator(".error-summary")).to_be_focused()
    expect(page.locator(".error-summary h2")).to_have_text("This form was already sent")
    expect(page.locator(".error-summary")).to_contain_text(f"It was stored as enquiry {reference};")
    expect(page.locator("#id_organisation")).to_have_value("College of the second form")
    page.locator("form.enquiry button").click()
    assert receipt(page) != reference
    assert count_of(site, "College of the second form") == 1


def test_going_back_and_submitting_again(site, page):
    page.goto(f"{site.url}/en/contact/")
    write_enquiry(page, organisation="College that goes back")
    reference = receipt(page)
    page.go_back()
    expect(page.locator("#id_organisation")).to_have_value("College that goes back")
    page.locator("form.enquiry button").click()
    expect(page.locator(".reference")).to_have_text(reference)
    assert count_of(site, "College that goes back") == 1

    page.go_back()
    page.locator("#id_organisation").fill("")
    page.locator("#id_organisation").press_sequentially("College with something else", delay=WRITING / 25)
    page.locator("form.enquiry button").click()
    assert receipt(page) != reference
    assert count_of(site, "College with something else") == 1


def test_lost_cookies_cost_one_more_click_and_no_answer(site, page):
    page.goto(f"{site.url}/en/contact/?program=student-exchange")
    page.context.clear_cookies()
    write_enquiry(page, organisation="College without cookies")
    expect(page.locator(".error-summary")).to_be_focused()
    expect(page.locator(".error-summary")).to_contain_text("Your enquiry has not been stored yet")
    answers = answers_on(page)
    assert answers["territory"]
    kept = {"organisation": "College without cookies", "program": "student-exchange", "country": ""}
    assert answers == ANSWERS | kept | {"territory": answers["territory"]}
    expect(page.locator("#id_consent")).to_be_checked()
    assert count_of(site, "College without cookies") == 0
    page.locator("form.enquiry button").click()
    receipt(page)
    assert count_of(site, "College without cookies") == 1


def test_a_browser_that_keeps_no_cookie_is_given_the_telephone_numbers(site, page):
    page.goto(f"{site.url}/en/contact/")
    page.context.clear_cookies()
    write_enquiry(page, organisation="College that blocks cookies")
    expect(page.locator(".error-summary")).to_contain_text("Your enquiry has not been stored yet")
    expect(page.locator(".error-summary .telephone")).to_have_count(0)
    page.context.clear_cookies()
    page.locator("form.enquiry button").click()
    expect(page.locator(".error-summary .telephone").first).to_have_text("+86 10 5365 6705")
    expect(page.locator("#id_organisation")).to_have_value("College that blocks cookies")
    assert count_of(site, "College that blocks cookies") == 0
