from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from conftest import make_user
from core.scope import org_scope
from dashboards import selectors
from dashboards.filters import DIMENSIONS, Option
from dashboards.numbers import ModelName
from dashboards.tests.factories import make_rollup, record_calls
from ingestion import end_users, histogram
from tenants import key_services, services
from tenants.models import Project
from tenants.permissions import Scope

TODAY = timezone.now().date()
NOON = datetime.combine(TODAY, time(12), UTC)  # "now" of these tests
NOBODY = 10**9  # no key has this id
GPT, SONNET = ModelName("openai", "gpt-4o"), ModelName("anthropic", "sonnet")


@pytest.fixture
def in_acme(acme, scope):
    with scope(acme):
        yield acme


@pytest.fixture
def web(in_acme):
    return Project.objects.get(slug="web")


@pytest.fixture
def mobile(in_acme):
    return services.create_project(organization=in_acme, actor=None, name="Mobile")


@pytest.fixture
def overview(in_acme, chosen):
    """``overview("range=30d", project=web)``"""

    def read(query="", *, project=None, now=NOON, organization=in_acme, zone=None):
        found = chosen(query, now=now, zone=zone or ZoneInfo("UTC"))
        return selectors.overview(organization=organization, project=project, chosen=found)

    return read


def ago(days, hours=0):
    return NOON - timedelta(days=days, hours=hours)


def test_a_page_adds_up_every_call_of_its_period(overview, web):
    record_calls(
        web,
        [
            {"started_at": ago(1), "input_tokens": 100, "cached_input_tokens": 40, "output_tokens": 10},
            {"started_at": ago(1), "cost_usd": Decimal("0.000000000001"), "reasoning_tokens": 5, "status": "error"},
            {"started_at": ago(2), "provider": "anthropic", "model_key": "sonnet", "cost_usd": Decimal("2.5")},
            {"started_at": ago(2), "provider": "acme", "model_key": "llama", "cost_usd": None, "cost_source": "none"},
            {"started_at": ago(3), "usage_estimated": True, "feature": "chat"},
        ],
    )

    found = overview()

    total = found.total
    assert (total.calls, total.errors, total.unpriced_calls, total.estimated_calls) == (5, 1, 1, 1)
    assert (total.input_tokens, total.output_tokens) == (4_100, 2_010)
    assert (total.cached_input_tokens, total.reasoning_tokens) == (40, 5)
    assert total.cost_usd == Decimal("2.515000000001")
    assert list(found.models) == [SONNET, GPT, ModelName("acme", "llama")]
    assert found.models[GPT].calls == 3
    assert {name: sums.calls for name, sums in found.features.items()} == {"default": 4, "chat": 1}
    assert {pk: sums.calls for pk, sums in found.projects.items()} == {web.pk: 5}
    assert found.unpriced_models == 1
    assert found.group_counts["feature"] == 2


def test_buckets_and_series_belong_to_their_day(overview, web):
    record_calls(web, [{"started_at": ago(1)}, {"started_at": ago(1)}, {"started_at": ago(4), "model_key": "mini"}])

    found = overview()

    yesterday, earlier = str(TODAY - timedelta(days=1)), str(TODAY - timedelta(days=4))
    assert {name: sums.calls for name, sums in found.buckets.items()} == {yesterday: 2, earlier: 1}
    assert {name: sums.calls for name, sums in found.series[GPT].items()} == {yesterday: 2}
    assert {name: sums.calls for name, sums in found.series[ModelName("openai", "mini")].items()} == {earlier: 1}


def test_without_calls_everything_is_nothing(overview):
    found = overview()

    assert (found.total.calls, found.total.cost_usd, found.total.p95_ms) == (0, 0, None)
    assert (dict(found.buckets), dict(found.models), dict(found.features)) == ({}, {}, {})


def test_periods_are_half_open(overview, web):
    first = datetime.combine(TODAY - timedelta(days=9), time(), UTC)
    after = first + timedelta(days=5)
    instant = timedelta(microseconds=1)
    record_calls(
        web,
        [
            {"started_at": first - instant},
            {"started_at": first},
            {"started_at": after - instant},
            {"started_at": after},
        ],
    )

    found = overview(f"from={first.date()}&to={after.date() - timedelta(days=1)}")

    assert found.total.calls == 2
    assert found.before.calls == 1


