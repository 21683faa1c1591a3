"""Partitions, retention, calls without HTTP, and the tasks around them."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import psycopg
import pytest
from django.conf import settings
from django.db import connection

from core.databases import OWNER
from core.scope import org_scope
from ingestion import selectors, services, tasks
from ingestion.models import DailyRollup
from ingestion.models import RateCard as StoredCard
from ingestion.pricing.cards import to_row
from ingestion.tests.edge.client import stored_calls
from ingestion.tests.edge.conftest import CARDS, new_organization, project_of
from ingestion.tests.edge.rows import make_row, new_flusher
from ingestion.wire.types import Call, Usage
from tenants.models import Project

NOW = datetime.now(UTC)
# Far from today, where the other tests' partitions are.
PAST = datetime(2031, 3, 10, 12, tzinfo=UTC)


def partitions():
    """Days that have one."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select to_date(right(inhrelid::regclass::text, 8), 'YYYYMMDD') from pg_inherits"
            " where inhparent = 'calls'::regclass"
        )
        return {day for (day,) in cursor.fetchall()}


@pytest.fixture
def as_it_was(committed_module):
    """Partitions as the template of the tests has them, whatever a test did."""
    before = partitions()
    yield before
    with psycopg.connect(settings.DATABASE.conninfo(OWNER), autocommit=True) as owner:
        for day in partitions() - before:
            owner.execute(f"drop table calls_{day:%Y%m%d}".encode())
        for day in before - partitions():
            owner.execute("select ensure_partitions(%s, %s)", [day, day])


def keep(organization, slug, days):
    with org_scope(organization.pk):
        Project.objects.filter(slug=slug).update(retention_days=days)


def keep_all(days):
    """Set the retention of every project there is."""
    with psycopg.connect(settings.DATABASE.conninfo(OWNER)) as owner:
        owner.execute("update projects set retention_days = %s", [days])


def test_partitions_reach_from_the_longest_retention_to_two_weeks_ahead(acme, as_it_was):
    keep_all(7)
    keep(acme, "web", 20)

    made = services.ensure_partitions(now=PAST)

    new = partitions() - as_it_was
    assert made == len(new) == 20 + 1 + 14
    assert (min(new), max(new)) == (date(2031, 2, 18), date(2031, 3, 24))
    assert services.ensure_partitions(now=PAST) == 0


def test_the_longest_retention_is_that_of_any_organization(acme, globex):
    keep_all(7)
    keep(acme, "web", 30)
    keep(globex, "app", 730)

    assert selectors.longest_retention_days() == 730
    keep_all(180)


def test_days_nobody_keeps_are_dropped_and_the_others_stay(acme, as_it_was):
    keep_all(180)
    with psycopg.connect(settings.DATABASE.conninfo(OWNER), autocommit=True) as owner:
        oldest = NOW.date() - timedelta(days=selectors.longest_retention_days())
        owner.execute("select ensure_partitions(%s, %s)", [oldest - timedelta(days=3), oldest])

    dropped = services.drop_partitions(now=NOW)

    assert dropped == 3
    assert partitions() == as_it_was | {oldest}
    assert services.drop_partitions(now=NOW) == 0


def test_busy_partitions_are_left_for_the_next_run(acme, as_it_was):
    keep_all(180)
    with psycopg.connect(settings.DATABASE.conninfo(OWNER), autocommit=True) as owner:
        oldest = NOW.date() - timedelta(days=selectors.longest_retention_days() + 1)
        owner.execute("select ensure_partitions(%s, %s)", [oldest, oldest])
    with psycopg.connect(settings.DATABASE.conninfo(OWNER)) as reader:
        reader.execute("select count(*) from calls")

        assert services.drop_partitions(now=NOW) == 0

    assert services.drop_partitions(now=NOW) == 1


def test_calls_of_projects_that_keep_them_shorter_are_deleted(acme, globex, monkeypatch):
    keep_all(180)
    monkeypatch.setattr(services, "_DELETE_AT_ONCE", 3)
    keep(acme, "web", 7)
    ages = [timedelta(days=days) for days in (0, 6, 8, 9, 20, 20, 30, 39)]
    for organization in (acme, globex):
        new_flusher().flush(
            [[make_row(project_of(organization), f"{n}", started_at=NOW - age) for n, age in enumerate(ages)]]
        )
    with org_scope(acme.pk):
        rollups = list(DailyRollup.objects.values())

    deleted = services.delete_expired_calls(now=NOW)

    assert deleted == 6
    assert [call["call_id"] for call in stored_calls(acme)] == ["1", "0"]
    assert len(stored_calls(globex)) == 8
    with org_scope(acme.pk):
        assert list(DailyRollup.objects.values()) == rollups
    assert services.delete_expired_calls(now=NOW) == 0


def test_a_run_deletes_a_bounded_amount_and_the_next_one_goes_on(acme, monkeypatch):
    keep_all(180)
    monkeypatch.setattr(services, "_DELETE_AT_ONCE", 2)
    monkeypatch.setattr(services, "MOST_DELETES", 2)
    keep(acme, "web", 7)
    rows = [make_row(project_of(acme), f"{n}", started_at=NOW - timedelta(days=10)) for n in range(7)]
    new_flusher().flush([rows])

    runs = [services.delete_expired_calls(now=NOW) for _ in range(3)]

    assert runs == [4, 3, 0]


def test_calls_without_http_are_priced_and_rolled_up(somebody):
    organization = new_organization(somebody, "Demo", time_zone="Asia/Tokyo")
    web, app = project_of(organization), project_of(organization, "app")
    usage = Usage(input_tokens=1000, output_tokens=500)
    calls = [
        (
            project.pk,
            Call(call_id=f"{n}", started_at=NOW - timedelta(hours=n), provider="openai", model="gpt-4o", usage=usage),
        )
        for n in range(30)
        for project in (web, app)
    ]

    stored = services.store_calls(organization=organization, api_key_id=5, calls=calls, now=NOW)
    again = services.store_calls(organization=organization, api_key_id=5, calls=calls, now=NOW)

    assert (stored, again) == (60, 0)
    assert {(call["api_key_id"], call["cost_usd"]) for call in stored_calls(organization)} == {(5, Decimal("0.0075"))}
    with org_scope(organization.pk):
        assert sum(DailyRollup.objects.values_list("cost_usd", flat=True)) == Decimal("0.45")


def test_calls_that_cannot_be_stored_are_an_error(acme):
    too_old = Call(call_id="x", started_at=datetime(1999, 1, 1, tzinfo=UTC), provider="", model="m", usage=Usage())

    with pytest.raises(services.StoringError):
        services.store_calls(organization=acme, api_key_id=1, calls=[(project_of(acme).pk, too_old)], now=NOW)


def test_tasks_may_run_twice(acme, as_it_was):
    keep_all(30)

    for _ in range(2):
        tasks.ensure_partitions()
        tasks.retention()

    assert partitions() == {NOW.date() + timedelta(days=n) for n in range(-30, 15)}


def test_the_catalogue_task_brings_prices_in_and_tells_the_edges(committed_module):
    StoredCard.objects.all().delete()
    with psycopg.connect(settings.DATABASE.conninfo(OWNER), autocommit=True) as listener:
        listener.execute("listen tokenops_rates")

        tasks.import_catalogue()
        tasks.import_catalogue()

        assert len(list(listener.notifies(timeout=0.2))) == 1
    assert StoredCard.objects.filter(catalogue_id="gpt-4o").exists()
    StoredCard.objects.all().delete()
    StoredCard.objects.bulk_create(StoredCard(**to_row(card)) for card in CARDS)
