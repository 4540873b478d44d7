"""A college ticks the documents of a program, prints the list and asks about one line, without JavaScript."""

import re

import pypdfium2
import pytest
import zxingcpp
from playwright.sync_api import expect

from tests.browser.steps import LANGUAGES, rows, tab_to
from tests.conftest import SITE_URL

PATH = "programs/approval-support/"
DOCUMENTS = {
    "zh-hans": ["课程材料", "合作协议", "政府审批所需的其他文件"],
    "en": ["Curriculum materials", "Co-operation agreements", "Other documents needed for government approval"],
}
SAYS = {"zh-hans": "共3份，尚缺2份。", "en": "2 of 3 are still missing."}
MISSING = {"zh-hans": "尚缺", "en": "Still missing"}


@pytest.fixture
def visitor(chrome):
    """A page in a browser that runs no JavaScript."""
    context = chrome.new_context(
        viewport={"width": 1280, "height": 800}, java_script_enabled=False, reduced_motion="reduce"
    )
    yield context.new_page()
    context.close()


@pytest.fixture
def printer(chrome):
    context = chrome.new_context()
    yield context.new_page()
    context.close()


@pytest.fixture
def long_list(site):
    """A program with fifteen documents, each with all facts, as long as a test runs."""
    slug = "resource-platform"
    [[program]] = rows(site, "SELECT id FROM programs_program WHERE slug = ?", slug)
    for number in range(1, 16):
        rows(
            site,
            "INSERT INTO programs_material (program_id, sort_order, name, name_zh_hans, name_en, prepared_by,"
            " language, note, note_zh_hans, note_en) VALUES (?, ?, '', ?, ?, 'partner', 'both', '', ?, ?)",
            program,
            number,
            f"第{number}份材料：教学计划与课程安排",
            f"Document {number}: plan of teaching and courses",
            "由双方签字盖章，一式四份。",
            "Signed and sealed by both sides, in four copies.",
        )
    yield (
        f"programs/{slug}/",
        [key for [key] in rows(site, "SELECT id FROM programs_material WHERE program_id = ?", program)],
    )
    rows(site, "DELETE FROM programs_material WHERE program_id = ?", program)


def leaves_of(page):
    return pypdfium2.PdfDocument(page.pdf(prefer_css_page_size=True))


def text_of(leaf):
    return leaf.get_textpage().get_text_range()


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_list_is_ticked_by_keyboard_and_shows_what_is_missing(site, visitor, language):
    visitor.goto(f"{site.url}/{language}/{PATH}")
    boxes = visitor.locator(".checklist input[type=checkbox]")
    assert boxes.count() == 3
    tab_to(visitor, boxes.nth(1))
    visitor.keyboard.press("Space")
    tab_to(visitor, visitor.locator(".checklist button[type=submit]"))
    visitor.keyboard.press("Enter")
    expect(visitor.locator(".checklist-answer")).to_contain_text(SAYS[language])
    assert visitor.url.endswith("#materials")
    assert visitor.locator("#materials").bounding_box()["y"] < 200, "the answer is where the reader is"
    assert [boxes.nth(number).is_checked() for number in range(3)] == [False, True, False]
    marked = visitor.locator(".checklist-line", has=visitor.locator(".still-missing")).all_inner_texts()
    assert [DOCUMENTS[language][number] in text for number, text in zip((0, 2), marked, strict=True)] == [True, True]

    # The address alone holds the state: a colleague sees the same, in the other language too.
    address = visitor.url
    other = visitor.locator(".languages a:not([aria-current])").get_attribute("href")
    visitor.context.clear_cookies()
    for opened in (address, f"{site.url}{other}"):
        visitor.goto(opened)
        assert [boxes.nth(number).is_checked() for number in range(3)] == [False, True, False]


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_click_on_the_name_ticks(site, visitor, language):
    visitor.set_viewport_size({"width": 320, "height": 700})
    visitor.goto(f"{site.url}/{language}/{PATH}")
    visitor.locator(".checklist-line span").first.click()
    assert visitor.locator(".checklist input[type=checkbox]").first.is_checked()
    for label in visitor.locator(".checklist-line").all():
        box = label.bounding_box()
        assert box["height"] >= 44 and box["width"] >= 200


@pytest.mark.parametrize("language", LANGUAGES)
def test_one_line_is_asked_about(site, visitor, language):
    visitor.goto(f"{site.url}/{language}/{PATH}")
    visitor.locator(".checklist tbody tr").nth(1).locator("a").click()
    expect(visitor.locator("#id_program")).to_have_value("approval-support")
    message = visitor.locator("#id_message").input_value()
    assert DOCUMENTS[language][1] in message
    assert {"zh-hans": "项目报批支持", "en": "Approval support"}[language] in message


