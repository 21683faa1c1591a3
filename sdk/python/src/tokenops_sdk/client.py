"""The reporter of a process: its settings and its sender. Nothing here raises into the program that is watched."""

import atexit
import logging
import random
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final

from tokenops_sdk import attribution, git
from tokenops_sdk.config import Event, Settings, checked, from_environment
from tokenops_sdk.recording import Clock, Recording, SystemClock
from tokenops_sdk.sender import Sender
from tokenops_sdk.stats import Stats
from tokenops_sdk.transport import HttpTransport, Transport

logger = logging.getLogger("tokenops")

_CLOCK: Final = SystemClock()
_noted: ContextVar["list[Recording] | None"] = ContextVar("tokenops_noted", default=None)


@contextmanager
def noting() -> Iterator[list[Recording]]:
    """The calls that are begun inside, also in tasks that are started there."""
    noted: list[Recording] = []
    token = _noted.set(noted)
    try:
        yield noted
    finally:
        _noted.reset(token)


class Client:
    """Records calls and reports them in the background."""

    def __init__(
        self,
        settings: Settings,
        *,
        connect: Callable[[Settings], Transport] = HttpTransport,
        clock: Clock = _CLOCK,
    ) -> None:
        self.settings = settings
        self._clock = clock
        self._sender = Sender(settings, connect)

    def start(
        self,
        *,
        provider: str,
        model: str,
        operation: str = "chat",
        request: Mapping[str, Any] | None = None,
        stream: bool = False,
        given: Mapping[str, Any] | None = None,
    ) -> Recording:
        """A call is about to be made. ``given`` is attribution beyond that of the surrounding ``track``."""
        around = attribution.current()
        recording = Recording(
            settings=self.settings,
            clock=self._clock,
            provider=provider,
            model=model,
            operation=operation,
            request=request or {},
            stream=stream,
            given=attribution.merged(around, given) if given else around,
        )
        if (noted := _noted.get()) is not None:
            noted.append(recording)
        return recording

    def finish(self, recording: Recording, *, error: BaseException | None = None, aborted: bool = False) -> None:
        """The call is over; it is reported once, however often this is called."""
        if not recording.end(error=error, aborted=aborted):
            return
        settings = self.settings
        if not settings.is_enabled:
            return
        if settings.sample_rate < 1 and random.random() >= settings.sample_rate:  # noqa: S311 - a sample, no secret
            self._sender.counters.add("not_sampled")
            return
        self._sender.counters.add("recorded")
        self._sender.put(lambda: self._made(recording))
        if settings.serverless:
            self.flush(settings.shutdown_seconds)

    def _made(self, recording: Recording) -> Event | None:
        event = recording.event()
        before_send = self.settings.before_send
        if before_send is None:
            return event
        changed = before_send(event)
        if changed is None:
            self._sender.counters.add("dropped_by_before_send")
        return changed

    def note_trouble(self) -> None:
        """Something of ours failed while a call was watched; the call itself did not notice."""
        self._sender.counters.add("errors")
        logger.debug("a call could not be read", exc_info=True)

    def flush(self, timeout: float | None = None) -> bool:
        """Report what is waiting now; whether all of it was decided about within ``timeout`` seconds."""
        return self._sender.flush(timeout)

    def stats(self) -> Stats:
        """What became of the events of this process."""
        return self._sender.stats()

    def close(self, timeout: float | None = None) -> None:
        """Report what is waiting, then stop."""
        self._sender.close(timeout)


_lock = threading.Lock()
_default: Client | None = None


def default() -> Client:
    """The client of this process, made from the environment when nobody has configured one."""
    global _default  # noqa: PLW0603 - one a process is what it is
    if _default is None:
        with _lock:
            if _default is None:
                _default = _new(from_environment())
    return _default


def configure(**settings: Any) -> Client:
    """Replace this process's client; what is not given comes from the environment. What is waiting is reported first.

    :raises TypeError: a name is no setting. :raises ValueError: a value is out of bounds.
    """
    global _default
    made = _new(checked(from_environment().with_changes(**settings)))
    with _lock:
        before, _default = _default, made
    if before is not None:
        before.close()
    return made


def _new(settings: Settings) -> Client:
    if not settings.api_key and not settings.disabled:
        logger.warning("TOKENOPS_API_KEY is not set: LLM calls are not reported to TokenOps.")
    if not (settings.git_branch and settings.git_commit):
        branch, commit = git.branch_and_commit()
        settings = settings.with_changes(
            git_branch=settings.git_branch or branch[:255], git_commit=settings.git_commit or commit[:255]
        )
    return Client(settings)


@atexit.register
def _at_exit() -> None:
    if _default is not None:
        _default.close()
