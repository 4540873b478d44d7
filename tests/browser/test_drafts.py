"""Several people work on one page, while visitors see what was published last."""

import re
import sqlite3
from contextlib import closing

import pytest
from playwright.sync_api import expect

from tests.browser.axe import violations
from tests.browser.steps import LANGUAGES, Watch, press, publish, rows, shown, until

LOCALES = {"zh-hans": "zh-CN", "en": "en-GB"}
TITLE, SUMMARY = "#id_title_en", "#id_summary_en"
# The most presses of Tab that lead from the sign-in page to a published change.
MOST_TABS = 60


@pytest.fixture
def colleague(site):
    """The name of a second account, with the password of the first one."""
    columns = [name for (name,) in rows(site, "SELECT name FROM pragma_table_info('portal_user') WHERE name != 'id'")]
    changed = {"username": "'colleague'", "first_name": "'Li Ming'", "email": "'li@example.com'"}
    values = ", ".join(changed.get(column, column) for column in columns)
    query = f"INSERT INTO portal_user ({', '.join(columns)}) SELECT {values} FROM portal_user WHERE username = 'staff'"
    if not rows(site, "SELECT 1 FROM portal_user WHERE username = 'colleague'"):
        rows(site, query)
    return "colleague"


def test_two_people_write_one_page_and_nothing_is_lost(site, opened, colleague, copy):
    one, other, visitor = opened("staff"), opened(colleague), opened()
    watches = [Watch(page, site) for page in (one, other)]
    address = f"{site.url}/en/programs/copied/"
    before = shown(visitor, address)
    for page in (one, other):
        page.goto(copy)
    expect(other.locator(".publication")).to_contain_text("staff opened this page too, at")
    # Different fields are both kept.
    one.locator(SUMMARY).fill("English by one")
    other.locator("#id_summary_zh_hans").fill("中文由另一人写")
    press(one, "_save_draft")
    press(other, "_save_draft")
    expect(other.locator(SUMMARY)).to_have_value("English by one")
    # The later one of two who wrote in one field meets the other's text.
    one.goto(copy)
    expect(one.locator("#id_summary_zh_hans")).to_have_value("中文由另一人写")
    one.locator(TITLE).fill("Student exchange for one year")
    other.locator(TITLE).fill("Student exchange for two years")
    press(one, "_save_draft")
    press(other, "_publish")
    rivals = other.locator(".rivalries fieldset")
    expect(rivals).to_have_count(1)
    assert rivals.locator("del, ins").all_inner_texts() == ["one", "year", "two", "years"]
    assert shown(visitor, address) == before
    rivals.locator("input").last.check()
    publish(other)
    assert until(visitor, lambda: "Student exchange for two years" in shown(visitor, address))
    assert "English by one" in visitor.locator("main").inner_text()
    # What is not right is named above the form, and the link leads there.
    other.locator(TITLE).fill("")
    press(other, "_publish")
    other.locator(".faults a").click()
    expect(other.locator(TITLE)).to_be_focused()
    # Rows are put in order by dragging and by keyboard, and a row that is added comes last.
    for number, text in enumerate(("First", "Second", "Third")):
        if number:
            other.locator("#steps-group .add-row a").click()
        other.locator(f"#id_steps-{number}-text_en").fill(text)
    other.locator(TITLE).fill("Student exchange")
    handles = other.locator("#steps-group .order-handle")
    handles.nth(2).drag_to(handles.nth(0), target_position={"x": 5, "y": 1})
    other.locator("#steps-group .order").nth(1).get_by_role("button", name="Move down").focus()
    other.keyboard.press("Enter")
    publish(other)
    found = rows(
        site, "SELECT text_en FROM programs_step WHERE program_id = ? ORDER BY sort_order", copy.split("/")[-3]
    )
    assert found == [("Third",), ("Second",), ("First",)]
    assert [watch.faults() for watch in watches] == [[], []]


