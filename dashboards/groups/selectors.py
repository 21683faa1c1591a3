"""Reads of the lists: rows of ``statements`` as what they are about and what was counted."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from django.db import connection

from core.periods import Granularity
from dashboards.filters import Filter
from dashboards.groups import statements
from dashboards.groups.totals import Totals
from dashboards.numbers import NOTHING, ModelName, merged
from dashboards.rollups import Statement
from rules.engine.snapshot import TOKEN_KINDS, Tokens
from tenants.models import Organization, Project

type Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Group:
    """One row of a list. ``costs`` and ``counts`` are dollars, as near as a drawing needs them, and calls by bucket."""

    name: str
    totals: Totals
    provider: str = ""
    costs: Mapping[str, float] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)
    main_model: ModelName | None = None
    before_cost_usd: Decimal = NOTHING


@dataclass(frozen=True, slots=True)
class Groups:
    """The groups that were looked for, largest first and bounded; ``found`` and ``all`` say how many there are.

    ``first_day`` is the local day of the oldest numbers kept; None when there are none.
    """

    total: Totals
    groups: list[Group]
    found: int
    all: int
    first_day: date | None

    def reaches_back_to(self, day: date) -> bool:
        """Whether there are numbers from this local day on, so that a sum over it is of a whole period."""
        return self.first_day is not None and self.first_day <= day


@dataclass(frozen=True, slots=True)
class One:
    """One model: all of it, by bucket, and the features that use it most."""

    total: Totals
    buckets: Mapping[str, Totals]
    features: Mapping[str, Totals]
    feature_count: int


def models(*, organization: Organization, project: Project | None, chosen: Filter, text: str = "") -> Groups:
    """Every model of the period, in one query."""
    return _groups(statements.models(**_whose(organization, project), chosen=chosen, text=text), chosen)


def features(
    *, organization: Organization, project: Project | None, chosen: Filter, text: str = "", labelled: Iterable[str] = ()
) -> Groups:
    """Every feature of the period with the model that costs it most, in one query."""
    statement = statements.features(
        **_whose(organization, project), chosen=chosen, text=text, labelled=sorted(labelled)
    )
    return _groups(statement, chosen)


def one(*, organization: Organization, project: Project | None, chosen: Filter) -> One:
    """What the filter keeps, in one query."""
    found = read(statements.one(**_whose(organization, project), chosen=chosen))
    total = next(row for row in found if row["kind"] == "total")
    return One(
        total=totals(total),
        buckets={_bucket(row["name"], chosen): totals(row) for row in found if row["kind"] == "bucket"},
        features={row["name"]: totals(row) for row in found if row["kind"] == "feature"},
        feature_count=total["found"],
    )


def _whose(organization: Organization, project: Project | None) -> dict[str, Any]:
    return {"organization_id": organization.pk, "project_id": project.pk if project else None}


def _groups(statement: Statement, chosen: Filter) -> Groups:
    total, *found = sorted(read(statement), key=lambda row: row["kind"] != "total")
    listed = [_group(row, chosen) for row in found]
    return Groups(totals(total), listed, found[0]["found"] if found else 0, total["found"], total["first_day"])


def _group(row: Row, chosen: Filter) -> Group:
    buckets = [_bucket(name, chosen) for name in row["buckets"]]
    return Group(
        name=row["name"],
        totals=totals(row),
        provider=row["provider"] or "",
        costs=dict(zip(buckets, row["costs"], strict=True)),
        counts={bucket: int(count) for bucket, count in zip(buckets, row["counts"], strict=True)},
        main_model=None if row["main_model"] is None else ModelName(row["main_provider"], row["main_model"]),
        before_cost_usd=row["before_cost_usd"] or NOTHING,
    )


def _bucket(name: str, chosen: Filter) -> str:
    if chosen.granularity is Granularity.DAY:
        return name
    return chosen.period.hour_name(datetime.fromtimestamp(int(name), UTC))


def totals(row: Row) -> Totals:
    """A row's sums; an aggregate over no rows is null, which counts as nothing."""
    default = Totals()
    return Totals(
        calls=int(row["calls"] or 0),
        errors=int(row["errors"] or 0),
        unpriced_calls=int(row["unpriced_calls"] or 0),
        estimated_calls=int(row["estimated_calls"] or 0),
        tokens=Tokens(**{name: int(row[name] or 0) for name in TOKEN_KINDS}),
        cost_usd=row["cost_usd"] or default.cost_usd,
        cost_other_usd=row["cost_other_usd"] or default.cost_other_usd,
        timed_output_tokens=int(row["timed_output_tokens"] or 0),
        latency_sum_ms=float(row["latency_sum_ms"] or 0),
        latency=_histogram(row, "latency"),
        first_token=_histogram(row, "first_token"),
    )


def _histogram(row: Row, name: str) -> Any:
    return merged(row[f"{name}_parts"]) if row[f"{name}_parts"] else row[name] or 0


def read(statement: Statement) -> list[Row]:
    """The rows of a statement by the names of its columns."""
    with connection.cursor() as cursor:
        cursor.execute(statement.sql, statement.parameters)
        names = [column.name for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
