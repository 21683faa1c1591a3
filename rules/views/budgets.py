"""Pages of budgets."""

from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.timezone import now
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from core.charts import ChartSpec
from rules import budget_charts, budget_selectors, budget_services, budget_words
from rules.budget_forms import BudgetChangeForm, BudgetForm
from rules.budget_reach import Reach
from rules.budget_selectors import BudgetRow
from rules.engine.budgets import BudgetPeriod, Metric
from rules.engine.days import running_hour, today
from rules.models import Budget
from tenants import key_selectors, team_selectors
from tenants.access import OrgRequest, org_view
from tenants.forms import status, write_with
from tenants.models import ApiKey, Project
from tenants.permissions import Permission

_TEAMS_OF_DAYS = 30
_OF_PROJECTS = (Budget.Scope.PROJECT, Budget.Scope.FEATURE, Budget.Scope.KEY)


@require_GET
@org_view(Permission.BUDGETS_READ)
def budget_list(request: OrgRequest) -> HttpResponse:
    """Every budget in reach, those that need a look first."""
    reach = _reach(request)
    found = budget_selectors.budgets(organization=request.organization, reach=reach)
    rows = budget_selectors.rows(organization=request.organization, found=found, as_of=now(), zone=request.time_zone)
    lines = [budget_words.line(row) for row in sorted(rows, key=lambda row: _ORDER.index(row.standing))]
    context = {"lines": lines, "may_create": reach.manages_something, "nav_active": "budgets"}
    return render(request, "rules/budget_list.html", context)


_ORDER = ("over", "ahead", "warned", "ok", "paused")


@require_http_methods(["GET", "POST"])
@org_view(Permission.BUDGETS_READ)
def budget_create(request: OrgRequest) -> HttpResponse:
    """A new budget; ``scope`` says what of. Whoever manages one project only makes budgets of that."""
    reach = _reach(request)
    if not reach.manages_something:
        raise PermissionDenied
    scopes = [one for one in Budget.Scope if reach.manages_organization or one in _OF_PROJECTS]
    form = _form(request, reach, scopes)

    def create(_: dict[str, Any]) -> Budget:
        return budget_services.create_budget(
            organization=request.organization, actor=request.user, wanted=form.wanted(), now=now()
        )

    budget = write_with(form, create) if request.method == "POST" else None
    if budget:
        return _to(request, budget)
    context = {"form": form, "scopes": scopes, "nav_active": "budgets"}
    return render(request, "rules/budget_create.html", context, status=status(form))


@require_GET
@org_view(Permission.BUDGETS_READ)
def budget_detail(request: OrgRequest, budget_id: int) -> HttpResponse:
    """How a budget stands, where it leads, and how it went before."""
    reach = _reach(request)
    budget, as_of = _budget(request, reach, budget_id), now()
    row = budget_selectors.row(budget=budget, as_of=as_of, zone=request.time_zone)
    reached_at = budget_selectors.reached_at(budget=budget, stretch=row.stretch)
    past = budget_selectors.past(budget=budget, before=row.stretch.since)
    context = {
        "line": budget_words.line(row),
        "budget": budget,
        "running": budget_words.RUNNING[budget.period],
        "chart": _chart(request, row, as_of),
        "thresholds": budget_words.threshold_lines(row, dict(reached_at)),
        "past": [budget_words.past_line(budget, state) for state in past],
        "note": _note(request, budget, as_of),
        "may_change": reach.may_change(budget),
        "nav_active": "budgets",
    }
    return render(request, "rules/budget_detail.html", context)


@require_http_methods(["GET", "POST"])
@org_view(Permission.BUDGETS_READ)
def budget_edit(request: OrgRequest, budget_id: int) -> HttpResponse:
    budget = _own_budget(request, budget_id)
    form = BudgetChangeForm(request.POST if request.method == "POST" else None, budget=budget)

    def change(_: dict[str, Any]) -> Budget:
        return budget_services.change_budget(
            organization=request.organization, actor=request.user, budget=budget, now=now(), **form.changes()
        )

    changed = write_with(form, change) if request.method == "POST" else None
    if changed:
        return _to(request, changed)
    context = {"form": form, "budget": budget, "scope": budget_words.scope(budget), "nav_active": "budgets"}
    return render(request, "rules/budget_edit.html", context, status=status(form))


@require_POST
@org_view(Permission.BUDGETS_READ)
def budget_pause(request: OrgRequest, budget_id: int) -> HttpResponse:
    budget = _own_budget(request, budget_id)
    budget_services.pause_budget(organization=request.organization, actor=request.user, budget=budget, now=now())
    return _to(request, budget)


