from decimal import Decimal

import pytest

from ingestion.tests.wire.builders import MARKER, accepted, parse, refused
from ingestion.wire.types import Usage
from ingestion.wire.usage_reader import UsageError
from ingestion.wire.usage_shapes import parse_usage


def read(raw, provider=""):
    return parse_usage(raw, provider).usage


def test_openai_chat():
    raw = {
        "prompt_tokens": 2006,
        "completion_tokens": 300,
        "total_tokens": 2306,
        "prompt_tokens_details": {"cached_tokens": 1920, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": 64,
            "audio_tokens": 10,
            "accepted_prediction_tokens": 5,
            "rejected_prediction_tokens": 7,
        },
    }

    assert read(raw, "openai") == Usage(
        input_tokens=2006,
        output_tokens=300,
        cached_input_tokens=1920,
        reasoning_tokens=64,
        audio_output_tokens=10,
        rule="inclusive-total",
    )


def test_openai_embeddings():
    assert read({"prompt_tokens": 8, "total_tokens": 8}) == Usage(input_tokens=8, rule="inclusive-total")


def test_openai_responses():
    raw = {
        "input_tokens": 328,
        "input_tokens_details": {"cached_tokens": 128, "cache_write_tokens": 100},
        "output_tokens": 52,
        "output_tokens_details": {"reasoning_tokens": 40},
        "total_tokens": 380,
    }

    assert read(raw, "openai") == Usage(
        input_tokens=328,
        output_tokens=52,
        cached_input_tokens=128,
        cache_write_tokens=100,
        reasoning_tokens=40,
        rule="inclusive-total",
    )


def test_openai_images():
    raw = {
        "input_tokens": 50,
        "input_tokens_details": {"text_tokens": 10, "image_tokens": 40},
        "output_tokens": 4160,
        "output_tokens_details": {"image_tokens": 4160, "text_tokens": 0},
        "total_tokens": 4210,
    }

    assert read(raw) == Usage(
        input_tokens=50, output_tokens=4160, image_input_tokens=40, image_output_tokens=4160, rule="inclusive-total"
    )


def test_openai_realtime_cached_audio_is_in_both_and_cached_images_only_in_cached():
    raw = {
        "input_tokens": 300,
        "output_tokens": 120,
        "total_tokens": 420,
        "input_token_details": {
            "text_tokens": 100,
            "audio_tokens": 120,
            "image_tokens": 80,
            "cached_tokens": 150,
            "cached_tokens_details": {"text_tokens": 60, "audio_tokens": 70, "image_tokens": 20},
        },
        "output_token_details": {"text_tokens": 20, "audio_tokens": 100},
    }

    assert read(raw) == Usage(
        input_tokens=300,
        output_tokens=120,
        cached_input_tokens=150,
        audio_input_tokens=120,
        cached_audio_input_tokens=70,
        image_input_tokens=60,
        audio_output_tokens=100,
        rule="inclusive-total",
    )


def test_more_cached_images_than_images_are_inconsistent():
    raw = {
        "input_tokens": 10,
        "input_token_details": {"image_tokens": 1, "cached_tokens": 5, "cached_tokens_details": {"image_tokens": 5}},
    }

    assert read(raw) == Usage(input_tokens=10, cached_input_tokens=5, inconsistent=True)


def test_openai_transcription_by_duration():
    assert read({"type": "duration", "seconds": Decimal("12.5")}).extra_units == {"audio_seconds": Decimal("12.5")}


def test_anthropic_is_exclusive_and_splits_cache_writes():
    raw = {
        "input_tokens": 7,
        "cache_creation_input_tokens": 1101,
        "cache_read_input_tokens": 20_646,
        "cache_creation": {"ephemeral_5m_input_tokens": 101, "ephemeral_1h_input_tokens": 1000},
        "output_tokens": 123,
        "server_tool_use": {"web_search_requests": 2, "web_fetch_requests": 1},
        "service_tier": "batch",
    }

    parsed = parse_usage(raw, "anthropic")

    assert parsed.usage == Usage(
        input_tokens=21_754,
        output_tokens=123,
        cached_input_tokens=20_646,
        cache_write_tokens=1101,
        cache_write_1h_tokens=1000,
        extra_units={"web_searches": Decimal(2)},
        rule="exclusive-shape",
    )
    assert parsed.service_tier == "batch"


