"""Which card prices a call: the matching order of telemetry.md, first hit wins.

The steps, as stored in ``price_match``:

=============  ========================================================================================
``override``   an organization's own price on the raw id
``alias``      an organization's "this id is that catalogue model"
``exact``      the catalogue on the raw id
``prefix``     … without a transport prefix (``models/``, a leading ``provider/`` of the call's own provider)
``date-dashed``  … with a compact date written with dashes
``suffix``     … without a date or Bedrock's ``-v1:0``, where the catalogue has no dated sibling of that base
``no-usage``   no card: nobody knows what the call used, so whatever its model costs, its cost is unknown
=============  ========================================================================================

Nothing else is ever removed: region prefixes, ``:free`` variants and ``ft:`` change the price.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from functools import cached_property

from ingestion.pricing import clauses
from ingestion.pricing.cards import ALIAS, RateCard
from ingestion.pricing.clauses import Predicate
from ingestion.pricing.providers import InferProvider, catalogue_id, exact_catalogue_id, infer_provider

__all__ = ["CardIndex", "InferProvider", "clean", "context_of", "find", "infer_provider", "select"]

OVERRIDE, EXACT, PREFIX, DATE_DASHED, SUFFIX = "override", "exact", "prefix", "date-dashed", "suffix"
NO_USAGE = "no-usage"

TRANSPORT_PREFIXES = ("models/", "publishers/google/models/", "accounts/fireworks/models/")
COMPACT_DATE = re.compile(r"-(20\d{2})(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])(?=-|:|$)")
DATE_SUFFIX = re.compile(r"[-@](20\d{2})(-?)(0[1-9]|1[0-2])\2(0[1-9]|[12]\d|3[01])$")
BEDROCK_SUFFIX = re.compile(r"-v\d+:\d+$")

CONTEXTS: Mapping[str, Mapping[str, str]] = {
    "standard": {},
    "batch": {"processing": "batch"},
    "flex": {"service_tier": "flex"},
    "priority": {"service_tier": "priority"},
    "fast": {"service_tier": "fast", "speed": "fast"},  # OpenAI's word for it and Anthropic's
}

type ModelKey = tuple[str, str, str]
type PriceContext = Mapping[str, str]
type Hits = tuple[str, Sequence[RateCard]]  # a step and the cards it finds, in catalogue order


def context_of(service_tier: str) -> PriceContext:
    """The catalogue's context of a call's service tier; an unknown tier is the standard one."""
    return CONTEXTS.get(service_tier, {})


class CardIndex:
    """Cards by the model ids they match, in catalogue order. Equality, the common case, is one dictionary lookup."""

    def __init__(self, cards: Iterable[RateCard]) -> None:
        self._cards = sorted(cards, key=lambda card: (card.position, card.source, card.catalogue_id))
        self._by_literal: dict[str, list[int]] = {}
        self._predicates: list[tuple[int, Predicate]] = []
        for number, card in enumerate(self._cards):
            for literal in dict.fromkeys(clauses.literals(card.match)):
                self._by_literal.setdefault(literal, []).append(number)
            rest = clauses.without_literals(card.match)
            if rest is not None:
                self._predicates.append((number, clauses.predicate(rest)))

    def hits(self, ref: str) -> list[RateCard]:
        """Every card that matches the model id, whatever its period and context."""
        text = ref.lower()
        numbers = {number for number, matches in self._predicates if matches(text)}
        numbers.update(self._by_literal.get(text, ()))
        return [self._cards[number] for number in sorted(numbers)]

    def has_dated_sibling(self, base: str) -> bool:
        """Whether another model than the one of ``base`` is called ``base`` plus a date.

        A date in another name of the same model is no sibling: it says that this date costs what the base costs.
        """
        base = base.lower()
        own = {card.model for card in self.hits(base)[:1]}
        return not self._dated.get(base, set()) <= own

    @cached_property
    def _dated(self) -> dict[str, set[ModelKey]]:
        """Models by their dated names without the date."""
        names = [(literal, number) for literal, numbers in self._by_literal.items() for number in numbers]
        names += [(card.catalogue_id.lower(), number) for number, card in enumerate(self._cards)]
        dated: dict[str, set[ModelKey]] = {}
        for name, number in names:
            base = _without_date(BEDROCK_SUFFIX.sub("", name))
            if DATE_SUFFIX.search(BEDROCK_SUFFIX.sub("", name)):
                dated.setdefault(base, set()).add(self._cards[number].model)
        return dated


def find(
    *, refs: Iterable[str], provider: str, tenant: CardIndex | None, catalogue: CardIndex | None
) -> Iterator[Hits]:
    """Every step that finds cards, best first: all steps for the first model id, then all for the next.

    ``refs`` are the raw response model and model, ``provider`` is the call's, never another one.
    """
    for ref in refs:
        if not ref:
            continue
        if tenant is not None:
            yield from _tenant_hits(tenant, ref, provider)
        if catalogue is not None:
            yield from _catalogue_hits(catalogue, ref, provider)


def _tenant_hits(tenant: CardIndex, ref: str, provider: str) -> Iterator[Hits]:
    hits = tenant.hits(ref)
    asked = {"", provider, catalogue_id(provider)}
    overrides = [card for card in hits if card.source != ALIAS and card.provider in asked]
    aliases = [card for card in hits if card.source == ALIAS]  # a person chose: any provider's model will do
    yield from ((step, cards) for step, cards in ((OVERRIDE, overrides), (ALIAS, aliases)) if cards)


def _catalogue_hits(catalogue: CardIndex, ref: str, provider: str) -> Iterator[Hits]:
    seen: set[str] = set()
    for step, form in _forms(ref, provider):
        if form in seen:
            continue
        seen.add(form)
        if step == SUFFIX and catalogue.has_dated_sibling(form):
            continue
        hits = catalogue.hits(form)
        if hits:
            yield step, hits


def _forms(ref: str, provider: str) -> Iterator[tuple[str, str]]:
    yield EXACT, ref
    stripped = clean(ref, provider)
    yield PREFIX, stripped
    yield DATE_DASHED, COMPACT_DATE.sub(_dashed, stripped)
    unversioned = BEDROCK_SUFFIX.sub("", stripped)
    yield SUFFIX, unversioned
    yield SUFFIX, _without_date(unversioned)


def clean(ref: str, provider: str) -> str:
    """The model id without transport prefixes; what else it says changes the price and stays."""
    ref = ref.strip()
    head, _, rest = ref.partition("/")
    if rest and _is_named(head, provider):
        ref = rest
    prefix = next((known for known in TRANSPORT_PREFIXES if ref.lower().startswith(known)), "")
    return ref[len(prefix) :] or ref


def _is_named(head: str, provider: str) -> bool:
    known = exact_catalogue_id(head)
    return head.lower() == provider.lower() or (known != "" and known == catalogue_id(provider))


def _dashed(match: re.Match[str]) -> str:
    year, month, day = (int(part) for part in match.groups())
    try:
        return f"-{date(year, month, day).isoformat()}"
    except ValueError:
        return match[0]


def _without_date(ref: str) -> str:
    return DATE_SUFFIX.sub("", ref)


def select(hits: Sequence[RateCard], *, at: datetime, second: int, context: PriceContext) -> RateCard | None:
    """The card that holds at ``at`` for a call with this context, or None.

    The first model that has one decides; among its cards the one that says most about the context.
    """
    valid = [card for card in hits if card.is_valid(at, second) and card.fits(context)]
    if not valid:
        return None
    return max((card for card in valid if card.model == valid[0].model), key=_specificity)


def _specificity(card: RateCard) -> tuple[int, bool]:
    return len(card.context), card.window is not None