def test_what_was_typed_waits_wherever_one_goes(site, opened, copy):
    page, visitor = opened("staff"), opened()
    before = shown(visitor, f"{site.url}/en/programs/copied/")
    # A link of the sidebar.
    page.goto(copy)
    page.locator(SUMMARY).fill("Typed, and left")
    page.locator("#nav-sidebar").get_by_role("link", name="Terms").click()
    page.wait_for_url("**/admin/portal/term/")
    expect(page.locator(".messagelist .success")).to_have_text("The draft is saved. Visitors do not see it yet.")
    page.goto(copy)
    expect(page.locator(SUMMARY)).to_have_value("Typed, and left")
    # The language of the admin.
    page.locator(TITLE).fill("Typed, and read in Chinese")
    page.locator(".admin-language [lang=zh-Hans]").click()
    expect(page.locator("html")).to_have_attribute("lang", "zh-hans")
    expect(page.locator(TITLE)).to_have_value("Typed, and read in Chinese")
    page.locator(".admin-language [lang=en]").click()
    expect(page.locator("html")).to_have_attribute("lang", "en")
    # The key Enter saves the draft.
    page.locator(TITLE).fill("Typed, and entered")
    with page.expect_navigation():
        page.locator(TITLE).press("Enter")
    expect(page.locator("html")).to_have_attribute("lang", "en")
    # Another tab, or the browser is closed.
    page.locator(TITLE).fill("Typed, and closed")
    page.close(run_before_unload=True)
    page = page.context.new_page()
    assert until(visitor, lambda: page.goto(copy) and page.locator(TITLE).input_value() == "Typed, and closed")
    # The session ends.
    page.locator(TITLE).fill("Typed, and signed out")
    page.context.clear_cookies(name="sessionid")
    press(page, "_publish")
    page.locator("#id_login").fill("staff")
    page.locator("#id_password").fill(site.password)
    page.locator("#login-form [type=submit]").click()
    page.wait_for_url(copy)
    expect(page.locator(TITLE)).to_have_value("Typed, and signed out")
    assert shown(visitor, f"{site.url}/en/programs/copied/") == before


def test_typing_that_cannot_be_kept_is_not_left_unnoticed(site, opened, copy):
    page, other, asked = opened("staff"), opened("staff"), []
    page.clock.install()
    page.goto(copy)
    status = page.locator(".publication-bar [role=status]")

    def answer(dialog):
        asked.append(dialog.type)
        dialog.dismiss()

    def pass_half_a_minute():
        page.clock.run_for(31_000)

    def kept():
        other.goto(copy)
        return other.locator(SUMMARY).input_value()

    page.on("dialog", answer)
    # The network is away. The user stays, and it is tried again.
    page.locator(SUMMARY).fill("Typed offline")
    page.context.set_offline(True)
    pass_half_a_minute()
    expect(status).to_contain_text("could not be saved")
    expect(status).to_have_class("keep-status is-failing")
    page.locator("#nav-sidebar").get_by_role("link", name="Terms").click()
    assert until(page, lambda: asked == ["confirm"]) and page.url == copy
    page.context.set_offline(False)
    pass_half_a_minute()
    expect(status).to_have_text(re.compile(r"^Draft kept at \d\d:\d\d$"))
    expect(status).to_have_class("keep-status")
    assert kept() == "Typed offline"
    # The form has an old token, as after signing in again in another tab.
    page.context.add_cookies([{"name": "csrftoken", "value": "a" * 32, "url": site.url}])
    page.locator(SUMMARY).fill("Typed with an old token")
    with page.expect_response(lambda response: response.request.method == "POST") as found:
        pass_half_a_minute()
    assert (found.value.status, kept()) == (204, "Typed with an old token")
    # A form longer than a page may send while it is left.
    page.locator(SUMMARY).evaluate("field => field.removeAttribute('maxlength')")
    page.locator(SUMMARY).fill("long " * 20_000)
    page.close(run_before_unload=True)
    assert until(other, lambda: asked == ["confirm", "beforeunload"])
    assert until(other, lambda: len(kept()) > 64 * 1024)
    page.locator(SUMMARY).fill("Short")
    page.close(run_before_unload=True)
    assert until(other, lambda: kept() == "Short")
    assert asked == ["confirm", "beforeunload"]


