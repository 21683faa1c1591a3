"""What an answer, or a piece of a streamed one, says about itself: read by the members it has, whoever the provider is.

One provider's API is served by many others, so what decides is the shape. Nothing of the text is kept: its bytes are
counted, for estimates where nobody states the usage.
"""

from typing import Any, Final

import msgspec
from msgspec import Raw

from gateway.types import Seen
from gateway.wire.prompts import text_bytes

_LONGEST: Final = 255
_NULL: Final = b"null"
_ENDS: Final = frozenset(
    {"message_stop", "message-end", "response.completed", "response.incomplete", "response.failed", "response.done"}
)
_MERGED: Final = frozenset({"message_start", "message_delta"})  # Anthropic states one usage object in two parts
_COUNTS: Final = {"prompt_eval_count": "input_tokens", "eval_count": "output_tokens"}  # Ollama's own
_TEXT_MEMBERS: Final = ("choices", "candidates", "content", "output", "generations")
_decode: Final = msgspec.json.Decoder(dict[str, Raw]).decode
_decode_list: Final = msgspec.json.Decoder(list[Raw]).decode

type Members = dict[str, Raw]


def members_of(document: bytes | Raw) -> Members:
    """The members of an object, undecoded; none where it is no object."""
    try:
        return _decode(document)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return {}


def items_of(document: bytes) -> list[Raw]:
    """The items of an array."""
    try:
        return _decode_list(document)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return []


class Reader:
    """Puts together what the pieces say; ``seen`` is what is known so far."""

    def __init__(self) -> None:
        self.seen = Seen()
        self._usage: Members = {}

    def read(self, document: bytes | Raw) -> None:
        """One JSON object: a whole answer, or the data of an event."""
        members = members_of(document)
        if not members:
            return
        kind = _text(members.get("type"))
        self._read_names(members)
        self._read_usage(members, kind)
        self._read_error(members)
        self._read_nested(members, kind)
        self._read_text(members)
        if kind in _ENDS or bytes(members.get("done", b"")) == b"true":
            self.seen.is_whole = True

    def _read_names(self, members: Members) -> None:
        seen = self.seen
        seen.model = seen.model or _first(members, "model", "modelVersion", "model_version")
        seen.response_id = seen.response_id or _first(members, "id", "responseId", "response_id", "generation_id")
        seen.service_tier = _first(members, "service_tier") or seen.service_tier
        reason = _first(members, "stop_reason", "stopReason", "done_reason", "finish_reason")
        seen.finish_reason = reason or seen.finish_reason

    def _read_usage(self, members: Members, kind: str) -> None:
        for name in ("usage", "usageMetadata", "meta", "x_groq"):
            stated = members.get(name)
            if stated is None or bytes(stated) == _NULL or not members_of(stated):
                continue
            inner = members_of(stated)
            if name in {"meta", "x_groq"} and not {"billed_units", "usage"} & inner.keys():
                continue
            self._take(inner, is_part=kind in _MERGED)
            return
        counted = {ours: members[theirs] for theirs, ours in _COUNTS.items() if theirs in members}
        if counted:
            self._take(counted, is_part=False)

    def _take(self, stated: Members, *, is_part: bool) -> None:
        """Counts are cumulative: the last ones hold, they are never summed."""
        given = {name: value for name, value in stated.items() if bytes(value) != _NULL}
        self._usage = {**self._usage, **given} if is_part else given
        self.seen.usage = msgspec.json.encode(self._usage)

    def _read_error(self, members: Members) -> None:
        stated = members.get("error")
        if stated is None or bytes(stated) == _NULL:
            return
        inner = members_of(stated)
        found = _first(inner, "type", "code", "status") if inner else "error"
        self.seen.error_type = (found or "error")[:_LONGEST]

    def _read_nested(self, members: Members, kind: str) -> None:
        """The answer itself, inside of an event about it."""
        if "response" in members and kind.startswith("response."):
            self._inside(members["response"], kind)
        if "message" in members and kind == "message_start":
            self._inside(members["message"], kind)
        if "delta" in members:
            delta = members_of(members["delta"])
            self.seen.finish_reason = _first(delta, "stop_reason", "finish_reason") or self.seen.finish_reason
            self._read_usage(delta, kind)
        if "incomplete_details" in members:
            self.seen.finish_reason = (
                _first(members_of(members["incomplete_details"]), "reason") or self.seen.finish_reason
            )

    def _inside(self, document: Raw, kind: str) -> None:
        inner = members_of(document)
        self._read_names(inner)
        self._read_usage(inner, kind)
        self._read_error(inner)
        self._read_nested({name: value for name, value in inner.items() if name == "incomplete_details"}, "")

    def _read_text(self, members: Members) -> None:
        for name in ("choices", "candidates"):
            if name in members:
                self._read_choices(members[name])
        for name in ("delta", "message", "response", "content", "output"):
            if name in members:
                self.seen.text_bytes += _written(members[name])

    def _read_choices(self, document: Raw) -> None:
        for choice in items_of(bytes(document)):
            one = members_of(choice)
            self.seen.finish_reason = _first(one, "finish_reason", "finishReason") or self.seen.finish_reason
            for name in ("delta", "message", "text", "content"):
                if name in one:
                    self.seen.text_bytes += _written(one[name])


_NOT_WRITTEN: Final = frozenset(
    {"role", "id", "type", "model", "object", "name", "usage", "status", "stop_reason", "stop_sequence", "metadata"}
    | {"instructions", "tools", "signature", "index", "call_id", "item_id"}
)


def _written(document: Raw) -> int:
    """Bytes of text that the model wrote."""
    try:
        return _bytes_of(msgspec.json.decode(document))
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return 0


def _bytes_of(value: Any) -> int:
    if isinstance(value, dict):
        return sum(_bytes_of(inner) for name, inner in value.items() if name not in _NOT_WRITTEN)
    if isinstance(value, list):
        return sum(map(_bytes_of, value))
    return text_bytes(value)


def _first(members: Members, *names: str) -> str:
    for name in names:
        if name in members and (text := _text(members[name])):
            return text[:_LONGEST]
    return ""


def _text(document: Raw | None) -> str:
    """A JSON string or number as text; '' for anything else."""
    if document is None:
        return ""
    raw = bytes(document)
    if not raw.startswith(b'"'):
        return raw.decode() if raw[:1].isdigit() else ""
    try:
        return str(msgspec.json.decode(raw))
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""
