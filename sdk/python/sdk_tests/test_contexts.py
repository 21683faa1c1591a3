"""Attribution across threads, tasks and generators; invocations of serverless functions."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from tokenops_sdk import atracked_completion, carried, serverless, track, tracked_completion, wrap
from tokenops_sdk import client as clients

ASK = [{"role": "user", "content": "SECRET"}]


@pytest.fixture
def reporting(new_client, monkeypatch):
    def with_settings(**settings):
        client = new_client(**settings)
        monkeypatch.setattr(clients, "_default", client)
        return client

    return with_settings


@pytest.fixture
def features(reporting, server):
    client = reporting()

    def reported():
        assert client.flush(20)
        return sorted(event["endpoint_name"] for event in server.events)

    return reported


def call(*_):
    return tracked_completion(model="gpt-4o", messages=ASK, client=lambda **_: "answer")


async def acall(*_):
    async def provider(**_):
        return "answer"

    return await atracked_completion(model="gpt-4o", messages=ASK, client=provider)


def test_a_surrounding_block_names_the_feature_of_a_call_that_does_not(features):
    with track(feature="outer"):
        call()
        tracked_completion(model="gpt-4o", messages=ASK, endpoint_name="own", client=lambda **_: None)

    assert features() == ["outer", "own"]


def test_threads_have_attribution_where_it_is_carried(features):
    with track(feature="outer"):
        threads = [threading.Thread(target=target) for target in (call, carried(call))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert features() == ["default", "outer"]


def test_a_pool_of_threads_may_run_a_carried_function_many_times_at_once(features):
    together = threading.Barrier(4)

    def ask(_):
        together.wait(20)
        return call()

    with track(feature="batch"), ThreadPoolExecutor(4) as pool:
        assert list(pool.map(carried(ask), range(4))) == ["answer"] * 4

    assert features() == ["batch"] * 4


def test_tasks_have_the_attribution_of_where_they_were_started(features):
    async def one(name):
        with track(feature=name):
            await asyncio.sleep(0)
            return await asyncio.create_task(acall())

    async def all_of_them():
        await asyncio.gather(*(one(name) for name in ("a", "b", "c")), asyncio.to_thread(call), acall())

    asyncio.run(all_of_them())

    assert features() == ["a", "b", "c", "default", "default"]


def test_a_generator_is_attributed_while_it_runs_and_its_consumer_is_not(features):
    @wrap(feature="stream")
    def pieces():
        yield call()
        with track(feature="inner"):
            yield call()
            yield call()
        return "end"

    generator = pieces()
    for _ in range(3):
        assert next(generator) == "answer"
        call()
    with pytest.raises(StopIteration) as end:
        next(generator)

    assert end.value.value == "end"
    assert features() == ["default"] * 3 + ["inner", "inner", "stream"]


def test_a_block_may_end_in_another_thread_than_it_began_in(features):
    """As in a streaming response, each piece of which is asked for by whichever thread is free."""

    def pieces():
        with track(feature="stream"):
            yield call()
        yield call()

    generator = pieces()
    for _ in range(2):
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(next, generator).result() == "answer"

    assert features() == ["default", "stream"]


def test_the_same_for_asynchronous_generators(features):
    closed = []

    @wrap(feature="stream")
    async def pieces():
        try:
            yield await acall()
            yield await acall()
        finally:
            closed.append(True)

    async def consume():
        generator = pieces()
        async for _ in generator:
            await acall()
            break
        await generator.aclose()

    asyncio.run(consume())

    assert closed == [True]
    assert features() == ["default", "stream"]


def test_a_loop_is_not_held_up_by_a_server_that_hangs(reporting, server):
    """While the server holds the request, the loop makes another call and comes to its end."""
    client = reporting(flush_seconds=0.01)
    server.holds = True

    async def calls():
        await acall()
        await asyncio.to_thread(server.wait_for, 1)
        return await acall()

    assert asyncio.run(calls()) == "answer"
    assert client.stats().recorded == 2
    assert client.stats().accepted == 0
    server.release()


# --- Serverless ---


def test_without_a_handler_every_call_is_reported_before_it_returns(reporting, server):
    reporting(serverless=True)

    call()
    assert len(server.events) == 1
    call()
    assert len(server.requests) == 2


def test_a_handler_reports_its_calls_together_at_its_end(reporting, server):
    reporting(serverless=True)

    @serverless
    def handler(event, context):
        call()
        call()
        assert server.requests == []
        return {"for": event}

    assert handler(1, None) == {"for": 1}
    assert [len(events) for _, events in server.requests] == [2]


def test_a_handler_that_fails_reports_and_raises_what_it_raised(reporting, server):
    reporting()

    @serverless
    def handler():
        call()
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        handler()

    assert len(server.events) == 1


def test_an_asynchronous_handler_does_not_wait_in_the_loop(reporting, server):
    """The loop runs on while the report waits for the server, which answers only when the loop says so."""
    reporting(serverless=True)
    server.will(202, {"accepted": 1, "duplicates": 0, "rejected_count": 0, "rejected": []})
    server.delays = threading.Event()

    @serverless(timeout=20)
    async def handler():
        return await acall()

    async def run():
        task = asyncio.create_task(handler())
        await asyncio.to_thread(server.wait_for, 1)
        assert not task.done()
        server.delays.set()
        return await task

    assert asyncio.run(run()) == "answer"
    assert clients.default().stats().accepted == 1


def test_blocks_of_both_kinds(reporting, server):
    reporting()

    async def asynchronous():
        async with serverless():
            await acall()

    with serverless():
        call()
    asyncio.run(asynchronous())

    assert [len(events) for _, events in server.requests] == [1, 1]


def test_a_server_that_is_away_does_not_hold_up_an_invocation_for_longer_than_it_asked_to_wait(reporting, server):
    client = reporting(serverless=True, shutdown_seconds=30)
    server.will(503, {}, Retry_After="3600")

    call()
    call()

    assert len(server.requests) == 1
    assert client.stats().waiting == 2
