"""Around one provider call: the answer goes through as it is, and what it says about the call is noted on the way."""

import asyncio
import atexit
import inspect
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import suppress
from typing import Any, Final

from tokenops_sdk.client import Client
from tokenops_sdk.providers.readers import Reader
from tokenops_sdk.recording import Recording

# Where the streams of the official SDKs keep what they iterate over.
_INSIDES: Final = ("_iterator", "generator")
_MANAGERS_REQUEST: Final = "__api_request"  # the end of its name: it is private to its class


# A task that is cancelled, a generator that is closed, a user who goes: whoever asked wants no more of the answer.
_LEAVING: Final = (asyncio.CancelledError, GeneratorExit, KeyboardInterrupt)


class Watch:
    """One call under way. Whatever fails in here is counted and hidden: the host must not notice."""

    def __init__(self, client: Client, recording: Recording, reader: Reader, *, withhold_usage: bool = False) -> None:
        self._client = client
        self._recording = recording
        self._reader = reader
        self._withhold_usage = withhold_usage

    def failed(self, error: BaseException) -> None:
        self._client.finish(self._recording, error=error)

    def answered(self, answer: Any) -> None:
        """A whole answer is here; one that is still raw is read as its SDK would, or when the caller does."""
        if _is_unread(answer):
            self._safely(lambda: self._when_read(answer))
            return
        self._safely(lambda: self._reader.whole(_parsed(answer), self._recording.facts))
        self._client.finish(self._recording)

    def _when_read(self, answer: Any) -> None:
        """Of ``with_streaming_response``: reading its body is the caller's decision, closing it is the end."""
        parse, close = answer.parse, answer.close
        if inspect.iscoroutinefunction(parse):

            async def parsing_async(**options: Any) -> Any:
                return self._read(await parse(**options))

            answer.parse = parsing_async
        else:
            answer.parse = lambda **options: self._read(parse(**options))
        answer.close = self._leaving(close)

    def _read(self, parsed: Any) -> Any:
        if self._recording.stream:
            return self.streaming(parsed)
        self.answered(parsed)
        return parsed

    def streaming(self, stream: Any) -> Any:
        """The same stream, watched. Of objects of an SDK the inside is replaced, so that they stay what they are."""
        _open.add(self)
        if _is_unread(stream):
            self._safely(lambda: self._when_read(stream))
            return stream
        if request := next((name for name in getattr(stream, "__dict__", ()) if name.endswith(_MANAGERS_REQUEST)), ""):
            setattr(stream, request, self._entered(getattr(stream, request)))
            return stream
        if (inner := _raw_stream(stream)) is not None:
            self.streaming(inner)
            return stream
        name = next((name for name in _INSIDES if hasattr(stream, name)), "")
        inside = getattr(stream, name) if name else stream
        watched = _AsyncPieces(self, inside) if hasattr(inside, "__aiter__") else _Pieces(self, inside)
        if not name:
            return watched
        setattr(stream, name, watched)
        self._end_with_close(stream)
        return stream

    def _entered(self, request: Any) -> Any:
        """What a manager calls, or awaits, when its block begins."""
        if callable(request):
            return lambda: self.streaming(self._tried(request))
        return self._entered_async(request)

    def _tried(self, request: Callable[[], Any]) -> Any:
        try:
            return request()
        except BaseException as error:
            self.failed(error)
            raise

    async def _entered_async(self, request: Awaitable[Any]) -> Any:
        try:
            stream = await request
        except BaseException as error:
            self.failed(error)
            raise
        return self.streaming(stream)

    def take(self, piece: Any) -> bool:
        """Whether the caller is to see this piece: not the one that is only there because we asked for the usage."""
        self._safely(lambda: self._note(piece))
        is_ours = self._withhold_usage and getattr(piece, "usage", None) is not None and not _choices(piece)
        return not is_ours

    def _note(self, piece: Any) -> None:
        if self._reader.piece(piece, self._recording.facts):
            self._recording.token()

    def ended(self, error: BaseException | None = None) -> None:
        """A stream is over. That somebody left is no error of the call."""
        is_error = error is not None and not isinstance(error, _LEAVING)
        self._client.finish(self._recording, error=error if is_error else None, aborted=error is not None)

    def left(self) -> None:
        """A stream is over, unless it has ended before."""
        self._client.finish(self._recording, aborted=True)

    def _end_with_close(self, stream: Any) -> None:
        """A stream that is closed before its end is over, although nobody asks it for another piece."""
        if (close := getattr(stream, "close", None)) is not None:
            self._safely(lambda: setattr(stream, "close", self._leaving(close)))

    def _leaving(self, close: Callable[..., Any]) -> Callable[..., Any]:
        def closing(*args: Any, **kwargs: Any) -> Any:
            self.left()
            return close(*args, **kwargs)

        return closing

    def _safely(self, note: Callable[[], Any]) -> None:
        try:
            note()
        except Exception as error:  # an SDK that answers otherwise than we know it
            self._client.note_trouble(error)


_open: "weakref.WeakSet[Watch]" = weakref.WeakSet()


@atexit.register  # after the sender's, and so run before it
def _leave_all() -> None:
    """Streams that were left and that no garbage collection has found."""
    for watch in list(_open):
        watch.left()


class _Pieces:
    """The pieces of a stream. However it is left (``break``, an exception, never begun), it is over when it is gone."""

    def __init__(self, watch: Watch, pieces: Iterator[Any]) -> None:
        self._watch = watch
        self._pieces = pieces
        self._next = iter(pieces).__next__

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        try:
            while not self._watch.take(piece := self._next()):
                pass
        except StopIteration:
            self._watch.ended()
            raise
        except BaseException as error:
            self._watch.ended(error)
            raise
        return piece

    def close(self) -> None:
        """As of a generator."""
        self._watch.left()
        _call(self._pieces, "close")

    def __del__(self) -> None:
        _leave(self)


class _AsyncPieces:
    """The same for asynchronous code."""

    def __init__(self, watch: Watch, pieces: AsyncIterator[Any]) -> None:
        self._watch = watch
        self._pieces = pieces
        self._next = pieces.__aiter__().__anext__

    def __aiter__(self) -> AsyncIterator[Any]:
        return self

    async def __anext__(self) -> Any:
        try:
            while not self._watch.take(piece := await self._next()):
                pass
        except StopAsyncIteration:
            self._watch.ended()
            raise
        except BaseException as error:
            self._watch.ended(error)
            raise
        return piece

    async def aclose(self) -> None:
        """As of a generator."""
        self._watch.left()
        if (closing := _call(self._pieces, "aclose")) is not None:
            await closing

    def __del__(self) -> None:
        _leave(self)


def _leave(pieces: "_Pieces | _AsyncPieces") -> None:
    """From a finalizer, which may run anywhere, also while the interpreter goes down."""
    with suppress(Exception):
        pieces._watch.left()


def _call(owner: Any, name: str) -> Any:
    method = getattr(owner, name, None)
    return None if method is None else method()


def _choices(piece: Any) -> bool:
    return bool(getattr(piece, "choices", None))


def _parsed(answer: Any) -> Any:
    """What a raw response (``with_raw_response``) holds; reading it twice is free, because it remembers."""
    parse = getattr(answer, "parse", None)
    return parse() if callable(parse) and hasattr(answer, "http_response") else answer


def _is_unread(answer: Any) -> bool:
    """Whether it is a response whose body was not read, and is not ours to read."""
    return hasattr(answer, "http_response") and not answer.http_response.is_stream_consumed


def _raw_stream(stream: Any) -> Any:
    return _parsed(stream) if hasattr(stream, "http_response") else None
