"""The columns of a row are copied by their places, so the places are those of the names."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from ingestion import store
from ingestion.pricing.book import Priced
from ingestion.wire.types import Call, Usage
from ingestion.writer import LocalTime, Target, row
from ingestion.writer.rows import measures, price_columns

RECEIVED_AT = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
# Every field has a value of its own, whatever its type: nothing here looks at it.
_OWN: dict[str, Any] = {
    name: f"own {name}" for name in Call.__struct_fields__ if name not in ("usage", "started_at", "latency_ms")
}
PRICED = Priced(
    model_key="key",
    cost_source="rate_card",
    price_match="exact",
    rate_card_id=7,
    cost_usd=Decimal("1.1"),
    cost_input=Decimal("1.2"),
    cost_cached_input=Decimal("1.3"),
    cost_cache_write=Decimal("1.4"),
    cost_output=Decimal("1.5"),
    cost_reasoning=Decimal("1.6"),
    cost_other=Decimal("1.7"),
    inconsistent=False,
)


def call() -> Call:
    counts: dict[str, Any] = {name: 100 + place for place, name in enumerate(store.TOKENS)}
    usage = Usage(**counts, extra_units={"pages": Decimal(2)}, rule="own rule", inconsistent=True)
    own = _OWN | {"time_to_first_token_ms": 5.0, "prompt_hash": "", "prompt_prefix_hash": "", "response_id": ""}
    return Call(usage=usage, started_at=RECEIVED_AT, latency_ms=25.0, **own)


def test_every_column_has_the_value_of_its_name():
    one = call()
    expected: dict[str, Any] = {name: getattr(one, name) for name in store.FROM_CALL}
    expected |= {name: getattr(one.usage, name) for name in store.TOKENS}
    expected |= {"organization_id": 1, "project_id": 2, "api_key_id": 3, "usage_rule": "own rule"}
    expected |= {"usage_inconsistent": True, "extra_units": '{"pages":2}', "duplicate_of": ""}
    expected |= {"duplicate_of_started_at": None, "received_at": "2026-03-04T05:06:07Z"}
    expected |= {"started_at": "2026-03-04T05:06:07Z", "model_key": "key", "cost_source": "rate_card"}
    expected |= {"price_match": "exact", "rate_card_id": 7, "cost_usd": "1.1", "cost_input_usd": "1.2"}
    expected |= {"cost_cached_input_usd": "1.3", "cost_cache_write_usd": "1.4", "cost_output_usd": "1.5"}
    expected |= {"cost_reasoning_usd": "1.6", "cost_other_usd": "1.7"}

    line = row(one, PRICED, Target(1, 2, 3, LocalTime("UTC")), RECEIVED_AT).line

    assert dict(zip(store.CALL_COLUMNS, json.loads(b"[" + line + b"]"), strict=True)) == expected
    assert {"usage", "project_slug"}.isdisjoint(store.CALL_COLUMNS)


def test_measures_are_those_of_the_rollups_columns():
    one = call()

    found = dict(zip(store.SUMS, measures(one, price_columns(PRICED)[-len(store.COSTS) :]), strict=True))

    assert {name: found[name] for name in store.TOKENS} == {name: getattr(one.usage, name) for name in store.TOKENS}
    assert [found[name] for name in store.COSTS] == [Decimal(f"1.{digit}") for digit in range(1, 8)]
    assert (found["calls"], found["latency_sum_ms"], found["first_token_sum_ms"]) == (1, 25.0, 5.0)
