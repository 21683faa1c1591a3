"""Re-pricing: what the calls of a period would cost, and then do cost, on the rate cards of today."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from django.db import models
from django.utils import timezone

from core.scope import OrgScopedModel

_INSTANT: Final = timedelta(microseconds=1)


def _usd() -> "models.DecimalField[Decimal, Decimal]":
    """Unconstrained numeric in the database; the digits here are only Django's upper bound."""
    return models.DecimalField(max_digits=60, decimal_places=30, default=Decimal(0))


class RepriceRun(OrgScopedModel):
    """One re-pricing of the calls of a period: a dry run first, whose report somebody then applies or leaves.

    A task walks the calls by (project, start, id), a slice a transaction; ``cursor_…`` is the last position that was
    looked at. Counts and sums are those of the dry run until the run is applied and of what really changed from then
    on; ``preview`` keeps what the dry run had said. Costs are sums of known ones: an unpriced call adds nothing.

    ``open_date`` is a day of the cursor's project whose calls have new prices and whose rollups are still to be
    counted again (docs/adr/0009-re-pricing.md).
    """

    class State(models.TextChoices):
        QUEUED = "queued", "Waiting"
        RUNNING = "running", "Dry run"
        READY = "ready", "Ready to apply"
        APPLYING = "applying", "Applying"
        APPLIED = "applied", "Applied"
        CANCELLED = "cancelled", "Cancelled"
        FAILED = "failed", "Failed"

    project = models.ForeignKey("tenants.Project", null=True, on_delete=models.CASCADE, related_name="+")
    provider = models.CharField(max_length=100, default="", blank=True, help_text="'': of every provider")
    model = models.CharField(max_length=255, default="", blank=True, help_text="as sent or as priced; '': every model")
    since = models.DateTimeField()
    until = models.DateTimeField(help_text="excluded")
    state = models.CharField(max_length=10, choices=State, default=State.QUEUED)

    cursor_project_id = models.BigIntegerField(null=True)
    cursor_started_at = models.DateTimeField(null=True)
    cursor_call_id = models.TextField(default="")
    open_date = models.DateField(null=True)

    calls_seen = models.BigIntegerField(default=0)
    calls_changed = models.BigIntegerField(default=0)
    newly_priced = models.BigIntegerField(default=0)
    newly_unpriced = models.BigIntegerField(default=0)
    calls_skipped = models.BigIntegerField(default=0, help_text="would change, but the sums of their day cannot")
    old_cost_usd = _usd()
    new_cost_usd = _usd()
    differences = models.JSONField(default=dict, help_text="by model, by feature, and some calls")
    preview = models.JSONField(default=dict, help_text="what the dry run had said, once the run is applied")

    failures = models.SmallIntegerField(default=0, help_text="in a row")
    error = models.TextField(default="")
    created_by = models.ForeignKey("tenants.User", null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    applied_by = models.ForeignKey("tenants.User", null=True, on_delete=models.SET_NULL, related_name="+")
    finished_at = models.DateTimeField(null=True, help_text="of the dry run, then of the whole run")

    class Meta:
        db_table = "reprice_runs"
        constraints = [
            models.CheckConstraint(condition=models.Q(since__lt=models.F("until")), name="reprice_run_period"),
            # Two at once would be exact as well; nobody could tell which of them a price comes from.
            models.UniqueConstraint(
                fields=["organization"], condition=models.Q(state="applying"), name="reprice_run_one_applying"
            ),
        ]
        indexes = [models.Index(fields=["organization", "-created_at"], name="reprice_run_org_created")]

    @property
    def is_moving(self) -> bool:
        """Whether a task works on it."""
        return self.state in {self.State.QUEUED, self.State.RUNNING, self.State.APPLYING}

    @property
    def is_cancellable(self) -> bool:
        return self.is_moving or self.state == self.State.READY

    @property
    def last_moment(self) -> datetime:
        """The end of the period as people say it: inside of its last day."""
        return self.until - _INSTANT
