"""Traces and sessions: the latest of a filter, and the calls of one in order."""

from dataclasses import replace
from typing import Final

from django.core.paginator import Paginator
from django.db import OperationalError, transaction
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET

from core import display
from core.periods import Period
from dashboards import call_days, log, selectors, trace, trace_pages, traces
from dashboards.bars import address
from dashboards.cursors import decode_position, encode_position
from dashboards.filters import Filter
from dashboards.trace_pages import WORDS
from dashboards.traces import Kind, Reach, Summary
from dashboards.views.call_links import call_url
from dashboards.views.frame import (
    Context,
    answer,
    frame,
    marked,
    nothing_here,
    nothing_yet,
    page_path,
    read_filter,
    wants_panel,
)
from tenants import roles
from tenants.access import OrgRequest, org_view
from tenants.models import Project
from tenants.permissions import Permission, allows

_LONGEST_ID: Final = 255
_MOST_TRACES: Final = 50


@require_GET
@org_view(Permission.TELEMETRY_READ)
def trace_list(request: OrgRequest) -> HttpResponse:
    return _list(request, Kind.TRACE)


@require_GET
@org_view(Permission.TELEMETRY_READ)
def session_list(request: OrgRequest) -> HttpResponse:
    return _list(request, Kind.SESSION)


@require_GET
@org_view(Permission.TELEMETRY_READ)
def trace_detail(request: OrgRequest) -> HttpResponse:
    """The calls of a trace below the calls that made them, with when each began."""
    return _detail(request, Kind.TRACE)


@require_GET
@org_view(Permission.TELEMETRY_READ)
def session_detail(request: OrgRequest) -> HttpResponse:
    """The traces and calls of a session by time."""
    return _detail(request, Kind.SESSION)


# --- The list ---


def _list(request: OrgRequest, kind: Kind) -> HttpResponse:
    chosen, page = call_days.bounded(read_filter(request)), f"{kind.value}s"
    if wants_panel(request):
        return marked(render(request, "dashboards/filter_panel.html", frame(request, chosen, page)))
    fresh = selectors.freshness(organization=request.organization, project=request.project)
    context = frame(request, chosen, page) | {"fresh": fresh, "words": WORDS[kind], "kind": kind.value}
    context |= {"tabs": _tabs(request, chosen, kind), "nav_active": f"{_where(request)}-traces"}
    if fresh.last_received_at is None:
        return _answer(request, page, context | nothing_yet(request))
    try:
        with transaction.atomic():  # a statement that took too long must not end the scope's transaction
            context |= _listed(request, kind, chosen)
    except OperationalError:
        return _answer(request, page, context | {"state": "slow"}, status=503)
    return _answer(request, page, context)


def _answer(request: OrgRequest, page: str, context: Context, *, status: int = 200) -> HttpResponse:
    """Both kinds have one template."""
    urls = context["urls"] | {"traces": context["urls"][page]}
    return answer(request, "traces", context | {"urls": urls}, status=status)


def _listed(request: OrgRequest, kind: Kind, chosen: Filter) -> Context:
    before = decode_position(request.GET.get("before", ""))
    reach = _reach(request, chosen)
    filters = log.call_filters(request.organization, chosen)
    found = traces.page(kind, reach, filters, before=before)
    path, period = page_path(request, f"{kind.value}s"), call_days.around(chosen)
    longer = replace(reach, since=period.start, until=period.end)
    if not found.ids and found.older is None and before is None:
        has_any = traces.has_any(kind, longer)
        return nothing_here(chosen, path) if has_any else {"state": "none-sent"}
    sums = traces.summaries(kind, longer, found.ids)
    listed = [sums[one] for one in found.ids if one in sums]
    return {
        "lines": trace_pages.lines(
            listed, path=page_path(request, kind.value), period=period, projects=_project_names(request, listed)
        ),
        "older_url": address(path, chosen, ("before", encode_position(found.older))) if found.older else "",
        "newest_url": address(path, chosen) if before else "",
        "page_size": traces.PAGE_SIZE,
    }


def _tabs(request: OrgRequest, chosen: Filter, kind: Kind) -> list[tuple[str, str, bool]]:
    """(text, address, whether it is this page) of both kinds, with the same filter."""
    return [(WORDS[one].many, address(page_path(request, f"{one.value}s"), chosen), one is kind) for one in Kind]


# --- One ---


def _detail(request: OrgRequest, kind: Kind) -> HttpResponse:
    group_id = request.GET.get("id", "")
    if not group_id or "\0" in group_id or len(group_id) > _LONGEST_ID:
        raise Http404
    chosen = call_days.of_one(read_filter(request).cleared(), asked=frozenset(request.GET))
    context = _one_frame(request, kind, chosen, group_id)
    try:
        with transaction.atomic():
            found = _one(request, kind, chosen, group_id)
    except OperationalError:
        return marked(render(request, "dashboards/trace.html", context | {"state": "slow"}, status=503))
    # Without calls it is a page still: an id is any text, and it may be that only the days are wrong.
    return marked(render(request, "dashboards/trace.html", context | found))


