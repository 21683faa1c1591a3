"""The very same prompt sent over and over within a day."""

from collections.abc import Iterator

from rules.engine import savings
from rules.engine.building import counted_calls, grouped, subject
from rules.engine.checks.repeats import Repeats, repeats
from rules.engine.days import one_day
from rules.engine.insights import Evidence, Figure, Insight
from rules.engine.names import Rule, Severity
from rules.engine.savings import Part, Saving
from rules.engine.snapshot import HashRow, Snapshot
from rules.engine.thresholds import RuleConfig

RULE = Rule.CACHE_WASTE


def find(snapshot: Snapshot, config: RuleConfig) -> Iterator[Insight]:
    least = config.number(RULE, "calls")
    for place, found in repeats(snapshot, "full", _place, lambda prompt: prompt.calls >= least):
        yield _insight(snapshot, config, place, found)


def _place(row: HashRow) -> tuple[str, str]:
    return row.where.team, row.where.feature


def _insight(snapshot: Snapshot, config: RuleConfig, place: tuple[str, str], found: Repeats) -> Insight:
    team, feature = place
    window = one_day(found.day, snapshot.zone)
    return Insight(
        rule=RULE,
        project_id=snapshot.project_id,
        subject=subject(team=team, feature=feature),
        severity=Severity.MEDIUM,
        team=team,
        evidence=Evidence(
            window=window,
            figures=_figures(config, found),
            calls=counted_calls(snapshot, window, team=team, feature=feature, prompt_hash=found.named),
            items=found.items(),
            more_items=found.more,
        ),
        saving=_saving(found),
    )


def _figures(config: RuleConfig, found: Repeats) -> tuple[Figure, ...]:
    most = max(prompt.calls for prompt in found.prompts)
    return (
        Figure("calls_with_one_prompt", most, "calls a day", "≥", config.number(RULE, "calls")),
        Figure("prompts", len(found.prompts), "prompts"),
        Figure("calls", found.calls, "calls"),
        Figure("repeats", found.calls - len(found.prompts), "calls"),
        Figure("cost", savings.exact_sum(prompt.cost_usd for prompt in found.prompts), "USD"),
    )


def _saving(found: Repeats) -> Saving:
    """Cost × (calls − hashes) ÷ calls: of each prompt, one call is needed. Split by what the calls cost where."""
    needless = found.calls - len(found.prompts)
    rows = [row for prompt in found.prompts for row in prompt.rows]
    parts = [
        Part(where, savings.share(savings.exact_sum(row.cost_usd for row in there), needless, found.calls))
        for where, there in grouped(rows, [row.where for row in rows]).items()
    ]
    return savings.saving(parts, days=1)
