"""Reads the answer to a question, of one project or of all."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import zip_longest
from typing import Any, Final

from django.db import connection

from core.formats import Number
from core.periods import Granularity
from dashboards.explore import names
from dashboards.explore.answer import CANDIDATES, Answer, Group, Stored
from dashboards.explore.dimensions import COLUMNS, columns
from dashboards.explore.metrics import NOTHING, Measured, Metric
from dashboards.explore.question import Question
from dashboards.explore.statement import reading, statement
from dashboards.filters import Filter
from dashboards.sources import Reading, Subject
from ingestion import histogram
from tenants.models import Organization, Project

SERIES: Final = 9  # with "all others" the ten hues of a chart
MOST_SERIES: Final = 50


@dataclass(frozen=True, slots=True)
class _Row:
    """One row of the statement."""

    kind: str
    bucket: str
    stored: Stored
    measured: Measured
    groups: int


def answer(
    *,
    organization: Organization,
    project: Project | None,
    chosen: Filter,
    question: Question,
    series: int = SERIES,
) -> Answer:
    """The numbers of ``question`` about the calls of ``chosen``; over time the first ``series`` groups by bucket.

    One query, and one more for each of projects and keys that groups are named by. It may take too long where calls
    are read: see ``views.overview`` for how a page answers that.
    """
    read = reading(chosen, question)
    by_kind = _rows(read, question, Subject(organization, project), series=min(series, question.top, MOST_SERIES))
    groups, firsts = by_kind.get("group", []), by_kind.get("first", [])
    named = names.named(organization=organization, by=question.by, stored=_stored(question, [*groups, *firsts]))
    series_of: dict[Stored, dict[str, Measured]] = {}
    for row in by_kind.get("series", ()):
        series_of.setdefault(row.stored, {})[_bucket(row, read.chosen)] = row.measured
    return Answer(
        question=question,
        chosen=read.chosen,
        source=read.source,
        sentence=read.sentence,
        total=by_kind["total"][0].measured if by_kind.get("total") else NOTHING,
        buckets={_bucket(row, read.chosen): row.measured for row in by_kind.get("bucket", ())},
        groups=_largest(question, [_group(row, question, named, series_of.get(row.stored, {})) for row in groups]),
        group_count=groups[0].groups if groups else 0,
        firsts=_largest(question, [_group(row, question, named, {}) for row in firsts]),
        first_count=firsts[0].groups if firsts else 0,
        is_sampled=_is_sorted(question) and bool(groups) and groups[0].groups > CANDIDATES,
    )


def _is_sorted(question: Question) -> bool:
    """Whether groups come in the order of their metric, which only sums have in the database already.

    Over time the busiest groups are drawn, so they come in the order of their calls.
    """
    return not question.measures.is_summable and not question.is_over_time


def _largest(question: Question, groups: list[Group]) -> tuple[Group, ...]:
    if _is_sorted(question):
        value = question.measures.value
        groups.sort(key=lambda group: _sortable(value(group.measured)), reverse=True)
    return tuple(groups[: question.top])


def _sortable(value: Number | None) -> tuple[bool, Number]:
    """Unknown comes last."""
    return value is not None, value or 0


def _rows(read: Reading, question: Question, subject: Subject, *, series: int) -> dict[str, list[_Row]]:
    named = CANDIDATES if _is_sorted(question) else question.top
    made = statement(read, question, subject, named=named, series=series)
    with connection.cursor() as cursor:
        cursor.execute(made.sql, made.parameters)
        found = cursor.fetchall()
    by_kind: dict[str, list[_Row]] = {}
    for row in found:
        read_row = _row(row, question)
        by_kind.setdefault(read_row.kind, []).append(read_row)
    return by_kind


def _row(row: Sequence[Any], question: Question) -> _Row:
    kind, bucket, *values = row
    width, metric = len(columns(question.by)), question.measures
    stored, sums = values[:width], values[width : width + len(metric.needs)]
    packed, several, groups, _ = values[width + len(metric.needs) :]
    return _Row(kind, bucket or "", tuple(stored), _measured(metric, sums, several or [packed]), int(groups))


def _measured(metric: Metric, sums: Sequence[Any], packed: Iterable[Any]) -> Measured:
    """An aggregate over no rows is null, which counts as nothing."""
    found = {name: _number(name, value) for name, value in zip(metric.needs, sums, strict=True) if value is not None}
    counts: tuple[int, ...] = ()
    for one in packed:
        if one is not None:
            pairs = zip_longest(counts, histogram.decode(one), fillvalue=0)
            counts = tuple(mine + theirs for mine, theirs in pairs)
    return Measured(found, counts)


def _number(name: str, value: Any) -> Number:
    """Money exactly, times as they are stored, everything else counted."""
    if name.endswith("_usd"):
        return value  # type: ignore[no-any-return]
    return float(value) if name.endswith("_ms") else int(value)


def _bucket(row: _Row, chosen: Filter) -> str:
    if chosen.granularity is Granularity.DAY:
        return row.bucket
    return chosen.period.hour_name(datetime.fromtimestamp(int(row.bucket), UTC))


def _stored(question: Question, rows: Iterable[_Row]) -> dict[str, list[Stored]]:
    """The stored values of each dimension in these rows."""
    found: dict[str, dict[Stored, None]] = {name: {} for name in question.by}
    for row in rows:
        for name, stored in _split(question, row):
            found[name][stored] = None
    return {name: list(values) for name, values in found.items()}


def _split(question: Question, row: _Row) -> Iterator[tuple[str, Stored]]:
    """The dimensions of a row with their stored values; of a first group, just the first."""
    place = dict(zip(columns(question.by), row.stored, strict=True))
    for name in question.by[:1] if row.kind == "first" else question.by:
        yield name, tuple(place[column] for column in COLUMNS[name])


def _group(row: _Row, question: Question, named: Mapping[str, names.Names], series: dict[str, Measured]) -> Group:
    return Group(tuple(named[name][stored] for name, stored in _split(question, row)), row.measured, series)
