"""
Takes the pictures of the guide for staff from a demonstration, and saves them under docs/guide/pictures/.

`make pictures` does so. Each shows what the guide speaks of, as the role sees it, in both languages.
"""

import tempfile
from io import BytesIO
from pathlib import Path

from openpyxl import load_workbook
from PIL import Image

from tests.browser.steps import LANGUAGES, sign_in
from tests.conftest import PASSWORD, PROJECT, start_site, stop_site

FOLDER = PROJECT / "docs/guide/pictures"
# Accounts beside those of the demonstration, and one password for all.
PREPARE = f"""
from django.contrib.auth.models import Group
from portal.models import User
for name, role in [("writer", "writer"), ("translator", "translator_en")]:
    user = User.objects.create(username=name, email=f"{{name}}@example.org", is_staff=True)
    user.groups.add(Group.objects.get(name=role))
for user in User.objects.all():
    user.set_password("{PASSWORD}")
    user.save()
"""
# The heading of the column that a translator fills in, and what is written there. The last one has lost its formatting.
TO_FILL = {"zh-hans": "译文（请在此填写）", "en": "Translation: fill in here"}
TRANSLATIONS = [
    "This page shows what staff can add by themselves, and can be printed. All of it is invented.",
    "The study week is for heads of vocational colleges.",
]
# In pixels.
SIZE = {"width": 1100, "height": 720}


class Guide:
    """A browser's windows on a demonstration `site`, one for each member of staff, in a `language`."""

    def __init__(self, browser, site, language):
        self.browser, self.site, self.language = browser, site, language
        self.contexts, self.taken = {}, 0

    def open(self, username, path):
        """Returns a window in which `username` has signed in and opened a page of the admin."""
        if username not in self.contexts:
            self.contexts[username] = self.browser.new_context(viewport=SIZE)
            page = self.contexts[username].new_page()
            sign_in(page, self.site, PASSWORD, username)
            page.locator(f".admin-language [value={self.language}]").click()
            page.locator(f".admin-language [value={self.language}][aria-pressed]").wait_for()
            page.evaluate("localStorage.setItem('django.admin.navSidebarIsOpen', 'false')")
            page.close()
        page = self.contexts[username].new_page()
        page.goto(f"{self.site.url}/admin/{path}")
        return page

    def take(self, page, name, place="#content", height=SIZE["height"]):
        """Saves what is at a `place` of `page`, at most so many pixels of it, and closes the window."""
        page.locator(place).first.scroll_into_view_if_needed()
        page.evaluate("document.activeElement.blur()")
        page.mouse.move(0, 0)
        box = page.locator(place).first.bounding_box()
        top = page.evaluate("scrollY")
        clip = box | {"y": box["y"] + top, "height": min(box["height"], height)}
        with Image.open(BytesIO(page.screenshot(full_page=True, clip=clip))) as image:
            image.convert("RGB").save(FOLDER / f"{name}-{self.language}.webp", quality=70, method=6)
        self.taken += 1
        page.close()


def link_in(page, text):
    """Opens the first row of a list that has `text`."""
    page.locator("#result_list tbody tr", has_text=text).first.locator("th a").click()


def put_out_of_step(guide):
    """Lets a publisher change the Chinese of the sample page, and a writer draft something for a program."""
    page = guide.open("editor", "portal/page/")
    link_in(page, "研修周")
    page.locator("#id_summary_zh_hans").fill("本页演示工作人员自己添加的页面，可供打印。内容均属虚构。")
    page.locator("[contenteditable]").first.click()
    page.keyboard.press("Control+End")
    page.keyboard.type("请提前一个月报名。")
    page.locator("[name='_publish_zh-hans']").click()
    page.locator(".messagelist .success").wait_for()
    page.close()
    page = guide.open("writer", "programs/program/")
    link_in(page, "教师交流")
    page.locator("#id_search_words_zh_hans").press("Control+End")
    page.locator("#id_search_words_zh_hans").press_sequentially("\n教师互访")
    page.locator("[name=_save_draft]").last.click()
    page.locator(".messagelist .success").wait_for()
    page.close()


def take_pages(guide):
    """Takes the pictures of those who write, translate and publish."""
    chinese = guide.language == "zh-hans"
    guide.take(guide.open("editor", ""), "front", "#container")
    page = guide.open("writer", "programs/program/")
    link_in(page, "教师交流" if chinese else "Teacher exchange")
    page.locator("[contenteditable]").first.wait_for()
    guide.take(page, "form")
    page = guide.open("editor", "programs/program/")
    link_in(page, "教师交流" if chinese else "Teacher exchange")
    page.locator(".publication > details > summary").click()
    guide.take(page, "publishing", height=480)
    page = guide.open("writer", "portal/page/")
    link_in(page, "研修周" if chinese else "Study week")
    page.goto(f"{page.url.partition('/change/')[0]}/history/")
    page.locator("#change-history td a").last.click()
    guide.take(page, "version", height=350)
    page = guide.open("translator", "portal/page/")
    link_in(page, "研修周" if chinese else "Study week")
    page.locator("[contenteditable]").first.wait_for()
    guide.take(page, "out-of-step", ".form-row.field-summary_zh_hans, .form-multiline:has(.parity-change)", 400)
    take_translations(guide)


def take_translations(guide):
    page = guide.open("translator", "translations/")
    with page.expect_download() as download, tempfile.TemporaryDirectory() as scratch:
        page.locator("form[action$='/export/'] [value=XLSX]").first.click()
        path = Path(scratch, "translations.xlsx")
        download.value.save_as(path)
        book = load_workbook(path)
        sheet = book.worksheets[0]
        column = next(cell.column for cell in sheet[1] if cell.value == TO_FILL[guide.language])
        for row, text in enumerate(TRANSLATIONS, start=2):
            sheet.cell(row, column).value = text
        book.save(path)
        page.locator("#id_file").set_input_files(path)
        page.locator("form[enctype] button").click()
        page.locator("#ready").wait_for()
    guide.take(page, "answers")
    guide.take(guide.open("translator", "translations/"), "translations")


def take_desk(guide):
    """Takes the pictures of the desk and of an administrator."""
    guide.take(guide.open("desk", "contact/enquiry/"), "enquiries", height=520)
    page = guide.open("desk", "contact/enquiry/")
    link_in(page, "【示例】" if guide.language == "zh-hans" else "Sample:")
    page.locator(".desk").wait_for()
    address = page.url.removesuffix("change/")
    guide.take(page, "enquiry")
    page = guide.open("desk", "contact/enquiry/")
    page.goto(f"{address}answer/")
    page.locator("[name=template]").first.click()
    guide.take(page, "answer")
    page = guide.open("desk", "contact/enquiry/")
    page.goto(f"{address}change/")
    page.locator("form:has([value=erase]) button").click()
    page.locator(".desk-erase").wait_for()
    guide.take(page, "erasing")
    page = guide.open("admin", "portal/user/")
    link_in(page, "writer")
    guide.take(page, "roles", "fieldset:has(.field-groups)")


def take(browser) -> int:
    """Takes all pictures of the guide with `browser`. Returns how many."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    taken = 0
    with tempfile.TemporaryDirectory() as scratch:
        site = start_site(Path(scratch), PORTAL_DEMO="1")
        try:
            site.manage("shell", "-v0", "-c", PREPARE)
            put_out_of_step(Guide(browser, site, "zh-hans"))
            for language in LANGUAGES:
                guide = Guide(browser, site, language)
                take_pages(guide)
                take_desk(guide)
                taken += guide.taken
                for context in guide.contexts.values():
                    context.close()
        finally:
            stop_site(site)
    return taken
