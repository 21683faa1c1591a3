"""Budgets: what counts as spend, and what fires once."""

from datetime import timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from core.scope import org_scope
from dashboards.tests.factories import record_calls
from rules import budget_services, budget_spend, cursors, evaluation
from rules.budget_terms import Wanted
from rules.models import BudgetState, Insight, RuleEvaluation
from rules.tests.scenes import NOW, ONE, TODAY, evaluate_budgets
from tenants import key_services, teams
from tenants.models import Event, OrganizationSettings, Project
from tenants.permissions import Scope


def create(organization, **terms):
    given = {"name": "All", "scope": "organization", "period": "day", "limit": Decimal(10)} | terms
    if given.get("team"):
        teams.create_team(organization=organization, actor=None, name=given["team"])
    return budget_services.create_budget(organization=organization, actor=None, wanted=Wanted(**given), now=NOW)


def spent(organization, **terms):
    budget = create(organization, **terms)
    with org_scope(organization.pk):
        (found,) = [
            one
            for one in budget_spend.spends(organization=organization, as_of=NOW, zone=ZoneInfo("UTC"))
            if one.budget_id == budget.pk
        ]
    return found


def call(cost="1", at=NOW - timedelta(hours=1), **columns):
    return {"started_at": at, "cost_usd": Decimal(cost), "input_tokens": 70, "output_tokens": 30} | columns


SCOPES = [
    {"scope": "team", "team": "a"},
    {"scope": "feature", "feature": "chat"},
    {"scope": "user", "user_id": "u-1"},
    {"scope": "project"},
    {"scope": "organization"},
]


@pytest.mark.parametrize(("terms", "expected"), list(zip(SCOPES, ["1", "2", "4", "7", "15"], strict=True)), ids=str)
def test_a_budget_sums_up_the_calls_of_its_scope(acme, acme_project, scope, terms, expected):
    with scope(acme):
        other = Project.objects.create(organization=acme, slug="shop", name="Shop")
    record_calls(
        acme_project,
        [call("1", team="a"), call("2", feature="chat"), call("4", user_id="u-1")],
    )
    record_calls(other, [call("8", feature="chat")])
    if terms["scope"] in {"project", "feature"}:
        terms = terms | {"project": acme_project}

    assert spent(acme, **terms).spent == Decimal(expected)


def test_a_budget_of_a_key_sums_up_what_it_sent(acme, acme_project, scope):
    issued = key_services.create_key(
        organization=acme, actor=None, name="k", scopes=[Scope.INGEST], project=acme_project
    )
    record_calls(acme_project, [call("3", api_key_id=issued.key.pk), call("5", api_key_id=issued.key.pk + 1)])

    assert spent(acme, scope="key", api_key=issued.key).spent == Decimal(3)


def test_tokens_are_input_and_output(acme, acme_project, scope):
    record_calls(acme_project, [call(), call()])

    assert spent(acme, metric="tokens", limit=Decimal(1000)).spent == Decimal(200)


@pytest.mark.parametrize(
    ("period", "inside", "outside"),
    [
        ("hour", NOW.replace(minute=0), NOW.replace(minute=0) - timedelta(microseconds=1)),
        ("day", TODAY, TODAY - timedelta(microseconds=1)),
        ("week", TODAY - TODAY.weekday() * ONE, TODAY - TODAY.weekday() * ONE - timedelta(microseconds=1)),
        ("month", TODAY.replace(day=1), TODAY.replace(day=1) - timedelta(microseconds=1)),
    ],
)
@pytest.mark.parametrize("user_id", ["", "u-1"])
def test_a_period_begins_with_its_first_moment(acme, acme_project, scope, period, inside, outside, user_id):
    record_calls(acme_project, [call("1", inside, user_id="u-1"), call("2", outside, user_id="u-1")])
    terms = {"scope": "user", "user_id": user_id} if user_id else {}

    assert spent(acme, period=period, **terms).spent == Decimal(1)


