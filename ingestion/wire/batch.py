"""What one request became: the calls to store and everything its sender is told about the rest."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

import msgspec

from ingestion.wire.types import Call, Sample

MOST_WARNINGS = 100
MOST_SAMPLES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class ParseContext:
    """What the decoders need to know about the sender and the moment; they look nothing up themselves.

    ``now``, ``earliest`` and ``latest`` are aware UTC; a call outside [earliest, latest], the partitions that exist,
    is rejected. ``infer_provider`` maps a raw model id to a provider or ``''``. ``hash_key`` is the organization's HMAC
    key. ``project_slug`` is the key's project, None for an organization key. ``random_bytes`` feeds server-made ids.
    """

    now: datetime
    earliest: datetime
    latest: datetime
    infer_provider: Callable[[str], str]
    hash_key: bytes = field(repr=False)
    allow_personal_ids: bool = False
    project_slug: str | None = None
    source: str = "rest"
    random_bytes: Callable[[int], bytes] = field(default=os.urandom, repr=False)


class FieldError(msgspec.Struct, frozen=True, gc=False):
    """Why a field was refused. ``field`` is ``''`` when it is the event as a whole; the message repeats no value."""

    field: str
    message: str


class Rejection(msgspec.Struct, frozen=True):
    """An event that is not stored; ``index`` counts the request's events from 0, ``id`` is as sent if it was usable."""

    index: int
    id: str | None
    errors: list[FieldError]


class FieldWarning(msgspec.Struct, frozen=True, gc=False):
    """Something about an event its sender should know although it was not refused for it."""

    index: int
    field: str
    message: str


class Batch(msgspec.Struct, kw_only=True):
    """The outcome of decoding one body. ``calls`` carry their event's index; ``warnings`` are the first 100.

    ``ignored`` counts the spans of a trace that are no model calls. ``refused_names`` are the names
    (``field_names``) that the first three refused events carried, by index: for the log of refusals, not the answer.
    """

    calls: list[tuple[int, Call]] = msgspec.field(default_factory=list)
    rejected: list[Rejection] = msgspec.field(default_factory=list)
    warnings: list[FieldWarning] = msgspec.field(default_factory=list)
    content_fields_dropped: int = 0
    total: int = 0
    ignored: int = 0
    refused_names: dict[int, tuple[str, ...]] = msgspec.field(default_factory=dict)

    def warn(self, index: int, field: str, message: str) -> None:
        """Keep a warning unless the answer is full already."""
        if len(self.warnings) < MOST_WARNINGS:
            self.warnings.append(FieldWarning(index, field, message))

    def reject(self, index: int, call_id: str | None, errors: list[FieldError]) -> None:
        """Refuse an event while decoding."""
        self.rejected.append(Rejection(index, call_id, errors))

    def wants_names(self) -> bool:
        """Whether the event read last was refused, and so were not too many before it."""
        is_refused = bool(self.rejected) and self.rejected[-1].index == self.total - 1
        return is_refused and len(self.refused_names) < MOST_SAMPLES

    def refuse_calls(self, refused: dict[int, FieldError]) -> None:
        """Turn decoded calls into rejections, for what only the caller can know (event index → why)."""
        self._refuse({index: call.call_id for index, call in self.calls if index in refused}, refused)
        self.calls = [(index, call) for index, call in self.calls if index not in refused]

    def _refuse(self, ids: dict[int, str], refused: dict[int, FieldError]) -> None:
        self.rejected += [Rejection(index, identifier, [refused[index]]) for index, identifier in ids.items()]
        self.rejected.sort(key=lambda rejection: rejection.index)


class SampleBatch(Batch, kw_only=True):
    """The outcome of decoding a body of samples; there are no ``calls``."""

    samples: list[tuple[int, Sample]] = msgspec.field(default_factory=list)

    def refuse_samples(self, refused: dict[int, FieldError]) -> None:
        """Turn decoded samples into rejections (index → why)."""
        self._refuse({index: one.sample_id for index, one in self.samples if index in refused}, refused)
        self.samples = [(index, one) for index, one in self.samples if index not in refused]
