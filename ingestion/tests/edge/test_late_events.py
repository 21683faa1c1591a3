"""Late, early and out of order: inside the windows sums are right, outside an event is refused and says why."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import permutations
from zoneinfo import ZoneInfo

import psycopg
import pytest
from django.conf import settings

from core.databases import OWNER
from core.scope import org_scope
from ingestion.models import Call, DailyRollup, HourlyRollup
from ingestion.rebuild import local_midnight, rebuild_rollups
from ingestion.tests.edge.client import issue_key, running_edge, stored_calls
from ingestion.tests.edge.conftest import new_organization
from ingestion.tests.edge.test_rollups import rollups
from ingestion.tests.wire.otlp.builders import CHAT, request, span
from tenants.models import Project

# Between an event's making and its arrival some time passes; no boundary is tested closer than this.
MARGIN = timedelta(minutes=1)
AHEAD = timedelta(minutes=10)
TOO_OLD, TOO_EARLY = "is older than the retention period", "is more than 10 minutes ahead of the server's clock"
BERLIN = "Europe/Berlin"


def keep(organization, slug, days):
    with org_scope(organization.pk):
        Project.objects.filter(slug=slug).update(retention_days=days)


def event(at, call_id="late", **fields):
    return {"id": call_id, "timestamp": at.isoformat(), "model": "gpt-4o", "input_tokens": 1000} | fields


def trace(at):
    start = int(at.timestamp() * 10**6) * 1000
    return request([span(CHAT, startTimeUnixNano=str(start), endTimeUnixNano=str(start + 10**9))])


def reasons(response):
    """Field and message of every error of every rejected event."""
    return [(e["field"], e["message"]) for rejected in response.json()["rejected"] for e in rejected["errors"]]


def first_partition():
    """The oldest day there is a partition for."""
    with psycopg.connect(settings.DATABASE.conninfo(OWNER)) as owner:
        return owner.execute("select first_date from call_partitions()").fetchone()[0]


def rebuilt(organization, first, last):
    """The organization's rollups after a rebuild of the days from ``first`` to ``last``."""
    one = timedelta(days=1)
    rebuild_rollups(organization=organization, first_date=first.date() - one, end_date=last.date() + 2 * one)
    return rollups(organization)


def by_day(organization):
    with org_scope(organization.pk):
        return dict(DailyRollup.objects.values_list("bucket_date", "calls"))


@pytest.fixture
def two_months_of_days(committed_module: None) -> Iterator[None]:
    """Partitions for longer than these tests' projects keep calls."""
    today = datetime.now(UTC).date()
    with psycopg.connect(settings.DATABASE.conninfo(OWNER), autocommit=True) as owner:
        before = first_partition()
        owner.execute("select ensure_partitions(%s, %s)", [today - timedelta(days=60), today])
        yield
        owner.execute("select drop_partitions(%s)", [before])


# --- The boundaries ---


@pytest.mark.parametrize("days", [7, 30])
@pytest.mark.parametrize("project", ["web", None], ids=["its own key", "the organization's key"])
def test_a_project_takes_calls_as_old_as_it_keeps_them(edge, acme, days, project):
    keep(acme, "web", days)
    keep(acme, "app", days)
    key = issue_key(acme, project=project)
    edge_of_retention = datetime.now(UTC) - timedelta(days=days)

    inside = edge.post(event(edge_of_retention + MARGIN, "inside"), key=key)
    outside = edge.post(event(edge_of_retention - timedelta(microseconds=1), "outside"), key=key)

    assert (inside.status, inside.json()["accepted"]) == (202, 1)
    assert (outside.status, reasons(outside)) == (400, [("timestamp", TOO_OLD)])
    assert [call["call_id"] for call in stored_calls(acme)] == ["inside"]
    assert rollups(acme) == rebuilt(acme, edge_of_retention, edge_of_retention)


