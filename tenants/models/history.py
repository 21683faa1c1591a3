"""What happened: to be proved (audit) and to be told (events)."""

from django.db import models
from django.utils import timezone

from core.scope import OrgScopedModel
from tenants.models.people import User


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
    severity = models.CharField(max_length=10, choices=Severity)
    subject_kind = models.CharField(max_length=50)
    subject_id = models.CharField(max_length=64)
    dedup_key = models.CharField(max_length=200)
    facts = models.JSONField(default=dict, help_text="Numbers and names for the message, without secrets.")
    link = models.CharField(max_length=500, default="", help_text="Path of the page about it.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    acknowledged_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "events"
        indexes = [models.Index(fields=["organization", "-created_at"], name="event_org_created")]
