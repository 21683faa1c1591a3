"""Rollups equal what a rebuild computes from the calls, in every time zone, whatever was sent in whatever order."""

import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import psycopg
import pytest
from django.conf import settings
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from core.databases import OWNER
from core.scope import org_scope
from ingestion import histogram
from ingestion.models import Call, DailyRollup, HourlyRollup, PromptRollup, SizeRollup
from ingestion.rebuild import local_midnight, rebuild_rollups
from ingestion.tests.edge.client import issue_key
from ingestion.tests.edge.conftest import new_organization, project_of
from ingestion.tests.edge.rows import make_row, new_flusher
from ingestion.writer import LocalTime

ZONES = ["UTC", "Europe/Berlin", "Asia/Kathmandu", "America/St_Johns", "Australia/Lord_Howe", "Pacific/Kiritimati"]
TODAY = datetime.now(UTC).date()


def rollups(organization):
    """All rows of sums as they are, except for the packing of histograms."""
    with org_scope(organization.pk):
        rows = [*HourlyRollup.objects.values(), *DailyRollup.objects.values()]
        others = [*SizeRollup.objects.values(), *PromptRollup.objects.values()]
    for row in rows:
        for name in ("latency_histogram", "first_token_histogram"):
            row[name] = tuple(histogram.decode(row[name]))
    for row in rows + others:
        row.pop("pk", None)
    return sorted(rows + others, key=repr)


def assert_rebuild_changes_nothing(organization):
    before = rollups(organization)
    calls = rebuild_rollups(
        organization=organization, first_date=TODAY - timedelta(days=8), end_date=TODAY + timedelta(days=3)
    )
    assert rollups(organization) == before
    with org_scope(organization.pk):
        assert calls == Call.objects.filter(duplicate_of="").count()
    return calls


def random_event(dice: random.Random) -> dict[str, object]:
    at = datetime.now(UTC) - timedelta(seconds=dice.randrange(6 * 86_400))
    event: dict[str, object] = {
        "id": f"call-{dice.randrange(150)}",
        # Few distinct moments, so that identities collide.
        "timestamp": at.replace(minute=dice.choice([0, 14, 15, 29, 30, 45, 59]), second=0, microsecond=0).isoformat(),
        "model": dice.choice(["gpt-4o", "gpt-4o-mini", "unknown-model"]),
        "input_tokens": dice.randrange(10_000),
        "output_tokens": dice.randrange(1_000),
        "status": dice.choice(["ok", "ok", "error"]),
        "feature": dice.choice(["search", "", "résumé", 'a "quoted" one']),
    }
    optional = {
        # Quarters of a millisecond: their sums are exact in any order.
        "latency_ms": dice.randrange(4_000_000) / 4,
        "time_to_first_token_ms": dice.randrange(40_000) / 4,
        "cost_usd": "0.000000000000000000000000000001",
        "usage_estimated": True,
        "team": "growth",
        "environment": "staging",
        "cached_input_tokens": 0,
        "prompt_hash": dice.choice(["aa", "bb", "cc"]),
        "prompt_prefix_hash": dice.choice(["aa", "dd"]),
    }
    return event | {name: value for name, value in optional.items() if dice.random() < 0.5}


@pytest.mark.parametrize("zone", ZONES)
@hypothesis_settings(max_examples=3, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32))
def test_rollups_equal_a_rebuild_after_any_mix(edge, somebody, zone, seed):
    dice = random.Random(seed)  # noqa: S311
    organization = new_organization(somebody, "Mix", time_zone=zone)
    keys = [issue_key(organization), issue_key(organization, project="app"), issue_key(organization)]
    batches = [[random_event(dice) for _ in range(dice.randrange(1, 60))] for _ in range(6)]

    for _ in range(2):
        edge.together([(batch, dice.choice(keys)) for batch in dice.choices(batches, k=5)])

    assert assert_rebuild_changes_nothing(organization) > 0


