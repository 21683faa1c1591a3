"""What happened in a period and may explain its numbers: insights that were opened, prices that began to hold."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from urllib.parse import urlencode

from django.db.models import F, Q
from django.urls import reverse

from core.charts import Mark
from core.periods import Granularity, hour_start
from dashboards.filters import Filter
from dashboards.numbers import ModelName
from ingestion.models import RateCard as StoredCard
from ingestion.pricing import wording
from ingestion.pricing.cards import ALIAS, RateCard, from_row
from ingestion.pricing.own import raw_model
from ingestion.pricing.providers import catalogue_id
from ingestion.pricing.selectors import COLUMNS
from rules import insight_words, links, selectors
from rules.models import Insight
from rules.selectors import InsightFilter
from tenants.models import Organization, Project

MOST: Final = 20
_MOST_PRICES: Final = 8  # of them, so that a catalogue that moves does not hide what was found
_MOST_CARDS: Final = 500
_AMOUNTS: Final = 2


def annotations(
    *, organization: Organization, project: Project | None, chosen: Filter, models: Sequence[ModelName]
) -> list[Mark]:
    """At most ``MOST`` marks of the filter's period, for whoever may see its numbers.

    Prices are of ``models``. Insights of hidden projects have none, nor have
    those of projects, teams, features and models that the filter leaves out.
    """
    prices = _prices(organization, chosen, models)[:_MOST_PRICES]
    return [*prices, *_insights(organization, project, chosen, MOST - len(prices))]


def _insights(organization: Organization, project: Project | None, chosen: Filter, most: int) -> list[Mark]:
    """The most severe first."""
    ids = [project.pk] if project else None
    narrowed = InsightFilter(project_ids=ids, statuses=Insight.Status.values)
    found = selectors.insights(organization=organization, narrowed=narrowed).filter(_is_shown(chosen))
    within = found.filter(opened_at__gte=chosen.period.start, opened_at__lt=chosen.period.end)
    return [
        {
            "bucket": _bucket(insight.opened_at, chosen),
            "kind": "insight",
            "text": insight_words.title(insight),
            "href": links.insight_path(organization=organization, insight_id=insight.pk, project=insight.project),
        }
        for insight in within.exclude(project_id__in=chosen.hidden)[:most]
    ]


def _is_shown(chosen: Filter) -> Q:
    """Whether an insight is about what the filter keeps; what is about no feature in particular is about all."""
    found = Q()
    for name in ("team", "feature", "model"):
        if values := chosen.values(name):
            found &= Q((f"{name}__in", [*values, ""]))
    if slugs := chosen.values("project"):
        found &= Q(project__slug__in=slugs)
    return found


def _prices(organization: Organization, chosen: Filter, models: Sequence[ModelName]) -> list[Mark]:
    """One mark for a model and a bucket, the latest first."""
    begun: dict[tuple[str, str, str], Mark] = {}
    for card in _cards(organization, chosen, models):
        if card.valid_from is not None:
            bucket = _bucket(card.valid_from, chosen)
            begun.setdefault((bucket, card.provider, _name(card)), _price_mark(organization, card, bucket))
    return list(begun.values())


def _cards(organization: Organization, chosen: Filter, models: Sequence[ModelName]) -> list[RateCard]:
    """Cards of the models that began to hold in the period, and not only on paper: an own price goes first."""
    providers = {(catalogue_id(model.provider) or model.provider, model.model_key) for model in models}
    keys = [model.model_key for model in models]
    rows = StoredCard.objects.filter(
        Q(organization=organization) | Q(organization=None),
        Q(valid_to=None) | Q(valid_to__gt=F("valid_from")) | Q(valid_from=None),
        Q(organization=organization) | Q(valid_from__gte=chosen.period.start, valid_from__lt=chosen.period.end),
        Q(catalogue_id__in=keys) | Q(organization=organization, catalogue_id="", match__equals__in=keys),
    ).exclude(source=ALIAS)
    cards = [from_row(row) for row in rows.order_by("-valid_from", "pk").values(*COLUMNS)[:_MOST_CARDS]]
    own = [card for card in cards if card.organization_id is not None]
    return [
        card
        for card in cards
        if card.valid_from is not None
        and chosen.period.start <= card.valid_from < chosen.period.end
        and _is_of(card, providers)
        and not (card.organization_id is None and any(_overrules(one, card) for one in own))
    ]


def _name(card: RateCard) -> str:
    """What calls on the card are called; an own price may be of a model that the catalogue does not know."""
    return card.catalogue_id or raw_model(card)


def _is_of(card: RateCard, models: set[tuple[str, str]]) -> bool:
    if not card.provider:  # an own price, whatever provider the call names
        return any(_name(card) == key for _, key in models)
    return (catalogue_id(card.provider) or card.provider, _name(card)) in models


def _overrules(own: RateCard, card: RateCard) -> bool:
    """Whether an own price held when the catalogue's began, which then changed nothing."""
    moment = card.valid_from
    if moment is None or _name(own) != _name(card):
        return False
    has_begun = own.valid_from is None or own.valid_from <= moment
    return has_begun and (own.valid_to is None or moment < own.valid_to)


def _price_mark(organization: Organization, card: RateCard, bucket: str) -> Mark:
    whose = "catalogue price" if card.organization_id is None else "own price"
    amounts = [f"{one.unit} {one.text} {one.per}" for one in wording.amounts(card)[:_AMOUNTS]]
    query = urlencode({"provider": card.provider, "model": _name(card)})
    return {
        "bucket": bucket,
        "kind": "price",
        "text": f"{_name(card)}: {', '.join([f'new {whose}', *amounts])}",
        "href": f"{reverse('pricing:model', args=[organization.slug])}?{query}",
    }


def _bucket(moment: datetime, chosen: Filter) -> str:
    if chosen.granularity is Granularity.DAY:
        return moment.astimezone(chosen.zone).date().isoformat()
    return chosen.period.hour_name(hour_start(moment, chosen.zone))
