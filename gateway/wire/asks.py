"""Reads a request beside its bytes: which call of which model it is, for whom, and how much text was sent.

Whatever comes, the request is forwarded; what cannot be read is left empty here.
"""

import json
import re
from collections.abc import Mapping
from typing import Final

import msgspec

from gateway.types import Ask, Attribution, Provider
from gateway.wire.attribution import from_metadata
from gateway.wire.operations import NO_CALL, Called, called
from gateway.wire.prompts import prompt_hashes, text_bytes

type Body = Mapping[str, object]

LARGEST: Final = 4 * 1024 * 1024
"""Bytes of a JSON body that is read whole. A larger one is media in base64: no hash, and its text is not measured."""

_LONGEST_MODEL: Final = 255
_LONGEST_TIER: Final = 50
_LONGEST_PART: Final = 400  # of the headers of a part of a form
_NO_TEXT: Final = frozenset(
    {
        *("model", "modelId", "version", "user", "safety_identifier", "prompt_cache_key", "metadata", "labels"),
        *(
            "requestMetadata",
            "service_tier",
            "serviceTier",
            "stream_options",
            "previous_response_id",
            "encoding_format",
        ),
    }
)
_HALVES: Final = re.compile(r"[\ud800-\udfff]")
_METADATA: Final = ("metadata", "requestMetadata", "labels")
_NOTHING: Final[Body] = {}
_NOBODY: Final = Attribution()


class _Head(msgspec.Struct, gc=False):
    """What is read of a body too large to be read whole."""

    model: object = None
    stream: object = None
    service_tier: object = None
    user: object = None
    metadata: object = None


_DECODER: Final = msgspec.json.Decoder()
_HEAD: Final = msgspec.json.Decoder(_Head)


def read_ask(provider: Provider, path: bytes, query: bytes, content_type: str, body: bytes | None) -> Ask:
    """What a POST asks for. ``path`` with or without the provider's base path; ``body`` None is not held as a whole.

    Never raises.
    """
    call = called(path, query)
    if call is NO_CALL:
        return Ask()
    if body is None:
        return Ask(operation=call.operation, model=_cut(call.model), is_stream=call.is_stream or False)
    if "multipart/" in content_type:
        return _of_form(call, body)
    return _of_json(call, _decoded(body), is_ollama=_is_ollama(path))


def _of_json(call: Called, body: Body, *, is_ollama: bool) -> Ask:
    model = _model(call, body)
    whole, prefix = prompt_hashes(model, body)
    return Ask(
        operation=call.operation,
        model=model,
        is_stream=_is_stream(call, body.get("stream"), is_ollama=is_ollama),
        text_bytes=sum(text_bytes(value) for name, value in body.items() if name not in _NO_TEXT),
        prompt_hash=whole,
        prompt_prefix_hash=prefix,
        service_tier=_service_tier(body),
        attribution=_attribution(body),
    )


def _of_form(call: Called, body: bytes) -> Ask:
    model = _field(body, b"model")
    streams = call.is_stream if call.is_stream is not None else _field(body, b"stream").lower() in {"true", "1"}
    return Ask(operation=call.operation, model=_cut(model or call.model), is_stream=streams)


def _field(body: bytes, name: bytes) -> str:
    """A short field of a form; clients send those before files."""
    place = body.find(b'form-data; name="' + name + b'"')
    start = body.find(b"\r\n\r\n", place, place + _LONGEST_PART) if place >= 0 else -1
    end = body.find(b"\r\n", start + 4, start + 4 + _LONGEST_PART) if start >= 0 else -1
    return body[start + 4 : end].decode("utf-8", "replace") if end >= 0 else ""


def _decoded(body: bytes) -> Body:
    if len(body) > LARGEST:
        return _head(body)
    try:
        found = _DECODER.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        found = _leniently(body)
    return found if isinstance(found, dict) else _NOTHING


def _leniently(body: bytes) -> object:
    """What some providers take and RFC 8259 does not: a byte order mark, UTF-16, NaN, half a surrogate pair."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _head(body: bytes) -> Body:
    try:
        return msgspec.structs.asdict(_HEAD.decode(body))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _NOTHING


def _model(call: Called, body: Body) -> str:
    if call.is_model_sure:
        return _cut(call.model)
    said = body.get("model")
    if call.operation == "prediction":  # of Replicate: its path, else a version
        said = call.model or body.get("version")
    return _cut(said if isinstance(said, str) and said else call.model)


def _is_stream(call: Called, said: object, *, is_ollama: bool) -> bool:
    if call.is_stream is not None:
        return call.is_stream
    return said is not False if is_ollama else said is True


def _is_ollama(path: bytes) -> bool:
    """Its own API streams unless it is told not to."""
    return path.endswith((b"/api/chat", b"/api/generate"))


def _service_tier(body: Body) -> str:
    said = body.get("service_tier") or body.get("serviceTier")
    if isinstance(said, dict):  # Bedrock
        said = said.get("type")
    return _cut(said)[:_LONGEST_TIER] if isinstance(said, str) else ""


def _attribution(body: Body) -> Attribution:
    user = body.get("user") or body.get("safety_identifier")
    metadata = next((found for name in _METADATA if (found := body.get(name))), None)
    return from_metadata(user, metadata) if user or metadata else _NOBODY


def _cut(model: str) -> str:
    """Without halves of surrogate pairs, which lenient JSON lets through and nothing can write down."""
    plain = model if model.isprintable() else _HALVES.sub("", model)
    return plain[:_LONGEST_MODEL]
