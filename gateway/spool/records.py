"""Lines of a spool: a checksum and a record, so that a line that was cut off or damaged is known for one. Pure."""

import zlib
from datetime import datetime
from typing import Final

import msgspec

from gateway.types import End, Outcome, Start

_SUM_DIGITS: Final = 8


class _Start(msgspec.Struct, tag="start", tag_field="t", omit_defaults=True):
    call_id: str
    at: datetime
    key_prefix: str
    project_slug: str
    provider: str
    address: str = ""
    interrupted: msgspec.Raw = msgspec.Raw()


class _End(msgspec.Struct, tag="end", tag_field="t", omit_defaults=True):
    call_id: str
    outcome: str
    http_status: int = 0
    added_us: int = 0
    event: msgspec.Raw = msgspec.Raw()


_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(_Start | _End).decode


class DamagedLineError(ValueError):
    """Not a whole line of a spool."""


def start_line(record: Start) -> bytes:
    return _line(
        _Start(
            call_id=record.call_id,
            at=record.at,
            key_prefix=record.key_prefix,
            project_slug=record.project_slug,
            provider=record.provider,
            address=record.address,
            interrupted=msgspec.Raw(record.interrupted or b"null"),
        )
    )


def end_line(record: End) -> bytes:
    return _line(
        _End(
            call_id=record.call_id,
            outcome=record.outcome.value,
            http_status=record.http_status,
            added_us=record.added_us,
            event=msgspec.Raw(record.event or b"null"),
        )
    )


def read_line(line: bytes) -> Start | End:
    """The record of a line, with or without its end.

    :raises DamagedLineError: it was cut off or changed.
    """
    checksum, _, document = line.rstrip(b"\n").partition(b" ")
    if len(checksum) != _SUM_DIGITS or checksum != _sum(document):
        raise DamagedLineError
    try:
        found = _decode(document)
        return _as_start(found) if isinstance(found, _Start) else _as_end(found)
    except ValueError as error:
        raise DamagedLineError from error


def _as_start(found: _Start) -> Start:
    return Start(
        call_id=found.call_id,
        at=found.at,
        key_prefix=found.key_prefix,
        project_slug=found.project_slug,
        provider=found.provider,
        address=found.address,
        interrupted=_given(found.interrupted),
    )


def _as_end(found: _End) -> End:
    return End(
        call_id=found.call_id,
        outcome=Outcome(found.outcome),
        http_status=found.http_status,
        added_us=found.added_us,
        event=_given(found.event),
    )


def _given(raw: msgspec.Raw) -> bytes:
    found = bytes(raw)
    return b"" if found == b"null" else found


def _line(record: _Start | _End) -> bytes:
    document = _encode(record)
    return _sum(document) + b" " + document + b"\n"


def _sum(document: bytes) -> bytes:
    return b"%08x" % zlib.crc32(document)
