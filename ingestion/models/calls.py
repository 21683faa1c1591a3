"""Calls and their sums; the tables are created by SQL in the migrations, because they are partitioned or packed."""

from django.db import models

from core.scope import OrgScopedModel
from ingestion.pricing.matching import NO_USAGE


class Measures(models.Model):
    """Token kinds and cost kinds, in calls (one call's) and in rollups (sums)."""

    input_tokens = models.BigIntegerField(default=0)
    output_tokens = models.BigIntegerField(default=0)
    cached_input_tokens = models.BigIntegerField(default=0)
    cache_write_tokens = models.BigIntegerField(default=0)
    cache_write_1h_tokens = models.BigIntegerField(default=0)
    audio_input_tokens = models.BigIntegerField(default=0)
    cached_audio_input_tokens = models.BigIntegerField(default=0)
    image_input_tokens = models.BigIntegerField(default=0)
    reasoning_tokens = models.BigIntegerField(default=0)
    audio_output_tokens = models.BigIntegerField(default=0)
    image_output_tokens = models.BigIntegerField(default=0)

    class Meta:
        abstract = True


def _usd(**options: object) -> "models.DecimalField[object, object]":
    """Unconstrained numeric in the database; the digits here are only Django's upper bound."""
    return models.DecimalField(max_digits=60, decimal_places=30, **options)  # type: ignore[arg-type]


class Call(OrgScopedModel, Measures):
    """One LLM request as telemetry: model, usage, latency, cost, attribution. Never its content.

    Partitioned by the UTC day of ``started_at``. ``cost_usd`` is the sum of the six costs, or null when unknown.
    One with ``duplicate_of`` is a second record of a provider call: stored and shown, and in no sum
    (``store.COUNTED``).
    """

    pk = models.CompositePrimaryKey("project", "started_at", "call_id")
    organization = models.ForeignKey(
        "tenants.Organization", on_delete=models.DO_NOTHING, related_name="+", db_constraint=False
    )
    project = models.ForeignKey("tenants.Project", on_delete=models.DO_NOTHING, related_name="+", db_constraint=False)
    api_key = models.ForeignKey("tenants.ApiKey", on_delete=models.DO_NOTHING, related_name="+", db_constraint=False)
    call_id = models.TextField()
    started_at = models.DateTimeField()
    received_at = models.DateTimeField()
    provider = models.TextField()
    provider_raw = models.TextField()
    model = models.TextField()
    response_model = models.TextField()
    model_key = models.TextField(help_text="catalogue id if priced, else the cleaned model name")
    operation = models.TextField()
    feature = models.TextField()
    team = models.TextField()
    environment = models.TextField()
    user_id = models.TextField()
    session_id = models.TextField()
    trace_id = models.TextField()
    span_id = models.TextField()
    parent_span_id = models.TextField()
    extra_units = models.JSONField(null=True)
    usage_rule = models.TextField()
    usage_inconsistent = models.BooleanField()
    usage_partial = models.BooleanField()
    usage_estimated = models.BooleanField()
    latency_ms = models.FloatField(null=True)
    time_to_first_token_ms = models.FloatField(null=True)
    status = models.TextField()
    error_type = models.TextField()
    http_status = models.IntegerField(null=True)
    stream = models.BooleanField()
    service_tier = models.TextField()
    prompt_hash = models.TextField()
    prompt_prefix_hash = models.TextField()
    cost_usd = _usd(null=True)
    cost_input_usd = _usd(null=True)
    cost_cached_input_usd = _usd(null=True)
    cost_cache_write_usd = _usd(null=True)
    cost_output_usd = _usd(null=True)
    cost_reasoning_usd = _usd(null=True)
    cost_other_usd = _usd(null=True)
    reported_cost_usd = _usd(null=True)
    cost_source = models.TextField(help_text="rate_card, override, reported or none")
    price_match = models.TextField()
    rate_card_id = models.BigIntegerField(null=True)
    response_id = models.TextField()
    upstream_request_id = models.TextField()
    finish_reason = models.TextField()
    agent_name = models.TextField()
    prompt_version = models.TextField()
    retries = models.BigIntegerField(null=True)
    ratelimit_remaining_requests = models.BigIntegerField(null=True)
    ratelimit_remaining_tokens = models.BigIntegerField(null=True)
    tags = models.JSONField(default=dict)
    git_branch = models.TextField()
    git_commit = models.TextField()
    source = models.TextField()
    duplicate_of = models.TextField(default="")
    duplicate_of_started_at = models.DateTimeField(null=True)

    class Meta:
        managed = False
        db_table = "calls"

    @property
    def is_usage_known(self) -> bool:
        """Whether anybody said what it used: otherwise its counts of 0 are no numbers, and its cost is unknown."""
        return self.price_match != NO_USAGE


class Rollup(OrgScopedModel, Measures):
    """Sums of calls over a period and every dimension dashboards group by. Dimensions are '' or 0, never null.

    Latencies are sums in milliseconds over the calls that gave one. The two histograms are packed into one number each
    (ingestion.histogram), so that ``sum()`` merges them. Costs are sums of known costs; ``unpriced_calls`` says how
    many are missing from them.
    """

    project = models.ForeignKey("tenants.Project", on_delete=models.DO_NOTHING, related_name="+", db_constraint=False)
    organization = models.ForeignKey(
        "tenants.Organization", on_delete=models.DO_NOTHING, related_name="+", db_constraint=False
    )
    provider = models.TextField()
    model_key = models.TextField()
    feature = models.TextField()
    team = models.TextField()
    environment = models.TextField()
    api_key_id = models.BigIntegerField()
    calls = models.BigIntegerField()
    errors = models.BigIntegerField()
    unpriced_calls = models.BigIntegerField()
    estimated_calls = models.BigIntegerField()
    cost_usd = _usd()
    cost_input_usd = _usd()
    cost_cached_input_usd = _usd()
    cost_cache_write_usd = _usd()
    cost_output_usd = _usd()
    cost_reasoning_usd = _usd()
    cost_other_usd = _usd()
    latency_calls = models.BigIntegerField()
    latency_sum_ms = models.FloatField()
    timed_output_tokens = models.BigIntegerField(help_text="output tokens of calls that gave a latency")
    first_token_calls = models.BigIntegerField()
    first_token_sum_ms = models.FloatField()
    latency_histogram = _usd()
    first_token_histogram = _usd()

    class Meta:
        abstract = True


class HourlyRollup(Rollup):
    """``bucket_start`` is the start of the hour in the organization's time zone, as an instant."""

    pk = models.CompositePrimaryKey(
        "project", "bucket_start", "provider", "model_key", "feature", "team", "environment", "api_key_id"
    )
    bucket_start = models.DateTimeField()

    class Meta:
        managed = False
        db_table = "call_rollups_hourly"


class DailyRollup(Rollup):
    """``bucket_date`` is the local date in the organization's time zone."""

    pk = models.CompositePrimaryKey(
        "project", "bucket_date", "provider", "model_key", "feature", "team", "environment", "api_key_id"
    )
    bucket_date = models.DateField()

    class Meta:
        managed = False
        db_table = "call_rollups_daily"
