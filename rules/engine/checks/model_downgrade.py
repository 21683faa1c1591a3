"""A flagship model that gets many calls which are tiny in all."""

from collections.abc import Iterator

from rules.engine import classes, savings
from rules.engine.building import grouped, of_model, sized_calls, subject, total
from rules.engine.days import full_days
from rules.engine.insights import Evidence, Figure, Insight
from rules.engine.names import Rule, Severity
from rules.engine.snapshot import Model, SizeRow, Snapshot
from rules.engine.thresholds import RuleConfig

RULE = Rule.MODEL_DOWNGRADE


def find(snapshot: Snapshot, config: RuleConfig) -> Iterator[Insight]:
    size, days = config.whole(RULE, "size"), config.whole(RULE, "days")
    tiny = [row for row in snapshot.of_days(days).rows if row.below is not None and row.below <= size]
    for (team, model), rows in grouped(tiny, [(row.where.team, row.where.model) for row in tiny]).items():
        calls, _, _ = total(rows)
        if classes.is_flagship(model.key) and calls >= config.number(RULE, "calls_a_day") * days:
            yield _insight(snapshot, config, team, model, rows)


def _insight(snapshot: Snapshot, config: RuleConfig, team: str, model: Model, rows: list[SizeRow]) -> Insight:
    days, size = config.whole(RULE, "days"), config.whole(RULE, "size")
    window = full_days(snapshot.as_of, snapshot.zone, days)
    return Insight(
        rule=RULE,
        project_id=snapshot.project_id,
        subject=subject(team=team, provider=model.provider, model=model.key),
        severity=Severity.HIGH,
        team=team,
        evidence=Evidence(
            window=window,
            figures=_figures(config, rows, days),
            calls=sized_calls(snapshot, window, team=team, **of_model(model), total_tokens_below=str(size)),
        ),
        saving=savings.on_alternative(model, snapshot.priced(model), rows, (), days),
    )


def _figures(config: RuleConfig, rows: list[SizeRow], days: int) -> tuple[Figure, ...]:
    calls, tokens, cost = total(rows)
    return (
        Figure("calls_a_day", savings.ratio(calls, days), "calls a day", "≥", config.number(RULE, "calls_a_day")),
        Figure("size", config.number(RULE, "size"), "tokens a call at most"),
        Figure("calls", calls, "calls"),
        Figure("tokens", tokens.input_tokens + tokens.output_tokens, "tokens"),
        Figure("cost", cost, "USD"),
    )
