"""The organization the benchmarks send to: twenty projects, each with a key."""

from dataclasses import dataclass, field

PROJECTS = 20
MODELS = ("gpt-4o", "gpt-4o-mini", "claude-sonnet-4-20250514", "gemini-2.5-pro", "gemini-2.0-flash")
FEATURES = tuple(f"feature-{number:02d}" for number in range(20))
TEAMS = ("support", "growth", "legal", "research")


@dataclass(frozen=True, slots=True)
class Tenant:
    """Ids and keys, by project."""

    organization_id: int
    slug: str
    email: str
    project_ids: list[int]
    project_slugs: list[str]
    keys: list[str] = field(repr=False)


def create_tenant(name: str = "Bench") -> Tenant:
    """One organization with ``PROJECTS`` projects, each with a key."""
    from tenants import key_services, services
    from tenants.models import User
    from tenants.permissions import Scope

    owner = User.objects.create_user(email=f"owner@{name.lower().replace(' ', '-')}.example", password=None)
    organization = services.create_organization(actor=owner, name=name)
    projects = [
        services.create_project(organization=organization, actor=owner, name=f"Project {number}")
        for number in range(PROJECTS)
    ]
    scopes = [Scope.INGEST.value, Scope.READ.value]
    keys = [
        key_services.create_key(
            organization=organization, actor=owner, name="bench", scopes=scopes, project=project
        ).text
        for project in projects
    ]
    return Tenant(
        organization_id=organization.pk,
        slug=organization.slug,
        email=owner.email,
        project_ids=[project.pk for project in projects],
        project_slugs=[project.slug for project in projects],
        keys=keys,
    )
