"""Only one worker has the lease, until the worker gives it back or the lease expires."""

from datetime import timedelta

import pytest
from django.utils import timezone

from portal import held_lease
from portal.held_lease import HeldLease, LeaseLost
from portal.management.commands import run_worker
from portal.models import Lease

pytestmark = pytest.mark.django_db
DURATION = timedelta(minutes=4)


def test_one_worker_has_the_lease():
    assert Lease.take("mail", "one", DURATION)
    assert not Lease.take("mail", "two", DURATION)
    assert Lease.take("mail", "one", DURATION)


def test_it_is_free_when_given_back():
    assert Lease.take("mail", "one", DURATION)
    Lease.give_back("mail", "two")
    assert not Lease.take("mail", "two", DURATION)
    Lease.give_back("mail", "one")
    assert Lease.take("mail", "two", DURATION)


def test_it_runs_out_when_its_holder_dies():
    assert Lease.take("mail", "one", DURATION)
    Lease.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert Lease.take("mail", "two", DURATION)
    assert not Lease.take("mail", "one", DURATION)


def test_a_holder_relies_on_it_for_less_than_it_lasts(monkeypatch):
    clock = 1000.0
    monkeypatch.setattr(held_lease.time, "clock_gettime", lambda _clock: clock)
    one, two = HeldLease("mail", "one"), HeldLease("mail", "two")
    assert one.renew()
    assert not two.renew()
    clock += held_lease.DURATION - held_lease.MARGIN - 0.1
    one.check()
    clock += 0.2
    assert not one.is_held()
    with pytest.raises(LeaseLost):
        one.check()
    assert not two.renew(), "by the clock of the database, no time has passed"
    assert one.renew()
    one.check()


def test_a_holder_notices_that_another_has_it():
    one, two = HeldLease("mail", "one"), HeldLease("mail", "two")
    assert one.renew()
    Lease.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert two.renew()
    assert not one.renew()
    assert not one.is_held()
    assert two.is_held()


def test_a_slow_answer_of_the_database_is_no_longer_hold(monkeypatch):
    clock = 1000.0

    def take(*_arguments):
        nonlocal clock
        clock += held_lease.DURATION
        return True

    monkeypatch.setattr(held_lease.time, "clock_gettime", lambda _clock: clock)
    monkeypatch.setattr(Lease, "take", take)
    assert not HeldLease("mail", "one").renew()


def test_a_dead_holder_holds_mail_up_for_half_a_minute_at_most():
    assert held_lease.DURATION + 2 * run_worker.PAUSE <= 30
    assert 2 * held_lease.RENEWAL < held_lease.DURATION - held_lease.MARGIN, "one renewal may fail"
