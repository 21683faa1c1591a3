"""The part of a model's page that says what its traffic would have cost on any other."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from django.http import Http404

from dashboards import elsewhere, elsewhere_selectors
from dashboards.bars import address
from dashboards.elsewhere import Candidate, Offer
from dashboards.filters import Filter
from dashboards.groups.totals import Totals
from dashboards.numbers import ModelName
from dashboards.views.frame import Context, page_path
from dashboards.views.listing import read_text
from ingestion.pricing import usage
from rules.engine.alternatives import alternatives
from tenants.access import OrgRequest

USED: Final = "used"
ALL: Final = "all"


def elsewhere_of(request: OrgRequest, chosen: Filter, named: ModelName, total: Totals) -> Context:
    """The ten cheapest models that could take the calls of ``named``, or those that are looked for."""
    text, among = read_text(request, "find"), ALL if request.GET.get("among") == ALL else USED
    every = elsewhere_selectors.candidates(now=chosen.now)
    own = elsewhere_selectors.own_card(organization=request.organization, model=named, now=chosen.now)
    itself = elsewhere_selectors.find(every, named)
    others = [one for one in every if one != itself]
    if among == USED and not text:
        others = elsewhere_selectors.of_providers(others, _providers(request, chosen, named))
    billed = total.known_cost_usd
    offers = elsewhere.offers(
        others, total.tokens, total.calls, billed_usd=billed, family=alternatives(named.model_key)
    )
    return {
        "offers": elsewhere.matching(offers, text) if text else elsewhere.cheapest(offers),
        "find": text,
        "among": among,
        "billed": billed,
        "today": elsewhere.quote(own, total.tokens, total.calls) if own else None,
        "picked": _picked(request.GET.get("on", ""), every, total, billed),
        "fees": total.cost_other_usd,
        "elsewhere_url": address(page_path(request, "model"), chosen),
        "kept_pairs": chosen.pairs,
    }


def _providers(request: OrgRequest, chosen: Filter, named: ModelName) -> list[str]:
    """Whose models the organization calls already."""
    used = usage.used_models(organization=request.organization, now=chosen.now, hidden=chosen.hidden)
    return [named.provider, *(provider for provider, _ in used)]


def _picked(key: str, every: Sequence[Candidate], total: Totals, billed: Decimal | None) -> Offer | None:
    """The model whose arithmetic is asked for.

    :raises Http404: there is no such model.
    """
    if not key:
        return None
    found = [one for one in every if one.key == key]
    if not found:
        raise Http404
    return elsewhere.offers(found, total.tokens, total.calls, billed_usd=billed)[0]
