"""Rate cards and unpriced models as the API shows them."""

from typing import Any

from rest_framework import serializers

from core.fields import InstantField, UsdField, decimal_text
from ingestion.pricing import own
from ingestion.pricing.cards import ALIAS, RateCard
from ingestion.pricing.listing import KINDS, kind
from ingestion.pricing.units import UNITS
from ingestion.pricing.unpriced import REASONS, UnpricedModel


class TierSerializer(serializers.Serializer[Any]):
    above = serializers.IntegerField(help_text="Total input tokens of a call, excluded.")
    usd = UsdField()


class UnitPriceSerializer(serializers.Serializer[Any]):
    """``usd`` for ``per`` of the unit; null: the catalogue does not know the price."""

    usd = UsdField(allow_null=True)
    per = serializers.IntegerField()
    tiers = TierSerializer(many=True)


class WindowSerializer(serializers.Serializer[Any]):
    """A time of day in UTC, half-open; one that ends before it starts goes over midnight."""

    start = serializers.TimeField()
    end = serializers.TimeField()


class ModelSerializer(serializers.Serializer[Any]):
    provider = serializers.CharField()
    model = serializers.CharField()


class RateCardSerializer(serializers.Serializer[Any]):
    """What a model costs from when to when."""

    id = serializers.IntegerField()
    source = serializers.ChoiceField(KINDS)  # type: ignore[assignment] # the document's word, not the serializer's
    provider = serializers.CharField(allow_null=True, help_text="Null: whichever provider a call names.")
    model = serializers.CharField(help_text="The catalogue's id, or the id an own card is for.")
    target = ModelSerializer(allow_null=True, help_text="The catalogue's model, for an alias.")
    valid_from = InstantField(allow_null=True, help_text="Null: since ever.")
    valid_to = InstantField(allow_null=True, help_text="Excluded. Null: until further notice.")
    window = WindowSerializer(allow_null=True)
    context = serializers.DictField(child=serializers.CharField())  # type: ignore[assignment]
    prices = serializers.DictField(child=UnitPriceSerializer(), help_text="By unit; none: free of charge, or an alias.")
    used_calls = serializers.IntegerField(allow_null=True, help_text="Calls of the model in the last 30 days.")


class RateCardPageSerializer(serializers.Serializer[Any]):
    results = RateCardSerializer(many=True)
    next = serializers.URLField(allow_null=True, help_text="The next page, or null after the last.")


class SuggestionSerializer(ModelSerializer):
    why = serializers.CharField(help_text="What was taken off the id to find it.")


class UnpricedModelSerializer(serializers.Serializer[Any]):
    """Calls without a price that were sent alike."""

    provider = serializers.CharField(allow_null=True)
    model = serializers.CharField(help_text="The id to price: what answered, else what was asked.")
    asked_model = serializers.CharField()
    calls = serializers.IntegerField()
    input_tokens = serializers.IntegerField()
    output_tokens = serializers.IntegerField()
    first_seen = InstantField()
    last_seen = InstantField()
    reason = serializers.ChoiceField(list(REASONS))
    now_priced = serializers.BooleanField(help_text="A call that arrived now would have a price.")
    reported_calls = serializers.IntegerField(help_text="Those of the calls whose client reported a cost.")
    reported_cost_usd = UsdField(allow_null=True)
    suggestion = SuggestionSerializer(
        allow_null=True, help_text="A near model of the catalogue; never applied by itself."
    )


class UnpricedPageSerializer(serializers.Serializer[Any]):
    results = UnpricedModelSerializer(many=True)
    next = serializers.URLField(allow_null=True, help_text="Always null: the list has one page of at most 200 models.")


def card_document(card: RateCard, *, used_calls: int | None) -> dict[str, Any]:
    """A card as ``RateCardSerializer`` declares it."""
    is_own = card.organization_id is not None
    is_alias = card.source == ALIAS
    told = {
        "id": card.id,
        "source": kind(card),
        "provider": None if is_alias else card.provider or None,
        "model": own.raw_model(card) if is_own else card.catalogue_id,
        "target": {"provider": card.provider, "model": card.catalogue_id} if is_alias else None,
        "valid_from": card.valid_from,
        "valid_to": card.valid_to,
        "window": card.window,
        "context": card.context,
        "prices": {},
        "used_calls": used_calls,
    }
    return dict(RateCardSerializer(told).data) | {"prices": _prices(card)}


def _prices(card: RateCard) -> dict[str, Any]:
    return {
        unit: {
            "usd": decimal_text(price.base) if price.base.is_finite() and price.base >= 0 else None,
            "per": UNITS[unit].per if unit in UNITS else 1,
            "tiers": [{"above": tier.start, "usd": decimal_text(tier.price)} for tier in price.tiers],
        }
        for unit, price in card.prices.items()
    }


def unpriced_document(found: UnpricedModel) -> dict[str, Any]:
    """A model as ``UnpricedModelSerializer`` declares it."""
    near = found.suggestion
    told: dict[str, Any] = {name: getattr(found, name) for name in found.__struct_fields__}
    told |= {
        "provider": found.provider or None,
        "reported_cost_usd": found.reported_usd,
        "suggestion": {"provider": near.card.provider, "model": near.card.catalogue_id, "why": near.why}
        if near
        else None,
    }
    return dict(UnpricedModelSerializer(told).data)
