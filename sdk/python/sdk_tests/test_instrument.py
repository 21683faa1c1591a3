"""The official SDKs, instrumented, against providers on loopback: the answer is theirs, and the call is reported."""

import asyncio
import json

import anthropic
import openai
import pytest
from google import genai
from mistralai.client import Mistral

from sdk_tests.providers import ANTHROPIC_USAGE, OPENAI_USAGE, RESPONSES_USAGE, WORDS, fake_providers
from tokenops_sdk import client as clients
from tokenops_sdk import instrument, track, uninstrument

TEXT = "".join(WORDS)
ASK = [{"role": "user", "content": "What is the SECRET?"}]


@pytest.fixture
def providers():
    with fake_providers() as running:
        yield running


@pytest.fixture
def reporting(new_client, monkeypatch):
    """Instrumented SDKs that report to the fake server."""
    client = new_client()
    monkeypatch.setattr(clients, "_default", client)
    instrument()
    yield client
    uninstrument()


@pytest.fixture
def reported(reporting, server):
    """What was reported so far, without content."""

    def events():
        assert reporting.flush(20)
        assert "SECRET" not in json.dumps(server.events)
        assert reporting.stats().errors == 0
        return server.events

    return events


def openai_client(providers, kind=openai.OpenAI):
    return kind(api_key="sk-secret", base_url=f"{providers.url}/v1", max_retries=0)


def anthropic_client(providers, kind=anthropic.Anthropic):
    return kind(api_key="sk-secret", base_url=providers.url, max_retries=0)


def google_client(providers):
    return genai.Client(api_key="secret", http_options={"base_url": providers.url})


def mistral_client(providers):
    return Mistral(api_key="secret", server_url=providers.url)


def gemini(providers):
    client = google_client(providers)  # one that nobody holds closes itself
    return client.models.generate_content(**GEMINI)


def gemini_stream(providers):
    client = google_client(providers)
    return list(client.models.generate_content_stream(**GEMINI))


async def async_pieces(stream):
    return [piece async for piece in await stream]


CHAT = {"model": "gpt-4o", "messages": ASK}
CLAUDE = {"model": "claude-sonnet-4-20250514", "max_tokens": 100, "messages": ASK}
GEMINI = {"model": "gemini-2.5-pro", "contents": "What is the SECRET?"}
LARGE = {"model": "mistral-large-latest", "messages": ASK}
ANTHROPIC = {name: ANTHROPIC_USAGE[name] for name in ANTHROPIC_USAGE}
GOOGLE = {
    "promptTokenCount": 20,
    "cachedContentTokenCount": 8,
    "candidatesTokenCount": 3,
    "thoughtsTokenCount": 2,
    "totalTokenCount": 25,
}

WHOLE = {
    "openai chat": (lambda p: openai_client(p).chat.completions.create(**CHAT), "chatcmpl-1", OPENAI_USAGE),
    "openai chat async": (
        lambda p: asyncio.run(openai_client(p, openai.AsyncOpenAI).chat.completions.create(**CHAT)),
        "chatcmpl-1",
        OPENAI_USAGE,
    ),
    "openai chat raw": (
        lambda p: openai_client(p).chat.completions.with_raw_response.create(**CHAT).parse(),
        "chatcmpl-1",
        OPENAI_USAGE,
    ),
    "openai completion": (
        lambda p: openai_client(p).completions.create(model="gpt-3.5-turbo-instruct", prompt="SECRET"),
        "chatcmpl-1",
        OPENAI_USAGE,
    ),
    "openai responses": (
        lambda p: openai_client(p).responses.create(model="gpt-4o", input="SECRET?"),
        "resp_1",
        RESPONSES_USAGE,
    ),
    "openai responses async": (
        lambda p: asyncio.run(openai_client(p, openai.AsyncOpenAI).responses.create(model="gpt-4o", input="SECRET?")),
        "resp_1",
        RESPONSES_USAGE,
    ),
    "anthropic": (lambda p: anthropic_client(p).messages.create(**CLAUDE), "msg_1", ANTHROPIC),
    "anthropic async": (
        lambda p: asyncio.run(anthropic_client(p, anthropic.AsyncAnthropic).messages.create(**CLAUDE)),
        "msg_1",
        ANTHROPIC,
    ),
    "google": (gemini, "gemini-1", GOOGLE),
    "google async": (
        lambda p: asyncio.run(google_client(p).aio.models.generate_content(**GEMINI)),
        "gemini-1",
        GOOGLE,
    ),
    "mistral": (lambda p: mistral_client(p).chat.complete(**LARGE), "chatcmpl-1", OPENAI_USAGE),
    "mistral async": (
        lambda p: asyncio.run(mistral_client(p).chat.complete_async(**LARGE)),
        "chatcmpl-1",
        OPENAI_USAGE,
    ),
}

