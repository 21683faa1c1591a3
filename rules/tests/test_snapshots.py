"""Numbers that were read equal the calls they stand for, also where some calls are left out."""

import statistics
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from dashboards.insight_calls import log_query
from dashboards.tests.factories import record_calls
from ingestion import call_log, histogram
from ingestion.tests.factories import make_samples
from rules.engine.days import midnight
from rules.engine.evaluate import evaluate
from rules.engine.names import Rule
from rules.engine.snapshot import Model, Where
from rules.engine.thresholds import RuleConfig
from rules.snapshots import snapshot

NOW = datetime.now(UTC).replace(minute=20, second=0, microsecond=0)
HOUR = NOW.replace(minute=0)
ONE = timedelta(days=1)
UTC_ZONE = ZoneInfo("UTC")
GPT = Model("openai", "gpt-4o")


def taken(project, *rules, as_of=NOW, zone=UTC_ZONE, **values):
    configs = {rule: RuleConfig(values={name: Decimal(value) for name, value in values.items()}) for rule in rules}
    return snapshot(
        organization=project.organization, project=project, as_of=as_of, zone=zone, configs=configs, rules=rules
    )


def days_ago(days, hour=12):
    return midnight(NOW.date(), UTC_ZONE) - days * ONE + timedelta(hours=hour)


def test_sizes_are_those_of_the_full_days_before_today(acme_project, scope):
    record_calls(
        acme_project,
        [
            {"started_at": days_ago(1), "input_tokens": 60, "output_tokens": 20, "team": "a", "feature": "f"},
            {"started_at": days_ago(7), "input_tokens": 60, "output_tokens": 20, "team": "a", "feature": "f"},
            {"started_at": days_ago(3), "input_tokens": 990, "output_tokens": 10, "team": "a", "feature": "f"},
            {"started_at": days_ago(8, 23), "team": "a", "feature": "f"},
            {"started_at": days_ago(0, 0), "team": "a", "feature": "f"},
        ],
    )

    with scope(acme_project.organization):
        (sizes,) = taken(acme_project, Rule.MODEL_MISUSE).sizes

    found = {row.below: (row.calls, row.tokens.input_tokens, row.tokens.output_tokens) for row in sizes.rows}
    assert found == {100: (2, 120, 40), None: (1, 990, 10)}
    assert {row.where for row in sizes.rows} == {Where("a", "f", GPT)}
    assert sum(row.cost_usd for row in sizes.rows) == 3 * Decimal("0.0075")


def test_rules_with_windows_of_their_own_read_each(acme_project, scope):
    record_calls(acme_project, [{"started_at": days_ago(1)}, {"started_at": days_ago(5)}])

    with scope(acme_project.organization):
        short = taken(acme_project, Rule.LONG_PROMPTS, days=3)
        both = taken(acme_project, Rule.LONG_PROMPTS, Rule.MODEL_MISUSE)

    assert [(sizes.days, sum(row.calls for row in sizes.rows)) for sizes in short.sizes] == [(3, 1)]
    assert [(sizes.days, sum(row.calls for row in sizes.rows)) for sizes in both.sizes] == [(7, 2)]


def test_prices_are_the_catalogues_and_the_alternatives(acme_project, scope, catalogue):
    record_calls(acme_project, [{"started_at": days_ago(1)}, {"started_at": days_ago(1), "model_key": "own-1"}])

    with scope(acme_project.organization):
        known = taken(acme_project, Rule.MODEL_MISUSE).prices

    assert known[GPT].card.catalogue_id == "gpt-4o"
    assert known[GPT].alternative.model == "gpt-4o-mini"
    assert known[Model("openai", "own-1")].card is None
    assert known[Model("openai", "own-1")].alternative is None


def test_large_calls_of_a_model_with_tiers_are_read_by_tier(acme_project, scope, catalogue):
    gemini = {"provider": "gcp.gemini", "model": "gemini-2.5-pro", "model_key": "gemini-2.5-pro", "team": "a"}
    record_calls(
        acme_project,
        [
            gemini | {"started_at": days_ago(1), "input_tokens": 200_000, "output_tokens": 5},
            gemini | {"started_at": days_ago(1), "input_tokens": 200_001, "output_tokens": 5},
            gemini | {"started_at": days_ago(2), "input_tokens": 900_000, "output_tokens": 5},
            gemini | {"started_at": days_ago(1), "input_tokens": 10, "output_tokens": 5},
            gemini | {"started_at": days_ago(1), "input_tokens": 300_000, "usage_estimated": True},
        ],
    )

    with scope(acme_project.organization):
        (sizes,) = taken(acme_project, Rule.MODEL_MISUSE, calls=4).sizes

    found = {(band.above, band.calls, band.tokens.input_tokens) for band in sizes.bands}
    assert found == {(0, 1, 200_000), (200_000, 2, 1_100_001)}


