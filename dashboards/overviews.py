"""The SQL of an overview: the sums of a filter's rows by every dimension, in one statement.

No facet has every dimension (ingestion.condensed), but models and features have one each: where the filter asks for
nothing else, the rows are read twice, from either.
"""

from dataclasses import replace
from typing import Final

from dashboards import rollups, sources
from dashboards.filters import Filter, Source
from dashboards.rollups import Statement
from dashboards.sources import Reading, Subject
from ingestion.histogram import MOST_CALLS
from tenants.models import Organization, Project

SERIES: Final = 9  # with "all others" the ten hues of a chart
GROUPS: Final = 50  # rows of a breakdown

_COUNTED: Final = (
    "calls",
    "errors",
    "unpriced_calls",
    "estimated_calls",
    "input_tokens",
    "cached_input_tokens",
    "output_tokens",
    "reasoning_tokens",
    "cost_usd",
)
_SUMS: Final = ", ".join(f"sum({name}) as {name}" for name in _COUNTED)
_HISTOGRAM: Final = "sum(latency_calls) as latency_calls, sum(latency_histogram) as latency_histogram"
_MERGED: Final = f"""
    case when sum(latency_calls) <= {MOST_CALLS} then sum(latency_histogram) end as latency,
    case when sum(latency_calls) > {MOST_CALLS} then array_agg(latency_histogram) end as latencies"""
_NO_HISTOGRAM: Final = "null::numeric as latency, null::numeric[] as latencies"

# What comes first when only some groups can be shown: the cost, or with a status filter the calls of that status.
_LARGEST: Final = {
    "": "sum(cost_usd) desc, sum(calls) desc",
    "ok": "sum(calls) - sum(errors) desc",
    "error": "sum(errors) desc",
}

_MODEL: Final = ("provider", "model_key")


def reading(chosen: Filter) -> Reading:
    """Which rows the overview of a filter is about. A status is told by its calls and errors, so it needs no calls."""
    found = sources.reading(chosen.without_all("status"), sums=_COUNTED)
    sums = (*_COUNTED, "latency_calls", "latency_histogram")
    kept = replace(chosen, range=found.chosen.range, period=found.chosen.period)
    return replace(found, chosen=kept, columns=(*_MODEL, "feature", "project_id"), sums=sums)


def statement(*, organization: Organization, project: Project | None, read: Reading) -> Statement:
    """The statement whose rows ``selectors`` sorts into an ``Overview``; each says by ``kind`` what it sums."""
    made, chosen = Statement(), read.chosen
    subject, of_all = Subject(organization, project), replace(read, chosen=chosen.without_all("status"))
    before = sources.rows(made, replace(of_all, columns=()), subject, period=chosen.previous, prefix="before")
    if not chosen.is_compared:
        before = f"select * from ({before}) unwanted where false"
    owner = rollups.owner(
        made, organization_id=organization.pk, project_id=project.pk if project else None, hidden=chosen.hidden
    )
    cells = "\n    union all\n    ".join(_cells(made, of_all, subject))
    made.sql = _OVERVIEW.format(cells=cells, before=before, owner=owner, largest=_LARGEST[chosen.status])
    return made


def _cells(made: Statement, read: Reading, subject: Subject) -> list[str]:
    """The rows of the period summed once: by bucket and model, by feature, and by project."""
    period = read.chosen.period
    if read.source is not Source.ROLLUPS or not _has_facets(read.chosen):
        return [_MIXED.format(rows=sources.rows(made, read, subject, period=period, prefix="now"))]
    of_models = replace(read, columns=(*_MODEL, "project_id"))
    of_features = replace(read, columns=("feature",), sums=_COUNTED)
    return [
        cells.format(rows=sources.rows(made, part, subject, period=period, prefix="now"))
        for cells, part in ((_OF_MODELS, of_models), (_OF_FEATURES, of_features))
    ]


def _has_facets(chosen: Filter) -> bool:
    return all(rollups.facet_of(chosen, columns, where="") for columns in (_MODEL, ("feature",)))


_NAMES: Final = ", ".join(_COUNTED)

_MIXED: Final = f"""
    select bucket, provider, model_key, feature, project_id, {_SUMS}, {_HISTOGRAM} from (
        {{rows}}
    ) r group by grouping sets ((bucket, provider, model_key), (feature, project_id))"""
_OF_MODELS: Final = f"""
    select bucket, provider, model_key, null::text as feature, project_id, {_SUMS}, {_HISTOGRAM} from (
        {{rows}}
    ) r group by grouping sets ((bucket, provider, model_key), (project_id))"""
_OF_FEATURES: Final = f"""
    select null, null, null, feature, null, {_SUMS}, null, null from (
        {{rows}}
    ) r group by feature"""

# Two passes: the rows are summed once into small cells, then every chart and table is a sum over cells.
_OVERVIEW: Final = f"""
with cells as materialized (
    {{cells}}
), model_cells as (
    select * from cells where bucket is not null
), models as (
    select provider, model_key, {_SUMS}, {_MERGED}, count(*) over () as groups,
           row_number() over (order by {{largest}}, provider, model_key) as place
    from model_cells group by provider, model_key
), features as (
    select feature, {_SUMS}, count(*) over () as groups,
           row_number() over (order by {{largest}}, feature) as place
    from cells where feature is not null group by feature
), by_project as (
    select project_id, {_SUMS}, count(*) over () as groups,
           row_number() over (order by {{largest}}, project_id) as place
    from cells where project_id is not null group by project_id
), before as (
    select bucket, {_SUMS}, {_HISTOGRAM} from ({{before}}) b group by bucket
)
select 'total' as kind, null as bucket, null as provider, null as model_key, null as feature,
       null::bigint as project_id, {_SUMS}, {_MERGED},
       (select count(*) from models where unpriced_calls > 0) as groups, 0 as place
from model_cells
union all
select 'before', (select min(bucket_date)::text from call_rollups_daily where {{owner}}), null, null, null, null,
       {_SUMS}, {_MERGED}, 0, 0 from before
union all
select 'earlier', bucket, null, null, null, null, {_SUMS}, {_MERGED}, 0, 0 from before group by bucket
union all
select 'bucket', bucket, null, null, null, null, {_SUMS}, {_MERGED}, 0, 0 from model_cells group by bucket
union all
select 'model', null, provider, model_key, null, null, {_NAMES}, latency, latencies, groups, place
from models where place <= {GROUPS}
union all
select 'series', bucket, provider, model_key, null, null, {", ".join(f"c.{name}" for name in _COUNTED)},
       {_NO_HISTOGRAM}, 0, place
from model_cells c join models using (provider, model_key) where place <= {SERIES}
union all
select 'feature', null, null, null, feature, null, {_NAMES}, {_NO_HISTOGRAM}, groups, place
from features where place <= {GROUPS}
union all
select 'project', null, null, null, null, project_id, {_NAMES}, {_NO_HISTOGRAM}, groups, place
from by_project where place <= {GROUPS}
order by kind, place"""
