"""Facets of settled days and hours equal the sums they stand for, or are not read, whatever happens meanwhile."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
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
from ingestion import condensed, condensing, histogram, rebuild, store
from ingestion.condensed import Grain
from ingestion.models import (
    CondensedDay,
    CondensedHour,
    CondensedHourlyRollup,
    CondensedRollup,
    DailyRollup,
    HourlyRollup,
    Rollup,
)
from ingestion.models.condensed import Facets, Mark
from tenants import services
from tenants.models import Project, User
from tests.resilience.processes import wait_until

NOW = timezone.now().astimezone(UTC).replace(minute=20)


@dataclass(frozen=True)
class Case:
    """Rows of one width; how many buckets ago the latest settled, and which of them writes leave no trace of."""

    grain: Grain
    step: timedelta
    settled_ago: int
    quiet_ago: tuple[int, ...]
    rows: type[Rollup]
    facets: type[Facets]
    marks: type[Mark]

    def bucket(self, ago: int, now: datetime = NOW) -> date:
        begins = now.replace(minute=0, second=0, microsecond=0)
        return (begins.date() if self.grain is condensed.DAYS else begins) - ago * self.step

    @property
    def settled(self) -> date:
        return self.bucket(10)

    def states(self, organization):
        with org_scope(organization.pk):
            return dict(self.marks.objects.values_list(self.grain.column, "state"))

    def facet(self, organization, name, *columns):
        """(columns, calls, cost) of a facet's rows."""
        with org_scope(organization.pk):
            rows = self.facets.objects.filter(facet=name).order_by(self.grain.column, *columns)
            return list(rows.values_list(*columns, "calls", "cost_usd"))

    def differences(self, organization):
        day = self.settled.date() if isinstance(self.settled, datetime) else self.settled
        period = {"first_date": day, "end_date": day + timedelta(days=1)}
        ((_, found),) = rebuild.differences(organization=organization, now=NOW, **period)
        return [(d.table, d.missing, d.unexpected, d.different) for d in found if d.table == self.grain.facets]


DAYS = Case(condensed.DAYS, timedelta(days=1), 3, (-1, 0, 1), DailyRollup, CondensedRollup, CondensedDay)
HOURS = Case(condensed.HOURS, timedelta(hours=1), 2, (-1, 0), HourlyRollup, CondensedHourlyRollup, CondensedHour)


@pytest.fixture(params=[DAYS, HOURS], ids=["days", "hours"])
def case(request):
    return request.param


def condense(now: datetime = NOW, **more: float) -> int:
    return sum(condensing.condense(now=now, **more).values())


@pytest.fixture
def rows_of_calls(acme_project, case):
    """Five rows of one settled bucket in two projects."""
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
            make_rollup(project, case.settled, calls=10**number, cost_usd=Decimal(f"0.{number}000000000000001"), **row)
    return shop


def test_each_facet_has_the_sums_of_its_dimensions_exactly(acme, acme_project, rows_of_calls, case):
    condense()

    web, shop = acme_project.pk, rows_of_calls.pk
    assert case.facet(acme, "model", "project_id", "model_key", "team") == [
        (web, "gpt-4o", "blue", 100, Decimal("0.2000000000000001")),
        (web, "gpt-4o", "red", 11, Decimal("0.1000000000000002")),
        (web, "mini", "red", 1000, Decimal("0.3000000000000001")),
        (shop, "gpt-4o", "red", 10000, Decimal("0.4000000000000001")),
    ]
    assert case.facet(acme, "feature", "project_id", "feature", "model_key", "team") == [
        (0, "chat", "", "", 11101, Decimal("0.9000000000000004")),
        (0, "search", "", "", 10, Decimal("0.1000000000000001")),
    ]
    assert case.facet(acme, "project feature", "project_id", "feature", "model_key", "team") == [
        (web, "chat", "", "", 1101, Decimal("0.5000000000000003")),
        (web, "search", "", "", 10, Decimal("0.1000000000000001")),
        (shop, "chat", "", "", 10000, Decimal("0.4000000000000001")),
    ]


