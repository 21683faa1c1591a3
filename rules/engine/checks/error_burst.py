"""Far more failed calls than usual within the last full hour."""

from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction

from rules.engine import savings
from rules.engine.building import counted_calls, exceeds, of_model, subject
from rules.engine.days import hours_before, running_hour
from rules.engine.insights import Evidence, Figure, Insight
from rules.engine.names import Rule, Severity
from rules.engine.snapshot import ErrorRow, Snapshot
from rules.engine.thresholds import RuleConfig

RULE = Rule.ERROR_BURST


def find(snapshot: Snapshot, config: RuleConfig) -> Iterator[Insight]:
    for row in snapshot.errors:
        if _fires(row, config):
            yield _insight(snapshot, config, row)


def _fires(row: ErrorRow, config: RuleConfig) -> bool:
    if row.calls < config.number(RULE, "calls"):
        return False
    is_many = exceeds(row.errors * 100, row.calls, config.number(RULE, "error_percent"))
    return is_many and Fraction(row.errors, row.calls) > Fraction(config.number(RULE, "times")) * _rate_before(row)


def _rate_before(row: ErrorRow) -> Fraction:
    """Without calls before, nothing failed before."""
    return Fraction(row.errors_before, row.calls_before) if row.calls_before else Fraction(0)


def _insight(snapshot: Snapshot, config: RuleConfig, row: ErrorRow) -> Insight:
    window = hours_before(running_hour(snapshot.as_of, snapshot.zone), 1)
    percent = savings.ratio(row.errors * 100, row.calls)
    before = savings.ratio(row.errors_before * 100, row.calls_before) if row.calls_before else Decimal(0)
    return Insight(
        rule=RULE,
        project_id=snapshot.project_id,
        subject=subject(provider=row.model.provider, model=row.model.key, feature=row.feature),
        severity=Severity.HIGH,
        evidence=Evidence(
            window=window,
            figures=(
                Figure("error_percent", percent, "% of the calls", ">", config.number(RULE, "error_percent")),
                Figure("times_before", percent, "% of the calls", ">", before * config.number(RULE, "times")),
                Figure("calls", row.calls, "calls", "≥", config.number(RULE, "calls")),
                Figure("errors", row.errors, "calls"),
                Figure("error_percent_before", before, "% of the calls"),
                Figure("calls_before", row.calls_before, "calls"),
            ),
            calls=counted_calls(snapshot, window, feature=row.feature, **of_model(row.model)),
        ),
    )
