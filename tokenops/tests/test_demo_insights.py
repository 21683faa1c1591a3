"""The demo shows every rule and no other insight; what each says is derived here from the calls alone.

Nothing of the engine, of rollups or of the daily tables is used to say what must be found.
"""

import math
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from urllib.parse import parse_qs
from zoneinfo import ZoneInfo

import pytest
from django.db import connections

from core import queue
from core.scope import org_scope
from dashboards import insight_calls, log
from dashboards.filters import Filter
from ingestion import call_log
from ingestion.models import Call, CloudSample
from ingestion.pricing import services as pricing
from rules import evidence, insight_words
from rules.alerts import routing
from rules.alerts.models import Channel, Delivery, Route
from rules.models import Budget, Insight
from tenants.models import Event, Organization, Project
from tests.emptying import empty_database
from tokenops.demo import findings, seed, telling

NOW = datetime.now(UTC).replace(hour=14, minute=30, second=0, microsecond=0) - timedelta(days=1)
TODAY, HOUR, ONE = NOW.replace(hour=0, minute=0), NOW.replace(minute=0), timedelta(days=1)
WEEK = TODAY - 7 * ONE
DAYS = 16  # of the ninety: what rules look at, and some days before
COLUMNS = (
    "project__slug", "started_at", "provider", "model_key", "team", "feature", "status", "latency_ms", "prompt_hash",
    "prompt_prefix_hash", "source", "cost_usd", "cost_source", "input_tokens", "output_tokens", "cached_input_tokens",
)  # fmt: skip


