"""
Takes screenshots of the portal for people to look at: `make pictures` saves them under var/pictures/.

They show the home page, a program, the overview of programs, the resources, the partners, the contact page with
errors, the glossary, search results, a receipt and a status page in both languages, in light and dark, wide and
narrow, and the printed program and overview. Each is taken with a Chinese serif font and without one, because most
visitors have none. The icons and the share pictures are drawn too: when their design changes, copy them to static/img/
by hand. The pictures of the guide for staff are saved in their place, see tests.guide_pictures.
"""

import os
import sys
import tempfile
from html import escape
from pathlib import Path

import pypdfium2
from PIL import Image
from playwright.sync_api import sync_playwright

from tests import chromium, guide_pictures
from tests.browser.steps import ANSWERS, LANGUAGES, WRITING
from tests.conftest import PROJECT, start_site, stop_site

FOLDER = PROJECT / "var/pictures"
WIDTHS = {"wide": 1280, "narrow": 390}
PAGES = {
    "home": "",
    "program": "programs/approval-support/",
    "overview": "programs/overview/",
    "resources": "resources/",
    "partners": "partners/",
    "contact": "contact/",
    "glossary": "terms/",
    "search": "search/?q=课程标准",
}
WITHOUT_HAN_SERIF = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <include ignore_missing="yes">/etc/fonts/fonts.conf</include>
  <selectfont><rejectfont><glob>*SerifCJK*</glob><glob>*SourceHanSerif*</glob></rejectfont></selectfont>
</fontconfig>
"""
# Turns the partners page into a share picture: the name of the department beside the compass.
SHARE_CARD = """
body { display: grid; grid: 630px / 632px 540px; border-inline-start: 28px solid var(--cinnabar); }
nav, table, figcaption, .skip-link, .page-head, .compass-end, .colophon { display: none !important; }
.masthead { align-self: center; border: 0; }
.masthead-top, .brand { display: block; padding: 0 0 12px 64px; font-size: 26px; line-height: 1.35; }
.brand-name { display: block; font-size: 56px; }
.brand .pair { display: block; margin-block-start: 20px; font-size: 26px; }
.masthead-main { padding: 0; }
main { align-self: center; padding: 0; }
.compass-page { display: block; padding: 0; border: 0; }
"""


def receipt_of_an_enquiry(browser, address):
    """Submits an enquiry on the contact page below `address` and returns the address of its receipt."""
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
    """Takes the pictures of the language at `address` and yields after each. File names start with `name`."""
    for scheme in ("light", "dark"):
        for width, pixels in WIDTHS.items():
            page = browser.new_page(viewport={"width": pixels, "height": 800}, color_scheme=scheme)
            of_enquiry = {"receipt": receipt, "status": receipt.replace("/received/", "/status/")}
            for kind, url in ({kind: f"{address}{path}" for kind, path in PAGES.items()} | of_enquiry).items():
                page.goto(url)
                if kind == "contact":
                    page.locator("form.enquiry button").click()
                    page.locator(".error-summary").wait_for()
                yield page.screenshot(path=FOLDER / f"{name}-{kind}-{width}-{scheme}.png", full_page=True)
            page.context.close()
    page = browser.new_page()
    for kind in ("program", "overview"):
        page.goto(f"{address}{PAGES[kind]}")
        document = pypdfium2.PdfDocument(page.pdf(prefer_css_page_size=True, print_background=True))
        for number, leaf in enumerate(document, 1):
            yield leaf.render(scale=1.5).to_pil().save(FOLDER / f"{name}-{kind}-leaf-{number}.png")


def take_share_pictures(browser, site):
    """Takes the share picture of each language and the icons, with few colours to keep the files small."""
    for language in LANGUAGES:
        page = browser.new_page(viewport={"width": 1200, "height": 630}, bypass_csp=True)
        page.goto(f"{site.url}/{language}/partners/")
        page.add_style_tag(content=SHARE_CARD)
        path = FOLDER / f"share-{language}.png"
        page.screenshot(path=path)
        Image.open(path).convert("P", palette=Image.Palette.ADAPTIVE, colors=64).save(path, optimize=True)
        yield path
    icon = (PROJECT / "static/img/icon.svg").read_text()
    for size, name in {32: "icon.ico", 180: "icon-180.png"}.items():
        page = browser.new_page(viewport={"width": size, "height": size})
        page.set_content(f"<style>body {{ margin: 0 }} svg {{ display: block; width: {size}px }}</style>{icon}")
        shot = FOLDER / "icon.png"
        page.screenshot(path=shot)
        Image.open(shot).convert("P", palette=Image.Palette.ADAPTIVE, colors=32).save(FOLDER / name)
        shot.unlink()
        yield FOLDER / name


def main():
    executable = chromium.executable()
    if executable is None:
        return f"Install Chromium first (apt-get install {chromium.HEADLESS} {chromium.FONT}), then run again."
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
                if serif == "serif":
                    taken += len(list(take_share_pictures(browser, site)))
                    taken += guide_pictures.take(browser)
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
