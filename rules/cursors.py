"""Which projects are due to be evaluated, and who does it. Asked without a scope: ids and times are all there is.

A claim is a lease: whoever is handed a cursor has until ``leased_until``, and a cursor whose worker died is due again.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from django.db import connection, transaction

from core.queue import enqueue
from rules.engine.days import midnight, running_hour, today
from rules.models import RuleEvaluation

TASK: Final = "rules.evaluate"
BUDGETS: Final = 0  # in place of a project: the organization's budgets
LEASE: Final = timedelta(seconds=60)
_EVERY: Final = timedelta(seconds=55)  # a sweep that comes a moment early does not skip a minute
SAMPLES_WITHIN: Final = timedelta(days=1)
_MOST: Final = 500
# A flush may commit a moment after one that received later calls: what came just now is looked at once more.
_SETTLED_AFTER: Final = timedelta(seconds=10)
_HOURLY_FOR: Final = timedelta(hours=26)  # after the last call: every window of hours and the day itself are over
_DAILY_FOR: Final = timedelta(days=32)  # after the last call: every window of days is over

_NEW: Final = """
    insert into rule_evaluations (organization_id, project_id)
    select a.organization_id, a.project_id from project_activity a
    where not exists (select from rule_evaluations e
                      where e.organization_id = a.organization_id and e.project_id = a.project_id)
    on conflict do nothing"""
_MOVED: Final = """exists (
        select from project_activity a
        where a.organization_id = e.organization_id and (e.project_id = a.project_id or e.project_id = 0)
          and (e.evaluated_until is null or a.last_received_at > e.evaluated_until))"""
_CLAIM: Final = f"""
    update rule_evaluations set leased_until = %(lease)s where id in (
        select e.id from rule_evaluations e
        where (e.leased_until is null or e.leased_until <= %(now)s)
          and (e.due_at <= %(now)s or ((e.evaluated_at is null or e.evaluated_at <= %(before)s) and {_MOVED}))
        order by e.evaluated_at nulls first, e.id
        limit %(most)s for update of e skip locked)
    returning id, organization_id"""

# One statement: a cursor that is being deleted meanwhile is made anew.
_DUE: Final = """
    insert into rule_evaluations as e (organization_id, project_id, due_at)
    values (%(organization)s, %(project)s, %(now)s)
    on conflict (organization_id, project_id) do update set due_at = excluded.due_at,
        fully_evaluated_at = case when %(full)s then null else e.fully_evaluated_at end"""


@transaction.atomic
def sweep(*, now: datetime) -> int:
    """Hand out what moved a minute ago, what is due and what was lost; how much. Several may sweep at once."""
    with connection.cursor() as cursor:
        cursor.execute(_NEW)
        cursor.execute(_CLAIM, {"now": now, "lease": now + LEASE, "before": now - _EVERY, "most": _MOST})
        claimed = cursor.fetchall()
    for cursor_id, organization_id in claimed:
        enqueue(TASK, organization_id=organization_id, object_id=cursor_id)
    return len(claimed)


def make_due(*, organization_id: int, project_id: int, now: datetime, is_full: bool = False) -> None:
    """Have a project (or budgets, ``BUDGETS``) evaluated at the next sweep whatever moved; ``is_full``: every rule."""
    with connection.cursor() as cursor:
        cursor.execute(_DUE, {"organization": organization_id, "project": project_id, "now": now, "full": is_full})


def take(*, cursor_id: int) -> RuleEvaluation | None:
    """The claimed cursor, locked until the transaction ends; None when another worker has it or is done with it."""
    found = RuleEvaluation.objects.select_for_update(skip_locked=True).filter(pk=cursor_id)
    return found.filter(leased_until__isnull=False).first()


@dataclass(frozen=True, slots=True)
class Progress:
    """What an evaluation knows when it is done: when the last call came, and whether something must be watched."""

    last_received_at: datetime | None
    is_watched: bool  # an open insight or an active budget
    zone: ZoneInfo


def is_full_due(cursor: RuleEvaluation, *, now: datetime, zone: ZoneInfo) -> bool:
    """Whether the rules of every hour are due: none ran since this local hour began, of which midnight is one."""
    ran = cursor.fully_evaluated_at
    return ran is None or ran < running_hour(now, zone)


def put_back(cursor: RuleEvaluation, *, now: datetime, was_full: bool, progress: Progress) -> None:
    """Give the lease back and say when the project is due again."""
    cursor.evaluated_at = now
    if progress.last_received_at is not None:
        cursor.evaluated_until = min(progress.last_received_at, now - _SETTLED_AFTER)
    if was_full:
        cursor.fully_evaluated_at = now
    cursor.due_at = next_due(now=now, progress=progress)
    cursor.leased_until = None
    cursor.save()


def next_due(*, now: datetime, progress: Progress) -> datetime | None:
    """The next local hour while something is open or hours matter, the next midnight while days do, else never."""
    age = None if progress.last_received_at is None else now - progress.last_received_at
    if progress.is_watched or (age is not None and age < _HOURLY_FOR):
        return running_hour(now, progress.zone) + timedelta(hours=1)
    if age is not None and age < _DAILY_FOR:
        return midnight(today(now, progress.zone) + timedelta(days=1), progress.zone)
    return None
