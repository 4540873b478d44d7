"""A visitor finds, opens and downloads a resource without JavaScript; staff replace its file under the same link."""

from hashlib import sha256
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

from tests.browser.axe import LOOKS, Sweep
from tests.browser.steps import LANGUAGES, rows, shown, sign_in, until
from tests.conftest import SITE_URL
from tests.contact.files import PDF

FIRST, SECOND = PDF + b"the first version", PDF + b"the second version"

SAMPLES = """
from tests.programs.resources import published, with_file
from programs.models import Industry, Program

industry = Industry.objects.create(slug="sample", name_zh_hans="示例行业", name_en="Sample industry")
standard = published("sample-standard", industry=industry)
with_file(standard, version="1.0", content=%(first)r)
with_file(standard, "en", version="1.0")
standard.programs.set(Program.objects.filter(slug="curriculum-standards"))
published("sample-form", title_zh_hans="示例表格", title_en="Sample form", kind="form")
with_file(published("sample-draft", languages=()), version="1.0")
"""


@pytest.fixture(scope="module")
def samples(site):
    """The site with three resources: a standard with files, a form without one, and a draft with one."""
    site.manage("shell", "-v0", "-c", SAMPLES % {"first": FIRST})
    yield site
    site.manage("shell", "-v0", "-c", "from programs.models import *; Resource.objects.all().delete()")
    site.manage("shell", "-v0", "-c", "from programs.models import *; Industry.objects.all().delete()")


@pytest.fixture
def visitor(chrome):
    """A page of a browser that runs no scripts."""
    context = chrome.new_context(viewport={"width": 1280, "height": 800}, locale="en-GB", java_script_enabled=False)
    yield context.new_page()
    context.close()


def downloaded(page, link):
    """Follows a link to a file and returns the name and the content of the download."""
    with page.expect_download() as started:
        link.click()
    return started.value.suggested_filename, started.value.path().read_bytes()


def add_version(page, site, version, dated, content):
    """Adds a version of the Chinese file of the standard in the admin."""
    [[number]] = rows(site, "SELECT id FROM programs_resource WHERE slug = 'sample-standard'")
    page.goto(f"{site.url}/admin/programs/resource/{number}/change/")
    form = page.locator(".inline-related:not(.empty-form)").last
    form.locator("select[name$='-language']").select_option("zh-hans")
    form.locator("[name$='-version']").fill(version)
    form.locator("[name$='-dated']").fill(dated)
    file = {"name": "标准.pdf", "mimeType": "application/pdf", "buffer": content}
    form.locator("[name$='-file']").set_input_files(file)
    page.locator("[name=_publish]").click()
    expect(page.locator(".messagelist .success")).to_be_visible()


