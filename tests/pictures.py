"""
Pictures of the portal, for people to look at: `make pictures` lays them under var/pictures/.

Home, a program, partners, the contact page with errors, a receipt and a printed brochure, in both languages, light
and dark, wide and narrow, with a Han serif installed and without one, as most visitors' machines are.
"""

import os
import sys
import tempfile
from html import escape
from pathlib import Path

import pypdfium2
from playwright.sync_api import sync_playwright

from tests import chromium
from tests.browser.steps import ANSWERS, LANGUAGES, WRITING
from tests.conftest import PROJECT, start_site, stop_site

FOLDER = PROJECT / "var/pictures"
WIDTHS = {"wide": 1280, "narrow": 390}
PAGES = {"home": "", "program": "programs/approval-support/", "partners": "partners/", "contact": "contact/"}
WITHOUT_HAN_SERIF = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <include ignore_missing="yes">/etc/fonts/fonts.conf</include>
  <selectfont><rejectfont><glob>*SerifCJK*</glob><glob>*SourceHanSerif*</glob></rejectfont></selectfont>
</fontconfig>
"""


def receipt_of_an_enquiry(browser, address):
    """Submits an enquiry at the contact page of `address`; the address of its receipt."""
    page = browser.new_page()
    page.goto(f"{address}contact/")
    for name, answer in ANSWERS.items():
        page.locator(f"#id_{name}").fill(answer)
    page.locator("#id_territory").select_option(index=1)
    page.locator("#id_consent").check()
    page.wait_for_timeout(WRITING)
    page.locator("form.enquiry button").click()
    page.locator(".reference").wait_for()
    return page.url


def take_pictures(browser, address, receipt, name):
    """Takes every page of the language at `address`; `name` is what the names of the files begin with."""
    for scheme in ("light", "dark"):
        for width, pixels in WIDTHS.items():
            page = browser.new_page(viewport={"width": pixels, "height": 800}, color_scheme=scheme)
            for kind, path in (PAGES | {"receipt": None}).items():
                page.goto(f"{address}{path}" if path is not None else receipt)
                if kind == "contact":
                    page.locator("form.enquiry button").click()
                    page.locator(".error-summary").wait_for()
                yield page.screenshot(path=FOLDER / f"{name}-{kind}-{width}-{scheme}.png", full_page=True)
            page.context.close()
    page = browser.new_page()
    page.goto(f"{address}{PAGES['program']}")
    document = pypdfium2.PdfDocument(page.pdf(prefer_css_page_size=True, print_background=True))
    for number, leaf in enumerate(document, 1):
        yield leaf.render(scale=1.5).to_pil().save(FOLDER / f"{name}-brochure-{number}.png")


def main():
    executable = chromium.executable()
    if executable is None:
        return "Install Chromium first (apt-get install chromium fonts-noto-cjk), then run again."
    FOLDER.mkdir(parents=True, exist_ok=True)
    taken = 0
    with tempfile.TemporaryDirectory() as scratch, sync_playwright() as playwright:
        fonts = Path(scratch, "fonts.conf")
        fonts.write_text(WITHOUT_HAN_SERIF)
        site = start_site(Path(scratch))
        try:
            for serif, environment in {"serif": {}, "sans": {"FONTCONFIG_FILE": str(fonts)}}.items():
                browser = playwright.chromium.launch(
                    executable_path=executable, args=["--no-sandbox", "--disable-gpu"], env=os.environ | environment
                )
                for language in LANGUAGES:
                    address = f"{site.url}/{language}/"
                    receipt = receipt_of_an_enquiry(browser, address)
                    for _picture in take_pictures(browser, address, receipt, f"{language}-{serif}"):
                        taken += 1
                        print(f"\r{taken} pictures", end="", flush=True)
                browser.close()
        finally:
            stop_site(site)
    names = sorted(path.name for path in FOLDER.glob("*.png"))
    figures = (
        f'<figure><img src="{escape(name)}" width="480" alt=""><figcaption>{escape(name)}</figcaption></figure>'
        for name in names
    )
    (FOLDER / "index.html").write_text(
        "<!doctype html><meta charset=utf-8><title>Pictures</title>" + "\n".join(figures)
    )
    print(f"\r{taken} pictures: {FOLDER / 'index.html'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
