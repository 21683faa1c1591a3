"""The calls log of a project and of an organization, and one call in full."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db import OperationalError, transaction
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from dashboards import log, selectors
from dashboards.arithmetic import shown
from dashboards.bars import address
from dashboards.cursors import Seen, decode_moment, decode_position, encode_position, encode_seen
from dashboards.details import details
from dashboards.figures import amount
from dashboards.filters import DUPLICATES, WITHOUT, Filter
from dashboards.live import Question
from dashboards.views.call_links import call_url, counted_url, links_of
from dashboards.views.frame import (
    Context,
    answer,
    frame,
    marked,
    nothing_here,
    nothing_yet,
    page_path,
    read_filter,
    unchanged,
    wants_panel,
)
from ingestion import call_log
from ingestion.arithmetic import arithmetic
from ingestion.models import Call
from tenants.access import OrgRequest, org_view, the_project
from tenants.models import Project
from tenants.permissions import Permission

_MOST_RECORDS: Final = 10


@dataclass(frozen=True, slots=True)
class Line:
    """A row of the log: a call, where its details are, and whether it came while the page was open.

    ``counted_url`` is where the call is that a second record of a provider call is counted with.
    """

    call: Call
    project: Project | None
    url: str
    counted_url: str
    is_new: bool
    input_tokens: str
    cached_tokens: str
    output_tokens: str

    @property
    def has_plain_cost(self) -> bool:
        """Most costs need no word beside them, and fifty times the template of all others takes its time."""
        call = self.call
        is_computed = call.cost_usd is not None and call.cost_source != "reported"
        return is_computed and not call.usage_estimated and not call.duplicate_of


@dataclass(frozen=True, slots=True)
class Other:
    """Another record of a call, and its page."""

    call_id: str
    url: str


@require_GET
@org_view(Permission.TELEMETRY_READ)
def calls(request: OrgRequest) -> HttpResponse:
    """The log, newest first. An open page asks every two seconds what came since; nothing is 204."""
    chosen = read_filter(request).for_log()
    sums = _sums(request, chosen)
    if part := _part(request, chosen, sums):
        return marked(part)
    fresh = selectors.freshness(organization=request.organization, project=request.project)
    asked = Question.parse(request.GET.dict()) if request.htmx else None
    if asked and asked.is_quiet(last_received_at=fresh.last_received_at, now=chosen.now):
        return unchanged(chosen)
    context = frame(request, chosen, "calls") | {"fresh": fresh} | sums
    if fresh.last_received_at is None:
        return answer(request, "calls", context | nothing_yet(request))
    before = decode_position(request.GET.get("before", ""))
    try:
        with transaction.atomic():  # a statement that took too long must not end the scope's transaction
            page = log.page(
                organization=request.organization,
                project=request.project,
                chosen=chosen,
                before=None if asked else before,
            )
    except OperationalError:
        return answer(request, "calls", context | {"state": "slow"}, status=503)
    if asked:
        return _since(request, context, page, asked)
    shown = _shown(request, chosen, page, received_at=fresh.last_received_at, is_first=before is None)
    return answer(request, "calls", context | shown)


@require_GET
@org_view(Permission.TELEMETRY_READ)
def call(request: OrgRequest, call_id: str) -> HttpResponse:
    """One call in full, never its content; ``at`` is the exact start of the call."""
    started_at = decode_moment(request.GET.get("at", ""))
    if started_at is None or "\0" in call_id:
        raise Http404
    found = log.call(project=the_project(request), call_id=call_id, started_at=started_at)
    if found is None:
        raise Http404
    key = log.keys_by_id(organization=request.organization, calls=[found]).get(found.api_key_id)
    context = {
        "call": found,
        "details": details(found, key_name=f"{key.name} ({key.prefix})" if key else "", links=links_of(request, found)),
        "arithmetic": shown(
            arithmetic(organization=request.organization, call=found),
            price_match=found.price_match,
            zone=request.time_zone,
        ),
        "log_url": page_path(request, "calls"),
        "url": call_url(request, found, the_project(request)),
        "address": request.build_absolute_uri(call_url(request, found, the_project(request))),
        "nav_active": "project-calls",
        **_records(request, found, the_project(request)),
    }
    template = "dashboards/call.html#panel" if request.htmx else "dashboards/call.html"
    return marked(render(request, template, context))


def _part(request: OrgRequest, chosen: Filter, sums: Context) -> HttpResponse | None:
    """What of the page is asked for after it was shown: the filter panel, or what its calls add up to."""
    if wants_panel(request):
        return render(request, "dashboards/filter_panel.html", frame(request, chosen, "calls"))
    if sums and request.htmx and "sums" in request.GET:
        return render(request, "dashboards/calls.html#sums", sums)
    return None


def _sums(request: OrgRequest, chosen: Filter) -> Context:
    """What the calls of a finding or of a row of numbers add up to, once asked for: the page need not wait."""
    if not (chosen.has("counted", "true") or chosen.has(DUPLICATES, WITHOUT)):
        return {}
    if "sums" not in request.GET:
        return {"sums_url": address(page_path(request, "calls"), chosen, ("sums", "1"))}
    try:
        with transaction.atomic():
            found = log.sums(organization=request.organization, project=request.project, chosen=chosen)
    except OperationalError:
        return {"sums_are_slow": True}
    return {"sums": found}


def _since(request: OrgRequest, context: Context, page: log.Page, asked: Question) -> HttpResponse:
    """What an open page does not show yet: the rows anew, or while somebody reads only their number."""
    chosen: Filter = context["chosen"]
    if page.fingerprint == asked.seen.fingerprint:
        return unchanged(chosen)
    if not asked.peek:
        received_at = context["fresh"].last_received_at
        shown = _shown(request, chosen, page, received_at=received_at, is_first=True, since=asked.seen)
        return marked(render(request, "dashboards/calls.html#since", context | shown))
    count = sum(call.received_at > asked.seen.received_at for call in page.calls)
    if not count or str(count) == asked.shown:
        return unchanged(chosen)
    newest = {"new_count": count, "is_most": count == log.PAGE_SIZE}
    response = render(request, "dashboards/calls.html#pill", context | newest)
    response["HX-Retarget"], response["HX-Reswap"] = "#new-calls", "innerHTML"
    return marked(response)


def _shown(
    request: OrgRequest,
    chosen: Filter,
    page: log.Page,
    *,
    received_at: datetime,
    is_first: bool,
    since: Seen | None = None,
) -> Context:
    """The rows; ``received_at`` is when the last call had been received before they were read."""
    path = page_path(request, "calls")
    if not page.calls and is_first:
        return nothing_here(chosen, path)
    # Calls may have come between the two reads; they are on the page, so they are no news to it.
    newest = max((call.received_at for call in page.calls), default=received_at)
    seen = Seen(max(received_at, newest), page.fingerprint if is_first else "")
    return {
        "lines": _lines(request, page, since),
        "older_url": _older_url(path, chosen, page),
        "newest_url": "" if is_first else address(path, chosen),
        "live_url": address(path, chosen, ("seen", encode_seen(seen)), *([] if is_first else [("peek", "1")])),
        "page_size": log.PAGE_SIZE,
    }


def _lines(request: OrgRequest, page: log.Page, since: Seen | None) -> list[Line]:
    ids = {call.project_id for call in page.calls}
    one = request.project
    projects = {one.pk: one} if one else selectors.projects_by_id(organization=request.organization, ids=ids)
    return [
        Line(
            call,
            projects.get(call.project_id),
            call_url(request, call, projects.get(call.project_id)),
            counted_url(request, call, projects.get(call.project_id)),
            is_new=since is not None and call.received_at > since.received_at,
            input_tokens=amount(call.input_tokens),
            cached_tokens=amount(call.cached_input_tokens) if call.cached_input_tokens else "",
            output_tokens=amount(call.output_tokens),
        )
        for call in page.calls
    ]


def _records(request: OrgRequest, call: Call, project: Project) -> Context:
    """The other records of the provider's call: the one that counts, or those that do not."""
    if call.duplicate_of:
        return {"counted": Other(call.duplicate_of, counted_url(request, call, project))}
    others = call_log.duplicates(call=call, limit=_MOST_RECORDS + 1)
    shown = [Other(other.call_id, call_url(request, other, project)) for other in others[:_MOST_RECORDS]]
    return {"others": shown, "more_others": len(others) > _MOST_RECORDS}


def _older_url(path: str, chosen: Filter, page: log.Page) -> str:
    if page.older is None:
        return ""
    return address(path, chosen, ("before", encode_position(page.older)))
