"""End users by what they cost, and one of them: from the daily sums of users, and what those leave of all calls."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any, Final

from django.db import connection

from core.periods import DAY, Period
from dashboards.filters import DUPLICATES, Filter
from dashboards.numbers import ModelName, Sums
from dashboards.rollups import Statement, bounds, conditions
from ingestion import end_users
from ingestion.store import OTHER
from tenants.models import Organization, Project

PAGE_SIZE: Final = 50
SORTS: Final[dict[str, str]] = {
    "cost": "Cost",
    "calls": "Calls",
    "tokens": "Tokens",
    "errors": "Errors",
    "per-call": "Per call",
    "change": "Change",
    "last": "Last seen",
}
DEFAULT_SORT: Final = "cost"
# What the sums of users are kept by.
_KNOWN: Final = frozenset({"project", "provider", "model", "user", DUPLICATES})
COUNTED: Final = (
    "calls", "errors", "unpriced_calls", "estimated_calls",
    "input_tokens", "cached_input_tokens", "output_tokens", "reasoning_tokens", "cost_usd",
)  # fmt: skip
_NOW: Final = ", ".join(f"sum({name}) filter (where is_now) as {name}" for name in COUNTED)
_BEFORE: Final = ", ".join(
    f"coalesce(sum({name}) filter (where not is_now), 0) as before_{name}"
    for name in ("calls", "unpriced_calls", "cost_usd")
)
_THEN: Final = ", ".join(f"sum({name}) filter (where not is_now)" for name in COUNTED)
_PLAIN: Final = ", ".join(f"coalesce(sum({name}), 0)" for name in COUNTED)
_ALL: Final = ", ".join(f"coalesce(sum({name}), 0) as all_{name}" for name in COUNTED)
_NAMES: Final = ", ".join(COUNTED)
_ORDERS: Final[Mapping[str, str]] = {
    "cost": "cost_usd desc, calls desc",
    "calls": "calls desc",
    "tokens": "input_tokens + output_tokens desc",
    "errors": "errors desc",
    "per-call": "cost_usd / nullif(calls - unpriced_calls, 0) desc nulls last",
    "change": "cost_usd - before_cost_usd desc",
    "last": "last_day desc, cost_usd desc",
}

_PAGE: Final = f"""
with rows as (
    select *, bucket_date >= {{first}} as is_now from user_rollups_daily where {{where}} and ({{now}} or {{before}})
), by_user as (
    select user_id, {_NOW}, {_BEFORE}, max(bucket_date) filter (where is_now) as last_day
    from rows group by user_id having sum(calls) filter (where is_now) > 0
), totals as (
    select count(*) as users, {_ALL}, coalesce(bool_or(user_id = {{other}}), false) as has_other from by_user
), found as (
    select *, count(*) over () as found, row_number() over (order by {{order}}, user_id collate "C") as place
    from by_user where {{search}}
)
select users, has_other, {", ".join(f"all_{name}" for name in COUNTED)},
       user_id, {_NAMES}, before_calls, before_unpriced_calls, before_cost_usd, last_day, found
