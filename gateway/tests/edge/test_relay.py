"""The order of things: recorded before the last byte, cancelled when nobody listens, and once, whatever happens."""

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from gateway.edge import relay as module
from gateway.edge.forward import Forward
from gateway.edge.relay import Relay
from gateway.edge.upstream import BrokenError, StoppingError, TimedOutError, UnreachableError
from gateway.providers import PRESETS
from gateway.types import Ask, Outcome, SpoolFullError
from ingestion.edge.http import ClientGoneError, Problem

NOW = datetime(2026, 7, 15, 12, tzinfo=UTC)
USAGE = b'{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}'
WHOLE = b'{"id":"r-1","model":"gpt-4o","choices":[{"message":{"content":"hi"}}],"usage":' + USAGE + b"}"
PIECE = b'data: {"id":"r-1","model":"gpt-4o","choices":[{"delta":{"content":"hello"}}]}\n\n'
STATED = b'data: {"id":"r-1","choices":[],"usage":' + USAGE + b"}\n\n"
DONE = b"data: [DONE]\n\n"
JSON = [(b"content-type", b"application/json")]
SSE = [(b"content-type", b"text/event-stream")]


class Log:
    """What happened, in its order: s(tart), e(nd), and bytes that the client got."""

    def __init__(self, *, is_full=False):
        self.happened, self.starts, self.ends = [], [], []
        self.is_full = is_full

    def start(self, record):
        if self.is_full:
            raise SpoolFullError
        self.starts.append(record)
        self.happened.append("start")

    def end(self, record):
        self.ends.append(record)
        self.happened.append("end")

    async def send(self, message):
        if message["type"] == "http.response.start":
            self.happened.append(message["status"])
            self.headers = dict(message["headers"])
        else:
            self.happened.append((message["body"], message["more_body"]))

    @property
    def event(self):
        (end,) = self.ends
        return json.loads(end.event) if end.event else None


class Given:
    """An answer of an upstream: bytes, events to wait for, errors to raise."""

    def __init__(self, *pieces, status=200, headers=()):
        self.pieces, self.status, self.headers = pieces, status, list(headers)
        self.closed = False

    async def chunks(self):
        for piece in self.pieces:
            if isinstance(piece, asyncio.Event):
                await piece.wait()
            elif isinstance(piece, Exception):
                raise piece
            else:
                yield piece

    async def close(self):
        self.closed = True


class Upstream:
    def __init__(self, answer):
        self.answer = answer

    async def open(self, provider, **request):
        self.request = request
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def forward(**changes):
    made = Forward(
        call_id="0198-call",
        at=NOW,
        key_prefix="AAAAAAAA",
        project_slug="web",
        address="192.0.2.1",
        provider=PRESETS["openai"].provider,
        ask=Ask(operation="chat", model="gpt-4o", text_bytes=40),
        retries=None,
        method="POST",
        url="https://api.openai.com/v1/chat/completions",
        headers=[],
        body=b"{}",
        is_injected=False,
        is_read_whole=True,
    )
    return replace(made, **changes)


STREAM = Ask(operation="chat", model="gpt-4o", is_stream=True, text_bytes=40)


async def stays():
    await asyncio.Event().wait()


def carry(answer, log, *, receive=stays, **changes):
    relay = Relay(forward(**changes), Upstream(answer), log, receive, log.send)
    asyncio.run(relay.run(added=0.001))
    return relay


def with_length(body):
    return [*JSON, (b"content-length", str(len(body)).encode())]


# --- Recorded before the client has it whole ---


def test_the_last_bytes_of_a_known_length_wait_for_the_record():
    log = Log()
    carry(Given(WHOLE[:10], WHOLE[10:], headers=with_length(WHOLE)), log)

    assert log.happened == ["start", 200, (WHOLE[:10], True), "end", (WHOLE[10:], False)]
    assert log.ends[0].outcome is Outcome.ANSWERED
    assert log.event["usage"] == json.loads(USAGE)


