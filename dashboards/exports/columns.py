"""What an exported call is made of: every stored field, never content. Names are those of the API where it has one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from dashboards.exports.writers.types import MONEY_DIGITS, Column, Kind, Rendering


@dataclass(frozen=True, slots=True)
class CallColumn:
    """A column, what it says, and where the database has it. ``is_ours``: its texts are of a closed list of our own."""

    name: str
    kind: Kind
    help: str
    stored: str
    is_ours: bool = False

    @property
    def column(self) -> Column:
        return Column(self.name, self.kind)


def _text(name: str, help_text: str, stored: str = "") -> CallColumn:
    return CallColumn(name, Kind.TEXT, help_text, f"c.{stored or name}")


def _ours(name: str, help_text: str) -> CallColumn:
    return CallColumn(name, Kind.TEXT, help_text, f"c.{name}", is_ours=True)


def _of(kind: Kind, name: str, help_text: str, stored: str = "") -> CallColumn:
    return CallColumn(name, kind, help_text, f"c.{stored or name}")


# By id: a join made the planner sort every page in several processes, a sub-select cost like all the rest.
_SLUG: Final = "(%(slugs)s::jsonb ->> c.project_id::text)"
_KEY: Final = "(%(keys)s::jsonb ->> c.api_key_id::text)"
CALLS: Final = (
    _text("id", "Id of the call, as sent or else the server's.", "call_id"),
    _of(Kind.MOMENT, "timestamp", "Start of the call, UTC; with id and project its identity.", "started_at"),
    _of(Kind.MOMENT, "received_at", "When the server accepted it, UTC."),
    CallColumn("project", Kind.TEXT, "Slug of the project.", _SLUG),
    CallColumn("api_key", Kind.TEXT, "Prefix of the key that sent it.", _KEY),
    _text("provider", "Normalised name of the provider."),
    _text("provider_raw", "The provider as sent."),
    _text("model", "The model as sent."),
    _text("response_model", "The model that the provider says it used."),
    _text("model_key", "Catalogue id where priced, else the cleaned name."),
    _text("operation", "chat, embedding, …"),
    _text("endpoint_name", "Feature: what the call was for.", "feature"),
    _text("team", "Team as stored with the call."),
    _text("environment", "Environment as sent."),
    _text("user_id", "End user; a keyed hash where the value looked personal."),
    _text("session_id", "Session as sent."),
    _text("trace_id", "Trace as sent."),
    _text("span_id", "Span as sent."),
    _text("parent_span_id", "Parent span as sent."),
    _of(Kind.INTEGER, "input_tokens", "Everything that the model read, cached parts included."),
    _of(Kind.INTEGER, "output_tokens", "Everything that the model wrote, reasoning included."),
    _of(Kind.INTEGER, "cached_input_tokens", "Part of input: read from a cache."),
    _of(Kind.INTEGER, "cache_write_tokens", "Part of input: written to a cache."),
    _of(Kind.INTEGER, "cache_write_1h_tokens", "Part of that: kept for an hour."),
    _of(Kind.INTEGER, "audio_input_tokens", "Part of input: audio."),
    _of(Kind.INTEGER, "cached_audio_input_tokens", "Part of audio input: read from a cache."),
    _of(Kind.INTEGER, "image_input_tokens", "Part of input: images."),
    _of(Kind.INTEGER, "reasoning_tokens", "Part of output: reasoning."),
    _of(Kind.INTEGER, "audio_output_tokens", "Part of output: audio."),
    _of(Kind.INTEGER, "image_output_tokens", "Part of output: images."),
    _of(Kind.JSON, "extra_units", "Billed units that are not tokens, with their quantity."),
    _ours("usage_rule", "Which reading of the emitter's counts was used."),
    _of(Kind.FLAG, "usage_inconsistent", "The counts contradict each other."),
    _of(Kind.FLAG, "usage_partial", "The stream ended before its usage arrived."),
    _of(Kind.FLAG, "usage_estimated", "The counts are an estimate."),
    _of(Kind.NUMBER, "latency_ms", "Milliseconds from start to end."),
    _of(Kind.NUMBER, "time_to_first_token_ms", "Milliseconds to the first token."),
    _ours("status", "ok or error."),
    _text("error_type", "Kind of error, as sent."),
    _of(Kind.INTEGER, "http_status", "HTTP status of the provider's answer."),
    _of(Kind.FLAG, "stream", "The answer was streamed."),
    _text("service_tier", "standard, batch, flex, …"),
    _text("prompt_hash", "Keyed hash; equal prompts of one organization have equal ones."),
    _text("prompt_prefix_hash", "Keyed hash of how the prompt begins."),
    _of(Kind.MONEY, "cost_usd", "Cost of the call. Empty is unknown, which is not zero."),
    _of(Kind.MONEY, "cost_input_usd", "Part of the cost: input that was not cached."),
    _of(Kind.MONEY, "cost_cached_input_usd", "Part of the cost: input read from a cache."),
    _of(Kind.MONEY, "cost_cache_write_usd", "Part of the cost: input written to a cache."),
    _of(Kind.MONEY, "cost_output_usd", "Part of the cost: output other than reasoning."),
    _of(Kind.MONEY, "cost_reasoning_usd", "Part of the cost: reasoning."),
    _of(Kind.MONEY, "cost_other_usd", "Part of the cost: fees that are not tokens."),
    _of(Kind.MONEY, "reported_cost_usd", "The cost that the client reported."),
    _ours("cost_source", "rate_card, override, reported or none."),
    _ours("price_match", "Which step of matching found the price; no-usage: nobody knows what the call used."),
    _of(Kind.INTEGER, "rate_card_id", "The rate card that the cost comes from."),
    _text("response_id", "The provider's id of its answer."),
    _text("upstream_request_id", "The provider's id of the request."),
    _text("finish_reason", "Why the model stopped."),
    _text("agent_name", "Agent as sent."),
    _text("prompt_version", "Version of the prompt as sent."),
    _of(Kind.INTEGER, "retries", "How often the client had tried before."),
    _of(Kind.INTEGER, "ratelimit_remaining_requests", "Requests left of the provider's limit."),
    _of(Kind.INTEGER, "ratelimit_remaining_tokens", "Tokens left of the provider's limit."),
    _of(Kind.JSON, "tags", "Free tags as sent."),
    _text("git_branch", "Branch of the code that made the call."),
    _text("git_commit", "Commit of the code that made the call."),
    _ours("source", "sdk, rest, otlp, gateway or import."),
    _text("duplicate_of", "Id of the call that this second record of one answer is counted with; it is in no sum."),
    _of(Kind.MOMENT, "duplicate_of_timestamp", "Timestamp of that call.", "duplicate_of_started_at"),
)
BY_NAME: Final = {column.name: column for column in CALLS}
USUAL: Final = (
    *("timestamp", "project", "id", "provider", "model", "model_key", "endpoint_name", "team", "environment"),
    *("user_id", "input_tokens", "cached_input_tokens", "output_tokens", "reasoning_tokens", "latency_ms", "status"),
    *("error_type", "cost_usd", "cost_source", "duplicate_of"),
)
"""What most people want of a call."""

# What a spreadsheet takes for a formula by its first character (core.spreadsheets.plain).
_FORMULA: Final = "9, 13, 43, 45, 61, 64"
_SAFE: Final = frozenset({_KEY, _SLUG})  # ours: letters and digits


def chosen(names: Sequence[str]) -> tuple[CallColumn, ...]:
    """The columns with these names, in this order.

    :raises KeyError: there is no such column.
    """
    return tuple(BY_NAME[name] for name in names)


def expression(column: CallColumn, rendering: Rendering) -> str:
    """The column as SQL, over ``calls c``."""
    as_json = rendering == Rendering.JSON
    match column.kind:
        case Kind.MOMENT:
            return f"""to_char({column.stored} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"""
        case Kind.MONEY:
            rounded = f"round({column.stored}, {MONEY_DIGITS})" if rendering == Rendering.CSV else column.stored
            return f"trim_scale({rounded})::text"
        case Kind.FLAG:
            return column.stored if as_json else f"{column.stored}::text"
        case Kind.TEXT:
            return _text_expression(column, rendering)
    return column.stored


def _text_expression(column: CallColumn, rendering: Rendering) -> str:
    """'' says that the client gave none: null, as the API has it. Letters come first, for most texts begin with one."""
    text = column.stored
    if column.is_ours or column.stored in _SAFE or rendering != Rendering.SAFE_CSV:
        return f"nullif({text}, '')"
    return (
        f"case when {text} = '' then null when ascii({text}) > 64 then {text}"
        f" when ascii({text}) in ({_FORMULA}) then '''' || {text} else {text} end"
    )
