"""What the list of insights shows, as its address says it."""

from urllib.parse import parse_qs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboards.insight_filters import DEFAULT_STATUSES, EVERY_STATUS, FACETS, VIEWS, InsightQuery, shown


def parse(query=""):
    return InsightQuery.parse(parse_qs(query))


def test_without_a_query_what_is_open_or_looked_after_is_shown():
    chosen = parse()

    assert chosen.statuses == DEFAULT_STATUSES
    assert chosen.view == "Open"
    assert chosen.address("/i/") == "/i/"
    assert not chosen.is_narrowed


def test_every_facet_takes_several_values():
    chosen = parse("severity=high&severity=low&team=search&team=(none)&rule=SPIKE&status=muted&q=gpt")

    assert chosen.values("severity") == ("high", "low")
    assert chosen.values("team") == ("search", "(none)")
    assert chosen.statuses == ("muted",)
    assert (chosen.text, chosen.view, chosen.is_narrowed) == ("gpt", "Muted", True)
    assert chosen.problems == ()


@pytest.mark.parametrize("query", ["status=gone", "severity=HIGH", "rule=NO_RULE", "assignee=5"])
def test_what_does_not_exist_is_left_out_and_said(query):
    chosen = parse(query)

    assert chosen.pairs == []
    assert len(chosen.problems) == 1
    assert query.partition("=")[2] not in chosen.problems[0]


def test_values_nobody_can_have_are_left_out():
    assert InsightQuery.parse({"team": ["a\0b", "x" * 256, "  "], "q": ["a\0"]}).pairs == []


@pytest.mark.parametrize(("view", "statuses"), VIEWS.items())
def test_a_shortcut_keeps_everything_else(view, statuses):
    chosen = parse("team=search&status=muted").with_statuses(statuses)

    assert chosen.view == view
    assert set(chosen.statuses) == set(statuses)
    assert chosen.values("team") == ("search",)


def test_a_value_can_be_taken_away():
    chosen = parse("team=a&team=b&severity=high&q=x")

    assert chosen.without("team", "a").pairs == [("severity", "high"), ("team", "b"), ("q", "x")]
    assert chosen.without_all("team").pairs == [("severity", "high"), ("q", "x")]
    assert parse("team=a&status=resolved").cleared().pairs == [("status", "resolved")]


def test_values_are_shown_in_words():
    assert [shown("severity", "high"), shown("rule", "SPIKE"), shown("team", "(none)"), shown("assignee", "me")] == [
        "High",
        "Spike in traffic",
        "None",
        "Me",
    ]


@given(st.fixed_dictionaries({}, optional={name: st.lists(st.text(max_size=9), max_size=2) for name in (*FACETS, "q")}))
def test_any_query_has_a_canonical_form_that_gives_it_again(query):
    chosen = InsightQuery.parse(query)
    again = InsightQuery.parse(parse_qs(chosen.address("").removeprefix("?"), keep_blank_values=True))

    assert (again.chosen, again.text, again.problems) == (chosen.chosen, chosen.text, ())
    assert set(chosen.statuses) <= set(EVERY_STATUS)
