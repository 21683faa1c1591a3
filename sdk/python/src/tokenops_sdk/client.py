"""The reporter of a process: its settings and its sender. Nothing here raises into the program that is watched."""

import asyncio
import os
import random
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final

from tokenops_sdk import attribution, git, invocations
from tokenops_sdk.config import Event, Settings, checked, from_environment
from tokenops_sdk.recording import Clock, Recording, SystemClock
from tokenops_sdk.sender import Sender
from tokenops_sdk.stats import Stats
from tokenops_sdk.transport import HttpTransport, Transport
from tokenops_sdk.trouble import logger, where

_CLOCK: Final = SystemClock()
_IDENTITY: Final = ("id", "timestamp")  # by which the server knows an event that is sent again
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
        if settings.serverless and not invocations.is_inside() and not _is_in_event_loop():
            self.flush()

    def _made(self, recording: Recording) -> Event | None:
        event = recording.event()
        before_send = self.settings.before_send
        if before_send is None:
            return event
        identity = {name: event[name] for name in _IDENTITY}
        try:
            changed = before_send(event)
        except Exception as error:  # it may be what removes secrets: without it nothing is sent
            self.note_trouble(error)
            changed = None
        if changed is None:
            self._sender.counters.add("dropped_by_before_send")
            return None
        return {**changed, **identity}

    def note_trouble(self, error: BaseException) -> None:
        """Something of ours failed while a call was watched; the call itself did not notice."""
        self._sender.counters.add("errors")
        logger.debug("A call could not be read: %s.", where(error))

    def flush(self, timeout: float | None = None) -> bool:
        """Report what is waiting now; whether all of it was decided about within ``timeout`` seconds (by default
        ``shutdown_seconds``). Answers at once when the server has asked to wait for longer.
        """
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

    :raises TypeError: a name is no setting. :raises ValueError: a value cannot be used.
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


def _is_in_event_loop() -> bool:
    """Where nobody may wait: there the end of the invocation is when to report (``serverless``)."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _in_child() -> None:
    global _lock  # noqa: PLW0603 - of a fork: whoever held it is not here
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)