def test_changes_compare_with_the_period_before_up_to_the_same_hour(overview, web):
    record_calls(
        web,
        [
            {"started_at": ago(0), "cost_usd": Decimal(5)},
            {"started_at": ago(7, hours=1), "cost_usd": Decimal(3), "latency_ms": 100.0},  # last week, earlier that day
            {"started_at": ago(7) + timedelta(minutes=59), "cost_usd": Decimal(4)},  # in the running hour
            {"started_at": ago(7) + timedelta(hours=1), "cost_usd": Decimal(90)},  # later than now
            {"started_at": ago(13, hours=12), "cost_usd": Decimal(1)},  # the first moment
            {"started_at": ago(13, hours=12) - timedelta(microseconds=1), "cost_usd": Decimal(90)},
        ],
    )

    found = overview()

    assert found.total.cost_usd == 5
    assert (found.before.cost_usd, found.before.calls) == (8, 3)
    assert found.before.p95_ms is not None


def test_the_period_before_is_told_by_its_own_days_and_hours(overview, web):
    record_calls(web, [{"started_at": moment} for moment in (ago(12), ago(12), ago(7, hours=1), ago(0, hours=30))])

    week, day, none = overview(), overview("range=24h"), overview("compare=none")

    assert {name: sums.calls for name, sums in week.earlier.items()} == {
        str(TODAY - timedelta(days=12)): 2,
        str(TODAY - timedelta(days=7)): 1,
    }
    assert {name: sums.calls for name, sums in day.earlier.items()} == {ago(0, hours=30).isoformat(): 1}
    assert (none.earlier, none.before.calls) == ({}, 0)


def test_the_oldest_day_is_of_what_the_page_is_about(overview, web, mobile):
    assert overview().first_day is None
    record_calls(web, [{"started_at": ago(1)}])
    record_calls(mobile, [{"started_at": ago(40), "feature": "old"}])

    assert overview().first_day == TODAY - timedelta(days=40)
    assert overview("feature=default").first_day == TODAY - timedelta(days=40)
    assert overview(project=web).first_day == TODAY - timedelta(days=1)
    assert overview(project=mobile).first_day == TODAY - timedelta(days=40)


def test_twenty_four_hours_read_hours_and_compare_with_the_ones_before(overview, web):
    record_calls(web, [{"started_at": ago(0, hours=n)} for n in (0, 0, 5, 23, 24, 30, 47, 48)])

    found = overview("range=24h")

    assert found.total.calls == 4
    assert found.before.calls == 3
    assert {name: sums.calls for name, sums in found.buckets.items()} == {
        ago(0).isoformat(): 2,
        ago(0, hours=5).isoformat(): 1,
        ago(0, hours=23).isoformat(): 1,
    }


def test_hourly_and_daily_rows_give_the_same_numbers(overview, web):
    moments = [ago(days, hours) for days in (5, 6, 7) for hours in range(0, 12, 3)]
    record_calls(
        web, [{"started_at": m, "latency_ms": 90.0 * n, "model_key": f"m{n % 3}"} for n, m in enumerate(moments)]
    )
    last = TODAY - timedelta(days=5)

    by_hour = overview(f"from={last - timedelta(days=2)}&to={last}")
    by_day = overview(f"from={last - timedelta(days=3)}&to={last}")

    assert by_hour.total == by_day.total
    assert by_hour.models == by_day.models
    assert by_hour.features == by_day.features
    assert len(by_hour.buckets) == 12
    assert len(by_day.buckets) == 3


def test_days_are_local_to_the_organization(db, chosen):
    owner = make_user("owner@berlin.test")
    organization = services.create_organization(actor=owner, name="Berlin", time_zone="Europe/Berlin")
    project = services.create_project(organization=organization, actor=owner, name="Web")
    midnight = datetime.combine(TODAY - timedelta(days=2), time(), ZoneInfo("Europe/Berlin")).astimezone(UTC)
    record_calls(project, [{"started_at": midnight}, {"started_at": midnight - timedelta(microseconds=1)}])

    with org_scope(organization.pk):
        week = chosen("", now=NOON, zone=ZoneInfo("Europe/Berlin"))
        found = selectors.overview(organization=organization, project=None, chosen=week)

    assert {name: sums.calls for name, sums in found.buckets.items()} == {
        str(TODAY - timedelta(days=2)): 1,
        str(TODAY - timedelta(days=3)): 1,
    }


