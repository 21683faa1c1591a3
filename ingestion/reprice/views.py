"""Pages of re-pricing: history, a new dry run, and one run with its progress and its report."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods

from ingestion.models import RepriceRun
from ingestion.reprice import selectors, services
from ingestion.reprice.forms import RepriceForm, initial
from tenants import roles
from tenants.access import OrgRequest, org_view
from tenants.forms import status, write_with
from tenants.permissions import Permission

_NAV = {"nav_active": "prices"}
_MOST_RUNS = 100


@require_GET
@org_view(Permission.PRICES_MANAGE)
def run_list(request: OrgRequest) -> HttpResponse:
    runs = list(selectors.runs(organization=request.organization)[:_MOST_RUNS])
    rows = [{"run": run, "difference": selectors.difference(run)} for run in runs]
    return render(request, "pricing/reprice_list.html", {"rows": rows} | _NAV)


@require_http_methods(["GET", "POST"])
@org_view(Permission.PRICES_MANAGE)
def run_create(request: OrgRequest) -> HttpResponse:
    today = timezone.localdate()
    form = RepriceForm(
        request.POST if request.method == "POST" else None, initial=initial(request.GET.dict(), today=today)
    )
    run = write_with(form, lambda data: _start(request, form, data))
    if run is not None:
        return redirect("pricing:reprice-run", request.organization.slug, run.pk)
    return render(request, "pricing/reprice_create.html", {"form": form} | _NAV, status=status(form))


def _start(request: OrgRequest, form: RepriceForm, data: dict[str, Any]) -> RepriceRun:
    try:
        return services.reprice(
            organization=request.organization,
            actor=request.user,
            project=data["project"],
            provider=data["provider"],
            model=data["model"],
            now=timezone.now(),
            **form.period(request.time_zone),
        )
    except ValidationError as error:
        if "until" in getattr(error, "error_dict", {}):  # the form asks for days
            raise ValidationError({"last_day": error.messages}) from error
        raise


@require_GET
@never_cache
@org_view(Permission.PRICES_MANAGE)
def run_detail(request: OrgRequest, run_id: int) -> HttpResponse:
    """An open page asks every two seconds for as long as a task works on the run."""
    hidden = roles.hidden_projects(user=request.user, role=request.organization_role)
    report = selectors.report(_run(request, run_id), hidden=hidden)
    template = "pricing/reprice_run.html#report" if request.htmx else "pricing/reprice_run.html"
    return render(request, template, {"report": report, "run": report.run} | _NAV)


@require_http_methods(["GET", "POST"])
@org_view(Permission.PRICES_MANAGE)
def run_apply(request: OrgRequest, run_id: int) -> HttpResponse:
    """GET asks whether it is meant, for browsers in which the dialog did not open."""
    return _decide(
        request,
        run_id,
        "apply",
        lambda run: services.apply(organization=request.organization, actor=request.user, run=run),
    )


@require_http_methods(["GET", "POST"])
@org_view(Permission.PRICES_MANAGE)
def run_cancel(request: OrgRequest, run_id: int) -> HttpResponse:
    """GET asks whether it is meant."""
    return _decide(
        request,
        run_id,
        "cancel",
        lambda run: services.cancel(organization=request.organization, actor=request.user, run=run, now=timezone.now()),
    )


def _decide(request: OrgRequest, run_id: int, decision: str, act: Callable[[RepriceRun], None]) -> HttpResponse:
    run = _run(request, run_id)
    if request.method == "GET":
        context = {"run": run, "report": selectors.report(run), "decision": decision} | _NAV
        return render(request, "pricing/reprice_decide.html", context)
    try:
        act(run)
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    return redirect("pricing:reprice-run", request.organization.slug, run.pk)


def _run(request: OrgRequest, run_id: int) -> RepriceRun:
    run = selectors.run(organization=request.organization, run_id=run_id)
    if run is None:
        raise Http404
    return run
