"""What the wire tests share: a fixed moment, a context, and one event through the decoder."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from ingestion.wire.batch import Batch, ParseContext
from ingestion.wire.rest import parse_ingest
from ingestion.wire.types import Call

NOW = datetime(2026, 9, 14, 12, 30, 15, 123456, tzinfo=UTC)
KEY = b"0123456789abcdef0123456789abcdef"
UUID7 = "019945b8-3c60-7abc-8def-0123456789ab"  # 2025-09-14T02:13:40Z
MARKER = "zebra-crossing-secret"


def infer(model: str) -> str:
    return "google" if model.startswith("gemini") else ""


CONTEXT = ParseContext(
    now=NOW,
    earliest=NOW - timedelta(days=400),
    latest=NOW + timedelta(minutes=10),
    infer_provider=infer,
    hash_key=KEY,
    random_bytes=bytes,
)


def context(**changes: Any) -> ParseContext:
    return replace(CONTEXT, **changes)


def parse(document: object, **changes: Any) -> Batch:
    return parse_text(json.dumps(document), **changes)


def parse_text(text: str | bytes, *, content_type: str = "application/json", **changes: Any) -> Batch:
    body = text if isinstance(text, bytes) else text.encode()
    return parse_ingest(body, content_type=content_type, context=context(**changes))


def accepted(**event: Any) -> Call:
    """The call an event with these members becomes; the model is given."""
    batch = parse({"model": "m", "id": UUID7} | event)
    assert batch.rejected == []
    [(index, call)] = batch.calls
    assert index == 0
    return call


def refused(**event: Any) -> list[tuple[str, str]]:
    """(field, message) of everything that is wrong with an event; the model is given."""
    batch = parse({"model": "m", "id": UUID7} | event)
    assert batch.calls == []
    [rejection] = batch.rejected
    return [(error.field, error.message) for error in rejection.errors]


def warned(batch: Batch) -> list[tuple[int, str, str]]:
    return [(warning.index, warning.field, warning.message) for warning in batch.warnings]
