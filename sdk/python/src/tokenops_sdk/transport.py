"""One batch to the server, and what its answer means. Never raises for what the network or the server does."""

import gzip
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import httpx

from tokenops_sdk.config import Settings

PATH: Final = "/api/v1/ingest"
_SMALLEST_GZIP: Final = 1_000  # bytes; below it compressing costs more than it saves
_FIRST_WAIT: Final = 0.5
_LONGEST_WAIT: Final = 30.0
LONGEST_ASKED: Final = 3_600  # seconds; what the server may have us wait
_QUOTA: Final = "quota-exceeded"


@dataclass(frozen=True)
class Sent:
    """The server has decided about every event."""

    accepted: int
    duplicates: int
    rejected: int
    first_error: str = ""


@dataclass(frozen=True)
class TryAgain:
    """Nothing is known to be stored; the same events may be sent again. ``after`` is what the server asked for."""

    reason: str
    after: float | None = None


@dataclass(frozen=True)
class Drop:
    """Sending again would not help. ``count_as`` names a field of ``Stats``."""

    count_as: str
    reason: str


@dataclass(frozen=True)
class TooLarge:
    """Half of it may fit."""


Outcome = Sent | TryAgain | Drop | TooLarge


class Transport(Protocol):
    """Anything that takes a batch of events as JSON; what tests and the benchmark put in the server's place."""

    def send(self, events: Sequence[bytes]) -> Outcome: ...

    def close(self) -> None: ...


class HttpTransport:
    """Posts batches over one kept connection. Belongs to one thread."""

    def __init__(self, settings: Settings, *, transport: httpx.BaseTransport | None = None) -> None:
        headers = {"TS-API-Key": settings.api_key, "User-Agent": "tokenops-sdk/0.1.0", "Accept": "application/json"}
        headers["X-TokenOps-Source"] = "sdk"
        if settings.project:
            headers["X-TokenOps-Project"] = settings.project
        self._url = settings.url.rstrip("/") + PATH
        self._client = httpx.Client(headers=headers, timeout=settings.timeout_seconds, transport=transport)

    def send(self, events: Sequence[bytes]) -> Outcome:
        body, headers = encoded(events)
        try:
            response = self._client.post(self._url, content=body, headers=headers)
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            return TryAgain(type(error).__name__)
        return outcome(response.status_code, response.headers, _document(response))

    def close(self) -> None:
        self._client.close()


def encoded(events: Sequence[bytes]) -> tuple[bytes, dict[str, str]]:
    """A body and the headers that say how to read it."""
    body = b'{"events":[' + b",".join(events) + b"]}"
    headers = {"Content-Type": "application/json"}
    if len(body) < _SMALLEST_GZIP:
        return body, headers
    return gzip.compress(body, compresslevel=1), headers | {"Content-Encoding": "gzip"}


def outcome(status: int, headers: Mapping[str, str], document: Mapping[str, Any]) -> Outcome:
    """What an answer means (the server's contract; problem details of RFC 9457)."""
    if status in {200, 202, 400} and "rejected_count" in document:
        return _sent(document)
    if status == 413:  # noqa: PLR2004
        return TooLarge()
    if status == 429 and str(document.get("type", "")).endswith(_QUOTA):  # noqa: PLR2004
        return Drop("dropped_quota", "the organization's quota is used up")
    if status in {401, 403}:
        return Drop("dropped_unauthorized", str(document.get("title") or f"HTTP {status}"))
    if status in {408, 409, 425, 429} or status >= 500:  # noqa: PLR2004
        return TryAgain(f"HTTP {status}", _seconds(headers.get("retry-after", "")))
    return Drop("rejected", str(document.get("title") or f"HTTP {status}"))


def wait_seconds(attempt: int, after: float | None) -> float:
    """How long to wait after a failed attempt: doubled each time, jittered so that clients do not march in step, and at
    least what the server asked for.
    """
    ceiling = min(_FIRST_WAIT * (1 << min(attempt, 10)), _LONGEST_WAIT)
    jittered = ceiling * random.uniform(0.5, 1)  # noqa: S311 - spreads load, keeps no secret
    return jittered if after is None else max(min(after, LONGEST_ASKED), jittered)


def _sent(document: Mapping[str, Any]) -> Sent:
    rejected = document.get("rejected") or [{}]
    errors = rejected[0].get("errors") or [{}]
    first = f"{errors[0].get('field', '')}: {errors[0].get('message', '')}" if errors[0] else ""
    return Sent(
        accepted=int(document.get("accepted", 0)),
        duplicates=int(document.get("duplicates", 0)),
        rejected=int(document.get("rejected_count", 0)),
        first_error=first,
    )


def _document(response: httpx.Response) -> Mapping[str, Any]:
    try:
        found = response.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _seconds(text: str) -> float | None:
    return float(text) if text.isascii() and text.isdigit() else None