def test_too_many_large_calls_are_not_read(acme_project, scope, catalogue, monkeypatch):
    monkeypatch.setattr("rules.engine.savings.MOST_CALLS", 1)
    gemini = {"provider": "gcp.gemini", "model": "gemini-2.5-pro", "model_key": "gemini-2.5-pro", "output_tokens": 5}
    record_calls(acme_project, [gemini | {"started_at": days_ago(1), "input_tokens": 9_000} for _ in range(2)])

    with scope(acme_project.organization):
        (sizes,) = taken(acme_project, Rule.MODEL_MISUSE, calls=2).sizes

    assert sizes.bands == ()


def test_calls_of_what_is_no_finding_are_not_read(acme_project, scope, catalogue):
    gemini = {"provider": "gcp.gemini", "model": "gemini-2.5-pro", "model_key": "gemini-2.5-pro", "output_tokens": 500}
    record_calls(acme_project, [gemini | {"started_at": days_ago(1), "input_tokens": 9_000} for _ in range(2)])

    with scope(acme_project.organization):
        (sizes,) = taken(acme_project, Rule.MODEL_MISUSE, calls=2).sizes

    assert (len(sizes.rows), sizes.bands) == (1, ())


def test_prompts_that_came_often_enough_on_one_of_both_days(acme_project, scope):
    rows = [
        *_prompted(days_ago(0, 0), 50, prompt_hash="aa"),
        *_prompted(days_ago(1), 49, prompt_hash="bb"),
        *_prompted(days_ago(1), 30, prompt_hash="cc"),
        *_prompted(days_ago(1), 20, prompt_hash="cc", model_key="gpt-5"),
        *_prompted(days_ago(1), 50, prompt_prefix_hash="dd"),
        *_prompted(days_ago(1), 30, prompt_hash="ee"),
        *_prompted(days_ago(1), 30, prompt_hash="ee", source="gateway"),
    ]
    record_calls(acme_project, rows)

    with scope(acme_project.organization):
        hashes = taken(acme_project, Rule.CACHE_WASTE, Rule.PROMPT_CACHE_OPPORTUNITY).hashes

    found = sorted((row.kind, row.hash, row.where.model.key, row.calls) for row in hashes)
    assert found == [
        ("full", "aa", "gpt-4o", 50),
        ("full", "cc", "gpt-4o", 30),
        ("full", "cc", "gpt-5", 20),
        ("prefix", "dd", "gpt-4o", 50),
    ]


def _prompted(at, count, **columns):
    return [
        {"started_at": at + timedelta(seconds=number), "received_at": at, "source": "sdk"} | columns
        for number in range(count)
    ]


def test_days_of_busy_teams_and_since_when_there_are_calls(acme_project, scope):
    rows = [{"started_at": days_ago(0, 0), "team": "busy"} for _ in range(12)]
    rows += [{"started_at": days_ago(0, 0), "team": "quiet"}]
    rows += [{"started_at": days_ago(2), "team": "busy"} for _ in range(3)]
    rows += [{"started_at": days_ago(2), "team": "busy", "usage_estimated": True}]
    record_calls(acme_project, rows)

    with scope(acme_project.organization):
        found = taken(acme_project, Rule.SPIKE, calls=10)

    assert {(row.team, row.day, row.calls) for row in found.team_days} == {
        ("busy", NOW.date(), 12),
        ("busy", days_ago(2).date(), 3),
    }
    assert [(start.team, start.day) for start in found.team_starts] == [("busy", days_ago(2).date())]


def test_a_team_that_was_there_before_the_baseline_has_days_of_zero(acme_project, scope):
    rows = [{"started_at": days_ago(0, 0), "team": "busy"} for _ in range(12)]
    record_calls(acme_project, [*rows, {"started_at": days_ago(20), "team": "busy"}])

    with scope(acme_project.organization):
        found = taken(acme_project, Rule.SPIKE, calls=10)

    assert [(start.team, start.day) for start in found.team_starts] == [("busy", days_ago(20).date())]


