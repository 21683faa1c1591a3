"""The time zone moves, and the days that were counted in the old one move with it."""

from datetime import UTC, date, datetime, timedelta
from http import HTTPStatus
from zoneinfo import ZoneInfo

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from core.models import WorkDue
from core.scope import org_scope
from dashboards.tests.factories import make_rollup, record_calls
from ingestion import tasks, time_zone
from ingestion.models import DailyRollup, HourlyRollup, ProjectActivity, PromptRollup, SizeRollup, ZoneChange
from ingestion.rebuild import differences, rebuild_rollups
from tenants import selectors
from tenants.models import AuditEntry, User

URL = "/o/acme/settings/time-zone/"
NOW = datetime(2026, 7, 15, 12, tzinfo=UTC)
SETTLED = NOW + time_zone.SETTLING
HTMX = {"HX-Request": "true"}


@pytest.fixture
def counted(acme_project):
    now = timezone.now()
    ids = {"project_id": acme_project.pk, "organization_id": acme_project.organization_id}
    ProjectActivity.objects.create(first_received_at=now, last_received_at=now, **ids)
    return acme_project


def change(acme, zone, now=NOW):
    actor = User.objects.get(email="owner@acme.test")
    return time_zone.change(organization=acme, actor=actor, time_zone=zone, now=now)


def move_all(acme, change, now=SETTLED):
    """The task until it has nothing more to do; how many runs that took."""
    for run in range(1, 200):
        time_zone.move_days(organization_id=acme.pk, change_id=change.pk, now=now)
        with org_scope(acme.pk):
            if ZoneChange.objects.get(pk=change.pk).finished_at:
                return run
    raise AssertionError("it never ends")


def days(acme):
    with org_scope(acme.pk):
        rows = DailyRollup.objects.order_by("bucket_date", "feature").values_list("bucket_date", "feature", "calls")
        return list(rows)


# --- Before the first call ---


def test_before_the_first_call_an_admin_moves_it(admin, acme, scope):
    answer = admin.post(URL, {"time_zone": "Europe/Berlin"})

    assert answer.url == "/o/acme/settings/"
    with scope(acme):
        assert selectors.time_zone(organization=acme) == ZoneInfo("Europe/Berlin")
        entry = AuditEntry.objects.get(action="organization.time_zone_changed")
        assert entry.facts == {"before": "UTC", "after": "Europe/Berlin"}
        assert not ZoneChange.objects.exists()


def test_another_organizations_calls_make_us_no_work(outsider, globex, counted, scope):
    outsider.post("/o/globex/settings/time-zone/", {"time_zone": "Asia/Tokyo"})

    with scope(globex):
        assert selectors.time_zone(organization=globex) == ZoneInfo("Asia/Tokyo")
        assert not ZoneChange.objects.exists()


def test_a_zone_that_is_not_on_the_list_is_refused(admin, acme, scope):
    answer = admin.post(URL, {"time_zone": "Mars/Olympus"})

    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "Select a valid choice." in answer.text
    with scope(acme):
        assert selectors.time_zone(organization=acme) == ZoneInfo("UTC")


@pytest.mark.parametrize(("who", "status"), [("member", 403), ("viewer", 403), ("outsider", 404), ("anonymous", 302)])
def test_others_move_nothing(request, acme, scope, who, status):
    assert request.getfixturevalue(who).post(URL, {"time_zone": "Asia/Tokyo"}).status_code == status
    with scope(acme):
        assert selectors.time_zone(organization=acme) == ZoneInfo("UTC")


# --- With calls ---


def test_with_calls_the_days_are_moved_and_the_page_shows_how_far_it_is(admin, acme, counted, scope):
    answer = admin.post(URL, {"time_zone": "Europe/Berlin"})

    assert answer.url == URL
    page = admin.get(URL).text
    assert "Moving days to Europe/Berlin" in page
    assert "charts by day mix both zones" in page
    assert "<select" not in page
    part = admin.get(URL, headers=HTMX).text
    assert 'hx-trigger="every 2s"' in part
    assert "<html" not in part
    with scope(acme):
        change = ZoneChange.objects.get()
        assert (change.from_zone, change.to_zone, change.progress) == ("UTC", "Europe/Berlin", 0.0)
        assert WorkDue.objects.get(task=time_zone.TASK).object_id == change.pk

    move_all(acme, change, now=timezone.now() + time_zone.SETTLING)

    assert "<select" in admin.get(URL).text
    assert "hx-trigger" not in admin.get(URL, headers=HTMX).text


