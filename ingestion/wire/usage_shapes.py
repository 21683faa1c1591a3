"""Raw ``usage`` objects as providers answer them, read into inclusive counts (otel-dialects.md §3).

Shapes are told apart by the members they have, because one provider's API is served by many others; the provider only
decides where the same shape means different things. Nothing but known numbers is ever read.
"""

from collections.abc import Callable, Mapping
from decimal import Context, Decimal

import msgspec

from ingestion.wire import usage as counts
from ingestion.wire.amounts import MAX_COUNT
from ingestion.wire.types import Usage
from ingestion.wire.usage import Reading, settle
from ingestion.wire.usage_reader import UnknownShapeError, UsageError, UsageReader

_TICK_PLACES = 10  # 1 USD is 10¹⁰ ticks (docs.x.ai, cost tracking)
_MOST_TICKS = MAX_COUNT * 10**_TICK_PLACES
_EXACT = Context(prec=60)
_REASONING_BESIDE = frozenset({"x_ai", "perplexity"})  # in their chat completions; their responses API is inclusive

type Shape = Callable[[UsageReader, str], Usage]


class ParsedUsage(msgspec.Struct, gc=False, kw_only=True):
    """Counts plus what some providers put beside them."""

    usage: Usage
    cost_usd: Decimal | None = None
    service_tier: str = ""  # as sent, unnormalised


def parse_usage(raw: Mapping[str, object], provider: str) -> ParsedUsage:
    """Read a provider's usage object; ``provider`` is the canonical name or ``''``.

    :raises UnknownShapeError: no shape we know.
    :raises UsageError: a count that is not an integer from 0 to 10⁹.
    """
    reader = _unwrapped(UsageReader(raw))
    for recognises, read in _SHAPES:
        if reader.has(*recognises):
            return _read(read, reader, provider)
    raise UnknownShapeError


def _read(read: Shape, reader: UsageReader, provider: str) -> ParsedUsage:
    try:
        usage = read(reader, provider)
    except counts.CountError as error:
        raise UsageError("usage", str(error)) from error
    tier = reader.text("service_tier", "serviceTier")
    return ParsedUsage(usage=usage, cost_usd=_reported_cost(reader), service_tier=tier)


def _unwrapped(reader: UsageReader) -> UsageReader:
    for name in ("usageMetadata", "usage_metadata", "usage", "meta"):
        if reader.has(name):
            return reader.child(name)
    return reader.child("x_groq").child("usage") if reader.has("x_groq") else reader


def _gemini(reader: UsageReader, _provider: str) -> Usage:
    """Cached is in the prompt count; thoughts are beside candidates, tool-use prompt tokens beside the prompt."""
    prompt = _modalities(reader, "promptTokensDetails", "prompt_tokens_details")
    tools = _modalities(reader, "toolUsePromptTokensDetails", "tool_use_prompt_tokens_details")
    cached = _modalities(reader, "cacheTokensDetails", "cache_tokens_details")
    written = _modalities(
        reader,
        "candidatesTokensDetails",
        "candidates_tokens_details",
        "responseTokensDetails",
        "response_tokens_details",
    )
    usage = Usage(
        input_tokens=reader.count("promptTokenCount", "prompt_token_count")
        + reader.count("toolUsePromptTokenCount", "tool_use_prompt_token_count"),
        output_tokens=reader.count(
            "candidatesTokenCount", "candidates_token_count", "responseTokenCount", "response_token_count"
        ),
        cached_input_tokens=reader.count("cachedContentTokenCount", "cached_content_token_count"),
        cached_audio_input_tokens=cached["AUDIO"],
        audio_input_tokens=prompt["AUDIO"] + tools["AUDIO"],
        reasoning_tokens=reader.count("thoughtsTokenCount", "thoughts_token_count"),
        audio_output_tokens=written["AUDIO"],
        image_output_tokens=written["IMAGE"],
    )
    return settle(
        _with_uncached_images(usage, prompt["IMAGE"] + tools["IMAGE"], cached["IMAGE"]),
        total=reader.count("totalTokenCount", "total_token_count"),
        cache=Reading.INSIDE,
        reasoning=Reading.LIKELY_BESIDE,
    )


def _modalities(reader: UsageReader, *names: str) -> dict[str, int]:
    """Audio and image tokens of a per-modality list. Documents are read as images; video is billed as plain input."""
    found = {"AUDIO": 0, "IMAGE": 0}
    for entry in reader.children(*names):
        modality = entry.text("modality").upper()
        key = "IMAGE" if modality == "DOCUMENT" else modality
        if key in found:
            found[key] += entry.count("tokenCount", "token_count")
    return found


def _with_uncached_images(usage: Usage, images: int, cached: int) -> Usage:
    """The tree's only place for a cached image is with the cached tokens, so ``image_input`` is what was not cached.

    More cached than read is a contradiction: the flag, never a negative count.
    """
    usage.image_input_tokens = max(images - cached, 0)
    usage.inconsistent = cached > images
    return usage


