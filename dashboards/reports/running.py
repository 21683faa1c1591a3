"""What happens at a schedule's slot: a report is ordered, once, and the schedule waits for its next one."""

from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from core import work
from core.scope import org_scope
from dashboards.reports import making, rights, schedule_services, timing
from dashboards.reports.models import Report, Schedule
from dashboards.reports.rights import LostRightsError
from dashboards.reports.schedule_services import TASK
from tenants import audit, selectors

NO_CHANNELS: Final = "All of its channels were deleted."


def run(*, organization_id: int, schedule_id: int, now: datetime) -> bool:
    """Order the report of the slot that is due; whether one was. Called too early or twice it orders nothing.

    After a time of silence the latest slot is made up for, and those before it are not: nobody reads five reports.
    """
    with org_scope(organization_id):
        locked = Schedule.objects.select_for_update(skip_locked=True, of=("self",))
        found = locked.select_related("organization", "project", "runs_as", "api_key").filter(pk=schedule_id)
        schedule = found.first()
        if schedule is None or schedule.next_at is None:
            _forget(schedule_id, schedule)
            return False
        if schedule.next_at > now:
            work.make_due(TASK, organization_id=organization_id, object_id=schedule_id, due_at=schedule.next_at)
            return False
        return _run(schedule, schedule.next_at, now)


def _forget(schedule_id: int, schedule: Schedule | None) -> None:
    """A row that is locked is somebody's; one that is gone or paused needs no work."""
    if schedule is not None or not Schedule.objects.filter(pk=schedule_id).exists():
        work.finish(TASK, object_id=schedule_id)


def _run(schedule: Schedule, due_at: datetime, now: datetime) -> bool:
    reason = _why_not(schedule, now)
    if reason:
        _pause(schedule, reason, due_at)
        return False
    zone = selectors.time_zone(organization=schedule.organization)
    slot = timing.last_slot(schedule.plan, now, zone)
    is_due = _is_reached(slot, due_at, zone) and not Report.objects.filter(schedule=schedule, slot_at=slot).exists()
    if is_due:
        schedule_services.new_report(schedule, slot_at=slot, now=now)
    schedule_services.wait(schedule, now)
    schedule.save(update_fields=["next_at"])
    return is_due


def _is_reached(slot: datetime, due_at: datetime, zone: ZoneInfo) -> bool:
    """Whether the slot is of the day that was waited for. It is not when the organization has moved to the west since:
    its clock has not come so far, and the slot before was answered already."""
    return slot.astimezone(zone).date() >= due_at.astimezone(zone).date()


def _why_not(schedule: Schedule, now: datetime) -> str:
    if not schedule.recipients.exists():
        return NO_CHANNELS
    try:
        rights.still_of(
            organization=schedule.organization,
            user=schedule.runs_as,
            key=schedule.api_key,
            project=schedule.project,
            now=now,
        )
    except LostRightsError as error:
        return str(error)
    return ""


def _pause(schedule: Schedule, reason: str, due_at: datetime) -> None:
    schedule_services.stop(schedule, reason=reason)
    audit.record("report_schedule.paused", actor=None, target=schedule, reason=reason, name=schedule.name)
    making.tell_not_sent(schedule, reason, moment=due_at)


def align(*, organization_id: int, now: datetime) -> None:
    """Wait for the right moment again where the organization's clock was changed meanwhile."""
    with org_scope(organization_id):
        waiting = Schedule.objects.select_for_update(skip_locked=True, of=("self",)).filter(next_at__gt=now)
        for schedule in waiting.select_related("organization").order_by("pk"):
            before = schedule.next_at
            schedule_services.wait(schedule, now)
            if schedule.next_at != before:
                schedule.save(update_fields=["next_at"])
