"""`make demo`: a portal with sample content that staff can try, and that no other start serves."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.steps import sign_in
from tests.browser.test_axe import Sweep
from tests.browser.test_running import PRODUCTION, log
from tests.conftest import stop_site

BAND = {
    "zh-hans": "演示网站：标有【示例】的内容均为虚构。",
    "en": "Demonstration: everything marked “Sample” is invented.",
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
        assert page.goto(f"{demo.url}{path}").status == 200
        expect(page.locator(".demo-band")).to_be_visible()
        sweep.look()
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
