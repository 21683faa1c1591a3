"""Settings tried on the past: what would have been found, and nothing written."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from dashboards.tests.factories import make_rollup
from rules.backtest import DAYS, HOURS, SECONDS, backtest, moments
from rules.engine.names import Rule, Severity
from rules.engine.thresholds import DEFAULT, RuleConfig
from rules.models import Insight, InsightChange
from tenants import services
from tenants.models import Event
from tenants.tests.people import owner_of

NOW = datetime(2026, 7, 14, 10, 20, tzinfo=UTC)
DAY = timedelta(days=1)


def tried(organization, project, scope, zone, *, rule=Rule.SPIKE, config=DEFAULT, clock=lambda: 0.0):
    with scope(organization):
        return backtest(
            organization=organization, project=project, rule=rule, config=config, now=NOW, zone=zone, clock=clock
        )


def days_of_calls(project, scope, team, calls):
    """``calls`` a day by days ago."""
    with scope(project.organization):
        for ago, count in calls.items():
            make_rollup(project, (NOW - ago * DAY).date(), team=team, calls=count)


@pytest.fixture
def spiked(acme_project, scope):
    """Quiet days, and a spike four times the mean ten days ago."""
    days_of_calls(acme_project, scope, "growth", dict.fromkeys(range(1, 20), 50) | {10: 200})


def test_a_spike_of_the_past_is_found_on_its_day(acme, acme_project, spiked, scope, utc):
    result = tried(acme, acme_project, scope, utc)

    (found,) = result.found
    assert found.insight.column("team") == "growth"
    assert found.insight.evidence.figure("calls").value == 200
    # on the day, and on the next, which looks at the day before too
    assert (found.first_at, found.last_at, found.times) == (
        datetime(2026, 7, 5, tzinfo=UTC) - timedelta(microseconds=1),
        datetime(2026, 7, 6, tzinfo=UTC) - timedelta(microseconds=1),
        2,
    )
    assert (result.looked_at, result.is_cut, result.more) == (DAYS, False, 0)
    assert result.since == datetime(2026, 6, 16, tzinfo=UTC) - timedelta(microseconds=1)


def test_days_after_the_moment_are_not_seen(acme, acme_project, scope, utc):
    """Today is 30 times as busy as the days before, which no moment before today knows."""
    days_of_calls(acme_project, scope, "growth", dict.fromkeys(range(1, 20), 50) | {0: 1500})

    (found,) = tried(acme, acme_project, scope, utc).found

    assert (found.first_at, found.last_at, found.times) == (NOW, NOW, 1)


@pytest.mark.parametrize(
    ("config", "found"),
    [
        (RuleConfig(values={"times": Decimal("3.9")}), 1),
        (RuleConfig(values={"times": Decimal(4)}), 0),
        (RuleConfig(values={"calls": Decimal(200)}), 1),
        (RuleConfig(values={"calls": Decimal(201)}), 0),
        (RuleConfig(enabled=False), 1),
    ],
    ids=["just below", "at it", "enough calls", "too few calls", "a rule that is off is tried"],
)
def test_the_settings_decide(acme, acme_project, spiked, scope, utc, config, found):
    assert len(tried(acme, acme_project, scope, utc, config=config).found) == found


def test_severity_counts_too(acme, acme_project, spiked, scope, utc):
    (found,) = tried(acme, acme_project, scope, utc, config=RuleConfig(severity=Severity.HIGH)).found

    assert found.insight.severity is Severity.HIGH


def test_nothing_is_written(acme, acme_project, spiked, scope, utc):
    with CaptureQueriesContext(connection) as queries:
        tried(acme, acme_project, scope, utc)

    written = [query["sql"] for query in queries if query["sql"].split()[0].lower() in {"insert", "update", "delete"}]
    assert written == []
    with scope(acme):
        assert (Insight.objects.count(), InsightChange.objects.count(), Event.objects.count()) == (0, 0, 0)


def test_other_rules_are_not_evaluated(acme, acme_project, spiked, scope, utc):
    assert tried(acme, acme_project, scope, utc, rule=Rule.UNPRICED_MODEL).found == ()


def test_another_project_is_not_looked_at(acme, spiked, scope, utc):
    other = services.create_project(organization=acme, actor=owner_of(acme), name="Other")

    assert tried(acme, other, scope, utc).found == ()


def test_a_burst_of_errors_is_found_in_its_hour(acme, acme_project, scope, utc):
    start = datetime(2026, 7, 13, 7, tzinfo=UTC)
    with scope(acme):
        for hour in range(24):
            make_rollup(acme_project, start - timedelta(hours=hour + 1), calls=100, errors=1)
        make_rollup(acme_project, start, calls=100, errors=40)

    result = tried(acme, acme_project, scope, utc, rule=Rule.ERROR_BURST)

    (found,) = result.found
    assert (found.first_at, found.times) == (start + timedelta(hours=1), 1)
    assert (result.is_by_hour, result.looked_at) == (True, HOURS)


def test_when_time_is_up_the_oldest_days_are_left_out_and_it_says_so(acme, acme_project, spiked, scope, utc):
    ticks = iter([0.0, 1.0, 2.0, SECONDS, SECONDS + 0.1])

    result = tried(acme, acme_project, scope, utc, clock=lambda: next(ticks))

    assert (result.looked_at, result.is_cut, result.found) == (4, True, ())
    assert result.since == datetime(2026, 7, 12, tzinfo=UTC) - timedelta(microseconds=1)


def test_one_moment_is_always_looked_at(acme, acme_project, scope, utc):
    ticks = iter([0.0, 100.0])

    assert tried(acme, acme_project, scope, utc, clock=lambda: next(ticks)).looked_at == 1


def test_days_end_with_the_organizations_midnight_whatever_the_clocks_do(berlin):
    found = list(moments(Rule.SPIKE, datetime(2026, 3, 31, 10, tzinfo=UTC), berlin))

    ends = [moment + timedelta(microseconds=1) for moment in found[1:4]]
    assert len(found) == DAYS
    assert ends == [
        datetime(2026, 3, 30, 22, tzinfo=UTC),
        datetime(2026, 3, 29, 22, tzinfo=UTC),
        datetime(2026, 3, 28, 23, tzinfo=UTC),  # before the hour was skipped
    ]


def test_a_project_without_calls_has_nothing_to_find(acme, acme_project, scope, utc):
    for rule in (Rule.MODEL_MISUSE, Rule.CACHE_WASTE, Rule.LATENCY_REGRESSION, Rule.RAM_OVER_PROVISION):
        assert tried(acme, acme_project, scope, utc, rule=rule).found == ()
