"""The limits of the telemetry endpoints as OpenAPI: how a key stands, and what it gets beyond."""

from typing import Any, Final

from core.problems import problem

Schema = dict[str, Any]

HEADERS: Final[Schema] = {
    "RateLimit-Policy": {
        "description": "What one API key may send through this process, as in draft-ietf-httpapi-ratelimit-headers-10:"
        " `q` requests or events in `w` seconds. Absent without a limit.",
        "schema": {"type": "string"},
        "example": '"requests";q=200;w=1;qu="requests", "events";q=20000;w=1;qu="events"',
    },
    "RateLimit": {
        "description": "What is left of it: `r` now, and all of it, or with nothing left something of it, in `t`"
        " seconds.",
        "schema": {"type": "string"},
        "example": '"requests";r=199;t=1, "events";r=19500;t=1',
    },
}
RETRY_AFTER: Final[Schema] = {
    "Retry-After": {
        "description": "Seconds after which it makes sense to send again; at most an hour for a quota.",
        "schema": {"type": "integer", "minimum": 1, "maximum": 3600},
    }
}
MEANING: Final = (
    "`rate-limited`: this key sends more requests or events than it may; `quota-exceeded`: its organization has used up"
    " its events of the month. Nothing is stored, and nothing is kept for an `Idempotency-Key`."
)
RATE_LIMITED: Final = problem(429, "rate-limited", "This API key sends too many events.", "Try again in 2 s.")
QUOTA_EXCEEDED: Final = problem(
    429,
    "quota-exceeded",
    "The monthly quota of this organization is used up.",
    "Events are taken again from the beginning of the next month, or once the quota is raised.",
)
