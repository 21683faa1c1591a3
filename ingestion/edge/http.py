"""The little HTTP the edge needs on raw ASGI: headers, a bounded body, one answer, and problems as exceptions."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator, MutableMapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from core.logs import request_id
from core.middleware import clean_request_id
from core.problems import CONTENT_TYPE, problem

type Scope = MutableMapping[str, Any]
type Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
type Send = Callable[[dict[str, Any]], Awaitable[None]]
type ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]
type Headers = tuple[tuple[str, str], ...]

_FIRST_ERROR: Final = 400
_REQUEST_ID: Final = b"x-request-id"


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer."""

    status: int
    body: bytes
    content_type: str = "application/json"
    headers: Headers = ()

    @property
    def is_error(self) -> bool:
        return self.status >= _FIRST_ERROR


class Problem(Exception):  # noqa: N818 - RFC 9457's own word
    """An answer that is an error; the text is for the client and repeats nothing of what it sent."""

    def __init__(self, status: int, slug: str, title: str, detail: str = "", *, headers: Headers = ()) -> None:
        super().__init__(slug)
        self.status, self.slug = status, slug
        self.title, self.detail, self.headers = title, detail, headers

    def reply(self) -> Reply:
        document = problem(self.status, self.slug, self.title, self.detail)
        return Reply(self.status, json.dumps(document).encode(), CONTENT_TYPE, self.headers)


_NO_TELEMETRY: Final = "TokenOps cannot take telemetry right now."


def unavailable(detail: str, title: str = _NO_TELEMETRY) -> Problem:
    """503: nothing is stored for certain, sending the same again is safe."""
    return Problem(503, "unavailable", title, detail, headers=(("retry-after", "1"),))


class ClientGoneError(Exception):
    """The client left before its request was complete; nobody waits for an answer."""


def headers_of(scope: Scope) -> dict[bytes, list[bytes]]:
    """Values by lower-case name, all of those that were sent."""
    found: dict[bytes, list[bytes]] = {}
    for name, value in scope["headers"]:
        found.setdefault(name, []).append(value)
    return found


def text_header(headers: dict[bytes, list[bytes]], name: bytes) -> str:
    """The first value, without blanks around it; '' when there is none."""
    values = headers.get(name)
    return values[0].decode("latin-1").strip() if values else ""


def name_request(headers: dict[bytes, list[bytes]]) -> str:
    """The request's id, the client's own if it is harmless, for the answer and for every log line."""
    identifier = clean_request_id(text_header(headers, _REQUEST_ID))
    request_id.set(identifier)
    return identifier


@dataclass(slots=True)
class InFlight:
    """How much is in memory, of all requests of this process together: bytes of bodies, or rows on their way.

    One organization may hold half of it: its slow or many senders must not close the door for the others.
    """

    limit: int
    complaint: str = "Too many requests are being received at once."
    title: str = _NO_TELEMETRY
    used: int = field(default=0, init=False)
    _of: dict[int, int] = field(default_factory=dict, init=False)

    def take(self, size: int, organization_id: int) -> None:
        """:raises Problem: 503, too much is held already."""
        held = self._of.get(organization_id, 0) + size
        if self.used + size > self.limit or held > self.limit // 2:
            raise unavailable(self.complaint, self.title)
        self.used += size
        self._of[organization_id] = held

    def give_back(self, size: int, organization_id: int) -> None:
        self.used -= size
        held = self._of.pop(organization_id, 0) - size
        if held:
            self._of[organization_id] = held

    @contextmanager
    def holding(self, size: int, organization_id: int) -> Iterator[None]:
        """Hold ``size`` for the block. What is larger than an organization's half by itself counts as that half: it is
        taken when the organization holds nothing else.

        :raises Problem: 503, too much is held already.
        """
        counted = min(size, self.limit // 2)
        self.take(counted, organization_id)
        try:
            yield
        finally:
            self.give_back(counted, organization_id)


class Body:
    """The body's pieces as they came from the socket, counted against what may be in memory until ``release``."""

    def __init__(self, in_flight: InFlight, *, organization_id: int, limit: int, patience: float) -> None:
        self.chunks: list[bytes] = []
        self.size = 0
        self._in_flight, self._organization_id = in_flight, organization_id
        self._limit, self._patience = limit, patience

    async def read(self, receive: Receive, declared: str) -> None:
        """Read to the end; ``declared`` is Content-Length, '' when the body is chunked.

        :raises Problem: 413 too large, 408 too slow, 503 no room.
        :raises ClientGoneError: it left.
        """
        if declared.isdecimal() and int(declared[:20]) > self._limit:
            raise self._too_large()
        try:
            async with asyncio.timeout(self._patience):
                await self._read(receive)
        except TimeoutError:
            raise Problem(408, "timeout", "The body did not arrive in time.") from None

    async def _read(self, receive: Receive) -> None:
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ClientGoneError
            self._add(message.get("body", b""))
            more = message.get("more_body", False)

    def _add(self, chunk: bytes) -> None:
        if self.size + len(chunk) > self._limit:
            raise self._too_large()
        self._in_flight.take(len(chunk), self._organization_id)
        self.size += len(chunk)
        self.chunks.append(chunk)

    def release(self) -> None:
        """Forget the pieces and give their room back."""
        self._in_flight.give_back(self.size, self._organization_id)
        self.size = 0
        self.chunks.clear()

    def _too_large(self) -> Problem:
        return too_large(f"A body may have at most {self._limit // 2**20} MB.")


def too_large(detail: str) -> Problem:
    return Problem(413, "too-large", "The request is too large.", detail)


async def send_reply(send: Send, reply: Reply, *, identifier: str, more_headers: Headers = ()) -> None:
    """Send the answer in one piece."""
    headers: Sequence[tuple[str, str]] = (
        ("content-type", reply.content_type),
        ("content-length", str(len(reply.body))),
        ("x-request-id", identifier),
        *reply.headers,
        *more_headers,
    )
    encoded = [(name.encode(), value.encode("latin-1")) for name, value in headers]
    await send({"type": "http.response.start", "status": reply.status, "headers": encoded})
    await send({"type": "http.response.body", "body": reply.body, "more_body": False})
