"""Reports that were made, and the schedules that have them made and sent."""

from typing import Final

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone

from core.scope import OrgScopedModel
from dashboards.reports.timing import Cadence, Plan

LONGEST_NAME: Final = 100


class Schedule(OrgScopedModel):
    """A report that comes by itself, on the organization's clock, to some channels.

    It is made with the rights of whoever wrote these terms last: a person (``runs_as``) or an API key. ``next_at`` is
    the slot it waits for, null while it is paused; ``paused_reason`` says why where nobody paused it.
    """

    class Cadence(models.TextChoices):
        DAILY = "daily", "Every day"
        WEEKLY = "weekly", "Every week"
        MONTHLY = "monthly", "Every month"

    name = models.CharField(max_length=LONGEST_NAME)
    project = models.ForeignKey("tenants.Project", null=True, on_delete=models.CASCADE, related_name="+")
    span = models.CharField(max_length=20)
    sections = ArrayField(models.CharField(max_length=20))
    cadence = models.CharField(max_length=10, choices=Cadence)
    at = models.TimeField()
    weekday = models.PositiveSmallIntegerField(default=0, help_text="From Monday, 0; of a weekly one.")
    month_day = models.PositiveSmallIntegerField(default=1, help_text="1 to 31; a shorter month's last day.")
    attaches_pdf = models.BooleanField(default=True)
    is_active = models.BooleanField(default=True)
    paused_reason = models.CharField(max_length=200, default="")
    next_at = models.DateTimeField(null=True)
    runs_as = models.ForeignKey("tenants.User", null=True, on_delete=models.SET_NULL, related_name="+")
    api_key = models.ForeignKey("tenants.ApiKey", null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        db_table = "report_schedules"
        constraints = [
            models.UniqueConstraint(fields=["organization", "name"], name="report_schedule_org_name_uniq"),
            models.CheckConstraint(
                condition=models.Q(weekday__lte=6, month_day__gte=1, month_day__lte=31),
                name="report_schedule_day_exists",
            ),
            models.CheckConstraint(
                condition=models.Q(is_active=True, next_at__isnull=False)
                | models.Q(is_active=False, next_at__isnull=True),
                name="report_schedule_waits_while_active",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def plan(self) -> Plan:
        return Plan(Cadence(self.cadence), self.at, self.weekday, self.month_day)


class ScheduleChannel(OrgScopedModel):
    """Where a schedule's reports go; a channel that is deleted is gone from here."""

    schedule = models.ForeignKey(Schedule, on_delete=models.CASCADE, related_name="recipients")
    channel = models.ForeignKey("alerts.Channel", on_delete=models.CASCADE, related_name="+")

    class Meta:
        db_table = "report_schedule_channels"
        constraints = [models.UniqueConstraint(fields=["schedule", "channel"], name="report_schedule_channel_once")]


class Report(OrgScopedModel):
    """One report: ordered, then made by a worker. What it says is in ``numbers``; every form is written from them.

    ``slot_at`` is the moment of the schedule that it answers to, at most one report each. ``left_out`` are projects
    that its numbers do without, so that it is shown to nobody who may see less.
    """

    class State(models.TextChoices):
        QUEUED = "queued", "Being made"
        READY = "ready", "Ready"
        FAILED = "failed", "Failed"

    project = models.ForeignKey("tenants.Project", null=True, on_delete=models.CASCADE, related_name="+")
    schedule = models.ForeignKey(Schedule, null=True, on_delete=models.SET_NULL, related_name="reports")
    slot_at = models.DateTimeField(null=True)
    is_sent = models.BooleanField(default=False, help_text="Whether it goes to the schedule's channels.")
    span = models.CharField(max_length=20)
    first_day = models.DateField()
    last_day = models.DateField()
    sections = ArrayField(models.CharField(max_length=20))
    state = models.CharField(max_length=10, choices=State, default=State.QUEUED)
    error = models.CharField(max_length=300, default="")
    failures = models.PositiveSmallIntegerField(default=0)
    numbers = models.JSONField(null=True)
    left_out = ArrayField(models.BigIntegerField(), default=list)
    pdf = models.BinaryField(null=True)
    pdf_bytes = models.PositiveIntegerField(default=0)
    bulletin = models.ForeignKey("alerts.Bulletin", null=True, on_delete=models.SET_NULL, related_name="+")
    runs_as = models.ForeignKey("tenants.User", null=True, on_delete=models.SET_NULL, related_name="+")
    api_key = models.ForeignKey("tenants.ApiKey", null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    made_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "reports"
        constraints = [
            models.UniqueConstraint(fields=["schedule", "slot_at"], name="report_once_a_slot"),
            models.CheckConstraint(
                condition=~models.Q(state="ready") | models.Q(numbers__isnull=False, made_at__isnull=False),
                name="report_ready_has_numbers",
            ),
        ]
        indexes = [models.Index(fields=["organization", "-created_at"], name="report_org_created")]

    @property
    def is_ready(self) -> bool:
        return self.state == self.State.READY
