"""The rate cards of all organizations, ready to price calls as fast as they arrive."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Literal

import msgspec

from ingestion.pricing import matching
from ingestion.pricing.calculator import ZERO, Amounts, CompiledCard, compile_card
from ingestion.pricing.cards import ALIAS, RateCard, second_of_day
from ingestion.pricing.clauses import has_regex
from ingestion.pricing.matching import CardIndex, Hits
from ingestion.pricing.providers import catalogue_id
from ingestion.wire.types import Call
from ingestion.wire.usage import is_unknown

CACHE_SIZE = 20_000  # resolved (organization, provider, models, tier); a stranger's random ids cannot grow it
ALWAYS = datetime.min.replace(tzinfo=UTC)

CostSource = Literal["rate_card", "override", "reported", "none"]


class Priced(msgspec.Struct, gc=False):
    """A call's cost in USD and where it comes from; the six parts sum to ``cost_usd``.

    ``cost_usd`` and the six are None together: unpriced, which is not 0. A reported cost is not split by kind of
    token: all of it is ``cost_other``. ``price_match`` names the step of matching.py that hit, '' for none; it is set
    on an unpriced call too when a card matched whose price is unknown, and ``no-usage`` where the usage is. The order
    counts: it is that of the columns (``store.FROM_PRICE``) and of ``Amounts``.
    """

    model_key: str
    cost_source: CostSource
    price_match: str
    rate_card_id: int | None
    cost_usd: Decimal | None
    cost_input: Decimal | None
    cost_cached_input: Decimal | None
    cost_cache_write: Decimal | None
    cost_output: Decimal | None
    cost_reasoning: Decimal | None
    cost_other: Decimal | None
    inconsistent: bool


class Choice(msgspec.Struct, gc=False, frozen=True):
    """What prices a kind of call for some time; ``card`` is None where nothing does."""

    card: CompiledCard | None
    step: str
    cost_source: CostSource
    unpriced_key: str  # the model's cleaned name, used where the catalogue's cannot be


class Timeline(msgspec.Struct, gc=False, frozen=True):
    """Choices by period and time of day: ``choices[period][part of day]``, each from its start until the next."""

    starts: list[datetime]
    seconds: list[int]
    choices: list[list[Choice]]
    only: Choice | None  # the choice, where it is always the same one: spares the hot path a search

    def at(self, instant: datetime) -> Choice:
        period = self.choices[bisect_right(self.starts, instant) - 1]
        if len(self.seconds) == 1:
            return period[0]
        return period[bisect_right(self.seconds, _second(instant)) - 1]


class PriceBook:
    """Prices calls from a set of cards, of the catalogue and of organizations. Read-only once built.

    An organization sees its own cards and the catalogue's, nobody else's.
    """

    def __init__(self, cards: Iterable[RateCard]) -> None:
        catalogue: dict[str, list[RateCard]] = {}
        tenants: dict[int, list[RateCard]] = {}
        for card in cards:
            if card.organization_id is None:
                catalogue.setdefault(card.provider, []).append(card)
            elif not has_regex(card.match):
                tenants.setdefault(card.organization_id, []).append(card)
        self._catalogue = {provider: CardIndex(found) for provider, found in catalogue.items()}
        self._tenants = {
            organization: CardIndex(_resolved_aliases(found, catalogue)) for organization, found in tenants.items()
        }
        self._compiled: dict[int, CompiledCard] = {}
        self._timelines: dict[tuple[int | None, str, str, str, str], Timeline] = {}

    def price(self, organization_id: int, call: Call) -> Priced:
        """What the call costs its organization at the time it started. Never raises for bad numbers or names."""
        tenant = organization_id if organization_id in self._tenants else None
        key = (tenant, call.provider, call.model, call.response_model, call.service_tier)
        timeline = self._timelines.get(key)
        if timeline is None:
            timeline = self._remember(key)
        choice = timeline.only or timeline.at(call.started_at)
        card, usage = choice.card, call.usage
        if not (usage.input_tokens or usage.output_tokens) and is_unknown(call) and (card is None or card.bills_usage):
            return _of_unknown_usage(choice, call)
        if card is None:
            return _not_on_a_card(choice, call, inconsistent=usage.inconsistent)
        amounts, inconsistent = card.amounts(usage)
        if amounts is None:
            return _not_on_a_card(choice, call, inconsistent=inconsistent)
        return _priced(choice, card.card, amounts, inconsistent=inconsistent)

    @property
    def providers(self) -> Iterable[str]:
        """The catalogue's providers."""
        return self._catalogue.keys()

    def catalogue_card(self, provider: str, model: str, at: datetime) -> RateCard | None:
        """The catalogue's standard card of a model id at ``at``, whatever organizations say; None if none."""
        choice = self._timeline(None, provider, model, "", "standard").at(at)
        return choice.card.card if choice.card else None

    def standard_card(self, organization_id: int, provider: str, model: str, at: datetime) -> RateCard | None:
        """What a standard call of a model would be priced with at ``at``, the organization's own cards included."""
        tenant = organization_id if organization_id in self._tenants else None
        key = (tenant, provider, model, "", "standard")
        choice = (self._timelines.get(key) or self._remember(key)).at(at)
        return choice.card.card if choice.card else None

    def _remember(self, key: tuple[int | None, str, str, str, str]) -> Timeline:
        if len(self._timelines) >= CACHE_SIZE:
            self._timelines.clear()
        timeline = self._timelines[key] = self._timeline(*key)
        return timeline

    def _timeline(
        self, tenant: int | None, provider: str, model: str, response_model: str, service_tier: str
    ) -> Timeline:
        steps = list(
            matching.find(
                refs=(response_model, model),
                provider=provider,
                tenant=None if tenant is None else self._tenants[tenant],
                catalogue=self._catalogue.get(catalogue_id(provider)),
            )
        )
        context = matching.context_of(service_tier)
        name = matching.clean(response_model or model, provider)
        found = [card for _, hits in steps for card in hits]
        starts, seconds = _changes(found)
        choices = [[self._choice(steps, at, second, context, name) for second in seconds] for at in starts]
        only = choices[0][0] if len(starts) == len(seconds) == 1 else None
        return Timeline(starts, seconds, choices, only)

    def _choice(
        self, steps: Sequence[Hits], at: datetime, second: int, context: matching.PriceContext, name: str
    ) -> Choice:
        for step, hits in steps:
            card = matching.select(hits, at=at, second=second, context=context)
            if card is not None:
                source: CostSource = "override" if step == matching.OVERRIDE else "rate_card"
                return Choice(self._compile(card), step, source, name)
        return Choice(None, "", "none", name)

    def _compile(self, card: RateCard) -> CompiledCard:
        return self._compiled.setdefault(id(card), compile_card(card))


