from datetime import timedelta

import pytest
import time_machine
from django.contrib.auth.models import Group, Permission
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from portal.models import AccountEvent, User
from portal.sign_in import account_log
from tests.portal.sign_in.steps import PASSWORD, sign_in

LOG = reverse("admin:portal_accountevent_changelist")


def kinds():
    """The kinds of all events, the oldest first, with the account and the actor of each."""
    return [(event.kind, event.account, event.actor) for event in AccountEvent.objects.order_by("pk")]


def change(client, user, **answers):
    """Changes the fields of a user in the admin."""
    page = reverse("admin:portal_user_change", args=[user.pk])
    form = client.get(page).context["adminform"].form
    given = {name: value for name, value in form.initial.items() if isinstance(value, str | bool) and value}
    response = client.post(page, {name: value for name, value in (given | answers).items() if value is not None})
    assert response.status_code == 302, response.context["errors"]


def test_failures_and_successes(owner):
    AccountEvent.objects.all().delete()
    sign_in(Client(), password="guess", address="192.0.2.9")
    sign_in(Client())
    assert kinds() == [("failed", "owner", ""), ("signed_in", "owner", "owner")]
    assert [event.address for event in AccountEvent.objects.order_by("pk")] == ["192.0.2.9", "192.0.2.1"]


def test_changes_of_passwords_from_anywhere(owner, administrator):
    client, admin_client = Client(), Client()
    sign_in(client)
    sign_in(admin_client, "administrator")
    AccountEvent.objects.all().delete()
    new = "a new and better password"
    own = {"old_password": PASSWORD, "new_password1": new, "new_password2": new}
    client.post("/admin/password_change/", own)
    of_another = {"usable_password": "true", "password1": new, "password2": new}
    admin_client.post(reverse("admin:auth_user_password_change", args=[owner.pk]), of_another)
    owner.set_password(new)
    owner.save()
    assert kinds() == [
        ("password_changed", "owner", "owner"),
        ("password_changed", "owner", "administrator"),
        ("password_changed", "owner", ""),
    ]


def test_changes_of_rights(owner, administrator):
    client = Client()
    sign_in(client, "administrator")
    AccountEvent.objects.all().delete()
    desk = Group.objects.create(name="Desk")
    change(client, owner, is_superuser="on", groups=[desk.pk])
    change(client, owner, first_name="Alex", is_superuser="on", groups=[desk.pk])
    change(client, owner, is_superuser=None, groups=[])
    assert kinds() == [("rights_changed", "owner", "administrator")] * 2
    first, second = AccountEvent.objects.order_by("pk")
    assert first.detail == "is_superuser: False → True; groups: +Desk"
    assert second.detail == "is_superuser: True → False; groups: -Desk"


def test_changes_of_the_name_and_the_address_of_an_account(owner, administrator):
    client = Client()
    sign_in(client, "administrator")
    AccountEvent.objects.all().delete()
    change(client, owner, username="renamed", email="new@example.com")
    [event] = AccountEvent.objects.all()
    assert (event.account, event.actor) == ("renamed", "administrator")
    assert event.detail == "username: owner → renamed; email: owner@example.com → new@example.com"


def test_accounts_and_groups_that_come_and_go(administrator):
    AccountEvent.objects.all().delete()
    User.objects.create_user("short-lived", first_name="Alex").delete()
    Group.objects.create(name="Desk").delete()
    assert kinds() == [("created", "short-lived", ""), ("deleted", "short-lived", ""), ("deleted", "Desk", "")]


def test_a_password_that_is_taken_away(owner):
    AccountEvent.objects.all().delete()
    owner.set_unusable_password()
    for _time in range(2):
        owner.save()
    assert kinds() == [("password_disabled", "owner", "")]


def test_changes_of_the_rights_of_a_group(administrator):
    client = Client()
    sign_in(client, "administrator")
    AccountEvent.objects.all().delete()
    desk = Group.objects.create(name="Desk")
    right = Permission.objects.get(codename="change_enquiry")
    client.post(reverse("admin:auth_group_change", args=[desk.pk]), {"name": "Desk", "permissions": [right.pk]})
    [event] = AccountEvent.objects.all()
    assert (event.kind, event.account, event.actor) == ("rights_changed", "Desk", "administrator")
    assert event.detail == "permissions: +change_enquiry"


def test_only_administrators_read_it_and_nobody_changes_it(owner, administrator):
    owner.user_permissions.add(*Permission.objects.filter(codename__endswith="_accountevent"))
    client, admin_client = Client(), Client()
    sign_in(client)
    sign_in(admin_client, "administrator")
    assert client.get(LOG).status_code == 403
    assert LOG not in client.get("/admin/").content.decode()
    assert admin_client.get(LOG).status_code == 200
    event = AccountEvent.objects.first()
    assert admin_client.post(reverse("admin:portal_accountevent_delete", args=[event.pk])).status_code == 403
    assert admin_client.get(f"{LOG}add/").status_code == 403


@pytest.mark.parametrize(
    ("language", "words"), [("en", "Refused after too many attempts (3 times)"), ("zh-hans", "（3次）")]
)
def test_it_counts_what_was_refused(administrator, language, words):
    User.objects.update(language=language)
    client = Client()
    sign_in(client, "administrator")
    with time_machine.travel(timezone.now().replace(minute=5), tick=False):
        for _attempt in range(3):
            account_log.record(AccountEvent.Kind.REFUSED, "owner")
    assert words in client.get(LOG).content.decode()


def test_it_is_kept_for_ninety_days():
    for days in (91, 89):
        with time_machine.travel(timezone.now() - timedelta(days=days)):
            account_log.record(AccountEvent.Kind.FAILED, f"{days} days ago")
    account_log.delete_expired()
    assert [event.account for event in AccountEvent.objects.all()] == ["89 days ago"]
