"""What a request's refusals add up to: how many events for which reason, and which names such events carried."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, NamedTuple

import msgspec

from ingestion.wire.batch import Batch

SEPARATOR: Final = ", "  # between the names of a sample; no name holds it


class Kind(StrEnum):
    """What was refused; dropped content is no refusal, but the same people want to know of it."""

    EVENT = "event"
    REQUEST = "request"
    CONTENT = "content"


class Reason(NamedTuple):
    """``field`` is ``''`` for the event as a whole; ``message`` is one of our own texts, never a value."""

    field: str
    message: str


class Count(msgspec.Struct):
    """``errors`` counts the events with this reason, ``events`` those of them that have no earlier one.

    So ``events`` adds up to the number of refused events. ``samples`` are lists of names joined by ``SEPARATOR``.
    """

    errors: int = 0
    events: int = 0
    samples: set[str] = msgspec.field(default_factory=set)


type Refused = Mapping[Reason, Count]


def refused(batch: Batch) -> Refused:
    """The refusals of a batch by reason."""
    found: dict[Reason, Count] = {}
    for rejection in batch.rejected:
        sample = SEPARATOR.join(batch.refused_names.get(rejection.index, ()))
        for place, error in enumerate(dict.fromkeys(rejection.errors)):
            count = found.setdefault(Reason(error.field, error.message), Count())
            count.errors += 1
            count.events += place == 0
            if sample:
                count.samples.add(sample)
    return found
