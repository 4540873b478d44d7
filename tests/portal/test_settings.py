"""In production an insecure setting stops the start, and secure settings pass Django's deployment checks."""

import os
import runpy
import subprocess
import sys

import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

pytestmark = pytest.mark.no_database

PRODUCTION = {
    "PORTAL_SITE_URL": "https://portal.example",
    "PORTAL_SECRET_KEY": "0123456789abcdefghijklmnopqrstuvwxyz-0123456789-ABCDEFGHIJ",
    "PORTAL_TRUSTED_PROXIES": "1",
    "EMAIL_URL": "submission://user:password@mail.example:587",
    "PORTAL_ENQUIRIES_TO": "Desk <desk@portal.example>, other@portal.example",
}


def manage(tmp_path, *arguments, **variables):
    keep = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PORTAL_", "EMAIL_", "DATABASE_", "DJANGO_ALLOW"))
    }
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=settings.BASE_DIR,
        env=keep | {"PORTAL_DATA": str(tmp_path)} | variables,
        capture_output=True,
        text=True,
    )


def test_deployment_checks_are_clean(tmp_path):
    run = manage(tmp_path, "check", "--deploy", "--fail-level", "INFO", **PRODUCTION)
    assert run.returncode == 0, run.stderr
    assert "no issues" in run.stdout


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORTAL_SITE_URL", "http://portal.example"),
        ("PORTAL_SITE_URL", "https://[::1"),
        ("PORTAL_SITE_URL", "https://portal.example:port"),
        ("PORTAL_TRUSTED_PROXIES", "-1"),
        ("PORTAL_DATA", ""),
        ("PORTAL_DEBUG", "1"),
        ("PORTAL_DEMO", "1"),
        ("PORTAL_SECRET_KEY", ""),
        ("PORTAL_SECRET_KEY", "short"),
        ("PORTAL_TRUSTED_PROXIES", "0"),
        ("CACHE_URL", "dummy://"),
        ("CACHE_URL", "locmem://"),
        ("EMAIL_URL", ""),
        ("EMAIL_URL", "console:"),
        ("EMAIL_URL", "submission://:587"),
        ("EMAIL_URL", "submission://user:password@mail.example:587?_default_from_email=nobody"),
        ("PORTAL_ENQUIRIES_TO", ""),
        ("PORTAL_ENQUIRIES_TO", "desk"),
    ],
)
def test_what_is_insecure_stops_the_start(tmp_path, monkeypatch, name, value):
    monkeypatch.delenv("PORTAL_DEBUG", raising=False)
    for variable, given in (PRODUCTION | {"PORTAL_DATA": str(tmp_path), name: value}).items():
        monkeypatch.setenv(variable, given)
    with pytest.raises(ImproperlyConfigured, match=name):
        runpy.run_path(str(settings.BASE_DIR / "portal/settings.py"))
    assert not (tmp_path / "secret-key").exists()


@pytest.mark.parametrize(
    ("name", "values", "sentence"),
    [
        (
            "EMAIL_URL",
            ["smtp://", "smtp:///mail.example", "smtp:mail.example", "submission://user:word@:587", "smtp+tls://:587"],
            "EMAIL_URL must begin with smtp:// or submission://, and name the mail host",
        ),
        ("CACHE_URL", ["db://", "redis://", "redis://:6379/0"], "CACHE_URL must name a table or a host"),
        ("DATABASE_URL", ["sqlite://", "sqlite://portal.sqlite3"], "DATABASE_URL must name a file"),
        ("DATABASE_URL", ["postgres://", "postgres://host"], "DATABASE_URL must name a database"),
    ],
)
def test_a_url_without_a_host_or_a_name_stops_the_start(tmp_path, monkeypatch, name, values, sentence):
    for variable in ("DATABASE_URL", "EMAIL_URL", "CACHE_URL", "PORTAL_SITE_URL", "PORTAL_DEBUG"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("PORTAL_DATA", str(tmp_path))
    for value in values:
        monkeypatch.setenv(name, value)
        with pytest.raises(ImproperlyConfigured, match=sentence):
            runpy.run_path(str(settings.BASE_DIR / "portal/settings.py"))


def test_files_are_not_left_to_a_web_server_that_is_not_there(tmp_path):
    run = manage(tmp_path, "check", PORTAL_X_ACCEL="1")
    assert run.returncode != 0
    assert "PORTAL_X_ACCEL leaves the sending of files to nginx" in run.stderr
    assert manage(tmp_path, "check", PORTAL_X_ACCEL="1", PORTAL_TRUSTED_PROXIES="1").returncode == 0


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("EMAIL_URL", "submission://user:geheim/word@mail.example"),
        ("EMAIL_URL", "submission://user:word@mail.example:geheim"),
        ("DATABASE_URL", "postgres://user:geheim/word@host/name"),
        ("DATABASE_URL", "postgres://user:geheim@host/"),
        ("CACHE_URL", "//user:geheim@host"),
        ("CACHE_URL", "redis://user:geheim/word@host/0"),
        ("DATABASE_URL", "mysql://user:geheim@host/name"),
        ("PORTAL_ENQUIRIES_TO", "geheim@@mail.example"),
        ("PORTAL_SITE_URL", "http://portal.example"),
        ("PORTAL_SITE_URL", "https://[::1"),
        ("PORTAL_SITE_URL", "https://portal.example:port"),
        ("PORTAL_TRUSTED_PROXIES", "-1"),
        ("PORTAL_DATA", ""),
        ("PORTAL_DATA", "/dev/null/data"),
        ("PORTAL_DEBUG", "perhaps"),
        ("PORT", "abc"),
        ("PORT", "65536"),
    ],
)
def test_a_faulty_setting_is_named_in_one_sentence_and_a_password_not_repeated(tmp_path, name, value):
    run = manage(tmp_path, "serve" if name == "PORT" else "run_worker", **PRODUCTION | {name: value})
    assert run.returncode == 1
    assert run.stdout == ""
    [sentence] = run.stderr.splitlines()
    assert name in sentence
    assert "geheim" not in sentence


