"""A small catalogue, own prices and stored calls, for tests of what is built on them."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from core.scope import org_scope
from dashboards.tests.factories import record_calls
from ingestion.pricing import overrides, services
from ingestion.pricing.cards import RateCard
from ingestion.pricing.overrides import Wanted
from ingestion.tests.pricing.factories import make_card
from tenants.models import Organization, Project, User

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
GPT_4O = make_card(
    {"input_tokens": "2.5", "output_tokens": "10"},
    catalogue_id="gpt-4o",
    model_name="GPT 4o",
    match={"or": [{"equals": "gpt-4o"}, {"equals": "gpt-4o-2024-08-06"}]},
)
GPT_4O_BATCH = make_card(
    {"input_tokens": "1.25", "output_tokens": "5"},
    catalogue_id="gpt-4o",
    match={"or": [{"equals": "gpt-4o"}, {"equals": "gpt-4o-2024-08-06"}]},
    context={"processing": "batch"},
)
MINI = make_card({"input_tokens": "0.15", "output_tokens": "0.60"}, catalogue_id="gpt-4o-mini", position=1)
SONNET = make_card({"input_tokens": "3", "output_tokens": "15"}, provider="anthropic", catalogue_id="claude-sonnet-4")
UNKNOWN = make_card({"input_tokens": "-1"}, catalogue_id="router", position=2)
CATALOGUE = (GPT_4O, GPT_4O_BATCH, MINI, SONNET, UNKNOWN)


def import_catalogue(*cards: RateCard, now: datetime = LONG_AGO) -> None:
    """Make the stored catalogue this one."""
    services.import_catalogue(now=now, cards=cards or CATALOGUE)


def prices(**amounts: str) -> dict[str, Decimal]:
    return {name: Decimal(text) for name, text in ({"input": "1", "output": "2"} | amounts).items()}


def set_price(organization: Organization, model: str, *, actor: User | None = None, **wanted: Any) -> RateCard:
    """Store an own price of 1 and 2 dollars, or ``prices``; with ``target`` an alias."""
    given: dict[str, Any] = wanted if "target" in wanted else {"prices": prices()} | wanted
    with org_scope(organization.pk):
        cards = overrides.cards_for(organization=organization, wanted=[Wanted(model=model, **given)])
        (saved,) = overrides.save_cards(organization=organization, actor=actor, cards=cards)
    return saved


def hours_ago(hours: float) -> datetime:
    return datetime.now(UTC).replace(microsecond=0) - timedelta(hours=hours)


def unpriced(**columns: Any) -> dict[str, Any]:
    """Columns of a call without a price."""
    nothing = dict.fromkeys(("cost_usd", "cost_input_usd", "cost_output_usd"))
    model = columns.get("model", "coder")
    named = {"provider": "vllm", "model": model, "model_key": model, "cost_source": "none", "price_match": ""}
    return nothing | named | {"started_at": hours_ago(1)} | columns


def record(project: Project, *rows: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Store calls with their rollups; a call is gpt-4o's, 1,000 tokens in and 500 out, unless said otherwise."""
    return record_calls(project, [{"started_at": hours_ago(1), **row} for row in rows])
