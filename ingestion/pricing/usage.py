"""Which models an organization uses, from its daily rollups."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

import msgspec
from django.db.models import Sum

from ingestion.models import DailyRollup
from ingestion.pricing.providers import catalogue_id
from tenants.models import Organization

DAYS: Final = 30

type ModelId = tuple[str, str]  # the catalogue's provider id and model id


class Used(msgspec.Struct, frozen=True, kw_only=True):
    """Calls of a model in the last thirty days, and the sum of their known costs in USD."""

    calls: int
    cost_usd: Decimal


def used_models(*, organization: Organization, now: datetime) -> dict[ModelId, Used]:
    """Models by the catalogue's names; what the catalogue does not know goes by the calls' own names."""
    since = (now - timedelta(days=DAYS)).date()
    rows = DailyRollup.objects.filter(organization=organization, bucket_date__gte=since)
    found: dict[ModelId, Used] = {}
    for provider, model, calls, cost in (
        rows.values_list("provider", "model_key").annotate(all=Sum("calls"), usd=Sum("cost_usd")).order_by()
    ):
        name = catalogue_id(provider) or provider, model
        before = found.get(name, Used(calls=0, cost_usd=Decimal(0)))
        found[name] = Used(calls=before.calls + calls, cost_usd=before.cost_usd + cost)
    return found
