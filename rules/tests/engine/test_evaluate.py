"""What holds for all rules: order does not matter, configuration does, and equal findings have equal fingerprints."""

import json
from dataclasses import fields, replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.engine.evaluate import FINDERS, evaluate
from rules.engine.insights import OTHER, evidence_json, fingerprint
from rules.engine.names import Rule, Severity
from rules.engine.snapshot import Snapshot
from rules.engine.thresholds import CATALOGUE, RuleConfig
from rules.tests.engine.scenes import (
    GEMINI_PRO,
    SONNET,
    budget,
    error_row,
    found,
    hash_row,
    latencies,
    latency_row,
    resource_row,
    size_row,
    sizes,
    snapshot,
    team_days,
    unpriced_row,
)

EVERYTHING = snapshot(
    sizes=sizes(
        size_row(calls=60, output_tokens=400),
        size_row(calls=60, output_tokens=400, below=500),
        size_row(feature="other", calls=70, output_tokens=300),
        size_row(GEMINI_PRO, team="ops", below=50, calls=400, input_tokens=12_000, output_tokens=2_000),
        size_row(GEMINI_PRO, team="ops", below=100, calls=400, input_tokens=30_000, output_tokens=2_000),
        size_row(SONNET, team="legal", feature="review", calls=80, input_tokens=900_000, output_tokens=90_000),
    ),
    hashes=(
        hash_row(calls=60),
        hash_row(calls=70, value="def"),
        hash_row(calls=30, value="ghi", feature="x"),
        hash_row("prefix", calls=80, input_tokens=90_000),
    ),
    errors=(error_row(60, 30), replace(error_row(80, 40), feature="b")),
    latencies=(latency_row(latencies(*[900.0] * 120), latencies(*[100.0] * 120)),),
    unpriced=(unpriced_row(3),),
    resources=(resource_row(), replace(resource_row(), resource="b")),
    budgets=(budget("90"), budget("60", budget_id=4)),
    **team_days(10, 20, 10, 5, 300),
)
ROWS = [field.name for field in fields(Snapshot) if isinstance(getattr(EVERYTHING, field.name), tuple)]


@given(st.data())
def test_the_order_of_rows_changes_nothing(data):
    shuffled = {name: tuple(data.draw(st.permutations(getattr(EVERYTHING, name)))) for name in ROWS}
    (inner,) = shuffled["sizes"]
    rows = tuple(data.draw(st.permutations(inner.rows)))
    shuffled["sizes"] = (replace(inner, rows=rows),)

    assert evaluate(replace(EVERYTHING, **shuffled), {}) == evaluate(EVERYTHING, {})


def test_a_scene_with_everything_shows_every_rule_but_the_forecast():
    assert {insight.rule for insight in evaluate(EVERYTHING, {})} == set(Rule) - {Rule.BUDGET_FORECAST}


def test_nothing_is_found_in_nothing():
    assert evaluate(snapshot(), {}) == []


@pytest.mark.parametrize("rule", sorted(set(Rule) - {Rule.BUDGET_FORECAST}))
def test_a_rule_that_is_off_finds_nothing_and_the_others_go_on(rule):
    everything = evaluate(EVERYTHING, {})

    without = evaluate(EVERYTHING, {rule: RuleConfig(enabled=False)})

    assert without == [insight for insight in everything if insight.rule != rule]


def test_only_the_rules_that_are_asked_for_are_evaluated():
    insights = evaluate(EVERYTHING, {}, [Rule.SPIKE, Rule.ERROR_BURST])

    assert [insight.rule for insight in insights] == [Rule.SPIKE, Rule.ERROR_BURST, Rule.ERROR_BURST]


def test_a_muted_feature_is_silent_where_others_of_the_rule_are_not():
    config = RuleConfig(muted_features=frozenset({"routing"}))

    insights = found(Rule.MODEL_MISUSE, EVERYTHING, config)

    assert [insight.column("feature") for insight in insights] == ["other"]


def test_a_severity_of_the_projects_own_replaces_the_rules():
    (insight,) = found(Rule.SPIKE, EVERYTHING, RuleConfig(severity=Severity.MEDIUM))

    assert insight.severity is Severity.MEDIUM


def test_what_rollups_no_longer_keep_apart_is_no_finding():
    taken = snapshot(sizes=sizes(size_row(feature=OTHER), size_row(team=OTHER)))

    assert found(Rule.MODEL_MISUSE, taken) == []


def test_fingerprints_tell_rule_project_and_columns_apart():
    subject = (("team", "a"), ("feature", "b"))
    same = fingerprint(Rule.LONG_PROMPTS, 7, subject)

    others = {
        fingerprint(Rule.CACHE_WASTE, 7, subject),
        fingerprint(Rule.LONG_PROMPTS, 8, subject),
        fingerprint(Rule.LONG_PROMPTS, None, subject),
        fingerprint(Rule.LONG_PROMPTS, 7, (("team", "a,b"), ("feature", ""))),
        fingerprint(Rule.LONG_PROMPTS, 7, (("team", "a"), ("feature", "c"))),
    }

    assert len(same) == 64
    assert len(others | {same}) == 6
    assert fingerprint(Rule.LONG_PROMPTS, 7, (("team", "a"), ("feature", "b"))) == same


def test_a_fingerprint_stays_when_the_numbers_change():
    (before,) = found(Rule.LONG_PROMPTS, snapshot(sizes=sizes(size_row(SONNET, input_tokens=900_000))))
    (after,) = found(Rule.LONG_PROMPTS, snapshot(sizes=sizes(size_row(SONNET, input_tokens=700_000))))

    assert before.fingerprint == after.fingerprint
    assert before.evidence != after.evidence


@pytest.mark.parametrize("insight", evaluate(EVERYTHING, {}), ids=lambda insight: insight.rule.value)
def test_evidence_has_numbers_with_what_they_were_compared_with_and_is_bounded_json(insight):
    text = json.dumps(evidence_json(insight.evidence))

    assert len(text) < 20_000
    compared = [figure for figure in insight.evidence.figures if figure.comparison]
    assert compared
    assert all(figure.against is not None for figure in compared)
    assert tuple(name for name, _ in insight.subject) == CATALOGUE[insight.rule].per


@pytest.mark.parametrize("insight", evaluate(EVERYTHING, {}), ids=lambda insight: insight.rule.value)
def test_the_comparison_that_is_shown_holds(insight):
    holds = {"<": Decimal.__lt__, ">": Decimal.__gt__, "≥": Decimal.__ge__}

    for figure in insight.evidence.figures:
        if figure.comparison:
            assert holds[figure.comparison](Decimal(figure.value), Decimal(figure.against))


def test_evidence_stays_bounded_however_many_prompts_came_again():
    rows = tuple(hash_row(value=f"{number:064x}", calls=50) for number in range(5_000))

    (insight,) = found(Rule.CACHE_WASTE, snapshot(hashes=rows))

    evidence = evidence_json(insight.evidence)
    assert len(json.dumps(evidence)) < 20_000
    assert evidence["more_items"] == 4_900
    assert len(dict(insight.evidence.calls.filters)["prompt_hash"]) == 100


def test_there_is_a_finder_for_every_rule():
    assert set(FINDERS) == set(Rule) == set(CATALOGUE)
