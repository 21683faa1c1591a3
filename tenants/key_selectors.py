"""Reads about API keys, for pages and the API. All run inside the organization's scope."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.core.exceptions import ObjectDoesNotExist
from django.db.models import Q, QuerySet

from tenants import key_terms
from tenants.models import ApiKey, ApiKeyUsage, AuditEntry, Membership, Organization, Project

STATES: Final = ("active", "expired", "revoked")


@dataclass(frozen=True, slots=True)
class KeyRow:
    """A key as its list shows it; ``state`` is one of STATES.

    ``creator`` is an e-mail address or says what else made the key; ``creator_left`` that it was somebody who is no
    member any more, which does not stop the key.
    """

    key: ApiKey
    state: str
    last_used_at: datetime | None
    last_address: str
    expires_soon: bool
    creator: str
    creator_left: bool
    if_leaked: str

    @property
    def is_being_replaced(self) -> bool:
        return self.state == "active" and self.key.replaced_by_id is not None


def keys(*, organization: Organization) -> QuerySet[ApiKey]:
    """Every key of the organization, newest first, with what a row of a list needs."""
    return (
        ApiKey.objects.filter(organization=organization)
        .select_related("usage", "created_by", "project", "organization", "replaced_by")
        .order_by("-created_at", "-pk")
    )


def in_state(found: QuerySet[ApiKey], state: str, *, now: datetime) -> QuerySet[ApiKey]:
    """Those of ``found`` that are in ``state``; all of them without one."""
    expired = Q(expires_at__isnull=False, expires_at__lte=now)
    match state:
        case "revoked":
            return found.filter(revoked_at__isnull=False)
        case "expired":
            return found.filter(expired, revoked_at=None)
        case "active":
            return found.filter(~expired, revoked_at=None)
    return found


def project_keys(*, project: Project, now: datetime, state: str = "") -> list[KeyRow]:
    """Keys of ``project``: those that work first, then newest first."""
    found = keys(organization=project.organization).filter(project=project)
    return rows(in_state(found, state, now=now), now=now)


def organization_keys(*, organization: Organization, now: datetime, state: str = "") -> list[KeyRow]:
    """Keys that reach the whole organization: those that work first, then newest first."""
    return rows(in_state(keys(organization=organization).filter(project=None), state, now=now), now=now)


def rows(found: Iterable[ApiKey], *, now: datetime) -> list[KeyRow]:
    """Rows of keys of one organization, those that work first."""
    return sorted(rows_in_order(found, now=now), key=lambda row: row.state != "active")


def rows_in_order(found: Iterable[ApiKey], *, now: datetime) -> list[KeyRow]:
    """Rows of keys of one organization, in the order they come in."""
    every = list(found)
    members = _members(every)
    return [_row(key, members, now) for key in every]


def _members(found: list[ApiKey]) -> set[int]:
    """Who of those who made the keys can still enter their organization."""
    makers = {key.created_by_id for key in found if key.created_by_id is not None}
    if not makers:
        return set()
    present = Membership.objects.filter(organization_id=found[0].organization_id, user__in=makers, user__is_active=True)
    return set(present.values_list("user_id", flat=True))


def _row(key: ApiKey, members: set[int], now: datetime) -> KeyRow:
    state, usage = key.state(now), _usage(key)
    ends_soon = key.expires_at is not None and key.expires_at <= now + key_terms.EXPIRES_SOON
    return KeyRow(
        key=key,
        state=state,
        last_used_at=usage.last_used_at if usage else None,
        last_address=usage.last_address if usage else "",
        expires_soon=state == "active" and ends_soon,
        creator=_creator(key),
        creator_left=key.created_by_kind == AuditEntry.ActorKind.USER and key.created_by_id not in members,
        if_leaked=if_leaked(key.scopes, key.project),
    )


def if_leaked(scopes: Sequence[str], project: Project | None) -> str:
    """What somebody could do who finds a key with ``scopes`` of ``project``, or of the organization without one."""
    return key_terms.if_leaked(scopes, project=project.name if project else None)


def _creator(key: ApiKey) -> str:
    if key.created_by is not None:
        return key.created_by.email
    names = {AuditEntry.ActorKind.KEY.value: "an API key", AuditEntry.ActorKind.SYSTEM.value: "TokenOps"}
    return names.get(key.created_by_kind, "somebody")


def _usage(key: ApiKey) -> ApiKeyUsage | None:
    try:
        return key.usage
    except ObjectDoesNotExist:
        return None
