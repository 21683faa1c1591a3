"""What an answer, or a piece of a streamed one, says about itself: read by the members it has, whoever the provider is.

One provider's API is served by many others, so what decides is the shape. Nothing of the text is kept: its bytes are
counted, for estimates where nobody states the usage.
"""

import re
from typing import Any, Final, Literal

import msgspec
from msgspec import Raw

from gateway.types import Seen, Stated
from gateway.wire.prompts import text_bytes

_LONGEST: Final = 255
_EMPTY: Final = frozenset({b"", b"null", b"false", b'""', b"{}", b"[]"})
_ENDS: Final = frozenset(
    {"message_stop", "message-end", "response.completed", "response.incomplete", "response.failed", "response.done"}
)
_FINISHED: Final = (".completed", ".done", ".incomplete", ".failed")
_START, _DELTA = "message_start", "message_delta"  # Anthropic states one usage object in two parts
_USAGES: Final = ("usage", "usageMetadata", "usage_metadata", "meta", "x_groq")
_COUNTS: Final = {"prompt_eval_count": "input_tokens", "eval_count": "output_tokens"}  # Ollama's own
_WORD: Final = re.compile(r"[\w .:/#-]{1,100}", re.ASCII)

type Members = dict[str, Raw]

_decode: Final = msgspec.json.Decoder(dict[str, Raw]).decode
_decode_list: Final = msgspec.json.Decoder(list[Raw]).decode
_UNREADABLE: Final = (msgspec.DecodeError, RecursionError, UnicodeDecodeError)


class _Called(msgspec.Struct, gc=False):
    arguments: str | None = None


class _Tool(msgspec.Struct, gc=False):
    function: _Called | None = None


class _Delta(msgspec.Struct, gc=False):
    content: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    refusal: str | None = None
    tool_calls: list[_Tool] | None = None
    function_call: _Called | None = None
    audio: None = None


class _Part(msgspec.Struct, gc=False):
    delta: _Delta
    finish_reason: str | None = None


class _Chunk(msgspec.Struct, gc=False):
    """The usual chunk of a streamed chat; one that says more, or something else, is no such chunk."""

    choices: list[_Part]
    id: str = ""
    model: str = ""
    service_tier: str | None = None
    usage: None = None
    error: None = None
    x_groq: None = None


class _Choice(msgspec.Struct, gc=False):
    message: _Delta
    finish_reason: str | None = None


class _Completion(msgspec.Struct, gc=False):
    """The usual answer of a chat in one piece, with its usage."""

    object: Literal["chat.completion"]
    choices: list[_Choice]
    usage: Members
    id: str = ""
    model: str = ""
    service_tier: str | None = None
    type: None = None
    error: None = None


_decode_chunk: Final = msgspec.json.Decoder(_Chunk).decode
_decode_completion: Final = msgspec.json.Decoder(_Completion).decode


def members_of(document: bytes | Raw) -> Members:
    """The members of an object, undecoded; none where it is no object."""
    try:
        return _decode(document)
    except _UNREADABLE:
        return {}


def items_of(document: bytes | Raw) -> list[Raw]:
    """The items of an array."""
    try:
        return _decode_list(document)
    except _UNREADABLE:
        return []


