"""``serverless``: report at the end of each invocation, before the platform freezes the process."""

import asyncio
import functools
import inspect
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, TypeVar, cast, overload

from tokenops_sdk import client as clients
from tokenops_sdk.invocations import invocation

F = TypeVar("F", bound=Callable[..., Any])


class _Invocation:
    """Around the body of an invocation: ``with serverless():``, or ``async with``."""

    def __init__(self, timeout: float | None) -> None:
        self._timeout = timeout

    @contextmanager
    def _sync(self) -> Iterator[None]:
        try:
            with invocation():
                yield
        finally:
            clients.default().flush(self._timeout)

    @asynccontextmanager
    async def _async(self) -> AsyncIterator[None]:
        """Waits in another thread: the loop has other things to do."""
        try:
            with invocation():
                yield
        finally:
            await asyncio.to_thread(clients.default().flush, self._timeout)

    def __call__(self, handler: F) -> F:
        return serverless(handler, timeout=self._timeout)

    def __enter__(self) -> None:
        self._block = self._sync()
        self._block.__enter__()

    def __exit__(self, *error: Any) -> None:
        self._block.__exit__(*error)

    async def __aenter__(self) -> None:
        self._async_block = self._async()
        await self._async_block.__aenter__()

    async def __aexit__(self, *error: Any) -> None:
        await self._async_block.__aexit__(*error)


@overload
def serverless(handler: F, *, timeout: float | None = None) -> F: ...
@overload
def serverless(handler: None = None, *, timeout: float | None = None) -> "_Invocation": ...
def serverless(handler: Any = None, *, timeout: float | None = None) -> Any:
    """A handler (``@serverless``) or a block (``with serverless():``) at whose end its calls are reported together.

    Waits for the server at most ``timeout`` seconds (by default ``shutdown_seconds``). What the handler answers or
    raises goes through unchanged.
    """
    if handler is None:
        return _Invocation(timeout)
    if inspect.iscoroutinefunction(handler):

        @functools.wraps(handler)
        async def call_async(*args: Any, **kwargs: Any) -> Any:
            async with _Invocation(timeout):
                return await handler(*args, **kwargs)

        return cast("Any", call_async)

    @functools.wraps(handler)
    def call(*args: Any, **kwargs: Any) -> Any:
        with _Invocation(timeout):
            return handler(*args, **kwargs)

    return cast("Any", call)
