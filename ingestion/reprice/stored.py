"""From a row of ``calls`` back to the call that was priced, and what it costs now. Pure."""

from collections.abc import Mapping
from datetime import UTC
from decimal import Decimal
from typing import Any, Final, NamedTuple

import msgspec

from ingestion import store
from ingestion.pricing.book import PriceBook
from ingestion.wire.types import Call, Usage
from ingestion.writer.rows import Prompts, is_sized, price_columns, prompts

type Price = tuple[Any, ...]  # store.FROM_PRICE

_TEXTS: Final = (
    "provider",
    "model",
    "response_model",
    "feature",
    "team",
    "environment",
    "user_id",
    "service_tier",
    "status",
    "prompt_hash",
    "prompt_prefix_hash",
    "source",
)
_PLAIN: Final = (
    "call_id",
    *_TEXTS,
    "usage_partial",
    "usage_estimated",
    "latency_ms",
    "time_to_first_token_ms",
    "reported_cost_usd",
)
# All of a call that its price or its place in the rollups depends on.
COLUMNS: Final = (
    "project_id",
    "api_key_id",
    "started_at",
    "received_at",
    *_PLAIN,
    *store.TOKENS,
    "extra_units",
    "usage_rule",
    "usage_inconsistent",
    *store.FROM_PRICE,
)
MODEL_KEY: Final = store.FROM_PRICE.index("model_key")
COST: Final = store.FROM_PRICE.index("cost_usd")
_MATCH: Final = store.FROM_PRICE.index("price_match")


class Change(NamedTuple):
    """A call whose stored price is not what today's cards say.

    ``is_counted``: it is in the rollups. ``prompts`` are those of the call that the tables of the rules count.
    """

    project_id: int
    api_key_id: int
    call: Call
    before: Price
    after: Price
    is_inconsistent: bool
    is_counted: bool
    prompts: Prompts | None

    @property
    def was_sized(self) -> bool:
        """Whether the size of the call was known with its old price."""
        return is_sized(self.before[_MATCH])

    @property
    def is_sized(self) -> bool:
        return is_sized(self.after[_MATCH])

    @property
    def old_cost(self) -> Decimal | None:
        cost: Decimal | None = self.before[COST]
        return cost

    @property
    def new_cost(self) -> Decimal | None:
        cost: Decimal | None = self.after[COST]
        return cost


def stored_call(row: Mapping[str, Any]) -> Call:
    """The call of a row of ``calls`` as far as pricing and rollups look at it; ``extra_units`` is JSON text or None."""
    usage = Usage(
        **{name: row[name] for name in store.TOKENS},
        extra_units=units_of(row["extra_units"]),
        rule=row["usage_rule"],
        inconsistent=row["usage_inconsistent"],
    )
    return Call(started_at=row["started_at"].astimezone(UTC), usage=usage, **{name: row[name] for name in _PLAIN})


def units_of(text: str | None) -> dict[str, Decimal] | None:
    """Stored ``extra_units``, exact: a float would not be the number that was priced."""
    return msgspec.json.decode(text, type=dict[str, Decimal]) if text else None


def change(row: Mapping[str, Any], *, organization_id: int, book: PriceBook, is_counted: bool) -> Change | None:
    """What pricing the stored call on ``book`` changes about it; None for nothing."""
    call = stored_call(row)
    before = tuple(row[name] for name in store.FROM_PRICE)
    priced = book.price(organization_id, call)
    after = price_columns(priced)
    if after == before and priced.inconsistent == row["usage_inconsistent"]:
        return None
    return Change(
        row["project_id"],
        row["api_key_id"],
        call,
        before,
        after,
        priced.inconsistent,
        is_counted,
        prompts(call, row["received_at"]),
    )
