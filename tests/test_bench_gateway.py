"""The gateway's benchmark measures what it says: its provider answers as asked, its load reads answers to their end."""

import pytest

from bench.gateway import provider
from bench.gateway_load import ask, request


@pytest.fixture(scope="module")
def upstream():
    with provider() as server:
        yield server


@pytest.mark.parametrize("shape", [{}, {"pieces": 5}, {"pieces": 3, "gap": 1}])
def test_every_answer_is_read_to_its_end_and_timed(upstream, shape):
    load = ask(upstream, request("tko_none", **shape), connections=3, each=4)

    load.expect_only(200)
    assert len(load.latencies_ms) == 12
    assert min(load.latencies_ms) > 0


def test_a_delay_is_what_the_request_asks_for(upstream):
    load = ask(upstream, request("tko_none", delay=60), connections=2, each=2)

    assert min(load.latencies_ms) >= 60


def test_a_request_says_what_a_client_of_the_provider_would():
    sent = request("tko_none", pieces=2)
    head, _, body = sent.partition(b"\r\n\r\n")

    assert b"Authorization: Bearer tko_none" in head
    assert f"Content-Length: {len(body)}".encode() in head
    assert b'"stream":true' in body
