"""Whose API a host name is, for spans that name a framework where the provider belongs."""

from typing import Final

_HOSTS: Final = (
    ("openai.azure.com", "azure.ai.openai"),
    ("services.ai.azure.com", "azure.ai.inference"),
    ("inference.ai.azure.com", "azure.ai.inference"),
    ("api.openai.com", "openai"),
    ("api.anthropic.com", "anthropic"),
    ("generativelanguage.googleapis.com", "gcp.gemini"),
    ("aiplatform.googleapis.com", "gcp.vertex_ai"),
    ("api.mistral.ai", "mistral_ai"),
    ("api.groq.com", "groq"),
    ("api.deepseek.com", "deepseek"),
    ("api.x.ai", "x_ai"),
    ("api.perplexity.ai", "perplexity"),
    ("api.moonshot.ai", "moonshot_ai"),
    ("api.moonshot.cn", "moonshot_ai"),
    ("api.cohere.com", "cohere"),
    ("api.cohere.ai", "cohere"),
    ("openrouter.ai", "openrouter"),
    ("api.together.xyz", "together"),
    ("api.fireworks.ai", "fireworks"),
    ("api.cerebras.ai", "cerebras"),
    ("ml.cloud.ibm.com", "ibm.watsonx.ai"),
)


def provider_of_host(host: str) -> str:
    """The canonical provider of a host name or URL, ``''`` when nobody is known by it."""
    name = host.lower().rpartition("://")[2].partition("/")[0].partition(":")[0].rstrip(".")
    if name.startswith("bedrock") and ".amazonaws.com" in name:
        return "aws.bedrock"
    for known, provider in _HOSTS:
        if name == known or name.endswith(("." + known, "-" + known)):
            return provider
    return ""
