"""The upstreams we know: where each is, how it wants its credential, what its API looks like. Data, reviewed by hand.

``inject_include_usage`` is on only where the provider's documentation takes ``stream_options.include_usage`` and its
streams say nothing of usage without it; Mistral, Together, Fireworks, OpenRouter, Cerebras, Moonshot always do.
A base path is left empty where a provider has several (``/v1`` and ``/v2``, ``/v1beta`` and ``/upload``).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from gateway.types import Auth, Dialect, Provider


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """A provider as the product brings it.

    ``provider.origin`` is '' where only the organization knows it; ``origin_hint`` then shows its form. ``check_path``
    is what a client would GET to try a credential (led below ``base_path`` like any other path, perhaps with a query):
    2xx with a good one, 401 or 403 with a bad one; '' where nothing like that is known. ``docs`` is the reference.
    """

    provider: Provider
    origin_hint: str = ""
    check_path: str = ""
    docs: str = ""


def _preset(
    slug: str,
    name: str,
    origin: str,
    base_path: str,
    docs: str,
    *,
    canonical: str = "",
    dialect: Dialect = Dialect.OPENAI,
    hint: str = "",
    check: str = "",
    usage: bool = False,
    **auth: Any,
) -> Preset:
    provider = Provider(
        slug=slug,
        name=name,
        canonical=canonical or slug,
        origin=origin,
        base_path=base_path,
        dialect=dialect,
        inject_include_usage=usage,
        **auth,
    )
    return Preset(provider=provider, origin_hint=hint, check_path=check, docs=docs)


_OWN: Final = ""  # only the organization knows the origin

_ROWS: Final = (
    _preset(
        "openai",
        "OpenAI",
        "https://api.openai.com",
        "/v1",
        "https://platform.openai.com/docs/api-reference",
        check="/v1/models",
        usage=True,
    ),
    _preset(
        "anthropic",
        "Anthropic",
        "https://api.anthropic.com",
        "/v1",
        "https://docs.anthropic.com/en/api/messages",
        dialect=Dialect.ANTHROPIC,
        check="/v1/models",
        auth=Auth.HEADER,
        auth_name="x-api-key",
        headers=(("anthropic-version", "2023-06-01"),),
    ),
    _preset(
        "google",
        "Google Gemini",
        "https://generativelanguage.googleapis.com",
        "",  # /v1beta, /v1, /upload/v1beta
        "https://ai.google.dev/api",
        canonical="gcp.gemini",
        dialect=Dialect.GEMINI,
        check="/v1beta/models",
        auth=Auth.HEADER,
        auth_name="x-goog-api-key",
    ),
    _preset(
        "mistral",
        "Mistral",
        "https://api.mistral.ai",
        "/v1",
        "https://docs.mistral.ai/api",
        canonical="mistral_ai",
        check="/v1/models",
    ),
    _preset(
        "groq",
        "Groq",
        "https://api.groq.com",
        "/openai/v1",
        "https://console.groq.com/docs/api-reference",
        check="/openai/v1/models",
        usage=True,
    ),
    _preset(
        "cohere",
        "Cohere",
        "https://api.cohere.com",
        "",  # /v1 and /v2, and /compatibility/v1 for clients of OpenAI
        "https://docs.cohere.com/reference/about",
        dialect=Dialect.COHERE,
        check="/v1/models",
    ),
    _preset(
        "perplexity",
        "Perplexity",
        "https://api.perplexity.ai",
        "",  # /chat/completions, without a version
        "https://docs.perplexity.ai/api-reference/chat-completions-post",
    ),
    _preset(
        "deepseek",
        "DeepSeek",
        "https://api.deepseek.com",
        "",  # with and without /v1; /beta, /anthropic
        "https://api-docs.deepseek.com/api/create-chat-completion",
        check="/user/balance",
        usage=True,
    ),
    _preset(
        "together",
        "Together AI",
        "https://api.together.xyz",
        "/v1",
        "https://docs.together.ai/reference/chat-completions",
        check="/v1/models",
    ),
    _preset(
        "fireworks",
        "Fireworks AI",
        "https://api.fireworks.ai",
        "/inference/v1",
        "https://docs.fireworks.ai/api-reference/post-chatcompletions",
        check="/inference/v1/models",
    ),
    _preset(
        "xai",
        "xAI",
        "https://api.x.ai",
        "/v1",
        "https://docs.x.ai/docs/api-reference",
        canonical="x_ai",
        check="/v1/api-key",
        usage=True,
    ),
    _preset(
        "openrouter",
        "OpenRouter",
        "https://openrouter.ai",
        "/api/v1",
        "https://openrouter.ai/docs/api-reference/overview",
        check="/api/v1/key",
    ),
    _preset(
        "cerebras",
        "Cerebras",
        "https://api.cerebras.ai",
        "/v1",
        "https://inference-docs.cerebras.ai/api-reference/chat-completions",
        check="/v1/models",
    ),
    _preset(
        "sambanova",
        "SambaNova",
        "https://api.sambanova.ai",
        "/v1",
        "https://docs.sambanova.ai/docs/en/api-reference/overview",
        usage=True,
    ),
    _preset(
        "nvidia",
        "NVIDIA NIM",
        "https://integrate.api.nvidia.com",
        "/v1",
        "https://docs.api.nvidia.com/nim/reference/llm-apis",
        usage=True,
    ),
    _preset(
        "moonshot",
        "Moonshot AI",
        "https://api.moonshot.ai",
        "/v1",
        "https://platform.moonshot.ai/docs/api/chat",
        canonical="moonshot_ai",
        check="/v1/models",
    ),
    _preset(
        "ai21",
        "AI21 Labs",
        "https://api.ai21.com",
        "/studio/v1",
        "https://docs.ai21.com/reference/jamba-1-6-api-ref",  # its list of models answers without a key: no check
    ),
    _preset(
        "anyscale",
        "Anyscale",
        _OWN,  # the shared endpoints closed in 2024; every service has its own host
        "/v1",
        "https://docs.anyscale.com/llm/serving",
        hint="https://<service>.anyscaleuserdata.com",
        check="/models",
        usage=True,
    ),
    _preset(
        "replicate",
        "Replicate",
        "https://api.replicate.com",
        "/v1",
        "https://replicate.com/docs/reference/http",
        dialect=Dialect.OTHER,
        check="/v1/account",
    ),
    _preset(
        "azure",
        "Azure OpenAI",
        _OWN,
        "/openai",
        "https://learn.microsoft.com/en-us/azure/ai-services/openai/reference",
        canonical="azure.ai.openai",
        hint="https://<resource>.openai.azure.com",
        check="/openai/models?api-version=2024-10-21",
        usage=True,  # not for versions of its API that do not know it: gateway.wire.splice
        auth=Auth.HEADER,
        auth_name="api-key",
    ),
    _preset(
        "bedrock",
        "Amazon Bedrock",
        _OWN,
        "",
        "https://docs.aws.amazon.com/bedrock/latest/userguide/api-keys-use.html",
        canonical="aws.bedrock",
        dialect=Dialect.BEDROCK,
        hint="https://bedrock-runtime.<region>.amazonaws.com",
    ),
    _preset(
        "vertex",
        "Google Vertex AI",
        _OWN,
        "",
        "https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/inference",
        canonical="gcp.vertex_ai",
        dialect=Dialect.GEMINI,
        hint="https://<region>-aiplatform.googleapis.com",
    ),
    _preset(
        "ollama",
        "Ollama",
        _OWN,
        "",  # /api and /v1
        "https://docs.ollama.com/api",
        dialect=Dialect.OLLAMA,
        hint="http://localhost:11434",
        check="/api/tags",
        usage=True,
        auth=Auth.NONE,
    ),
    _preset(
        "vllm",
        "vLLM",
        _OWN,
        "/v1",
        "https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html",
        hint="http://localhost:8000",
        check="/models",
        usage=True,
    ),
    _preset(
        "lm-studio",
        "LM Studio",
        _OWN,
        "/v1",
        "https://lmstudio.ai/docs/developer/openai-compat",
        hint="http://localhost:1234",
        check="/models",
        usage=True,
        auth=Auth.NONE,
    ),
    _preset(
        "localai",
        "LocalAI",
        _OWN,
        "/v1",
        "https://localai.io/features/openai-functions/",
        hint="http://localhost:8080",
        check="/models",
        usage=True,
    ),
    _preset(
        "litellm",
        "LiteLLM proxy",
        _OWN,
        "/v1",
        "https://docs.litellm.ai/docs/proxy/user_keys",
        hint="http://localhost:4000",
        check="/models",
        usage=True,
    ),
    _preset(
        "openai-compatible",
        "Another OpenAI-compatible API",
        _OWN,
        "/v1",
        "https://platform.openai.com/docs/api-reference",
        hint="https://llm.example.com",
        check="/models",
    ),
)

PRESETS: Final[Mapping[str, Preset]] = MappingProxyType({row.provider.slug: row for row in _ROWS})
