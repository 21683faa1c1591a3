"""What a person or a model said: hashed where it can be, counted, and never kept.

Nothing but the attributes of ``names`` is ever stored, so a content attribute nobody knows is dropped as well; it is
only not counted.
"""

import hashlib
import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Final, NamedTuple

import msgspec

from ingestion.wire.content import is_content
from ingestion.wire.otlp import names
from ingestion.wire.otlp.spans import Attributes, Event, Span
from ingestion.wire.otlp.values import json_value

_MORE: Final = re.compile(
    r"(?:gen_ai|llm)\.(?:prompt|completion|input_messages|output_messages|prompts|completions|tools|request\.functions)\b.*"
    r"|(?:input|output)\.value|genkit:(?:input|output)|gcp\.vertex\.agent\.(?:llm_request|llm_response|data|tool_.*)"
    r"|mlflow\.spaninputs|mlflow\.spanoutputs|all_messages_events|pydantic_ai\.all_messages|final_result"
    r"|lk\.(?:chat_ctx|user_input|response\..*|input_text|user_transcript)|exception\.(?:message|stacktrace)"
    r"|.*\.entity\.(?:input|output)|(?:retrieval|reranker|embedding)\..*(?:documents?|text|query|vector|input)\b.*"
    r"|tool\.parameters|.*\.arguments"
)
# ``llm.token_count.prompt`` and the like: what we read is no content, the JSON texts around some usage are.
_NO_CONTENT: Final = frozenset(
    name for wanted in vars(names).values() if isinstance(wanted, tuple) for name in wanted
) - frozenset(names.USAGE_OBJECTS)
_MESSAGE_EVENTS: Final = frozenset(f"gen_ai.{role}.message" for role in ("system", "user", "assistant", "tool"))
_CONTENT_EVENTS: Final = _MESSAGE_EVENTS | {"gen_ai.choice", "gen_ai.content.prompt", "gen_ai.content.completion"}

_MESSAGES: Final = ("gen_ai.input.messages", "gen_ai.prompt", "ai.prompt.messages", "ai.prompt")
_INDEXED: Final = ("gen_ai.prompt.", "llm.input_messages.")
_WHOLE_INPUTS: Final = (
    *("input.value", "traceloop.entity.input", "langfuse.observation.input", "mlflow.spanInputs", "genkit:input"),
    *("all_messages_events", "pydantic_ai.all_messages", "gcp.vertex.agent.llm_request", "lk.chat_ctx"),
)
_SYSTEM: Final = "gen_ai.system_instructions"
_TOOLS: Final = ("gen_ai.tool.definitions", "ai.prompt.tools")
_INDEXED_TOOLS: Final = ("llm.request.functions.", "llm.tools.")
_canonical: Final = msgspec.json.Encoder(order="sorted").encode

type Indexed = tuple[tuple[tuple[str, str], ...], ...]  # by index: the attributes of one object and its members


class Places(NamedTuple):
    """Where a span has its messages and tools as ``gen_ai.prompt.0.role`` and the like."""

    messages: Indexed = ()
    tools: Indexed = ()


class Prompt(NamedTuple):
    """SHA-256 in hex of what went in, and of the part that is the same in call after call; ``''`` for none."""

    whole: str = ""
    prefix: str = ""


@lru_cache(maxsize=8192)
def carries_content(name: str) -> bool:
    """Does an attribute of this name carry content?"""
    return name not in _NO_CONTENT and (_MORE.fullmatch(name.lower()) is not None or is_content(name))


def content_of_events(events: Iterable[Event]) -> int:
    """How many attributes of a span's events carry content."""
    return sum(map(_content_of_event, events))


def _content_of_event(event: Event) -> int:
    if event.name in _CONTENT_EVENTS:
        return len(event.attributes)
    return sum(map(carries_content, event.attributes))


def places_of(given: names.Names) -> Places:
    """The places by the names of a span's attributes."""
    return Places(_indexed(given, _INDEXED), _indexed(given, _INDEXED_TOOLS))


def _indexed(given: names.Names, prefixes: names.Names) -> Indexed:
    """Those with the first prefix that any name has, in the order of their indexes."""
    for prefix in prefixes:
        found: dict[int, list[tuple[str, str]]] = {}
        for name in given:
            index, _, member = name.removeprefix(prefix).partition(".") if name.startswith(prefix) else ("", "", "")
            if index.isdecimal() and len(index) < 6:  # noqa: PLR2004 - nobody has a million messages
                found.setdefault(int(index), []).append((name, member))
        if found:
            return tuple(tuple(found[index]) for index in sorted(found))
    return ()


def prompt_of(span: Span, model: str, places: Places) -> Prompt:
    """Hashes over ``{model, messages, system, tools}`` and over the first message and the tools (telemetry.md)."""
    attributes = span.attributes
    messages = _messages(span, places)
    system = _parsed(attributes, (_SYSTEM,))
    if messages is None and system is None:
        return Prompt()
    tools = _parsed(attributes, _TOOLS)
    if tools is None:
        tools = _objects(attributes, places.tools)
    first = system if system is not None else messages[:1] if isinstance(messages, list) else messages
    whole = {"model": model, "messages": messages, "system": system, "tools": tools}
    return Prompt(_digest(whole), _digest({"messages": first, "tools": tools}))


def _messages(span: Span, places: Places) -> object:
    attributes = span.attributes
    said = _parsed(attributes, _MESSAGES)
    if said is not None:
        return said
    told = [[event.name, event.attributes] for event in span.events if event.name in _MESSAGE_EVENTS]
    if told:
        return told
    if places.messages:
        return _objects(attributes, places.messages)
    prompts = [event.attributes for event in span.events if event.name == "gen_ai.content.prompt"]
    return prompts or next((attributes[name] for name in _WHOLE_INPUTS if name in attributes), None)


def _parsed(attributes: Attributes, wanted: names.Names) -> object:
    """The first of the attributes that is there; a JSON text as what it holds, so that its spelling does not matter."""
    for name in wanted:
        value = attributes.get(name)
        if value is not None:
            return value if (held := json_value(value)) is None else held
    return None


def _objects(attributes: Attributes, places: Indexed) -> list[dict[str, object]] | None:
    return [{member: attributes[name] for name, member in object_} for object_ in places] or None


def _digest(members: dict[str, object]) -> str:
    given = {name: value for name, value in members.items() if value is not None}
    try:
        return hashlib.sha256(_canonical(given)).hexdigest()
    except (RecursionError, UnicodeEncodeError, msgspec.EncodeError, ValueError, TypeError):
        return ""