def test_a_repeated_hour_is_two_buckets_and_one_day(overview, web, berlin):
    first, second = datetime(2026, 10, 25, 0, tzinfo=UTC), datetime(2026, 10, 25, 1, tzinfo=UTC)  # both 02:00 in Berlin
    make_rollup(web, first, calls=3)
    make_rollup(web, second, calls=4)
    make_rollup(web, date(2026, 10, 25), calls=7)
    later = datetime(2026, 11, 20, tzinfo=UTC)

    by_hour = overview("from=2026-10-25&to=2026-10-25", now=later, zone=berlin)
    by_day = overview("from=2026-10-20&to=2026-10-26", now=later, zone=berlin)

    assert {name: sums.calls for name, sums in by_hour.buckets.items()} == {
        "2026-10-25T02:00:00+02:00": 3,
        "2026-10-25T02:00:00+01:00": 4,
    }
    assert {name: sums.calls for name, sums in by_day.buckets.items()} == {"2026-10-25": 7}


def test_a_project_counts_its_own_calls_only(overview, web, mobile):
    record_calls(web, [{"started_at": ago(1)}])
    record_calls(mobile, [{"started_at": ago(1)}, {"started_at": ago(1)}])

    assert overview(project=web).total.calls == 1
    assert overview(project=mobile).total.calls == 2
    assert {pk: sums.calls for pk, sums in overview().projects.items()} == {web.pk: 1, mobile.pk: 2}


def test_isolation_holds_without_the_organization_in_the_query(acme, globex, scope, chosen):
    for organization, calls in ((acme, 1), (globex, 5)):
        with scope(organization):
            record_calls(Project.objects.get(slug="web"), _calls(calls))
    with scope(globex):
        foreign = Project.objects.get(slug="web")

    with scope(acme):
        own = selectors.overview(organization=acme, project=None, chosen=chosen("", now=NOON))
        others = selectors.overview(organization=globex, project=None, chosen=chosen("", now=NOON))
        project = selectors.overview(organization=acme, project=foreign, chosen=chosen("", now=NOON))
        options = selectors.options(organization=globex, project=None, chosen=chosen("", now=NOON))

    assert own.total.calls == 1
    assert others.total.calls == 0
    assert (others.first_day, project.first_day) == (None, None)
    assert project.total.calls == 0
    assert not any(options.values())


def _calls(count):
    return [{"started_at": ago(1)} for _ in range(count)]


@pytest.mark.parametrize(
    ("query", "columns"),
    [
        ("provider=anthropic", {"provider": "anthropic"}),
        ("model=sonnet", {"model_key": "sonnet"}),
        ("feature=chat", {"feature": "chat"}),
        ("team=red", {"team": "red"}),
        ("environment=staging", {"environment": "staging"}),
    ],
)
def test_each_dimension_keeps_what_matches(overview, web, query, columns):
    record_calls(web, [{"started_at": ago(1), **columns}, {"started_at": ago(1)}, {"started_at": ago(8), **columns}])

    found = overview(query)

    assert (found.total.calls, found.before.calls) == (1, 1)


def test_projects_are_named_by_their_slug(overview, web, mobile):
    record_calls(web, _calls(1))
    record_calls(mobile, _calls(2))

    assert overview("project=mobile").total.calls == 2
    assert overview("project=mobile&project=web").total.calls == 3
    assert overview("project=nobody").total.calls == 0
    assert overview("project=mobile", project=web).total.calls == 1


def test_keys_are_named_by_their_prefix(overview, in_acme, web):
    key = key_services.create_key(organization=in_acme, actor=None, name="prod", scopes=[Scope.INGEST], project=web).key
    record_calls(web, [{"started_at": ago(1), "api_key_id": key.pk}, {"started_at": ago(1), "api_key_id": NOBODY}])

    assert overview(f"key={key.prefix}").total.calls == 1
    assert overview("key=nobody12").total.calls == 0


def test_several_values_widen_and_several_filters_narrow(overview, web):
    rows = [("chat", "red"), ("search", "red"), ("search", "")]
    record_calls(web, [{"started_at": ago(1), "feature": feature, "team": team} for feature, team in rows])

    assert overview("feature=chat&feature=search").total.calls == 3
    assert overview("feature=search&team=red").total.calls == 1
    assert overview("team=(none)").total.calls == 1


