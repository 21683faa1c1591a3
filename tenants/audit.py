"""The audit row that belongs to every change, written in the change's own transaction."""

from django.db import models

from core.scope import current_organization_id
from tenants.models import AuditEntry, User


def record(action: str, *, actor: User | None, target: models.Model, **facts: object) -> None:
    """Say who did ``action`` (noun.verb) to ``target``; ``facts`` are JSON-able and never secrets."""
    AuditEntry.objects.create(
        organization_id=current_organization_id(),
        actor=actor,
        action=action,
        target_kind=target._meta.model_name or "",
        target_id=str(target.pk),
        facts=facts,
    )
