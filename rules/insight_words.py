"""Stored insights in words, for pages, the API and reports: what each is called, where it is, what decided."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from core import formats
from rules.engine import wording
from rules.engine.insights import Evidence, Figure, Number, evidence_of
from rules.engine.names import Rule
from rules.engine.thresholds import CATALOGUE, RuleSpec
from rules.models import Insight

type Cost = Callable[[Number], str]


@dataclass(frozen=True, slots=True)
class Reading:
    """A figure of the evidence as people read it; ``normal`` says when the rule fires, '' where nothing is compared."""

    label: str
    value: str
    normal: str


def spec(insight: Insight) -> RuleSpec:
    return CATALOGUE[Rule(insight.rule)]


def evidence(insight: Insight) -> Evidence:
    return evidence_of(insight.evidence)


def place(insight: Insight) -> str:
    """The budget's name, or the model, feature, resource and team as far as it is about them."""
    return insight.budget.name if insight.budget else wording.place_of(insight.subject)


def title(insight: Insight) -> str:
    name, where = spec(insight).title, place(insight)
    return f"{name}: {where}" if where else name


def readings(found: Evidence, *, cost: Cost = formats.usd) -> list[Reading]:
    return [reading(figure, cost=cost) for figure in found.figures]


def decided(found: Evidence, *, cost: Cost = formats.usd) -> Reading | None:
    """The figure that decided; None where nothing was compared."""
    figure = wording.deciding(found)
    return None if figure is None else reading(figure, cost=cost)


def reading(figure: Figure, *, cost: Cost = formats.usd) -> Reading:
    value = wording.text(figure.value, figure.unit, cost=cost)
    return Reading(wording.label(figure), value, _fires(figure, cost))


_WORDS: Final = {"<": "below", ">": "above", "≥": "from"}


def _fires(figure: Figure, cost: Cost) -> str:
    """``below 100 tokens a call``, ``from 50 calls``: where the rule fires."""
    if figure.against is None:
        return ""
    return f"{_WORDS[figure.comparison]} {wording.text(figure.against, figure.unit, cost=cost)}"


def cause(insight: Insight, *, cost: Cost = formats.usd) -> str:
    """Why it is there: what the rule looks for, and by which number it was found."""
    found = decided(evidence(insight), cost=cost)
    explanation = spec(insight).explanation
    if found is None:
        return explanation
    return f"{explanation} {found.label}: {found.value}; the rule fires {found.normal}."


@dataclass(frozen=True, slots=True)
class Price:
    """What a model costs, in dollars for a million tokens; None for what its card does not say."""

    model: str
    input_usd: Decimal | None
    output_usd: Decimal | None
    cached_input_usd: Decimal | None


def prices(insight: Insight) -> list[Price]:
    """The prices that the saving compares."""
    return [
        Price(
            price["model"], _exact(price["input_usd"]), _exact(price["output_usd"]), _exact(price["cached_input_usd"])
        )
        for price in insight.saving_prices
    ]


def _exact(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)
