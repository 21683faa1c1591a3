"""Which methods of which official SDK make calls, and whose calls they are. Data."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final
from urllib.parse import urlsplit

from tokenops_sdk.providers.readers import Anthropic, Google, Mistral, OpenAIChat, OpenAIResponses, Reader

SDKS: Final = ("openai", "anthropic", "google", "mistral")
# Hosts that speak like OpenAI and are somebody else; what is not listed is told from the model by the server.
_HOSTS: Final[Mapping[str, str]] = {
    "api.openai.com": "openai",
    "api.anthropic.com": "anthropic",
    "generativelanguage.googleapis.com": "google",
    "api.mistral.ai": "mistral",
    "api.groq.com": "groq",
    "api.deepseek.com": "deepseek",
    "openrouter.ai": "openrouter",
    "api.together.xyz": "together",
    "api.fireworks.ai": "fireworks",
    "api.x.ai": "x-ai",
    "api.perplexity.ai": "perplexity",
    "api.cerebras.ai": "cerebras",
}
_SUFFIXES: Final = {".openai.azure.com": "azure", ".aiplatform.googleapis.com": "google"}


@dataclass(frozen=True)
class Target:
    """A method that makes one provider call. ``streams`` is None where the argument ``stream`` says whether it does.

    ``adds_usage``: a stream says what it used only when it is asked to.
    """

    sdk: str
    module: str
    owner: str
    method: str
    reader: Reader
    operation: str = "chat"
    is_async: bool = False
    streams: bool | None = False
    adds_usage: bool = False


def _both(sdk: str, module: str, owner: str, method: str, reader: Reader, **options: Any) -> tuple[Target, Target]:
    return (
        Target(sdk, module, owner, method, reader, **options),
        Target(sdk, module, f"Async{owner}", method, reader, is_async=True, **options),
    )


_OPENAI: Final = "openai.resources."
_ANTHROPIC: Final = "anthropic.resources.messages"
_MISTRAL_EMBEDDINGS: Final = "mistralai.client.embeddings"
TARGETS: Final[tuple[Target, ...]] = (
    *_both(
        "openai", f"{_OPENAI}chat.completions", "Completions", "create", OpenAIChat(), streams=None, adds_usage=True
    ),
    *_both("openai", f"{_OPENAI}chat.completions", "Completions", "parse", OpenAIChat()),
    *_both(
        "openai",
        f"{_OPENAI}completions",
        "Completions",
        "create",
        OpenAIChat(),
        operation="completion",
        streams=None,
        adds_usage=True,
    ),
    *_both("openai", f"{_OPENAI}responses", "Responses", "create", OpenAIResponses(), streams=None),
    *_both("openai", f"{_OPENAI}responses", "Responses", "parse", OpenAIResponses()),
    *_both("openai", f"{_OPENAI}embeddings", "Embeddings", "create", OpenAIChat(), operation="embedding"),
    *_both("anthropic", _ANTHROPIC, "Messages", "create", Anthropic(), streams=None),
    *_both("anthropic", _ANTHROPIC, "Messages", "parse", Anthropic()),
    # Answers with a manager, which makes the call when it is entered; the asynchronous one is no coroutine either.
    Target("anthropic", _ANTHROPIC, "Messages", "stream", Anthropic(), streams=True),
    Target("anthropic", _ANTHROPIC, "AsyncMessages", "stream", Anthropic(), streams=True),
    *_both("google", "google.genai.models", "Models", "_generate_content", Google()),
    *_both("google", "google.genai.models", "Models", "_generate_content_stream", Google(), streams=True),
    *_both("google", "google.genai.models", "Models", "embed_content", Google(), operation="embedding"),
    *(
        Target("mistral", "mistralai.client.chat", "Chat", name, Mistral(), is_async=is_async, streams=streams)
        for name, is_async, streams in (
            ("complete", False, False),
            ("complete_async", True, False),
            ("stream", False, True),
            ("stream_async", True, True),
        )
    ),
    *(
        Target("mistral", _MISTRAL_EMBEDDINGS, "Embeddings", name, Mistral(), operation="embedding", is_async=is_async)
        for name, is_async in (("create", False), ("create_async", True))
    ),
)
# Where a version of an SDK keeps the same thing under another name.
OLD_MODULES: Final[Mapping[str, str]] = {
    "mistralai.client.chat": "mistralai.chat",
    _MISTRAL_EMBEDDINGS: "mistralai.embeddings",
}
_OWN: Final = {"openai": "openai", "anthropic": "anthropic", "google": "google", "mistral": "mistral"}


@lru_cache(maxsize=256)
def provider_of(sdk: str, base_url: str) -> str:
    """Whose calls go to ``base_url``; '' where the server shall tell it from the model."""
    host = urlsplit(base_url).hostname or ""
    found = _HOSTS.get(host) or next((name for end, name in _SUFFIXES.items() if host.endswith(end)), "")
    return found or ("" if sdk == "openai" and host else _OWN[sdk])


def base_url_of(sdk: str, owner: Any) -> str:
    """Where the client that a method belongs to sends its calls; '' when it does not say."""
    try:
        if sdk in {"openai", "anthropic"}:
            return str(owner._client.base_url)
        if sdk == "google":
            return str(owner._api_client._http_options.base_url or "")
        return str(owner.sdk_configuration.get_server_details()[0])
    except AttributeError:  # another version; the call is more important than where it goes
        return ""
