"""Models without a price, what the catalogue changed, and costs that clients reported otherwise."""

from collections.abc import Callable
from functools import partial
from urllib.parse import urlencode

from django.db import OperationalError, transaction
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from ingestion.pricing import changes, differences, unpriced
from ingestion.pricing.unpriced import UnpricedModel
from ingestion.pricing.usage import used_models
from ingestion.pricing.views.cards import frame, hidden_from
from ingestion.pricing.views.links import reprice_url
from tenants.access import OrgRequest, org_view
from tenants.permissions import Permission

_LARGEST_ID = 2**63 - 1


@require_GET
@org_view(Permission.TELEMETRY_READ)
def unpriced_list(request: OrgRequest) -> HttpResponse:
    days = _days(request, unpriced.PERIODS, unpriced.DEFAULT_DAYS)
    organization, now = request.organization, timezone.now()
    hidden = hidden_from(request)
    found = _in_time(partial(unpriced.unpriced_models, organization=organization, days=days, now=now, hidden=hidden))
    context = {
        "rows": None if found is None else [_with_links(request, model, days) for model in found],
        "ranges": _ranges(unpriced.PERIODS),
        "days": days,
        "active": str(days),
        **frame(request, "unpriced"),
    }
    return render(request, "pricing/unpriced.html", context, status=503 if found is None else 200)


def _with_links(request: OrgRequest, model: UnpricedModel, days: int) -> dict[str, object]:
    day = timezone.localtime(model.first_seen, request.time_zone).date().isoformat()
    price = {"provider": model.provider, "model": model.model, "from": day}
    near = model.suggestion.card if model.suggestion else None
    alias = {"model": model.model, "from": day} | (
        {"target_provider": near.provider, "target": near.catalogue_id} if near else {}
    )
    calls: dict[str, object] = {"range": f"{days}d", "provider": model.provider or "(none)", "model": model.model_keys}
    if not model.wants_price:
        calls["usage_known"] = "false"
    again = {"provider": model.provider, "model": model.model, "since": model.first_seen, "until": None}
    return {
        "model": model,
        "price_query": urlencode(price),
        "alias_query": urlencode(alias),
        "calls_query": urlencode(calls, doseq=True),
        "reprice_url": reprice_url(request.organization, **again) if model.now_priced else "",  # type: ignore[arg-type]
    }


@require_GET
@org_view(Permission.TELEMETRY_READ)
def change_list(request: OrgRequest) -> HttpResponse:
    used = used_models(organization=request.organization, now=timezone.now(), hidden=hidden_from(request))
    provider = request.GET.get("provider", "")[:100].replace("\0", "")
    only_used = request.GET.get("used") == "1"
    page = changes.change_page(used=used, provider=provider, only_used=only_used, older_than=_number(request, "before"))
    kept = {"provider": provider, "used": "1" if only_used else ""}
    query = urlencode({name: value for name, value in kept.items() if value})
    context = {
        "page": page,
        "provider": provider,
        "providers": changes.providers(),
        "only_used": only_used,
        "older_url": f"?{query}&before={page.older_than}" if page.older_than else "",
        **frame(request, "changes"),
    }
    return render(request, "pricing/changes.html", context)


@require_GET
@org_view(Permission.TELEMETRY_READ)
def difference_list(request: OrgRequest) -> HttpResponse:
    days = _days(request, differences.PERIODS, differences.DEFAULT_DAYS)
    organization, now = request.organization, timezone.now()
    hidden = hidden_from(request)
    found = _in_time(partial(differences.differences, organization=organization, days=days, now=now, hidden=hidden))
    context = {
        "rows": found,
        "ranges": _ranges(differences.PERIODS),
        "days": days,
        "active": str(days),
        **frame(request, "differences"),
    }
    return render(request, "pricing/differences.html", context, status=503 if found is None else 200)


def _in_time[T](read: Callable[[], T]) -> T | None:
    """What ``read`` finds, or None when the database gave up on it."""
    try:
        with transaction.atomic():  # a statement that took too long must not end the scope's transaction
            return read()
    except OperationalError:
        return None


def _days(request: OrgRequest, periods: tuple[int, ...], default: int) -> int:
    asked = request.GET.get("days", "")
    return next((days for days in periods if str(days) == asked), default)


def _ranges(periods: tuple[int, ...]) -> list[dict[str, str]]:
    return [
        {"key": str(days), "text": f"{days} days" if days > 1 else "24 hours", "url": f"?days={days}"}
        for days in periods
    ]


def _number(request: OrgRequest, name: str) -> int | None:
    text = request.GET.get(name, "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 and int(text) <= _LARGEST_ID else None  # noqa: PLR2004