class Reader:
    """Puts together what the pieces say; ``seen`` is what is known so far."""

    def __init__(self) -> None:
        self.seen = Seen()
        self._usage: Members = {}

    def read_event(self, document: bytes, kind: str = "") -> None:
        """One piece of a stream; ``kind`` is for those whose name is outside."""
        if b'"choices"' in document and self._is_chunk(document):
            return
        self._read(members_of(document), kind)

    def read_document(self, document: bytes) -> None:
        """A whole answer."""
        if b'"chat.completion"' in document and self._is_completion(document):
            return
        members = members_of(document)
        self._read(members, "")
        if self.seen.stated is Stated.SO_FAR:
            self.seen.stated = Stated.ALL

    def fail(self, kind: str) -> None:
        """A stream says that it failed, beside what its pieces say."""
        self.seen.error_type = _word(kind) or "error"

    def _is_chunk(self, document: bytes) -> bool:
        """Most pieces by far are of this form, and reading them so takes a fifth of the time."""
        try:
            chunk = _decode_chunk(document)
        except _UNREADABLE:
            return False
        seen = self.seen
        if not seen.response_id:
            seen.model, seen.response_id = seen.model or chunk.model[:_LONGEST], chunk.id[:_LONGEST]
        if chunk.service_tier:
            seen.service_tier = chunk.service_tier[:_LONGEST]
        for choice in chunk.choices:
            seen.text_bytes += _delta_bytes(choice.delta)
            if choice.finish_reason:
                seen.finish_reason = choice.finish_reason[:_LONGEST]
        return True

    def _is_completion(self, document: bytes) -> bool:
        """Most answers by far are of this form, and reading them so takes less than half of the time."""
        try:
            answer = _decode_completion(document)
        except _UNREADABLE:
            return False
        seen = self.seen
        seen.model, seen.response_id = answer.model[:_LONGEST], answer.id[:_LONGEST]
        seen.service_tier = (answer.service_tier or "")[:_LONGEST]
        for choice in answer.choices:
            seen.text_bytes += _delta_bytes(choice.message)
            if choice.finish_reason:
                seen.finish_reason = choice.finish_reason[:_LONGEST]
        if answer.usage:
            self._take(answer.usage, Stated.ALL, is_part=False)
        return True

    def _read(self, members: Members, kind: str) -> None:
        if not members:
            return
        kind = _text(members.get("type")) or kind
        self._read_names(members)
        self._read_text(members, kind)
        self._read_nested(members, kind)
        self._read_usage(members, kind)
        self._read_error(members, kind)
        if kind in _ENDS or _ends(members):
            self.seen.is_whole = True

    def _read_names(self, members: Members) -> None:
        seen = self.seen
        seen.model = seen.model or _first(members, "model", "modelVersion", "model_version")
        seen.response_id = seen.response_id or _first(members, "id", "responseId", "response_id", "generation_id")
        seen.service_tier = _first(members, "service_tier") or seen.service_tier
        reason = _first(members, "stop_reason", "stopReason", "done_reason", "finish_reason")
        seen.finish_reason = reason or seen.finish_reason

    # --- usage ---

    def _read_usage(self, members: Members, kind: str) -> None:
        for name in _USAGES:
            if name in members and (stated := _usage_in(name, members_of(members[name]))):
                self._take(stated, self._how_much(members, kind), is_part=kind in {_START, _DELTA})
                return
        counted = {ours: members[theirs] for theirs, ours in _COUNTS.items() if theirs in members}
        if counted:
            self._take(counted, self._how_much(members, kind), is_part=False)

    def _how_much(self, members: Members, kind: str) -> Stated:
        if kind == _START:
            return Stated.INPUT
        is_apart = "choices" in members and not items_of(members["choices"])  # OpenAI's own: once, after everything
        is_last = is_apart or kind == _DELTA or kind in _ENDS or kind.endswith(_FINISHED) or _ends(members)
        return Stated.ALL if is_last or self.seen.finish_reason else Stated.SO_FAR

    def _take(self, stated: Members, how_much: Stated, *, is_part: bool) -> None:
        """Counts are cumulative: the last ones hold, they are never summed."""
        given = {name: value for name, value in stated.items() if bytes(value) != b"null"}
        if is_part:  # a 0 that is said later is "not said here": what was read does not become less
            given = self._usage | {n: v for n, v in given.items() if n not in self._usage or bytes(v) != b"0"}
        self._usage = given
        self.seen.usage = msgspec.json.encode(given)
        self.seen.stated = how_much

    # --- errors ---

    def _read_error(self, members: Members, kind: str) -> None:
        """``error`` as object or text; or the members of the error themselves."""
        stated = bytes(members.get("error", b""))
        if stated not in _EMPTY:
            inner = members_of(stated) or members
            found = _first(inner, "type", "status") or _first(inner, "code")
        elif kind == "error" or _text(members.get("object")) == "error":
            found = _first(
                {name: value for name, value in members.items() if kind != "error" or name != "type"}, "type"
            )
            found = found or _first(members, "code")
        elif "__type" in members:  # AWS
            found = _first(members, "__type").rpartition("#")[2]
        else:
            return
        self.seen.error_type = _word(found) or "error"

    # --- what is inside ---

    def _read_nested(self, members: Members, kind: str) -> None:
        """The answer itself, inside of an event about it."""
        for name in ("response", "message") if kind == _START else ("response",):
            if name in members:
                self._inside(members_of(members[name]), "message_stop" if _ends(members) else kind)
        if "delta" in members:
            delta = members_of(members["delta"])
            self.seen.finish_reason = _first(delta, "stop_reason", "finish_reason") or self.seen.finish_reason
            self._read_usage(delta, kind)
        if "incomplete_details" in members:
            reason = _first(members_of(members["incomplete_details"]), "reason")
            self.seen.finish_reason = reason or self.seen.finish_reason

    def _inside(self, inner: Members, kind: str) -> None:
        self._read_names(inner)
        self._read_nested({name: value for name, value in inner.items() if name == "incomplete_details"}, "")
        self._read_usage(inner, kind)
        self._read_error(inner, "")

    # --- text ---

    def _read_text(self, members: Members, kind: str) -> None:
        """Only what is new: events that end something repeat it whole."""
        if kind == "error" or bytes(members.get("error", b"")) not in _EMPTY:
            return
        if "." in kind:
            self._add_text(members, () if "audio" in kind and "transcript" not in kind else ("delta",))
            return
        for name in ("choices", "candidates"):
            if name in members:
                self._read_choices(members[name])
        self._add_text(members, ("delta", "message", "content", "output", "generations"))
        self._add_text(members, ("text", "response", "thinking"), only_texts=True)

    def _read_choices(self, document: Raw) -> None:
        for choice in items_of(document):
            one = members_of(choice)
            self.seen.finish_reason = _first(one, "finish_reason", "finishReason") or self.seen.finish_reason
            self._add_text(one, ("delta", "message", "text", "content"))

    def _add_text(self, members: Members, names: tuple[str, ...], *, only_texts: bool = False) -> None:
        for name in names:
            if name in members and not (only_texts and not bytes(members[name]).startswith(b'"')):
                self.seen.text_bytes += _written(members[name])


