"""Keys that expire soon: people hear of each a week and a day before, once each."""

from datetime import datetime, timedelta
from typing import Final

from core.scope import org_scope
from tenants import events, key_news
from tenants.models import ApiKey, ApiKeyLookup, Event

WARNING_DAYS: Final = (7, 1)


def organizations_with_expiring_keys(*, now: datetime) -> list[int]:
    """Ids of organizations of which a key expires within the week."""
    soon = ApiKeyLookup.objects.filter(
        revoked_at=None, expires_at__gt=now, expires_at__lte=now + timedelta(days=max(WARNING_DAYS))
    )
    return list(soon.order_by("organization_id").values_list("organization_id", flat=True).distinct())


def tell_expiring(*, organization_id: int, now: datetime) -> int:
    """Record ``key.expiring`` for keys that have come closer to their end than people were told; how many.

    A key that is being replaced is meant to end.
    """
    with org_scope(organization_id):
        due = ApiKey.objects.select_for_update(of=("self",)).select_related("organization", "project")
        ending = due.filter(
            revoked_at=None,
            replaced_by=None,
            expires_at__gt=now,
            expires_at__lte=now + timedelta(days=max(WARNING_DAYS)),
        )
        return sum(_tell(key, now) for key in ending.order_by("pk"))


def _tell(key: ApiKey, now: datetime) -> bool:
    days = days_ahead(key, now)
    if days is None or (key.expiry_told_days is not None and key.expiry_told_days <= days):
        return False
    key.expiry_told_days = days
    key.save(update_fields=["expiry_told_days"])
    assert key.expires_at is not None  # noqa: S101 - or it would not end
    events.record(
        "key.expiring",
        severity=Event.Severity.HIGH if days == min(WARNING_DAYS) else Event.Severity.MEDIUM,
        subject=key,
        dedup_key=f"key.expiring:{key.pk}",
        project=key.project,
        link=key_news.page_of(key),
        **key_news.about(key),
        days=days,
        expires_at=key.expires_at.isoformat(),
    )
    return True


def days_ahead(key: ApiKey, now: datetime) -> int | None:
    """The closest of ``WARNING_DAYS`` that has come; None while there is more time."""
    if key.expires_at is None:
        return None
    return next((days for days in sorted(WARNING_DAYS) if key.expires_at <= now + timedelta(days=days)), None)
