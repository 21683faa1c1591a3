"""Numbers of settled days and hours come from facets and are the same: whether all are condensed, some, or none."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from django.db.models import F

from core.scope import org_scope
from dashboards import log, selectors, team_costs, usage
from dashboards.executive import month, spend
from dashboards.explore import selectors as explorer
from dashboards.explore.question import Question
from dashboards.filters import WITHOUT
from dashboards.groups import selectors as groups
from dashboards.tests.factories import make_rollup
from ingestion import condensing, histogram
from ingestion.models import CondensedHourlyRollup, CondensedRollup, DailyRollup, HourlyRollup
from tenants import services
from tenants.models import Project, User

NOW = datetime(2026, 7, 14, 10, 20, tzinfo=UTC)
LAST = date(2026, 7, 14)
ZONE = ZoneInfo("UTC")


@pytest.fixture
def spent(acme, acme_project):
    """Forty-five days of two projects, with every dimension, and the hours of some."""
    shop = services.create_project(organization=acme, actor=User.objects.get(email="owner@acme.test"), name="Shop")
    with org_scope(acme.pk):
        for ago in range(45):
            for number, project in enumerate((acme_project, shop, acme_project)):
                row = _row(ago, number)
                make_rollup(project, LAST - timedelta(days=ago), **row)
                if ago in (0, 7, 30):
                    for hour in (3, 15):
                        moment = datetime(2026, 7, 14, hour, tzinfo=UTC) - timedelta(days=ago)
                        make_rollup(project, moment, **row)
    return shop


def _row(ago, number):
    bucket = histogram.packed([(ago + number) % 40, 30])
    return {
        "provider": ("openai", "anthropic")[ago % 2],
        "model_key": ("gpt-4o", "mini", "sonnet")[(ago + number) % 3],
        "feature": ("chat", "search", "")[(ago + 2 * number) % 3],
        "team": ("red", "blue", "")[number],
        "environment": ("prod", "test")[number % 2],
        "calls": 2 + number,
        "errors": number % 2,
        "unpriced_calls": ago % 2,
        "input_tokens": 100 + ago,
        "output_tokens": 10 + number,
        "cost_usd": Decimal(f"0.{ago + 1:03}{number}"),
        "latency_calls": 2,
        "latency_sum_ms": 100.0 + ago,
        "latency_histogram": Decimal(bucket),
        "timed_output_tokens": 10,
    }


@pytest.fixture
def read(acme, spent, chosen):
    """Answers of everything that reads daily sums, by name."""

    def answer(name, query, project=None):
        kept = chosen(query)
        with org_scope(acme.pk):
            return READS[name](acme, Project.objects.get(slug=project) if project else None, kept)

    return answer


def _explored(metric, *by):
    def explore(organization, project, chosen):
        question = Question(metric=metric, by=by)
        return explorer.answer(organization=organization, project=project, chosen=chosen, question=question)

    return explore


def _used(*group_by):
    def used(organization, project, chosen):
        projects = [project.pk] if project else list(Project.objects.values_list("pk", flat=True))
        question = usage.Question(
            organization_id=organization.pk,
            project_ids=projects,
            period=chosen.period,
            interval=usage.Interval.MONTH,
            group_by=group_by,
            metrics=usage.METRICS,
            filters={name: chosen.values(name) for name in ("team", "model") if chosen.values(name)},
        )
        return usage.page(question, after=None, limit=100)

    return used


def _teams(organization, project, chosen):
    slugs = {name: name for name in ("red", "blue")}
    return team_costs.by_team(organization=organization, chosen=chosen, slugs=slugs)


def _month(organization, project, chosen):
    (running, *_) = month.months(NOW, ZONE)
    spent = spend.spend(organization=organization, month=running, chosen=chosen)
    return spent, spend.ahead(organization=organization, month=running, chosen=chosen, spent=spent)


READS = {
    "overview": lambda organization, project, chosen: selectors.overview(
        organization=organization, project=project, chosen=chosen
    ),
    "models": lambda organization, project, chosen: groups.models(
        organization=organization, project=project, chosen=chosen
    ),
    "features": lambda organization, project, chosen: groups.features(
        organization=organization, project=project, chosen=chosen
    ),
    "one": lambda organization, project, chosen: groups.one(organization=organization, project=project, chosen=chosen),
    "teams": _teams,
    "team": lambda organization, project, chosen: team_costs.one(
        organization=organization, chosen=chosen, names=("red",)
    ),
    "month": _month,
    "calls": lambda organization, project, chosen: log.sums(
        organization=organization, project=project, chosen=chosen.only(duplicates=WITHOUT)
    ),
    "cost by model": _explored("cost", "model"),
    "latency by team": _explored("latency_p95", "team"),
    "errors by feature and project": _explored("errors", "feature", "project"),
    "calls by environment": _explored("calls", "environment"),
    "calls by status": _explored("calls", "status"),
    "usage by model": _used("model", "project"),
    "usage by environment": _used("environment"),
}
QUERIES = [
    "range=30d",
    "range=30d&compare=year",
    "range=24h",
    "range=90d&model=mini",
    "range=30d&feature=chat",
    "range=30d&team=red&provider=openai",
    "range=30d&environment=prod",
    "range=30d&project=shop",
    "range=custom&from=2026-05-20&to=2026-06-20&status=error",
]


def condense():
    assert condensing.condense(now=NOW, seconds=600) == {"days": 42, "hours": 5}


def change_some(organization):
    with org_scope(organization.pk):
        DailyRollup.objects.filter(bucket_date__day__in=range(1, 32, 2)).update(calls=F("calls"))
        HourlyRollup.objects.filter(bucket_start__date=LAST).update(calls=F("calls"))


@pytest.mark.parametrize("project", [None, "web"])
@pytest.mark.parametrize("query", QUERIES)
def test_condensing_changes_no_answer(acme, read, query, project):
    before = {name: read(name, query, project) for name in READS}

    condense()
    of_all = {name: read(name, query, project) for name in READS}
    change_some(acme)
    of_some = {name: read(name, query, project) for name in READS}

    assert of_all == before
    assert of_some == before


FROM_FACETS = {name for name in READS if name not in {"team", "calls by environment", "usage by environment"}}


@pytest.mark.parametrize(("query", "facets"), [("range=30d", CondensedRollup), ("range=24h", CondensedHourlyRollup)])
@pytest.mark.parametrize("name", READS)
def test_what_a_facet_has_is_read_from_it(acme, read, name, query, facets):
    condense()
    before = read(name, query)
    with org_scope(acme.pk):
        facets.objects.update(calls=F("calls") + 1000, errors=F("errors") + 1000, cost_usd=F("cost_usd") + 1)
        facets.objects.update(latency_histogram=Decimal(histogram.packed([60])))

    assert (read(name, query) != before) == (name in FROM_FACETS)


@pytest.mark.parametrize("query", ["environment=prod", "feature=chat&model=mini"])
def test_what_no_facet_has_is_read_from_rollups(acme, read, query):
    condense()
    before = read("overview", f"range=30d&{query}")
    with org_scope(acme.pk):
        CondensedRollup.objects.all().delete()
        CondensedHourlyRollup.objects.all().delete()

    assert read("overview", f"range=30d&{query}") == before
    assert before.total.calls > 0