def test_errors_of_the_last_full_hour_and_of_the_week_before(acme_project, scope):
    recent, before = HOUR - timedelta(minutes=30), HOUR - timedelta(hours=3)
    rows = [{"started_at": recent, "status": "error" if number < 4 else "ok"} for number in range(12)]
    rows += [{"started_at": recent, "status": "error", "usage_estimated": True}]
    rows += [{"started_at": before, "status": "error" if number < 1 else "ok"} for number in range(20)]
    rows += [{"started_at": before, "usage_estimated": True} for _ in range(5)]
    rows += [{"started_at": HOUR + timedelta(minutes=1), "status": "error"} for _ in range(40)]
    rows += [{"started_at": recent, "feature": "calm"} for _ in range(40)]
    record_calls(acme_project, [{"feature": "chat"} | row for row in rows])

    with scope(acme_project.organization):
        (row,) = taken(acme_project, Rule.ERROR_BURST, calls=10).errors

    assert (row.model, row.feature) == (GPT, "chat")
    assert (row.calls, row.errors, row.calls_before, row.errors_before) == (12, 4, 20, 1)


def test_durations_are_those_of_calls_that_worked_and_are_not_estimated(acme_project, scope):
    recent, before = HOUR - timedelta(hours=2), HOUR - timedelta(days=3)
    ok = [{"started_at": recent, "latency_ms": 100.0 + number} for number in range(20)]
    odd = [
        {"started_at": recent, "latency_ms": 60_000.0, "status": "error"},
        {"started_at": recent, "latency_ms": 90_000.0, "usage_estimated": True},
        {"started_at": recent, "latency_ms": None},
    ]
    normal = [{"started_at": before, "latency_ms": 40.0} for _ in range(20)]
    slow = {"started_at": before, "latency_ms": 7_000.0, "status": "error"}
    record_calls(acme_project, [{"feature": "chat"} | row for row in (*ok, *odd, *normal, slow)])

    with scope(acme_project.organization):
        (row,) = taken(acme_project, Rule.LATENCY_REGRESSION, calls=10).latencies

    assert sum(histogram.decode(row.recent)) == 20
    assert sum(histogram.decode(row.before)) == 20
    exact = statistics.quantiles([one["latency_ms"] for one in ok], n=20)[-1]
    assert histogram.percentile(row.recent, 0.95) == pytest.approx(exact, rel=0.06)


def test_a_group_without_a_before_is_not_compared(acme_project, scope):
    record_calls(acme_project, [{"started_at": HOUR - timedelta(hours=2)} for _ in range(20)])

    with scope(acme_project.organization):
        assert taken(acme_project, Rule.LATENCY_REGRESSION, calls=10).latencies == ()


def test_models_without_a_price_today_and_on_the_six_days_before(acme_project, scope):
    own = {"model_key": "own-1", "cost_usd": None, "cost_source": "none"}
    rows = [own | {"started_at": at} for at in (days_ago(0, 0), days_ago(6), days_ago(7))]
    rows += [own | {"started_at": days_ago(1), "usage_estimated": True}, {"started_at": days_ago(1)}]
    record_calls(acme_project, rows)

    with scope(acme_project.organization):
        unpriced = taken(acme_project, Rule.UNPRICED_MODEL).unpriced

    assert [(row.model.key, row.calls) for row in unpriced] == [("own-1", 2)]


NO_USAGE = {"cost_usd": None, "cost_source": "none", "price_match": "no-usage", "input_tokens": 0, "output_tokens": 0}


def test_calls_of_unknown_usage_lack_no_price_and_are_no_tiny_ones(acme_project, scope):
    rows = [{"input_tokens": 3, "output_tokens": 4}, NO_USAGE, NO_USAGE, {"cost_usd": None, "cost_source": "none"}]
    record_calls(acme_project, [{"started_at": days_ago(1)} | row for row in rows])

    with scope(acme_project.organization):
        found = taken(acme_project, Rule.UNPRICED_MODEL, Rule.MODEL_DOWNGRADE)

    assert [(row.model, row.calls) for row in found.unpriced] == [(GPT, 1)]
    assert [(row.below, row.calls) for row in found.of_days(7).rows] == [(50, 1), (None, 1)]


