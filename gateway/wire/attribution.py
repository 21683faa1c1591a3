"""Whose a call is, as the headers of ours and of other proxies say (gateway.md, "Attribution")."""

import re
from collections.abc import Mapping
from dataclasses import fields
from typing import Final
from urllib.parse import unquote

import msgspec

from gateway.types import Attribution

_LONGEST: Final = {"feature": 100, "team": 100, "environment": 100}
_LONGEST_TEXT: Final = 255
_MOST_TAGS, _LONGEST_TAG, _LONGEST_VALUE = 20, 50, 200
_OURS: Final = {
    b"x-tokenops-feature": "feature",
    b"x-tokenops-team": "team",
    b"x-tokenops-environment": "environment",
    b"x-tokenops-user": "user_id",
    b"x-tokenops-session": "session_id",
    b"x-tokenops-trace": "trace_id",
    b"x-tokenops-agent": "agent_name",
}
_HELICONE: Final = {b"helicone-user-id": "user_id", b"helicone-session-id": "session_id"}
_HELICONE_TAG: Final = b"helicone-property-"
_OPENCLAW: Final = b"x-openclaw-"
_OPENCLAW_TAGS: Final = ("agent-id", "agent-type", "team", "channel", "skill", "environment")
_PORTKEY: Final = b"x-portkey-metadata"
_TRACEPARENT: Final = re.compile(r"(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(?:-.*)?")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")

type HeaderValues = Mapping[bytes, list[bytes]]


def from_headers(headers: HeaderValues) -> Attribution:
    """What they say, cut to what an event may hold. What cannot be read says nothing."""
    found: dict[str, str] = {}
    for names in (_OURS, _HELICONE):
        for header, field in names.items():
            if field not in found and (text := _text(headers, header)):
                found[field] = text
    portkey = _portkey(headers)
    user = portkey.pop("_user", "")
    trace_id, parent = _traceparent(headers)
    tags = _tags(_text(headers, b"x-tokenops-tags")) | _prefixed(headers) | portkey
    return attribution(
        found
        | ({"user_id": user} if user and "user_id" not in found else {})
        | ({"trace_id": trace_id, "parent_span_id": parent} if trace_id and "trace_id" not in found else {}),
        tags,
    )


def attribution(found: Mapping[str, str], tags: Mapping[str, str]) -> Attribution:
    """These texts, as far as they fit."""
    texts = {name: _CONTROL.sub("", text)[: _LONGEST.get(name, _LONGEST_TEXT)] for name, text in found.items()}
    return Attribution(**texts, tags=fitting(tags))


def fitting(tags: Mapping[str, str]) -> dict[str, str]:
    """The first twenty tags, keys and values cut."""
    kept: dict[str, str] = {}
    for key, value in tags.items():
        name = _CONTROL.sub("", key).strip()[:_LONGEST_TAG]
        if name and len(kept) < _MOST_TAGS:
            kept[name] = _CONTROL.sub("", value)[:_LONGEST_VALUE]
    return kept


def merged(first: Attribution, second: Attribution) -> Attribution:
    """What ``first`` says, and what only ``second`` says."""
    texts = {
        field.name: getattr(first, field.name) or getattr(second, field.name)
        for field in fields(Attribution)
        if field.name != "tags"
    }
    return Attribution(
        **texts, tags=fitting({**first.tags, **{k: v for k, v in second.tags.items() if k not in first.tags}})
    )


def _text(headers: HeaderValues, name: bytes) -> str:
    """UTF-8, percent-encoded or not; '' where it is neither."""
    values = headers.get(name)
    return _decoded(values[0]) if values else ""


def _decoded(value: bytes) -> str:
    try:
        text = value.decode()
    except UnicodeDecodeError:
        text = value.decode("latin-1")
    if "%" in text:
        try:
            text = unquote(text, errors="strict")
        except UnicodeDecodeError:
            return text.strip()
    return text.strip()


def _tags(text: str) -> dict[str, str]:
    """``a=b, c=d``, or a JSON object."""
    if text.startswith("{"):
        return _json(text.encode())
    pairs = (part.partition("=") for part in text.split(",") if "=" in part)
    return {key.strip(): value.strip() for key, _, value in pairs if key.strip()}


def _prefixed(headers: HeaderValues) -> dict[str, str]:
    found = {f"openclaw.{name}": _text(headers, _OPENCLAW + name.encode()) for name in _OPENCLAW_TAGS}
    for name, values in headers.items():
        if name.startswith(_HELICONE_TAG):
            found[name[len(_HELICONE_TAG) :].decode("latin-1")] = _decoded(values[0])
    return {name: text for name, text in found.items() if text}


def _portkey(headers: HeaderValues) -> dict[str, str]:
    values = headers.get(_PORTKEY)
    return _json(values[0]) if values else {}


def _json(document: bytes) -> dict[str, str]:
    try:
        members = msgspec.json.decode(document)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return {}
    return plain_texts(members)


def plain_texts(members: object) -> dict[str, str]:
    """The members of an object that are short words or numbers, as text."""
    if not isinstance(members, dict):
        return {}
    simple = {str(k): v for k, v in members.items() if isinstance(v, str | int | float)}
    return {key: v if isinstance(v, str) else msgspec.json.encode(v).decode() for key, v in simple.items()}


def _traceparent(headers: HeaderValues) -> tuple[str, str]:
    """Trace and parent span of W3C Trace Context; zeros are none."""
    found = _TRACEPARENT.fullmatch(_text(headers, b"traceparent"))
    if not found or not found[1].strip("0") or not found[2].strip("0"):
        return "", ""
    return found[1], found[2]
