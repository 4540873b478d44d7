"""Rows of several models, read with one query, are the same as those read one by one."""

from datetime import date
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from partners.models import Country
from portal.models import Page
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
    """The values of all columns that are read, each with its type, and the database that `row` is of."""
    columns = {name: getattr(row, name) for name in fields_of(type(row))}
    return {name: (type(value), value) for name, value in columns.items()}, row._state.db


def test_one_query_reads_what_many_would(program):
    querysets = [
        program.steps.all(),
        program.questions.all(),
        program.materials.select_related("template"),
        program.certificates.select_related("country"),
        Country.objects.all(),
        Page.objects.all(),
    ]
    with CaptureQueriesContext(connection) as queries:
        found = read_together(*querysets)
        related = [row.template for row in found[2]] + [row.country for row in found[3]]
    assert len(queries) == 1
    for rows, queryset in zip(found, querysets, strict=True):
        assert rows and rows == list(queryset)
        assert [values(row) for row in rows] == [values(row) for row in queryset]
    expected = [row.template for row in querysets[2]] + [row.country for row in querysets[3]]
    assert [row and values(row) for row in related] == [row and values(row) for row in expected]
    [_no_template, template, country, _no_country] = related
    assert (template.title_en, template.is_published_in("en")) == (HOSTILE, True)
    # What JSON has no types for.
    assert isinstance(country.latitude, Decimal)
    assert isinstance(found[-1][0].body_changed_on_en, date)


def test_no_rows_are_empty_lists():
    program = Program.objects.get(slug="teacher-exchange")
    assert read_together(program.steps.all(), program.questions.all()) == [[], []]
