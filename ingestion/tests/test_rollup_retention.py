"""Sums are kept 25 months, and not a day of a month that is kept is lost."""

from datetime import UTC, date, datetime

import pytest

from core.scope import org_scope
from dashboards.tests.factories import make_rollup
from ingestion import rollup_retention
from ingestion.models import DailyRollup, HourlyRollup
from tenants.models import Project

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
    assert deleted == 8
    assert left(acme_project.organization) == left(globex) == (kept, kept)
    assert rollup_retention.delete_old_rollups(now=NOW) == 0


def test_a_run_deletes_so_much_and_the_next_goes_on(acme_project, monkeypatch):
    with org_scope(acme_project.organization_id):
        fill(acme_project)
    monkeypatch.setattr(rollup_retention, "_AT_ONCE", 1)
    monkeypatch.setattr(rollup_retention, "_MOST_BATCHES", 3)

    assert [rollup_retention.delete_old_rollups(now=NOW) for _ in range(3)] == [3, 1, 0]
