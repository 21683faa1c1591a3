"""API keys; what authenticates one is apart from the rest, because it is read before its organization is known."""

from datetime import datetime

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone

from core.scope import OrgScopedModel
from tenants.models.organizations import Project
from tenants.models.people import User


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
