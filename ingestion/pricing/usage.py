"""Which models an organization uses, from its daily rollups."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

import msgspec
from django.db.models import Sum

from ingestion.models import DailyRollup
from ingestion.pricing.calculator import EXACT
from ingestion.pricing.providers import catalogue_id
from tenants.models import Organization

DAYS: Final = 30

type ModelId = tuple[str, str]  # the catalogue's provider id and model id


class Used(msgspec.Struct, frozen=True, kw_only=True):
    """Calls of a model in the last thirty days, and the sum of their known costs in USD."""

    calls: int
    cost_usd: Decimal
    unpriced_calls: int = 0

    @property
    def known_cost_usd(self) -> Decimal | None:
        """None while no call has a price: that is not 0."""
        return None if self.unpriced_calls == self.calls else self.cost_usd


def used_models(*, organization: Organization, now: datetime, hidden: Sequence[int] = ()) -> dict[ModelId, Used]:
    """Models by the catalogue's names; what the catalogue does not know goes by the calls' own names.

    Calls of ``hidden`` projects are left out.
    """
    since = (now - timedelta(days=DAYS)).date()
    rows = DailyRollup.objects.filter(organization=organization, bucket_date__gte=since).exclude(project_id__in=hidden)
    found: dict[ModelId, Used] = {}
    sums = rows.values_list("provider", "model_key").annotate(Sum("calls"), Sum("cost_usd"), Sum("unpriced_calls"))
    for provider, model, calls, cost, unpriced in sums.order_by():
        name = catalogue_id(provider) or provider, model
        before = found.get(name, Used(calls=0, cost_usd=Decimal(0)))
        found[name] = Used(
            calls=before.calls + calls,
            cost_usd=EXACT.add(before.cost_usd, cost),
            unpriced_calls=before.unpriced_calls + unpriced,
        )
    return found
