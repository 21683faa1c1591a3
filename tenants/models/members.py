"""Who is asked to join, and who has another role in a project than in its organization."""

from datetime import datetime

from django.db import models
from django.utils import timezone

from core.scope import OrgScopedModel
from tenants.models.organizations import Project
from tenants.models.people import User
from tenants.permissions import PROJECT_ROLES, Role

_PROJECT_CHOICES = [(role.value, role.label) for role in PROJECT_ROLES]


class ProjectRole(OrgScopedModel):
    """A member's role in one project, in place of the one in the organization. It raises or lowers."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="+")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    role = models.CharField(max_length=10, choices=_PROJECT_CHOICES)

    class Meta:
        db_table = "project_roles"
        constraints = [
            models.UniqueConstraint(fields=["project", "user"], name="project_role_project_user_uniq"),
            models.CheckConstraint(
                condition=models.Q(role__in=[role.value for role in PROJECT_ROLES]), name="project_role_known"
            ),
        ]


class Invitation(OrgScopedModel):
    """An e-mail address that may join with a role. The link's secret is in the mail and in no table.

    ``project`` and ``project_role`` give another role in one project from the start.
    """

    email = models.EmailField()
    role = models.CharField(max_length=10, choices=Role)
    project = models.ForeignKey(Project, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    project_role = models.CharField(max_length=10, blank=True, default="", choices=_PROJECT_CHOICES)
    invited_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "invitations"
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "email"],
                condition=models.Q(accepted_at=None, revoked_at=None),
                name="invitation_one_pending",
            ),
            models.CheckConstraint(condition=models.Q(role__in=Role.values), name="invitation_role_known"),
        ]

    def state(self, now: datetime) -> str:
        """``pending``, ``expired``, ``accepted`` or ``revoked`` at ``now``."""
        if self.accepted_at is not None:
            return "accepted"
        if self.revoked_at is not None:
            return "revoked"
        return "pending" if self.expires_at > now else "expired"


class InvitationLookup(models.Model):
    """What finds an invitation by its link, before its organization is known; written beside Invitation."""

    invitation_id = models.BigIntegerField(primary_key=True)
    digest = models.BinaryField(max_length=32, unique=True)
    organization_id = models.BigIntegerField()
    expires_at = models.DateTimeField()

    class Meta:
        db_table = "invitation_lookup"
