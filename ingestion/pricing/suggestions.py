"""Which model of the catalogue an unpriced id may be: a suggestion for a person, never a match.

Matching never removes what changes a price. Here all of it is removed, because somebody looks at the result.
"""

import re
from collections.abc import Callable, Iterator
from typing import Final

import msgspec

from ingestion.pricing.cards import RateCard
from ingestion.pricing.matching import BEDROCK_SUFFIX, DATE_SUFFIX, clean
from ingestion.pricing.providers import infer_provider

_REGION: Final = re.compile(r"^(us-gov|us|eu|apac|au|ca|jp|sa|global)\.(?=[a-z0-9]+\.)")
_VARIANT: Final = re.compile(r":(free|nitro|beta|extended|thinking|online|floor|exacto|latest)$")
_FINE_TUNE: Final = re.compile(r"^ft:([^:]+).*$")
_LATEST: Final = re.compile(r"-(latest|preview|exp)$")
_OWNER: Final = re.compile(r"^[\w.-]+/(?=.)")

# What is taken off, and why the result may cost something else.
_STRIPS: Final[tuple[tuple[str, re.Pattern[str], str], ...]] = (
    ("the base of this fine-tune", _FINE_TUNE, r"\1"),
    ("without its region", _REGION, ""),
    ("without its variant", _VARIANT, ""),
    ("without its version", BEDROCK_SUFFIX, ""),
    ("without its date", DATE_SUFFIX, ""),
    ("without “latest”", _LATEST, ""),
    ("without its owner", _OWNER, ""),
)

type Find = Callable[[str, str], RateCard | None]  # provider, model id → the catalogue's card


class Suggestion(msgspec.Struct, frozen=True, kw_only=True):
    """A catalogue model that is near; ``why`` says what was taken off the id to get there."""

    card: RateCard
    why: str


def suggest(provider: str, model: str, find: Find) -> Suggestion | None:
    """The nearest model of the call's own provider, else of the one the id gives away; None where nothing is near."""
    for name, why in _forms(clean(model.lower(), provider)):
        for seller in dict.fromkeys((provider, infer_provider(name), infer_provider(model))):
            card = find(seller, name) if seller else None
            if card is not None and card.is_priced and card.prices:
                return Suggestion(card=card, why=why)
    return None


def _forms(model: str) -> Iterator[tuple[str, str]]:
    """The id with more and more taken off, and what that was."""
    yield model, "the same name at another provider"
    taken: list[str] = []
    for why, pattern, left in _STRIPS:
        shorter = pattern.sub(left, model)
        if shorter and shorter != model:
            model = shorter
            taken.append(why)
            yield model, ", ".join(taken)
