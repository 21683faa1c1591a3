"""What calls of the log add up to: each counted once, unknown costs unknown."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from core.scope import org_scope
from ingestion import call_log
from ingestion.tests.factories import make_calls

NOW = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=2)


def sums(acme, project, **filters):
    with org_scope(acme.pk):
        return call_log.sums(
            organization=acme,
            project_ids=[project.pk],
            since=NOW,
            until=NOW + timedelta(hours=1),
            filters={name: [value] for name, value in filters.items()},
        )


def test_calls_of_the_period_are_added_up(acme, acme_project):
    row = {"started_at": NOW, "input_tokens": 10, "output_tokens": 5, "cost_usd": Decimal("0.25")}
    make_calls(
        acme_project,
        [
            row,
            row | {"status": "error"},
            row | {"usage_estimated": True},
            row | {"started_at": NOW + timedelta(hours=1)},
        ],
    )

    found = sums(acme, acme_project)
    counted = sums(acme, acme_project, counted="true")

    assert (found.calls, found.errors, found.tokens, found.cost_usd) == (3, 1, 45, Decimal("0.75"))
    assert (counted.calls, counted.cost_usd) == (2, Decimal("0.50"))


def test_without_one_price_the_cost_is_unknown_and_not_zero(acme, acme_project):
    make_calls(acme_project, [{"started_at": NOW, "cost_usd": None, "cost_source": "none"}])

    found = sums(acme, acme_project, cost_source="none")

    assert (found.calls, found.unpriced_calls, found.cost_usd) == (1, 1, None)


def test_an_unknown_filter_is_refused(acme, acme_project):
    with pytest.raises(ValueError, match="cannot be filtered by colour"):
        sums(acme, acme_project, colour="red")
