"""Where the cost a client reported is not the one we computed."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import msgspec
from django.db import connection

from ingestion.pricing.calculator import EXACT
from tenants.models import Organization

PERIODS: Final = (1, 7, 30)
DEFAULT_DAYS: Final = 7
TOLERANCE: Final = Decimal("0.01")
MOST_ROWS: Final = 100
_DIVISION: Final = Decimal("0.0001")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

# One index holds the calls that report a cost (migration price_overrides).
_QUERY: Final = """
    with sums as (
        select c.provider, c.model_key, c.feature, count(*) as calls,
               sum(c.reported_cost_usd) as reported_usd, sum(c.cost_usd) as computed_usd,
               (array_agg(p.slug || chr(10) || c.call_id order by abs(c.reported_cost_usd - c.cost_usd) desc))[1]
                   as sample,
               (array_agg(c.started_at order by abs(c.reported_cost_usd - c.cost_usd) desc))[1] as sample_at
        from calls c join projects p on p.id = c.project_id
        where c.organization_id = %(organization)s and p.organization_id = %(organization)s
          and c.project_id <> all(%(hidden)s) and c.started_at >= %(since)s and c.reported_cost_usd is not null
          and c.cost_source in ('rate_card', 'override')
        group by c.provider, c.model_key, c.feature
    )
    select * from sums
    where abs(reported_usd - computed_usd) > %(tolerance)s * greatest(abs(reported_usd), abs(computed_usd))
    order by abs(reported_usd - computed_usd) desc, provider, model_key, feature
    limit %(most)s"""


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """Calls of one model and feature; ``sample`` is the call that differs most (project's slug, id)."""

    provider: str
    model: str
    feature: str
    calls: int
    reported_usd: Decimal
    computed_usd: Decimal
    sample_project: str
    sample_call: str
    sample_at: datetime

    @property
    def difference_usd(self) -> Decimal:
        return EXACT.subtract(self.reported_usd, self.computed_usd)

    @property
    def sample_micros(self) -> int:
        """The start of the sample as the address of a call's page has it: microseconds since 1970."""
        return (self.sample_at - _EPOCH) // timedelta(microseconds=1)

    @property
    def share(self) -> Decimal | None:
        """The difference as a part of what we computed; None when that is nothing."""
        if not self.computed_usd:
            return None
        return (self.difference_usd / self.computed_usd).quantize(_DIVISION)


def differences(
    *, organization: Organization, days: int, now: datetime, hidden: Sequence[int] = ()
) -> list[Difference]:
    """Models and features whose sums differ by more than one per cent, the largest difference first.

    Calls of ``hidden`` projects are left out.

    :raises OperationalError: there are too many such calls to be summed in time.
    """
    parameters: dict[str, Any] = {
        "organization": organization.pk,
        "since": now - timedelta(days=days),
        "tolerance": TOLERANCE,
        "most": MOST_ROWS,
        "hidden": list(hidden),
    }
    with connection.cursor() as cursor:
        cursor.execute(_QUERY, parameters)
        names = [column.name for column in cursor.description]
        return [_difference(dict(zip(names, row, strict=True))) for row in cursor.fetchall()]


def _difference(row: dict[str, Any]) -> Difference:
    project, _, call_id = row["sample"].partition("\n")
    same = ("provider", "feature", "calls", "reported_usd", "computed_usd", "sample_at")
    return Difference(
        **{name: row[name] for name in same}, model=row["model_key"], sample_project=project, sample_call=call_id
    )
