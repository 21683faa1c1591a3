"""A premium model whose answers are so short that a smaller one would do."""

from collections.abc import Iterator

from rules.engine import classes, savings
from rules.engine.building import by_where, falls_below, of_model, sized_calls, subject, total
from rules.engine.days import full_days
from rules.engine.insights import Evidence, Figure, Insight
from rules.engine.names import Rule, Severity
from rules.engine.snapshot import Model, Priced, SizeRow, Snapshot, Where
from rules.engine.thresholds import RuleConfig

RULE = Rule.MODEL_MISUSE


def find(snapshot: Snapshot, config: RuleConfig) -> Iterator[Insight]:
    sizes = snapshot.of_days(config.whole(RULE, "days"))
    for where, rows in by_where(sizes.rows).items():
        if fires(where.model, snapshot.priced(where.model), rows, config):
            yield _insight(snapshot, config, where, rows)


def fires(model: Model, priced: Priced, rows: list[SizeRow], config: RuleConfig) -> bool:
    """Whether these calls of one model, team and feature are an insight; who reads numbers asks beforehand."""
    if not classes.is_premium(model.key, priced.card):
        return False
    calls, tokens, _ = total(rows)
    is_enough = calls >= config.number(RULE, "calls")
    return is_enough and falls_below(tokens.output_tokens, calls, config.number(RULE, "output_tokens"))


def _insight(snapshot: Snapshot, config: RuleConfig, where: Where, rows: list[SizeRow]) -> Insight:
    days = config.whole(RULE, "days")
    window = full_days(snapshot.as_of, snapshot.zone, days)
    bands = [band for band in snapshot.of_days(days).bands if band.where == where]
    return Insight(
        rule=RULE,
        project_id=snapshot.project_id,
        subject=subject(team=where.team, feature=where.feature, provider=where.model.provider, model=where.model.key),
        severity=Severity.HIGH,
        team=where.team,
        evidence=Evidence(
            window=window,
            figures=_figures(config, rows),
            calls=sized_calls(snapshot, window, team=where.team, feature=where.feature, **of_model(where.model)),
        ),
        saving=savings.on_alternative(where.model, snapshot.priced(where.model), rows, bands, days),
    )


def _figures(config: RuleConfig, rows: list[SizeRow]) -> tuple[Figure, ...]:
    calls, tokens, cost = total(rows)
    most = config.number(RULE, "output_tokens")
    return (
        Figure("output_tokens_a_call", savings.ratio(tokens.output_tokens, calls), "tokens a call", "<", most),
        Figure("calls", calls, "calls", "≥", config.number(RULE, "calls")),
        Figure("output_tokens", tokens.output_tokens, "tokens"),
        Figure("cost", cost, "USD"),
    )
