"""Answers whose slow end takes much longer than it did."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from ingestion import histogram
from rules.engine import savings
from rules.engine.building import counted_calls, of_model, subject
from rules.engine.days import hours_before, running_hour
from rules.engine.insights import Evidence, Figure, Insight
from rules.engine.names import Rule, Severity
from rules.engine.snapshot import LatencyRow, Snapshot
from rules.engine.thresholds import RuleConfig

RULE = Rule.LATENCY_REGRESSION
# A percentile read from a histogram is up to 5 % off, and so is the one it is compared with.
ERROR_TWICE: Final = Decimal("1.11")
_PERCENTILE: Final = 0.95


def find(snapshot: Snapshot, config: RuleConfig) -> Iterator[Insight]:
    for row in snapshot.latencies:
        least = config.number(RULE, "calls")
        calls, before = count(row.recent), count(row.before)
        if calls >= least and before >= least and _is_slower(row, config):
            yield _insight(snapshot, config, row, calls, before)


def count(packed: Decimal) -> int:
    """How many calls are in a histogram."""
    return sum(histogram.decode(packed))


def p95(packed: Decimal) -> Decimal:
    return Decimal(str(histogram.percentile(packed, _PERCENTILE)))


def _is_slower(row: LatencyRow, config: RuleConfig) -> bool:
    return p95(row.recent) > _limit(row, config)


def _limit(row: LatencyRow, config: RuleConfig) -> Decimal:
    return config.number(RULE, "times") * ERROR_TWICE * p95(row.before)


def _insight(snapshot: Snapshot, config: RuleConfig, row: LatencyRow, calls: int, before: int) -> Insight:
    window = hours_before(running_hour(snapshot.as_of, snapshot.zone), config.whole(RULE, "hours"))
    recent, normal = p95(row.recent), p95(row.before)
    return Insight(
        rule=RULE,
        project_id=snapshot.project_id,
        subject=subject(provider=row.model.provider, model=row.model.key, feature=row.feature),
        severity=Severity.MEDIUM,
        evidence=Evidence(
            window=window,
            figures=(
                Figure("p95", savings.rounded(recent), "ms", ">", savings.rounded(_limit(row, config))),
                Figure("p95_before", savings.rounded(normal), "ms"),
                Figure("times", savings.rounded(recent / normal), "times"),
                Figure("calls", calls, "calls", "≥", config.number(RULE, "calls")),
                Figure("calls_before", before, "calls", "≥", config.number(RULE, "calls")),
            ),
            calls=counted_calls(snapshot, window, feature=row.feature, **of_model(row.model), status="ok"),
        ),
    )
