"""Where alerts go (channels), which go where (routes), and each message with every attempt to bring it there."""

from datetime import time
from typing import Final

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone

from core.scope import OrgScopedModel
from tenants.models import Event

LONGEST_NAME: Final = 100


def _words(length: int) -> "ArrayField[list[str], list[str]]":
    return ArrayField(models.CharField(max_length=length), default=list, blank=True)


class Channel(OrgScopedModel):
    """A place where people are told: a Slack channel, some addresses, a PagerDuty service, a webhook.

    ``config`` is what may be shown; ``sealed`` is a JSON object of secrets under ``core.vault``, addresses with a
    token in them included.
    """

    class Kind(models.TextChoices):
        SLACK = "slack", "Slack"
        EMAIL = "email", "E-mail"
        PAGERDUTY = "pagerduty", "PagerDuty"
        WEBHOOK = "webhook", "Webhook"

    name = models.CharField(max_length=LONGEST_NAME)
    kind = models.CharField(max_length=10, choices=Kind)
    config = models.JSONField(default=dict)
    sealed = models.BinaryField(default=b"")
    is_enabled = models.BooleanField(default=True)
    disabled_reason = models.CharField(max_length=300, default="", blank=True)
    failures = models.PositiveSmallIntegerField(default=0, help_text="Messages in a row that were given up.")
    last_failure = models.CharField(max_length=300, default="", blank=True)
    last_failure_at = models.DateTimeField(null=True, blank=True)
    last_success_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        db_table = "alert_channels"
        constraints = [models.UniqueConstraint(fields=["organization", "name"], name="alert_channel_org_name_uniq")]

    def __str__(self) -> str:
        return self.name

    @property
    def sealed_for(self) -> str:
        """What the secrets are bound to: this row."""
        return f"alert-channel:{self.organization_id}:{self.pk}"


class Route(OrgScopedModel):
    """Which events a channel is told of, and when. An empty list of anything means all of it."""

    class Pace(models.TextChoices):
        INSTANT = "instant", "At once"
        HOURLY = "hourly", "Every hour, together"
        DAILY = "daily", "Every day, together"

    name = models.CharField(max_length=LONGEST_NAME)
    channel = models.ForeignKey(Channel, on_delete=models.CASCADE, related_name="routes")
    is_enabled = models.BooleanField(default=True)
    min_severity = models.CharField(max_length=10, choices=Event.Severity, default=Event.Severity.LOW)
    kinds = _words(50)
    rules = _words(50)
    teams = _words(100)
    project_ids = ArrayField(models.BigIntegerField(), default=list, blank=True)
    pace = models.CharField(max_length=10, choices=Pace, default=Pace.INSTANT)
    digest_at = models.TimeField(default=time(9), help_text="Of a daily digest, on the organization's clock.")
    quiet_from = models.TimeField(null=True, blank=True)
    quiet_until = models.TimeField(null=True, blank=True)
    renotify_hours = models.PositiveSmallIntegerField(null=True, blank=True)
    tells_recovery = models.BooleanField(default=True)
    escalate_to = models.ForeignKey(Channel, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    escalate_after_minutes = models.PositiveSmallIntegerField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        db_table = "alert_routes"
        constraints = [
            models.UniqueConstraint(fields=["organization", "name"], name="alert_route_org_name_uniq"),
            models.CheckConstraint(
                condition=models.Q(quiet_from=None, quiet_until=None)
                | models.Q(quiet_from__isnull=False, quiet_until__isnull=False),
                name="alert_route_quiet_both",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Bulletin(OrgScopedModel):
    """Something that was made elsewhere and is sent as it is: its words, a text for terminals and chats, a file.

    Alerts know no more of it. Without its file, which is not kept for long, ``link`` leads to it.
    """

    title = models.CharField(max_length=200)
    sentences = ArrayField(models.TextField(), default=list)
    figures = models.JSONField(default=list, help_text="label, value and note of each, ready to read.")
    text = models.TextField(default="")
    link = models.CharField(max_length=300, default="", help_text="The path of the page about it.")
    project_ids = ArrayField(models.BigIntegerField(), default=list, help_text="Those it tells of.")
    file_name = models.CharField(max_length=100, default="")
    file_type = models.CharField(max_length=100, default="")
    file = models.BinaryField(null=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        db_table = "alert_bulletins"


class Delivery(OrgScopedModel):
    """One message to one channel: a row of the outbox from the moment it is decided until it arrived or was given up.

    ``key`` makes a decision happen once; ``message_id`` is the same for every attempt, so that a receiver that gets a
    message twice can tell. Whoever sends it holds it until ``leased_until``.
    """

    class Purpose(models.TextChoices):
        NEWS = "news", "Alert"
        RECOVERY = "recovery", "Recovery"
        REMINDER = "reminder", "Reminder"
        ESCALATION = "escalation", "Escalation"
        ACKNOWLEDGEMENT = "acknowledgement", "Acknowledgement"
        DIGEST = "digest", "Digest"
        TEST = "test", "Test"
        REPORT = "report", "Report"

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        DELIVERED = "delivered", "Delivered"
        FAILED = "failed", "Given up"
        CANCELLED = "cancelled", "Not needed"

    channel = models.ForeignKey(Channel, null=True, on_delete=models.SET_NULL, related_name="deliveries")
    channel_name = models.CharField(max_length=LONGEST_NAME, help_text="Of a channel that is gone.")
    channel_kind = models.CharField(max_length=10, choices=Channel.Kind)
    route = models.ForeignKey(Route, null=True, on_delete=models.SET_NULL, related_name="+")
    purpose = models.CharField(max_length=20, choices=Purpose)
    event_ids = ArrayField(models.BigIntegerField(), default=list)
    bulletin = models.ForeignKey(Bulletin, null=True, on_delete=models.SET_NULL, related_name="deliveries")
    events_left_out = models.PositiveIntegerField(default=0, help_text="Of a digest that was full.")
    project_ids = ArrayField(models.BigIntegerField(), default=list)
    key = models.CharField(max_length=100)
    message_id = models.CharField(max_length=50)
    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    reason = models.CharField(max_length=300, default="", help_text="Why it was given up or is not needed.")
    attempts = models.PositiveSmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField()
    leased_until = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(help_text="After this nobody tries again.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "alert_deliveries"
        constraints = [models.UniqueConstraint(fields=["organization", "key"], name="alert_delivery_once")]
        indexes = [models.Index(fields=["organization", "-created_at"], name="alert_delivery_org_created")]

    @property
    def is_over(self) -> bool:
        return self.state != self.State.WAITING


class DeliveryAttempt(OrgScopedModel):
    """One try to send a delivery and what the other side said."""

    class Outcome(models.TextChoices):
        DELIVERED = "delivered", "Delivered"
        RETRY = "retry", "Will be tried again"
        FAILED = "failed", "Refused"

    delivery = models.ForeignKey(Delivery, on_delete=models.CASCADE, related_name="tries")
    number = models.PositiveSmallIntegerField()
    started_at = models.DateTimeField()
    duration_ms = models.PositiveIntegerField()
    outcome = models.CharField(max_length=10, choices=Outcome)
    status = models.PositiveSmallIntegerField(null=True, help_text="HTTP or SMTP status; null where nothing answered.")
    answer = models.CharField(max_length=1_000, default="", help_text="The beginning of what was said, no secrets.")

    class Meta:
        db_table = "alert_delivery_attempts"
