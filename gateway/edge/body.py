"""A request's body on its way upstream: whole, where it is read beside; piece by piece, where it is not."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Final

from ingestion.edge.http import ClientGoneError, InFlight, Problem, Receive

MOST_BYTES: Final = 50 * 2**20
PATIENCE: Final = 60.0  # seconds between two pieces


class RequestBody:
    """The pieces as they come; what is held in memory counts against ``in_flight`` until ``release``."""

    def __init__(self, receive: Receive, in_flight: InFlight, *, organization_id: int, declared: str) -> None:
        """:raises Problem: 413, it says itself that it is too large."""
        self._receive, self._in_flight, self._organization_id = receive, in_flight, organization_id
        self._held = self._passed = 0
        self.is_complete = False
        self.waited = 0.0  # seconds for the client's pieces
        self.failure: Problem | ClientGoneError | None = None  # why the pieces ended early
        self.length = int(declared) if declared.isascii() and declared.isdecimal() else None
        if self.length is not None and self.length > MOST_BYTES:
            raise too_large()

    async def whole(self) -> bytes:
        """All of it.

        :raises Problem: 413 too large, 408 too slow, 503 no room.
        :raises ClientGoneError: the client left.
        """
        chunks = []
        while not self.is_complete:
            chunk = await self._next()
            self._in_flight.take(len(chunk), self._organization_id)
            self._held += len(chunk)
            chunks.append(chunk)
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    async def pieces(self) -> AsyncIterator[bytes]:
        """One after the other, no faster than they are taken.

        :raises Problem: 413 too large, 408 too slow.
        :raises ClientGoneError: the client left.
        """
        while not self.is_complete:
            chunk = await self._next()
            if chunk:
                yield chunk

    async def _next(self) -> bytes:
        try:
            return await self._received()
        except (Problem, ClientGoneError) as failure:
            self.failure = failure
            raise

    async def _received(self) -> bytes:
        asked_at = time.monotonic()
        try:
            async with asyncio.timeout(PATIENCE):
                message = await self._receive()
        except TimeoutError:
            raise Problem(408, "timeout", "The body did not arrive in time.") from None
        finally:
            self.waited += time.monotonic() - asked_at
        if message["type"] == "http.disconnect":
            raise ClientGoneError
        chunk: bytes = message.get("body", b"")
        self.is_complete = not message.get("more_body", False)
        self._passed += len(chunk)
        if self._passed > MOST_BYTES:
            raise too_large()
        return chunk

    def release(self) -> None:
        """Give the room back."""
        self._in_flight.give_back(self._held, self._organization_id)
        self._held = 0


def too_large() -> Problem:
    detail = f"A body may have at most {MOST_BYTES // 2**20} MB."
    return Problem(413, "too-large", "The request is too large.", detail)