def test_anthropic_stays_exclusive_when_the_numbers_alone_would_not_tell():
    raw = {"input_tokens": 5000, "cache_read_input_tokens": 10, "cache_creation_input_tokens": 0, "output_tokens": 1}

    assert read(raw).input_tokens == 5010


def test_anthropic_cache_writes_may_only_come_by_lifetime():
    raw = {"input_tokens": 1, "output_tokens": 1, "cache_creation": {"ephemeral_5m_input_tokens": 30}}

    assert (read(raw).cache_write_tokens, read(raw).cache_write_1h_tokens, read(raw).input_tokens) == (30, 0, 31)


def test_anthropic_lifetimes_beyond_their_sum_are_inconsistent():
    raw = {
        "input_tokens": 1,
        "output_tokens": 1,
        "cache_creation_input_tokens": 10,
        "cache_creation": {"ephemeral_5m_input_tokens": 6, "ephemeral_1h_input_tokens": 6},
    }

    assert (read(raw).cache_write_tokens, read(raw).inconsistent) == (10, True)


def test_anthropic_without_a_cache():
    raw = {"input_tokens": 10, "output_tokens": 20, "output_tokens_details": {"thinking_tokens": 15}}

    assert read(raw, "anthropic") == Usage(
        input_tokens=10, output_tokens=20, reasoning_tokens=15, rule="exclusive-shape"
    )
    assert read(raw) == Usage(input_tokens=10, output_tokens=20, reasoning_tokens=15)


def test_gemini_adds_thoughts_and_tool_prompts():
    raw = {
        "promptTokenCount": 1000,
        "cachedContentTokenCount": 400,
        "candidatesTokenCount": 200,
        "thoughtsTokenCount": 300,
        "toolUsePromptTokenCount": 50,
        "totalTokenCount": 1550,
        "promptTokensDetails": [
            {"modality": "TEXT", "tokenCount": 500},
            {"modality": "IMAGE", "tokenCount": 258},
            {"modality": "DOCUMENT", "tokenCount": 42},
            {"modality": "AUDIO", "tokenCount": 200},
        ],
        "cacheTokensDetails": [{"modality": "AUDIO", "tokenCount": 100}, {"modality": "IMAGE", "tokenCount": 200}],
        "toolUsePromptTokensDetails": [{"modality": "TEXT", "tokenCount": 50}],
        "candidatesTokensDetails": [{"modality": "IMAGE", "tokenCount": 150}, {"modality": "AUDIO", "tokenCount": 20}],
    }

    assert read({"usageMetadata": raw}) == Usage(
        input_tokens=1050,
        output_tokens=500,
        cached_input_tokens=400,
        audio_input_tokens=200,
        cached_audio_input_tokens=100,
        image_input_tokens=100,
        reasoning_tokens=300,
        audio_output_tokens=20,
        image_output_tokens=150,
        rule="inclusive-shape+reasoning",
    )


def test_gemini_in_snake_case_and_live():
    raw = {"prompt_token_count": 10, "response_token_count": 5, "thoughts_token_count": 2, "total_token_count": 17}

    assert read(raw) == Usage(input_tokens=10, output_tokens=7, reasoning_tokens=2, rule="inclusive-shape+reasoning")


def test_gemini_whose_total_says_that_thoughts_are_inside():
    raw = {"promptTokenCount": 10, "candidatesTokenCount": 8, "thoughtsTokenCount": 3, "totalTokenCount": 18}

    assert read(raw) == Usage(input_tokens=10, output_tokens=8, reasoning_tokens=3, rule="inclusive-shape")


def test_gemini_without_candidates_wrote_nothing():
    raw = {"promptTokenCount": 10, "totalTokenCount": 10}

    assert read(raw) == Usage(input_tokens=10, rule="inclusive-shape")


def test_bedrock_converse_is_exclusive():
    raw = {
        "inputTokens": 10,
        "outputTokens": 20,
        "totalTokens": 130,
        "cacheReadInputTokens": 40,
        "cacheWriteInputTokens": 60,
        "cacheDetails": [{"ttl": "5m", "inputTokens": 15}, {"ttl": "1h", "inputTokens": 45}],
    }

    assert read(raw, "aws.bedrock") == Usage(
        input_tokens=110,
        output_tokens=20,
        cached_input_tokens=40,
        cache_write_tokens=60,
        cache_write_1h_tokens=45,
        rule="exclusive-shape",
    )


