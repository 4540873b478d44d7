"""How pages are made and kept, and which edition is in force."""

import os
import threading
import time
import zlib
from datetime import timedelta
from pathlib import Path

import pytest
import time_machine
from django.core.management import call_command
from django.db import OperationalError, connections
from django.utils import timezone

from portal import content_version
from portal.bilingual import publishing
from portal.database import DatabaseAway
from portal.models import Centre, Page
from portal.site.finished_pages import editions, filling, pages, store
from portal.site.finished_pages.editions import Edition, name_in_force, name_of, remove_old
from portal.site.finished_pages.filling import NICENESS, Filler, addresses, repeat_filling
from portal.site.finished_pages.pages import answer, is_finished, may_be_finished
from portal.site.finished_pages.store import Store, asked_for
from portal.site.sitemaps import public_pages

pytestmark = pytest.mark.django_db

HOME = "/en/"


@pytest.fixture
def made():
    """A Store that has begun."""
    made = Store()
    made.begin()
    return made


def away(*arguments):
    raise DatabaseAway


def change():
    Centre.objects.update(sort_order=7)


def test_every_public_page_but_those_with_a_cookie_can_be_finished(record_property):
    number, left = 0, set()
    for page in public_pages():
        if may_be_finished(page.path):
            number += 1
            assert is_finished(answer(page.path), page.language), page.path
        else:
            left.add(page.path.partition("/")[2].partition("/")[2])
    assert left == {"contact/", "contact/status/"}
    assert number >= 60
    record_property("pages made", number)


def test_other_responses_are_not_finished(settings):
    response = answer(HOME)
    for name in ("Set-Cookie", "Content-Security-Policy", "X-Frame-Options"):
        response = answer(HOME)
        response.headers[name] = "other"
        assert not is_finished(response, "en"), name
    response = answer(HOME)
    response.set_cookie("a", "b")
    assert not is_finished(response, "en")
    assert not is_finished(answer(HOME), "zh-hans")
    assert not is_finished(answer("/en/nothing/"), "en")


def test_a_page_is_kept_under_the_version_that_was_read_before_it_was_made(made, monkeypatch):
    def answer_and_change(path):
        response = answer(path)
        change()
        return response

    before = made.edition
    monkeypatch.setattr(store, "answer", answer_and_change)
    made.make(HOME)
    assert before.has(HOME)
    assert not made.catch_up().has(HOME)
    assert made.edition is not before


def test_current_points_to_the_edition_of_the_content_version(made, settings):
    link = settings.PAGES_ROOT / "current"
    for _change in range(3):
        assert link.readlink() == Path(name_of(content_version.read()))
        assert not link.readlink().is_absolute()
        assert (link.stat().st_mode & 0o777, settings.PAGES_ROOT.stat().st_mode & 0o777) == (0o755, 0o755)
        change()
        made.catch_up()


def test_without_a_change_nothing_moves(made, django_assert_num_queries):
    edition = made.edition
    with django_assert_num_queries(1):
        assert made.catch_up() is edition


def test_while_the_database_is_away_the_edition_stands_after_a_restart_too(made, monkeypatch):
    page, _response = made.make(HOME)
    monkeypatch.setattr(content_version, "read", away)
    assert made.make("/en/programs/") == (None, None)
    assert made.edition.find(HOME) is page
    restarted = Store()
    restarted.begin()
    assert restarted.edition.find(HOME).bodies == page.bodies


@pytest.mark.parametrize("reason", ["release", "boot", "folder"])
def test_an_edition_that_may_be_wrong_does_not_stand(made, monkeypatch, tmp_path, request, reason):
    monkeypatch.setattr(content_version, "read", away)
    if reason == "release":
        monkeypatch.setattr(editions, "release", lambda: "another")
    elif reason == "boot":
        monkeypatch.setattr(editions, "BOOT_ID", tmp_path / "boot_id")
        (tmp_path / "boot_id").write_text("of another start of the machine")
        editions.release.cache_clear()
        request.addfinalizer(editions.release.cache_clear)
    else:
        made.edition.folder.rmdir()
    restarted = Store()
    restarted.begin()
    assert restarted.edition is None
    assert name_in_force() is None


