from datetime import timedelta

import pytest
import time_machine
from bs4 import BeautifulSoup
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone

from portal.sign_in import sessions
from tests.portal.sign_in.steps import PASSWORD, code, give_app, sign_in

SESSIONS = "/admin/account/security/sessions/"
NEW = "a new and better password"


@pytest.mark.parametrize("has_app", [False, True])
def test_a_session_ends_twelve_hours_after_the_sign_in_however_much_it_is_used(owner, has_app):
    client = Client()
    with time_machine.travel(timezone.now(), tick=False) as clock:
        if has_app:
            give_app(owner)
        sign_in(client)
        if has_app:
            client.post("/admin/account/sign-in/code/", {"code": code()})
        for hour in range(11):
            clock.shift(timedelta(hours=1))
            session = client.session
            session["used"] = hour
            session.save()
            assert client.get("/admin/").status_code == 200
        clock.shift(timedelta(minutes=59, seconds=59))
        assert client.get("/admin/").status_code == 200
        clock.shift(timedelta(seconds=2))
        assert client.get("/admin/").status_code == 302


EDGE = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36 Edg/140.0"
WECHAT = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) Mobile/15E148 MicroMessenger/8.0.61"


def test_its_owner_sees_and_ends_the_others(owner):
    here, elsewhere, third = Client(), Client(), Client()
    sign_in(here, HTTP_USER_AGENT="Here")
    sign_in(elsewhere, address="192.0.2.9", HTTP_USER_AGENT=EDGE)
    sign_in(third, HTTP_USER_AGENT=WECHAT)
    text = here.get(SESSIONS).content.decode()
    assert "192.0.2.9" in text
    rows = BeautifulSoup(text, "html.parser").select("tbody tr")
    assert sorted(row.select("td")[2].text for row in rows) == ["Windows上的Edge", "iPhone上的微信", "其他浏览器"]
    here.post(SESSIONS)
    assert here.get("/admin/").status_code == 200
    assert elsewhere.get("/admin/").status_code == 302
    assert "192.0.2.9" not in here.get(SESSIONS).content.decode()


def test_a_session_that_changed_the_password_is_seen_and_ended(owner):
    elsewhere, here = Client(), Client()
    sign_in(elsewhere, address="192.0.2.9")
    answers = {"old_password": PASSWORD, "new_password1": NEW, "new_password2": NEW}
    assert elsewhere.post("/admin/password_change/", answers).status_code == 302
    sign_in(here, password=NEW)
    assert "192.0.2.9" in here.get(SESSIONS).content.decode()
    here.post(SESSIONS)
    assert elsewhere.get("/admin/").status_code == 302


def test_nobody_sees_the_sessions_of_another(owner, administrator):
    client = Client()
    sign_in(Client(), "administrator", address="192.0.2.9")
    sign_in(client)
    assert "192.0.2.9" not in client.get(SESSIONS).content.decode()


def test_ended_sessions_leave_nothing(owner):
    client, another = Client(), Client()
    with time_machine.travel(timezone.now() - timedelta(hours=13)):
        sign_in(client)
    sign_in(another)
    sessions.delete_expired()
    assert [row.session_key for row in Session.objects.all()] == [another.session.session_key]


def test_a_user_who_is_no_longer_staff_is_signed_out(owner):
    client = Client()
    sign_in(client)
    owner.is_staff = False
    owner.save()
    assert client.get("/admin/").status_code == 302
