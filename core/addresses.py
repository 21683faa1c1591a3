"""Who is asking: the client's address behind trusted proxies, and whether that is this machine itself."""

import ipaddress
from collections.abc import Sequence
from urllib.parse import urlsplit

from django.http import HttpRequest

UNKNOWN_ADDRESS = "0.0.0.0"  # noqa: S104 - shown, not bound to
FORWARDING_HEADERS = frozenset({"x-forwarded-for", "forwarded", "x-forwarded-host"})


def client_address(*, remote: str, forwarded_for: str, trusted: Sequence[str]) -> str:
    """The nearest hop that is not one of the ``trusted`` addresses or networks.

    Only what a trusted proxy appended is believed: a client may send any ``X-Forwarded-For`` it likes.
    """
    networks = [ipaddress.ip_network(entry, strict=False) for entry in trusted]
    hops = [part.strip() for part in forwarded_for.split(",") if part.strip()]
    address = remote
    while hops and _is_in(address, networks):
        address = hops.pop()
    return address


def valid_or_unknown(address: str) -> str:
    """``address``, or 0.0.0.0 where a proxy appended something that is none, or a Unix socket has none."""
    try:
        return str(ipaddress.ip_address(address))
    except ValueError:
        return UNKNOWN_ADDRESS


def is_this_machine(request: HttpRequest) -> bool:
    """Whether a browser on this machine asks us directly.

    A proxy here would make every visitor look local, and a foreign name that resolves to loopback would let a foreign
    page read ours, so both are refused.
    """
    return is_direct_from_this_machine(
        remote=request.META.get("REMOTE_ADDR", ""),
        host=request.get_host(),
        is_forwarded=bool(FORWARDING_HEADERS & {name.lower() for name in request.headers}),
    )


def is_direct_from_this_machine(*, remote: str, host: str, is_forwarded: bool) -> bool:
    """The same of a request that is not Django's; ``host`` is its header, and ``is_forwarded`` that a proxy left one of
    ``FORWARDING_HEADERS`` in it."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:  # not a host at all
        return False
    return not is_forwarded and _is_loopback(remote) and _is_loopback(name)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _is_in(address: str, networks: Sequence[ipaddress.IPv4Network | ipaddress.IPv6Network]) -> bool:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(parsed in network for network in networks)