def test_a_release_is_all_that_pages_are_made_of(settings, tmp_path):
    settings.BASE_DIR, settings.STATIC_ROOT = tmp_path, tmp_path / "static"
    files = ["portal/a.py", "templates/b.html", "locale/c.po", "requirements.txt", "static/staticfiles.json"]
    seen = set()

    def release():
        editions.release.cache_clear()
        return editions.release()

    try:
        for file in files:
            (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
            for text in ("one", "two"):
                (tmp_path / file).write_text(text)
                seen.add(release())
        settings.PORTAL_SITE_URL = "https://other.example"
        seen.add(release())
        assert len(seen) == 2 * len(files) + 1
        (tmp_path / "portal/a.pyc").write_text("compiled")
        assert release() in seen
    finally:
        editions.release.cache_clear()


def test_the_files_of_a_page_are_whole_and_public(made):
    page, _response = made.make("/zh-hans/programs/")
    files = made.edition.files("/zh-hans/programs/")
    for encoding, file in files.items():
        assert file.read_bytes() == page.bodies[encoding]
        assert int(file.stat().st_mtime) == zlib.crc32(page.bodies[""]) & 0x7FFFFFFF
        assert file.parent.stat().st_mode & 0o777 == 0o755
    assert sorted(files[""].parent.iterdir()) == sorted(files.values())


def test_a_full_disk_costs_no_page_and_leaves_no_part(made, monkeypatch, caplog):
    whole = os.utime

    def full(path, *arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "utime", full)
    page, _response = made.make(HOME)
    made.make("/en/programs/")
    assert page.bodies[""] == answer(HOME).content
    assert not list(made.edition.folder.rglob("*.*"))
    # It is still in memory, and said once.
    assert made.edition.find(HOME) is page
    assert caplog.text.count("cannot be kept") == 1
    monkeypatch.setattr(os, "utime", whole)
    made.make("/en/centres/")
    assert made.edition.pages_on_disk() == 1


def test_when_no_edition_can_be_put_in_force_none_is(made, monkeypatch):
    made.make(HOME)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "symlink_to", away_from_disk)
        change()
        edition = made.catch_up()
        assert name_in_force() is None
        page, _response = made.make(HOME)
        assert edition.find(HOME) is page
    change()
    made.catch_up()
    assert name_in_force() == made.edition.name


def away_from_disk(*arguments):
    raise OSError(28, "No space left on device")


def test_memory_and_disk_are_bounded(made, monkeypatch):
    paths = ["/en/", "/en/programs/", "/en/centres/", "/en/partners/"]
    sizes = [made.make(path)[0].size for path in paths]
    small = Edition("small", memory=max(sizes) + min(sizes))
    for path in paths:
        small.remember(path, made.edition.find(path))
        small.remember(path, made.edition.find(path))
    assert small.in_memory == sum(page.size for page in small.pages.values()) <= small.memory
    assert 1 <= len(small.pages) < len(paths)
    assert paths[-1] in small.pages
    monkeypatch.setattr(editions, "LARGEST_EDITION", sum(sizes[:2]))
    for path in paths:
        small.write(path, made.edition.find(path))
    assert small.bytes_on_disk() <= sum(sizes[:2])
    assert small.pages_on_disk() >= 1


def test_of_many_that_want_a_page_one_makes_it(made, monkeypatch):
    calls, together = [], threading.Barrier(8)
    page = made.make("/en/programs/")[0]
    response = answer(HOME)
    monkeypatch.setattr(made, "catch_up", lambda: made.edition)

    def counted(path):
        calls.append(path)
        return response

    monkeypatch.setattr(store, "answer", counted)
    found = []

    def want():
        together.wait()
        found.append(made.make(HOME)[0])

    threads = [threading.Thread(target=want) for _number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert calls == [HOME]
    assert len(set(map(id, found))) == 1
    assert found[0] is not page


def test_a_database_that_answers_one_thread_refuses_no_other(made, monkeypatch):
    """Another one found it away a moment ago. This one has a connection of before."""
    wrapper = connections["default"]
    monkeypatch.setattr(type(wrapper), "away_until", time.monotonic() + 60)
    change()
    assert made.catch_up()
    assert wrapper.away_until is None


def test_old_editions_are_removed_after_a_while(made, monkeypatch):
    first = made.edition
    made.make(HOME)
    os.utime(first.folder, (0, 0))
    change()
    made.catch_up()
    # So long it has been out of force, not in force.
    assert time.time() - first.folder.stat().st_mtime < 60
    remove_old()
    assert first.folder.exists()
    monkeypatch.setattr(editions, "GRACE", -60)
    remove_old()
    assert not first.folder.exists()
    assert made.edition.folder.exists()


def test_the_filler_makes_every_page_lists_first_then_what_was_asked_for(made):
    made.note("/en/terms/")
    made.note("/zh-hans/partners/germany/")
    order = addresses()
    assert len(order) == len(set(order)) >= 60
    lists = [
        path for path in order if path.count("/") == 3 and path.split("/")[2] in ("", "programs", "terms", "centres")
    ]
    assert {"/en/programs/", "/zh-hans/terms/"} <= set(lists)
    last_list = max(order.index(path) for path in ("/en/", "/zh-hans/", "/en/programs/overview/", "/en/resources/"))
    assert order.index("/zh-hans/partners/germany/") == last_list + 1 or order[last_list + 1] == "/en/partners/"
    filler = Filler()
    filler.store.begin()
    for _page in order:
        assert filler.step() > 0
    assert filler.edition.pages_on_disk() == len(order)
    # It keeps nothing in memory, and has no more to do.
    assert not filler.edition.pages
    assert filler.step() == store.INTERVAL


def test_the_thread_that_fills_gives_way_to_others(monkeypatch):
    seen, stopped = [], threading.Event()
    stopped.set()

    def begin(store):
        seen.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))

    monkeypatch.setattr(Store, "begin", begin)
    thread = threading.Thread(target=repeat_filling, args=[stopped])
    thread.start()
    thread.join()
    assert seen[0] >= NICENESS > 0


