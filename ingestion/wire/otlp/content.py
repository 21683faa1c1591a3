"""What a person or a model said: hashed where it can be, counted, and never kept.

Nothing but the attributes of ``names`` is ever stored, so a content attribute nobody knows is dropped as well; it is
only not counted.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator
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


def prompt_of(span: Span, model: str) -> Prompt:
    """Hashes over ``{model, messages, system, tools}`` and over the first message and the tools (telemetry.md)."""
    attributes = span.attributes
    messages = _messages(span)
    system = _parsed(attributes, (_SYSTEM,))
    if messages is None and system is None:
        return Prompt()
    tools = _parsed(attributes, _TOOLS)
    if tools is None:
        tools = next(_indexed(attributes, _INDEXED_TOOLS), None)
    first = system if system is not None else messages[:1] if isinstance(messages, list) else messages
    whole = {"model": model, "messages": messages, "system": system, "tools": tools}
    return Prompt(_digest(whole), _digest({"messages": first, "tools": tools}))


def _messages(span: Span) -> object:
    attributes = span.attributes
    said = _parsed(attributes, _MESSAGES)
    if said is not None:
        return said
    told = [[event.name, event.attributes] for event in span.events if event.name in _MESSAGE_EVENTS]
    if told:
        return told
    indexed = next(_indexed(attributes, _INDEXED), None)
    if indexed is not None:
        return indexed
    prompts = [event.attributes for event in span.events if event.name == "gen_ai.content.prompt"]
    return prompts or next((attributes[name] for name in _WHOLE_INPUTS if name in attributes), None)


def _parsed(attributes: Attributes, wanted: names.Names) -> object:
    """The first of the attributes that is there; a JSON text as what it holds, so that its spelling does not matter."""
    for name in wanted:
        value = attributes.get(name)
        if value is not None:
            return value if (held := json_value(value)) is None else held
    return None


def _indexed(attributes: Attributes, prefixes: tuple[str, ...]) -> Iterator[list[object]]:
    """``gen_ai.prompt.0.role`` and the like as one object per index, in their order."""
    for prefix in prefixes:
        found: dict[int, dict[str, object]] = {}
        for name, value in attributes.items():
            index, _, member = name.removeprefix(prefix).partition(".") if name.startswith(prefix) else ("", "", "")
            if index.isdecimal() and len(index) < 6:  # noqa: PLR2004 - nobody has a million messages
                found.setdefault(int(index), {})[member] = value
        if found:
            yield [found[index] for index in sorted(found)]


def _digest(members: dict[str, object]) -> str:
    given = {name: value for name, value in members.items() if value is not None}
    try:
        return hashlib.sha256(_canonical(given)).hexdigest()
    except (RecursionError, UnicodeEncodeError, msgspec.EncodeError, ValueError, TypeError):
        return ""
