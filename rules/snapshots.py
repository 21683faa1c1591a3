"""Reads the numbers of one project at one moment, from sums wherever sums suffice.

Rollups contain estimated calls and say how many; where there are any, those few calls are read and taken off again.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Context, Decimal
from itertools import zip_longest
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.db import connection

from ingestion import cloud_samples, histogram
from rules.engine import savings
from rules.engine.building import by_where
from rules.engine.checks import model_misuse
from rules.engine.days import Window, full_days, hours_before, running_hour, today
from rules.engine.names import Rule
from rules.engine.snapshot import (
    TOKEN_KINDS,
    BandRow,
    ErrorRow,
    HashRow,
    LatencyRow,
    Model,
    Priced,
    ResourceRow,
    SizeRow,
    Sizes,
    Snapshot,
    TeamDay,
    TeamStart,
    Tokens,
    UnpricedRow,
    Where,
)
from rules.engine.thresholds import SIZES, Configs, config_of
from rules.prices import prices
from tenants.models import Organization, Project

_MOST_HASHES: Final = 5_000  # rows; far more than evidence lists
_DAY_HOURS: Final = 24
_SIZED: Final = (Rule.MODEL_MISUSE, Rule.MODEL_DOWNGRADE, Rule.LONG_PROMPTS)
_HASHED: Final = {"full": Rule.CACHE_WASTE, "prefix": Rule.PROMPT_CACHE_OPPORTUNITY}

_OURS: Final = "organization_id = %(organization)s and project_id = %(project)s"
_TOKENS: Final = ", ".join(f"sum({name})::bigint" for name in TOKEN_KINDS)
_PLACE: Final = "team, feature, provider, model_key"

_SIZES: Final = f"""
    select {_PLACE}, size, sum(calls)::bigint, sum(cost_usd), {_TOKENS}
    from call_sizes_daily where {_OURS} and bucket_date >= %(first)s and bucket_date < %(end)s
    group by {_PLACE}, size"""
_BANDS: Final = f"""
    select {_PLACE}, width_bucket(input_tokens::bigint - 1, %(starts)s::bigint[]), count(*), {_TOKENS}
    from calls
    where {_OURS} and started_at >= %(since)s and started_at < %(until)s
      and duplicate_of = '' and not usage_estimated and provider = %(provider)s and model_key = %(key)s
      and (team, feature) in (select * from unnest(%(teams)s::text[], %(features)s::text[]))
      and input_tokens + output_tokens >= %(largest)s
    group by {_PLACE}, 5"""
_HASHES: Final = f"""
    with repeated as (
        select bucket_date, kind, source, hash, team, feature
        from prompt_hash_daily
        where {_OURS} and bucket_date = any(%(days)s) and kind = %(kind)s
        group by bucket_date, kind, source, hash, team, feature
        having sum(calls) >= %(least)s)
    select h.bucket_date, h.kind, h.source, h.hash, h.team, h.feature, h.provider, h.model_key, h.calls,
           h.input_tokens, h.cached_input_tokens, h.cost_usd
    from prompt_hash_daily h join repeated using (bucket_date, kind, source, hash, team, feature)
    where h.organization_id = %(organization)s and h.project_id = %(project)s
    order by h.calls desc, h.bucket_date, h.hash, h.source, h.model_key
    limit %(most)s"""
_TEAM_DAYS: Final = f"""
    select team, bucket_date, sum(calls - estimated_calls)::bigint, sum(calls)::bigint
    from call_rollups_daily where {_OURS} and bucket_date >= %(first)s and bucket_date <= %(last)s
    group by team, bucket_date"""
_EARLIER: Final = f"""
    select team, max(bucket_date) from call_rollups_daily
    where {_OURS} and bucket_date < %(first)s and team = any(%(teams)s) group by team"""
_HOURS: Final = f"""
    select provider, model_key, feature, sum(calls)::bigint, sum(errors)::bigint, sum(estimated_calls)::bigint,
           {{histogram}}
    from call_rollups_hourly
    where {_OURS} and bucket_start >= %(since)s and bucket_start < %(until)s {{only}}
    group by provider, model_key, feature"""
_ONLY: Final = """and (provider, model_key, feature) in (
        select * from unnest(%(providers)s::text[], %(keys)s::text[], %(features)s::text[]))"""
# Through the partial index over such calls: there are few of them.
_NOT_PLAIN: Final = f"""
    select provider, model_key, feature, count(*) filter (where usage_estimated),
           count(*) filter (where usage_estimated and status = 'error'),
           coalesce(sum(('1e' || ({histogram.DIGITS} * width_bucket(latency_ms, %(bounds)s::float8[])))::numeric), 0)
    from calls
    where {_OURS} and started_at >= %(since)s and started_at < %(until)s and duplicate_of = ''
      and (usage_estimated or status = 'error')
    group by provider, model_key, feature"""
_UNPRICED: Final = f"""
    select provider, model_key, sum(unpriced_calls)::bigint
    from call_sizes_daily where {_OURS} and bucket_date >= %(first)s and bucket_date <= %(last)s
    group by provider, model_key having sum(unpriced_calls) > 0"""

type Parameters = dict[str, Any]
type Group = tuple[str, str, str]  # provider, model key, feature


@dataclass(frozen=True, slots=True)
class Reader:
    """Whose numbers are read, as of when, and how the rules are wanted."""

    organization: Organization
    project: Project
    as_of: datetime
    zone: ZoneInfo
    configs: Configs

    def parameters(self, **more: Any) -> Parameters:
        return {"organization": self.organization.pk, "project": self.project.pk} | more

    def whole(self, rule: Rule, name: str) -> int:
        return config_of(self.configs, rule).whole(rule, name)

    def wants(self, rules: Iterable[Rule]) -> bool:
        """Whether any of ``rules`` is on."""
        return any(config_of(self.configs, rule).enabled for rule in rules)

    @property
    def today(self) -> date:
        return today(self.as_of, self.zone)


def snapshot(
    *,
    organization: Organization,
    project: Project,
    as_of: datetime,
    zone: ZoneInfo,
    configs: Configs,
    rules: Iterable[Rule],
) -> Snapshot:
    """What ``rules`` need to know of ``project`` at ``as_of``; rules that are off need nothing."""
    reader = Reader(organization, project, as_of, zone, configs)
    wanted = {rule for rule in rules if reader.wants([rule])}
    hashes = _hashes(reader, wanted)
    rows = {days: _size_rows(reader, days) for days in _windows(reader, wanted)}
    models = {row.where.model for found in rows.values() for row in found} | {row.where.model for row in hashes}
    known = prices(organization=organization, models=models, as_of=as_of)
    team_days, team_starts = _team_days(reader) if Rule.SPIKE in wanted else ((), ())
    return Snapshot(
        project_id=project.pk,
        as_of=as_of,
        zone=zone,
        prices=known,
        sizes=tuple(Sizes(days, found, _bands(reader, days, found, known)) for days, found in rows.items()),
        hashes=hashes,
        team_days=team_days,
        team_starts=team_starts,
        errors=_errors(reader) if Rule.ERROR_BURST in wanted else (),
        latencies=_latencies(reader) if Rule.LATENCY_REGRESSION in wanted else (),
        unpriced=_unpriced(reader) if Rule.UNPRICED_MODEL in wanted else (),
        resources=_resources(reader) if Rule.RAM_OVER_PROVISION in wanted else (),
    )


# --- Sizes ---


def _windows(reader: Reader, wanted: set[Rule]) -> list[int]:
    return sorted({reader.whole(rule, "days") for rule in _SIZED if rule in wanted})


def _size_rows(reader: Reader, days: int) -> tuple[SizeRow, ...]:
    first = reader.today - timedelta(days=days)
    rows = _rows(_SIZES, reader.parameters(first=first, end=reader.today))
    return tuple(
        SizeRow(_where(row), row[4] if row[4] in SIZES else None, row[5], _tokens(row[7:]), row[6]) for row in rows
    )


def _bands(reader: Reader, days: int, rows: Iterable[SizeRow], known: Mapping[Model, Priced]) -> tuple[BandRow, ...]:
    """Large calls by tier, of what will be found with a model that has tiers; nothing where they are too many."""
    config = config_of(reader.configs, Rule.MODEL_MISUSE)
    if not config.enabled or days != config.whole(Rule.MODEL_MISUSE, "days"):
        return ()
    wanted: dict[Model, dict[Where, int]] = {}
    for where, found in by_where(rows).items():
        large = sum(row.calls for row in found if row.below is None)
        priced = known[where.model]
        has_tiers = priced.alternative is not None and bool(savings.tier_starts(priced))
        if large and has_tiers and model_misuse.fires(where.model, priced, found, config):
            wanted.setdefault(where.model, {})[where] = large
    return tuple(
        band
        for model, places in sorted(wanted.items())
        if sum(places.values()) <= savings.MOST_CALLS
        for band in _bands_of(reader, days, sorted(places), savings.tier_starts(known[model]))
    )


def _bands_of(reader: Reader, days: int, places: list[Where], starts: tuple[int, ...]) -> list[BandRow]:
    window = full_days(reader.as_of, reader.zone, days)
    parameters = reader.parameters(
        since=window.since,
        until=window.until,
        starts=list(starts),
        provider=places[0].model.provider,
        key=places[0].model.key,
        teams=[where.team for where in places],
        features=[where.feature for where in places],
        largest=SIZES[-1],
    )
    return [
        BandRow(_where(row), 0 if row[4] == 0 else starts[row[4] - 1], row[5], _tokens(row[6:]))
        for row in _rows(_BANDS, parameters)
    ]


def _unpriced(reader: Reader) -> tuple[UnpricedRow, ...]:
    first = reader.today - timedelta(days=reader.whole(Rule.UNPRICED_MODEL, "days") - 1)
    rows = _rows(_UNPRICED, reader.parameters(first=first, last=reader.today))
    return tuple(UnpricedRow(Model(provider, key), calls) for provider, key, calls in rows)


# --- Prompts ---


def _hashes(reader: Reader, wanted: set[Rule]) -> tuple[HashRow, ...]:
    kinds = [kind for kind, rule in _HASHED.items() if rule in wanted]
    return tuple(row for kind in kinds for row in _hash_rows(reader, kind))


def _hash_rows(reader: Reader, kind: str) -> list[HashRow]:
    days = [reader.today - timedelta(days=1), reader.today]
    least = reader.whole(_HASHED[kind], "calls")
    rows = _rows(_HASHES, reader.parameters(days=days, kind=kind, least=least, most=_MOST_HASHES))
    return [HashRow(day, kind, source, value, _where(rest[:4]), *rest[4:]) for day, kind, source, value, *rest in rows]


# --- Days of teams ---


def _team_days(reader: Reader) -> tuple[tuple[TeamDay, ...], tuple[TeamStart, ...]]:
    first = reader.today - timedelta(days=reader.whole(Rule.SPIKE, "baseline_days") + 1)
    rows = _rows(_TEAM_DAYS, reader.parameters(first=first, last=reader.today))
    counted = {(team, day): calls for team, day, calls, _ in rows}
    starts: dict[str, date] = {}
    for team, day, _, _ in rows:
        starts[team] = min(day, starts.get(team, day))
    busy = {
        team
        for (team, day), calls in counted.items()
        if day >= reader.today - timedelta(days=1) and calls >= reader.whole(Rule.SPIKE, "calls")
    }
    starts |= _earlier(reader, first, {team for team in busy if starts[team] > first})
    return (
        tuple(TeamDay(team, day, calls) for (team, day), calls in counted.items() if team in busy),
        tuple(TeamStart(team, starts[team]) for team in busy),
    )


def _earlier(reader: Reader, first: date, teams: set[str]) -> dict[str, date]:
    """A day before ``first`` on which each of ``teams`` had calls, where it had."""
    if not teams:
        return {}
    return dict(_rows(_EARLIER, reader.parameters(first=first, teams=sorted(teams))))


# --- Hours: errors and latencies ---


@dataclass(frozen=True, slots=True)
class _Hours:
    """Sums of a group over some hours; ``histogram`` is of all its calls that gave a latency."""

    calls: int
    errors: int
    estimated: int
    histogram: Decimal

    def without(self, other: "_Hours") -> "_Hours":
        return _Hours(
            self.calls - other.calls,
            self.errors - other.errors,
            self.estimated - other.estimated,
            self.histogram,
        )


EXACT_HISTOGRAM: Final = Context(prec=histogram.DIGITS * (len(histogram.BOUNDS) + 2))
_NONE: Final = _Hours(0, 0, 0, Decimal(0))


def _errors(reader: Reader) -> tuple[ErrorRow, ...]:
    """Groups with enough calls and an error in the last full hour; the days before are read for those alone."""
    recent = hours_before(running_hour(reader.as_of, reader.zone), 1)
    before = hours_before(recent.since, reader.whole(Rule.ERROR_BURST, "baseline_days") * _DAY_HOURS)
    least = reader.whole(Rule.ERROR_BURST, "calls")
    found = _counted(reader, recent)
    groups = [group for group, hours in found.items() if hours.calls >= least and hours.errors]
    normal = _counted(reader, before, groups) if groups else {}
    return tuple(
        ErrorRow(
            Model(*group[:2]),
            group[2],
            found[group].calls,
            found[group].errors,
            normal.get(group, _NONE).calls,
            normal.get(group, _NONE).errors,
        )
        for group in groups
    )


def _counted(reader: Reader, window: Window, groups: Iterable[Group] | None = None) -> dict[Group, _Hours]:
    """Calls and errors by group, estimated ones taken off."""
    found = _hours(reader, window, groups, with_histogram=False)
    if not any(hours.estimated for hours in found.values()):
        return found
    estimated = {
        group: _Hours(calls, errors, calls, Decimal(0)) for group, (calls, errors, _) in _not_plain(reader, window)
    }
    return {group: hours.without(estimated.get(group, _NONE)) for group, hours in found.items()}


def _latencies(reader: Reader) -> tuple[LatencyRow, ...]:
    """Groups with enough calls in the last hours; the days before are read for those alone."""
    recent = hours_before(running_hour(reader.as_of, reader.zone), reader.whole(Rule.LATENCY_REGRESSION, "hours"))
    before = hours_before(recent.since, reader.whole(Rule.LATENCY_REGRESSION, "baseline_days") * _DAY_HOURS)
    least = reader.whole(Rule.LATENCY_REGRESSION, "calls")
    found = _hours(reader, recent, None, with_histogram=True)
    groups = [group for group, hours in found.items() if hours.calls - hours.errors >= least and hours.histogram]
    if not groups:
        return ()
    plain = _plain(reader, recent, {group: found[group] for group in groups})
    normal = _plain(reader, before, _hours(reader, before, groups, with_histogram=True))
    return tuple(
        LatencyRow(Model(*group[:2]), group[2], plain[group], normal[group]) for group in groups if group in normal
    )


def _plain(reader: Reader, window: Window, hours: Mapping[Group, _Hours]) -> dict[Group, Decimal]:
    """Histograms without the calls that failed or were estimated."""
    if not any(one.errors or one.estimated for one in hours.values()):
        return {group: one.histogram for group, one in hours.items()}
    others = {group: packed for group, (_, _, packed) in _not_plain(reader, window)}
    rest = {group: _taken_off(one.histogram, others.get(group, Decimal(0))) for group, one in hours.items()}
    return {group: packed for group, packed in rest.items() if packed is not None}


def _taken_off(packed: Decimal, other: Decimal) -> Decimal | None:
    """A histogram without some of its calls; None where it does not contain them."""
    pairs = zip_longest(histogram.decode(packed), histogram.decode(other), fillvalue=0)
    return EXACT_HISTOGRAM.subtract(packed, other) if all(count >= less for count, less in pairs) else None


def _hours(
    reader: Reader, window: Window, groups: Iterable[Group] | None, *, with_histogram: bool
) -> dict[Group, _Hours]:
    parameters = reader.parameters(since=window.since, until=window.until)
    if groups is not None:
        providers, keys, features = (list(column) for column in zip(*groups, strict=True))
        parameters |= {"providers": providers, "keys": keys, "features": features}
    statement = _HOURS.format(
        histogram="sum(latency_histogram)" if with_histogram else "0", only="" if groups is None else _ONLY
    )
    rows = _rows(statement, parameters)
    return {(row[0], row[1], row[2]): _Hours(row[3], row[4], row[5], Decimal(row[6])) for row in rows}


def _not_plain(reader: Reader, window: Window) -> list[tuple[Group, tuple[int, int, Decimal]]]:
    """Of each group: estimated calls, failed ones among them, and the histogram of all that failed or are estimated."""
    parameters = reader.parameters(since=window.since, until=window.until, bounds=list(histogram.BOUNDS))
    rows = _rows(_NOT_PLAIN, parameters)
    return [((row[0], row[1], row[2]), (row[3], row[4], row[5])) for row in rows]


# --- Memory ---


def _resources(reader: Reader) -> tuple[ResourceRow, ...]:
    window = full_days(reader.as_of, reader.zone, reader.whole(Rule.RAM_OVER_PROVISION, "days"))
    found = cloud_samples.usage_by_resource(
        organization=reader.organization, project_ids=[reader.project.pk], since=window.since, until=window.until
    )
    return tuple(
        ResourceRow(
            one.resource, one.team, one.samples, one.allocated_mb, one.peak_used_mb, one.peak_share, one.cost_usd
        )
        for one in found
    )


def _where(row: Any) -> Where:
    team, feature, provider, key = row[:4]
    return Where(team, feature, Model(provider, key))


def _tokens(sums: Iterable[int]) -> Tokens:
    return Tokens(**dict(zip(TOKEN_KINDS, sums, strict=True)))


def _rows(statement: str, parameters: Parameters) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return list(cursor.fetchall())
