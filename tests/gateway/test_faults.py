"""Providers that fail and clients that leave: a clear answer or the same break, one record, nothing held for ever."""

import contextlib
import http.client
import json
import socket

import psutil
import pytest

from tests import provider_faults as faults
from tests.fake_provider import says
from tests.gateway.raw import refusal
from tests.gateway.scene import CHAT, Scene, add_credential, add_provider, chat
from tests.resilience.processes import wait_until
from tests.servers import free_port

pytestmark = pytest.mark.resilience

MB = 2**20
IMPATIENT = "/v1/proxy/impatient/v1/chat/completions"
REFUSING = "/v1/proxy/refusing/v1/chat/completions"
WITH_USAGE = {"stream_options": {"include_usage": True}}


@pytest.fixture(scope="module", autouse=True)
def more_providers(scene):
    """One nobody listens at, and one that is waited for a second at most."""
    where = {"refusing": f"http://127.0.0.1:{free_port()}", "impatient": scene.provider.url}
    for slug, origin in where.items():
        add_provider(
            scene.organization,
            "openai",
            slug=slug,
            origin=origin,
            first_byte_seconds=1,
            idle_seconds=1,
            total_seconds=30,
        )
        add_credential(scene.organization, slug, f"sk-{slug}")


def open_call(gateway: Scene, body: bytes, feature: str, path: str = CHAT) -> http.client.HTTPConnection:
    connection = gateway.connect()
    headers = {"Authorization": f"Bearer {gateway.key}", "X-TokenOps-Feature": feature}
    connection.request("POST", path, body, headers)
    return connection


def cut_answer(gateway: Scene, body: bytes, feature: str, path: str = CHAT) -> tuple[int, bytes, bool]:
    """Status, what came of the body, and whether it came to its end."""
    connection = open_call(gateway, body, feature, path)
    with contextlib.closing(connection):
        response = connection.getresponse()
        found = b""
        try:
            while piece := response.read1(65_536):
                found += piece
        except (http.client.IncompleteRead, OSError):
            return response.status, found, False
        return response.status, found, not response.length


# --- Nothing comes back -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("behaviour", "path", "status"),
    [
        (None, REFUSING, 502),
        (faults.hang_up, CHAT, 502),
        (faults.reset, CHAT, 502),
        (faults.no_http, CHAT, 502),
        (faults.hang, IMPATIENT, 504),
    ],
    ids=["refuses", "hangs-up", "resets", "speaks-no-http", "hangs"],
)
def test_a_provider_that_does_not_answer_is_a_gateway_error(gateway, feature, behaviour, path, status, stream):
    if behaviour:
        gateway.provider.says(behaviour)

    answer = gateway.ask(chat(stream=stream), path, headers={"X-TokenOps-Feature": feature})

    assert answer.status == status
    document = refusal(answer)
    assert "127.0.0.1" not in json.dumps(document)
    assert len(gateway.provider.received) == (0 if path == REFUSING else 1)  # never tried again: it may have been paid
    call = gateway.call(feature)
    assert (call.status, call.source, call.model, call.stream) == ("error", "gateway", "gpt-4o", stream)
    assert call.error_type != ""
    assert call.output_tokens == 0


def test_a_provider_that_hangs_is_left(gateway):
    gateway.provider.says(faults.hang)

    gateway.ask(chat(), IMPATIENT)

    wait_until(lambda: len(gateway.provider.left) == 1, "the provider to see us leave")


# --- It breaks off ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("behaviour", "path"),
    [
        (faults.after(3, faults.reset), CHAT),
        (faults.after(3, faults.hang_up), CHAT),
        (faults.after(3, faults.hang), IMPATIENT),
    ],
    ids=["resets", "hangs-up", "hangs"],
)
def test_a_stream_that_breaks_off_breaks_off_for_the_client(gateway, feature, behaviour, path):
    gateway.provider.says(behaviour)

    status, body, is_whole = cut_answer(gateway, chat(stream=True), feature, path)

    assert (status, is_whole) == (200, False)
    assert body.count(b"data: ") <= 3
    call = gateway.call(feature)
    assert (call.status, call.http_status, call.stream) == ("error", 200, True)
    assert (call.usage_estimated, call.usage_rule) == (True, "estimated")
    assert call.output_tokens > 0  # what was written is estimated
    assert call.cost_usd > 0