@pytest.mark.parametrize("language", LANGUAGES)
def test_all_that_is_missing_is_asked_about(site, visitor, language):
    visitor.goto(f"{site.url}/{language}/{PATH}")
    visitor.locator(".checklist input[type=checkbox]").nth(1).check()
    visitor.locator(".checklist button[type=submit]").click()
    visitor.locator(".checklist-answer a").first.click()
    message = visitor.locator("#id_message").input_value()
    assert [name in message for name in DOCUMENTS[language]] == [True, False, True]


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_ticked_list_prints_as_a_checklist_on_one_leaf(site, visitor, language):
    visitor.goto(f"{site.url}/{language}/{PATH}")
    visitor.locator(".checklist input[type=checkbox]").nth(1).check()
    visitor.locator(".checklist button[type=submit]").click()
    expect(visitor.locator(".checklist-answer")).to_be_visible()
    document = leaves_of(visitor)
    assert len(document) == 1
    text = text_of(document[0])
    lines = [line.strip() for line in text.splitlines()]
    assert SAYS[language] in text
    assert text.count("✓") == 1
    # The Chinese answer above the list also says how many 尚缺.
    assert text.count(MISSING[language]) == {"zh-hans": 3, "en": 2}[language]
    at = [next(number for number, line in enumerate(lines) if name in line) for name in DOCUMENTS[language]]
    assert at == sorted(at)
    assert "✓" in "".join(lines[at[0] + 1 : at[2]])
    for hidden in ("About the program", "项目介绍", "Ask about this", "咨询此项", "bookmark", "收藏"):
        assert hidden not in text
    codes = [code.text for code in zxingcpp.read_barcodes(document[0].render(scale=3).to_pil())]
    # Whoever scans the sheet finds the list with its ticks.
    assert codes == [f"{SITE_URL}/{language}/{PATH}?have=2"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_boxes_are_drawn_on_paper(site, printer, language):
    """Three squares of about 3.6 mm, one with a mark in it, also where a browser prints no backgrounds."""
    [[key]] = rows(site, "SELECT min(id) FROM programs_material")
    printer.goto(f"{site.url}/{language}/{PATH}?have={key}")
    printer.emulate_media(media="print")
    boxes = printer.locator(".checklist input[type=checkbox]")
    styles = boxes.evaluate_all(
        "all => all.map(box => [getComputedStyle(box).appearance, getComputedStyle(box, '::before').content,"
        " parseFloat(getComputedStyle(box).borderTopWidth) > 0, box.getBoundingClientRect().width])"
    )
    assert [style[:3] for style in styles] == [["none", '"✓"', True], *[["none", "none", True]] * 2]
    assert all(12 <= width <= 15 for *_style, width in styles)


NUMBERED = {"zh-hans": "第([0-9]+)份材料", "en": "Document ([0-9]+):"}


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_long_list_prints_in_readable_type_and_each_leaf_says_what_it_is(site, printer, long_list, language):
    """Fifteen Chinese names fit on one leaf. English ones are longer: how many fit depends on the font."""
    path, keys = long_list
    ticked = "".join(f"&have={key}" for key in keys[::2])
    printer.goto(f"{site.url}/{language}/{path}?have={ticked}")
    document = leaves_of(printer)
    texts = [text_of(leaf) for leaf in document]
    assert len(texts) <= {"zh-hans": 1, "en": 2}[language]
    listed = [re.findall(NUMBERED[language], text) for text in texts]
    assert [int(number) for numbers in listed for number in numbers] == list(range(1, 16))
    assert all(len(numbers) >= 3 for numbers in listed)
    title = {"zh-hans": "资源平台", "en": "Resource Platform"}[language]
    says = {"zh-hans": "共15份，尚缺7份。", "en": "7 of 15 are still missing."}[language]
    assert [title in text and text.count(says) == 1 for text in texts] == [True] * len(texts)
    assert sum(text.count("✓") for text in texts) == 8
    assert "53656705" in texts[-1].replace(" ", "")
    printer.emulate_media(media="print")
    printer.set_viewport_size({"width": 658, "height": 1000})
    last, foot = printer.locator(".checklist-line").last.bounding_box(), printer.locator(".last-changed").bounding_box()
    assert last["y"] + last["height"] <= foot["y"]
    # In points: of each document the name, the note and two facts.
    sizes = printer.locator(".checklist-line > span, .checklist td:visible, .checklist .hint").evaluate_all(
        "all => all.map(cell => Math.round(parseFloat(getComputedStyle(cell).fontSize) * 7.5) / 10)"
    )
    assert len(sizes) == 15 * 4
    assert min(sizes) >= 8.5
    assert min(sizes[::4]) >= 10.5


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("width", [320, 1280])
def test_a_long_list_is_whole_at_every_width(site, visitor, long_list, language, width):
    path, _keys = long_list
    visitor.set_viewport_size({"width": width, "height": 800})
    visitor.goto(f"{site.url}/{language}/{path}?have=")
    assert visitor.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    first = visitor.locator(".checklist tbody tr").first
    prepared = first.locator("td").first
    assert prepared.is_visible()
    label = prepared.evaluate("cell => getComputedStyle(cell, '::before').content")
    header = visitor.locator(".checklist thead").is_visible()
    # On a phone the cell itself says which column it belongs to.
    assert (header, label != "none") == ((False, True) if width == 320 else (True, False))
