"""What the soak's proxied clients and their provider count; here nobody stands between them."""

import asyncio

from bench import soak_proxied
from bench.installation import Server, free_port
from bench.soak_proxied import Connection, Provider, ProxiedClient


def asked(client: ProxiedClient, times: int) -> tuple[Provider, list[int]]:
    """The provider that was asked, and the statuses of its answers."""
    provider, port = Provider(), free_port()

    async def ask() -> list[int]:
        connection = Connection(Server("127.0.0.1", port, 0))
        async with provider.listening(port):
            statuses = [await connection.ask(client) for _ in range(times)]
            connection.close()
            return statuses

    return provider, asyncio.run(ask())


def test_whole_answers_are_counted_at_both_ends():
    client = ProxiedClient(3, "key", is_stream=False, random=soak_proxied.Random(1))

    provider, statuses = asked(client, 5)

    assert statuses == [200] * 5
    assert (client.asked, client.whole, client.left) == (5, 5, 0)
    assert provider.heard == {f"{4:032x}": 5}


def test_a_stream_that_is_left_counts_as_asked(monkeypatch):
    monkeypatch.setattr(soak_proxied, "PIECE_SECONDS", 0)
    monkeypatch.setattr(soak_proxied, "LEFT", 0.5)
    client = ProxiedClient(0, "key", is_stream=True, random=soak_proxied.Random(1))

    provider, statuses = asked(client, 12)

    assert statuses == [200] * 12
    assert client.left > 0
    assert client.whole > 0
    assert client.whole + client.left == client.asked == provider.heard[client.trace_id] == 12


def test_a_request_names_its_client_to_the_provider_and_to_us():
    client = ProxiedClient(0, "tko_key", is_stream=True, random=soak_proxied.Random(1))

    head, _, body = client.request().partition(b"\r\n\r\n")

    headers = soak_proxied.fields(head)
    assert headers["authorization"] == "Bearer tko_key"
    assert headers["x-client"] == headers["x-tokenops-trace"] == client.trace_id
    assert int(headers["content-length"]) == len(body)
