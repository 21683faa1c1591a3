"""Every official SDK through the gateway, sync and async, whole, streamed and with files, with both ways to
authenticate: its caller, the provider and the database see what they would have seen without it, and the call.
"""

import re
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

import pytest

from tests.fake_provider import Received
from tests.gateway.scene import OWN, STORED, Scene
from tests.gateway.sdks import (
    ANTHROPIC,
    CLAUDE,
    GOOGLE,
    MESSAGES,
    MISTRAL,
    OPENAI,
    UPLOAD,
    Ask,
    Sdk,
    answer_of,
    google_upload,
    mistral_chat,
    mistral_upload,
)

pytestmark = [pytest.mark.resilience, pytest.mark.filterwarnings("ignore::DeprecationWarning")]

# What a proxy may say in its own words: the connection is its own, and it asks for encodings that it can read.
HOP: Final = {"host", "connection", "accept-encoding", "content-length"}
CREDENTIALS: Final = {"authorization", "x-api-key", "x-goog-api-key"}  # Anthropic's SDK sends its key twice
OURS: Final = ("ts-api-key", "x-tokenops-", "helicone-", "x-portkey-", "cookie", "forwarded", "x-forwarded-")
SPLICED: Final = b'"stream_options":{"include_usage":true},'
USAGE: Final = {"input_tokens": 20, "cached_input_tokens": 8, "output_tokens": 5}
GPT: Final = USAGE | {
    "model": "gpt-4o",
    "reasoning_tokens": 2,
    "cost_usd": Decimal("0.00009"),
}  # 12×2.5 + 8×1.25 + 5×10
SONNET: Final = USAGE | {"model": CLAUDE["model"], "cache_write_tokens": 2, "finish_reason": "end_turn"}
SONNET_COST: Final = {"cost_usd": Decimal("0.0001149"), "response_id": "msg_"}  # 10×3 + 2×3.75 + 8×0.3 + 5×15
GEMINI: Final = USAGE | {"model": "gemini-2.5-pro", "reasoning_tokens": 2, "response_id": "gemini-"}
GEMINI_COST: Final = {"cost_usd": Decimal("0.000066")}  # 12×1.25 + 8×0.125 + 5×10
LARGE: Final = {"model": "mistral-large-latest", "input_tokens": 20, "output_tokens": 5, "response_id": "chatcmpl-"}
LARGE_COST: Final = {"cost_usd": Decimal("0.00007"), "finish_reason": "stop"}  # 20×2 + 5×6


@dataclass(frozen=True, slots=True)
class Cell:
    """One thing an SDK can be asked, and the call that is stored for it: nothing where it is no call of a model."""

    name: str
    sdk: Sdk
    ask: Ask
    row: dict[str, Any] = field(default_factory=dict)  # response_id without its number
    is_stream: bool = False


def openai_chat(client: Any) -> Any:
    return client.chat.completions.create(model="gpt-4o", messages=MESSAGES)


def openai_chat_stream(client: Any) -> Any:
    return client.chat.completions.create(model="gpt-4o", messages=MESSAGES, stream=True)


def openai_chat_stream_with_usage(client: Any) -> Any:
    options = {"include_usage": True}
    return client.chat.completions.create(model="gpt-4o", messages=MESSAGES, stream=True, stream_options=options)


INSTRUCT: Final = "gpt-3.5-turbo-instruct"
INSTRUCT_ROW: Final = {**USAGE, "model": INSTRUCT, "response_id": "chatcmpl-", "operation": "completion"}
INSTRUCT_COST: Final = {"cost_usd": Decimal("0.00004")}  # 20×1.5 + 5×2: what is cached costs as the rest
CHAT_ROW: Final = {**GPT, "response_id": "chatcmpl-", "finish_reason": "stop", "operation": "chat"}
PICTURE_ROW: Final = {"input_tokens": 50, "image_input_tokens": 40, "output_tokens": 60, "operation": "image"}
SPOKEN: Final = {"model": "gpt-4o-transcribe", "input_tokens": 14, "audio_input_tokens": 14, "output_tokens": 45}

