"""Whose body is decoded next: organizations take turns, so that nobody's large bodies wait behind all of a neighbour's.

A thread pool alone serves first come, first served: thirty batches of one tenant would be decoded before the next
tenant's single one.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from ingestion.writer.queue import FairQueue


@dataclass(frozen=True, slots=True)
class _Waiting:
    organization_id: int
    turn: asyncio.Future[None]
    weight: int = 1


class Turns:
    """Lets ``most`` work at the same time. Lives in one event loop."""

    def __init__(self, most: int) -> None:
        self._free = most
        self._waiting: FairQueue[_Waiting] = FairQueue()

    @asynccontextmanager
    async def taking(self, organization_id: int) -> AsyncIterator[None]:
        """Wait until it is this organization's turn, and have it for the block."""
        if self._free:
            self._free -= 1
        else:
            await self._wait(organization_id)
        try:
            yield
        finally:
            self._pass_on()

    async def _wait(self, organization_id: int) -> None:
        turn = asyncio.get_running_loop().create_future()
        self._waiting.put(_Waiting(organization_id, turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():  # it was given in the moment in which its request ended
                self._pass_on()
            raise

    def _pass_on(self) -> None:
        """To the next who still waits, else it is free."""
        while self._waiting:
            for waiting in self._waiting.take(1):
                if not waiting.turn.done():
                    waiting.turn.set_result(None)
                    return
        self._free += 1
