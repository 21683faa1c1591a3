"""One month of an organization on one page, also of paper."""

from typing import Any

from django.db import OperationalError, transaction
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET

from core import display, formats
from dashboards import selectors as dashboards
from dashboards.bars import address
from dashboards.executive import page, realised, spend
from dashboards.executive.month import Month, months, read_month
from dashboards.executive.spend import Amount
from dashboards.filters import Filter
from dashboards.views.frame import Context, marked, nothing_yet, page_path, read_filter
from rules import selectors as rules
from rules.models import Budget
from rules.selectors import ACTIVE, InsightFilter
from tenants import roles, team_selectors
from tenants.access import OrgRequest, org_view
from tenants.permissions import Permission, allows


@require_GET
@org_view(Permission.TELEMETRY_READ)
def executive(request: OrgRequest) -> HttpResponse:
    """Spend against budget, teams, movers and savings of ``?month=2026-07``, without it of this month."""
    now, zone = timezone.now(), request.time_zone
    month, problem = read_month(request.GET.get("month", ""), now=now, zone=zone)
    context: Context = {
        "month": month,
        "months": months(now, zone)[:13],
        "problem": problem,
        "page_path": reverse("dashboards:organization-executive", args=[request.organization.slug]),
        "nav_active": "organization-executive",
        "state": "",
        "now": now,
    }
    if dashboards.freshness(organization=request.organization, project=None).last_received_at is None:
        return _answer(request, context | nothing_yet(request))
    try:
        with transaction.atomic():  # a statement that took too long must not end the scope's transaction
            context |= _numbers(request, month)
    except OperationalError:
        return _answer(request, context | {"state": "slow"}, status=503)
    return _answer(request, context)


def _answer(request: OrgRequest, context: Context, status: int = 200) -> HttpResponse:
    return marked(render(request, "dashboards/executive.html", context, status=status))


def _numbers(request: OrgRequest, month: Month) -> Context:
    organization = request.organization
    chosen = read_filter(request).cleared()
    spent = spend.spend(organization=organization, month=month, chosen=chosen)
    ahead = spend.ahead(organization=organization, month=month, chosen=chosen, spent=spent)
    names = {team.slug: team.name for team in team_selectors.teams(organization=organization)}
    budgets = _budgets(request)

    def url(amount: Amount) -> str:
        return _url(request, chosen, month, amount)

    has_earlier = spent.reaches_back_to(month.compared.first_day)
    up, down = page.movers(spent, names=names, url=url) if has_earlier else ([], [])
    return {
        "spent": spent,
        "days": page.day_costs(spent, month),
        "has_earlier": has_earlier,
        "ahead": ahead,
        "no_forecast": "no call has a price" if spent.total.known_cost_usd is None else "too early to say",
        "forecast_range": f"{display.cost(ahead.low)} to {display.cost(ahead.high)}" if ahead else "",
        "against": page.against(budgets.get(("organization", ""), []), spent.total.cost_usd, ahead),
        "teams": page.team_lines(spent, names=names, limits=_limits(budgets), url=url),
        "up": up,
        "down": down,
        "hides_projects": bool(chosen.hidden),
        "may_create_budget": allows(request.organization_role, Permission.BUDGETS_MANAGE),
        "unpriced_share": spent.share(spent.total.unpriced_calls),
        "estimated_share": spent.share(spent.estimated_calls),
        **_savings(request, month),
    }


def _budgets(request: OrgRequest) -> dict[tuple[str, str], list[Budget]]:
    """The monthly ones of costs by what they are of: the organization, or a team's slug."""
    found = Budget.objects.filter(
        organization=request.organization,
        scope__in=(Budget.Scope.ORGANIZATION, Budget.Scope.TEAM),
        period=Budget.Period.MONTH,
        metric=Budget.Metric.COST_USD,
        is_active=True,
    )
    by_scope: dict[tuple[str, str], list[Budget]] = {}
    for budget in found.order_by("pk"):
        by_scope.setdefault((budget.scope, budget.team), []).append(budget)
    return by_scope


def _limits(budgets: dict[tuple[str, str], list[Budget]]) -> dict[str, Any]:
    return {
        team: min(one.limit for one in found) for (scope, team), found in budgets.items() if scope == Budget.Scope.TEAM
    }


def _savings(request: OrgRequest, month: Month) -> Context:
    """What open insights would save, and what resolved ones have saved in the month."""
    visible = roles.visible_projects(user=request.user, role=request.organization_role)
    project_ids = list(visible.values_list("pk", flat=True))
    narrowed = InsightFilter(project_ids=[*project_ids, None], statuses=ACTIVE)
    found = list(rules.insights(organization=request.organization, narrowed=narrowed))
    made = realised.realised(organization=request.organization, month=month, project_ids=project_ids)
    return {
        "savings": rules.potential_savings(found),
        "savings_note": f"a month, {_insights(len(found), 'open')}",
        "is_upper_bound": any(one.saving_is_upper_bound and one.saving_month_usd for one in found),
        "realised_value": display.cost(made.month_usd if made.insights else None),
        "realised_note": f"this month, {_insights(made.insights, 'resolved')}" if made.insights else "none measured",
    }


def _insights(count: int, state: str) -> str:
    return f"{formats.count(count)} {state} insight{'' if count == 1 else 's'}"


def _url(request: OrgRequest, chosen: Filter, month: Month, amount: Amount) -> str:
    """The overview, or the model's page, with the month's days."""
    day = month.first_day.isoformat(), min(month.last_day, month.now.astimezone(month.zone).date()).isoformat()
    dated = Filter.parse({"from": [day[0]], "to": [day[1]]}, now=month.now, zone=month.zone)
    if amount.kind == "model":
        return address(page_path(request, "model"), dated.only(provider=amount.provider, model=amount.name))
    return address(page_path(request, "overview"), dated.only(**{amount.kind: amount.name}))
