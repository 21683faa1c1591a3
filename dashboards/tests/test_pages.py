from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from dashboards.numbers import ModelName, Overview, Sums
from dashboards.pages import ProjectLink, compared_with, overview_page

GPT = ModelName("openai", "gpt-4o")
DAY = Sums(calls=8, errors=2, input_tokens=10, cost_usd=Decimal(4))


def numbers(**more):
    found = {"total": DAY, "before": Sums(), "buckets": {"2026-07-09": DAY}, "models": {GPT: DAY}}
    found |= {"series": {GPT: {"2026-07-09": DAY}}, "features": {"chat": DAY}, "projects": {1: DAY}}
    return Overview(**found | {"group_counts": {"feature": 1, "project": 1}} | more)


def page(chosen, found=None, projects=None):
    return overview_page(found or numbers(), chosen, path="/o/acme/", projects=projects, looks={})


def test_a_page_has_every_chart_and_says_what_is_counted(chosen):
    shown = page(chosen())

    assert [figure.label for figure in shown.figures] == ["Spend", "Tokens", "Calls", "Errors", "p95 latency"]
    assert shown.cost["unit"] == "usd"
    assert shown.tokens["unit"] == "tokens"
    assert shown.latency["unit"] == "ms"
    assert shown.calls is None
    assert shown.cost_caption == "US dollars by model, per day"
    assert (shown.share_caption, shown.features_title, shown.value_header) == ("of spend", "Cost by feature", "Spend")
    assert shown.notices == []


def test_a_status_leaves_only_calls(chosen):
    shown = page(chosen("status=error"), projects={1: ProjectLink("Web", "/o/acme/p/web/")})

    assert (shown.cost, shown.tokens, shown.latency) == (None, None, None)
    assert shown.calls["unit"] == "count"
    assert shown.share["total"] == 2
    assert shown.calls_caption == "calls with an error by model, per day"
    assert (shown.features_title, shown.features[0].value) == ("Calls by feature", "2")
    assert (shown.projects[0].status_calls, shown.projects[0].share) == (2, 1.0)
    assert shown.notices == ["Spend, tokens and latency are not kept by status: with this filter only calls are shown."]


def test_groups_without_a_call_of_the_status_are_left_out(chosen):
    quiet = Sums(calls=8)
    found = numbers(features={"chat": DAY, "quiet": quiet}, projects={1: DAY, 2: quiet})

    shown = page(chosen("status=error"), found, projects={})

    assert [row.label for row in shown.features] == ["chat"]
    assert [line.name for line in shown.projects] == ["Deleted project 1"]


def test_hours_are_named_hours(chosen):
    assert page(chosen("range=24h")).cost_caption == "US dollars by model, per hour"


def test_features_lead_to_themselves(chosen):
    found = numbers(features={"chat & more": DAY, "": DAY})

    rows = page(chosen("range=30d&feature=other"), found).features

    assert [(row.label, row.href) for row in rows] == [
        ("chat & more", "/o/acme/?range=30d&feature=chat+%26+more"),
        ("None", "/o/acme/?range=30d&feature=%28none%29"),
    ]


def test_the_caption_says_when_not_all_features_are_listed(chosen):
    many = {f"f{n}": DAY for n in range(12)}

    assert page(chosen()).features_caption == "what the calls were for"
    found = numbers(features=many, group_counts={"feature": 40})
    assert page(chosen(), found).features_caption == "the largest 10 of 40"


def test_projects_lead_to_their_own_pages_with_the_other_filters(chosen):
    half = Sums(calls=4, cost_usd=Decimal(2))
    found = numbers(projects={1: half, 7: half}, group_counts={"project": 60})
    links = {1: ProjectLink("Web", "/o/acme/p/web/")}

    shown = page(chosen("range=30d&project=web&team=red"), found, projects=links)

    assert [(line.name, line.url, line.share) for line in shown.projects] == [
        ("Web", "/o/acme/p/web/?range=30d&team=red", 0.5),
        ("Deleted project 7", "", 0.5),
    ]
    assert shown.more_projects == 58


def test_a_projects_page_lists_no_projects(chosen):
    assert page(chosen()).projects == []


def test_shares_of_an_unknown_spend_are_unknown(chosen):
    unpriced = Sums(calls=4, unpriced_calls=4)
    found = numbers(total=unpriced, projects={1: unpriced})

    assert page(chosen(), found, projects={}).projects[0].share is None


@pytest.mark.parametrize(
    "more", [{"features": {"(other)": DAY}}, {"models": {ModelName("openai", "(other)"): DAY}, "series": {}}]
)
def test_values_that_are_no_longer_told_apart_are_announced(chosen, more):
    notices = page(chosen(), numbers(**more)).notices

    assert notices == ["Beyond 2,000 values a day, everything else is counted as (other)."]


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("", "1 – 7 Jul, up to the same hour"),
        ("range=24h", "the 24 hours before"),
        ("range=30d", "16 May – 14 Jun, up to the same hour"),
        ("from=2026-07-01&to=2026-07-02", "29 – 30 Jun"),
        ("from=2026-07-13&to=2026-07-13", "12 Jul"),
    ],
)
def test_changes_say_what_they_are_against(chosen, query, text):
    assert compared_with(chosen(query)) == text


@pytest.mark.parametrize(
    ("query", "first_day", "text"),
    [
        ("", date(2026, 7, 1), "1 – 7 Jul, up to the same hour"),
        ("", date(2026, 7, 2), ""),
        ("range=24h", date(2026, 7, 12), "the 24 hours before"),
        ("range=24h", date(2026, 7, 13), ""),
        ("range=90d", date(2026, 4, 16), ""),
        ("", None, ""),
    ],
)
def test_changes_are_told_only_against_a_whole_period(chosen, query, first_day, text):
    shown = page(chosen(query), numbers(first_day=first_day))

    assert shown.compared_with == text
    assert shown.no_change == ("" if text else "no full earlier period")


def test_the_year_is_named_when_it_is_another_one(chosen):
    january = chosen("from=2026-01-01&to=2026-01-01", now=datetime(2026, 1, 2, 12, tzinfo=UTC))

    assert compared_with(january) == "31 Dec 2025"


def test_without_a_comparison_nothing_is_said_of_before(chosen):
    found = numbers(before=DAY, first_day=date(2020, 1, 1))

    shown, compared = page(chosen("compare=none"), found), page(chosen(), found)

    assert {figure.previous for figure in shown.figures} == {None}
    assert (shown.compared_with, shown.no_change) == ("", "")
    assert compared.figures[0].previous == Decimal(4)
    assert compared_with(chosen("range=24h&compare=year")) == "the same hours last year"
    assert compared_with(chosen("compare=year")) == "8 – 14 Jul 2025, up to the same hour"
