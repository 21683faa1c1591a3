"""Writes about schedules: each one transaction with its audit row.

Whoever writes the terms lends the schedule their rights: nobody can have sent to a channel what they may not see.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.db import transaction

from core import work
from core.scope import org_scope
from dashboards.reports import services, timing
from dashboards.reports.models import LONGEST_NAME, Report, Schedule, ScheduleChannel
from dashboards.reports.spans import SCHEDULED, Span, days_of
from dashboards.reports.timing import LAST_DAY, Cadence
from rules.alerts.models import Channel
from tenants import audit, selectors
from tenants.audit import Actor
from tenants.models import Organization, OrganizationSettings, Project

TASK: Final = "reports.run_schedule"
MOST_SCHEDULES: Final = 50
MOST_CHANNELS: Final = 10
_LAST_WEEKDAY: Final = 6
# Where a report can go: nobody is paged by one.
CHANNEL_KINDS: Final = (Channel.Kind.SLACK, Channel.Kind.EMAIL, Channel.Kind.WEBHOOK)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A schedule as somebody wants it; see ``Schedule``."""

    name: str
    cadence: str
    at: time
    channels: Sequence[Channel]
    span: str
    project: Project | None = None
    sections: Sequence[str] = ()
    weekday: int = 0
    month_day: int = 1
    attaches_pdf: bool = True


@transaction.atomic
def create_schedule(*, organization: Organization, actor: Actor, wanted: Wanted, now: datetime) -> Schedule:
    """Have reports made and sent from the next slot on.

    :raises ValidationError: by field: the name is taken, something cannot be so; there are too many.
    """
    with org_scope(organization.pk):
        _one_at_a_time(organization)
        if Schedule.objects.count() >= MOST_SCHEDULES:
            raise ValidationError(f"There can be {MOST_SCHEDULES} schedules at most.")
        schedule = Schedule(organization=organization, created_at=now)
        _write(schedule, wanted, actor, now)
        _record("report_schedule.created", actor, schedule)
    return schedule


@transaction.atomic
def change_schedule(
    *, organization: Organization, actor: Actor, schedule: Schedule, wanted: Wanted, now: datetime
) -> Schedule:
    """Change a schedule; from now on its reports are made with the rights of ``actor``. A paused one stays paused.

    :raises ValidationError: as ``create_schedule``.
    """
    with org_scope(organization.pk):
        _one_at_a_time(organization)
        locked = _lock(schedule)
        _write(locked, wanted, actor, now)
        _record("report_schedule.changed", actor, locked)
    return locked


@transaction.atomic
def pause_schedule(*, organization: Organization, actor: Actor, schedule: Schedule) -> None:
    """Send nothing until somebody resumes it. Pausing twice changes nothing."""
    with org_scope(organization.pk):
        locked = _lock(schedule)
        if locked.is_active:
            stop(locked, reason="")
            _record("report_schedule.paused", actor, locked)


@transaction.atomic
def resume_schedule(*, organization: Organization, actor: Actor, schedule: Schedule, now: datetime) -> None:
    """Go on at the next slot, with the rights of ``actor``; what was missed meanwhile is not caught up."""
    with org_scope(organization.pk):
        locked = _lock(schedule)
        if locked.is_active:
            return
        locked.is_active, locked.paused_reason = True, ""
        locked.runs_as, locked.api_key_id = services.person(actor), services.key_id(actor)
        wait(locked, now)
        locked.save()
        _record("report_schedule.resumed", actor, locked)


@transaction.atomic
def delete_schedule(*, organization: Organization, actor: Actor, schedule: Schedule) -> None:
    """Delete a schedule. Its reports stay in the history; what is on its way still arrives."""
    with org_scope(organization.pk):
        locked = _lock(schedule)
        work.finish(TASK, object_id=locked.pk)
        _record("report_schedule.deleted", actor, locked)
        locked.delete()


@transaction.atomic
def send_now(*, organization: Organization, actor: Actor, schedule: Schedule, now: datetime) -> Report:
    """Have the report of this moment made and sent, besides those of the slots; a paused schedule can be tried too."""
    with org_scope(organization.pk):
        locked = _lock(schedule)
        report = new_report(locked, slot_at=None, now=now)
        audit.record("report_schedule.sent", actor=actor, target=locked, name=locked.name, report=report.pk)
    return report


def new_report(schedule: Schedule, *, slot_at: datetime | None, now: datetime) -> Report:
    """The report of a slot, or of ``now``, to be made in the schedule's name and sent to its channels."""
    zone = selectors.time_zone(organization=schedule.organization)
    days = days_of(Span(schedule.span), today=(slot_at or now).astimezone(zone).date())
    report = Report.objects.create(
        organization_id=schedule.organization_id,
        project_id=schedule.project_id,
        schedule=schedule,
        slot_at=slot_at,
        is_sent=True,
        span=schedule.span,
        first_day=days.first,
        last_day=days.last,
        sections=schedule.sections,
        runs_as_id=schedule.runs_as_id,
        api_key_id=schedule.api_key_id,
        created_at=now,
    )
    work.make_due(services.TASK, organization_id=schedule.organization_id, object_id=report.pk)
    return report


