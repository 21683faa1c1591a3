"""Around one provider call: the answer goes through as it is, and what it says about the call is noted on the way."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any, Final

from tokenops_sdk.client import Client
from tokenops_sdk.providers.readers import Reader
from tokenops_sdk.recording import Recording

# Where the streams of the official SDKs keep what they iterate over.
_INSIDES: Final = ("_iterator", "generator")
_MANAGERS_REQUEST: Final = "__api_request"  # the end of its name: it is private to its class


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
        """A whole answer is here; one that is still raw is read as its SDK would."""
        self._safely(lambda: self._reader.whole(_parsed(answer), self._recording.facts))
        self._client.finish(self._recording)

    def streaming(self, stream: Any) -> Any:
        """The same stream, watched. Of objects of an SDK the inside is replaced, so that they stay what they are."""
        if request := next((name for name in getattr(stream, "__dict__", ()) if name.endswith(_MANAGERS_REQUEST)), ""):
            setattr(stream, request, self._entered(getattr(stream, request)))
            return stream
        if (inner := _raw_stream(stream)) is not None:
            self.streaming(inner)
            return stream
        name = next((name for name in _INSIDES if hasattr(stream, name)), "")
        inside = getattr(stream, name) if name else stream
        watched = self._pieces_async(inside) if hasattr(inside, "__aiter__") else self._pieces(inside)
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

    def _pieces(self, pieces: Iterator[Any]) -> Iterator[Any]:
        try:
            for piece in pieces:
                if self._take(piece):
                    yield piece
        except GeneratorExit:
            self._end(aborted=True)
            raise
        except BaseException as error:
            self._end(error)
            raise
        self._end()

    async def _pieces_async(self, pieces: AsyncIterator[Any]) -> AsyncIterator[Any]:
        try:
            async for piece in pieces:
                if self._take(piece):
                    yield piece
        except GeneratorExit:
            self._end(aborted=True)
            raise
        except BaseException as error:
            self._end(error)
            raise
        self._end()

    def _take(self, piece: Any) -> bool:
        """Whether the caller is to see this piece: not the one that is only there because we asked for the usage."""
        self._safely(lambda: self._note(piece))
        is_ours = self._withhold_usage and getattr(piece, "usage", None) is not None and not _choices(piece)
        return not is_ours

    def _note(self, piece: Any) -> None:
        if self._reader.piece(piece, self._recording.facts):
            self._recording.first_token()

    def _end(self, error: BaseException | None = None, *, aborted: bool = False) -> None:
        """What the provider stated is exact; only what it did not get to state is estimated."""
        self._client.finish(self._recording, error=error, aborted=aborted or error is not None)

    def _end_with_close(self, stream: Any) -> None:
        """A stream that is closed before its end is over, although nobody asks it for another piece."""
        close = getattr(stream, "close", None)
        if close is None:
            return

        def closing() -> Any:
            self._end(aborted=True)
            return close()

        self._safely(lambda: setattr(stream, "close", closing))

    def _safely(self, note: Callable[[], Any]) -> None:
        try:
            note()
        except Exception:  # an SDK that answers otherwise than we know it
            self._client.note_trouble()


def _choices(piece: Any) -> bool:
    return bool(getattr(piece, "choices", None))


def _parsed(answer: Any) -> Any:
    """What a raw response (``with_raw_response``) holds; reading it twice is free, because it remembers."""
    parse = getattr(answer, "parse", None)
    return parse() if callable(parse) and hasattr(answer, "http_response") else answer


def _raw_stream(stream: Any) -> Any:
    return _parsed(stream) if hasattr(stream, "http_response") else None
