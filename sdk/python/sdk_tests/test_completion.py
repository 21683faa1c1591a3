"""``tracked_completion`` and ``wrap``: the right provider, its own answer, one record."""

import asyncio
import sys

import anthropic
import openai
import pytest
import wrapt

from sdk_tests.providers import WORDS, fake_providers
from tokenops_sdk import atracked_completion, completion, instrument, track, tracked_completion, uninstrument, wrap
from tokenops_sdk import client as clients

TEXT = "".join(WORDS)
ASK = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "What is the SECRET?"}]
ENVIRONMENT = dict.fromkeys(("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY", "MISTRAL_API_KEY"), "secret")
MODELS = {
    "gpt-4o": ("openai", "ChatCompletion"),
    "claude-sonnet-4-5": ("anthropic", "Message"),
    "gemini-2.5-pro": ("google", "GenerateContentResponse"),
    "mistral-large-latest": ("mistral", "ChatCompletionResponse"),
}


@pytest.fixture
def providers(monkeypatch):
    completion._client.cache_clear()
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    with fake_providers() as running:
        yield running


@pytest.fixture
def reporting(new_client, monkeypatch):
    client = new_client()
    monkeypatch.setattr(clients, "_default", client)
    return client


@pytest.fixture
def reported(reporting, server):
    def events():
        assert reporting.flush(20)
        assert reporting.stats().errors == 0
        return server.events

    return events


def at(providers, sdk):
    """Where an SDK finds its provider."""
    return {"provider": sdk, "base_url": f"{providers.url}/v1" if sdk == "openai" else providers.url}


@pytest.mark.parametrize("model", MODELS)
def test_the_model_chooses_the_provider_and_its_own_answer_comes_back(providers, reported, model):
    sdk, kind = MODELS[model]
    assert completion.provider_for(model) == sdk

    answer = tracked_completion(model=model, messages=ASK, endpoint_name="chat", user_id="u1", **at(providers, sdk))

    assert type(answer).__name__ == kind
    (event,) = reported()
    assert (event["model"], event["endpoint_name"], event["user_id"]) == (model, "chat", "u1")
    assert event["usage"]
    asked = str(providers.asked)
    assert "Be brief." in asked
    assert "u1" not in asked


@pytest.mark.parametrize("model", MODELS)
def test_the_same_for_asynchronous_code(providers, reported, model):
    sdk, kind = MODELS[model]

    answer = asyncio.run(atracked_completion(model=model, messages=ASK, **at(providers, sdk)))

    assert type(answer).__name__ == kind
    assert [event["model"] for event in reported()] == [model]


@pytest.mark.parametrize("model", MODELS)
def test_streams_are_streams(providers, reported, model):
    pieces = list(tracked_completion(model=model, messages=ASK, stream=True, **at(providers, MODELS[model][0])))

    assert len(pieces) >= len(WORDS)
    (event,) = reported()
    assert event["stream"] is True
    assert "usage_estimated" not in event


def test_what_is_instrumented_too_is_reported_once(providers, reported):
    instrument()
    try:
        tracked_completion(model="gpt-4o", messages=ASK, **at(providers, "openai"))
    finally:
        uninstrument()

    assert len(reported()) == 1


def test_any_function_may_be_the_provider(reported):
    asked = {}

    def house(**given):
        asked.update(given)
        return "answer"

    answer = tracked_completion(model="house", messages=ASK, client=house, n=2)

    assert (answer, asked) == ("answer", {"model": "house", "messages": ASK, "n": 2})
    assert [event["model"] for event in reported()] == ["house"]


def test_the_missing_sdk_names_the_extra(providers, monkeypatch):
    monkeypatch.setitem(sys.modules, "mistralai.client", None)

    with pytest.raises(ImportError, match=r"pip install 'tokenops-sdk\[mistral\]'"):
        tracked_completion(model="mistral-large-latest", messages=ASK)


def test_an_unknown_provider_is_named():
    with pytest.raises(ValueError, match="unknown provider cohere"):
        tracked_completion(model="command-r", messages=ASK, provider="cohere")


# --- wrap ---


def openai_create(providers):
    client = openai.OpenAI(api_key="x", base_url=f"{providers.url}/v1", max_retries=0)
    return client.chat.completions.create


def test_a_wrapped_method_of_an_sdk_is_reported(providers, reported):
    create = wrap(openai_create(providers), feature="chat", user_id="u1")

    answer = create(model="gpt-4o", messages=ASK)

    assert answer.choices[0].message.content == TEXT
    (event,) = reported()
    assert (event["model"], event["endpoint_name"], event["user_id"]) == ("gpt-4o", "chat", "u1")
    assert event["usage"]["total_tokens"] == 25


def test_a_wrapped_stream_is_reported_when_it_ends(providers, reported):
    create = wrap(openai_create(providers), feature="chat")
    options = {"stream": True, "stream_options": {"include_usage": True}}

    assert len(list(create(model="gpt-4o", messages=ASK, **options))) == 6

    (event,) = reported()
    assert (event["stream"], event["usage"]["total_tokens"]) == (True, 25)


class ProxiedStream(wrapt.ObjectProxy[object]):
    """What OpenLLMetry hands out instead of a stream."""

    def __iter__(self):
        return self

    def __next__(self):
        return next(self.__wrapped__)


def test_a_wrapped_stream_in_the_proxy_of_another_instrumentation_is_reported(providers, reported):
    create = openai_create(providers)
    ask = wrap(lambda **options: ProxiedStream(create(messages=ASK, stream=True, **options)), feature="chat")

    assert len(list(ask(model="gpt-4o", stream_options={"include_usage": True}))) == 6

    (event,) = reported()
    assert event["usage"]["total_tokens"] == 25


def test_a_wrapped_coroutine_is_reported(providers, reported):
    @wrap(feature="chat")
    async def ask():
        async with anthropic.AsyncAnthropic(api_key="x", base_url=providers.url) as client:
            return await client.messages.create(model="claude-sonnet-4-5", max_tokens=9, messages=ASK[1:])

    assert asyncio.run(ask()).content[0].text == TEXT

    (event,) = reported()
    assert (event["model"], event["provider"], event["endpoint_name"]) == ("claude-sonnet-4-5", "anthropic", "chat")


def test_what_a_wrapped_function_calls_is_reported_instead_of_it(providers, reported):
    @wrap(feature="outer", team="search")
    def ask():
        with track(feature="inner"):
            return tracked_completion(model="gpt-4o", messages=ASK, endpoint_name="inner", **at(providers, "openai"))

    ask()

    (event,) = reported()
    assert (event["endpoint_name"], event["team"]) == ("inner", "search")


def test_a_function_that_calls_no_model_is_not_reported(reported):
    assert wrap(lambda: {"usage": 1}, feature="none")() == {"usage": 1}
    assert reported() == []


def test_what_a_wrapped_function_raises_is_raised_and_reported(reported):
    error = RuntimeError("SECRET")

    @wrap(feature="chat")
    def ask(model):
        raise error

    with pytest.raises(RuntimeError) as raised:
        ask(model="gpt-4o")

    assert raised.value is error
    (event,) = reported()
    assert (event["status"], event["error_type"]) == ("error", "RuntimeError")


def test_an_unknown_attribution_is_said_when_the_function_is_wrapped():
    with pytest.raises(TypeError, match="unknown attribution: featur"):
        wrap(print, featur="x")
