"""Every rule over one snapshot. The same numbers give the same insights, in the same order."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Final

from rules.engine.checks import (
    budget_forecast,
    budget_threshold,
    cache_waste,
    error_burst,
    latency_regression,
    long_prompts,
    model_downgrade,
    model_misuse,
    prompt_cache_opportunity,
    ram_over_provision,
    spike,
    unpriced_model,
)
from rules.engine.insights import OTHER, Insight
from rules.engine.names import Rule
from rules.engine.snapshot import Snapshot
from rules.engine.thresholds import Configs, RuleConfig, config_of

type Find = Callable[[Snapshot, RuleConfig], Iterator[Insight]]

FINDERS: Final[Mapping[Rule, Find]] = {
    module.RULE: module.find
    for module in (
        model_misuse,
        model_downgrade,
        long_prompts,
        cache_waste,
        spike,
        ram_over_provision,
        prompt_cache_opportunity,
        error_burst,
        latency_regression,
        unpriced_model,
        budget_threshold,
        budget_forecast,
    )
}


def evaluate(snapshot: Snapshot, thresholds: Configs, rules: Iterable[Rule] = tuple(Rule)) -> list[Insight]:
    """What ``rules`` find in ``snapshot``; ``snapshot.as_of`` is the only clock.

    A rule that is off and a feature that is muted find nothing. Neither does a group that rollups no longer keep
    apart: no filter would find its calls again.
    """
    found = [insight for rule in rules for insight in _found(snapshot, rule, config_of(thresholds, rule))]
    return sorted(found, key=lambda insight: (list(Rule).index(insight.rule), insight.subject))


def _found(snapshot: Snapshot, rule: Rule, config: RuleConfig) -> Iterator[Insight]:
    if not config.enabled:
        return
    for insight in FINDERS[rule](snapshot, config):
        columns = dict(insight.subject)
        if OTHER in columns.values() or columns.get("feature") in config.muted_features:
            continue
        yield insight if config.severity is None else replace(insight, severity=config.severity)
