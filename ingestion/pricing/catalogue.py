"""The installed genai-prices package as rate cards: the one place that knows the package's own types."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import cache
from importlib.metadata import version
from itertools import groupby, pairwise
from typing import Any

import msgspec
from genai_prices.data import providers as bundled_providers
from genai_prices.types import (
    ConditionalPrice,
    ModelInfo,
    ModelPrice,
    PriceVariant,
    Provider,
    StartDateConstraint,
    TieredPrices,
    TimeOfDateConstraint,
)

from ingestion.pricing.cards import RateCard, Tier, UnitPrice, Window
from ingestion.pricing.units import UNITS_BY_PRICE_KEY

SOURCE = "genai-prices"
EPOCH = date(1970, 1, 1)  # before the catalogue's first date: stands for "always was"
# calc_price holds this rule in code, not in its data: Groq bills at least ten seconds of audio.
MINIMUM_SECONDS = {
    ("groq", model, unit): Decimal(10)
    for model in ("whisper-large-v3", "whisper-large-v3-turbo")
    for unit in ("audio_seconds", "input_audio_seconds")
}

type Prices = dict[str, UnitPrice]
type Day = tuple[tuple[Window | None, Prices], ...]  # what a day looks like: its windows and their prices


class ProviderClauses(msgspec.Struct, frozen=True, kw_only=True):
    """How the catalogue recognises a provider: by its name in telemetry, and by the names of its models."""

    id: str
    provider_match: dict[str, Any] | None
    model_match: dict[str, Any] | None


@cache
def provider_clauses() -> tuple[ProviderClauses, ...]:
    """The catalogue's providers in its own order."""
    return tuple(
        ProviderClauses(
            id=provider.id,
            provider_match=clause_json(provider.provider_match),
            model_match=clause_json(provider.model_match),
        )
        for provider in bundled_providers
    )


@cache
def catalogue_version() -> str:
    return version("genai-prices")


def catalogue_cards(providers: Sequence[Provider] = bundled_providers) -> list[RateCard]:
    """Every price of the catalogue, one card a model, period, time of day and context.

    A provider that resells others' models at their prices (``fallback_model_providers``: Azure, Google) gets cards of
    its own for them, after its own models, with ``source`` naming whose prices they are.
    """
    named = {provider.id: provider for provider in providers}
    own = {provider.id: list(_provider_cards(provider)) for provider in providers}
    return [card for provider in providers for card in (*own[provider.id], *_resold(provider, named, own))]


def _resold(provider: Provider, named: Mapping[str, Provider], own: Mapping[str, list[RateCard]]) -> Iterator[RateCard]:
    offset = len(provider.models)
    for other in provider.fallback_model_providers or ():
        if other not in named:
            continue
        for card in own[other]:
            # The catalogue's tiers and batch prices belong to the seller that publishes them.
            if not card.context:
                yield msgspec.structs.replace(
                    card,
                    provider=provider.id,
                    provider_name=provider.name,
                    position=offset + card.position,
                    source=f"{SOURCE}:{other}",
                )
        offset += len(named[other].models)


def _provider_cards(provider: Provider) -> Iterator[RateCard]:
    for position, model in enumerate(provider.models):
        for context, start, end, day in _history(provider, model):
            for window, prices in day:
                yield RateCard(
                    provider=provider.id,
                    provider_name=provider.name,
                    catalogue_id=model.id,
                    model_name=model.name or model.id,
                    position=position,
                    match=clause_json(model.match) or {},
                    valid_from=start,
                    valid_to=end,
                    window=window,
                    context=context,
                    prices=prices,
                    source=SOURCE,
                    version=catalogue_version(),
                )


type Stretch = tuple[dict[str, str], datetime | None, datetime | None, Day]


