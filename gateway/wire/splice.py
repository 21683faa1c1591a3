"""Ask for the usage of a stream: the one exception to "bytes are forwarded unchanged" (gateway.md).

The member is put into the bytes of the body; what is there already, its order, spaces, spelling and duplicates stay.
"""

import re
from typing import Final
from urllib.parse import unquote_to_bytes

import msgspec
from msgspec import Raw

from gateway.types import Ask, Provider

_MEMBER: Final = b'"stream_options":{"include_usage":true}'
_USAGE: Final = b'"include_usage":true'
_BOM: Final = b"\xef\xbb\xbf"
_SPACES: Final = re.compile(rb"[ \t\r\n]*")
_TOKEN: Final = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[{}\[\]]', re.DOTALL)
_COLON: Final = re.compile(rb"[ \t\r\n]*:[ \t\r\n]*")
_NAME: Final = "stream_options"
_MEMBERS: Final = msgspec.json.Decoder(dict[str, Raw])
_ASKABLE: Final = frozenset({"chat", "completion"})
_AZURE_SINCE: Final = b"2024-09-01"  # of its dated API; the undated one (/openai/v1) always takes the option


def is_askable(provider: Provider, ask: Ask, path: bytes, query: bytes) -> bool:
    """Would this provider's stream say its usage if it were asked?"""
    if not (provider.inject_include_usage and ask.is_stream and ask.operation in _ASKABLE):
        return False
    if not path.endswith(b"/completions"):  # responses, messages and /api/chat say it themselves
        return False
    return provider.canonical != "azure.ai.openai" or _azure_takes_it(query)


def include_usage(body: bytes) -> bytes | None:
    """The body with ``stream_options.include_usage``; None where it has a word on it, or is no JSON object.

    ``stream_options`` that are null or an object without the member get it inside.
    """
    start = _start_of_object(body)
    if start < 0:
        return None
    try:
        members = _MEMBERS.decode(body[start:] if start else body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    given = members.get(_NAME)
    if given is None:
        comma = b"," if members else b""
        return body[: start + 1] + _MEMBER + comma + body[start + 1 :]
    return _with_usage_inside(body, start, bytes(given))


def _azure_takes_it(query: bytes) -> bool:
    version = next((part[12:] for part in query.split(b"&") if part.startswith(b"api-version=")), b"")
    return not version[:4].isdigit() or unquote_to_bytes(version) >= _AZURE_SINCE


def _start_of_object(body: bytes) -> int:
    spaces = _SPACES.match(body, len(_BOM) if body.startswith(_BOM) else 0)
    start = spaces.end() if spaces else 0
    return start if body[start : start + 1] == b"{" else -1


def _with_usage_inside(body: bytes, start: int, given: bytes) -> bytes | None:
    inner = _object(given)
    if inner is None or "include_usage" in inner:
        return None
    place = _place_of_value(body, start)
    if place < 0 or body[place : place + len(given)] != given:
        return None
    if given == b"null":
        return body[:place] + b"{" + _USAGE + b"}" + body[place + 4 :]
    return body[: place + 1] + _USAGE + (b"," if inner else b"") + body[place + 1 :]


def _object(value: bytes) -> dict[str, Raw] | None:
    try:
        return {} if value == b"null" else _MEMBERS.decode(value)
    except msgspec.DecodeError:
        return None


def _place_of_value(body: bytes, start: int) -> int:
    """Where the value of the last top-level ``stream_options`` begins: of duplicates a reader takes the last.

    The body is known to be a valid object, so strings and brackets are all there is to tell apart.
    """
    depth, found = 0, -1
    for token in _TOKEN.finditer(body, start):
        text = token[0]
        if text[:1] == b'"':
            colon = _COLON.match(body, token.end()) if depth == 1 else None
            if colon and msgspec.json.decode(text) == _NAME:
                found = colon.end()
        else:
            depth += 1 if text in b"{[" else -1
    return found