def wait(schedule: Schedule, now: datetime) -> None:
    """Make the next slot after ``now`` the one that the schedule waits for; saving it is the caller's."""
    zone = selectors.time_zone(organization=schedule.organization)
    schedule.next_at = timing.next_slot(schedule.plan, now, zone)
    work.make_due(TASK, organization_id=schedule.organization_id, object_id=schedule.pk, due_at=schedule.next_at)


def stop(schedule: Schedule, *, reason: str) -> None:
    """Pause a schedule whose row is locked."""
    schedule.is_active, schedule.paused_reason, schedule.next_at = False, reason, None
    schedule.save(update_fields=["is_active", "paused_reason", "next_at"])
    work.finish(TASK, object_id=schedule.pk)


def _write(schedule: Schedule, wanted: Wanted, actor: Actor, now: datetime) -> None:
    """:raises ValidationError: it cannot be."""
    errors = {field: text for field, text in _errors(wanted, but=schedule).items() if text}
    if errors:
        raise ValidationError(errors)
    schedule.name, schedule.project, schedule.span = wanted.name.strip(), wanted.project, wanted.span
    schedule.sections = services.check_sections(wanted.sections)
    schedule.cadence, schedule.at = wanted.cadence, wanted.at
    schedule.weekday, schedule.month_day = wanted.weekday, wanted.month_day
    schedule.attaches_pdf = wanted.attaches_pdf
    schedule.runs_as, schedule.api_key_id = services.person(actor), services.key_id(actor)
    _save(schedule, now)
    ScheduleChannel.objects.filter(schedule=schedule).delete()
    ScheduleChannel.objects.bulk_create(
        ScheduleChannel(organization_id=schedule.organization_id, schedule=schedule, channel=channel)
        for channel in wanted.channels
    )


def _save(schedule: Schedule, now: datetime) -> None:
    """A new one needs its id before it can be waited for, and a slot before it can be saved."""
    if schedule.is_active:
        zone = selectors.time_zone(organization=schedule.organization)
        schedule.next_at = timing.next_slot(schedule.plan, now, zone)
    schedule.save()
    if schedule.is_active:
        work.make_due(TASK, organization_id=schedule.organization_id, object_id=schedule.pk, due_at=schedule.next_at)


def _errors(wanted: Wanted, *, but: Schedule) -> dict[str, str]:
    return {
        "name": _wrong_name(wanted.name, but),
        "cadence": "" if wanted.cadence in Schedule.Cadence.values else "Choose one of the listed cadences.",
        "span": "" if wanted.span in SCHEDULED else "Choose one of the listed periods.",
        "weekday": "" if 0 <= wanted.weekday <= _LAST_WEEKDAY else "Choose a day of the week.",
        "month_day": "" if 1 <= wanted.month_day <= LAST_DAY else f"Choose a day from 1 to {LAST_DAY}.",
        "channels": _wrong_channels(wanted.channels),
    }


def _wrong_name(name: str, but: Schedule) -> str:
    if not name.strip() or "\0" in name:
        return "Give it a name."
    if len(name.strip()) > LONGEST_NAME:
        return f"A name has at most {LONGEST_NAME} characters."
    taken = Schedule.objects.filter(name=name.strip()).exclude(pk=but.pk).exists()
    return "Another schedule has this name." if taken else ""


def _wrong_channels(channels: Sequence[Channel]) -> str:
    if not channels:
        return "Choose at least one channel."
    if len(channels) > MOST_CHANNELS:
        return f"Choose {MOST_CHANNELS} channels at most."
    if any(channel.kind not in CHANNEL_KINDS for channel in channels):
        return "Reports go to Slack, e-mail and webhooks."
    return ""


def _lock(schedule: Schedule) -> Schedule:
    return Schedule.objects.select_for_update(of=("self",)).select_related("organization").get(pk=schedule.pk)


def _one_at_a_time(organization: Organization) -> None:
    """Names are looked at before they are written, so that whoever collides is told."""
    OrganizationSettings.objects.select_for_update().get(organization=organization)


def _record(action: str, actor: Actor, schedule: Schedule) -> None:
    audit.record(action, actor=actor, target=schedule, **facts(schedule))


def facts(schedule: Schedule) -> dict[str, Any]:
    """What a schedule is, for the audit log."""
    channels = schedule.recipients.order_by("channel__name").values_list("channel__name", flat=True)
    return {
        "name": schedule.name,
        "project": schedule.project.slug if schedule.project else "",
        "span": schedule.span,
        "cadence": schedule.cadence,
        "at": schedule.at.isoformat("minutes"),
        "weekday": schedule.weekday if schedule.cadence == Cadence.WEEKLY else None,
        "month_day": schedule.month_day if schedule.cadence == Cadence.MONTHLY else None,
        "channels": list(channels),
        "active": schedule.is_active,
    }
