"""Who and what calls are for: nested, per thread and per task, and carried into threads by :func:`carried`."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar, Token, copy_context
from typing import Any, Final, ParamSpec, TypedDict, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Attribution(TypedDict, total=False):
    """What an event may say about its caller; each as the server takes it (``feature`` becomes ``endpoint_name``)."""

    feature: str
    team: str
    environment: str
    user_id: str
    session_id: str
    trace_id: str
    parent_span_id: str
    agent_name: str
    prompt_version: str
    tags: Mapping[str, Any]


NAMES: Final = frozenset(Attribution.__annotations__)
_NOTHING: Final[Mapping[str, Any]] = {}
_current: ContextVar[Mapping[str, Any]] = ContextVar("tokenops_attribution", default=_NOTHING)


def current() -> Mapping[str, Any]:
    """What calls made here are attributed to."""
    return _current.get()


@contextmanager
def track(**attribution: Any) -> Iterator[None]:
    """Attribute every call made inside, also by what is called from here and in tasks started here.

    Inner blocks win over outer ones; ``tags`` of both are kept together. None leaves what is there.

    :raises TypeError: a name is none of ``Attribution``.
    """
    token = _current.set(merged(_current.get(), attribution))
    try:
        yield
    finally:
        _reset(token)


class Resumed:
    """The attribution of a body that runs piece by piece, as a generator's: what it sets itself is there again when it
    goes on, and is never its consumer's.
    """

    def __init__(self, attribution: Mapping[str, Any]) -> None:
        self._inside = merged(_current.get(), attribution)

    @contextmanager
    def running(self) -> Iterator[None]:
        token = _current.set(self._inside)
        try:
            yield
        finally:
            self._inside = _current.get()
            _reset(token)


def _reset(token: Token[Mapping[str, Any]]) -> None:
    """Of a block that ends in another context than it began in (a generator that several threads have run) nothing is
    left to put back.
    """
    with suppress(ValueError):
        _current.reset(token)


def merged(outer: Mapping[str, Any], inner: Mapping[str, Any]) -> Mapping[str, Any]:
    """Both, where ``inner`` wins.

    :raises TypeError: a name of ``inner`` is none of ``Attribution``.
    """
    if unknown := inner.keys() - NAMES:
        raise TypeError(f"unknown attribution: {', '.join(sorted(unknown))}; there are {', '.join(sorted(NAMES))}")
    given = {name: value for name, value in inner.items() if value is not None}
    both = {**outer, **given}
    if "tags" in given and isinstance(outer.get("tags"), Mapping) and isinstance(given["tags"], Mapping):
        both["tags"] = {**outer["tags"], **given["tags"]}
    return both


def carried(function: Callable[P, T]) -> Callable[P, T]:
    """``function`` for another thread, with the attribution of this one: ``Thread(target=carried(work))``."""
    context = copy_context()

    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        return context.copy().run(function, *args, **kwargs)

    return run
