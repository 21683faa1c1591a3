"""The real OpenTelemetry SDK, exporter and instrumentation packages, from a fake provider to our database."""

import json
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import anthropic
import openai
import pytest
from langchain_core.prompts import ChatPromptTemplate
from langchain_openai import ChatOpenAI
from openinference.instrumentation.langchain import LangChainInstrumentor as OpenInferenceLangChain
from openinference.instrumentation.openai import OpenAIInstrumentor as OpenInferenceOpenAI
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.anthropic import AnthropicInstrumentor
from opentelemetry.instrumentation.langchain import LangchainInstrumentor as OpenLLMetryLangChain
from opentelemetry.instrumentation.openai import OpenAIInstrumentor as OpenLLMetryOpenAI
from opentelemetry.instrumentation.openai_v2 import OpenAIInstrumentor as OfficialOpenAI
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from pydantic import SecretStr
from wrapt import BaseObjectProxy

from core.scope import org_scope
from ingestion.models import DailyRollup
from ingestion.tests.edge.client import EdgeClient, stored_calls
from ingestion.tests.wire.builders import MARKER
from tenants.models import Organization

WRAPPED = {"openai", "anthropic", "langchain_core", "langchain_openai"}
OPENAI_USAGE = {
    "prompt_tokens": 1000,
    "completion_tokens": 200,
    "total_tokens": 1200,
    "prompt_tokens_details": {"cached_tokens": 600, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 50, "audio_tokens": 0},
}
CHAT_ANSWER = {
    "id": "chatcmpl-8",
    "object": "chat.completion",
    "created": 1,
    "model": "gpt-4o-2024-08-06",
    "service_tier": "default",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": MARKER}, "finish_reason": "stop"}],
    "usage": OPENAI_USAGE,
}
CHUNK = {"id": "chatcmpl-8", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4o-2024-08-06"}
CHUNKS = [
    CHUNK | {"choices": [{"index": 0, "delta": {"role": "assistant", "content": MARKER}, "finish_reason": None}]},
    CHUNK | {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
    CHUNK | {"choices": [], "usage": OPENAI_USAGE},
]
EMBEDDING_ANSWER = {
    "object": "list",
    "model": "text-embedding-3-small",
    "data": [{"object": "embedding", "index": 0, "embedding": [0.5]}],
    "usage": {"prompt_tokens": 8, "total_tokens": 8},
}
CLAUDE_ANSWER = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-sonnet-4-20250514",
    "content": [{"type": "text", "text": MARKER}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {
        "input_tokens": 7,
        "output_tokens": 123,
        "cache_creation_input_tokens": 1101,
        "cache_read_input_tokens": 20646,
    },
}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def body(self) -> bytes:
        return self.rfile.read(int(self.headers["Content-Length"]))

    def answer(self, status: int, body: bytes, content_type: str = "application/json") -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Quiet."""


class Provider(Handler):
    """OpenAI and Anthropic, as far as their clients notice."""

    def do_POST(self) -> None:
        asked = json.loads(self.body())
        if self.path.startswith("/down"):
            self.answer(500, json.dumps({"error": {"message": MARKER, "type": "server_error"}}).encode())
        elif asked.get("stream"):
            events = b"".join(b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in CHUNKS)
            self.answer(200, events + b"data: [DONE]\n\n", "text/event-stream")
        else:
            answers = {"completions": CHAT_ANSWER, "embeddings": EMBEDDING_ANSWER, "messages": CLAUDE_ANSWER}
            self.answer(200, json.dumps(answers[self.path.rsplit("/", 1)[1]]).encode())


@contextmanager
def serving(handler: type[Handler]) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(scope="module")
def provider() -> Iterator[str]:
    with serving(Provider) as url:
        yield url


@pytest.fixture(scope="module")
def collector(edge: EdgeClient) -> Iterator[str]:
    """The edge behind a port, for exporters that speak HTTP."""

    class Front(Handler):
        def do_POST(self) -> None:
            response = edge.post(self.body(), path=self.path, headers=dict(self.headers))
            self.answer(response.status, response.body, response.headers["content-type"])

    with serving(Front) as url:
        yield url


def unwrap_what_stayed() -> None:
    """OpenLLMetry's ``uninstrument`` misses its own wrappers: later tests would be instrumented too."""
    of_clients = [module for name, module in sys.modules.items() if name.partition(".")[0] in WRAPPED]
    for owner in {kind for module in of_clients for kind in vars(module).values() if isinstance(kind, type)}:
        for name, method in list(vars(owner).items()):
            if isinstance(method, BaseObjectProxy):
                setattr(owner, name, method.__wrapped__)


@pytest.fixture
def trace(collector: str, key: str, acme: Organization) -> Callable[..., list[dict[str, Any]]]:
    """Do some work with instrumentations on, and see which calls that made."""

    def traced(work: Callable[[], object], *instrumentors: Any) -> list[dict[str, Any]]:
        exporter = OTLPSpanExporter(
            endpoint=f"{collector}/v1/traces",
            headers={"Authorization": f"Bearer {key}"},
            compression=Compression.Gzip,
        )
        tracers = TracerProvider(resource=Resource.create({"service.name": "shop", "tokenops.team": "search"}))
        tracers.add_span_processor(BatchSpanProcessor(exporter))
        for instrumentor in instrumentors:
            instrumentor.instrument(tracer_provider=tracers)
        try:
            work()
        finally:
            for instrumentor in instrumentors:
                instrumentor.uninstrument()
            unwrap_what_stayed()
            tracers.shutdown()
        return stored_calls(acme)

    return traced


def openai_client(url: str) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0)


def chat(url: str, **options: Any) -> Any:
    messages: Any = [{"role": "user", "content": MARKER}]
    return openai_client(url).chat.completions.create(model="gpt-4o", messages=messages, **options)


OPENAI = {"OpenLLMetry": OpenLLMetryOpenAI, "OpenTelemetry": OfficialOpenAI, "OpenInference": OpenInferenceOpenAI}


@pytest.mark.parametrize("package", OPENAI)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_a_chat_with_openai(trace, provider, package, stream):
    options = {"stream": True, "stream_options": {"include_usage": True}} if stream else {}

    [call] = trace(lambda: list(chat(provider, **options)), OPENAI[package]())

    assert (call["provider"], call["model"], call["response_model"]) == ("openai", "gpt-4o", "gpt-4o-2024-08-06")
    assert (call["input_tokens"], call["output_tokens"]) == (1000, 200)
    assert (call["operation"], call["status"], call["response_id"]) == ("chat", "ok", "chatcmpl-8")
    assert (call["feature"], call["team"], call["source"]) == ("shop", "search", "otlp")
    assert call["cost_usd"] is not None
    assert call["latency_ms"] > 0
    assert MARKER not in str(call)


@pytest.mark.parametrize("package", ["OpenLLMetry", "OpenInference"])
def test_cached_tokens_arrive(trace, provider, package):
    [call] = trace(lambda: chat(provider), OPENAI[package]())

    assert (call["cached_input_tokens"], call["reasoning_tokens"]) == (600, 50)
    assert call["prompt_hash"] != ""


@pytest.mark.parametrize("package", OPENAI)
def test_embeddings(trace, provider, package):
    def embed() -> None:
        openai_client(provider).embeddings.create(model="text-embedding-3-small", input=MARKER)

    [call] = trace(embed, OPENAI[package]())

    assert (call["operation"], call["model"], call["input_tokens"]) == ("embedding", "text-embedding-3-small", 8)
    assert MARKER not in str(call)


@pytest.mark.parametrize("package", OPENAI)
def test_a_call_that_fails(trace, provider, package):
    def fail() -> None:
        with pytest.raises(openai.InternalServerError):
            chat(f"{provider}/down")

    [call] = trace(fail, OPENAI[package]())

    assert (call["status"], call["model"], call["provider"]) == ("error", "gpt-4o", "openai")
    assert "InternalServerError" in call["error_type"]
    assert (call["input_tokens"], call["output_tokens"]) == (0, 0)
    assert MARKER not in str(call)


def test_anthropic_is_made_inclusive(trace, provider):
    def ask() -> None:
        client = anthropic.Anthropic(base_url=provider, api_key="none", max_retries=0)
        client.messages.create(
            model="claude-sonnet-4-20250514", max_tokens=10, messages=[{"role": "user", "content": MARKER}]
        )

    [call] = trace(ask, AnthropicInstrumentor())

    assert (call["provider"], call["response_id"]) == ("anthropic", "msg_1")
    assert (call["input_tokens"], call["output_tokens"]) == (21_754, 123)
    assert (call["cached_input_tokens"], call["cache_write_tokens"]) == (20_646, 1_101)
    assert not call["usage_inconsistent"]
    assert MARKER not in str(call)


def run_chain(url: str) -> None:
    model = ChatOpenAI(model="gpt-4o", base_url=f"{url}/v1", api_key=SecretStr("none"))
    (ChatPromptTemplate.from_messages([("user", "{question}")]) | model).invoke({"question": MARKER})


def test_langchain_beside_openai_by_openllmetry_is_one_call(trace, provider):
    [call] = trace(lambda: run_chain(provider), OpenLLMetryLangChain(), OpenLLMetryOpenAI())

    assert (call["provider"], call["model"], call["input_tokens"]) == ("openai", "gpt-4o", 1000)
    assert (call["response_id"], call["feature"]) == ("chatcmpl-8", "RunnableSequence")
    assert MARKER not in str(call)


def billed(organization: Organization) -> list[tuple[Any, ...]]:
    """Calls, input tokens and cost by the daily rollups."""
    with org_scope(organization.pk):
        return list(DailyRollup.objects.values_list("calls", "input_tokens", "cost_usd"))


@pytest.mark.parametrize("inner", ["OpenInference", "OpenTelemetry"])
def test_langchain_beside_openai_by_others_is_one_bill(trace, provider, acme, inner):
    calls = trace(lambda: run_chain(provider), OpenInferenceLangChain(), OPENAI[inner]())

    assert len(calls) == 2  # the chain and the prompt template are none
    assert {(call["provider"], call["response_id"], call["input_tokens"]) for call in calls} == {
        ("openai", "chatcmpl-8", 1000)
    }
    [counted], [second] = ([call for call in calls if bool(call["duplicate_of"]) is mark] for mark in (False, True))
    assert (second["duplicate_of"], second["duplicate_of_started_at"]) == (counted["call_id"], counted["started_at"])
    assert billed(acme) == [(1, 1000, Decimal("0.0045"))]
    assert all(MARKER not in str(call) for call in calls)


def test_of_two_instrumentations_the_one_that_knows_the_cached_tokens_counts(trace, provider):
    calls = trace(lambda: run_chain(provider), OpenInferenceLangChain(), OPENAI["OpenTelemetry"]())

    assert {call["cached_input_tokens"]: bool(call["duplicate_of"]) for call in calls} == {600: False, 0: True}


def test_two_instrumentations_in_processes_of_their_own_are_one_bill(trace, provider, acme):
    """The second one's spans come by another exporter, long after the first one's are stored."""
    trace(lambda: chat(provider), OPENAI["OpenLLMetry"]())

    calls = trace(lambda: chat(provider), OPENAI["OpenTelemetry"]())

    assert len(calls) == 2
    assert [bool(call["duplicate_of"]) for call in calls] == [False, True]
    assert billed(acme) == [(1, 1000, Decimal("0.0045"))]


def test_the_price_is_that_of_the_tokens(trace, provider):
    [call] = trace(lambda: chat(provider), OpenLLMetryOpenAI())

    assert call["cost_usd"] == Decimal("0.0045")  # 1,000 at 2.50 and 200 at 10.00 per million; no price for cached ones
