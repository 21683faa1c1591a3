"""Reads about tenants. All but the first group run inside the organization's scope."""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from django.core.exceptions import ObjectDoesNotExist
from django.db import connection
from django.db.models import Count, Min, QuerySet

from tenants.models import ApiKey, Membership, Organization, OrganizationSettings, Project, User
from tenants.permissions import Role

# --- Before a scope is open ---


def organizations_of(*, user: User) -> QuerySet[Organization]:
    """Organizations ``user`` belongs to, by name."""
    return Organization.objects.filter(memberships__user=user).order_by("name", "pk")


def usable_membership(*, user: User, slug: str = "") -> Membership | None:
    """The membership to land in: that of ``slug`` if there is one, else the first that may see something."""
    memberships = Membership.objects.select_related("organization").filter(user=user).order_by("created_at", "pk")
    ranked = sorted(memberships, key=lambda found: (found.organization.slug != slug, found.role == Role.NONE))
    return ranked[0] if ranked else None


@dataclass(frozen=True, slots=True)
class OrganizationSummary:
    """What an instance administrator may know of a tenant: that it exists, how many people are in it since when, and
    how many events a month it may send, which is the administrator's own decision; None is no limit."""

    name: str
    slug: str
    members: int
    since: datetime | None
    monthly_event_quota: int | None


def organization_summaries() -> list[OrganizationSummary]:
    """Every organization of the instance, by name."""
    counted = Organization.objects.annotate(members=Count("memberships"), since=Min("memberships__created_at"))
    quotas = _quotas()
    return [
        OrganizationSummary(row.name, row.slug, row.members, row.since, quotas.get(row.pk))
        for row in counted.order_by("name", "pk")
    ]


def _quotas() -> dict[int, int | None]:
    with connection.cursor() as cursor:
        cursor.execute("select organization_id, monthly_event_quota from organization_quotas()")
        return dict(cursor.fetchall())


# --- Inside the scope ---


def time_zone(*, organization: Organization) -> ZoneInfo:
    """The zone in which the organization's days and months begin."""
    return ZoneInfo(OrganizationSettings.objects.values_list("time_zone", flat=True).get(organization=organization))


def organization_settings(*, organization: Organization) -> OrganizationSettings:
    return OrganizationSettings.objects.get(organization=organization)


def is_closing(*, organization_id: int, project_id: int | None) -> bool:
    """Whether the organization, or the project where one is given, is about to be deleted."""
    if OrganizationSettings.objects.filter(organization_id=organization_id, delete_at__isnull=False).exists():
        return True
    return project_id is not None and Project.objects.filter(pk=project_id, delete_at__isnull=False).exists()


def projects(*, organization: Organization) -> QuerySet[Project]:
    """Projects of the organization, by name."""
    return Project.objects.filter(organization=organization).order_by("name", "pk")


def active_projects(*, organization: Organization) -> QuerySet[Project]:
    """Projects that are not archived, by name: those to choose from."""
    return projects(organization=organization).filter(archived_at=None)


@dataclass(frozen=True, slots=True)
class KeyRow:
    """A key as its list shows it; ``state`` is active, expired or revoked."""

    key: ApiKey
    state: str
    last_used_at: datetime | None


def project_keys(*, project: Project, now: datetime) -> list[KeyRow]:
    """Keys of ``project``: those that work first, then newest first."""
    keys = ApiKey.objects.filter(project=project).select_related("usage", "created_by").order_by("-created_at", "-pk")
    rows = [KeyRow(key, key.state(now), _last_used_at(key)) for key in keys]
    return sorted(rows, key=lambda row: row.state != "active")


def _last_used_at(key: ApiKey) -> datetime | None:
    try:
        return key.usage.last_used_at
    except ObjectDoesNotExist:
        return None
