"""503 with Retry-After comes before memory grows, and one organization cannot make it come for the others."""

import asyncio
import gzip

import pytest

from ingestion.edge import Limits
from ingestion.edge.http import InFlight, Problem
from ingestion.tests.edge.client import issue_key, running_edge, stored_calls
from ingestion.tests.edge.test_bad_input import slug
from ingestion.tests.edge.test_traces import recent, send_protobuf
from ingestion.tests.wire.otlp.builders import as_protobuf, request
from tests.resilience.processes import wait_until

EVENT = {"model": "gpt-4o"}


def trace(count):
    return as_protobuf(request([recent(number=number + 1) for number in range(count)]))


def on(edge, coroutine):
    return asyncio.run_coroutine_threadsafe(coroutine, edge._loop).result(60)


# --- The account ---


def test_what_is_held_is_given_back_whatever_happens():
    rows = InFlight(100)

    def fail():
        with rows.holding(30, organization_id=1):
            held.append(rows.used)
            raise ZeroDivisionError

    held: list[int] = []
    with pytest.raises(ZeroDivisionError):
        fail()

    assert (held, rows.used) == ([30], 0)


def test_one_request_may_be_larger_than_its_half_and_then_nothing_else_fits():
    rows = InFlight(100)

    with rows.holding(5_000, organization_id=1):
        assert rows.used == 50
        with pytest.raises(Problem) as refused, rows.holding(1, organization_id=1):
            pass
        with rows.holding(50, organization_id=2):
            assert rows.used == 100
            with pytest.raises(Problem), rows.holding(1, organization_id=3):
                pass

    assert (refused.value.status, rows.used) == (503, 0)


def test_nothing_takes_no_room():
    rows = InFlight(2)

    with rows.holding(1, organization_id=1), rows.holding(0, organization_id=1):
        assert rows.used == 1


# --- Rows ---


def test_rows_in_hand_are_bounded_for_each_organization(committed_module, acme, globex, key):
    """Ten exports at once of one organization: what does not fit into its half is refused, others are taken."""
    stranger = issue_key(globex)
    with running_edge(Limits(rows_in_hand=1_000, inline=2**20)) as edge:
        answers = edge.together(
            [([EVENT] * 200, key)] * 10 + [(EVENT, stranger)],
        )

    *own, other = answers
    refused = [answer for answer in own if answer.status != 202]
    assert {answer.status for answer in own} == {202, 503}
    assert {(slug(answer), answer.headers["retry-after"]) for answer in refused} == {("unavailable", "1")}
    assert {answer.json()["detail"] for answer in refused} == {"Too many events are waiting to be stored."}
    assert other.status == 202
    assert len(stored_calls(acme)) == 200 * (10 - len(refused))
    assert len(stored_calls(globex)) == 1


def test_a_trace_larger_than_the_room_is_taken_when_there_is_room(committed_module, acme, key):
    with running_edge(Limits(rows_in_hand=100)) as edge:
        answers = [send_protobuf(edge, gzip.compress(trace(300), 1), key, **{"content-encoding": "gzip"})]
        answers.append(edge.post(EVENT, key=key))

    assert [answer.status for answer in answers] == [200, 202]
    assert len(stored_calls(acme)) == 301


def test_after_a_refusal_the_room_is_free_again(committed_module, acme, key):
    with running_edge(Limits(waiting_rows=10, rows_in_hand=100)) as edge:
        refused = [edge.post([EVENT] * 11, key=key).status for _ in range(20)]
        taken = edge.post([EVENT] * 10, key=key)

    assert (set(refused), taken.status) == ({503}, 202)
    assert len(stored_calls(acme)) == 10


# --- Bytes ---


def slow_clients(edge, key, count, never):
    """Start requests that send half of their body and then nothing more."""
    at_once = asyncio.Event()
    at_once.set()
    body = b"[" + b" " * 998 + b"]"
    return [asyncio.create_task(edge.request(body, key=key, pieces=2, delays=[at_once, never])) for _ in range(count)]


def test_many_slow_clients_fill_their_organizations_half_and_no_more(committed_module, globex, key):
    stranger, never = issue_key(globex), asyncio.Event()
    with running_edge(Limits(in_flight=20_000)) as edge:
        edge.post([], key=key)  # who the keys are is known by now
        edge.post([], key=stranger)

        async def flood():
            return slow_clients(edge, key, 100, never)

        tasks = on(edge, flood())
        wait_until(lambda: sum(task.done() for task in tasks) == 80, "most of them to be refused")
        refused = [task.result() for task in tasks if task.done()]
        quiet = edge.post(EVENT, key=stranger)
        one_more = edge.post([EVENT] * 100, key=key)
        edge._loop.call_soon_threadsafe(never.set)
        on(edge, asyncio.wait(tasks))

    assert len(refused) == 80  # the others hold 500 bytes each: their organization's half of the room
    assert {(answer.status, answer.headers["retry-after"]) for answer in refused} == {(503, "1")}
    assert {task.result().status for task in tasks} == {202, 503}
    assert (quiet.status, one_more.status) == (202, 503)


def test_slow_clients_lose_their_room_when_their_time_is_over(committed_module, key):
    never = asyncio.Event()
    with running_edge(Limits(in_flight=20_000, body_patience=0.05)) as edge:
        edge.post([], key=key)

        async def flood():
            return slow_clients(edge, key, 20, never)

        tasks = on(edge, flood())
        on(edge, asyncio.wait(tasks))
        after = edge.post([EVENT] * 100, key=key)

    assert {task.result().status for task in tasks} == {408}
    assert after.status == 202


def test_many_bombs_at_once_are_413_and_the_neighbour_is_served(committed_module, acme, globex, key):
    bomb = gzip.compress(b"[" + b" " * (20 * 2**20), compresslevel=1)
    stranger, headers = issue_key(globex), {"content-encoding": "gzip"}
    with running_edge() as edge:

        async def attack():
            bombs = [edge.request(bomb, key=key, headers=headers) for _ in range(12)]
            return await asyncio.gather(*bombs, edge.request(EVENT, key=stranger))

        *bombs, neighbour = on(edge, attack())
        after = edge.post(EVENT, key=key)

    assert {answer.status for answer in bombs} == {413}
    assert (neighbour.status, after.status) == (202, 202)
    assert len(stored_calls(acme)) == 1
