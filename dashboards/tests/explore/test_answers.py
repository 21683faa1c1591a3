from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import pytest
from django.db import connection

from core.scope import org_scope
from dashboards.explore import selectors
from dashboards.explore.metrics import METRICS
from dashboards.explore.question import Question, Shape
from dashboards.filters import NONE, Source
from dashboards.tests.explore.calls import NOON, TODAY, ago, by, metrics, mixed
from dashboards.tests.factories import make_rollup, record_calls
from ingestion import histogram, store
from tenants import key_services
from tenants.models import Project
from tenants.permissions import Scope

NOBODY = 10**9  # no key has this id
PERCENTILES = {name for name in METRICS if "_p" in name and METRICS[name].histogram}


def same(found, expected, metric):
    """Exact, but for percentiles, which are as wide as a bucket, and for sums of floating point numbers."""
    if expected is None or found is None:
        return found is expected
    if metric in PERCENTILES:
        return found == pytest.approx(expected, rel=0.051)
    return found == (expected if isinstance(expected, (int, Decimal)) else pytest.approx(expected))


def check(answer, calls, key):
    """Every number of an answer against the calls it is about; ``key`` tells the label of a call's group."""
    metric, expected = answer.question.metric, by(calls, key)
    assert same(answer.value(answer.total), metrics(calls)[metric], metric)
    assert {group.label for group in answer.groups} == set(expected)
    assert answer.group_count == len(expected)
    for group in answer.groups:
        assert same(answer.value(group.measured), metrics(expected[group.label])[metric], metric), group.label
        for bucket, measured in group.series.items():
            in_bucket = [call for call in expected[group.label] if bucket_of(call, bucket) == bucket]
            assert same(answer.value(measured), metrics(in_bucket)[metric], metric), (group.label, bucket)
    for bucket, measured in answer.buckets.items():
        in_bucket = [call for call in calls if bucket_of(call, bucket) == bucket]
        assert same(answer.value(measured), metrics(in_bucket)[metric], metric), bucket


def bucket_of(call, like):
    hour = call["started_at"].replace(minute=0)
    return hour.isoformat() if "T" in like else str(hour.date())


@pytest.fixture
def calls(web):
    return record_calls(web, mixed())


# One question each: which rows it reads, and which of the calls it is about.
EVERY_CALL = "range=7d"
HOURS = f"from={TODAY - timedelta(days=2)}&to={TODAY}"
READ = {
    "daily": (EVERY_CALL, Source.ROLLUPS),
    "hourly": (HOURS, Source.ROLLUPS),
    "calls by day": (f"{EVERY_CALL}&tag=app:shop", Source.CALLS),
    "calls by hour": (f"{HOURS}&session=one", Source.CALLS),
}


@pytest.mark.parametrize("read", READ)
@pytest.mark.parametrize("metric", METRICS)
def test_every_metric_is_what_the_calls_say(ask, calls, metric, read):
    query, source = READ[read]

    answer = ask(query, metric=metric, by=("feature",))

    assert answer.source is source
    since = datetime.combine(TODAY - timedelta(days=2), time(), UTC) if "hour" in read else ago(30)
    check(answer, [call for call in calls if call["started_at"] >= since], lambda call: call["feature"])


@pytest.mark.parametrize("shape", Shape)
@pytest.mark.parametrize(
    ("dimension", "label"),
    [
        ("model", lambda call: call["model_key"]),
        ("provider", lambda call: call["provider"]),
        ("feature", lambda call: call["feature"]),
        ("team", lambda call: call["team"] or NONE),
        ("environment", lambda call: call["environment"]),
        ("user", lambda call: call["user_id"] or NONE),
        ("status", lambda call: {"ok": "OK", "error": "Error"}[call["status"]]),
        ("project", lambda _: "Web"),
        ("key", lambda _: "Deleted key 1"),
    ],
)
def test_every_dimension_takes_the_calls_apart(ask, calls, dimension, label, shape):
    for metric in ("cost", "calls", "error_rate", "latency_p95"):
        check(ask(metric=metric, by=(dimension,), shape=shape), calls, label)


