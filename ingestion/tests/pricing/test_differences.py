"""Reported against computed costs."""

from decimal import Decimal

import pytest

from core.scope import org_scope
from ingestion.pricing import differences
from ingestion.tests.pricing.scene import hours_ago, record, unpriced
from tenants.models import Project


def found(organization, days=7):
    with org_scope(organization.pk):
        return differences.differences(organization=organization, days=days, now=hours_ago(0))


def reported(amount, **columns):
    return {"reported_cost_usd": Decimal(amount)} | columns


def test_sums_that_differ_are_listed_with_the_call_that_differs_most(acme, acme_project):
    at = hours_ago(3)
    record(
        acme_project,
        reported("0.0100"),
        reported("0.0200", call_id="odd one", started_at=at),
        reported("0.0075", model_key="gpt-4o-mini"),
    )

    (one,) = found(acme)

    assert (one.provider, one.model, one.feature, one.calls) == ("openai", "gpt-4o", "default", 2)
    assert (one.reported_usd, one.computed_usd, one.difference_usd) == (
        Decimal("0.0300"),
        Decimal("0.0150"),
        Decimal("0.0150"),
    )
    assert one.share == 1
    assert (one.sample_project, one.sample_call, one.sample_at) == ("web", "odd one", at)
    assert one.sample_micros == int(at.timestamp() * 1_000_000)


@pytest.mark.parametrize(("amount", "is_listed"), [("0.007574", False), ("0.00758", True), ("0.0074", True)])
def test_one_per_cent_is_close_enough(acme, acme_project, amount, is_listed):
    record(acme_project, reported(amount))

    assert bool(found(acme)) is is_listed


def test_a_reported_cost_of_a_free_model_has_no_share(acme, acme_project):
    record(acme_project, reported("0.5", cost_usd=Decimal(0)))

    (one,) = found(acme)

    assert (one.difference_usd, one.share) == (Decimal("0.5"), None)


def test_less_reported_than_computed_is_a_negative_difference(acme, acme_project):
    record(acme_project, reported("0.0025"))

    (one,) = found(acme)

    assert (one.difference_usd, one.share) == (Decimal("-0.0050"), Decimal("-0.6667"))


def test_features_are_kept_apart_and_the_largest_difference_comes_first(acme, acme_project):
    record(acme_project, reported("0.01", feature="small"), reported("0.1", feature="large"))

    assert [one.feature for one in found(acme)] == ["large", "small"]


def test_calls_that_are_unpriced_report_nothing_or_are_too_old_do_not_count(acme, acme_project):
    record(
        acme_project,
        {},
        unpriced(cost_source="reported", cost_usd=Decimal(1), reported_cost_usd=Decimal(1)),
        reported("1", started_at=hours_ago(24 * 8)),
    )

    assert found(acme) == []
    assert len(found(acme, days=30)) == 1


def test_other_organizations_calls_do_not_count(acme, globex, scope):
    with scope(globex):
        project = Project.objects.get()
    record(project, reported("1"))

    assert found(acme) == []
    assert len(found(globex)) == 1


def test_an_id_with_a_line_break_is_kept_whole(acme, acme_project):
    record(acme_project, reported("1", call_id="a\nb"))

    (one,) = found(acme)

    assert (one.sample_project, one.sample_call) == ("web", "a\nb")
