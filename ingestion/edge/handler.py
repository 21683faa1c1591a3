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
from typing import Final

from core.problems import problem
from ingestion.edge import idempotency
from ingestion.edge.authentication import authenticate
from ingestion.edge.digest import Digest, Digester, Parse, other_project
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
from ingestion.edge.reference import Reference
from ingestion.wire.answer import Answer, build_answer
from ingestion.wire.batch import Batch
from ingestion.wire.body import BoundedBody
from ingestion.wire.errors import BodyError, BodyTooLarge, TooManyEvents, UnsupportedEncoding, UnsupportedMediaType
from ingestion.writer import Claim, KeyInUse, KeyReused, Outcome, QueueFullError, Refused, Replay, Stored, Writer

type MakeAnswer = Callable[[int, int], Answer]  # of accepted and duplicates

logger = logging.getLogger("ingestion.edge")

_EVENTS_REJECTED: Final = str(problem(400, "events-rejected", "")["type"])
_SERVER_ERROR: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What bounds the memory and the patience of one process. Sizes are bytes, times seconds."""

    body: int = 10 * 2**20  # decompressed; what arrives may not be larger either
    in_flight: int = 64 * 2**20
    inline: int = 16 * 2**10  # a larger body is decoded in a thread, so that small ones do not wait behind it
    body_patience: float = 60.0
    store_patience: float = 15.0
    waiting_rows: int = 40_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """What requests work with while the process runs."""

    directory: Directory
    reference: Reference
    writer: Writer
    pool: ThreadPoolExecutor
    in_flight: InFlight
    limits: Limits
    pepper: str = field(repr=False)


@dataclass(slots=True)
class Exchange:
    """One request on its way; what is known of it is what a failure's log line says."""

    scope: Scope
    receive: Receive
    engine: Engine | None
    parse: Parse
    headers: dict[bytes, list[bytes]]
    started: float = field(default_factory=time.monotonic)
    sender: Sender | None = None

    async def reply(self) -> Reply:
        """The answer to send.

        :raises Problem: the answer is an error.
        :raises ClientGoneError: nobody waits for one.
        """
        if self.scope["method"] != "POST":
            raise Problem(405, "method-not-allowed", "This method is not allowed here.", headers=(("allow", "POST"),))
        if self.engine is None:
            raise unavailable("This process is starting or stopping.")
        engine, now = self.engine, datetime.now(UTC)
        self.sender = await authenticate(self.headers, engine.directory, pepper=engine.pepper, now=now)
        key_digest = idempotency.key_digest(self.headers)
        digester = Digester(
            parse=self.parse,
            sender=self.sender,
            project_slug=_named_project(self.headers, self.sender),
            book=engine.reference.book,
            window=engine.reference.window,
            now=now,
            is_claimed=key_digest is not None,
        )
        try:
            digest = await self._digest(digester, engine)
        except BodyError as error:
            raise _as_problem(error) from None
        answer = partial(_answer, digest.batch)
        claim = self._claim(self.sender, key_digest, digest.body_digest, answer) if key_digest else None
        outcome: Outcome = Stored(0, 0)
        if digest.rows or claim:
            outcome = await _write(digest, claim, engine)
        return _reply(outcome, answer)

    def _claim(self, sender: Sender, key_digest: bytes, body_digest: bytes, answer: MakeAnswer) -> Claim:
        return Claim(
            organization_id=sender.organization_id,
            api_key_id=sender.key_id,
            path=self.scope["path"],
            key_digest=key_digest,
            body_digest=body_digest,
            answer=answer,
        )

    async def _digest(self, digester: Digester, engine: Engine) -> Digest:
        encoding = text_header(self.headers, b"content-encoding")
        decoded = BoundedBody(content_encoding=encoding, limit=engine.limits.body)
        body = Body(engine.in_flight, limit=engine.limits.body, patience=engine.limits.body_patience)
        try:
            await body.read(self.receive, text_header(self.headers, b"content-length"))
            content_type = text_header(self.headers, b"content-type")
            work = partial(digester.digest, body.chunks, body=decoded, content_type=content_type)
            if not encoding and body.size <= engine.limits.inline:
                return work()
            return await asyncio.get_running_loop().run_in_executor(engine.pool, copy_context().run, work)
        finally:
            body.release()

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


async def serve(engine: Engine | None, parse: Parse, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer one request, whatever happens; ``engine`` is None while the process starts or stops."""
    exchange = Exchange(scope, receive, engine, parse, headers_of(scope))
    identifier = name_request(exchange.headers)
    try:
        reply = await exchange.reply()
        slug = "events-rejected"
    except ClientGoneError:
        logger.info("the client left before its request was complete")
        return
    except Problem as error:
        reply, slug = error.reply(), error.slug
    except Exception:
        logger.exception("the edge failed")
        reply, slug = Problem(500, "internal", "Something went wrong here.").reply(), "internal"
    if reply.is_error:
        exchange.log_failure(reply, slug)
    await send_reply(send, reply, identifier=identifier)


def _answer(batch: Batch, accepted: int, duplicates: int) -> Answer:
    return build_answer(batch, accepted=accepted, duplicates=duplicates, problem_type=_EVENTS_REJECTED)


async def _write(digest: Digest, claim: Claim | None, engine: Engine) -> Outcome:
    try:
        async with asyncio.timeout(engine.limits.store_patience):
            return await engine.writer.write(digest.rows, digest.targets, claim)
    except QueueFullError:
        raise unavailable("Too many events are waiting to be stored.") from None
    except TimeoutError:
        raise unavailable("Storing took too long.") from None


def _reply(outcome: Outcome, answer: MakeAnswer) -> Reply:
    match outcome:
        case Stored(accepted, duplicates):
            return _as_reply(answer(accepted, duplicates))
        case Replay(kept):
            return _as_reply(kept, idempotency.REPLAYED)
        case KeyReused():
            raise idempotency.reused()
        case KeyInUse():
            raise idempotency.in_use()
        case Refused():
            raise Problem(400, "unstorable", "The database refused these events.", "Nothing of this request is stored.")
    raise unavailable("The events could not be stored.")


def _as_reply(answer: Answer, headers: Headers = ()) -> Reply:
    return Reply(answer.status, answer.body, answer.content_type, headers)


def _named_project(headers: dict[bytes, list[bytes]], sender: Sender) -> str:
    """The project of the header; the key's own one need not be named."""
    slug = text_header(headers, b"x-tokenops-project")
    if slug and sender.is_bound and slug not in sender.projects:
        raise other_project()
    return slug


def _as_problem(error: BodyError) -> Problem:
    """The texts of body errors hold no value of the client's."""
    detail = str(error)
    if isinstance(error, BodyTooLarge | TooManyEvents):
        return too_large(detail)
    if isinstance(error, UnsupportedMediaType | UnsupportedEncoding):
        return Problem(415, "unsupported-media-type", "The body is in a form we do not read.", detail)
    return Problem(400, "malformed-body", "The body cannot be read.", detail)
