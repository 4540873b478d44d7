"""The network address that a request came from."""

from ipaddress import IPv6Address, ip_address

from django.conf import settings


def client_address(request):
    """
    Returns the network address of the visitor, an IPv4Address or IPv6Address.

    Each proxy appends the address of its client to the X-Forwarded-For header. With n trusted proxies
    (PORTAL_TRUSTED_PROXIES), the n-th address from the end is the visitor; those before it may be forged.
    Without proxies, or if that address is missing or invalid, the result is REMOTE_ADDR, or "::" if that is invalid.
    Visitors behind the same proxy then share one count. The proxies must drop headers whose names have underscores,
    as nginx does, because WSGI cannot distinguish X_Forwarded_For from X-Forwarded-For.
    """
    caller = parse_address(request.META.get("REMOTE_ADDR", "")) or IPv6Address(0)
    proxies = settings.PORTAL_TRUSTED_PROXIES
    forwarded = request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")
    if not proxies or len(forwarded) < proxies:
        return caller
    return parse_address(forwarded[-proxies]) or caller


def parse_address(text):
    """Returns `text` as an IPv4Address or IPv6Address without port, brackets and zone; None if it is not one."""
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
