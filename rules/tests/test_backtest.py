"""What would have been found: by day, without a trace."""

from datetime import timedelta

import pytest

from dashboards.tests.factories import record_calls
from rules.backtest import backtest
from rules.engine.names import Rule, Severity
from rules.engine.thresholds import ThresholdError
from rules.models import Insight
from rules.tests.scenes import NOW, ONE, TODAY
from tenants.models import Event


def looked_back(project, rule, thresholds, **more):
    return backtest(
        organization=project.organization, project=project, rule=rule, thresholds=thresholds, now=NOW, **more
    )


def spikes(project):
    rows = [{"started_at": TODAY - day * ONE, "team": "growth"} for day in range(1, 21) for _ in range(2)]
    rows += [{"started_at": TODAY - 5 * ONE + timedelta(hours=3), "team": "growth"} for _ in range(30)]
    rows += [{"started_at": TODAY - 12 * ONE + timedelta(hours=3), "team": "growth"} for _ in range(60)]
    record_calls(project, rows)


def test_insights_of_the_last_days_with_the_days_they_would_have_been_there(acme_project):
    spikes(acme_project)

    (found,) = looked_back(acme_project, Rule.SPIKE, {"calls": 20})

    days = [(TODAY - back * ONE).date() for back in (12, 11, 5, 4)]  # each spike is seen on the next day, too
    assert list(found.days) == days
    assert found.insight.evidence.figure("calls").value == 32


def test_other_thresholds_find_less(acme_project):
    spikes(acme_project)

    (found,) = looked_back(acme_project, Rule.SPIKE, {"calls": 50}, severity=Severity.MEDIUM)

    assert [found.first_day, found.last_day] == [(TODAY - 12 * ONE).date(), (TODAY - 11 * ONE).date()]
    assert found.insight.severity is Severity.MEDIUM
    assert looked_back(acme_project, Rule.SPIKE, {"calls": 100}) == []


def test_what_happened_after_a_day_is_not_known_on_it(acme_project):
    record_calls(acme_project, [{"started_at": NOW, "team": "growth"} for _ in range(60)])

    assert looked_back(acme_project, Rule.SPIKE, {"calls": 20, "least_days": 1}) == []
    assert looked_back(acme_project, Rule.LONG_PROMPTS, {"calls": 10, "input_tokens": 100}) == []


def test_every_hour_of_a_day_is_looked_at_for_bursts(acme_project):
    start = TODAY - 2 * ONE + timedelta(hours=7)
    rows = [{"started_at": start + timedelta(minutes=1), "status": "error", "feature": "chat"} for _ in range(12)]
    record_calls(acme_project, rows)

    (found,) = looked_back(acme_project, Rule.ERROR_BURST, {"calls": 10}, days=3)

    assert found.days == (start.date(),)
    assert found.insight.evidence.window.since == start


def test_nothing_is_stored_and_nobody_is_told(acme, acme_project, scope):
    spikes(acme_project)
    looked_back(acme_project, Rule.SPIKE, {"calls": 20})

    with scope(acme):
        assert (Insight.objects.count(), Event.objects.count()) == (0, 0)


def test_a_threshold_out_of_bounds_is_refused(acme_project):
    with pytest.raises(ThresholdError):
        looked_back(acme_project, Rule.SPIKE, {"calls": 1})


@pytest.mark.parametrize(("rule", "days"), [(Rule.BUDGET_FORECAST, 30), (Rule.SPIKE, 0), (Rule.SPIKE, 91)])
def test_what_cannot_be_looked_back_at_is_refused(acme_project, rule, days):
    with pytest.raises(ValueError, match="1 to 90 days"):
        looked_back(acme_project, rule, {}, days=days)
