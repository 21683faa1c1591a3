"""What takes too long is given up; what does not is left alone, and so is anybody else's cancellation."""

import asyncio

import pytest

from gateway.edge.patience import Patience


async def forever():
    await asyncio.Event().wait()


async def at_once():
    return None


async def failing():
    raise ConnectionResetError


def test_what_is_over_in_time_lasts():
    async def scene():
        patience = Patience(3_600)
        patience.begin()
        found = [await patience.lasts(at_once()), await patience.lasts(asyncio.sleep(0))]
        patience.end()
        return found

    assert asyncio.run(scene()) == [True, True]


def test_what_takes_too_long_is_cancelled_and_its_task_goes_on():
    async def scene():
        patience = Patience(0.0)
        patience.begin()
        found = await patience.lasts(forever())
        return found, await patience.lasts(at_once()), asyncio.current_task().cancelling()

    assert asyncio.run(scene()) == (False, True, 0)


def test_the_time_between_two_pieces_does_not_count():
    async def scene():
        patience = Patience(0.0)
        patience.begin()
        for _ in range(5):
            await asyncio.sleep(0)
            assert await patience.lasts(at_once())
        patience.end()

    asyncio.run(scene())


def test_before_it_has_begun_nothing_is_given_up():
    async def scene():
        patience, done = Patience(0.0), asyncio.Event()
        asyncio.get_running_loop().call_later(0.001, done.set)
        return await patience.lasts(done.wait())

    assert asyncio.run(scene())


def test_after_its_end_nothing_is_given_up():
    async def scene():
        patience, done = Patience(0.0), asyncio.Event()
        patience.begin()
        patience.end()
        asyncio.get_running_loop().call_later(0.001, done.set)
        return await patience.lasts(done.wait())

    assert asyncio.run(scene())


def test_somebody_elses_cancellation_goes_on():
    async def scene():
        async def waiting():
            await Patience(3_600).lasts(forever())

        task = asyncio.create_task(waiting())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(scene())


def test_an_error_is_what_it_was():
    async def scene():
        patience = Patience(3_600)
        with pytest.raises(ConnectionResetError):
            await patience.lasts(failing())
        return await patience.lasts(at_once())

    assert asyncio.run(scene())