def test_a_rollup_row_holds_the_sums_of_its_calls(acme):
    project = project_of(acme)
    start = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=2)
    rows = [
        make_row(project, "1", started_at=start, input_tokens=1000, latency_ms=100.0, time_to_first_token_ms=20.5),
        make_row(project, "2", started_at=start + timedelta(minutes=59), status="error", output_tokens=500),
        make_row(project, "3", started_at=start, latency_ms=101.0, usage_estimated=True),
    ]

    new_flusher().flush([rows])

    with org_scope(acme.pk):
        hour, day = HourlyRollup.objects.values().get(), DailyRollup.objects.values().get()
    assert (hour.pop("bucket_start"), day.pop("bucket_date")) == (start, start.date())
    assert hour == day
    expected = {
        "organization_id": acme.pk,
        "project_id": project.pk,
        "provider": "openai",
        "model_key": "gpt-4o",
        "feature": "default",
        "team": "",
        "environment": "default",
        "api_key_id": 7,
        "calls": 3,
        "errors": 1,
        "unpriced_calls": 0,
        "estimated_calls": 1,
        "input_tokens": 1020,
        "output_tokens": 502,
        "reasoning_tokens": 0,
        "cost_usd": Decimal("0.00757"),
        "cost_input_usd": Decimal("0.00255"),
        "cost_output_usd": Decimal("0.00502"),
        "cost_other_usd": Decimal(0),
        "latency_calls": 2,
        "latency_sum_ms": 201.0,
        "timed_output_tokens": 2,
        "first_token_calls": 1,
        "first_token_sum_ms": 20.5,
        "latency_histogram": Decimal(histogram.encode([100, 101])),
        "first_token_histogram": Decimal(histogram.encode([20.5])),
    }
    assert {name: hour[name] for name in expected} == expected


def test_unpriced_calls_are_counted_and_cost_nothing(acme):
    project = project_of(acme)

    new_flusher().flush([[make_row(project, "1", model="mine"), make_row(project, "2", model="mine")]])

    with org_scope(acme.pk):
        row = DailyRollup.objects.get()
    assert (row.calls, row.unpriced_calls, row.cost_usd, row.model_key) == (2, 2, 0, "mine")


def test_sums_of_costs_lose_nothing_between_thirty_places_and_millions(acme):
    project = project_of(acme)
    costs = [Decimal("1e-30"), Decimal(9_999_999), Decimal("0.333333333333333333333333333333")]

    new_flusher().flush(
        [[make_row(project, str(n), model="mine", reported_cost_usd=cost) for n, cost in enumerate(costs)]]
    )

    with org_scope(acme.pk):
        assert DailyRollup.objects.get().cost_usd == Decimal("9999999.333333333333333333333333333334")


@pytest.fixture
def clock_changes(committed_module: None) -> Iterator[None]:
    """Partitions around the days on which clocks in Berlin changed in 2025."""
    days = [date(2025, 3, 29), date(2025, 10, 25)]
    with psycopg.connect(settings.DATABASE.conninfo(OWNER), autocommit=True) as owner:
        for day in days:
            owner.execute("select ensure_partitions(%s, %s)", [day, day + timedelta(days=2)])
        yield
        owner.execute("select drop_partitions(%s)", [date(2025, 10, 28)])


@pytest.mark.parametrize(("day", "hours"), [(date(2025, 3, 30), 23), (date(2025, 10, 26), 25)])
def test_a_day_on_which_clocks_change_is_one_day(somebody, clock_changes, day, hours):
    organization = new_organization(somebody, "Berlin", time_zone="Europe/Berlin")
    project = project_of(organization)
    midnight = local_midnight(day, "Europe/Berlin")
    halves = [midnight + timedelta(minutes=30 * n) for n in range(-1, 2 * hours + 1)]

    new_flusher().flush(
        [[make_row(project, f"{n}", started_at=half, zone="Europe/Berlin") for n, half in enumerate(halves)]]
    )

    written = rollups(organization)
    with org_scope(organization.pk):
        by_day = dict(DailyRollup.objects.values_list("bucket_date", "calls"))
        by_hour = [(row.bucket_start, row.calls) for row in HourlyRollup.objects.order_by("bucket_start")]
    one = timedelta(days=1)
    assert by_day == {day - one: 1, day: 2 * hours, day + one: 1}
    assert [calls for _, calls in by_hour] == [1, *[2] * hours, 1]
    assert [start for start, _ in by_hour[1:-1]] == [midnight + timedelta(hours=n) for n in range(hours)]
    rebuild_rollups(organization=organization, first_date=day - one, end_date=day + 2 * one)
    assert rollups(organization) == written


