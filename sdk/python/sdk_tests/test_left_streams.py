"""Streams that nobody reads to their end: estimated and marked so, never zero, reported once; and raw responses."""

import asyncio
import gc

import anthropic
import openai
import pytest

from sdk_tests.providers import OPENAI_USAGE
from sdk_tests.test_instrument import (  # noqa: F401 - fixtures
    CHAT,
    CLAUDE,
    GEMINI,
    LARGE,
    anthropic_client,
    counted,
    google_client,
    mistral_client,
    openai_client,
    providers,
    reported,
    reporting,
)

RESPONSES = {"model": "gpt-4o", "input": "What is the SECRET?", "stream": True}

HELD: list[object] = []  # a client of Gemini that nobody holds closes itself


def held(client):
    HELD[:] = [client]
    return client


SYNC = {
    "openai chat": lambda p: openai_client(p).chat.completions.create(**CHAT, stream=True),
    "openai responses": lambda p: openai_client(p).responses.create(**RESPONSES),
    "anthropic": lambda p: anthropic_client(p).messages.create(**CLAUDE, stream=True),
    "google": lambda p: held(google_client(p)).models.generate_content_stream(**GEMINI),
    "mistral": lambda p: mistral_client(p).chat.stream(**LARGE),
}
ASYNC = {
    "openai chat": lambda p: openai_client(p, openai.AsyncOpenAI).chat.completions.create(**CHAT, stream=True),
    "openai responses": lambda p: openai_client(p, openai.AsyncOpenAI).responses.create(**RESPONSES),
    "anthropic": lambda p: anthropic_client(p, anthropic.AsyncAnthropic).messages.create(**CLAUDE, stream=True),
    "google": lambda p: google_client(p).aio.models.generate_content_stream(**GEMINI),
    "mistral": lambda p: mistral_client(p).chat.stream_async(**LARGE),
}
PIECES = 3


def take_some(stream):
    return [piece for _, piece in zip(range(PIECES), stream, strict=False)]


def stop(stream):
    for number, _ in enumerate(stream):
        if number == PIECES - 1:
            break


def fail(stream):
    for number, _ in enumerate(stream):
        if number == PIECES - 1:
            raise LookupError("SECRET of the host")


def raise_inside(stream):
    with pytest.raises(LookupError):
        fail(stream)


def in_a_generator(stream):
    def pieces():
        yield from stream

    generator = pieces()
    take_some(generator)
    generator.close()


def is_estimated(event, *, output):
    """Whatever the provider has stated of what was read is kept; what was written is not what it calls nothing."""
    assert event["usage_estimated"] is True
    usage = event.get("usage", event)
    read = next(usage[name] for name in ("input_tokens", "promptTokenCount") if name in usage)
    written = next(usage[name] for name in ("output_tokens", "candidatesTokenCount") if name in usage)
    assert read > 0
    assert written > 0 if output else written == 0
    assert "totalTokenCount" not in usage


@pytest.mark.parametrize("leave", [stop, raise_inside, in_a_generator])
@pytest.mark.parametrize("provider", SYNC)
def test_a_stream_that_is_left_is_estimated_and_reported_once(providers, reported, provider, leave):  # noqa: F811
    leave(SYNC[provider](providers))
    gc.collect()

    (event,) = reported()
    is_estimated(event, output=True)
    assert (event["status"], event["stream"]) == ("ok", True)


@pytest.mark.parametrize("provider", sorted(set(SYNC) - {"google"}))  # Gemini's asks when the first piece is wanted
def test_a_stream_that_is_never_begun_is_reported_too(providers, reported, provider):  # noqa: F811
    SYNC[provider](providers)
    gc.collect()

    (event,) = reported()
    is_estimated(event, output=False)


@pytest.mark.parametrize("provider", ASYNC)
def test_an_asynchronous_stream_that_is_left_is_estimated(providers, reported, provider):  # noqa: F811
    async def leave():
        number = 0
        async for _ in await ASYNC[provider](providers):
            number += 1
            if number == PIECES:
                break

    asyncio.run(leave())
    gc.collect()

    (event,) = reported()
    is_estimated(event, output=True)


@pytest.mark.parametrize("provider", ASYNC)
def test_a_task_that_is_cancelled_in_a_stream_is_no_error_of_the_call(providers, reported, provider):  # noqa: F811
    providers.pauses_after = PIECES

    async def cancel():
        taken = asyncio.Event()

        async def read():
            number = 0
            async for _ in await ASYNC[provider](providers):
                number += 1
                if number == PIECES:
                    taken.set()

        task = asyncio.create_task(read())
        await taken.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancel())
    gc.collect()

    (event,) = reported()
    is_estimated(event, output=True)
    assert (event["status"], "error_type" in event) == ("ok", False)


def test_a_connection_that_breaks_is_an_error_and_estimated(providers, reported):  # noqa: F811
    providers.breaks_after = PIECES

    with pytest.raises(Exception) as raised:  # noqa: PT011 - each SDK has its own
        list(SYNC["openai chat"](providers))

    (event,) = reported()
    is_estimated(event, output=True)
    assert (event["status"], event["error_type"]) == ("error", raised.type.__name__)


def test_a_response_is_read_when_its_caller_reads_it(providers, reported):  # noqa: F811
    with openai_client(providers).chat.completions.with_streaming_response.create(**CHAT) as response:
        assert not response.http_response.is_stream_consumed
        assert response.parse().usage.total_tokens == 25

    (event,) = reported()
    assert counted(event["usage"]) == counted(OPENAI_USAGE)


def test_the_same_for_asynchronous_code(providers, reported):  # noqa: F811
    async def ask():
        client = openai_client(providers, openai.AsyncOpenAI)
        async with client.chat.completions.with_streaming_response.create(**CHAT) as response:
            return await response.parse()

    assert asyncio.run(ask()).usage.total_tokens == 25

    (event,) = reported()
    assert counted(event["usage"]) == counted(OPENAI_USAGE)


def test_a_response_that_is_never_parsed_is_reported_when_it_is_closed(providers, reported):  # noqa: F811
    with openai_client(providers).chat.completions.with_streaming_response.create(**CHAT) as response:
        assert b"SECRET" in b"".join(response.iter_bytes())

    (event,) = reported()
    assert event["usage_estimated"] is True