def test_bedrock_whose_total_leaves_the_cache_out_is_consistent():
    raw = {"inputTokens": 10, "outputTokens": 20, "totalTokens": 30, "cacheReadInputTokens": 4}

    assert (read(raw).input_tokens, read(raw).inconsistent) == (14, False)


def test_ai_sdk_6_is_inclusive():
    raw = {
        "inputTokens": 18_495,
        "inputTokenDetails": {"noCacheTokens": 7, "cacheReadTokens": 16_399, "cacheWriteTokens": 2089},
        "outputTokens": 445,
        "outputTokenDetails": {"textTokens": 400, "reasoningTokens": 45},
        "totalTokens": 18_940,
    }

    assert read(raw, "anthropic") == Usage(
        input_tokens=18_495,
        output_tokens=445,
        cached_input_tokens=16_399,
        cache_write_tokens=2089,
        reasoning_tokens=45,
        rule="inclusive-shape",
    )


def test_older_ai_sdks_are_read_by_arithmetic():
    assert read({"inputTokens": 10, "outputTokens": 5, "cachedInputTokens": 40}).rule == "exclusive-cache"
    assert read({"promptTokens": 10, "completionTokens": 5, "totalTokens": 15}).rule == "inclusive-total"
    assert read({"tokens": 8}).input_tokens == 8


def test_langchain_usage_metadata():
    raw = {
        "input_tokens": 350,
        "output_tokens": 240,
        "total_tokens": 590,
        "input_token_details": {"audio": 10, "cache_creation": 200, "cache_read": 100},
        "output_token_details": {"audio": 10, "reasoning": 200},
    }

    assert read(raw) == Usage(
        input_tokens=350,
        output_tokens=240,
        cached_input_tokens=100,
        cache_write_tokens=200,
        audio_input_tokens=10,
        reasoning_tokens=200,
        audio_output_tokens=10,
        rule="inclusive-total",
    )


def test_langchain_cache_writes_by_lifetime():
    raw = {
        "input_tokens": 350,
        "output_tokens": 1,
        "input_token_details": {"cache_creation": 0, "ephemeral_5m_input_tokens": 20, "ephemeral_1h_input_tokens": 30},
    }

    assert (read(raw).cache_write_tokens, read(raw).cache_write_1h_tokens) == (50, 30)


def test_mistral():
    raw = {
        "prompt_tokens": 100,
        "completion_tokens": 20,
        "total_tokens": 120,
        "num_cached_tokens": 64,
        "prompt_audio_seconds": 30,
    }

    assert read(raw, "mistral_ai") == Usage(
        input_tokens=100,
        output_tokens=20,
        cached_input_tokens=64,
        extra_units={"input_audio_seconds": Decimal(30)},
        rule="inclusive-total",
    )


def test_mistral_ocr_is_counted_in_pages():
    raw = {"pages_processed": 29, "doc_size_bytes": 1000}

    assert read(raw).extra_units == {"input_document_pages": Decimal(29)}


def test_cohere_bills_billed_units():
    raw = {
        "billed_units": {"input_tokens": 5, "output_tokens": 418, "search_units": 2},
        "tokens": {"input_tokens": 71, "output_tokens": 418},
        "cached_tokens": 64,
    }

    assert read(raw) == Usage(
        input_tokens=5, output_tokens=418, extra_units={"rerank_searches": Decimal(2)}, rule="billed-units"
    )
    assert read({"meta": raw}) == read(raw)


def test_cohere_without_billed_units():
    raw = {"tokens": {"input_tokens": 71, "output_tokens": 418}, "cached_tokens": 64}

    assert read(raw) == Usage(input_tokens=71, output_tokens=418, cached_input_tokens=64)


def test_xai_without_a_total_still_has_reasoning_beside():
    raw = {
        "prompt_tokens": 100,
        "completion_tokens": 50,
        "completion_tokens_details": {"reasoning_tokens": 20},
        "cached_prompt_text_tokens": 30,
    }

    assert read(raw, "x_ai") == Usage(
        input_tokens=100, output_tokens=70, cached_input_tokens=30, reasoning_tokens=20, rule="inclusive+reasoning"
    )
    assert read(raw, "openai").output_tokens == 50


def test_xai_responses_are_inclusive():
    raw = {"input_tokens": 100, "output_tokens": 50, "output_tokens_details": {"reasoning_tokens": 20}}

    assert read(raw, "x_ai").output_tokens == 50


