"""What ``make restore`` asks of a restored database before it says that all is well."""

from datetime import timedelta

import pytest
from django.conf import settings
from django.utils import timezone

from core import queue
from core.scope import org_scope
from dashboards.tests.factories import record_calls
from ingestion.models import DailyRollup, ZoneChange
from tokenops import restored

NOW = timezone.now()


@pytest.fixture
def counted(acme_project):
    queue.install_queue(settings.DATABASE)
    record_calls(acme_project, [{"started_at": NOW - timedelta(days=day)} for day in range(5)])
    return acme_project


def findings():
    steps = []
    found = restored.findings(now=NOW, progress=steps.append)
    assert len(steps) == 1
    return found


def test_a_database_that_is_what_it_was_gives_nothing_to_say(counted):
    assert findings() == []


def test_a_database_without_tenants_is_fine(db):
    queue.install_queue(settings.DATABASE)

    assert findings() == []


def test_sums_that_are_not_those_of_the_calls_are_named(counted):
    with org_scope(counted.organization_id):
        DailyRollup.objects.filter(bucket_date=NOW.date()).update(calls=7)

    assert findings() == [f"Sums and calls of acme differ on {NOW.date()}."]


def test_only_the_latest_days_are_sampled(counted):
    with org_scope(counted.organization_id):
        DailyRollup.objects.filter(bucket_date=(NOW - timedelta(days=4)).date()).update(calls=7)

    assert findings() == []


@pytest.mark.parametrize(
    ("zone", "is_finished", "is_sampled"),
    [("Asia/Tokyo", True, True), ("Asia/Tokyo", False, False), ("Asia/Kolkata", True, False)],
)
def test_days_that_a_zone_change_left_undecided_are_not_sampled(counted, zone, is_finished, is_sampled):
    today = NOW.date()
    with org_scope(counted.organization_id):
        DailyRollup.objects.filter(bucket_date=today).update(calls=7)
        ZoneChange.objects.create(
            organization=counted.organization,
            from_zone="UTC",
            to_zone=zone,
            first_date=today,
            next_date=today,
            end_date=today + timedelta(days=2),
            finished_at=NOW if is_finished else None,
        )

    assert bool(findings()) is is_sampled


def test_secrets_of_another_installation_are_noticed(counted, settings):
    settings.ENCRYPTION_KEY = "of-another-installation-" * 3

    assert findings() == [
        "These are not the secrets this backup was made with: nothing encrypted can be opened, and no key works."
    ]


def test_parts_that_are_not_ready_are_named(counted, monkeypatch):
    monkeypatch.setattr(restored.health, "readiness", lambda *, now: {"database": True, "queue": False})

    assert findings() == ["Not ready: queue."]


def test_a_hole_in_the_wall_is_named(counted, monkeypatch):
    from core import checks

    monkeypatch.setattr(checks, "tenant_tables", lambda: ["users"])

    (finding,) = findings()

    assert "Tenant table users has no row-level security" in finding
