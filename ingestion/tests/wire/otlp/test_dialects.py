"""One call told in each dialect, as its emitters write it, is one and the same call to us."""

import json
from typing import Any

import msgspec
import pytest

from ingestion.tests.wire.otlp.builders import CHAT, START_NS, accepted, event
from ingestion.wire.types import Call
from ingestion.wire.usage import is_unknown

# gpt-4o was asked for and gpt-4o-2024-08-06 answered: 1,000 tokens in, 600 of them cached, 200 out, 50 of them thought.
OTEL_NOW: dict[str, Any] = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4o",
    "gen_ai.response.model": "gpt-4o-2024-08-06",
    "gen_ai.response.id": "chatcmpl-8",
    "gen_ai.response.finish_reasons": ["stop"],
    "gen_ai.response.time_to_first_chunk": 0.25,
    "gen_ai.request.stream": True,
    "gen_ai.usage.input_tokens": 1000,
    "gen_ai.usage.output_tokens": 200,
    "gen_ai.usage.cache_read.input_tokens": 600,
    "gen_ai.usage.reasoning.output_tokens": 50,
    "gen_ai.conversation.id": "s-1",
    "user.id": "u-1",
    "openai.response.service_tier": "default",
    "tokenops.feature": "summarise",
}
OTEL_BEFORE = {
    "gen_ai.operation.name": "chat",
    "gen_ai.system": "openai",
    "gen_ai.request.model": "gpt-4o",
    "gen_ai.response.model": "gpt-4o-2024-08-06",
    "gen_ai.response.id": "chatcmpl-8",
    "gen_ai.response.finish_reasons": ["stop"],
    "gen_ai.server.time_to_first_token": 0.25,
    "gen_ai.is_streaming": True,
    "gen_ai.usage.prompt_tokens": 1000,
    "gen_ai.usage.completion_tokens": 200,
    "gen_ai.usage.cache_read.input_tokens": 600,
    "gen_ai.usage.reasoning.output_tokens": 50,
    "session.id": "s-1",
    "enduser.id": "u-1",
    "gen_ai.openai.response.service_tier": "default",
    "tokenops.feature": "summarise",
}
OPENLLMETRY = {
    "llm.request.type": "chat",
    "gen_ai.system": "OpenAI",
    "gen_ai.request.model": "gpt-4o",
    "gen_ai.response.model": "gpt-4o-2024-08-06",
    "gen_ai.response.id": "chatcmpl-8",
    "gen_ai.completion.0.finish_reason": "stop",
    "gen_ai.response.time_to_first_chunk": 0.25,
    "llm.is_streaming": True,
    "gen_ai.usage.prompt_tokens": 1000,
    "gen_ai.usage.completion_tokens": 200,
    "llm.usage.total_tokens": 1200,
    "gen_ai.usage.cache_read_input_tokens": 600,
    "gen_ai.usage.reasoning_tokens": 50,
    "traceloop.association.properties.session_id": "s-1",
    "traceloop.association.properties.user_id": "u-1",
    "traceloop.workflow.name": "summarise",
}
OPENINFERENCE = {
    "openinference.span.kind": "LLM",
    "llm.system": "openai",
    "llm.model_name": "gpt-4o-2024-08-06",
    "llm.invocation_parameters": '{"model": "gpt-4o", "stream": true, "service_tier": "auto"}',
    "output.value": '{"id": "chatcmpl-8", "choices": []}',
    "llm.finish_reason": "stop",
    "llm.token_count.prompt": 1000,
    "llm.token_count.completion": 200,
    "llm.token_count.total": 1200,
    "llm.token_count.prompt_details.cache_read": 600,
    "llm.token_count.completion_details.reasoning": 50,
    "session.id": "s-1",
    "user.id": "u-1",
    "tokenops.feature": "summarise",
}
OPENLIT = {
    "gen_ai.operation.name": "chat",
    "gen_ai.system": "openai",
    "gen_ai.request.model": "gpt-4o",
    "gen_ai.response.model": "gpt-4o-2024-08-06",
    "gen_ai.response.id": "chatcmpl-8",
    "gen_ai.response.finish_reasons": '["stop"]',
    "gen_ai.server.time_to_first_token": 0.25,
    "gen_ai.request.is_stream": True,
    "gen_ai.usage.input_tokens": 1000,
    "gen_ai.usage.output_tokens": 200,
    "gen_ai.usage.total_tokens": 1200,
    "gen_ai.usage.prompt_tokens_details.cached_tokens": 600,
    "gen_ai.usage.completion_tokens_details.reasoning_tokens": 50,
    "gen_ai.conversation.id": "s-1",
    "gen_ai.request.user": "u-1",
    "gen_ai.application_name": "summarise",
}
AI_SDK_5: dict[str, Any] = {
    "operation.name": "ai.streamText.doStream summarise",
    "ai.operationId": "ai.streamText.doStream",
    "ai.model.provider": "openai.responses",
    "ai.model.id": "gpt-4o",
    "gen_ai.system": "openai.responses",
    "ai.response.model": "gpt-4o-2024-08-06",
    "ai.response.id": "chatcmpl-8",
    "ai.response.finishReason": "stop",
    "ai.response.msToFirstChunk": 250.0,
    "ai.usage.inputTokens": 1000,
    "ai.usage.outputTokens": 200,
    "ai.usage.totalTokens": 1200,
    "ai.usage.cachedInputTokens": '{"intValue": 600}',
    "ai.usage.reasoningTokens": 50,
    "ai.telemetry.metadata.sessionId": "s-1",
    "ai.telemetry.metadata.userId": "u-1",
    "ai.telemetry.functionId": "summarise",
}
AI_SDK_6 = AI_SDK_5 | {
    "ai.usage.cachedInputTokens": 600,
    "ai.usage.inputTokenDetails.noCacheTokens": 400,
    "ai.usage.inputTokenDetails.cacheReadTokens": 600,
    "ai.usage.outputTokenDetails.reasoningTokens": 50,
}
AI_SDK_7 = OTEL_NOW | {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai.responses"}
SENTRY = {
    "gen_ai.operation.name": "chat",
    "gen_ai.system": "openai",
    "gen_ai.request.model": "gpt-4o",
    "gen_ai.response.model": "gpt-4o-2024-08-06",
    "gen_ai.response.id": "chatcmpl-8",
    "gen_ai.response.finish_reasons": '["stop"]',
    "gen_ai.response.time_to_first_chunk": 0.25,
    "gen_ai.request.stream": "true",
    "gen_ai.usage.input_tokens": 1000,
    "gen_ai.usage.input_tokens.cached": 600,
    "gen_ai.usage.output_tokens": 200,
    "gen_ai.usage.output_tokens.reasoning": 50,
    "gen_ai.usage.total_tokens": 1200,
    "gen_ai.conversation.id": "s-1",
    "user.id": "u-1",
    "endpoint_name": "summarise",
}
DOTNET = {name: value for name, value in OTEL_BEFORE.items() if not name.startswith("gen_ai.usage.")} | {
    "gen_ai.response.input_tokens": 1000,
    "gen_ai.response.output_tokens": 200,
    "gen_ai.usage.details.cached_tokens": 600,
    "gen_ai.usage.details.reasoning_tokens": 50,
}
PYDANTIC_AI = OTEL_BEFORE | {
    "gen_ai.usage.details.cache_read_tokens": 600,
    "gen_ai.usage.details.reasoning_tokens": 50,
}
LANGFUSE = {
    "langfuse.observation.type": "generation",
    "langfuse.observation.model.name": "gpt-4o",
    "server.address": "api.openai.com",
    "gen_ai.response.model": "gpt-4o-2024-08-06",
    "gen_ai.response.id": "chatcmpl-8",
    "gen_ai.response.finish_reasons": ["stop"],
    "langfuse.observation.completion_start_time": '"2026-09-14T12:30:15.373456Z"',
    "gen_ai.request.stream": True,
    "langfuse.observation.usage_details": json.dumps(
        {"input": 400, "output": 150, "input_cached_tokens": 600, "output_reasoning_tokens": 50, "total": 1200}
    ),
    "langfuse.session.id": "s-1",
    "langfuse.user.id": "u-1",
    "tokenops.feature": "summarise",
}
LANGSMITH = {
    "langsmith.span.kind": "llm",
    "gen_ai.operation.name": "chat",
    "gen_ai.system": "langchain",
    "ls_provider": "openai",
    "ls_model_name": "gpt-4o",
    "gen_ai.response.model": "gpt-4o-2024-08-06",
    "gen_ai.response.id": "chatcmpl-8",
    "gen_ai.response.finish_reasons": ["stop"],
    "gen_ai.response.time_to_first_chunk": "0.25",
    "gen_ai.request.stream": True,
    "gen_ai.usage.input_tokens": "1000",
    "gen_ai.usage.output_tokens": 200.0,
    "gen_ai.usage.cache_read_tokens": 600,
    "gen_ai.usage.reasoning_tokens": 50,
    "langsmith.trace.session_id": "s-1",
    "user.id": "u-1",
    "gen_ai.workflow.name": "summarise",
}
MLFLOW = {
    "mlflow.spanType": '"CHAT_MODEL"',
    "mlflow.llm.provider": '"openai"',
    "mlflow.llm.model": '"gpt-4o"',
    "gen_ai.response.model": "gpt-4o-2024-08-06",
    "gen_ai.response.id": "chatcmpl-8",
    "gen_ai.response.finish_reasons": ["stop"],
    "gen_ai.response.time_to_first_chunk": 0.25,
    "gen_ai.request.stream": True,
    "mlflow.chat.tokenUsage": json.dumps(
        {
            "input_tokens": 1000,
            "output_tokens": 200,
            "total_tokens": 1200,
            "input_tokens_details": {"cached_tokens": 600},
            "output_tokens_details": {"reasoning_tokens": 50},
        }
    ),
    "session.id": "s-1",
    "user.id": "u-1",
    "tokenops.feature": "summarise",
}
FIRST_TOKEN = event("First Token Stream Event", {}, time_ns=START_NS + 250_000_000)
DIALECTS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "OpenTelemetry now": (OTEL_NOW, {}),
    "OpenTelemetry before": (OTEL_BEFORE, {}),
    "OpenLLMetry": (OPENLLMETRY, {"name": "openai.chat"}),
    "OpenInference": (OPENINFERENCE, {"name": "ChatCompletion", "events": [FIRST_TOKEN]}),
    "OpenLIT": (OPENLIT, {}),
    "AI SDK 5": (AI_SDK_5, {"name": "ai.streamText.doStream"}),
    "AI SDK 6": (AI_SDK_6, {"name": "ai.streamText.doStream"}),
    "AI SDK 7": (AI_SDK_7, {}),
    "Sentry": (SENTRY, {}),
    ".NET": (DOTNET, {}),
    "pydantic-ai": (PYDANTIC_AI, {"scope": "pydantic-ai"}),
    "Langfuse": (LANGFUSE, {"name": "generation"}),
    "LangSmith": (LANGSMITH, {"name": "ChatOpenAI"}),
    "MLflow": (MLFLOW, {"name": "Completions"}),
}


