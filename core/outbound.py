"""The one HTTP client for URLs that customers give us (webhooks, receivers of alerts, custom providers).

A name is resolved once, every address it has is checked, and the connection goes to an address that was checked: a
name that resolves to something else a moment later changes nothing. Redirects are answers and are not followed,
proxies of the environment are not asked, and time and size have an end whatever the other side does.
"""

import socket
import ssl
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from time import monotonic
from typing import Any, Final
from urllib.parse import SplitResult, quote, urlsplit, urlunsplit

import httpcore2
from django.conf import settings

from core import addresses
from core.addresses import Network
from core.public_addresses import host_name, is_address, is_named, may_connect

SECONDS: Final = 15.0  # for one request, from the first packet to the last
MOST_BYTES: Final = 64 * 1024  # of an answer; the rest is not read
_LONGEST_URL: Final = 2_000
_NOT_PUBLIC: Final = "The host has an address that is not public, and such are not connected to."
_USER_AGENT: Final = "TokenOps"
_AS_WRITTEN: Final = "/?%:@!$&'()*+,;=~"  # beside letters and digits; other characters are percent-encoded

type Resolver = Callable[[str, int], list[str]]
"""Every address of a host; raises OSError when it has none."""


class OutboundError(Exception):
    """The request has no answer; the message is one sentence for whoever configured the URL, without the URL."""


class NotAllowedError(OutboundError):
    """The URL leads where customers may not send us, or is none; trying again does not help."""


class UnreachableError(OutboundError):
    """Nothing was heard from the other side in time; it may work later."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the other side said; ``body`` is at most the client's ``most_bytes`` of it."""

    status: int
    headers: Mapping[str, str]  # names in lower case
    body: bytes
    is_cut: bool


@dataclass(frozen=True, slots=True)
class Target:
    """A URL that is written well. Where its host leads is not known yet."""

    url: str
    host: str
    port: int
    is_secure: bool


def resolve(host: str, port: int) -> list[str]:
    """What the machine's resolver says.

    :raises OSError: the name has no address.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def read_url(url: str, *, allowed: Sequence[Network] = ()) -> Target:
    """``url`` taken apart. Plain http is for networks that the operator ``allowed``, which is checked on connecting.

    :raises NotAllowedError: it is no https URL with a host, has a name and password in it, or an address for a host
        that is not public.
    """
    if len(url) > _LONGEST_URL or not url.isprintable() or " " in url or "\\" in url:
        raise NotAllowedError("This is not a URL.")
    try:
        parts = urlsplit(url)
        host, port = host_name(parts.hostname or ""), parts.port
    except ValueError as error:
        raise NotAllowedError("This is not a URL with a host name.") from error
    if parts.username is not None or parts.password is not None:
        raise NotAllowedError("A URL must not have a name and password in it.")
    if parts.scheme not in ({"https", "http"} if allowed else {"https"}):
        raise NotAllowedError("The URL must begin with https://.")
    is_secure = parts.scheme == "https"
    if is_address(host) and not may_connect(host, allowed=allowed):
        raise NotAllowedError(_NOT_PUBLIC)
    return Target(_written(parts, host, port), host, port or (443 if is_secure else 80), is_secure)


def _written(parts: SplitResult, host: str, port: int | None) -> str:
    """The URL anew from its parts, so that what was checked is what is requested; the fragment stays here."""
    place = f"[{host}]" if ":" in host else host
    path, query = quote(parts.path, safe=_AS_WRITTEN), quote(parts.query, safe=_AS_WRITTEN)
    return urlunsplit((parts.scheme, f"{place}:{port}" if port else place, path or "/", query, ""))


@lru_cache(maxsize=1)
def trust() -> ssl.SSLContext:
    """The certificates of this machine."""
    return httpcore2.default_ssl_context()


@dataclass(frozen=True, slots=True)
class Client:
    """Sends requests to customers' URLs. ``allowed`` are networks beside the public ones, for plain http too."""

    allowed: Sequence[Network] = ()
    resolver: Resolver = resolve
    tls: ssl.SSLContext = field(default_factory=trust)
    seconds: float = SECONDS
    most_bytes: int = MOST_BYTES

    def send(self, method: str, url: str, *, headers: Mapping[str, str], content: bytes = b"") -> Answer:
        """One request and its answer, whatever its status.

        :raises NotAllowedError: the URL is none, or one of the host's addresses is not public.
        :raises UnreachableError: no whole answer in time.
        """
        target = read_url(url, allowed=self.allowed)
        backend = _Pinned(self, target, monotonic() + self.seconds)
        sent = {"User-Agent": _USER_AGENT, "Accept-Encoding": "identity", "Connection": "close", **headers}
        pool = httpcore2.ConnectionPool(ssl_context=self.tls, network_backend=backend)
        try:
            with pool, pool.stream(method, target.url, headers=list(sent.items()), content=content) as response:
                return self._read(response)
        except httpcore2.TimeoutException as error:
            raise UnreachableError(f"No answer within {self.seconds:.0f} seconds.") from error
        except httpcore2.NetworkError as error:
            raise UnreachableError(_why(error)) from error
        except httpcore2.ProtocolError as error:
            raise UnreachableError("The answer was not HTTP.") from error

    def _read(self, response: httpcore2.Response) -> Answer:
        body, is_cut = bytearray(), False
        for chunk in response.iter_stream():
            body += chunk
            if len(body) > self.most_bytes:
                is_cut = True
                break
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
        return Answer(response.status, headers, bytes(body[: self.most_bytes]), is_cut)


