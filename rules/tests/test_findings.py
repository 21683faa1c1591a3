"""Rows stay small and exact, whatever names calls came with."""

import json
from decimal import Decimal

from rules import findings, selectors
from rules.engine.evaluate import evaluate
from rules.engine.names import Rule
from rules.engine.snapshot import Model, Priced
from rules.models import Insight
from rules.selectors import InsightFilter
from rules.tests.engine.scenes import (
    GEMINI_PRO,
    GPT_4O,
    PRICES,
    SONNET_CARD,
    hash_row,
    size_row,
    sizes,
    snapshot,
    team_days,
)
from rules.tests.scenes import NOW

RULES = (Rule.MODEL_DOWNGRADE, Rule.LONG_PROMPTS, Rule.CACHE_WASTE, Rule.MODEL_MISUSE, Rule.SPIKE)


def store(organization, project, taken, rules=RULES):
    found = evaluate(taken, {}, rules)
    return findings.store(organization=organization, project=project, rules=rules, found=found, now=NOW)


def taken(project, **rows):
    return snapshot(project_id=project.pk, **rows)


def test_giant_evidence_is_cut_to_what_a_row_may_hold(acme, acme_project, scope):
    wide = "🚀" * 99
    rows = [
        size_row(GEMINI_PRO, team=wide, feature=f"{wide}{number}", below=100, calls=900, cost_usd="2")
        for number in range(200)
    ]
    prompts = [hash_row(value=f"{number:0128x}", feature=wide, calls=60) for number in range(3_000)]

    with scope(acme):
        large = taken(acme_project, sizes=sizes(*rows), hashes=tuple(prompts))
        store(acme, acme_project, large, [Rule.MODEL_DOWNGRADE, Rule.CACHE_WASTE])

        insights = list(Insight.objects.order_by("rule"))
    assert [insight.rule for insight in insights] == ["CACHE_WASTE", "MODEL_DOWNGRADE"]
    for insight in insights:
        assert len(json.dumps(insight.evidence, ensure_ascii=False).encode()) < 32_768
        assert 0 < len(json.dumps(insight.saving_parts, ensure_ascii=False).encode()) < 32_768


def test_many_models_with_long_names_fit(acme, acme_project, scope):
    models = [Model("openai", "é" * 250 + str(number)) for number in range(60)]
    rows = [size_row(model, calls=50, input_tokens=900_000, cost_usd="3") for model in models]
    prices = {model: Priced(SONNET_CARD) for model in models}

    with scope(acme):
        store(acme, acme_project, taken(acme_project, sizes=sizes(*rows), prices=prices), [Rule.LONG_PROMPTS])

        insight = Insight.objects.get()
    assert len(insight.saving_prices) == 20
    assert insight.saving_window_usd == 60 * Decimal(900_000 - 100_000) * 3 / 10**6


def test_html_in_names_is_kept_as_text(acme, acme_project, scope):
    row = size_row(feature="<script>alert(1)</script>", team="a&b")

    with scope(acme):
        store(acme, acme_project, taken(acme_project, sizes=sizes(row)), [Rule.MODEL_MISUSE])

        assert Insight.objects.get().feature == "<script>alert(1)</script>"


def test_savings_of_one_place_are_summed_up_once(acme, acme_project, scope):
    """The same calls are a misuse and have long prompts: the larger saving counts."""
    row = size_row(GPT_4O, calls=100, input_tokens=1_000_000, output_tokens=500, cost_usd="2.505")
    elsewhere = size_row(GPT_4O, feature="other", calls=100, input_tokens=300_000, output_tokens=9_000_000)

    with scope(acme):
        store(acme, acme_project, taken(acme_project, sizes=sizes(row, elsewhere)))

        found = list(selectors.insights(organization=acme))
        summed = selectors.potential_savings(found)
    assert sorted(insight.rule for insight in found) == ["LONG_PROMPTS", "LONG_PROMPTS", "MODEL_MISUSE"]
    misuse = next(insight for insight in found if insight.rule == "MODEL_MISUSE")
    other = next(insight for insight in found if insight.feature == "other")
    assert summed.month_usd == misuse.saving_month_usd + other.saving_month_usd
    assert summed.year_usd == summed.month_usd * 12


def test_lists_are_narrowed_and_ranked(acme, acme_project, scope):
    misuse = size_row(calls=100, output_tokens=100, cost_usd="9")
    quiet = size_row(feature="b", calls=100, output_tokens=100, cost_usd="0")
    with scope(acme):
        store(
            acme, acme_project, taken(acme_project, sizes=sizes(misuse, quiet), prices=PRICES, **team_days(1, 1, 1, 25))
        )
        store(acme, acme_project, taken(acme_project, sizes=sizes(misuse, quiet), **team_days(90, 90, 90, 500)), RULES)

        def listed(**narrowed):
            found = selectors.insights(organization=acme, narrowed=InsightFilter(**narrowed))
            return [(insight.rule, insight.feature or insight.team) for insight in found]

        everything = [("MODEL_MISUSE", "routing"), ("MODEL_MISUSE", "b"), ("SPIKE", "growth")]
        assert listed() == everything
        assert listed(rules=["SPIKE"]) == everything[2:]
        assert listed(severities=["high"], features=["b"]) == everything[1:2]
        assert listed(teams=["support"], models=["gpt-4o"], project_ids=[acme_project.pk]) == everything[:2]
        assert listed(project_ids=[]) == listed(statuses=["resolved"]) == listed(assignee_ids=[1]) == []
        assert listed(since=NOW) == everything
        assert selectors.counts(organization=acme) == {"low": 1, "medium": 0, "high": 2}


def test_one_insight_comes_with_its_history_in_few_queries(acme, acme_project, scope, django_assert_num_queries):
    with scope(acme):
        store(acme, acme_project, taken(acme_project, sizes=sizes(size_row())), [Rule.MODEL_MISUSE])
        pk = Insight.objects.get().pk

        with django_assert_num_queries(3):
            insight = selectors.insight(organization=acme, insight_id=pk)
            assert [change.kind for change in insight.changes.all()] == ["opened"]
            assert list(insight.comments.all()) == []
        assert selectors.insight(organization=acme, insight_id=pk, project_ids=[]) is None
        assert selectors.insight(organization=acme, insight_id=pk + 1) is None


def test_insights_of_others_are_in_no_list(acme, acme_project, globex, scope):
    with scope(acme):
        store(acme, acme_project, taken(acme_project, sizes=sizes(size_row())), [Rule.MODEL_MISUSE])
        pk = Insight.objects.get().pk

    with scope(globex):
        assert list(selectors.insights(organization=globex)) == []
        assert selectors.insight(organization=globex, insight_id=pk) is None
        assert selectors.potential_savings(selectors.insights(organization=globex)).month_usd == 0
