"""The work of staff with several roles on one page, from the first word to the bin and back."""

import re

from openpyxl import load_workbook
from playwright.sync_api import expect

from tests.browser.steps import Watch, form_of, press, publish, rows, shown, until

ADDRESS = "en/programs/copied/"
BEFORE, AFTER, ENGLISH = "派出教师短期访问。", "派出教师长期访问。", "We send teachers abroad for a long visit."
ROLES = ("writer", "translator_en", "publisher")


def make_accounts(site):
    """Makes an account of each role, with the name of the role and the password of the first account."""
    columns = [name for (name,) in rows(site, "SELECT name FROM pragma_table_info('portal_user') WHERE name != 'id'")]
    for role in ROLES:
        if not rows(site, "SELECT 1 FROM portal_user WHERE username = ?", role):
            changed = {"username": f"'{role}'", "email": f"'{role}@example.com'", "is_superuser": "0"}
            values = ", ".join(changed.get(column, column) for column in columns)
            source = f"SELECT {values} FROM portal_user WHERE username = 'staff'"
            rows(site, f"INSERT INTO portal_user ({', '.join(columns)}) {source}")
            rows(
                site,
                "INSERT INTO portal_user_groups (user_id, group_id) SELECT u.id, g.id"
                " FROM portal_user u, auth_group g WHERE u.username = ? AND g.name = ?",
                *(role, role),
            )


def states(page):
    """What the bar of a form says of each language."""
    return page.locator(".publication-parity").all_inner_texts()


def test_a_page_goes_from_the_writer_by_the_translator_to_visitors_and_comes_back_from_the_bin(
    site, opened, copy, tmp_path
):
    make_accounts(site)
    visitor, pages = opened(), {role: opened(role) for role in ROLES}
    watches = [Watch(page, site) for page in pages.values()]
    writer, translator, publisher = pages.values()
    # What is to be changed, as a pair that somebody has confirmed.
    publisher.goto(copy)
    publisher.locator("#id_summary_zh_hans").fill(BEFORE)
    publisher.locator("#id_summary_en").fill("We send teachers abroad for a short visit.")
    publisher.locator("#id_steps-0-text_zh_hans").fill("提交申请表。")
    publisher.locator("#id_steps-0-text_en").fill("Submit the form.")
    publish(publisher)
    chinese = f"{site.url}/{ADDRESS.replace('en', 'zh-hans', 1)}"
    assert until(visitor, lambda: BEFORE in shown(visitor, chinese))
    press(publisher, "_confirm")
    assert all("Confirmed by publisher" in each for each in states(publisher))
    # The writer writes a draft.
    writer.goto(copy)
    assert not writer.locator("[name=_publish], [name=_withdraw_en], [name=_schedule]").count()
    writer.locator("#id_summary_zh_hans").fill(AFTER)
    press(writer, "_save_draft")
    assert BEFORE in shown(visitor, chinese)
    # The publisher finds it on the front.
    publisher.goto(f"{site.url}/admin/")
    publisher.locator(".front-groups section", has_text="Drafts that are not public yet").locator("a").first.click()
    publisher.locator("#result_list th a", has_text=re.compile("^Student exchange")).first.click()
    publish(publisher, "_publish_zh-hans")
    assert until(visitor, lambda: AFTER in shown(visitor, chinese))
    assert "Out of step: Chinese has changed" in states(publisher)[1]
    # The translator sees on the front what is out of step, and in the form what has changed.
    translator.goto(f"{site.url}/admin/")
    translator.locator(".front-groups section", has_text="English texts out of step").locator("a").first.click()
    translator.locator("#result_list tbody th a").first.click()
    note = translator.locator("#id_summary_en_helptext .parity-note")
    assert (note.locator("del").inner_text(), note.locator("ins").inner_text()) == ("短", "长")
    expect(translator.locator("textarea[name=summary_zh_hans]")).to_have_count(0)
    # It is exported, filled in elsewhere, and imported.
    translator.goto(f"{site.url}/admin/")
    translator.get_by_role("link", name="Translations: export and import").click()
    section = translator.locator("section", has=translator.get_by_role("heading", name="into English"))
    with translator.expect_download() as download:
        section.get_by_role("button", name="Export as XLSX").click()
    file = tmp_path / "translations.xlsx"
    download.value.save_as(file)
    book = load_workbook(file)
    cells = list(book.active.iter_rows())
    headings = [cell.value for cell in cells[0]]
    [row] = [row for row in cells if row[headings.index("Source")].value == AFTER]
    row[headings.index("Translation: fill in here")].value = ENGLISH
    book.save(file)
    translator.locator("[type=file]").set_input_files(file)
    translator.get_by_role("button", name="Check the file").click()
    expect(translator.locator("ins").first).to_be_visible()
    translator.get_by_role("button", name="Put these translations into the drafts").click()
    expect(translator.locator(".messagelist")).to_contain_text("1 text is in a draft now.")
    translator.goto(copy)
    expect(translator.locator("#id_summary_en")).to_have_value(ENGLISH)
    press(translator, "_confirm")
    expect(translator.locator(".messagelist")).to_contain_text(
        "Confirmed: with the draft, both languages say the same."
    )
    # The publisher makes it public, and what the translator has confirmed counts.
    publisher.goto(copy)
    publish(publisher, "_publish_en")
    english = f"{site.url}/{ADDRESS}"
    assert until(visitor, lambda: ENGLISH in shown(visitor, english))
    assert all("Confirmed by translator_en" in each for each in states(publisher))
    # An older version comes back as a draft.
    publisher.locator(".object-tools .historylink").click()
    # The latest are those of English and of Chinese.
    publisher.get_by_role("link", name="Compare and restore").nth(2).click()
    with publisher.expect_navigation():
        publisher.locator("[name=_restore]").click()
    expect(publisher.locator("#id_summary_zh_hans")).to_have_value(BEFORE)
    assert AFTER in shown(visitor, chinese)
    publisher.get_by_label("After publishing, both languages say the same").check()
    publish(publisher)
    assert until(visitor, lambda: BEFORE in shown(visitor, chinese))
    assert all("Confirmed by publisher" in each for each in states(publisher))
    # The page is deleted, and comes back with its steps and its address.
    publisher.locator(".publication > details > summary").click()
    publisher.locator(".publication .deletelink").click()
    publisher.locator("#content [type=submit]").click()
    assert until(visitor, lambda: visitor.goto(english).status == 404)
    publisher.locator(".messagelist").get_by_role("link", name="Bin").click()
    publisher.locator("tr", has_text="Student exchange").first.get_by_role("button").click()
    expect(publisher.locator(".messagelist")).to_contain_text("is back. Visitors do not see it until you publish it.")
    assert publisher.url == copy
    publish(publisher)
    assert until(visitor, lambda: visitor.goto(english).status == 200)
    assert "Submit the form." in visitor.locator("main").inner_text()
    assert [watch.faults() for watch in watches] == [[], [], []]
    assert form_of(site, "copied") == copy
