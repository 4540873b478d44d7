import re

import pytest
from playwright.sync_api import expect

from tests.browser.steps import Watch, rows, sign_in, until, write_enquiry

TITLE = "#id_title_zh_hans"

# Creates rows of the models that are empty on a new site.
ROWS = """
from django.contrib.auth.models import Group
from contact.mail.messages import queue_acknowledgement, queue_notifications
from contact.models import Enquiry
from partners.models import Country, Institution
from programs.models import Certificate, Industry, Program
from tests.programs.resources import published, with_file

Group.objects.create(name="Desk")
Institution.objects.create(name_en="Example Institute", country=Country.objects.first())
Certificate.objects.create(name_en="Example certificate", program=Program.objects.first())
Industry.objects.create(slug="example", name_zh_hans="示例行业", name_en="Example industry")
with_file(published("example", languages=()))
enquiry = Enquiry.objects.create(
    fingerprint="-", language="en", privacy_version="-", organisation="Example College", territory="GB",
    person="Alex Example", email="alex@college.example", message="What should we prepare?",
)
queue_acknowledgement(enquiry)
queue_notifications(enquiry)
enquiry.log("received")
"""


@pytest.fixture
def staff(site, page):
    """A page that is signed in with the staff account."""
    sign_in(page, site)
    expect(page.locator("#user-tools")).to_be_visible()
    return page


@pytest.fixture
def visitor(chrome):
    """A page that is not signed in."""
    context = chrome.new_context(viewport={"width": 1280, "height": 800}, locale="en-GB")
    yield context.new_page()
    context.close()


def change(page, site, model, slug):
    """Opens the change form of a row, given its `model`, such as "programs/program", and its `slug`."""
    [[number]] = rows(site, f"SELECT id FROM {model.replace('/', '_')} WHERE slug = ?", slug)
    page.goto(f"{site.url}/admin/{model}/{number}/change/")


def publish(page):
    """Publishes what is in the form, and waits until the portal says so."""
    page.locator("[name=_publish]").click()
    expect(page.locator(".messagelist .success")).to_have_text(re.compile("^(Published|已发布)"))


def shown(page, address):
    """The text of the main content at `address`."""
    page.goto(address)
    return page.locator("main").inner_text()


def test_a_new_chinese_title_shows_on_the_chinese_page_alone(site, staff, visitor):
    chinese, english = (f"{site.url}/{language}/programs/teacher-exchange/" for language in ("zh-hans", "en"))
    chinese_before, english_before = shown(visitor, chinese), shown(visitor, english)
    change(staff, site, "programs/program", "teacher-exchange")
    title = staff.locator(TITLE).input_value()
    staff.locator(TITLE).fill("教师互访（试）")
    try:
        publish(staff)
        assert until(visitor, lambda: "教师互访（试）" in shown(visitor, chinese))
        assert visitor.locator("h1").inner_text().startswith("教师互访（试）")
        # The English page shows the Chinese title below its own. Nothing else on it has changed.
        english_expected = english_before.replace(title, "教师互访（试）")
        assert until(visitor, lambda: shown(visitor, english) == english_expected)
        assert visitor.locator("h1").inner_text().startswith("Teacher exchange")
    finally:
        change(staff, site, "programs/program", "teacher-exchange")
        staff.locator(TITLE).fill(title)
        publish(staff)
    assert until(visitor, lambda: shown(visitor, chinese) == chinese_before)


def test_a_published_language_keeps_its_required_fields(site, staff):
    query = "SELECT title_zh_hans, title_en FROM programs_program WHERE slug = 'teacher-exchange'"
    before = rows(site, query)
    for language in ("zh_hans", "en"):
        change(staff, site, "programs/program", "teacher-exchange")
        staff.locator(f"#id_title_{language}").fill("")
        staff.locator("[name=_publish]").click()
        error = staff.locator(".form-row", has=staff.locator(TITLE)).locator(".errorlist")
        expect(error).to_have_text("Every published page needs this. Fill it in, or publish only the other language.")
        expect(staff.locator(f"#id_title_{language}")).to_have_attribute("aria-invalid", "true")
        staff.locator(".publication > details > summary").click()
        staff.locator(".publication details details > summary").click()
        staff.locator("[name=_discard]").click()
        expect(staff.locator(".messagelist .success")).to_contain_text("The draft is discarded.")
    assert rows(site, query) == before


def test_both_languages_of_a_field_stand_side_by_side(site, staff, record_property):
    pairs = 0
    forms = (
        "programs/program",
        "programs/area",
        "portal/centre",
        "portal/page",
        "portal/department",
        "partners/country",
    )
    for model in forms:
        staff.goto(f"{site.url}/admin/{model}/1/change/")
        boxes = staff.locator(".fieldBox").evaluate_all(
            "boxes => boxes.filter(box => box.checkVisibility()).map(box => {"
            " const { left, top } = box.getBoundingClientRect();"
            " return { name: [...box.classList].find(name => name.startsWith('field-')), left, top }; })"
        )
        places = {box["name"]: (box["left"], box["top"]) for box in boxes}
        for name in [name for name in places if name.endswith("_zh_hans")]:
            chinese, english = places[name], places[name.removesuffix("zh_hans") + "en"]
            assert chinese[1] == english[1], f"{model}: {name} stands above or below its English side"
            assert chinese[0] + 200 < english[0], f"{model}: {name} does not stand left of its English side"
            pairs += 1
    record_property("pairs of fields seen side by side", pairs)
    assert pairs >= 30