def normalised(attributes: dict[str, Any], **options: Any) -> dict[str, Any]:
    """Everything of a call but what only says how it came: the raw provider, the reading of the counts, the hashes."""
    call = accepted(attributes, **options)
    members: dict[str, Any] = msgspec.to_builtins(call)
    members.pop("provider_raw")
    members.pop("prompt_hash")
    members.pop("prompt_prefix_hash")
    members["usage"].pop("rule")
    return members


@pytest.mark.parametrize("dialect", DIALECTS)
def test_one_call_is_the_same_in_every_dialect(dialect):
    attributes, options = DIALECTS[dialect]

    call = normalised(attributes, **options)

    assert call == normalised(OTEL_NOW)


def test_what_that_call_is():
    call = accepted(OTEL_NOW)

    assert call.call_id == "otlp:5b8efff798038103d269b633813fc60ceee19b7ec3c1b174"
    assert call.started_at.isoformat() == "2026-09-14T12:30:15.123456+00:00"
    assert (call.provider, call.model, call.response_model) == ("openai", "gpt-4o", "gpt-4o-2024-08-06")
    assert (call.operation, call.feature, call.environment) == ("chat", "summarise", "default")
    assert (call.trace_id, call.span_id) == ("5b8efff798038103d269b633813fc60c", "eee19b7ec3c1b174")
    assert (call.usage.input_tokens, call.usage.cached_input_tokens) == (1000, 600)
    assert (call.usage.output_tokens, call.usage.reasoning_tokens) == (200, 50)
    assert (call.latency_ms, call.time_to_first_token_ms) == (1500.0, 250.0)
    assert (call.status, call.error_type, call.stream) == ("ok", "", True)
    assert (call.response_id, call.finish_reason, call.service_tier) == ("chatcmpl-8", "stop", "standard")
    assert (call.session_id, call.user_id, call.source) == ("s-1", "u-1", "otlp")


