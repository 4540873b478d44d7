"""How pages list telephone numbers: labelled once, each number once, with the time zone beside them."""

import re

import html5lib
import pytest
from django.conf import settings

from portal.models import Department
from portal.site.sitemaps import public_pages
from tests.sitewide.test_facts import TELEPHONES

pytestmark = [pytest.mark.django_db, pytest.mark.no_database]

LABELS = {"zh-hans": re.compile("电话(?:和地址|：)?$"), "en": re.compile("Telephone(?: and address|:)?$")}
ZONES = {"zh-hans": "（北京时间，UTC+8）", "en": "(Beijing time, UTC+8)"}


def swept_pages(client):
    """Yields (path, language, main, footer) for every public page and a page that does not exist."""
    pages = [(page.path, page.language) for page in public_pages()]
    for path, language in [*pages, ("/zh-hans/nothing/", "zh-hans"), ("/en/nothing/", "en")]:
        document = html5lib.parse(client.get(path).content.decode(), namespaceHTMLElements=False)
        yield path, language, document.find(".//main"), document.find(".//footer")


def text_of(element):
    return " ".join(" ".join(element.itertext()).split())


def labels(element, label):
    """The texts below `element`, except in forms, that label telephone numbers."""
    if element.tag == "form":
        return []
    below = [text for child in element for text in labels(child, label)]
    return ([element.text] if label.match((element.text or "").strip()) else []) + below


def test_a_page_labels_its_telephones_once_and_lists_each_number_once(client, record_property):
    swept = labelled = listed = 0
    for path, language, main, _footer in swept_pages(client):
        found = labels(main, LABELS[language])
        assert len(found) <= 1, (path, found)
        text = text_of(main)
        for number in TELEPHONES[language]:
            assert text.count(number) <= 1, (path, number)
            listed += text.count(number)
        swept, labelled = swept + 1, labelled + len(found)
    record_property("pages swept for telephones", swept)
    assert swept >= 70
    # The programs, centres and types of program, home and contact.
    assert labelled >= 2 * 19
    assert listed > 3 * 2 * 17


def test_the_time_zone_stands_once_beside_each_list_of_telephones(client, record_property):
    swept = 0
    for path, language, main, footer in swept_pages(client):
        zone = ZONES[language]
        dials = any(link.get("href", "").startswith("tel:") for link in main.iter("a"))
        assert text_of(main).count(zone) == dials, path
        assert text_of(footer).count(zone) == 1, path
        swept += dials
    record_property("pages that list telephones", swept)
    assert swept >= 2 * 19


@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_the_time_zone_stands_beside_opening_hours(client, language):
    Department.objects.update(opening_hours_zh_hans="周一至周五9—17时", opening_hours_en="Monday to Friday, 9–17")
    hours = {
        "zh-hans": "办公时间：周一至周五 9—17时 （北京时间，UTC+8）",
        "en": "Open: Monday to Friday, 9–17 (Beijing time, UTC+8)",
    }[language]
    for path in ("contact/", "programs/student-exchange/", "centres/international-exchange/"):
        document = html5lib.parse(client.get(f"/{language}/{path}").content.decode(), namespaceHTMLElements=False)
        for part in ("main", "footer"):
            found = text_of(document.find(f".//{part}"))
            assert found.replace(" ", "").count(hours.replace(" ", "")) == 1, (path, part)
            assert found.count("UTC+8") == 1, (path, part)


def test_no_mail_names_the_time_zone_beside_telephones():
    templates = list((settings.BASE_DIR / "templates/contact/mail").iterdir())
    assert len(templates) >= 6
    assert not [path.name for path in templates if "UTC+8" in path.read_text() or "telephones.html" in path.read_text()]