from totals left join (select * from found where place > {{skip}} and place <= {{skip}} + {{most}}) shown on true
order by place"""

_EVERYTHING: Final = f"""
select {_PLAIN} from call_rollups_daily where {{where}} and {{now}}"""

_ONE: Final = f"""
with rows as (
    select *, bucket_date >= {{first}} as is_now from user_rollups_daily
    where {{where}} and user_id = any({{ids}}) and ({{now}} or {{before}})
)
select 'total', null, null, null, {_NOW}, max(bucket_date) filter (where is_now) from rows
union all
select 'before', null, null, null, {_THEN}, null from rows
union all
select 'day', bucket_date::text, null, null, {_NOW}, null from rows where is_now group by bucket_date
union all
select 'model', null, provider, model_key, {_NOW}, null from rows where is_now group by provider, model_key
union all
select 'project', project_id::text, null, null, {_NOW}, null from rows where is_now group by project_id"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """An end user in the period and in the one it is compared with; the share is of what all users cost."""

    user_id: str
    sums: Sums
    before: Sums
    last_day: date

    @property
    def per_call_usd(self) -> Decimal | None:
        """What a priced call cost on average."""
        return per_call(self.sums)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """A page of end users. ``found`` of ``users`` pass the search; ``nobodys`` are the calls for no end user."""

    lines: list[Line]
    found: int
    users: int
    total: Sums
    nobodys: Sums
    has_other: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class One:
    """One end user: by day, by model with the dearest first, and by project."""

    total: Sums
    before: Sums
    last_day: date | None
    days: Mapping[str, Sums]
    models: Mapping[ModelName, Sums]
    projects: Mapping[int, Sums]


def of_users(chosen: Filter) -> Filter:
    """Whole days, and what the sums of users are kept by; a sentence says what was left out."""
    period = Period.of_days(chosen.period.first_day, chosen.period.last_day, chosen.zone)
    problems = list(chosen.problems)
    if period != chosen.period:
        problems.append("End users are counted by whole days.")
    kept = tuple(pair for pair in chosen.narrowed_by if pair[0] in _KNOWN)
    if kept != chosen.narrowed_by:
        problems.append("End users are counted by project, provider and model; other filters were left out.")
    return replace(chosen, period=period, narrowed_by=kept, problems=tuple(problems))


def compared_days(chosen: Filter) -> str:
    """The whole days that changes are against, in words; '' when nothing is compared."""
    if not chosen.is_compared:
        return ""
    before = Period.of_days(chosen.previous.first_day, chosen.previous.last_day, chosen.zone)
    return before.days_text(today=chosen.now.astimezone(chosen.zone).date())


def per_call(sums: Sums) -> Decimal | None:
    """What a priced call of these cost on average; None when none has a price."""
    priced = sums.calls - sums.unpriced_calls
    return sums.cost_usd / priced if priced else None


def listing(
    *, organization: Organization, project: Project | None, chosen: Filter, text: str, sort: str, page: int
) -> Listing:
    """Page ``page`` (from 1) of the end users whose id holds ``text``, in the order of ``sort``."""
    made, parts = _statement(organization, project, chosen)
    parts |= {
        "order": _ORDERS[sort],
        "other": made.bind("other", OTHER),
        "search": _search(made, organization, chosen, text),
        "skip": made.bind("skip", (page - 1) * PAGE_SIZE),
        "most": made.bind("most", PAGE_SIZE),
    }
    rows = _fetched(_PAGE.format(**parts), made)
    width = len(COUNTED)
    users, has_other, *totals = rows[0][: 2 + width]
    total = _sums(totals)
    lines = [_line(row[2 + width :]) for row in rows if row[2 + width] is not None]
    found = rows[0][-1] or 0
    everything = _everything(organization, project, chosen)
    return Listing(
        lines=lines,
        found=int(found),
        users=int(users),
        total=total,
        nobodys=_rest(everything, total),
        has_other=has_other,
    )


def one(*, organization: Organization, project: Project | None, chosen: Filter, user_id: str) -> One:
    """What one end user's calls were; under every form in which projects may have stored the id."""
    made, parts = _statement(organization, project, chosen)
    stored = end_users.as_stored(organization=organization, user_ids=[user_id])
    rows = _fetched(_ONE.format(ids=made.bind("ids", stored), **parts), made)
    by_kind: dict[str, list[tuple[Any, ...]]] = {}
    for row in rows:
        by_kind.setdefault(row[0], []).append(row)
    total, before = by_kind["total"][0], by_kind["before"][0]
    models = {ModelName(row[2], row[3]): _sums(row[4:-1]) for row in by_kind.get("model", [])}
    return One(
        total=_sums(total[4:-1]),
        before=_sums(before[4:-1]),
        last_day=total[-1],
        days={row[1]: _sums(row[4:-1]) for row in by_kind.get("day", [])},
        models=dict(sorted(models.items(), key=lambda one: (-one[1].cost_usd, -one[1].calls, one[0]))),
        projects={int(row[1]): _sums(row[4:-1]) for row in by_kind.get("project", [])},
    )


def _statement(organization: Organization, project: Project | None, chosen: Filter) -> tuple[Statement, dict[str, str]]:
    """The conditions of both periods; without a comparison the earlier one is empty."""
    made = Statement()
    previous = chosen.previous
    earlier = (previous.first_day, previous.last_day + DAY) if chosen.is_compared else (chosen.period.first_day,) * 2
    return made, {
        "where": _where(made, organization, project, chosen),
        "now": bounds(made, "bucket_date", (chosen.period.first_day, chosen.period.last_day + DAY), prefix="now"),
        "before": bounds(made, "bucket_date", earlier, prefix="before"),
        "first": "%(now_from)s",
    }


def _where(made: Statement, organization: Organization, project: Project | None, chosen: Filter) -> str:
    return conditions(made, organization_id=organization.pk, project_id=project.pk if project else None, chosen=chosen)


def _search(made: Statement, organization: Organization, chosen: Filter, text: str) -> str:
    """Ids that hold a text in any case, or that are stored for it: what looks personal is only kept as a hash."""
    parts = ["true"]
    if text:
        stored = end_users.as_stored(organization=organization, user_ids=[text])
        holds = f"position(lower({made.bind('text', text)}) in lower(user_id)) > 0"
        parts.append(f"({holds} or user_id = any({made.bind('stored', stored)}))")
    if wanted := chosen.values("user"):
        exact = end_users.as_stored(organization=organization, user_ids=wanted)
        parts.append(f"user_id = any({made.bind('exact', exact)})")
    return " and ".join(parts)


def _everything(organization: Organization, project: Project | None, chosen: Filter) -> Sums:
    """All calls of the same days and filters, whoever they were for."""
    made, parts = _statement(organization, project, chosen)
    return _sums(_fetched(_EVERYTHING.format(**parts), made)[0])


def _rest(whole: Sums, part: Sums) -> Sums:
    """What users leave of all calls."""
    names = {name: getattr(whole, name) - getattr(part, name) for name in COUNTED}
    return Sums(**names)


def _line(row: Sequence[Any]) -> Line:
    user_id, *sums = row[: 1 + len(COUNTED)]
    calls, unpriced, cost, last_day, _ = row[1 + len(COUNTED) :]
    before = Sums(calls=int(calls), unpriced_calls=int(unpriced), cost_usd=cost)
    return Line(user_id=user_id, sums=_sums(sums), before=before, last_day=last_day)


def _sums(values: Sequence[Any]) -> Sums:
    """Sums in the order of ``COUNTED``; over no rows they are null, which counts as nothing."""
    named = dict(zip(COUNTED, values, strict=True))
    cost = named.pop("cost_usd") or Decimal(0)
    return Sums(cost_usd=cost, **{name: int(value or 0) for name, value in named.items()})


def _fetched(sql: str, made: Statement) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, made.parameters)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows
