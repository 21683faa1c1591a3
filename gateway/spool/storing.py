"""From events of the spool to stored calls, on the same way that telemetry takes."""

import asyncio
import logging
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Final, cast

from gateway.spool.journal import Ended
from ingestion.edge import refusals
from ingestion.edge.digest import CallDigester, Digest, Request
from ingestion.edge.directory import Sender
from ingestion.edge.handler import Engine
from ingestion.edge.http import Problem
from ingestion.wire.batch import Batch, ParseContext
from ingestion.wire.body import BoundedBody
from ingestion.wire.errors import BodyError
from ingestion.wire.rest import parse_ingest
from ingestion.writer import KeyUse, QueueFullError, Refused, Row, Stored, Target

logger = logging.getLogger(__name__)

SOURCE: Final = "gateway"
_ENDPOINT: Final = "/v1/proxy"
_JSON: Final = "application/json"
_MOST_BYTES: Final = 64 * 2**20  # of a batch; its events are our own
_SERVER_ERROR: Final = 500


class NotNowError(Exception):
    """Nothing is stored for certain; the same later."""


def _parse(body: bytes, content_type: str, context: ParseContext) -> Batch:
    return parse_ingest(body, content_type=content_type, context=context)


_DIGESTER: Final = CallDigester(_parse)


async def store(engine: Engine, sender: Sender, project_slug: str, requests: Sequence[Ended]) -> set[str]:
    """Store the calls and say which are stored, by id; the others were refused and are counted as such.

    :raises NotNowError: the database, its prices or its queue are not ready.
    """
    with_event = [request for request in requests if request.event]
    if not with_event:
        return set()
    try:
        return await _store(engine, sender, project_slug, with_event)
    except _RefusedError as error:
        if len(with_event) == 1:
            _note_refused(engine, sender, project_slug, error.slug)
            return set()
    one_by_one = [await store(engine, sender, project_slug, [request]) for request in with_event]
    return set().union(*one_by_one)


class _RefusedError(Exception):
    """Something among the events is refused, for good."""

    def __init__(self, slug: str) -> None:
        super().__init__(slug)
        self.slug = slug


async def _store(engine: Engine, sender: Sender, project_slug: str, requests: Sequence[Ended]) -> set[str]:
    now = datetime.now(UTC)
    digest = await _digest(engine, sender, project_slug, [request.event for request in requests], now)
    if digest.rows:
        use = KeyUse(sender.key_id, sender.organization_id, requests[-1].start.address)
        await _write(engine, cast("Sequence[Row]", digest.rows), digest.targets, use)
    place = refusals.place_of(sender, project_slug, endpoint=_ENDPOINT, now=now)
    refusals.count_events(engine.refusals, place, sender, digest.batch, digest.refused, now=now)
    return {requests[index].start.call_id for index, _ in digest.batch.calls}


async def _digest(engine: Engine, sender: Sender, project_slug: str, events: Iterable[bytes], now: datetime) -> Digest:
    try:
        request = Request(
            sender=sender,
            project_slug=project_slug,
            book=engine.reference.book,
            window=engine.reference.window,
            now=now,
            is_claimed=False,
            source=SOURCE,
        )
        body = BoundedBody(content_encoding="", limit=_MOST_BYTES)
        work = partial(_DIGESTER.digest, request, [b"[%b]" % b",".join(events)], body=body, content_type=_JSON)
        async with engine.turns.taking(sender.organization_id):
            return await asyncio.get_running_loop().run_in_executor(engine.pool, work)
    except Problem as error:
        if error.status >= _SERVER_ERROR:
            raise NotNowError from error
        raise _RefusedError(error.slug) from None
    except BodyError:
        raise _RefusedError("malformed-body") from None


async def _write(engine: Engine, rows: Sequence[Row], targets: Sequence[Target], use: KeyUse) -> None:
    try:
        outcome = await engine.writer.write(rows, targets, use=use)
    except QueueFullError as error:
        raise NotNowError from error
    if isinstance(outcome, Refused):
        raise _RefusedError("unstorable")
    if not isinstance(outcome, Stored):
        raise NotNowError


def _note_refused(engine: Engine, sender: Sender, project_slug: str, slug: str) -> None:
    now = datetime.now(UTC)
    place = refusals.place_of(sender, project_slug, endpoint=_ENDPOINT, now=now)
    engine.refusals.add_request(place, slug, now=now)
    logger.warning("a proxied call was refused", extra={"organization_id": sender.organization_id, "problem": slug})
