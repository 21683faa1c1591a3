"""Looks names of upstreams up, in threads of its own, and says which addresses an organization's provider may have."""

import asyncio
import socket
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from aiohttp.abc import AbstractResolver, ResolveResult

from core.addresses import Network
from core.public_addresses import is_named, may_connect

_THREADS: Final = 8  # a name server that hangs holds as many lookups up, and nothing else of the process

type AddressInfo = tuple[int, int, int, str, tuple[Any, ...]]
type Lookup = Callable[[str, int, int, int], Sequence[AddressInfo]]
"""As ``socket.getaddrinfo``: host, port, family, type."""


class NotPublicError(OSError):
    """Said inside the HTTP client, which has errors of its own around it."""


class Reach:
    """Where organizations' own providers may lead: to public addresses, and to ``allowed`` networks of the operator.

    Without TLS only the latter: nobody's key crosses the internet in the clear.
    """

    def __init__(self, allowed: Sequence[Network], *, is_secure: bool) -> None:
        self._allowed, self._is_secure = allowed, is_secure

    def check(self, address: str) -> None:
        """:raises NotPublicError: it may not be connected to."""
        if not may_connect(address, allowed=self._allowed):
            raise NotPublicError
        if not (self._is_secure or is_named(address, self._allowed)):
            raise NotPublicError

    def socket(self, info: AddressInfo) -> socket.socket:
        """A socket for the address that is connected to next; also where a URL has an address and no name.

        :raises NotPublicError: it may not be connected to.
        """
        family, kind, protocol, _, address = info
        self.check(str(address[0]))
        return socket.socket(family, kind, protocol)


class Resolver(AbstractResolver):
    """Names to addresses. With a ``reach``, one address outside of it makes all of a name's unwelcome.

    The waiting for an answer is bounded by whoever connects; a thread may be busy for longer.
    """

    def __init__(self, *, reach: Reach | None = None, lookup: Lookup = socket.getaddrinfo) -> None:
        self._reach, self._lookup = reach, lookup
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="gateway-names")

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """:raises OSError: no address, or one that may not be connected to."""
        found = await asyncio.get_running_loop().run_in_executor(
            self._threads, self._lookup, host, port, family, socket.SOCK_STREAM
        )
        if self._reach:
            for info in found:
                self._reach.check(str(info[4][0]))
        return [_result(host, port, info) for info in found]

    async def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)


def _result(host: str, port: int, info: AddressInfo) -> ResolveResult:
    family, _, protocol, _, address = info
    flags = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
    return ResolveResult(hostname=host, host=str(address[0]), port=port, family=family, proto=protocol, flags=flags)
