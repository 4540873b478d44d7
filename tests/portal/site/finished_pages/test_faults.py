"""What is left of an edition after a power cut, a full disk, a restored database or a lost row is not handed out."""

from pathlib import Path

import pytest

from portal import content_version
from portal.models import Centre
from portal.site.finished_pages import editions
from portal.site.finished_pages.editions import link, name_in_force, remove_old
from portal.site.finished_pages.pages import answer
from portal.site.finished_pages.server import PageServer
from portal.site.finished_pages.store import Store, asked_for

pytestmark = pytest.mark.django_db

HOME = "/en/"


def begun():
    store = Store()
    store.begin()
    return store


def test_what_a_power_cut_has_left_is_made_again(monkeypatch, tmp_path, request):
    before = begun()
    before.make(HOME)
    # A file system may have renamed a file, and lost what is in it.
    before.edition.files(HOME)[""].write_bytes(b"")
    monkeypatch.setattr(editions, "BOOT_ID", tmp_path / "boot_id")
    (tmp_path / "boot_id").write_text("of the next start of the machine")
    editions.release.cache_clear()
    request.addfinalizer(editions.release.cache_clear)
    after = begun()
    assert after.edition.name == name_in_force()
    assert not after.edition.has(HOME)
    assert after.make(HOME)[0].bodies[""] == answer(HOME).content


def test_a_disk_that_is_read_only_is_said(monkeypatch, caplog):
    store = begun()

    def read_only(*arguments, **options):
        raise OSError(30, "Read-only file system")

    with monkeypatch.context() as patch:
        for name in ("symlink_to", "unlink"):
            patch.setattr(Path, name, read_only)
        Centre.objects.update(sort_order=7)
        assert store.catch_up() is not None
    assert "hands out old pages" in caplog.text


def test_pages_of_a_version_that_comes_back_are_made_again(monkeypatch):
    """A backup is restored that has the version of an edition which is still on the disk."""
    store = begun()
    first, row = store.edition, content_version.ContentVersion.objects.get()
    store.make(HOME)
    Centre.objects.update(sort_order=7)
    assert store.catch_up() is not first
    row.save()
    assert store.catch_up().name == first.name
    assert not store.edition.has(HOME)
    # What was taken away is deleted like other editions.
    assert len(list(editions.settings.PAGES_ROOT.glob("*-*"))) == 3
    monkeypatch.setattr(editions, "GRACE", -60)
    remove_old()
    assert [path.name for path in editions.settings.PAGES_ROOT.glob("*-*")] == [store.edition.name]


def test_an_edition_is_in_force_as_soon_as_the_disk_works_again(monkeypatch):
    store = begun()

    def full(*arguments):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "symlink_to", full)
        Centre.objects.update(sort_order=7)
        edition = store.catch_up()
        assert name_in_force() is None
        assert store.make(HOME)[0]
        assert store.catch_up() is edition
    assert store.catch_up() is edition
    assert name_in_force() == edition.name


def test_without_a_version_nothing_is_in_force():
    store = begun()
    store.make(HOME)
    content_version.ContentVersion.objects.all().delete()
    assert store.catch_up() is None
    assert store.edition is None
    assert not link().is_symlink()


def test_addresses_that_somebody_makes_up_leave_nothing_on_the_disk():
    server = PageServer(None)
    server.store.begin()
    answers = []
    for number in range(20):
        environ = {"REQUEST_METHOD": "GET", "PATH_INFO": f"/en/programs/made-up-{number}/"}
        environ["HTTP_HOST"] = "portal.example"
        server(environ, lambda status, _headers: answers.append(status))
    assert answers == ["404 Not Found"] * 20
    assert asked_for() == {}
    assert server.store.edition.pages_on_disk() == len(server.store.edition.pages) == 0
