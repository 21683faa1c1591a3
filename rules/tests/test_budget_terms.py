"""What a budget may say."""

from decimal import Decimal

import pytest
from django.core.exceptions import ValidationError

from rules import budget_terms
from rules.budget_terms import Wanted, checked
from rules.models import Budget
from tenants.models import ApiKey, Project


def wanted(**changes):
    return Wanted(**{"name": "All", "scope": "organization", "period": "month", "limit": "100"} | changes)


def problems(**changes):
    with pytest.raises(ValidationError) as refused:
        checked(wanted(**changes))
    return refused.value.message_dict


def test_a_budget_is_in_dollars_and_tells_at_half_four_fifths_and_all_unless_it_says_otherwise():
    columns = checked(wanted(name="  All "))

    assert columns == {
        "name": "All",
        "scope": "organization",
        "metric": "cost_usd",
        "period": "month",
        "limit": Decimal(100),
        "thresholds": [50, 80, 100],
        "project": None,
        "team": "",
        "feature": "",
        "user_id": "",
        "api_key": None,
    }


@pytest.mark.parametrize(
    ("given", "metric", "expected"),
    [
        ("0.000001", "cost_usd", "0.000001"),
        (" $1,234.50 ", "cost_usd", "1234.50"),
        (5, "cost_usd", "5"),
        (0.1, "cost_usd", "0.1"),
        (Decimal("1e3"), "cost_usd", "1000"),
        ("1000000", "tokens", "1000000"),
        ("1e6", "tokens", "1000000"),
    ],
)
def test_limits_are_exact_however_they_are_written(given, metric, expected):
    assert budget_terms.limit(given, metric) == Decimal(expected)


@pytest.mark.parametrize(
    ("given", "metric", "says"),
    [
        ("0", "cost_usd", "above zero"),
        ("-1", "cost_usd", "above zero"),
        ("0.0", "tokens", "above zero"),
        ("", "cost_usd", "Give a number."),
        ("much", "cost_usd", "Give a number."),
        ("NaN", "cost_usd", "Give a number."),
        ("Infinity", "cost_usd", "Give a number."),
        ("1e999999", "cost_usd", "Give a number."),
        ("1e-999999", "cost_usd", "Give a number."),
        (True, "cost_usd", "Give a number."),
        (None, "cost_usd", "Give a number."),
        ([1], "cost_usd", "Give a number."),
        ("1000000000000.01", "cost_usd", "1,000,000,000,000 USD at most"),
        ("0.0000000000001", "cost_usd", "12 decimals at most"),
        ("1.5", "tokens", "whole numbers"),
        ("1e19", "tokens", "tokens at most"),
    ],
)
def test_limits_that_cannot_be_are_refused_without_repeating_them(given, metric, says):
    with pytest.raises(ValidationError) as refused:
        budget_terms.limit(given, metric)

    assert says in refused.value.messages[0]
    assert "999999" not in refused.value.messages[0]


def test_thresholds_may_be_numbers_or_text():
    assert budget_terms.thresholds(["1", "50 %", 80, "1000"]) == [1, 50, 80, 1000]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ([], "Give 1 to 10 thresholds."),
        (list(range(1, 12)), "Give 1 to 10 thresholds."),
        ([0], "from 1 to 1,000 %"),
        ([-5], "from 1 to 1,000 %"),
        ([1001], "from 1 to 1,000 %"),
        (["9999999999999999"], "whole numbers of percent"),
        ([50, 50], "twice"),
        (["50", "50%"], "twice"),
        ([80, 50], "from the lowest to the highest"),
        (["half"], "whole numbers of percent"),
        (["50.5"], "whole numbers of percent"),
        ([50.0], "whole numbers of percent"),
        ([True], "whole numbers of percent"),
        (["²"], "whole numbers of percent"),
    ],
)
def test_thresholds_that_cannot_be_are_refused(given, says):
    with pytest.raises(ValidationError) as refused:
        budget_terms.thresholds(given)

    assert says in refused.value.messages[0]


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"scope": "planet"}, {"scope"}),
        ({"scope": ""}, {"scope"}),
        ({"metric": "euros"}, {"metric"}),
        ({"period": "year"}, {"period"}),
        ({"name": " "}, {"name"}),
        ({"name": "x" * 101}, {"name"}),
        ({"name": "a\x00b"}, {"name"}),
        ({"scope": "team"}, {"team"}),
        ({"scope": "project"}, {"project"}),
        ({"scope": "feature"}, {"project", "feature"}),
        ({"scope": "feature", "project": Project(pk=1)}, {"feature"}),
        ({"scope": "feature", "project": Project(pk=1), "feature": "(other)"}, {"feature"}),
        ({"scope": "feature", "project": Project(pk=1), "feature": "x" * 101}, {"feature"}),
        ({"scope": "feature", "project": Project(pk=1), "feature": "a\nb"}, {"feature"}),
        ({"scope": "user"}, {"user_id"}),
        ({"scope": "user", "user_id": "x" * 256}, {"user_id"}),
        ({"scope": "key"}, {"api_key"}),
        ({"team": "search"}, {"team"}),
        ({"scope": "project", "project": Project(pk=1), "api_key": ApiKey(pk=1)}, {"api_key"}),
    ],
)
def test_a_scope_asks_for_what_it_needs_and_for_nothing_else(changes, fields):
    assert set(problems(**changes)) == fields


def test_everything_that_is_wrong_is_said_at_once():
    assert set(problems(name="", limit="0", thresholds=[0], scope="team")) == {"name", "limit", "thresholds", "team"}


def test_every_scope_of_the_table_is_known():
    assert set(budget_terms.NEEDED) == set(Budget.Scope)
