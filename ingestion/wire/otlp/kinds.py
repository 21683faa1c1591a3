"""Which spans are calls (otel-dialects.md, "Leaf rule"): decided from the span alone, by what it says its work is.

A span that is about several calls (an agent, a chain, the SDK's own root span) repeats their usage and is never a call.
"""

from types import MappingProxyType
from typing import Final

from ingestion.wire.otlp import names
from ingestion.wire.otlp.shapes import Shape
from ingestion.wire.otlp.spans import Attributes, Span, Value

NO_CALL: Final = ""
_LONGEST_KIND: Final = 100

_INFERENCE: Final = {
    "chat": (
        *("chat", "generate_content", "responses", "messages", "generation", "llm", "chat_model", "model"),
        *("acompletion", "aresponses", "chat_completion", "chat.completion", "generate", "call_llm", "llm_request"),
    ),
    "completion": ("text_completion", "completion", "atext_completion", "text_generation"),
    "embedding": ("embeddings", "embedding", "aembedding", "embedder", "embed"),
    "rerank": ("rerank", "reranker", "arerank"),
    "image": ("image", "images", "image_generation", "generate_image", "aimage_generation"),
    "audio": ("audio", "transcription", "speech", "text_to_speech", "speech_to_text", "atranscription", "aspeech"),
}
_AGGREGATES: Final = (
    *("invoke_agent", "create_agent", "invoke_workflow", "execute_tool", "execute_task", "retrieval", "plan"),
    *(
        "handoff",
        "agent",
        "agents",
        "workflow",
        "task",
        "tool",
        "chain",
        "retriever",
        "guardrail",
        "evaluator",
        "prompt",
        "parser",
    ),
    *("memory", "framework", "vectordb", "session", "pipeline", "orchestrate_tools", "fine_tuning", "unassigned"),
    *("create_memory", "search_memory", "update_memory", "delete_memory", "running", "flow", "action", "util"),
)
OPERATIONS: Final = MappingProxyType(
    {spelling: operation for operation, spellings in _INFERENCE.items() for spelling in spellings}
    | dict.fromkeys(_AGGREGATES, NO_CALL)
)
"""What a span's kind or operation, in lower case, makes of it; a name that is not here says nothing."""

_OPERATION: Final = "gen_ai.operation.name"
_REQUEST_TYPE: Final = "llm.request.type"
_AI_SDK_CALLS: Final = (
    *((f".do{verb}", "chat") for verb in ("Generate", "Stream")),
    (".doEmbed", "embedding"),
    (".doRerank", "rerank"),
)


def operation(span: Span, shape: Shape) -> str:
    """The normalised operation of the call this span is, ``''`` when it is none."""
    attributes = span.attributes
    said = [OPERATIONS.get(_word(attributes[name])) for name in shape.kinds]
    kinds = [kind for kind in said if kind is not None]
    if NO_CALL in kinds and not _is_genkit_model(attributes):
        return NO_CALL
    if named := _word(attributes.get(_OPERATION)):
        return OPERATIONS.get(named, NO_CALL)
    requested = OPERATIONS.get(_word(attributes.get(_REQUEST_TYPE)))
    if requested is not None:
        return requested
    return next((kind for kind in kinds if kind), None) or _by_name(span)


def _word(value: Value) -> str:
    """MLflow writes its values as JSON, so a kind may come in quotes."""
    if isinstance(value, str) and value in OPERATIONS:  # nearly always, and then it needs no tidying
        return value
    return value[:_LONGEST_KIND].strip().strip('"').lower() if isinstance(value, str) else ""


def _is_genkit_model(attributes: Attributes) -> bool:
    """Genkit calls everything an action; what it acts on is the subtype."""
    return _word(attributes.get("genkit:metadata:subtype")) in {"model", "embedder"}


def _by_name(span: Span) -> str:
    attributes = span.attributes
    called = attributes.get("ai.operationId") or attributes.get("operation.name") or span.name
    first = called.split(" ", 1)[0] if isinstance(called, str) else ""
    for ending, found in _AI_SDK_CALLS:
        if first.endswith(ending) and first.startswith("ai."):
            return found
    if "ai.operationId" in attributes or not _is_about_a_model(attributes):
        return NO_CALL
    return OPERATIONS.get(_operation_in(span), "chat")


def _operation_in(span: Span) -> str:
    """``chat gpt-4o``, ``openai.chat``, ``gen_ai.chat``, ``agent run``: the word that says what is done."""
    sentry = _word(span.attributes.get("sentry.op"))
    words = (sentry or _word(span.name)).split()
    return words[0].rsplit(".", 1)[-1] if words else ""


def _is_about_a_model(attributes: Attributes) -> bool:
    """Does a span without a kind name a model and a usage or provider? Less may be any span of an application."""
    return any(name in attributes for name in names.MODEL_EVIDENCE) and any(
        name in attributes for name in names.USAGE_EVIDENCE
    )