def test_an_answer_shorter_than_it_said_is_short_for_the_client(gateway, feature):
    gateway.provider.says(faults.short)

    status, body, is_whole = cut_answer(gateway, chat(), feature)

    assert (status, is_whole) == (200, False)
    assert json.loads(body)["object"] == "chat.completion"
    assert gateway.call(feature).status == "error"


# --- It is not what was asked for -------------------------------------------------------------------------------------


def test_garbage_passes_as_it_is(gateway, feature):
    gateway.provider.says(faults.garbage)

    status, body, is_whole = cut_answer(gateway, chat(stream=True), feature)

    assert (status, body, is_whole) == (200, faults.GARBAGE, True)
    call = gateway.call(feature)
    assert call.usage_estimated is True


def test_a_line_of_ten_megabytes_passes_and_what_follows_is_read(gateway, feature):
    gateway.provider.says(faults.long_line)

    status, body, is_whole = cut_answer(gateway, chat(stream=True, **WITH_USAGE), feature)

    assert (status, is_whole) == (200, True)
    assert len(body) > faults.LINE_BYTES
    assert body.endswith(b"data: [DONE]\n\n")
    call = gateway.call(feature)
    assert (call.input_tokens, call.output_tokens, call.usage_estimated) == (20, 5, False)


@pytest.mark.parametrize("stream", [False, True])
def test_a_bomb_passes_unopened(gateway, feature, stream):
    gateway.provider.says(faults.bomb)
    before = memory(gateway)

    status, body, is_whole = cut_answer(gateway, chat(stream=stream, **(WITH_USAGE if stream else {})), feature)

    assert (status, is_whole) == (200, True)
    assert body == faults.bomb_body()
    assert gateway.call(feature).http_status == 200
    assert memory(gateway) - before < 100 * MB < faults.BOMB_BYTES


def memory(gateway: Scene) -> int:
    root = psutil.Process(gateway.server.process.pid)
    return sum(process.memory_info().rss for process in (root, *root.children(recursive=True)))


def test_a_document_instead_of_the_stream_that_was_asked_for_is_read(gateway, feature):
    gateway.provider.says(faults.unasked_json)

    answer = gateway.ask(chat(stream=True), headers={"X-TokenOps-Feature": feature})

    assert answer.json["usage"]["total_tokens"] == 25
    call = gateway.call(feature)
    assert (call.input_tokens, call.cached_input_tokens, call.output_tokens) == (20, 8, 5)
    assert (call.status, call.usage_estimated) == ("ok", False)


@pytest.mark.parametrize("content_type", ["text/plain", "application/octet-stream", "text/html; charset=utf-8"])
def test_a_stream_under_another_name_is_read(gateway, feature, content_type):
    gateway.provider.says(faults.as_type(content_type))

    answer = gateway.ask(chat(stream=True, **WITH_USAGE), headers={"X-TokenOps-Feature": feature})

    assert answer.value("content-type") == content_type
    assert answer.body.endswith(b"data: [DONE]\n\n")
    call = gateway.call(feature)
    assert (call.input_tokens, call.output_tokens, call.usage_estimated) == (20, 5, False)


def test_a_cost_of_zero_never_beats_ours(gateway, feature):
    usage = {"prompt_tokens": 1_000_000, "completion_tokens": 0, "total_tokens": 1_000_000, "cost": 0}
    gateway.provider.says(says(200, json.dumps({"id": feature, "model": "gpt-4o", "usage": usage}).encode()))

    gateway.ask(chat(), headers={"X-TokenOps-Feature": feature})

    call = gateway.call(feature)
    assert (call.cost_usd, call.cost_source) == (2.5, "rate_card")