@pytest.mark.parametrize(
    ("raw", "model", "provider"),
    [
        ("az.ai.openai", "gpt-4o", "azure.ai.openai"),
        ("azure.chat", "gpt-4o", "azure.ai.openai"),
        ("xai.responses", "grok-4", "x_ai"),
        ("vertex.anthropic.messages", "claude-sonnet-4", "gcp.vertex_ai"),
        ("google.generative-ai", "gemini-2.5-pro", "gcp.gemini"),
        ("openrouter", "openai/gpt-4o", "openrouter"),
        ("langchain", "gemini-2.5-pro", "gcp.gemini"),
        ("strands-agents", "some-model", ""),
        ("", "gemini-2.5-pro", "gcp.gemini"),
    ],
)
def test_providers_have_one_name(raw, model, provider):
    call = accepted({"gen_ai.operation.name": "chat", "gen_ai.system": raw, "gen_ai.request.model": model})

    assert (call.provider, call.provider_raw) == (provider, raw)


@pytest.mark.parametrize(
    ("host", "provider"),
    [
        ("api.openai.com", "openai"),
        ("https://acme.openai.azure.com/openai/v1", "azure.ai.openai"),
        ("bedrock-runtime.eu-central-1.amazonaws.com", "aws.bedrock"),
        ("europe-west4-aiplatform.googleapis.com", "gcp.vertex_ai"),
        ("api.x.ai:443", "x_ai"),
        ("notapi.x.ai", ""),
        ("127.0.0.1", ""),
    ],
)
def test_a_framework_in_the_provider_s_place_is_replaced_by_who_is_called(host, provider):
    attributes = {"gen_ai.operation.name": "chat", "gen_ai.system": "llamaindex", "gen_ai.request.model": "m"}

    assert accepted(attributes | {"server.address": host}).provider == provider


