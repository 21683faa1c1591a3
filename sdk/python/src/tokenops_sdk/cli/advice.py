"""What a file's usage would cost on other models, by the public catalogue. Nothing leaves the machine."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from tokenops_sdk.cli import files, output
from tokenops_sdk.cli.errors import FileError
from tokenops_sdk.prices import estimate_cost, inclusive_counts

# Models to compare with: widely offered ones of each size. A price comes from the catalogue, never from here.
_CANDIDATES: Final = (
    "gpt-4o",
    "gpt-4o-mini",
    "gpt-4.1",
    "gpt-4.1-mini",
    "gpt-4.1-nano",
    "claude-sonnet-4-20250514",
    "claude-3-5-haiku-latest",
    "gemini-2.5-pro",
    "gemini-2.5-flash",
    "gemini-2.5-flash-lite",
    "mistral-large-latest",
    "mistral-small-latest",
)
_COUNTS: Final = ("input_tokens", "output_tokens", "cached_input_tokens", "cache_write_tokens")
_ALIASES: Final = {"prompt_tokens": "input_tokens", "completion_tokens": "output_tokens"}


@dataclass
class Advice:
    """A model's calls in a file, and cheaper models for the same tokens: (model, cost), cheapest first."""

    model: str
    calls: int = 0
    tokens: Counter[str] = field(default_factory=Counter)
    cost: Decimal | None = None
    cheaper: list[tuple[str, Decimal]] = field(default_factory=list)

    def document(self) -> dict[str, Any]:
        """For ``--json``; money is text, an unknown cost null."""
        return {
            "model": self.model,
            "calls": self.calls,
            "cost_usd": None if self.cost is None else _text(self.cost),
            "alternatives": [
                {"model": name, "cost_usd": _text(cost), "saves_usd": _text(self.cost - cost)}
                for name, cost in self.cheaper
                if self.cost is not None
            ],
        }

    def rows(self) -> Iterator[list[str]]:
        """For a table."""
        own = [self.model, f"{self.calls:,}", output.dollars(None if self.cost is None else str(self.cost))]
        if not self.cheaper or self.cost is None:
            yield [*own, "none cheaper" if self.cost is not None else "no price in the catalogue", "", ""]
        for place, (name, cost) in enumerate(self.cheaper):
            saves = output.dollars(str((self.cost or cost) - cost))
            yield [*(own if place == 0 else ["", "", ""]), name, output.dollars(str(cost)), saves]


def advise(path: Path, *, most: int) -> list[Advice]:
    """Advice for each model of a file, the most expensive first.

    :raises FileError: the file cannot be read, or a line has no model or no counts.
    :raises ImportError: the prices are missing.
    """
    found: dict[str, Advice] = {}
    for number, event in enumerate(files.events(path), 1):
        model = event.get("model")
        if not isinstance(model, str) or not model:
            raise FileError(f"{path}, event {number}: it has no model.")
        one = found.setdefault(model, Advice(model))
        one.calls += 1
        try:
            one.tokens.update(_counts(event))
        except (TypeError, ValueError) as error:
            raise FileError(f"{path}, event {number}: its token counts cannot be read.") from error
    for one in found.values():
        one.cost = _cost(one.model, one.tokens)
        one.cheaper = _cheaper(one, most)
    return sorted(found.values(), key=lambda one: one.cost or Decimal(-1), reverse=True)


def _cheaper(one: Advice, most: int) -> list[tuple[str, Decimal]]:
    if one.cost is None:
        return []
    costs = [(name, cost) for name in _CANDIDATES if (cost := _cost(name, one.tokens)) is not None and cost < one.cost]
    return sorted(costs, key=lambda pair: pair[1])[:most]


def _counts(event: dict[str, Any]) -> dict[str, int]:
    if isinstance(event.get("usage"), dict):
        used = inclusive_counts(event["usage"])
        names = zip(_COUNTS, ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens"), strict=True)
        return {ours: used[theirs] for ours, theirs in names}
    given = {_ALIASES.get(name, name): value for name, value in event.items()}
    return {name: int(given.get(name) or 0) for name in _COUNTS}


def _cost(model: str, tokens: Counter[str]) -> Decimal | None:
    """Of the sums: exact where a price has no tiers by the size of a call."""
    usage = {
        "prompt_tokens": tokens["input_tokens"],
        "completion_tokens": tokens["output_tokens"],
        "prompt_tokens_details": {"cached_tokens": tokens["cached_input_tokens"]},
    }
    return estimate_cost(model, usage)


def _text(amount: Decimal) -> str:
    return f"{amount.normalize():f}"
