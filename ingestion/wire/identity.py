"""Which call an event is: its time, its id, and what is hashed before anybody can see it."""

import hmac
import re
from datetime import UTC, datetime, timedelta
from decimal import ROUND_DOWN, Decimal

import msgspec

_RFC3339 = re.compile(
    r"\d{4}-\d\d-\d\d[Tt ](?:[01]\d|2[0-3]):[0-5]\d:(?:[0-5]\d|60)(?:\.\d+)?(?:[Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)",
    re.ASCII,
)
_NUMBER = re.compile(r"-?\d{1,17}(?:\.\d{1,30})?", re.ASCII)
_UUID7 = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}|[0-9a-f]{12}7[0-9a-f]{3}[89ab][0-9a-f]{15}",
    re.IGNORECASE | re.ASCII,
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_ONE = Decimal(1)
_MILLISECONDS_FROM = 100_000_000_000  # as seconds that is the year 5138, as milliseconds 1973
_ABSURD = 10**16
_SECONDS_AT = slice(17, 19)
_decode_datetime = msgspec.json.Decoder(datetime).decode
_LONGEST_Z, _LONGEST_OFFSET = len('"2026-01-02T03:04:05.678901Z"'), len('"2026-01-02T03:04:05.678901+00:00"')


class TimestampError(ValueError):
    """Not a form we read; the text says which forms are."""


def parse_timestamp(value: object) -> datetime:
    """UTC, truncated to microseconds, from RFC 3339 or the epoch in seconds or milliseconds (number or numeric string).

    A number below 10¹¹ is seconds. A leap second counts as the first second of the next minute. Text without
    an offset is refused: guessing the zone would move the call.

    :raises TimestampError: any other form, or a moment no calendar has.
    """
    if isinstance(value, str):
        if _RFC3339.fullmatch(value):
            return _from_text(value)
        if _NUMBER.fullmatch(value):
            return _from_number(Decimal(value))
    elif isinstance(value, int | Decimal) and not isinstance(value, bool):
        return _from_number(Decimal(value))
    raise TimestampError("must be RFC 3339 with an offset, or the epoch in seconds or milliseconds")


def plain_timestamp(raw: bytes) -> datetime | None:
    """What ``parse_timestamp`` makes of the usual JSON text, in a tenth of the time: UTC, no finer than microseconds.

    None for everything else, also for what is wrong: that is ``parse_timestamp``'s to say.
    """
    if not (raw.endswith(b'Z"') and len(raw) <= _LONGEST_Z) and not (
        raw.endswith(b'+00:00"') and len(raw) <= _LONGEST_OFFSET
    ):
        return None
    try:
        return _decode_datetime(raw)
    except msgspec.ValidationError:
        return None


def _from_text(text: str) -> datetime:
    text = text.upper()
    leap = text[_SECONDS_AT] == "60"
    if leap:
        text = f"{text[:17]}59{text[19:]}"
    try:
        moment = datetime.fromisoformat(text).astimezone(UTC)
        return moment.replace(microsecond=0) + timedelta(seconds=1) if leap else moment
    except (ValueError, OverflowError) as error:
        raise TimestampError("is not a date of the calendar") from error


def _from_number(number: Decimal) -> datetime:
    if not -_ABSURD < number < _ABSURD:
        raise TimestampError("is not a date of the calendar")
    places = 3 if abs(number) >= _MILLISECONDS_FROM else 6
    micros = int(number.quantize(_ONE.scaleb(-places), rounding=ROUND_DOWN).scaleb(places))
    try:
        return _EPOCH + timedelta(microseconds=micros)
    except OverflowError as error:
        raise TimestampError("is not a date of the calendar") from error


def uuid7_time(call_id: str) -> datetime | None:
    """The moment inside a UUIDv7 (RFC 9562), with or without hyphens; None for any other id.

    :raises TimestampError: a UUIDv7 whose time is beyond the calendar.
    """
    if not _UUID7.fullmatch(call_id):
        return None
    millis = int(call_id.replace("-", "")[:12], 16)
    try:
        return _EPOCH + timedelta(milliseconds=millis)
    except OverflowError as error:
        raise TimestampError("is not a date of the calendar") from error


def new_uuid7(now: datetime, sequence: int, random: bytes) -> str:
    """A UUIDv7 for ``now``; ``sequence`` (0…4095) keeps the ids of one request in order; ``random`` is 8 bytes."""
    millis = (now - _EPOCH) // _MILLISECOND
    tail = int.from_bytes(random) & 0x3FFF_FFFF_FFFF_FFFF | 0x8000_0000_0000_0000
    digits = f"{millis:012x}7{sequence & 0xFFF:03x}{tail:016x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def keyed_hash(purpose: str, value: str, key: bytes) -> str:
    """64 hex digits of HMAC-SHA256; ``purpose`` keeps equal values of different fields apart."""
    return hmac.digest(key, f"{purpose}\0{value}".encode(), "sha256").hex()


_DIGITS_OF_A_NUMBER = 7  # the shortest telephone or customer number that identifies somebody
_NOT_DIGITS = re.compile(r"\D+")


def looks_personal(user_id: str) -> bool:
    """An ``@`` or at least seven digits: an e-mail address, a telephone or a customer number."""
    if "@" in user_id:
        return True
    return len(user_id) >= _DIGITS_OF_A_NUMBER and len(_NOT_DIGITS.sub("", user_id)) >= _DIGITS_OF_A_NUMBER


def stored_user_id(user_id: str, key: bytes) -> str:
    """The same value for the same person, from which nobody gets back to the person without the key."""
    return "user:" + keyed_hash("user_id", user_id, key)[:32]