def _cohere(reader: UsageReader, _provider: str) -> Usage:
    """Billed units differ from token counts: what is billed is what we count."""
    billed = reader.child("billed_units", "billedUnits")
    usage = settle(
        Usage(
            input_tokens=billed.count("input_tokens", "inputTokens"),
            output_tokens=billed.count("output_tokens", "outputTokens"),
            extra_units=_units(rerank_searches=billed.quantity("search_units", "searchUnits")),
        )
    )
    usage.rule = counts.BILLED_UNITS
    return usage


def _plain_tokens(reader: UsageReader, _provider: str) -> Usage:
    """Cohere without billed units; the AI SDK's embeddings, where ``tokens`` is the number itself."""
    if reader.is_number("tokens"):
        return settle(Usage(input_tokens=reader.count("tokens")))
    tokens = reader.child("tokens")
    usage = Usage(
        input_tokens=tokens.count("input_tokens"),
        output_tokens=tokens.count("output_tokens"),
        cached_input_tokens=reader.count("cached_tokens"),
    )
    return settle(usage)


def _bedrock(reader: UsageReader, _provider: str) -> Usage:
    """Converse: input, cache read and cache write are disjoint."""
    hour = sum(entry.count("inputTokens") for entry in reader.children("cacheDetails") if entry.text("ttl") == "1h")
    usage = Usage(
        input_tokens=reader.count("inputTokens"),
        output_tokens=reader.count("outputTokens"),
        cached_input_tokens=reader.count("cacheReadInputTokens", "cacheReadInputTokenCount"),
        cache_write_tokens=reader.count("cacheWriteInputTokens", "cacheWriteInputTokenCount"),
        cache_write_1h_tokens=hour,
    )
    return settle(usage, total=reader.count("totalTokens"), cache=Reading.BESIDE)


def _ai_sdk(reader: UsageReader, provider: str) -> Usage:
    """Vercel AI SDK: version 6 has ``inputTokenDetails`` and is inclusive, before that only arithmetic tells."""
    input_parts, output_parts = reader.child("inputTokenDetails"), reader.child("outputTokenDetails")
    usage = Usage(
        input_tokens=reader.count("inputTokens", "promptTokens"),
        output_tokens=reader.count("outputTokens", "completionTokens"),
        cached_input_tokens=reader.count("cachedInputTokens") or input_parts.count("cacheReadTokens"),
        cache_write_tokens=input_parts.count("cacheWriteTokens"),
        reasoning_tokens=reader.count("reasoningTokens") or output_parts.count("reasoningTokens"),
    )
    return settle(
        usage,
        total=reader.count("totalTokens"),
        cache=Reading.INSIDE if reader.has("inputTokenDetails") else Reading.UNKNOWN,
        reasoning=_reasoning(provider),
    )


def _anthropic(reader: UsageReader, _provider: str) -> Usage:
    """Native: input, cache read and cache write (5 minutes or 1 hour) are disjoint; output has the thinking."""
    by_life = reader.child("cache_creation")
    hour = by_life.count("ephemeral_1h_input_tokens")
    by_life_sum = by_life.count("ephemeral_5m_input_tokens") + hour
    written = reader.count("cache_creation_input_tokens") or by_life_sum
    usage = Usage(
        input_tokens=reader.count("input_tokens"),
        output_tokens=reader.count("output_tokens"),
        cached_input_tokens=reader.count("cache_read_input_tokens"),
        cache_write_tokens=written,
        cache_write_1h_tokens=hour,
        reasoning_tokens=reader.child("output_tokens_details").count("thinking_tokens"),
        extra_units=_units(web_searches=reader.child("server_tool_use").quantity("web_search_requests")),
        inconsistent=by_life_sum > written,
    )
    return settle(usage, total=reader.count("total_tokens"), cache=Reading.BESIDE, reasoning=Reading.INSIDE)


def _responses(reader: UsageReader, provider: str) -> Usage:
    """OpenAI responses, images, realtime and transcription; LangChain's ``usage_metadata`` has the same names."""
    if provider in {"anthropic", "aws.bedrock"} and not reader.has(*_RESPONSES_DETAILS):
        return _anthropic(reader, provider)
    inputs, outputs = reader.child(*_INPUT_DETAILS), reader.child(*_OUTPUT_DETAILS)
    cached = inputs.child("cached_tokens_details")
    usage = Usage(
        input_tokens=reader.count("input_tokens"),
        output_tokens=reader.count("output_tokens"),
        cached_input_tokens=inputs.count("cached_tokens", "cache_read", "cache_read_input_tokens"),
        cache_write_tokens=inputs.count("cache_write_tokens", "cache_creation")
        or inputs.count("ephemeral_5m_input_tokens") + inputs.count("ephemeral_1h_input_tokens"),
        cache_write_1h_tokens=inputs.count("ephemeral_1h_input_tokens"),
        audio_input_tokens=inputs.count("audio_tokens", "audio"),
        cached_audio_input_tokens=cached.count("audio_tokens"),
        reasoning_tokens=outputs.count("reasoning_tokens", "reasoning", "thinking_tokens"),
        audio_output_tokens=outputs.count("audio_tokens", "audio"),
        image_output_tokens=outputs.count("image_tokens", "image"),
    )
    images = inputs.count("image_tokens", "image")
    return settle(
        _with_uncached_images(usage, images, cached.count("image_tokens")), total=reader.count("total_tokens")
    )


