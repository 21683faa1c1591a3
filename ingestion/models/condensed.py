"""Sums of days and hours by facet (ingestion.condensed); the tables are created by SQL in the migrations."""

from django.db import models

from core.scope import OrgScopedModel
from ingestion.models.calls import Rollup


class Facets(Rollup):
    """Sums of a settled day or hour by the dimensions of one facet; the others are ''."""

    environment = None  # type: ignore[assignment]
    api_key_id = None  # type: ignore[assignment]

    facet = models.TextField(help_text="feature, model or project feature")

    class Meta:
        abstract = True


class CondensedRollup(Facets):
    """Of a day."""

    pk = models.CompositePrimaryKey(
        "organization", "facet", "bucket_date", "project", "provider", "model_key", "team", "feature"
    )
    bucket_date = models.DateField()

    class Meta:
        managed = False
        db_table = "call_rollups_condensed"


class CondensedHourlyRollup(Facets):
    """Of an hour."""

    pk = models.CompositePrimaryKey(
        "organization", "facet", "bucket_start", "project", "provider", "model_key", "team", "feature"
    )
    bucket_start = models.DateTimeField()

    class Meta:
        managed = False
        db_table = "call_rollups_condensed_hourly"


class Mark(OrgScopedModel):
    """What facets know of a day or hour: all of it (condensed), or nothing that may be read (changed, too large)."""

    organization = models.ForeignKey(
        "tenants.Organization", on_delete=models.DO_NOTHING, related_name="+", db_constraint=False
    )
    state = models.TextField()

    class Meta:
        abstract = True


class CondensedDay(Mark):
    """Of a day."""

    pk = models.CompositePrimaryKey("organization", "bucket_date")
    bucket_date = models.DateField()

    class Meta:
        managed = False
        db_table = "condensed_days"


class CondensedHour(Mark):
    """Of an hour."""

    pk = models.CompositePrimaryKey("organization", "bucket_start")
    bucket_start = models.DateTimeField()

    class Meta:
        managed = False
        db_table = "condensed_hours"
