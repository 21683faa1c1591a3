"""Events that people may be told of, written in the transaction of what happened; alerts read them later."""

from typing import Any

from django.db import models

from core.scope import current_organization_id
from tenants.models import Event, Project


def record(
    kind: str,
    *,
    severity: Event.Severity,
    subject: models.Model,
    dedup_key: str,
    project: Project | None = None,
    team: str = "",
    link: str = "",
    **facts: Any,
) -> Event:
    """Say that ``kind`` (noun.verb) happened to ``subject``; ``facts`` are JSON-able and never secrets.

    ``dedup_key`` is the same for events about the same matter; ``link`` is the path of the page about it.
    """
    return Event.objects.create(
        organization_id=current_organization_id(),
        kind=kind,
        project=project,
        team=team,
        severity=severity,
        subject_kind=subject._meta.model_name or "",
        subject_id=str(subject.pk),
        dedup_key=dedup_key,
        facts=facts,
        link=link,
    )
