"""Whatever is changed, in whatever way, a page that is handed out is what Django makes of the content."""

import os
from collections import Counter
from datetime import datetime, timedelta

import pytest
import time_machine
from django.core.cache import caches
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction
from django.db.models import ProtectedError
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from partners.models import Country, Institution
from portal import content_version
from portal.bilingual import publishing
from portal.bilingual.languages import LANGUAGES
from portal.bilingual.publishing import Published, in_both_languages
from portal.models import Centre, Department, LoadedEntry, Page, Term
from portal.site.finished_pages.editions import Edition, name_in_force
from portal.site.finished_pages.filling import Filler
from portal.site.finished_pages.pages import FinishedPage, answer
from portal.site.finished_pages.server import PageServer
from programs.models import (
    Area,
    Certificate,
    Industry,
    Material,
    Program,
    Question,
    Resource,
    ResourceFile,
    Step,
)
from tests.programs.resources import published, with_file

pytestmark = pytest.mark.django_db

EXAMPLES = max(int(os.environ.get("EXAMPLES", 50)) // 25, 2)
NUMBER = st.integers(0, 99)

# Where the pages show a row, and which of its columns say what visitors read there.
PROGRAM, COUNTRY, RESOURCE = "programs/teacher-exchange/", "partners/japan/", "resources/sample-standard/"
SHOWN = {
    Department: ("", in_both_languages("name")),
    Centre: ("centres/international-exchange/", in_both_languages("title")),
    Page: ("privacy/", in_both_languages("title")),
    Term: ("terms/", in_both_languages("name")),
    Area: ("programs/areas/evaluation/", in_both_languages("title")),
    Program: (PROGRAM, in_both_languages("title")),
    Step: (PROGRAM, in_both_languages("text")),
    Question: (PROGRAM, in_both_languages("question")),
    Material: (PROGRAM, in_both_languages("name")),
    Certificate: (PROGRAM, in_both_languages("name")),
    Industry: (RESOURCE, in_both_languages("name")),
    Resource: (RESOURCE, in_both_languages("title")),
    ResourceFile: (RESOURCE, ["version"]),
    Country: (COUNTRY, in_both_languages("name")),
    Institution: (COUNTRY, in_both_languages("name")),
}
# The many-to-many relations, and both of their ends.
RELATIONS = {
    (Program, "centres", Centre): "programs",
    (Program, "countries", Country): "programs",
    (Program, "institutions", Institution): "programs",
    (Resource, "programs", Program): "resources",
    (Resource, "countries", Country): "resources",
}
LISTS = ["", "programs/", "programs/overview/", "resources/", "partners/", "centres/", "search/"]
OTHERS = [*LISTS, *(page for page, _columns in SHOWN.values())]


def save(rows, values):
    for row in rows:
        for name, value in values.items():
            setattr(row, name, value)
        row.save()


def update(rows, values):
    rows.update(**values)


def bulk_update(rows, values):
    changed = list(rows)
    for row in changed:
        for name, value in values.items():
            setattr(row, name, value)
    rows.model._base_manager.bulk_update(changed, list(values))


def sql(rows, values):
    quoted, keys = connection.ops.quote_name, list(rows.values_list("pk", flat=True))
    assignments = ", ".join(f"{quoted(name)} = %s" for name in values)
    places = ", ".join(["%s"] * len(keys)) or "NULL"
    given = [connection.ops.adapt_datetimefield_value(v) if isinstance(v, datetime) else v for v in values.values()]
    with connection.cursor() as cursor:
        statement = f"UPDATE {quoted(rows.model._meta.db_table)} SET {assignments} WHERE id IN ({places})"
        cursor.execute(statement, [*given, *keys])


def delete_each(rows):
    for row in rows:
        row.delete()


WAYS = [save, update, bulk_update, sql]


@pytest.fixture
def content():
    """A few rows of each model, so that pages are made quickly."""
    now = timezone.now()
    since = {"published_at_zh_hans": now, "published_at_en": now}
    names = {"name_zh_hans": "名称", "name_en": "Name"}
    Program.objects.exclude(slug__in=["teacher-exchange", "approval-support"]).delete()
    Country.objects.exclude(slug__in=["japan", "germany"]).delete()
    Term.objects.exclude(pk__in=Term.objects.values_list("pk", flat=True)[:3]).delete()
    program, country = Program.objects.get(slug="teacher-exchange"), Country.objects.get(slug="japan")
    resource = published(industry=Industry.objects.create(slug="industry", **names))
    resource.programs.add(program)
    with_file(resource)
    program.institutions.add(Institution.objects.create(country=country, **names, **since))
    program.certificates.create(**names, **since)
    program.materials.create(**names)
    program.steps.create(text_zh_hans="步骤", text_en="Step")
    program.questions.create(
        question_zh_hans="问", question_en="Question", answer_zh_hans="<p>答</p>", answer_en="<p>Answer</p>"
    )


def by_django(environ, start_response):
    """The WSGI application below: an address without a page, asked for again, is passed on."""
    return [answer(environ["PATH_INFO"]).content]


class Trial:
    """Visitors, the worker, and changes of the content."""

    def __init__(self, clock, swept):
        self.clock, self.swept = clock, swept
        self.server, self.filler = PageServer(by_django), Filler()
        self.server.store.begin()
        self.filler.store.begin()

    def get(self, path) -> bytes:
        """Returns what a visitor gets: a page, or one that says why there is none."""
        environ = {"REQUEST_METHOD": "GET", "PATH_INFO": path, "HTTP_HOST": "portal.example"}
        return b"".join(self.server(environ, lambda _status, _headers: None))

    def compare(self, paths):
        """Asserts that every page of the edition in force, and each of `paths`, is what Django makes now."""
        # As the thread in each process does twice a second.
        edition = self.server.store.catch_up()
        assert edition.name == name_in_force()
        kept = {path: page.bodies[""] for path, page in edition.pages.items()}
        for path in {*kept, *paths}:
            # Also what is kept of other pages is made anew.
            caches["template_fragments"].clear()
            fresh = answer(path)
            assert self.get(path) == fresh.content == kept.get(path, fresh.content), path
            if fresh.status_code == 200:
                # Another process reads the files.
                assert Edition(edition.name).find(path).bodies == FinishedPage.compressed("en", fresh.content).bodies
                self.swept["pages compared"] += 1

    def change(self, what, paths, work, *arguments) -> set[str]:
        """Calls `work` with `arguments`, if the database lets it, and compares. Returns those of `paths` it changed."""
        before = {path: self.get(path) for path in paths}
        try:
            with transaction.atomic():
                work(*arguments)
        except (IntegrityError, ProtectedError, ValidationError):
            self.swept["refused"] += 1
            return set()
        self.swept[what] += 1
        self.compare(paths)
        return {path for path, body in before.items() if self.get(path) != body}

    def pass_time(self, hours, paths):
        """Lets time pass. The worker notices the moments of scheduled things; without one, no page changes."""
        self.clock.shift(timedelta(hours=hours))
        self.filler.step()
        self.swept["time"] += 1
        self.compare(paths)


def both(page):
    return [f"/{language}/{page}" for language in LANGUAGES]


def copy_of(row, number):
    """Returns an unsaved copy of `row`."""
    row.pk, row._state.adding = None, True
    if hasattr(row, "slug"):
        row.slug = f"{row.slug}-{number}"
    return row


def load_again():
    """Loads the first content again, as after a release that brings entries which the site lacks."""
    Term.objects.all().delete()
    LoadedEntry.objects.filter(name__startswith="term:").delete()
    call_command("load_content", verbosity=0)


def further(trial, data, number):
    """Makes a change of any kind."""

    def one_of(choices):
        return data.draw(st.sampled_from(list(choices)))

    what = one_of(["publication", "relation", "deletion", "copy", "first content", "time"])
    model = one_of([m for m in content_version.CONTENT if issubclass(m, Published)])
    paths = [*both(SHOWN[model][0]), *both(one_of(OTHERS))]
    moments = [None, timezone.now(), timezone.now() + timedelta(hours=number)]
    match what:
        case "publication":
            values = {one_of(in_both_languages("published_at")): one_of(moments)}
            rows = model.objects.filter(pk__in=model.objects.order_by("pk").values_list("pk", flat=True)[: number % 3])
            trial.change(what, paths, one_of(WAYS), rows, values)
        case "relation":
            near, name, far = one_of(RELATIONS)
            model, other, name = one_of([(near, far, name), (far, near, RELATIONS[near, name, far])])
            row, rows = model.objects.order_by("pk")[number % 2 :].first(), other.objects.order_by("-pk")[: number % 3]
            if row:
                trial.change(what, [*both(SHOWN[near][0]), *both(SHOWN[far][0])], getattr(row, name).set, rows)
        case "deletion":
            model = one_of([m for m in content_version.CONTENT if m is not Department])
            rows = model.objects.filter(pk__in=model.objects.order_by("pk").values_list("pk", flat=True)[:1])
            by = one_of([delete_each, type(rows).delete, lambda rows: rows._raw_delete("default")])
            trial.change(what, paths, by, rows)
        case "copy":
            if row := model.objects.order_by("pk")[number % 3 :].first():
                trial.change(what, paths, model.objects.bulk_create, [copy_of(row, number)])
        case "first content":
            trial.change(what, paths, load_again)
        case "time":
            trial.pass_time(number, paths)


def test_after_any_change_every_page_is_what_django_makes_now(content, record_property):
    swept = Counter()

    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.data())
    def try_one(data):
        seen = publishing.seen_as_of
        with transaction.atomic(), time_machine.travel(timezone.now()) as clock:
            trial = Trial(clock, swept)
            shift = data.draw(NUMBER)
            for number, model in enumerate(data.draw(st.permutations(content_version.CONTENT))):
                page, columns = SHOWN[model]
                way = WAYS[(number + shift) % len(WAYS)]
                values = dict.fromkeys(columns, f"文 {number} {data.draw(NUMBER)}")
                paths = [*both(page), *both(data.draw(st.sampled_from(OTHERS)))]
                rows = model.objects.filter(pk=shown_row(model).pk)
                assert set(both(page)) <= trial.change(way.__name__, paths, way, rows, values), (model, way)
                swept[model] += 1
                if data.draw(st.booleans()):
                    trial.pass_time(data.draw(NUMBER), paths)
            for number in data.draw(st.lists(NUMBER, min_size=4, max_size=10)):
                further(trial, data, number)
            publishing.seen_as_of = seen
            transaction.set_rollback(True)

    try_one()
    for what, number in swept.items():
        record_property(str(getattr(what, "__name__", what)), number)
    assert {model for model in content_version.CONTENT if swept[model]} == set(SHOWN)
    assert all(swept[way.__name__] for way in WAYS)
    assert swept["pages compared"] >= 60 * EXAMPLES


def shown_row(model):
    """Returns the row that the page of SHOWN shows."""
    slug = SHOWN[model][0].strip("/").rpartition("/")[2]
    if "slug" in {field.name for field in model._meta.get_fields()} and model is not Industry:
        return model.objects.get(slug=slug)
    return model.objects.order_by("pk").last()
