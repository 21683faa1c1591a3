"""Exports: files of calls or numbers that were asked for, and how far their making is."""

from datetime import datetime, timedelta
from typing import Any, Final

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone

from core.scope import OrgScopedModel
from dashboards.exports.destinations.models import Destination, DestinationRun

__all__ = ["MOVING", "TASK", "Destination", "DestinationRun", "Export", "Pair"]

TASK: Final = "exports.make"
"""The task that makes files; who asks for one knows no more of it."""

type Pair = tuple[str, str]


class Export(OrgScopedModel):
    """One file. A task counts its rows some days at a time (``counted_until``), then writes them a few pages at a time.

    ``cursor_…`` is where reading goes on behind the rows of the file, which ``bytes`` long is whole so far;
    ``writer_state`` is what the format has to know to go on from there. What is longer on the disk was written by
    somebody who died. ``lease`` is of the worker that is at it, until ``leased_until``: two at once would write into
    each other's rows.

    ``project_ids`` are all that the file may hold: those that whoever asked for it could see. ``narrowed_by`` is the
    filter as pages write it, ``filters`` as calls are asked for.
    """

    class Kind(models.TextChoices):
        CALLS = "calls", "Calls"
        NUMBERS = "numbers", "Numbers"

    class Format(models.TextChoices):
        CSV = "csv", "CSV"
        JSON = "json", "JSON"
        NDJSON = "ndjson", "NDJSON"
        XLSX = "xlsx", "Excel (XLSX)"
        PARQUET = "parquet", "Parquet"

    class State(models.TextChoices):
        QUEUED = "queued", "Waiting"
        RUNNING = "running", "Being made"
        DONE = "done", "Ready"
        CANCELLED = "cancelled", "Cancelled"
        FAILED = "failed", "Failed"
        EXPIRED = "expired", "Expired"

    kind = models.CharField(max_length=10, choices=Kind, default=Kind.CALLS)
    format = models.CharField(max_length=10, choices=Format)
    name = models.CharField(max_length=100)
    columns = ArrayField(models.TextField())
    note = models.BooleanField(default=False, help_text="the file begins with a line about itself")
    project_ids = ArrayField(models.BigIntegerField())
    since = models.DateTimeField()
    until = models.DateTimeField(help_text="excluded")
    as_of = models.DateTimeField(help_text="calls received later are not in it")
    narrowed_by = models.JSONField(default=list)
    filters = models.JSONField(default=dict)
    question = models.JSONField(default=dict, help_text="of numbers: what the explorer was asked")

    state = models.CharField(max_length=10, choices=State, default=State.QUEUED)
    counted_until = models.DateTimeField(null=True)
    is_counted = models.BooleanField(default=False)
    rows_counted = models.BigIntegerField(default=0)
    rows = models.BigIntegerField(default=0)
    bytes = models.BigIntegerField(default=0)
    cursor_project_id = models.BigIntegerField(null=True)
    cursor_started_at = models.DateTimeField(null=True)
    cursor_call_id = models.TextField(default="")
    writer_state = models.JSONField(null=True, help_text="null: not begun")
    lease = models.UUIDField(null=True)
    leased_until = models.DateTimeField(null=True)

    failures = models.SmallIntegerField(default=0, help_text="in a row")
    error = models.TextField(default="", help_text="why it failed, or why the file is gone early")
    created_by = models.ForeignKey("tenants.User", null=True, on_delete=models.SET_NULL, related_name="+")
    key_id = models.BigIntegerField(null=True, help_text="the API key that asked for it")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    finished_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(null=True, help_text="when the file is deleted")

    class Meta:
        db_table = "exports"
        constraints = [
            models.CheckConstraint(condition=models.Q(since__lt=models.F("until")), name="export_period"),
        ]
        indexes = [models.Index(fields=["organization", "-created_at"], name="export_org_created")]

    @property
    def is_moving(self) -> bool:
        """Whether a task works on it."""
        return self.state in MOVING

    @property
    def is_ready(self) -> bool:
        """Whether there is a file to download."""
        return self.state == self.State.DONE

    @property
    def progress(self) -> float:
        """From 0 to 1; the first tenth is counting."""
        if not self.is_moving:
            return 1.0
        if not self.is_counted:
            return 0.1 * _part(self.counted_until, self.since, self.until)
        return 0.1 + 0.9 * min(1.0, self.rows / self.rows_counted if self.rows_counted else 0.0)

    @property
    def rows_gone(self) -> int:
        """Rows that were counted and no longer there when their turn came."""
        is_whole = self.state in {self.State.DONE, self.State.EXPIRED}
        return max(0, self.rows_counted - self.rows) if is_whole else 0

    @property
    def megabytes(self) -> float:
        return self.bytes / 2**20

    @property
    def last_moment(self) -> datetime:
        """The end of the period as people say it: inside of its last day."""
        return self.until - _INSTANT

    @property
    def file_name(self) -> str:
        """As the browser saves it: ASCII, and no name of a path."""
        kept = "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in self.name)
        words = "-".join(part for part in kept.split("-") if part) or self.kind
        return f"{words[:60].lower()}-{self.as_of:%Y%m%d-%H%M%S}.{self.format}"

    @property
    def pairs(self) -> list[Pair]:
        return [(str(name), str(value)) for name, value in self.narrowed_by]


MOVING: Final[Any] = (Export.State.QUEUED, Export.State.RUNNING)


_INSTANT: Final = timedelta(microseconds=1)


def _part(moment: datetime | None, start: datetime, end: datetime) -> float:
    return (moment - start) / (end - start) if moment else 0.0
