"""Official SDKs, each asked in the same words: what they answer as plain values, whichever way they are used."""

import asyncio
import inspect
import io
import warnings
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import anthropic
import httpx2
import openai
from google import genai
from mistralai.client import Mistral

type Client = Any
type Ask = Callable[[Client], Any]
type Make = Callable[[str, str, Mapping[str, str]], Client]  # base URL, API key, headers of every request

MESSAGES: Final = [{"role": "user", "content": "Hi"}]
CLAUDE: Final = {"model": "claude-sonnet-4-20250514", "max_tokens": 9, "messages": MESSAGES}
UPLOAD: Final = ("a.jsonl", b'{"a": 1}\n\xff\x00', "application/jsonl")  # no text: nobody may decode it


@dataclass(frozen=True, slots=True)
class Sdk:
    """How a client is made, sync and async, and where it puts the credential."""

    slug: str
    suffix: str  # of the base URL
    make: Make
    make_async: Make
    credential_in: str
    bearer: str = ""
    canonical: str = ""  # telemetry's name of the provider, where it is another one

    @property
    def provider(self) -> str:
        return self.canonical or self.slug

    def credential(self, secret: str) -> str:
        return self.bearer + secret


def _openai(base: str, key: str, headers: Mapping[str, str]) -> Client:
    return openai.OpenAI(api_key=key, base_url=base, default_headers=dict(headers), max_retries=0)


def _openai_async(base: str, key: str, headers: Mapping[str, str]) -> Client:
    return openai.AsyncOpenAI(api_key=key, base_url=base, default_headers=dict(headers), max_retries=0)


def _anthropic(base: str, key: str, headers: Mapping[str, str]) -> Client:
    return anthropic.Anthropic(api_key=key, base_url=base, default_headers=dict(headers), max_retries=0)


def _anthropic_async(base: str, key: str, headers: Mapping[str, str]) -> Client:
    return anthropic.AsyncAnthropic(api_key=key, base_url=base, default_headers=dict(headers), max_retries=0)


def _google(base: str, key: str, headers: Mapping[str, str]) -> Client:
    return genai.Client(api_key=key, http_options={"base_url": base, "headers": dict(headers)})


def _google_async(base: str, key: str, headers: Mapping[str, str]) -> Client:
    return _google(base, key, headers).aio


def _mistral(base: str, key: str, headers: Mapping[str, str]) -> Client:
    return Mistral(api_key=key, server_url=base, client=httpx2.Client(headers=dict(headers), timeout=60))


def _mistral_async(base: str, key: str, headers: Mapping[str, str]) -> Client:
    return Mistral(api_key=key, server_url=base, async_client=httpx2.AsyncClient(headers=dict(headers), timeout=60))


OPENAI: Final = Sdk("openai", "/v1", _openai, _openai_async, "authorization", "Bearer ")
ANTHROPIC: Final = Sdk("anthropic", "", _anthropic, _anthropic_async, "x-api-key")
GOOGLE: Final = Sdk("google", "", _google, _google_async, "x-goog-api-key", canonical="gcp.gemini")
MISTRAL: Final = Sdk("mistral", "", _mistral, _mistral_async, "authorization", "Bearer ", "mistral_ai")


def answer_of(sdk: Sdk, ask: Ask, base: str, key: str, headers: Mapping[str, str], *, is_async: bool) -> Any:
    """What the SDK hands its caller, as plain values; a stream as the list of its pieces."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of models; ours never leave this machine
        if is_async:
            return asyncio.run(_ask_async(sdk, ask, base, key, headers))
        client = sdk.make(base, key, headers)  # named: Google's closes itself when nobody holds it any more
        return plain(ask(client))


async def _ask_async(sdk: Sdk, ask: Ask, base: str, key: str, headers: Mapping[str, str]) -> Any:
    client = sdk.make_async(base, key, headers)
    try:
        found = ask(client)
        if inspect.isawaitable(found):
            found = await found
        if isinstance(found, AsyncIterator):
            return [plain(piece) async for piece in found]
        return plain(found)
    finally:
        await _close(client)


async def _close(client: Client) -> None:
    if isinstance(client, Mistral):
        ours = client.sdk_configuration.async_client  # so it would leave it open
        assert isinstance(ours, httpx2.AsyncClient)
        await ours.aclose()
    else:
        await getattr(client, "aclose" if hasattr(client, "aclose") else "close")()


def plain(found: Any) -> Any:
    """Without what an SDK adds of the transport."""
    if isinstance(found, Iterator):
        return [plain(piece) for piece in found]
    if hasattr(found, "model_dump"):
        return found.model_dump(exclude={"sdk_http_response"})
    return found.content if hasattr(found, "content") else found


def mistral_chat(client: Client, *, stream: bool) -> Any:
    chat = client.chat
    is_async = client.sdk_configuration.async_client_supplied
    names = {(False, False): "complete", (True, False): "complete_async", (False, True): "stream"}
    ask = getattr(chat, names.get((is_async, stream), "stream_async"))
    return ask(model="mistral-large-latest", messages=MESSAGES)


def mistral_upload(client: Client) -> Any:
    is_async = client.sdk_configuration.async_client_supplied
    upload = client.files.upload_async if is_async else client.files.upload
    name, content, kind = UPLOAD
    return upload(file={"file_name": name, "content": content, "content_type": kind})


def google_upload(client: Client) -> Any:
    return client.files.upload(file=io.BytesIO(UPLOAD[1]), config={"mime_type": UPLOAD[2]})
