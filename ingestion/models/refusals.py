"""What was refused, counted."""

from django.db import models

from core.scope import OrgScopedModel


class RejectedEvents(OrgScopedModel):
    """How often one reason refused telemetry of a project within an hour; kept for 90 days.

    ``hour`` is its start in the organization's time zone, as an instant. ``project_id`` is 0 when no project could be
    decided. ``kind`` is ``event`` for events of a request that was read, ``request`` for a request that was refused as
    a whole (``reason`` is the problem's slug), ``content`` for content fields that were dropped, which refuses nothing.

    ``count`` is how often. An event with several errors counts once for each of them; ``events`` counts it for the
    first of them only, so that it adds up. ``samples`` are at most 20 lists of field names as ``wire.field_names``
    lets them be kept, never a value.
    """

    pk = models.CompositePrimaryKey("organization", "hour", "project_id", "endpoint", "kind", "field", "reason")
    organization = models.ForeignKey(
        "tenants.Organization", on_delete=models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False
    )
    hour = models.DateTimeField()
    project_id = models.BigIntegerField()
    endpoint = models.TextField()
    kind = models.TextField()
    field = models.TextField()
    reason = models.TextField()
    count = models.BigIntegerField()
    events = models.BigIntegerField()
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()
    samples = models.JSONField()

    class Meta:
        db_table = "rejected_events"
        indexes = [models.Index(fields=["hour"], name="rejected_events_age")]
