"""``POST /api/v1/cloud-metrics``: samples of cloud functions and workers in; rows, rejections and warnings out.

Samples are few, so each is read member by member; the way events take is ten times faster and three times as long.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Final

import msgspec
from msgspec import Raw

from ingestion.wire.amounts import MAX_COUNT, NumberError, decimal_number, decimal_text
from ingestion.wire.batch import FieldError, ParseContext, SampleBatch
from ingestion.wire.event import ABSENT, Count, Milliseconds, Text50, Text64, Text100, Text255
from ingestion.wire.framing import SAMPLES, BodyReader
from ingestion.wire.identity import new_uuid7
from ingestion.wire.moments import moment_of
from ingestion.wire.tolerant import FieldProblem, is_given, read_anything, read_members, readers_of
from ingestion.wire.types import Sample

type Amount = Callable[[object], Decimal]

_NO_ID: Final = "samples without an id are stored again when a request is retried: send an id or use Idempotency-Key"


class SampleEvent(msgspec.Struct, kw_only=True):
    """A sample as it is on the wire; ``Raw`` members are exact numbers. Null means "not given"."""

    resource: Text255 | None = None
    id: Text64 | None = None
    timestamp: Raw = ABSENT
    kind: Text50 | None = None
    team: Text100 | None = None
    environment: Text100 | None = None
    project: Text100 | None = None
    allocated_mb: Raw = ABSENT
    used_mb: Raw = ABSENT
    invocations: Count | None = None
    duration_ms: Milliseconds | None = None
    cost_usd: Raw = ABSENT


NAMES: Final[Mapping[str, str]] = {name: name for name in SampleEvent.__struct_fields__}
_READERS: Final = readers_of(SampleEvent)


def parse_samples(body: bytes, *, content_type: str, context: ParseContext) -> SampleBatch:
    """Decode one sample, an array, ``{"samples": […]}`` or NDJSON. A bad sample is a rejection, never an exception.

    :raises MalformedBody: a JSON document that is not valid, or neither a sample nor a list of them.
    :raises TooManyEvents: more than 5,000.
    :raises UnsupportedMediaType: neither JSON nor NDJSON, or not UTF-8.
    """
    parser = _Parser(context)
    parser.read(body, content_type)
    return parser.batch


class _Parser(BodyReader):
    def __init__(self, context: ParseContext) -> None:
        self.batch = SampleBatch()
        super().__init__(self.batch, SAMPLES)
        self._context = context
        self._warned_no_id = False

    def _add(self, raw: bytes) -> None:
        index = self.batch.total
        members = read_members(raw, NAMES, _READERS)
        self.batch.content_fields_dropped += members.content_fields
        if any(error.field == "" for error in members.errors):
            self._refuse(None, members.errors)
            return
        for name in members.unknown:
            self.batch.warn(index, name, "is not a field we know: dropped")
        self._assemble(SampleEvent(**members.values), index, members.errors)
        self.batch.total += 1

    def _assemble(self, event: SampleEvent, index: int, errors: list[FieldError]) -> None:
        """Append the sample, or its rejection with ``errors`` (found before) and those found here."""
        resource = _resource(event, errors)
        sampled_at = moment_of(event.timestamp, event.id, self._context, errors)
        allocated = _amount("allocated_mb", event.allocated_mb, _allocated, errors)
        used = _amount("used_mb", event.used_mb, _megabytes, errors)
        cost = _amount("cost_usd", event.cost_usd, _usd, errors, is_required=False)
        if errors or allocated is None or used is None:
            self.batch.reject(index, event.id or None, errors)
            return
        if used > allocated:
            self.batch.warn(index, "used_mb", "is more than allocated_mb: stored as sent")
        sample = Sample(
            sample_id=event.id or self._new_id(index),
            sampled_at=sampled_at,
            resource=resource,
            kind=event.kind or "",
            team=event.team or "",
            environment=event.environment or "default",
            allocated_mb=allocated,
            used_mb=used,
            invocations=event.invocations,
            duration_ms=event.duration_ms,
            cost_usd=cost,
            project_slug="" if event.project == self._context.project_slug else event.project or "",
        )
        self.batch.samples.append((index, sample))

    def _new_id(self, index: int) -> str:
        if not self._warned_no_id:
            self._warned_no_id = True
            self.batch.warn(index, "id", _NO_ID)
        return new_uuid7(self._context.now, index, self._context.random_bytes(8))


def _resource(event: SampleEvent, errors: list[FieldError]) -> str:
    if event.resource and not event.resource.isspace():
        return event.resource
    if all(error.field != "resource" for error in errors):
        errors.append(FieldError("resource", "is required"))
    return ""


def _amount(name: str, raw: Raw, read: Amount, errors: list[FieldError], *, is_required: bool = True) -> Decimal | None:
    """The exact number of a member; None when it is not given, or unusable, which is noted."""
    if raw is ABSENT or not is_given(raw):
        if is_required:
            errors.append(FieldError(name, "is required"))
        return None
    try:
        return read(read_anything(bytes(raw)))
    except (NumberError, FieldProblem) as problem:
        errors.append(FieldError(name, str(problem)))
        return None


def _megabytes(value: object) -> Decimal:
    return decimal_number(value, at_most=MAX_COUNT)


def _allocated(value: object) -> Decimal:
    number = _megabytes(value)
    if not number:
        raise NumberError("must be > 0")
    return number


def _usd(value: object) -> Decimal:
    return decimal_text(value, at_most=MAX_COUNT)
