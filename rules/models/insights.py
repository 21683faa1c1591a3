"""What rules found, and what became of it."""

from django.db import models
from django.utils import timezone

from core.scope import OrgScopedModel
from rules.models.choices import RULES, SEVERITIES, usd


class Insight(OrgScopedModel):
    """A finding of a rule. Found again it is the same row: equal fingerprint, newer numbers.

    ``is_firing`` says what the last evaluation found, whatever people did with the row. Savings are null where they
    are not known or nothing; ``saving_parts`` says where they are made, so that sums count one cost once.
    """

    class Status(models.TextChoices):
        OPEN = "open", "Open"
        ACKNOWLEDGED = "acknowledged", "Acknowledged"
        MUTED = "muted", "Muted"
        RESOLVED = "resolved", "Resolved"

    project = models.ForeignKey("tenants.Project", null=True, on_delete=models.CASCADE, related_name="+")
    budget = models.ForeignKey("rules.Budget", null=True, on_delete=models.CASCADE, related_name="insights")
    rule = models.CharField(max_length=40, choices=RULES)
    fingerprint = models.CharField(max_length=64, help_text="SHA-256 of rule, project and what it is one per.")
    subject = models.JSONField(default=dict, help_text="The columns there is one insight per.")
    team = models.TextField(default="")
    feature = models.TextField(default="")
    provider = models.TextField(default="")
    model = models.TextField(default="")
    resource = models.TextField(default="")

    severity = models.CharField(max_length=10, choices=SEVERITIES)
    status = models.CharField(max_length=12, choices=Status, default=Status.OPEN)
    muted_until = models.DateTimeField(null=True)
    assignee = models.ForeignKey("tenants.User", null=True, on_delete=models.SET_NULL, related_name="+")
    is_firing = models.BooleanField(default=True)
    first_seen_at = models.DateTimeField(default=timezone.now)
    last_seen_at = models.DateTimeField(default=timezone.now)
    opened_at = models.DateTimeField(default=timezone.now, help_text="The last time it was opened.")
    resolved_at = models.DateTimeField(null=True)
    times_reopened = models.IntegerField(default=0)

    evidence = models.JSONField(help_text="rules.engine.insights.evidence_json")
    window_days = models.IntegerField(default=1)
    saving_window_usd = usd(null=True)
    saving_month_usd = usd(null=True)
    saving_year_usd = usd(null=True)
    saving_is_upper_bound = models.BooleanField(default=False)
    saving_note = models.CharField(max_length=60, default="")
    saving_prices = models.JSONField(default=list, help_text="The model's price and the alternative's.")
    saving_parts = models.JSONField(default=list, help_text="Where a month's saving is made.")

    class Meta:
        db_table = "insights"
        constraints = [
            models.UniqueConstraint(fields=["organization", "fingerprint"], name="insight_org_fingerprint_uniq"),
            models.CheckConstraint(
                condition=models.Q(status="resolved", resolved_at__isnull=False)
                | (~models.Q(status="resolved") & models.Q(resolved_at__isnull=True)),
                name="insight_resolved_has_a_time",
            ),
            models.CheckConstraint(
                condition=~models.Q(status="muted") | models.Q(muted_until__isnull=False),
                name="insight_muted_has_an_end",
            ),
        ]
        indexes = [
            models.Index(fields=["organization", "status", "-last_seen_at"], name="insight_org_status"),
            models.Index(fields=["project", "rule"], name="insight_project_rule"),
        ]

    @property
    def dedup_key(self) -> str:
        """What receivers of alerts know this occurrence by: equal until it was resolved and came again."""
        return f"{self.fingerprint}:{self.times_reopened}" if self.times_reopened else self.fingerprint

    @property
    def is_resolved(self) -> bool:
        return self.status == self.Status.RESOLVED


class InsightChange(OrgScopedModel):
    """One step in an insight's life: what happened, when, and who did it."""

    class ActorKind(models.TextChoices):
        USER = "user", "Person"
        KEY = "key", "API key"
        SYSTEM = "system", "TokenOps"

    insight = models.ForeignKey(Insight, on_delete=models.CASCADE, related_name="changes")
    kind = models.CharField(
        max_length=20,
        help_text="opened, reopened, resolved, severity, acknowledged, muted, unmuted, assigned or commented",
    )
    actor_kind = models.CharField(max_length=10, choices=ActorKind, default=ActorKind.SYSTEM)
    actor = models.ForeignKey("tenants.User", null=True, on_delete=models.SET_NULL, related_name="+")
    key_name = models.CharField(max_length=100, default="")
    facts = models.JSONField(default=dict)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        db_table = "insight_changes"
        indexes = [models.Index(fields=["insight", "created_at"], name="insight_change_time")]


class InsightComment(OrgScopedModel):
    """What somebody said about an insight."""

    insight = models.ForeignKey(Insight, on_delete=models.CASCADE, related_name="comments")
    author = models.ForeignKey("tenants.User", null=True, on_delete=models.SET_NULL, related_name="+")
    key_name = models.CharField(max_length=100, default="", help_text="The API key, where it was none of people.")
    text = models.TextField(max_length=2_000)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        db_table = "insight_comments"
        indexes = [models.Index(fields=["insight", "created_at"], name="insight_comment_time")]
