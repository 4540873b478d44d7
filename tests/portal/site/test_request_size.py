"""A request that is too large gets a page that says so, and its body is never held in memory as a whole."""

import pytest

from contact.models import Enquiry
from portal.site.request_size import read_body

pytestmark = pytest.mark.django_db

MEGABYTE = 1024 * 1024
LIMIT = 32 * MEGABYTE


class Body:
    """A request body of `size` bytes that is generated while it is read."""

    def __init__(self, size):
        self.left = size
        self.largest_read = 0

    def read(self, size=-1):
        size = self.left if size is None or size < 0 else min(size, self.left)
        self.left -= size
        self.largest_read = max(self.largest_read, size)
        return b"x" * size

    readline = read


def post(client, path, body, **headers):
    """Sends a request with `body`, which is read first, as in portal.wsgi."""
    form = {"CONTENT_TYPE": "multipart/form-data; boundary=x", "CONTENT_LENGTH": str(body.left)}
    environ = form | headers | {"wsgi.input": body}
    read_body(environ)
    return client.generic("POST", path, **environ)


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/en/contact/", ["This is too large", "larger than 32 MB", "fewer or smaller files", "+86 10 5365 6705"]),
        ("/zh-hans/contact/", ["提交的内容过大", "超过32 MB", "减少附件", "010-53656705"]),
        ("/admin/login/", ["32 MB"]),
    ],
)
def test_too_large_a_request_is_told_how_to_send_less(client, path, words):
    client.handler.enforce_csrf_checks = True
    body = Body(LIMIT + 1)
    response = post(client, path, body)
    text = response.content.decode()
    assert response.status_code == 413
    assert "no-store" in response.headers["Cache-Control"]
    assert response.headers["X-Frame-Options"] == "DENY"
    for said in words:
        assert said in text
    assert body.left == 0, "a browser that is still sending does not see the page"
    assert body.largest_read <= MEGABYTE
    assert not Enquiry.objects.exists()


@pytest.mark.parametrize(("proxies", "status"), [(1, 413), (0, 200)])
def test_a_body_that_nginx_refused_is_too_large(client, settings, proxies, status):
    settings.PORTAL_TRUSTED_PROXIES = proxies
    response = client.post("/en/contact/", headers={"X-Body-Refused": "1"})
    assert response.status_code == status
    assert ("larger than 32 MB" in response.content.decode()) == (status == 413)


def test_what_is_read_for_nothing_has_a_bound(client):
    body = Body(1024 * MEGABYTE)
    assert post(client, "/en/contact/", body).status_code == 413
    assert body.left == 768 * MEGABYTE


def test_a_body_is_there_as_a_whole_before_django_handles_it():
    environ = {"CONTENT_LENGTH": "200000", "wsgi.input": Body(300_000)}
    read_body(environ)
    assert environ["wsgi.input"].read() == b"x" * 200_000


def test_a_client_that_disconnects_sends_what_it_sent():
    environ = {"CONTENT_LENGTH": "200000", "wsgi.input": Body(100_000)}
    read_body(environ)
    assert environ["wsgi.input"].read() == b"x" * 100_000


def test_a_request_of_the_largest_size_reaches_the_form(client):
    assert post(client, "/en/contact/", Body(LIMIT)).status_code != 413


@pytest.mark.parametrize("length", ["", "x", "-1", "1e9"])
def test_a_length_that_is_no_number_is_no_length(client, length):
    client.raise_request_exception = False
    assert post(client, "/en/contact/", Body(LIMIT + 1), CONTENT_LENGTH=length).status_code in (200, 400, 403)
