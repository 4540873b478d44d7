"""The date of a page's text."""

from datetime import UTC, date, datetime

import pytest
from django.utils.translation import override

from portal.bilingual.publishing import in_both_languages
from portal.models import Page

pytestmark = pytest.mark.django_db


@pytest.fixture
def notice(time_machine):
    """The privacy notice, on 1 December 2030."""
    time_machine.move_to(datetime(2030, 12, 1, 3, 0, tzinfo=UTC))
    return Page.objects.get(slug="privacy")


def dates(page):
    page.refresh_from_db()
    return page.body_changed_on_zh_hans, page.body_changed_on_en


def test_saving_without_a_change_leaves_the_date_of_the_text(notice):
    before = dates(notice)
    assert None not in before
    notice.summary_en = "Another summary"
    notice.body_en = f"\n{notice.body_en} "
    notice.save()
    assert dates(notice) == before


def test_a_changed_text_is_dated_in_its_language_alone(notice):
    chinese, _english = dates(notice)
    notice.body_en += "<p>One more sentence.</p>"
    notice.save()
    assert dates(notice) == (chinese, date(2030, 12, 1))
    with override("en"):
        assert Page.privacy_notice().changed_on == date(2030, 12, 1)
    with override("zh-hans"):
        assert Page.privacy_notice().changed_on == chinese


def test_a_text_that_staff_save_in_the_admin_unchanged_keeps_its_date(notice, admin_client):
    before = dates(notice)
    typed = {column: getattr(notice, column) for column in in_both_languages("title", "summary", "body")}
    address = f"/admin/portal/page/{notice.pk}/change/"
    admin_client.post(address, typed | {"sort_order": 5, "_publish": "1"})
    assert Page.objects.get(slug="privacy").sort_order == 5
    assert dates(notice) == before
    admin_client.post(address, typed | {"body_en": "<p>New</p>", "_publish": "1"})
    assert dates(notice) == (before[0], date(2030, 12, 1))
