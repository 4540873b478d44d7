"""
How often one may do something within an hour, counted without keeping anybody's network address.

An hour is one by the clock: simple, and whoever waits for the next one may go on. Around its turn twice
the number passes, which does no harm.
"""

import hashlib
import logging
from ipaddress import IPv6Address, ip_address, ip_network
from typing import NamedTuple

from django.conf import settings
from django.db import DatabaseError, transaction
from django.db.models import F, Q
from django.utils import timezone

from contact.models import RateCount, RateSalt

logger = logging.getLogger(__name__)

# Bits that one party has for itself: a single IPv4 address, or the IPv6 /64 that any connection is given and
# within which it changes its address as it likes.
ADDRESS = {4: 32, 6: 64}
# Bits that one organisation has: the smallest IPv4 network that is routed, /24, and the IPv6 /48 that a site gets.
NETWORK = {4: 24, 6: 48}


class Limit(NamedTuple):
    """How often `name` may be done within an hour, from one address and from one network."""

    name: str
    per_address: int
    per_network: int


# A whole university may stand behind one address: thirty of its people, each with a slip or two, are let through.
ENQUIRIES = Limit("enquiry", 60, 300)
WRONG_CODES = Limit("status", 60, 300)
MESSAGES = Limit("message", 60, 300)


def is_reached(request, limit):
    """Whether no more of `limit` is allowed within this hour, from where `request` comes."""
    salt = RateSalt.objects.filter(day=timezone.localdate()).first()
    if salt is None:
        return False
    address, network = buckets(request, limit, salt)
    return (
        RateCount.objects.filter(hour=this_hour())
        .filter(
            Q(bucket=address, number__gte=limit.per_address) | Q(bucket=network, number__gte=limit.per_network),
        )
        .exists()
    )


def count(request, limit):
    """
    Counts one more of `limit`. To be called after what it counts is stored, and outside its transaction.

    Where the database does not count, that is logged and no more: nobody's words are lost for a number.
    """
    try:
        salt, _made = RateSalt.objects.get_or_create(day=timezone.localdate())
        with transaction.atomic():
            # Always the address first: two who count in the same network wait for each other, never in a circle.
            for bucket in buckets(request, limit, salt):
                known, _made = RateCount.objects.get_or_create(bucket=bucket, hour=this_hour())
                RateCount.objects.filter(pk=known.pk).update(number=F("number") + 1)
    except DatabaseError:
        logger.exception("Limit %s: not counted.", limit.name)


def delete_expired():
    """
    Deletes the counts of past hours and the salts of past days; the worker calls it.

    Without its salt nobody can tell whose a count was, from a backup neither.
    """
    RateCount.objects.filter(hour__lt=this_hour()).delete()
    RateSalt.objects.filter(day__lt=timezone.localdate()).delete()


def seconds_left():
    """Seconds until the next hour, in which counting begins anew."""
    now = timezone.now()
    return 3600 - now.minute * 60 - now.second


def this_hour():
    return timezone.now().replace(minute=0, second=0, microsecond=0)


def buckets(request, limit, salt):
    """By what the address and the network of `request` are known for a day: two hashes."""
    address = client_address(request)
    for kind, bits in (("address", ADDRESS), ("network", NETWORK)):
        part = ip_network((address, bits[address.version]), strict=False)
        yield hashlib.sha256(f"{salt.value} {limit.name} {kind} {part}".encode()).hexdigest()


def client_address(request):
    """
    The visitor's address; the proxy's or the unspecified one, for all together, where it cannot be told.

    Each proxy adds to the end of X-Forwarded-For whom it was called by. So with n proxies of ours
    (PORTAL_TRUSTED_PROXIES) the n-th from the end is the visitor, and what stands before it may be made up.
    A proxy must drop names with underscores, as nginx does: to WSGI, X_Forwarded_For is the same header.
    """
    caller = parse_address(request.META.get("REMOTE_ADDR", "")) or IPv6Address(0)
    proxies = settings.PORTAL_TRUSTED_PROXIES
    forwarded = request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")
    if not proxies or len(forwarded) < proxies:
        return caller
    return parse_address(forwarded[-proxies]) or caller


def parse_address(text):
    """The IPv4Address or IPv6Address in `text`, whatever port, brackets or zone it came with; None if there is none."""
    host = text.strip().partition("%")[0]
    if host.startswith("["):
        host = host[1:].partition("]")[0]
    elif host.count(":") == 1:
        host = host.partition(":")[0]
    try:
        address = ip_address(host)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
