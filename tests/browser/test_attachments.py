import re
from pathlib import Path

from playwright.sync_api import expect

from tests.browser.steps import rows, sign_in, write_enquiry


def attach(page, *paths):
    """Chooses one of the files in each file input."""
    for number, path in enumerate(paths):
        page.locator("[type=file]").nth(number).set_input_files(path)


def test_files_go_from_a_visitor_to_the_desk_and_nowhere_else(site, page, chrome, tmp_path):
    page.goto(f"{site.url}/zh-hans/contact/")
    pdf, png = tmp_path / "合作 计划.pdf", tmp_path / "photo.PNG"
    page.pdf(path=pdf)
    page.screenshot(path=png)
    attach(page, pdf, png)
    write_enquiry(page, organisation="College with files")
    expect(page.locator("h1")).to_have_text("已收到您的咨询")

    stored = rows(
        site,
        "SELECT attachment.id, file, name, content_type FROM contact_attachment attachment"
        " JOIN contact_enquiry enquiry ON enquiry.id = enquiry_id WHERE organisation = ? ORDER BY attachment.id",
        "College with files",
    )
    assert [row[2:] for row in stored] == [("合作 计划.pdf", "application/pdf"), ("photo.png", "image/png")]
    for original, (_number, file, *_rest) in zip((pdf, png), stored, strict=True):
        kept = site.data / "private" / file
        assert kept.read_bytes() == original.read_bytes()
        assert kept.stat().st_mode & 0o077 == 0
        assert kept.parent.stat().st_mode & 0o077 == 0
        for folder in ("media", "static", "private", "media/../private", "media/%2e%2e/private", "en", "zh-hans"):
            for name in (file, Path(file).name):
                assert page.request.get(f"{site.url}/{folder}/{name}").status == 404, (folder, name)

    addresses = [f"{site.url}/admin/contact/enquiry/attachments/{row[0]}/" for row in stored]
    for address in addresses:
        page.goto(address)
        expect(page).to_have_url(re.compile("/admin/account/sign-in/"))
    desk = chrome.new_context().new_page()
    sign_in(desk, site)
    for address, original, name in zip(addresses, (pdf, png), ("合作 计划.pdf", "photo.png"), strict=True):
        with desk.expect_download() as started:
            desk.evaluate("address => { location = address }", address)
        assert started.value.suggested_filename == name
        assert Path(started.value.path()).read_bytes() == original.read_bytes()
    desk.context.close()
    events = rows(site, "SELECT detail FROM contact_event WHERE kind = 'fetched' ORDER BY id DESC LIMIT 2")
    assert events == [("image/png",), ("application/pdf",)]


def test_without_javascript_a_faulty_form_keeps_the_files_that_are_in_order(site, chrome, tmp_path):
    context = chrome.new_context(java_script_enabled=False, locale="en-GB", viewport={"width": 320, "height": 700})
    page = context.new_page()
    page.goto(f"{site.url}/en/contact/")
    pdf, program = tmp_path / "plan.pdf", tmp_path / f"{'report' * 20}.exe"
    page.pdf(path=pdf)
    program.write_bytes(b"MZ")
    attach(page, pdf, program)
    write_enquiry(page, organisation="College with a program")
    link = page.locator(".error-summary a")
    expect(link).to_have_text(re.compile(rf"^The file {program.name} is not a PDF"))
    expect(page.get_by_role("group", name="Attachments")).to_have_accessible_description(
        re.compile(r"At most 3 files .*is not a PDF")
    )
    expect(page.locator(".kept-file")).to_contain_text("plan.pdf")
    expect(page.get_by_label("Do not send this file")).not_to_be_checked()
    expect(page.get_by_label("Do not send this file")).to_have_accessible_description(re.compile(r"^plan\.pdf"))
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    link.click()
    expect(page.get_by_label("File 1")).to_be_in_viewport()

    [[name]] = rows(site, "SELECT file FROM contact_keptfile")
    kept = site.data / "private" / name
    assert kept.read_bytes() == pdf.read_bytes()
    assert [path.stat().st_mode & 0o077 for path in (kept, kept.parent)] == [0, 0]
    assert page.request.get(f"{site.url}/media/{name}").status == 404

    page.locator("form.enquiry button").click()
    expect(page.locator("h1")).to_have_text("We have received your enquiry")
    assert rows(site, "SELECT count(*) FROM contact_attachment WHERE file = ? AND name = 'plan.pdf'", name) == [(1,)]
    assert rows(site, "SELECT count(*) FROM contact_keptfile") == [(0,)]
    context.close()
