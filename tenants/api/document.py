"""What every operation of the API has besides its own: how a client stands, and on writes an ``Idempotency-Key``.

A hook of drf-spectacular, so that no view can forget to say it. The edge describes its endpoints itself.
"""

from collections.abc import Iterator
from typing import Any, Final

from core.problems import CONTENT_TYPE, problem
from tenants.api.throttling import limiter
from tenants.idempotency import HEADER, MOST_CHARACTERS, REPLAYED, WRITES, KeyInUseError, KeyReusedError

type Schema = dict[str, Any]

_PROBLEM: Final = {"$ref": "#/components/schemas/Problem"}
_LIMITS: Final[Schema] = {
    "RateLimit-Policy": {
        "description": "What one key or person may ask of this process, as in"
        " draft-ietf-httpapi-ratelimit-headers-10: `q` requests in `w` seconds.",
        "schema": {"type": "string"},
        "example": limiter.policy,
    },
    "RateLimit": {
        "description": "What is left of it: `r` now, and all of it, or with nothing left one request, in `t` seconds.",
        "schema": {"type": "string"},
        "example": '"requests";r=99;t=1',
    },
}
_RETRY_AFTER: Final[Schema] = {
    "Retry-After": {
        "description": "Seconds after which it makes sense to ask again.",
        "schema": {"type": "integer", "minimum": 1},
    }
}
_REPLAYED: Final[Schema] = {
    REPLAYED: {
        "description": f"Present when this is the answer to an earlier request with the same `{HEADER}`.",
        "schema": {"type": "string", "enum": ["true"]},
    }
}
_PARAMETER: Final[Schema] = {
    "in": "header",
    "name": HEADER,
    "description": "Makes the request safe to send again. An answer 2xx is kept for 24 hours per API key, method and"
    f" path: the same body gets it again, with `{REPLAYED}: true`, and nothing is done; another body is 422. Other"
    " answers leave the key free.",
    "schema": {"type": "string", "minLength": 1, "maxLength": MOST_CHARACTERS},
}
_NOT_COUNTED: Final = frozenset({"401"})
_HEADERS: Final[Schema] = _LIMITS | _RETRY_AFTER | _REPLAYED
_IDEMPOTENCY_KEY: Final = {"$ref": "#/components/parameters/IdempotencyKey"}


def complete(result: Schema, **_: Any) -> Schema:
    """The document with what all operations have in common."""
    result["components"]["headers"] = dict(sorted(_HEADERS.items()))
    result["components"]["parameters"] = {"IdempotencyKey": _PARAMETER}
    for method, operation in _operations(result):
        if method.upper() in WRITES:
            _take_keys(operation)
        for status, answer in operation["responses"].items():
            names = [*_names(status), *answer.get("headers", {})]
            answer["headers"] = {name: {"$ref": f"#/components/headers/{name}"} for name in names}
    return result


def _operations(result: Schema) -> Iterator[tuple[str, Schema]]:
    for item in result["paths"].values():
        yield from item.items()


def _names(status: str) -> list[str]:
    counted = [] if status in _NOT_COUNTED else list(_LIMITS)
    return counted + (list(_RETRY_AFTER) if status in {"429", "503"} else [])


def _take_keys(operation: Schema) -> None:
    operation["parameters"] = [_IDEMPOTENCY_KEY, *operation.get("parameters", [])]
    responses = operation["responses"]
    for status, answer in responses.items():
        if status[0] == "2":
            answer["headers"] = _REPLAYED
    _also(responses, KeyInUseError(), "The first request with this `Idempotency-Key` is still running.")
    _also(responses, KeyReusedError(), "This `Idempotency-Key` came with another body before.")
    responses["409"]["headers"] = _RETRY_AFTER
    operation["responses"] = dict(sorted(responses.items()))


def _also(responses: Schema, error: KeyInUseError | KeyReusedError, meaning: str) -> None:
    """Describe ``error`` beside what the operation answers with its status for reasons of its own."""
    answer = responses.setdefault(str(error.status_code), {"content": {CONTENT_TYPE: {"schema": _PROBLEM}}})
    content = answer["content"][CONTENT_TYPE]
    if content["schema"] != _PROBLEM:
        content["schema"] = {"anyOf": [content["schema"], _PROBLEM]}
    slug, title = error.problem
    example = {"value": problem(error.status_code, slug, title, str(error.detail))}
    content["examples"] = content.get("examples", {}) | {"IdempotencyKey": example}
    answer["description"] = f"{answer['description']} {meaning}" if "description" in answer else meaning
