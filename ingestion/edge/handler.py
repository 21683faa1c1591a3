"""One telemetry request: who sends, what it says, what became of it."""

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

from core.addresses import Network
from core.keys import Peppers
from ingestion.edge import idempotency, refusals
from ingestion.edge.authentication import authenticate, check_address, check_scope, client_of, presented_key
from ingestion.edge.digest import Digest, Digester, Request, other_project
from ingestion.edge.directory import Directory, Sender
from ingestion.edge.http import (
    Body,
    ClientGoneError,
    Headers,
    InFlight,
    Problem,
    Receive,
    Reply,
    Scope,
    Send,
    headers_of,
    name_request,
    send_reply,
    text_header,
    too_large,
    unavailable,
)
from ingestion.edge.limits import Brake, RateLimiter
from ingestion.edge.metrics import Metrics
from ingestion.edge.reference import Reference
from ingestion.edge.turns import Turns
from ingestion.wire.answer import Answer
from ingestion.wire.batch import Batch
from ingestion.wire.body import BoundedBody
from ingestion.wire.errors import BodyError, BodyTooLarge, TooManyEvents, UnsupportedEncoding, UnsupportedMediaType
from ingestion.writer import (
    Claim,
    Group,
    KeyInUse,
    KeyReused,
    KeyUse,
    Outcome,
    QueueFullError,
    Refused,
    Replay,
    SampleWriter,
    Stored,
    Writer,
)
from ingestion.writer.refusals import Place, RefusalLog

logger = logging.getLogger("ingestion.edge")

_TOO_MANY: Final = 429
_SERVER_ERROR: Final = 500
_OWN_CLIENTS: Final = frozenset({"sdk", "import"})
_ROWS_AT_ONCE: Final = 5_000  # a trace may have more: the writer takes them one part after the other


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What bounds the memory and the patience of one process. Sizes are bytes, times seconds."""

    body: int = 10 * 2**20  # decompressed; what arrives may not be larger either
    traces_body: int = 32 * 2**20  # collectors send large batches and do not repeat what was too large
    in_flight: int = 64 * 2**20
    inline: int = 16 * 2**10  # a larger body is decoded in a thread, so that small ones do not wait behind it
    body_patience: float = 60.0
    store_patience: float = 15.0
    refusal_pause: float = 0.5  # before a 429 goes out
    waiting_rows: int = 40_000  # for a flush
    rows_in_hand: int = 60_000  # decoded and not yet answered; an organization's half of it does not fill the queue


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """What requests work with while the process runs."""

    directory: Directory
    reference: Reference
    writer: Writer
    sample_writer: SampleWriter
    refusals: RefusalLog
    pool: ThreadPoolExecutor
    turns: Turns  # in the pool
    in_flight: InFlight
    in_hand: InFlight
    limiter: RateLimiter
    brake: Brake
    metrics: Metrics
    limits: Limits
    peppers: Peppers
    trusted_proxies: tuple[Network, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """What differs from path to path; the last argument of both answers is the request's content type."""

    digester: Digester
    writer: Callable[[Engine], Group[Any]]  # takes the rows of this digester
    most_bytes: Callable[[Limits], int]
    success: Callable[[Batch, Stored, str], Reply]
    failure: Callable[[Problem, str], Reply]
    keeps_answers: bool  # for an Idempotency-Key


