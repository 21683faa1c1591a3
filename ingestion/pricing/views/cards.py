"""Prices in force, and everything that is known of one model."""

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from ingestion.pricing import listing, overrides, own, preview, rows
from ingestion.pricing.cards import ALIAS
from ingestion.pricing.providers import catalogue_id
from ingestion.pricing.usage import used_models
from ingestion.pricing.views.links import reprice_url
from tenants import roles
from tenants.access import OrgRequest, org_view
from tenants.permissions import Permission, allows

PAGE = 50
_LONGEST = 255
SHOWN = ("used", "own", "all")


@require_GET
@org_view(Permission.TELEMETRY_READ)
def price_list(request: OrgRequest) -> HttpResponse:
    """The models this organization uses unless more is asked for."""
    now = timezone.now()
    used = used_models(organization=request.organization, now=now, hidden=hidden_from(request))
    text, provider = (request.GET.get(name, "")[:_LONGEST] for name in ("q", "provider"))
    shown = _shown(request, has_used=bool(used), is_search=bool(text or provider))
    entries = listing.entries(at=now, used=used)
    found = listing.narrowed(entries, text=text, provider=provider, kinds=_KINDS[shown])
    if shown == "used":
        found = [entry for entry in found if entry.used is not None]
    page = Paginator(rows.list_rows(found), PAGE).get_page(request.GET.get("page"))
    context = {
        "page": page,
        "text": text,
        "provider": provider,
        "shown": shown,
        "providers": sorted({entry.card.provider for entry in entries if entry.card.provider}),
        "has_used": bool(used),
        **frame(request, "list"),
    }
    return render(request, "pricing/list.html", context)


_KINDS = {"used": (), "own": ("override", "alias"), "all": ()}


def _shown(request: OrgRequest, *, has_used: bool, is_search: bool) -> str:
    asked = request.GET.get("show", "")
    if asked in SHOWN:
        return asked
    return "used" if has_used and not is_search else "all"


@require_GET
@org_view(Permission.TELEMETRY_READ)
def model(request: OrgRequest) -> HttpResponse:
    """The price history of one model; after saving, what was saved and which calls keep their old price."""
    now = timezone.now()
    provider, name = (request.GET.get(given, "")[:_LONGEST].replace("\0", "") for given in ("provider", "model"))
    listed = catalogue_id(provider) or provider
    found = listing.history(provider=listed, model=name, now=now)
    used = used_models(organization=request.organization, now=now, hidden=hidden_from(request))
    context = {
        "rows": rows.period_rows(found),
        "provider": provider,
        "model": name,
        "used": used.get((listed, name)),
        "saved": _saved(request),
        **frame(request, "list"),
    }
    return render(request, "pricing/model.html", context, status=200 if found else 404)


def _saved(request: OrgRequest) -> dict[str, object] | None:
    """About the card that was just saved: how many calls keep another price, and where they can be priced again."""
    number = request.GET.get("saved", "")
    if not number.isascii() or not number.isdecimal() or len(number) > 18:  # noqa: PLR2004 - digits of a bigint
        return None
    card = overrides.own_card(card_id=int(number))
    kept = preview.count_kept(
        organization=request.organization, card=card, now=timezone.now(), hidden=hidden_from(request)
    )
    return {
        "card": card,
        "is_alias": card.source == ALIAS,
        "kept": kept,
        "is_most": kept == preview.MOST_CALLS,
        "reprice_url": reprice_url(
            request.organization,
            provider="" if card.source == ALIAS else card.provider,
            model=own.raw_model(card),
            since=card.valid_from,
            until=card.valid_to,
        ),
    }


def hidden_from(request: OrgRequest) -> tuple[int, ...]:
    """Projects whose calls the page's numbers leave out, because whoever asks may not see them."""
    return roles.hidden_projects(user=request.user, role=request.organization_role)


def frame(request: OrgRequest, tab: str) -> dict[str, object]:
    """What all pages about prices show."""
    may_manage = allows(request.role, Permission.PRICES_MANAGE)
    return {"tab": tab, "nav_active": "prices", "may_manage": may_manage, "no_query": {}}
