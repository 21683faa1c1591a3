"""Re-pricing: start a dry run, apply or cancel it, and the slices a task advances it by."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal, localcontext
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.db import transaction

from core import work
from core.fields import decimal_text
from core.scope import org_scope
from ingestion.models import RepriceRun
from ingestion.pricing.calculator import EXACT, ZERO
from ingestion.rebuild import local_midnight, rebuild_day
from ingestion.reprice import reading, tally, writing
from ingestion.reprice.reading import Slice
from ingestion.reprice.stored import Change, change
from ingestion.reprice.writing import RepriceError
from ingestion.services import current_book, first_kept_day
from ingestion.wire.providers import canonical_provider
from ingestion.writer import LocalTime
from tenants import audit
from tenants.audit import Actor
from tenants.models import Organization, OrganizationSettings, Project, User

State = RepriceRun.State
TASK: Final = "ingestion.reprice"
MOST_FAILURES: Final = 5
# A day is counted again only while all of its calls are certainly still there, also if the worker rests for a while.
_MARGIN: Final = timedelta(days=2)
_COUNTS: Final = ("calls_seen", "calls_changed", "newly_priced", "newly_unpriced", "calls_skipped")
_SUMS: Final = ("old_cost_usd", "new_cost_usd")


# --- What people do ---------------------------------------------------------------------------------------------------
@transaction.atomic
def reprice(
    *,
    organization: Organization,
    actor: Actor,
    since: datetime,
    until: datetime,
    project: Project | None = None,
    provider: str = "",
    model: str = "",
    now: datetime,
) -> RepriceRun:
    """Start the dry run of re-pricing the calls that started in [since, until); nothing is changed before ``apply``.

    ``provider`` is any spelling of its name, ``model`` the name as sent or as priced.

    :raises ValidationError: the period is empty, or no calls of it are kept any more.
    """
    since = max(since, local_midnight(first_kept_day(now=now), "UTC"))
    until = min(until, now)
    if since >= until:
        raise ValidationError({"until": "Choose a period in the past of which calls are still kept."})
    with org_scope(organization.pk):
        run = RepriceRun(
            organization=organization,
            project=project,
            provider=canonical_provider(provider) or provider,  # a framework is nobody's provider, not everybody's
            model=model,
            since=since,
            until=until,
            created_by=actor if isinstance(actor, User) else None,
        )
        run.clean_fields(exclude={field.name for field in run._meta.fields} - {"provider", "model"})
        run.save()
        audit.record("prices.reprice_previewed", actor=actor, target=run, **_scope_of(run))
        work.make_due(TASK, organization_id=organization.pk, object_id=run.pk)
    return run


@transaction.atomic
def apply(*, organization: Organization, actor: Actor, run: RepriceRun) -> None:
    """Start the real run of a dry run that is done.

    :raises ValidationError: it is not done or was applied already, or another run is being applied.
    """
    with org_scope(organization.pk):
        Organization.objects.select_for_update().get(pk=organization.pk)  # two people at once: one after the other
        locked = RepriceRun.objects.select_for_update().get(pk=run.pk)
        if locked.state != State.READY:
            raise ValidationError("Only a dry run that is done and was not applied yet can be applied.")
        if RepriceRun.objects.filter(state=State.APPLYING).exists():
            raise ValidationError("Another re-pricing is being applied. Wait until it is done.")
        _restart(locked)
        locked.applied_by = actor if isinstance(actor, User) else None
        locked.save()
        audit.record("prices.reprice_started", actor=actor, target=locked, **locked.preview)
        work.make_due(TASK, organization_id=organization.pk, object_id=locked.pk)


def _restart(run: RepriceRun) -> None:
    """From the beginning, and for real; the dry run's figures stay in ``preview``."""
    run.preview = _figures(run)
    run.state = State.APPLYING
    run.cursor_project_id, run.cursor_started_at, run.cursor_call_id = None, None, ""
    run.failures, run.finished_at = 0, None
    _take(run, tally.Tally())


