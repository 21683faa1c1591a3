"""What pages, the API and the rules read of samples."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from core.scope import ScopeError, org_scope
from ingestion import cloud_samples
from ingestion.tests.factories import make_sample, make_samples
from tenants import services
from tenants.models import User

SINCE = datetime(2026, 7, 1, tzinfo=UTC)
UNTIL = SINCE + timedelta(days=7)


@pytest.fixture
def other_project(acme):
    return services.create_project(organization=acme, actor=User.objects.get(email="owner@acme.test"), name="Mobile")


def usage(organization, *projects, **filters):
    return cloud_samples.usage_by_resource(
        organization=organization,
        project_ids=[project.pk for project in projects],
        since=SINCE,
        until=UNTIL,
        filters=filters or None,
    )


def test_everything_the_memory_rule_asks_is_told_per_resource(acme, acme_project, scope):
    make_samples(
        acme_project,
        [
            {"sampled_at": SINCE, "allocated_mb": 1000, "used_mb": 399, "cost_usd": Decimal("0.1"), "kind": "old"},
            {"sampled_at": SINCE + timedelta(days=3), "allocated_mb": 2000, "used_mb": 500, "cost_usd": None},
            {
                "sampled_at": UNTIL - timedelta(microseconds=1),
                "allocated_mb": 1500,
                "used_mb": 1,
                "cost_usd": Decimal("0.000000000000000001"),
                "invocations": None,
                "team": "last",
            },
        ],
    )

    with scope(acme):
        (found,) = usage(acme, acme_project)

    assert found == cloud_samples.ResourceUsage(
        project_id=acme_project.pk,
        resource="thumbnailer",
        kind="function",
        team="last",
        samples=3,
        last_sampled_at=UNTIL - timedelta(microseconds=1),
        allocated_mb=Decimal(1500),
        max_allocated_mb=Decimal(2000),
        peak_used_mb=Decimal(500),
        mean_used_mb=Decimal(300),
        peak_share=Decimal("0.399"),
        samples_over_allocated=0,
        invocations=20,
        duration_ms=4500.0,
        cost_usd=Decimal("0.100000000000000001"),
        samples_without_cost=1,
    )


def test_the_period_is_half_open(acme, acme_project, scope):
    make_samples(acme_project, [{"sampled_at": moment} for moment in (SINCE - timedelta(microseconds=1), SINCE, UNTIL)])

    with scope(acme):
        assert [one.samples for one in usage(acme, acme_project)] == [1]


def test_exactly_forty_percent_is_exactly_forty_percent(acme, acme_project, scope):
    make_sample(acme_project, sampled_at=SINCE, allocated_mb=3072, used_mb=Decimal("1228.8"))

    with scope(acme):
        assert usage(acme, acme_project)[0].peak_share == Decimal("0.4")


def test_unknown_costs_and_counts_stay_unknown(acme, acme_project, scope):
    make_sample(acme_project, sampled_at=SINCE, cost_usd=None, invocations=None, duration_ms=None)

    with scope(acme):
        (found,) = usage(acme, acme_project)

    assert (found.cost_usd, found.invocations, found.duration_ms, found.samples_without_cost) == (None, None, None, 1)


def test_more_than_allocated_is_counted(acme, acme_project, scope):
    make_samples(acme_project, [{"sampled_at": SINCE, "used_mb": used} for used in (1023, 1024, 1025)])

    with scope(acme):
        (found,) = usage(acme, acme_project)

    assert found.samples_over_allocated == 1
    assert found.peak_share > 1


def test_equal_names_of_two_projects_are_two_resources_the_dearest_first(acme, acme_project, other_project, scope):
    make_sample(acme_project, sampled_at=SINCE, cost_usd=Decimal(1))
    make_sample(other_project, sampled_at=SINCE, cost_usd=Decimal(2))
    make_sample(acme_project, sampled_at=SINCE, cost_usd=None, resource="unknown")

    with scope(acme):
        found = [(one.project_id, one.resource) for one in usage(acme, acme_project, other_project)]

    assert found == [
        (other_project.pk, "thumbnailer"),
        (acme_project.pk, "thumbnailer"),
        (acme_project.pk, "unknown"),
    ]


@pytest.mark.parametrize(
    ("filters", "resources"),
    [
        ({"resource": ["a"]}, ["a"]),
        ({"resource": ["a", "b"]}, ["a", "b"]),
        ({"kind": ["worker"]}, ["b"]),
        ({"team": ["red"], "environment": ["staging"]}, ["c"]),
        ({"team": ["nobody"]}, []),
    ],
)
def test_filters_narrow_samples_and_sums_alike(acme, acme_project, scope, filters, resources):
    make_samples(
        acme_project,
        [
            {"sampled_at": SINCE, "resource": "a", "cost_usd": 3},
            {"sampled_at": SINCE, "resource": "b", "kind": "worker", "cost_usd": 2},
            {"sampled_at": SINCE, "resource": "c", "team": "red", "environment": "staging", "cost_usd": 1},
        ],
    )

    with scope(acme):
        found = cloud_samples.samples(
            organization=acme,
            project_ids=[acme_project.pk],
            since=SINCE,
            until=UNTIL,
            filters=filters,
            before=None,
            limit=9,
        )
        assert [one.resource for one in usage(acme, acme_project, **filters)] == resources
    assert sorted(sample.resource for sample in found) == resources


def test_an_unknown_filter_is_a_mistake_of_the_caller(acme, acme_project, scope):
    with scope(acme), pytest.raises(ValueError, match="cannot be filtered by colour"):
        usage(acme, acme_project, colour=["red"])


def test_pages_go_on_where_the_last_one_ended_even_at_one_moment(acme, acme_project, other_project, scope):
    same = [{"sampled_at": SINCE, "sample_id": name} for name in ("a", "b", "c")]
    make_samples(acme_project, [*same, {"sampled_at": SINCE + timedelta(hours=1), "sample_id": "z"}])
    make_samples(other_project, same)
    seen, before = [], None

    with scope(acme):
        for _ in range(5):
            page = cloud_samples.samples(
                organization=acme,
                project_ids=[acme_project.pk, other_project.pk],
                since=SINCE,
                until=UNTIL,
                filters={},
                before=before,
                limit=2,
            )
            seen += [(sample.sample_id, sample.project_id) for sample in page]
            before = cloud_samples.position(page[-1]) if page else before

    later, earlier = other_project.pk, acme_project.pk
    assert seen == [("z", earlier)] + [(name, project) for name in "cba" for project in (later, earlier)]


def test_time_is_told_by_local_hour_or_day(acme, acme_project, scope):
    start = datetime(2026, 7, 1, 21, 30, tzinfo=UTC)  # 23:30 in Berlin
    make_samples(
        acme_project,
        [
            {"sampled_at": start, "used_mb": 100},
            {"sampled_at": start + timedelta(minutes=20), "used_mb": 300},
            {"sampled_at": start + timedelta(hours=1), "used_mb": 50, "allocated_mb": 2048},
            {"sampled_at": start, "resource": "another"},
        ],
    )
    asked = {
        "project": acme_project,
        "resource": "thumbnailer",
        "since": SINCE,
        "until": UNTIL,
        "zone": "Europe/Berlin",
    }

    with scope(acme):
        days = cloud_samples.usage_over_time(**asked, bucket="day")
        hours = cloud_samples.usage_over_time(**asked, bucket="hour")

    facts = [(one.samples, one.allocated_mb, one.peak_used_mb, one.mean_used_mb) for one in days]
    assert [str(one.bucket) for one in days] == ["2026-07-01", "2026-07-02"]
    assert facts == [(2, 1024, 300, 200), (1, 2048, 50, 50)]
    assert [datetime.fromtimestamp(one.bucket, UTC).hour for one in hours] == [21, 22]


def test_whether_there_are_samples_at_all(acme, acme_project, other_project, scope):
    with scope(acme):
        before = cloud_samples.has_samples(organization=acme, project=None)
    make_sample(acme_project)

    with scope(acme):
        found = [
            cloud_samples.has_samples(organization=acme, project=None),
            cloud_samples.has_samples(organization=acme, project=acme_project),
            cloud_samples.has_samples(organization=acme, project=other_project),
            cloud_samples.has_samples(organization=acme, project=acme_project, resource="thumbnailer"),
            cloud_samples.has_samples(organization=acme, project=acme_project, resource="other"),
        ]
    assert (before, found) == (False, [True, True, False, True, False])


def test_another_organization_sees_nothing_and_without_a_scope_nobody_does(acme, acme_project, globex):
    make_sample(acme_project, sampled_at=SINCE)

    with org_scope(globex.pk):
        assert usage(globex, acme_project) == []
        assert usage(acme, acme_project) == []  # row-level security, whatever is asked
    with pytest.raises(ScopeError):
        cloud_samples.has_samples(organization=acme, project=None)
