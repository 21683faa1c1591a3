"""The SQL of the lists: one statement a page over rollups, whose rows say by ``kind`` what they sum."""

from typing import Final

from dashboards.filters import Filter
from dashboards.rollups import Statement, conditions, plain_rows
from ingestion.histogram import MOST_CALLS
from rules.engine.snapshot import TOKEN_KINDS

MOST_GROUPS: Final = 1_000  # rows that can be sorted and searched; the rest is counted and not shown
TOP: Final = 12  # features of one model

_PLAIN: Final = (
    "calls",
    "errors",
    "unpriced_calls",
    "estimated_calls",
    *TOKEN_KINDS,
    "cost_usd",
    "cost_other_usd",
    "timed_output_tokens",
    "latency_sum_ms",
)
_PACKED: Final = {"latency": "latency_calls", "first_token": "first_token_calls"}  # a histogram and how many it counts
_HISTOGRAMS: Final = tuple(f"{name}_histogram" for name in _PACKED)
_ALL: Final = (*_PLAIN, *_PACKED.values(), *_HISTOGRAMS)
_SUMS: Final = ", ".join(f"sum({name}) as {name}" for name in _ALL)


def _merged(name: str, calls: str) -> str:
    """A sum of packed histograms could carry from so many calls on: then they are answered one by one."""
    return f"""
    case when sum({calls}) <= {MOST_CALLS} then sum({name}_histogram) end as {name},
    case when sum({calls}) > {MOST_CALLS} then array_agg({name}_histogram) end as {name}_parts"""


_PLAIN_SUMS: Final = ", ".join(f"sum({name}) as {name}" for name in _PLAIN)
_MERGED: Final = ",".join(_merged(name, calls) for name, calls in _PACKED.items())
_TOTALS: Final = f"{_PLAIN_SUMS}, {_MERGED}"
_NAMES: Final = ", ".join([*_PLAIN, *(f"{name}{part}" for name in _PACKED for part in ("", "_parts"))])
_OVER_TIME: Final = "array_agg(bucket) as buckets, array_agg(cost_usd::float8) as costs, array_agg(calls) as counts"
_NO_TIME: Final = "null::text[] as buckets, null::float8[] as costs, null::numeric[] as counts"
# What comes first where not all can be shown.
_LARGEST: Final = {"": "cost_usd desc, calls desc", "ok": "calls - errors desc", "error": "errors desc"}
_HAS_STATUS: Final = {"": "true", "ok": "calls > errors", "error": "errors > 0"}

_MODELS: Final = f"""
with cells as materialized (
    select bucket, provider, model_key, {_SUMS} from ({{rows}}) r group by 1, 2, 3
), groups as (
    select provider, model_key, {_TOTALS}, {_OVER_TIME} from cells group by 1, 2
), before as (
    select provider, model_key, sum(cost_usd) as before_cost_usd from ({{before}}) b group by 1, 2
), matching as (
    select *, count(*) over () as found from groups left join before using (provider, model_key)
    where {{search}} and {{status}}
)
select 'total' as kind, null as provider, null as name, {_TOTALS}, {_NO_TIME}, 0 as before_cost_usd,
       (select count(*) from groups) as found, null as main_provider, null as main_model, {{first_day}} as first_day
from cells
union all
(select 'group', provider, model_key, {_NAMES}, buckets, costs, counts, before_cost_usd, found, null, null, null
 from matching order by {{largest}}, provider, model_key limit {MOST_GROUPS})"""

# The model that costs most is looked for in rows of its own: no facet (ingestion.condensed) has features of models.
_FEATURES: Final = f"""
with cells as materialized (
    select bucket, feature, {_SUMS} from ({{rows}}) r group by 1, 2
), mains as (
    select distinct on (feature) feature, provider as main_provider, model_key as main_model
    from (select feature, provider, model_key, sum(cost_usd) as cost_usd, sum(calls) as calls
          from ({{by_model}}) m group by 1, 2, 3) models
    order by feature, cost_usd desc, calls desc, provider, model_key
), groups as (
    select feature, {_TOTALS}, {_OVER_TIME} from cells group by feature
), before as (
    select feature, sum(cost_usd) as before_cost_usd from ({{before}}) b group by 1
), matching as (
    select *, count(*) over () as found from groups left join before using (feature) where {{search}} and {{status}}
)
select 'total' as kind, null as provider, null as name, {_TOTALS}, {_NO_TIME}, 0 as before_cost_usd,
       (select count(*) from groups) as found, null as main_provider, null as main_model, {{first_day}} as first_day
from cells
union all
(select 'group', null, feature, {_NAMES}, buckets, costs, counts, before_cost_usd, found, main_provider, main_model,
        null
 from matching join mains using (feature) order by {{largest}}, feature limit {MOST_GROUPS})"""

