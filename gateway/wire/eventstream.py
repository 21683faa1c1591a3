"""AWS's event stream (``application/vnd.amazon.eventstream``), as Bedrock streams: binary frames that hold JSON.

A frame is its length, the length of its headers and a checksum, the headers, the payload and another checksum. The
checksums are the client's to check: we read beside.
"""

import binascii
import struct
from collections.abc import Iterator
from typing import Final

import msgspec

_PRELUDE: Final = struct.Struct(">III")
_CHECKSUM: Final = 4
_SMALLEST: Final = _PRELUDE.size + _CHECKSUM
_LARGEST: Final = 24 * 2**20
_TEXT: Final = 7  # the type of the headers that name an event; the only one they have
_KIND, _FAILURE = ":event-type", ":exception-type"


class _Chunk(msgspec.Struct):
    bytes: str = ""


class Frame(msgspec.Struct, frozen=True):
    """``kind`` is the event's type; ``failure`` is the exception's, '' for an event. ``payload`` is JSON."""

    kind: str
    failure: str
    payload: bytes


class NotFramedError(ValueError):
    """The bytes are no frames."""


class Frames:
    """Collects frames from chunks."""

    def __init__(self) -> None:
        self._pending = bytearray()

    def feed(self, chunk: bytes) -> Iterator[Frame]:
        """:raises NotFramedError: it cannot be read on."""
        self._pending += chunk
        while len(self._pending) >= _PRELUDE.size:
            size, headers, _ = _PRELUDE.unpack_from(self._pending)
            if not _SMALLEST + headers <= size <= _LARGEST:
                raise NotFramedError
            if len(self._pending) < size:
                return
            frame = bytes(self._pending[:size])
            del self._pending[:size]
            yield _frame(frame, _PRELUDE.size + headers)


def _frame(frame: bytes, payload_at: int) -> Frame:
    named = _headers(frame[_PRELUDE.size : payload_at])
    payload = frame[payload_at:-_CHECKSUM]
    return Frame(named.get(_KIND, ""), named.get(_FAILURE, ""), _inner(payload))


def _headers(raw: bytes) -> dict[str, str]:
    found, at = {}, 0
    try:
        while at < len(raw):
            name_end = at + 1 + raw[at]
            if raw[name_end] != _TEXT:
                break
            value_at = name_end + 3
            value_end = value_at + int.from_bytes(raw[name_end + 1 : value_at])
            found[raw[at + 1 : name_end].decode()] = raw[value_at:value_end].decode()
            at = value_end
    except (IndexError, UnicodeDecodeError):
        raise NotFramedError from None
    return found


def _inner(payload: bytes) -> bytes:
    """What ``invoke-with-response-stream`` wraps: the model's own event, in Base64."""
    if not payload.startswith(b'{"bytes"') and b'"bytes"' not in payload:
        return payload
    try:
        return binascii.a2b_base64(msgspec.json.decode(payload, type=_Chunk).bytes) or payload
    except (msgspec.DecodeError, ValueError, UnicodeDecodeError):
        return payload
