"""Writes about destinations: each one transaction with its audit row. The secret goes in and never comes out."""

from datetime import datetime
from typing import Any, Final
from uuid import uuid4

from django.core.exceptions import ValidationError
from django.db import transaction

from core import work
from core.scope import org_scope
from dashboards.exports.destinations import opening, slots, terms
from dashboards.exports.destinations.models import TASK, Destination, DestinationRun
from dashboards.exports.destinations.s3 import TEST_SECONDS, BucketError, Place
from dashboards.exports.destinations.terms import Wanted
from tenants import audit, selectors
from tenants.audit import Actor
from tenants.models import Organization, OrganizationSettings, User

MOST_DESTINATIONS: Final = 20
_FIELDS: Final = ("region", "bucket", "prefix", "key_id", "cadence", "project")


@transaction.atomic
def create_destination(
    *, organization: Organization, actor: Actor, wanted: Wanted, is_conditional: bool, now: datetime
) -> Destination:
    """Have calls copied from the beginning of this hour or day on. ``is_conditional``: as ``try_place`` found.

    :raises ValidationError: by field: something cannot be so, name or place is taken; there are too many.
    """
    terms.check(wanted, has_secret=False)
    with org_scope(organization.pk):
        _one_at_a_time(organization)
        if Destination.objects.count() >= MOST_DESTINATIONS:
            raise ValidationError(f"There can be {MOST_DESTINATIONS} destinations at most.")
        zone = selectors.time_zone(organization=organization)
        start = slots.begin(wanted.cadence, now, zone)
        destination = Destination(organization=organization, created_at=now, filled_until=start)
        destination.created_by = actor if isinstance(actor, User) else None
        _write(destination, wanted, is_conditional=is_conditional)
        destination.next_at = slots.due(wanted.cadence, start, zone)
        destination.save()
        opening.seal(destination, wanted.secret)
        destination.save(update_fields=["sealed"])
        _wait(destination)
        _record("destination.created", actor, destination)
    return destination


@transaction.atomic
def change_destination(
    *,
    organization: Organization,
    actor: Actor,
    destination: Destination,
    wanted: Wanted,
    is_conditional: bool,
    now: datetime,
) -> Destination:
    """Change a destination. A slot that is being copied goes on where its first files lie; a paused one stays paused.

    :raises ValidationError: as ``create_destination``.
    """
    terms.check(wanted, has_secret=True)
    with org_scope(organization.pk):
        _one_at_a_time(organization)
        locked = _lock(destination)
        before = _terms_of(locked)
        _write(locked, wanted, is_conditional=is_conditional)
        if wanted.secret:
            opening.seal(locked, wanted.secret)
        if before != _terms_of(locked):
            _begin_slot_again(locked)
        if locked.is_active:
            locked.failures = 0
            locked.next_at = _next(locked, now)
        locked.save()
        _wait(locked)
        _record("destination.changed", actor, locked, is_secret_new=bool(wanted.secret))
    return locked


@transaction.atomic
def pause_destination(*, organization: Organization, actor: Actor, destination: Destination) -> None:
    """Copy nothing until somebody resumes it. Pausing twice changes nothing."""
    with org_scope(organization.pk):
        locked = _lock(destination)
        if locked.is_active:
            stop(locked, reason="")
            _record("destination.paused", actor, locked)


@transaction.atomic
def resume_destination(*, organization: Organization, actor: Actor, destination: Destination, now: datetime) -> None:
    """Go on where it stopped: every slot since then is copied, as far as its calls are still kept."""
    with org_scope(organization.pk):
        locked = _lock(destination)
        if locked.is_active:
            return
        locked.is_active, locked.paused_reason, locked.failures = True, "", 0
        locked.next_at = _next(locked, now)
        locked.save()
        _wait(locked)
        _record("destination.resumed", actor, locked)


@transaction.atomic
def retry_destination(*, organization: Organization, actor: Actor, destination: Destination, now: datetime) -> None:
    """Try the slot that failed again now, and not only when its next attempt is due.

    :raises ValidationError: nothing failed, or it is paused.
    """
    with org_scope(organization.pk):
        locked = _lock(destination)
        if not locked.is_active or not locked.failures:
            raise ValidationError("There is nothing to try again.")
        locked.next_at = now
        locked.save(update_fields=["next_at"])
        _wait(locked)
        _record("destination.retried", actor, locked)


