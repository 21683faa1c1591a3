"""Pure decisions about where customers may send us: which hosts are written honestly, which addresses are public.

Nothing here resolves a name: ``core.outbound`` does, and asks about every address it finds.
"""

import ipaddress
import re
from collections.abc import Sequence
from typing import Final

from core.addresses import Network

type Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_LONGEST_HOST: Final = 253
_LABEL: Final = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*")
# Public by the registry and still not a customer's: a cloud's own services of the machine we run on.
_OF_THE_CLOUD: Final = frozenset({ipaddress.ip_address("168.63.129.16")})
# Networks that carry an IPv4 address in their last 32 bits.
_NAT64: Final = (ipaddress.IPv6Network("64:ff9b::/96"), ipaddress.IPv6Network("64:ff9b:1::/48"))
_COMPATIBLE: Final = ipaddress.IPv6Network("::/96")
_IPV4_BITS: Final = 0xFFFFFFFF


def host_name(host: str) -> str:
    """``host`` as it is looked up: lower case, in ASCII, an address in its usual form.

    Numbers that some resolvers take for an address (``2130706433``, ``0177.0.0.1``, ``127.1``) are refused, because
    what is checked must be what is connected to.

    :raises ValueError: it is no host name and no address.
    """
    literal = _literal(host)
    if literal:
        return literal
    name = host.rstrip(".").lower()
    try:
        name = name.encode("idna").decode("ascii") if not name.isascii() else name
    except UnicodeError as error:
        raise ValueError("not a host name") from error
    labels = name.split(".")
    if (
        len(name) > _LONGEST_HOST
        or not all(_LABEL.fullmatch(label) for label in labels)
        or _NUMBER.fullmatch(labels[-1])
    ):
        raise ValueError("not a host name")
    return name


def _literal(host: str) -> str:
    try:
        return str(ipaddress.ip_address(host.strip("[]")))
    except ValueError:
        return ""


def may_connect(address: str, *, allowed: Sequence[Network]) -> bool:
    """Whether a customer's URL may lead to ``address``: it is public, or the operator ``allowed`` its network."""
    try:
        parsed = _innermost(ipaddress.ip_address(address.partition("%")[0]))
    except ValueError:
        return False
    return is_in(parsed, allowed) or _is_public(parsed)


def is_address(host: str) -> bool:
    """Whether ``host`` is an address and nothing is left to resolve."""
    return bool(_literal(host))


def is_in(address: Address, networks: Sequence[Network]) -> bool:
    return any(address in network for network in networks)


def is_named(address: str, networks: Sequence[Network]) -> bool:
    """Whether ``address``, or the IPv4 one inside it, is in one of ``networks``."""
    return is_in(_innermost(ipaddress.ip_address(address.partition("%")[0])), networks)


def _is_public(address: Address) -> bool:
    if address in _OF_THE_CLOUD or address.is_multicast or not address.is_global:
        return False
    return not (isinstance(address, ipaddress.IPv6Address) and (address.is_site_local or address.teredo))


def _innermost(address: Address) -> Address:
    """The IPv4 address that an IPv6 one stands for: mapped, compatible, 6to4 or NAT64; else the address itself."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    inner = address.ipv4_mapped or address.sixtofour
    if inner is None and (address in _COMPATIBLE or is_in(address, _NAT64)) and int(address) > 1:
        inner = ipaddress.IPv4Address(int(address) & _IPV4_BITS)
    return inner or address
