"""Rows of several models, read with one query, are the same as those read one by one."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from partners.models import Country
from programs.models import Certificate, Material, Program, Question, Resource, Step
from programs.read_together import fields_of, read_together

pytestmark = pytest.mark.django_db

HOSTILE = "“a” \\ \" ' <b>&amp;</b> \n\t😀 课程 {} null"


@pytest.fixture
def program():
    row = Program.objects.get(slug="teacher-exchange")
    now = timezone.now()
    template = Resource.objects.create(
        slug="x", kind="form", title_en=HOSTILE, summary_en="x", published_at_en=now, body_en="<p>x</p>"
    )
    Step.objects.create(program=row, text_en=HOSTILE, sort_order=20)
    Step.objects.create(program=row, text_zh_hans=HOSTILE, sort_order=10)
    Question.objects.create(program=row, question_en=HOSTILE, answer_en="<p>“A” &amp; b</p>")
    Material.objects.create(program=row, name_en=HOSTILE, template=template, language="both")
    Material.objects.create(program=row, name_en="x", sort_order=1)
    germany = Country.objects.get(slug="germany")
    Certificate.objects.create(program=row, name_en=HOSTILE, country=germany, published_at_en=now)
    Certificate.objects.create(program=row, name_en="x", published_at_zh_hans=None)
    return row


def values(row):
    return {name: getattr(row, name) for name in fields_of(type(row))}


def test_one_query_reads_what_four_would(program):
    querysets = [
        program.steps.all(),
        program.questions.all(),
        program.materials.select_related("template"),
        program.certificates.select_related("country"),
    ]
    with CaptureQueriesContext(connection) as queries:
        found = read_together(*querysets)
        related = [row.template for row in found[2]] + [row.country for row in found[3]]
    assert len(queries) == 1
    for rows, queryset in zip(found, querysets, strict=True):
        assert [values(row) for row in rows] == [values(row) for row in queryset]
        assert rows == list(queryset)
    expected = [row.template for row in querysets[2]] + [row.country for row in querysets[3]]
    assert related == expected
    assert values(related[1])["title_en"] == HOSTILE
    assert values(related[1])["published_at_en"] == expected[1].published_at_en
    assert related[2].is_published_in("en")


def test_no_rows_are_empty_lists():
    program = Program.objects.get(slug="teacher-exchange")
    assert read_together(program.steps.all(), program.questions.all()) == [[], []]