def _chat(reader: UsageReader, provider: str) -> Usage:
    """OpenAI chat completions and everybody who copied them: Mistral, Groq, DeepSeek, xAI, OpenRouter, LiteLLM, …"""
    inputs = reader.child("prompt_tokens_details", "prompt_token_details", "input_tokens_details")
    outputs = reader.child("completion_tokens_details", "completion_token_details")
    usage = Usage(
        input_tokens=reader.count("prompt_tokens"),
        output_tokens=reader.count("completion_tokens"),
        cached_input_tokens=_chat_cached(reader, inputs),
        cache_write_tokens=inputs.count("cache_write_tokens", "cache_creation_tokens")
        or reader.count("cache_creation_input_tokens"),
        audio_input_tokens=inputs.count("audio_tokens"),
        image_input_tokens=inputs.count("image_tokens"),
        reasoning_tokens=outputs.count("reasoning_tokens") or reader.count("reasoning_tokens"),
        audio_output_tokens=outputs.count("audio_tokens"),
        image_output_tokens=outputs.count("image_tokens"),
        extra_units=_units(
            web_searches=reader.quantity("num_search_queries"),
            input_audio_seconds=reader.quantity("prompt_audio_seconds"),
        ),
        inconsistent=_hits_and_misses_disagree(reader),
    )
    return settle(usage, total=reader.count("total_tokens"), reasoning=_reasoning(provider))


def _chat_cached(reader: UsageReader, inputs: UsageReader) -> int:
    return inputs.count("cached_tokens") or reader.count(
        "prompt_cache_hit_tokens",  # DeepSeek
        "num_cached_tokens",  # Mistral
        "cached_prompt_text_tokens",  # xAI
        "cache_read_input_tokens",  # LiteLLM, Databricks
        "cached_tokens",  # Moonshot
    )


def _hits_and_misses_disagree(reader: UsageReader) -> bool:
    if not reader.has("prompt_cache_miss_tokens"):
        return False
    both = reader.count("prompt_cache_hit_tokens") + reader.count("prompt_cache_miss_tokens")
    return both != reader.count("prompt_tokens")


def _duration(reader: UsageReader, _provider: str) -> Usage:
    return settle(Usage(extra_units=_units(audio_seconds=reader.quantity("seconds"))))


def _pages(reader: UsageReader, _provider: str) -> Usage:
    return settle(Usage(extra_units=_units(input_document_pages=reader.quantity("pages_processed"))))


def _reasoning(provider: str) -> Reading:
    return Reading.LIKELY_BESIDE if provider in _REASONING_BESIDE else Reading.UNKNOWN


def _units(**quantities: Decimal) -> dict[str, Decimal] | None:
    return {name: quantity for name, quantity in quantities.items() if quantity} or None


def _reported_cost(reader: UsageReader) -> Decimal | None:
    """What the provider says it charged: OpenRouter's ``cost``, xAI's ticks.

    With one's own provider key OpenRouter's cost is only its fee; without the upstream part the sum is unknown.
    """
    if reader.has("cost_in_usd_ticks"):
        return Decimal(reader.count("cost_in_usd_ticks", at_most=_MOST_TICKS)).scaleb(-_TICK_PLACES)
    if not reader.is_number("cost"):
        return None
    fee, upstream = reader.quantity("cost"), reader.child("cost_details")
    if not reader.flag("is_byok"):
        return fee
    if not upstream.is_number("upstream_inference_cost"):
        return None
    return _EXACT.add(fee, upstream.quantity("upstream_inference_cost"))


_INPUT_DETAILS = ("input_tokens_details", "input_token_details")
_OUTPUT_DETAILS = ("output_tokens_details", "output_token_details")
_RESPONSES_DETAILS = (*_INPUT_DETAILS, "output_token_details", "total_tokens")

# The first shape of which any member is present; more telling members come first.
_SHAPES: tuple[tuple[tuple[str, ...], Shape], ...] = (
    (
        (
            "promptTokenCount",
            "prompt_token_count",
            "candidatesTokenCount",
            "candidates_token_count",
            "totalTokenCount",
            "total_token_count",
        ),
        _gemini,
    ),
    (("billed_units", "billedUnits"), _cohere),
    (("tokens",), _plain_tokens),
    (("cacheReadInputTokens", "cacheWriteInputTokens", "cacheReadInputTokenCount", "cacheDetails"), _bedrock),
    (("inputTokenDetails", "cachedInputTokens", "reasoningTokens", "promptTokens", "completionTokens"), _ai_sdk),
    (("inputTokens", "outputTokens"), _bedrock),
    (("prompt_tokens", "completion_tokens"), _chat),
    (
        ("cache_read_input_tokens", "cache_creation_input_tokens", "cache_creation", "server_tool_use"),
        _anthropic,
    ),
    (("input_tokens", "output_tokens"), _responses),
    (("seconds",), _duration),
    (("pages_processed",), _pages),
)
