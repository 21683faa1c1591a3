"""The explorer's answer as rows: what its page shows, exactly, with the sums behind each number."""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Final
from urllib.parse import urlencode

from core.fields import decimal_text
from core.spreadsheets import plain
from dashboards.explore import selectors
from dashboards.explore.answer import Answer, Group
from dashboards.explore.metrics import Measured
from dashboards.explore.question import MOST_GROUPS, Question
from dashboards.exports.models import Export
from dashboards.exports.pages import Page
from dashboards.exports.writers.types import Column, Kind, Rendering
from dashboards.filters import Filter
from tenants import selectors as tenants
from tenants.models import Project

OTHERS: Final = "(all others)"
_TIME: Final = "time"
_INTEGERS: Final = frozenset({"count", "tokens"})

type Value = str | int | float | Decimal | None


def columns_of(question: Question) -> tuple[Column, ...]:
    """When, which, the metric, and the sums that it is computed from."""
    metric = question.measures
    when = [Column(_TIME, Kind.TEXT)] if question.is_over_time else []
    kind = Kind.MONEY if metric.is_money else Kind.INTEGER if metric.unit in _INTEGERS else Kind.NUMBER
    sums = [Column(name, _kind(name)) for name in metric.needs if name != metric.name]
    return (*when, *(Column(name, Kind.TEXT) for name in question.by), Column(metric.name, kind), *sums)


def page(export: Export, rendering: Rendering) -> Page:
    """Every row at once: they are few. Call it in the organization's scope."""
    question = Question.from_json(export.question)
    found = selectors.answer(
        organization=export.organization,
        project=None,
        chosen=_filter_of(export),
        question=replace(question, top=MOST_GROUPS),
        series=selectors.MOST_SERIES,
    )
    lines = list(rows(found))
    names = [column.name for column in columns_of(question)]
    text = _as_json(names, lines) if rendering == Rendering.JSON else _as_csv(lines, rendering)
    return Page(text=text, count=len(lines), position=None)


def query_of(export: Export) -> str:
    """The query string of the explorer's page that shows the same."""
    period = [("since", export.since.isoformat()), ("until", export.until.isoformat())]
    return urlencode([*period, *export.pairs, *Question.from_json(export.question).pairs])


def rows(answer: Answer) -> Iterator[Sequence[Value]]:
    """One row a group, or a bucket and group; what is not named is one more, so that rows add up to the total."""
    if answer.question.is_over_time:
        yield from _over_time(answer)
        return
    for group in answer.groups:
        yield _row(answer, _names(group), group.measured)
    if answer.rest_count:
        yield _row(answer, _others(answer), answer.rest)


def _over_time(answer: Answer) -> Iterator[Sequence[Value]]:
    drawn = [group for group in answer.groups if group.series]
    for bucket, whole in sorted(answer.buckets.items()):
        if not answer.question.by:
            yield [bucket, *_row(answer, [], whole)]
            continue
        named = [(group, group.series[bucket]) for group in drawn if bucket in group.series]
        for group, measured in named:
            yield [bucket, *_row(answer, _names(group), measured)]
        rest = whole.without(measured for _, measured in named)
        if rest.calls:
            yield [bucket, *_row(answer, _others(answer), rest)]


def _row(answer: Answer, names: Sequence[str], measured: Measured) -> list[Value]:
    metric = answer.metric
    return [*names, answer.value(measured), *(measured[name] for name in metric.needs if name != metric.name)]


def _names(group: Group) -> list[str]:
    return [name.label for name in group.names]


def _others(answer: Answer) -> list[str]:
    return [OTHERS] * len(answer.question.by)


def _filter_of(export: Export) -> Filter:
    """The filter that was asked with; of projects whoever asked could see those and no others."""
    zone = tenants.time_zone(organization=export.organization)
    period = (("since", export.since.isoformat()), ("until", export.until.isoformat()))
    chosen = Filter.of_pairs([*period, *export.pairs], now=export.as_of, zone=zone)
    hidden = Project.objects.exclude(pk__in=export.project_ids).values_list("pk", flat=True)
    return replace(chosen, hidden=tuple(hidden))


def _kind(column: str) -> Kind:
    if column.endswith("_usd"):
        return Kind.MONEY
    return Kind.NUMBER if column.endswith("_ms") else Kind.INTEGER


def _as_csv(lines: Iterable[Sequence[Value]], rendering: Rendering) -> bytes:
    """Nothing is an empty field, which is all that readers tell apart from a text here."""
    made = io.StringIO()
    writer = csv.writer(made, lineterminator="\n")
    for line in lines:
        texts = [plain(one) if isinstance(one, str) and rendering == Rendering.SAFE_CSV else one for one in line]
        writer.writerow(["" if one is None else _text(one) for one in texts])
    return made.getvalue().encode()


def _as_json(names: Sequence[str], lines: Iterable[Sequence[Value]]) -> bytes:
    documents = (_document(dict(zip(names, line, strict=True))) for line in lines)
    return "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in documents).encode()


def _document(row: Mapping[str, Value]) -> dict[str, Value]:
    """Money is a text, as everywhere in the API, and null where it is unknown."""
    return {name: decimal_text(value) if isinstance(value, Decimal) else value for name, value in row.items()}


def _text(value: Value) -> str:
    return decimal_text(value) if isinstance(value, Decimal) else str(value)