class _Pinned(httpcore2.SyncBackend):
    """Connects to a checked address of the target and to nothing else; TLS still names and verifies the host."""

    def __init__(self, client: Client, target: Target, deadline: float) -> None:
        self._client, self._target, self._deadline = client, target, deadline

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.NetworkStream:
        failure: httpcore2.NetworkError | httpcore2.TimeoutException | None = None
        for address in self._addresses():
            try:
                stream = super().connect_tcp(address, port, _left(self._deadline), None, socket_options)
            except (httpcore2.NetworkError, httpcore2.TimeoutException) as error:
                failure = error
            else:
                return _Bounded(stream, self._deadline)
        raise failure or httpcore2.ConnectError("no address")

    def _addresses(self) -> list[str]:
        """Those of the host. One that is not public makes all of them unwelcome: a name has one owner."""
        try:
            found = self._client.resolver(self._target.host, self._target.port)
        except (OSError, UnicodeError) as error:
            raise UnreachableError("The host name has no address.") from error
        allowed = self._client.allowed
        if not found or not all(may_connect(address, allowed=allowed) for address in found):
            raise NotAllowedError(_NOT_PUBLIC)
        if not self._target.is_secure and not all(is_named(address, allowed) for address in found):
            raise NotAllowedError("The URL must begin with https://.")
        return found


class _Bounded(httpcore2.NetworkStream):
    """A connection that ends at a moment, however slowly the other side drips."""

    def __init__(self, stream: httpcore2.NetworkStream, deadline: float) -> None:
        self._stream, self._deadline = stream, deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _left(self._deadline))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _left(self._deadline))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        stream = self._stream.start_tls(ssl_context, server_hostname, _left(self._deadline))
        return _Bounded(stream, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _left(deadline: float) -> float:
    """Seconds until ``deadline``.

    :raises httpcore2.ReadTimeout: there are none.
    """
    left = deadline - monotonic()
    if left <= 0:
        raise httpcore2.ReadTimeout("the time is over")
    return left


def _why(error: Exception) -> str:
    """What went wrong on the way, without the address."""
    cause = error.args[0] if error.args else None  # what the library made its own error of
    if isinstance(cause, ssl.SSLCertVerificationError):
        return "Its certificate is not valid for this host."
    if isinstance(cause, ssl.SSLError):
        return "No encrypted connection could be made."
    if isinstance(cause, ConnectionRefusedError):
        return "The connection was refused."
    return "The connection failed or broke off."


def client() -> Client:
    """The client with what the operator allows."""
    return Client(allowed=addresses.networks(settings.OUTBOUND_ALLOWED_NETWORKS))
