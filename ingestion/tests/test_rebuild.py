"""``rebuild_rollups`` proves that sums equal calls, repairs them, and leaves alone what calls no longer know."""

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.utils import timezone

from core.scope import org_scope
from dashboards.tests.factories import make_rollup, record_calls
from ingestion import rebuild
from ingestion.models import DailyRollup, HourlyRollup
from tenants import services
from tenants.models import Project, User

NOW = timezone.now()
TODAY = NOW.date()
ONE = timedelta(days=1)


@pytest.fixture
def counted(acme_project):
    """Calls of yesterday and the day before, at noon, with their sums."""
    noon = NOW.replace(hour=12, minute=0, second=0, microsecond=0)
    record_calls(
        acme_project, [{"started_at": noon - day * ONE, "call_id": f"{day}-{n}"} for day in (1, 2) for n in "ab"]
    )
    return acme_project


def check(organization, first=-3, end=1):
    period = {"first_date": TODAY + first * ONE, "end_date": TODAY + end * ONE}
    found = rebuild.differences(organization=organization, now=NOW, **period)
    return {day: [(d.table, d.missing, d.unexpected, d.different) for d in differences] for day, differences in found}


def run(organization, *options, first=-3, end=1):
    out = StringIO()
    period = {"from": (TODAY + first * ONE).isoformat(), "to": (TODAY + end * ONE).isoformat()}
    arguments = ["--organization", organization, *(f"--{name}={value}" for name, value in period.items()), *options]
    try:
        call_command("rebuild_rollups", *arguments, stdout=out)
    except CommandError as error:
        return f"{out.getvalue()}! {error}"
    return out.getvalue()


def test_equal_sums_are_proved_equal(counted):
    assert check(counted.organization) == {TODAY + n * ONE: [] for n in range(-3, 1)}
    assert run("acme", "--check") == "4 days are equal.\n"


def test_what_is_missing_unexpected_or_different_is_reported_and_not_repaired(counted):
    with org_scope(counted.organization_id):
        HourlyRollup.objects.filter(bucket_start__date=TODAY - 2 * ONE).delete()
        DailyRollup.objects.filter(bucket_date=TODAY - ONE).update(cost_usd=1)
        make_rollup(counted, TODAY, feature="nobody-called-it")

    expected = {
        TODAY - 3 * ONE: [],
        TODAY - 2 * ONE: [("call_rollups_hourly", 1, 0, 0)],
        TODAY - ONE: [("call_rollups_daily", 0, 0, 1)],
        TODAY: [("call_rollups_daily", 0, 1, 0)],
    }
    assert check(counted.organization) == expected
    output = run("acme", "--check")

    assert f"{TODAY - ONE} call_rollups_daily: 0 missing, 0 unexpected, 1 different" in output
    assert output.endswith("! 3 of 4 days differ.")
    assert check(counted.organization) == expected


@pytest.mark.parametrize(
    "change", [{"calls": 3}, {"errors": 1}, {"latency_sum_ms": 500.001}, {"latency_histogram": 1}, {"input_tokens": 0}]
)
def test_one_number_that_differs_is_seen(counted, change):
    with org_scope(counted.organization_id):
        HourlyRollup.objects.filter(bucket_start__date=TODAY - ONE).update(**change)

    assert check(counted.organization, first=-1, end=0) == {TODAY - ONE: [("call_rollups_hourly", 0, 0, 1)]}


def test_the_order_in_which_milliseconds_were_added_is_no_difference(counted):
    with org_scope(counted.organization_id):
        HourlyRollup.objects.update(latency_sum_ms=500.0000000001)

    assert run("acme", "--check") == "4 days are equal.\n"


def test_a_rebuild_repairs_what_the_check_found(counted):
    with org_scope(counted.organization_id):
        HourlyRollup.objects.update(calls=9)
        DailyRollup.objects.all().delete()

    assert run("acme") == "4 days rebuilt from 4 calls.\n"

    assert run("acme", "--check") == "4 days are equal.\n"


def test_days_whose_calls_are_not_all_kept_are_left_alone(counted):
    acme = counted.organization
    with org_scope(acme.pk):
        Project.objects.update(retention_days=7)
        make_rollup(counted, TODAY - 7 * ONE, calls=50)
        make_rollup(counted, TODAY - 100 * ONE, calls=60)
        before = list(DailyRollup.objects.order_by("bucket_date").values_list("bucket_date", "calls"))

    rebuild.rebuild_rollups(organization=acme, first_date=TODAY - 101 * ONE, end_date=TODAY, now=NOW)

    with org_scope(acme.pk):
        assert list(DailyRollup.objects.order_by("bucket_date").values_list("bucket_date", "calls")) == before
    assert all(found == [] for found in check(acme, first=-101).values())


def test_days_of_an_earlier_shorter_retention_are_left_alone(counted):
    with org_scope(counted.organization_id):
        Project.objects.update(retention_days=365, calls_since=NOW - 5 * ONE)
        make_rollup(counted, TODAY - 6 * ONE, calls=50)

    rebuild.rebuild_rollups(organization=counted.organization, first_date=TODAY - 10 * ONE, end_date=TODAY, now=NOW)

    with org_scope(counted.organization_id):
        assert DailyRollup.objects.get(bucket_date=TODAY - 6 * ONE).calls == 50


def test_a_project_that_keeps_less_does_not_keep_another_from_being_rebuilt(counted):
    acme = counted.organization
    shop = services.create_project(organization=acme, actor=User.objects.get(email="owner@acme.test"), name="Shop")
    with org_scope(acme.pk):
        Project.objects.filter(pk=shop.pk).update(retention_days=7)
        for project in (counted, shop):
            make_rollup(project, TODAY - 20 * ONE)

    rebuild.rebuild_rollups(organization=acme, first_date=TODAY - 20 * ONE, end_date=TODAY - 19 * ONE, now=NOW)

    with org_scope(acme.pk):
        assert [row.project_id for row in DailyRollup.objects.filter(bucket_date=TODAY - 20 * ONE)] == [shop.pk]


def test_the_sums_of_others_are_not_read(counted, globex):
    with org_scope(globex.pk):
        make_rollup(Project.objects.get(), TODAY)

    assert run("acme", "--check") == "4 days are equal.\n"
    assert run("globex", "--check").endswith("! 1 of 4 days differ.")


def test_an_organization_that_is_not_there_is_said(db):
    assert run("nobody") == "! There is no organization with this slug."


def test_a_period_without_days_is_said(acme):
    assert run("acme", first=0, end=0) == "! --to must be after --from."


def test_a_day_that_is_none_is_said(acme):
    with pytest.raises(CommandError, match="write a day as YYYY-MM-DD"):
        call_command("rebuild_rollups", "--organization=acme", "--from=yesterday", "--to=2026-01-01")
