"""The rights in the data folder of a real portal: others read public files, and resources by their name; no more."""

import os
import shutil
from time import monotonic, sleep

import pytest

from tests.conftest import first_start, start_site, stop_site
from tests.portal.test_settings import manage

pytestmark = pytest.mark.no_database

# Writes a public and a private file, and a mail.
WRITING = """
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from contact.mail.messages import queue_text
storages["default"].save("department/new.png", ContentFile(b""))
storages["private"].save("attachments/new", ContentFile(b""))
storages["resources"].save("new", ContentFile(b""))
queue_text("alex@college.example", "Subject", "Text", [])
"""


@pytest.fixture(scope="module")
def used(tmp_path_factory):
    """A data folder with a database and a file in each place."""
    data = tmp_path_factory.mktemp("used") / "data"
    # This start collects static files itself.
    shutil.copytree(first_start(), data, ignore=shutil.ignore_patterns("static", "pages"))
    for old in ("mail", "private/attachments", "media/department", "static/css", "pages/1/en", "resources", "logs"):
        (data / old).mkdir(parents=True)
        (data / old / "old").write_text("old")
    return data


def widen(data):
    """Gives everybody access to everything, as a copied or restored folder may have it."""
    for path in [data, *data.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)


def wrong_rights(data):
    """Returns the paths with other rights than they should have, each with its rights, and the number of all paths."""
    paths, wrong = [data, *data.rglob("*")], {}
    for path in paths:
        place = path.relative_to(data).as_posix()
        # The worker is writing this page.
        if place.startswith("pages/") and path.name.startswith("."):
            continue
        if place == ".":
            expected = 0o711
        elif place.split("/")[0] in ("pages", "static", "media"):
            expected = 0o755 if path.is_dir() else 0o644
        elif place.split("/")[0] == "resources":
            expected = 0o711 if path.is_dir() else 0o644
        else:
            expected = 0o700 if path.is_dir() else 0o600
        rights = path.stat().st_mode & 0o7777
        if rights != expected:
            wrong[place] = oct(rights)
    return wrong, len(paths)


@pytest.mark.parametrize("umask", [0o000, 0o077], ids=oct)
def test_the_rights_of_a_folder_that_everybody_could_read(used, tmp_path, umask, record_property):
    data = tmp_path / "data"
    shutil.copytree(used, data)
    widen(data)
    (tmp_path / "elsewhere").write_text("")
    (tmp_path / "elsewhere").chmod(0o644)
    (data / "link").symlink_to(tmp_path / "elsewhere")
    before = os.umask(umask)
    try:
        site = start_site(data)
    finally:
        os.umask(before)
    try:
        site.manage("shell", "-v0", "-c", WRITING)
        deadline = monotonic() + 20
        while len(list((data / "mail").iterdir())) < 2 and monotonic() < deadline:
            sleep(0.1)
        (data / "link").unlink()
        for name in ("portal.sqlite3-wal", "portal.sqlite3-shm", "secret-key", "serve.log", "static/staticfiles.json"):
            assert (data / name).exists(), name
        assert len(list((data / "mail").iterdir())) >= 2, "the worker has written a mail beside the old one"
        for ending in (".css", ".css.gz", ".css.br"):
            assert list((data / "static/css").glob(f"*{ending}")), ending
        wrong, number = wrong_rights(data)
        assert wrong == {}
        record_property("rights checked", number)
        assert (tmp_path / "elsewhere").stat().st_mode & 0o777 == 0o644, "what a link leads to is not the portal's"
    finally:
        stop_site(site)


def test_what_other_commands_write_is_for_the_owner_too(tmp_path):
    data = tmp_path / "new"
    before = os.umask(0o000)
    try:
        assert manage(data, "migrate", "portal", "0001").returncode == 0
    finally:
        os.umask(before)
    assert wrong_rights(data) == ({}, 3)
    assert {path.name for path in data.iterdir()} == {"secret-key", "portal.sqlite3"}
