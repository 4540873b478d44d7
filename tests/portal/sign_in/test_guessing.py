"""Passwords cannot be guessed, and an attack on an account does not keep its owner out."""

import os
from datetime import timedelta

import pytest
import time_machine
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from portal.models import AccountEvent, User
from tests.portal.sign_in.steps import PASSWORD, code, give_app, is_signed_in, sign_in

pytestmark = pytest.mark.django_db

Kind = AccountEvent.Kind
GUESSES = int(os.environ.get("GUESSES", 100))


def counted(kind, **conditions):
    """How many events the log tells of, each as often as it says."""
    return sum(AccountEvent.objects.filter(kind=kind, **conditions).values_list("number", flat=True))


def test_guesses_at_one_account_from_many_addresses(owner):
    known = Client()
    assert is_signed_in(sign_in(known))
    known.post("/admin/logout/")
    with time_machine.travel(timezone.now().replace(minute=5), tick=False):
        for number in range(GUESSES):
            assert sign_in(Client(), password=f"guess {number}", address=f"198.51.100.{number % 50}").status_code == 200
        assert counted(Kind.FAILED, account="owner") == 10
        assert counted(Kind.REFUSED, account="owner") == GUESSES - 10
        # The right password does not help any more either, except in the browser in which the owner has signed in.
        assert not is_signed_in(sign_in(Client()))
        assert is_signed_in(sign_in(known))
    assert AccountEvent.objects.count() < 100


def test_guesses_at_many_accounts_from_one_address(owner):
    for number in range(50):
        User.objects.create_user(f"user{number}", password=PASSWORD, is_staff=True)
    with time_machine.travel(timezone.now().replace(minute=5), tick=False) as clock:
        for number in range(GUESSES):
            # Five a second; the page takes no more from one address.
            clock.shift(timedelta(seconds=0.2))
            assert sign_in(Client(), f"user{number % 50}", "guess").status_code == 200
        assert counted(Kind.FAILED) == 30
        assert counted(Kind.REFUSED) == GUESSES - 30
        assert not is_signed_in(sign_in(Client()))
        assert is_signed_in(sign_in(Client(), address="192.0.2.2"))


def test_pages_of_the_sign_in_are_limited_too(owner):
    with time_machine.travel(timezone.now(), tick=False):
        responses = [sign_in(Client(), "nobody", "guess") for _guess in range(301)]
    assert [response.status_code for response in responses] == [200] * 300 + [429]
    assert responses[-1].headers["Retry-After"] == "3600"


def test_a_forged_header_changes_no_address(owner, settings):
    for proxies, header in ((0, "203.0.113.{}"), (1, "203.0.113.{}, 192.0.2.7")):
        settings.PORTAL_TRUSTED_PROXIES = proxies
        cache.clear()
        AccountEvent.objects.all().delete()
        for number in range(30):
            sign_in(Client(), f"user{number}", "guess", HTTP_X_FORWARDED_FOR=header.format(number))
        addresses = set(AccountEvent.objects.values_list("address", flat=True))
        assert addresses == {"192.0.2.7" if proxies else "192.0.2.1"}
        assert not is_signed_in(sign_in(Client(), HTTP_X_FORWARDED_FOR=header.format(99)))


def test_after_an_hour_the_owner_may_try_again_anywhere(owner):
    with time_machine.travel(timezone.now(), tick=False) as clock:
        for _guess in range(10):
            sign_in(Client(), password="guess")
        assert not is_signed_in(sign_in(Client(), address="192.0.2.2"))
        clock.shift(timedelta(hours=1, seconds=1))
        assert is_signed_in(sign_in(Client(), address="192.0.2.2"))


def test_a_browser_that_is_known_has_a_limit_of_its_own(owner):
    known = Client()
    sign_in(known)
    known.post("/admin/logout/")
    for _guess in range(10):
        sign_in(known, password="guess")
    assert not is_signed_in(sign_in(known))
    assert is_signed_in(sign_in(Client()))


def test_the_cookie_of_one_account_opens_no_limit_of_another(owner):
    other = User.objects.create_user("other", password=PASSWORD, is_staff=True)
    client = Client()
    sign_in(client, other.username)
    client.post("/admin/logout/")
    for _guess in range(11):
        sign_in(client, password="guess")
    assert counted(Kind.REFUSED, account="owner") == 1


