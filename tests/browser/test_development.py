"""The development server reloads changed templates, style sheets and code, and survives a syntax error."""

import shutil
import subprocess
from http.client import HTTPException
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from tests.conftest import PROJECT, start_site, stop_site

LEFT_OUT = shutil.ignore_patterns(".git", ".venv", "var", "*.mo", "__pycache__")


@pytest.fixture
def clone(tmp_path):
    return shutil.copytree(PROJECT, tmp_path / "clone", ignore=LEFT_OUT)


def read(url):
    """The body of the response, or an empty string while the server restarts."""
    try:
        return urlopen(url, timeout=5).read().decode()
    except HTTPError as error:
        return error.read().decode()
    except (OSError, HTTPException):
        return ""


def reloads(site, path, condition):
    """
    Whether `condition()` becomes true within two minutes after `path` was changed.

    The file is touched every ten seconds: a reloader that first looks at it after the change does not see the change.
    """
    for attempt in range(1, 1200):
        if condition():
            return True
        if attempt % 100 == 0:
            path.touch()
        try:
            site.process.wait(0.1)
        except subprocess.TimeoutExpired:
            continue
    return False


def replace(path, old, new):
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))


def test_changes_show_on_reload(clone, tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    site = start_site(data, project=clone, PORTAL_DEBUG="1")
    try:
        assert "Using the URLconf" in read(f"{site.url}/en/no-such-page/")
        replace(clone / "templates/portal/centre_list.html", "<h1>", "<h1>Changed: ")
        assert "<h1>Changed: " in read(f"{site.url}/en/centres/")
        replace(clone / "static/css/base.css", "line-break: strict;", "line-break: loose;")
        stylesheet = urlopen(f"{site.url}/static/css/base.css", timeout=5)
        assert "line-break: loose;" in stylesheet.read().decode()
        assert "max-age=0" in stylesheet.headers["Cache-Control"], "or a browser would show the old one"
        view = clone / "portal/views.py"
        replace(view, "ok\\n", "changed\\n")
        assert reloads(site, view, lambda: read(f"{site.url}/healthz") == "changed\n")
        replace(view, "def health(request)", "def health((request)")
        assert reloads(site, view, lambda: "SyntaxError" in (data / "serve.log").read_text())
        replace(view, "def health((request)", "def health(request)")
        assert reloads(site, view, lambda: read(f"{site.url}/healthz") == "changed\n")
    finally:
        stop_site(site)