def test_hours_of_a_half_hour_zone_begin_at_its_own_full_hour(somebody):
    organization = new_organization(somebody, "Mumbai", time_zone="Asia/Kolkata")
    local = datetime.now(ZoneInfo("Asia/Kolkata")).replace(hour=0, minute=0, second=0, microsecond=0)
    moments = [local - timedelta(microseconds=1), local, local + timedelta(minutes=59), local + timedelta(minutes=60)]
    in_utc = [moment.astimezone(UTC) for moment in moments]

    new_flusher().flush(
        [
            [
                make_row(project_of(organization), str(n), started_at=moment, zone="Asia/Kolkata")
                for n, moment in enumerate(in_utc)
            ]
        ]
    )

    with org_scope(organization.pk):
        hours = list(HourlyRollup.objects.order_by("bucket_start").values_list("bucket_start", "calls"))
        days = list(DailyRollup.objects.order_by("bucket_date").values_list("bucket_date", "calls"))
    start = in_utc[1]
    assert start.minute == 30
    assert hours == [(start - timedelta(hours=1), 1), (start, 2), (start + timedelta(hours=1), 1)]
    assert days == [(local.date() - timedelta(days=1), 1), (local.date(), 3)]


@pytest.mark.parametrize("zone", [*ZONES, "America/Havana", "Africa/Cairo", "Asia/Tehran", "Antarctica/Troll"])
def test_the_hours_and_dates_of_a_zone_are_those_of_the_database(committed_module, zone):
    dice = random.Random(zone)  # noqa: S311
    instants = [
        datetime(2024, 1, 1, tzinfo=UTC) + timedelta(microseconds=dice.randrange(3 * 366 * 86_400 * 10**6))
        for _ in range(2_000)
    ]
    instants += [instant.replace(minute=dice.choice([0, 15, 30, 45]), second=0, microsecond=0) for instant in instants]
    with psycopg.connect(settings.DATABASE.url, options="-c timezone=UTC") as database:
        expected = database.execute(
            "select date_trunc('hour', t, %s), (t at time zone %s)::date from unnest(%s) t", [zone, zone, instants]
        ).fetchall()

    local_time = LocalTime(zone)
    assert [local_time.buckets(instant) for instant in instants] == expected


def test_a_rebuild_keeps_apart_the_values_that_came_first(edge, acme, key):
    at = (datetime.now(UTC) - timedelta(hours=1)).replace(microsecond=0)
    edge.post([{"model": "m", "feature": "first", "id": "0", "timestamp": at.isoformat()}] * 1, key=key)
    events = [
        {"model": "m", "feature": f"f-{n:04}", "id": f"{n:04}", "timestamp": at.isoformat()} for n in range(2_005)
    ]
    edge.post(events, key=key)
    with org_scope(acme.pk):
        kept = set(DailyRollup.objects.values_list("feature", flat=True))
        assert DailyRollup.objects.get(feature="(other)").calls == 6
    assert len(kept) == 2_001
    assert "first" in kept

    assert assert_rebuild_changes_nothing(acme) == 2_006


def test_a_rebuild_repairs_what_was_lost_and_leaves_others_alone(acme, globex):
    for organization in (acme, globex):
        new_flusher().flush([[make_row(project_of(organization), "1")]])
    right, foreign = rollups(acme), rollups(globex)
    with org_scope(acme.pk):
        HourlyRollup.objects.update(calls=100)
        DailyRollup.objects.all().delete()

    rebuild_rollups(organization=acme, first_date=TODAY - timedelta(days=1), end_date=TODAY + timedelta(days=1))

    assert rollups(acme) == right
    assert rollups(globex) == foreign