@pytest.mark.parametrize("name", ["DATABASE_URL", "EMAIL_URL", "CACHE_URL"])
def test_debug_pages_never_show_a_password_of_the_environment(tmp_path, monkeypatch, name):
    for variable in ("DATABASE_URL", "EMAIL_URL", "CACHE_URL", "PORTAL_SITE_URL"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("PORTAL_DATA", str(tmp_path))
    monkeypatch.setenv("PORTAL_DEBUG", "1")
    path = str(settings.BASE_DIR / "portal/settings.py")
    assert runpy.run_path(path)["DEBUG"]
    monkeypatch.setenv(name, "smtp://user:secret@mail.example" if name == "EMAIL_URL" else "redis://user:secret@host/0")
    with pytest.raises(ImproperlyConfigured, match="PORTAL_DEBUG"):
        runpy.run_path(path)


@pytest.mark.parametrize("name", ["DATABASE_URL", "EMAIL_URL", "CACHE_URL"])
def test_the_demonstration_reaches_no_database_and_no_mail_host_of_the_environment(tmp_path, monkeypatch, name):
    for variable in ("DATABASE_URL", "EMAIL_URL", "CACHE_URL", "PORTAL_SITE_URL", "PORT"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("PORTAL_DATA", str(tmp_path))
    monkeypatch.setenv("PORTAL_DEMO", "1")
    path = str(settings.BASE_DIR / "portal/settings.py")
    found = runpy.run_path(path)
    assert found["PORT"] == 8001
    assert found["POST_OFFICE"]["BACKENDS"] == {"default": "contact.mail.files.EmailBackend"}
    monkeypatch.setenv(name, "smtp://user:secret@mail.example" if name == "EMAIL_URL" else "redis://user:secret@host/0")
    with pytest.raises(ImproperlyConfigured, match=f"demonstration.*{name}"):
        runpy.run_path(path)


def test_embedded_makes_a_secret_that_nobody_else_reads(tmp_path):
    assert manage(tmp_path, "check").returncode == 0
    secret = tmp_path / "secret-key"
    assert len(secret.read_text()) >= 50
    assert secret.stat().st_mode & 0o077 == 0
    before = secret.read_text()
    assert manage(tmp_path, "check").returncode == 0
    assert secret.read_text() == before


def test_any_embedded_address_has_a_sender_of_mails(tmp_path):
    run = manage(tmp_path, "check", PORTAL_SITE_URL="http://127.0.0.1:8000")
    assert run.returncode == 0, run.stderr


def test_settings_from_the_environment(tmp_path):
    code = (
        "from django.conf import settings as s; print(s.PORTAL_ENQUIRIES_TO, s.EMAIL_HOST, s.EMAIL_TIMEOUT, "
        "s.EMAIL_USE_TLS, s.SESSION_COOKIE_SECURE, s.ALLOWED_HOSTS, s.PORTAL_REQUIRE_MFA)"
    )
    run = manage(tmp_path, "shell", "-v0", "-c", code, **PRODUCTION)
    assert "['desk@portal.example', 'other@portal.example'] mail.example 20 True True" in run.stdout
    assert "['portal.example'] True" in run.stdout
