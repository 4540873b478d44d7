"""The printed receipt."""

import pypdfium2
import pytest

from tests.browser.steps import LANGUAGES, write_enquiry
from tests.conftest import SITE_URL


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_receipt_prints_as_one_leaf_without_its_secret_address(site, page, language):
    page.goto(f"{site.url}/{language}/contact/?program=credit-recognition")
    write_enquiry(page, organisation=f"Printing College {language}")
    reference, code = (page.locator(selector).inner_text() for selector in (".reference", ".code"))
    [leaf] = pypdfium2.PdfDocument(page.pdf(prefer_css_page_size=True, print_background=True))
    text = leaf.get_textpage().get_text_range()
    assert reference in text
    assert code in text
    assert f"{SITE_URL}/{language}/contact/status/" in text.replace("\ufffe", "-")
    assert page.url.rstrip("/").rpartition("/")[2] not in "".join(text.split())
    page.emulate_media(media="print")
    for hidden in (".sections", ".languages", ".skip-link", ".button", ".screen-only", ".page-code"):
        assert not any(element.is_visible() for element in page.locator(hidden).all()), hidden
