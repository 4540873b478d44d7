"""The content version: what changes it, and what leaves it alone."""

from datetime import timedelta

import pytest
import time_machine
from django.apps import apps
from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import override

from contact.models import Enquiry
from portal import content_version
from portal.bilingual import publishing
from portal.models import AccountEvent, Centre, Department, Page, Term
from programs.models import Area, DownloadCount, Program, Step

pytestmark = pytest.mark.django_db

QUOTED = connection.ops.quote_name


def add_area():
    return Area.objects.create(slug="new", title_en="New", sort_order=1)


WAYS = {
    "save": lambda: Centre.objects.first().save(),
    "create": add_area,
    "delete": lambda: Term.objects.first().delete(),
    "delete of a queryset": lambda: Term.objects.all().delete(),
    "update": lambda: Program.objects.update(sort_order=7),
    "bulk_create": lambda: Area.objects.bulk_create([Area(slug="many", title_en="Many", sort_order=1)]),
    "bulk_create that ignores": lambda: Area.objects.bulk_create(
        [Area(slug="ignoring", title_en="Ignoring", sort_order=1)], ignore_conflicts=True
    ),
    "update_or_create": lambda: Department.objects.update_or_create(pk=1, defaults={"postcode": "1"}),
    "bulk_update": lambda: Page.objects.bulk_update(Page.objects.all(), ["sort_order"]),
    "many to many": lambda: Program.objects.first().centres.set(Centre.objects.all()),
    "many to many from the other side": lambda: Centre.objects.first().programs.clear(),
    "UPDATE": lambda: connection.cursor().execute("UPDATE partners_country SET sort_order = 3"),
    "INSERT": lambda: connection.cursor().execute(
        "INSERT INTO programs_industry (slug, sort_order, name, name_en, name_zh_hans) VALUES ('x', 3, 'X', 'X', 'X')"
    ),
    "DELETE": lambda: connection.cursor().execute("DELETE FROM portal_term"),
}


@pytest.mark.parametrize("way", WAYS)
def test_every_way_of_changing_content_changes_the_version(way):
    if way.startswith("many to many from"):
        Centre.objects.first().programs.add(Program.objects.first())
    before = content_version.read()
    WAYS[way]()
    after = content_version.read()
    assert after.number > before.number
    assert after.token != before.token
    assert after.as_of >= before.as_of
    assert str(after) != str(before)


def test_each_table_of_content_has_its_triggers():
    tables = content_version.tables()
    assert len(tables) >= 20
    assert "programs_program_centres" in tables
    for table in tables:
        before = content_version.read()
        with connection.cursor() as cursor:
            cursor.execute(f"UPDATE {QUOTED(table)} SET id = id")
            cursor.execute(f"SELECT COUNT(*) FROM {QUOTED(table)}")
            is_empty = cursor.fetchone() == (0,)
        # SQLite runs a trigger for each row.
        assert content_version.read().number > before.number or (is_empty and connection.vendor == "sqlite"), table


def test_other_changes_leave_the_version_alone():
    before = content_version.read()
    AccountEvent.objects.create(kind=AccountEvent.Kind.SIGNED_IN)
    Enquiry.objects.create(organisation="College", territory="CN", person="Li", email="li@example.com", language="en")
    DownloadCount.objects.all().delete()
    assert content_version.read() == before


def test_a_change_that_is_rolled_back_leaves_the_version_alone():
    before = content_version.read()
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        add_area()
        assert content_version.read() != before
        raise ZeroDivisionError
    assert content_version.read() == before


def test_the_row_comes_back_with_the_next_change():
    content_version.ContentVersion.objects.all().delete()
    missing = content_version.read()
    assert missing.number == 0
    # Without a row nothing may be taken for current.
    assert content_version.read().token != missing.token
    add_area()
    assert content_version.read() == content_version.read()
    assert content_version.read().number >= 1


def test_triggers_that_were_lost_with_their_table_are_created_again():
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("DROP TRIGGER portal_content_version ON programs_area")
        else:
            cursor.execute("DROP TRIGGER portal_content_version_programs_area_insert")
    # Past the QuerySet of the model, which would change the parity of its rows too.
    areas, before = QuerySet(Area), content_version.read()
    areas.bulk_create([Area(slug="new", title_en="New", sort_order=1)])
    assert content_version.read() == before
    content_version.install_triggers()
    areas.bulk_create([Area(slug="newer", title_en="Newer", sort_order=1)])
    assert content_version.read() != before


