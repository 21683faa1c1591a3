"""A span as both encodings end up: plain Python, unchecked, with the resource and the scope it came from."""

import re
from collections.abc import Mapping

import msgspec

type Value = str | bool | int | float | bytes | list[Value] | dict[str, Value] | None
type Attributes = Mapping[str, Value]

OK, ERROR = 1, 2
NO_ATTRIBUTES: Attributes = {}
_TRACE_ID = re.compile(r"(?!0{32})[0-9a-f]{32}", re.ASCII)
_SPAN_ID = re.compile(r"(?!0{16})[0-9a-f]{16}", re.ASCII)


class Event(msgspec.Struct, gc=False):
    """Something that happened during a span; ``time_ns`` is since the epoch, 0 when it was not said."""

    name: str
    time_ns: int
    attributes: Attributes


class Origin(msgspec.Struct, gc=False):
    """What the spans of one group share. ``problem`` says why none of them can be used."""

    resource: Attributes = NO_ATTRIBUTES
    scope_name: str = ""
    scope_version: str = ""
    problem: str = ""


class Span(msgspec.Struct, gc=False, kw_only=True):
    """Ids are lower-case hex of whatever length came, ``''`` for none; times nanoseconds since the epoch, 0 for none.

    ``problem`` says why the span cannot be read, as a text without any value of it.
    """

    origin: Origin
    trace_id: str = ""
    span_id: str = ""
    parent_span_id: str = ""
    name: str = ""
    start_ns: int = 0
    end_ns: int = 0
    status: int = 0
    attributes: Attributes = NO_ATTRIBUTES
    events: list[Event] = msgspec.field(default_factory=list)
    problem: str = ""

    def has_ids(self) -> bool:
        """Are both ids of the right length and not all zero, as W3C trace context wants them?"""
        return bool(_TRACE_ID.fullmatch(self.trace_id) and _SPAN_ID.fullmatch(self.span_id))


def valid_span_id(text: str) -> str:
    """The id itself, or ``''`` when it is none."""
    return text if _SPAN_ID.fullmatch(text) else ""