def test_xai_reports_its_cost_in_ticks():
    parsed = parse_usage({"prompt_tokens": 1, "completion_tokens": 1, "cost_in_usd_ticks": 37_756_000}, "x_ai")

    assert parsed.cost_usd == Decimal("0.0037756")


def test_groq():
    raw = {
        "queue_time": Decimal("0.037"),
        "prompt_tokens": 18,
        "prompt_time": Decimal("0.0006"),
        "completion_tokens": 556,
        "completion_time": Decimal("0.46"),
        "total_tokens": 574,
        "total_time": Decimal("0.46"),
        "completion_tokens_details": {"reasoning_tokens": 100},
    }
    expected = Usage(input_tokens=18, output_tokens=556, reasoning_tokens=100, rule="inclusive-total")

    assert read(raw, "groq") == expected
    assert read({"x_groq": {"id": "req", "usage": raw}}) == expected


def test_deepseek_hits_are_cached():
    raw = {
        "prompt_tokens": 100,
        "completion_tokens": 10,
        "total_tokens": 110,
        "prompt_cache_hit_tokens": 64,
        "prompt_cache_miss_tokens": 36,
    }

    assert read(raw, "deepseek") == Usage(
        input_tokens=100, output_tokens=10, cached_input_tokens=64, rule="inclusive-total"
    )


def test_deepseek_whose_hits_and_misses_are_not_the_prompt_is_inconsistent():
    raw = {"prompt_tokens": 100, "completion_tokens": 1, "prompt_cache_hit_tokens": 64, "prompt_cache_miss_tokens": 35}

    assert read(raw).inconsistent


def test_openrouter_reports_its_cost():
    raw = {
        "prompt_tokens": 194,
        "completion_tokens": 2,
        "total_tokens": 196,
        "cost": Decimal("0.00095"),
        "is_byok": False,
        "cost_details": {"upstream_inference_cost": None},
        "prompt_tokens_details": {"cached_tokens": 10, "cache_write_tokens": 100, "audio_tokens": 5},
        "completion_tokens_details": {"reasoning_tokens": 1, "image_tokens": 1},
    }

    parsed = parse_usage(raw, "openrouter")

    assert parsed.cost_usd == Decimal("0.00095")
    assert parsed.usage == Usage(
        input_tokens=194,
        output_tokens=2,
        cached_input_tokens=10,
        cache_write_tokens=100,
        audio_input_tokens=5,
        reasoning_tokens=1,
        image_output_tokens=1,
        rule="inclusive-total",
    )


def test_openrouter_with_ones_own_key_costs_the_fee_and_the_upstream():
    raw = {"prompt_tokens": 1, "cost": Decimal("0.001"), "is_byok": True}
    upstream = {"cost_details": {"upstream_inference_cost": Decimal("0.02")}}

    assert parse_usage(raw | upstream, "openrouter").cost_usd == Decimal("0.021")
    assert parse_usage(raw, "openrouter").cost_usd is None


def test_a_cost_that_is_no_number_is_not_a_cost():
    assert parse_usage({"prompt_tokens": 1, "cost": {"total_cost": 1}}, "perplexity").cost_usd is None


def test_perplexity_searches():
    raw = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15, "num_search_queries": 3}

    assert read(raw, "perplexity").extra_units == {"web_searches": Decimal(3)}


def test_litellm_cache_members_do_not_make_chat_usage_anthropic():
    raw = {
        "prompt_tokens": 100,
        "completion_tokens": 10,
        "total_tokens": 110,
        "cache_read_input_tokens": 60,
        "cache_creation_input_tokens": 20,
    }

    assert read(raw, "anthropic") == Usage(
        input_tokens=100,
        output_tokens=10,
        cached_input_tokens=60,
        cache_write_tokens=20,
        rule="inclusive-total",
    )


@pytest.mark.parametrize("raw", [{"foo": 1}, {"usage": {}}, {"prompt_tokens": None}, {"cost": 1}])
def test_unknown_shapes_are_never_read_as_nothing(raw):
    with pytest.raises(UsageError) as refusal:
        read(raw)

    assert (refusal.value.field, refusal.value.message) == ("usage", "is not a usage object of a provider we know")


