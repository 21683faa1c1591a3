"""One call, from before it is made until it is reported: what the caller's thread notes, and the event made of it.

The caller's thread only takes clocks and keeps references; everything that costs more (hashing, turning the provider's
usage object into JSON) is done where the events are sent from.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite
from time import perf_counter_ns, time_ns
from typing import Any, Final, Protocol

from tokenops_sdk import attribution
from tokenops_sdk.config import Event, Settings
from tokenops_sdk.identity import prompt_hashes, uuid7

_NS_A_MS: Final = 1_000_000
_BYTES_A_TOKEN: Final = 4  # how the server's gateway estimates, too
_LONGEST: Final = 255  # characters of a text; the server refuses events with longer ones
_SHORTER: Final = {"endpoint_name": 100, "team": 100, "environment": 100}
_LONGEST_IN_USAGE: Final = 64  # characters; a usage object says how much, and its few words are names
_MOST_TAGS, _LONGEST_TAG, _LONGEST_TAG_VALUE = 20, 50, 200
_PLAIN: Final = (
    "team",
    "environment",
    "user_id",
    "session_id",
    "trace_id",
    "parent_span_id",
    "agent_name",
    "prompt_version",
)
_NOTHING: Final = (None, "")
_TOTALS: Final = frozenset({"total_tokens", "totalTokenCount"})  # of which an estimate is no part


@dataclass
class Facts:
    """What a provider's answer says about a call, and nothing of what it says.

    ``usage`` is the provider's own usage object; ``states_output`` is False while it says only what was read, and
    ``output_name`` is how it calls the rest.
    ``output_bytes`` counts the text of a stream, so that what was written can be estimated where nobody states it.
    """

    usage: Any = None
    response_id: str = ""
    response_model: str = ""
    finish_reason: str = ""
    service_tier: str = ""
    output_bytes: int = 0
    states_output: bool = True
    output_name: str = "output_tokens"


class Clock(Protocol):
    """Where times come from; replaced in tests."""

    def wall_ns(self) -> int: ...

    def steady_ns(self) -> int: ...


class SystemClock:
    """The wall says when a call began, the steady clock how long it took: the wall's may be set back meanwhile."""

    wall_ns = staticmethod(time_ns)
    steady_ns = staticmethod(perf_counter_ns)


