"""The client of the providers: one for the process, with connections that are kept and used again.

What is sent is what it is given, and what comes back is what came: no redirect is followed, no cookie kept, nothing
decompressed, no proxy of the environment asked. Where an organization's own provider leads is checked at the moment of
connecting, address by address, so that a name which means something else a moment later changes nothing.

A POST that failed is not sent again, also when it failed because the upstream closed a kept connection at that very
moment: nobody knows whether it was read, and a call would be paid twice. The client of the client decides. aiohttp
itself sends what HTTP calls idempotent (GET, HEAD, PUT, DELETE) once more when a connection ends without an answer.
"""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Sequence
from functools import lru_cache
from typing import Final, Self

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from core.addresses import Network
from gateway.edge.resolver import Lookup, NotPublicError, Reach, Resolver
from gateway.types import Provider, Timeouts

_KEPT_SECONDS: Final = 50.0  # of an idle connection: less than the minute after which load balancers close theirs
_DNS_SECONDS: Final = 60
_BUFFER_BYTES: Final = 128 * 2**10  # beyond twice that nothing is read until somebody took it
_LONGEST_LINE: Final = 64 * 2**10
_MOST_HEADERS: Final = 256
_SLICE: Final = 64 * 2**10
_SWITCHING_PROTOCOLS: Final = 101
_NONE_OF_ITS_OWN: Final = ("User-Agent", "Accept", "Accept-Encoding", "Content-Type")


# In this order: the later ones contain the earlier ones.
_UNREACHABLE: Final[dict[type[Exception], str]] = {
    aiohttp.ClientConnectorCertificateError: "Its certificate is not valid for this host.",
    aiohttp.ClientSSLError: "No encrypted connection could be made.",
    aiohttp.ClientConnectorDNSError: "Its host name has no address.",
    aiohttp.ClientConnectorError: "The connection was refused or failed.",
    aiohttp.InvalidURL: "Its address is no URL.",
}


class UpstreamError(Exception):
    """There is no whole answer. The text is one sentence for the client, without a URL, a header or a value."""


class NotAllowedError(UpstreamError):
    """The provider's address is not public."""


class UnreachableError(UpstreamError):
    """No connection was made: nothing was sent."""


class TimedOutError(UpstreamError):
    """It took longer than the provider's row allows."""


class StoppingError(UpstreamError):
    """The client was closed before the request was sent: this process is stopping."""


class BrokenError(UpstreamError):
    """The connection broke off, or what came was no HTTP."""


class Answer(AsyncIterator[bytes]):
    """An upstream's answer, whose body is still on its way."""

    def __init__(self, response: aiohttp.ClientResponse, timeouts: Timeouts, deadline: float) -> None:
        self._response, self._timeouts, self._deadline = response, timeouts, deadline
        self.status = response.status
        self.headers: Sequence[tuple[bytes, bytes]] = response.raw_headers

    def chunks(self) -> AsyncIterator[bytes]:
        """The body's bytes as they come, no faster than they are taken; one iterator, however often it is asked for.

        No generator: one that is left before its end costs the event loop a task and a system call to clear away.

        :raises TimedOutError: nothing came for too long, or it all takes too long.
        :raises BrokenError: it ended before its end.
        """
        return self

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        chunk = await self._next(self._response.content)
        if not chunk:
            raise StopAsyncIteration
        return chunk

    async def close(self) -> None:
        """Give the connection back after the end; before it, break it off, so that the provider stops."""
        if self._response.content.at_eof():
            self._response.release()
        else:
            self._response.close()

    async def _next(self, content: aiohttp.StreamReader) -> bytes:
        left = self._deadline - asyncio.get_running_loop().time()
        try:
            if left > 0 and (chunk := content.read_nowait()):
                return chunk
            async with asyncio.timeout(min(self._timeouts.idle, left)):
                return await content.readany()
        except TimeoutError:
            raise self._too_long(left) from None
        except (aiohttp.ClientError, OSError) as error:
            raise BrokenError("The answer broke off.") from error

    def _too_long(self, left: float) -> TimedOutError:
        if left < self._timeouts.idle:
            return TimedOutError(f"The answer took longer than {self._timeouts.total:.0f} s in all.")
        return TimedOutError(f"For {self._timeouts.idle:.0f} s nothing came.")


