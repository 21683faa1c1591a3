"""The calls of one trace as a picture: who called whom, when each began, and what all so far have cost. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from ingestion.pricing.calculator import EXACT, ZERO

WIDTH: Final = 1000  # of the picture, in units of its own
_LEAST: Final = 4.0  # a call without a latency, or a very short one, is still to be seen
_DEEPEST: Final = 6  # indents of a row


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """One call, as far as its place in the trace is concerned; ``cost_usd`` is None for what is in no sum."""

    project_id: int
    started_at: datetime
    call_id: str
    span_id: str
    parent_span_id: str
    latency_ms: float | None
    cost_usd: Decimal | None

    @property
    def key(self) -> tuple[datetime, str, int]:
        """Its identity, in the order of time."""
        return self.started_at, self.call_id, self.project_id


@dataclass(frozen=True, slots=True)
class Step:
    """A call in its place: how far inside other calls, and what it and all shown above it cost."""

    span: Span
    depth: int
    total_usd: Decimal


@dataclass(frozen=True, slots=True)
class Bar:
    """Where a call lies in its trace, in units of ``WIDTH``."""

    left: float
    width: float


def steps(spans: Iterable[Span]) -> list[Step]:
    """Calls below the call whose span is their parent, else in the order of time; costs add up downwards."""
    total = ZERO
    made = []
    for span, depth in _nested(sorted(spans, key=lambda span: span.key)):
        total = EXACT.add(total, span.cost_usd) if span.cost_usd is not None else total
        made.append(Step(span, min(depth, _DEEPEST), total))
    return made


def bar(span: Span, *, start: datetime, length_ms: float) -> Bar:
    """The bar of one call in a trace that began at ``start`` and took ``length_ms``."""
    offset = offset_ms(span, start=start)
    width = max((span.latency_ms or 0) / length_ms * WIDTH, _LEAST) if length_ms else float(WIDTH)
    left = offset / length_ms * WIDTH if length_ms else 0.0
    return Bar(left=round(min(left, WIDTH - _LEAST), 1), width=round(min(width, WIDTH), 1))


def offset_ms(span: Span, *, start: datetime) -> float:
    """How long after ``start`` a call began."""
    return (span.started_at - start).total_seconds() * 1000


def _nested(spans: Sequence[Span]) -> Iterator[tuple[Span, int]]:
    """Every call once with its depth, parents first. Ids that go in circles are read as if they had no parent."""
    by_id: dict[str, Span] = {}
    for span in spans:
        if span.span_id:
            by_id.setdefault(span.span_id, span)
    children: dict[tuple[datetime, str, int], list[Span]] = {}
    roots = []
    for span in spans:
        parent = by_id.get(span.parent_span_id)
        if parent is None or parent is span:
            roots.append(span)
        else:
            children.setdefault(parent.key, []).append(span)
    seen: set[tuple[datetime, str, int]] = set()
    # What hangs on itself is reached from no root: its earliest call becomes one.
    for root in (*roots, *spans):
        stack = [(root, 0)]
        while stack:
            span, depth = stack.pop()
            if span.key in seen:
                continue
            seen.add(span.key)
            yield span, depth
            stack += [(child, depth + 1) for child in reversed(children.get(span.key, []))]
