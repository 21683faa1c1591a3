"""Keys for tests of what machines may do."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from tenants import key_services
from tenants.models import Membership, Organization, Project
from tenants.permissions import Role, Scope


def issue_key(
    organization: Organization,
    *,
    project: Project | None = None,
    scopes: Sequence[str] = (Scope.READ,),
    expires_at: datetime | None = None,
) -> key_services.IssuedKey:
    """A key of ``organization``; one that has expired was issued in time."""
    owner = Membership.objects.select_related("user").get(organization=organization, role=Role.OWNER)
    return key_services.create_key(
        organization=organization,
        actor=owner.user,
        name="Test",
        scopes=list(scopes),
        project=project,
        expires_at=expires_at,
        now=expires_at - timedelta(hours=1) if expires_at else None,
    )


def bearer(issued: key_services.IssuedKey) -> dict[str, str]:
    """The headers of a request with this key."""
    return {"Authorization": f"Bearer {issued.text}"}