def test_a_second_change_waits_for_the_end_of_the_first(admin, acme, counted, scope):
    admin.post(URL, {"time_zone": "Europe/Berlin"})

    answer = admin.post(URL, {"time_zone": "Asia/Tokyo"})

    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    with scope(acme):
        assert selectors.time_zone(organization=acme) == ZoneInfo("Europe/Berlin")
        assert ZoneChange.objects.count() == 1


def test_the_same_zone_again_is_no_change(acme, counted, scope):
    assert change(acme, "UTC") is None

    with scope(acme):
        assert not ZoneChange.objects.exists()
        assert not AuditEntry.objects.filter(action="organization.time_zone_changed").exists()


def test_every_hour_of_every_day_finds_its_new_day_even_without_calls(acme, counted):
    with org_scope(acme.pk):
        for hour in (20, 21, 22, 23):
            make_rollup(counted, datetime(2025, 3, 1, hour, tzinfo=UTC), feature=f"h{hour}")
            make_rollup(counted, date(2025, 3, 1), feature=f"h{hour}")
        make_rollup(counted, datetime(2026, 7, 14, 23, tzinfo=UTC), feature="summer", calls=5)
        make_rollup(counted, date(2026, 7, 14), feature="summer", calls=5)

    runs = move_all(acme, change(acme, "Europe/Berlin"))

    assert days(acme) == [
        (date(2025, 3, 1), "h20", 1),
        (date(2025, 3, 1), "h21", 1),
        (date(2025, 3, 1), "h22", 1),
        (date(2025, 3, 2), "h23", 1),  # 00:00 in winter
        (date(2026, 7, 15), "summer", 5),
    ]
    assert runs > 40  # ten days a run


def test_moving_there_and_back_again_changes_nothing(acme, counted):
    with org_scope(acme.pk):
        for hour in range(0, 96, 5):
            at = datetime(2026, 3, 27, tzinfo=UTC) + timedelta(hours=hour)
            make_rollup(counted, at, calls=hour + 1, feature=f"f{hour % 3}")
    move_all(acme, change(acme, "America/New_York"))
    move_all(acme, change(acme, "UTC"))
    before = days(acme)
    assert sum(calls for *_, calls in before) == sum(hour + 1 for hour in range(0, 96, 5))

    move_all(acme, change(acme, "Asia/Tokyo"))
    move_all(acme, change(acme, "UTC"))

    assert days(acme) == before


def test_moved_days_are_what_a_rebuild_from_calls_finds(acme, acme_project):
    now = timezone.now()
    start = (now - timedelta(days=4)).replace(hour=0, minute=30, second=0, microsecond=0)
    hashed = {"prompt_hash": "a" * 64}
    calls = [{"started_at": start + timedelta(hours=hour)} for hour in range(0, 72, 3)]
    record_calls(acme_project, [call | {"received_at": call["started_at"]} | hashed for call in calls])

    move_all(acme, change(acme, "Asia/Tokyo", now=now), now=now + time_zone.SETTLING)

    period = {"first_date": start.date() - timedelta(days=1), "end_date": now.date() + timedelta(days=2)}
    assert [found for _, found in differences(organization=acme, now=now, **period)] == [[]] * 7
    assert sum(calls for *_, calls in days(acme)) == 24
    with org_scope(acme.pk):
        for model in (SizeRollup, PromptRollup):
            assert list(model.objects.order_by("bucket_date").values_list("calls", flat=True)) == [5, 8, 8, 3]


def test_the_tables_of_the_rules_keep_their_dates_where_calls_are_gone(acme, counted):
    gone = {"organization_id": acme.pk, "project_id": counted.pk, "bucket_date": date(2025, 3, 1)}
    named = {"provider": "openai", "model_key": "gpt-4o", "feature": "default", "team": "", "size": 50}
    with org_scope(acme.pk):
        SizeRollup.objects.create(**gone, **named, calls=3, unpriced_calls=0, cost_usd=1)
        make_rollup(counted, date(2025, 3, 1), calls=3)
        make_rollup(counted, datetime(2025, 3, 1, 23, tzinfo=UTC), calls=3)

    move_all(acme, change(acme, "Asia/Tokyo"))

    assert days(acme) == [(date(2025, 3, 2), "default", 3)]
    with org_scope(acme.pk):
        assert SizeRollup.objects.get().bucket_date == date(2025, 3, 1)


