"""Who is told that the spool fills up, and how often."""

from datetime import UTC, datetime, timedelta

import pytest

from core.models import Heartbeat
from core.scope import org_scope
from gateway import filling, retention, tasks
from gateway.models import GatewayTraffic
from gateway.tests.factories import make_traffic
from tenants.models import Event, Project

NOW = datetime(2026, 7, 15, 12, 30, tzinfo=UTC)
LIMIT = 1_000


def beat(used, *, at=NOW, limit=LIMIT):
    facts = {"spool_bytes": used, "spool_limit": limit, "oldest_seconds": 3.0}
    Heartbeat.objects.update_or_create(name="gateway", defaults={"seen_at": at, "facts": facts})


def told(organization):
    with org_scope(organization.pk):
        return list(Event.objects.filter(kind="gateway.spool_filling").order_by("pk"))


@pytest.fixture
def used(acme_project):
    make_traffic(acme_project, hour=NOW.replace(minute=0), requests=3)


def test_whose_calls_wait_is_told_once(acme, globex, used):
    beat(800)

    assert filling.record_filling(now=NOW) == 1
    assert filling.record_filling(now=NOW + timedelta(minutes=1)) == 0

    (event,) = told(acme)
    assert event.facts == {"used_bytes": 800, "limit_bytes": LIMIT}
    assert (event.severity, event.subject_kind, event.link) == ("high", "organization", "/o/acme/gateway/")
    assert told(globex) == []  # no call of theirs passed


def test_it_is_told_again_only_after_it_had_eased(acme, used):
    for minute, bytes_used in enumerate([900, 700, 900, 499, 799, 801]):
        beat(bytes_used, at=NOW + timedelta(minutes=minute))
        filling.record_filling(now=NOW + timedelta(minutes=minute))

    assert [event.facts["used_bytes"] for event in told(acme)] == [900, 801]


def test_who_comes_later_is_told_of_the_same_filling(acme, globex, used):
    beat(900)
    filling.record_filling(now=NOW)
    with org_scope(globex.pk):
        make_traffic(Project.objects.get(), hour=NOW)

    assert filling.record_filling(now=NOW + timedelta(seconds=30)) == 1
    assert len(told(acme)) == len(told(globex)) == 1


@pytest.mark.parametrize(
    ("used_bytes", "limit", "age"),
    [(799, LIMIT, timedelta()), (900, 0, timedelta()), (900, LIMIT, timedelta(minutes=3))],
    ids=["not full", "no limit", "nobody has said so of late"],
)
def test_nothing_is_told_where_nothing_is_known(acme, used, used_bytes, limit, age):
    beat(used_bytes, limit=limit, at=NOW - age)

    assert filling.record_filling(now=NOW) == 0
    assert told(acme) == []


def test_without_a_heartbeat_there_is_nothing_to_say(acme, used):
    assert filling.record_filling(now=NOW) == 0


def test_who_sent_nothing_for_a_day_is_not_concerned(acme, acme_project):
    make_traffic(acme_project, hour=NOW - timedelta(days=2), requests=3)
    beat(999)

    assert filling.record_filling(now=NOW) == 0


def test_the_tasks_do_it(acme, acme_project):
    tasks.watch_spool()
    tasks.retention()

    assert told(acme) == []


def test_old_hours_go_and_kept_months_stay(acme, globex, acme_project, scope):
    first_kept = datetime(2024, 6, 1, tzinfo=UTC)
    for hour in (first_kept - timedelta(hours=1), first_kept, NOW):
        make_traffic(acme_project, hour=hour)

    assert retention.delete_old_traffic(now=NOW) == 1
    assert retention.delete_old_traffic(now=NOW) == 0
    with scope(acme):
        assert sorted(GatewayTraffic.objects.values_list("hour", flat=True)) == [first_kept, NOW]
