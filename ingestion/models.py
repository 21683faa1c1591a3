"""Tables of telemetry; the partitioned and rolled-up ones are created by SQL in the migrations."""

from django.db import models

from core.scope import OrgScopedModel


class RateCard(models.Model):
    """The price of a model from a moment on, per unit of usage. Without an organization it is the catalogue's."""

    organization = models.ForeignKey("tenants.Organization", null=True, on_delete=models.CASCADE, related_name="+")
    provider = models.CharField(max_length=100)
    provider_name = models.CharField(max_length=200, default="")
    catalogue_id = models.CharField(max_length=255)
    model_name = models.CharField(max_length=255, default="")
    position = models.PositiveIntegerField(help_text="The catalogue's own order; it decides among several hits.")
    match = models.JSONField()
    valid_from = models.DateTimeField(null=True, help_text="null: since ever")
    valid_to = models.DateTimeField(null=True, help_text="half-open; null: until further notice")
    window = models.JSONField(null=True, help_text="UTC time of day, when the price depends on it")
    context = models.JSONField(default=dict)
    prices = models.JSONField()
    source = models.CharField(max_length=50)
    version = models.CharField(max_length=50)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "rate_cards"
        indexes = [models.Index(fields=["provider", "catalogue_id"], name="rate_card_model")]


class CatalogueChange(models.Model):
    """One difference a catalogue import made, in words a person can check."""

    kind = models.CharField(max_length=20, help_text="added, changed or closed")
    provider = models.CharField(max_length=100)
    catalogue_id = models.CharField(max_length=255)
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)
    version = models.CharField(max_length=50)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "catalogue_changes"


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

    class Meta:
        managed = False
        db_table = "calls"


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


class ProjectActivity(models.Model):
    """Whether and when a project last received calls: answers "waiting for your first call" without reading calls."""

    project_id = models.BigIntegerField(primary_key=True)
    organization_id = models.BigIntegerField()
    first_received_at = models.DateTimeField()
    last_received_at = models.DateTimeField()

    class Meta:
        db_table = "project_activity"


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
