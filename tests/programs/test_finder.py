"""The finder: its filters are query parameters that links keep, and an empty result offers help."""

import pytest
from django.utils.translation import override

from programs.forms import FinderForm
from programs.models import Program

pytestmark = pytest.mark.django_db


def found(language="en", **query):
    with override(language):
        finder = FinderForm(query)
        return {program.slug for program in finder.programs_in(Program.objects.published().for_list())}


def test_without_filters_everything_is_found():
    assert len(found()) == Program.objects.count()


def test_each_filter():
    assert found(area="financing") == {"investment-services", "investment-fund"}
    assert found(country="japan") == {"teacher-exchange", "student-exchange"}
    assert len(found(centre="international-exchange")) == 6
    assert found(area="evaluation", centre="international-exchange") == {
        "credit-recognition",
        "qualification-certificates",
    }


def test_words_are_sought_in_the_readers_language():
    assert found(q="CREDITS strong") == {"credit-recognition"}
    assert found("zh-hans", q="学分") == {"credit-recognition"}
    assert found("zh-hans", q="credits") == set()
    assert found(q="100%") == set()
    assert found(q="href") == set()


def test_a_withdrawn_filter_is_no_choice():
    Program.objects.get(slug="credit-recognition").area.__class__.objects.update(published_at_en=None)
    with override("en"):
        finder = FinderForm({"area": "evaluation"})
        assert "area" in finder.errors
        assert not finder.programs_in(Program.objects.published()).exists()


def test_filters_are_kept_in_the_form_and_the_language_links(client):
    text = client.get("/en/programs/?area=financing&q=fund").content.decode()
    assert '<option value="financing" selected>' in text
    assert 'value="fund"' in text
    assert 'href="/zh-hans/programs/?area=financing&amp;q=fund"' in text
    assert 'rel="canonical" href="https://portal.example/en/programs/"' in text


def test_an_empty_result_helps(client):
    text = client.get("/zh-hans/programs/?q=没有这个").content.decode()
    assert "0个项目" in text
    assert "没有完全符合条件的项目" in text
    assert 'href="/zh-hans/contact/"' in text
