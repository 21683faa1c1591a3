"""A priced call as what the writer stores: its identity, its columns, and what it adds to which rollup."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from operator import attrgetter
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from ingestion import store
from ingestion.histogram import bucket
from ingestion.pricing.book import Priced
from ingestion.wire.types import Call

type Key = tuple[int, datetime, str]  # project, start, id: the call's identity
type Measures = tuple[Any, ...]  # store.SUMS of one call; the last two are histogram buckets or None

_PRICED_COSTS: Final = (
    "cost_usd",
    "cost_input",
    "cost_cached_input",
    "cost_cache_write",
    "cost_output",
    "cost_reasoning",
    "cost_other",
)
_of_call = attrgetter(*store.FROM_CALL)
_tokens = attrgetter(*store.TOKENS)
_choice = attrgetter("model_key", "cost_source", "price_match", "rate_card_id")
_costs = attrgetter(*_PRICED_COSTS)
_NO_COSTS: Final = (Decimal(0),) * len(_PRICED_COSTS)
_SLOT_SECONDS: Final = 900  # every zone's offset and every change of one is a multiple of 15 minutes
_MOST_SLOTS: Final = 20_000


class Dimensions(NamedTuple):
    """The rollup row a call belongs to; ``bucket_start`` is UTC, ``bucket_date`` local to the organization."""

    organization_id: int
    project_id: int
    bucket_start: datetime
    bucket_date: date
    provider: str
    model_key: str
    feature: str
    team: str
    environment: str
    api_key_id: int


class Row(msgspec.Struct, gc=False):
    """One call, ready to be stored: ``columns`` are ``store.CALL_COLUMNS``."""

    key: Key
    columns: tuple[Any, ...]
    dimensions: Dimensions
    measures: Measures


class LocalTime:
    """Hours and dates of one time zone, remembered by quarter of an hour because calls arrive in time order."""

    def __init__(self, zone: str) -> None:
        self._zone = ZoneInfo(zone)
        self._slots: dict[int, tuple[datetime, date]] = {}

    def buckets(self, instant: datetime) -> tuple[datetime, date]:
        """Start of the local hour (as UTC), equal to Postgres's ``date_trunc('hour', …, zone)``, and local date."""
        slot = int(instant.timestamp()) // _SLOT_SECONDS
        found = self._slots.get(slot)
        if found is None:
            found = self._remember(slot)
        return found

    def _remember(self, slot: int) -> tuple[datetime, date]:
        if len(self._slots) >= _MOST_SLOTS:
            self._slots.clear()
        start = datetime.fromtimestamp(slot * _SLOT_SECONDS, UTC)
        local = start.astimezone(self._zone)
        into_hour = timedelta(minutes=local.minute, seconds=local.second)
        found = self._slots[slot] = (start - into_hour, local.date())
        return found


@dataclass(frozen=True, slots=True)
class Target:
    """Where an authenticated sender's calls go; never taken from a body."""

    organization_id: int
    project_id: int
    api_key_id: int
    local_time: LocalTime = field(repr=False)


def row(call: Call, priced: Priced, target: Target, received_at: datetime) -> Row:
    """Everything the writer needs of one call."""
    tokens, costs, choice = _tokens(call.usage), _costs(priced), _choice(priced)
    usage = call.usage
    bucket_start, bucket_date = target.local_time.buckets(call.started_at)
    return Row(
        (target.project_id, call.started_at, call.call_id),
        (
            target.organization_id,
            target.project_id,
            target.api_key_id,
            received_at,
            *_of_call(call),
            *tokens,
            usage.rule,
            usage.inconsistent or priced.inconsistent,
            store.units_text(usage.extra_units) if usage.extra_units else None,
            *choice,
            *costs,
        ),
        Dimensions(
            target.organization_id,
            target.project_id,
            bucket_start,
            bucket_date,
            call.provider,
            choice[0],
            call.feature,
            call.team,
            call.environment,
            target.api_key_id,
        ),
        _measures(call, tokens, costs),
    )


def _measures(call: Call, tokens: tuple[int, ...], costs: tuple[Decimal | None, ...]) -> Measures:
    latency, first_token = call.latency_ms, call.time_to_first_token_ms
    unpriced = costs[0] is None
    return (
        1,
        1 if call.status == "error" else 0,
        1 if unpriced else 0,
        1 if call.usage_estimated else 0,
        *tokens,
        *(_NO_COSTS if unpriced else costs),
        *((0, 0.0, 0) if latency is None else (1, latency, call.usage.output_tokens)),
        *((0, 0.0) if first_token is None else (1, first_token)),
        None if latency is None else bucket(latency),
        None if first_token is None else bucket(first_token),
    )
