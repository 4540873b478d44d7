import re

import pytest
from playwright.sync_api import expect

from contact.visitor.forms import PROGRAMS_OFFERED
from tests.browser.axe import LOOKS, Sweep
from tests.browser.steps import LANGUAGES, press, rows, secrets_of, sign_in, until, write_enquiry

# A page of each kind, by its path below the language prefix.
PAGES = [
    "/",
    "/about/",
    "/programs/",
    "/programs/?q=nothing+fits+this",
    "/programs/?country=germany",
    "/programs/overview/",
    "/programs/areas/curriculum-reform/",
    "/programs/approval-support/",
    "/programs/approval-support/?have=&have=1&have=unknown",
    "/programs/approval-support/?view=pair",
    "/centres/",
    "/centres/curriculum-reform/",
    "/resources/",
    "/resources/?kind=form",
    "/partners/",
    "/partners/germany/",
    "/terms/",
    "/search/",
    "/search/?q=学生交流",
    "/search/?q=Germany&kind=country",
    "/search/?q=英国留学",
    "/contact/",
    "/contact/status/",
    "/privacy/",
    "/accessibility/",
    "/no-such-page/",
]
ADMIN_PAGES = [
    "/admin/",
    "/admin/guide/",
    "/admin/guide/publisher/",
    "/admin/guide/enquiry-desk/",
    "/admin/parity/",
    "/admin/translations/",
    "/admin/programs/program/",
    "/admin/programs/program/9/change/",
    "/admin/programs/program/add/",
    "/admin/programs/program/9/history/",
    "/admin/programs/program/9/review/",
    "/admin/programs/program/9/delete/",
    "/admin/programs/program/bin/",
    "/admin/portal/change/",
    "/admin/programs/certificate/add/",
    "/admin/partners/country/1/change/",
    "/admin/partners/institution/add/",
    "/admin/programs/area/1/change/",
    "/admin/programs/resource/",
    "/admin/programs/resource/add/",
    "/admin/programs/industry/add/",
    "/admin/contact/enquiry/",
    "/admin/contact/enquiry/statistics/",
    "/admin/contact/event/",
    "/admin/contact/answertemplate/",
    "/admin/password_change/",
    "/admin/portal/department/1/change/",
    "/admin/portal/centre/1/change/",
    "/admin/portal/page/",
    "/admin/portal/page/add/",
    "/admin/portal/user/",
    "/admin/portal/user/add/",
    "/admin/portal/user/1/change/",
    "/admin/auth/group/add/",
    "/admin/account/security/",
    "/admin/portal/term/",
    "/admin/portal/term/1/change/",
    "/admin/portal/accountevent/",
]

# The states of an enquiry that the status page shows, as SQL assignments that the test makes one after the other.
STATES = [
    "due_on = '2100-01-01'",
    "due_on = '2000-01-01', state = 'in_progress'",
    "answered_at = created_at, state = 'answered'",
    "closed_at = created_at, erase_on = '2100-01-01', state = 'closed'",
    "state = 'withdrawn'",
    "erased_at = created_at, organisation = '', person = '', position = '', email = '', telephone = '', message = ''",
]
WITHDRAWN = {"zh-hans": "本页没有中文版", "en": "This page is not published in English"}

# The program that is withdrawn from each language while the tests of this module run.
IN_ONE_LANGUAGE = {"zh-hans": "investment-fund", "en": "investment-services"}


@pytest.fixture(scope="module")
def withdrawn(site):
    """Withdraws a program from each language, yields the addresses of the missing pages, and publishes them again."""
    columns = {slug: f"published_at_{language.replace('-', '_')}" for language, slug in IN_ONE_LANGUAGE.items()}
    since = {}
    for slug, column in columns.items():
        [since[slug]] = rows(site, f"SELECT {column} FROM programs_program WHERE slug = ?", slug)
        rows(site, f"UPDATE programs_program SET {column} = NULL WHERE slug = ?", slug)
    yield {language: f"{site.url}/{language}/programs/{slug}/" for language, slug in IN_ONE_LANGUAGE.items()}
    for slug, column in columns.items():
        rows(site, f"UPDATE programs_program SET {column} = ? WHERE slug = ?", *since[slug], slug)


@pytest.fixture
def many_programs(site):
    """Stores more programs than the enquiry form offers, all of them copies of one, and deletes them afterwards."""
    columns = [name for (name,) in rows(site, "SELECT name FROM pragma_table_info('programs_program')")]
    copied = ", ".join(name for name in columns if name not in ("id", "slug"))
    numbers = f"WITH RECURSIVE many(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM many WHERE n <= {PROGRAMS_OFFERED})"
    copies = f"SELECT 'many-' || n, {copied} FROM many, programs_program WHERE slug = 'teacher-exchange'"
    rows(site, f"{numbers} INSERT INTO programs_program (slug, {copied}) {copies}")
    yield
    rows(site, "DELETE FROM programs_program WHERE slug LIKE 'many-%'")


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_enquiry_form_of_many_programs(site, many_programs, reader, language):
    page = reader(language)
    sweep = Sweep(page, LOOKS[language])
    for path in ("/contact/", "/contact/?program=teacher-exchange"):
        page.goto(f"{site.url}/{language}{path}")
        offered = page.locator("select[name=program] option")
        expect(offered).to_have_count(2 if "program" in path else 0)
        sweep.look()
    assert sweep.pages == 2 and not sweep.faults, "\n".join(sweep.faults)


