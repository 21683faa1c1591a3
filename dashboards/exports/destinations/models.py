"""Buckets that calls are copied to, and the copies of single hours or days."""

from typing import Any, Final

from django.db import models
from django.utils import timezone

from core.scope import OrgScopedModel

TASK: Final = "exports.fill_destination"
LONGEST_NAME: Final = 100


class Destination(OrgScopedModel):
    """A place in a bucket. ``filled_until`` is when the next slot begins: calls received before were copied already.

    ``lease`` is of the worker that is at it, until ``leased_until``: two at once would write the same files twice.
    ``is_conditional``: the server refuses to write over an object when asked to (``If-None-Match``).
    """

    class Cadence(models.TextChoices):
        HOURLY = "hourly", "Every hour"
        DAILY = "daily", "Every day"

    name = models.CharField(max_length=LONGEST_NAME)
    project = models.ForeignKey("tenants.Project", null=True, on_delete=models.CASCADE, related_name="+")
    endpoint = models.CharField(max_length=300)
    region = models.CharField(max_length=50)
    bucket = models.CharField(max_length=63)
    prefix = models.CharField(max_length=200, default="")
    key_id = models.CharField(max_length=128)
    sealed = models.BinaryField(default=b"")
    is_conditional = models.BooleanField(default=True)
    cadence = models.CharField(max_length=10, choices=Cadence)
    is_active = models.BooleanField(default=True)
    paused_reason = models.CharField(max_length=300, default="")
    filled_until = models.DateTimeField()
    next_at = models.DateTimeField(null=True)
    failures = models.PositiveSmallIntegerField(default=0, help_text="in a row")
    lease = models.UUIDField(null=True)
    leased_until = models.DateTimeField(null=True)
    created_by = models.ForeignKey("tenants.User", null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        db_table = "export_destinations"
        constraints = [
            models.UniqueConstraint(fields=["organization", "name"], name="destination_org_name_uniq"),
            models.UniqueConstraint(
                fields=["organization", "endpoint", "bucket", "prefix"], name="destination_org_place_uniq"
            ),
            models.CheckConstraint(
                condition=models.Q(is_active=True, next_at__isnull=False)
                | models.Q(is_active=False, next_at__isnull=True),
                name="destination_waits_while_active",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def sealed_for(self) -> str:
        """What the secret is bound to: this row."""
        return f"export-destination:{self.organization_id}:{self.pk}"

    @property
    def place(self) -> str:
        """As people write it."""
        return f"{self.bucket}/{self.prefix}" if self.prefix else self.bucket


class DestinationRun(OrgScopedModel):
    """One slot: calls that were received from ``slot_from`` to before ``slot_to``.

    ``left`` are days and projects that have such calls and are not copied yet, null before they were looked for; of
    the first one everything up to ``cursor_…`` is in ``parts``, the files that were written.
    """

    class State(models.TextChoices):
        RUNNING = "running", "Being copied"
        FAILED = "failed", "Failed"
        DONE = "done", "Copied"

    destination = models.ForeignKey(Destination, on_delete=models.CASCADE, related_name="runs")
    slot_from = models.DateTimeField()
    slot_to = models.DateTimeField(help_text="excluded")
    folder = models.CharField(max_length=500)
    state = models.CharField(max_length=10, choices=State, default=State.RUNNING)
    left = models.JSONField(null=True)
    cursor_started_at = models.DateTimeField(null=True)
    cursor_call_id = models.TextField(default="")
    parts = models.JSONField(default=list)
    rows = models.BigIntegerField(default=0)
    bytes = models.BigIntegerField(default=0)
    manifest_key = models.CharField(max_length=600, default="")
    attempts = models.PositiveIntegerField(default=0)
    error = models.CharField(max_length=300, default="")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "export_destination_runs"
        constraints = [
            models.UniqueConstraint(fields=["destination", "slot_from"], name="destination_run_once_a_slot"),
            models.CheckConstraint(condition=models.Q(slot_from__lt=models.F("slot_to")), name="destination_run_slot"),
            models.CheckConstraint(
                condition=~models.Q(state="done") | ~models.Q(manifest_key=""), name="destination_run_done_has_manifest"
            ),
        ]

    @property
    def files(self) -> list[dict[str, Any]]:
        return list(self.parts)

    @property
    def megabytes(self) -> float:
        return self.bytes / 2**20
