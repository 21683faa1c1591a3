"""Tables of the kernel: none belongs to a tenant."""

from django.db import models


class Heartbeat(models.Model):
    """The last sign of life of a process and what it says of itself, for the instance page. No tenant's data."""

    name = models.CharField(max_length=50, primary_key=True)
    seen_at = models.DateTimeField()
    facts = models.JSONField(default=dict)

    class Meta:
        db_table = "heartbeats"


class WorkDue(models.Model):
    """Work that must happen even when every message about it is lost: ids only, because no scope is open yet.

    ``task`` is the name of the Celery task that does it, called with ``organization_id`` and ``object_id``. What is
    done for a person and not for a tenant has no organization.
    """

    task = models.CharField(max_length=100)
    organization_id = models.BigIntegerField(null=True)
    object_id = models.BigIntegerField()
    due_at = models.DateTimeField()

    class Meta:
        db_table = "work_due"
        constraints = [models.UniqueConstraint(fields=["task", "object_id"], name="work_due_once")]
        indexes = [models.Index(fields=["due_at"], name="work_due_by_time")]