@dataclass(slots=True)
class Exchange:
    """One request on its way; what is known of it is what a failure's log line says."""

    scope: Scope
    receive: Receive
    engine: Engine | None
    endpoint: Endpoint
    headers: dict[bytes, list[bytes]]
    started: float = field(default_factory=time.monotonic)
    sender: Sender | None = None
    events: int = 0  # decoded, and not known to be stored

    async def reply(self) -> Reply:
        """The answer to send.

        :raises Problem: the answer is an error.
        :raises ClientGoneError: the body did not arrive whole.
        """
        if self.scope["method"] != "POST":
            raise Problem(405, "method-not-allowed", "This method is not allowed here.", headers=(("allow", "POST"),))
        if self.engine is None:
            raise unavailable("This process is starting or stopping.")
        engine, now = self.engine, datetime.now(UTC)
        self.sender = await authenticate(self.headers, engine.directory, peppers=engine.peppers, now=now)
        use = self._use(self.sender, engine)
        check_address(self.sender, use.address)
        check_scope(self.sender)
        engine.limiter.take_request(self.sender.key_id, now=time.monotonic())
        if self.sender.quota:
            self.sender.quota.check(now)
        key_digest = idempotency.key_digest(self.headers) if self.endpoint.keeps_answers else None
        request = Request(
            sender=self.sender,
            project_slug=_named_project(self.headers, self.sender),
            book=engine.reference.book,
            window=engine.reference.window,
            now=now,
            is_claimed=key_digest is not None,
            source=_source(self.headers),
        )
        try:
            digest = await self._digest(request, engine)
        except BodyError as error:
            raise _as_problem(error) from None
        self.events = len(digest.rows)
        engine.limiter.take_events(self.sender.key_id, digest.batch.total, now=time.monotonic())
        claim = self._claim(self.sender, key_digest, digest) if key_digest else None
        with engine.in_hand.holding(self.events, self.sender.organization_id):
            outcome = await self._store(digest, claim, use, engine)
        reply = self._reply(digest, outcome)
        self._note(digest, outcome, engine, self.sender, now)
        return reply

    def _note(self, digest: Digest, outcome: Outcome, engine: Engine, sender: Sender, now: datetime) -> None:
        """A repeated answer stores nothing: it was counted the first time."""
        self.events = 0
        if isinstance(outcome, Stored):
            engine.metrics.stored(digest.batch, outcome, time.monotonic() - self.started)
            place = self._place(sender, now)
            refusals.count_events(engine.refusals, place, sender, digest.batch, digest.refused, now=now)

    def standing(self) -> Headers:
        """How the key stands with its limits: on every answer once it is known who asks."""
        if self.engine is None or self.sender is None:
            return ()
        return self.engine.limiter.headers(self.sender.key_id, now=time.monotonic())

    def _place(self, sender: Sender, now: datetime) -> Place:
        slug = text_header(self.headers, b"x-tokenops-project")
        return refusals.place_of(sender, slug, endpoint=self.scope["path"], now=now)

    def count_refusal(self, reply: Reply, slug: str) -> None:
        """Count a request that was refused as a whole; a request of nobody is nobody's."""
        if self.engine and self.sender:
            now = datetime.now(UTC)
            refusals.count_request(self.engine.refusals, self._place(self.sender, now), reply, slug, now=now)

    def _claim(self, sender: Sender, key_digest: bytes, digest: Digest) -> Claim:
        def answer(accepted: int, duplicates: int) -> Answer:
            reply = self._reply(digest, Stored(accepted, duplicates))
            return Answer(status=reply.status, content_type=reply.content_type, body=reply.body)

        return Claim(
            organization_id=sender.organization_id,
            api_key_id=sender.key_id,
            path=self.scope["path"],
            key_digest=key_digest,
            body_digest=digest.body_digest,
            answer=answer,
        )

    def _reply(self, digest: Digest, outcome: Outcome) -> Reply:
        match outcome:
            case Stored():
                return self.endpoint.success(digest.batch, outcome, self.content_type)
            case Replay(kept):
                return Reply(kept.status, kept.body, kept.content_type, idempotency.REPLAYED)
            case KeyReused():
                raise idempotency.reused()
            case KeyInUse():
                raise idempotency.in_use()
            case Refused():
                detail = "Nothing of this request is stored."
                raise Problem(400, "unstorable", "The database refused these events.", detail)
        raise unavailable("The events could not be stored.")

    @property
    def content_type(self) -> str:
        return text_header(self.headers, b"content-type")

    async def _digest(self, request: Request, engine: Engine) -> Digest:
        encoding, limit = text_header(self.headers, b"content-encoding"), self.endpoint.most_bytes(engine.limits)
        decoded = BoundedBody(content_encoding=encoding, limit=limit)
        patience, organization_id = engine.limits.body_patience, request.sender.organization_id
        body = Body(engine.in_flight, organization_id=organization_id, limit=limit, patience=patience)
        try:
            await body.read(self.receive, text_header(self.headers, b"content-length"))
            digest = self.endpoint.digester.digest
            work = partial(digest, request, body.chunks, body=decoded, content_type=self.content_type)
            if not encoding and body.size <= engine.limits.inline:
                return work()
            async with engine.turns.taking(organization_id):
                return await asyncio.get_running_loop().run_in_executor(engine.pool, copy_context().run, work)
        finally:
            body.release()

    def _use(self, sender: Sender, engine: Engine) -> KeyUse:
        address = client_of(self.scope.get("client"), self.headers, engine.trusted_proxies)
        renewal = engine.peppers.renewal(presented_key(self.headers), stored=sender.digest, stored_id=sender.pepper_id)
        return KeyUse(sender.key_id, sender.organization_id, address, renewal)

    async def _store(self, digest: Digest, claim: Claim | None, use: KeyUse, engine: Engine) -> Outcome:
        writer = self.endpoint.writer(engine)
        try:
            async with asyncio.timeout(engine.limits.store_patience):
                if claim:  # in one part, even of no rows: the answer is kept in the transaction of the calls
                    return await writer.write(digest.rows, digest.targets, claim, use=use)
                return await _store_parts(digest, use, writer)
        except QueueFullError:
            raise unavailable("Too many events are waiting to be stored.") from None
        except TimeoutError:
            raise unavailable("Storing took too long.") from None

    def log_failure(self, reply: Reply, slug: str) -> None:
        """One line without a query string, a header or a body: they may hold secrets or content."""
        logger.log(
            logging.WARNING if reply.status >= _SERVER_ERROR else logging.INFO,
            "request failed",
            extra={
                "method": self.scope["method"],
                "path": self.scope["path"],
                "status": reply.status,
                "problem": slug,
                "duration_ms": round((time.monotonic() - self.started) * 1000, 1),
                "organization_id": self.sender.organization_id if self.sender else None,
                "key_id": self.sender.key_id if self.sender else None,
            },
        )


