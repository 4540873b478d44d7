"""What `serve` prepares at each start."""

import signal
import subprocess
import sys

import pytest
from django.contrib.staticfiles.finders import FileSystemFinder

from portal.management import preparation
from portal.management.preparation import collect_static_files
from tests.conftest import PROJECT, environment_of, free_port


@pytest.fixture
def source(settings, tmp_path, monkeypatch):
    """The only folder of static files, with one file."""
    source = tmp_path / "source"
    source.mkdir()
    (source / "a.css").write_text("a")
    settings.STATICFILES_DIRS = [source]
    settings.STATIC_ROOT = tmp_path / "static"
    monkeypatch.setattr(preparation, "get_finders", lambda: [FileSystemFinder()])
    return source


def test_static_files_are_collected_if_any_is_another(source, settings):
    collected = settings.STATIC_ROOT / "a.css"
    collect_static_files()
    assert collected.read_text() == "a"
    collected.write_text("left as it is")
    (source / "a.css").write_text("b")
    collect_static_files()
    assert collected.read_text() == "b"
    (source / "a.css").rename(source / "c.css")
    collect_static_files()
    assert (settings.STATIC_ROOT / "c.css").read_text() == "b"


def test_static_files_that_are_damaged_or_missing_are_collected_again(source, settings, monkeypatch):
    (source / "b.css").write_text("@import 'a.css';")
    collect_static_files()
    whole = {path: path.read_bytes() for path in settings.STATIC_ROOT.rglob("*") if path.is_file()}
    assert len(whole) >= 3

    def is_collected_again():
        cleared = []
        with monkeypatch.context() as patch:
            # Collecting takes seconds.
            patch.setattr(preparation, "call_command", lambda *_names, **options: cleared.append(options["clear"]))
            collect_static_files()
        return cleared == [True]

    for path, content in whole.items():
        path.write_bytes(content + b" ")
        assert is_collected_again(), path
        path.unlink()
        assert is_collected_again(), path
        path.write_bytes(content)
    collect_static_files()
    assert {path: path.read_bytes() for path in settings.STATIC_ROOT.rglob("*") if path.is_file()} == whole
    # What is whole is left alone.
    monkeypatch.delattr(preparation, "call_command")
    collect_static_files()


def test_static_files_that_were_cut_off_are_collected_again(source, settings, monkeypatch):
    collect_static_files()

    def kill(*arguments, **options):
        (settings.STATIC_ROOT / "a.css").unlink()
        raise KeyboardInterrupt

    (source / "a.css").write_text("b")
    with monkeypatch.context() as patch:
        patch.setattr(preparation, "call_command", kill)
        with pytest.raises(KeyboardInterrupt):
            collect_static_files()
    # The old one again.
    (source / "a.css").write_text("a")
    collect_static_files()
    assert (settings.STATIC_ROOT / "a.css").read_text() == "a"


@pytest.mark.no_database
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_who_stops_it_while_it_prepares_reads_one_line(number, tmp_path):
    # A shell lets what it starts in the background ignore SIGINT, and the portal would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with subprocess.Popen(
        [sys.executable, "manage.py", "serve"],
        cwd=PROJECT,
        env=environment_of(tmp_path, free_port(), {}),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as serve:
        said = ""
        for character in iter(lambda: serve.stdout.read(1), ""):
            said += character
            if said.endswith("Preparing database … "):
                break
        serve.send_signal(number)
        assert serve.stdout.read() == "\nStopped.\n"
    assert serve.returncode == 0
