"""The upstreams that TokenOps knows: where they are, how they want their key, and whose API they speak.

A row says nothing about models or prices. Rows without an origin are for servers whose address only their users know.
SigV4 and service accounts are not spoken: Bedrock and Vertex take bearer tokens.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from gateway.types import Auth, Dialect, Provider


@dataclass(frozen=True, slots=True)
class Preset:
    """A built-in row. ``check_path`` answers 2xx to a GET with a good credential and 401 or 403 with a bad one.

    ``origin_hint`` shows the form of an origin that is the user's own; ``docs`` is the provider's API reference.
    """

    provider: Provider
    origin_hint: str = ""
    check_path: str = ""
    docs: str = ""


def _like_openai(
    slug: str,
    name: str,
    origin: str,
    *,
    base: str = "/v1",
    canonical: str = "",
    includes_usage: bool = True,
    auth: Auth = Auth.BEARER,
    auth_name: str = "",
    hint: str = "",
    check: str = "/v1/models",
    docs: str = "",
) -> Preset:
    provider = Provider(
        slug=slug,
        name=name,
        canonical=canonical or slug,
        origin=origin,
        base_path=base,
        dialect=Dialect.OPENAI,
        auth=auth,
        auth_name=auth_name,
        inject_include_usage=includes_usage,
    )
    return Preset(provider, hint, check, docs)


def _speaking(
    dialect: Dialect,
    slug: str,
    name: str,
    origin: str,
    *,
    base: str = "",
    canonical: str = "",
    auth: Auth = Auth.BEARER,
    auth_name: str = "",
    headers: tuple[tuple[str, str], ...] = (),
    hint: str = "",
    check: str = "",
    docs: str = "",
) -> Preset:
    provider = Provider(
        slug=slug,
        name=name,
        canonical=canonical or slug,
        origin=origin,
        base_path=base,
        dialect=dialect,
        auth=auth,
        auth_name=auth_name,
        headers=headers,
    )
    return Preset(provider, hint, check, docs)


_ROWS: Final = (
    _like_openai("openai", "OpenAI", "https://api.openai.com", docs="https://platform.openai.com/docs/api-reference"),
    _speaking(
        Dialect.ANTHROPIC,
        "anthropic",
        "Anthropic",
        "https://api.anthropic.com",
        auth=Auth.HEADER,
        auth_name="x-api-key",
        headers=(("anthropic-version", "2023-06-01"),),
        check="/v1/models",
        docs="https://docs.anthropic.com/en/api",
    ),
    _speaking(
        Dialect.GEMINI,
        "google",
        "Google Gemini",
        "https://generativelanguage.googleapis.com",
        canonical="gcp.gemini",
        auth=Auth.HEADER,
        auth_name="x-goog-api-key",
        check="/v1beta/models",
        docs="https://ai.google.dev/api",
    ),
    _like_openai(
        "mistral",
        "Mistral",
        "https://api.mistral.ai",
        canonical="mistral_ai",
        includes_usage=False,  # its last chunk has the usage anyway
        docs="https://docs.mistral.ai/api",
    ),
    _like_openai(
        "groq",
        "Groq",
        "https://api.groq.com",
        base="/openai/v1",
        check="/openai/v1/models",
        docs="https://console.groq.com/docs/api-reference",
    ),
    _speaking(
        Dialect.COHERE,
        "cohere",
        "Cohere",
        "https://api.cohere.com",
        check="/v1/models",
        docs="https://docs.cohere.com/reference",
    ),
    _like_openai(
        "perplexity",
        "Perplexity",
        "https://api.perplexity.ai",
        base="",
        includes_usage=False,
        check="",
        docs="https://docs.perplexity.ai/api-reference",
    ),
    _like_openai(
        "deepseek",
        "DeepSeek",
        "https://api.deepseek.com",
        base="",
        check="/models",
        docs="https://api-docs.deepseek.com",
    ),
    _like_openai("together", "Together AI", "https://api.together.xyz", docs="https://docs.together.ai/reference"),
    _like_openai(
        "fireworks",
        "Fireworks AI",
        "https://api.fireworks.ai",
        base="/inference/v1",
        check="/inference/v1/models",
        docs="https://docs.fireworks.ai/api-reference",
    ),
    _like_openai("xai", "xAI", "https://api.x.ai", canonical="x_ai", docs="https://docs.x.ai/docs/api-reference"),
    _like_openai(
        "openrouter",
        "OpenRouter",
        "https://openrouter.ai",
        base="/api/v1",
        check="/api/v1/key",
        docs="https://openrouter.ai/docs/api-reference",
    ),
    _like_openai("cerebras", "Cerebras", "https://api.cerebras.ai", docs="https://inference-docs.cerebras.ai"),
    _like_openai("sambanova", "SambaNova", "https://api.sambanova.ai", docs="https://docs.sambanova.ai"),
    _like_openai(
        "nvidia", "NVIDIA NIM", "https://integrate.api.nvidia.com", check="", docs="https://docs.api.nvidia.com/nim"
    ),
    _like_openai(
        "moonshot",
        "Moonshot AI",
        "https://api.moonshot.ai",
        canonical="moonshot_ai",
        docs="https://platform.moonshot.ai/docs",
    ),
    _like_openai(
        "ai21",
        "AI21 Labs",
        "https://api.ai21.com",
        base="/studio/v1",
        includes_usage=False,
        check="",
        docs="https://docs.ai21.com/reference",
    ),
    _like_openai(
        "anyscale",
        "Anyscale",
        "https://api.endpoints.anyscale.com",
        includes_usage=False,
        docs="https://docs.anyscale.com",
    ),
    _speaking(
        Dialect.OTHER,
        "replicate",
        "Replicate",
        "https://api.replicate.com",
        base="/v1",
        check="/v1/account",
        docs="https://replicate.com/docs/reference/http",
    ),
    _like_openai(
        "azure",
        "Azure OpenAI",
        "",
        base="/openai",
        canonical="azure.ai.openai",
        auth=Auth.HEADER,
        auth_name="api-key",
        hint="https://<resource>.openai.azure.com",
        check="",
        docs="https://learn.microsoft.com/azure/ai-services/openai/reference",
    ),
    _speaking(
        Dialect.BEDROCK,
        "bedrock",
        "Amazon Bedrock",
        "",
        canonical="aws.bedrock",
        hint="https://bedrock-runtime.<region>.amazonaws.com",
        docs="https://docs.aws.amazon.com/bedrock/latest/APIReference",
    ),
    _speaking(
        Dialect.GEMINI,
        "vertex",
        "Google Vertex AI",
        "",
        canonical="gcp.vertex_ai",
        hint="https://<region>-aiplatform.googleapis.com",
        docs="https://cloud.google.com/vertex-ai/docs/reference/rest",
    ),
    _speaking(
        Dialect.OLLAMA,
        "ollama",
        "Ollama",
        "",
        auth=Auth.NONE,
        hint="http://<host>:11434",
        check="/api/tags",
        docs="https://docs.ollama.com/api",
    ),
    _like_openai("vllm", "vLLM", "", hint="http://<host>:8000", docs="https://docs.vllm.ai"),
    _like_openai(
        "lm-studio", "LM Studio", "", auth=Auth.NONE, hint="http://<host>:1234", docs="https://lmstudio.ai/docs"
    ),
    _like_openai("localai", "LocalAI", "", hint="http://<host>:8080", docs="https://localai.io"),
    _like_openai("litellm", "LiteLLM", "", hint="https://<host>", docs="https://docs.litellm.ai"),
    _like_openai("openai-compatible", "OpenAI-compatible", "", hint="https://<host>", check=""),
)
PRESETS: Final[Mapping[str, Preset]] = MappingProxyType({row.provider.slug: row for row in _ROWS})
"""By slug, the ones most people look for first."""
