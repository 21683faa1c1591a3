"""What the lists of models and features have in common: numbers or why there are none, and page or partial."""

from collections.abc import Callable, Sequence

from django.db import OperationalError, transaction
from django.http import HttpResponse
from django.shortcuts import render

from core import display, formats
from dashboards import selectors
from dashboards.filters import Filter
from dashboards.groups.selectors import Groups
from dashboards.groups.table import LONGEST_SEARCH, Entry, Wish, columns, table
from dashboards.views.frame import Context, answer, frame, kept, marked, nothing_yet, page_path, wants_panel
from ingestion.store import MOST_VALUES, OTHER
from tenants.access import OrgRequest

type Shown = Callable[[], Context]


def list_page(request: OrgRequest, chosen: Filter, page: str, template: str, shown: Shown) -> HttpResponse:
    """The page named ``page`` with what ``shown`` reads; without calls it is not asked, and it may take too long."""
    context = frame(request, chosen, page, keep=kept(request, "q", "sort"))
    if wants_panel(request):
        return marked(render(request, "dashboards/filter_panel.html", context))
    fresh = selectors.freshness(organization=request.organization, project=request.project)
    context |= {"fresh": fresh}
    if fresh.last_received_at is None:
        return answer(request, template, context | nothing_yet(request))
    try:
        with transaction.atomic():  # a statement that took too long must not end the scope's transaction
            found = shown()
    except OperationalError:
        return answer(request, template, context | {"state": "slow"}, status=503)
    return answer(request, template, context | found)


def listed(
    request: OrgRequest, chosen: Filter, page: str, entries: Sequence[Entry], found: Groups, *, noun: str
) -> Context:
    """The table of ``entries`` in the order that the query string asks for."""
    has_earlier = chosen.is_compared and found.reaches_back_to(chosen.previous.first_day)
    wanted = columns(chosen, show_cost=display.cost, has_earlier=has_earlier)
    return {
        "numbers": found.total,
        "page": {"notices": _notices(found, chosen)},
        "table": table(
            entries,
            wanted,
            wish=Wish.parse(dict(request.GET.lists()), wanted),
            chosen=chosen,
            path=page_path(request, page),
            total=found.total,
            noun=noun,
            cut=max(found.found - len(found.groups), 0),
        ),
    }


def read_text(request: OrgRequest, name: str = "q") -> str:
    """What is looked for."""
    return request.GET.get(name, "").replace("\0", "").strip()[:LONGEST_SEARCH]


def _notices(found: Groups, chosen: Filter) -> list[str]:
    """Sentences about what the numbers leave out."""
    notices = []
    if chosen.status:
        notices.append("Costs, tokens and latency are not kept by status: with this filter only calls are shown.")
    if any(group.name == OTHER for group in found.groups):
        notices.append(f"Beyond {formats.count(MOST_VALUES)} values a day, everything else is counted as {OTHER}.")
    return notices
