"""Numbers that other tools got wrong, from public issue threads (otel-dialects.md, "Regression vectors")."""

import json
from decimal import Decimal

from ingestion.tests.wire.otlp.builders import CHAT, accepted, parse, request, span

BEDROCK = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "aws.bedrock",
    "gen_ai.request.model": "anthropic.claude-sonnet-4-5-20250929-v1:0",
}


def test_bedrock_with_disjoint_counts_is_exclusive():
    call = accepted(
        BEDROCK
        | {"gen_ai.usage.prompt_tokens": 3, "gen_ai.usage.completion_tokens": 442}
        | {"gen_ai.usage.cache_read_input_tokens": 7_917, "gen_ai.usage.cache_creation_input_tokens": 350}
        | {"llm.usage.total_tokens": 8_712}
    )

    assert (call.usage.input_tokens, call.usage.output_tokens) == (8_270, 442)
    assert (call.usage.cached_input_tokens, call.usage.cache_write_tokens) == (7_917, 350)
    assert (call.usage.rule, call.usage.inconsistent) == ("exclusive-cache", False)


def test_bedrock_through_langchain_is_exclusive():
    call = accepted(
        BEDROCK
        | {"gen_ai.usage.input_tokens": 3, "gen_ai.usage.output_tokens": 12, "gen_ai.usage.total_tokens": 13_256}
        | {"gen_ai.usage.cache_read.input_tokens": 13_216, "gen_ai.usage.cache_creation.input_tokens": 25}
    )

    assert (call.usage.input_tokens, call.usage.output_tokens) == (13_244, 12)
    assert call.usage.rule == "exclusive-cache"


STRANDS = (
    BEDROCK
    | {"gen_ai.provider.name": "strands-agents", "gen_ai.usage.input_tokens": 4_299}
    | {"gen_ai.usage.output_tokens": 631, "gen_ai.usage.total_tokens": 58_291}
)


def test_strands_on_bedrock_is_exclusive():
    cache = {"gen_ai.usage.cache_read_input_tokens": 35_574, "gen_ai.usage.cache_write_input_tokens": 17_787}

    call = accepted(STRANDS | cache)

    assert (call.usage.input_tokens, call.usage.output_tokens) == (57_660, 631)
    assert (call.usage.cached_input_tokens, call.usage.cache_write_tokens) == (35_574, 17_787)
    assert not call.usage.inconsistent


def test_strands_without_its_cache_keys_is_flagged_and_never_billed_as_output():
    call = accepted(STRANDS)

    assert (call.usage.input_tokens, call.usage.output_tokens) == (4_299, 631)
    assert call.usage.inconsistent


def test_xai_reasoning_is_beside_the_completion():
    call = accepted(
        CHAT
        | {"gen_ai.provider.name": "xai", "gen_ai.usage.prompt_tokens": 2_640}
        | {"gen_ai.usage.completion_tokens": 182, "gen_ai.usage.reasoning_tokens": 672}
        | {"gen_ai.usage.cache_read_input_tokens": 473, "gen_ai.usage.total_tokens": 3_494}
    )

    assert (call.usage.input_tokens, call.usage.output_tokens, call.usage.reasoning_tokens) == (2_640, 854, 672)
    assert (call.usage.rule, call.usage.inconsistent) == ("inclusive-total+reasoning", False)


def test_ai_sdk_6_on_anthropic_is_inclusive():
    metadata = {
        "anthropic": {
            "usage": {
                "input_tokens": 7,
                "cache_read_input_tokens": 16_399,
                "cache_creation_input_tokens": 2_089,
                "cache_creation": {"ephemeral_5m_input_tokens": 2_089, "ephemeral_1h_input_tokens": 0},
                "output_tokens": 445,
            }
        }
    }
    usage = {"ai.usage.inputTokens": 18_495, "ai.usage.outputTokens": 445, "ai.usage.cachedInputTokens": 16_399}
    common = {"ai.operationId": "ai.generateText.doGenerate", "ai.model.provider": "anthropic.messages"}
    common |= {"ai.model.id": "claude-sonnet-4-5"} | usage
    tell_tale = {"ai.usage.inputTokenDetails.cacheWriteTokens": 2_089}

    for more in (tell_tale, {"ai.response.providerMetadata": json.dumps(metadata)}):
        used = accepted(common | more).usage

        assert used.input_tokens - used.cached_input_tokens - used.cache_write_tokens == 7
        assert (used.cache_write_tokens, used.cache_write_1h_tokens, used.output_tokens) == (2_089, 0, 445)
        assert (used.rule, used.inconsistent) == ("inclusive-shape", False)


