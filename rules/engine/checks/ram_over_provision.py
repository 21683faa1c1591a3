"""A resource that never used more than a small part of the memory it is billed for."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from ingestion.pricing.calculator import EXACT
from rules.engine import savings
from rules.engine.building import subject
from rules.engine.days import full_days
from rules.engine.insights import Evidence, Figure, Insight
from rules.engine.names import Rule, Severity
from rules.engine.savings import Part, Saving
from rules.engine.snapshot import Model, ResourceRow, Snapshot, Where
from rules.engine.thresholds import RuleConfig

RULE = Rule.RAM_OVER_PROVISION
HEADROOM: Final = Decimal("1.25")  # of the highest use, that a resource should be given


def find(snapshot: Snapshot, config: RuleConfig) -> Iterator[Insight]:
    for row in snapshot.resources:
        is_enough = row.samples >= config.number(RULE, "samples")
        if is_enough and row.peak_share * 100 < config.number(RULE, "used_percent"):
            yield _insight(snapshot, config, row)


def _insight(snapshot: Snapshot, config: RuleConfig, row: ResourceRow) -> Insight:
    days = config.whole(RULE, "days")
    return Insight(
        rule=RULE,
        project_id=snapshot.project_id,
        subject=subject(resource=row.resource),
        severity=Severity.LOW,
        team=row.team,
        evidence=Evidence(
            window=full_days(snapshot.as_of, snapshot.zone, days),
            figures=(
                Figure(
                    "used_percent", row.peak_share * 100, "% of the memory", "<", config.number(RULE, "used_percent")
                ),
                Figure("samples", row.samples, "samples", "≥", config.number(RULE, "samples")),
                Figure("peak_used", row.peak_used_mb, "MB"),
                Figure("allocated", row.allocated_mb, "MB"),
                *([] if row.cost_usd is None else [Figure("cost", row.cost_usd, "USD")]),
            ),
        ),
        saving=_saving(row, days),
    )


def _saving(row: ResourceRow, days: int) -> Saving:
    """Cost × (1 − min(1, 1.25 × peak ÷ allocated))."""
    if row.cost_usd is None:
        return savings.unknown(savings.NOT_ESTIMATED)
    needed = min(Decimal(1), EXACT.multiply(HEADROOM, row.peak_share))
    place = Where(row.team, f"resource:{row.resource}", Model("", ""))
    amount = savings.exact_sum([EXACT.multiply(row.cost_usd, EXACT.subtract(Decimal(1), needed))])
    return savings.saving([Part(place, amount)], days=days)
