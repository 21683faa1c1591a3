"""Whose a call is: from the headers of TokenOps, Helicone, Portkey, OpenClaw and W3C, and from the body.

Nothing here is an error: what is too long is cut, what cannot be read is left out, and the call goes on.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Final
from urllib.parse import unquote

import msgspec

from gateway.types import Attribution

type Headers = Mapping[bytes, list[bytes]]  # names in lower case

_LONGEST: Final = {"feature": 100, "team": 100, "environment": 100}
_LONGEST_ID: Final = 255
_MOST_TAGS: Final = 20
_LONGEST_KEY: Final = 50
_LONGEST_VALUE: Final = 200
_LONGEST_JSON: Final = 16 * 1024
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_ENCODED: Final = re.compile(r"%[0-9A-Fa-f]{2}")
_TRACEPARENT: Final = re.compile(
    r"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-[0-9a-f]{2}(-.*)?"
)
_JSON: Final = msgspec.json.Decoder()
_NOTHING: Final = Attribution()

# field → headers, the first that says something wins
_FIELDS: Final[Mapping[str, tuple[bytes, ...]]] = {
    "feature": (b"x-tokenops-feature",),
    "team": (b"x-tokenops-team",),
    "environment": (b"x-tokenops-environment",),
    "user_id": (b"x-tokenops-user", b"helicone-user-id"),
    "session_id": (b"x-tokenops-session", b"helicone-session-id"),
    "trace_id": (b"x-tokenops-trace",),
    "agent_name": (b"x-tokenops-agent",),
}
# member of a metadata object → field; every other member is a tag
_MEMBERS: Final[Mapping[str, str]] = {
    "_user": "user_id",
    "user_id": "user_id",
    "session_id": "session_id",
    "trace_id": "trace_id",
    "feature": "feature",
    "team": "team",
    "environment": "environment",
    "_environment": "environment",
}
_AGENT_TAGS: Final[Mapping[bytes, str]] = {
    b"x-openclaw-agent-id": "agent_id",
    b"x-openclaw-agent-type": "agent_type",
    b"x-openclaw-team": "agent_team",
    b"x-openclaw-channel": "agent_channel",
    b"x-openclaw-skill": "agent_skill",
    b"x-openclaw-environment": "agent_environment",
}
_PROPERTY: Final = b"helicone-property-"
_RELEVANT: Final = (b"x-tokenops-", b"helicone-", b"x-portkey-", b"x-openclaw-", b"traceparent")


def from_headers(headers: Headers) -> Attribution:
    """What the headers say. ``headers`` are all values by name in lower case; of several the first counts."""
    said = {name: values[0] for name, values in headers.items() if values and name.startswith(_RELEVANT)}
    if not said:
        return _NOTHING
    fields = {field: value for field, names in _FIELDS.items() if (value := _first(said, names))}
    own = _attribution(fields, _tags_of_headers(said))
    return merged(merged(own, _of_portkey(said)), _of_traceparent(said))


def from_metadata(user: object, metadata: object) -> Attribution:
    """What a body says: its ``user`` and the members of its ``metadata``."""
    members = metadata if isinstance(metadata, dict) else {}
    known = {_MEMBERS[name]: _text(value) for name, value in members.items() if name in _MEMBERS}
    tags = ((name, _text(value)) for name, value in members.items() if name not in _MEMBERS)
    fields = {**known, "user_id": _text(user) or known.get("user_id", "")}
    return _attribution(fields, tags)


def merged(first: Attribution, second: Attribution) -> Attribution:
    """Both; ``first`` wins, tag by tag and field by field. A parent span stays with its trace."""
    if first is _NOTHING or first == _NOTHING:
        return second
    if second is _NOTHING or second == _NOTHING:
        return first
    same_trace = first.trace_id in {"", second.trace_id}
    return Attribution(
        feature=first.feature or second.feature,
        team=first.team or second.team,
        environment=first.environment or second.environment,
        user_id=first.user_id or second.user_id,
        session_id=first.session_id or second.session_id,
        trace_id=first.trace_id or second.trace_id,
        parent_span_id=first.parent_span_id or (second.parent_span_id if same_trace else ""),
        agent_name=first.agent_name or second.agent_name,
        tags=_fitting((*first.tags.items(), *second.tags.items())),
    )


def _attribution(fields: Mapping[str, str], tags: Iterable[tuple[str, str]]) -> Attribution:
    cut = {name: value[: _LONGEST.get(name, _LONGEST_ID)].strip() for name, value in fields.items()}
    return Attribution(**cut, tags=_fitting(tags))


def _fitting(tags: Iterable[tuple[str, str]]) -> Mapping[str, str]:
    """The first twenty; values are cut, a name that is too long is dropped: cut, it would be another name."""
    found: dict[str, str] = {}
    for raw_name, value in tags:
        name = _clean(raw_name)
        if 0 < len(name) <= _LONGEST_KEY and value:
            found.setdefault(name, value[:_LONGEST_VALUE])
        if len(found) == _MOST_TAGS:
            break
    return found


def _tags_of_headers(said: Mapping[bytes, bytes]) -> Iterator[tuple[str, str]]:
    if tags := said.get(b"x-tokenops-tags"):
        yield from _listed(tags)
    for name, value in said.items():
        if name.startswith(_PROPERTY):
            yield name[len(_PROPERTY) :].decode("latin-1"), _decoded(value)
    for name, tag in _AGENT_TAGS.items():
        if name in said:
            yield tag, _decoded(said[name])


def _listed(value: bytes) -> Iterator[tuple[str, str]]:
    """``a=b, c=d``, or a JSON object. Names and values of a list may be percent-encoded."""
    if value.lstrip().startswith(b"{"):
        yield from ((name, _text(member)) for name, member in _object(value).items())
        return
    for pair in value.split(b","):
        name, equals, text = pair.partition(b"=")
        if equals:
            yield _decoded(name), _decoded(text)


def _of_portkey(said: Mapping[bytes, bytes]) -> Attribution:
    if found := said.get(b"x-portkey-metadata"):
        return from_metadata(None, _object(found))
    return _NOTHING


def _of_traceparent(said: Mapping[bytes, bytes]) -> Attribution:
    """W3C Trace Context, level 1: version 00 has four parts, later ones may have more."""
    given = said.get(b"traceparent")
    parent = _TRACEPARENT.fullmatch(given.decode("latin-1").strip()) if given else None
    if parent is None or (parent[1] == "00" and parent[4]):
        return _NOTHING
    return Attribution(trace_id=parent[2], parent_span_id=parent[3])


def _first(said: Mapping[bytes, bytes], names: tuple[bytes, ...]) -> str:
    return next((text for name in names if name in said and (text := _decoded(said[name]))), "")


def _object(value: bytes) -> Mapping[str, object]:
    try:
        found = _JSON.decode(value) if len(value) <= _LONGEST_JSON else None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _decoded(value: bytes) -> str:
    """A header as text: UTF-8, else Latin-1 (RFC 9110 §5.5); percent-encoded UTF-8 as what it encodes."""
    try:
        text = value.decode()
    except UnicodeDecodeError:
        text = value.decode("latin-1")
    if "%" in text and _ENCODED.search(text):
        with suppress(UnicodeDecodeError):  # a percent sign that encodes nothing
            text = unquote(text, errors="strict")
    return _clean(text)


def _text(value: object) -> str:
    """A member of a JSON object as text; objects and lists say nothing."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return _clean(str(value)) if isinstance(value, str | int | float) else ""


def _clean(text: str) -> str:
    return (text if text.isprintable() else _CONTROL.sub("", text)).strip()