@transaction.atomic
def cancel(*, organization: Organization, actor: Actor, run: RepriceRun, now: datetime) -> None:
    """Stop a run. What an applied part of it has changed stays changed, in calls and in their sums.

    :raises ValidationError: it is over already.
    """
    with org_scope(organization.pk):
        locked = RepriceRun.objects.select_for_update().get(pk=run.pk)
        if not locked.is_cancellable:
            raise ValidationError("This re-pricing is over already.")
        audit.record("prices.reprice_cancelled", actor=actor, target=locked, state=locked.state, **_figures(locked))
        locked.state, locked.finished_at = State.CANCELLED, now
        locked.save()
        if locked.open_date is None:
            work.finish(TASK, object_id=locked.pk)
        else:  # the sums of this day are owed
            work.make_due(TASK, organization_id=organization.pk, object_id=locked.pk)


# --- What the task does -----------------------------------------------------------------------------------------------
def advance(*, organization_id: int, run_id: int, now: datetime, most: int = reading.SLICE) -> bool:
    """Look at the next slice of a run, in one transaction; whether there is more to do.

    Safe to call twice, also at once: the row is locked for as long as the slice takes, who finds it locked leaves.

    :raises RepriceError: the run cannot go on.
    """
    with org_scope(organization_id):
        run = RepriceRun.objects.select_for_update(skip_locked=True).filter(pk=run_id).first()
        if run is None:
            return _nobody_elses(run_id)
        if not run.is_moving:
            return _settle(run, now)
        if run.state == State.QUEUED:
            run.state = State.RUNNING
        zone = _zone(organization_id)
        found = reading.next_slice(run, zone=zone, lock=run.state == State.APPLYING, most=most)
        if found is None:
            _finish(run, now)
        else:
            _work_on(run, found, zone=zone, now=now)
        run.failures = 0
        run.save()
        return found is not None


def _nobody_elses(run_id: int) -> bool:
    if not RepriceRun.objects.filter(pk=run_id).exists():  # its project was deleted
        work.finish(TASK, object_id=run_id)
    return False


def _settle(run: RepriceRun, now: datetime) -> bool:
    """A run that is over may owe the sums of its last day."""
    if run.open_date is not None and run.cursor_project_id is not None:
        project = Project.objects.get(pk=run.cursor_project_id)
        _close_day(run, project, zone=_zone(run.organization_id), now=now)
        run.save()
    work.finish(TASK, object_id=run.pk)
    return False


def _zone(organization_id: int) -> str:
    return OrganizationSettings.objects.get(organization_id=organization_id).time_zone


def _work_on(run: RepriceRun, found: Slice, *, zone: str, now: datetime) -> None:
    book = current_book(organization_id=run.organization_id)
    priced = [
        (row, change(row, organization_id=run.organization_id, book=book, is_counted=row["is_counted"]))
        for row in found.rows
    ]
    changes = [one for _, one in priced if one is not None]
    skipped = 0
    if run.state == State.APPLYING and changes and not _store(run, found, changes, zone=zone, now=now):
        skipped, changes = len(changes), []
    sums = tally.Tally(
        **{name: getattr(run, name) for name in (*_COUNTS, *_SUMS)}, differences=tally.from_json(run.differences)
    )
    sums.calls_skipped += skipped
    unchanged = (row for row, one in priced if row["is_counted"] and (one is None or skipped))
    sums.count(changes, seen=len(found.rows), unchanged_cost=_cost(unchanged))
    _take(run, sums)
    position = found.position
    run.cursor_project_id, run.cursor_started_at = position.project_id, position.started_at
    run.cursor_call_id = position.call_id
    if found.ends_day and run.open_date is not None:
        _close_day(run, found.project, zone=zone, now=now)


def _cost(rows: Any) -> Decimal:
    with localcontext(EXACT):
        return sum((row["cost_usd"] for row in rows if row["cost_usd"] is not None), ZERO)


