"""Calls of a model that no price list knows."""

from collections.abc import Iterator
from datetime import timedelta

from rules.engine.building import of_model, sized_calls, subject
from rules.engine.days import Window, days_window, today
from rules.engine.insights import Evidence, Figure, Insight
from rules.engine.names import Rule, Severity
from rules.engine.snapshot import Snapshot
from rules.engine.thresholds import RuleConfig

RULE = Rule.UNPRICED_MODEL


def find(snapshot: Snapshot, config: RuleConfig) -> Iterator[Insight]:
    window = window_of(snapshot, config)
    for row in snapshot.unpriced:
        if row.calls < config.number(RULE, "calls"):
            continue
        yield Insight(
            rule=RULE,
            project_id=snapshot.project_id,
            subject=subject(provider=row.model.provider, model=row.model.key),
            severity=Severity.MEDIUM,
            evidence=Evidence(
                window=window,
                figures=(Figure("unpriced_calls", row.calls, "calls", "≥", config.number(RULE, "calls")),),
                calls=sized_calls(snapshot, window, **of_model(row.model), cost_source="none"),
            ),
        )


def window_of(snapshot: Snapshot, config: RuleConfig) -> Window:
    """The local days looked at, of which the running one is the last: what has no price should not wait."""
    end = today(snapshot.as_of, snapshot.zone) + timedelta(days=1)
    return days_window(end - timedelta(days=config.whole(RULE, "days")), end, snapshot.zone)