class Upstream:
    """Opens connections to providers. Lives in one event loop; ``allowed`` are networks beside the public ones."""

    def __init__(
        self,
        *,
        allowed: Sequence[Network] = (),
        tls: ssl.SSLContext | None = None,
        lookup: Lookup = socket.getaddrinfo,
    ) -> None:
        self._allowed, self._tls, self._lookup = allowed, tls, lookup
        self._sessions: dict[tuple[bool, bool], aiohttp.ClientSession] = {}
        self._resolvers: list[Resolver] = []  # not closed by the sessions that use them
        self._is_closed = False

    async def open(
        self,
        provider: Provider,
        *,
        method: str,
        url: str,
        headers: Sequence[tuple[bytes, bytes]],
        body: bytes | AsyncIterator[bytes] | None,
    ) -> Answer:
        """Send the request; the answer's headers are there. Without a Content-Length an iterator is sent in chunks.

        :raises UpstreamError: they did not come.
        """
        timeouts = provider.timeouts
        deadline = asyncio.get_running_loop().time() + timeouts.total
        sent = CIMultiDict((name.decode("latin-1"), value.decode("latin-1")) for name, value in headers)
        if isinstance(body, bytes):
            sent["Content-Length"] = str(len(body))
            body = _slices(body) if len(body) > _SLICE else body
        request = self._session(provider, is_secure=url.startswith("https:")).request(
            method,
            URL(url, encoded=True),
            headers=sent,
            data=body,
            allow_redirects=False,
            timeout=_connecting_within(timeouts.connect),
        )
        patience = min(timeouts.first_byte, timeouts.total)
        try:
            async with asyncio.timeout(patience):
                return _answer(await request, timeouts, deadline)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise _as_upstream_error(error, timeouts) from error

    async def close(self) -> None:
        """Break off what is under way, and open nothing any more: a request may have been admitted long before."""
        self._is_closed = True
        for session in self._sessions.values():
            await session.close()
        for resolver in self._resolvers:
            await resolver.close()
        self._sessions.clear()
        self._resolvers.clear()

    def _session(self, provider: Provider, *, is_secure: bool) -> aiohttp.ClientSession:
        """:raises StoppingError: there are none any more."""
        if self._is_closed:
            raise StoppingError("Nothing was sent to the provider.")
        kind = (provider.is_own, is_secure)
        if kind not in self._sessions:
            self._sessions[kind] = self._new_session(*kind)
        return self._sessions[kind]

    def _new_session(self, is_own: bool, is_secure: bool) -> aiohttp.ClientSession:
        reach = Reach(self._allowed, is_secure=is_secure) if is_own else None
        resolver = Resolver(reach=reach, lookup=self._lookup)
        self._resolvers.append(resolver)
        connector = aiohttp.TCPConnector(
            limit=0,  # what is in flight is bounded at the door
            keepalive_timeout=_KEPT_SECONDS,
            ttl_dns_cache=_DNS_SECONDS,
            ssl=self._tls or True,
            resolver=resolver,
            socket_factory=reach.socket if reach else None,
        )
        return aiohttp.ClientSession(
            connector=connector,
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=_NONE_OF_ITS_OWN,
            trust_env=False,
            read_bufsize=_BUFFER_BYTES,
            max_line_size=_LONGEST_LINE,
            max_field_size=_LONGEST_LINE,
            max_headers=_MOST_HEADERS,
        )


@lru_cache
def _connecting_within(seconds: float) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=None, connect=seconds)


def _answer(response: aiohttp.ClientResponse, timeouts: Timeouts, deadline: float) -> Answer:
    """:raises BrokenError: the upstream changes the protocol, which nobody asked it to."""
    if response.status == _SWITCHING_PROTOCOLS:
        response.close()
        raise BrokenError("The upstream answered in another protocol.")
    return Answer(response, timeouts, deadline)


async def _slices(body: bytes) -> AsyncIterator[bytes]:
    """A large body bit by bit: other requests have their turn in between."""
    view = memoryview(body)
    for start in range(0, len(body), _SLICE):
        yield bytes(view[start : start + _SLICE])


def _as_upstream_error(error: Exception, timeouts: Timeouts) -> UpstreamError:
    if _is_not_public(error):
        return NotAllowedError("Its host has an address that is not public, and such are not connected to.")
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return TimedOutError(f"No connection within {timeouts.connect:.0f} s.")
    if isinstance(error, TimeoutError):
        return TimedOutError(f"No answer within {min(timeouts.first_byte, timeouts.total):.0f} s.")
    for kind, sentence in _UNREACHABLE.items():
        if isinstance(error, kind):
            return UnreachableError(sentence)
    return BrokenError("The connection broke off before an answer came, or what came was no HTTP.")


def _is_not_public(error: BaseException | None) -> bool:
    """The check's own error is somewhere among the causes."""
    while error is not None:
        if isinstance(error, NotPublicError) or isinstance(getattr(error, "os_error", None), NotPublicError):
            return True
        if isinstance(error, BaseExceptionGroup) and any(_is_not_public(one) for one in error.exceptions):
            return True
        error = error.__cause__ or error.__context__
    return False
