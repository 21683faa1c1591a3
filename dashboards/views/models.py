"""Every model of a period, one of them, and what its traffic would have cost elsewhere."""

from typing import Any

from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_GET

from core import display, formats
from core.charts import ChartSpec
from dashboards.bars import address
from dashboards.filters import Filter
from dashboards.groups import charts, selectors
from dashboards.groups.selectors import Group, One
from dashboards.groups.table import Entry
from dashboards.groups.totals import Totals
from dashboards.numbers import ModelName
from dashboards.views.elsewhere import elsewhere_of
from dashboards.views.frame import Context, nothing_here, page_path, read_filter
from dashboards.views.listing import list_page, listed, read_text
from tenants.access import OrgRequest, org_view
from tenants.permissions import Permission


@require_GET
@org_view(Permission.TELEMETRY_READ)
def models(request: OrgRequest) -> HttpResponse:
    """A table of all models of the period, in any order."""
    chosen = read_filter(request).for_rollups()
    return list_page(request, chosen, "models", "models", lambda: _listed(request, chosen))


@require_GET
@org_view(Permission.TELEMETRY_READ)
def model(request: OrgRequest) -> HttpResponse:
    """One model: the one that the filter names; without a name the list."""
    chosen = read_filter(request).for_rollups()
    if not chosen.one("model"):
        return redirect(address(page_path(request, "models"), chosen.without_all("provider")))
    return list_page(request, chosen, "model", "model", lambda: _one(request, chosen))


def _listed(request: OrgRequest, chosen: Filter) -> Context:
    text = read_text(request)
    found = selectors.models(organization=request.organization, project=request.project, chosen=chosen, text=text)
    if not found.all:
        return nothing_here(chosen, page_path(request, "models"))
    entries = [_entry(request, chosen, group) for group in found.groups]
    return listed(request, chosen, "models", entries, found, noun="model") | {"search_label": "Model or provider"}


def _entry(request: OrgRequest, chosen: Filter, group: Group) -> Entry:
    return Entry(
        name=group.name or "No name",
        note=group.provider,
        totals=group.totals,
        url=address(page_path(request, "model"), chosen.only(provider=group.provider, model=group.name)),
        costs=group.costs,
        counts=group.counts,
        before_cost_usd=group.before_cost_usd,
    )


# --- One model ---


def _one(request: OrgRequest, chosen: Filter) -> Context:
    found = selectors.one(organization=request.organization, project=request.project, chosen=chosen)
    named = ModelName(chosen.one("provider"), chosen.one("model"))
    about = {
        "model": named,
        "list_url": address(page_path(request, "models"), chosen.without_all("provider").without_all("model")),
        "links": _links(request, chosen, named),
    }
    if not found.total.calls:
        return about | nothing_here(chosen, page_path(request, "model"))
    return (
        about
        | {
            "numbers": found.total,
            "figures": _figures(found.total, chosen),
            "charts": _charts(found, chosen),
            "features": _features(request, chosen, found),
            "feature_count": found.feature_count,
        }
        | (elsewhere_of(request, chosen, named, found.total) if not chosen.status else {})
    )


def _links(request: OrgRequest, chosen: Filter, named: ModelName) -> dict[str, str]:
    """Prices are of one provider's model; without the provider the list says which there are."""
    slug = request.organization.slug
    page = ("pricing:model", {"provider": named.provider, "model": named.model_key})
    name, query = page if named.provider else ("pricing:price-list", {"q": named.model_key})
    prices = f"{reverse(name, args=[slug])}?{urlencode(query)}"
    return {"prices": prices, "calls": address(page_path(request, "calls"), chosen)}


def _figures(total: Totals, chosen: Filter) -> list[dict[str, Any]]:
    calls = {"label": "Calls", "value": formats.count(total.calls), "note": _share_of_errors(total)}
    if chosen.status:
        return [calls]
    return [
        {"label": "Cost", "value": display.cost(total.known_cost_usd, "unknown"), "note": _missing_cost(total)},
        {"label": "Per call", "value": display.cost(total.cost_per_call), "note": "of the priced calls"},
        calls,
        {"label": "Tokens", "value": formats.tokens(total.all_tokens), "note": _tokens(total)},
        {"label": "p95 latency", "value": formats.duration_ms(total.p95_ms), "note": _latency(total)},
        {"label": "First token", "value": formats.duration_ms(total.first_token_ms), "note": _speed(total)},
    ]


def _share_of_errors(total: Totals) -> str:
    return f"{formats.percent(total.error_rate)} with an error"


def _missing_cost(total: Totals) -> str:
    if total.unpriced_calls:
        return f"without {formats.count(total.unpriced_calls)} unpriced"
    return f"{formats.count(total.estimated_calls)} estimated" if total.estimated_calls else "every call priced"


def _tokens(total: Totals) -> str:
    return f"{formats.percent(total.cached_share)} of input cached"


def _latency(total: Totals) -> str:
    return f"p50 {formats.duration_ms(total.p50_ms)}"


def _speed(total: Totals) -> str:
    return "–" if total.tokens_per_second is None else f"{total.tokens_per_second:,.0f} tokens/s"


def _charts(found: One, chosen: Filter) -> dict[str, ChartSpec]:
    if chosen.status:
        return {"calls": charts.calls(found.buckets, chosen)}
    return {
        "cost": charts.cost(found.buckets, chosen),
        "calls": charts.calls(found.buckets, chosen),
        "tokens": charts.tokens(found.buckets, chosen),
        "latency": charts.latency(found.buckets, chosen),
    }


def _features(request: OrgRequest, chosen: Filter, found: One) -> list[dict[str, Any]]:
    """The features that use it, each with its part of the cost, or of the calls."""
    path, whole = page_path(request, "model"), found.total
    rows = []
    for name, totals in found.features.items():
        part, all_of_it = totals.cost_usd, whole.cost_usd
        value: object = display.cost(totals.known_cost_usd, "unknown")
        if chosen.status or not whole.cost_usd:
            part, all_of_it = totals.with_status(chosen.status), whole.with_status(chosen.status)  # type: ignore[assignment]
            value = formats.count(totals.with_status(chosen.status))
        share = float(part / all_of_it) if all_of_it else None
        rows.append(
            {"label": name or "None", "href": address(path, chosen.only(feature=name)), "value": value, "share": share}
        )
    return rows
