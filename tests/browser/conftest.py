"""What tests of the admin in a real browser share."""

import pytest
from playwright.sync_api import expect

from tests.browser.steps import form_of, publish, rows, sign_in

# Milliseconds. The default of five seconds is too short for a machine that is busy with other tests.
expect.set_options(timeout=20_000)


@pytest.fixture
def opened(chrome, site):
    """A function that opens a browser of its own for somebody, in English. With a name, that person is signed in."""
    contexts = []

    def opened(name=None, **options):
        options = {"viewport": {"width": 1280, "height": 800}, "locale": "en-GB"} | options
        contexts.append(chrome.new_context(**options))
        page = contexts[-1].new_page()
        page.set_default_timeout(20_000)
        if name:
            sign_in(page, site, username=name)
            expect(page.locator("#user-tools")).to_be_visible()
        return page

    yield opened
    for context in contexts:
        context.close()


@pytest.fixture
def copy(site, opened):
    """The address of the form of a program that is published as "copied". It is withdrawn at the end."""
    rows(site, "UPDATE portal_user SET language = 'en'")
    page = opened("staff")
    page.goto(form_of(site, "student-exchange"))
    page.locator(".publication > details > summary").click()
    page.locator("[name=_copy]").click()
    expect(page.locator(".messagelist")).to_contain_text("This is a copy")
    page.locator("#id_slug").fill("copied")
    publish(page)
    yield page.url
    rows(
        site,
        "UPDATE programs_program SET slug = id, published_at_zh_hans = NULL, published_at_en = NULL WHERE id = ?",
        page.url.split("/")[-3],
    )
    rows(site, "DELETE FROM portal_draft")
