import re

import pytest
from allauth.mfa.models import Authenticator
from django.contrib.auth.models import Permission
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from portal.models import AccountEvent
from tests.portal.sign_in.steps import PASSWORD, SECRET, code, give_app, is_signed_in, sign_in

SECURITY = "/admin/account/security/"
CODE = "/admin/account/sign-in/code/"


def enrol(client):
    """Sets up an authenticator app, and returns its secret."""
    secret = client.get(f"{SECURITY}app/").context["form"].secret
    response = client.post(f"{SECURITY}app/", {"code": code(secret)})
    assert response.headers["Location"] == f"{SECURITY}recovery-codes/"
    return secret


def recovery_codes(client):
    return re.findall(r"<code>(\d{8})</code>", client.get(f"{SECURITY}recovery-codes/").content.decode())


def test_with_the_app_set_up_a_sign_in_needs_its_code(owner):
    client = Client()
    sign_in(client)
    secret = enrol(client)
    another = Client()
    assert sign_in(another).headers["Location"] == CODE
    assert another.get("/admin/").status_code == 302
    assert another.post(CODE, {"code": "000000"}).status_code == 200
    response = another.post(CODE, {"code": code(secret)})
    assert is_signed_in(response)
    assert another.get("/admin/").status_code == 200


def test_a_code_holds_once(owner):
    give_app(owner)
    shown = code()
    first, second = Client(), Client()
    sign_in(first)
    sign_in(second)
    assert is_signed_in(first.post(CODE, {"code": shown}))
    assert second.post(CODE, {"code": shown}).status_code == 200


def test_each_recovery_code_holds_once(owner):
    client = Client()
    sign_in(client)
    enrol(client)
    codes = recovery_codes(client)
    assert len(set(codes)) == 10
    for accepted in (True, False):
        another = Client()
        sign_in(another)
        assert is_signed_in(another.post(CODE, {"code": codes[0]})) is accepted
    assert recovery_codes(client) == codes[1:]
    assert AccountEvent.objects.filter(kind="recovery_used", account="owner").count() == 1


def test_new_recovery_codes_replace_the_others(owner):
    client = Client()
    sign_in(client)
    enrol(client)
    before = recovery_codes(client)
    client.post(f"{SECURITY}recovery-codes/new/")
    after = recovery_codes(client)
    assert len(after) == 10
    assert set(before).isdisjoint(after)
    file = client.get(f"{SECURITY}recovery-codes/file/")
    assert file.content.decode().split() == after
    assert "attachment" in file.headers["Content-Disposition"]


def test_long_after_the_sign_in_the_password_is_asked_for_again(owner):
    client = Client()
    sign_in(client)
    session = client.session
    for record in session["account_authentication_methods"]:
        record["at"] -= 301
    session.save()
    response = client.get(f"{SECURITY}app/")
    assert response.headers["Location"].startswith("/admin/account/confirm/?next=")
    assert client.post(response.headers["Location"], {"password": "wrong"}).status_code == 200
    response = client.post(response.headers["Location"], {"password": PASSWORD})
    assert response.headers["Location"] == f"{SECURITY}app/"
    assert client.get(f"{SECURITY}app/").status_code == 200


@pytest.mark.parametrize("path", ["/admin/", "/admin/contact/enquiry/", "/admin/password_change/", "/admin/nothing/"])
def test_where_a_second_factor_is_required_nothing_opens_without_one(owner, settings, path):
    settings.PORTAL_REQUIRE_MFA = True
    client = Client()
    sign_in(client)
    assert client.get(path).headers["Location"] == f"{SECURITY}app/"
    page = client.get(f"{SECURITY}app/")
    assert "请先设置两步验证" in page.content.decode()
    assert client.get(f"{SECURITY}app/").context["form"].secret == page.context["form"].secret
    enrol(client)
    assert client.get("/admin/").status_code == 200


def test_where_a_second_factor_is_required_a_user_without_one_can_leave_and_choose_a_language(owner, settings):
    settings.PORTAL_REQUIRE_MFA = True
    client = Client()
    sign_in(client)
    assert client.post("/admin/language/", {"language": "en", "next": SECURITY}).headers["Location"] == SECURITY
    assert client.post("/admin/logout/").status_code == 200
    assert client.get("/admin/").headers["Location"].startswith("/admin/login/")
    assert client.get("/en/").status_code == 200


def test_a_user_who_must_have_a_second_factor_and_removes_it_sets_it_up_again(owner, settings):
    settings.PORTAL_REQUIRE_MFA = True
    client = Client()
    sign_in(client)
    enrol(client)
    client.post(f"{SECURITY}app/remove/")
    assert not Authenticator.objects.exists()
    assert client.get("/admin/").headers["Location"] == f"{SECURITY}app/"


def test_an_administrator_resets_it_and_ends_the_sessions(owner, administrator):
    client, other = Client(), Client()
    sign_in(client)
    enrol(client)
    own = {"old_password": PASSWORD, "new_password1": "a new and better password"}
    client.post("/admin/password_change/", own | {"new_password2": "a new and better password"})
    assert client.get("/admin/").status_code == 200
    sign_in(other, "administrator")
    users = reverse("admin:portal_user_changelist")
    response = other.post(users, {"action": "reset_second_factor", "_selected_action": [owner.pk]}, follow=True)
    assert "owner" in str(next(iter(response.context["messages"])))
    assert not Authenticator.objects.exists()
    assert client.get("/admin/").status_code == 302
    assert is_signed_in(sign_in(Client(), password="a new and better password"))
    [event] = AccountEvent.objects.filter(kind="factor_reset")
    assert (event.account, event.actor) == ("owner", "administrator")


def test_only_administrators_reset_it_or_give_rights(owner, administrator):
    give_app(administrator)
    others = Permission.objects.exclude(codename="administer_accounts")
    owner.user_permissions.add(*others.filter(content_type__app_label__in=["portal", "auth"]))
    client = Client()
    sign_in(client)
    users, own = reverse("admin:portal_user_changelist"), reverse("admin:portal_user_change", args=[owner.pk])
    reset = client.post(users, {"action": "reset_second_factor", "_selected_action": [administrator.pk]})
    assert reset.status_code == 403
    assert Authenticator.objects.count() == 1
    assert client.post(own, {"username": "owner", "is_superuser": "on"}).status_code == 403
    assert client.get(reverse("admin:auth_group_changelist")).status_code == 403


def test_the_command_resets_it(owner, capsys):
    give_app(owner)
    call_command("reset_mfa", "owner")
    assert "Two-step sign-in of owner is reset" in capsys.readouterr().out
    assert not Authenticator.objects.exists()
    assert AccountEvent.objects.get(kind="factor_reset").account == "owner"
    with pytest.raises(CommandError, match="nobody"):
        call_command("reset_mfa", "nobody")


def test_the_admin_shows_nobodys_secret(owner, administrator, admin_client):
    give_app(owner)
    for page in ("/admin/", reverse("admin:portal_user_change", args=[owner.pk])):
        text = admin_client.get(page).content.decode()
        assert SECRET not in text
        assert "authenticator/" not in text
    assert admin_client.get("/admin/mfa/authenticator/").status_code == 404
