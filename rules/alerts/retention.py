"""The end of old deliveries, bulletins and events: a year to compare with, and a month."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final

from django.db.models import Exists, OuterRef, Q, QuerySet

from core.scope import org_scope
from rules.alerts.models import Bulletin, Delivery
from tenants.models import Event

KEPT: Final = timedelta(days=396)  # thirteen months
FILES_KEPT: Final = timedelta(days=30)  # afterwards a bulletin is sent again with the link alone
_AT_ONCE: Final = 1_000
_MOST_BATCHES: Final = 50  # of an organization and run; the next run goes on
_OPENS: Final = Q(kind__endswith=".opened") | Q(kind__endswith=".reopened")  # matching.opens, in SQL


def forget_old(*, organization_id: int, now: datetime) -> int:
    """Remove what has been over for KEPT, in small transactions; how many rows.

    Events go after the deliveries that tell of them. One that opened a matter stays until the matter is over, so that
    whoever heard of it hears of its end.
    """
    before = now - KEPT
    deliveries = forget(organization_id, lambda: Delivery.objects.filter(finished_at__lt=before))
    _drop_files(organization_id, now - FILES_KEPT)
    bulletins = forget(organization_id, lambda: _old_bulletins(before))
    return deliveries + bulletins + forget(organization_id, lambda: _old_events(before))


def _drop_files(organization_id: int, before: datetime) -> None:
    with org_scope(organization_id):
        Bulletin.objects.filter(created_at__lt=before, file__isnull=False).update(file=None)


def _old_bulletins(before: datetime) -> QuerySet[Bulletin]:
    return Bulletin.objects.filter(created_at__lt=before, deliveries=None)


def _old_events(before: datetime) -> QuerySet[Event]:
    ends = Event.objects.filter(dedup_key=OuterRef("dedup_key"), pk__gt=OuterRef("pk"), kind__endswith=".resolved")
    waiting = Delivery.objects.filter(state=Delivery.State.WAITING, event_ids__contains=[OuterRef("pk")])
    old = Event.objects.filter(created_at__lt=before, routed_at__isnull=False)
    return old.filter(~_OPENS | Exists(ends)).exclude(Exists(waiting))


def forget(organization_id: int, which: Callable[[], QuerySet[Any]]) -> int:
    """Delete what ``which`` gives inside the scope; how many rows. What is locked stays for the next run."""
    removed = 0
    for _ in range(_MOST_BATCHES):
        with org_scope(organization_id):
            found = which().select_for_update(skip_locked=True, of=("self",)).order_by("pk")
            ids = list(found.values_list("pk", flat=True)[:_AT_ONCE])
            which().filter(pk__in=ids).delete()
        removed += len(ids)
        if len(ids) < _AT_ONCE:
            break
    return removed