_ONE: Final = f"""
with cells as materialized (
    select bucket, feature, {_SUMS} from ({{rows}}) r group by grouping sets ((bucket), (feature))
)
select 'total' as kind, null as provider, null as name, {_TOTALS}, {_NO_TIME},
       count(feature) as found, null as main_provider, null as main_model
from cells where feature is null
union all
select 'bucket', null, bucket, {_TOTALS}, {_NO_TIME}, 0, null, null from cells where bucket is not null group by bucket
union all
(select 'feature', null, feature, {_TOTALS}, {_NO_TIME}, 0, null, null
 from cells where feature is not null group by feature order by sum(cost_usd) desc, sum(calls) desc, feature
 limit {TOP})"""


def models(*, organization_id: int, project_id: int | None, chosen: Filter, text: str) -> Statement:
    """Every model of the period; ``text`` is looked for in its name and its provider's."""
    made, parts = _parts(organization_id, project_id, chosen, ("provider", "model_key"))
    made.sql = _MODELS.format(search=_search(made, text, ("provider", "model_key")), **parts)
    return made


def features(
    *, organization_id: int, project_id: int | None, chosen: Filter, text: str, labelled: list[str]
) -> Statement:
    """Every feature of the period with ``text`` in its name, and those ``labelled`` so."""
    made, parts = _parts(organization_id, project_id, chosen, ("feature",))
    search = _search(made, text, ("feature",))
    if text:
        search = f"({search} or feature = any({made.bind('labelled', labelled)}))"
    where = conditions(made, organization_id=organization_id, project_id=project_id, chosen=chosen)
    columns = ("feature", "provider", "model_key", "cost_usd", "calls")
    by_model = plain_rows(made, chosen=chosen, period=chosen.period, columns=columns, where=where, prefix="now")
    made.sql = _FEATURES.format(search=search, by_model=by_model, **parts)
    return made


def one(*, organization_id: int, project_id: int | None, chosen: Filter) -> Statement:
    """What the filter keeps, over time and by feature."""
    made = Statement()
    where = conditions(made, organization_id=organization_id, project_id=project_id, chosen=chosen)
    made.sql = _ONE.format(
        rows=plain_rows(
            made, chosen=chosen, period=chosen.period, columns=("feature", *_ALL), where=where, prefix="now"
        )
    )
    return made


def _parts(
    organization_id: int, project_id: int | None, chosen: Filter, group: tuple[str, ...]
) -> tuple[Statement, dict[str, str]]:
    """The rows of the period and those it is compared with, and in which order groups are kept."""
    made = Statement()
    owner = conditions(made, organization_id=organization_id, project_id=project_id, chosen=chosen.cleared())
    where = conditions(made, organization_id=organization_id, project_id=project_id, chosen=chosen)
    before = plain_rows(
        made, chosen=chosen, period=chosen.previous, columns=(*group, "cost_usd"), where=where, prefix="before"
    )
    return made, {
        "rows": plain_rows(
            made, chosen=chosen, period=chosen.period, columns=(*group, *_ALL), where=where, prefix="now"
        ),
        "before": before if chosen.is_compared else f"{before} limit 0",
        "first_day": f"(select min(bucket_date) from call_rollups_daily where {owner})",
        "largest": _LARGEST[chosen.status],
        "status": _HAS_STATUS[chosen.status],
    }


def _search(made: Statement, text: str, columns: tuple[str, ...]) -> str:
    if not text:
        return "true"
    wanted = made.bind("text", text.lower())
    return f"({' or '.join(f'strpos(lower({column}), {wanted}) > 0' for column in columns)})"
