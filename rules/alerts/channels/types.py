"""What a channel is given to send, and what became of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum
from http import HTTPStatus
from typing import Any, Final

from core.outbound import Answer, Client, NotAllowedError, OutboundError
from rules.alerts.messages import Content
from rules.alerts.messages.message import clip

MOST_OF_ANSWER: Final = 500
HIDDEN: Final = "•••"
_SHORTEST_SECRET: Final = 6  # what is shorter would hide half of every answer
_LONGEST_SECONDS: Final = 10**9


class Action(StrEnum):
    """What happens to the matter, in PagerDuty's words."""

    TRIGGER = "trigger"
    ACKNOWLEDGE = "acknowledge"
    RESOLVE = "resolve"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """One message for one channel. ``message_id`` and ``dedup_key`` are the same at every attempt."""

    message_id: str
    dedup_key: str
    action: Action
    content: Content
    sent_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a channel leads: what may be shown of it, and its secrets, which are in no text that anybody sees."""

    config: Mapping[str, Any]
    secrets: Mapping[str, str] = field(repr=False)


class Result(StrEnum):
    DELIVERED = "delivered"
    RETRY = "retry"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How an attempt ended; ``is_gone``: the other side says that this place will never take anything again."""

    result: Result
    status: int | None = None
    answer: str = ""
    retry_after: timedelta | None = None
    is_gone: bool = False


def post(client: Client, url: str, *, headers: Mapping[str, str], body: bytes, place: Place, now: datetime) -> Outcome:
    """Send ``body`` and judge the answer."""
    try:
        answer = client.send("POST", url, headers={"Content-Type": "application/json", **headers}, content=body)
    except OutboundError as error:
        result = Result.FAILED if isinstance(error, NotAllowedError) else Result.RETRY
        return Outcome(result=result, answer=str(error))
    return judge(answer, place=place, now=now)


def judge(answer: Answer, *, place: Place, now: datetime) -> Outcome:
    """2xx is delivered; 408, 429 and 5xx will be tried again; everything else is final, redirects too."""
    said = excerpt(answer.body, secrets=place.secrets.values())
    result = _result(answer.status)
    if result is Result.DELIVERED:
        return Outcome(result=result, status=answer.status, answer=said)
    if HTTPStatus.MULTIPLE_CHOICES <= answer.status < HTTPStatus.BAD_REQUEST:
        said = "It answered with a redirect, and redirects are not followed."
    return Outcome(
        result=result,
        status=answer.status,
        answer=said,
        retry_after=retry_after(answer.headers.get("retry-after", ""), now=now),
        is_gone=answer.status == HTTPStatus.GONE,
    )


def _result(status: int) -> Result:
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return Result.DELIVERED
    may_pass = status in {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS}
    return Result.RETRY if may_pass or status >= HTTPStatus.INTERNAL_SERVER_ERROR else Result.FAILED


def retry_after(header: str, *, now: datetime) -> timedelta | None:
    """What ``Retry-After`` asks for, in seconds or as a date; None where it says nothing that can be used."""
    text = header.strip()
    if text.isascii() and text.isdigit():
        return timedelta(seconds=min(int(text[:12]), _LONGEST_SECONDS))
    try:
        until = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError):
        return None
    return max((until if until.tzinfo else until.replace(tzinfo=UTC)) - now, timedelta())


def excerpt(body: bytes, *, secrets: Sequence[str] | Any) -> str:
    """The beginning of an answer as one line; what it repeats of our secrets is hidden."""
    text = body[: 8 * MOST_OF_ANSWER].decode("utf-8", "replace")
    for secret in sorted(secrets, key=len, reverse=True):
        for part in (secret, secret.rstrip("/").rpartition("/")[2]):
            if len(part) >= _SHORTEST_SECRET:
                text = text.replace(part, HIDDEN)
    return clip(text, MOST_OF_ANSWER)