def test_the_choice_of_language_is_the_admins_own(site, staff):
    heading = staff.locator("#site-name")
    expect(heading).to_have_text("International Department: staff")
    staff.locator("#header").get_by_role("button", name="中文").click()
    expect(heading).to_have_text("国际部网站管理")
    expect(staff.locator("html")).to_have_attribute("lang", "zh-hans")
    staff.goto(f"{site.url}/admin/programs/program/")
    expect(heading).to_have_text("国际部网站管理")

    # The browser asks for English, so the root redirects there. The address of a page decides its language.
    staff.goto(f"{site.url}/")
    expect(staff).to_have_url(f"{site.url}/en/")
    expect(staff.locator("main")).to_contain_text("How a college starts")
    staff.goto(f"{site.url}/zh-hans/")
    expect(staff.locator("main")).to_contain_text("咨询流程")

    staff.goto(f"{site.url}/admin/")
    staff.locator("#header").get_by_role("button", name="English").click()
    expect(heading).to_have_text("International Department: staff")


def test_what_the_statistics_cannot_place_is_quieter_than_the_rest(site, staff, visitor):
    visitor.goto(f"{site.url}/en/contact/")
    write_enquiry(visitor)
    expect(visitor.locator(".reference")).to_be_visible()
    staff.goto(f"{site.url}/admin/contact/enquiry/statistics/")
    table = staff.locator(".tables table").filter(has=staff.locator(".rest")).first
    colour = "cell => getComputedStyle(cell).color"
    for cell in ("th", ".number"):
        quiet = table.locator(f".rest {cell}").first.evaluate(colour)
        assert quiet != table.locator(f"tbody:not(.rest) {cell}").first.evaluate(colour), cell


def test_every_page_of_the_admin_loads_and_keeps_to_its_policy(site, page, record_property):
    site.manage("shell", "-c", ROWS)
    watch = Watch(page, site)
    sign_in(page, site)
    expect(page.locator("#user-tools")).to_be_visible()
    addresses = page.locator("a[href^='/admin/']").evaluate_all("links => links.map(link => link.pathname)")
    waiting, seen, faults = [*dict.fromkeys(addresses), "/admin/guide/"], [], watch.faults()
    while waiting:
        address = waiting.pop(0)
        status = page.goto(f"{site.url}{address}").status
        if status >= 400:
            faults.append(f"{address}: {status}")
        if page.locator("textarea[data-django-prose-editor-configurable]").count():
            page.locator("[contenteditable]").first.wait_for()
        faults += watch.faults()
        seen.append(address)
        # Follows a list to its first row and its statistics, and a row to its history.
        for link in page.locator(
            "#result_list tbody tr:first-child th a, a.historylink, .object-tools a[href$='/statistics/']"
        ).all()[:2]:
            waiting.append(link.evaluate("link => link.pathname"))
    record_property("pages of the admin", len(seen))
    assert faults == []
    models = {address for address in seen if address.count("/") == 4} - {
        "/admin/password_change/",
        "/admin/account/security/",
        "/admin/guide/own/",
    }
    assert len(models) >= 10
    desk, changes = "/admin/contact/enquiry/", "/admin/portal/change/"
    logs = {"/admin/contact/event/", "/admin/portal/accountevent/", changes}
    # The logs cannot be changed, and an enquiry shows its history on its own page.
    assert models - reached(set(seen) - {changes}, "/change/") == logs
    assert models - reached(seen, "/history/") == {*logs, desk}
    assert models - reached(seen, "/add/") == {*logs, desk, "/admin/portal/department/"}
    assert f"{desk}statistics/" in seen
    assert "/admin/password_change/" in seen


def reached(addresses, kind):
    """The addresses of the lists of the models for which `addresses` has a page of `kind`, such as "/add/"."""
    return {"/".join(address.split("/")[:4]) + "/" for address in addresses if kind in address}


def test_the_editor_writes_what_the_page_shows(site, page, visitor):
    watch = Watch(page, site)
    sign_in(page, site)
    expect(page.locator("#user-tools")).to_be_visible()
    address = f"{site.url}/en/partners/japan/"
    before = shown(visitor, address)
    change(page, site, "partners/country", "japan")
    editor = page.locator(".fieldBox.field-body_en [contenteditable]")
    try:
        editor.click()
        page.keyboard.type("Plain words, ")
        page.locator(".fieldBox.field-body_en").get_by_role("button", name="bold").click()
        page.keyboard.type("bold words")
        expect(editor.locator("strong")).to_have_text("bold words")
        publish(page)
        expect(editor).to_have_text("Plain words, bold words")
        assert until(visitor, lambda: "Plain words, bold words" in shown(visitor, address))
        expect(visitor.locator("main .prose strong")).to_have_text("bold words")
        assert watch.faults() == []
    finally:
        editor.click()
        page.keyboard.press("Control+a")
        page.keyboard.press("Delete")
        publish(page)
    assert until(visitor, lambda: shown(visitor, address) == before)
