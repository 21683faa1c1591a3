"""The organization's time zone as far as telemetry depends on it: rollups are stored by local hour and day.

New calls are counted in the new zone at once. The days that are there already are then summed anew from their hours,
which are kept as long as the days are, so that no day is lost with its calls. In a zone whose midnight falls inside a
stored hour (half-hour offsets) that hour belongs to the day it began in: sums stay exact, the border is half an hour
off. Days that are merged may for once hold more values of a dimension than are kept apart.

The tables of the rules have no hours. They are counted anew from calls, and keep the dates they had where those are
gone: rules look back a week, and calls are kept for longer.
"""

from datetime import UTC, date, datetime, timedelta
from time import monotonic
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.core.exceptions import ValidationError
from django.db import connection, transaction

from core import work
from core.scope import org_scope
from ingestion import activity, store
from ingestion.models import ZoneChange
from ingestion.rebuild import LOCK, local_midnight, rebuild_daily_tables
from tenants import selectors, services
from tenants.audit import Actor
from tenants.models import Organization, Project, User

TASK: Final = "ingestion.move_days"
SETTLING: Final = timedelta(minutes=1)  # until every edge process has heard of the new zone, notified or not
_DAYS_AT_ONCE: Final = 10
_SECONDS_AT_ONCE: Final = 5.0  # days with many calls take as long as those are to read
_ONE_DAY: Final = timedelta(days=1)


@transaction.atomic
def change(*, organization: Organization, actor: Actor, time_zone: str, now: datetime) -> ZoneChange | None:
    """Set the zone; the work of moving the days that are counted already, None without any.

    :raises ValidationError: days are being moved still, or ``time_zone`` is not an IANA name.
    """
    with org_scope(organization.pk):
        if running_change(organization=organization) is not None:
            raise ValidationError({"time_zone": "Days are still being moved from the last change; wait for its end."})
        before = selectors.time_zone(organization=organization)
        services.set_time_zone(organization=organization, actor=actor, time_zone=time_zone)
        if time_zone == before.key or not activity.has_calls(organization=organization):
            return None
        first, end = _period(before, ZoneInfo(time_zone), now)
        change = ZoneChange.objects.create(
            organization=organization,
            from_zone=before.key,
            to_zone=time_zone,
            first_date=first,
            next_date=first,
            end_date=end,
            created_by=actor if isinstance(actor, User) else None,
            created_at=now,
        )
        work.make_due(TASK, organization_id=organization.pk, object_id=change.pk, due_at=now + SETTLING)
        return change


def running_change(*, organization: Organization) -> ZoneChange | None:
    """The change whose days are being moved."""
    return ZoneChange.objects.filter(organization=organization, finished_at=None).first()


def splits_hours(from_zone: str, to_zone: str, *, now: datetime) -> bool:
    """Whether hours of one zone begin inside hours of the other."""
    offsets = [now.astimezone(ZoneInfo(name)).utcoffset() or timedelta() for name in (from_zone, to_zone)]
    return (offsets[0] - offsets[1]) % timedelta(hours=1) != timedelta()


def unsettled_until(*, organization: Organization) -> date | None:
    """The last day whose sums a rebuild from calls may date differently: days still on their way to another zone, and
    days from before a change to a zone that splits their hours. None when there is none.
    """
    days = [
        change.end_date
        for change in ZoneChange.objects.filter(organization=organization)
        if change.finished_at is None or splits_hours(change.from_zone, change.to_zone, now=change.created_at)
    ]
    return max(days, default=None)


def move_days(*, organization_id: int, change_id: int, now: datetime) -> None:
    """Move the next days of a change; once more is not once too often."""
    until = monotonic() + _SECONDS_AT_ONCE
    for _ in range(_DAYS_AT_ONCE):
        if monotonic() >= until:
            break
        with org_scope(organization_id):
            change = ZoneChange.objects.select_for_update().filter(pk=change_id, finished_at=None).first()
            if change is None:
                work.finish(TASK, object_id=change_id)
                return
            settled_at = change.created_at + SETTLING
            if now < settled_at:
                work.make_due(TASK, organization_id=organization_id, object_id=change_id, due_at=settled_at)
                return
            _move_day(organization_id, change.next_date, change.to_zone, now=now)
            change.next_date += _ONE_DAY
            if change.next_date >= change.end_date:
                change.finished_at = now
            change.save(update_fields=["next_date", "finished_at"])
    with org_scope(organization_id):
        work.make_due(TASK, organization_id=organization_id, object_id=change_id)


def _period(before: ZoneInfo, after: ZoneInfo, now: datetime) -> tuple[date, date]:
    """Every local day of either zone that has sums, and those that calls may come for while the zone changes."""
    with connection.cursor() as cursor:
        cursor.execute(_EXTENT)
        first_day, last_day, first_hour, last_hour = cursor.fetchone()
    today = [now.astimezone(zone).date() for zone in (before, after)]
    days = [day for day in (first_day, last_day) if day]
    days += [hour.astimezone(after).date() for hour in (first_hour, last_hour) if hour]
    return min(days + today), max(days + today) + 2 * _ONE_DAY


_SCOPE: Final = "organization_id = current_setting('tokenops.org_id')::bigint"
_EXTENT: Final = f"""
    select (select min(bucket_date) from {store.DAILY} where {_SCOPE}),
           (select max(bucket_date) from {store.DAILY} where {_SCOPE}),
           (select min(bucket_start) from {store.HOURLY} where {_SCOPE}),
           (select max(bucket_start) from {store.HOURLY} where {_SCOPE})"""
_FORGET: Final = f"delete from {store.DAILY} where organization_id = %(organization)s and bucket_date = %(day)s"


def _sum_hours() -> str:
    dimensions = ", ".join((*store.DIMENSIONS, "api_key_id"))
    sums = ", ".join(f"sum({column})" for column in store.SUMS)
    return f"""
        insert into {store.DAILY} ({", ".join(store.rollup_columns(store.DAILY))})
        select organization_id, project_id, %(day)s::date, {dimensions}, {sums}
        from {store.HOURLY}
        where organization_id = %(organization)s and bucket_start >= %(from)s and bucket_start < %(to)s
        group by organization_id, project_id, {dimensions}"""


_SUM_HOURS: Final = _sum_hours()


def _move_day(organization_id: int, day: date, zone: str, *, now: datetime) -> None:
    """The sums of a local day from its hours. A flush adds to both tables or, while this lasts, waits."""
    parameters: dict[str, Any] = {
        "organization": organization_id,
        "day": day,
        "from": local_midnight(day, zone).astimezone(UTC),
        "to": local_midnight(day + _ONE_DAY, zone).astimezone(UTC),
    }
    with connection.cursor() as cursor:
        cursor.execute(LOCK)
        cursor.execute(_FORGET, parameters)
        cursor.execute(_SUM_HOURS, parameters)
    whole = [project.pk for project in Project.objects.order_by("pk") if project.kept_from(now) <= parameters["from"]]
    rebuild_daily_tables(organization_id=organization_id, zone=zone, day=day, project_ids=whole, now=now)
