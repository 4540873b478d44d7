import re

import pytest
from playwright.sync_api import expect

from tests.browser import clipboard
from tests.browser.steps import Watch, rows, sign_in

PASTE = """
(element, [type, content]) => {
    const clipboardData = new DataTransfer()
    if (type === "file") clipboardData.items.add(new File([content], "picture.png", { type: "image/png" }))
    else clipboardData.setData(type, content)
    element.focus()
    element.dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true }))
}
"""
DROP = """
element => {
    const dataTransfer = new DataTransfer()
    dataTransfer.items.add(new File(["x"], "plan.docx"))
    const { left, top } = element.getBoundingClientRect()
    const place = { clientX: left + 20, clientY: top + 20 }
    const drop = new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true, ...place })
    element.dispatchEvent(drop)
    return drop.defaultPrevented
}
"""


@pytest.fixture
def editing(site, page):
    """A function that opens the form of a new page of text in a language and returns its English editor."""
    watch = Watch(page, site)
    sign_in(page, site)
    expect(page.locator("#user-tools")).to_be_visible()

    def editing(language="English"):
        page.locator("#header").get_by_role("button", name=language).click()
        page.goto(f"{site.url}/admin/portal/page/add/")
        return page.locator(".fieldBox.field-body_en .prose-editor [contenteditable]")

    yield editing
    assert watch.faults() == []


@pytest.mark.parametrize(
    ("source", "language", "html", "kept", "said"),
    [
        (
            "word",
            "English",
            clipboard.WORD,
            clipboard.WORD_KEPT,
            "1 picture was left out: this text takes no pictures.",
        ),
        ("wps", "中文", clipboard.WPS, clipboard.WPS_KEPT, "有 2 张图片未能粘贴：正文中不能放图片。"),
        ("word-online", "English", clipboard.WORD_ONLINE, clipboard.WORD_ONLINE_KEPT, ""),
    ],
)
def test_headings_and_lists_that_are_pasted_are_stored(site, page, editing, source, language, html, kept, said):
    editor = editing(language)
    editor.evaluate(PASTE, ["text/html", html])
    status = page.locator(".fieldBox.field-body_en .editor-status")
    expect(status).to_have_text(said)
    expect(status).to_have_role("status")
    page.locator("#id_title_en").fill(f"Pasted from {source}")
    page.locator("#id_summary_en").fill("Pasted")
    page.locator("[name=_publish_en]").click()
    expect(page.locator(".messagelist .success")).to_be_visible()
    assert rows(site, "SELECT body_en FROM portal_page WHERE title_en = ?", f"Pasted from {source}") == [(kept,)]


def test_files_are_refused_aloud(page, editing):
    editor = editing("中文")
    status = page.locator(".fieldBox.field-body_en .editor-status")
    editor.evaluate(PASTE, ["file", "x"])
    expect(status).to_have_text("正文中不能放图片和文件。")
    editor.evaluate(PASTE, ["text/plain", "words"])
    expect(editor).to_have_text("words")
    editor.evaluate(PASTE, ["text/html", "<p>more</p>"])
    expect(status).to_have_text("")
    # Else the browser would leave the page for the file.
    assert editor.evaluate(DROP)
    expect(status).to_have_text("正文中不能放图片和文件。")


def test_the_buttons_stay_in_view_and_all_is_chinese(page, editing, record_property):
    editor = editing("中文")
    field = page.locator(".fieldBox.field-body_en")
    table = "<table><tr><th>甲</th></tr><tr><td>乙</td></tr></table>"
    editor.evaluate(PASTE, ["text/html", "<ol><li>一</li></ol>" + "<p>一段文字</p>" * 200 + table])
    assert field.locator(".prose-editor").evaluate("box => box.clientHeight < innerHeight && box.scrollTop > 1000")
    expect(field.get_by_role("button", name="加粗")).to_be_in_viewport(ratio=1)
    words = set()
    for dialog in ("插入表格", "插入链接"):
        editor.press("Control+a")
        field.get_by_role("button", name=dialog).click()
        words.update(field.get_by_role("dialog").inner_text().split("\n"))
        words.update(field.get_by_role("dialog").locator("option").all_inner_texts())
        page.keyboard.press("Escape")
    editor.locator("li").click()
    field.get_by_role("button", name="列表属性").click()
    words.update(field.get_by_role("dialog").inner_text().split("\n"))
    words.update(field.get_by_role("dialog").locator("option").all_inner_texts())
    page.keyboard.press("Escape")
    buttons = field.locator(".prose-menubar button").evaluate_all(
        "all => all.map(button => [button.title, button.ariaLabel, ...[...button.querySelectorAll('p, h2, h3')]"
        ".map(text => text.textContent)]).flat()"
    )
    words.update(filter(None, buttons))
    record_property("words of the editor", len(words))
    assert len(words) > 40
    # Only the kinds of numbers, such as "a, b, c, ...", have letters.
    assert [word for word in words if re.search("[A-Za-z]", word) and not word.endswith("...")] == []
