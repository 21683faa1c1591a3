"""Writes about API keys: each is one transaction with its audit row, its event and the mail that tells of it."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from core import keys
from core.scope import org_scope
from tenants import audit, key_news, key_terms
from tenants.audit import Actor, KeyActor
from tenants.key_terms import LONGEST_OVERLAP, SHORTEST_OVERLAP
from tenants.models import ApiKey, ApiKeyLookup, AuditEntry, Organization, Project, User
from tenants.permissions import Scope
from tenants.services import announce_key


@dataclass(frozen=True, slots=True)
class IssuedKey:
    """A key at the only moment its text can be shown."""

    key: ApiKey
    text: str = field(repr=False)


@transaction.atomic
def create_key(
    *,
    organization: Organization,
    actor: Actor,
    name: str,
    scopes: list[str],
    project: Project | None,
    expires_at: datetime | None = None,
    allowed_ranges: Iterable[str] = (),
    now: datetime | None = None,
) -> IssuedKey:
    """Issue a key for ``project``, or for the whole organization without one. Its text is in the answer only.

    ``allowed_ranges`` are addresses and networks it may be used from; none: anywhere.

    :raises ValidationError: no scope, an unknown scope, an unusable name or range, or an expiry that is not after
        ``now``.
    """
    if not scopes or not set(scopes) <= set(Scope.values):
        raise ValidationError({"scopes": "Choose at least one of the listed scopes."})
    if expires_at is not None and expires_at <= (now or timezone.now()):
        raise ValidationError({"expires_at": "Choose a moment in the future."})
    with org_scope(organization.pk):
        issued = _issue(
            ApiKey(
                organization=organization,
                project=project,
                name=name,
                scopes=sorted(set(scopes)),
                allowed_ranges=_ranges(allowed_ranges),
                expires_at=expires_at,
                **_made_by(actor),
            )
        )
        audit.record("key.created", actor=actor, target=issued.key, **_facts(issued.key))
        key_news.tell("key.created", key=issued.key, actor=actor)
    return issued


@transaction.atomic
def rotate_key(
    *, organization: Organization, actor: Actor, key: ApiKey, overlap: timedelta, now: datetime
) -> IssuedKey:
    """Issue a key like ``key``, which keeps working for ``overlap``, or until it expires if that is sooner.

    The new key has the name, scopes, reach and ranges of the old one, and lives as long as that was meant to.

    :raises ValidationError: ``key`` does not work any more or is being replaced already, or the overlap is out of
        bounds.
    """
    if not SHORTEST_OVERLAP <= overlap <= LONGEST_OVERLAP:
        raise ValidationError({"overlap": key_terms.NOT_AN_OVERLAP})
    with org_scope(organization.pk):
        old = ApiKey.objects.select_for_update().get(pk=key.pk)
        if not old.is_usable(now):
            raise ValidationError("This key does not work any more. Create a new one.")
        if old.replaced_by_id is not None:
            raise ValidationError("This key is being replaced already.")
        issued = _issue(_successor(old, actor, now))
        old.replaced_by = issued.key
        old.expires_at = min(filter(None, (old.expires_at, now + overlap)))
        old.save(update_fields=["replaced_by", "expires_at"])
        ApiKeyLookup.objects.filter(key_id=old.pk).update(expires_at=old.expires_at)
        audit.record("key.created", actor=actor, target=issued.key, replaces=old.pk, **_facts(issued.key))
        until = old.expires_at.isoformat()
        audit.record("key.rotated", actor=actor, target=old, name=old.name, replaced_by=issued.key.pk, until=until)
        key_news.tell("key.rotated", key=old, actor=actor, replaced_by=issued.key.prefix, until=until)
        announce_key(old.prefix)
    return issued


@transaction.atomic
def revoke_key(*, organization: Organization, actor: Actor, key: ApiKey, now: datetime) -> None:
    """Stop a key everywhere: the edge hears of it at commit. Revoking twice changes nothing."""
    with org_scope(organization.pk):
        locked = ApiKey.objects.select_for_update().get(pk=key.pk)
        if locked.revoked_at is not None:
            return
        locked.revoked_at = now
        locked.save(update_fields=["revoked_at"])
        ApiKeyLookup.objects.filter(key_id=key.pk).update(revoked_at=now)
        audit.record("key.revoked", actor=actor, target=locked, name=locked.name)
        key_news.tell("key.revoked", key=locked, actor=actor)
        announce_key(locked.prefix)


def _issue(key: ApiKey) -> IssuedKey:
    """Give ``key`` a secret, and store it with what authenticates it."""
    new = keys.generate()
    key.prefix = new.prefix
    key.full_clean(exclude=["created_by", "replaced_by"])  # nobody: the stack's own key
    key.save()
    ApiKeyLookup.objects.create(
        key_id=key.pk,
        prefix=key.prefix,
        digest=keys.digest(new.text, pepper=settings.KEY_PEPPER),
        pepper_id=keys.pepper_id(settings.KEY_PEPPER),
        organization_id=key.organization_id,
        project_id=key.project_id,
        scopes=key.scopes,
        allowed_ranges=key.allowed_ranges,
        expires_at=key.expires_at,
    )
    return IssuedKey(key=key, text=new.text)


def _successor(old: ApiKey, actor: Actor, now: datetime) -> ApiKey:
    return ApiKey(
        organization_id=old.organization_id,
        project_id=old.project_id,
        name=old.name,
        scopes=old.scopes,
        allowed_ranges=old.allowed_ranges,
        created_at=now,
        expires_at=now + (old.expires_at - old.created_at) if old.expires_at else None,
        **_made_by(actor),
    )


def _made_by(actor: Actor) -> dict[str, Any]:
    kinds = AuditEntry.ActorKind
    match actor:
        case User():
            return {"created_by_kind": kinds.USER, "created_by": actor}
        case KeyActor():
            return {"created_by_kind": kinds.KEY}
    return {"created_by_kind": kinds.SYSTEM}


def _ranges(entries: Iterable[str]) -> list[str]:
    try:
        return key_terms.ranges(entries)
    except key_terms.TermError as error:
        raise ValidationError({"allowed_ranges": str(error)}) from error


def _facts(key: ApiKey) -> dict[str, Any]:
    facts: dict[str, Any] = {"name": key.name, "scopes": key.scopes}
    if key.allowed_ranges:
        facts["allowed_ranges"] = key.allowed_ranges
    return facts
