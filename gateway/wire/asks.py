"""What a request asks of which model, read from its path and, where it is JSON, its body."""

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qs, unquote

import msgspec

from gateway.types import Ask, Attribution, Dialect, Provider
from gateway.wire.attribution import attribution, plain_texts
from gateway.wire.prompts import prompt_bytes, prompt_hashes

_LONGEST_MODEL: Final = 255
# The end of a path, below whatever base it has, and the operation; '' is no call of a model.
_OPERATIONS: Final = tuple(
    (re.compile(pattern), operation)
    for pattern, operation in (
        (r"/chat/completions", "chat"),
        (r"/responses", "chat"),
        (r"/messages", "chat"),
        (r"/completions", "completion"),
        (r"/embeddings", "embedding"),
        (r"/images/(?:generations|edits|variations)", "image"),
        (r"/audio/(?:speech|transcriptions|translations)", "audio"),
        (r"/moderations", "moderation"),
        (r"/(?:v\d/)?rerank", "rerank"),
        (r"/v\d/chat", "chat"),  # Cohere
        (r"/v\d/embed", "embedding"),
        (r"/api/chat", "chat"),  # Ollama
        (r"/api/generate", "completion"),
        (r"/api/embed(?:dings)?", "embedding"),
        (r":(?:stream)?[gG]enerateContent", "chat"),
        (r":(?:batchE|e)mbedContents?", "embedding"),
        (r":(?:streamRawPredict|rawPredict)", "chat"),
        (r":predict", "image"),
        (r"/model/[^/]+/(?:converse|invoke)(?:-stream|-with-response-stream)?", "chat"),  # Bedrock
        (r"/predictions", "chat"),  # Replicate
    )
)
_IN_PATH: Final = (
    re.compile(r"/models/([^/:]+(?:/[^/:]+)*):"),  # Gemini, Vertex
    re.compile(r"/model/([^/]+)/"),  # Bedrock
    re.compile(r"/deployments/([^/]+)/"),  # Azure
    re.compile(r"/models/([^/]+/[^/]+)/predictions"),
)
_STREAMED_PATHS: Final = ("streamgeneratecontent", "streamrawpredict", "-stream")


def read_ask(provider: Provider, path: bytes, query: bytes, content_type: str, body: bytes | None) -> Ask:
    """What is asked; ``body`` is None where it passes unread. Never raises: what cannot be read says nothing."""
    text = path.decode("latin-1")
    operation = _operation(text)
    request = _members(body) if operation and body else {}
    model = _text(request.get("model")) or _text(request.get("modelId")) or _model_in(text)
    whole, prefix = prompt_hashes(model, request) if request else ("", "")
    return Ask(
        operation=operation,
        model=model[:_LONGEST_MODEL],
        is_stream=bool(operation) and _is_stream(provider, text, query, request),
        text_bytes=prompt_bytes(request) if request else 0,
        prompt_hash=whole,
        prompt_prefix_hash=prefix,
        service_tier=_text(request.get("service_tier")),
        attribution=_attribution(request),
    )


def _operation(path: str) -> str:
    return next((operation for pattern, operation in _OPERATIONS if _ends_with(pattern, path)), "")


def _ends_with(pattern: re.Pattern[str], path: str) -> bool:
    return any(match.end() == len(path) for match in pattern.finditer(path))


def _members(body: bytes) -> Mapping[str, Any]:
    try:
        members = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return {}
    return members if isinstance(members, dict) else {}


def _model_in(path: str) -> str:
    found = (pattern.search(path) for pattern in _IN_PATH)
    return next((unquote(match[1]) for match in found if match), "")


def _is_stream(provider: Provider, path: str, query: bytes, request: Mapping[str, Any]) -> bool:
    """Ollama's own API streams unless it is told not to."""
    stated = request.get("stream")
    if isinstance(stated, bool):
        return stated
    if any(part in path.lower() for part in _STREAMED_PATHS) or parse_qs(query).get(b"alt") == [b"sse"]:
        return True
    return provider.dialect is Dialect.OLLAMA and path.startswith("/api/") and "embed" not in path


def _attribution(request: Mapping[str, Any]) -> Attribution:
    """``user``, ``metadata`` and Anthropic's ``metadata.user_id``."""
    metadata = plain_texts(request.get("metadata"))
    user = _text(request.get("user")) or metadata.pop("user_id", "") or _text(request.get("safety_identifier"))
    return attribution({"user_id": user} if user else {}, metadata)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
