"""People in an organization, for tests about members."""

from django.test import Client

from conftest import make_user
from core.scope import org_scope
from tenants.models import AuditEntry, Membership, Organization, Project, ProjectRole, User
from tenants.permissions import Role


def owner_of(organization: Organization) -> User:
    return User.objects.get(memberships__organization=organization, memberships__role=Role.OWNER)


def join(organization: Organization, email: str, role: str) -> User:
    """A new member with ``role``."""
    user = make_user(email)
    Membership.objects.create(user=user, organization=organization, role=role)
    return user


def role_of(organization: Organization, user: User) -> str | None:
    return Membership.objects.filter(organization=organization, user=user).values_list("role", flat=True).first()


def override(project: Project, user: User, role: str) -> None:
    with org_scope(project.organization_id):
        ProjectRole.objects.create(organization=project.organization, project=project, user=user, role=role)


def overrides(organization: Organization, user: User) -> dict[str, str]:
    with org_scope(organization.pk):
        return dict(ProjectRole.objects.filter(user=user).values_list("project__slug", "role"))


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def actions(organization: Organization) -> list[str]:
    """What the audit log of members and invitations says, oldest first."""
    with org_scope(organization.pk):
        told = AuditEntry.objects.filter(target_kind__in=["user", "invitation"]).order_by("pk")
        return list(told.values_list("action", flat=True))
