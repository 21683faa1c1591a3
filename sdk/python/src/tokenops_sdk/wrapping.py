"""``wrap``: a function of yours that calls a model, attributed, and reported unless something inside has reported."""

import functools
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, TypeVar, overload

from tokenops_sdk import client as clients
from tokenops_sdk.attribution import Resumed, merged, track
from tokenops_sdk.instrumentation import inside
from tokenops_sdk.providers.readers import Anthropic, Google, Mistral, OpenAIChat, OpenAIResponses, Reader
from tokenops_sdk.watching import Watch

F = TypeVar("F", bound=Callable[..., Any])

# Answers by the package they are of; what is none of these is read as OpenAI's.
_READERS: Final[Mapping[str, tuple[str, Reader]]] = {
    "anthropic": ("anthropic", Anthropic()),
    "google": ("google", Google()),
    "mistralai": ("mistral", Mistral()),
}
_STREAMS: Final = ("_iterator", "generator")


@overload
def wrap(function: F, **attribution: Any) -> F: ...
@overload
def wrap(function: None = None, **attribution: Any) -> Callable[[F], F]: ...
def wrap(function: Any = None, **attribution: Any) -> Any:
    """``function``, whose calls are attributed (``feature=…``, ``user_id=…``, see ``track``) and reported.

    Also a decorator: ``@wrap(feature="chat")``. What the function answers goes through unchanged. Where it, or what it
    calls, is instrumented already, that call is the one that is reported; else the answer of a provider's SDK that it
    returns is.

    :raises TypeError: an attribution is unknown.
    """
    merged({}, attribution)
    if function is None:
        return lambda decorated: wrap(decorated, **attribution)
    inner = inspect.unwrap(function)
    if inspect.iscoroutinefunction(inner):
        return _wrapped_async(function, attribution)
    if inspect.isgeneratorfunction(inner):
        return _wrapped_generator(function, attribution)
    if inspect.isasyncgenfunction(inner):
        return _wrapped_async_generator(function, attribution)
    return _wrapped(function, attribution)


def _wrapped(function: Callable[..., Any], attribution: Mapping[str, Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        with track(**attribution):
            pending = _Pending(kwargs)
            with pending.watched():
                answer = function(*args, **kwargs)
        if inspect.isawaitable(answer):  # of a method whose wrapper hides that it is a coroutine function
            return _awaited(answer, attribution, pending)
        return pending.answered(answer)

    return call


def _wrapped_async(function: Callable[..., Any], attribution: Mapping[str, Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    async def call(*args: Any, **kwargs: Any) -> Any:
        with track(**attribution):
            pending = _Pending(kwargs)
        return await _awaited(function(*args, **kwargs), attribution, pending)

    return call


def _wrapped_generator(function: Callable[..., Any], attribution: Mapping[str, Any]) -> Callable[..., Any]:
    """Its body runs piece by piece, when somebody wants one: only then, and not in between, is the attribution set."""

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Generator[Any, None, Any]:
        body, pieces = Resumed(attribution), function(*args, **kwargs)
        try:
            while True:
                with body.running():
                    try:
                        piece = next(pieces)
                    except StopIteration as end:
                        return end.value
                yield piece
        finally:
            pieces.close()

    return call


def _wrapped_async_generator(function: Callable[..., Any], attribution: Mapping[str, Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    async def call(*args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        body, pieces = Resumed(attribution), function(*args, **kwargs)
        try:
            while True:
                with body.running():
                    try:
                        piece = await anext(pieces)
                    except StopAsyncIteration:
                        return
                yield piece
        finally:
            await pieces.aclose()

    return call


async def _awaited(answer: Awaitable[Any], attribution: Mapping[str, Any], pending: "_Pending") -> Any:
    with track(**attribution), pending.watched():
        found = await answer
    return pending.answered(found)


class _Pending:
    """A wrapped function that runs: reported by its answer, unless something inside has reported."""

    def __init__(self, kwargs: Mapping[str, Any]) -> None:
        self._client = clients.default()
        model = kwargs.get("model")
        self._recording = self._client.start(
            provider="",
            model=model if isinstance(model, str) else "",
            request=kwargs,
            stream=kwargs.get("stream") is True,
        )
        self._is_reported = inside.get()

    @contextmanager
    def watched(self) -> Iterator[None]:
        with clients.noting() as noted:
            try:
                yield
            except BaseException as error:
                if not noted and self._recording.model:
                    self._client.finish(self._recording, error=error)
                raise
            finally:
                self._is_reported = self._is_reported or bool(noted)

    def answered(self, answer: Any) -> Any:
        """The answer as it is; a stream is reported when it ends."""
        found = None if self._is_reported else _reading(answer)
        if found is None:
            return answer
        self._recording.provider, reader = found
        self._recording.model = self._recording.model or _model(answer)
        watch = Watch(self._client, self._recording, reader)
        if _is_stream(answer):
            return watch.streaming(answer)
        if self._recording.model:
            watch.answered(answer)
        return answer


def _reading(answer: Any) -> tuple[str, Reader] | None:
    """Whose answer it is and how it is read; None for what is no answer of a model."""
    kind = answer.__class__  # not its ``type``: the proxies of other instrumentations say here whose they are
    package = kind.__module__.partition(".")[0]
    if package in _READERS:
        return _READERS[package]
    if kind.__name__ == "Response":
        return "", OpenAIResponses()
    return ("", OpenAIChat()) if hasattr(answer, "usage") or (package == "openai" and _is_stream(answer)) else None


def _is_stream(answer: Any) -> bool:
    return any(hasattr(answer, name) for name in _STREAMS)


def _model(answer: Any) -> str:
    named = getattr(answer, "model", None) or getattr(answer, "model_version", None)
    return named if isinstance(named, str) else ""
