"""The client's body on its way: whole or in pieces, never more than may be held."""

import asyncio

import pytest

from gateway.edge import body as module
from gateway.edge.body import RequestBody
from ingestion.edge.http import ClientGoneError, InFlight, Problem

GONE = {"type": "http.disconnect"}


def part(content, more=True):
    return {"type": "http.request", "body": content, "more_body": more}


def receiving(*messages):
    left = list(messages)

    async def receive():
        return left.pop(0)

    return receive


def body_of(*messages, room=1_000, declared=""):
    return RequestBody(receiving(*messages), InFlight(room), organization_id=1, declared=declared)


async def all_of(body):
    return [piece async for piece in body.pieces()]


def test_the_whole_body_is_held_until_it_is_released():
    in_flight = InFlight(1_000)
    body = RequestBody(
        receiving(part(b"ab"), part(b""), part(b"c", more=False)), in_flight, organization_id=1, declared="3"
    )

    assert asyncio.run(body.whole()) == b"abc"
    assert (in_flight.used, body.is_complete, body.length) == (3, True, 3)
    body.release()
    assert in_flight.used == 0


def test_pieces_pass_as_they_come_and_hold_nothing():
    body = body_of(part(b"ab"), part(b""), part(b"c", more=False), room=1)

    assert asyncio.run(all_of(body)) == [b"ab", b"c"]
    assert body.failure is None


def test_no_body_is_an_empty_one():
    assert asyncio.run(body_of(part(b"", more=False)).whole()) == b""


def test_a_client_that_leaves_is_noticed_and_remembered():
    body = body_of(part(b"ab"), GONE)

    with pytest.raises(ClientGoneError):
        asyncio.run(all_of(body))
    assert isinstance(body.failure, ClientGoneError)


def test_no_room_is_503_and_everything_is_given_back():
    in_flight = InFlight(10)
    body = RequestBody(receiving(part(b"a" * 4), part(b"b" * 4)), in_flight, organization_id=1, declared="")

    with pytest.raises(Problem) as refused:
        asyncio.run(body.whole())

    assert refused.value.status == 503
    body.release()
    assert in_flight.used == 0


@pytest.mark.parametrize("declared", ["", "5"])
def test_more_than_may_be_sent_is_413(monkeypatch, declared):
    monkeypatch.setattr(module, "MOST_BYTES", 4)

    with pytest.raises(Problem) as refused:
        asyncio.run(body_of(part(b"abc"), part(b"de", more=False), declared=declared).whole())

    assert (refused.value.status, refused.value.slug) == (413, "too-large")


def test_a_body_that_does_not_come_is_408(monkeypatch):
    monkeypatch.setattr(module, "PATIENCE", 0.0)

    async def never():
        await asyncio.Event().wait()

    body = RequestBody(never, InFlight(10), organization_id=1, declared="")
    with pytest.raises(Problem) as refused:
        asyncio.run(body.whole())

    assert refused.value.status == 408
    assert body.failure is refused.value