def test_half_hour_zones_lose_nothing_and_the_page_says_what_is_off(admin, acme, counted):
    with org_scope(acme.pk):
        make_rollup(counted, datetime(2026, 7, 10, 18, tzinfo=UTC), calls=7)  # 23:30 to 00:30 in Kolkata
        make_rollup(counted, datetime(2026, 7, 10, 19, tzinfo=UTC), calls=2)

    moving = change(acme, "Asia/Kolkata")

    assert "belongs to the day it began in" in admin.get(URL).text
    move_all(acme, moving)
    assert days(acme) == [(date(2026, 7, 10), "default", 7), (date(2026, 7, 11), "default", 2)]


@pytest.mark.parametrize(
    ("one", "other", "splits"),
    [("UTC", "Europe/Berlin", False), ("UTC", "Asia/Kolkata", True), ("Asia/Kolkata", "Asia/Colombo", False)],
)
def test_zones_split_each_others_hours(one, other, splits):
    assert time_zone.splits_hours(one, other, now=NOW) is splits
    assert time_zone.splits_hours(other, one, now=NOW) is splits


def test_nothing_moves_before_every_edge_process_has_heard(acme, counted, scope):
    moving = change(acme, "Asia/Tokyo")

    time_zone.move_days(organization_id=acme.pk, change_id=moving.pk, now=SETTLED - timedelta(seconds=1))

    with scope(acme):
        assert ZoneChange.objects.get().next_date == moving.first_date
    assert WorkDue.objects.get(task=time_zone.TASK).due_at == SETTLED


def test_calls_that_come_while_days_move_are_counted_once(acme, acme_project):
    now = timezone.now()
    at = now - timedelta(hours=2)
    record_calls(acme_project, [{"started_at": at}])
    moving = change(acme, "Asia/Tokyo", now=now)
    local = at.astimezone(ZoneInfo("Asia/Tokyo")).date()
    with org_scope(acme.pk):  # as a flush in the new zone does: both tables at once
        make_rollup(acme_project, at.replace(minute=0, second=0, microsecond=0), feature="new")
        DailyRollup.objects.filter(feature="new").delete()
        make_rollup(acme_project, local, feature="new")

    move_all(acme, moving, now=now + time_zone.SETTLING)

    assert days(acme) == [(local, "default", 1), (local, "new", 1)]


def test_the_task_may_run_once_too_often_and_for_what_is_not_there(acme, counted):
    moving = change(acme, "Asia/Tokyo")
    move_all(acme, moving)
    tasks.move_days(organization_id=acme.pk, object_id=moving.pk)
    assert not WorkDue.objects.filter(task=time_zone.TASK).exists()

    tasks.move_days(organization_id=acme.pk, object_id=10**9)

    assert not WorkDue.objects.filter(task=time_zone.TASK).exists()


def test_the_days_of_others_stay_where_they_are(acme, globex, counted, scope):
    with scope(globex):
        theirs = globex_project(globex)
        make_rollup(theirs, datetime(2026, 7, 10, 23, tzinfo=UTC))
        make_rollup(theirs, date(2026, 7, 10))

    move_all(acme, change(acme, "Asia/Tokyo"))

    assert days(globex) == [(date(2026, 7, 10), "default", 1)]


def globex_project(globex):
    from tenants.models import Project

    return Project.objects.get(organization=globex)


def test_a_running_change_cannot_be_bypassed_by_the_service(acme, counted):
    change(acme, "Asia/Tokyo")

    with pytest.raises(ValidationError, match="still being moved"):
        change(acme, "Europe/Berlin")


def test_hours_themselves_are_not_touched(acme, counted):
    with org_scope(acme.pk):
        make_rollup(counted, datetime(2026, 7, 10, 23, tzinfo=UTC), calls=3)
        before = list(HourlyRollup.objects.values())

    move_all(acme, change(acme, "Asia/Tokyo"))

    with org_scope(acme.pk):
        assert list(HourlyRollup.objects.values()) == before


def test_a_rebuild_after_the_change_agrees(acme, acme_project):
    now = timezone.now()
    record_calls(acme_project, [{"started_at": now - timedelta(days=2, hours=hour)} for hour in range(20)])
    move_all(acme, change(acme, "America/Los_Angeles", now=now), now=now + time_zone.SETTLING)
    before = days(acme)

    rebuild_rollups(
        organization=acme, first_date=(now - timedelta(days=5)).date(), end_date=now.date() + timedelta(days=1)
    )

    assert days(acme) == before