@pytest.mark.parametrize("terms", [{}, {"scope": "user", "user_id": "u-1"}], ids=["rollups", "calls"])
def test_what_is_not_in_the_spend_is_counted(acme, acme_project, scope, terms):
    rows = [
        call("1"),
        call(cost_usd=None, cost_source="none"),
        call("50", usage_estimated=True),
        call(cost_usd=None, cost_source="none", usage_estimated=True),
        call("70", duplicate_of="x"),
    ]
    record_calls(acme_project, [row | {"user_id": "u-1"} for row in rows])

    found = spent(acme, **terms)

    assert (found.spent, found.unpriced_calls, found.estimated_calls) == (Decimal(1), 1, 2)


@pytest.mark.parametrize("terms", [{}, {"scope": "user", "user_id": "u-1"}], ids=["rollups", "calls"])
def test_the_last_hours_begin_with_the_first_call(acme, acme_project, scope, terms):
    hour = NOW.replace(minute=0)
    rows = [
        call("1", hour - timedelta(hours=30)),
        call("2", hour - timedelta(minutes=1)),
        call("9", hour),
        call("7", hour - timedelta(hours=3), usage_estimated=True),
    ]
    record_calls(acme_project, [row | {"user_id": "u-1"} for row in rows])

    hours = spent(acme, **terms).hours

    assert (len(hours), hours[0], hours[-1], sum(hours)) == (30, 1, 2, 3)


@pytest.mark.parametrize("terms", [{}, {"scope": "user", "user_id": "u-1"}], ids=["rollups", "calls"])
def test_with_calls_before_the_last_week_all_its_hours_count(acme, acme_project, scope, terms):
    record_calls(acme_project, [call("1", NOW - 20 * ONE, user_id="u-1"), call("2", NOW - ONE, user_id="u-1")])

    hours = spent(acme, **terms).hours

    assert (len(hours), sum(hours)) == (168, 2)


def test_days_are_the_organizations(acme, acme_project, scope):
    with scope(acme):
        OrganizationSettings.objects.update(time_zone="Asia/Tokyo")
    record_calls(acme_project, [call("1", NOW), call("2", NOW.replace(hour=14, minute=59))])
    budget = create(acme)

    with scope(acme):
        (found,) = budget_spend.spends(organization=acme, as_of=NOW, zone=ZoneInfo("Asia/Tokyo"))

    assert (found.budget_id, found.spent, found.stretch.since) == (
        budget.pk,
        Decimal(1),
        NOW.replace(hour=15, minute=0),
    )


# --- What fires ---


def told(organization, scope):
    with scope(organization):
        found = Event.objects.filter(kind__in=["budget.threshold", "insight.resolved"]).order_by("pk")
        return [(event.kind, event.facts.get("threshold"), event.severity) for event in found]


def test_each_threshold_fires_once_a_period_and_is_not_taken_back(acme, acme_project, scope):
    budget = create(acme)
    record_calls(acme_project, [call("6")])
    evaluate_budgets(acme)
    evaluate_budgets(acme)
    assert told(acme, scope) == [("budget.threshold", "50", "low")]
    late = record_calls(acme_project, [call("3", NOW - timedelta(hours=2))])
    evaluate_budgets(acme, now=NOW + timedelta(minutes=1))
    assert told(acme, scope)[1:] == [("budget.threshold", "80", "medium")]

    from ingestion.models import Call
    from ingestion.rebuild import rebuild_rollups

    with scope(acme):
        Call.objects.filter(call_id=late[0]["call_id"]).update(cost_usd=Decimal("0.1"))
    rebuild_rollups(organization=acme, first_date=TODAY.date(), end_date=TODAY.date() + ONE)
    evaluate_budgets(acme, now=NOW + timedelta(minutes=2))

    with scope(acme):
        state = BudgetState.objects.get(budget=budget)
        assert (state.spent, state.fired) == (Decimal("6.1"), [50, 80])
        assert set(Insight.objects.values_list("status", flat=True)) == {"open"}
    assert len(told(acme, scope)) == 2