def test_a_second_provider_attribute_beats_a_framework():
    attributes = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m"}

    call = accepted(attributes | {"gen_ai.system": "Langchain", "ls_provider": "mistralai"})

    assert (call.provider, call.provider_raw) == ("mistral_ai", "mistralai")


@pytest.mark.parametrize("version", ["5", "6"])
def test_ai_sdk_embeddings_count_tokens(version):
    attributes = {"ai.operationId": "ai.embed.doEmbed", "ai.model.id": "text-embedding-3-small", "ai.usage.tokens": 8}

    call = accepted(attributes | {"ai.model.provider": "openai.embedding"}, version=version)

    assert (call.operation, call.provider, call.usage.input_tokens) == ("embedding", "openai", 8)


def test_genkit_has_its_usage_in_the_output():
    output = {"message": {"role": "model"}, "usage": {"inputTokens": 10, "outputTokens": 4, "totalTokens": 14}}

    call = accepted(
        {"genkit:type": "action", "genkit:metadata:subtype": "model", "genkit:name": "googleai/gemini-2.5-pro"}
        | {"genkit:output": json.dumps(output)}
    )

    assert (call.usage.input_tokens, call.usage.output_tokens) == (10, 4)


def test_google_adk_has_its_usage_in_the_response():
    usage = {"prompt_token_count": 100, "candidates_token_count": 20, "thoughts_token_count": 5}
    usage |= {"total_token_count": 125}

    call = accepted(
        {"gen_ai.system": "gcp.vertex.agent", "gen_ai.request.model": "gemini-2.5-pro"}
        | {"gcp.vertex.agent.llm_response": json.dumps({"usage_metadata": usage})}
        | {"gcp.vertex.agent.session_id": "s"},
        name="call_llm",
    )

    assert (call.provider, call.session_id) == ("gcp.gemini", "s")
    assert (call.usage.input_tokens, call.usage.output_tokens) == (100, 25)