@pytest.mark.parametrize("name", store.SUMS)
def test_every_sum_is_in_every_facet(acme, acme_project, name, case):
    with org_scope(acme.pk):
        for environment in ("a", "b"):
            make_rollup(acme_project, case.settled, environment=environment, **{name: 7})

    condense()

    with org_scope(acme.pk):
        assert list(case.facets.objects.values_list("facet", name).order_by("facet")) == [
            ("feature", 14),
            ("model", 14),
            ("project feature", 14),
        ]


def test_what_may_still_fill_is_left_alone(acme, acme_project, case):
    with org_scope(acme.pk):
        for ago in range(case.settled_ago + 2):
            make_rollup(acme_project, case.bucket(ago))

    assert condense() == 2

    settled = [bucket for bucket, state in case.states(acme).items() if state == condensed.CONDENSED]
    assert sorted(settled) == [case.bucket(case.settled_ago + 1), case.bucket(case.settled_ago)]


def test_writes_of_what_may_still_fill_leave_no_trace(acme, acme_project, case):
    now = timezone.now().astimezone(UTC)
    with org_scope(acme.pk):
        for ago in case.quiet_ago:
            make_rollup(acme_project, case.bucket(ago, now))
        case.rows.objects.update(calls=2)
        case.rows.objects.all().delete()

    assert case.states(acme) == {}


def test_what_has_no_calls_is_not_looked_at(acme, acme_project, case):
    with org_scope(acme.pk):
        make_rollup(acme_project, case.bucket(12))
        make_rollup(acme_project, case.bucket(10))

    assert condense() == 2
    assert case.states(acme) == dict.fromkeys((case.bucket(12), case.bucket(10)), condensed.CONDENSED)
    assert condense() == 0


def test_rows_that_came_before_the_trigger_are_condensed_as_far_back_as_pages_ask_for_them(acme, acme_project):
    with org_scope(acme.pk):
        for ago in (10, 20 * 24):
            make_rollup(acme_project, DAYS.bucket(ago))
            make_rollup(acme_project, HOURS.bucket(ago))
        CondensedDay.objects.all().delete()
        CondensedHour.objects.all().delete()

    assert condensing.condense(now=NOW) == {"days": 2, "hours": 1}
    assert HOURS.states(acme) == {HOURS.bucket(10): condensed.CONDENSED}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda project, case: make_rollup(project, case.settled, calls=5, environment="new"), [(6,)]),
        (lambda project, case: case.rows.objects.update(calls=7), [(7,)]),
        (lambda project, case: case.rows.objects.all().delete(), []),
    ],
    ids=["a row more", "another number", "a row less"],
)
def test_what_changes_is_not_read_until_it_is_condensed_again(acme, acme_project, change, expected, case):
    with org_scope(acme.pk):
        make_rollup(acme_project, case.settled)
    condense()

    with org_scope(acme.pk):
        change(acme_project, case)

    assert case.states(acme)[case.settled] == condensed.CHANGED
    assert condense() == 1
    assert case.states(acme)[case.settled] == condensed.CONDENSED
    with org_scope(acme.pk):
        assert list(case.facets.objects.filter(facet="model").values_list("calls")) == expected


def test_an_organization_without_calls_has_nothing_to_condense(acme, case):
    assert condense() == 0
    assert case.states(acme) == {}


def test_organizations_have_their_own(acme, acme_project, globex, case):
    with org_scope(acme.pk):
        make_rollup(acme_project, case.settled, calls=3)
    with org_scope(globex.pk):
        make_rollup(Project.objects.get(), case.settled, calls=4)
    condense()

    with org_scope(globex.pk):
        case.rows.objects.update(calls=5)

    assert case.states(acme)[case.settled] == condensed.CONDENSED
    assert case.states(globex)[case.settled] == condensed.CHANGED
    assert case.facet(acme, "model", "feature") == [("", 3, 0)]
    assert case.facet(globex, "model", "feature") == [("", 4, 0)]


def test_a_run_stops_in_time_and_the_next_goes_on_with_the_latest(acme, acme_project, monkeypatch, case):
    with org_scope(acme.pk):
        for ago in (10, 11):
            make_rollup(acme_project, case.bucket(ago))
    clock = iter([0.0, 0.0, 30.0])
    monkeypatch.setattr(condensing, "monotonic", lambda: next(clock))

    assert condense(seconds=10) == 1

    assert case.states(acme) == {case.bucket(10): condensed.CONDENSED, case.bucket(11): condensed.CHANGED}


