"""Parts of pages that are made once for each content version: never stale, never of another page or visitor."""

import re
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.core.cache import caches
from django.db import connection
from django.utils import timezone
from modeltranslation.utils import build_localized_fieldname

from partners.models import Country
from portal import content_version, department_copy
from portal.bilingual.publishing import in_both_languages
from portal.database import DatabaseAway
from portal.models import Centre, Department, Page
from programs.models import Area, Program

pytestmark = pytest.mark.django_db

CENTRE = "international-exchange"
# A page of each kind.
PATHS = [
    *["", "about/", "centres/", f"centres/{CENTRE}/", "programs/", "programs/?q=exchange", "programs/overview/"],
    *["programs/areas/evaluation/", "programs/teacher-exchange/", "programs/teacher-exchange/?view=pair"],
    *[
        "programs/approval-support/?have=1",
        "resources/",
        "partners/",
        "partners/japan/",
        "terms/",
        "search/?q=exchange",
    ],
    *["contact/", "contact/?program=teacher-exchange", "contact/status/", "nothing/"],
]
SECRETS = re.compile(r'name="(csrfmiddlewaretoken|form_token)" value="[^"]*"')


@pytest.fixture
def shown(client):
    """Returns the HTML of a page, without the tokens that each form has for itself."""
    return lambda path: SECRETS.sub("", client.get(path).content.decode())


def addresses():
    return [f"/{language}/{path}" for language in ("en", "zh-hans") for path in PATHS]


@pytest.mark.no_database
def test_no_part_belongs_to_another_page_or_language(shown):
    """Each page is the same if nothing was made before, and if all other pages were."""
    new = {}
    for path in addresses():
        caches["template_fragments"].clear()
        new[path] = shown(path)
    again = {path: shown(path) for path in reversed(addresses())}
    assert len(again) == 40
    assert again == new
    assert {path: shown(path) for path in addresses()} == new


CHANGES = [
    (Department, {}, "name", PATHS),
    (Department, {}, "address", PATHS),
    (Page, {"slug": "accessibility"}, "title", PATHS),
    (Centre, {"slug": CENTRE}, "title", ["", "centres/", f"centres/{CENTRE}/", "programs/", "programs/overview/"]),
    (Area, {"slug": "evaluation"}, "title", ["", "programs/", "programs/overview/", "programs/areas/evaluation/"]),
    (Country, {"slug": "japan"}, "name", ["", "programs/", "partners/", "partners/japan/", "contact/"]),
    (Program, {"slug": "teacher-exchange"}, "title", ["", "programs/", "programs/teacher-exchange/", "contact/"]),
]


@pytest.mark.parametrize("how", ["save", "update"])
def test_a_change_shows_at_once_on_every_page(shown, how):
    for path in addresses():
        shown(path)
    checked = 0
    for number, (model, lookup, field, paths) in enumerate(CHANGES):
        new = {"en": f"Quite another name {number}", "zh-hans": f"全新名称{number}"}
        row = model.objects.get(**lookup)
        for language, text in new.items():
            setattr(row, build_localized_fieldname(field, language), text)
        if how == "save":
            row.save()
        else:
            columns = in_both_languages(field)
            model.objects.filter(pk=row.pk).update(**{column: getattr(row, column) for column in columns})
        for language, text in new.items():
            for path in paths:
                assert text in shown(f"/{language}/{path}"), (model, path)
                checked += 1
    assert checked > 150


def test_what_is_withdrawn_is_gone_at_once(shown):
    paths = [path for path in PATHS if "Accessibility" in shown(f"/en/{path}")]
    assert paths == PATHS
    Page.objects.filter(slug="accessibility").update(published_at_en=None)
    assert [path for path in PATHS if "Accessibility" in shown(f"/en/{path}")] == []
    Page.objects.filter(slug="accessibility").update(published_at_en=timezone.now())
    assert [path for path in PATHS if "Accessibility" in shown(f"/en/{path}")] == PATHS


