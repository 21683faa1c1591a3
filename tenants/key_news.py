"""What people hear of keys: an event for alerts, and a mail to owners and admins when somebody did something."""

from typing import Any, Final

from django.urls import reverse

from core import work
from tenants import events
from tenants.audit import Actor
from tenants.models import ApiKey, Event

MAIL_TASK: Final = "tenants.mail_key_event"
_SEVERITY: Final = {"key.revoked": Event.Severity.MEDIUM}


def tell(kind: str, *, key: ApiKey, actor: Actor, **facts: Any) -> None:
    """Record that ``kind`` happened to ``key``; owners and admins get a mail unless TokenOps did it itself."""
    event = events.record(
        kind,
        severity=_SEVERITY.get(kind, Event.Severity.LOW),
        subject=key,
        dedup_key=f"{kind}:{key.pk}",
        project=key.project,
        link=page_of(key),
        **about(key),
        **facts,
    )
    if actor is not None:
        work.make_due(MAIL_TASK, organization_id=key.organization_id, object_id=event.pk)


def about(key: ApiKey) -> dict[str, Any]:
    """What an event says of a key: enough to recognise it by, and no secret."""
    return {"name": key.name, "prefix": key.prefix, "scopes": key.scopes}


def page_of(key: ApiKey) -> str:
    """Path of the page that lists the key."""
    organization = key.organization.slug
    if key.project is None:
        return reverse("tenants:organization-key-list", args=[organization])
    return reverse("tenants:key-list", args=[organization, key.project.slug])
