"""Organizations, their members and their projects."""

from datetime import datetime, timedelta

from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.utils import timezone

from core.scope import OrgScopedModel
from tenants.models.people import User
from tenants.permissions import Role

SLUG = RegexValidator(r"\A[a-z0-9]+(-[a-z0-9]+)*\Z", "Use lower-case letters, digits and single hyphens.")


class Organization(models.Model):
    """The tenant. Only what must be known before a scope can be opened; the rest is in OrganizationSettings."""

    slug = models.CharField(max_length=50, unique=True, validators=[SLUG])
    name = models.CharField(max_length=100)

    class Meta:
        db_table = "organizations"

    def __str__(self) -> str:
        return self.name


class OrganizationSettings(OrgScopedModel):
    """What an organization decides for all its projects."""

    organization = models.OneToOneField(Organization, on_delete=models.CASCADE, primary_key=True, related_name="+")
    time_zone = models.CharField(max_length=64, default="UTC", help_text="IANA name; days and months are local to it.")
    monthly_event_quota = models.BigIntegerField(
        null=True, help_text="Events a calendar month that are taken; null: no limit."
    )
    mfa_required = models.BooleanField(
        default=False,
        db_default=False,
        help_text="Members without two-step sign-in are let in when they have set it up.",
    )
    display_currency = models.CharField(
        max_length=3, default="USD", db_default="USD", help_text="ISO 4217; what pages show costs in."
    )
    hash_key = models.BinaryField(help_text="Encrypted key of prompt and user hashes; 32 bytes when opened.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    delete_at = models.DateTimeField(
        null=True, blank=True, help_text="When it is to be deleted; until then its keys do not work."
    )

    class Meta:
        db_table = "organization_settings"
        constraints = [
            models.CheckConstraint(condition=models.Q(monthly_event_quota__gt=0), name="organization_quota_positive"),
        ]


class Membership(models.Model):
    """A user's role in an organization; read before a scope is open, so it has no row-level security."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, choices=Role)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        db_table = "memberships"
        constraints = [
            models.UniqueConstraint(fields=["organization", "user"], name="membership_org_user_uniq"),
            models.CheckConstraint(condition=models.Q(role__in=Role.values), name="membership_role_known"),
        ]


class Project(OrgScopedModel):
    """The unit that telemetry, keys and dashboards attach to."""

    slug = models.CharField(max_length=50, validators=[SLUG])
    name = models.CharField(max_length=100)
    team = models.ForeignKey(
        "tenants.Team",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="projects",
        help_text="Whose its calls are that name no team.",
    )
    is_default = models.BooleanField(default=False, help_text="Where an organization's key writes when it names none.")
    allow_personal_ids = models.BooleanField(default=False, help_text="Store user ids that look personal as sent.")
    default_environment = models.CharField(
        max_length=100, default="default", db_default="default", help_text="The environment of calls that name none."
    )
    retention_days = models.PositiveSmallIntegerField(
        default=180,
        validators=[MinValueValidator(7), MaxValueValidator(730)],
        help_text="Days calls are kept; rollups are kept 25 months.",
    )
    calls_since = models.DateTimeField(
        null=True, blank=True, help_text="Calls before this moment were deleted under an earlier, shorter retention."
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    delete_at = models.DateTimeField(
        null=True, blank=True, help_text="When it is to be deleted; until then its keys do not work."
    )

    archived_at = models.DateTimeField(
        null=True, blank=True, help_text="Since when it takes no telemetry and is out of navigation."
    )

    class Meta:
        db_table = "projects"
        constraints = [
            models.UniqueConstraint(fields=["organization", "slug"], name="project_org_slug_uniq"),
            models.UniqueConstraint(
                fields=["organization"], condition=models.Q(is_default=True), name="project_org_one_default"
            ),
            models.CheckConstraint(
                condition=models.Q(retention_days__gte=7, retention_days__lte=730),
                name="project_retention_bounds",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def kept_from(self, now: datetime) -> datetime:
        """The moment from which every call is still there at ``now``."""
        expired = now - timedelta(days=self.retention_days)
        return expired if self.calls_since is None else max(expired, self.calls_since)
