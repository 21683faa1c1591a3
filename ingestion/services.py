"""Writes about telemetry that are not a request's: partitions, retention, and calls that did not come by HTTP."""

import logging
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from functools import lru_cache
from itertools import batched
from typing import Any, Final

import psycopg
from django.conf import settings
from django.db import OperationalError, connection
from psycopg import errors

from core.databases import EDGE
from core.scope import org_scope
from ingestion import selectors
from ingestion.pricing.book import PriceBook
from ingestion.pricing.selectors import load_book
from ingestion.wire.types import Call, Sample
from ingestion.writer import Line, LocalTime, Stored, Target, idempotency, responses, row, sample_row
from ingestion.writer.flush import Flusher, Memory, Transactions
from ingestion.writer.refusals import Tallies
from ingestion.writer.refusals import add as add_refusals
from ingestion.writer.samples import SampleFlusher
from tenants.models import Organization, OrganizationSettings, Project

logger = logging.getLogger(__name__)

DAYS_AHEAD: Final = 14
_DAYS_AT_ONCE: Final = 30
_DELETE_AT_ONCE: Final = 5_000
_RESPONSES_AT_ONCE: Final = 50_000  # narrow rows, one for nearly every call
MOST_DELETES: Final = 100  # batches a run; the next run goes on
FLUSH_ROWS: Final = 2_000
REFUSALS_KEPT_FOR: Final = timedelta(days=90)


class StoringError(RuntimeError):
    """Not all calls are known to be stored; storing them again is safe."""


# --- Partitions and retention -----------------------------------------------------------------------------------------
def ensure_partitions(*, now: datetime) -> int:
    """Make the missing days from the longest retention of any project to two weeks ahead; how many were made."""
    day = first_kept_day(now=now)
    end = now.date() + timedelta(days=DAYS_AHEAD)
    made = 0
    with connection.cursor() as cursor:
        while day <= end:
            # A month at a time: each statement locks what it makes and has a time limit.
            last = min(day + timedelta(days=_DAYS_AT_ONCE - 1), end)
            cursor.execute("select ensure_partitions(%s, %s)", [day, last])
            made += cursor.fetchone()[0]
            day = last + timedelta(days=1)
    return made


def first_kept_day(*, now: datetime) -> date:
    """The oldest UTC day of which some project keeps calls."""
    return (now - timedelta(days=selectors.longest_retention_days())).date()


