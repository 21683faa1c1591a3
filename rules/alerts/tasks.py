"""What alerts do in the background. Each is safe to run twice, also at the same time."""

from celery import shared_task
from django.utils import timezone

from core import outbound
from rules.alerts import channel_health, channels, disabled_mail, outbox, retention, routing, sending
from tenants import events
from tenants.models import Organization


@shared_task(name=events.ROUTE_TASK, acks_late=True)
def route_event(*, organization_id: int, object_id: int, **_: object) -> None:
    """Decide who is told of an event."""
    routing.route_event(organization_id=organization_id, event_id=object_id, now=timezone.now())


@shared_task(name=outbox.TASK, acks_late=True)
def deliver(*, organization_id: int, object_id: int, **_: object) -> None:
    """Send one message. A second run finds no lease to take and stops."""
    started_at = timezone.now()
    claimed = sending.claim(organization_id=organization_id, delivery_id=object_id, now=started_at)
    if claimed is None:
        return
    outcome = channels.send(claimed.outgoing, kind=claimed.kind, place=claimed.place, client=outbound.client())
    sending.finish(claimed=claimed, outcome=outcome, started_at=started_at, now=timezone.now())


@shared_task(name=channel_health.MAIL_TASK, acks_late=True)
def mail_channel_disabled(*, organization_id: int, object_id: int, **_: object) -> None:
    """Tell owners and admins that a channel was turned off."""
    disabled_mail.send(organization_id=organization_id, event_id=object_id, now=timezone.now())


@shared_task(name="alerts.retention", acks_late=True)
def forget_old(**_: object) -> None:
    """Remove deliveries and events that have been over for long."""
    now = timezone.now()
    for organization_id in Organization.objects.order_by("pk").values_list("pk", flat=True):
        retention.forget_old(organization_id=organization_id, now=now)
