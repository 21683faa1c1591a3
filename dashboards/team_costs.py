"""What teams cost in a period and in the one it is compared with, from rollups: all of them, and one in full."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from django.db import connection

from core.periods import Granularity, Period
from dashboards.filters import Filter
from dashboards.numbers import ModelName, Sums
from dashboards.rollups import Statement, conditions, plain_rows
from ingestion.store import OTHER
from tenants.models import Organization
from tenants.team_names import folded

_COUNTED: Final = (
    "calls", "errors", "unpriced_calls", "estimated_calls",
    "input_tokens", "cached_input_tokens", "output_tokens", "reasoning_tokens", "cost_usd",
)  # fmt: skip
_NAMES: Final = ", ".join(_COUNTED)
_SUMS: Final = ", ".join(f"sum({name})" for name in _COUNTED)
_OF_MODELS: Final = ("team", "provider", "model_key")
_MODELS: Final = 10  # of one name of a team

_BY_VALUE: Final = f"""
with rows as (
    {{now}}
    union all
    {{before}}
), models as (
    select team, provider, model_key, {", ".join(f"sum({name}) as {name}" for name in _COUNTED)},
           row_number() over (partition by team order by sum(cost_usd) desc, sum(calls) desc, model_key) as place
    from rows where is_now group by team, provider, model_key
)
select is_now, team, null, null, {_SUMS} from rows group by is_now, team
union all
select true, team, provider, model_key, {_NAMES} from models where place <= {_MODELS}"""

_ONE: Final = f"""
with rows as (
    {{now}}
    union all
    {{before}}
), of_team as (
    select * from rows where team = any({{values}})
)
select 'total', null, null, {_SUMS} from of_team where is_now
union all
select 'before', null, null, {_SUMS} from of_team where not is_now
union all
select 'bucket', bucket, null, {_SUMS} from of_team where is_now group by bucket
union all
select 'model', provider, model_key, {_SUMS} from of_team where is_now group by provider, model_key
union all
select 'feature', feature, null, {_SUMS} from of_team where is_now group by feature
union all
select 'project', project_id::text, null, {_SUMS} from of_team where is_now group by project_id"""


@dataclass(slots=True)
class Cost:
    """What a team's calls were, under whichever of its names they came; its models with the dearest first."""

    sums: Sums = field(default_factory=Sums)
    before: Sums = field(default_factory=Sums)
    models: dict[ModelName, Sums] = field(default_factory=dict)

    @property
    def main_models(self) -> list[str]:
        listed = sorted(self.models.items(), key=lambda one: (-one[1].cost_usd, -one[1].calls, one[0]))
        return [model.model_key for model, _ in listed]


@dataclass(frozen=True, slots=True, kw_only=True)
class One:
    """One team: by bucket of the period, and by model, feature and project with the dearest first."""

    total: Sums
    before: Sums
    buckets: Mapping[str, Sums]
    models: Mapping[ModelName, Sums]
    features: Mapping[str, Sums]
    projects: Mapping[int, Sums]


def by_team(*, organization: Organization, chosen: Filter, slugs: Mapping[str, str]) -> dict[str, Cost]:
    """What each team cost, by its slug; '' is nobody's. ``slugs`` are those of teams by every folded name."""
    made = Statement()
    found: dict[str, Cost] = {}
    for is_now, value, provider, model, *sums in _fetched(
        _BY_VALUE.format(**_periods(made, organization, chosen, _OF_MODELS)), made
    ):
        slug = slugs.get(folded(value), "" if not value else None)
        if slug is None or value == OTHER:
            continue
        cost = found.setdefault(slug, Cost())
        if model is not None:
            name = ModelName(provider, model)
            cost.models[name] = added(cost.models.get(name, Sums()), _sums(sums))
        elif is_now:
            cost.sums = added(cost.sums, _sums(sums))
        else:
            cost.before = added(cost.before, _sums(sums))
    return found


def one(*, organization: Organization, chosen: Filter, names: Iterable[str]) -> One:
    """What the calls of one team were, which are stored under any of its folded ``names``."""
    made = Statement()
    parts = _periods(made, organization, chosen, (*_OF_MODELS, "feature", "project_id"))
    values = [value for value in _values(organization, chosen) if folded(value) in set(names)]
    by_kind: dict[str, list[tuple[Any, ...]]] = {}
    for row in _fetched(_ONE.format(values=made.bind("values", values), **parts), made):
        by_kind.setdefault(row[0], []).append(row)
    return One(
        total=_sums(by_kind["total"][0][3:]),
        before=_sums(by_kind["before"][0][3:]),
        buckets={_bucket(row[1], chosen.period): _sums(row[3:]) for row in by_kind.get("bucket", [])},
        models=_dearest({ModelName(row[1], row[2]): _sums(row[3:]) for row in by_kind.get("model", [])}),
        features=_dearest({row[1]: _sums(row[3:]) for row in by_kind.get("feature", [])}),
        projects=_dearest({int(row[1]): _sums(row[3:]) for row in by_kind.get("project", [])}),
    )


def added(one: Sums, other: Sums) -> Sums:
    """The sums of two sets of calls that have none in common."""
    return Sums(**{name: getattr(one, name) + getattr(other, name) for name in _COUNTED})


def _values(organization: Organization, chosen: Filter) -> list[str]:
    """What calls of both periods name as their team."""
    made = Statement()
    periods = _periods(made, organization, chosen, ("team",))
    sql = "select distinct team from ({now} union all {before}) r".format(**periods)
    return [row[0] for row in _fetched(sql, made)]


def _periods(made: Statement, organization: Organization, chosen: Filter, names: Sequence[str]) -> dict[str, str]:
    """The rollup rows of both periods; without a comparison the earlier one has none."""
    where = conditions(made, organization_id=organization.pk, project_id=None, chosen=chosen)
    earlier = where if chosen.is_compared else f"false and {where}"
    return {
        prefix: plain_rows(
            made,
            chosen=chosen,
            period=period,
            columns=(*names, *_COUNTED),
            where=which,
            prefix=prefix,
            more=f"{is_now} as is_now",
        )
        for prefix, period, which, is_now in (
            ("now", chosen.period, where, "true"),
            ("before", chosen.previous, earlier, "false"),
        )
    }


def _bucket(bucket: str, period: Period) -> str:
    if period.granularity is Granularity.DAY:
        return bucket
    return period.hour_name(datetime.fromtimestamp(int(bucket), UTC))


def _dearest[K](groups: Mapping[K, Sums]) -> dict[K, Sums]:
    return dict(sorted(groups.items(), key=lambda one: (-one[1].cost_usd, -one[1].calls, str(one[0]))))


def _sums(values: Sequence[Any]) -> Sums:
    """Sums in the order of ``_COUNTED``; over no rows they are null, which counts as nothing."""
    named = dict(zip(_COUNTED, values, strict=True))
    cost = named.pop("cost_usd") or Decimal(0)
    return Sums(cost_usd=cost, **{name: int(value or 0) for name, value in named.items()})


def _fetched(sql: str, made: Statement) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, made.parameters)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows
