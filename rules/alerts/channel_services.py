"""Writes about channels: each one transaction with its audit row. Secrets go in and never come out, but a new one."""

from dataclasses import replace
from datetime import datetime
from typing import Any, Final
from uuid import uuid4

from django.core.exceptions import ValidationError
from django.db import transaction

from core.scope import org_scope
from rules.alerts import channel_terms, outbox
from rules.alerts.channel_terms import Given
from rules.alerts.channels import webhook
from rules.alerts.models import LONGEST_NAME, Channel, Delivery
from rules.alerts.sealing import seal_secrets, secrets_of
from tenants import audit
from tenants.audit import Actor
from tenants.models import Organization, OrganizationSettings

MOST_CHANNELS: Final = 50
_DELETED: Final = "The channel was deleted."


@transaction.atomic
def create_channel(*, organization: Organization, actor: Actor, kind: str, name: str, given: Given) -> Channel:
    """Create a channel. The secret of a webhook is made here; ``signing_secret`` reads it.

    :raises ValidationError: a setting is missing or cannot be used, the name is taken, or there are too many.
    """
    if kind not in Channel.Kind.values:
        raise ValidationError({"kind": "Choose one of the listed kinds."})
    config, secrets = channel_terms.check(kind, given)
    with org_scope(organization.pk):
        _one_at_a_time(organization)
        if Channel.objects.count() >= MOST_CHANNELS:
            raise ValidationError(f"There can be {MOST_CHANNELS} channels at most.")
        channel = Channel(organization=organization, kind=kind, name=_name(name), config=config)
        channel.save()
        seal_secrets(channel, secrets)
        channel.save(update_fields=["sealed"])
        _record("channel.created", actor, channel, config)
    return channel


@transaction.atomic
def update_channel(*, organization: Organization, actor: Actor, channel: Channel, name: str, given: Given) -> Channel:
    """Change a channel. Secrets that are not given stay.

    :raises ValidationError: as ``create_channel``.
    """
    with org_scope(organization.pk):
        _one_at_a_time(organization)
        locked = Channel.objects.select_for_update().get(pk=channel.pk)
        config, secrets = channel_terms.check(locked.kind, replace(given, kept=secrets_of(locked)))
        locked.name, locked.config = _name(name, but=locked), config
        seal_secrets(locked, secrets)
        locked.save(update_fields=["name", "config", "sealed"])
        _record("channel.changed", actor, locked, config)
    return locked


@transaction.atomic
def rotate_secret(*, organization: Organization, actor: Actor, channel: Channel, now: datetime) -> str:
    """A new signing secret of a webhook; messages are signed with the old one too for a day.

    :raises ValidationError: the channel signs nothing.
    """
    with org_scope(organization.pk):
        locked = Channel.objects.select_for_update().get(pk=channel.pk)
        if locked.kind != Channel.Kind.WEBHOOK:
            raise ValidationError("Only webhooks have a signing secret.")
        secrets, until = secrets_of(locked), now + webhook.OVERLAP
        secrets |= {"previous": secrets["secret"], "previous_until": until.isoformat(), "secret": webhook.new_secret()}
        seal_secrets(locked, secrets)
        locked.save(update_fields=["sealed"])
        audit.record(
            "channel.secret_rotated", actor=actor, target=locked, name=locked.name, old_until=until.isoformat()
        )
    return secrets["secret"]


def signing_secret(channel: Channel) -> str:
    """What a new webhook's receiver is given, at the only moment it is shown."""
    return secrets_of(channel)["secret"]


@transaction.atomic
def turn_on(*, organization: Organization, actor: Actor, channel: Channel) -> None:
    """Use a channel again; its failures are forgiven. One that is on stays as it is."""
    with org_scope(organization.pk):
        locked = Channel.objects.select_for_update().get(pk=channel.pk)
        if locked.is_enabled:
            return
        locked.is_enabled, locked.disabled_reason, locked.failures = True, "", 0
        locked.save(update_fields=["is_enabled", "disabled_reason", "failures"])
        audit.record("channel.enabled", actor=actor, target=locked, name=locked.name)


@transaction.atomic
def turn_off(*, organization: Organization, actor: Actor, channel: Channel) -> None:
    """Tell nobody through a channel until somebody turns it on again."""
    with org_scope(organization.pk):
        locked = Channel.objects.select_for_update().get(pk=channel.pk)
        if not locked.is_enabled:
            return
        locked.is_enabled, locked.disabled_reason = False, "Turned off by hand."
        locked.save(update_fields=["is_enabled", "disabled_reason"])
        audit.record("channel.disabled", actor=actor, target=locked, name=locked.name, reason=locked.disabled_reason)


@transaction.atomic
def delete_channel(*, organization: Organization, actor: Actor, channel: Channel, now: datetime) -> None:
    """Delete a channel with its routes; what waited for it is cancelled, and what was sent stays in the list."""
    with org_scope(organization.pk):
        waiting = Delivery.objects.select_for_update(of=("self",)).filter(channel=channel)
        for delivery in waiting.filter(state=Delivery.State.WAITING).order_by("pk"):
            outbox.cancel(delivery, _DELETED, now=now)
        locked = Channel.objects.select_for_update().get(pk=channel.pk)
        routes = list(locked.routes.order_by("name").values_list("name", flat=True))
        audit.record(
            "channel.deleted", actor=actor, target=locked, name=locked.name, channel_kind=locked.kind, routes=routes
        )
        locked.delete()


@transaction.atomic
def send_test(*, organization: Organization, actor: Actor, channel: Channel, now: datetime) -> Delivery:
    """Have a test sent at once, through a channel that is off too; the delivery shows the answer."""
    with org_scope(organization.pk):
        delivery = outbox.put(
            channel, purpose=Delivery.Purpose.TEST, key=f"c{channel.pk}:test:{uuid4().hex}", due_at=now
        )
        assert delivery is not None  # noqa: S101 - the key is new
        audit.record("channel.tested", actor=actor, target=channel, name=channel.name)
    return delivery


def _one_at_a_time(organization: Organization) -> None:
    """Names are looked at before they are written, so that whoever collides is told."""
    OrganizationSettings.objects.select_for_update().get(organization=organization)


def _name(name: str, *, but: Channel | None = None) -> str:
    stripped = name.strip()
    if not stripped or len(stripped) > LONGEST_NAME or not stripped.isprintable():
        raise ValidationError({"name": f"Use 1 to {LONGEST_NAME} visible characters."})
    taken = Channel.objects.filter(name__iexact=stripped)
    if (taken.exclude(pk=but.pk) if but else taken).exists():
        raise ValidationError({"name": "Another channel has this name."})
    return stripped


def _record(action: str, actor: Actor, channel: Channel, config: dict[str, Any]) -> None:
    """Addresses of people are personal; the host a channel leads to is not."""
    shown = {name: value for name, value in config.items() if name != "recipients"}
    personal = {"recipients": config["recipients"]} if "recipients" in config else None
    audit.record(
        action,
        actor=actor,
        target=channel,
        personal=personal,
        name=channel.name,
        channel_kind=channel.kind,
        **shown,
    )