@pytest.mark.parametrize("shape", Shape)
@pytest.mark.parametrize("metric", ["cost", "latency_p50", "cached_share"])
def test_two_dimensions_take_them_apart_twice(ask, calls, metric, shape):
    answer = ask(metric=metric, by=("model", "team"), shape=shape)

    check(answer, calls, lambda call: f"{call['model_key']} · {call['team'] or NONE}")
    expected = by(calls, lambda call: call["model_key"])
    assert {group.label for group in answer.firsts} == set(expected)
    for group in answer.firsts:
        assert same(answer.value(group.measured), metrics(expected[group.label])[metric], metric)


def test_two_dimensions_may_share_a_column(ask, calls):
    answer = ask(metric="calls", by=("model", "provider"))

    check(answer, calls, lambda call: f"{call['model_key']} · {call['provider']}")
    assert answer.groups[0].filters == {"provider": "acme", "model": "llama"}
    check(
        ask(metric="calls", by=("provider", "model")), calls, lambda call: f"{call['provider']} · {call['model_key']}"
    )


def test_without_a_dimension_there_is_only_the_total(ask, calls):
    answer = ask(metric="cost", by=())

    assert answer.groups == ()
    assert answer.group_count == 0
    assert answer.value(answer.total) == metrics(calls)["cost"]
    assert len(answer.buckets) == 4


@pytest.mark.parametrize(
    ("query", "keeps"),
    [
        ("provider=openai", lambda call: call["provider"] == "openai"),
        ("model=sonnet&feature=chat", lambda call: (call["model_key"], call["feature"]) == ("sonnet", "chat")),
        ("team=(none)", lambda call: call["team"] == ""),
        ("status=error", lambda call: call["status"] == "error"),
        ("user=ann", lambda call: call["user_id"] == "ann"),
        ("user=(none)", lambda call: call["user_id"] == ""),
        ("user=bob&feature=chat", lambda call: (call["user_id"], call["feature"]) == ("bob", "chat")),
        ("user=bob&status=ok", lambda call: (call["user_id"], call["status"]) == ("bob", "ok")),
        (
            "tag=app:shop&status=ok&environment=live",
            lambda call: (call["status"], call["environment"]) == ("ok", "live"),
        ),
        ("cost_source=none", lambda call: call["cost_usd"] is None),
    ],
)
@pytest.mark.parametrize("metric", ["calls", "error_rate", "cost", "latency_p95", "tokens"])
def test_every_filter_keeps_what_matches(ask, calls, query, keeps, metric):
    kept = [call for call in calls if keeps(call)]

    for shape in Shape:
        check(ask(query, metric=metric, by=("model",), shape=shape), kept, lambda call: call["model_key"])


def test_unknown_is_never_nothing(ask, web):
    record_calls(web, [{"started_at": ago(1), "cost_usd": None, "latency_ms": None, "cost_source": "none"}])

    for metric in ("cost", "cost_output", "cost_per_call", "latency_p95", "latency_mean", "tokens_per_second"):
        answer = ask(metric=metric)
        assert answer.value(answer.total) is None
        assert [answer.value(group.measured) for group in answer.groups] == [None]
    assert ask(metric="unpriced_calls").total["unpriced_calls"] == 1
    assert ask(metric="errors").value(ask(metric="errors").total) == 0


def test_no_calls_are_no_groups(ask, web):
    for shape in Shape:
        answer = ask("feature=nothing", metric="calls", by=("model", "team"), shape=shape)

        assert (answer.groups, answer.group_count, dict(answer.buckets)) == ((), 0, {})
        assert answer.value(answer.total) == 0
    assert ask(metric="latency_p95", by=()).value(ask(metric="latency_p95", by=()).total) is None


def test_second_records_of_a_call_are_in_no_sum(ask, web):
    record_calls(
        web,
        [
            {"started_at": ago(1), "tags": {"app": "shop"}, "call_id": "first"},
            {"started_at": ago(1), "tags": {"app": "shop"}, "duplicate_of": "first"},
        ],
    )

    assert ask("tag=app:shop", metric="calls").total.calls == 1
    assert ask("", metric="calls").total.calls == 1