# What names, signs, or repeats, and what is no text: pictures and sound in Base64.
_NOT_WRITTEN: Final = frozenset(
    {"role", "id", "type", "model", "object", "name", "usage", "status", "stop_reason", "stop_sequence", "metadata"}
    | {"instructions", "tools", "signature", "index", "call_id", "item_id", "finish_reason", "citations", "citation"}
    | {"data", "b64_json", "images", "inlineData", "inline_data", "encrypted_content", "thoughtSignature", "logprobs"}
    | {"thought_signature", "reasoning_details", "annotations", "tool_call_id", "result", "created_at"}
)


def _usage_in(name: str, stated: Members) -> Members:
    """The counts of a member that may hold some."""
    if name == "x_groq":
        return members_of(stated["usage"]) if "usage" in stated else {}
    if name == "meta":
        return stated if {"billed_units", "tokens"} & stated.keys() else {}
    return stated


def _delta_bytes(delta: _Delta) -> int:
    size = 0
    for text in (delta.content, delta.reasoning_content or delta.reasoning, delta.refusal):
        if text:
            size += text_bytes(text)
    for tool in delta.tool_calls or ():
        if tool.function and tool.function.arguments:
            size += text_bytes(tool.function.arguments)
    if delta.function_call and delta.function_call.arguments:
        size += text_bytes(delta.function_call.arguments)
    return size


def _written(document: Raw) -> int:
    """Bytes of text that the model wrote."""
    try:
        return _bytes_of(msgspec.json.decode(document))
    except _UNREADABLE:
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


def _word(text: str) -> str:
    """A provider's name for an error; a sentence is none, it may repeat what was asked."""
    return text if _WORD.fullmatch(text) else ""


def _ends(members: Members) -> bool:
    """Ollama's and Cohere's word for the last piece."""
    return any(name in members and bytes(members[name]) == b"true" for name in ("done", "is_finished"))


def _text(document: Raw | None) -> str:
    """A JSON string or number as text; '' for anything else."""
    if document is None:
        return ""
    raw = bytes(document)
    if not raw.startswith(b'"'):
        return raw.decode() if raw[:1].isdigit() else ""
    try:
        return str(msgspec.json.decode(raw))
    except _UNREADABLE:
        return ""