@transaction.atomic
def delete_destination(*, organization: Organization, actor: Actor, destination: Destination) -> None:
    """Delete a destination and its history. What was copied stays in the bucket, which is not ours."""
    with org_scope(organization.pk):
        locked = _lock(destination)
        work.finish(TASK, object_id=locked.pk)
        _record("destination.deleted", actor, locked)
        locked.delete()


def try_place(*, organization: Organization, wanted: Wanted, destination: Destination | None = None) -> bool:
    """Write a small object and delete it: whether the server refuses to write over one. Ask outside of transactions.

    :raises ValidationError: something is written wrongly, or the server says no.
    """
    terms.check(wanted, has_secret=destination is not None)
    place = Place(
        endpoint=terms.endpoint(wanted.endpoint),
        region=wanted.region,
        bucket=wanted.bucket,
        key_id=wanted.key_id,
        secret=wanted.secret or (opening.place_of(destination).secret if destination else ""),
    )
    folder = "/".join(part for part in (wanted.prefix, f"organization={organization.slug}") if part)
    try:
        return opening.bucket(place, seconds=TEST_SECONDS).heeds_conditions(f"{folder}/tokenops-test-{uuid4().hex}.txt")
    except BucketError as error:
        raise ValidationError(str(error)) from error


def stop(destination: Destination, *, reason: str) -> None:
    """Pause a destination whose row is locked; whoever is copying finds its lease gone."""
    destination.is_active, destination.paused_reason, destination.next_at = False, reason[:300], None
    destination.lease = destination.leased_until = None
    destination.save(update_fields=["is_active", "paused_reason", "next_at", "lease", "leased_until"])
    work.finish(TASK, object_id=destination.pk)


def _write(destination: Destination, wanted: Wanted, *, is_conditional: bool) -> None:
    """:raises ValidationError: name or place is taken."""
    for name in _FIELDS:
        setattr(destination, name, getattr(wanted, name))
    destination.name, destination.endpoint = wanted.name.strip(), terms.endpoint(wanted.endpoint)
    destination.is_conditional = is_conditional
    others = Destination.objects.exclude(pk=destination.pk)
    if others.filter(name=destination.name).exists():
        raise ValidationError({"name": "Another destination has this name."})
    place = {name: getattr(destination, name) for name in ("endpoint", "bucket", "prefix")}
    if others.filter(**place).exists():
        raise ValidationError({"prefix": "Another destination writes there. Choose another prefix."})


def _terms_of(destination: Destination) -> tuple[object, ...]:
    """What a slot that has begun depends on."""
    found = destination
    return (found.endpoint, found.bucket, found.prefix, found.project_id, found.cadence)


def _begin_slot_again(destination: Destination) -> None:
    """Files of a slot lie in one place and are of one kind; what was written elsewhere has no manifest."""
    destination.lease = destination.leased_until = None
    DestinationRun.objects.filter(destination=destination).exclude(state=DestinationRun.State.DONE).delete()


def _next(destination: Destination, now: datetime) -> datetime:
    zone = selectors.time_zone(organization=destination.organization)
    return max(now, slots.due(destination.cadence, destination.filled_until, zone))


def _wait(destination: Destination) -> None:
    if destination.is_active:
        work.make_due(
            TASK, organization_id=destination.organization_id, object_id=destination.pk, due_at=destination.next_at
        )


def _lock(destination: Destination) -> Destination:
    return (
        Destination.objects.select_for_update(of=("self",))
        .select_related("organization", "project")
        .get(pk=destination.pk)
    )


def _one_at_a_time(organization: Organization) -> None:
    """Names and places are looked at before they are written, so that whoever collides is told."""
    OrganizationSettings.objects.select_for_update().get(organization=organization)


def _record(action: str, actor: Actor, destination: Destination, **more: Any) -> None:
    audit.record(action, actor=actor, target=destination, **facts(destination), **more)


def facts(destination: Destination) -> dict[str, Any]:
    """What a destination is, for the audit log; the key id is shown wherever keys are, the secret nowhere."""
    return {
        "name": destination.name,
        "endpoint": destination.endpoint,
        "place": destination.place,
        "key_id": destination.key_id,
        "project": destination.project.slug if destination.project else "",
        "cadence": destination.cadence,
        "active": destination.is_active,
    }
