"""One request on its way to the upstream and its answer on the way back: passed on as it comes, read beside, recorded.

The record of what became of a call is in the spool before the client has the answer's last byte.
"""

import asyncio
import time
from contextlib import suppress
from typing import Final

from gateway.edge.forward import Forward
from gateway.edge.http import stopping
from gateway.edge.patience import Patience
from gateway.edge.upstream import (
    Answer,
    BrokenError,
    StoppingError,
    TimedOutError,
    UnreachableError,
    Upstream,
    UpstreamError,
)
from gateway.types import End, Observer, Outcome, Seen, Spool, SpoolFullError, Start
from gateway.wire import events, headers
from gateway.wire.events import Told
from gateway.wire.observing import observer
from ingestion.edge.http import ClientGoneError, Problem, Receive, Send

CALL_ID: Final = b"x-tokenops-call-id"
WATCH_AFTER: Final = 0.02  # seconds
CLIENT_PATIENCE: Final = 300.0  # seconds for a client to take a piece: one that takes none keeps its place from others
_OUTCOMES: Final[dict[type[UpstreamError], Outcome]] = {
    UnreachableError: Outcome.UNREACHABLE,
    TimedOutError: Outcome.TIMEOUT,
    BrokenError: Outcome.BROKEN,
}


class Relay:
    """Carries one request out."""

    def __init__(self, forward: Forward, upstream: Upstream, spool: Spool, receive: Receive, send: Send) -> None:
        self._forward, self._upstream, self._spool = forward, upstream, spool
        self._receive, self._send = receive, send
        self._sent_at = time.monotonic()
        self._patience: Patience  # of the task that runs this
        self._first_at: float | None = None
        self._added = 0.0
        self._answer: Answer | None = None
        self._observer: Observer | None = None
        self._watching: asyncio.Task[None] | None = None
        self.has_begun = False  # to pass the answer on
        self._is_recorded = self._client_left = False

    async def run(self, *, added: float) -> None:
        """``added`` are the seconds that this process has taken for the request so far.

        :raises Problem: nothing of the answer was passed on: 502, 504, or 503 when the spool is full or this process
            stops.
        :raises ClientGoneError: the client left.
        :raises UpstreamError: the answer broke off after its beginning was passed on.
        """
        began = time.monotonic()
        self._patience = Patience(CLIENT_PATIENCE)
        self._start()
        self._sent_at = time.monotonic()
        self._added = added + self._sent_at - began
        watching = self._watch_later()
        try:
            await self._carry()
        except UpstreamError as error:
            self._record(_outcome(error))
            if self.has_begun:
                raise
            raise _problem(error) from None
        except asyncio.CancelledError:
            self._record(Outcome.CLIENT_LEFT)
            self._stop_cancelling()
            raise ClientGoneError from None
        finally:
            self._record(Outcome.BROKEN)  # unless it is recorded by now
            watching.cancel()
            self._patience.end()
            if self._watching:
                self._watching.cancel()
            if self._answer:
                await self._answer.close()

    def _stop_cancelling(self) -> None:
        """The watch's own cancellation ends here; anybody else's goes on."""
        task = asyncio.current_task()
        if not self._client_left or task is None or task.uncancel() > 0:
            raise asyncio.CancelledError

    def _watch_later(self) -> asyncio.TimerHandle:
        """Many calls are over before it is worth a task to see whether their client is still there."""
        carrier = asyncio.current_task()

        def watch() -> None:
            self._patience.begin()
            if self._forward.is_read_whole:
                self._watching = asyncio.create_task(self._watch(carrier))

        return asyncio.get_running_loop().call_later(WATCH_AFTER, watch)

    async def _watch(self, carrier: asyncio.Task[object] | None) -> None:
        """A stream that nobody listens to any more is ended, so that the provider stops writing it.

        What is not streamed is read to its end: it is paid for in any case, and then its usage is known.
        """
        while (await self._receive())["type"] != "http.disconnect":
            continue
        self._client_left = True
        if self._forward.ask.is_stream and carrier:
            carrier.cancel()

    def _start(self) -> None:
        forward = self._forward
        record = Start(
            call_id=forward.call_id,
            at=forward.at,
            key_prefix=forward.key_prefix,
            project_slug=forward.project_slug,
            address=forward.address,
            provider=forward.provider.slug,
            canonical=forward.provider.canonical,
            ask=forward.ask if forward.ask.operation else None,
        )
        try:
            self._spool.start(record)
        except SpoolFullError:
            detail = "Calls that cannot be recorded are not sent on. The operator has to look at the gateway’s spool."
            title = "The gateway has no room to record calls."
            raise Problem(503, "spool-full", title, detail, headers=(("retry-after", "5"),)) from None

    async def _carry(self) -> None:
        forward = self._forward
        self._answer = answer = await self._upstream.open(
            forward.provider, method=forward.method, url=forward.url, headers=forward.headers, body=forward.body
        )
        self._observer = seen = observer(
            forward.provider,
            forward.ask,
            status=answer.status,
            content_type=_text(answer, b"content-type"),
            content_encoding=_text(answer, b"content-encoding"),
            withhold_usage=forward.is_injected,
        )
        await self._begin(answer)
        left = None if forward.is_injected else _length(answer)
        async for chunk in answer.chunks():
            if self._first_at is None:
                self._first_at = time.monotonic()
            passed = seen.feed(chunk)
            if left is not None:
                left -= len(chunk)
            if left == 0:
                break
            if seen.seen.is_whole:
                self._record(Outcome.ANSWERED)
            await self._hand(passed)
        else:
            passed = b""
        read_at = time.monotonic()
        passed += seen.finish()
        self._added += time.monotonic() - read_at
        self._record(Outcome.ANSWERED)
        await self._hand(passed, more=False)

    async def _begin(self, answer: Answer) -> None:
        passed = headers.to_client(answer.headers)
        if self._forward.is_injected:
            passed = [(name, value) for name, value in passed if name.lower() != b"content-length"]
        passed.append((CALL_ID, self._forward.call_id.encode()))
        self.has_begun = True
        await self._give({"type": "http.response.start", "status": answer.status, "headers": passed})

    async def _hand(self, chunk: bytes, *, more: bool = True) -> None:
        if chunk or not more:
            await self._give({"type": "http.response.body", "body": chunk, "more_body": more})

    async def _give(self, message: dict[str, object]) -> None:
        """To the client, unless it left; a server that says so by an error is heard, too."""
        if self._client_left:
            return
        with suppress(OSError):
            if await self._patience.lasts(self._send(message)):
                return
        self._client_left = True
        if self._forward.ask.is_stream:
            raise asyncio.CancelledError

    def _record(self, outcome: Outcome) -> None:
        """Once: what is known of the call at this moment."""
        if self._is_recorded:
            return
        self._is_recorded = True
        if self._client_left and outcome is Outcome.ANSWERED:
            outcome = Outcome.CLIENT_LEFT
        status = self._answer.status if self._answer else 0
        event = self._event(outcome) if self._forward.ask.operation else b""
        self._spool.end(
            End(
                call_id=self._forward.call_id,
                outcome=outcome,
                http_status=status,
                added_us=max(0, round(self._added * 1e6)),
                event=event,
            )
        )

    def _event(self, outcome: Outcome) -> bytes:
        forward, answer, now = self._forward, self._answer, time.monotonic()
        return events.event(
            Told(
                call_id=forward.call_id,
                at=forward.at,
                provider=forward.provider.canonical,
                ask=forward.ask,
                retries=forward.retries,
                outcome=outcome,
                http_status=answer.status if answer else 0,
                seen=self._observer.seen if self._observer else Seen(),
                headers=answer.headers if answer else (),
                latency_ms=(now - self._sent_at) * 1e3,
                first_ms=None if self._first_at is None else (self._first_at - self._sent_at) * 1e3,
            )
        )


def _outcome(error: UpstreamError) -> Outcome:
    return _OUTCOMES.get(type(error), Outcome.UNREACHABLE)


def _problem(error: UpstreamError) -> Problem:
    """What a client is told when nothing came back: 504 in time, 502 at all, 503 when nothing was sent for our sake."""
    if isinstance(error, StoppingError):
        return stopping(str(error))
    if isinstance(error, TimedOutError):
        return Problem(504, "upstream-timeout", "The provider did not answer in time.", str(error))
    if isinstance(error, BrokenError):
        return Problem(502, "upstream-broken", "The provider’s answer broke off or was no HTTP.", str(error))
    return Problem(502, "upstream-unreachable", "The provider cannot be reached.", str(error))


def _text(answer: Answer, name: bytes) -> str:
    for key, value in answer.headers:
        if key.lower() == name:
            return value.decode("latin-1")
    return ""


def _length(answer: Answer) -> int | None:
    text = _text(answer, b"content-length")
    return int(text) if text.isascii() and text.isdecimal() else None
