"""Snapshots in which nothing fires, and the rows that make one rule speak."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from ingestion import histogram
from ingestion.pricing.cards import RateCard, Tier, UnitPrice
from rules.engine.budgets import BudgetPeriod, BudgetSpend, Metric, stretch_at
from rules.engine.evaluate import evaluate
from rules.engine.insights import Insight
from rules.engine.names import Rule
from rules.engine.snapshot import (
    Alternative,
    BandRow,
    ErrorRow,
    HashRow,
    LatencyRow,
    Model,
    Priced,
    ResourceRow,
    SizeRow,
    Sizes,
    Snapshot,
    TeamDay,
    TeamStart,
    Tokens,
    UnpricedRow,
    Where,
)
from rules.engine.thresholds import DEFAULT, RuleConfig

AS_OF = datetime(2026, 11, 26, 15, 20, tzinfo=UTC)  # a Thursday
TODAY = date(2026, 11, 26)
YESTERDAY = TODAY - timedelta(days=1)
UTC_ZONE = ZoneInfo("UTC")

GPT_4O = Model("openai", "gpt-4o")
GEMINI_PRO = Model("gcp.gemini", "gemini-2.5-pro")
SONNET = Model("anthropic", "claude-sonnet-4-0")
OWN = Model("vllm", "coder-13b")


def card(model: str, **prices: str | UnitPrice) -> RateCard:
    """A standard card; prices are USD for a million tokens by unit."""
    named = {
        unit: price if isinstance(price, UnitPrice) else UnitPrice(Decimal(price)) for unit, price in prices.items()
    }
    return RateCard(provider="x", catalogue_id=model, match={"equals": model}, prices=named, source="test")


MINI_CARD = card("gpt-4o-mini", input_tokens="0.15", cache_read_tokens="0.075", output_tokens="0.60")
GPT_4O_CARD = card("gpt-4o", input_tokens="2.50", cache_read_tokens="1.25", output_tokens="10")
GEMINI_CARD = card(
    "gemini-2.5-pro",
    input_tokens=UnitPrice(Decimal("1.25"), (Tier(200_000, Decimal("2.5")),)),
    output_tokens=UnitPrice(Decimal(10), (Tier(200_000, Decimal(15)),)),
)
FLASH_CARD = card("gemini-2.0-flash", input_tokens="0.10", output_tokens="0.40")
SONNET_CARD = card("claude-sonnet-4-0", input_tokens="3", cache_read_tokens="0.30", output_tokens="15")

PRICES = {
    GPT_4O: Priced(GPT_4O_CARD, Alternative("gpt-4o-mini", MINI_CARD)),
    GEMINI_PRO: Priced(GEMINI_CARD, Alternative("gemini-2.0-flash", FLASH_CARD)),
    SONNET: Priced(SONNET_CARD),
}


def snapshot(**rows: object) -> Snapshot:
    """The numbers of project 7; nothing but what is given."""
    given: dict[str, object] = {"project_id": 7, "as_of": AS_OF, "zone": UTC_ZONE, "prices": PRICES} | rows
    return Snapshot(**given)  # type: ignore[arg-type]


def sizes(*rows: SizeRow, bands: tuple[BandRow, ...] = (), days: int = 7) -> tuple[Sizes, ...]:
    return (Sizes(days, rows, bands),)


def size_row(
    model: Model = GPT_4O,
    *,
    team: str = "support",
    feature: str = "routing",
    below: int | None = None,
    calls: int = 50,
    input_tokens: int = 50_000,
    output_tokens: int = 4_999,
    cost_usd: str = "1",
    cached: int = 0,
) -> SizeRow:
    tokens = Tokens(input_tokens=input_tokens, output_tokens=output_tokens, cached_input_tokens=cached)
    return SizeRow(Where(team, feature, model), below, calls, tokens, Decimal(cost_usd))


def hash_row(
    kind: str = "full",
    *,
    day: date = YESTERDAY,
    value: str = "abc",
    source: str = "sdk",
    model: Model = GPT_4O,
    feature: str = "faq",
    calls: int = 50,
    input_tokens: int = 51_200,
    cached: int = 0,
    cost_usd: str = "1",
) -> HashRow:
    where = Where("growth", feature, model)
    return HashRow(day, kind, source, value, where, calls, input_tokens, cached, Decimal(cost_usd))  # type: ignore[arg-type]


def team_days(*calls: int, team: str = "growth", last: date = TODAY) -> dict[str, object]:
    """Calls of the days up to ``last``, the oldest first; none before."""
    first = last - timedelta(days=len(calls) - 1)
    rows = [TeamDay(team, first + timedelta(days=offset), count) for offset, count in enumerate(calls) if count]
    return {"team_days": tuple(rows), "team_starts": (TeamStart(team, rows[0].day),) if rows else ()}


def error_row(calls: int = 50, errors: int = 6, calls_before: int = 1000, errors_before: int = 10) -> ErrorRow:
    return ErrorRow(GPT_4O, "chat", calls, errors, calls_before, errors_before)


def latencies(*durations_ms: float) -> Decimal:
    return Decimal(histogram.encode(durations_ms))


def latency_row(recent: Decimal, before: Decimal) -> LatencyRow:
    return LatencyRow(GPT_4O, "chat", recent, before)


def resource_row(samples: int = 20, peak_share: str = "0.3999", cost_usd: str | None = "7") -> ResourceRow:
    share = Decimal(peak_share)
    cost = None if cost_usd is None else Decimal(cost_usd)
    return ResourceRow("ocr", "operations", samples, Decimal(1000), 1000 * share, share, cost)


def unpriced_row(calls: int = 1) -> UnpricedRow:
    return UnpricedRow(OWN, calls)


def budget(
    spent: str = "50",
    *,
    limit: str = "100",
    period: BudgetPeriod = BudgetPeriod.MONTH,
    as_of: datetime = AS_OF,
    hours: tuple[Decimal, ...] = (),
    **more: object,
) -> BudgetSpend:
    given: dict[str, object] = {
        "budget_id": 3,
        "name": "Support",
        "project_id": 7,
        "team": "",
        "metric": Metric.COST_USD,
        "period": period,
        "limit": Decimal(limit),
        "thresholds": (50, 80, 100),
        "stretch": stretch_at(period, as_of, UTC_ZONE),
        "spent": Decimal(spent),
        "hours": hours,
    }
    return BudgetSpend(**(given | more))  # type: ignore[arg-type]


def found(rule: Rule, taken: Snapshot, config: RuleConfig = DEFAULT) -> list[Insight]:
    """What one rule finds."""
    return evaluate(taken, {rule: config}, [rule])


def at(taken: Snapshot, as_of: datetime) -> Snapshot:
    return replace(taken, as_of=as_of)