STREAMS = {
    "openai chat": (lambda p: list(openai_client(p).chat.completions.create(**CHAT, stream=True)), OPENAI_USAGE, 5),
    "openai chat async": (
        lambda p: asyncio.run(
            async_pieces(openai_client(p, openai.AsyncOpenAI).chat.completions.create(**CHAT, stream=True))
        ),
        OPENAI_USAGE,
        5,
    ),
    "openai responses": (
        lambda p: list(openai_client(p).responses.create(model="gpt-4o", input="SECRET?", stream=True)),
        RESPONSES_USAGE,
        6,
    ),
    "anthropic": (lambda p: list(anthropic_client(p).messages.create(**CLAUDE, stream=True)), ANTHROPIC, 9),
    "anthropic async": (
        lambda p: asyncio.run(
            async_pieces(anthropic_client(p, anthropic.AsyncAnthropic).messages.create(**CLAUDE, stream=True))
        ),
        ANTHROPIC,
        9,
    ),
    "google": (gemini_stream, GOOGLE, 4),
    "google async": (
        lambda p: asyncio.run(async_pieces(google_client(p).aio.models.generate_content_stream(**GEMINI))),
        GOOGLE,
        4,
    ),
    "mistral": (lambda p: list(mistral_client(p).chat.stream(**LARGE)), OPENAI_USAGE, 5),
    "mistral async": (
        lambda p: asyncio.run(async_pieces(mistral_client(p).chat.stream_async(**LARGE))),
        OPENAI_USAGE,
        5,
    ),
}


def counted(usage):
    """A usage object's numbers that are not 0, however deep."""
    found = {}
    for name, value in usage.items():
        inner = counted(value) if isinstance(value, dict) else value
        if inner:
            found[name] = inner
    return found


@pytest.mark.parametrize("name", WHOLE)
def test_a_call_is_reported_once_with_the_providers_own_usage(providers, reported, name):
    call, response_id, usage = WHOLE[name]

    answer = call(providers)

    assert TEXT in str(answer)
    (event,) = reported()
    assert counted(event["usage"]) == counted(usage)
    assert (event["response_id"], event["status"], event["stream"]) == (response_id, "ok", False)
    assert event["latency_ms"] > 0
    assert "time_to_first_token_ms" not in event


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_passes_every_piece_and_is_reported_at_its_end(providers, reported, name):
    stream, usage, pieces = STREAMS[name]

    seen = stream(providers)

    assert len(seen) == pieces
    (event,) = reported()
    assert counted(event["usage"]) == counted(usage)
    assert (event["status"], event["stream"]) == ("ok", True)
    assert 0 < event["time_to_first_token_ms"] <= event["latency_ms"]
    assert "usage_estimated" not in event


def test_the_piece_with_the_usage_is_shown_to_whoever_asked_for_it(providers, reported):
    options = {"stream": True, "stream_options": {"include_usage": True}}

    seen = list(openai_client(providers).chat.completions.create(**CHAT, **options))

    assert seen[-1].usage.total_tokens == 25
    assert counted(reported()[0]["usage"]) == counted(OPENAI_USAGE)


