"""Rate cards: what a unit of a model costs, from when to when, at which hours and under which conditions."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, time
from decimal import Decimal
from typing import Any

import msgspec

SECONDS_PER_DAY = 86_400
ALIAS = "alias"  # the source of an organization's card that names a catalogue model instead of prices


class Tier(msgspec.Struct, frozen=True):
    """The price of a call whose total input tokens are above ``start``."""

    start: int
    price: Decimal


class UnitPrice(msgspec.Struct, frozen=True):
    """USD for one ``per`` of a unit (units.py): a million tokens, a thousand searches, an hour of audio.

    ``minimum`` is the quantity a use of the unit is billed for at least (Groq bills ten seconds of audio).
    """

    base: Decimal
    tiers: tuple[Tier, ...] = ()
    minimum: Decimal | msgspec.UnsetType = msgspec.UNSET

    def amounts(self) -> Iterator[Decimal]:
        yield self.base
        yield from (tier.price for tier in self.tiers)


class Window(msgspec.Struct, frozen=True):
    """A half-open time of day in UTC; one that ends before it starts goes over midnight."""

    start: time
    end: time

    def contains(self, second: int) -> bool:
        """Whether the second of the UTC day, 0…86,399, is inside."""
        start, end = second_of_day(self.start), second_of_day(self.end)
        if end < start:
            return second >= start or second < end
        return start <= second < end


class RateCard(msgspec.Struct, frozen=True, kw_only=True):
    """The prices of one model for one period, time of day and context.

    No prices at all means free of charge. A negative or NaN price means that the price is not known.
    """

    id: int | None = None
    organization_id: int | None = None  # None: the catalogue's
    provider: str  # the catalogue's provider id; '' on an organization's card: whatever provider the call names
    provider_name: str = ""
    catalogue_id: str
    model_name: str = ""
    position: int = 0  # the order in the catalogue decides among several hits
    match: dict[str, Any]  # the catalogue's own clause: {"equals": …}, {"or": […]}, …
    valid_from: datetime | None = None  # None: always was
    valid_to: datetime | None = None  # excluded; None: until further notice
    window: Window | None = None
    context: dict[str, str] = {}
    prices: dict[str, UnitPrice]
    source: str
    version: str = ""

    @property
    def is_priced(self) -> bool:
        """Whether every price is a number that can be billed."""
        amounts = [amount for price in self.prices.values() for amount in price.amounts()]
        return all(amount.is_finite() and amount >= 0 for amount in amounts)

    @property
    def model(self) -> tuple[str, str, str]:
        """What cards of one model share; prices borrowed from another provider are a model of their own."""
        return self.provider, self.source, self.catalogue_id

    def is_valid(self, at: datetime, second: int) -> bool:
        """Whether the card holds at ``at``, whose time of day in UTC is ``second``."""
        begun = self.valid_from is None or self.valid_from <= at
        ended = self.valid_to is not None and self.valid_to <= at
        return begun and not ended and (self.window is None or self.window.contains(second))

    def fits(self, context: Mapping[str, str]) -> bool:
        return self.context.items() <= context.items()


def second_of_day(value: time) -> int:
    return value.hour * 3600 + value.minute * 60 + value.second


def to_row(card: RateCard) -> dict[str, Any]:
    """The card as the columns of ``rate_cards``: JSON-able where a column is jsonb, datetimes where it is a time."""
    row: dict[str, Any] = {name: getattr(card, name) for name in RateCard.__struct_fields__}
    for name in ("window", "prices"):
        row[name] = msgspec.json.decode(msgspec.json.encode(row[name]))
    return row


def from_row(row: Mapping[str, Any]) -> RateCard:
    """The card of a row of ``rate_cards``, the inverse of ``to_row``.

    :raises msgspec.ValidationError: a jsonb column has not the shape this module writes.
    """
    fields = dict(row)
    fields["window"] = msgspec.convert(fields["window"], Window | None)
    fields["prices"] = msgspec.convert(fields["prices"], dict[str, UnitPrice])
    for name in ("valid_from", "valid_to"):
        fields[name] = _utc(fields[name])
    return RateCard(**fields)


def _utc(value: datetime | None) -> datetime | None:
    return None if value is None else value.astimezone(UTC)