def test_each_project_of_a_batch_has_its_own_boundary(edge, acme):
    keep(acme, "web", 30)
    keep(acme, "app", 7)
    old, older = (datetime.now(UTC) - timedelta(days=days) for days in (8, 31))
    batch = [event(at, f"{project}-{at.day}", project=project) for project in ("web", "app") for at in (old, older)]

    answer = edge.post(batch, key=issue_key(acme, project=None))

    assert answer.json()["accepted"] == 1
    assert [rejected["index"] for rejected in answer.json()["rejected"]] == [1, 2, 3]
    assert reasons(answer) == [
        ("timestamp", TOO_OLD),
        ("timestamp", "is older than 7 days"),
        ("timestamp", TOO_OLD),
    ]
    assert [call["started_at"] for call in stored_calls(acme)] == [old]


def test_a_project_that_keeps_longer_than_there_are_days_takes_what_there_is_a_day_for(acme, key):
    keep(acme, "web", 730)
    first_date = first_partition()
    first_moment = datetime(first_date.year, first_date.month, first_date.day, tzinfo=UTC)

    with running_edge() as edge:  # one that has read the days just now
        inside = edge.post(event(first_moment, "inside"), key=key)
        outside = edge.post(event(first_moment - timedelta(microseconds=1), "outside"), key=key)

    assert inside.json()["accepted"] == 1
    assert (outside.status, reasons(outside)) == (400, [("timestamp", TOO_OLD)])
    assert rollups(acme) == rebuilt(acme, first_moment, first_moment)


def test_ten_minutes_ahead_is_a_clock_and_more_is_a_mistake(edge, acme, key):
    now = datetime.now(UTC)

    inside = edge.post(event(now + AHEAD, "inside"), key=key)  # the server's clock has moved on since
    outside = edge.post(event(now + AHEAD + MARGIN, "outside"), key=key)

    assert inside.json()["accepted"] == 1
    assert (outside.status, reasons(outside)) == (400, [("timestamp", TOO_EARLY)])
    assert [call["started_at"] for call in stored_calls(acme)] == [now + AHEAD]
    assert rollups(acme) == rebuilt(acme, now, now + AHEAD)


@pytest.mark.parametrize(("path", "content_type"), [("/log", "application/json"), ("/api/ingest", "application/json")])
def test_the_other_paths_have_the_same_windows(edge, acme, key, path, content_type):
    keep(acme, "web", 7)
    now = datetime.now(UTC)
    moments = [now - timedelta(days=8), now - timedelta(days=7) + MARGIN, now + AHEAD, now + AHEAD + MARGIN]

    answers = [
        edge.post(event(at, f"{n}"), key=key, path=path, headers={"content-type": content_type})
        for n, at in enumerate(moments)
    ]

    assert [answer.status for answer in answers] == [400, 202, 202, 400]
    assert reasons(answers[0]) + reasons(answers[3]) == [("timestamp", TOO_OLD), ("timestamp", TOO_EARLY)]


def test_traces_have_the_same_windows(edge, acme, key):
    keep(acme, "web", 7)
    now = datetime.now(UTC)
    moments = [now - timedelta(days=8), now - timedelta(days=7) + MARGIN, now + AHEAD, now + AHEAD + MARGIN]

    answers = [edge.post(trace(at), key=key, path="/v1/traces").json() for at in moments]

    assert answers[1:3] == [{}, {}]
    for answer, reason in ((answers[0], TOO_OLD), (answers[3], TOO_EARLY)):
        assert answer["partialSuccess"]["rejectedSpans"] == "1"
        assert reason in answer["partialSuccess"]["errorMessage"]
    assert len(stored_calls(acme)) == 2


def test_what_the_retention_would_delete_at_once_is_not_taken(acme, key, two_months_of_days):
    """There is a day for it, kept for others: the project's own retention decides."""
    keep(acme, "web", 7)

    with running_edge() as edge:
        answer = edge.post(event(datetime.now(UTC) - timedelta(days=50)), key=key)

    assert (answer.status, reasons(answer)) == (400, [("timestamp", TOO_OLD)])
    assert stored_calls(acme) == []
    assert rollups(acme) == []


