"""`make demo`: a portal with sample content that staff can try, and that no other start serves."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.axe import Sweep
from tests.browser.steps import sign_in
from tests.browser.test_running import PRODUCTION, log
from tests.conftest import stop_site

BAND = {
    "zh-hans": "演示网站：标有【示例】的内容以及答复时限均为虚构。",
    "en": "Demonstration: everything marked “Sample” is invented, and so is the time promised for an answer.",
}
PAGES = [
    "/",
    "/programs/approval-support/?have=&have=1",
    "/programs/qualification-certificates/",
    "/partners/united-kingdom/",
    "/resources/",
    "/resources/?kind=template",
    "/terms/",
    "/search/?q=标准",
    "/search/?q=nothing+fits+this",
    "/contact/",
    "/no-such-page/",
]


def test_a_demonstration_shows_its_band_everywhere_and_is_served_by_nothing_else(start, page, record_property):
    demo = start(PORTAL_DEMO="1")
    passwords = dict(re.findall(r"user name (\w+) +password (\S+)", log(demo)))
    assert set(passwords) == {"admin", "editor", "desk"}
    sweep = Sweep(page)
    for language, words in BAND.items():
        sweep.looks = {"zh-hans": {1280: "light"}, "en": {360: "dark"}}[language]
        for path in PAGES:
            page.goto(f"{demo.url}/{language}{path}")
            expect(page.get_by_role("complementary").first).to_contain_text(words)
            sweep.look()
    page.emulate_media(media="print")
    expect(page.locator(".demo-band")).to_be_visible()
    page.emulate_media(media="screen")
    # The environment of the site names another password: the demonstration gives its own.
    for name, path in [("desk", "/admin/contact/enquiry/"), ("editor", "/admin/programs/program/")]:
        page.context.clear_cookies()
        sign_in(page, demo, username=name, password=passwords[name])
        expect(page.locator("#user-tools")).to_be_visible()
        assert page.goto(f"{demo.url}{path}").status == 200
        expect(page.locator(".demo-band")).to_be_visible()
        sweep.look()
    assert_lists_fit(page, demo, passwords["admin"])
    assert_editor_is_chinese(page, demo)
    record_property("pages of the demonstration checked with axe", sweep.pages)
    assert not sweep.faults, "\n".join(sweep.faults)
    assert len(list((demo.data / "mail").glob("*.eml"))) > 60
    assert stop_site(demo) == 0

    again = start(PORTAL_DEMO="1")
    assert "password" not in log(again)
    assert stop_site(again) == 0
    for variables in ({}, {"PORTAL_SITE_URL": "https://portal.example", **PRODUCTION}):
        with pytest.raises(RuntimeError, match="invented content of the demonstration"):
            start(**variables)


def assert_lists_fit(page, demo, password):
    """Asserts that the lists of the admin cut off no column in a window of 1280 pixels, in English, which is longer."""
    page.context.clear_cookies()
    page.set_viewport_size({"width": 1280, "height": 800})
    sign_in(page, demo, username="admin", password=password)
    page.locator("#footer").wait_for(state="attached")
    lists, wide = page.locator(".front-lists a:not(.addlink)").evaluate_all("links => links.map(link => link.href)"), []
    lists += [f"{demo.url}/admin/contact/enquiry/?queue=all&o={order}" for order in (2, 6, 7)]
    assert len(lists) >= 18
    page.locator(".admin-language [value=en]").click()
    for address in lists:
        page.goto(address)
        for rows in page.locator(".results").all():
            if over := rows.evaluate("rows => rows.scrollWidth - rows.clientWidth"):
                wide.append(f"{address}: {over} pixels")
    assert not wide, "\n".join(wide)


def assert_editor_is_chinese(page, demo):
    """Asserts that the editor of rich text has no English button and dialog for Chinese staff."""
    page.locator(".admin-language [value=zh-hans]").click()
    page.goto(f"{demo.url}/admin/programs/program/1/change/")
    buttons = page.locator(".prose-menubar button")
    expect(buttons.first).to_have_attribute("title", re.compile("[一-鿿]"))
    labels = buttons.evaluate_all("buttons => buttons.map(button => button.title || button.textContent)")
    assert len(labels) >= 40
    assert not [label for label in labels if re.search("[A-Za-z]", label)]
    page.locator(".prose-editor [contenteditable] p").first.click()
    expect(page.locator(".prose-menubar__selected button").first).to_have_attribute("aria-label", "正文")
    page.keyboard.press("Control+a")
    page.locator(".prose-menubar [title=插入链接]").first.click()
    expect(page.locator("dialog")).to_contain_text("编辑链接")
    expect(page.locator("dialog")).not_to_contain_text(re.compile("[A-Za-z]"))
