"""
Rate limits. They store only salted hashes of network addresses and of e-mail addresses.

An hour is a clock hour and a day a calendar day in Beijing, which is simple. Twice the limit can pass around their
ends, which does no harm.
"""

import hashlib
import logging
from datetime import timedelta
from ipaddress import ip_network
from typing import NamedTuple

from django.db import DatabaseError, transaction
from django.db.models import F, Q
from django.utils import timezone

from contact.models import RateCount, RateSalt
from portal.client_address import client_address

logger = logging.getLogger(__name__)

# The prefix length, by IP version, of what one visitor has: a single IPv4 address, or an IPv6 /64. Each connection
# gets a /64 and may change its address within it.
ADDRESS_PREFIX = {4: 32, 6: 64}
# The prefix length of what one organisation has: /24, the smallest IPv4 network that is routed, or an IPv6 /48.
NETWORK_PREFIX = {4: 24, 6: 48}


class Limit(NamedTuple):
    """How often an action may be done within an hour from one address and from one network."""

    name: str
    per_address: int
    per_network: int


# A whole university may share one address: thirty of its people may each do something twice within an hour.
ENQUIRIES = Limit("enquiry", 60, 300)
WRONG_CODES = Limit("status", 60, 300)
MESSAGES = Limit("message", 60, 300)
# Of 10 MB at most: no network can fill the store of kept files alone.
KEPT_FILES = Limit("kept file", 24, 48)

# How many acknowledgements are sent to one e-mail address, which may be another person's. No honest office meets these
# limits: fifteen enquiries in an hour are one every four minutes, and more than one about each program.
ACKNOWLEDGEMENTS_AN_HOUR = 15
ACKNOWLEDGEMENTS_A_DAY = 30


def is_reached(request, limit: Limit) -> bool:
    """Whether the address or network of `request` has reached `limit` in this hour."""
    salt = RateSalt.objects.filter(day=timezone.localdate()).first()
    if salt is None:
        return False
    address, network = buckets(request, limit, salt)
    reached = Q(bucket=address, number__gte=limit.per_address) | Q(bucket=network, number__gte=limit.per_network)
    return RateCount.objects.filter(reached, expires_at=next_hour()).exists()


def count(request, limit: Limit):
    """
    Counts one action against `limit`.

    Call it at the end of the transaction that stores the action, or after it: other actions from the same network wait
    for the end of the transaction.
    """
    try:
        with transaction.atomic():
            salt, _made = RateSalt.objects.get_or_create(day=timezone.localdate())
            # The address comes before the network in every transaction, and both after the mailbox of
            # may_acknowledge(), which avoids deadlocks.
            for bucket in buckets(request, limit, salt):
                add_one(bucket, next_hour())
    except DatabaseError:
        # The visitor's enquiry is more important than the count.
        logger.exception("An action was not counted against its limit.")


def may_acknowledge(email: str) -> bool:
    """
    Whether an acknowledgement may be sent to the address `email`. If so, counts it.

    Call it in the transaction that stores the enquiry. Another enquiry with this address then waits for its end, so
    that simultaneous ones do not exceed the limits, and what was not stored is not counted.
    """
    limits = {"hour": (next_hour(), ACKNOWLEDGEMENTS_AN_HOUR), "day": (next_day(), ACKNOWLEDGEMENTS_A_DAY)}
    try:
        with transaction.atomic():
            salt, _made = RateSalt.objects.get_or_create(day=timezone.localdate())
            return all(
                add_one(hashed(salt, "acknowledgement", period, mailbox(email)), expires_at, most)
                for period, (expires_at, most) in limits.items()
            )
    except DatabaseError:
        logger.exception("An acknowledgement was not counted.")
        return True


def add_one(bucket, expires_at, most=None) -> bool:
    """Adds one to a count, unless it has already reached `most`. Returns whether it was added."""
    RateCount.objects.bulk_create([RateCount(bucket=bucket, expires_at=expires_at)], ignore_conflicts=True)
    below = Q() if most is None else Q(number__lt=most)
    known = RateCount.objects.filter(below, bucket=bucket, expires_at=expires_at)
    return known.update(number=F("number") + 1) == 1


def delete_expired():
    """Deletes the counts of past hours and days, and the salts of past days. The worker calls it."""
    RateCount.objects.filter(expires_at__lte=timezone.now()).delete()
    RateSalt.objects.filter(day__lt=timezone.localdate()).delete()


def seconds_left() -> int:
    """Returns the seconds until the next clock hour, when the counts start from zero."""
    now = timezone.now()
    return 3600 - now.minute * 60 - now.second


def next_hour():
    return timezone.now().replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)


def next_day():
    return timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)


def mailbox(email) -> str:
    """
    Returns the address `email` without what often makes no difference: capitals, dots and a +tag before the @.

    Two people whose addresses differ in nothing else share a count, which may cost them an acknowledgement. Addresses
    that only their mail host knows to be one mailbox are counted one by one.
    """
    local, _at, domain = email.casefold().rpartition("@")
    return f"{local.partition('+')[0].replace('.', '')}@{domain}"


def hashed(salt, *parts) -> str:
    """Returns a SHA-256 hash of `parts` in hexadecimal, valid for the day of `salt`."""
    return hashlib.sha256(" ".join([salt.value, *map(str, parts)]).encode()).hexdigest()


def buckets(request, limit, salt):
    """Yields two hashes, valid for the day of `salt`: of the address and of the network of `request`."""
    address = client_address(request)
    for kind, bits in (("address", ADDRESS_PREFIX), ("network", NETWORK_PREFIX)):
        part = ip_network((address, bits[address.version]), strict=False)
        yield hashed(salt, limit.name, kind, part)
