"""Waiting for a client to take a piece, but not for ever: with one timer, since a timeout costs more than a piece."""

import asyncio
import time
from collections.abc import Awaitable


class Patience:
    """Gives up what takes the current task longer than ``seconds``, once ``begin`` was called."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._task = asyncio.current_task()
        self._since: float | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._is_over = False

    def begin(self) -> None:
        """Look from now on: what is over sooner needs no timer."""
        left = self._seconds
        if self._since is not None:
            left -= time.monotonic() - self._since
        if left > 0 or self._since is None:
            self._timer = asyncio.get_running_loop().call_later(left, self.begin)
        elif self._task:
            self._is_over = True
            self._task.cancel()

    def end(self) -> None:
        if self._timer:
            self._timer.cancel()

    async def lasts(self, waiting: Awaitable[None]) -> bool:
        """Whether ``waiting`` came to its end in time; else it was cancelled."""
        self._since = time.monotonic()
        try:
            await waiting
        except asyncio.CancelledError:
            if not self._is_over or self._task is None or self._task.uncancel() > 0:
                raise
            return False
        finally:
            self._since = None
        return True
