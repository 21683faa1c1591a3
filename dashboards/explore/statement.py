"""The SQL of a question: one statement whose rows say by ``kind`` what they sum."""

from collections.abc import Sequence
from typing import Final

from dashboards import sources
from dashboards.explore.dimensions import columns
from dashboards.explore.metrics import Metric
from dashboards.explore.question import Question
from dashboards.filters import Filter
from dashboards.rollups import Statement
from dashboards.sources import Reading, Subject
from ingestion.histogram import MOST_CALLS

_IN_HISTOGRAM: Final = {"latency_histogram": "latency_calls", "first_token_histogram": "first_token_calls"}
_NO_HISTOGRAM: Final = "null::numeric, null::numeric[]"


def reading(chosen: Filter, question: Question) -> Reading:
    """Which rows answer it."""
    metric = question.measures
    sums = (*metric.needs, metric.histogram) if metric.histogram else metric.needs
    return sources.reading(
        chosen, sums=sums, by=question.by, columns=columns(question.by), over_time=question.is_over_time
    )


def statement(read: Reading, question: Question, subject: Subject, *, named: int, series: int) -> Statement:
    """The statement; ``named`` groups come by name, and over time the first ``series`` of them by bucket.

    A row is kind, bucket, the columns as text, the sums, a packed histogram or an array of them, the number of groups
    and the place among them.
    """
    made, metric = Statement(), question.measures
    dimensions = columns(question.by)
    ctes = [
        f"rows as (\n        {sources.rows(made, read, subject, period=read.chosen.period, prefix='now')}\n)",
        f"cells as materialized ({_cells(metric, question)})",
    ]
    selects = [_whole("total", metric, len(dimensions))]
    if question.is_over_time:
        selects.append(_whole("bucket", metric, len(dimensions), bucket="bucket"))
    if dimensions:
        ctes.append(f"groups as materialized ({_groups(metric, dimensions)})")
        selects.append(_named("group", metric, dimensions, len(dimensions), most=made.bind("named", named)))
    if dimensions and question.is_over_time:
        ctes.append(_drawn(dimensions, most=made.bind("series", series)))
        selects.append(_series(metric, dimensions))
    if len(question.by) > 1:
        firsts = columns(question.by[:1])
        ctes.append(f"firsts as ({_groups(metric, firsts)})")
        selects.append(_named("first", metric, firsts, len(dimensions), most=made.bind("named", named)))
    made.sql = f"with {', '.join(ctes)}\n{_UNION.join(selects)}\norder by kind, place"
    return made


_UNION: Final = "\nunion all\n"


def _cells(metric: Metric, question: Question) -> str:
    """Rows summed once; everything else is a sum over cells. Buckets keep a packed sum from carrying."""
    has_buckets = question.is_over_time or bool(metric.histogram)
    keys = [*(["bucket"] if has_buckets else []), *columns(question.by)]
    listed = [*keys, *(f"sum({name}) as {name}" for name in metric.needs)]
    if metric.histogram:
        listed.append(f"sum({metric.histogram}) as {metric.histogram}")
    return f"select {', '.join(listed)} from rows group by ({', '.join(keys)}) having count(*) > 0"


def _groups(metric: Metric, dimensions: Sequence[str]) -> str:
    """Groups of cells, largest first. Where rows of two tables are set off against each other, some end as nothing."""
    keys = ", ".join(dimensions)
    sums = ", ".join(f"sum({name}) as {name}" for name in metric.needs)
    return f"""
    select {keys}, {sums}, {_merged(metric, named=True)}, count(*) over () as groups,
           row_number() over (order by sum({metric.weight}) desc, sum(calls) desc, {keys}) as place
    from cells group by {keys} having sum(calls) > 0
"""


def _whole(kind: str, metric: Metric, width: int, *, bucket: str = "null") -> str:
    """Everything there is, or everything of a bucket."""
    sums = ", ".join(f"sum({name}) as {name}" for name in metric.needs)
    names = ", ".join([f"'{kind}' as kind", f"{bucket}::text as bucket", *["null"] * width])
    group = "" if bucket == "null" else f" group by {bucket}"
    return f"select {names}, {sums}, {_merged(metric)}, 0 as groups, 0 as place from cells{group}"


def _named(kind: str, metric: Metric, dimensions: Sequence[str], width: int, *, most: str) -> str:
    """The largest groups, with as many columns as all dimensions have."""
    names = [f"{name}::text" for name in dimensions] + ["null"] * (width - len(dimensions))
    listed = ", ".join([f"'{kind}'", "null", *names, *metric.needs, "histogram", "histograms", "groups", "place"])
    return f"select {listed} from {kind}s where place <= {most}"


def _drawn(dimensions: Sequence[str], *, most: str) -> str:
    """The largest groups for themselves, because nobody tells the planner how few of many groups they are."""
    return f"drawn as materialized (select {', '.join(dimensions)}, place from groups where place <= {most})"


def _series(metric: Metric, dimensions: Sequence[str]) -> str:
    """The buckets of the largest groups."""
    listed = ["'series'", "c.bucket", *(f"c.{name}::text" for name in dimensions)]
    listed += [f"c.{name}" for name in metric.needs]
    listed.append(f"c.{metric.histogram}, null::numeric[]" if metric.histogram else _NO_HISTOGRAM)
    return f"select {', '.join(listed)}, 0, place from cells c join drawn using ({', '.join(dimensions)})"


def _merged(metric: Metric, *, named: bool = False) -> str:
    """The histogram of several cells: one packed sum, or, of more calls than that can hold, each for itself."""
    histogram, histograms = (" as histogram", " as histograms") if named else ("", "")
    if not metric.histogram:
        return f"null::numeric{histogram}, null::numeric[]{histograms}"
    calls, packed = f"sum({_IN_HISTOGRAM[metric.histogram]})", metric.histogram
    return (
        f"case when {calls} <= {MOST_CALLS} then sum({packed}) end{histogram}, "
        f"case when {calls} > {MOST_CALLS} then array_agg({packed}) end{histograms}"
    )