def test_the_filter_of_a_model_without_a_price_finds_just_the_calls_that_were_counted(acme_project, scope):
    unpriced = {"cost_usd": None, "cost_source": "none", "price_match": ""}
    rows = [unpriced | {"call_id": "counted"}, NO_USAGE, unpriced | {"usage_estimated": True}, {}]
    record_calls(acme_project, [{"started_at": days_ago(1)} | row for row in rows])

    with scope(acme_project.organization):
        (found,) = evaluate(taken(acme_project, Rule.UNPRICED_MODEL), {}, [Rule.UNPRICED_MODEL])
        calls = found.evidence.calls
        named = call_log.calls(
            organization=acme_project.organization,
            project_ids=[acme_project.pk],
            since=calls.since,
            until=calls.until,
            filters=dict(calls.filters),
            before=None,
            limit=10,
        )

    assert [call.call_id for call in named] == ["counted"]
    assert found.evidence.figures[0].value == 1
    assert "usage_known=true" in log_query(calls, key_prefixes={})


def test_calls_of_unknown_usage_are_calls(acme_project, scope):
    recent = HOUR - timedelta(minutes=30)
    calls = [{"started_at": recent} | NO_USAGE | {"usage_partial": True} for _ in range(20)]
    record_calls(acme_project, [*calls, {"started_at": recent, "status": "error"}])

    with scope(acme_project.organization):
        (row,) = taken(acme_project, Rule.ERROR_BURST, calls=10).errors

    assert (row.calls, row.errors) == (21, 1)


def test_memory_of_the_full_days(acme_project, scope):
    make_samples(
        acme_project,
        [
            {"sampled_at": days_ago(1), "used_mb": Decimal(256)},
            {"sampled_at": days_ago(2), "used_mb": Decimal(300)},
            {"sampled_at": days_ago(0, 0), "used_mb": Decimal(900)},
            {"sampled_at": days_ago(8), "used_mb": Decimal(900)},
        ],
    )

    with scope(acme_project.organization):
        (row,) = taken(acme_project, Rule.RAM_OVER_PROVISION).resources

    assert (row.resource, row.team, row.samples, row.peak_used_mb) == ("thumbnailer", "media", 2, Decimal(300))
    assert row.cost_usd == Decimal("0.02")


def test_local_days_are_the_organizations(acme_project, scope):
    tokyo = ZoneInfo("Asia/Tokyo")
    start = midnight(NOW.astimezone(tokyo).date(), tokyo)
    with scope(acme_project.organization):
        from tenants.models import OrganizationSettings

        OrganizationSettings.objects.update(time_zone="Asia/Tokyo")
    moments = [start - timedelta(minutes=1), start, start - 7 * ONE, start - 7 * ONE - timedelta(minutes=1)]
    record_calls(acme_project, [{"started_at": moment} for moment in moments])

    with scope(acme_project.organization):
        (sizes,) = taken(acme_project, Rule.MODEL_MISUSE, zone=tokyo).sizes

    assert sum(row.calls for row in sizes.rows) == 2


def test_second_records_of_a_call_are_nowhere(acme_project, scope):
    rows = [{"started_at": days_ago(1), "duplicate_of": "x", "prompt_hash": "aa", "received_at": days_ago(1)}]
    record_calls(acme_project, rows * 60)

    with scope(acme_project.organization):
        found = taken(acme_project, Rule.MODEL_MISUSE, Rule.CACHE_WASTE, Rule.UNPRICED_MODEL, calls=10)

    assert (found.sizes[0].rows, found.hashes, found.unpriced) == ((), (), ())


def test_rules_that_are_off_read_nothing(acme_project, scope, django_assert_num_queries):
    configs = {rule: RuleConfig(enabled=False) for rule in Rule}
    with scope(acme_project.organization), django_assert_num_queries(0):
        found = snapshot(
            organization=acme_project.organization,
            project=acme_project,
            as_of=NOW,
            zone=UTC_ZONE,
            configs=configs,
            rules=tuple(Rule),
        )

    assert found.sizes == ()


def test_what_belongs_to_other_projects_and_organizations_is_not_read(acme_project, globex, scope):
    from tenants.models import Project

    with scope(globex):
        theirs = Project.objects.get(slug="web")
    record_calls(theirs, [{"started_at": days_ago(1)}])

    with scope(acme_project.organization):
        (sizes,) = taken(acme_project, Rule.MODEL_MISUSE).sizes

    assert sizes.rows == ()
