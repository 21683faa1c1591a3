"""Bodies are decoded in turns of their organizations."""

import asyncio

import pytest

from ingestion.edge.turns import Turns

NOISY, QUIET, OTHER = 1, 2, 3


class Scene:
    """Requests that take a turn and keep it until they are told to end."""

    def __init__(self, most: int) -> None:
        self.turns = Turns(most)
        self.working: list[str] = []
        self._ends: dict[str, asyncio.Event] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def come(self, *names: str, organization: int) -> None:
        for name in names:
            self._ends[name] = asyncio.Event()
            self._tasks[name] = asyncio.create_task(self._work(name, organization))
        await settled()

    async def end(self, name: str) -> None:
        self._ends[name].set()
        await self._tasks.pop(name)
        await settled()

    async def leave(self, name: str) -> None:
        self._tasks[name].cancel()
        with pytest.raises(asyncio.CancelledError):
            await self._tasks.pop(name)
        await settled()

    async def _work(self, name: str, organization: int) -> None:
        async with self.turns.taking(organization):
            self.working.append(name)
            try:
                await self._ends[name].wait()
            finally:
                self.working.remove(name)


async def settled() -> None:
    """Everything that can go on has gone on."""
    for _ in range(10):
        await asyncio.sleep(0)


def run(scenario):
    async def main():
        await scenario()

    asyncio.run(main())


def test_a_neighbour_that_came_last_is_next():
    async def scenario():
        scene = Scene(1)
        await scene.come("a1", "a2", "a3", "a4", organization=NOISY)
        await scene.come("b1", organization=QUIET)
        await scene.come("c1", organization=OTHER)
        order = []
        for _ in range(6):
            (working,) = scene.working
            order.append(working)
            await scene.end(working)
        assert order == ["a1", "a2", "b1", "c1", "a3", "a4"]

    run(scenario)


def test_so_many_work_at_once_and_no_more():
    async def scenario():
        scene = Scene(2)
        await scene.come("a1", "a2", "a3", organization=NOISY)
        assert scene.working == ["a1", "a2"]
        await scene.end("a1")
        assert scene.working == ["a2", "a3"]

    run(scenario)


def test_who_leaves_while_waiting_is_passed_over():
    async def scenario():
        scene = Scene(1)
        await scene.come("a1", "a2", "a3", organization=NOISY)
        await scene.leave("a2")
        await scene.end("a1")
        assert scene.working == ["a3"]

    run(scenario)


def test_who_leaves_while_working_makes_room():
    async def scenario():
        scene = Scene(1)
        await scene.come("a1", "a2", organization=NOISY)
        await scene.leave("a1")
        assert scene.working == ["a2"]

    run(scenario)


def test_a_turn_given_to_somebody_who_leaves_in_the_same_moment_is_not_lost():
    async def scenario():
        scene = Scene(1)
        await scene.come("a1", "a2", organization=NOISY)
        await scene.come("b1", organization=QUIET)
        ended, left = scene._tasks.pop("a1"), scene._tasks.pop("a2")
        scene.turns._pass_on()  # a2's turn, which it has not noticed yet
        left.cancel()
        with pytest.raises(asyncio.CancelledError):
            await left
        await settled()
        assert scene.working == ["a1", "b1"]
        ended.cancel()

    run(scenario)


def test_when_all_are_gone_all_places_are_free():
    async def scenario():
        scene = Scene(2)
        await scene.come("a1", "a2", "a3", organization=NOISY)
        for name in ("a1", "a2", "a3"):
            await scene.end(name)
        await scene.come("b1", "b2", organization=QUIET)
        assert scene.working == ["b1", "b2"]

    run(scenario)
