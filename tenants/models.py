"""Tables of people and tenants. Those without row-level security are the closed list of architecture.md."""

from datetime import datetime
from typing import Any, ClassVar

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager
from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.utils import timezone

from core.scope import OrgScopedModel
from tenants.permissions import Role

SLUG = RegexValidator(r"\A[a-z0-9]+(-[a-z0-9]+)*\Z", "Use lower-case letters, digits and single hyphens.")


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        user = self.model(email=self.normalize_email(email).lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email__iexact=username)


class User(AbstractBaseUser):
    """A person, known by e-mail address. ``is_staff`` marks an instance administrator, who sees no tenant data."""

    email = models.EmailField(unique=True, error_messages={"unique": "This address is already in use."})
    name = models.CharField(max_length=100, blank=True)
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        db_table = "users"

    def __str__(self) -> str:
        return self.email


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
    hash_key = models.BinaryField(help_text="Encrypted key of prompt and user hashes; 32 bytes when opened.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        db_table = "organization_settings"


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
    is_default = models.BooleanField(default=False, help_text="Where an organization's key writes when it names none.")
    allow_personal_ids = models.BooleanField(default=False, help_text="Store user ids that look personal as sent.")
    retention_days = models.PositiveSmallIntegerField(
        default=180,
        validators=[MinValueValidator(7), MaxValueValidator(730)],
        help_text="Days calls are kept; rollups are kept 25 months.",
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)

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


class ApiKey(OrgScopedModel):
    """A machine credential of one project or, without one, of the whole organization. Its secret is in no table."""

    project = models.ForeignKey(Project, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    name = models.CharField(max_length=100)
    prefix = models.CharField(max_length=8, unique=True, help_text="The public part of the key, to recognise it by.")
    scopes = ArrayField(models.CharField(max_length=20))
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "api_keys"

    def state(self, now: datetime) -> str:
        """``active``, ``expired`` or ``revoked`` at ``now``."""
        if self.revoked_at is not None:
            return "revoked"
        return "active" if self.expires_at is None or self.expires_at > now else "expired"

    def is_usable(self, now: datetime) -> bool:
        """Neither revoked nor expired at ``now``."""
        return self.state(now) == "active"


class ApiKeyLookup(models.Model):
    """What must be known to authenticate a key, before its organization is known; written beside ApiKey."""

    key_id = models.BigIntegerField(primary_key=True)
    prefix = models.CharField(max_length=8, unique=True)
    digest = models.BinaryField(max_length=32)
    pepper_id = models.PositiveSmallIntegerField(default=1)
    organization_id = models.BigIntegerField()
    project_id = models.BigIntegerField(null=True)
    scopes = ArrayField(models.CharField(max_length=20))
    expires_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "api_key_lookup"


class ApiKeyUsage(OrgScopedModel):
    """When a key was last used; the edge writes it at most once a minute a key."""

    key = models.OneToOneField(ApiKey, on_delete=models.CASCADE, primary_key=True, related_name="usage")
    last_used_at = models.DateTimeField()

    class Meta:
        db_table = "api_key_usage"


class AuditEntry(OrgScopedModel):
    """Who changed what. Written in the change's own transaction; the application may add rows and never alter them."""

    actor = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    action = models.CharField(max_length=50, help_text="noun.verb, for example key.created")
    target_kind = models.CharField(max_length=50)
    target_id = models.CharField(max_length=64)
    facts = models.JSONField(default=dict, help_text="What changed, without secrets.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        db_table = "audit_entries"
        indexes = [models.Index(fields=["organization", "-created_at"], name="audit_org_created")]
