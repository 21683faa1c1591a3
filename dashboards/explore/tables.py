"""An answer as a table: its groups, what they leave, and the total. Pure."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from core import formats
from core.charts import FORMATS
from core.formats import Number
from dashboards.charts import REST
from dashboards.explore.answer import Answer, Group
from dashboards.explore.dimensions import LABELS
from dashboards.explore.metrics import Measured

type Show = Callable[[Number | None], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A group, the rest or the total: ``value`` is ``number`` as text, ``share`` its part of the total where parts
    add up. ``group`` is None for the rest and the total.
    """

    names: tuple[str, ...]
    number: Number | None
    value: str
    share: float | None
    calls: int
    unpriced_calls: int
    group: Group | None = None

    @property
    def is_unpriced(self) -> bool:
        """Whether it has no value because not one of its calls has a price."""
        return self.number is None and 0 < self.unpriced_calls == self.calls


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """``names`` are the headers of the groups; ``has_shares`` whether parts of the metric add up to the whole."""

    names: tuple[str, ...]
    value_header: str
    lines: list[Line]
    rest: Line | None
    total: Line
    has_shares: bool
    has_calls: bool


def table(answer: Answer, *, show_cost: Show = formats.usd) -> Table:
    """Every named group, then "all others", then the total."""
    whole = answer.value(answer.total) if answer.metric.is_summable else None
    width = max(len(answer.question.by), 1)

    def line(names: tuple[str, ...], measured: Measured, group: Group | None = None) -> Line:
        number = answer.value(measured)
        return Line(
            names=names + ("",) * (width - len(names)),
            number=number,
            value=show_cost(number) if answer.metric.is_money else FORMATS[answer.metric.unit](number),
            share=_share(number, whole),
            calls=measured.calls,
            unpriced_calls=int(measured["unpriced_calls"]),
            group=group,
        )

    return Table(
        names=tuple(LABELS[name] for name in answer.question.by) or ("Calls",),
        value_header=answer.metric.label,
        lines=[line(tuple(name.label for name in group.names), group.measured, group) for group in answer.groups],
        rest=line((f"{REST} ({formats.count(answer.rest_count)})",), answer.rest) if answer.rest_count else None,
        total=line(("Total",), answer.total),
        has_shares=answer.metric.is_summable,
        has_calls=answer.metric.name != "calls",
    )


def _share(part: Number | None, whole: Number | None) -> float | None:
    """A fraction of nothing cannot be told."""
    return float(Decimal(part) / Decimal(whole)) if part is not None and whole else None