CELLS: Final = (
    Cell("openai-chat", OPENAI, openai_chat, CHAT_ROW),
    Cell("openai-chat-stream", OPENAI, openai_chat_stream, CHAT_ROW, is_stream=True),
    Cell("openai-chat-stream-usage", OPENAI, openai_chat_stream_with_usage, CHAT_ROW, is_stream=True),
    Cell(
        "openai-completion",
        OPENAI,
        lambda client: client.completions.create(model=INSTRUCT, prompt="Hi"),
        INSTRUCT_ROW | INSTRUCT_COST,
    ),
    Cell(
        "openai-completion-stream",
        OPENAI,
        lambda client: client.completions.create(model=INSTRUCT, prompt="Hi", stream=True),
        INSTRUCT_ROW | INSTRUCT_COST,
        is_stream=True,
    ),
    Cell(
        "openai-responses",
        OPENAI,
        lambda client: client.responses.create(model="gpt-4o", input="Hi"),
        {**GPT, "response_id": "resp_"},
    ),
    Cell(
        "openai-responses-stream",
        OPENAI,
        lambda client: client.responses.create(model="gpt-4o", input="Hi", stream=True),
        {**GPT, "response_id": "resp_"},
        is_stream=True,
    ),
    Cell(
        "openai-embeddings",
        OPENAI,
        lambda client: client.embeddings.create(model="text-embedding-3-small", input="Hi", encoding_format="float"),
        {
            "model": "text-embedding-3-small",
            "operation": "embedding",
            "input_tokens": 4,
            "output_tokens": 0,
            "cost_usd": Decimal("0.00000008"),
        },
    ),
    Cell(
        "openai-images",
        OPENAI,
        lambda client: client.images.generate(model="gpt-image-1", prompt="Hi"),
        {**PICTURE_ROW, "model": "gpt-image-1", "cost_usd": Decimal("0.00285")},  # 10×5 + 40×10 + 60×40
    ),
    Cell(
        "openai-speech",
        OPENAI,
        lambda client: client.audio.speech.create(model="tts-1", voice="alloy", input="Hi"),
        {
            "model": "tts-1",
            "operation": "audio",
            "input_tokens": 0,
            "output_tokens": 0,
            "usage_partial": True,  # nothing was stated, and sound has no bytes of text to estimate by
            "cost_usd": None,
        },
    ),
    Cell(
        "openai-transcription",
        OPENAI,
        lambda client: client.audio.transcriptions.create(model="gpt-4o-transcribe", file=UPLOAD),
        {**SPOKEN, "operation": "audio", "cost_usd": Decimal("0.000534")},  # 14×6 + 45×10
    ),
    Cell("openai-files", OPENAI, lambda client: client.files.create(file=UPLOAD, purpose="batch")),
    Cell("anthropic", ANTHROPIC, lambda client: client.messages.create(**CLAUDE), SONNET | SONNET_COST),
    Cell(
        "anthropic-stream",
        ANTHROPIC,
        lambda client: client.messages.create(**CLAUDE, stream=True),
        SONNET | SONNET_COST,
        is_stream=True,
    ),
    Cell("anthropic-files", ANTHROPIC, lambda client: client.beta.files.upload(file=UPLOAD)),
    Cell(
        "google",
        GOOGLE,
        lambda client: client.models.generate_content(model="gemini-2.5-pro", contents="Hi"),
        GEMINI | GEMINI_COST,
    ),
    Cell(
        "google-stream",
        GOOGLE,
        lambda client: client.models.generate_content_stream(model="gemini-2.5-pro", contents="Hi"),
        GEMINI | GEMINI_COST,
        is_stream=True,
    ),
    Cell("google-files", GOOGLE, google_upload),
    Cell("mistral", MISTRAL, lambda client: mistral_chat(client, stream=False), LARGE | LARGE_COST),
    Cell(
        "mistral-stream", MISTRAL, lambda client: mistral_chat(client, stream=True), LARGE | LARGE_COST, is_stream=True
    ),
    Cell("mistral-files", MISTRAL, mistral_upload),
)
REMAINING: Final = {"ratelimit_remaining_requests": 59, "ratelimit_remaining_tokens": 149_984}


