"""When the site cannot store an enquiry, the visitor gets a page that says so, with telephone numbers."""

import resource
import sqlite3
from contextlib import closing
from urllib.request import urlopen

from playwright.sync_api import expect

from tests.browser.steps import ANSWERS, ROOM, limit_files, rows, until, write_enquiry

STORED = "SELECT (SELECT count(*) FROM contact_enquiry), (SELECT count(*) FROM contact_enquiry_mails)"


def expect_told(page):
    summary = page.locator(".error-summary")
    expect(summary).to_be_focused()
    expect(summary).to_contain_text("Your enquiry has not been stored")
    expect(summary.locator(".telephone").first).to_have_text("+86 10 5365 6705")
    expect(summary.locator(".telephone").first).to_be_in_viewport()
    for name, answer in ANSWERS.items():
        expect(page.locator(f"#id_{name}")).to_have_value(answer)
    expect(page.locator("#id_consent")).to_be_checked()


def test_a_full_disk(start, page):
    site = start()
    assert until(page, lambda: "Worker: delivering mails." in (site.data / "serve.log").read_text())
    page.goto(f"{site.url}/en/contact/")
    limit_files(site, ROOM)
    write_enquiry(page)
    expect_told(page)
    assert rows(site, STORED) == [(0, 0)]
    for path in ("/en/", "/zh-hans/programs/", "/en/contact/", "/healthz"):
        assert urlopen(site.url + path, timeout=10).status == 200

    # A body that is too large for the memory cannot be kept on the disk.
    body = b"x" * 3_000_000
    too_large = page.request.post(f"{site.url}/en/contact/", data=body, headers={"Content-Type": "text/plain"})
    assert too_large.status == 503
    assert "+86 10 5365 6705" in too_large.text()
    assert "The body of a request could not be written to the disk." in (site.data / "serve.log").read_text()

    limit_files(site, resource.RLIM_INFINITY)
    page.locator("form.enquiry button").click()
    expect(page.locator("h1")).to_have_text("We have received your enquiry")
    assert rows(site, STORED) == [(1, 2)]


def test_a_locked_database_is_waited_for_no_longer_than_a_visitor_would(site, page):
    page.goto(f"{site.url}/en/contact/")
    before = rows(site, STORED)
    with closing(sqlite3.connect(site.data / "portal.sqlite3")) as another:
        another.execute("BEGIN IMMEDIATE")
        write_enquiry(page)
        expect_told(page)
        assert urlopen(f"{site.url}/en/programs/", timeout=10).status == 200
    assert rows(site, STORED) == before


def test_a_database_replaced_by_something_else(start, page):
    site = start()
    page.goto(f"{site.url}/en/contact/")
    for path in site.data.glob("portal.sqlite3*"):
        path.unlink()
    (site.data / "portal.sqlite3").write_bytes(b"no database " * 10_000)
    write_enquiry(page)
    expect_told(page)
    assert page.goto(f"{site.url}/en/programs/?q=exchange").status == 503
    expect(page.locator("h1")).to_have_text("This page cannot be shown at the moment")
    expect(page.locator("main")).to_contain_text("If you were submitting an enquiry and saw no reference")
    assert page.locator("main a[href^='tel:']").count() == 3


def test_sixty_megabytes_are_answered_with_a_page(site, page, tmp_path):
    large = tmp_path / "film.mp4"
    with large.open("wb") as file:
        file.truncate(60 * 1024 * 1024)
    page.goto(f"{site.url}/en/contact/")
    page.evaluate(
        """() => {
            const form = document.querySelector("form.enquiry");
            form.enctype = "multipart/form-data";
            form.append(Object.assign(document.createElement("input"), {type: "file", name: "film"}));
        }"""
    )
    page.locator("input[name=film]").set_input_files(large)
    with page.expect_response(lambda response: response.request.method == "POST") as answer:
        page.locator("form.enquiry button").click()
    assert answer.value.status == 413
    expect(page.locator("h1")).to_have_text("This is too large")
    expect(page.locator(".page-head .telephone").first).to_have_text("+86 10 5365 6705")