@pytest.mark.parametrize(
    "query", ["tag=app:shop", "session=s", "trace=t", "user=ann&feature=chat", "cost_source=override", "source=gateway"]
)
def test_calls_give_the_numbers_that_rollups_do_not_know(overview, web, query):
    columns = {"tags": {"app": "shop"}, "session_id": "s", "trace_id": "t", "user_id": "ann", "feature": "chat"}
    columns |= {
        "source": "gateway",
        "cost_source": "override",
        "latency_ms": 400.0,
        "cost_usd": Decimal("0.25"),
        "reasoning_tokens": 7,
    }
    record_calls(
        web,
        [
            {"started_at": ago(1), **columns},
            {"started_at": ago(2), **columns, "status": "error", "model_key": "mini"},
            {"started_at": ago(8), **columns},
            {"started_at": ago(1)},
            {"started_at": ago(1), **columns, "duplicate_of": "another"},
        ],
    )

    found = overview(query)

    assert (found.total.calls, found.total.errors, found.before.calls) == (2, 1, 1)
    assert (found.total.cost_usd, found.total.reasoning_tokens) == (Decimal("0.5"), 14)
    assert found.total.p95_ms == pytest.approx(400, rel=0.05)
    assert {model.model_key: sums.calls for model, sums in found.models.items()} == {"gpt-4o": 1, "mini": 1}
    assert {name: sums.calls for name, sums in found.features.items()} == {"chat": 2}
    assert {pk: sums.calls for pk, sums in found.projects.items()} == {web.pk: 2}
    assert {name: sums.calls for name, sums in found.buckets.items()} == {
        str(TODAY - timedelta(days=1)): 1,
        str(TODAY - timedelta(days=2)): 1,
    }
    assert overview(f"{query}&range=24h", now=ago(1, -1)).total.calls == 1
    assert overview(f"{query}&status=error").total.with_status("error") == 1


def test_daily_sums_of_end_users_give_their_numbers(overview, web):
    rows = [("ann", 1, "ok"), ("ann", 2, "error"), ("bob", 1, "ok"), ("ann", 8, "ok"), ("", 1, "ok")]
    record_calls(web, [{"started_at": ago(days), "user_id": user, "status": status} for user, days, status in rows])

    found = overview("user=ann")

    assert (found.total.calls, found.total.errors, found.before.calls) == (2, 1, 1)
    assert found.models[GPT].calls == 2
    assert {pk: sums.calls for pk, sums in found.projects.items()} == {web.pk: 2}
    assert found.total.p95_ms is None
    assert overview("user=(none)").total.calls == 1


def test_a_personal_id_finds_what_is_stored_in_its_place(overview, in_acme, web):
    [stored] = [one for one in end_users.as_stored(organization=in_acme, user_ids=["ann@acme.test"]) if "@" not in one]
    record_calls(web, [{"started_at": ago(1), "user_id": stored}, {"started_at": ago(1), "user_id": "bob"}])

    assert overview("user=ann@acme.test").total.calls == 1
    assert overview("user=ann@acme.test&feature=default").total.calls == 1


def test_a_value_is_never_sql(overview, web):
    record_calls(web, _calls(1))

    assert overview("feature=') or true --&team=100%25").total.calls == 0


def test_models_beyond_the_ninth_have_no_series_of_their_own(overview, web):
    record_calls(web, [{"started_at": ago(1), "model_key": f"m{n:02}", "cost_usd": Decimal(20 - n)} for n in range(12)])

    found = overview()

    assert [model.model_key for model in found.models] == [f"m{n:02}" for n in range(12)]
    assert [model.model_key for model in found.series] == [f"m{n:02}" for n in range(9)]
    assert found.buckets[str(TODAY - timedelta(days=1))].cost_usd == 174


def test_breakdowns_are_bounded_and_say_so(overview, web):
    record_calls(web, [{"started_at": ago(1), "feature": f"f{n:02}", "cost_usd": Decimal(n)} for n in range(60)])

    found = overview()

    assert list(found.features) == [f"f{n:02}" for n in range(59, 9, -1)]
    assert found.group_counts["feature"] == 60
    assert found.total.cost_usd == sum(range(60))


