"""What the tests of the answer side share: providers, what was asked, and answers fed in pieces."""

import json
from datetime import UTC, datetime, timedelta

from gateway.types import Ask, Dialect, Outcome, Provider, Seen
from gateway.wire.events import Told, event
from gateway.wire.observing import observer
from ingestion.wire.batch import ParseContext
from ingestion.wire.rest import parse_ingest

AT = datetime(2026, 9, 14, 12, 30, 15, 123456, tzinfo=UTC)
CALL_ID = "019945b8-3c60-7abc-8def-0123456789ab"
CONTEXT = ParseContext(
    now=AT,
    earliest=AT - timedelta(days=400),
    latest=AT + timedelta(minutes=10),
    infer_provider=lambda model: "",
    hash_key=b"0123456789abcdef0123456789abcdef",
)


def provider(canonical="openai", dialect=Dialect.OPENAI):
    return Provider(
        slug="one", name="One", canonical=canonical, origin="https://one.test", base_path="/v1", dialect=dialect
    )


ASK = Ask(operation="chat", model="gpt-4o", is_stream=True, text_bytes=41)


def watching(*, ask=ASK, status=200, kind="text/event-stream", encoding="", withhold=False, dialect=Dialect.OPENAI):
    return observer(
        provider(dialect=dialect),
        ask,
        status=status,
        content_type=kind,
        content_encoding=encoding,
        withhold_usage=withhold,
    )


def cut(data, size):
    return [data[start : start + size] for start in range(0, len(data), size)]


def passed(watched, chunks):
    """What the client gets, to the end."""
    return b"".join([*map(watched.feed, chunks), watched.finish()])


def seen_of(data, *, size=0, **how):
    """What an answer that came whole, in pieces of ``size`` bytes, says; it passes unchanged."""
    watched = watching(**how)
    assert passed(watched, cut(data, size or max(len(data), 1))) == data
    return watched.seen


def sse(*documents, done=True):
    """Events as OpenAI sends them."""
    events = [f"data: {json.dumps(one, ensure_ascii=False)}\n\n" for one in documents]
    return "".join([*events, "data: [DONE]\n\n" if done else ""]).encode()


def named(*documents):
    """Events as Anthropic and the responses API send them."""
    return "".join(f"event: {one['type']}\ndata: {json.dumps(one)}\n\n" for one in documents).encode()


def told(**changes):
    given = {"call_id": CALL_ID, "at": AT, "provider": "openai", "ask": ASK, "outcome": Outcome.ANSWERED}
    return Told(**(given | {"http_status": 200, "seen": Seen(is_whole=True)} | changes))


def document(**changes):
    """The event of a call, decoded."""
    return json.loads(event(told(**changes)))


def stored(body):
    """The call that ingestion makes of an event."""
    batch = parse_ingest(body, content_type="application/json", context=CONTEXT)
    assert batch.rejected == []
    [(_, call)] = batch.calls
    return call