def test_the_filler_begins_anew_after_a_change_and_when_a_moment_has_passed(made):
    filler, schedule = Filler(), content_version.Schedule()
    filler.step()
    edition = filler.edition
    soon = timezone.now() + timedelta(minutes=1)
    Page.objects.filter(slug="about").update(published_at_en=soon)
    filler.step()
    schedule.step()
    assert filler.edition is not edition
    assert "/en/about/" not in addresses()
    edition = filler.edition
    with time_machine.travel(soon + timedelta(seconds=1)):
        schedule.step()
    # A slower clock agrees.
    filler.step()
    assert filler.edition is not edition
    assert publishing.now() >= soon
    assert "/en/about/" in addresses()


def test_parts_that_were_made_by_a_slow_clock_are_in_no_later_page(made):
    """The footer lists the pages of text. A request by a slow clock makes it first, for the new version."""
    path = "/en/programs/"
    now = timezone.now()
    Page.objects.filter(slug="accessibility").update(published_at_en=now + timedelta(seconds=1))
    with time_machine.travel(now + timedelta(seconds=2)):
        assert content_version.pass_moments(now + timedelta(seconds=1))
    with time_machine.travel(now - timedelta(seconds=5)):
        answer(path)
    assert b"/en/accessibility/" in made.make(path)[0].bodies[""]


def test_an_address_without_a_page_is_remembered_for_its_edition(made, monkeypatch):
    missing = "/en/programs/nothing/"
    assert made.make(missing)[1].status_code == 404
    assert made.edition.missing == {missing}
    monkeypatch.setattr(editions, "LARGEST_MISSING", 1)
    made.make("/en/programs/neither/")
    made.edition.note_missing(HOME, 503)
    assert made.edition.missing == {missing}
    change()
    assert not made.catch_up().missing


def test_notes_are_forgotten_after_a_day(made):
    made.note("/en/terms/")
    made.note("/en/about/")
    note = store.work_folder("asked") / ",en,about,"
    os.utime(note, (0, 0))
    assert list(asked_for()) == ["/en/terms/"]
    assert not note.exists()


def test_the_command_prints_the_state(made, capsys):
    made.make(HOME)
    call_command("finished_pages")
    said = capsys.readouterr().out
    assert str(content_version.read()) in said
    assert made.edition.name in said
    assert f"among them 1 of the {len(addresses())}" in said
    assert f"bytes {made.edition.find(HOME).size:,}" in said


@pytest.mark.parametrize("is_missing", [True, False])
def test_only_a_database_without_a_version_leaves_nothing_in_force(made, monkeypatch, is_missing):
    def fail():
        raise OperationalError

    edition = made.edition
    with monkeypatch.context() as patch:
        patch.setattr(content_version, "read", fail)
        patch.setattr(content_version, "is_missing", lambda: is_missing)
        assert made.catch_up() is None
        assert made.edition is (None if is_missing else edition)
        assert name_in_force() == (None if is_missing else edition.name)
    assert made.catch_up().name == name_in_force()
    assert not content_version.is_missing()


def test_before_the_first_content_nothing_is_kept():
    content_version.ContentVersion.objects.all().delete()
    empty = Store()
    empty.begin()
    assert empty.edition is None
    assert empty.make(HOME) == (None, None)
    assert filling.Filler().step() == store.INTERVAL
    assert pages.may_be_finished(HOME)
