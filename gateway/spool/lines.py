"""A record of the spool as a line: its checksum, a space, JSON. Whatever does not check out is no record."""

import time
from datetime import datetime
from typing import Final
from zlib import crc32

import msgspec

from gateway.types import Ask, End, Outcome, Start
from gateway.wire import events

_CHECKSUM: Final = 8  # hexadecimal digits, before a space
_NOTHING: Final = msgspec.Raw(b"null")


class StartLine(msgspec.Struct, frozen=True, tag_field="kind", tag="start"):
    """What a ``gateway.types.Start`` says; ``written_at`` is in seconds since 1970."""

    call_id: str
    at: datetime
    key_prefix: str
    project_slug: str
    provider: str
    written_at: float
    canonical: str = ""
    address: str = ""
    ask: Ask | None = None

    @property
    def interrupted(self) -> bytes:
        """The event that is stored should nothing follow, as JSON; b'' for what is no call of a model."""
        if self.ask is None:
            return b""
        return events.interrupted(call_id=self.call_id, at=self.at, provider=self.canonical, ask=self.ask)


class EndLine(msgspec.Struct, frozen=True, tag_field="kind", tag="end"):
    """What a ``gateway.types.End`` says; ``event`` is JSON, null where nothing would be stored."""

    call_id: str
    outcome: Outcome
    http_status: int
    added_us: int
    written_at: float
    event: msgspec.Raw = _NOTHING

    @property
    def stored(self) -> bytes:
        return _bytes(self.event)


type Record = StartLine | EndLine

_encode = msgspec.json.Encoder().encode
_decoder: msgspec.json.Decoder[Record] = msgspec.json.Decoder(StartLine | EndLine)


def start_line(record: Start) -> bytes:
    return _line(
        StartLine(
            record.call_id,
            record.at,
            record.key_prefix,
            record.project_slug,
            record.provider,
            time.time(),
            record.canonical,
            record.address,
            record.ask,
        )
    )


def end_line(record: End) -> bytes:
    return _line(
        EndLine(record.call_id, record.outcome, record.http_status, record.added_us, time.time(), _raw(record.event))
    )


def read_line(line: bytes) -> Record | None:
    """The record of a line without its line feed; None when the line is torn or damaged."""
    payload = line[_CHECKSUM + 1 :]
    if line[: _CHECKSUM + 1] != b"%08x " % crc32(payload):
        return None
    try:
        return _decoder.decode(payload)
    except msgspec.MsgspecError:
        return None


def _line(record: Record) -> bytes:
    payload = _encode(record)
    return b"%08x %b\n" % (crc32(payload), payload)


def _raw(event: bytes) -> msgspec.Raw:
    """Between the values of a JSON text a line feed is a blank; within one it is escaped."""
    return msgspec.Raw(event.replace(b"\n", b" ")) if event else _NOTHING


def _bytes(event: msgspec.Raw) -> bytes:
    found = bytes(event)
    return b"" if found == b"null" else found
