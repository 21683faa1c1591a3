"""The event as a JSON Schema: names, types and limits from the decoder itself, meanings from telemetry's own words."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from ingestion.wire.amounts import MAX_COUNT
from ingestion.wire.event import Event
from ingestion.wire.samples import SampleEvent

Schema = dict[str, Any]

_MEANINGS: Final = {
    "model": "The model as the provider was asked for it. The only member that is required.",
    "id": "Identity of the call, with `timestamp`, in its project. A UUIDv7 is best; any other id needs a `timestamp`."
    " An event without an id is not protected against being stored twice.",
    "timestamp": "Start of the call: RFC 3339 with an offset, or the epoch in seconds or milliseconds. Without it: the"
    " time in a UUIDv7 id, else arrival. At most 10 minutes ahead and not older than the calls that are kept.",
    "provider": "Who was asked, in any spelling; inferred from the model when missing.",
    "response_model": "The model the provider says it used; it is priced in preference to `model`.",
    "operation": "chat (default), completion, embedding, image, audio, rerank, …",
    "endpoint_name": "What the call was for; `default` when missing.",
    "feature": "Another name of `endpoint_name`.",
    "team": "Team the cost belongs to; the project's team when missing.",
    "environment": "For example production; `default` when missing.",
    "project": "Slug of the project; only a key of the whole organization may name another than its own.",
    "user_id": "End user. A value that looks personal is stored as a keyed hash unless the project allows otherwise.",
    "session_id": "Conversation the call belongs to.",
    "trace_id": "Trace the call belongs to.",
    "span_id": "Span of the call in its trace.",
    "parent_span_id": "Span that made the call.",
    "input_tokens": "Tokens the model read. Whether cached ones are included is found out; both are understood.",
    "prompt_tokens": "Another name of `input_tokens`.",
    "output_tokens": "Tokens the model wrote.",
    "completion_tokens": "Another name of `output_tokens`.",
    "total_tokens": "Only used to find out whether the parts are included in the counts above.",
    "cached_input_tokens": "Part of the input that was read from a cache.",
    "cache_write_tokens": "Part of the input that was written to a cache.",
    "cache_write_1h_tokens": "Part of `cache_write_tokens` that is kept for an hour.",
    "audio_input_tokens": "Part of the input that was audio.",
    "cached_audio_input_tokens": "Part of the audio that was read from a cache.",
    "image_input_tokens": "Part of the input that was images.",
    "reasoning_tokens": "Part of the output that was reasoning.",
    "audio_output_tokens": "Part of the output that was audio.",
    "image_output_tokens": "Part of the output that was images.",
    "extra_units": "Billed units that are not tokens, by the catalogue's names, for example web searches or pages.",
    "usage": "A provider's own usage object instead of counts: OpenAI (chat and responses), Anthropic, Gemini, Bedrock,"
    " Mistral, Cohere, xAI, Groq, DeepSeek, OpenRouter.",
    "latency_ms": "Duration of the call in milliseconds.",
    "time_to_first_token_ms": "Milliseconds until the first token of a stream.",
    "status": "ok (default) or error.",
    "error_type": "Kind of the error.",
    "http_status": "Status of the provider's answer.",
    "stream": "Whether the answer was streamed.",
    "service_tier": "standard (default; also auto, default, on_demand), batch, flex, priority or fast.",
    "prompt_hash": "Hexadecimal hash of the prompt; hashed again under the organization's key before it is stored.",
    "prompt_prefix_hash": "The same of the first message and the tools.",
    "cost_usd": "Cost you know in US dollars; used where no price is known, or not what was used.",
    "response_id": "The provider's id of the answer. Of several records of one answer (same provider, model and token"
    " counts, within 10 minutes) all are accepted and stored and one is counted; see `duplicate_of` of a call.",
    "upstream_request_id": "The provider's id of the request.",
    "finish_reason": "Why the model stopped.",
    "agent_name": "Agent that made the call.",
    "prompt_version": "Version of the prompt's template.",
    "usage_partial": "The usage arrived only in part. With counts of 0 it is not known, nor is the cost.",
    "usage_estimated": "The usage was estimated. With counts of 0 it is not known, nor is the cost.",
    "retries": "Attempts before this one.",
    "ratelimit_remaining_requests": "What the provider said is left.",
    "ratelimit_remaining_tokens": "What the provider said is left.",
    "tags": "Free labels: at most 20, keys up to 50 characters, values up to 200.",
    "git_branch": "Branch of the code that made the call.",
    "git_commit": "Commit of the code that made the call.",
}
# Members with several forms, which the decoder reads by hand.
_BY_HAND: Final[Mapping[str, Schema]] = {
    "timestamp": {"type": ["string", "number", "null"]},
    "extra_units": {"type": ["object", "null"], "additionalProperties": {"type": "number"}},
    "usage": {"type": ["object", "null"], "additionalProperties": True},
    "cost_usd": {"type": ["string", "number", "null"]},
}
_ABOUT: Final = (
    "One LLM request. Null means not given. Members that carry content (`messages`, `prompt`, `input`, `output`,"
    " `completion`, `response`, …) are dropped and counted; other unknown members are named in `warnings`."
    " A call that went well without any count, `usage` or `extra_units` used what nobody knows: its cost is unknown,"
    " not 0. Send `input_tokens` and `output_tokens` of 0 for a call that used nothing."
)


_SAMPLE_MEANINGS: Final = {
    "resource": "What was measured: the name of a function, a worker, a container. Required.",
    "id": "Identity of the sample, with `timestamp`, in its project. A UUIDv7 is best; others need a `timestamp`."
    " A sample without an id is not protected against being stored twice.",
    "timestamp": "When it was measured: RFC 3339 with an offset, or the epoch in seconds or milliseconds; else the"
    " time in a UUIDv7 id, else arrival.",
    "kind": "What the resource is, in your words: function, worker, container, …",
    "team": "Team the resource belongs to; the project's team when missing.",
    "environment": "For example production; `default` when missing.",
    "project": "Slug of the project; only a key of the whole organization may name another than its own.",
    "allocated_mb": "Memory the resource was given, in megabytes. Required.",
    "used_mb": "The most memory it used, in megabytes. Required. More than `allocated_mb` is stored and warned about.",
    "invocations": "How many invocations the sample covers.",
    "duration_ms": "How long they took together.",
    "cost_usd": "What they cost in US dollars; exact when sent as a string.",
}
_NUMBERS_BY_HAND: Final[Mapping[str, Schema]] = {
    "timestamp": _BY_HAND["timestamp"],
    "allocated_mb": {"type": "number", "exclusiveMinimum": 0, "maximum": MAX_COUNT},
    "used_mb": {"type": "number", "minimum": 0, "maximum": MAX_COUNT},
    "cost_usd": _BY_HAND["cost_usd"],
}
_ABOUT_SAMPLES: Final = (
    "How much memory a cloud function or worker was given and used. Null means not given. Members that carry content"
    " are dropped and counted; other unknown members are named in `warnings`."
)


def sample_schema() -> Schema:
    """JSON Schema 2020-12 of a sample of ``POST /api/v1/cloud-metrics``."""
    properties = {
        member.encode_name: _sample_member(member.name, member.type) | {"description": _SAMPLE_MEANINGS[member.name]}
        for member in msgspec.structs.fields(SampleEvent)
    }
    required = ["resource", "allocated_mb", "used_mb"]
    return {"type": "object", "description": _ABOUT_SAMPLES, "required": required, "properties": properties}


def _sample_member(name: str, kind: Any) -> Schema:
    if name in _NUMBERS_BY_HAND:
        return dict(_NUMBERS_BY_HAND[name])
    return _member("model" if name == "resource" else name, kind)  # required, so it may not be null


def event_schema() -> Schema:
    """JSON Schema 2020-12 of an event of ``POST /api/v1/ingest``, ``POST /api/ingest`` and ``POST /log``."""
    properties = {
        member.encode_name: _member(member.name, member.type) | {"description": _MEANINGS[member.name]}
        for member in msgspec.structs.fields(Event)
    }
    return {"type": "object", "description": _ABOUT, "required": ["model"], "properties": properties}


def _member(name: str, kind: Any) -> Schema:
    if name in _BY_HAND:
        return dict(_BY_HAND[name])
    forms: list[Schema] = msgspec.json.schema(kind)["anyOf"]
    (form,) = [form for form in forms if form["type"] != "null"]
    return form if name == "model" else form | {"type": [form["type"], "null"]}
