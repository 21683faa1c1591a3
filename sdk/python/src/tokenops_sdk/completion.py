"""``tracked_completion``: one call to whichever provider serves the model, through its own SDK, reported."""

import functools
import importlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, Final

from tokenops_sdk.attribution import NAMES, track
from tokenops_sdk.instrumentation import unwatched, watched, watched_async
from tokenops_sdk.providers.readers import OpenAIChat
from tokenops_sdk.providers.targets import TARGETS, Target

Message = Mapping[str, Any]

# How the models of a provider are called; what is none of them is OpenAI's, or of whoever is at ``base_url``.
_MODELS: Final[Mapping[str, tuple[str, ...]]] = {
    "anthropic": ("claude",),
    "google": ("gemini", "gemma", "models/gemini", "learnlm"),
    "mistral": ("mistral", "ministral", "codestral", "magistral", "pixtral", "devstral", "open-mi", "voxtral"),
}
_CLIENTS: Final[Mapping[str, tuple[str, str, str]]] = {  # module, class, class for asynchronous calls
    "openai": ("openai", "OpenAI", "AsyncOpenAI"),
    "anthropic": ("anthropic", "Anthropic", "AsyncAnthropic"),
    "google": ("google.genai", "Client", "Client"),
    "mistral": ("mistralai.client", "Mistral", "Mistral"),
}
_ADDRESS: Final = {"openai": "base_url", "anthropic": "base_url", "mistral": "server_url"}
_PACKAGES: Final = {"google": "google", "mistralai": "mistral"}
_METHODS: Final = {
    "openai": ("create", "create"),
    "anthropic": ("create", "create"),
    "google": ("_generate_content", "_generate_content_stream"),
    "mistral": ("complete", "stream"),
}
_UNNAMED: Final = "default"
_MOST_CLIENTS: Final = 32
_MOST_TOKENS: Final = 4_096  # Anthropic wants a limit, whoever asks
_OWN: Final = Target("openai", "", "", "call", OpenAIChat())


def tracked_completion(*, model: str, messages: Iterable[Message], endpoint_name: str = _UNNAMED, **kwargs: Any) -> Any:
    """Call the provider of ``model`` and answer with exactly what its SDK answers; streams included (``stream=True``).

    ``messages`` are ``{"role": …, "content": …}`` as OpenAI takes them. ``kwargs`` go to the provider's SDK, except
    ``user_id``, ``team``, ``tags`` and the other names of attribution, and these: ``provider`` says whose model it is,
    ``base_url`` and ``api_key`` where it is (any server that speaks like OpenAI), ``client`` is one of the SDK's own
    clients, or any function that is called with model and messages.

    :raises ImportError: the provider's SDK is not installed; the message says which extra brings it.
    """
    call, request, attribution = _prepared(model, messages, endpoint_name, kwargs, is_async=False)
    with track(**attribution):
        return call(**request)


async def atracked_completion(
    *, model: str, messages: Iterable[Message], endpoint_name: str = _UNNAMED, **kwargs: Any
) -> Any:
    """:func:`tracked_completion` for asynchronous code; ``client`` is an asynchronous one or function."""
    call, request, attribution = _prepared(model, messages, endpoint_name, kwargs, is_async=True)
    with track(**attribution):
        return await call(**request)


def provider_for(model: str) -> str:
    """Whose SDK a model is called with."""
    name = model.lower()
    return next((sdk for sdk, starts in _MODELS.items() if name.startswith(starts)), "openai")


def _prepared(
    model: str, messages: Iterable[Message], feature: str, kwargs: dict[str, Any], *, is_async: bool
) -> tuple[Callable[..., Any], dict[str, Any], dict[str, Any]]:
    """What to call, with what, and what for."""
    attribution = {name: kwargs.pop(name) for name in NAMES & kwargs.keys()}
    if feature != _UNNAMED:  # a surrounding ``track`` may know better
        attribution["feature"] = feature
    client, provider = kwargs.pop("client", None), kwargs.pop("provider", "")
    base_url, api_key = kwargs.pop("base_url", ""), kwargs.pop("api_key", "")
    request = {"model": model, "messages": list(messages), **kwargs}
    if callable(client):
        streams = replace(_OWN, streams=None) if "stream" in kwargs else _OWN
        watch = watched_async if is_async else watched
        return functools.partial(watch(streams, lambda _, **asked: client(**asked)), None), request, attribution
    sdk = _sdk_of(client) or provider or ("openai" if base_url else provider_for(model))
    client = client or _client(sdk, base_url, api_key, is_async)
    call, translate = _method(sdk, client, is_async=is_async, streams=bool(kwargs.get("stream")))
    return call, translate(request), attribution


