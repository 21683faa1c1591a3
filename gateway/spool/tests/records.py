"""Records as the proxy writes them."""

import json
from datetime import UTC, datetime
from uuid import uuid4

from gateway.types import End, Outcome, Start


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
    call_id, at = str(uuid4()), at or datetime.now(UTC)
    interrupted = event_of(call_id, at, usage={"input_tokens": 3})
    return Start(
        **(
            {
                "call_id": call_id,
                "at": at,
                "key_prefix": key_prefix,
                "project_slug": project_slug,
                "provider": "openai",
                "interrupted": interrupted,
            }
            | options
        )
    )


def end_of(start, **options):
    event = event_of(start.call_id, start.at)
    return End(
        **({"call_id": start.call_id, "outcome": Outcome.ANSWERED, "http_status": 200, "event": event} | options)
    )
