"""Which call of a model a path is, as far as the path says: every provider's API in one table."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Final, NamedTuple
from urllib.parse import unquote


class Called(NamedTuple):
    """``operation`` '' is no call of a model. ``is_stream`` None: the body says it."""

    operation: str = ""
    model: str = ""
    is_stream: bool | None = None
    is_model_sure: bool = False  # the path's model, whatever the body says


NO_CALL: Final = Called()

# the last segment of a path, alone or with the one before, which is the more telling
_ENDINGS: Final[Mapping[str, str]] = {
    "chat/completions": "chat",
    "agents/completions": "chat",
    "completions": "completion",
    "responses": "chat",
    "responses/compact": "chat",
    "messages": "chat",
    "sonar": "chat",
    "chat": "chat",
    "generate": "completion",
    "embeddings": "embedding",
    "embed": "embedding",
    "images/generations": "image",
    "images/edits": "image",
    "images/variations": "image",
    "audio/speech": "audio",
    "audio/transcriptions": "audio",
    "audio/translations": "audio",
    "videos": "video",
    "moderations": "moderation",
    "classifications": "moderation",
    "rerank": "rerank",
    "ocr": "ocr",
}
_VERBS: Final[Mapping[str, Called]] = {
    "generateContent": Called("chat", is_stream=False),
    "streamGenerateContent": Called("chat", is_stream=True),
    "rawPredict": Called("chat"),
    "streamRawPredict": Called("chat", is_stream=True),
    "embedContent": Called("embedding", is_stream=False),
    "batchEmbedContents": Called("embedding", is_stream=False),
    "predict": Called("image", is_stream=False),
    "predictLongRunning": Called("video", is_stream=False),
}
_BEDROCK: Final[Mapping[str, bool]] = {
    "converse": False,
    "converse-stream": True,
    "invoke": False,
    "invoke-with-response-stream": True,
}
# Bedrock and Vertex serve every kind of model at one path; its id tells them apart.
_KINDS: Final = (
    ("rerank", "rerank"),
    ("embed", "embedding"),
    *((name, "image") for name in ("stability.", "titan-image", "nova-canvas", "imagen")),
    ("nova-reel", "video"),
)
_LEAST_BEDROCK: Final = 3  # model, its id, what to do
_REPLICATE: Final = ("models", "deployments")


@lru_cache(maxsize=1024)
def called(path: bytes, query: bytes) -> Called:
    """What a POST to a path asks for; with or without the provider's base path."""
    segments = [unquote(part) for part in path.decode("latin-1").split("/") if part]
    if not segments:
        return NO_CALL
    last = segments[-1]
    if ":" in last and (verb := _VERBS.get(last.rpartition(":")[2])):
        return _of_verb(segments, verb, query)
    if len(segments) >= _LEAST_BEDROCK and segments[-3] == "model" and last in _BEDROCK:
        return _of_bedrock(segments[-2], last)
    if last == "predictions":
        return Called("prediction", _of_replicate(segments), is_stream=False)
    return _of_ending(segments)


def _of_ending(segments: list[str]) -> Called:
    last, before = segments[-1], segments[-2] if len(segments) > 1 else ""
    operation = _ENDINGS.get(f"{before}/{last}") or _ENDINGS.get(last, "")
    if not operation or "threads" in segments:  # a message in a conversation that is stored is not a call yet
        return NO_CALL
    return Called(operation, _named(segments))


def _of_verb(segments: list[str], verb: Called, query: bytes) -> Called:
    name = segments[-1].rpartition(":")[0]
    if name == "count-tokens":  # of Claude on Vertex
        return NO_CALL
    before = segments[-2] if len(segments) > 1 else ""
    model = name if before in {"models", ""} else f"{before}/{name}"
    streams = True if b"alt=sse" in query.split(b"&") else verb.is_stream
    return Called(_kind(model, verb.operation), model, streams, is_model_sure=True)


def _of_bedrock(model: str, action: str) -> Called:
    operation = "chat" if action.startswith("converse") else _kind(model, "chat")
    return Called(operation, model, _BEDROCK[action], is_model_sure=True)


def _of_replicate(segments: list[str]) -> str:
    if len(segments) > _LEAST_BEDROCK and segments[-4] in _REPLICATE:
        return f"{segments[-3]}/{segments[-2]}"
    return ""


def _kind(model: str, otherwise: str) -> str:
    return next((operation for word, operation in _KINDS if word in model), otherwise)


def _named(segments: list[str]) -> str:
    """Azure's deployment, or the engine of OpenAI's first API."""
    places = [n for n, name in enumerate(segments[:-1]) if name in {"deployments", "engines"}]
    return segments[places[-1] + 1] if places else ""
