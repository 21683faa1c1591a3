"""The explorer of a project and of an organization: any metric by any dimensions."""

from dataclasses import replace
from urllib.parse import urlencode

from django.db import OperationalError, transaction
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from core import display
from core.charts import Kind
from dashboards import live, selectors
from dashboards.bars import address
from dashboards.explore import drawing, page
from dashboards.explore import selectors as explore
from dashboards.explore.answer import Answer
from dashboards.explore.drawing import Looks
from dashboards.explore.looks import looks
from dashboards.explore.question import Question
from dashboards.filters import Filter, Source
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
from tenants.access import OrgRequest, org_view
from tenants.permissions import Permission


@require_GET
@org_view(Permission.TELEMETRY_READ)
def explorer(request: OrgRequest) -> HttpResponse:
    """A chart and a table. An open page asks again with what it has ``seen``; the same is 204."""
    chosen = read_filter(request)
    question, problems = Question.parse(dict(request.GET.lists()))
    wanted = drawing.kind(question, request.GET.get("chart", ""))
    chosen = replace(chosen, problems=(*chosen.problems, *problems))
    keep = page.pairs(question, wanted)
    context = frame(request, chosen, "explorer", keep=keep)
    if wants_panel(request):
        return marked(render(request, "dashboards/filter_panel.html", context))
    fresh = selectors.freshness(organization=request.organization, project=request.project)
    version = live.overview_version(chosen, fresh.last_received_at)
    if request.htmx and request.GET.get("seen") == version:
        return marked(HttpResponse(status=204))
    context |= {
        "fresh": fresh,
        "refresh_url": address(page_path(request, "explorer"), chosen, *keep, ("seen", version)),
        "controls": page.controls(question, wanted, of_project=request.project is not None),
        "title": page.title(question),
        "export_query": urlencode(question.pairs),
    }
    if fresh.last_received_at is None:
        return answer(request, "explorer", context | nothing_yet(request))
    try:
        with transaction.atomic():  # a statement that took too long must not end the scope's transaction
            found, colors = _asked(request, chosen, question, wanted)
    except OperationalError:
        return answer(request, "explorer", context | {"state": "slow"}, status=503)
    context |= _shown(request, chosen, found, wanted, colors)
    context["bar"] = replace(context["bar"], source_note=page.source_note(found))
    if request.htmx and "seen" in request.GET:
        return marked(render(request, "dashboards/explorer.html#refresh", context))
    return answer(request, "explorer", context)


def _asked(request: OrgRequest, chosen: Filter, question: Question, wanted: Kind) -> tuple[Answer, Looks]:
    found = explore.answer(organization=request.organization, project=request.project, chosen=chosen, question=question)
    return found, looks(organization=request.organization, answer=found, wanted=wanted)


def _shown(request: OrgRequest, chosen: Filter, found: Answer, wanted: Kind, colors: Looks) -> Context:
    path = page_path(request, "explorer")
    if not found.total.calls:
        return nothing_here(chosen, path, keep=page.pairs(found.question, wanted))
    shown = page.explorer_page(
        found,
        chosen,
        wanted,
        path=path,
        calls_path=page_path(request, "calls"),
        looks=colors,
        show_cost=display.cost,
        currency=display.current().name,
    )
    # Calls are read one by one, so a page about them is not asked again by itself.
    return {"page": shown, "unpriced": found.total["unpriced_calls"], "is_live": found.source is not Source.CALLS}
