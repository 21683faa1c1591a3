"""How a channel is doing: the last success and failure, and an end to trying after several messages were given up."""

from datetime import datetime
from typing import Final

from django.urls import reverse

from core import work
from rules.alerts.models import Channel, Delivery
from tenants import audit, events
from tenants.models import Event

MAIL_TASK: Final = "alerts.mail_channel_disabled"
MOST_FAILURES: Final = 3  # messages in a row that were given up until the channel is turned off
_GONE: Final = "The receiver says that this address is gone for good."


def succeeded(delivery: Delivery, *, now: datetime) -> None:
    channel = _locked(delivery)
    if channel is not None:
        channel.failures, channel.last_success_at = 0, now
        channel.save(update_fields=["failures", "last_success_at"])


def stumbled(delivery: Delivery, answer: str, *, now: datetime) -> None:
    """An attempt failed and there will be another one."""
    channel = _locked(delivery)
    if channel is not None:
        _note(channel, answer, now)
        channel.save(update_fields=["last_failure", "last_failure_at"])


def failed(delivery: Delivery, answer: str, *, now: datetime, is_gone: bool) -> None:
    """A message was given up. After MOST_FAILURES in a row, or when the place ``is_gone``, the channel is turned off.

    A test says something about the channel and turns nothing off: somebody is looking.
    """
    channel = _locked(delivery)
    if channel is None:
        return
    _note(channel, answer, now)
    if delivery.purpose != Delivery.Purpose.TEST:
        channel.failures += 1
    channel.save(update_fields=["last_failure", "last_failure_at", "failures"])
    if channel.is_enabled and (channel.failures >= MOST_FAILURES or is_gone):
        _turn_off(channel, _GONE if is_gone else answer)


def _turn_off(channel: Channel, reason: str) -> None:
    """Off, and its owners told by an event for the other channels and by a mail that takes no channel."""
    channel.is_enabled, channel.disabled_reason = False, reason[:300]
    channel.save(update_fields=["is_enabled", "disabled_reason"])
    audit.record("channel.disabled", actor=None, target=channel, name=channel.name, reason=channel.disabled_reason)
    event = events.record(
        "channel.disabled",
        severity=Event.Severity.HIGH,
        subject=channel,
        dedup_key=f"channel.disabled:{channel.pk}",
        link=reverse("alerts:channel-detail", args=[channel.organization.slug, channel.pk]),
        name=channel.name,
        channel_kind=channel.kind,
        reason=channel.disabled_reason,
        failures=channel.failures,
    )
    work.make_due(MAIL_TASK, organization_id=channel.organization_id, object_id=event.pk)


def _note(channel: Channel, answer: str, now: datetime) -> None:
    channel.last_failure, channel.last_failure_at = answer[:300], now


def _locked(delivery: Delivery) -> Channel | None:
    """The channel, if it is still there: after the delivery, in this order everywhere."""
    found = Channel.objects.select_for_update(of=("self",)).select_related("organization")
    return found.filter(pk=delivery.channel_id).first() if delivery.channel_id else None
