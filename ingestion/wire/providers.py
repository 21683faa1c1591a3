"""One name per provider, whatever the client calls it (otel-dialects.md §2)."""

from functools import lru_cache
from types import MappingProxyType

_SPELLINGS = {
    "azure.ai.openai": ("az.ai.openai", "azure", "azure_openai", "azure-openai", "azure.openai"),
    "azure.ai.inference": ("az.ai.inference",),
    "gcp.vertex_ai": ("vertex_ai", "vertexai", "vertex-ai", "google_vertex", "google-vertex", "google.vertex"),
    "gcp.gemini": ("gemini", "google", "google.generative-ai", "google_genai", "google-genai", "google-gla"),
    "x_ai": ("xai", "x-ai"),
    "mistral_ai": ("mistral", "mistralai"),
    "aws.bedrock": ("aws", "bedrock", "amazon-bedrock", "amazon_bedrock", "bedrock_converse"),
    "ibm.watsonx.ai": ("watsonx", "ibm-watsonx-ai"),
    "moonshot_ai": ("moonshot", "moonshotai"),
}
CANONICAL = MappingProxyType(
    {spelling: canonical for canonical, spellings in _SPELLINGS.items() for spelling in spellings}
)
FRAMEWORKS = frozenset(
    {
        *("langchain", "langgraph", "crewai", "llamaindex", "llama_index", "llama-index", "haystack"),
        *("strands", "strands-agents", "pydantic-ai", "pydantic_ai", "gcp.vertex.agent", "vercel", "openai_agents"),
    }
)
"""Names that instrumentations put into the provider slot although they call somebody else's model."""


_LONGEST = 100
# The AI SDK says which of a provider's APIs it calls: ``openai.responses``, ``vertex.anthropic.messages``.
_APIS = frozenset({"chat", "responses", "completion", "messages", "embedding", "image", "speech", "transcription"})
_HOSTED = {"vertex.anthropic": "gcp.vertex_ai", "googlevertex.anthropic": "gcp.vertex_ai"}


@lru_cache(maxsize=4096)
def canonical_provider(raw: str) -> str:
    """The canonical name, else the name in lower case; ``''`` for a framework, whose provider is to be inferred."""
    name = raw.strip().lower()[:_LONGEST]  # some letters are two in lower case
    owner, _, api = name.rpartition(".")
    if api in _APIS:
        name = _HOSTED.get(owner, owner)
    return "" if name in FRAMEWORKS else CANONICAL.get(name, name)
