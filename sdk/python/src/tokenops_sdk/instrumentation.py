"""``instrument()``: the official SDKs report their calls by themselves, until ``uninstrument()``."""

import functools
import importlib
from collections.abc import Callable, Iterable, Mapping
from contextvars import ContextVar
from typing import Any, Final

from tokenops_sdk import client as clients
from tokenops_sdk.client import Client
from tokenops_sdk.providers.targets import OLD_MODULES, SDKS, TARGETS, Target, base_url_of, provider_of
from tokenops_sdk.watching import Watch

_GATEWAY: Final = "/v1/proxy/"
inside: ContextVar[bool] = ContextVar("tokenopsinside", default=False)  # one call is one record, however it is made
_originals: dict[tuple[type, str], Any] = {}


def instrument(*sdks: str) -> list[str]:
    """Have every call of these official SDKs (``openai``, ``anthropic``, ``google``, ``mistral``; all by default)
    reported; the names of those that are installed. Once more changes nothing.

    :raises ValueError: a name is none of them.
    """
    if unknown := set(sdks) - set(SDKS):
        raise ValueError(f"unknown SDK: {', '.join(sorted(unknown))}; there are {', '.join(SDKS)}")
    wanted = sdks or SDKS
    return [name for name in SDKS if name in wanted and _patch_all(name)]


def uninstrument() -> None:
    """Put back what :func:`instrument` replaced; calls that are under way are still reported."""
    for (owner, method), original in list(_originals.items()):
        setattr(owner, method, original)
        del _originals[owner, method]


def is_gateway(base_url: str, own: Iterable[str]) -> bool:
    """Whether calls to ``base_url`` pass a TokenOps gateway, which reports them itself."""
    asked = f"{base_url.rstrip('/')}/"
    return _GATEWAY in asked or any(asked.startswith(f"{url.rstrip('/')}/") for url in own if url)


def _patch_all(sdk: str) -> bool:
    """Whether the SDK is installed; every method of it is replaced, not only the first that is there."""
    found = [_patch(target) for target in TARGETS if target.sdk == sdk]
    return any(found)


def _patch(target: Target) -> bool:
    """Whether the SDK has this method."""
    owner = _owner(target)
    original = getattr(owner, target.method, None)
    if owner is None or original is None:
        return False
    if (owner, target.method) not in _originals:
        _originals[owner, target.method] = original
        setattr(owner, target.method, (watched_async if target.is_async else watched)(target, original))
    return True


def _owner(target: Target) -> Any:
    found = _imported(target.module) or _imported(OLD_MODULES.get(target.module, ""))
    return getattr(found, target.owner, None)


def _imported(module: str) -> Any:
    try:
        return importlib.import_module(module) if module else None
    except ImportError:
        return None


def unwatched(target: Target) -> Any:
    """The method itself, whether it is replaced or not; None where the SDK is not installed."""
    owner = _owner(target)
    return _originals.get((owner, target.method)) or getattr(owner, target.method, None)


def watched(target: Target, original: Callable[..., Any]) -> Callable[..., Any]:
    """``original``, an unbound method that answers at once, reporting its calls."""

    @functools.wraps(original)
    def call(owner: Any, *args: Any, **kwargs: Any) -> Any:
        watch, kwargs = _begin(target, owner, kwargs)
        if watch is None:
            return original(owner, *args, **kwargs)
        token = inside.set(True)
        try:
            answer = original(owner, *args, **kwargs)
        except BaseException as error:
            watch.failed(error)
            raise
        finally:
            inside.reset(token)
        return _passed(target, watch, answer, kwargs)

    return call


def watched_async(target: Target, original: Callable[..., Any]) -> Callable[..., Any]:
    """``original``, an unbound method that is awaited, reporting its calls."""

    @functools.wraps(original)
    async def call(owner: Any, *args: Any, **kwargs: Any) -> Any:
        watch, kwargs = _begin(target, owner, kwargs)
        if watch is None:
            return await original(owner, *args, **kwargs)
        token = inside.set(True)
        try:
            answer = await original(owner, *args, **kwargs)
        except BaseException as error:
            watch.failed(error)
            raise
        finally:
            inside.reset(token)
        return _passed(target, watch, answer, kwargs)

    return call


def _passed(target: Target, watch: Watch, answer: Any, kwargs: Mapping[str, Any]) -> Any:
    if _streams(target, kwargs):
        return watch.streaming(answer)
    watch.answered(answer)
    return answer


def _streams(target: Target, kwargs: Mapping[str, Any]) -> bool:
    return kwargs.get("stream") is True if target.streams is None else target.streams


def _begin(target: Target, owner: Any, kwargs: dict[str, Any]) -> tuple[Watch | None, dict[str, Any]]:
    """A watch of a call that is to be reported, and the arguments to make it with; trouble is no reason not to call."""
    try:
        client = clients.default()
        if inside.get() or not client.settings.is_enabled:
            return None, kwargs
        base_url = base_url_of(target.sdk, owner)
        if is_gateway(base_url, (client.settings.url, *client.settings.gateway_urls)):
            return None, kwargs
        return _watch(client, target, base_url, kwargs)
    except Exception as error:
        clients.default().note_trouble(error)
        return None, kwargs


def _watch(client: Client, target: Target, base_url: str, kwargs: dict[str, Any]) -> tuple[Watch, dict[str, Any]]:
    asked, is_ours = _asking_for_usage(target, kwargs) if client.settings.inject_usage else (kwargs, False)
    recording = client.start(
        provider=provider_of(target.sdk, base_url),
        model=str(kwargs.get("model") or ""),
        operation=target.operation,
        request=kwargs,
        stream=_streams(target, kwargs),
    )
    return Watch(client, recording, target.reader, withhold_usage=is_ours), asked


def _asking_for_usage(target: Target, kwargs: dict[str, Any]) -> tuple[dict[str, Any], bool]:
    """``stream_options.include_usage`` where the caller has not decided about it; whether we added it."""
    if not (target.adds_usage and _streams(target, kwargs)):
        return kwargs, False
    options = kwargs.get("stream_options")
    given = dict(options) if isinstance(options, Mapping) else {}
    if "include_usage" in given:
        return kwargs, False
    return {**kwargs, "stream_options": {**given, "include_usage": True}}, True