def test_with_a_status_its_calls_decide_what_comes_first(overview, web):
    rows = [("cheap", "0.1", "error"), ("cheap", "0.1", "error"), ("dear", "9", "error"), ("dear", "9", "ok")]
    record_calls(
        web,
        [{"started_at": ago(1), "model_key": m, "cost_usd": Decimal(c), "status": s, "feature": m} for m, c, s in rows],
    )

    assert [model.model_key for model in overview().models] == ["dear", "cheap"]
    assert [model.model_key for model in overview("status=error").models] == ["cheap", "dear"]
    assert list(overview("status=ok").features) == ["dear", "cheap"]


def test_percentiles_are_of_all_calls_of_the_period(overview, web):
    slow = [{"started_at": ago(2), "latency_ms": 4_000.0, "model_key": "slow"} for _ in range(2)]
    record_calls(web, [{"started_at": ago(1), "latency_ms": 200.0} for _ in range(18)] + slow)

    found = overview()

    assert found.total.p50_ms == pytest.approx(200, rel=0.05)
    assert found.total.p95_ms == pytest.approx(4_000, rel=0.05)
    assert found.models[GPT].p95_ms == pytest.approx(200, rel=0.05)
    assert found.buckets[str(TODAY - timedelta(days=2))].p50_ms == pytest.approx(4_000, rel=0.05)


def test_percentiles_hold_beyond_what_one_packed_sum_can_count(overview, web):
    many = 60_000_000
    for days in range(1, 5):
        packed = many * 10 ** (histogram.DIGITS * histogram.bucket(300))
        make_rollup(
            web, TODAY - timedelta(days=days), calls=many, latency_calls=many, latency_histogram=packed, cost_usd=1
        )

    found = overview()

    assert found.total.calls == 240_000_000
    assert found.total.p95_ms == pytest.approx(300, rel=0.05)
    assert found.models[GPT].p50_ms == pytest.approx(300, rel=0.05)


def test_a_page_reads_its_numbers_with_one_query(overview, web, django_assert_num_queries):
    record_calls(web, _calls(3))

    with django_assert_num_queries(1):
        overview("range=90d&feature=default")


def test_options_list_what_the_period_has_most_calls_first(in_acme, web, mobile, chosen):
    key = key_services.create_key(organization=in_acme, actor=None, name="prod", scopes=[Scope.INGEST], project=web).key
    record_calls(web, [{"started_at": ago(1), "api_key_id": key.pk, "team": "red"} for _ in range(2)])
    other = {"feature": "chat", "api_key_id": NOBODY}
    record_calls(mobile, [{"started_at": ago(1), **other}, {"started_at": ago(20), "feature": "old"}])

    found = selectors.options(organization=in_acme, project=None, chosen=chosen("feature=chat", now=NOON))

    assert list(found) == list(DIMENSIONS)
    assert found["project"] == [Option("web", "Web", 2), Option("mobile", "Mobile", 1)]
    assert found["team"] == [Option("red", "red", 2), Option("(none)", "None", 1)]
    assert found["feature"] == [Option("default", "default", 2), Option("chat", "chat", 1)]
    assert found["model"] == [Option("gpt-4o", "gpt-4o", 3)]
    assert found["key"] == [Option(key.prefix, f"prod ({key.prefix})", 2)]  # a deleted key has no name to choose it by


def test_options_of_a_project_are_its_own(in_acme, web, mobile, chosen):
    record_calls(web, [{"started_at": ago(1), "feature": "chat"}])
    record_calls(mobile, [{"started_at": ago(1), "feature": "search"}])

    found = selectors.options(organization=in_acme, project=web, chosen=chosen("", now=NOON))

    assert found["feature"] == [Option("chat", "chat", 1)]


def test_freshness_is_of_what_the_page_shows(in_acme, web, mobile):
    assert selectors.freshness(organization=in_acme, project=None).last_received_at is None
    record_calls(web, [{"started_at": ago(3), "received_at": ago(3)}, {"started_at": ago(2), "received_at": ago(2)}])
    record_calls(mobile, [{"started_at": ago(1), "received_at": ago(1)}])

    everything = selectors.freshness(organization=in_acme, project=None)

    assert (everything.first_received_at, everything.last_received_at) == (ago(3), ago(1))
    assert selectors.freshness(organization=in_acme, project=web).last_received_at == ago(2)


def test_freshness_knows_nothing_of_other_organizations(acme, globex, scope):
    with scope(globex):
        record_calls(Project.objects.get(slug="web"), _calls(1))

    with scope(acme):
        assert selectors.freshness(organization=acme, project=None).last_received_at is None
