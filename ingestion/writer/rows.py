"""A priced call as what the writer stores: its identity, its columns, and what it adds to which rollup."""

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from operator import attrgetter
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

import msgspec
from msgspec.structs import astuple

from ingestion import daily_tables, store
from ingestion.histogram import bucket
from ingestion.pricing.book import Priced
from ingestion.pricing.matching import NO_USAGE
from ingestion.wire.types import Call, Sample, Usage
from ingestion.writer.responses import Key, Response, response

type Measures = tuple[Any, ...]  # store.SUMS of one call; the last two are histogram buckets or None

_USAGE, _SLUG = (Call.__struct_fields__.index(name) for name in store.NOT_STORED)
_TOKENS: Final = len(store.TOKENS)  # the first fields of a usage
_of_sample = attrgetter(*store.FROM_SAMPLE)
_CHOICES: Final = len(store.FROM_PRICE) - len(store.COSTS)
_NO_COSTS: Final = (Decimal(0),) * len(store.COSTS)
_SLOT_MINUTES: Final = 15  # every zone's offset and every change of one is a multiple of it
_SLOTS_A_DAY: Final = 24 * 60 // _SLOT_MINUTES
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


class Prompts(NamedTuple):
    """The hashes of a call's prompt that count, '' for none, and who made them: others are made differently."""

    source: str
    full: str
    prefix: str


class Line(msgspec.Struct, gc=False):
    """Something to store: its identity, and its columns as text."""

    key: Key
    line: bytes


class SampleRow(Line, gc=False):
    """One sample; ``line`` is ``store.SAMPLE_COLUMNS``."""


class Row(Line, gc=False):
    """One call; ``line`` is ``store.CALL_COLUMNS``. ``is_sized``: somebody knows how large it was."""

    dimensions: Dimensions
    measures: Measures
    response: Response | None = None
    prompts: Prompts | None = None
    user_id: str = ""
    is_sized: bool = True


class LocalTime:
    """Hours and dates of one time zone, remembered by quarter of an hour because calls arrive in time order."""

    def __init__(self, zone: str) -> None:
        self._zone = ZoneInfo(zone)
        self._slots: dict[int, tuple[datetime, date]] = {}

    def buckets(self, instant: datetime) -> tuple[datetime, date]:
        """Start of the local hour and local date of an instant, both instants in UTC.

        Equal to Postgres's ``date_trunc('hour', instant, zone)`` and ``(instant at time zone zone)::date``.
        """
        slot = instant.toordinal() * _SLOTS_A_DAY + instant.hour * 4 + instant.minute // _SLOT_MINUTES
        found = self._slots.get(slot)
        if found is None:
            found = self._remember(slot, instant)
        return found

    def _remember(self, slot: int, instant: datetime) -> tuple[datetime, date]:
        if len(self._slots) >= _MOST_SLOTS:
            self._slots.clear()
        minute = instant.minute // _SLOT_MINUTES * _SLOT_MINUTES
        start = instant.replace(minute=minute, second=0, microsecond=0)
        local = start.astimezone(self._zone)
        into_hour = timedelta(minutes=local.minute)
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
    usage, fields = call.usage, astuple(call)  # copied as a whole, which takes a tenth of the time that names take
    price = price_columns(priced)
    line = store.csv_line(
        (
            target.organization_id,
            target.project_id,
            target.api_key_id,
            received_at,
            *fields[:_USAGE],
            *fields[_USAGE + 1 : _SLUG],
            *fields[_SLUG + 1 :],
            *_tokens(usage),
            usage.rule,
            usage.inconsistent or priced.inconsistent,
            store.units_text(usage.extra_units) if usage.extra_units else None,
            *price,
            *store.NO_DUPLICATE,
        )
    )
    key = (target.project_id, call.started_at, call.call_id)
    found = response(call, priced, organization_id=target.organization_id, project_id=target.project_id)
    sums = measures(call, price[_CHOICES:])
    return Row(
        key,
        line,
        dimensions(call, price[0], target),
        sums,
        found,
        prompts(call, received_at),
        call.user_id,
        is_sized(priced.price_match),
    )


def is_sized(price_match: str) -> bool:
    """Whether a call with this match has a size that rules may look at: its counts of 0 may stand for nothing."""
    return price_match != NO_USAGE


def prompts(call: Call, received_at: datetime) -> Prompts | None:
    """What the rules may know of a call's prompt: nothing of one that is estimated or that came too late."""
    if not (call.prompt_hash or call.prompt_prefix_hash) or call.usage_estimated:
        return None
    if received_at - call.started_at > daily_tables.PROMPTS_WITHIN:
        return None
    return Prompts(call.source, call.prompt_hash, call.prompt_prefix_hash)


def price_columns(priced: Priced) -> tuple[Any, ...]:
    """``store.FROM_PRICE`` of a priced call."""
    return astuple(priced)[: len(store.FROM_PRICE)]


def _tokens(usage: Usage) -> tuple[int, ...]:
    """``store.TOKENS`` of a usage."""
    return astuple(usage)[:_TOKENS]


def dimensions(call: Call, model_key: str, target: Target) -> Dimensions:
    """The rollup row of a call that is priced as ``model_key``, before any capping."""
    bucket_start, bucket_date = target.local_time.buckets(call.started_at)
    return Dimensions(
        target.organization_id,
        target.project_id,
        bucket_start,
        bucket_date,
        call.provider,
        model_key,
        call.feature,
        call.team,
        call.environment,
        target.api_key_id,
    )


def sample_row(sample: Sample, target: Target, received_at: datetime) -> SampleRow:
    """A sample as the writer takes it."""
    line = store.csv_line(
        (target.organization_id, target.project_id, target.api_key_id, received_at, *_of_sample(sample))
    )
    return SampleRow((target.project_id, sample.sampled_at, sample.sample_id), line)


def measures(call: Call, costs: tuple[Decimal | None, ...]) -> Measures:
    """What a call adds to its rollup row; ``costs`` are ``store.COSTS``."""
    latency, first_token = call.latency_ms, call.time_to_first_token_ms
    unpriced = costs[0] is None
    return (
        1,
        1 if call.status == "error" else 0,
        1 if unpriced else 0,
        1 if call.usage_estimated else 0,
        *_tokens(call.usage),
        *(_NO_COSTS if unpriced else costs),
        *((0, 0.0, 0) if latency is None else (1, latency, call.usage.output_tokens)),
        *((0, 0.0) if first_token is None else (1, first_token)),
        None if latency is None else bucket(latency),
        None if first_token is None else bucket(first_token),
    )
