"""Samples of cloud functions and workers; the table is created by SQL, because its numbers are unconstrained."""

from django.db import models

from core.scope import OrgScopedModel


class CloudSample(OrgScopedModel):
    """How much memory a resource was given and used at a moment, and what that cost.

    A resource is whatever its sender calls one: a function, a worker, a container. None is unknown, which is not zero.
    """

    pk = models.CompositePrimaryKey("project", "sampled_at", "sample_id")
    organization = models.ForeignKey(
        "tenants.Organization", on_delete=models.DO_NOTHING, related_name="+", db_constraint=False
    )
    project = models.ForeignKey("tenants.Project", on_delete=models.DO_NOTHING, related_name="+", db_constraint=False)
    sampled_at = models.DateTimeField()
    sample_id = models.TextField()
    received_at = models.DateTimeField()
    api_key_id = models.BigIntegerField()
    resource = models.TextField()
    kind = models.TextField()
    team = models.TextField()
    environment = models.TextField()
    allocated_mb = models.DecimalField(max_digits=60, decimal_places=30)
    used_mb = models.DecimalField(max_digits=60, decimal_places=30)
    invocations = models.BigIntegerField(null=True)
    duration_ms = models.FloatField(null=True)
    cost_usd = models.DecimalField(max_digits=60, decimal_places=30, null=True)

    class Meta:
        managed = False
        db_table = "cloud_samples"
