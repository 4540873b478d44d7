"""A visitor without JavaScript finds a program by a word of either language, and asks where nothing is found."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.steps import LANGUAGES, tab_to


@pytest.fixture
def phone(chrome):
    context = chrome.new_context(java_script_enabled=False, viewport={"width": 320, "height": 700})
    yield context.new_page()
    context.close()


def search_for(page, words):
    """Types `words` into the field of the page that is open, by keyboard, and submits it."""
    field = page.locator(".search-form input")
    tab_to(page, field)
    field.fill("")
    page.keyboard.insert_text(words)
    page.keyboard.press("Enter")
    expect(page.locator(".search-form input")).to_have_value(words)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("words", ["课程标准", "curriculum standard", "課程標準"])
def test_words_of_either_language_find_the_program_through_the_masthead(site, page, language, words):
    page.goto(f"{site.url}/{language}/about/")
    search_for(page, words)
    program = page.locator(f'h3 a[href="/{language}/programs/curriculum-standards/"]')
    expect(program).to_have_count(1)
    program.click()
    assert page.url == f"{site.url}/{language}/programs/curriculum-standards/"


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_way_from_no_result_to_the_enquiry_form_needs_no_javascript(site, phone, language):
    phone.goto(f"{site.url}/{language}/")
    phone.locator(".search-form input").fill("袋鼠 quokka")
    phone.locator(".search-form button").click()
    expect(phone.locator(".search-form input")).to_have_value("袋鼠 quokka")
    phone.locator(".section-body a.button").first.click()
    expect(phone.locator("#id_message")).to_have_value(re.compile("“袋鼠 quokka”"))


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_filter_and_the_other_language_keep_the_query(site, phone, language):
    other = {"zh-hans": "en", "en": "zh-hans"}[language]
    phone.goto(f"{site.url}/{language}/search/?q=学生交流")
    phone.locator('.search-kinds a[href*="kind=program"]').click()
    expect(phone.locator(".search-kinds [aria-current]")).to_have_attribute("href", re.compile("kind=program$"))
    phone.locator(f'.languages a[href^="/{other}/"]').click()
    expect(phone.locator(".search-form input")).to_have_value("学生交流")
    expect(phone.locator(f'h3 a[href="/{other}/programs/student-exchange/"]')).to_have_count(1)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("width", [320, 390, 768, 1280])
def test_the_field_in_the_masthead_is_large_enough_and_within_the_page(site, page, language, width):
    page.set_viewport_size({"width": width, "height": 800})
    for path in ("", "search/", "nothing/"):
        page.goto(f"{site.url}/{language}/{path}")
        field, button = (page.locator(f".search-form {part}").bounding_box() for part in ("input", "button"))
        assert min(field["height"], button["height"]) >= 44
        assert field["width"] >= 100
        assert field["y"] == button["y"]
        assert button["x"] + button["width"] <= width
    page.goto(f"{site.url}/{language}/")
    page.emulate_media(media="print")
    assert not page.locator(".search-form").is_visible()


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_link_to_a_term_shows_it_and_marks_it(site, page, language):
    page.set_viewport_size({"width": 390, "height": 600})
    page.goto(f"{site.url}/{language}/search/?q=人才库&kind=term")
    page.locator("h3 a").first.click()
    row = page.locator("tr:target")
    expect(row).to_be_in_viewport()
    assert row.locator("td").evaluate("cell => getComputedStyle(cell).borderBlockEndWidth") == "2px"
