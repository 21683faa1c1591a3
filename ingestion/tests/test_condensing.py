"""Facets of settled days equal the daily sums they stand for, or are not read, whatever happens meanwhile."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import psycopg
import pytest
from django.conf import settings
from django.db import connection, connections
from django.utils import timezone

from conftest import make_organization
from core.databases import EDGE
from core.scope import org_scope
from dashboards.tests.factories import make_rollup
from ingestion import condensed, condensing, rebuild, store
from ingestion.models import CondensedDay, CondensedRollup, DailyRollup
from tenants import services
from tenants.models import Project, User
from tests.resilience.processes import wait_until

NOW = timezone.now()
TODAY = NOW.astimezone(UTC).date()
SETTLED = TODAY - timedelta(days=10)


def condense(now: datetime = NOW, **more: float) -> int:
    return condensing.condense_days(now=now, **more)


def states(organization):
    with org_scope(organization.pk):
        return dict(CondensedDay.objects.values_list("bucket_date", "state"))


def facet(organization, name, *columns):
    """(columns, calls, cost) of a facet's rows."""
    with org_scope(organization.pk):
        rows = CondensedRollup.objects.filter(facet=name).order_by("bucket_date", *columns)
        return list(rows.values_list(*columns, "calls", "cost_usd"))


@pytest.fixture
def day_of_calls(acme_project):
    """Five daily rows of one settled day in two projects."""
    owner = User.objects.get(email="owner@acme.test")
    shop = services.create_project(organization=acme_project.organization, actor=owner, name="Shop")
    with org_scope(acme_project.organization_id):
        for number, (project, model, team, feature) in enumerate(
            [
                (acme_project, "gpt-4o", "red", "chat"),
                (acme_project, "gpt-4o", "red", "search"),
                (acme_project, "gpt-4o", "blue", "chat"),
                (acme_project, "mini", "red", "chat"),
                (shop, "gpt-4o", "red", "chat"),
            ]
        ):
            row = {"model_key": model, "team": team, "feature": feature, "environment": f"e{number}"}
            make_rollup(project, SETTLED, calls=10**number, cost_usd=Decimal(f"0.{number}000000000000001"), **row)
    return shop


def test_each_facet_has_the_sums_of_its_dimensions_exactly(acme, acme_project, day_of_calls):
    condense()

    web, shop = acme_project.pk, day_of_calls.pk
    assert facet(acme, "model", "project_id", "model_key", "team") == [
        (web, "gpt-4o", "blue", 100, Decimal("0.2000000000000001")),
        (web, "gpt-4o", "red", 11, Decimal("0.1000000000000002")),
        (web, "mini", "red", 1000, Decimal("0.3000000000000001")),
        (shop, "gpt-4o", "red", 10000, Decimal("0.4000000000000001")),
    ]
    assert facet(acme, "feature", "project_id", "feature", "model_key", "team") == [
        (web, "chat", "", "", 1101, Decimal("0.5000000000000003")),
        (web, "search", "", "", 10, Decimal("0.1000000000000001")),
        (shop, "chat", "", "", 10000, Decimal("0.4000000000000001")),
    ]


@pytest.mark.parametrize("name", store.SUMS)
def test_every_sum_is_in_every_facet(acme, acme_project, name):
    with org_scope(acme.pk):
        for environment in ("a", "b"):
            make_rollup(acme_project, SETTLED, environment=environment, **{name: 7})

    condense()

    with org_scope(acme.pk):
        assert list(CondensedRollup.objects.values_list("facet", name).order_by("facet")) == [
            ("feature", 14),
            ("model", 14),
        ]


def test_days_that_may_still_fill_are_left_alone(acme, acme_project):
    with org_scope(acme.pk):
        for ago in range(5):
            make_rollup(acme_project, TODAY - timedelta(days=ago))

    assert condense() == 2

    condensed_days = [day for day, state in states(acme).items() if state == condensed.CONDENSED]
    assert sorted(condensed_days) == [TODAY - timedelta(days=ago) for ago in (4, 3)]