# --- Largest first, bounded, and the rest exact -----------------------------------------------------------------------
def test_the_largest_come_first_and_the_rest_is_what_they_leave(ask, web):
    record_calls(web, [{"started_at": ago(1), "feature": f"f{n:02}", "cost_usd": Decimal(n)} for n in range(1, 31)])

    answer = ask(metric="cost", by=("feature",), top=4)

    assert [group.label for group in answer.groups] == ["f30", "f29", "f28", "f27"]
    assert (answer.group_count, answer.rest_count) == (30, 26)
    assert answer.value(answer.total) == sum(range(1, 31))
    assert answer.value(answer.rest) == sum(range(1, 27))


def test_the_rest_of_a_rate_is_the_rate_of_the_rest(ask, calls):
    for metric in ("error_rate", "latency_p95", "cost_per_call"):
        answer = ask(metric=metric, by=("user",), top=1)
        named = answer.groups[0].names[0].stored[0]
        others = [call for call in calls if call["user_id"] != named]
        assert same(answer.value(answer.rest), metrics(others)[metric], metric)


def test_rates_are_ranked_by_their_value_and_drawn_by_their_calls(ask, web):
    rows = [("busy", 100.0)] * 5 + [("slow", 9_000.0)] + [("quick", 20.0)] * 2
    record_calls(web, [{"started_at": ago(1), "feature": name, "latency_ms": ms} for name, ms in rows])

    ranking = ask(metric="latency_p50", by=("feature",), shape=Shape.RANKING)
    over_time = ask(metric="latency_p50", by=("feature",))

    assert [group.label for group in ranking.groups] == ["slow", "busy", "quick"]
    assert [group.label for group in over_time.groups] == ["busy", "quick", "slow"]


def test_unknown_is_ranked_last(ask, web):
    record_calls(
        web,
        [
            {"started_at": ago(1), "feature": "unpriced", "cost_usd": None, "cost_source": "none"},
            {"started_at": ago(1), "feature": "free", "cost_usd": Decimal(0)},
        ],
    )

    answer = ask(metric="cost_per_call", by=("feature",), shape=Shape.RANKING)

    assert [(group.label, answer.value(group.measured)) for group in answer.groups] == [("free", 0), ("unpriced", None)]


def test_only_the_first_groups_have_buckets(ask, web):
    record_calls(web, [{"started_at": ago(1), "feature": f"f{n:02}", "cost_usd": Decimal(99 - n)} for n in range(12)])

    answer = ask(metric="cost", by=("feature",))

    assert [group.label for group in answer.groups if group.series] == [f"f{n:02}" for n in range(9)]
    assert len([group for group in ask(metric="cost", by=("feature",), series=12).groups if group.series]) == 12
    assert not any(group.series for group in ask(metric="cost", by=("feature",), shape=Shape.RANKING).groups)


def test_ten_thousand_values_are_counted_and_the_largest_named(ask, web):
    day = TODAY - timedelta(days=1)
    make_rollup(web, day, feature="f00000", calls=1, cost_usd=1)
    _copy_rollup(9_999)

    for shape in Shape:
        answer = ask(metric="calls", by=("feature",), shape=shape, top=200)

        assert (answer.group_count, len(answer.groups), answer.rest_count) == (10_000, 200, 9_800)
        assert answer.groups[0].label == "f09999"
        assert answer.total.calls == 10_000 + sum(range(1, 10_000))
    assert ask(metric="error_rate", by=("feature",), shape=Shape.RANKING).is_sampled
    assert not ask(metric="calls", by=("feature",), shape=Shape.RANKING).is_sampled


def _copy_rollup(times):
    """The only daily row as many times over, as features f00001 with two calls, f00002 with three and so on."""
    columns = [name for name in store.rollup_columns(store.DAILY) if name not in {"feature", "calls"}]
    listed = ", ".join(columns)
    with connection.cursor() as cursor:
        cursor.execute(
            f"insert into call_rollups_daily ({listed}, feature, calls)"
            f" select {listed}, 'f' || to_char(n, 'FM00000'), n + 1 from call_rollups_daily, generate_series(1, %s) n",
            [times],
        )