def _sdk_of(client: Any) -> str:
    package = type(client).__module__.partition(".")[0] if client is not None else ""
    return _PACKAGES.get(package, package if package in _CLIENTS else "")


@functools.lru_cache(maxsize=_MOST_CLIENTS)
def _client(sdk: str, base_url: str, api_key: str, is_async: bool) -> Any:
    """A client of an SDK, kept for its connections.

    :raises ImportError: the SDK is not installed. :raises ValueError: there is no such SDK.
    """
    if sdk not in _CLIENTS:
        raise ValueError(f"unknown provider {sdk}; there are {', '.join(_CLIENTS)}, and base_url for all others")
    module, name, name_async = _CLIENTS[sdk]
    try:
        made = getattr(importlib.import_module(module), name_async if is_async else name)
    except ImportError as error:
        raise ImportError(f"{module} is not installed: pip install 'tokenops-sdk[{sdk}]'") from error
    options: dict[str, Any] = {"api_key": api_key} if api_key else {}
    if base_url:
        options |= {"http_options": {"base_url": base_url}} if sdk == "google" else {_ADDRESS[sdk]: base_url}
    return made(**options)


def _method(
    sdk: str, client: Any, *, is_async: bool, streams: bool
) -> tuple[Callable[..., Any], Callable[[dict[str, Any]], dict[str, Any]]]:
    """The watched method of a client, and how its arguments are written."""
    name = _METHODS[sdk][streams] + ("_async" if sdk == "mistral" and is_async else "")
    return functools.partial(_watched(sdk, name, is_async), _owner(sdk, client, is_async=is_async)), _TRANSLATIONS[sdk]


@functools.cache
def _watched(sdk: str, method: str, is_async: bool) -> Callable[..., Any]:
    wanted = (sdk, method, is_async, "chat")
    target = next(one for one in TARGETS if (one.sdk, one.method, one.is_async, one.operation) == wanted)
    return (watched_async if is_async else watched)(target, unwatched(target))


def _owner(sdk: str, client: Any, *, is_async: bool) -> Any:
    if sdk == "openai":
        return client.chat.completions
    if sdk == "anthropic":
        return client.messages
    if sdk == "google":
        return client.aio.models if is_async else client.models
    return client.chat


def _as_is(request: dict[str, Any]) -> dict[str, Any]:
    return request


def _for_anthropic(request: dict[str, Any]) -> dict[str, Any]:
    """The system prompt is an argument of its own there, and a limit is required."""
    system = [m["content"] for m in request["messages"] if m["role"] == "system"]
    asked = [m for m in request["messages"] if m["role"] != "system"]
    more = {"system": "\n\n".join(system)} if system and "system" not in request else {}
    return {"max_tokens": _MOST_TOKENS, **request, **more, "messages": asked}


def _for_google(request: dict[str, Any]) -> dict[str, Any]:
    """Contents of parts; everything that is no message goes into ``config``."""
    rest = {name: value for name, value in request.items() if name not in {"model", "messages", "stream", "config"}}
    if "max_tokens" in rest:
        rest["max_output_tokens"] = rest.pop("max_tokens")
    system = [m["content"] for m in request["messages"] if m["role"] == "system"]
    config = {**({"system_instruction": "\n\n".join(system)} if system else {}), **rest, **request.get("config", {})}
    roles = {"assistant": "model"}
    contents = [
        {"role": roles.get(m["role"], m["role"]), "parts": [{"text": m["content"]}]}
        for m in request["messages"]
        if m["role"] != "system"
    ]
    return {"model": request["model"], "contents": contents, **({"config": config} if config else {})}


def _for_mistral(request: dict[str, Any]) -> dict[str, Any]:
    """Whether it streams is the method there, not an argument."""
    return {name: value for name, value in request.items() if name != "stream"}


_TRANSLATIONS: Final[Mapping[str, Callable[[dict[str, Any]], dict[str, Any]]]] = {
    "openai": _as_is,
    "anthropic": _for_anthropic,
    "google": _for_google,
    "mistral": _for_mistral,
}