def test_what_is_scheduled_appears_when_its_time_comes(shown, monkeypatch):
    moment = timezone.now() + timedelta(days=1)
    Page.objects.filter(slug="accessibility").update(published_at_en=moment)
    Country.objects.filter(slug="japan").update(published_at_en=moment)
    paths = ["", "partners/", "search/", "contact/"]
    before = {path: shown(f"/en/{path}") for path in paths}
    assert not [path for path, text in before.items() if "Accessibility" in text or "/partners/japan/" in text]
    assert content_version.next_moment(timezone.now()) == moment
    monkeypatch.setattr(timezone, "now", lambda: moment)
    assert {path: shown(f"/en/{path}") for path in paths} == before
    assert content_version.pass_moments(moment)
    after = {path: shown(f"/en/{path}") for path in paths}
    assert all("Accessibility" in text for text in after.values())
    assert all("/partners/japan/" in after[path] for path in ("", "partners/"))


def test_a_change_of_which_the_transaction_fails_leaves_nothing(shown):
    before = shown("/en/")
    savepoint = connection.savepoint()
    Department.objects.update(name_en="Quite another name")
    assert "Quite another name" in shown("/en/")
    connection.savepoint_rollback(savepoint)
    assert shown("/en/") == before


@pytest.mark.no_database
def test_nothing_about_a_visitor_is_kept(client, monkeypatch):
    """Nor about the query of a page: whatever a visitor sends, nothing is kept that was not kept for others."""
    stored = []
    monkeypatch.setattr(
        type(caches["template_fragments"]), "_set", lambda _self, key, value, *_args: stored.append((key, value))
    )
    word = "qwzjxk"
    for path in addresses():
        query = f"{path}{'&' if '?' in path else '?'}message={word}&reference={word}&have={word}&from={word}"
        client.get(query, headers={"user-agent": word, "referer": word, "x-forwarded-for": word})
        client.post(path, {"message": word, "organisation": word, "reference": word})
    assert len(stored) > 100
    assert [key for key, value in stored if word in key or word.encode() in value] == []


@pytest.mark.no_database
def test_the_keys_are_few(client):
    """Queries and unknown addresses add nothing, so that nobody can fill the memory with them."""
    for path in ("programs/", "search/", "contact/", "nothing/"):
        client.get(f"/en/{path}?q=0")
    client.post("/en/contact/", {})
    client.get("/nothing/")
    known = set(caches["template_fragments"]._cache)
    assert known
    for number in range(20):
        for path in (
            "programs/?q=",
            "programs/?country=",
            "search/?q=",
            "contact/?message=",
            "contact/?program=",
            "nothing",
        ):
            client.get(f"/en/{path}{number}/")
        client.post("/en/contact/", {"message": number})
        client.get(f"/nothing/{number}/")
    assert set(caches["template_fragments"]._cache) == known


@contextmanager
def database_away(after=0):
    """The database is away after so many queries."""
    left = iter(range(after))

    def refuse(execute, *arguments):
        if next(left, None) is None:
            raise DatabaseAway("The test has taken it away.")
        return execute(*arguments)

    with connection.execute_wrapper(refuse):
        yield


@pytest.mark.parametrize("after", [0, 1])
@pytest.mark.parametrize(
    "path", ["/en/programs/", "/en/programs/teacher-exchange/", "/en/contact/", "/en/contact/status/"]
)
def test_while_the_database_is_away_the_page_shows_the_copy(client, monkeypatch, path, after):
    """The copy has other telephone numbers than the parts that were made before, and leaves none of its own behind."""
    monkeypatch.setattr(department_copy, "copied_department", lambda: Department(telephones="+86 10 1111 2222"))
    client.raise_request_exception = False
    is_form = "contact" in path
    before = SECRETS.sub("", client.get(path).content.decode())
    assert "5365 6705" in before
    assert "1111 2222" not in before
    with database_away(after):
        response = client.post(path, {"organisation": "College", "reference": "A"}) if is_form else client.get(path)
    page = response.content.decode()
    assert response.status_code == 503
    assert page.count("1111 2222") > 1
    assert "5365 6705" not in page
    assert SECRETS.sub("", client.get(path).content.decode()) == before
