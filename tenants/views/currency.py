"""The currency costs are shown in, and what a dollar was worth when."""

from datetime import date
from typing import Any

from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from core import currencies
from tenants import currency, selectors
from tenants.access import OrgRequest, org_view
from tenants.currency_forms import CurrencyForm, RateForm
from tenants.forms import write_with
from tenants.permissions import Permission


@require_http_methods(["GET", "POST"])
@org_view(Permission.ORGANIZATION_MANAGE)
def currency_settings(request: OrgRequest) -> HttpResponse:
    form = CurrencyForm(request.POST) if request.method == "POST" else None

    def write(data: dict[str, str]) -> bool:
        currency.set_currency(organization=request.organization, actor=request.user, code=data["currency"])
        return True

    if form is not None and write_with(form, write):
        return _back(request)
    return _page(request, form=form)


@require_POST
@org_view(Permission.ORGANIZATION_MANAGE)
def currency_rate_add(request: OrgRequest) -> HttpResponse:
    """A rate that looks like a slip asks whether it is meant."""
    form = RateForm(request.POST)
    if form.is_valid() and not form.cleaned_data["confirm"]:
        asked = {name: form.cleaned_data[name] for name in ("code", "rate", "valid_from")}
        question = currency.doubt(organization=request.organization, **asked)
        if question:
            form.ask(question)
            return _page(request, rate_form=form)

    def write(data: dict[str, Any]) -> bool:
        given = {name: data[name] for name in ("code", "rate", "valid_from")}
        currency.set_rate(organization=request.organization, actor=request.user, **given)
        return True

    return _back(request) if write_with(form, write) else _page(request, rate_form=form)


@require_POST
@org_view(Permission.ORGANIZATION_MANAGE)
def currency_rate_remove(request: OrgRequest, rate_id: int) -> HttpResponse:
    if not currency.rates(organization=request.organization).filter(pk=rate_id).exists():
        raise Http404
    currency.remove_rate(organization=request.organization, actor=request.user, rate_id=rate_id)
    return _back(request)


def _page(request: OrgRequest, *, form: CurrencyForm | None = None, rate_form: RateForm | None = None) -> HttpResponse:
    organization, today = request.organization, timezone.localdate()
    settings = selectors.organization_settings(organization=organization)
    code = settings.display_currency
    context = {
        "form": form or CurrencyForm(initial={"currency": code}),
        "rate_form": rate_form or RateForm(initial=RateForm.proposal(code, today)),
        "display": currency.display(settings, today=today),
        "rows": _rows(request, today),
        "nav_active": "organization-settings",
    }
    status = 422 if form or rate_form else 200
    return render(request, "tenants/currency.html", context, status=status)


def _rows(request: OrgRequest, today: date) -> list[dict[str, Any]]:
    """Rates with their inverse, and which one of each currency is valid today."""
    rows: list[dict[str, Any]] = []
    current: set[str] = set()
    for rate in currency.rates(organization=request.organization):
        is_current = rate.valid_from <= today and rate.currency not in current
        current |= {rate.currency} if is_current else set()
        facts = {"is_current": is_current, "is_later": rate.valid_from > today}
        rows.append({"rate": rate, "inverse": currencies.plain(1 / rate.rate)} | facts)
    return rows


def _back(request: OrgRequest) -> HttpResponse:
    return redirect("tenants:currency-settings", request.organization.slug)
