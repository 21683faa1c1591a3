"""Records as the proxy writes them."""

import json
from datetime import UTC, datetime
from uuid import uuid4

from gateway.types import Ask, End, Outcome, Start

ASK = Ask(operation="chat", model="gpt-4o", text_bytes=12)


def event_of(call_id, at, **fields):
    event = {
        "id": call_id,
        "timestamp": at.isoformat(),
        "provider": "openai",
        "model": "gpt-4o",
        "usage": {"input_tokens": 10, "output_tokens": 5},
    }
    return json.dumps(event | fields).encode()


def new_start(*, key_prefix="", project_slug="", at=None, **options):
    given = {
        "call_id": str(uuid4()),
        "at": at or datetime.now(UTC),
        "key_prefix": key_prefix,
        "project_slug": project_slug,
        "provider": "openai",
        "canonical": "openai",
        "ask": ASK,
    }
    return Start(**(given | options))


def end_of(start, **options):
    event = event_of(start.call_id, start.at)
    return End(
        **({"call_id": start.call_id, "outcome": Outcome.ANSWERED, "http_status": 200, "event": event} | options)
    )
