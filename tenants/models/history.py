"""What happened: to be proved (audit) and to be told (events)."""

from django.db import models
from django.utils import timezone

from core.scope import OrgScopedModel


class AuditEntry(OrgScopedModel):
    """Who changed what. Written in the change's own transaction; the application may add rows and never alter them.

    ``sequence`` and the two hashes are the database's: at commit it chains the row to the organization's last one
    (migration 0006). What names or finds a person lies outside the hash, so that it can be erased without a break.
    """

    class ActorKind(models.TextChoices):
        USER = "user", "Person"
        KEY = "key", "API key"
        SYSTEM = "system", "TokenOps"

    actor_kind = models.CharField(max_length=10, choices=ActorKind)
    actor_user_id = models.BigIntegerField(null=True)
    actor_key_id = models.BigIntegerField(null=True)
    action = models.CharField(max_length=50, help_text="noun.verb, for example key.created")
    target_kind = models.CharField(max_length=50)
    target_id = models.CharField(max_length=64)
    facts = models.JSONField(default=dict, help_text="What changed, without secrets and without names of people.")
    request_id = models.CharField(max_length=64, default="")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    sequence = models.BigIntegerField(null=True, editable=False, help_text="1, 2, 3 … in an organization")
    previous_hash = models.BinaryField(null=True, editable=False)
    hash = models.BinaryField(null=True, editable=False)
    # Outside the hash
    actor_name = models.CharField(max_length=254, default="", help_text="E-mail address or name of the key, then.")
    address = models.CharField(max_length=64, default="")
    user_agent = models.CharField(max_length=300, default="")
    personal = models.JSONField(default=dict, help_text="Facts that name a person.")

    class Meta:
        db_table = "audit_entries"
        indexes = [models.Index(fields=["organization", "-created_at"], name="audit_org_created")]
        constraints = [
            models.UniqueConstraint(fields=["organization", "sequence"], name="audit_org_sequence_uniq"),
            models.CheckConstraint(
                condition=models.Q(actor_kind="user", actor_user_id__isnull=False, actor_key_id=None)
                | models.Q(actor_kind="key", actor_key_id__isnull=False, actor_user_id=None)
                | models.Q(actor_kind="system", actor_user_id=None, actor_key_id=None),
                name="audit_actor_is_one",
            ),
        ]


class AuditHead(OrgScopedModel):
    """The last entry of an organization's chain: a chain that was cut short does not reach it."""

    organization = models.OneToOneField(
        "tenants.Organization", on_delete=models.CASCADE, primary_key=True, related_name="+"
    )
    sequence = models.BigIntegerField()
    hash = models.BinaryField()

    class Meta:
        db_table = "audit_heads"


class Event(OrgScopedModel):
    """Something people may want to be told of. Alerts route on these columns and know nothing of who wrote them.

    Written in the transaction of what happened. ``dedup_key`` is equal for events that are the same matter, so that
    a receiver can update one alert instead of raising another.
    """

    class Severity(models.TextChoices):
        LOW = "low", "Low"
        MEDIUM = "medium", "Medium"
        HIGH = "high", "High"

    kind = models.CharField(max_length=50, help_text="noun.verb, for example catalogue.changed")
    project = models.ForeignKey("tenants.Project", null=True, on_delete=models.CASCADE, related_name="+")
    team = models.CharField(max_length=100, default="")
    rule = models.CharField(max_length=50, default="", db_default="", help_text="Of an insight; '' for all else.")
    severity = models.CharField(max_length=10, choices=Severity)
    subject_kind = models.CharField(max_length=50)
    subject_id = models.CharField(max_length=64)
    dedup_key = models.CharField(max_length=200)
    facts = models.JSONField(default=dict, help_text="Numbers and names for the message, without secrets.")
    link = models.CharField(max_length=500, default="", help_text="Path of the page about it.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    acknowledged_at = models.DateTimeField(null=True)
    acknowledged_by = models.ForeignKey("tenants.User", null=True, on_delete=models.SET_NULL, related_name="+")
    routed_at = models.DateTimeField(null=True, help_text="When alerts had decided whom to tell.")

    class Meta:
        db_table = "events"
        indexes = [
            models.Index(fields=["organization", "-created_at"], name="event_org_created"),
            models.Index(fields=["organization", "dedup_key", "id"], name="event_org_matter"),
        ]
