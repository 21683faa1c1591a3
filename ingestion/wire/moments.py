"""When an event happened, by what it says of itself and what its receiver allows."""

from datetime import datetime

from msgspec import Raw

from ingestion.wire.batch import FieldError, ParseContext
from ingestion.wire.event import ABSENT
from ingestion.wire.identity import TimestampError, parse_timestamp, plain_timestamp, uuid7_time
from ingestion.wire.tolerant import FieldProblem, is_given, read_anything


def moment_of(timestamp: Raw, identifier: str | None, context: ParseContext, errors: list[FieldError]) -> datetime:
    """The given time, else the one inside the id, else now; outside the context's window it is an error."""
    try:
        moment = _own_time(timestamp, identifier)
    except (TimestampError, FieldProblem) as problem:
        errors.append(FieldError("timestamp", str(problem)))
        return context.now
    if moment is None:
        return context.now
    if moment < context.earliest:
        errors.append(FieldError("timestamp", "is older than the retention period"))
    elif moment > context.latest:
        errors.append(FieldError("timestamp", "is more than 10 minutes ahead of the server's clock"))
    return moment


def _own_time(timestamp: Raw, identifier: str | None) -> datetime | None:
    if timestamp is not ABSENT and is_given(timestamp):
        raw = bytes(timestamp)
        return plain_timestamp(raw) or parse_timestamp(read_anything(raw))
    if not identifier:
        return None
    inside = uuid7_time(identifier)
    if inside is None:
        raise TimestampError("is required unless the id is a UUIDv7")
    return inside
