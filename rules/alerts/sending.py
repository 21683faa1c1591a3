"""Sending what is in the outbox: take a lease, send outside of every transaction, write down what became of it."""

import random
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from core import work
from core.scope import org_scope
from rules.alerts import channel_health, content, outbox, reminders, timing
from rules.alerts.channels import Outcome, Outgoing, Place, Result
from rules.alerts.models import Delivery, DeliveryAttempt
from rules.alerts.sealing import secrets_of

NO_CHANNEL: Final = "The channel was deleted."
NOTHING_LEFT: Final = "What it was about is not there any more."
TOO_LATE: Final = "It could not be delivered within 24 hours."


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """A delivery that is ours to send until ``leased_until``, with all that it takes."""

    organization_id: int
    delivery_id: int
    number: int
    leased_until: datetime
    kind: str
    place: Place = field(repr=False)
    outgoing: Outgoing


def claim(*, organization_id: int, delivery_id: int, now: datetime) -> Claimed | None:
    """Take the lease on a delivery that is due; None when there is nothing to send, or somebody else is at it."""
    with org_scope(organization_id):
        locked = Delivery.objects.select_for_update(skip_locked=True, of=("self",))
        delivery = locked.select_related("channel", "route").filter(pk=delivery_id).first()
        if delivery is None:
            _forget_if_gone(delivery_id)
            return None
        if not _is_due(delivery, now) or _is_settled(delivery, now):
            return None
        return _lease(delivery, now)


def finish(*, claimed: Claimed, outcome: Outcome, started_at: datetime, now: datetime) -> None:
    """Write down how the attempt ended and decide what comes next."""
    with org_scope(claimed.organization_id):
        locked = Delivery.objects.select_for_update(of=("self",)).select_related("channel", "route")
        delivery = locked.filter(pk=claimed.delivery_id).first()
        if delivery is None:
            return
        _note_attempt(delivery, claimed, outcome, started_at, now)
        is_ours = delivery.leased_until == claimed.leased_until
        if delivery.is_over or (outcome.result is not Result.DELIVERED and not is_ours):
            return  # the lease was over, and somebody else is at it or done
        _settle(delivery, outcome, now)


def _settle(delivery: Delivery, outcome: Outcome, now: datetime) -> None:
    match outcome.result:
        case Result.DELIVERED:
            outbox.end(delivery, Delivery.State.DELIVERED, "", now=now)
            channel_health.succeeded(delivery, now=now)
            reminders.remind_later(delivery, now=now)
        case Result.FAILED:
            _give_up(delivery, outcome.answer, now=now, is_gone=outcome.is_gone)
        case Result.RETRY:
            _try_again(delivery, outcome, now)


def _is_due(delivery: Delivery, now: datetime) -> bool:
    """Whether it may be sent now; if not, it is looked at when it may, or never again."""
    if delivery.is_over:
        work.finish(outbox.TASK, object_id=delivery.pk)
        return False
    look_at = max(delivery.next_attempt_at, delivery.leased_until or delivery.next_attempt_at)
    if look_at > now:
        outbox.wake(delivery, look_at)
        return False
    return True


def _is_settled(delivery: Delivery, now: datetime) -> bool:
    """Whether there is a reason to send it no more; then it is over."""
    reason = _why_not(delivery)
    if reason:
        outbox.cancel(delivery, reason, now=now)
    elif now >= delivery.expires_at:
        _give_up(delivery, TOO_LATE, now=now)
    return delivery.is_over


def _why_not(delivery: Delivery) -> str:
    if delivery.channel is None:
        return NO_CHANNEL
    if not delivery.channel.is_enabled and delivery.purpose != Delivery.Purpose.TEST:
        return outbox.CHANNEL_OFF
    return content.why_not(delivery)


def _lease(delivery: Delivery, now: datetime) -> Claimed | None:
    channel, outgoing = delivery.channel, content.outgoing(delivery, now=now)
    if channel is None or outgoing is None:
        outbox.cancel(delivery, NOTHING_LEFT, now=now)
        return None
    leased_until = now + timing.LEASE
    delivery.leased_until, delivery.attempts = leased_until, delivery.attempts + 1
    delivery.save(update_fields=["leased_until", "attempts"])
    outbox.wake(delivery, leased_until)
    return Claimed(
        organization_id=delivery.organization_id,
        delivery_id=delivery.pk,
        number=delivery.attempts,
        leased_until=leased_until,
        kind=channel.kind,
        place=Place(config=channel.config, secrets=secrets_of(channel)),
        outgoing=outgoing,
    )


def _note_attempt(delivery: Delivery, claimed: Claimed, outcome: Outcome, started_at: datetime, now: datetime) -> None:
    DeliveryAttempt.objects.create(
        organization_id=delivery.organization_id,
        delivery=delivery,
        number=claimed.number,
        started_at=started_at,
        duration_ms=max(0, int((now - started_at).total_seconds() * 1_000)),
        outcome=outcome.result.value,
        status=outcome.status,
        answer=outcome.answer[:1_000],
    )


def _try_again(delivery: Delivery, outcome: Outcome, now: datetime) -> None:
    delay = timing.retry_delay(
        delivery.attempts,
        retry_after=outcome.retry_after,
        random=random.random(),  # noqa: S311 - nobody gains by guessing it
    )
    if now + delay >= delivery.expires_at:
        _give_up(delivery, f"{TOO_LATE} {outcome.answer}".strip(), now=now)
        return
    delivery.next_attempt_at, delivery.leased_until = now + delay, None
    delivery.save(update_fields=["next_attempt_at", "leased_until"])
    outbox.wake(delivery, delivery.next_attempt_at)
    channel_health.stumbled(delivery, outcome.answer, now=now)


def _give_up(delivery: Delivery, reason: str, *, now: datetime, is_gone: bool = False) -> None:
    outbox.end(delivery, Delivery.State.FAILED, reason, now=now)
    channel_health.failed(delivery, reason, now=now, is_gone=is_gone)


def _forget_if_gone(delivery_id: int) -> None:
    """A row that is locked is somebody's; one that is gone needs no work."""
    if not Delivery.objects.filter(pk=delivery_id).exists():
        work.finish(outbox.TASK, object_id=delivery_id)
