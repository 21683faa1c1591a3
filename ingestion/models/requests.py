"""What is remembered of requests besides their calls."""

from django.db import models

from core.scope import OrgScopedModel


class ProjectActivity(models.Model):
    """Whether and when a project last received calls: answers "waiting for your first call" without reading calls."""

    project_id = models.BigIntegerField(primary_key=True)
    organization_id = models.BigIntegerField()
    first_received_at = models.DateTimeField()
    last_received_at = models.DateTimeField()

    class Meta:
        db_table = "project_activity"


class IngestCounter(OrgScopedModel):
    """Events accepted by a project in a month, counted when they arrived and not when the calls were made.

    Duplicates are not counted. The project may be gone: what it sent was sent.
    """

    pk = models.CompositePrimaryKey("organization", "month", "project_id")
    organization = models.ForeignKey(
        "tenants.Organization", on_delete=models.DO_NOTHING, related_name="+", db_constraint=False
    )
    month = models.DateField(help_text="The first day of the month, local to the organization.")
    project_id = models.BigIntegerField()
    events = models.BigIntegerField()

    class Meta:
        db_table = "ingest_counters"


class IngestAnswer(OrgScopedModel):
    """The answer to a telemetry request that came with an ``Idempotency-Key``, kept for 24 hours.

    It says what became of events, never what they were. Digests are SHA-256: of the key, and of the decoded body.
    """

    pk = models.CompositePrimaryKey("api_key_id", "path", "key_digest")
    organization = models.ForeignKey(
        "tenants.Organization", on_delete=models.DO_NOTHING, related_name="+", db_constraint=False
    )
    api_key_id = models.BigIntegerField()
    path = models.TextField()
    key_digest = models.BinaryField()
    body_digest = models.BinaryField()
    status = models.SmallIntegerField()
    content_type = models.TextField()
    answer = models.BinaryField()
    created_at = models.DateTimeField()

    class Meta:
        db_table = "ingest_idempotency"
        indexes = [models.Index(fields=["created_at"], name="ingest_idempotency_age")]


class SeenResponse(OrgScopedModel):
    """The call that counts for a provider's response, kept for 48 hours: later records of it are counted with it.

    ``response`` is a digest of the provider, its response id and the token counts: some servers give many responses
    one id. ``model_names`` are all names the call has for its model, one a line.
    """

    pk = models.CompositePrimaryKey("project_id", "response")
    organization = models.ForeignKey(
        "tenants.Organization", on_delete=models.DO_NOTHING, related_name="+", db_constraint=False
    )
    project_id = models.BigIntegerField()
    response = models.UUIDField()
    started_at = models.DateTimeField()
    call_id = models.TextField()
    model_names = models.TextField()
    is_gateway = models.BooleanField()
    seen_at = models.DateTimeField()

    class Meta:
        db_table = "response_seen"
        indexes = [models.Index(fields=["seen_at"], name="response_seen_age")]
