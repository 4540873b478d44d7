"""
Rate limits per hour. They store only salted hashes of network addresses.

The hour is a clock hour, which is simple. Twice the limit can pass around the full hour, which does no harm.
"""

import hashlib
import logging
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


def is_reached(request, limit: Limit) -> bool:
    """Whether the address or network of `request` has reached `limit` in this hour."""
    salt = RateSalt.objects.filter(day=timezone.localdate()).first()
    if salt is None:
        return False
    address, network = buckets(request, limit, salt)
    reached = Q(bucket=address, number__gte=limit.per_address) | Q(bucket=network, number__gte=limit.per_network)
    return RateCount.objects.filter(reached, hour=this_hour()).exists()


def count(request, limit: Limit):
    """Counts one action against `limit`. Call it after the action is committed, outside its transaction."""
    try:
        salt, _made = RateSalt.objects.get_or_create(day=timezone.localdate())
        with transaction.atomic():
            # The address comes before the network in every transaction, which avoids deadlocks.
            for bucket in buckets(request, limit, salt):
                known, _made = RateCount.objects.get_or_create(bucket=bucket, hour=this_hour())
                RateCount.objects.filter(pk=known.pk).update(number=F("number") + 1)
    except DatabaseError:
        # The visitor's enquiry is more important than the count.
        logger.exception("Limit %s: not counted.", limit.name)


def delete_expired():
    """Deletes the counts of past hours and the salts of past days. The worker calls it."""
    RateCount.objects.filter(hour__lt=this_hour()).delete()
    RateSalt.objects.filter(day__lt=timezone.localdate()).delete()


def seconds_left() -> int:
    """Returns the seconds until the next clock hour, when the counts start from zero."""
    now = timezone.now()
    return 3600 - now.minute * 60 - now.second


def this_hour():
    return timezone.now().replace(minute=0, second=0, microsecond=0)


def buckets(request, limit, salt):
    """Yields two hashes, valid for the day of `salt`: of the address and of the network of `request`."""
    address = client_address(request)
    for kind, bits in (("address", ADDRESS_PREFIX), ("network", NETWORK_PREFIX)):
        part = ip_network((address, bits[address.version]), strict=False)
        yield hashlib.sha256(f"{salt.value} {limit.name} {kind} {part}".encode()).hexdigest()
