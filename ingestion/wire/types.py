"""What a call or a sample is once it has been understood: where every wire format ends. Imports nothing of ours."""

from datetime import datetime
from decimal import Decimal

import msgspec


class Usage(msgspec.Struct, gc=False):
    """Token counts in inclusive form: a part never exceeds the whole that contains it.

    ``input ⊃ {cached, cache_write ⊃ {cache_write_1h}, audio_input ⊃ {cached_audio_input}, image_input}`` and
    ``output ⊃ {reasoning, audio_output, image_output}``. Cached audio is in ``cached`` as well as in ``audio_input``; a
    cached image is in ``cached`` only. ``extra_units`` are catalogue units that are not tokens
    (web searches, pages, …) with their quantity. The order counts: counts are given and copied by position.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    cached_input_tokens: int = 0
    cache_write_tokens: int = 0
    cache_write_1h_tokens: int = 0
    audio_input_tokens: int = 0
    cached_audio_input_tokens: int = 0
    image_input_tokens: int = 0
    reasoning_tokens: int = 0
    audio_output_tokens: int = 0
    image_output_tokens: int = 0
    extra_units: dict[str, Decimal] | None = None
    rule: str = "inclusive"  # which reading of the emitter's counts was used (otel-dialects.md §3)
    inconsistent: bool = False  # the counts contradict each other; stored as sent, never clamped


class Call(msgspec.Struct, gc=False):
    """One LLM request as telemetry, validated and normalised, before it is priced. Never its content.

    Texts hold no U+0000 and no lone surrogates; ``''`` stands for "not given" so that rollup dimensions are NOT NULL.
    Durations are milliseconds. ``call_id`` and ``started_at`` (UTC, microseconds) are the identity within a project.

    The order counts: the decoders give what nearly every call has by position, which takes a tenth of the time that
    two dozen names take.
    """

    call_id: str
    started_at: datetime
    provider: str  # canonical, otel-dialects.md §2; '' when it could not be inferred
    model: str
    usage: Usage
    provider_raw: str = ""
    response_model: str = ""
    operation: str = "chat"
    feature: str = "default"
    team: str = ""  # as sent; '' means the project's team
    environment: str = "default"
    user_id: str = ""
    latency_ms: float | None = None
    status: str = "ok"  # or "error"
    error_type: str = ""
    http_status: int | None = None
    stream: bool = False
    service_tier: str = "standard"
    tags: str = "{}"  # JSON object, already encoded: the writer copies it as it is
    source: str = "rest"
    session_id: str = ""
    time_to_first_token_ms: float | None = None
    response_id: str = ""
    project_slug: str = ""  # a project other than the key's own that the event names: the caller decides
    trace_id: str = ""
    span_id: str = ""
    parent_span_id: str = ""
    upstream_request_id: str = ""
    prompt_hash: str = ""
    prompt_prefix_hash: str = ""
    reported_cost_usd: Decimal | None = None
    finish_reason: str = ""
    agent_name: str = ""
    prompt_version: str = ""
    usage_partial: bool = False
    usage_estimated: bool = False
    retries: int | None = None
    ratelimit_remaining_requests: int | None = None
    ratelimit_remaining_tokens: int | None = None
    git_branch: str = ""
    git_commit: str = ""


class Sample(msgspec.Struct, gc=False, kw_only=True):
    """How much memory a cloud function or worker was given and used, measured or summed up over some invocations.

    ``sample_id`` and ``sampled_at`` (UTC, microseconds) are the identity within a project. Megabytes are exact as sent;
    more used than allocated is possible where a platform lets a worker grow. None is unknown.
    """

    sample_id: str
    sampled_at: datetime
    resource: str
    kind: str = ""
    team: str = ""  # as sent; '' means the project's team
    environment: str = "default"
    allocated_mb: Decimal
    used_mb: Decimal
    invocations: int | None = None
    duration_ms: float | None = None
    cost_usd: Decimal | None = None
    project_slug: str = ""  # a project other than the key's own that the sample names: the caller decides
