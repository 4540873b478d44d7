"""Each language of a row is published separately. The row that it follows must be published too."""

from datetime import UTC, datetime, timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import override

from partners.models import Country, Institution
from portal.models import Centre, Department, Page
from programs.models import Area, Program, Question, Step

pytestmark = pytest.mark.django_db


@pytest.fixture
def program():
    return Program.objects.get(slug="credit-recognition")


@pytest.mark.parametrize(("language", "other"), [("zh-hans", "en"), ("en", "zh-hans")])
def test_a_language_is_withdrawn_alone(program, language, other):
    setattr(program, f"published_at_{language.replace('-', '_')}", None)
    program.save()
    with override(language):
        assert program not in Program.objects.published()
    with override(other):
        assert program in Program.objects.published()
        assert Program.objects.get(pk=program.pk).paired_title == ""
    assert program.published_languages() == [other]


def test_a_time_to_come_is_not_published_yet(program):
    program.published_at_en = timezone.now() + timedelta(hours=1)
    program.save()
    with override("en"):
        assert program not in Program.objects.published()
        assert not program.is_published_in("en")


def test_a_program_follows_its_area(program):
    Area.objects.filter(pk=program.area_id).update(published_at_en=None)
    program.refresh_from_db()
    assert program.published_languages() == ["zh-hans"]
    with override("en"):
        assert not Program.objects.published().filter(area=program.area).exists()
        assert Program.objects.published().filter(area=None).exists()


def test_an_institution_follows_its_country():
    now = timezone.now()
    country = Country.objects.get(slug="japan")
    institution = Institution.objects.create(
        country=country, name_zh_hans="甲", name_en="A", published_at_zh_hans=now, published_at_en=now
    )
    Country.objects.filter(pk=country.pk).update(published_at_zh_hans=None)
    with override("zh-hans"):
        assert not Institution.objects.published().exists()
    with override("en"):
        assert list(Institution.objects.published()) == [institution]


@pytest.mark.parametrize("language", ["zh_hans", "en"])
@pytest.mark.parametrize("empty", ["", None])
@pytest.mark.parametrize(
    ("model", "field"),
    [(Area, "title"), (Program, "summary"), (Centre, "title"), (Page, "body"), (Country, "capital")],
)
def test_the_database_keeps_a_published_language_complete(model, field, empty, language):
    row = model.objects.first()
    with pytest.raises(IntegrityError), transaction.atomic():
        model.objects.filter(pk=row.pk).update(**{f"{field}_{language}": empty})
    model.objects.filter(pk=row.pk).update(**{f"{field}_{language}": empty, f"published_at_{language}": None})


@pytest.mark.parametrize("model", [Area, Program, Centre, Page])
def test_nothing_is_without_a_name_in_every_language(model):
    row = model(slug="new", title_zh_hans="", title_en=None)
    with pytest.raises(ValidationError, match=r"名称|name"):
        row.validate_constraints()
    with pytest.raises(IntegrityError), transaction.atomic():
        row.save()
    model(slug="new", title_zh_hans="有名").save()


def test_a_form_is_told_which_field_is_empty(program):
    program.title_en = ""
    with pytest.raises(ValidationError) as caught:
        program.validate_constraints()
    assert list(caught.value.message_dict) == ["title_en"]


def test_rich_text_is_cleaned_and_without_text_is_nothing(program):
    program.body_en = '<p onclick="x()">Read <script>alert(1)</script><a href="javascript:x()">this</a></p>'
    program.body_zh_hans = "<p></p><p> </p>"
    program.save()
    program.refresh_from_db()
    assert program.body_zh_hans is None
    assert "script" not in program.body_en
    assert "onclick" not in program.body_en
    assert program.body_en.startswith("<p>Read ")


def test_steps_and_questions_appear_where_they_are_written(program):
    Step.objects.create(program=program, text_zh_hans="准备材料")
    Question.objects.create(
        program=program, question_zh_hans="多久？", question_en="How long?", answer_en="<p>Ask.</p>"
    )
    for language, steps, questions in [("zh-hans", 1, 0), ("en", 0, 1)]:
        with override(language):
            found = Program.objects.for_detail().get_published(program.slug)
            assert (len(found.filled_steps), len(found.filled_questions)) == (steps, questions)


def test_there_is_one_department():
    department = Department.current()
    department.pk = None
    department.save()
    assert Department.objects.count() == 1
    department.pk = 2
    with pytest.raises(IntegrityError), transaction.atomic():
        Department.objects.bulk_create([department])


@pytest.mark.parametrize("column", ["name_en", "headline_zh_hans", "introduction_en", "address_zh_hans"])
def test_what_every_page_shows_is_never_empty(column):
    department = Department.current()
    setattr(department, column, "")
    with pytest.raises(ValidationError) as caught:
        department.validate_constraints()
    assert list(caught.value.message_dict) == [column]
    with pytest.raises(IntegrityError), transaction.atomic():
        department.save()


@pytest.mark.parametrize("year", [1, 1999, 2201, 9999])
def test_a_moment_of_publication_is_no_slip_of_the_keyboard(program, year):
    program.published_at_en = datetime(year, 6, 1, tzinfo=UTC)
    with pytest.raises(ValidationError) as caught:
        program.clean_fields(exclude=["title", "summary", "published_at"])
    assert "published_at_en" in caught.value.message_dict


@pytest.mark.parametrize("language", ["zh_hans", "en"])
def test_the_privacy_notice_stays_published(language):
    with pytest.raises(IntegrityError), transaction.atomic():
        Page.objects.filter(slug="privacy").update(**{f"published_at_{language}": None})


@pytest.mark.parametrize("slug", Page.FIXED)
def test_a_fixed_page_is_not_deleted(slug):
    with pytest.raises(ValidationError):
        Page.objects.get(slug=slug).delete()
    with pytest.raises(ValidationError):
        Page.objects.all().delete()
    assert Page.objects.filter(slug=slug).exists()


@pytest.mark.parametrize("columns", [{"latitude": 91}, {"longitude": -181}, {"iso_code": "gb"}])
def test_a_country_lies_on_earth_and_has_a_code(columns):
    with pytest.raises(IntegrityError), transaction.atomic():
        Country.objects.filter(slug="japan").update(**columns)