def _store(run: RepriceRun, found: Slice, changes: Sequence[Change], *, zone: str, now: datetime) -> bool:
    """Write the new prices; False when the sums of the day could not follow, so nothing was written.

    Where the rollup rows of the calls are not known, the day stays open and is counted again when its last call has
    its new price. That takes all of its calls: a day of which some are no longer kept would lose their sums.
    """
    organization_id = run.organization_id
    is_open = run.open_date is not None or writing.is_capped(changes, organization_id=organization_id, day=found.day)
    if is_open and not _is_whole(found.project, found.day, zone=zone, now=now + _MARGIN):
        return False
    writing.update_calls(changes, organization_id=organization_id)
    if is_open:
        run.open_date = found.day
    else:
        writing.adjust_rollups(changes, organization_id=organization_id, local_time=LocalTime(zone))
    return True


def _is_whole(project: Project, day: date, *, zone: str, now: datetime) -> bool:
    """Whether no call of the day is too old to be kept."""
    return local_midnight(day, zone) >= now - timedelta(days=project.retention_days)


def _close_day(run: RepriceRun, project: Project, *, zone: str, now: datetime) -> None:
    """Count the open day again."""
    day = run.open_date
    if day is None:
        return
    if not _is_whole(project, day, zone=zone, now=now):
        raise RepriceError(f"The sums of {day.isoformat()} are of old prices: its calls are not kept any more.")
    rebuild_day(organization_id=run.organization_id, zone=zone, day=day, project_ids=[project.pk], now=now)
    run.open_date = None


def _finish(run: RepriceRun, now: datetime) -> None:
    run.finished_at = now
    if run.state == State.APPLYING:
        run.state = State.APPLIED
        audit.record("prices.repriced", actor=run.applied_by, target=run, **_scope_of(run), **_figures(run))
    else:
        run.state = State.READY
    work.finish(TASK, object_id=run.pk)


@transaction.atomic
def fail(*, organization_id: int, run_id: int, reason: str, now: datetime) -> None:
    """Give a run up; ``reason`` is shown to people."""
    with org_scope(organization_id):
        run = RepriceRun.objects.select_for_update().get(pk=run_id)
        if run.is_moving:
            audit.record("prices.reprice_failed", actor=None, target=run, reason=reason, **_figures(run))
            run.state, run.finished_at = State.FAILED, now
        run.error = reason
        run.save()
        work.finish(TASK, object_id=run_id)


@transaction.atomic
def note_failure(*, organization_id: int, run_id: int, now: datetime) -> None:
    """Remember that a slice failed; its work comes again when its lease is over, but not for ever."""
    with org_scope(organization_id):
        run = RepriceRun.objects.select_for_update().filter(pk=run_id).first()
        if run is None:
            return
        run.failures += 1
        run.save(update_fields=["failures"])
        if run.failures >= MOST_FAILURES:
            reason = "The database could not do it in time. Choose a shorter period."
            fail(organization_id=organization_id, run_id=run_id, reason=reason, now=now)


def _take(run: RepriceRun, sums: tally.Tally) -> None:
    for name in (*_COUNTS, *_SUMS):
        setattr(run, name, getattr(sums, name))
    run.differences = tally.as_json(sums.differences)


def _scope_of(run: RepriceRun) -> Mapping[str, Any]:
    """What a run is about, for the audit log."""
    return {
        "since": run.since.isoformat(),
        "until": run.until.isoformat(),
        "project": run.project.slug if run.project else "",
        "provider": run.provider,
        "model": run.model,
    }


def _figures(run: RepriceRun) -> dict[str, Any]:
    """What a run has found or done so far, for the audit log and the preview."""
    counts: dict[str, Any] = {name: getattr(run, name) for name in _COUNTS}
    return counts | {name: decimal_text(getattr(run, name)) for name in _SUMS}