def test_percentiles_hold_beyond_what_one_packed_sum_can_count(ask, web):
    many = 60_000_000
    packed = many * 10 ** (histogram.DIGITS * histogram.bucket(300))
    for days in range(1, 5):
        for feature in ("a", "b"):
            day = TODAY - timedelta(days=days)
            make_rollup(web, day, feature=feature, calls=many, latency_calls=many, latency_histogram=packed)

    for shape in Shape:
        answer = ask(metric="latency_p95", by=("feature",), shape=shape, top=1)

        assert answer.value(answer.total) == pytest.approx(300, rel=0.05)
        assert answer.value(answer.groups[0].measured) == pytest.approx(300, rel=0.05)
        assert sum(answer.rest.counts) == 240_000_000


# --- Names ------------------------------------------------------------------------------------------------------------
def test_projects_and_keys_are_called_by_their_names(ask, in_acme, web, mobile):
    key = key_services.create_key(organization=in_acme, actor=None, name="prod", scopes=[Scope.INGEST], project=web).key
    record_calls(web, [{"started_at": ago(1), "api_key_id": key.pk}, {"started_at": ago(1), "api_key_id": NOBODY}])
    record_calls(mobile, [{"started_at": ago(1), "api_key_id": key.pk}])

    answer = ask(metric="calls", by=("project", "key"), shape=Shape.RANKING)

    assert {group.label: group.filters for group in answer.groups} == {
        f"Mobile · prod ({key.prefix})": {"project": "mobile", "key": key.prefix},
        f"Web · prod ({key.prefix})": {"project": "web", "key": key.prefix},
        f"Web · Deleted key {NOBODY}": None,
    }


def test_a_deleted_project_is_still_a_part_of_the_whole(ask, in_acme, web):
    gone = Project(pk=10**9, organization=in_acme, name="Gone", slug="gone")
    make_rollup(gone, TODAY - timedelta(days=1), calls=3)
    make_rollup(web, TODAY - timedelta(days=1), calls=2)

    answer = ask(metric="calls", by=("project",))

    assert [(group.label, group.filters) for group in answer.groups] == [
        (f"Deleted project {10**9}", None),
        ("Web", {"project": "web"}),
    ]


def test_models_of_one_name_are_told_apart_by_their_provider(ask, web):
    record_calls(web, [{"started_at": ago(1), "provider": name, "model_key": "m"} for name in ("azure", "openai")])

    assert {group.label for group in ask(metric="calls").groups} == {"m (azure)", "m (openai)"}


def test_any_script_of_any_length_is_a_name(ask, web):
    names = ["Zusammenfassung für Übersetzer", "要約", "ملخص", "x" * 100, "<b>&amp;</b>"]
    record_calls(web, [{"started_at": ago(1), "feature": name} for name in names])

    assert {group.label for group in ask(metric="calls", by=("feature",)).groups} == set(names)


def test_groups_narrow_a_filter_to_themselves(ask, calls, chosen):
    answer = ask(metric="calls", by=("model", "team"))

    for group in answer.groups:
        narrowed = chosen("range=7d", now=NOON).only(**group.filters)
        assert ask(narrowed.query(), metric="calls").total.calls == group.measured.calls


# --- Which rows, how much of them, whose ------------------------------------------------------------------------------
def test_calls_are_read_for_a_month_at_most(ask, web):
    record_calls(web, [{"started_at": ago(30), "tags": {"a": "b"}}, {"started_at": ago(32), "tags": {"a": "b"}}])

    long, short = ask("range=90d&tag=a:b", metric="calls"), ask("range=30d&tag=a:b", metric="calls")

    assert long.total.calls == 1
    assert long.chosen.period.day_count == 31
    assert long.sentence == "Reads calls: at most 31 days, the latest of the period."
    assert short.chosen.period.day_count == 30
    assert short.sentence == "Reads calls: at most 31 days."
    assert ask("range=90d", metric="calls").sentence == ""


