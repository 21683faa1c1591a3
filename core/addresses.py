"""Who is asking: the client's address behind trusted proxies, where it may come from, and whether that is here."""

import ipaddress
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final
from urllib.parse import urlsplit

from django.http import HttpRequest

UNKNOWN_ADDRESS: Final = "0.0.0.0"  # noqa: S104 - shown, not bound to

type Network = ipaddress.IPv4Network | ipaddress.IPv6Network

NOT_ALLOWED: Final = "This API key may not be used from this address."
NOT_ALLOWED_DETAIL: Final = "It is limited to certain addresses; whoever manages the key can change them."
FORWARDING_HEADERS = frozenset({"x-forwarded-for", "forwarded", "x-forwarded-host"})


def client_address(*, remote: str, forwarded_for: str, trusted: Sequence[str]) -> str:
    """The nearest hop that is not one of the ``trusted`` addresses or networks.

    Only what a trusted proxy appended is believed: a client may send any ``X-Forwarded-For`` it likes.
    """
    return client_behind(networks(trusted), remote=remote, forwarded_for=forwarded_for)


def client_behind(trusted: Sequence[Network], *, remote: str, forwarded_for: str) -> str:
    """The same, of networks that are parsed already."""
    address = remote
    hops = [part.strip() for part in forwarded_for.split(",") if part.strip()] if trusted else []
    while hops and _is_in(address, trusted):
        address = hops.pop()
    return address


def valid_or_unknown(address: str) -> str:
    """``address``, or 0.0.0.0 where a proxy appended something that is none, or a Unix socket has none."""
    return canonical(address) or UNKNOWN_ADDRESS


def networks(entries: Iterable[str]) -> tuple[Network, ...]:
    """The addresses or networks that ``entries`` name.

    :raises ValueError: one of them is neither.
    """
    return _networks(tuple(entries))


@lru_cache(maxsize=1_000)
def _networks(entries: tuple[str, ...]) -> tuple[Network, ...]:
    return tuple(ipaddress.ip_network(entry, strict=False) for entry in entries)


def is_allowed(address: str, ranges: Sequence[Network]) -> bool:
    """Whether ``address`` is in one of ``ranges``; without any everybody is."""
    return not ranges or _is_in(address, ranges)


@lru_cache(maxsize=10_000)
def canonical(address: str) -> str:
    """The usual way to write an address, an IPv4 one that came over an IPv6 socket as IPv4; '' for anything else."""
    parsed = _parsed(address)
    return str(parsed) if parsed else ""


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


def _is_in(address: str, ranges: Sequence[Network]) -> bool:
    parsed = _parsed(address)
    return parsed is not None and any(parsed in network for network in ranges)


def _parsed(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return None
    return getattr(parsed, "ipv4_mapped", None) or parsed