def test_the_address_of_a_new_page_finds_what_was_typed_again(site, opened):
    rows(site, "UPDATE portal_user SET language = 'en'")
    page, loaded = opened("staff"), []
    page.goto(f"{site.url}/admin/portal/term/add/")
    name, status = page.locator("#id_name_en"), page.locator(".keep-status")
    # A page that is covered by another one keeps its draft.
    name.fill("Typed")
    page.evaluate("Object.defineProperty(document, 'visibilityState', {value: 'hidden'})")
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(status).to_contain_text("Draft kept at")
    name.fill("Typed, and loaded again")
    page.on("response", lambda response: loaded.append(response.request.is_navigation_request()))
    with closing(sqlite3.connect(site.data / "portal.sqlite3", timeout=20)) as database:
        # The reload overtakes what was typed, and so does the next one.
        database.execute("BEGIN IMMEDIATE")
        page.reload(wait_until="commit")
        assert until(page, lambda: sum(loaded) == 2)
    expect(name).to_have_value("Typed, and loaded again")
    expect(status).to_contain_text("Draft kept at")
    assert name.is_editable()
    rows(site, "DELETE FROM portal_draft")


def test_a_published_page_is_worked_on_in_private_and_published_at_its_time(site, opened, copy):
    page, visitor = opened("staff"), opened()
    address = f"{site.url}/en/programs/copied/"
    before = shown(visitor, address)
    page.goto(copy)
    page.locator(TITLE).fill("Seen before it is public")
    page.locator("#id_title_zh_hans").fill("公开之前可见")
    links = []
    for button, texts in {
        "_preview_en": ["Seen before it is public"],
        "_preview_zh-hans": ["公开之前可见"],
        "_preview_pair": ["Seen before it is public", "公开之前可见"],
    }.items():
        with page.context.expect_page() as new:
            page.locator(f"[name={button}]").click()
        expect(new.value.locator("main")).to_contain_text(texts[0])
        assert all(text in new.value.locator("main").inner_text() for text in texts)
        links.append(new.value.url)
        new.value.close()
    assert "Seen before it is public" in shown(visitor, links[0])
    assert shown(visitor, address) == before
    page.reload()
    press(page, "_end_previews")
    assert visitor.goto(links[0]).status == 404
    # English goes public by itself, and the Chinese stays a draft.
    page.locator(".publication > details > summary").click()
    page.locator("#publish-at").fill("2099-05-05T08:00")
    page.locator("[name=_publish_languages][value=zh-hans]").uncheck()
    press(page, "_schedule")
    expect(page.locator(".publication")).to_contain_text("The draft will be published by itself at 5 May 2099, 08:00")
    rows(site, "UPDATE portal_scheduledpublication SET at = '2020-01-01 00:00:00'")
    site.manage("shell", "-v0", "-c", "from portal.draft_chores import publish_due; publish_due()")
    assert until(visitor, lambda: "Seen before it is public" in shown(visitor, address))
    assert "公开之前可见" not in visitor.locator("main").inner_text()
    # The address changes, and the old one leads to the new one.
    page.goto(copy)
    page.locator("#id_slug").fill("copied-again")
    publish(page, "_publish_en")
    expect(page.locator(".messagelist .warning")).to_contain_text("The old one, “copied”, leads to it.")
    assert until(visitor, lambda: visitor.goto(address) and visitor.url == f"{site.url}/en/programs/copied-again/")


def test_the_form_works_without_a_script(site, opened, copy):
    page, visitor = opened("staff", java_script_enabled=False), opened()
    page.goto(copy)
    page.locator(TITLE).fill("Without a script")
    page.locator("#id_steps-0-text_en").fill("A step without a script")
    press(page, "_save_draft")
    expect(page.locator(TITLE)).to_have_value("Without a script")
    press(page, "_publish")
    expect(page.locator(".messagelist .success")).to_have_text("Published: Chinese and English. Visitors see it now.")
    address = f"{site.url}/en/programs/copied/"
    assert until(visitor, lambda: "A step without a script" in shown(visitor, address))
    assert "Without a script" in visitor.locator("h1").inner_text()
    page.locator("[name=steps-0-DELETE]").check()
    # The message is the same as before, so the test waits for the page.
    press(page, "_publish")
    expect(page.locator(".messagelist .success")).to_have_text("Published: Chinese and English. Visitors see it now.")
    assert until(visitor, lambda: "A step without a script" not in shown(visitor, address))