@dataclass
class Recording:
    """One call being made. ``request`` are the arguments of the provider's SDK; they are hashed, never sent."""

    settings: Settings
    clock: Clock
    provider: str
    model: str
    operation: str = "chat"
    request: Mapping[str, Any] = field(default_factory=dict)
    stream: bool = False
    given: Mapping[str, Any] = field(default_factory=attribution.current)

    def __post_init__(self) -> None:
        self.started_ns = self.clock.wall_ns()
        self._begun = self.clock.steady_ns()
        self._first: int | None = None
        self._last: int | None = None
        self._ended: int | None = None
        self.facts = Facts()
        self.error_type = ""
        self.http_status: int | None = None
        self.was_aborted = False
        # The list may grow when the caller appends the answer; what was asked is hashed.
        self._asked = {name: list(v) if isinstance(v, list) else v for name, v in self.request.items()}

    def token(self) -> None:
        """A piece of a stream is here. A stream that is left ends with its last one, not when that is noticed."""
        self._last = self.clock.steady_ns()
        if self._first is None:
            self._first = self._last

    def end(self, *, error: BaseException | None = None, aborted: bool = False) -> bool:
        """Stop the clock; False when it was stopped before, because a call is reported once."""
        if self._ended is not None:
            return False
        self._ended = self._last if aborted and error is None and self._last is not None else self.clock.steady_ns()
        self.was_aborted = aborted
        if error is not None:  # not kept: it holds on to the frames it was raised in
            self.error_type = type(error).__name__
            statuses = (getattr(error, name, None) for name in ("status_code", "code"))
            self.http_status = next((status for status in statuses if isinstance(status, int)), None)
        return True

    def event(self) -> Event:
        """What is sent (the server's telemetry event). Made once: its id and time must be the same in every attempt."""
        settings, facts = self.settings, self.facts
        event: Event = {
            "id": uuid7(self.started_ns // _NS_A_MS),
            "timestamp": self.started_ns // _NS_A_MS,
            "model": self.model[:_LONGEST],
            "operation": self.operation,
            "latency_ms": self._milliseconds(self._ended),
            "status": "error" if self.error_type else "ok",
            "stream": self.stream,
            **self._attributed(),
            **self._usage(),
        }
        optional = {
            "provider": self.provider,
            "time_to_first_token_ms": self._milliseconds(self._first),
            "error_type": self.error_type,
            "http_status": self.http_status,
            "response_id": facts.response_id,
            "response_model": facts.response_model,
            "finish_reason": facts.finish_reason,
            "service_tier": facts.service_tier,
            "git_branch": settings.git_branch,
            "git_commit": settings.git_commit,
        }
        event.update({name: _short(name, value) for name, value in optional.items() if value not in _NOTHING})
        if settings.hash_prompts:
            full, prefix = prompt_hashes(self.model, self._asked)
            event.update({n: v for n, v in (("prompt_hash", full), ("prompt_prefix_hash", prefix)) if v})
        return event

    def _milliseconds(self, at: int | None) -> float | None:
        return None if at is None else round(max(at - self._begun, 0) / _NS_A_MS, 3)

    def _usage(self) -> Event:
        """The provider's own counts; what a stream that was cut off did not get to state is estimated and says so."""
        facts = self.facts
        written = estimated_tokens(facts.output_bytes)
        usage = as_json(facts.usage)
        if not isinstance(usage, dict) or not usage:
            if not (facts.output_bytes or self.was_aborted):
                return {}
            read = estimated_tokens(text_bytes(self._asked))
            return {"input_tokens": read, "output_tokens": written, "usage_estimated": True}
        if facts.states_output or not (facts.output_bytes or self.was_aborted):
            return {"usage": usage, "usage_partial": True} if self.was_aborted else {"usage": usage}
        stated = {name: value for name, value in usage.items() if name not in _TOTALS}
        return {"usage": {**stated, facts.output_name: written}, "usage_estimated": True}

    def _attributed(self) -> Event:
        given, settings = self.given, self.settings
        found = {name: text for name in _PLAIN if (text := _text(given.get(name)))}
        found["endpoint_name"] = _text(given.get("feature")) or settings.feature or "default"
        for name in ("team", "environment"):
            if name not in found and getattr(settings, name):
                found[name] = getattr(settings, name)
        event: Event = {name: _short(name, text) for name, text in found.items()}
        tags = given.get("tags")
        return {**event, "tags": clean_tags(tags)} if isinstance(tags, Mapping) and tags else event


def estimated_tokens(size: int) -> int:
    """⌈bytes of text ÷ 4⌉, as the gateway estimates a stream that was cut off."""
    return -(-size // _BYTES_A_TOKEN)


def text_bytes(value: Any) -> int:
    """UTF-8 bytes of all text in a request; names of fields are none."""
    if isinstance(value, str):
        return len(value.encode(errors="replace"))
    if isinstance(value, Mapping):
        return sum(map(text_bytes, value.values()))
    if isinstance(value, list | tuple):
        return sum(map(text_bytes, value))
    return 0


def clean_tags(tags: Mapping[Any, Any]) -> dict[str, str]:
    """Tags as the server takes them: 20 at most, short, and text; what cannot be text is left out."""
    found: dict[str, str] = {}
    for key, value in tags.items():
        if len(found) == _MOST_TAGS:
            break
        if (name := _text(key)) and (text := _text(value)):
            found[name[:_LONGEST_TAG]] = text[:_LONGEST_TAG_VALUE]
    return found


def as_json(value: Any) -> Any:
    """A usage object of any provider's SDK, or of a function's own kind, as plain JSON: numbers and short names."""
    if isinstance(value, str):
        return value[:_LONGEST_IN_USAGE]
    if isinstance(value, list | tuple):
        return [as_json(inner) for inner in value]
    if isinstance(value, Mapping):
        return {str(name): as_json(inner) for name, inner in value.items()}
    if (dump := getattr(value, "model_dump", None)) is not None:
        return as_json(dump(mode="json", exclude_none=True, by_alias=True))
    if hasattr(value, "__dict__"):
        return {name: number for name, number in vars(value).items() if _is_number(number)}
    return value if _is_number(value) else None


def _is_number(value: Any) -> bool:
    return isinstance(value, int) or (isinstance(value, float) and isfinite(value))


def _text(value: Any) -> str:
    """'' for what is nothing, or cannot be text."""
    try:
        return "" if value is None else str(value)
    except Exception:  # somebody's __str__
        return ""


def _short(name: str, value: Any) -> Any:
    return value[: _SHORTER.get(name, _LONGEST)] if isinstance(value, str) else value