def test_pydantic_ai_is_inclusive_whatever_its_details_say():
    usage = {"gen_ai.usage.input_tokens": 130_213, "gen_ai.usage.output_tokens": 7}
    details = {"gen_ai.usage.details.input_tokens": 5, "gen_ai.usage.details.cache_read_input_tokens": 128_955}
    details |= {"gen_ai.usage.details.cache_creation_input_tokens": 1_253}

    used = accepted(OTEL_NOW | usage | {"gen_ai.usage.cache_read.input_tokens": None} | details, scope="pydantic-ai")

    assert (used.usage.input_tokens, used.usage.cached_input_tokens) == (130_213, 128_955)
    assert (used.usage.cache_write_tokens, used.usage.rule) == (1_253, "inclusive-shape")


@pytest.mark.parametrize(
    ("scope", "cached"),
    [("openinference.instrumentation.openai", 30), ("openinference.instrumentation.litellm", 0)],
)
def test_cache_input_means_something_else_to_litellm(scope, cached):
    attributes = {"openinference.span.kind": "LLM", "llm.model_name": "m", "llm.token_count.prompt": 100}
    attributes |= {"llm.token_count.prompt_details.cache_input": 30}

    assert accepted(attributes, scope=scope).usage.cached_input_tokens == cached


def test_cache_input_is_not_used_beside_cache_read():
    attributes = {"openinference.span.kind": "LLM", "llm.model_name": "m", "llm.token_count.prompt": 100}
    attributes |= {"llm.token_count.prompt_details.cache_input": 30, "llm.token_count.prompt_details.cache_read": 0}

    assert accepted(attributes).usage.cached_input_tokens == 0


def test_modalities_are_parts():
    used = accepted(
        OTEL_NOW
        | {"gen_ai.usage.audio.input_tokens": 10, "gen_ai.usage.audio.output_tokens": 20}
        | {"gen_ai.usage.image.input_tokens": 30}
    ).usage

    assert (used.audio_input_tokens, used.audio_output_tokens, used.image_input_tokens) == (10, 20, 30)


def test_an_hour_of_cache_is_told_apart():
    usage = {"input_tokens": 5, "cache_creation_input_tokens": 30}
    usage |= {"cache_creation": {"ephemeral_5m_input_tokens": 10, "ephemeral_1h_input_tokens": 20}}
    attributes = {"ai.operationId": "ai.generateText.doGenerate", "ai.model.provider": "anthropic.messages"}
    attributes |= {"ai.model.id": "claude-sonnet-4", "ai.usage.inputTokens": "5"}

    metadata = json.dumps({"anthropic": {"usage": usage}})
    used = accepted(attributes | {"ai.response.providerMetadata": metadata}).usage

    assert (used.input_tokens, used.cache_write_tokens, used.cache_write_1h_tokens) == (35, 30, 20)