def test_writes_of_days_that_may_still_fill_leave_no_trace(acme, acme_project):
    today = timezone.now().date()
    with org_scope(acme.pk):
        for ago in (-1, 0, 1):
            make_rollup(acme_project, today - timedelta(days=ago))
        DailyRollup.objects.update(calls=2)
        DailyRollup.objects.all().delete()

    assert states(acme) == {}


def test_days_without_calls_in_between_are_known_to_be_empty(acme, acme_project):
    with org_scope(acme.pk):
        make_rollup(acme_project, SETTLED - timedelta(days=2))
        make_rollup(acme_project, SETTLED)

    condense(now=datetime(SETTLED.year, SETTLED.month, SETTLED.day, tzinfo=UTC) + timedelta(days=3))

    assert states(acme) == {SETTLED - timedelta(days=ago): condensed.CONDENSED for ago in (0, 1, 2)}
    assert condense(now=datetime(SETTLED.year, SETTLED.month, SETTLED.day, tzinfo=UTC) + timedelta(days=3)) == 0


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda project: make_rollup(project, SETTLED, calls=5, environment="new"), [(6,)]),
        (lambda project: DailyRollup.objects.update(calls=7), [(7,)]),
        (lambda project: DailyRollup.objects.all().delete(), []),
    ],
    ids=["a row more", "another number", "a row less"],
)
def test_a_day_that_changes_is_not_read_until_it_is_condensed_again(acme, acme_project, change, expected):
    with org_scope(acme.pk):
        make_rollup(acme_project, SETTLED)
    condense()

    with org_scope(acme.pk):
        change(acme_project)

    assert states(acme)[SETTLED] == condensed.CHANGED
    assert condense() == 1
    assert states(acme)[SETTLED] == condensed.CONDENSED
    with org_scope(acme.pk):
        assert list(CondensedRollup.objects.filter(facet="model").values_list("calls")) == expected


def test_an_organization_without_calls_has_no_days(acme):
    assert condense() == 0
    assert states(acme) == {}


def test_organizations_have_their_own_days(acme, acme_project, globex):
    with org_scope(acme.pk):
        make_rollup(acme_project, SETTLED, calls=3)
    with org_scope(globex.pk):
        make_rollup(Project.objects.get(), SETTLED, calls=4)
    condense()

    with org_scope(globex.pk):
        DailyRollup.objects.update(calls=5)

    assert states(acme)[SETTLED] == condensed.CONDENSED
    assert states(globex)[SETTLED] == condensed.CHANGED
    assert facet(acme, "model", "feature") == [("", 3, 0)]
    assert facet(globex, "model", "feature") == [("", 4, 0)]


def test_a_run_stops_in_time_and_the_next_goes_on_with_the_latest_days(acme, acme_project, monkeypatch):
    with org_scope(acme.pk):
        for ago in (20, 21):
            make_rollup(acme_project, TODAY - timedelta(days=ago))
    clock = iter([0.0, 0.0, 30.0, 30.0])
    monkeypatch.setattr(condensing, "monotonic", lambda: next(clock))

    assert condense(now=NOW - timedelta(days=16), seconds=10) == 1

    assert states(acme) == {
        TODAY - timedelta(days=20): condensed.CHANGED,
        TODAY - timedelta(days=19): condensed.CONDENSED,
        TODAY - timedelta(days=21): condensed.CHANGED,
    }


def test_a_histogram_that_could_carry_is_left_as_it_is(acme, acme_project):
    half = condensed.MOST_CALLS // 2 + 1
    with org_scope(acme.pk):
        for environment in ("a", "b"):
            make_rollup(acme_project, SETTLED, environment=environment, latency_calls=half, latency_histogram=half)

    condense()

    assert states(acme)[SETTLED] == condensed.TOO_LARGE
    assert facet(acme, "model") == facet(acme, "feature") == []
    assert SETTLED not in condensing._unsettled(acme.pk, NOW)


