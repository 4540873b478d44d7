"""The foot of every page of content says when its text last changed; no other page does."""

import re
from datetime import UTC, date, datetime

import pytest
from django.utils.translation import override

from partners.models import Country
from portal.models import Centre, Page
from portal.site.sitemaps import DETAIL_MODELS
from programs.models import Area, Program

pytestmark = pytest.mark.django_db

# Late in the evening of 22 November in London it is the next day in Beijing.
CHANGED_AT = datetime(2026, 11, 22, 20, tzinfo=UTC)
CHANGED_ON = date(2026, 11, 23)
SAID = re.compile(r'<p class="last-changed">(.*?)</p>')


def test_every_page_of_a_row_says_once_when_it_changed(served, record_property):
    dated = 0
    for page in served:
        said = SAID.findall(page.response.content.decode())
        changed = [time.get("datetime") for time in page.all("time")]
        if said:
            dated += 1
            assert len(said) == len(changed) == 1, page.path
            assert datetime.fromisoformat(changed[0]).date() == page.page.changed_at.astimezone().date(), page.path
    rows = sum(model.objects.count() for model in DETAIL_MODELS)
    assert dated == 2 * rows
    record_property("pages with a date of change", dated)


@pytest.mark.parametrize("query", ["", "?view=pair"])
@pytest.mark.parametrize(
    ("model", "path"),
    [
        (Page, "about/"),
        (Area, "programs/areas/evaluation/"),
        (Program, "programs/teacher-exchange/"),
        (Centre, "centres/curriculum-reform/"),
        (Country, "partners/japan/"),
    ],
)
def test_the_date_is_written_as_each_language_does(client, model, path, query):
    model.objects.update(updated_at=CHANGED_AT)
    chinese = client.get(f"/zh-hans/{path}{query}").content.decode()
    assert SAID.findall(chinese) == ['最后更新：<time datetime="2026-11-23">2026年11月23日</time>']
    english = client.get(f"/en/{path}{query}").content.decode()
    assert SAID.findall(english) == ['Last changed <time datetime="2026-11-23">23 November 2026</time>']


@pytest.mark.parametrize(
    "path",
    [
        "",
        "programs/",
        "programs/?q=credit",
        "resources/",
        "centres/",
        "partners/",
        "contact/",
        "contact/status/",
        "nothing/",
    ],
)
def test_lists_forms_and_errors_have_no_date(client, path):
    assert "last-changed" not in client.get(f"/en/{path}").content.decode()


def test_the_privacy_notice_has_the_date_that_receipts_name(client):
    """Saving the page again, with the same text, does not change it."""
    Page.objects.filter(slug="privacy").update(body_changed_on_en=CHANGED_ON)
    Page.objects.get(slug="privacy").save()
    with override("en"):
        assert Page.privacy_notice().changed_on == CHANGED_ON
    assert "23 November 2026" in SAID.search(client.get("/en/privacy/").content.decode())[1]


def test_another_page_has_the_date_on_which_anything_of_it_was_changed(client):
    Page.objects.update(body_changed_on_en=CHANGED_ON)
    about = Page.objects.get(slug="about")
    about.summary_en = "Learn about the Department."
    about.save()
    assert "23 November 2026" not in SAID.search(client.get("/en/about/").content.decode())[1]
