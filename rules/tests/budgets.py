"""Budgets and their spend for tests. Sums are written as rollups, so that days need no partition of calls."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from core.scope import org_scope
from dashboards.tests.factories import make_rollup
from rules import budget_services
from rules.budget_terms import Wanted
from rules.models import Budget
from tenants.models import Organization, Project

# Tuesday, 14 July 2026, twenty past ten in UTC: 13.4 days of 31 are over.
NOW: Final = datetime(2026, 7, 14, 10, 20, tzinfo=UTC)
HOUR: Final = timedelta(hours=1)


def make_budget(organization: Organization, **wanted: Any) -> Budget:
    """A monthly budget of 100 USD of the whole organization, unless said otherwise."""
    given = {"name": "All", "scope": "organization", "period": "month", "limit": "100"} | wanted
    return budget_services.create_budget(organization=organization, actor=None, wanted=Wanted(**given), now=NOW)


def spend(project: Project, *, at: datetime = NOW - 2 * HOUR, usd: str = "1", **columns: Any) -> None:
    """Both rollups of one call that cost ``usd``, in UTC; ``columns`` are of rollups."""
    given = {"cost_usd": Decimal(usd)}
    with org_scope(project.organization_id):
        make_rollup(project, at.date(), **given, **columns)
        make_rollup(project, at.replace(minute=0, second=0, microsecond=0), **given, **columns)