@pytest.mark.parametrize(
    ("raw", "field", "message"),
    [
        ({"prompt_tokens": "5"}, "usage.prompt_tokens", "must be an integer"),
        ({"prompt_tokens": True}, "usage.prompt_tokens", "must be an integer"),
        ({"prompt_tokens": -1}, "usage.prompt_tokens", "must be ≥ 0"),
        ({"prompt_tokens": 10**9 + 1}, "usage.prompt_tokens", "must be ≤ 1000000000"),
        ({"prompt_tokens": Decimal("1.5")}, "usage.prompt_tokens", "must be an integer"),
        ({"prompt_tokens": 1, "total_tokens": -1}, "usage.total_tokens", "must be ≥ 0"),
        (
            {"prompt_tokens": 1, "prompt_tokens_details": {"cached_tokens": -1}},
            "usage.prompt_tokens_details.cached_tokens",
            "must be ≥ 0",
        ),
        ({"prompt_tokens": 1, "prompt_tokens_details": 5}, "usage.prompt_tokens_details", "must be an object"),
        ({"usageMetadata": 5}, "usage.usageMetadata", "must be an object"),
        ({"promptTokenCount": 1, "promptTokensDetails": {}}, "usage.promptTokensDetails", "must be a list of objects"),
        ({"promptTokenCount": 1, "promptTokensDetails": [1]}, "usage.promptTokensDetails", "must be a list of objects"),
        ({"tokens": "8"}, "usage.tokens", "must be an object"),
        ({"seconds": -1}, "usage.seconds", "must be ≥ 0"),
        ({"seconds": "x"}, "usage.seconds", "must be a number"),
        ({"prompt_tokens": 1, "cost": -1}, "usage.cost", "must be ≥ 0"),
        ({"prompt_tokens": 1, "cost_in_usd_ticks": "x"}, "usage.cost_in_usd_ticks", "must be an integer"),
        ({"promptTokenCount": 10**9, "toolUsePromptTokenCount": 1}, "usage", "must be ≤ 1000000000 in total"),
        (
            {"promptTokenCount": 1, "promptTokensDetails": [{"modality": "AUDIO", "tokenCount": 10**9}] * 2},
            "usage",
            "must be ≤ 1000000000 in total",
        ),
    ],
)
def test_usage_that_cannot_be_used_is_refused_by_path(raw, field, message):
    with pytest.raises(UsageError) as refusal:
        read(raw)

    assert (refusal.value.field, refusal.value.message) == (field, message)


# Numbers reported in public issue threads (otel-dialects.md, regression vectors), as the objects they came in.


def test_regression_bedrock_claude_sonnet():
    raw = {
        "prompt_tokens": 3,
        "completion_tokens": 442,
        "total_tokens": 8712,
        "prompt_tokens_details": {"cached_tokens": 7917, "cache_creation_tokens": 350},
    }

    usage = read(raw, "aws.bedrock")

    assert (usage.input_tokens, usage.output_tokens, usage.rule) == (8270, 442, "exclusive-cache")
    assert not usage.inconsistent


def test_regression_bedrock_through_langchain():
    raw = {
        "input_tokens": 3,
        "output_tokens": 12,
        "total_tokens": 13_256,
        "input_token_details": {"cache_read": 13_216, "cache_creation": 25},
    }

    usage = read(raw, "aws.bedrock")

    assert (usage.input_tokens, usage.output_tokens, usage.rule) == (13_244, 12, "exclusive-cache")
    assert not usage.inconsistent


def test_regression_strands_on_bedrock():
    raw = {
        "inputTokens": 4299,
        "outputTokens": 631,
        "cacheReadInputTokens": 35_574,
        "cacheWriteInputTokens": 17_787,
        "totalTokens": 58_291,
    }

    usage = read(raw, "aws.bedrock")

    assert (usage.input_tokens, usage.output_tokens) == (57_660, 631)
    assert (usage.rule, usage.inconsistent) == ("exclusive-shape", False)


def test_regression_strands_without_its_cache_keys():
    usage = read({"inputTokens": 4299, "outputTokens": 631, "totalTokens": 58_291}, "aws.bedrock")

    assert (usage.input_tokens, usage.output_tokens, usage.inconsistent) == (4299, 631, True)


def test_regression_xai():
    raw = {
        "prompt_tokens": 2640,
        "completion_tokens": 182,
        "total_tokens": 3494,
        "prompt_tokens_details": {"cached_tokens": 473},
        "completion_tokens_details": {"reasoning_tokens": 672},
    }

    for provider in ("x_ai", "openrouter", ""):
        usage = read(raw, provider)

        assert (usage.input_tokens, usage.cached_input_tokens, usage.output_tokens) == (2640, 473, 854)
        assert (usage.rule, usage.inconsistent) == ("inclusive-total+reasoning", False)


