"""Content never leaves: a marker goes through every path, and is looked for in all that was sent and logged."""

import asyncio
import gc
import json
import logging

import pytest

from sdk_tests.test_instrument import (  # noqa: F401 - fixtures
    CHAT,
    STREAMS,
    WHOLE,
    providers,
    reporting,
)
from sdk_tests.test_left_streams import ASYNC, SYNC, stop
from tokenops_sdk import client as clients
from tokenops_sdk import tracked_completion, wrap

MARKER = "SECRET"  # the providers answer it, too


class LeakyError(Exception):
    """As of SDKs that quote what they were asked."""

    status_code = 422


@pytest.fixture
def nothing_leaks(reporting, server, caplog):  # noqa: F811
    """Everything of this logger and of all others at DEBUG, and every byte that was sent."""
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, logger="tokenops_sdk")

    def looked():
        assert reporting.flush(20)
        assert server.events
        assert MARKER not in json.dumps(server.requests)
        ours = [record for record in caplog.records if record.name == "tokenops_sdk"]
        formatted = "\n".join(logging.Formatter("%(message)s").format(record) for record in ours)
        assert MARKER not in formatted
        return server.events

    return looked


@pytest.mark.parametrize("name", WHOLE)
def test_answers(providers, nothing_leaks, name):  # noqa: F811
    assert MARKER in str(WHOLE[name][0](providers))

    nothing_leaks()


@pytest.mark.parametrize("name", STREAMS)
def test_streams(providers, nothing_leaks, name):  # noqa: F811
    assert MARKER in str(STREAMS[name][0](providers))

    nothing_leaks()


@pytest.mark.parametrize("name", SYNC)
def test_streams_that_are_left(providers, nothing_leaks, name):  # noqa: F811
    stop(SYNC[name](providers))
    gc.collect()

    nothing_leaks()


@pytest.mark.parametrize("name", ASYNC)
def test_calls_that_fail(providers, nothing_leaks, name):  # noqa: F811
    providers.fails_with = 400

    async def fail():
        async for _ in await ASYNC[name](providers):
            pass

    with pytest.raises(Exception):  # noqa: B017, PT011 - each SDK has its own
        asyncio.run(fail())

    (event,) = nothing_leaks()
    assert (event["status"], event["http_status"]) == ("error", 400)


def test_an_error_that_quotes_the_prompt(nothing_leaks):
    def provider(**asked):
        raise LeakyError(f"cannot answer {asked['messages']}")

    with pytest.raises(LeakyError, match=MARKER):
        tracked_completion(model="house", messages=CHAT["messages"], client=provider)
    with pytest.raises(LeakyError, match=MARKER):
        wrap(provider, feature="x")(model="house", messages=CHAT["messages"])

    assert [(e["error_type"], e["http_status"]) for e in nothing_leaks()] == [("LeakyError", 422)] * 2


def test_trouble_of_ours_with_an_answer_that_quotes_the_prompt(reporting, nothing_leaks):  # noqa: F811
    class Answer:
        model = "house"

        @property
        def usage(self):
            raise LeakyError(MARKER)

    tracked_completion(model="house", messages=CHAT["messages"], client=lambda **_: Answer())

    assert [event["model"] for event in nothing_leaks()] == ["house"]
    assert reporting.stats().errors == 1


def test_a_usage_object_that_holds_text(nothing_leaks):
    class Answer:
        model = "house"
        usage = {"prompt_tokens": 3, "debug": f"{'the prompt was ' * 5}{MARKER}", "service_tier": "standard"}

    tracked_completion(model="house", messages=CHAT["messages"], client=lambda **_: Answer())

    (event,) = nothing_leaks()
    assert (event["usage"]["prompt_tokens"], event["usage"]["service_tier"]) == (3, "standard")


def test_hashes_can_be_switched_off(new_client, server, monkeypatch):
    monkeypatch.setattr(clients, "_default", new_client(hash_prompts=False))
    tracked_completion(model="gpt-4o", messages=CHAT["messages"], client=lambda **_: None)
    assert clients.default().flush(20)

    assert not [name for name in server.events[0] if "hash" in name]