@pytest.mark.parametrize("value", ["", "forged", "WyJvd25lciIsIngiXQ:1abcde:x"])
def test_a_forged_device_cookie_is_none(owner, value):
    client = Client()
    for _guess in range(10):
        sign_in(client, password="guess")
    client.cookies["device"] = value
    assert not is_signed_in(sign_in(client))


def test_the_device_cookie_belongs_to_the_admin_alone(owner):
    client = Client()
    sign_in(client)
    cookie = client.cookies["device"]
    assert cookie["path"] == "/admin/"
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"


def test_one_answer_for_every_failure(owner):
    User.objects.create_user("gone", password=PASSWORD, is_staff=True, is_active=False)
    User.objects.create_user("visitor", password=PASSWORD)
    answers = {
        sign_in(Client(), name, password, address=f"192.0.2.{place}").context["form"].non_field_errors()[0]
        for place, (name, password) in enumerate(
            [("owner", "guess"), ("nobody", "guess"), ("gone", PASSWORD), ("visitor", PASSWORD), ("visitor", "guess")]
        )
    }
    for _guess in range(10):
        refused = sign_in(Client(), password="guess")
    answers.add(refused.context["form"].non_field_errors()[0])
    assert len(answers) == 1


def test_what_is_typed_instead_of_a_user_name_is_not_logged(owner):
    sign_in(Client(), username=PASSWORD, password="owner")
    [event] = AccountEvent.objects.filter(kind=Kind.FAILED)
    assert event.account == ""


def test_codes_of_the_second_step_cannot_be_guessed(owner):
    give_app(owner)
    client = Client()
    assert sign_in(client).headers["Location"] == "/admin/account/sign-in/code/"
    for number in range(12):
        response = client.post("/admin/account/sign-in/code/", {"code": f"{number:06}"})
        assert response.status_code == 200
    assert counted(Kind.WRONG_CODE, account="owner") == 10
    assert counted(Kind.REFUSED, account="owner") == 2


def test_guesses_from_a_shared_address_keep_nobody_out_who_signed_in_there_before(owner):
    give_app(owner)
    known = Client()
    sign_in(known)
    known.post("/admin/account/sign-in/code/", {"code": code()})
    known.post("/admin/logout/")
    for number in range(40):
        sign_in(Client(), f"user{number}", "guess")
    with time_machine.travel(timezone.now() + timedelta(minutes=2)):
        assert sign_in(known).headers["Location"] == "/admin/account/sign-in/code/"
        assert is_signed_in(known.post("/admin/account/sign-in/code/", {"code": code()}))


def test_a_success_takes_no_attempts_of_others_back(owner):
    other = User.objects.create_user("other", password=PASSWORD, is_staff=True)
    give_app(other)
    for number in range(29):
        sign_in(Client(), f"user{number}", "guess")
    client = Client()
    sign_in(client, "other")
    assert is_signed_in(client.post("/admin/account/sign-in/code/", {"code": code()}))
    for number in range(2):
        sign_in(Client(), f"another{number}", "guess")
    assert counted(Kind.FAILED) == 30
    assert counted(Kind.REFUSED) == 1


def test_a_change_of_the_password_makes_the_device_cookie_void(owner):
    known = Client()
    sign_in(known)
    owner.set_password("another password")
    owner.save()
    for _guess in range(11):
        sign_in(known, password="guess")
    assert counted(Kind.REFUSED, account="owner") == 1
    assert not is_signed_in(sign_in(Client(), password="another password"))


def test_a_browser_that_signs_in_again_gets_no_new_attempts(owner):
    known = Client()
    sign_in(known)
    known.post("/admin/logout/")
    for _guess in range(9):
        sign_in(known, password="guess")
    assert is_signed_in(sign_in(known))
    known.post("/admin/logout/")
    sign_in(known, password="guess")
    assert not is_signed_in(sign_in(known))


def test_the_counts_survive_many_others():
    cache.set("first", 1)
    for number in range(400):
        cache.set(f"entry-{number}", 1)
    assert cache.get("first") == 1