def test_regression_anthropic_exclusive():
    raw = {
        "input_tokens": 7,
        "output_tokens": 123,
        "cache_creation_input_tokens": 1101,
        "cache_read_input_tokens": 20_646,
        "total_tokens": 21_877,
    }

    usage = read(raw, "anthropic")

    assert (usage.input_tokens, usage.output_tokens) == (21_754, 123)
    assert (usage.rule, usage.inconsistent) == ("exclusive-shape", False)


def test_regression_gemini_is_not_billed_twice_for_its_cache():
    raw = {"promptTokenCount": 20_212, "cachedContentTokenCount": 16_298, "candidatesTokenCount": 931}

    usage = read(raw, "gcp.gemini")

    assert (usage.input_tokens, usage.cached_input_tokens, usage.output_tokens) == (20_212, 16_298, 931)


# The object as part of an event.


def test_a_usage_object_replaces_counts_and_says_so():
    event = {"model": "m", "timestamp": 1789381815, "id": "a", "prompt_tokens": 1, "usage": {"prompt_tokens": 7}}

    batch = parse(event)

    assert batch.calls[0][1].usage.input_tokens == 7
    assert [warning.field for warning in batch.warnings] == ["prompt_tokens"]


@pytest.mark.parametrize("usage", [None, {}])
def test_no_usage_object_leaves_the_counts(usage):
    assert accepted(usage=usage, prompt_tokens=4).usage.input_tokens == 4


def test_an_unknown_usage_object_is_ignored_where_there_are_counts():
    batch = parse({"model": "m", "id": "a", "timestamp": 1789381815, "completion_tokens": 4, "usage": {"x": 1}})

    assert batch.calls[0][1].usage.output_tokens == 4
    assert [warning.field for warning in batch.warnings] == ["usage"]


@pytest.mark.parametrize(
    ("usage", "wrong"),
    [
        ("x", [("usage", "must be an object")]),
        ([], [("usage", "must be an object")]),
        (5, [("usage", "must be an object")]),
        ({"x": 1}, [("usage", "is not a usage object of a provider we know")]),
        ({"prompt_tokens": -1}, [("usage.prompt_tokens", "must be ≥ 0")]),
        ({"prompt_tokens": 1, "text": "x" * 20_000}, [("usage", "is too long")]),
    ],
)
def test_an_event_with_an_unusable_usage_object_is_rejected(usage, wrong):
    assert refused(usage=usage) == wrong


def test_an_events_own_cost_and_units_go_before_those_of_the_usage_object():
    usage = {"prompt_tokens": 1, "cost": 0.5, "num_search_queries": 2, "prompt_audio_seconds": 9}

    call = accepted(usage=usage)
    assert call.reported_cost_usd == Decimal("0.5")

    call = accepted(usage=usage, cost_usd="0.7", extra_units={"web_searches": 5})
    assert call.reported_cost_usd == Decimal("0.7")
    assert call.usage.extra_units == {"web_searches": Decimal(5), "input_audio_seconds": Decimal(9)}


def test_the_tier_of_the_usage_object_counts_unless_the_event_names_one():
    usage = {"input_tokens": 1, "output_tokens": 1, "service_tier": "priority"}

    assert accepted(usage=usage).service_tier == "priority"
    assert accepted(usage=usage, service_tier="batch").service_tier == "batch"


def test_an_unknown_tier_of_the_usage_object_is_warned_about():
    batch = parse({"model": "m", "usage": {"input_tokens": 1, "service_tier": MARKER}})

    assert batch.calls[0][1].service_tier == "standard"
    assert "usage.service_tier" in [warning.field for warning in batch.warnings]
    assert MARKER not in repr(batch)


def test_text_inside_a_usage_object_goes_nowhere():
    batch = parse({"model": "m", "usage": {"prompt_tokens": 1, "note": MARKER, "prompt": [MARKER]}})

    assert MARKER not in repr(batch)
    assert len(batch.calls) == 1


def test_the_inferred_provider_decides_how_its_usage_is_read():
    usage = {"prompt_tokens": 10, "completion_tokens": 5, "completion_tokens_details": {"reasoning_tokens": 2}}

    batch = parse({"model": "grok-4", "usage": usage}, infer_provider=lambda model: "x-ai")

    assert batch.calls[0][1].usage.output_tokens == 7