def drop_partitions(*, now: datetime) -> int:
    """Drop the days that no project keeps; 0 when the table is busy, then the next run does it."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("select drop_partitions(%s)", [first_kept_day(now=now)])
            return int(cursor.fetchone()[0])
    except OperationalError as error:
        if not isinstance(error.__cause__, errors.LockNotAvailable):
            raise
        logger.info("partitions were busy, the next run drops them")
        return 0


def delete_expired_calls(*, now: datetime) -> int:
    """Delete calls of projects that keep them shorter than the partitions live, in small transactions."""
    left = MOST_DELETES
    deleted = 0
    longest = selectors.longest_retention_days()
    for organization in Organization.objects.order_by("pk"):
        for project_id, days in _shorter_projects(organization, longest):
            count, batches = _delete_before(organization, project_id, now - timedelta(days=days), left)
            deleted += count
            left -= batches
            if left <= 0:
                return deleted
    return deleted


def _shorter_projects(organization: Organization, longest: int) -> list[tuple[int, int]]:
    with org_scope(organization.pk):
        shorter = Project.objects.filter(retention_days__lt=longest).order_by("pk")
        return list(shorter.values_list("pk", "retention_days"))


_DELETE = """
    delete from calls where project_id = %(project)s and started_at < %(before)s and (started_at, call_id) in (
        select started_at, call_id from calls where project_id = %(project)s and started_at < %(before)s
        order by started_at, call_id limit %(most)s)"""


_DELETE_SAMPLES = """
    delete from cloud_samples where project_id = %(project)s and sampled_at < %(before)s
      and (sampled_at, sample_id) in (
        select sampled_at, sample_id from cloud_samples where project_id = %(project)s and sampled_at < %(before)s
        order by sampled_at, sample_id limit %(most)s)"""


def _delete_before(
    organization: Organization, project_id: int, before: datetime, most_batches: int, *, statement: str = _DELETE
) -> tuple[int, int]:
    """How many calls, or samples, were deleted in how many batches that found some."""
    parameters: dict[str, Any] = {"project": project_id, "before": before, "most": _DELETE_AT_ONCE}
    deleted = batches = 0
    while batches < most_batches:
        with org_scope(organization.pk), connection.cursor() as cursor:
            cursor.execute(statement, parameters)
            count = cursor.rowcount
        deleted += count
        batches += bool(count)
        if count < _DELETE_AT_ONCE:
            break
    return deleted, batches


def delete_expired_samples(*, now: datetime) -> int:
    """Delete samples older than their project keeps calls, in small transactions."""
    left = MOST_DELETES
    deleted = 0
    for organization in Organization.objects.order_by("pk"):
        with org_scope(organization.pk):
            projects = list(Project.objects.order_by("pk").values_list("pk", "retention_days"))
        for project_id, days in projects:
            before = now - timedelta(days=days)
            count, batches = _delete_before(organization, project_id, before, left, statement=_DELETE_SAMPLES)
            deleted += count
            left -= batches
            if left <= 0:
                return deleted
    return deleted


def delete_old_answers(*, now: datetime) -> int:
    """Delete answers kept for an ``Idempotency-Key`` whose time is over, of every organization."""
    return _delete_through("delete_ingest_answers", now - idempotency.KEPT_FOR, _DELETE_AT_ONCE)


def delete_old_responses(*, now: datetime) -> int:
    """Delete what was remembered of responses for longer than two records of one are apart, of every organization."""
    return _delete_through("delete_seen_responses", now - responses.KEPT_FOR, _RESPONSES_AT_ONCE)


def delete_old_refusals(*, now: datetime) -> int:
    """Delete counts of refusals that are older than 90 days, of every organization."""
    return _delete_through("delete_rejected_events", now - REFUSALS_KEPT_FOR, _DELETE_AT_ONCE)


def _delete_through(function: str, before: datetime, most: int) -> int:
    """Call a function of the owner that deletes at most so many rows, until it finds fewer or the run did enough."""
    deleted = 0
    with connection.cursor() as cursor:
        for _ in range(MOST_DELETES):
            cursor.execute(f"select {function}(%s, %s)", [before, most])
            (count,) = cursor.fetchone()
            deleted += count
            if count < most:
                break
    return deleted


# --- Calls that did not come by HTTP ----------------------------------------------------------------------------------
def store_calls(
    *, organization: Organization, api_key_id: int, calls: Sequence[tuple[int, Call]], now: datetime
) -> int:
    """Price and store calls, each with its project's id, as the edge would; how many were new.

    The writer has its own connection and transaction, so the organization and its projects must be committed.

    :raises StoringError: the database is away or refuses a call; what was stored before stays.
    """
    with org_scope(organization.pk):
        local_time = LocalTime(OrganizationSettings.objects.get(organization=organization).time_zone)
        book = current_book(organization_id=organization.pk)
    rows = [
        row(call, book.price(organization.pk, call), Target(organization.pk, project_id, api_key_id, local_time), now)
        for project_id, call in calls
    ]
    flusher = Flusher(settings.DATABASE.conninfo(EDGE), Memory())
    try:
        return sum(_flush(flusher, chunk) for chunk in batched(rows, FLUSH_ROWS, strict=False))
    finally:
        flusher.close()


def store_samples(
    *, organization: Organization, api_key_id: int, samples: Sequence[tuple[int, Sample]], now: datetime
) -> int:
    """Store samples, each with its project's id, as the edge would; how many were new.

    :raises StoringError: as for calls.
    """
    with org_scope(organization.pk):
        local_time = LocalTime(OrganizationSettings.objects.get(organization=organization).time_zone)
    rows = [
        sample_row(sample, Target(organization.pk, project_id, api_key_id, local_time), now)
        for project_id, sample in samples
    ]
    flusher = SampleFlusher(settings.DATABASE.conninfo(EDGE), Memory())
    try:
        return sum(_flush(flusher, chunk) for chunk in batched(rows, FLUSH_ROWS, strict=False))
    finally:
        flusher.close()


def current_book(*, organization_id: int) -> PriceBook:
    """The rate cards as they are now, in the organization's scope; read again only when they have changed."""
    return _book(organization_id, *selectors.prices_signature())


@lru_cache(maxsize=4)
def _book(*_organization_and_signature: object) -> PriceBook:
    return load_book()


def _flush[L: Line](flusher: Transactions[L], rows: Sequence[L]) -> int:
    (outcome,) = flusher.flush([rows])
    if not isinstance(outcome, Stored):
        raise StoringError(f"Not everything could be stored: {type(outcome).__name__}.")
    return outcome.accepted


def store_refusals(tallies: Tallies) -> None:
    """Add counts of refusals as the edge would; doing it again adds them again.

    :raises psycopg.Error: the database is away; nothing is stored.
    """
    with psycopg.connect(settings.DATABASE.conninfo(EDGE)) as database:
        add_refusals(database, tallies)
