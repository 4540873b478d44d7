import pytest
from django.test import RequestFactory

from portal.client_address import client_address

pytestmark = pytest.mark.no_database


def come_from(address):
    return RequestFactory().get("/", REMOTE_ADDR=address)


@pytest.mark.parametrize(
    ("proxies", "forwarded", "address"),
    [
        (0, "198.51.100.7", "192.0.2.1"),
        (1, "198.51.100.7", "198.51.100.7"),
        (1, "203.0.113.1, 198.51.100.7", "198.51.100.7"),
        (2, "203.0.113.1, 198.51.100.7 ,10.0.0.1", "198.51.100.7"),
        (1, "198.51.100.7:54321", "198.51.100.7"),
        (1, "[2001:db8::7]:443", "2001:db8::7"),
        (1, "[2001:db8::7]", "2001:db8::7"),
        (1, "2001:db8::7", "2001:db8::7"),
        (1, "fe80::7%eth0", "fe80::7"),
        (1, "[fe80::7%25eth0]:80", "fe80::7"),
        (1, "::ffff:198.51.100.7", "198.51.100.7"),
        (1, None, "192.0.2.1"),
        (1, "", "192.0.2.1"),
        (1, "unknown", "192.0.2.1"),
        (1, "198.51.100.7, ", "192.0.2.1"),
        (1, "198.51.100.7, 1.2.3.4.5", "192.0.2.1"),
        (1, "x" * 100_000, "192.0.2.1"),
        (1, "\x00国[[:::%%", "192.0.2.1"),
        (2, "198.51.100.7", "192.0.2.1"),
    ],
)
def test_the_visitors_address_is_the_one_that_the_outermost_proxy_saw(settings, proxies, forwarded, address):
    settings.PORTAL_TRUSTED_PROXIES = proxies
    request = come_from("192.0.2.1")
    if forwarded is not None:
        request.META["HTTP_X_FORWARDED_FOR"] = forwarded
    assert str(client_address(request)) == address


@pytest.mark.parametrize("caller", ["", "unix:", "localhost", "1.2.3.4.5"])
def test_callers_without_an_address_are_counted_together(caller):
    assert str(client_address(come_from(caller))) == "::"