def test_whoever_forbids_the_usage_gets_an_estimate_that_says_so(providers, reported):
    options = {"stream": True, "stream_options": {"include_usage": False}}

    list(openai_client(providers).chat.completions.create(**CHAT, **options))

    assert providers.asked[0][1]["stream_options"] == {"include_usage": False}
    (event,) = reported()
    assert event["usage_estimated"] is True
    assert event["output_tokens"] == -(-len(TEXT) // 4)
    assert event["input_tokens"] > 0


def test_a_stream_that_is_left_is_estimated_and_never_zero(providers, reported):
    stream = openai_client(providers).chat.completions.create(**CHAT, stream=True)

    next(iter(stream))
    stream.close()

    (event,) = reported()
    assert (event["usage_estimated"], event["output_tokens"]) == (True, 1)


def test_of_an_anthropic_stream_that_is_left_the_provider_states_what_was_read(providers, reported):
    stream = anthropic_client(providers).messages.create(**CLAUDE, stream=True)

    for _ in range(4):  # start, block, two words
        next(stream)
    stream.close()

    (event,) = reported()
    assert event["usage_estimated"] is True
    assert counted(event["usage"]) == counted(ANTHROPIC | {"output_tokens": -(-len("The answer ") // 4)})


def test_the_helpers_of_the_sdks_that_stream_are_reported_too(providers, reported):
    with anthropic_client(providers).messages.stream(**CLAUDE) as stream:
        assert "".join(stream.text_stream) == TEXT
    with openai_client(providers).chat.completions.stream(**CHAT) as stream:
        assert stream.get_final_completion().choices[0].message.content == TEXT

    assert [(event["model"], event["response_id"]) for event in reported()] == [
        ("claude-sonnet-4-20250514", "msg_1"),
        ("gpt-4o", "chatcmpl-1"),
    ]


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda p: openai_client(p).chat.completions.create(**CHAT), openai.RateLimitError),
        (lambda p: openai_client(p).chat.completions.create(**CHAT, stream=True), openai.RateLimitError),
        (lambda p: anthropic_client(p).messages.create(**CLAUDE), anthropic.RateLimitError),
    ],
)
def test_a_failed_call_raises_what_it_raised_and_is_reported(providers, reported, call, error):
    providers.fails_with = 429

    with pytest.raises(error) as raised:
        call(providers)

    assert raised.type is error
    (event,) = reported()
    assert (event["status"], event["error_type"], event["http_status"]) == ("error", "RateLimitError", 429)
    assert "usage" not in event


def test_a_usage_that_is_missing_is_no_zero(providers, reported):
    providers.omits_usage = True

    openai_client(providers).chat.completions.create(**CHAT)

    (event,) = reported()
    assert event.keys().isdisjoint({"usage", "input_tokens", "output_tokens"})


def test_calls_through_a_gateway_are_not_reported(providers, reported):
    through = openai.OpenAI(api_key="tko_x", base_url=f"{providers.url}/v1/proxy/openai/v1")

    through.chat.completions.create(**CHAT)

    assert reported() == []


def test_attribution_of_the_surrounding_block_is_on_the_call(providers, reported):
    with track(feature="summaries", user_id="u-1"):
        openai_client(providers).chat.completions.create(**CHAT)

    (event,) = reported()
    assert (event["endpoint_name"], event["user_id"]) == ("summaries", "u-1")


def test_instrumenting_is_undone_and_twice_is_once(providers, reporting, server):
    instrument()
    uninstrument()

    openai_client(providers).chat.completions.create(**CHAT)

    assert reporting.flush(20)
    assert server.events == []


def test_an_unknown_sdk_is_named():
    with pytest.raises(ValueError, match="unknown SDK: cohere"):
        instrument("cohere")
