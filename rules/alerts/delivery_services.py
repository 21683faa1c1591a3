"""Writes about deliveries that somebody asks for."""

from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import transaction

from core.scope import org_scope
from rules.alerts import outbox
from rules.alerts.models import Delivery
from tenants import audit
from tenants.audit import Actor
from tenants.models import Organization


@transaction.atomic
def redeliver(*, organization: Organization, actor: Actor, delivery: Delivery, now: datetime) -> None:
    """Send a delivery again, with the same ids, so that the receiver can tell.

    :raises ValidationError: it is still waiting, or there is no channel to send it through.
    """
    with org_scope(organization.pk):
        locked = Delivery.objects.select_for_update(of=("self",)).select_related("channel").get(pk=delivery.pk)
        if not locked.is_over:
            raise ValidationError("It is still waiting to be sent.")
        if locked.channel is None:
            raise ValidationError("Its channel was deleted.")
        if not locked.channel.is_enabled and locked.purpose != Delivery.Purpose.TEST:
            raise ValidationError("Its channel is off. Turn it on first.")
        outbox.start_again(locked, now=now)
        audit.record("delivery.redelivered", actor=actor, target=locked, channel=locked.channel_name)