@pytest.mark.parametrize(
    ("cost", "dollars"),
    [
        ({"gen_ai.usage.cost.amount": 0.0123, "gen_ai.usage.cost.currency": "USD"}, "0.0123"),
        ({"gen_ai.usage.cost.amount": 0.0123, "gen_ai.usage.cost.currency": "EUR"}, None),
        ({"llm.cost.total": 0.1}, "0.1"),
        ({"llm.cost.prompt": 0.1, "llm.cost.completion": 0.2}, "0.3"),
        ({"gen_ai.usage.cost": "0.25"}, "0.25"),
        ({"operation.cost": 1e-7}, "1E-7"),
        ({"langfuse.observation.cost_details": '{"input": 0.1, "total": 0.30}'}, "0.30"),
        ({"gen_ai.cost.total_cost": 0}, "0"),
        ({"gen_ai.usage.cost": float("nan")}, None),
        ({"gen_ai.usage.cost": "free"}, None),
        ({}, None),
    ],
)
def test_a_given_cost_is_exact_or_unknown(cost, dollars):
    found = accepted(OTEL_NOW | cost).reported_cost_usd

    assert (None if found is None else str(found)) == dollars


@pytest.mark.parametrize(
    ("tier", "kept"), [("priority", "priority"), ("flex", "flex"), ("auto", "standard"), ("golden", "standard")]
)
def test_service_tiers(tier, kept):
    assert accepted(OTEL_NOW | {"openai.response.service_tier": tier}).service_tier == kept


def test_the_chunk_after_which_text_arrived_may_be_an_event():
    first = event("gen_ai.content.completion.chunk", {}, time_ns=START_NS + 40_000_000)
    later = event("gen_ai.content.completion.chunk", {}, time_ns=START_NS + 90_000_000)
    attributes = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m"}

    assert accepted(attributes, events=[first, later]).time_to_first_token_ms == 40.0


def test_an_id_in_a_raw_response_is_no_text():
    attributes = {"openinference.span.kind": "LLM", "llm.model_name": "m"}
    langchain = {"generations": [[{"message": {"kwargs": {"response_metadata": {"id": "chatcmpl-9"}}}}]]}

    assert accepted(attributes | {"output.value": json.dumps(langchain)}).response_id == "chatcmpl-9"
    assert accepted(attributes | {"output.value": '{"id": "said by somebody"}'}).response_id == ""
    assert accepted(attributes | {"output.value": '{"id": 5, "generations": [5]}'}).response_id == ""
    assert accepted(attributes | {"output.value": "chatcmpl-9"}).response_id == ""


def test_every_call_is_typed_as_declared():
    for attributes, options in DIALECTS.values():
        call = accepted(attributes, **options)

        assert msgspec.convert(msgspec.to_builtins(call), Call) == call


@pytest.mark.parametrize(
    ("more", "status", "unknown"),
    [
        ({}, 0, True),
        ({}, 1, True),
        ({}, 2, False),  # it failed, and nobody says that it used anything
        ({"gen_ai.usage.input_tokens": ""}, 0, True),
        ({"gen_ai.usage.total_tokens": 57}, 0, True),  # nobody says how much of it was read
        ({"gen_ai.usage.total_tokens": 57}, 2, True),
        ({"gen_ai.usage.input_tokens": 0}, 0, False),
        ({"gen_ai.usage.output_tokens": 3}, 0, False),
        ({"llm.token_count.prompt_details.cache_input": 3}, 0, False),
        ({"gen_ai.usage.reasoning.output_tokens": 0}, 0, False),
    ],
)
def test_a_span_without_counts_used_what_nobody_knows(more, status, unknown):
    found = accepted(CHAT | more, status={"code": status})

    assert is_unknown(found) is unknown
    assert (found.usage.rule == "unstated") is (not more or "" in more.values() or 57 in more.values())
