"""What finished pages are made of: tables whose changes change the content version, and no parameter of a query."""

import re

import pytest
from django.conf import settings
from django.db import connection
from django.http import QueryDict
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import resolve
from django.utils import timezone
from django.utils.translation import override

from partners.models import Country, Institution
from portal import content_version
from portal.models import Department
from portal.site.finished_pages.filling import addresses
from portal.site.finished_pages.pages import answer
from portal.site.finished_pages.server import PARAMETERS
from programs.models import Industry, Program
from tests.programs.resources import published, with_file

pytestmark = pytest.mark.django_db

# Beside those of the content: what a page reads that cannot make it differ.
# The name of the version is a key of what is kept for one version. Parity changes it where pages show parity.
OTHER_TABLES = {"portal_contentversion", "portal_parity", "portal_review"}
SOURCES = ["portal", "partners", "programs"]
# Where code asks for a whole query: the redirects to an address with a language and from a former address, and the link
# to the other language, of which a finished page has the one without a query.
WHOLE_QUERIES = {"portal/bilingual/languages.py", "portal/templatetags/portal_tags.py", "portal/views.py"}
QUERIES = [
    "",
    "from=timeline&isappinstalled=0&utm_source=x&lang=en&_=1",
    "q=exchange&page=2&view=pair&have=1&have=2",
    "area=evaluation&centre=international-exchange&country=japan",
    "kind=form&language=en&program=approval-support&industry=none",
    "view=pair&page=999999999999&have=x&q=%00%ff",
    "&&=&%5B%5D=&page[]=2&VIEW=pair&format=json&callback=x&next=//evil.example&reference=1",
]


@pytest.fixture
def everything():
    """Rows of all that pages can show."""
    since = {"published_at_zh_hans": timezone.now(), "published_at_en": timezone.now()}
    names = {"name_zh_hans": "名称", "name_en": "Name"}
    program, country = Program.objects.get(slug="teacher-exchange"), Country.objects.get(slug="japan")
    resource = published(industry=Industry.objects.create(slug="industry", **names), kind="form")
    resource.programs.add(program)
    resource.countries.add(country)
    with_file(resource)
    program.countries.add(country)
    program.institutions.add(Institution.objects.create(country=country, **names, **since))
    program.certificates.create(country=country, **names, **since)
    program.materials.create(template=resource, **names)
    program.steps.create(text_zh_hans="步骤", text_en="Step")
    Department.objects.update(says_out_of_step=True, says_checked=True)
    answers = {"answer_zh_hans": "<p>答</p>", "answer_en": "<p>Answer</p>"}
    program.questions.create(question_zh_hans="问", question_en="Question", **answers)


def test_each_table_that_a_page_is_made_of_changes_the_version(everything, record_property):
    existing, found, paths = set(connection.introspection.table_names()), {}, [*addresses(), "/en/search/"]
    for path in paths:
        with CaptureQueriesContext(connection) as queries:
            assert answer(path).status_code == 200
        for query in queries:
            for table in existing & set(re.findall(r"\w+", query["sql"])):
                found.setdefault(table, path)
    assert set(found) - set(content_version.tables()) <= OTHER_TABLES, found
    assert set(content_version.tables()) <= set(found)
    assert len(paths) > 70
    record_property("tables read", len(found))
    record_property("pages made", len(paths))


@pytest.fixture
def read(monkeypatch):
    """The set of the names of parameters that are read in queries; "*" if all of them are."""
    names = set()

    def spied(method, name_of):
        original = getattr(QueryDict, method)

        def spy(query, *arguments, **options):
            # While it is filled, it is mutable.
            if not query._mutable:
                names.add(name_of(*arguments))
            return original(query, *arguments, **options)

        monkeypatch.setattr(QueryDict, method, spy, raising=False)

    for method in ("__getitem__", "__contains__", "get", "getlist", "_getlist"):
        spied(method, lambda name, *_arguments: name)
    for method in ("__iter__", "keys", "values", "items", "lists", "dict", "urlencode", "copy", "__copy__"):
        spied(method, lambda *_arguments: "*")
    return names


def english_pages():
    return [path for path in addresses() if path.startswith("/en/")] + ["/en/search/"]


def test_each_parameter_that_a_page_reads_is_known(everything, read, record_property):
    visitor, number = Client(SERVER_NAME="portal.example"), 0
    # One page of each view.
    with override("en"):
        views = {resolve(path).url_name: path for path in english_pages()}
    for path in [*views.values(), "/en/programs/teacher-exchange/", "/en/resources/sample-standard/"]:
        for query in QUERIES:
            assert visitor.get(path, QUERY_STRING=query).status_code == 200, (path, query)
            number += 1
    assert len(views) >= 15
    # {% querystring %} copies a query for the links to the next pages of a list.
    assert read - {"*"} == PARAMETERS
    record_property("requests", number)


def test_no_source_reads_a_parameter_in_another_way():
    named, whole = set(), set()
    for source in SOURCES:
        for file in (settings.BASE_DIR / source).rglob("*.py"):
            text, name = file.read_text(), str(file.relative_to(settings.BASE_DIR))
            if "admin" in name or "finished_pages" in name or "sign_in" in name:
                continue
            named |= set(re.findall(r"GET(?:\.get|\.getlist)?[(\[]\s*[\"'](\w+)", text))
            whole |= {name} if "QUERY_STRING" in text or "get_full_path" in text else set()
            for use in re.findall(r"request\.GET\b(.{0,12})", text):
                assert re.match(r"\.get(list)?\(|\)|, request\.", use), (name, use)
    assert named
    assert named <= PARAMETERS
    assert whole == WHOLE_QUERIES
    templates = [
        path.read_text() for path in (settings.BASE_DIR / "templates").rglob("*.html") if "admin" not in path.parts
    ]
    assert len(templates) > 50
    assert not [text for text in templates if re.search(r"request\.(GET|META|COOKIES|headers|get_|build_)", text)]
