"""Pure generation of what the demo's applications sent and nobody could take: a wrong clock, a typing error, a proxy.

The same hours of the same two weeks are the same refusals, whenever they are asked for.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Final

from ingestion.wire.refused import SEPARATOR, Kind, Reason
from ingestion.writer.refusals import Tally

DAYS: Final = 14
_HOUR: Final = timedelta(hours=1)
_INGEST, _TRACES = "/api/v1/ingest", "/v1/traces"

type Occurs = Callable[[float, int], bool]


@dataclass(frozen=True, slots=True)
class Trouble:
    """One thing that goes wrong. ``occurs`` is asked with how many hours ago, and the hour of the day (UTC)."""

    project: str  # '' when none could be decided
    endpoint: str
    kind: Kind
    reason: Reason
    most: int  # an hour
    occurs: Occurs
    sample: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DemoRefusal:
    """What one hour of one trouble adds."""

    trouble: Trouble
    tally: Tally


def _always(_ago: float, hour: int) -> bool:
    return 6 <= hour <= 21  # noqa: PLR2004 - the working day


TROUBLES: Final = (
    # Instrumentation that sends prompts: dropped at the door, and shown so that somebody can turn it off.
    Trouble("assistant", _TRACES, Kind.CONTENT, Reason("", ""), 420, _always),
    # A release of this morning that misspells a field.
    Trouble(
        *("assistant", _INGEST, Kind.EVENT, Reason("model", "is required"), 38),
        occurs=lambda ago, _: ago < 5,  # noqa: PLR2004
        sample=("(content)", "input_tokens", "modle", "output_tokens", "timestamp"),
    ),
    # A client that counts -1 tokens for a stream it gave up.
    Trouble(
        *("assistant", _INGEST, Kind.EVENT, Reason("output_tokens", "must be ≥ 0"), 4),
        occurs=lambda _, hour: hour in {9, 11, 14, 16},
        sample=("input_tokens", "latency_ms", "model", "output_tokens", "stream", "timestamp"),
    ),
    # A machine whose clock ran fast the day before yesterday.
    Trouble(
        *("documents", _INGEST, Kind.EVENT, Reason("timestamp", "is more than 10 minutes ahead of the server's clock")),
        *(160, lambda ago, _: 40 < ago < 47),  # noqa: PLR2004
        sample=("endpoint_name", "id", "input_tokens", "model", "output_tokens", "team", "timestamp"),
    ),
    Trouble("documents", _INGEST, Kind.REQUEST, Reason("", "too-large"), 3, lambda _, hour: hour == 2),  # noqa: PLR2004
    # A collector that sends its logs to the traces path as well.
    Trouble("research", _TRACES, Kind.REQUEST, Reason("", "malformed-body"), 12, lambda _, hour: hour % 6 == 0),
    Trouble(
        *("research", _TRACES, Kind.EVENT, Reason("timestamp", "is required: the span has no start time"), 9),
        occurs=lambda _, hour: hour in {8, 13},
        sample=("gen_ai.operation.name", "gen_ai.request.model", "gen_ai.usage.input_tokens"),
    ),
    Trouble(
        *("", _INGEST, Kind.EVENT, Reason("project", "is not a project of this key's organization"), 7),
        occurs=lambda ago, hour: ago < 100 and hour == 10,  # noqa: PLR2004
        sample=("input_tokens", "model", "output_tokens", "project"),
    ),
)  # fmt: skip


def demo_refusals(*, now: datetime) -> Iterator[DemoRefusal]:
    """Refusals of the two weeks up to ``now``."""
    running = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    for hours in range(DAYS * 24):
        start = running - hours * _HOUR
        ago = (now - start) / _HOUR
        for trouble in TROUBLES:
            if trouble.occurs(ago, start.hour):
                yield _refusal(trouble, start=start, now=now)


def _refusal(trouble: Trouble, *, start: datetime, now: datetime) -> DemoRefusal:
    random = Random(f"{trouble.project}:{trouble.reason}:{start.isoformat()}")  # noqa: S311 - plausible, not secret
    count = random.randint(trouble.most // 2 or 1, trouble.most)
    until = min(start + _HOUR, now)
    first, last = sorted(start + (until - start) * random.random() for _ in range(2))
    events = count if trouble.kind is Kind.EVENT else 0
    samples = {SEPARATOR.join(trouble.sample)} if trouble.sample else set[str]()
    return DemoRefusal(trouble, Tally(first, last, count, events, samples))