# --- Out of order ---


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_flushes_in_any_order_give_the_same_sums(edge, somebody, order):
    organization = new_organization(somebody, "Order", time_zone="Asia/Kathmandu")
    key = issue_key(organization)
    now = datetime.now(UTC)
    moments = [now - timedelta(days=6), now - timedelta(hours=25), now + timedelta(minutes=9)]
    batches = [
        [event(at - timedelta(minutes=20 * n), f"{name}-{n}", latency_ms=n + 1) for n in range(5)]
        for name, at in enumerate(moments)
    ]

    for number in order:
        assert edge.post(batches[number], key=key).json()["accepted"] == 5

    in_order = rollups(organization)
    assert sum(by_day(organization).values()) == 15
    assert in_order == rebuilt(organization, moments[0], moments[2])


def test_a_late_event_changes_its_own_hour_and_day_and_no_other(edge, somebody):
    organization = new_organization(somebody, "Late", time_zone=BERLIN)
    key = issue_key(organization)
    now = datetime.now(UTC)
    edge.post([event(now - timedelta(days=day), f"{day}") for day in range(6)], key=key)
    before = rollups(organization)
    late = now - timedelta(days=3)

    edge.post(event(late, "late"), key=key)

    changed = [row for row in rollups(organization) if row not in before]
    assert [row["calls"] for row in changed] == [2, 2, 2]  # by hour, by day, and by day and size
    [hour] = [row["bucket_start"] for row in changed if "bucket_start" in row]
    [day] = {row["bucket_date"] for row in changed if "bucket_date" in row}
    assert hour <= late < hour + timedelta(hours=1)
    assert day == late.astimezone(ZoneInfo(BERLIN)).date()
    assert rollups(organization) == rebuilt(organization, late, now)


@pytest.fixture
def last_clock_changes(committed_module: None) -> Iterator[list[list[datetime]]]:
    """Local midnights at both ends of the last two days on which clocks in Berlin changed, with partitions for them."""
    zone, today = ZoneInfo(BERLIN), datetime.now(UTC).date()
    changed: list[list[datetime]] = []
    day = today - timedelta(days=2)
    while len(changed) < 2:
        midnights = [local_midnight(day + timedelta(days=n), BERLIN) for n in (0, 1)]
        if midnights[1] - midnights[0] != timedelta(days=1):
            changed.append(midnights)
        day -= timedelta(days=1)
    assert all(one.astimezone(zone).hour == 0 for pair in changed for one in pair)
    with psycopg.connect(settings.DATABASE.conninfo(OWNER), autocommit=True) as owner:
        before = first_partition()
        first = changed[-1][0].date()
        for start in range((today - first).days + 2):
            owner.execute("select ensure_partitions(%s, %s)", [first + timedelta(days=start)] * 2)
        yield changed
        owner.execute("select drop_partitions(%s)", [before])


def test_late_events_of_days_on_which_clocks_changed_fall_into_their_local_days(somebody, last_clock_changes):
    """Events months late, sent backwards; an edge of its own knows the days that were made for this."""
    organization = new_organization(somebody, "Clocks", time_zone=BERLIN)
    with org_scope(organization.pk):
        Project.objects.update(retention_days=400)
    moments = [start + timedelta(minutes=30 * n) for start, end in last_clock_changes for n in range(-1, 53)]

    with running_edge() as edge:
        key = issue_key(organization)
        for n, at in reversed(list(enumerate(moments))):
            if n % 9 == 0:
                chunk = [event(one, f"{index}") for index, one in enumerate(moments) if n <= index < n + 9]
                assert edge.post(chunk, key=key).json()["accepted"] == len(chunk), at

    expected: dict[object, int] = {}
    for at in moments:
        date = at.astimezone(ZoneInfo(BERLIN)).date()
        expected[date] = expected.get(date, 0) + 1
    assert by_day(organization) == expected
    lengths = {(end - start) // timedelta(minutes=30) for start, end in last_clock_changes}
    assert lengths == {46, 50}
    assert lengths <= set(expected.values())
    written = rollups(organization)
    for start, end in last_clock_changes:
        rebuilt(organization, start, end)
    assert rollups(organization) == written
    with org_scope(organization.pk):
        assert Call.objects.count() == sum(HourlyRollup.objects.values_list("calls", flat=True)) == len(moments)
