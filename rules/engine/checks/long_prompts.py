"""Calls that read far more than most need."""

from collections.abc import Iterator
from decimal import Decimal

from rules.engine import savings
from rules.engine.building import exceeds, grouped, sized_calls, subject, total
from rules.engine.days import full_days
from rules.engine.insights import Evidence, Figure, Insight
from rules.engine.names import Rule, Severity
from rules.engine.savings import Part, Saving
from rules.engine.snapshot import SizeRow, Snapshot
from rules.engine.thresholds import RuleConfig

RULE = Rule.LONG_PROMPTS


def find(snapshot: Snapshot, config: RuleConfig) -> Iterator[Insight]:
    rows = snapshot.of_days(config.whole(RULE, "days")).rows
    for (team, feature), found in grouped(rows, [(row.where.team, row.where.feature) for row in rows]).items():
        if _fires(found, config):
            yield _insight(snapshot, config, team, feature, found)


def _fires(rows: list[SizeRow], config: RuleConfig) -> bool:
    calls, tokens, _ = total(rows)
    is_enough = calls >= config.number(RULE, "calls")
    return is_enough and exceeds(tokens.input_tokens, calls, config.number(RULE, "input_tokens"))


def _insight(snapshot: Snapshot, config: RuleConfig, team: str, feature: str, rows: list[SizeRow]) -> Insight:
    window = full_days(snapshot.as_of, snapshot.zone, config.whole(RULE, "days"))
    return Insight(
        rule=RULE,
        project_id=snapshot.project_id,
        subject=subject(team=team, feature=feature),
        severity=Severity.MEDIUM,
        team=team,
        evidence=Evidence(
            window=window,
            figures=_figures(config, rows),
            calls=sized_calls(snapshot, window, team=team, feature=feature),
        ),
        saving=_saving(snapshot, config, rows),
    )


def _figures(config: RuleConfig, rows: list[SizeRow]) -> tuple[Figure, ...]:
    calls, tokens, cost = total(rows)
    most = config.number(RULE, "input_tokens")
    return (
        Figure("input_tokens_a_call", savings.ratio(tokens.input_tokens, calls), "tokens a call", ">", most),
        Figure("calls", calls, "calls", "≥", config.number(RULE, "calls")),
        Figure("input_tokens", tokens.input_tokens, "tokens"),
        Figure("cached_input_tokens", tokens.cached_input_tokens, "tokens"),
        Figure("cost", cost, "USD"),
    )


def _saving(snapshot: Snapshot, config: RuleConfig, rows: list[SizeRow]) -> Saving:
    """Uncached input above the threshold a call × the input price, model by model."""
    parts, prices = [], []
    by_model = grouped(rows, [row.where for row in rows])
    for where, found in sorted(by_model.items()):
        price = savings.price_of(where.model.key, snapshot.priced(where.model).card)
        excess = _excess(found, config.number(RULE, "input_tokens"))
        if price.input_usd is not None and excess > 0:
            parts.append(Part(where, savings.at_price(excess, price.input_usd)))
            prices.append(price)
    days = config.whole(RULE, "days")
    return savings.saving(parts, days=days, prices=tuple(prices), is_upper_bound=True)


def _excess(rows: list[SizeRow], most: Decimal) -> Decimal:
    calls, tokens, _ = total(rows)
    return Decimal(tokens.input_tokens - tokens.cached_input_tokens) - most * calls
