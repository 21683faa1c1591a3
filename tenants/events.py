"""Events that people may be told of, written in the transaction of what happened; alerts read them later."""

from typing import Any, Final

from django.db import models

from core import work
from core.scope import current_organization_id
from tenants.models import Event, Project

ROUTE_TASK: Final = "alerts.route_event"  # by name: tenants does not know who tells people, only that somebody does


def record(
    kind: str,
    *,
    severity: Event.Severity,
    subject: models.Model,
    dedup_key: str,
    project: Project | None = None,
    team: str = "",
    rule: str = "",
    link: str = "",
    **facts: Any,
) -> Event:
    """Say that ``kind`` (noun.verb) happened to ``subject``; ``facts`` are JSON-able and never secrets.

    ``rule`` names the rule of an insight. ``dedup_key`` is the same for events about the same matter; ``link`` is the
    path of the page about it.
    """
    event = Event.objects.create(
        organization_id=current_organization_id(),
        kind=kind,
        project=project,
        team=team,
        rule=rule,
        severity=severity,
        subject_kind=subject._meta.model_name or "",
        subject_id=str(subject.pk),
        dedup_key=dedup_key,
        facts=facts,
        link=link,
    )
    work.make_due(ROUTE_TASK, organization_id=event.organization_id, object_id=event.pk)
    return event