def test_ai_sdk_5_on_anthropic_is_exclusive():
    attributes = {"ai.operationId": "ai.generateText.doGenerate", "ai.model.provider": "anthropic.messages"}
    attributes |= {"ai.model.id": "claude-sonnet-4", "gen_ai.system": "anthropic.messages"}
    attributes |= {"ai.usage.inputTokens": 5_000, "ai.usage.outputTokens": 100, "ai.usage.totalTokens": 5_100}
    attributes |= {"ai.usage.cachedInputTokens": "1000"}
    attributes |= {"ai.response.providerMetadata": '{"anthropic": {"cacheCreationInputTokens": 200}}'}

    used = accepted(attributes).usage

    assert (used.input_tokens, used.cached_input_tokens, used.cache_write_tokens) == (6_200, 1_000, 200)
    assert (used.rule, used.inconsistent) == ("exclusive-shape", False)


def test_ai_sdk_7_agent_root_does_not_count():
    root = {"gen_ai.operation.name": "invoke_agent", "gen_ai.request.model": "m"}
    root |= {"gen_ai.usage.input_tokens": 14_426, "gen_ai.usage.output_tokens": 771}

    assert parse(request([span(root)])).calls == []


def test_anthropic_exclusive_has_no_negative_leaf():
    call = accepted(
        CHAT
        | {"gen_ai.provider.name": "anthropic", "gen_ai.usage.input_tokens": 7, "gen_ai.usage.output_tokens": 123}
        | {"gen_ai.usage.cache_creation_input_tokens": 1_101, "gen_ai.usage.cache_read_input_tokens": 20_646}
        | {"llm.usage.total_tokens": 21_877}
    )

    used = call.usage
    assert used.input_tokens - used.cached_input_tokens - used.cache_write_tokens == 7
    assert (used.rule, used.inconsistent) == ("exclusive-cache", False)


def test_gemini_cached_tokens_are_inside_the_prompt():
    call = accepted(
        CHAT
        | {"gen_ai.provider.name": "gcp.gemini", "gen_ai.usage.input_tokens": 20_212}
        | {"gen_ai.usage.output_tokens": 931, "gen_ai.usage.cache_read.input_tokens": 16_298}
    )

    used = call.usage
    uncached = used.input_tokens - used.cached_input_tokens
    assert (uncached, used.cached_input_tokens, used.output_tokens) == (3_914, 16_298, 931)
    cost = (uncached * Decimal("0.50") + 16_298 * Decimal("0.05") + 931 * Decimal("3.00")) / 10**6
    assert round(cost, 4) == Decimal("0.0056")


def test_gemini_thoughts_are_added_when_the_total_says_so():
    usage = {"gen_ai.usage.input_tokens": 100, "gen_ai.usage.output_tokens": 50, "gen_ai.usage.reasoning_tokens": 30}

    beside = accepted(CHAT | {"gen_ai.provider.name": "gemini"} | usage | {"gen_ai.usage.total_tokens": 180}).usage
    inside = accepted(CHAT | {"gen_ai.provider.name": "gemini"} | usage | {"gen_ai.usage.total_tokens": 150}).usage

    assert (beside.output_tokens, beside.rule) == (80, "inclusive-total+reasoning")
    assert (inside.output_tokens, inside.rule) == (50, "inclusive-total")


def test_a_router_that_says_minus_one_knows_no_price():
    for name in ("gen_ai.usage.cost", "gen_ai.usage.cost.amount", "llm.cost.total"):
        assert accepted(CHAT | {name: -1.0}).reported_cost_usd is None
        assert accepted(CHAT | {name: -1}).reported_cost_usd is None
