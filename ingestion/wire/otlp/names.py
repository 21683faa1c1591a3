"""The attribute names of every dialect by what they mean, in the order in which they are believed.

otel-dialects.md §4 from left to right: OpenTelemetry now and before, OpenLLMetry, OpenInference, OpenLIT, Vercel's AI
SDK, others.
"""

from typing import Final

type Names = tuple[str, ...]

PROVIDER: Final[Names] = (
    *("gen_ai.provider.name", "gen_ai.system", "llm.provider", "llm.system", "gen_ai.request.provider"),
    *("ai.model.provider", "custom_llm_provider", "ls_provider", "langsmith.metadata.ls_provider"),
    *("mlflow.llm.provider",),
)
SERVER: Final[Names] = ("server.address", "net.peer.name", "gen_ai.openai.api_base")
REQUEST_MODEL: Final[Names] = (
    *("gen_ai.request.model", "llm.request.model", "llm.model_name", "embedding.model_name", "reranker.model_name"),
    *("ai.model.id", "gen_ai.request_model", "langfuse.observation.model.name", "ls_model_name"),
    *("langsmith.metadata.ls_model_name", "mlflow.llm.model", "model_name", "model"),
)
GENKIT_MODEL: Final = "genkit:name"
RESPONSE_MODEL: Final[Names] = (
    *("gen_ai.response.model", "llm.response.model", "llm.model_name", "ai.response.model", "gen_ai.response_model"),
)
RESPONSE_ID: Final[Names] = ("gen_ai.response.id", "ai.response.id")

INPUT: Final[Names] = (
    *("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens", "llm.usage.prompt_tokens", "llm.token_count.prompt"),
    *("ai.usage.inputTokens", "ai.usage.promptTokens", "ai.usage.tokens", "gen_ai.response.input_tokens"),
)
OUTPUT: Final[Names] = (
    *("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens", "llm.usage.completion_tokens"),
    *("llm.token_count.completion", "ai.usage.outputTokens", "ai.usage.completionTokens"),
    *("gen_ai.response.output_tokens",),
)
TOTAL: Final[Names] = (
    *("gen_ai.usage.total_tokens", "llm.usage.total_tokens", "llm.token_count.total", "ai.usage.totalTokens"),
)
CACHE_READ: Final[Names] = (
    *("gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.cache_read_input_tokens"),
    *("llm.token_count.prompt_details.cache_read", "gen_ai.usage.prompt_tokens_details.cached_tokens"),
    *("gen_ai.usage.prompt_tokens_details.cache_read", "ai.usage.cachedInputTokens"),
    *("ai.usage.inputTokenDetails.cacheReadTokens", "gen_ai.usage.details.cache_read_tokens"),
    *("gen_ai.usage.details.cache_read_input_tokens", "gen_ai.usage.details.cached_tokens"),
    *("gen_ai.usage.input_tokens.cached", "gen_ai.usage.cache_read_tokens"),
)
CACHE_INPUT: Final = "llm.token_count.prompt_details.cache_input"
"""Cached tokens from most OpenInference scopes, text tokens from the LiteLLM one."""
CACHE_WRITE: Final[Names] = (
    *("gen_ai.usage.cache_creation.input_tokens", "gen_ai.usage.cache_write.input_tokens"),
    *("gen_ai.usage.cache_creation_input_tokens", "gen_ai.usage.cache_write_input_tokens"),
    *("llm.token_count.prompt_details.cache_write", "gen_ai.usage.prompt_tokens_details.cache_creation_tokens"),
    *("ai.usage.inputTokenDetails.cacheWriteTokens", "gen_ai.usage.details.cache_write_tokens"),
    *("gen_ai.usage.details.cache_creation_input_tokens", "gen_ai.usage.input_tokens.cache_write"),
    *("gen_ai.usage.cache_write_tokens",),
)
REASONING: Final[Names] = (
    *("gen_ai.usage.reasoning.output_tokens", "gen_ai.usage.reasoning_tokens", "llm.usage.reasoning_tokens"),
    *("llm.token_count.completion_details.reasoning", "gen_ai.usage.completion_tokens_details.reasoning_tokens"),
    *("ai.usage.reasoningTokens", "ai.usage.outputTokenDetails.reasoningTokens"),
    *("gen_ai.usage.details.reasoning_tokens", "gen_ai.usage.details.thoughts_tokens"),
    *("gen_ai.usage.output_tokens.reasoning",),
)
AUDIO_INPUT: Final[Names] = (
    *("gen_ai.usage.audio.input_tokens", "llm.token_count.prompt_details.audio"),
    *("gen_ai.usage.details.input_audio_tokens",),
)
AUDIO_OUTPUT: Final[Names] = (
    *("gen_ai.usage.audio.output_tokens", "llm.token_count.completion_details.audio"),
    *("gen_ai.usage.completion_tokens_details.audio_tokens", "gen_ai.usage.details.output_audio_tokens"),
)
IMAGE_INPUT: Final[Names] = ("gen_ai.usage.image.input_tokens",)
AI_SDK_6: Final = ("ai.usage.inputTokenDetails.", "ai.usage.outputTokenDetails.")
"""Members with these beginnings exist from version 6 of the AI SDK on."""
AI_SDK: Final[Names] = ("ai.operationId", "ai.model.provider", "ai.model.id")
PROVIDER_METADATA: Final = "ai.response.providerMetadata"
GENKIT_OUTPUT: Final = "genkit:output"
USAGE_OBJECTS: Final[Names] = (
    *("langfuse.observation.usage_details", "gcp.vertex.agent.llm_response", "mlflow.chat.tokenUsage", GENKIT_OUTPUT),
)
"""JSON texts that hold the usage; looked at when there are no counts."""
MODEL_EVIDENCE: Final[Names] = (*REQUEST_MODEL[:8], "gen_ai.response.model", "model_name")
USAGE_EVIDENCE: Final[Names] = (*INPUT, *OUTPUT, *USAGE_OBJECTS, "gen_ai.system", "gen_ai.provider.name")