@pytest.fixture
def reader(chrome):
    """A function that opens a page in a browser that prefers the given language."""
    contexts = []

    def reader(language):
        locale = {"zh-hans": "zh-CN", "en": "en-GB"}[language]
        contexts.append(chrome.new_context(viewport={"width": 1280, "height": 800}, locale=locale))
        return contexts[-1].new_page()

    yield reader
    for context in contexts:
        context.close()


@pytest.mark.parametrize("language", LANGUAGES)
def test_public_pages(site, withdrawn, reader, record_property, language):
    page = reader(language)
    sweep = Sweep(page, LOOKS[language])
    for path in PAGES:
        status = page.goto(f"{site.url}/{language}{path}").status
        assert status == (404 if path == "/no-such-page/" else 200), path
        sweep.look()

    assert until(page, lambda: page.goto(withdrawn[language]).status == 404)
    expect(page.locator("h1")).to_have_text(WITHDRAWN[language])
    sweep.look()

    page.goto(f"{site.url}/{language}/contact/?program=teacher-exchange")
    page.locator("form.enquiry button").click()
    expect(page.locator(".error-summary")).to_be_visible()
    sweep.look()
    page.goto(f"{site.url}/{language}/contact/")
    page.context.clear_cookies()
    write_enquiry(page)
    expect(page.locator(".error-summary")).to_be_visible()
    sweep.look()
    page.locator("form.enquiry button").click()
    expect(page.locator(".reference")).to_be_visible()
    sweep.look()

    reference = page.locator(".reference").inner_text()
    page.goto(f"{site.url}/{language}/contact/status/?reference={reference}")
    page.locator("#id_code").fill("wrong")
    page.locator("form.enquiry button").click()
    expect(page.locator(".error-summary")).to_be_visible()
    sweep.look()
    _code, token = secrets_of(site, reference)
    page.goto(f"{site.url}/{language}/contact/status/{token}/")
    page.locator("form.enquiry button").click()
    expect(page.locator(".error-summary")).to_be_visible()
    sweep.look()
    page.locator("#id_text").fill("One more question")
    page.locator("form.enquiry button").click()
    expect(page.locator(".stored")).to_be_visible()
    sweep.look()
    page.goto(f"{site.url}/{language}/contact/status/{token}/withdraw/")
    sweep.look()
    rows(
        site,
        "INSERT INTO contact_answer (enquiry_id, created_at, text, is_on_status_page)"
        " SELECT id, created_at, 'An answer', true FROM contact_enquiry WHERE token = ?",
        token,
    )
    for state in STATES:
        rows(site, f"UPDATE contact_enquiry SET {state} WHERE token = ?", token)
        page.goto(f"{site.url}/{language}/contact/status/{token}/")
        sweep.look()

    record_property(f"pages checked with axe, {language}", sweep.pages)
    assert not sweep.faults, "\n".join(sweep.faults)


@pytest.mark.parametrize(
    ("language", "looks"), [("zh-hans", {1280: "light", 390: "dark"}), ("en", {1280: "dark", 390: "light"})]
)
def test_pages_of_the_admin(site, reader, record_property, tmp_path, language, looks):
    page = reader(language)
    sweep = Sweep(page, looks, ["target-size", "aria-prohibited-attr"])
    page.goto(f"{site.url}/{language}/contact/")
    write_enquiry(page)
    expect(page.locator(".reference")).to_be_visible()
    [[number]] = rows(site, "SELECT max(id) FROM contact_enquiry")
    of_enquiry = [f"/admin/contact/enquiry/{number}/{name}/" for name in ("change", "answer")]
    page.goto(f"{site.url}/admin/")
    sweep.look()
    sign_in(page, site)
    expect(page.locator("#user-tools")).to_be_visible()
    lists = 0
    for path in ADMIN_PAGES + of_enquiry:
        assert page.goto(f"{site.url}{path}").status == 200, path
        if page.locator("textarea[data-django-prose-editor-configurable]").count():
            page.locator("[contenteditable]").first.wait_for()
        if page.locator("#changelist .results").count():
            lists += 1
            assert page.locator("#changelist .results").evaluate("list => list.scrollWidth <= list.clientWidth"), path
        sweep.look()
    assert lists >= 8
    # A version of a page, a page that is out of step, and what a file of translations would do.
    page.goto(f"{site.url}/admin/programs/program/9/change/")
    page.locator("#id_summary_zh_hans").fill(f"改动之后的摘要（{language}）。")
    press(page, "_publish_zh-hans")
    expect(page.locator(".parity-note ins").first).to_be_visible()
    sweep.look()
    page.locator(".historylink").click()
    page.locator("#change-history tbody a").last.click()
    expect(page.locator("[name=_restore]")).to_be_visible()
    sweep.look()
    page.goto(f"{site.url}/admin/translations/")
    with page.expect_download() as download:
        page.locator("form:has([name=language][value=en]) [value=XLF]").click()
    file = tmp_path / "translations.xlf"
    file.write_text(re.sub("<target.*?(</target>|/>)", "<target>Changed.</target>", download.value.path().read_text()))
    page.locator("[type=file]").set_input_files(file)
    page.locator("form:has([type=file]) button").click()
    expect(page.locator(".translations table, .translations ins").first).to_be_visible()
    sweep.look()
    record_property(f"pages of the admin checked with axe, {language}", sweep.pages)
    assert not sweep.faults, "\n".join(sweep.faults)
