"""What a span says was used, made inclusive (otel-dialects.md §3).

Rule 0 is what the scope or a tell-tale attribute says about the emitter; the arithmetic of ``settle`` does the rest.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

from ingestion.wire.amounts import NumberError
from ingestion.wire.batch import FieldError
from ingestion.wire.otlp import names
from ingestion.wire.otlp.names import Names
from ingestion.wire.otlp.shapes import Shape
from ingestion.wire.otlp.spans import Attributes, Span, Value
from ingestion.wire.otlp.values import count, json_object
from ingestion.wire.types import Usage
from ingestion.wire.usage import UNSTATED, CountError, Reading, settle
from ingestion.wire.usage_reader import UnknownShapeError, UsageError, UsageReader
from ingestion.wire.usage_shapes import parse_usage

_EXCLUSIVE_BEFORE_6: Final = frozenset({"anthropic", "aws.bedrock"})
_INCLUSIVE_SCOPES: Final = ("pydantic-ai", "logfire.pydantic-ai")
_REASONING_BESIDE: Final = frozenset({"x_ai"})
_CACHE_MEMBERS: Final = ("cacheCreationInputTokens", "cacheWriteInputTokens")


class Known(NamedTuple):
    """What the emitter is known to do with cached and with reasoning tokens, before looking at the numbers."""

    cache: Reading = Reading.UNKNOWN
    reasoning: Reading = Reading.UNKNOWN


_NOTHING_KNOWN: Final = Known()


def read_usage(span: Span, shape: Shape, provider: str, errors: list[FieldError]) -> Usage:
    """Inclusive usage of a call; what cannot be used is added to ``errors``."""
    attributes = span.attributes
    if not shape.has_main_counts:
        for name in shape.usage_objects:
            found = _from_object(attributes[name], provider, errors)
            if found is not None:
                return found
    usage = Usage()
    for field, given in shape.counts:
        setattr(usage, field, _first_count(attributes, given, field, errors))
    total = _first_count(attributes, shape.totals, "total_tokens", errors)
    if names.CACHE_INPUT in attributes:
        _add_unsafe_cache(usage, span, errors)
    metadata = _provider_metadata(attributes)
    if metadata:
        _add_metadata(usage, metadata)
    usage = _settled(usage, total, _known(span, shape, provider, usage, metadata), errors)
    has_counts = usage.input_tokens or usage.output_tokens or metadata or names.CACHE_INPUT in attributes
    if not has_counts and not _states_any(attributes, shape):
        usage.rule = UNSTATED
    return usage


def _states_any(attributes: Attributes, shape: Shape) -> bool:
    """Whether a count is there, be it 0."""
    given = (attributes[name] for _, names_of_it in shape.counts for name in names_of_it)
    return any(value is not None and value != "" for value in given)


def _first_count(attributes: Attributes, given: Names, field: str, errors: list[FieldError]) -> int:
    """The count under the name that is believed first; 0 where none says anything."""
    for name in given:
        value = attributes[name]
        if value is not None and value != "":
            return _count(field, value, errors)
    return 0


def _count(field: str, value: Value, errors: list[FieldError]) -> int:
    try:
        return count(value)
    except NumberError as error:
        errors.append(FieldError(field, str(error)))
        return 0


def _settled(usage: Usage, total: int, known: Known, errors: list[FieldError]) -> Usage:
    try:
        return settle(usage, total=total, cache=known.cache, reasoning=known.reasoning)
    except CountError as error:
        errors.append(FieldError(error.field, str(error)))
        return usage


def _add_unsafe_cache(usage: Usage, span: Span, errors: list[FieldError]) -> None:
    if span.attributes.get(names.CACHE_INPUT) is None or "litellm" in span.origin.scope_name.lower():
        return
    if not any(name in span.attributes for name in names.CACHE_READ):
        usage.cached_input_tokens = _count("cached_input_tokens", span.attributes[names.CACHE_INPUT], errors)


def _known(span: Span, shape: Shape, provider: str, usage: Usage, metadata: Mapping[str, object]) -> Known:
    """Rule 0."""
    if span.origin.scope_name in _INCLUSIVE_SCOPES:
        return Known(Reading.INSIDE, Reading.INSIDE)
    reasoning = Reading.LIKELY_BESIDE if provider in _REASONING_BESIDE else Reading.UNKNOWN
    if not shape.is_ai_sdk:
        return _NOTHING_KNOWN if reasoning is Reading.UNKNOWN else Known(reasoning=reasoning)
    return Known(_ai_sdk_cache(shape, provider, usage, metadata), reasoning)


def _ai_sdk_cache(shape: Shape, provider: str, usage: Usage, metadata: Mapping[str, object]) -> Reading:
    """Inclusive from version 6 on; before that what the provider says, and Anthropic's input is what was not cached."""
    raw = _raw_input(metadata)
    if raw is not None and usage.input_tokens in {raw, raw + usage.cached_input_tokens + usage.cache_write_tokens}:
        return Reading.BESIDE if usage.input_tokens == raw else Reading.INSIDE
    if shape.is_ai_sdk_6:
        return Reading.INSIDE
    return Reading.BESIDE if provider in _EXCLUSIVE_BEFORE_6 else Reading.UNKNOWN


