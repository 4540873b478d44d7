"""Files for machines, the health check, files that staff upload, and the static error page."""

import re
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import DatabaseError
from django.utils import timezone

from portal.models import Department

pytestmark = pytest.mark.django_db


def test_robots(client):
    text = client.get("/robots.txt").content.decode()
    assert "Disallow: /admin/" in text
    assert "Sitemap: https://portal.example/sitemap.xml" in text


def test_security_txt(client):
    response = client.get("/.well-known/security.txt")
    text = response.content.decode()
    assert response.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert "Contact: tel:+86-10-5365-6705" in text
    assert "mailto:" not in text
    expires = datetime.fromisoformat(re.search("Expires: (.*)", text)[1].replace("Z", "+00:00"))
    assert timedelta(days=30) < expires - timezone.now() < timedelta(days=365)
    Department.objects.update(email="office@example.org")
    assert "Contact: mailto:office@example.org" in client.get("/.well-known/security.txt").content.decode()


def test_health(client, monkeypatch):
    assert client.get("/healthz").content == b"ok\n"

    def fail(*args, **kwargs):
        raise DatabaseError

    monkeypatch.setattr("portal.views.connection.cursor", fail)
    assert client.get("/healthz").status_code == 503


def test_uploaded_files(client):
    default_storage.save("a/picture.png", ContentFile(b"png"))
    default_storage.save("a/page.html", ContentFile(b"<script>"))
    response = client.get("/media/a/picture.png")
    assert b"".join(response.streaming_content) == b"png"
    assert response.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert client.get("/media/a/page.html").status_code == 404
    assert client.get("/media/a/missing.png").status_code == 404
    assert client.get("/media/a/../../secret-key.png").status_code in (400, 404)


def test_unknown_things_show_nothing_until_staff_fill_them_in(client):
    words = ("ICP", "mailto:", "WeChat", "Open:", "beian")
    empty = client.get("/en/contact/").content.decode()
    assert not [word for word in words if word in empty]
    Department.objects.update(
        icp_number="京ICP备0号", email="office@example.org", wechat_account="account", opening_hours_en="9-17"
    )
    filled = client.get("/en/contact/").content.decode()
    assert not [word for word in words if word not in filled]


def test_a_picture_whose_file_is_gone_breaks_no_page(client):
    Department.objects.update(wechat_code="department/gone.png", wechat_code_width=200, wechat_code_height=200)
    assert 'src="/media/department/gone.png" width="200"' in client.get("/en/").content.decode()


def test_the_static_error_page_has_the_departments_telephones():
    text = (settings.BASE_DIR / "templates/500.html").read_text()
    department = Department.current()
    for number in department.telephone_numbers:
        assert number.uri in text
        assert f">{number.national}<" in text
        assert f">{number.international}<" in text
    assert Path(settings.BASE_DIR / "templates/500.html").read_text().count("{") == 0


def test_a_fault_is_answered_with_the_static_page(client, monkeypatch):
    def fail(*args, **kwargs):
        raise RuntimeError

    monkeypatch.setattr("portal.site.home.render", fail)
    client.raise_request_exception = False
    response = client.get("/en/")
    assert response.status_code == 500
    assert "010-53656705" in response.content.decode()


def test_icon_at_its_old_place(client):
    response = client.get("/favicon.ico")
    assert (response.status_code, response.headers["Location"]) == (302, "/static/img/icon.ico")