COST: Final[Names] = (
    *("gen_ai.usage.cost.amount", "llm.cost.total", "gen_ai.usage.cost", "operation.cost"),
    *("gen_ai.cost.total_cost", "gen_ai.cost.total", "gen_ai.cost.response_cost"),
)
COST_CURRENCY: Final = "gen_ai.usage.cost.currency"
COST_PARTS: Final[Names] = ("llm.cost.prompt", "llm.cost.completion")
COST_OBJECT: Final = "langfuse.observation.cost_details"
SERVICE_TIER: Final[Names] = (
    *("openai.response.service_tier", "gen_ai.openai.response.service_tier", "openai.request.service_tier"),
    *("gen_ai.openai.request.service_tier", "gen_ai.request.service_tier"),
)
INVOCATION_PARAMETERS: Final[Names] = ("llm.invocation_parameters", "embedding.invocation_parameters")
"""OpenInference's request options as JSON. A call that failed names its model nowhere else."""
RAW_RESPONSE: Final = "output.value"
STREAM: Final[Names] = ("gen_ai.request.stream", "gen_ai.is_streaming", "llm.is_streaming", "gen_ai.request.is_stream")
FIRST_CHUNK_SECONDS: Final[Names] = ("gen_ai.response.time_to_first_chunk", "gen_ai.server.time_to_first_token")
FIRST_CHUNK_MS: Final[Names] = ("ai.response.msToFirstChunk",)
FIRST_CHUNK_EVENTS: Final = frozenset(
    {"ai.stream.firstChunk", "First Token Stream Event", "gen_ai.content.completion.chunk"}
)
FIRST_CHUNK_AT: Final = "langfuse.observation.completion_start_time"
FINISH_REASON: Final[Names] = (
    *("gen_ai.response.finish_reasons", "llm.response.finish_reason", "llm.response.stop_reason"),
    *("llm.finish_reason", "gen_ai.completion.0.finish_reason", "ai.response.finishReason"),
)
HTTP_STATUS: Final[Names] = ("http.response.status_code", "http.status_code")
ERROR_TYPE: Final = "error.type"
EXCEPTION_EVENTS: Final = frozenset({"exception", "gen_ai.client.operation.exception"})
EXCEPTION_TYPE: Final = "exception.type"

SESSION: Final[Names] = (
    *("gen_ai.conversation.id", "traceloop.association.properties.session_id", "session.id"),
    *("ai.telemetry.metadata.sessionId", "langfuse.session.id", "langsmith.trace.session_id", "thread_id"),
    *("gcp.vertex.agent.session_id",),
)
USER: Final[Names] = (
    *("user.id", "enduser.id", "llm.user", "traceloop.association.properties.user_id", "gen_ai.request.user"),
    *("ai.telemetry.metadata.userId", "langfuse.user.id", "gen_ai.user"),
)
ENVIRONMENT: Final[Names] = (
    *("deployment.environment.name", "deployment.environment", "gen_ai.environment", "langfuse.environment"),
)
FEATURE: Final = "tokenops.feature"
FEATURE_OF_SPAN: Final[Names] = ("traceloop.association.properties.feature", "traceloop.workflow.name")
FEATURE_OF_RESOURCE: Final[Names] = ("openinference.project.name",)
FEATURE_OTHERWISE: Final[Names] = (
    *("gen_ai.application_name", "ai.telemetry.functionId", "endpoint_name", "gen_ai.workflow.name"),
    *("gen_ai.agent.name",),
)
SERVICE: Final = "service.name"
UNKNOWN_SERVICE: Final = "unknown_service"  # what SDKs send when nobody gave the service a name
TEAM: Final = "tokenops.team"
TEAM_OTHERWISE: Final[Names] = ("traceloop.association.properties.team",)
PROJECT: Final = "tokenops.project"
TAG_PREFIXES: Final[Names] = ("tokenops.tag.", "traceloop.association.properties.")
NO_TAGS: Final = frozenset(
    name.removeprefix("traceloop.association.properties.")
    for name in (*SESSION, *USER, *FEATURE_OF_SPAN, *TEAM_OTHERWISE)
    if name.startswith("traceloop.association.properties.")
)
"""Association properties that have a field of their own."""
NO_TAG_PREFIXES: Final = ("ls_", "lc_")  # LangChain's book-keeping, not what anybody tagged

AGENT: Final[Names] = ("gen_ai.agent.name", "agent.name", "agent_name", "gen_ai.agent.id", "graph.node.id")
PROMPT_VERSION: Final[Names] = (
    *("traceloop.prompt.version", "traceloop.prompt.version_hash", "llm.prompt_template.version"),
    *("langfuse.observation.prompt.version",),
)