def test_a_resource_is_found_downloaded_replaced_and_downloaded_again_under_the_same_link(samples, visitor, page):
    assert until(visitor, lambda: 'value="sample"' in visitor.goto(f"{samples.url}/zh-hans/resources/").text())
    visitor.get_by_label("类别").select_option("curriculum-standard")
    visitor.get_by_label("项目").select_option("curriculum-standards")
    visitor.get_by_label("行业").select_option("sample")
    visitor.get_by_label("文件语言").select_option("zh-hans")
    visitor.get_by_role("button", name="查找资源").click()
    expect(visitor.locator(".resource-name")).to_have_text(["示例课程标准"])

    visitor.locator(".resource-name").click()
    expect(visitor.locator("h1")).to_contain_text("示例课程标准")
    address = visitor.url
    link = visitor.get_by_role("link", name=f"{SITE_URL}{urlsplit(address).path}file/")
    assert downloaded(visitor, link) == ("示例课程标准 1.0.pdf", FIRST)
    expect(visitor.locator(".checksum").first).to_have_text(sha256(FIRST).hexdigest())

    sign_in(page, samples)
    expect(page.locator("#user-tools")).to_be_visible()
    add_version(page, samples, "2.0", "2026-11-01", SECOND)

    assert downloaded(visitor, link) == ("示例课程标准 2.0.pdf", SECOND), "the page was not loaded again"
    assert until(visitor, lambda: sha256(SECOND).hexdigest() in shown(visitor, address))
    old = visitor.locator("[aria-labelledby=older] tbody tr")
    expect(old).to_have_count(1)
    expect(old).to_contain_text("1.0")
    assert downloaded(visitor, old.locator("a")) == ("示例课程标准 1.0.pdf", FIRST)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_file_of_a_draft_cannot_be_fetched(samples, visitor, language):
    [[number, other]] = rows(
        samples,
        "SELECT max(id), min(id) FROM programs_resourcefile WHERE resource_id ="
        " (SELECT id FROM programs_resource WHERE slug = 'sample-draft')",
    )
    assert number == other
    for slug, end in [
        ("sample-draft", ""),
        ("sample-draft", "zh-hans/"),
        ("sample-draft", f"{number}/"),
        ("sample-standard", f"{number}/"),
    ]:
        response = visitor.request.get(f"{samples.url}/{language}/resources/{slug}/file/{end}")
        assert response.status == 404, (slug, end)


@pytest.mark.parametrize("language", LANGUAGES)
def test_its_pages_pass_axe_and_fit_320_pixels(samples, page, language, record_property):
    sweep = Sweep(page, LOOKS[language])
    paths = [
        "",
        "?kind=form",
        "?kind=nothing",
        "?kind=form&language=en",
        "sample-standard/",
        "sample-standard/?view=pair",
    ]
    for path in [*paths, "sample-form/", "../programs/curriculum-standards/"]:
        assert page.goto(f"{samples.url}/{language}/resources/{path}").status == 200, path
        sweep.look()
    assert page.goto(f"{samples.url}/{language}/resources/sample-form/file/").status == 404
    sweep.look()
    record_property(f"pages of resources checked with axe, {language}", sweep.pages)
    assert not sweep.faults, "\n".join(sweep.faults)


def test_the_form_of_a_resource_passes_axe(samples, page):
    sign_in(page, samples)
    expect(page.locator("#user-tools")).to_be_visible()
    sweep = Sweep(page)
    [[number]] = rows(samples, "SELECT id FROM programs_resource WHERE slug = 'sample-standard'")
    for path in ("", f"{number}/change/", f"{number}/delete/"):
        assert page.goto(f"{samples.url}/admin/programs/resource/{path}").status == 200
        if path.endswith("change/"):
            page.locator("[contenteditable]").first.wait_for()
        sweep.look()
    assert not sweep.faults, "\n".join(sweep.faults)


CUT = "elements => elements.filter(each => each.scrollWidth > each.clientWidth).map(each => each.id)"


@pytest.mark.parametrize("width", [320, 390])
def test_the_rows_of_files_and_the_history_fit_a_phone(samples, page, width):
    sign_in(page, samples)
    expect(page.locator("#user-tools")).to_be_visible()
    add_version(page, samples, f"3.{width}", "2026-11-01", SECOND)
    page.set_viewport_size({"width": width, "height": 800})
    [[number]] = rows(samples, "SELECT id FROM programs_resource WHERE slug = 'sample-standard'")
    page.goto(f"{samples.url}/admin/programs/resource/{number}/change/")
    page.locator("[contenteditable]").first.wait_for()
    assert page.locator("#files-group .inline-related:visible").count() > 2
    assert page.locator("#files-group, #files-group .inline-related:visible").evaluate_all(CUT) == []
    page.goto(f"{samples.url}/admin/programs/resource/{number}/history/")
    changed = page.locator("#change-history tbody tr td:nth-child(3)").first
    assert changed.bounding_box()["width"] > width * 0.7
    assert page.evaluate("document.documentElement.scrollWidth") <= width