@pytest.fixture(scope="module")
def northwind(django_db_setup, django_db_blocker):
    every_call, every_sample = seed.demo_calls, seed.demo_samples
    since = TODAY - DAYS * ONE
    with django_db_blocker.unblock(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(queue, "_publish", lambda task, ids: None)  # there is no worker here
        patch.setattr(seed, "demo_calls", lambda now: (c for c in every_call(now=now) if c.call.started_at >= since))
        patch.setattr(
            seed, "demo_samples", lambda now: (s for s in every_sample(now=now) if s.sample.sampled_at >= since)
        )
        pricing.import_catalogue(now=NOW - 90 * ONE)
        seed.demo_organization(progress=lambda step: None, now=NOW)
        yield Organization.objects.get(slug="northwind")
        connections.close_all()
        empty_database()


@pytest.fixture(scope="module")
def calls(northwind):
    with org_scope(northwind.pk):
        return list(Call.objects.values(*COLUMNS))


@pytest.fixture(scope="module")
def found(northwind):
    with org_scope(northwind.pk):
        return list(Insight.objects.select_related("project", "budget").order_by("pk"))


PER = {
    "MODEL_MISUSE": ("team", "feature", "provider", "model"),
    "MODEL_DOWNGRADE": ("team", "provider", "model"),
    "LONG_PROMPTS": ("team", "feature"),
    "CACHE_WASTE": ("team", "feature"),
    "SPIKE": ("team",),
    "RAM_OVER_PROVISION": ("resource",),
    "PROMPT_CACHE_OPPORTUNITY": ("team", "feature", "provider", "model"),
    "ERROR_BURST": ("provider", "model", "feature"),
    "LATENCY_REGRESSION": ("provider", "model", "feature"),
    "UNPRICED_MODEL": ("provider", "model"),
    "BUDGET_THRESHOLD": ("budget", "threshold", "period"),
    "BUDGET_FORECAST": ("budget", "period"),
}


def of(found, rule):
    """The insights of a rule by the columns it has one insight per."""
    return {tuple(one.subject[name] for name in PER[rule]): one for one in found if one.rule == rule}


def news():
    """What was told of insights; keys have news of their own."""
    return Event.objects.filter(subject_kind="insight")


def figures(insight):
    return {figure["name"]: figure["value"] for figure in insight.evidence["figures"]}


def grouped(rows, *names):
    groups = defaultdict(list)
    for row in rows:
        groups[tuple(row[name] for name in names)].append(row)
    return groups


def between(rows, since, until):
    return [row for row in rows if since <= row["started_at"] < until]


def total(rows, name):
    return sum((row[name] or 0 for row in rows), Decimal(0))


def test_every_rule_is_shown_and_every_insight_was_meant(found):
    assert sorted((one.rule, one.project.slug if one.project else "") for one in found) == [
        ("BUDGET_FORECAST", "documents"),
        ("BUDGET_THRESHOLD", ""),
        ("CACHE_WASTE", "assistant"),
        ("ERROR_BURST", "research"),
        ("LATENCY_REGRESSION", "documents"),
        ("LONG_PROMPTS", "documents"),
        ("MODEL_DOWNGRADE", "documents"),
        ("MODEL_MISUSE", "assistant"),
        ("PROMPT_CACHE_OPPORTUNITY", "documents"),
        ("RAM_OVER_PROVISION", "documents"),
        ("SPIKE", "assistant"),
        ("UNPRICED_MODEL", "research"),
    ]


def test_model_misuse(calls, found):
    premium = {"gpt-4o", "gpt-5", "claude-sonnet-4-0", "gemini-2.5-pro"}
    week = grouped(between(calls, WEEK, TODAY), "team", "feature", "provider", "model_key")
    expected = {
        key: rows
        for key, rows in week.items()
        if key[-1] in premium and len(rows) >= 50 and total(rows, "output_tokens") / len(rows) < 100
    }

    insights = of(found, "MODEL_MISUSE")
    assert insights.keys() == expected.keys() == {("support", "intent-routing", "openai", "gpt-4o")}
    (insight,), (rows,) = insights.values(), expected.values()
    assert figures(insight)["calls"] == len(rows)
    assert figures(insight)["output_tokens"] == total(rows, "output_tokens")
    cheaper = (total(rows, "input_tokens") * Decimal("0.15") + total(rows, "output_tokens") * Decimal("0.60")) / 10**6
    assert insight.saving_window_usd == total(rows, "cost_usd") - cheaper
    assert [price["model"] for price in insight.saving_prices] == ["gpt-4o", "gpt-4o-mini"]


def test_model_downgrade(calls, found):
    tiny = [row for row in between(calls, WEEK, TODAY) if row["input_tokens"] + row["output_tokens"] < 100]
    flagship = [row for row in tiny if row["model_key"] == "gemini-2.5-pro"]
    expected = {key for key, rows in grouped(flagship, "team", "provider", "model_key").items() if len(rows) >= 700}

    insights = of(found, "MODEL_DOWNGRADE")
    assert insights.keys() == expected == {("operations", "gcp.gemini", "gemini-2.5-pro")}
    (insight,) = insights.values()
    assert figures(insight)["calls"] == len(flagship)
    cheaper = total(flagship, "input_tokens") * Decimal("0.10") + total(flagship, "output_tokens") * Decimal("0.40")
    assert insight.saving_window_usd == total(flagship, "cost_usd") - cheaper / 10**6


def test_long_prompts(calls, found):
    limits = {"assistant": 4_000, "documents": 2_000, "research": 100_000}
    expected = {
        (team, feature): rows
        for (project, team, feature), rows in grouped(
            between(calls, WEEK, TODAY), "project__slug", "team", "feature"
        ).items()
        if len(rows) >= 50
        and total(rows, "input_tokens") / len(rows) > limits[project]
        and feature != "invoice-parsing"
    }

    insights = of(found, "LONG_PROMPTS")
    assert insights.keys() == expected.keys() == {("legal", "contract-review")}
    (insight,), (rows,) = insights.values(), expected.values()
    assert figures(insight)["input_tokens"] == total(rows, "input_tokens")
    excess = total(rows, "input_tokens") - total(rows, "cached_input_tokens") - 2_000 * len(rows)
    assert insight.saving_window_usd == excess * 3 / 10**6
    assert insight.saving_is_upper_bound


def test_cache_waste(calls, found):
    repeated = defaultdict(list)
    for (team, feature, _, _), rows in grouped(
        [row for row in between(calls, TODAY - ONE, TODAY) if row["prompt_hash"]],
        "team", "feature", "source", "prompt_hash",
    ).items():  # fmt: skip
        if len(rows) >= 50:
            repeated[team, feature].append(rows)

    insights = of(found, "CACHE_WASTE")
    assert insights.keys() == repeated.keys() == {("growth", "faq-answers")}
    (insight,), ((rows,),) = insights.values(), repeated.values()
    assert figures(insight)["calls"] == len(rows)
    expected = total(rows, "cost_usd") * (len(rows) - 1) / len(rows)
    assert insight.saving_window_usd == pytest.approx(expected, abs=Decimal("1e-9"))
    assert insight.saving_month_usd == insight.saving_window_usd * 30


def test_prompt_cache_opportunity(calls, found):
    expected = {}
    for key, rows in grouped(
        [row for row in between(calls, TODAY - ONE, TODAY) if row["prompt_prefix_hash"]],
        "team", "feature", "provider", "model_key", "source", "prompt_prefix_hash",
    ).items():  # fmt: skip
        read = total(rows, "input_tokens")
        if len(rows) >= 50 and read / len(rows) >= 1_024 and total(rows, "cached_input_tokens") / read < Decimal("0.1"):
            expected[key[:4]] = rows

    insights = of(found, "PROMPT_CACHE_OPPORTUNITY")
    assert insights.keys() == expected.keys() == {("legal", "contract-review", "anthropic", "claude-sonnet-4-0")}
    (insight,), (rows,) = insights.values(), expected.values()
    assert figures(insight)["input_tokens"] == total(rows, "input_tokens")
    saved = total(rows, "input_tokens") * (len(rows) - 1) / len(rows) * (3 - Decimal("0.30")) / 10**6
    assert insight.saving_window_usd == pytest.approx(saved, abs=Decimal("1e-9"))


def test_spike(calls, found):
    expected = {}
    for (_, team), rows in grouped(calls, "project__slug", "team").items():
        for day in (TODAY, TODAY - ONE):
            today = len(between(rows, day, min(day + ONE, NOW)))
            mean = Decimal(len(between(rows, day - 7 * ONE, day))) / 7
            if today >= 100 and today > 3 * mean:
                expected[(team,)] = (day, today, mean)
                break

    insights = of(found, "SPIKE")
    assert insights.keys() == expected.keys() == {("marketing",)}
    (insight,), ((day, today, mean),) = insights.values(), expected.values()
    assert figures(insight)["calls"] == today
    assert Decimal(figures(insight)["mean_before"]) == pytest.approx(mean, abs=Decimal("1e-5"))
    assert insight.evidence["window"]["since"] == day.isoformat()
    assert insight.severity == ("high" if today > 10 * mean else "low")


def test_error_burst(calls, found):
    start = HOUR - timedelta(hours=1)
    before = grouped(between(calls, start - 7 * ONE, start), "provider", "model_key", "feature")

    def failed(rows):
        return sum(row["status"] == "error" for row in rows)

    expected = {}
    for key, rows in grouped(between(calls, start, HOUR), "provider", "model_key", "feature").items():
        rate = failed(rows) / len(rows)
        if len(rows) >= 50 and rate > 0.1 and rate > 3 * failed(before[key]) / len(before[key]):
            expected[key] = rows

    insights = of(found, "ERROR_BURST")
    assert insights.keys() == expected.keys()
    assert [feature for _, _, feature in insights] == ["translation"]
    (insight,), (rows,) = insights.values(), expected.values()
    assert (figures(insight)["calls"], figures(insight)["errors"]) == (len(rows), failed(rows))


def test_latency_regression(calls, found):
    since = HOUR - timedelta(hours=24)

    def p95(rows):
        """Nearest rank, from the durations themselves."""
        ordered = sorted(row["latency_ms"] for row in rows)
        return ordered[math.ceil(len(ordered) * 0.95) - 1]

    worked = [row for row in calls if row["status"] == "ok"]
    before = grouped(between(worked, since - 7 * ONE, since), "provider", "model_key", "feature")
    recent = grouped(between(worked, since, HOUR), "provider", "model_key", "feature")
    expected = {
        key: rows
        for key, rows in recent.items()
        if len(rows) >= 100 and len(before[key]) >= 100 and p95(rows) > 2 * p95(before[key])
    }

    insights = of(found, "LATENCY_REGRESSION")
    assert insights.keys() == expected.keys() == {("openai", "gpt-4o-mini", "summarization")}
    (insight,), (rows,) = insights.values(), expected.values()
    assert figures(insight)["calls"] == len(rows)
    assert float(figures(insight)["p95"]) == pytest.approx(p95(rows), rel=0.051)


def test_unpriced_model(calls, found):
    rows = [row for row in between(calls, TODAY - 6 * ONE, NOW) if row["cost_source"] == "none"]

    insights = of(found, "UNPRICED_MODEL")
    assert insights.keys() == set(grouped(rows, "provider", "model_key")) == {("vllm", "northwind-coder-13b")}
    (insight,) = insights.values()
    assert figures(insight)["unpriced_calls"] == len(rows)


def test_ram_over_provision(northwind, found):
    with org_scope(northwind.pk):
        samples = CloudSample.objects.filter(sampled_at__gte=WEEK, sampled_at__lt=TODAY)
        rows = list(samples.values("resource", "allocated_mb", "used_mb", "cost_usd"))
    expected = {}
    for (resource,), group in grouped(rows, "resource").items():
        peak = max(row["used_mb"] / row["allocated_mb"] for row in group)
        if len(group) >= 20 and peak < Decimal("0.4"):
            expected[(resource,)] = (group, peak)

    insights = of(found, "RAM_OVER_PROVISION")
    assert insights.keys() == expected.keys() == {("invoice-ocr",)}
    (insight,), ((group, peak),) = insights.values(), expected.values()
    assert insight.saving_window_usd == total(group, "cost_usd") * (1 - Decimal("1.25") * peak)


def test_budgets(calls, found):
    (threshold,), (forecast,) = of(found, "BUDGET_THRESHOLD").values(), of(found, "BUDGET_FORECAST").values()
    since = {
        Budget.Period.MONTH: TODAY.replace(day=1),
        Budget.Period.WEEK: TODAY - TODAY.weekday() * ONE,
        Budget.Period.DAY: TODAY,
    }[threshold.budget.period]

    spent = total([row for row in between(calls, since, NOW) if row["team"] == "support"], "cost_usd")

    assert Decimal(figures(threshold)["spent"]) == spent or since < TODAY - DAYS * ONE
    assert (threshold.severity, threshold.subject["threshold"]) == ("low", "50")
    assert Decimal(figures(forecast)["forecast_low"]) > forecast.budget.limit > Decimal(figures(forecast)["spent"])


def test_each_insight_was_told_once(northwind, found):
    with org_scope(northwind.pk):
        told = list(news().values_list("subject_id", "dedup_key"))

    assert sorted(told) == sorted((str(one.pk), one.fingerprint) for one in found)


def test_showing_it_again_adds_nothing(northwind, found):
    findings.show_rules(organization=northwind, now=NOW)

    with org_scope(northwind.pk):
        assert Insight.objects.count() == len(found)
        assert news().count() == len(found)
        assert Budget.objects.count() == 2


# --- Who is told ---


def test_what_matters_waits_for_the_mornings_mail_to_the_demos_person(northwind, found):
    with org_scope(northwind.pk):
        for event in Event.objects.order_by("pk"):
            routing.route_event(organization_id=northwind.pk, event_id=event.pk, now=NOW)
        (digest,) = Delivery.objects.select_related("channel", "route")
        told = Event.objects.filter(pk__in=digest.event_ids)
        matters = [one for one in found if one.severity != "low"]

        assert (digest.channel.kind, digest.channel.config["recipients"]) == ("email", ["demo@northwind.example"])
        assert (digest.purpose, digest.state, digest.attempts) == ("digest", "waiting", 0)
        assert sorted(told.values_list("subject_id", flat=True)) == sorted(str(one.pk) for one in matters)
        assert digest.next_attempt_at > NOW


def test_the_demo_sends_nothing_beyond_this_machine_and_says_it_once(northwind):
    telling.tell_by_mail(organization=northwind, email="demo@northwind.example")

    with org_scope(northwind.pk):
        assert list(Channel.objects.values_list("kind", flat=True)) == ["email"]
        assert Route.objects.count() == 1


# --- Show these calls ---

SUMMED = {
    "MODEL_MISUSE": {"calls": "calls", "output_tokens": "output_tokens", "cost": "cost_usd"},
    "MODEL_DOWNGRADE": {"calls": "calls", "cost": "cost_usd"},
    "LONG_PROMPTS": {"calls": "calls", "input_tokens": "input_tokens", "cost": "cost_usd"},
    "CACHE_WASTE": {"calls": "calls", "cost": "cost_usd"},
    "SPIKE": {"calls": "calls"},
    "PROMPT_CACHE_OPPORTUNITY": {"calls": "calls", "input_tokens": "input_tokens"},
    "ERROR_BURST": {"calls": "calls"},
    "LATENCY_REGRESSION": {"calls": "calls"},
    "UNPRICED_MODEL": {"unpriced_calls": "calls"},
}


@pytest.mark.parametrize("rule", SUMMED)
def test_the_filter_of_an_insight_opens_exactly_its_calls(northwind, found, rule):
    (insight,) = of(found, rule).values()
    asked = evidence.calls_of(insight)

    with org_scope(northwind.pk):
        rows = call_log.calls(
            organization=northwind,
            project_ids=[asked.project_id],
            since=asked.since,
            until=min(asked.until, NOW),
            filters=asked.filters,
            before=None,
            limit=10_000,
        )

    for figure, column in SUMMED[rule].items():
        shown = len(rows) if column == "calls" else sum(getattr(row, column) or 0 for row in rows)
        assert Decimal(figures(insight)[figure]) == shown


@pytest.mark.parametrize("rule", [*SUMMED, "BUDGET_THRESHOLD"])
def test_the_address_of_show_these_calls_adds_up_to_the_evidence(northwind, found, rule):
    insight = next(iter(of(found, rule).values()))
    asked = insight_words.evidence(insight).calls
    zone = ZoneInfo("UTC")
    query = parse_qs(insight_calls.log_query(asked, key_prefixes={}))

    with org_scope(northwind.pk):
        chosen = Filter.parse(query, now=NOW, zone=zone).for_log()
        project = Project.objects.filter(pk=asked.project_id).first()
        sums = log.sums(organization=northwind, project=project, chosen=chosen)

    assert chosen.problems == ()
    for figure, column in SUMMED.get(rule, {"spent": "cost_usd"}).items():
        assert Decimal(figures(insight)[figure]) == getattr(sums, column)


def test_memory_is_proved_by_samples_and_not_by_calls(found):
    (insight,) = of(found, "RAM_OVER_PROVISION").values()

    assert evidence.calls_of(insight) is None