@require_POST
@org_view(Permission.BUDGETS_READ)
def budget_resume(request: OrgRequest, budget_id: int) -> HttpResponse:
    budget = _own_budget(request, budget_id)
    budget_services.resume_budget(organization=request.organization, actor=request.user, budget=budget, now=now())
    return _to(request, budget)


@require_http_methods(["GET", "POST"])
@org_view(Permission.BUDGETS_READ)
def budget_delete(request: OrgRequest, budget_id: int) -> HttpResponse:
    budget = _own_budget(request, budget_id)
    if request.method == "POST":
        budget_services.delete_budget(organization=request.organization, actor=request.user, budget=budget)
        return redirect("rules:budget-list", request.organization.slug)
    return render(request, "rules/budget_delete.html", {"budget": budget, "nav_active": "budgets"})


def _reach(request: OrgRequest) -> Reach:
    return Reach.of_person(user=request.user, role=request.organization_role)


def _budget(request: OrgRequest, reach: Reach, budget_id: int) -> Budget:
    """:raises Http404: there is no such budget, or it is of a project that is hidden from them."""
    found = budget_selectors.budget(organization=request.organization, reach=reach, budget_id=budget_id)
    if found is None:
        raise Http404
    return found


def _own_budget(request: OrgRequest, budget_id: int) -> Budget:
    """A budget they may change.

    :raises PermissionDenied: they may only see it.
    """
    reach = _reach(request)
    budget = _budget(request, reach, budget_id)
    if not reach.may_change(budget):
        raise PermissionDenied
    return budget


def _form(request: OrgRequest, reach: Reach, scopes: list[Budget.Scope]) -> BudgetForm:
    """Asks for what the chosen scope needs, of what they may make budgets of."""
    posted = request.POST if request.method == "POST" else None
    given = (posted or request.GET).get("scope", "")
    scope = given if given in scopes else scopes[0]
    manages = Q(project__in=reach.manages)
    keys = ApiKey.objects.filter(manages | Q(project=None) if reach.manages_organization else manages)
    return BudgetForm(
        posted,
        scope=scope,
        teams=_teams(request) if scope == Budget.Scope.TEAM else {},
        projects=Project.objects.filter(pk__in=reach.manages, delete_at=None).order_by("name", "pk"),
        keys=key_selectors.in_state(keys, "active", now=now()).select_related("project").order_by("name", "pk"),
        initial={name: request.GET.get(name, "")[:100] for name in ("project", "team", "feature", "api_key")},
    )


def _teams(request: OrgRequest) -> dict[str, str]:
    since = today(now(), request.time_zone) - timedelta(days=_TEAMS_OF_DAYS)
    return budget_selectors.team_names(organization=request.organization, since=since)


def _usable(keys: QuerySet[ApiKey]) -> QuerySet[ApiKey]:
    usable = key_selectors.in_state(keys, "active", now=now())
    return usable.select_related("project").order_by("name", "pk")


def _chart(request: OrgRequest, row: BudgetRow, as_of: datetime) -> ChartSpec:
    budget, zone = row.budget, request.time_zone
    metric, period = Metric(budget.metric), BudgetPeriod(budget.period)
    if period is BudgetPeriod.HOUR:
        until = running_hour(as_of, zone) + budget_charts.HOUR
        by_hour = budget_selectors.spent_by_hour(
            budget=budget, since=until - budget_charts.HOURS_SHOWN * budget_charts.HOUR, until=until, zone=zone
        )
        return budget_charts.last_hours(metric=metric, limit=budget.limit, by_hour=by_hour, as_of=as_of, zone=zone)
    return budget_charts.burn_down(
        metric=metric,
        limit=budget.limit,
        period=period,
        stretch=row.stretch,
        by_hour=budget_selectors.spent_by_hour(
            budget=budget, since=row.stretch.since, until=row.stretch.until, zone=zone
        ),
        spent=row.spent,
        forecast=row.forecast,
        as_of=as_of,
        zone=zone,
    )


def _note(request: OrgRequest, budget: Budget, as_of: datetime) -> str:
    """What became of the thing a budget is about, where nothing more can be spent on it as before."""
    if budget.api_key and not budget.api_key.is_usable(as_of):
        return f"Its API key is {budget.api_key.state(as_of)}: nothing more is spent with it."
    if budget.project and budget.project.delete_at:
        return "Its project is about to be deleted, and this budget with it."
    if budget.project and budget.project.archived_at:
        return "Its project is archived and takes no calls."
    if budget.team and team_selectors.team(organization=request.organization, slug=budget.team) is None:
        return "Nobody has created this team, or it was deleted. Calls that name it count all the same."
    return ""


def _to(request: OrgRequest, budget: Budget) -> HttpResponse:
    return redirect("rules:budget-detail", request.organization.slug, budget.pk)
