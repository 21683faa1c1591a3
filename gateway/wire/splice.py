"""The one change of a body: a streamed chat asks for its usage, too. Every other byte stays as it was sent."""

import re
from collections.abc import Iterator
from typing import Final

import msgspec

_MEMBER: Final = b'"stream_options":{"include_usage":true}'
_BLANK: Final = b" \t\r\n"
_STRING: Final = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)


class _Options(msgspec.Struct):
    stream_options: msgspec.Raw = msgspec.Raw()


_decode: Final = msgspec.json.Decoder(_Options).decode


def include_usage(body: bytes) -> bytes | None:
    """``body`` with ``stream_options.include_usage``; None where it says something of that itself, or is no object."""
    start = _object_start(body)
    if start is None:
        return None
    try:
        stated = bytes(_decode(body).stream_options)
    except (msgspec.DecodeError, RecursionError):
        return None
    if not stated:
        return _inserted(body, start + 1, _MEMBER)
    if stated and stated != b"null" and b"include_usage" not in stated:
        return _into_options(body, stated)
    return None


def _object_start(body: bytes) -> int | None:
    stripped = body.lstrip(_BLANK)
    return len(body) - len(stripped) if stripped.startswith(b"{") else None


def _inserted(body: bytes, at: int, member: bytes) -> bytes:
    is_empty = body[at:].lstrip(_BLANK).startswith(b"}")
    return body[:at] + member + (b"" if is_empty else b",") + body[at:]


def _into_options(body: bytes, stated: bytes) -> bytes | None:
    """Into the object that is there, found where the top level has it and nowhere else."""
    places = [at for at in _top_level_values(body, b'"stream_options"') if body[at : at + len(stated)] == stated]
    if len(places) != 1 or not stated.startswith(b"{"):
        return None
    return _inserted(body, places[0] + 1, b'"include_usage":true')


def _top_level_values(body: bytes, name: bytes) -> Iterator[int]:
    """Where the values of the top level's members called ``name`` begin."""
    depth, at = 0, 0
    while at < len(body):
        byte = body[at : at + 1]
        if byte == b'"':
            found = _STRING.match(body, at)
            if not found:
                return
            at = found.end()
            colon = re.compile(rb"\s*:\s*").match(body, at)
            if depth == 1 and colon and found[0] == name:
                yield colon.end()
            continue
        depth += (byte in b"{[") - (byte in b"}]")
        at += 1
