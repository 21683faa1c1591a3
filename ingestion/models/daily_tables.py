"""Daily sums beside the rollups; the tables are created by SQL in the migrations, as those of calls are.

Second records of a call are in none of them, and estimated calls in none that rules read.
"""

from django.db import models

from core.scope import OrgScopedModel
from ingestion.models.calls import Measures


class _Sums(OrgScopedModel):
    """What all say of calls. ``cost_usd`` sums known costs; ``unpriced_calls`` says how many are missing from it."""

    organization = models.ForeignKey(
        "tenants.Organization", on_delete=models.DO_NOTHING, related_name="+", db_constraint=False
    )
    project = models.ForeignKey("tenants.Project", on_delete=models.DO_NOTHING, related_name="+", db_constraint=False)
    bucket_date = models.DateField(help_text="Local date in the organization's time zone.")
    provider = models.TextField()
    model_key = models.TextField()
    calls = models.BigIntegerField()
    unpriced_calls = models.BigIntegerField()
    cost_usd = models.DecimalField(max_digits=60, decimal_places=30)

    class Meta:
        abstract = True


class _Named(_Sums):
    """Those of rules say what the calls were for, too."""

    feature = models.TextField()
    team = models.TextField()

    class Meta:
        abstract = True


class SizeRollup(_Named, Measures):
    """The calls of a day whose input and output tokens together are below ``size`` and not below the next smaller one.

    Sizes are ``daily_tables.SIZE_BOUNDS``; every call is below the last.
    """

    pk = models.CompositePrimaryKey(
        "organization", "project", "bucket_date", "provider", "model_key", "feature", "team", "size"
    )
    size = models.IntegerField()

    class Meta:
        managed = False
        db_table = "call_sizes_daily"


class PromptRollup(_Named):
    """The calls of a day that one client library, gateway or instrumentation reported with the same hash of a prompt.

    ``kind`` is ``full`` for the whole prompt or ``prefix`` for how it begins; a call with both is in a row of each.
    Calls that arrive more than two days late are left out, and a prompt that came once is forgotten after that time.
    A project's day holds at most ``daily_tables.MOST_PROMPTS`` rows: those that came first.
    """

    pk = models.CompositePrimaryKey(
        "organization", "project", "bucket_date", "hash", "kind", "source", "provider", "model_key", "feature", "team"
    )
    hash = models.TextField()
    kind = models.TextField()
    source = models.TextField()
    input_tokens = models.BigIntegerField()
    cached_input_tokens = models.BigIntegerField()

    class Meta:
        managed = False
        db_table = "prompt_hash_daily"


class UserRollup(_Sums):
    """The calls of a day that were made for one end user with one model; calls for nobody have no row.

    A project's day keeps ``daily_tables.MOST_USERS`` users apart, those that came first; the rest is ``(other)``.
    ``user_id`` is as calls hold it: what looks personal is a keyed hash (ingestion.end_users).
    """

    pk = models.CompositePrimaryKey("organization", "project", "bucket_date", "user_id", "provider", "model_key")
    user_id = models.TextField()
    errors = models.BigIntegerField()
    estimated_calls = models.BigIntegerField()
    input_tokens = models.BigIntegerField()
    cached_input_tokens = models.BigIntegerField()
    output_tokens = models.BigIntegerField()
    reasoning_tokens = models.BigIntegerField()

    class Meta:
        managed = False
        db_table = "user_rollups_daily"
