"""What deploy/ says of the portal is what the portal's code says."""

import re

import pytest
from django.conf import settings

from portal.bilingual.languages import LANGUAGES
from portal.filetypes import IMAGE_TYPES
from portal.site.finished_pages.editions import link
from portal.site.finished_pages.pages import ADDRESS
from portal.site.request_size import MEGABYTE, REFUSED
from programs.resource_files import X_ACCEL_LOCATION
from tests.portal.test_settings import PRODUCTION, manage

DEPLOY = settings.BASE_DIR / "deploy"

pytestmark = pytest.mark.no_database


def test_the_headers_in_deploy_are_those_of_the_settings(tmp_path):
    run = manage(tmp_path / "data", "nginx_headers", str(tmp_path), **PRODUCTION)
    assert run.returncode == 0, run.stderr
    written = {path.name: path.read_text() for path in tmp_path.glob("*.conf")}
    assert written == {path.name: path.read_text() for path in (DEPLOY / "nginx-headers").iterdir()}
    assert len(written) == 4
    assert all('add_header X-Content-Type-Options "nosniff"' in text for text in written.values())


def test_nginx_knows_what_the_portal_knows():
    text = (DEPLOY / "nginx.conf").read_text()
    sizes = [int(size) * MEGABYTE for size in re.findall("client_max_body_size ([0-9]+)m;", text)]
    assert sizes == [settings.PORTAL_LARGEST_REQUEST, settings.PORTAL_LARGEST_UPLOAD]
    assert f"$cookie_{settings.SESSION_COOKIE_NAME} $uri" in text
    assert f"location {X_ACCEL_LOCATION} " in text
    assert f"proxy_set_header {REFUSED.removeprefix('HTTP_').replace('_', '-').title()} " in text
    assert f"(?:{'|'.join(sorted(IMAGE_TYPES))})$" in text
    [address] = re.findall(r'"~\^\(\?:GET\|HEAD\) \((/.*)\)\\z" /pages/current\$1index\.html;', text)
    assert f"(?:{'|'.join(LANGUAGES)})" in address
    assert link().relative_to(settings.DATA).as_posix() == "pages/current"
    for path in ("/en/", "/zh-hans/programs/teacher-exchange/", "/en/pages/a_page-2/"):
        assert ADDRESS.fullmatch(path)
        assert re.fullmatch(address, path), path
