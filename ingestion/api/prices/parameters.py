"""What may be asked of rate cards and unpriced models over the API, and what a new card's body may say."""

from decimal import Decimal
from typing import Any, Final

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from core.parameters import Body, Choice, OrganizationParameters, Values
from ingestion.api.parameters import Instant
from ingestion.api.prices.cursor import PriceCursor
from ingestion.pricing import paste
from ingestion.pricing.listing import KINDS
from ingestion.pricing.own import UNIT_NAMES
from ingestion.pricing.unpriced import DEFAULT_DAYS, PERIODS

LARGEST_PAGE: Final = 500
_BY_UNIT: Final = {unit: name for name, unit in UNIT_NAMES.items()}


class RateCardParameters(OrganizationParameters):
    """Filters and page of ``GET rate-cards``."""

    provider = serializers.CharField(required=False, max_length=100, help_text="Any spelling of the provider's name.")
    model = serializers.CharField(required=False, max_length=255, help_text="The catalogue's id, or an own card's.")
    source = Values(  # type: ignore[assignment] # the query's word, not the serializer's
        child=Choice(KINDS), required=False, help_text="Whose cards; without it all."
    )
    at = Instant(required=False, help_text="The moment at which the cards hold. Without it: now.")
    history = serializers.BooleanField(required=False, default=False, help_text="Cards of every period, `at` or not.")
    limit = serializers.IntegerField(
        required=False, default=100, min_value=1, max_value=LARGEST_PAGE, help_text="Most cards in one answer."
    )
    cursor = PriceCursor(required=False, help_text="Where the page begins; part of the `next` link.")


class UnpricedParameters(OrganizationParameters):
    """The period of ``GET unpriced-models``."""

    days = serializers.IntegerField(
        required=False, default=DEFAULT_DAYS, min_value=1, max_value=max(PERIODS), help_text="Days back from now."
    )


@extend_schema_field({"type": "string", "format": "decimal"})
class AmountField(serializers.Field[Decimal, Any, str, Any]):
    """US dollars, as a string or a number."""

    def to_internal_value(self, data: Any) -> Decimal:
        if isinstance(data, bool) or not isinstance(data, str | int | float):
            raise serializers.ValidationError("This must be a decimal, as a string or a number.")
        try:
            return paste.amount(str(data))
        except ValueError as error:
            raise serializers.ValidationError(f"This {error}.") from error


class PricesField(serializers.DictField):
    """Prices by unit; ``input`` and ``input_tokens`` are the same."""

    child = AmountField()

    def to_internal_value(self, data: Any) -> dict[str, Decimal]:
        found: dict[str, Decimal] = super().to_internal_value(data)
        named = {_BY_UNIT.get(unit, unit): amount for unit, amount in found.items()}
        if len(named) < len(found) or not named.keys() <= UNIT_NAMES.keys():
            raise serializers.ValidationError(f"Each once, of: {', '.join(UNIT_NAMES)}.")
        return named


class TargetSerializer(Body):
    """A model of the catalogue."""

    provider = serializers.CharField(max_length=100)
    model = serializers.CharField(max_length=255)


class NewCardSerializer(Body):
    """An own price, or with ``target`` an alias. Prices are US dollars per million tokens (``requests``: thousand)."""

    model = serializers.CharField(max_length=255, help_text="The id as calls name it.")
    provider = serializers.CharField(
        max_length=100, required=False, default="", allow_blank=True, help_text="Without it: whichever the call names."
    )
    valid_from = Instant(required=False, allow_null=True, help_text="Past or to come. Null or missing: since ever.")
    prices = PricesField(required=False, help_text="`input` and `output` are required, 0 if they cost nothing.")
    target = TargetSerializer(required=False, help_text="The catalogue's model that this id is.")
    confirm = serializers.BooleanField(
        required=False, default=False, help_text="The prices are meant, however unusual they look."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("prices" in attrs) == ("target" in attrs):
            raise serializers.ValidationError("Give either prices or a target.")
        if "target" in attrs and attrs["provider"]:
            raise serializers.ValidationError({"provider": "An alias is for whichever provider a call names."})
        return attrs


class EndSerializer(Body):
    """When a card ends."""

    ends_at = Instant(required=False, help_text="The first moment at which it holds no more. Without it: now.")
