"""Which spans are calls, dialect by dialect, and which only repeat what their children used."""

import pytest

from ingestion.tests.wire.otlp.builders import accepted, is_call, parse, request, span

USED = {"gen_ai.system": "openai", "gen_ai.request.model": "m", "gen_ai.usage.input_tokens": 5}


@pytest.mark.parametrize(
    ("name", "value", "operation"),
    [
        ("gen_ai.operation.name", "chat", "chat"),
        ("gen_ai.operation.name", "generate_content", "chat"),
        ("gen_ai.operation.name", "text_completion", "completion"),
        ("gen_ai.operation.name", "embeddings", "embedding"),
        ("gen_ai.operation.name", "Chat", "chat"),
        ("gen_ai.operation.name", "rerank", "rerank"),
        ("gen_ai.operation.name", "image", "image"),
        ("llm.request.type", "chat", "chat"),
        ("llm.request.type", "completion", "completion"),
        ("llm.request.type", "embedding", "embedding"),
        ("llm.request.type", "rerank", "rerank"),
        ("openinference.span.kind", "LLM", "chat"),
        ("openinference.span.kind", "EMBEDDING", "embedding"),
        ("openinference.span.kind", "RERANKER", "rerank"),
        ("ai.operationId", "ai.generateText.doGenerate", "chat"),
        ("ai.operationId", "ai.streamText.doStream", "chat"),
        ("ai.operationId", "ai.generateObject.doGenerate", "chat"),
        ("ai.operationId", "ai.embedMany.doEmbed", "embedding"),
        ("ai.operationId", "ai.rerank.doRerank", "rerank"),
        ("operation.name", "ai.streamText.doStream my-function", "chat"),
        ("langfuse.observation.type", "generation", "chat"),
        ("langfuse.observation.type", "embedding", "embedding"),
        ("mlflow.spanType", '"CHAT_MODEL"', "chat"),
        ("mlflow.spanType", "LLM", "chat"),
        ("genkit:metadata:subtype", "model", "chat"),
        ("langsmith.span.kind", "llm", "chat"),
    ],
)
def test_an_inference_operation_is_a_call(name, value, operation):
    call = accepted({name: value, "gen_ai.request.model": "m"}, name="work")

    assert call.operation == operation


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[
            ("gen_ai.operation.name", operation)
            for operation in (
                *("invoke_agent", "create_agent", "invoke_workflow", "execute_tool", "retrieval", "plan"),
                *("create_memory", "search_memory", "something_new"),
            )
        ],
        *[("traceloop.span.kind", kind) for kind in ("workflow", "task", "agent", "tool")],
        *[("ai.operationId", f"ai.{verb}") for verb in ("generateText", "streamText", "toolCall", "embed", "rerank")],
        *[("langfuse.observation.type", kind) for kind in ("agent", "tool", "chain", "retriever", "guardrail")],
        *[("langsmith.span.kind", kind) for kind in ("chain", "tool", "retriever", "prompt", "parser")],
        ("mlflow.spanType", '"AGENT"'),
        ("genkit:type", "flow"),
        ("genkit:metadata:subtype", "tool"),
    ],
)
def test_everything_else_is_not_even_with_usage(name, value):
    assert not is_call(USED | {name: value}, name="work")


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("langsmith.span.kind", "prompt"),
        ("langsmith.span.kind", "retriever"),
        ("openinference.span.kind", "CHAIN"),
        ("traceloop.span.kind", "task"),
    ],
)
def test_a_kind_that_is_no_call_decides_before_the_operation(kind, value):
    assert not is_call(USED | {"gen_ai.operation.name": "chat", kind: value})


def test_a_genkit_model_is_an_action_and_a_call():
    attributes = {"genkit:type": "action", "genkit:metadata:subtype": "model", "genkit:name": "googleai/gemini-2.5-pro"}

    assert accepted(attributes).model == "googleai/gemini-2.5-pro"


@pytest.mark.parametrize(
    ("name", "operation"),
    [
        ("chat gpt-4o", "chat"),
        ("openai.chat", "chat"),
        ("openai.embeddings", "embedding"),
        ("embeddings text-embedding-3-small", "embedding"),
        ("text_completion gpt-3.5", "completion"),
        ("litellm_request", "chat"),
        ("call_llm", "chat"),
        ("ai.generateText.doGenerate", "chat"),
        ("", "chat"),
    ],
)
def test_without_an_operation_the_name_tells(name, operation):
    assert accepted(USED, name=name).operation == operation


@pytest.mark.parametrize(
    "name", ["agent run", "invoke_agent researcher", "crew.workflow", "execute_tool search", "ai.generateText"]
)
def test_an_aggregate_is_known_by_its_name_too(name):
    assert is_call(USED, name=name) is (name == "ai.generateText")
    assert not is_call(USED | {"ai.operationId": "ai.generateText"}, name=name)


def test_sentry_says_it_in_its_own_attribute():
    assert is_call(USED | {"sentry.op": "gen_ai.chat"}, name="POST")
    assert not is_call(USED | {"sentry.op": "gen_ai.invoke_agent"}, name="POST")


@pytest.mark.parametrize(
    "attributes",
    [
        {},
        {"http.request.method": "POST", "url.full": "https://api.openai.com/v1/chat/completions"},
        {"gen_ai.request.model": "m"},
        {"model": "a row of a table", "gen_ai.usage.input_tokens": 5},
        {"gen_ai.usage.input_tokens": 5, "gen_ai.system": "openai"},
        {"model_name": "m", "agent_name": "a", "final_result": "x"},
        {"gen_ai.operation.name": 5},
    ],
)
def test_other_spans_of_an_application_are_ignored_without_a_word(attributes):
    batch = parse(request([span(attributes, name="chat")]))

    assert (batch.calls, batch.rejected, batch.ignored, batch.total) == ([], [], 1, 1)


def test_only_the_children_of_an_ai_sdk_7_agent_are_calls():
    usage = [(9_000, 500), (5_426, 271)]
    root = {"gen_ai.operation.name": "invoke_agent", "gen_ai.usage.input_tokens": 14_426}
    root |= {"gen_ai.usage.output_tokens": 771, "gen_ai.request.model": "m"}
    children = [
        span(
            {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m"}
            | {"gen_ai.usage.input_tokens": read, "gen_ai.usage.output_tokens": written},
            spanId=f"{index + 1:016x}",
        )
        for index, (read, written) in enumerate(usage)
    ]

    batch = parse(request([span(root, name="invoke_agent m"), *children]))

    assert [(call.usage.input_tokens, call.usage.output_tokens) for _, call in batch.calls] == usage
    assert sum(call.usage.input_tokens for _, call in batch.calls) == 14_426
    assert batch.ignored == 1


def test_a_pydantic_ai_agent_run_is_not_a_call():
    run = {"model_name": "gpt-4o", "agent_name": "a", "gen_ai.usage.input_tokens": 9, "gen_ai.usage.output_tokens": 9}

    assert not is_call(run, name="agent run")
