"""The names that telemetry gives as teams and that are no team's yet."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Final

from django.db import connection

from ingestion.store import OTHER
from tenants.models import Organization
from tenants.team_names import folded

SEEN_DAYS: Final = 90

_BY_VALUE: Final = """
    select team, max(bucket_date), sum(calls), sum(unpriced_calls), sum(cost_usd)
    from call_rollups_daily where organization_id = %(organization)s and bucket_date >= %(since)s
      and project_id <> all(%(hidden)s)
    group by team"""


@dataclass(frozen=True, slots=True)
class Spend:
    """Calls and what is known of their cost."""

    calls: int = 0
    unpriced_calls: int = 0
    known_usd: Decimal = Decimal(0)

    @property
    def cost_usd(self) -> Decimal | None:
        """None when there are calls and none has a cost."""
        return None if self.calls and self.calls == self.unpriced_calls else self.known_usd


@dataclass(frozen=True, slots=True)
class Value:
    """What calls say is their team; ``lately`` is since ``SEEN_DAYS`` ago."""

    value: str
    last_day: date
    lately: Spend


def values(*, organization: Organization, today: date, hidden: Sequence[int] = ()) -> list[Value]:
    """Every value of the last ``SEEN_DAYS`` days, '' included; what was spent most on first.

    Calls of ``hidden`` projects are left out.
    """
    asked: dict[str, Any] = {
        "organization": organization.pk,
        "since": today - timedelta(days=SEEN_DAYS - 1),
        "hidden": list(hidden),
    }
    with connection.cursor() as cursor:
        cursor.execute(_BY_VALUE, asked)
        found = [Value(row[0], row[1], _spend(row[2:])) for row in cursor.fetchall()]
    return sorted(found, key=lambda one: (-one.lately.known_usd, -one.lately.calls, one.value))


def _spend(sums: Iterable[Decimal]) -> Spend:
    calls, unpriced, cost = sums
    return Spend(int(calls), int(unpriced), cost)


def strangers(found: Iterable[Value], slugs: Mapping[str, str]) -> list[Value]:
    """The values that are no team's."""
    return [one for one in found if one.value not in ("", OTHER) and folded(one.value) not in slugs]