def test_without_a_length_the_end_waits_for_the_record():
    log = Log()
    carry(Given(WHOLE[:10], WHOLE[10:], headers=JSON), log)

    assert log.happened == ["start", 200, (WHOLE[:10], True), (WHOLE[10:], True), "end", (b"", False)]


def test_what_says_that_a_stream_is_over_waits_for_the_record():
    log = Log()
    carry(Given(PIECE, STATED, DONE, headers=SSE), log, ask=STREAM)

    assert log.happened == ["start", 200, (PIECE, True), (STATED, True), "end", (DONE, True), (b"", False)]
    assert log.event["usage"]["completion_tokens"] == 2
    assert log.event["time_to_first_token_ms"] >= 0


def test_a_chunk_that_was_added_is_taken_out_and_read():
    log = Log()
    headers = [*SSE, (b"content-length", b"999")]
    carry(Given(PIECE, STATED, DONE, headers=headers), log, ask=STREAM, is_injected=True)

    passed = b"".join(one[0] for one in log.happened if isinstance(one, tuple))
    assert passed == PIECE + DONE
    assert b"content-length" not in log.headers
    assert log.event["usage"]["prompt_tokens"] == 3


def test_the_answer_says_which_call_it_is():
    log = Log()
    carry(Given(WHOLE, headers=with_length(WHOLE)), log)

    assert log.headers[b"x-tokenops-call-id"] == b"0198-call"
    assert log.starts[0].call_id == log.ends[0].call_id == "0198-call"
    assert (log.starts[0].key_prefix, log.starts[0].project_slug, log.starts[0].provider) == (
        "AAAAAAAA",
        "web",
        "openai",
    )
    assert (log.starts[0].canonical, log.starts[0].ask) == ("openai", forward().ask)
    assert log.ends[0].added_us >= 1_000


def test_what_is_no_call_is_counted_and_not_stored():
    log = Log()
    carry(Given(b"[]", headers=with_length(b"[]")), log, ask=Ask(), method="GET")

    assert (log.starts[0].ask, log.ends[0].event) == (None, b"")
    assert log.ends[0].http_status == 200


def test_a_full_spool_sends_nothing_on():
    log = Log(is_full=True)
    upstream = Upstream(Given(WHOLE))
    relay = Relay(forward(), upstream, log, stays, log.send)

    with pytest.raises(Problem) as refused:
        asyncio.run(relay.run(added=0.0))

    assert (refused.value.status, refused.value.slug) == (503, "spool-full")
    assert not hasattr(upstream, "request")
    assert log.happened == []


# --- Failures ---


@pytest.mark.parametrize(
    ("error", "status", "slug", "outcome", "error_type"),
    [
        (UnreachableError("no"), 502, "upstream-unreachable", Outcome.UNREACHABLE, "upstream_unreachable"),
        (TimedOutError("late"), 504, "upstream-timeout", Outcome.TIMEOUT, "upstream_timeout"),
        (BrokenError("cut"), 502, "upstream-broken", Outcome.BROKEN, "upstream_broken"),
    ],
)
def test_no_answer_is_a_problem_and_a_record(error, status, slug, outcome, error_type):
    log = Log()

    with pytest.raises(Problem) as failed:
        carry(error, log)

    assert (failed.value.status, failed.value.slug) == (status, slug)
    assert log.happened == ["start", "end"]
    assert log.ends[0].outcome is outcome
    assert (log.event["status"], log.event["error_type"]) == ("error", error_type)


def test_a_process_that_stops_asks_for_another_try_and_its_record_says_that_nothing_was_sent():
    log = Log()

    with pytest.raises(Problem) as failed:
        carry(StoppingError("nothing was sent"), log)

    assert (failed.value.status, failed.value.slug, failed.value.detail) == (503, "unavailable", "nothing was sent")
    assert failed.value.headers == (("retry-after", "1"),)
    assert log.happened == ["start", "end"]
    assert log.ends[0].outcome is Outcome.UNREACHABLE
    assert not log.event.keys() & {"usage", "input_tokens", "usage_partial", "usage_estimated"}