def test_ten_years_are_as_long_as_rollups_are_kept(ask, web):
    record_calls(web, [{"started_at": ago(1)}])

    answer = ask("from=2016-01-01&to=2036-01-01", metric="latency_p95")

    assert answer.chosen.period.day_count == 760
    assert answer.total.calls == 1


def test_a_short_day_and_a_long_day_are_each_one_bucket(ask, web, berlin):
    for day, hours in ((date(2026, 3, 29), 23), (date(2026, 10, 25), 25)):
        start = datetime.combine(day, time(), berlin).astimezone(UTC)
        for hour in range(hours):
            make_rollup(web, start + timedelta(hours=hour), calls=hour + 1)
        make_rollup(web, day, calls=hours * (hours + 1) // 2)

        by_hour = ask(f"from={day}&to={day}", metric="calls", now=datetime(2026, 11, 20, tzinfo=UTC), zone=berlin)
        by_day = ask(
            f"from={day - timedelta(days=5)}&to={day + timedelta(days=1)}",
            metric="calls",
            now=datetime(2026, 11, 20, tzinfo=UTC),
            zone=berlin,
        )

        assert len(by_hour.buckets) == hours
        assert set(by_hour.buckets) == set(by_hour.chosen.period.buckets())
        assert by_hour.total.calls == by_day.total.calls == hours * (hours + 1) // 2
        assert list(by_day.buckets) == [str(day)]


def test_a_project_asks_about_its_own_calls_only(ask, web, mobile):
    record_calls(web, [{"started_at": ago(1), "tags": {"a": "b"}}])
    record_calls(mobile, [{"started_at": ago(1), "tags": {"a": "b"}}] * 2)

    for query in ("", "tag=a:b"):
        assert ask(query, metric="calls", project=web).total.calls == 1
        assert ask(query, metric="calls", project=mobile).total.calls == 2
        assert ask(query, metric="calls").total.calls == 3
        assert ask(f"{query}&project=mobile", metric="calls").total.calls == 2


def test_hidden_projects_are_in_no_number(in_acme, web, mobile, chosen):
    record_calls(web, [{"started_at": ago(1), "tags": {"a": "b"}, "user_id": "ann"}])
    record_calls(mobile, [{"started_at": ago(1), "tags": {"a": "b"}, "user_id": "ann"}] * 2)

    for query in ("", "tag=a:b", "user=ann"):
        hidden = replace(chosen(query, now=NOON), hidden=(mobile.pk,))
        for dimension in ("project", "user"):
            question = Question(metric="calls", by=(dimension,))
            answer = selectors.answer(organization=in_acme, project=None, chosen=hidden, question=question)
            assert answer.total.calls == 1
            assert answer.group_count == 1


def test_isolation_holds_without_the_organization_in_the_query(acme, globex, scope, chosen):
    for organization in (acme, globex):
        with scope(organization):
            record_calls(
                Project.objects.get(slug="web"), [{"started_at": ago(1), "tags": {"a": "b"}, "user_id": "ann"}]
            )
    with org_scope(globex.pk):
        foreign = Project.objects.get(slug="web")

    for query in ("", "tag=a:b", "user=ann"):
        found = chosen(query, now=NOON)
        for dimension in ("feature", "user"):
            question = Question(metric="calls", by=(dimension,))
            with scope(acme):
                others = selectors.answer(organization=globex, project=None, chosen=found, question=question)
                project = selectors.answer(organization=acme, project=foreign, chosen=found, question=question)
                own = selectors.answer(organization=acme, project=None, chosen=found, question=question)
            assert (others.total.calls, project.total.calls, own.total.calls) == (0, 0, 1)


def test_a_value_is_never_sql(ask, web):
    record_calls(web, [{"started_at": ago(1)}])

    for query in ("feature=') or true --", "tag=a:') or true --", "user=') or true --", "status=ok&team=100%25"):
        assert ask(query, metric="calls").total.calls == 0


def test_a_question_is_one_query(ask, calls, django_assert_num_queries):
    with django_assert_num_queries(1):
        ask("range=90d&feature=chat", metric="latency_p95", by=("model", "team"))
    with django_assert_num_queries(2):
        ask(metric="cost", by=("project",))