def _history(provider: Provider, model: ModelInfo) -> Iterator[Stretch]:
    """Context, start, end and prices of each stretch of time in which nothing changes."""
    starts = [EPOCH, *sorted({rule.start_date for rule in _rules(model) if isinstance(rule, StartDateConstraint)})]
    standard = [_day(provider, model, start, {}) for start in starts]
    yield from _stretches({}, starts, standard)
    for context in _contexts(model):
        days = [_day(provider, model, start, context) for start in starts]
        special = [day if day != usual else None for day, usual in zip(days, standard, strict=True)]
        yield from _stretches(context, starts, special)


def _stretches(context: dict[str, str], starts: list[date], days: Sequence[Day | None]) -> Iterator[Stretch]:
    merged = [next(run) for _, run in groupby(zip(starts, days, strict=True), key=lambda item: item[1])]
    for (start, day), (end, _) in pairwise([*merged, (None, None)]):
        if day is not None:
            yield context, _midnight(start), _midnight(end), day


def _midnight(day: date | None) -> datetime | None:
    return None if day is None or day == EPOCH else datetime.combine(day, time(), UTC)


def _contexts(model: ModelInfo) -> list[dict[str, str]]:
    whens = (variant.when for variant in model.price_variants or ())
    return [dict(items) for items in dict.fromkeys(tuple(sorted(when.items())) for when in whens)]


def _rules(model: ModelInfo) -> list[StartDateConstraint | TimeOfDateConstraint]:
    dated: list[ConditionalPrice | PriceVariant] = list(model.price_variants or ())
    if not isinstance(model.prices, ModelPrice):
        dated.extend(model.prices)
    return [price.constraint for price in dated if price.constraint is not None]


def _day(provider: Provider, model: ModelInfo, day: date, context: dict[str, str]) -> Day:
    """What the model costs over a UTC day, as the catalogue itself resolves it at each moment of change."""
    times = [rule for rule in _rules(model) if isinstance(rule, TimeOfDateConstraint)]
    edges = sorted({_utc_time(edge) for rule in times for edge in (rule.start_time, rule.end_time)}) or [time()]
    prices = [_prices_at(provider, model, datetime.combine(day, edge, UTC), context) for edge in edges]
    changes = [index for index, price in enumerate(prices) if price != prices[index - 1]]
    if not changes:
        return ((None, prices[0]),)
    ends = [*changes[1:], changes[0]]
    return tuple((Window(edges[start], edges[end]), prices[start]) for start, end in zip(changes, ends, strict=True))


def _utc_time(value: time) -> time:
    if value.tzinfo is None:
        return value
    return datetime.combine(EPOCH + timedelta(days=1), value).astimezone(UTC).time()


def _prices_at(provider: Provider, model: ModelInfo, at: datetime, context: dict[str, str]) -> Prices:
    found = model.get_prices(at, context)
    named = ((UNITS_BY_PRICE_KEY[name].key, value) for name, value in vars(found).items() if value is not None)
    return {unit: _unit_price(value, MINIMUM_SECONDS.get((provider.id, model.id, unit))) for unit, value in named}


def _unit_price(value: Decimal | TieredPrices, minimum: Decimal | None) -> UnitPrice:
    least = msgspec.UNSET if minimum is None else minimum
    if isinstance(value, TieredPrices):
        tiers = tuple(Tier(tier.start, _amount(tier.price)) for tier in value.tiers)
        return UnitPrice(_amount(value.base), tiers, least)
    return UnitPrice(_amount(value), (), least)


def _amount(value: Decimal) -> Decimal:
    """The amount, or one unknown for all: NaN would differ from itself at every import."""
    return value if value.is_finite() else Decimal(-1)


def clause_json(clause: object) -> dict[str, Any] | None:
    """A match clause of the catalogue as the JSON its own data files use, ``{"or": [{"equals": …}, …]}``."""
    if clause is None:
        return None
    ((name, value),) = vars(clause).items()
    if isinstance(value, list):
        return {name.rstrip("_"): [clause_json(part) for part in value]}
    return {name: value}