def test_a_histogram_that_could_carry_is_left_as_it_is(acme, acme_project, case):
    half = histogram.MOST_CALLS // 2 + 1
    with org_scope(acme.pk):
        for environment in ("a", "b"):
            make_rollup(acme_project, case.settled, environment=environment, latency_calls=half, latency_histogram=half)

    condense()

    assert case.states(acme)[case.settled] == condensed.TOO_LARGE
    assert case.facet(acme, "model") == case.facet(acme, "feature") == []
    assert case.settled not in condensing.unsettled(acme.pk, case.grain, NOW)


@pytest.mark.parametrize(
    ("change", "difference"),
    [
        ({"calls": 9}, (0, 0, 1)),
        ({"latency_sum_ms": 0.5}, (0, 0, 1)),
        ({"latency_sum_ms": 1e-12}, None),
        ({"team": "nobody"}, (1, 1, 0)),
    ],
)
def test_facets_that_differ_are_found_where_they_are_read(acme, acme_project, change, difference, case):
    with org_scope(acme.pk):
        make_rollup(acme_project, case.settled)
    condense()
    with org_scope(acme.pk):
        case.facets.objects.filter(facet="model").update(**change)

    expected = [(case.grain.facets, *difference)] if difference else []
    assert case.differences(acme) == expected

    with org_scope(acme.pk):
        case.rows.objects.update(calls=2)
    assert case.differences(acme) == []


# --- At once ----------------------------------------------------------------------------------------------------------
@pytest.fixture
def committed(committed_db, case):
    """A project with one settled bucket of one call, condensed, for several connections."""
    project_of = make_organization("Acme")
    with org_scope(project_of.pk):
        project = Project.objects.get(slug="web")
        make_rollup(project, case.settled)
    condense()
    return project


@contextmanager
def edge() -> Iterator["psycopg.Connection[object]"]:
    with psycopg.connect(settings.DATABASE.conninfo(EDGE), autocommit=False) as writer:
        yield writer


def count(writer: "psycopg.Connection[object]", case: Case) -> None:
    """One call more, as a flush adds it."""
    grain = case.grain
    writer.execute(f"update {grain.rows} set calls = calls + 1 where {grain.column} = %s", [case.settled])


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


def test_what_a_writer_has_not_committed_yet_is_waited_for(committed, case):
    with edge() as writer, ThreadPoolExecutor(1) as pool:
        count(writer, case)
        with org_scope(committed.organization_id):
            assert case.marks.objects.get().state == condensed.CONDENSED  # not for the writer
        writer.commit()
        count(writer, case)
        run = condensing_elsewhere(pool)
        wait_until(is_waiting, "condensing to wait for the writer")
        writer.commit()
        assert run.result() == 1

    assert case.states(committed.organization)[case.settled] == condensed.CONDENSED
    assert case.facet(committed.organization, "model") == [(3, 0)]


def test_a_writer_of_what_is_being_condensed_waits_and_takes_it_out_again(committed, case):
    with edge() as writer, ThreadPoolExecutor(1) as pool:
        with org_scope(committed.organization_id), connection.cursor() as cursor:
            cursor.execute(
                condensed.claim(case.grain), {"organization": committed.organization_id, "bucket": case.settled}
            )
            writing = pool.submit(count, writer, case)
            wait_until(is_waiting, "the writer to wait for what is condensed")
        writing.result()
        writer.commit()

    assert case.states(committed.organization)[case.settled] == condensed.CHANGED


def test_writers_of_what_is_out_do_not_wait_for_each_other(committed, case):
    with org_scope(committed.organization_id):
        make_rollup(committed, case.settled, environment="other")
    with edge() as one, edge() as other:
        for writer, environment in ((one, "default"), (other, "other")):
            writer.execute("set local lock_timeout = '1s'")
            writer.execute(f"update {case.grain.rows} set calls = 9 where environment = %s", [environment])
        one.commit()
        other.commit()

    condense()

    assert case.facet(committed.organization, "model") == [(18, 0)]