def test_an_answer_that_breaks_off_is_passed_on_as_it_came_and_cut():
    log = Log()
    answer = Given(PIECE, BrokenError("cut"), headers=SSE)

    with pytest.raises(BrokenError):
        carry(answer, log, ask=STREAM)

    assert log.happened == ["start", 200, (PIECE, True), "end"]
    assert log.ends[0].outcome is Outcome.BROKEN
    assert (log.event["usage_estimated"], log.event["input_tokens"], log.event["output_tokens"]) == (True, 10, 2)
    assert answer.closed


def test_an_error_of_the_provider_is_passed_on_as_it_came():
    body = b'{"error":{"type":"insufficient_quota","message":"private"}}'
    log = Log()
    carry(Given(body, status=429, headers=with_length(body)), log)

    assert log.happened == ["start", 429, "end", (body, False)]
    assert (log.event["http_status"], log.event["error_type"]) == (429, "insufficient_quota")
    assert b"private" not in log.ends[0].event


# --- The client leaves ---


def leaving(when):
    async def receive():
        await when.wait()
        return {"type": "http.disconnect"}

    return receive


def test_a_stream_that_nobody_listens_to_is_ended_and_billed():
    async def scene():
        gone, never = asyncio.Event(), asyncio.Event()
        log, answer = Log(), Given(PIECE, never, DONE, headers=SSE)
        relay = Relay(forward(ask=STREAM), Upstream(answer), log, leaving(gone), log.send)
        task = asyncio.create_task(relay.run(added=0.0))
        while (PIECE, True) not in log.happened:
            await asyncio.sleep(0)
        gone.set()
        with pytest.raises(ClientGoneError):
            await task
        return log, answer

    log, answer = asyncio.run(scene())

    assert answer.closed
    assert log.ends[0].outcome is Outcome.CLIENT_LEFT
    assert (log.event["status"], log.event["usage_estimated"], log.event["output_tokens"]) == ("ok", True, 2)


def test_a_whole_answer_that_nobody_waits_for_is_read_to_its_end():
    async def scene():
        gone, later = asyncio.Event(), asyncio.Event()
        log, answer = Log(), Given(WHOLE[:10], later, WHOLE[10:], headers=with_length(WHOLE))
        relay = Relay(forward(), Upstream(answer), log, leaving(gone), log.send)
        task = asyncio.create_task(relay.run(added=0.0))
        while (WHOLE[:10], True) not in log.happened:
            await asyncio.sleep(0)
        gone.set()
        while not relay._client_left:
            await asyncio.sleep(0)
        later.set()
        await task
        return log

    log = asyncio.run(scene())

    assert log.ends[0].outcome is Outcome.CLIENT_LEFT
    assert log.event["usage"] == json.loads(USAGE)
    assert (WHOLE[10:], False) not in log.happened  # nobody is there to get it


def test_a_client_that_takes_nothing_is_given_up(monkeypatch):
    monkeypatch.setattr(module, "CLIENT_PATIENCE", 0.0)
    log, answer = Log(), Given(PIECE, DONE, headers=SSE)

    async def stuck(message):
        if message["type"] == "http.response.body":
            await asyncio.Event().wait()

    relay = Relay(forward(ask=STREAM), Upstream(answer), log, stays, stuck)
    with pytest.raises(ClientGoneError):
        asyncio.run(relay.run(added=0.0))

    assert log.ends[0].outcome is Outcome.CLIENT_LEFT
    assert answer.closed


def test_somebody_elses_cancellation_goes_on():
    async def scene():
        log, answer = Log(), Given(PIECE, asyncio.Event(), headers=SSE)
        task = asyncio.create_task(Relay(forward(ask=STREAM), Upstream(answer), log, stays, log.send).run(added=0.0))
        while (PIECE, True) not in log.happened:
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return log, answer

    log, answer = asyncio.run(scene())

    assert [end.outcome for end in log.ends] == [Outcome.CLIENT_LEFT]
    assert answer.closed
