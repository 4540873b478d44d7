"""Pages that print as a brochure, programs and service centres: their composition, their button and their print."""

import pytest

from tests.browser.steps import LANGUAGES

PRINT = {"zh-hans": "打印/另存为PDF", "en": "Print / save as PDF"}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("path", ["programs/approval-support/", "centres/curriculum-reform/"])
def test_the_button_prints_the_page(site, page, language, path):
    page.add_init_script("window.print = () => { window.hasPrinted = true }")
    page.goto(f"{site.url}/{language}/{path}")
    button = page.get_by_role("button", name=PRINT[language], exact=True)
    button.focus()
    page.keyboard.press("Enter")
    assert page.evaluate("window.hasPrinted")
    page.emulate_media(media="print")
    assert not button.is_visible()


def test_without_javascript_there_is_no_button_that_does_nothing(site, chrome):
    context = chrome.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{site.url}/en/programs/approval-support/")
    assert page.locator(".print-button").count() == 1
    assert not page.locator(".print-button").is_visible()
    context.close()
