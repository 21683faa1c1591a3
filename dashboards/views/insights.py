"""The list of insights of an organization and of a project, and what to do about them."""

from collections.abc import Sequence
from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET

from core import display
from dashboards import insight_pages
from dashboards.insight_filters import ME, NONE, RULES, SEVERITIES, STATUSES, InsightQuery
from dashboards.insight_pages import Line
from dashboards.views.frame import Context, marked
from ingestion import activity
from rules import insight_words, recommendations, selectors
from rules.engine.names import Rule
from rules.engine.thresholds import CATALOGUE
from rules.models import Insight
from rules.selectors import InsightFilter
from tenants import roles
from tenants.access import OrgRequest, org_view
from tenants.models import Project
from tenants.permissions import Permission


@require_GET
@org_view(Permission.TELEMETRY_READ)
def insights(request: OrgRequest) -> HttpResponse:
    """What rules found, by severity and team, and what acting on it would save."""
    chosen, projects = InsightQuery.parse(dict(request.GET.lists())), visible_projects(request)
    found = list(_found(request, chosen, projects)[: insight_pages.MOST + 1])
    shown = found[: insight_pages.MOST]
    path = list_path(request)
    context = {
        "chosen": chosen,
        "bar": insight_pages.bar(chosen, path=path, offered=_offered(request, projects)),
        "groups": insight_pages.groups([_line(request, insight) for insight in shown]),
        "count": len(shown),
        "is_cut": len(found) > len(shown),
        "severities_text": insight_pages.severities_text(shown),
        "savings": selectors.potential_savings(shown),
        "savings_note": insight_pages.savings_note(shown),
        "fresh": selectors.freshness(organization=request.organization, project_ids=reach(request, projects)),
        "page_path": path,
        "recommendations_url": f"{path}recommendations/",
        "nav_active": nav(request),
        **({} if shown else _nothing(request, chosen, projects)),
    }
    return _answer(request, context)


@require_GET
@org_view(Permission.TELEMETRY_READ)
def recommended(request: OrgRequest) -> HttpResponse:
    """The report of the open insights, also for paper."""
    projects = visible_projects(request)
    report = recommendations.report(
        organization=request.organization, project_ids=reach(request, projects), cost=display.cost
    )
    found = Insight.objects.filter(organization=request.organization).select_related("project")
    ids = [finding.insight_id for finding in report.causes]
    urls = {one.pk: insight_url(request, one) for one in found.filter(pk__in=ids)}
    context = {
        "report": report,
        "causes": [(finding, urls[finding.insight_id]) for finding in report.causes],
        "saving_note": insight_pages.UP_TO if report.is_upper_bound else insight_pages.ESTIMATED,
        "fresh": selectors.freshness(organization=request.organization, project_ids=reach(request, projects)),
        "list_url": list_path(request),
        "now": timezone.now(),
        "nav_active": nav(request),
    }
    return marked(render(request, "dashboards/recommendations.html", context))


def visible_projects(request: OrgRequest) -> list[Project]:
    if request.project:
        return [request.project]
    return list(roles.visible_projects(user=request.user, role=request.organization_role))


def reach(request: OrgRequest, projects: Sequence[Project]) -> list[int | None]:
    """Whose insights the page is about; the organization's own budgets are no project's."""
    ids: list[int | None] = [project.pk for project in projects]
    return ids if request.project else [*ids, None]


def list_path(request: OrgRequest) -> str:
    if request.project:
        return reverse("dashboards:project-insights", args=[request.organization.slug, request.project.slug])
    return reverse("dashboards:organization-insights", args=[request.organization.slug])


def insight_url(request: OrgRequest, insight: Insight) -> str:
    """Below its project, whose roles decide what somebody may do there."""
    if insight.project is None:
        return reverse("dashboards:organization-insight", args=[request.organization.slug, insight.pk])
    slugs = [request.organization.slug, insight.project.slug]
    return reverse("dashboards:project-insight", args=[*slugs, insight.pk])


def nav(request: OrgRequest) -> str:
    return "project-insights" if request.project else "organization-insights"


def _found(request: OrgRequest, chosen: InsightQuery, projects: Sequence[Project]) -> QuerySet[Insight]:
    ids = reach(request, projects)
    if slugs := chosen.values("project"):
        ids = [project.pk for project in projects if project.slug in slugs]
    narrowed = InsightFilter(
        project_ids=ids,
        statuses=chosen.statuses,
        rules=chosen.values("rule"),
        severities=chosen.values("severity"),
        teams=["" if team == NONE else team for team in chosen.values("team")],
        assignee_ids=[request.user.pk] if ME in chosen.values("assignee") else (),
        text=chosen.text,
    )
    return selectors.insights(organization=request.organization, narrowed=narrowed)


def _line(request: OrgRequest, insight: Insight) -> Line:
    return Line(
        insight,
        insight_words.spec(insight).title,
        insight_words.place(insight),
        insight_url(request, insight),
        insight_words.decided(insight_words.evidence(insight), cost=display.cost),
    )


def _offered(request: OrgRequest, projects: Sequence[Project]) -> dict[str, list[tuple[str, str]]]:
    teams = selectors.teams(organization=request.organization, project_ids=reach(request, projects))
    offered = {
        "status": list(STATUSES.items()),
        "severity": list(SEVERITIES.items()),
        "rule": list(RULES.items()),
        "project": [(project.slug, project.name) for project in projects],
        "team": [(team or NONE, team or "None") for team in teams],
        "assignee": [(ME, "Me")],
    }
    if request.project or len(projects) <= 1:
        del offered["project"]
    return {name: options for name, options in offered.items() if options}


def _nothing(request: OrgRequest, chosen: InsightQuery, projects: Sequence[Project]) -> dict[str, Any]:
    """Why the list is empty, and what to do next."""
    if chosen.is_narrowed or chosen.view != "Open":
        return {"state": "filtered"}
    if not activity.has_calls(organization=request.organization):
        project = request.project or next(iter(projects), None)
        slugs = [request.organization.slug, project.slug] if project else []
        return {"state": "no-calls", "connect_url": reverse("tenants:connect", args=slugs) if slugs else ""}
    return {"state": "nothing", "looked_at": [CATALOGUE[rule] for rule in Rule]}


def _answer(request: OrgRequest, context: Context) -> HttpResponse:
    is_partial = bool(request.htmx) and not request.htmx.history_restore_request
    template = "dashboards/insights.html#update" if is_partial else "dashboards/insights.html"
    response = render(request, template, context | {"is_partial": is_partial})
    if is_partial and request.htmx.boosted:
        response["HX-Push-Url"] = context["chosen"].address(context["page_path"])
    return marked(response)
