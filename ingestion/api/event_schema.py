"""The event as a JSON Schema: names, types and limits from the decoder itself, meanings from telemetry's own words."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from ingestion.wire.event import Event

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
    "cost_usd": "Cost you know in US dollars; used where no price is known.",
    "response_id": "The provider's id of the answer. Of several records of one answer (same provider, model and token"
    " counts, within 10 minutes) all are accepted and stored and one is counted; see `duplicate_of` of a call.",
    "upstream_request_id": "The provider's id of the request.",
    "finish_reason": "Why the model stopped.",
    "agent_name": "Agent that made the call.",
    "prompt_version": "Version of the prompt's template.",
    "usage_partial": "The usage arrived only in part.",
    "usage_estimated": "The usage was estimated.",
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
)


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
