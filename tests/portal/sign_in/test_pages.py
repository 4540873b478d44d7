"""The pages of the sign-in: where they lead, and which of django-allauth's pages do not exist."""

import pytest
from django.test import Client
from django.urls import NoReverseMatch, reverse

from tests.portal.sign_in.steps import PASSWORD, is_signed_in, sign_in

ELSEWHERE = [
    "https://evil.example/",
    "//evil.example/admin/",
    "javascript:alert(1)",
    "/en/",
    "/admin/nothing/",
    "\\\\evil.example",
    "x" * 5000,
    "http://[",
]


@pytest.mark.parametrize("place", ELSEWHERE)
def test_a_bad_next_ends_at_the_index(owner, place):
    client = Client()
    answers = {"login": "owner", "password": PASSWORD, "next": place}
    assert is_signed_in(client.post("/admin/account/sign-in/", answers))
    response = client.post("/admin/language/", {"language": "en", "next": place})
    assert response.headers["Location"] == "/admin/"


def test_a_good_next_is_followed(owner):
    response = Client().get("/admin/programs/program/?q=x", follow=True)
    client = Client()
    page = response.request["PATH_INFO"] + "?" + response.request["QUERY_STRING"]
    answers = {"login": "owner", "password": PASSWORD}
    assert client.post(page, answers).headers["Location"] == "/admin/programs/program/?q=x"


def test_nobody_signs_up(client):
    for name in ("account_signup", "account_email", "account_set_password", "account_inactive", "mfa_login_webauthn"):
        with pytest.raises(NoReverseMatch):
            reverse(name)
    assert client.get("/admin/account/signup/").status_code == 302
    assert client.get("/admin/account/signup/").headers["Location"].startswith("/admin/login/")


def test_djangos_own_sign_in_takes_no_password(owner, client):
    response = client.post("/admin/login/", {"username": "owner", "password": PASSWORD})
    assert response.headers["Location"].startswith("/admin/account/sign-in/")
    assert "_auth_user_id" not in client.session


@pytest.mark.parametrize(("language", "words"), [("zh-hans", "忘记密码"), ("en", "Forgotten your password?")])
def test_the_language_is_chosen_before_the_sign_in(client, language, words):
    client.post("/admin/language/", {"language": language, "next": "/admin/account/sign-in/"})
    response = client.get("/admin/account/sign-in/")
    assert words in response.content.decode()
    assert response.headers["Cache-Control"].startswith("max-age=0, no-cache, no-store")


def test_every_page_needs_a_sign_in_or_belongs_to_it(owner, record_property):
    from portal.sign_in.urls import urlpatterns

    paths = [reverse(row.name) for row in urlpatterns if not row.pattern.converters and "(" not in str(row.pattern)]
    client = Client()
    without = {path for path in paths if client.get(path).status_code == 200}
    assert without == {reverse(name) for name in OPEN}
    sign_in(client)
    assert all(client.get(path).status_code in (200, 302, 404) for path in paths)
    record_property("pages of the sign-in", len(paths))
    assert len(paths) >= 15


OPEN = [
    "account_login",
    "account_reset_password",
    "account_reset_password_done",
    "account_reset_password_from_key_done",
]