@pytest.mark.parametrize("mode", ["own-key", "stored-key"])
@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: cell.name)
def test_an_sdk_a_provider_and_the_database_see_the_same_call(gateway, feature, cell, is_async, mode):
    provider, sdk = gateway.provider, cell.sdk
    key, headers = credentials(gateway, mode)
    number = provider.numbers_now
    direct = answer_of(sdk, cell.ask, provider.url + sdk.suffix, OWN, {}, is_async=is_async)
    expected = list(provider.received)
    provider.forget()
    provider.numbers_from(number)

    base = gateway.base(sdk.slug) + sdk.suffix
    answer = answer_of(sdk, cell.ask, base, key, headers | {"X-TokenOps-Feature": feature}, is_async=is_async)

    assert answer == direct
    assert len(provider.received) == len(expected)
    credential = OWN if mode == "own-key" else STORED[sdk.slug]
    for one, other in zip(provider.received, expected, strict=True):
        assert_forwarded(sdk, one, other, gateway, credential)
    if cell.row:
        assert_stored(gateway.call(feature), cell, number)
    else:
        gateway.drained()
        assert gateway.calls(feature=feature) == []


def credentials(gateway: Scene, mode: str) -> tuple[str, dict[str, str]]:
    """What the SDK is given as its key, and the headers beside it."""
    return (OWN, {"TS-API-Key": gateway.ingest_key}) if mode == "own-key" else (gateway.key, {})


def assert_forwarded(sdk: Sdk, one: Received, other: Received, gateway: Scene, credential: str) -> None:
    """``one`` came through the gateway and says what ``other`` said without it."""
    assert (one.method, one.target) == (other.method, other.target)
    if other.value(sdk.credential_in):  # the second request of Google's uploads has none
        assert one.value(sdk.credential_in) == sdk.credential(credential)
    assert told(one) == told(other)
    assert without_boundary(one) == without_boundary(other)
    raw = b"\n".join(name + b": " + value for name, value in one.headers)
    assert gateway.key.encode() not in raw + one.target.encode()
    assert gateway.ingest_key.encode() not in raw + one.target.encode()
    assert [name for name in one.names if name.startswith(OURS)] == []


def told(received: Received) -> dict[str, str]:
    """Headers that are the caller's own words."""
    own = {name: received.value(name) for name in received.names if name not in HOP | CREDENTIALS}
    return {name: re.sub("boundary=.*", "", value) for name, value in own.items()}


def without_boundary(received: Received) -> bytes:
    """The body without what an SDK draws anew each time, and without the one thing a gateway may add."""
    found = re.search("boundary=(.*)", received.value("content-type"))
    body = received.body.replace(found[1].encode(), b"") if found else received.body
    return body.replace(SPLICED, b"", 1) if received.path.endswith("/completions") else body


def assert_stored(call: Any, cell: Cell, number: int) -> None:
    row = dict(cell.row)
    if "response_id" in row:
        row["response_id"] += str(number)
    found = {name: getattr(call, name) for name in row}
    found |= {"finish_reason": found["finish_reason"].lower()} if "finish_reason" in found else {}
    assert found == row
    assert (call.source, call.provider, call.status, call.http_status) == ("gateway", cell.sdk.provider, "ok", 200)
    assert call.usage_estimated is row.get("usage_estimated", False)
    assert (call.usage_partial, call.usage_inconsistent) == (row.get("usage_partial", False), False)
    assert call.duplicate_of == ""
    assert call.upstream_request_id == f"req_upstream_{number}"
    assert {name: getattr(call, name) for name in REMAINING} == REMAINING
    assert call.stream is cell.is_stream
    assert call.latency_ms > 0
    assert (call.time_to_first_token_ms is not None) is cell.is_stream
    if cell.is_stream:
        assert 0 < call.time_to_first_token_ms <= call.latency_ms
