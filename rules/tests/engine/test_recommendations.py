"""The report of open insights: the same in any order, best step first, one cost saved once."""

from decimal import Decimal
from itertools import permutations

import pytest

from rules.engine.names import Rule, Severity
from rules.engine.recommendations import EFFORTS, Effort, Finding, recommend
from rules.engine.thresholds import CATALOGUE
from rules.engine.totals import MonthlyPart


def finding(number, rule=Rule.MODEL_MISUSE, severity=Severity.HIGH, month=None, *, feature="titles", at_most=False):
    saving = None if month is None else Decimal(month)
    parts = () if saving is None else (MonthlyPart(1, "search", feature, "openai", "gpt-4o", saving),)
    return Finding(
        insight_id=number,
        rule=rule,
        severity=severity,
        title=f"Title {number}",
        place=feature,
        cause="Because.",
        saving_month_usd=saving,
        is_upper_bound=at_most,
        parts=parts,
    )


def test_nothing_open_is_nothing_to_do():
    report = recommend([])

    assert report.summary == ("No insight is open: nothing needs to be done.",)
    assert (report.plan, report.causes, report.saving.year_usd) == ((), (), 0)


def test_the_plan_is_ordered_by_savings_for_effort():
    medium = finding(1, Rule.MODEL_MISUSE, month="29", feature="a")
    low = finding(2, Rule.CACHE_WASTE, Severity.MEDIUM, month="10", feature="b")
    high = finding(3, Rule.LONG_PROMPTS, Severity.MEDIUM, month="81", feature="c")

    report = recommend([high, medium, low])

    assert [(action.rule, action.worth) for action in report.plan] == [
        (Rule.CACHE_WASTE, Decimal(10)),
        (Rule.MODEL_MISUSE, Decimal(29) / 3),
        (Rule.LONG_PROMPTS, Decimal(9)),
    ]
    assert (report.saving.month_usd, report.saving.year_usd) == (120, 1440)


def test_what_saves_nothing_is_ordered_by_severity():
    report = recommend(
        [
            finding(1, Rule.UNPRICED_MODEL, Severity.MEDIUM),
            finding(2, Rule.SPIKE, Severity.LOW),
            finding(3, Rule.ERROR_BURST, Severity.HIGH),
        ]
    )

    assert [action.rule for action in report.plan] == [Rule.ERROR_BURST, Rule.UNPRICED_MODEL, Rule.SPIKE]
    assert [action.saving for action in report.plan] == [None, None, None]


def test_insights_of_one_rule_are_one_step():
    report = recommend([finding(1, month="3", feature="a"), finding(2, month="5", feature="b")])

    (action,) = report.plan
    assert [one.insight_id for one in action.findings] == [2, 1]
    assert action.saving.month_usd == 8


def test_one_cost_is_saved_once_in_the_sum():
    report = recommend(
        [finding(1, month="10"), finding(2, Rule.LONG_PROMPTS, Severity.MEDIUM, month="7", at_most=True)]
    )

    assert report.saving.month_usd == 10
    assert report.is_upper_bound
    assert [action.is_upper_bound for action in report.plan] == [False, True]


def test_the_summary_says_how_many_how_bad_and_what_first():
    report = recommend([finding(1, month="3"), finding(2, Rule.SPIKE, Severity.LOW)])

    assert report.summary == (
        "2 insights are open: 1 of high severity and 1 of low severity.",
        "Most urgent: Title 1.",
        f"The best first step, savings for effort: {CATALOGUE[Rule.MODEL_MISUSE].fix}",
        "For 1 of them no saving is known.",
    )


def test_the_order_of_insights_changes_nothing():
    found = [finding(1, month="3"), finding(2, Rule.SPIKE, Severity.LOW), finding(3, Rule.CACHE_WASTE, month="3")]

    assert len({recommend(order) for order in permutations(found)}) == 1


@pytest.mark.parametrize("rule", Rule)
def test_every_rule_has_an_effort_with_a_reason(rule):
    assert EFFORTS[rule].effort in Effort
    assert EFFORTS[rule].reason.endswith(".")
