"""The audit row that belongs to every change, written in the change's own transaction."""

from dataclasses import dataclass
from typing import Any

from django.db import models

from core import origin
from core.logs import request_id
from core.scope import current_organization_id
from tenants.models import AuditEntry, User


@dataclass(frozen=True, slots=True)
class KeyActor:
    """An API key that changes something, in its own name and never in that of whoever made it."""

    key_id: int
    name: str


type Actor = User | KeyActor | None
"""Who does it: a person, a key, or None for TokenOps itself."""


def record(
    action: str, *, actor: Actor, target: models.Model, personal: dict[str, Any] | None = None, **facts: object
) -> None:
    """Say who did ``action`` (noun.verb) to ``target``; ``facts`` are JSON-able and never secrets.

    Facts that name a person go into ``personal``: they can be erased later without breaking the chain.
    """
    where = origin.current()
    AuditEntry.objects.create(
        organization_id=current_organization_id(),
        **_who(actor),
        action=action,
        target_kind=target._meta.model_name or "",
        target_id=str(target.pk),
        facts=facts,
        request_id=request_id.get(),
        address=where.address,
        user_agent=where.user_agent,
        personal=personal or {},
    )


def _who(actor: Actor) -> dict[str, Any]:
    match actor:
        case User():
            return {"actor_kind": "user", "actor_user_id": actor.pk, "actor_name": actor.email}
        case KeyActor():
            return {"actor_kind": "key", "actor_key_id": actor.key_id, "actor_name": actor.name}
    return {"actor_kind": "system"}
