"""Daily sums by facet (ingestion.condensed); the tables are created by SQL in the migrations."""

from django.db import models

from core.scope import OrgScopedModel
from ingestion.models.calls import Rollup


class CondensedRollup(Rollup):
    """Sums of a settled day by the dimensions of one facet; the others are ''."""

    environment = None  # type: ignore[assignment]
    api_key_id = None  # type: ignore[assignment]

    pk = models.CompositePrimaryKey(
        "organization", "facet", "bucket_date", "project", "provider", "model_key", "team", "feature"
    )
    facet = models.TextField(help_text="model or feature")
    bucket_date = models.DateField()

    class Meta:
        managed = False
        db_table = "call_rollups_condensed"


class CondensedDay(OrgScopedModel):
    """What facets know of a day: all of it (condensed), or nothing that may be read (changed, too large)."""

    pk = models.CompositePrimaryKey("organization", "bucket_date")
    organization = models.ForeignKey(
        "tenants.Organization", on_delete=models.DO_NOTHING, related_name="+", db_constraint=False
    )
    bucket_date = models.DateField()
    state = models.TextField()

    class Meta:
        managed = False
        db_table = "condensed_days"