async def serve(engine: Engine | None, endpoint: Endpoint, scope: Scope, receive: Receive, send: Send) -> int:
    """Answer one request, whatever happens, and say with which status.

    ``engine`` is None while the process starts or stops.
    """
    exchange = Exchange(scope, receive, engine, endpoint, headers_of(scope))
    identifier = name_request(exchange.headers)
    try:
        reply = await exchange.reply()
        slug = refusals.EVENTS_REJECTED
    except ClientGoneError:
        # Gone, or it sent a body that is no HTTP: without an answer the server would make a 500 of that.
        broken = Problem(400, "incomplete-body", "The body ended before it was complete.")
        reply, slug = endpoint.failure(broken, exchange.content_type), broken.slug
    except Problem as error:
        reply, slug = endpoint.failure(error, exchange.content_type), error.slug
    except Exception:
        logger.exception("the edge failed")
        failure = Problem(500, "internal", "Something went wrong here.")
        reply, slug = endpoint.failure(failure, exchange.content_type), failure.slug
    if reply.is_error:
        exchange.log_failure(reply, slug)
        exchange.count_refusal(reply, slug)
    if engine and exchange.events:
        engine.metrics.refused(exchange.events, reply.status)
    if engine and reply.status == _TOO_MANY:
        await engine.brake.hold()
    await send_reply(send, reply, identifier=identifier, more_headers=exchange.standing())
    return reply.status


async def _store_parts(digest: Digest, use: KeyUse, writer: Group[Any]) -> Outcome:
    """Store the rows in parts the writer can take. After a failure some may be stored: sending them again is safe."""
    accepted = duplicates = 0
    for start in range(0, len(digest.rows), _ROWS_AT_ONCE):
        outcome = await writer.write(digest.rows[start : start + _ROWS_AT_ONCE], digest.targets, use=use)
        if not isinstance(outcome, Stored):
            return outcome
        accepted, duplicates = accepted + outcome.accepted, duplicates + outcome.duplicates
    return Stored(accepted, duplicates)


def _named_project(headers: dict[bytes, list[bytes]], sender: Sender) -> str:
    """The project of the header; the key's own one need not be named."""
    slug = text_header(headers, b"x-tokenops-project")
    if slug and sender.is_bound and slug not in sender.projects:
        raise other_project()
    return slug


def _source(headers: dict[bytes, list[bytes]]) -> str:
    """What sent the events: clients of ours say so, everything else is called rest."""
    named = text_header(headers, b"x-tokenops-source")
    return named if named in _OWN_CLIENTS else "rest"


def _as_problem(error: BodyError) -> Problem:
    """The texts of body errors hold no value of the client's."""
    detail = str(error)
    if isinstance(error, BodyTooLarge | TooManyEvents):
        return too_large(detail)
    if isinstance(error, UnsupportedMediaType | UnsupportedEncoding):
        return Problem(415, "unsupported-media-type", "The body is in a form we do not read.", detail)
    return Problem(400, "malformed-body", "The body cannot be read.", detail)