@pytest.mark.parametrize(
    ("change", "difference"),
    [
        ({"calls": 9}, (0, 0, 1)),
        ({"latency_sum_ms": 0.5}, (0, 0, 1)),
        ({"latency_sum_ms": 1e-12}, None),
        ({"team": "nobody"}, (1, 1, 0)),
    ],
)
def test_facets_that_differ_are_found_where_they_are_read(acme, acme_project, change, difference):
    with org_scope(acme.pk):
        make_rollup(acme_project, SETTLED)
    condense()
    with org_scope(acme.pk):
        CondensedRollup.objects.filter(facet="model").update(**change)

    expected = [(condensed.TABLE, *difference)] if difference else []
    assert facet_differences(acme) == expected

    with org_scope(acme.pk):
        DailyRollup.objects.update(calls=2)
    assert facet_differences(acme) == []


def facet_differences(organization):
    period = {"first_date": SETTLED, "end_date": SETTLED + timedelta(days=1)}
    ((_, found),) = rebuild.differences(organization=organization, now=NOW, **period)
    return [(d.table, d.missing, d.unexpected, d.different) for d in found if d.table == condensed.TABLE]


# --- At once ----------------------------------------------------------------------------------------------------------
@pytest.fixture
def committed(committed_db):
    """A project with one settled day of one call, condensed, for several connections."""
    project_of = make_organization("Acme")
    with org_scope(project_of.pk):
        project = Project.objects.get(slug="web")
        make_rollup(project, SETTLED)
    condense()
    return project


@contextmanager
def edge() -> Iterator["psycopg.Connection[object]"]:
    with psycopg.connect(settings.DATABASE.conninfo(EDGE), autocommit=False) as writer:
        yield writer


def count(writer: "psycopg.Connection[object]", day: date = SETTLED) -> None:
    """One call more, as a flush adds it."""
    writer.execute(f"update {store.DAILY} set calls = calls + 1 where bucket_date = %s", [day])


def condensing_elsewhere(pool: ThreadPoolExecutor) -> "Future[int]":
    def run() -> int:
        try:
            return condense()
        finally:
            connections.close_all()

    return pool.submit(run)


def is_waiting() -> bool:
    with psycopg.connect(settings.DATABASE.url) as admin:
        rows = admin.execute(
            "select from pg_stat_activity where wait_event = 'transactionid' and datname = current_database()"
        )
        return rows.fetchone() is not None


def test_what_a_writer_has_not_committed_yet_is_waited_for(committed):
    with edge() as writer, ThreadPoolExecutor(1) as pool:
        count(writer)
        with org_scope(committed.organization_id):
            assert CondensedDay.objects.get(bucket_date=SETTLED).state == condensed.CONDENSED  # not for the writer
        writer.commit()
        count(writer)
        run = condensing_elsewhere(pool)
        wait_until(is_waiting, "condensing to wait for the writer")
        writer.commit()
        assert run.result() == 1

    assert states(committed.organization)[SETTLED] == condensed.CONDENSED
    assert facet(committed.organization, "model") == [(3, 0)]


def test_a_writer_of_a_day_that_is_being_condensed_waits_and_takes_it_out_again(committed):
    with edge() as writer, ThreadPoolExecutor(1) as pool:
        with org_scope(committed.organization_id), connection.cursor() as cursor:
            cursor.execute(condensed.CLAIM, {"organization": committed.organization_id, "day": SETTLED})
            writing = pool.submit(count, writer)
            wait_until(is_waiting, "the writer to wait for what is condensed")
        writing.result()
        writer.commit()

    assert states(committed.organization)[SETTLED] == condensed.CHANGED


def test_writers_of_a_day_that_is_out_do_not_wait_for_each_other(committed):
    with org_scope(committed.organization_id):
        make_rollup(committed, SETTLED, environment="other")
    with edge() as one, edge() as other:
        for writer, environment in ((one, "default"), (other, "other")):
            writer.execute("set local lock_timeout = '1s'")
            writer.execute(f"update {store.DAILY} set calls = 9 where environment = %s", [environment])
        one.commit()
        other.commit()

    condense()

    assert facet(committed.organization, "model") == [(18, 0)]
