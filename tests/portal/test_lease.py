"""Only one worker has the lease, until the worker gives it back or the lease expires."""

from datetime import timedelta

import pytest
from django.utils import timezone

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