@pytest.mark.parametrize("language", LANGUAGES)
def test_drafts_rivals_faults_and_previews_are_accessible(site, opened, colleague, copy, language, record_property):
    one, other = opened("staff", locale=LOCALES[language]), opened(colleague, locale=LOCALES[language])
    watch, seen = Watch(other, site), []
    for page in (one, other):
        page.goto(copy)
        page.locator(f".admin-language [lang={'zh-Hans' if language == 'zh-hans' else 'en'}]").click()
        expect(page.locator("html")).to_have_attribute("lang", language)
        page.locator(TITLE).fill(f"By {page.viewport_size['width']} {page is one}")
    other.locator("#id_steps-0-text_en").fill("A step")

    def look(state, *widths):
        other.locator("h1").first.wait_for()
        for width in widths:
            other.set_viewport_size({"width": width, "height": 800})
            assert not violations(other), (state, width)
            assert other.evaluate("document.documentElement.scrollWidth") <= width, (state, width)
            seen.append(width)

    press(one, "_save_draft")
    press(other, "_save_draft")
    expect(other.locator(".rivalries")).to_be_visible()
    other.locator(".publication > details > summary").click()
    look("rivals", 1280, 390)
    other.locator(".rivalries input").last.check()
    other.locator(SUMMARY).fill("")
    press(other, "_publish")
    expect(other.locator(".faults")).to_be_visible()
    look("faults", 1280, 390)
    with other.context.expect_page() as new:
        other.locator("[name=_preview_en]").click()
    refused = new.value.url
    new.value.close()
    other.set_viewport_size({"width": 1280, "height": 800})
    other.locator(SUMMARY).fill("A summary")
    addresses = [refused, f"{site.url}/preview/none/"]
    for button in ("_preview_en", "_preview_zh-hans", "_preview_pair"):
        with other.context.expect_page() as new:
            other.locator(f"[name={button}]").click()
        addresses.append(new.value.url)
        new.value.close()
    # axe adds styles of its own, which the browser refuses.
    faults = [fault for fault in watch.faults() if "style-src" not in fault]
    for address in addresses:
        other.goto(address)
        faults += watch.faults()
        look(address, 1280, 390, 320)
        watch.faults()
    record_property("states and widths", len(seen))
    assert len(seen) == 4 + 3 * len(addresses)
    assert [fault for fault in faults if "404" not in fault] == []


def test_the_keyboard_alone_leads_from_signing_in_to_a_published_change(site, opened, copy, record_property):
    rows(site, "UPDATE programs_program SET title_en = 'Keyboard' WHERE slug = 'copied'")
    page = opened()
    page.goto(f"{site.url}/admin/")
    tabs = 0

    def tab_until(is_there, key="Tab"):
        nonlocal tabs
        while not page.evaluate(f"element => {is_there}", page.evaluate_handle("document.activeElement")):
            page.keyboard.press(key)
            tabs += 1
            assert tabs <= MOST_TABS, is_there

    def skip():
        # Chromium takes the place in the page to the one that follows a form.
        if not page.url.endswith("#content-start"):
            tab_until("element.hash === '#content-start'")
            page.keyboard.press("Enter")

    def enter():
        with page.expect_navigation():
            page.keyboard.press("Enter")

    tab_until("element.id === 'id_login'")
    page.keyboard.type("staff")
    tab_until("element.id === 'id_password'")
    page.keyboard.type(site.password)
    enter()
    # The filter of the sidebar finds the list.
    tab_until("element.id === 'nav-filter'")
    page.keyboard.type("Programs")
    tab_until("element.pathname === '/admin/programs/program/'")
    enter()
    skip()
    tab_until("element.id === 'searchbar'")
    page.keyboard.type("Keyboard")
    enter()
    skip()
    tab_until(f"element.href?.split('?')[0] === '{copy}'")
    enter()
    skip()
    tab_until("element.id === 'id_title_en'")
    page.keyboard.press("End")
    page.keyboard.type(" by keyboard")
    tab_until("element.name === '_publish'", "Shift+Tab")
    enter()
    expect(page.locator(".messagelist .success")).to_have_text("Published: Chinese and English. Visitors see it now.")
    record_property("presses of Tab", tabs)