def _resolved_aliases(cards: Iterable[RateCard], catalogue: dict[str, list[RateCard]]) -> Iterator[RateCard]:
    """The organization's cards, each alias replaced by the catalogue's cards of the model it names."""
    for card in cards:
        if card.source != ALIAS:
            yield card
            continue
        for target in catalogue.get(card.provider, ()):
            if target.catalogue_id == card.catalogue_id:
                yield _aliased(card, target)


def _aliased(alias: RateCard, target: RateCard) -> RateCard:
    ends = [end for end in (alias.valid_to, target.valid_to) if end is not None]
    return msgspec.structs.replace(
        target,
        organization_id=alias.organization_id,
        match=alias.match,
        position=alias.position,
        source=ALIAS,
        valid_from=max(alias.valid_from or ALWAYS, target.valid_from or ALWAYS),
        valid_to=min(ends, default=None),
    )


def _changes(cards: Iterable[RateCard]) -> tuple[list[datetime], list[int]]:
    """The instants and the seconds of the day at which another card may hold."""
    starts, seconds = {ALWAYS}, {0}
    for card in cards:
        starts.update(end for end in (card.valid_from, card.valid_to) if end is not None)
        if card.window is not None:
            seconds.update((second_of_day(card.window.start), second_of_day(card.window.end)))
    return sorted(starts), sorted(seconds)


def _second(instant: datetime) -> int:
    return second_of_day((instant if instant.utcoffset() == timedelta(0) else instant.astimezone(UTC)).time())


def _priced(choice: Choice, card: RateCard, amounts: Amounts, *, inconsistent: bool) -> Priced:
    name = card.catalogue_id or choice.unpriced_key
    return Priced(name, choice.cost_source, choice.step, card.id, *amounts, inconsistent)


def _of_unknown_usage(choice: Choice, call: Call) -> Priced:
    """Unpriced whatever its model costs; it stays with the model's other calls."""
    priced = _not_on_a_card(choice, call, inconsistent=call.usage.inconsistent)
    priced.price_match = matching.NO_USAGE
    if choice.card is not None:
        priced.model_key = choice.card.card.catalogue_id or priced.model_key
    return priced


def _not_on_a_card(choice: Choice, call: Call, *, inconsistent: bool) -> Priced:
    """The client's own figure where it gave one above 0, else unpriced."""
    given = call.reported_cost_usd
    reported = given if given is not None and given.is_finite() and given > 0 else None
    nothing = None if reported is None else ZERO
    return Priced(
        model_key=choice.unpriced_key,
        cost_source="none" if reported is None else "reported",
        price_match=choice.step,
        rate_card_id=None,
        cost_usd=reported,
        cost_input=nothing,
        cost_cached_input=nothing,
        cost_cache_write=nothing,
        cost_output=nothing,
        cost_reasoning=nothing,
        cost_other=reported,
        inconsistent=inconsistent,
    )