def test_when_a_period_is_over_its_insights_end_and_the_next_fires_anew(acme, acme_project, scope):
    create(acme)
    record_calls(acme_project, [call("6"), call("7", NOW + ONE)])
    evaluate_budgets(acme)

    evaluate_budgets(acme, now=NOW + ONE + timedelta(minutes=1))

    assert [kind for kind, *_ in told(acme, scope)] == ["budget.threshold", "budget.threshold", "insight.resolved"]
    with scope(acme):
        assert sorted(Insight.objects.values_list("status", flat=True)) == ["open", "resolved"]


def test_the_news_of_a_threshold_has_its_numbers(acme, acme_project, scope):
    create(acme, name="Support <b>", scope="team", team="a", thresholds=[100])
    record_calls(acme_project, [call("12", team="a"), call(team="a", cost_usd=None, cost_source="none")])

    evaluate_budgets(acme)

    with scope(acme):
        event = Event.objects.get(kind="budget.threshold")
        facts = event.facts
    assert (event.severity, event.team) == ("high", "a")
    assert {name: facts[name] for name in ("name", "spent", "limit", "threshold", "percent", "unpriced_calls")} == {
        "name": "Support <b>",
        "spent": "12",
        "limit": "10",
        "threshold": "100",
        "percent": "120",
        "unpriced_calls": "1",
    }


def test_a_forecast_above_the_limit_is_an_insight_of_its_own(acme, acme_project, scope):
    create(acme, period="day", limit=Decimal(40), thresholds=[100])
    hour = NOW.replace(minute=0)
    record_calls(acme_project, [call("2", hour - timedelta(hours=back)) for back in range(1, 49)])

    evaluate_budgets(acme)

    with scope(acme):
        insight = Insight.objects.get()
        state = BudgetState.objects.get()
        assert (insight.rule, insight.severity) == ("BUDGET_FORECAST", "medium")
        assert Event.objects.get(kind="insight.opened").facts["title"] == "Budget will not last: All"
    # 15 hours at $2 and 8 hours and 20 minutes to come
    assert state.forecast == state.forecast_low == Decimal("46.666666666667")


def test_budgets_are_looked_at_when_calls_came_and_at_the_next_hour(acme, acme_project):
    create(acme)
    record_calls(acme_project, [call("6")])
    assert cursors.sweep(now=NOW) == 2  # the project, and the budgets
    cursor = RuleEvaluation.objects.get(project_id=cursors.BUDGETS)
    evaluation.run(organization_id=acme.pk, cursor_id=cursor.pk, now=NOW)
    cursor.refresh_from_db()

    assert cursor.due_at == NOW.replace(minute=0) + timedelta(hours=1)
    record_calls(acme_project, [call("6", received_at=NOW + timedelta(seconds=20))])
    cursors.sweep(now=NOW + timedelta(minutes=1))
    cursor.refresh_from_db()
    assert cursor.leased_until == NOW + timedelta(minutes=1) + cursors.LEASE


def test_an_organization_without_budgets_is_not_looked_at(acme, acme_project, scope):
    budget = create(acme)
    budget_services.delete_budget(organization=acme, actor=None, budget=budget)

    evaluate_budgets(acme)

    assert not RuleEvaluation.objects.filter(project_id=cursors.BUDGETS).exists()


def test_an_inactive_budget_says_nothing_any_more(acme, acme_project, scope):
    budget = create(acme)
    record_calls(acme_project, [call("6")])
    evaluate_budgets(acme)
    budget_services.pause_budget(organization=acme, actor=None, budget=budget, now=NOW)

    evaluate_budgets(acme)

    with scope(acme):
        assert Insight.objects.get().status == "resolved"


def test_overlapping_budgets_are_independent(acme, acme_project, scope):
    create(acme)
    create(acme, name="Same again", limit=Decimal(100))
    record_calls(acme_project, [call("6")])

    evaluate_budgets(acme)

    with scope(acme):
        assert [insight.budget.name for insight in Insight.objects.all()] == ["All"]
        assert BudgetState.objects.count() == 2