# --- The client leaves ------------------------------------------------------------------------------------------------


def leave(connection: http.client.HTTPConnection) -> None:
    """As a client that crashed."""
    sock = connection.sock
    assert isinstance(sock, socket.socket)
    sock.shutdown(socket.SHUT_RDWR)
    sock.close()


def test_a_stream_its_client_leaves_is_cancelled_and_billed(gateway, feature):
    gateway.provider.says(faults.paced)
    connection = open_call(gateway, chat(stream=True), feature)
    response = connection.getresponse()
    response.readline()

    response.fp.raw._sock.close()
    leave(connection)

    wait_until(lambda: len(gateway.provider.left) == 1, "the provider to be told")
    call = gateway.call(feature)
    assert (call.http_status, call.stream, call.usage_estimated) == (200, True, True)
    assert call.response_id.startswith("chatcmpl-")
    assert call.input_tokens > 0
    assert call.output_tokens > 0
    assert call.cost_usd > 0


def test_a_stream_left_before_it_began_is_cancelled_and_recorded(gateway, feature):
    gateway.provider.says(faults.hang)
    connection = open_call(gateway, chat(stream=True), feature)
    wait_until(lambda: len(gateway.provider.received) == 1, "the provider to hear of it")

    leave(connection)

    wait_until(lambda: len(gateway.provider.left) == 1, "the provider to be told")
    call = gateway.call(feature)
    assert (call.model, call.stream, call.output_tokens) == ("gpt-4o", True, 0)


def test_a_whole_answer_its_client_did_not_wait_for_is_recorded(gateway, feature):
    def later(exchange):
        exchange.wait(exchange.provider.go)
        reply = exchange.reply()
        exchange.whole(reply.body, {"Content-Type": "application/json"})

    gateway.provider.says(later)
    connection = open_call(gateway, chat(), feature)
    wait_until(lambda: len(gateway.provider.received) == 1, "the provider to hear of it")

    leave(connection)
    gateway.provider.go.set()

    call = gateway.call(feature)
    assert (call.http_status, call.input_tokens, call.output_tokens) == (200, 20, 5)
    assert call.usage_estimated is False
    assert gateway.provider.left == []


def test_a_client_that_leaves_in_the_middle_of_its_body_is_not_forwarded(gateway):
    head = f"POST {CHAT} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {gateway.key}\r\nContent-Length: 100\r\n\r\n"
    with socket.create_connection(("127.0.0.1", gateway.server.port), timeout=60) as connection:
        connection.sendall(head.encode() + b'{"model":')

    gateway.drained()
    assert len(gateway.provider.received) == 1  # the one that drained


# --- A client that does not read --------------------------------------------------------------------------------------

FLOOD_BYTES = 256 * MB
PIECE = b": " + b"x" * 65_532 + b"\n\n"


def test_a_client_that_reads_slowly_slows_the_provider_and_fills_no_memory(gateway, feature):
    progress = {"sent": 0, "is_stuck": False}

    def flood(exchange):
        exchange.begin_stream(exchange.reply())
        exchange.socket.settimeout(1)
        for _ in range(FLOOD_BYTES // len(PIECE)):
            try:
                exchange.piece(PIECE)
            except TimeoutError:
                progress["is_stuck"] = True
                return
            progress["sent"] += len(PIECE)

    gateway.provider.says(flood)
    before = memory(gateway)
    connection = open_call(gateway, chat(stream=True, **WITH_USAGE), feature)

    wait_until(lambda: progress["is_stuck"] or progress["sent"] >= FLOOD_BYTES // len(PIECE) * len(PIECE), "the flood")

    assert progress["is_stuck"]
    assert progress["sent"] < 64 * MB
    assert memory(gateway) - before < 64 * MB
    connection.close()
    assert gateway.call(feature).stream is True
