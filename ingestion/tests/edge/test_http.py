"""Headers, bodies in pieces and problems, without a server."""

import asyncio
import json

import pytest

from ingestion.edge.authentication import presented_key
from ingestion.edge.http import Body, ClientGoneError, InFlight, Problem, Reply, headers_of, name_request, send_reply

LIMIT = 2**20


def read(messages, *, declared="", in_flight=None):
    """The body of a request whose server gives these messages, and what is still counted."""
    in_flight = in_flight or InFlight(10 * LIMIT)
    body = Body(in_flight, organization_id=1, limit=LIMIT, patience=5)
    waiting = list(messages)

    async def receive():
        return waiting.pop(0)

    asyncio.run(body.read(receive, declared))
    return body


def piece(content, *, more=False):
    return {"type": "http.request", "body": content, "more_body": more}


def test_pieces_are_kept_in_order_and_counted():
    in_flight = InFlight(100)
    body = read([piece(b"ab", more=True), piece(b"", more=True), piece(b"cd")], in_flight=in_flight)

    assert b"".join(body.chunks) == b"abcd"
    assert in_flight.used == 4
    body.release()
    assert (in_flight.used, body.chunks) == (0, [])


def test_a_request_without_a_body_is_empty():
    assert read([{"type": "http.request"}]).size == 0


@pytest.mark.parametrize("declared", [str(LIMIT + 1), "9" * 400])
def test_what_is_declared_too_large_is_not_read(declared):
    with pytest.raises(Problem) as refused:
        read([], declared=declared)

    assert refused.value.status == 413


@pytest.mark.parametrize("declared", ["", "nonsense", "-1", "1_0", "²"])
def test_a_declaration_nobody_understands_does_not_matter(declared):
    assert read([piece(b"x")], declared=declared).size == 1


def test_what_turns_out_too_large_is_413_and_gives_its_room_back():
    in_flight = InFlight(10 * LIMIT)
    body = Body(in_flight, organization_id=1, limit=LIMIT, patience=5)
    waiting = [piece(b"x" * LIMIT, more=True), piece(b"x")]

    async def receive():
        return waiting.pop(0)

    with pytest.raises(Problem) as refused:
        asyncio.run(body.read(receive, ""))
    assert refused.value.status == 413
    assert in_flight.used == LIMIT
    body.release()
    assert in_flight.used == 0


def test_no_room_is_503_and_takes_none():
    in_flight = InFlight(3)
    in_flight.take(1, organization_id=1)
    in_flight.take(1, organization_id=2)

    with pytest.raises(Problem) as refused:
        in_flight.take(2, organization_id=3)

    assert (refused.value.status, in_flight.used) == (503, 2)


def test_one_organization_may_hold_half_and_leaves_the_rest_to_others():
    in_flight = InFlight(100)
    in_flight.take(50, organization_id=1)

    with pytest.raises(Problem) as refused:
        in_flight.take(1, organization_id=1)
    in_flight.take(50, organization_id=2)
    in_flight.give_back(50, organization_id=1)
    in_flight.take(50, organization_id=1)

    assert (refused.value.status, in_flight.used) == (503, 100)


def test_a_body_that_breaks_off_is_noticed():
    with pytest.raises(ClientGoneError):
        read([piece(b"x", more=True), {"type": "http.disconnect"}])


def test_an_answer_goes_out_in_one_piece():
    sent = []

    async def send(message):
        sent.append(message)

    asyncio.run(send_reply(send, Reply(503, b"{}", headers=(("retry-after", "1"),)), identifier="abc"))

    start, body = sent
    assert (start["status"], body["body"], body["more_body"]) == (503, b"{}", False)
    assert dict(start["headers"]) == {
        b"content-type": b"application/json",
        b"content-length": b"2",
        b"x-request-id": b"abc",
        b"retry-after": b"1",
    }


def test_a_problem_is_a_document_with_a_stable_type():
    reply = Problem(418, "teapot", "I am a teapot.", "Short and stout.").reply()

    assert reply.is_error
    assert json.loads(reply.body) == {
        "type": "https://tokenops.dev/problems/teapot",
        "title": "I am a teapot.",
        "status": 418,
        "detail": "Short and stout.",
    }


def test_headers_are_collected_with_all_their_values():
    scope = {"headers": [(b"a", b"1"), (b"b", b"2"), (b"a", b"3")]}

    assert headers_of(scope) == {b"a": [b"1", b"3"], b"b": [b"2"]}


@pytest.mark.parametrize("value", [b"short", b"x" * 65, b"line\nbreak-here", b"\xff" * 10, b""])
def test_a_request_id_that_could_harm_a_log_is_replaced(value):
    assert len(name_request({b"x-request-id": [value]})) == 32


def test_one_header_with_two_keys_is_refused():
    with pytest.raises(Problem) as refused:
        presented_key({b"ts-api-key": [b"one", b"two"]})

    assert refused.value.status == 401


def test_the_same_key_everywhere_is_one_key():
    headers = {b"x-api-key": [b"k"], b"authorization": [b"Basic xyz", b"Bearer  k "], b"ts-api-key": [b""]}

    assert presented_key(headers) == "k"
