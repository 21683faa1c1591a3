"""API keys; what authenticates one is apart from the rest, because it is read before its organization is known."""

from datetime import datetime

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone

from core.scope import OrgScopedModel
from tenants.models.history import AuditEntry
from tenants.models.organizations import Project
from tenants.models.people import User


class ApiKey(OrgScopedModel):
    """A machine credential of one project or, without one, of the whole organization. Its secret is in no table."""

    project = models.ForeignKey(Project, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    name = models.CharField(max_length=100)
    prefix = models.CharField(max_length=8, unique=True, help_text="The public part of the key, to recognise it by.")
    scopes = ArrayField(models.CharField(max_length=20))
    allowed_ranges = ArrayField(
        models.CharField(max_length=43), default=list, blank=True, help_text="Where it may come from; empty: anywhere."
    )
    created_by_kind = models.CharField(max_length=10, choices=AuditEntry.ActorKind, default=AuditEntry.ActorKind.SYSTEM)
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    # Keys are deleted in any order, together with their organization or project.
    replaced_by = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.SET_NULL, db_constraint=False, related_name="+"
    )
    expiry_told_days = models.PositiveSmallIntegerField(
        null=True, editable=False, help_text="How many days ahead people were last told that it expires."
    )

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
    pepper_id = models.BigIntegerField(help_text="core.keys.pepper_id of the digest's pepper; 1 before there were ids.")
    organization_id = models.BigIntegerField()
    project_id = models.BigIntegerField(null=True)
    scopes = ArrayField(models.CharField(max_length=20))
    allowed_ranges = ArrayField(models.CharField(max_length=43), default=list)
    expires_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "api_key_lookup"


class ApiKeyUsage(OrgScopedModel):
    """When and from where a key was last used; written at most once a minute a key, by the edge and the API."""

    key = models.OneToOneField(ApiKey, on_delete=models.CASCADE, primary_key=True, related_name="usage")
    last_used_at = models.DateTimeField()
    last_address = models.CharField(max_length=45, db_default="")

    class Meta:
        db_table = "api_key_usage"