def _one_frame(request: OrgRequest, kind: Kind, chosen: Filter, group_id: str) -> Context:
    path, period = page_path(request, kind.value), chosen.period
    following = call_days.later(period, now=chosen.now)
    return {
        "chosen": chosen,
        "state": "",
        "kind": kind.value,
        "words": WORDS[kind],
        "group_id": group_id,
        "days_text": period.days_text(today=chosen.now.astimezone(chosen.zone).date()),
        "page_path": trace_pages.one_url(path, group_id, period),
        "list_url": page_path(request, f"{kind.value}s"),
        "earlier_url": trace_pages.one_url(path, group_id, call_days.earlier(period)),
        "later_url": trace_pages.one_url(path, group_id, following) if following else "",
        "calls_url": address(page_path(request, "calls"), chosen, (kind.value, group_id)),
        "hides_projects": bool(chosen.hidden),
        "nav_active": f"{_where(request)}-traces",
    }


def _one(request: OrgRequest, kind: Kind, chosen: Filter, group_id: str) -> Context:
    reach = _reach(request, chosen)
    summary = traces.summaries(kind, reach, [group_id]).get(group_id)
    if summary is None:
        return {"summary": None}
    paginator = Paginator(trace.steps(kind, reach, group_id), trace.PAGE_SIZE)
    page = paginator.get_page(request.GET.get("page"))
    places = trace.calls(reach, list(page.object_list))
    projects = _projects(request, summary.project_ids)
    calls = [place.call for place in places if place.call is not None]
    return {
        "summary": summary,
        "page": page,
        "rows": trace_pages.rows(
            places,
            summary,
            projects={pk: project.name for pk, project in projects.items()},
            urls={(one.project_id, one.call_id): call_url(request, one, projects.get(one.project_id)) for one in calls},
            show_cost=display.cost,
        ),
        "is_crossing": len(summary.project_ids) > 1,
        "is_cut": summary.calls + summary.duplicates > trace.MOST_STEPS,
        "most_steps": trace.MOST_STEPS,
        "session_links": _links(request, "session", summary.sessions, chosen.period) if kind is Kind.TRACE else [],
        "user_links": _links(request, "user", summary.users, chosen.period),
        "traces": _traces_of(request, reach, summary, chosen.period) if kind is Kind.SESSION else [],
        "whole_url": _whole_url(request, kind, chosen, group_id),
    }


def _links(request: OrgRequest, page: str, ids: list[str], period: Period) -> list[tuple[str, str]]:
    """(id, address) of the first few."""
    path = page_path(request, page)
    return [(one, trace_pages.one_url(path, one, period)) for one in ids[:_MOST_LINKS]]


_MOST_LINKS: Final = 5


def _traces_of(request: OrgRequest, reach: Reach, summary: Summary, period: Period) -> list[trace_pages.Line]:
    """The first traces of a session, each as a line of its own; a session may have thousands."""
    ids = trace.trace_ids(reach, summary.id, limit=_MOST_TRACES)
    sums = traces.summaries(Kind.TRACE, reach, ids)
    listed = [sums[one] for one in ids if one in sums]
    path = page_path(request, "trace")
    return trace_pages.lines(listed, path=path, period=period, projects=_project_names(request, listed))


def _whole_url(request: OrgRequest, kind: Kind, chosen: Filter, group_id: str) -> str:
    """From a project's page to the organization's, when other projects that may be seen have calls of it too."""
    if request.project is None or not allows(request.organization_role, Permission.TELEMETRY_READ):
        return ""
    visible = roles.visible_projects(user=request.user, role=request.organization_role)
    others = list(visible.exclude(pk=request.project.pk).values_list("pk", flat=True))
    period = chosen.period
    reach = Reach(organization_id=request.organization.pk, project_ids=others, since=period.start, until=period.end)
    if not trace.is_elsewhere(kind, reach, group_id):
        return ""
    path = reverse(f"dashboards:organization-{kind.value}", args=[request.organization.slug])
    return trace_pages.one_url(path, group_id, period)


# --- Both ---


def _where(request: OrgRequest) -> str:
    return "project" if request.project else "organization"


def _reach(request: OrgRequest, chosen: Filter) -> Reach:
    project = request.project
    return Reach(
        organization_id=request.organization.pk,
        project_ids=[project.pk] if project else log.project_ids_of(request.organization, chosen),
        since=chosen.period.start,
        until=chosen.period.end,
    )


def _projects(request: OrgRequest, ids: list[int]) -> dict[int, Project]:
    if request.project:
        return {request.project.pk: request.project}
    return selectors.projects_by_id(organization=request.organization, ids=ids)


def _project_names(request: OrgRequest, listed: list[Summary]) -> dict[int, str]:
    ids = {pk for summary in listed for pk in summary.project_ids}
    return {pk: project.name for pk, project in _projects(request, sorted(ids)).items()}