def test_a_moment_changes_the_version_once():
    now = timezone.now()
    page = Page.objects.get(slug="about")
    page.published_at_en = now + timedelta(hours=1)
    page.save()
    Program.objects.filter(pk=Program.objects.first().pk).update(published_at_zh_hans=now + timedelta(hours=2))
    version = content_version.read()
    moment = content_version.next_moment(version.as_of)
    assert moment == now + timedelta(hours=1)
    assert not content_version.pass_moments(moment)
    assert content_version.read() == version
    Page.objects.filter(pk=page.pk).update(published_at_en=now - timedelta(microseconds=1))
    before = content_version.read()
    content_version.ContentVersion.objects.update(as_of=now - timedelta(microseconds=9))
    moment = content_version.next_moment(now - timedelta(microseconds=9))
    assert moment == now - timedelta(microseconds=1)
    assert content_version.pass_moments(moment)
    after = content_version.read()
    assert after.number == before.number + 1
    assert after.as_of >= now
    assert not content_version.pass_moments(moment)
    assert content_version.next_moment(after.as_of) == now + timedelta(hours=2)


def test_a_schedule_passes_each_moment_once_also_if_another_worker_was_first():
    now = timezone.now()
    first, second = now + timedelta(hours=1), now + timedelta(hours=2)
    Page.objects.filter(slug="about").update(published_at_en=first, published_at_zh_hans=second)
    schedules = [content_version.Schedule(), content_version.Schedule()]
    numbers = []
    for moment in (now, first, first, second, second):
        with time_machine.travel(moment + timedelta(seconds=1), tick=False):
            for schedule in schedules:
                schedule.step()
            numbers.append(content_version.read().number - numbers[0] if numbers else content_version.read().number)
    assert numbers[1:] == [1, 1, 2, 2]


def test_a_clock_that_was_far_ahead_publishes_nothing_early_and_holds_nothing_up():
    later = timezone.now() + timedelta(days=300)
    Page.objects.filter(slug="about").update(published_at_en=later)
    content_version.ContentVersion.objects.update(as_of=timezone.now() + timedelta(days=365))
    schedule = content_version.Schedule()
    schedule.step()
    with override("en"):
        assert not Page.objects.published().filter(slug="about").exists()
        number = content_version.read().number
        with time_machine.travel(later + timedelta(seconds=1)):
            schedule.step()
            assert content_version.read().number == number + 1
            assert content_version.read().as_of < later + timedelta(minutes=1)
            assert Page.objects.published().filter(slug="about").exists()


def test_migrations_change_the_version():
    before = content_version.read()
    content_version.install_triggers()
    assert content_version.read() == before
    content_version.install_triggers(plan=["a migration"])
    assert content_version.read() != before


@pytest.mark.skipif(connection.vendor != "postgresql", reason="is about PostgreSQL's search path")
def test_the_schema_of_the_caller_does_not_matter():
    before = content_version.read()
    with connection.cursor() as cursor:
        # As a file of pg_dump begins.
        cursor.execute("SET LOCAL search_path TO ''")
        cursor.execute("UPDATE public.partners_country SET sort_order = 3")
        cursor.execute("SET LOCAL search_path TO DEFAULT")
    assert content_version.read() != before


def test_a_slow_clock_shows_what_others_have_shown(monkeypatch):
    soon = timezone.now() + timedelta(minutes=1)
    Page.objects.filter(slug="about").update(published_at_en=soon, published_at_zh_hans=soon)
    assert not Page.objects.published().filter(slug="about").exists()
    monkeypatch.setattr(publishing, "seen_as_of", soon)
    assert Page.objects.published().filter(slug="about").exists()
    assert Page.objects.get(slug="about").is_published_in("en")


def test_a_model_that_is_declared_nowhere_fails_the_check(monkeypatch):
    assert content_version.check_models(None) == []
    monkeypatch.setattr(content_version, "CONTENT", [m for m in content_version.CONTENT if m is not Step])
    [error] = content_version.check_models(None)
    assert error.id == "portal.E001"
    assert "programs.Step" in error.msg
    assert apps.get_model("programs.Step") is error.obj
