"""Sums are kept 25 months, and not a day of a month that is kept is lost."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from core.scope import org_scope
from dashboards.tests.factories import make_rollup
from ingestion import daily_tables, rollup_retention
from ingestion.models import DailyRollup, HourlyRollup, PromptRollup, SizeRollup
from tenants.models import OrganizationSettings, Project

NOW = datetime(2026, 7, 15, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "first"),
    [
        (datetime(2026, 7, 31, 23, tzinfo=UTC), date(2024, 6, 1)),
        (datetime(2026, 1, 1, tzinfo=UTC), date(2023, 12, 1)),
        (datetime(2026, 2, 28, tzinfo=UTC), date(2024, 1, 1)),
        (datetime(2028, 12, 31, tzinfo=UTC), date(2026, 11, 1)),
    ],
)
def test_months_are_kept_whole(now, first):
    assert rollup_retention.first_kept_date(now=now) == first


def fill(project):
    for month, day in ((5, 30), (5, 31), (6, 1), (6, 2)):
        make_rollup(project, date(2024, month, day))
        make_rollup(project, datetime(2024, month, day, 23, tzinfo=UTC))


def left(organization):
    with org_scope(organization.pk):
        return (
            list(DailyRollup.objects.order_by("bucket_date").values_list("bucket_date", flat=True)),
            [
                hour.date()
                for hour in HourlyRollup.objects.order_by("bucket_start").values_list("bucket_start", flat=True)
            ],
        )


def test_older_sums_of_every_organization_go(acme_project, globex):
    with org_scope(acme_project.organization_id):
        fill(acme_project)
    with org_scope(globex.pk):
        fill(Project.objects.get())

    deleted = rollup_retention.delete_old_rollups(now=NOW)

    kept = [date(2024, 6, 1), date(2024, 6, 2)]
    assert deleted == 16  # and what is known of two days and two hours of each: whether they are condensed
    assert left(acme_project.organization) == left(globex) == (kept, kept)
    assert rollup_retention.delete_old_rollups(now=NOW) == 0


def test_a_run_deletes_so_much_and_the_next_goes_on(acme_project, monkeypatch):
    with org_scope(acme_project.organization_id):
        fill(acme_project)
    monkeypatch.setattr(rollup_retention, "_AT_ONCE", 1)
    monkeypatch.setattr(rollup_retention, "_MOST_BATCHES", 3)

    runs = [rollup_retention.delete_old_rollups(now=NOW) for _ in range(4)]

    assert runs == [3, 3, 2, 0]  # four of them are what is known of a day or an hour


def sized(project, day):
    SizeRollup.objects.create(**of_rules(project, day), size=50)


def prompted(project, day, calls=1, value="a"):
    sums = {"input_tokens": 10 * calls, "cached_input_tokens": 0}
    named = {"hash": value * 64, "kind": "full", "source": "sdk"}
    PromptRollup.objects.create(**of_rules(project, day) | {"calls": calls} | named | sums)


def of_rules(project, day):
    owner = {"organization_id": project.organization_id, "project_id": project.pk, "bucket_date": day}
    named = {"provider": "openai", "model_key": "gpt-4o", "feature": "default", "team": ""}
    return owner | named | {"calls": 1, "unpriced_calls": 0, "cost_usd": 0}


def test_the_tables_of_the_rules_are_kept_as_long(acme_project):
    with org_scope(acme_project.organization_id):
        for day in (date(2024, 5, 31), date(2024, 6, 1)):
            sized(acme_project, day)
            prompted(acme_project, day, calls=2)

    assert rollup_retention.delete_old_rollups(now=NOW) == 2

    with org_scope(acme_project.organization_id):
        for model in (SizeRollup, PromptRollup):
            assert [row.bucket_date for row in model.objects.all()] == [date(2024, 6, 1)]


@pytest.mark.parametrize(
    ("zone", "now", "first_kept"),
    [
        ("UTC", datetime(2026, 7, 15, 0, 59, tzinfo=UTC), date(2026, 7, 12)),
        ("UTC", datetime(2026, 7, 15, 1, tzinfo=UTC), date(2026, 7, 13)),
        ("Asia/Tokyo", datetime(2026, 7, 14, 15, 59, tzinfo=UTC), date(2026, 7, 12)),
        ("Asia/Tokyo", datetime(2026, 7, 14, 16, tzinfo=UTC), date(2026, 7, 13)),
    ],
)
def test_a_prompt_that_came_once_goes_when_no_call_of_its_day_can_come(acme_project, zone, now, first_kept):
    acme = acme_project.organization
    with org_scope(acme.pk):
        OrganizationSettings.objects.update(time_zone=zone)
        for n in range(5):
            prompted(acme_project, date(2026, 7, 10) + timedelta(days=n))
            prompted(acme_project, date(2026, 7, 10) + timedelta(days=n), calls=2, value="b")

    deleted = rollup_retention.delete_single_prompts(now=now)

    with org_scope(acme.pk):
        singles = PromptRollup.objects.filter(calls=1).order_by("bucket_date")
        assert singles[0].bucket_date == first_kept
        assert PromptRollup.objects.filter(calls=2).count() == 5
        assert deleted == 5 - singles.count()
    assert rollup_retention.delete_single_prompts(now=now) == 0
    # A rebuild of the same moment keeps and leaves out the same.
    ends = [datetime.combine(first_kept + n * timedelta(days=1), time(), ZoneInfo(zone)) for n in (0, 1)]
    assert ends[0] + daily_tables.SINGLES_KEPT_FOR <= now < ends[1] + daily_tables.SINGLES_KEPT_FOR


def test_days_that_earlier_runs_have_seen_are_not_looked_at_again(acme_project):
    with org_scope(acme_project.organization_id):
        prompted(acme_project, date(2026, 6, 12))
        prompted(acme_project, date(2026, 6, 13))

    assert rollup_retention.delete_single_prompts(now=datetime(2026, 7, 15, 12, tzinfo=UTC)) == 1


def test_single_prompts_of_every_organization_go_in_batches(acme_project, globex, monkeypatch):
    with org_scope(acme_project.organization_id):
        for value in "abc":
            prompted(acme_project, date(2026, 7, 1), value=value)
    with org_scope(globex.pk):
        prompted(Project.objects.get(), date(2026, 7, 1))
    monkeypatch.setattr(rollup_retention, "_AT_ONCE", 1)
    monkeypatch.setattr(rollup_retention, "_MOST_BATCHES", 3)

    assert [rollup_retention.delete_single_prompts(now=NOW) for _ in range(3)] == [3, 1, 0]
