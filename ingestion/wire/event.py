"""The event of the REST endpoints as it is on the wire (telemetry.md, "The event"): names, types and limits."""

from typing import Annotated, cast

import msgspec
from msgspec import Meta, Raw

from ingestion.wire.amounts import MAX_COUNT

Text50 = Annotated[str, Meta(max_length=50)]
Text64 = Annotated[str, Meta(max_length=64)]
Text100 = Annotated[str, Meta(max_length=100)]
Text255 = Annotated[str, Meta(max_length=255)]
Count = Annotated[int, Meta(ge=0, le=MAX_COUNT)]
HttpStatus = Annotated[int, Meta(ge=0, le=999)]
Milliseconds = Annotated[float, Meta(ge=0, le=MAX_COUNT)]
Tags = Annotated[
    dict[Text50, Annotated[str, Meta(max_length=200)]],
    Meta(max_length=20),
]

ABSENT = Raw()


class Event(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, gc=False):
    """Decoding straight into this is the fast path; whatever it refuses is read again member by member.

    Null means "not given" everywhere. ``Raw`` members have several forms and are read by the assembler. Counts and
    texts here are as sent: aliases apart, usage not yet inclusive, nothing hashed.
    """

    model: Text255 | None = None
    id: Text64 | None = None
    timestamp: Raw = ABSENT
    provider: Text100 | None = None
    response_model: Text255 | None = None
    operation: Text50 | None = None
    endpoint_name: Text100 | None = None
    feature: Text100 | None = None
    team: Text100 | None = None
    environment: Text100 | None = None
    project: Text100 | None = None
    user_id: Text255 | None = None
    session_id: Text255 | None = None
    trace_id: Text255 | None = None
    span_id: Text255 | None = None
    parent_span_id: Text255 | None = None
    input_tokens: Count | None = None
    prompt_tokens: Count | None = None
    output_tokens: Count | None = None
    completion_tokens: Count | None = None
    total_tokens: Count | None = None
    cached_input_tokens: Count | None = None
    cache_write_tokens: Count | None = None
    cache_write_1h_tokens: Count | None = None
    audio_input_tokens: Count | None = None
    cached_audio_input_tokens: Count | None = None
    image_input_tokens: Count | None = None
    reasoning_tokens: Count | None = None
    audio_output_tokens: Count | None = None
    image_output_tokens: Count | None = None
    extra_units: Raw = ABSENT
    usage: Raw = ABSENT
    latency_ms: Milliseconds | None = None
    time_to_first_token_ms: Milliseconds | None = None
    status: Text50 | None = None
    error_type: Text255 | None = None
    http_status: HttpStatus | None = None
    stream: bool | None = None
    service_tier: Text50 | None = None
    prompt_hash: Annotated[str, Meta(max_length=128)] | None = None
    prompt_prefix_hash: Annotated[str, Meta(max_length=128)] | None = None
    cost_usd: Raw = ABSENT
    response_id: Text255 | None = None
    upstream_request_id: Text255 | None = None
    finish_reason: Text255 | None = None
    agent_name: Text255 | None = None
    prompt_version: Text255 | None = None
    usage_partial: bool | None = None
    usage_estimated: bool | None = None
    retries: Count | None = None
    ratelimit_remaining_requests: Count | None = None
    ratelimit_remaining_tokens: Count | None = None
    tags: Tags | None = None
    git_branch: Text255 | None = None
    git_commit: Text255 | None = None


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part[:1].upper() + part[1:] for part in rest)


# msgspec renames only the members a class defines itself, so the camelCase twin is made from the list of them.
CamelEvent = cast(
    "type[Event]",
    msgspec.defstruct(
        "CamelEvent",
        [(f.name, f.type, f.default) for f in msgspec.structs.fields(Event)],
        rename=_camel,
        forbid_unknown_fields=True,
        kw_only=True,
        gc=False,
    ),
)

SNAKE_NAMES = {name: name for name in Event.__struct_fields__}
CAMEL_NAMES = {_camel(name): name for name in Event.__struct_fields__} | SNAKE_NAMES
SET_BY_SERVER = "source"
