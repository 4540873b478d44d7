"""Steps that several tests of the sign-in share."""

from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value, yield_hotp_counters_from_time

SIGN_IN = "/admin/account/sign-in/"
PASSWORD = "the right password"
SECRET = "JBSWY3DPEHPK3PXP"


def sign_in(client, username="owner", password=PASSWORD, address="192.0.2.1", **headers):
    return client.post(SIGN_IN, {"login": username, "password": password}, REMOTE_ADDR=address, **headers)


def is_signed_in(response):
    return response.status_code == 302 and response.headers["Location"] == "/admin/"


def code(secret=SECRET):
    """The code that an authenticator app shows now."""
    [_before, now, _after] = yield_hotp_counters_from_time()
    return format_hotp_value(hotp_value(secret, now))


def give_app(user):
    """Sets up an authenticator app with SECRET."""
    return Authenticator.objects.create(user=user, type=Authenticator.Type.TOTP, data={"secret": SECRET})
