"""Whether code runs in an invocation of a serverless function, at whose end its calls are reported together."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_inside: ContextVar[bool] = ContextVar("tokenops_invocation", default=False)


def is_inside() -> bool:
    return _inside.get()


@contextmanager
def invocation() -> Iterator[None]:
    token = _inside.set(True)
    try:
        yield
    finally:
        _inside.reset(token)
