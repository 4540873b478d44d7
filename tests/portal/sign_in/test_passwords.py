import re
from datetime import timedelta

import pytest
import time_machine
from allauth.account.models import EmailAddress
from django.db import DatabaseError, connection
from django.test import Client
from django.utils import timezone
from post_office.models import STATUS, Email

from contact.retention import empty_account_mails
from portal.models import AccountEvent, User
from tests.contact.rows import stored
from tests.portal.sign_in.steps import PASSWORD, give_app, is_signed_in, sign_in

ASK = "/admin/account/password/"
NEW = "a new and better password"


@pytest.fixture(autouse=True)
def queued_mails(settings):
    """Puts mails into the queue, as on a real site. pytest-django would keep them in memory."""
    settings.EMAIL_BACKEND = "post_office.EmailBackend"


def link(mail):
    """The path in the mail, which has the address of the portal and not that of the request."""
    return re.search(r"https://portal\.example(/admin/account/password/new/\S+)", mail.message)[1]


def set_password(client, path, password=NEW):
    form = client.get(path).headers["Location"]
    return client.post(form, {"password1": password, "password2": password})


@pytest.mark.parametrize(("language", "subject"), [("en", "A new password for"), ("zh-hans", "重设密码")])
def test_a_forgotten_password_is_set_by_mail(owner, language, subject):
    User.objects.update(language=language)
    client = Client()
    client.post(ASK, {"email": "Owner@Example.com"}, HTTP_HOST="localhost")
    [mail] = Email.objects.all()
    assert mail.to == ["owner@example.com"]
    assert subject in mail.subject
    assert "owner" in mail.message
    assert mail.headers["Auto-Submitted"] == "auto-generated"
    assert {"en": "Nobody reads replies", "zh-hans": "回复无人查收"}[language] in mail.message
    assert set_password(client, link(mail)).headers["Location"] == f"{ASK}changed/"
    assert not is_signed_in(sign_in(Client()))
    assert is_signed_in(sign_in(Client(), password=NEW))


def test_a_new_password_does_not_stand_for_the_second_factor(owner):
    give_app(owner)
    client = Client()
    client.post(ASK, {"email": owner.email})
    set_password(client, link(Email.objects.get()))
    assert sign_in(client, password=NEW).headers["Location"] == "/admin/account/sign-in/code/"


def test_a_link_holds_once_and_for_an_hour(owner):
    client = Client()
    with time_machine.travel(timezone.now(), tick=False) as clock:
        client.post(ASK, {"email": owner.email})
        first = link(Email.objects.get())
        clock.shift(timedelta(hours=1, seconds=1))
        assert client.get(first).context["token_fail"]
        client.post(ASK, {"email": owner.email})
        second = link(Email.objects.latest("pk"))
        assert set_password(client, second).status_code == 302
        assert Client().get(second).context["token_fail"]


def test_a_new_password_ends_the_other_sessions(owner):
    elsewhere, client = Client(), Client()
    sign_in(elsewhere)
    client.post(ASK, {"email": owner.email})
    set_password(client, link(Email.objects.get()))
    assert elsewhere.get("/admin/").status_code == 302


def test_after_many_guesses_a_new_password_lets_its_owner_in_at_once(owner):
    client = Client()
    for _guess in range(11):
        sign_in(client, password="guess")
    client.post(ASK, {"email": owner.email})
    set_password(client, link(Email.objects.get()))
    assert is_signed_in(sign_in(client, password=NEW))


def test_an_address_that_is_no_longer_the_accounts_gets_no_link(owner):
    Client().post(ASK, {"email": owner.email})
    User.objects.filter(pk=owner.pk).update(email="new@example.com")
    assert Client().get(link(Email.objects.get())).context["token_fail"]
    Client().post(ASK, {"email": "owner@example.com"})
    assert Email.objects.count() == 1
    assert not EmailAddress.objects.exists()


def test_a_weak_password_is_refused(owner):
    client = Client()
    client.post(ASK, {"email": owner.email})
    response = set_password(client, link(Email.objects.get()), "12345678")
    assert response.status_code == 200
    assert response.context["form"].errors["password1"]
    assert is_signed_in(sign_in(Client()))


def test_the_case_of_the_address_does_not_matter(owner):
    User.objects.update(email="Zhang.Wei@Example.cn")
    Client().post(ASK, {"email": "zhang.wei@example.CN"})
    assert Email.objects.get().to == ["Zhang.Wei@Example.cn"]


def test_only_active_staff_get_a_link(owner):
    for changes in ({"is_staff": False}, {"is_staff": True, "is_active": False}):
        User.objects.update(**changes)
        Client().post(ASK, {"email": owner.email})
    assert not Email.objects.exists()


def test_nobody_learns_which_addresses_have_an_account(owner):
    responses = [Client().post(ASK, {"email": email}) for email in (owner.email, "nobody@example.com")]
    assert {(response.status_code, response.headers["Location"]) for response in responses} == {(302, f"{ASK}sent/")}
    assert [mail.to for mail in Email.objects.all()] == [[owner.email]]


def test_no_mailbox_is_flooded(owner):
    statuses = [Client().post(ASK, {"email": owner.email}, REMOTE_ADDR=f"192.0.2.{n}").status_code for n in range(6)]
    assert statuses == [302] * 3 + [429] * 3
    assert Email.objects.count() == 3


def test_the_mail_is_emptied_once_it_is_sent(owner):
    Client().post(ASK, {"email": owner.email})
    about_an_enquiry = stored(STATUS.sent).mails.get()
    Email.objects.filter(pk=about_an_enquiry.pk).update(message="Good day")
    empty_account_mails()
    mail = Email.objects.exclude(pk=about_an_enquiry.pk).get()
    assert "/password/new/" in mail.message
    Email.objects.update(status=STATUS.sent)
    empty_account_mails()
    mail.refresh_from_db()
    assert (mail.message, mail.html_message, mail.subject) == ("", "", "")
    assert Email.objects.get(pk=about_an_enquiry.pk).message == "Good day"


def test_an_old_mail_is_emptied_after_an_attempt_that_failed(owner):
    Client().post(ASK, {"email": owner.email})
    Email.objects.update(status=STATUS.sent, last_updated=timezone.now() - timedelta(days=2))

    def fail(execute, sql, *arguments):
        if sql.startswith('UPDATE "post_office_email"'):
            raise DatabaseError
        return execute(sql, *arguments)

    with pytest.raises(DatabaseError), connection.execute_wrapper(fail):
        empty_account_mails()
    assert Email.objects.exclude(message="").count() == 1
    empty_account_mails()
    assert not Email.objects.exclude(message="").exists()


def test_staff_who_change_their_password_stay_signed_in(owner):
    client = Client()
    sign_in(client)
    answers = {"old_password": PASSWORD, "new_password1": NEW, "new_password2": NEW}
    assert client.post("/admin/password_change/", answers).status_code == 302
    assert client.get("/admin/").status_code == 200


def test_guesses_at_the_old_password_are_limited_and_logged(owner):
    client = Client()
    sign_in(client)
    AccountEvent.objects.all().delete()
    answers = {"old_password": "guess", "new_password1": NEW, "new_password2": NEW}
    for _guess in range(11):
        assert client.post("/admin/password_change/", answers).status_code == 200
    assert client.post("/admin/password_change/", answers | {"old_password": PASSWORD}).status_code == 200
    numbers = {event.kind: event.number for event in AccountEvent.objects.all()}
    assert AccountEvent.objects.filter(kind="failed").count() == 10
    assert numbers["refused"] == 2
