"""Counters equal what was accepted, whatever else happened to the flush."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from random import Random

import psycopg
import pytest
from django.conf import settings

from core.databases import EDGE
from core.scope import org_scope
from ingestion.models import IngestCounter
from ingestion.tests.edge.client import stored_calls
from ingestion.tests.edge.conftest import new_organization, project_of
from ingestion.tests.edge.rows import make_row, new_flusher
from ingestion.writer import Stored, counters
from ingestion.writer.flush import Refused


def counted(organization):
    """Events by project, over all months: a test may run while one ends."""
    with org_scope(organization.pk):
        found = Counter()
        for row in IngestCounter.objects.all():
            found[row.project_id] += row.events
        return dict(found)


def months(organization):
    with org_scope(organization.pk):
        return list(IngestCounter.objects.order_by("month").values_list("month", "events"))


def test_accepted_events_are_counted_by_project(acme, globex):
    web, app, other = project_of(acme), project_of(acme, "app"), project_of(globex)

    new_flusher().flush(
        [
            [make_row(web, "a"), make_row(web, "b"), make_row(app, "c")],
            [make_row(other, "d")],
            [make_row(web, "e")],
        ]
    )

    assert counted(acme) == {web.pk: 3, app.pk: 1}
    assert counted(globex) == {other.pk: 1}


def test_duplicates_are_not_counted(acme):
    web, flusher = project_of(acme), new_flusher()
    flusher.flush([[make_row(web, "a"), make_row(web, "a"), make_row(web, "b")]])

    again = flusher.flush([[make_row(web, "b"), make_row(web, "c")], [make_row(web, "a")]])

    assert again == [Stored(1, 1), Stored(0, 1)]
    assert counted(acme) == {web.pk: 3}


def test_what_was_refused_is_not_counted(acme):
    web = project_of(acme)

    outcomes = new_flusher().flush([[make_row(web, "good")], [make_row(web, "bad", session_id="a\0b")]])

    assert outcomes == [Stored(1, 0), Refused()]
    assert counted(acme) == {web.pk: 1}


def test_flushes_that_meet_count_everything_once(acme, globex):
    projects = [project_of(acme), project_of(acme, "app"), project_of(globex)]

    def flush_many(number):
        random, flusher = Random(number), new_flusher()  # noqa: S311 - a shuffle that can be repeated
        for turn in range(12):
            rows = [make_row(random.choice(projects), f"{random.randrange(60)}-{turn}") for _ in range(20)]
            random.shuffle(rows)
            assert all(isinstance(outcome, Stored) for outcome in flusher.flush([rows[:10], rows[10:]]))
        flusher.close()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(flush_many, range(4)))

    for organization in (acme, globex):
        calls = Counter(call["project_id"] for call in stored_calls(organization))
        assert counted(organization) == dict(calls)


@pytest.mark.parametrize(
    ("zone", "month"),
    [
        ("UTC", date(2026, 11, 1)),
        ("Asia/Tokyo", date(2026, 12, 1)),
        ("America/New_York", date(2026, 11, 1)),
    ],
)
def test_the_month_is_that_of_the_arrival_where_the_organization_is(somebody, zone, month):
    organization = new_organization(somebody, "Somewhere", time_zone=zone)
    owner = organization.pk, project_of(organization).pk

    with psycopg.connect(settings.DATABASE.conninfo(EDGE)) as database:
        counters.count(database.cursor(), {owner: 2}, datetime(2026, 11, 30, 20, 30, tzinfo=UTC))

    assert months(organization) == [(month, 2)]


def test_an_organization_that_is_gone_is_not_counted_and_harms_nobody(acme):
    web = project_of(acme)
    events = {(2**40, web.pk): 1, (acme.pk, web.pk): 1}

    with psycopg.connect(settings.DATABASE.conninfo(EDGE)) as database:
        counters.count(database.cursor(), events, datetime.now(UTC))

    assert counted(acme) == {web.pk: 1}