def _provider_metadata(attributes: Attributes) -> Mapping[str, object]:
    """What the AI SDK passes through from Anthropic or Bedrock."""
    if names.PROVIDER_METADATA not in attributes:
        return {}
    metadata = json_object(attributes[names.PROVIDER_METADATA])
    found = metadata.get("anthropic") or metadata.get("bedrock") or metadata.get("vertex")
    return found if isinstance(found, dict) else {}


def _raw_input(metadata: Mapping[str, object]) -> int | None:
    """Anthropic's own ``input_tokens``, which never has the cached ones."""
    usage = metadata.get("usage")
    raw = usage.get("input_tokens") if isinstance(usage, dict) else None
    return raw if isinstance(raw, int) and not isinstance(raw, bool) else None


def _add_metadata(usage: Usage, metadata: Mapping[str, object]) -> None:
    """Cache writes, which the AI SDK counted nowhere else before version 6, and which of them live for an hour."""
    raw = metadata.get("usage")
    members = raw if isinstance(raw, dict) else {}
    try:
        reader = UsageReader(members)
        written = UsageReader(metadata).count(*_CACHE_MEMBERS) or reader.count(
            "cache_creation_input_tokens", "cacheWriteInputTokens"
        )
        usage.cache_write_tokens = usage.cache_write_tokens or written
        usage.cached_input_tokens = usage.cached_input_tokens or reader.count(
            "cache_read_input_tokens", "cacheReadInputTokens"
        )
        usage.cache_write_1h_tokens = reader.child("cache_creation").count("ephemeral_1h_input_tokens")
    except UsageError:
        usage.inconsistent = True


def _from_object(value: Value, provider: str, errors: list[FieldError]) -> Usage | None:
    """Usage from a JSON text, for emitters that have no counts; None when it holds none either."""
    members = json_object(value)
    if not members:
        return None
    try:
        return _langfuse(members) or parse_usage(members, provider).usage
    except UnknownShapeError:
        return None
    except (UsageError, CountError) as error:
        errors.append(FieldError("usage", "has a count that is not an integer from 0 to 1000000000"))
        return Usage(inconsistent=isinstance(error, CountError))


def _langfuse(members: Mapping[str, object]) -> Usage | None:
    """Langfuse's own names; its kinds of input are beside each other, and so are its kinds of output."""
    reader = UsageReader(members)
    if not reader.has("input", "output"):
        return None
    usage = Usage(
        input_tokens=reader.count("input"),
        output_tokens=reader.count("output"),
        cached_input_tokens=reader.count(
            "input_cached_tokens", "input_cache_read", "cache_read_input_tokens", "input_cache_read_tokens"
        ),
        cache_write_tokens=reader.count(
            "input_cache_creation", "input_cache_write", "cache_creation_input_tokens", "input_cache_creation_tokens"
        ),
        reasoning_tokens=reader.count("output_reasoning_tokens", "output_reasoning", "reasoning_tokens"),
        audio_input_tokens=reader.count("input_audio_tokens", "input_audio"),
        audio_output_tokens=reader.count("output_audio_tokens", "output_audio"),
    )
    return settle(usage, total=reader.count("total"), cache=Reading.LIKELY_BESIDE, reasoning=Reading.LIKELY_BESIDE)
